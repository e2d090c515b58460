//! `cargo xtask playground`: a cluster full of trouble, made by real Helm, to try Refloat on.
use crate::cluster::exports;
use crate::say;
use anyhow::{Result, anyhow};
use bed::{Bed, Major, Namespace, Postgres, Trouble, state};
use clap::Args;
use serde_json::json;
use std::sync::Mutex;
use std::thread;

const NAME: &str = "playground";
/// The mark of a playground that has all its releases.
const FILLED: &str = "/api/v1/namespaces/kube-system/configmaps/playground-filled";
/// Helm mostly waits, so more than there are cores on a small machine.
const WORKERS: usize = 4;

/// A cluster with releases in every kind of trouble.
#[derive(Args)]
pub struct Playground {
    /// Stop it, and remove everything it wrote.
    #[arg(long)]
    down: bool,
}

struct Release {
    namespace: &'static str,
    name: &'static str,
    major: Major,
    trouble: Trouble,
}

const fn release(namespace: &'static str, name: &'static str, major: Major, trouble: Trouble) -> Release {
    Release { namespace, name, major, trouble }
}

const RELEASES: [Release; 14] = [
    release("shop", "cart", Major::V3, Trouble::None),
    release("shop", "checkout", Major::V4, Trouble::KilledWaitingForImage),
    release("shop", "payments", Major::V4, Trouble::RollbackKilled),
    release("shop", "search", Major::V3, Trouble::UpgradeFailed),
    release("shop", "storefront", Major::V3, Trouble::LastWriteMissing),
    release("platform", "audit-log", Major::V4, Trouble::UninstallHookFailed),
    release("platform", "cert-issuer", Major::V3, Trouble::KilledInHook),
    release("platform", "gateway", Major::V3, Trouble::LabelEdited),
    release("platform", "ingress", Major::V4, Trouble::KilledAmongObjects),
    release("platform", "metrics", Major::V3, Trouble::UninstallBlocked),
    release("data", "events", Major::V4, Trouble::TwoDeployed),
    release("data", "ledger", Major::V3, Trouble::PayloadTruncated),
    release("data", "reports", Major::V4, Trouble::InstallFailed),
    release("data", "warehouse", Major::V4, Trouble::NoneDeployed),
];

impl Playground {
    /// Does it.
    pub fn run(self) -> Result<()> {
        if self.down {
            let stopped = state::down(NAME)?;
            return say(if stopped { "stopped" } else { "the playground is not running" });
        }
        if let Some(bed) = state::find(NAME)? {
            if bed.api.find(FILLED)?.is_some() {
                return show(&bed);
            }
            // One that was interrupted while it was being filled.
            state::down(NAME)?;
        }
        let bed = state::up(NAME, Postgres::No)?;
        fill(&bed)?;
        show(&bed)
    }
}

fn fill(bed: &Bed) -> Result<()> {
    for namespace in ["shop", "platform", "data"] {
        bed.namespace_named(namespace)?;
    }
    let rest = Mutex::new(RELEASES.iter());
    let work = || -> Result<()> {
        // A poisoned lock is still a list of releases.
        while let Some(release) = { rest.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next() } {
            release.trouble.make(&Namespace::existing(bed, release.namespace), release.major, release.name)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("a worker panicked"))?)
    })?;
    let mark = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "playground-filled"}});
    bed.api.apply(&mark, "kube-system").map(drop)
}

fn show(bed: &Bed) -> Result<()> {
    say(&format!("{:<10} {:<12} {:<7} TROUBLE", "NAMESPACE", "RELEASE", "BY"))?;
    for release in &RELEASES {
        let (namespace, name) = (release.namespace, release.name);
        say(&format!("{namespace:<10} {name:<12} {:<7} {}", release.major.to_string(), release.trouble.words()))?;
    }
    say(&format!("\n{}\n# cargo xtask playground --down", exports(&bed.address)))
}
