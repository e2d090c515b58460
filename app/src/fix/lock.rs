//! One fixer per release: a Lease in the release's namespace, by the server's clock. It carries the journal, so whoever comes after a
//! fixer that was killed knows what it was about, from any machine.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::{SignedDuration, Timestamp};
use refloat_core::diagnose::fix::{HOLDS, JOURNAL};
use refloat_core::inventory::ReleaseId;
use refloat_core::observe::{Answer, Read, known};
use refloat_core::record::Guard;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Task;
use crate::cluster::{ClusterError, WriteObjects};
use crate::error::Failure;
use crate::exit::Exit;

/// How old a lock may get before it is renewed: often enough that one slow request doesn't lose it.
const RENEW_AFTER: SignedDuration = SignedDuration::from_secs(8);
/// How long to wait before the lock is given back again, and how often: a server that restarts takes seconds.
const RETRY_AFTER: Duration = Duration::from_millis(500);
const RETRIES: usize = 5;
const RELEASE: &str = "refloat.dev/release";

/// What a fix is about and how far it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// The fix's id, which is its backup's, too.
    pub fix: String,
    /// The way out that it takes, or that it is a restore.
    pub way: Task,
    /// Who began it.
    pub by: String,
    /// When, by the server's clock.
    pub began: Timestamp,
    /// Whether the backup is stored.
    pub backed_up: bool,
    /// Hooks that this fix saw succeed: their objects may be gone since.
    pub hooks_done: Vec<String>,
    /// Whether everything is gone that had to be before anything is made: what is there since isn't deleted again.
    #[serde(default)]
    pub cleared: bool,
    /// What is being done.
    pub doing: String,
    /// Whether it is being taken back.
    #[serde(default)]
    pub undoing: bool,
}

/// The lock, held.
pub struct Lock<'a> {
    objects: &'a dyn WriteObjects,
    read: Read,
    lease: Value,
    holder: String,
    /// The journal, as last written.
    pub journal: Journal,
    /// Whether somebody else's journal is gone on with.
    pub inherited: bool,
}

/// Where a release's lock is.
pub fn place(id: &ReleaseId) -> Read {
    Read::object(&known::leases(), &id.namespace, &known::lock(id))
}

/// What a lock says.
pub struct Held {
    /// Who has it.
    pub holder: String,
    /// What it is about.
    pub journal: Journal,
    /// Whether whoever has it still renews it.
    pub alive: bool,
    lease: Value,
}

/// Reads a release's lock; `None` if there is none. One without a journal isn't ours, and an error.
pub async fn held(objects: &dyn WriteObjects, id: &ReleaseId, now: Timestamp) -> Result<Option<Held>, Failure> {
    let read = place(id);
    let lease = match objects.answer(&read).await? {
        Answer::Found(lease) => lease,
        Answer::Absent => return Ok(None),
        Answer::Forbidden(why) => return Err(unlockable(ClusterError::Forbidden(why))),
        Answer::Failed(why) => return Err(Failure::new(Exit::Access, "the release's lock can't be read").because(why)),
    };
    let text = |pointer: &str| lease.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let journal = lease.pointer("/metadata/annotations").and_then(|all| all.get(JOURNAL)).and_then(Value::as_str);
    let journal = journal.and_then(|journal| serde_json::from_str(journal).ok()).ok_or_else(|| {
        Failure::new(Exit::Refused, format!("{} isn't a lock of this refloat's, and stands in its place", read.words()))
            .hint("look at it, and delete it if nobody needs it")
    })?;
    let renewed: Option<Timestamp> = text("/spec/renewTime").parse().ok();
    let holder = holder(&lease).to_owned();
    let fresh = renewed.is_some_and(|renewed| now.duration_since(renewed) < HOLDS);
    let alive = fresh && !holder.is_empty() && !is_dead_here(&holder);
    Ok(Some(Held { holder, journal, alive, lease }))
}

/// Whether the holder is a process of this machine that has ended.
fn is_dead_here(holder: &str) -> bool {
    let Some((pid, place)) = holder.rsplit_once('#').and_then(|(_, process)| process.split_once('.')) else {
        return false;
    };
    let pid = pid.parse().ok().and_then(rustix::process::Pid::from_raw);
    let same = process_space().is_some_and(|here| here == place);
    // A process that may not be signalled is one.
    same && pid.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

/// Within what a process's number means one process: this boot of this machine, and this container. `None` where that can't be told.
fn process_space() -> Option<String> {
    let boot = std::fs::read("/proc/sys/kernel/random/boot_id").ok()?;
    let container = std::fs::read_link("/proc/self/ns/pid").ok()?;
    let digest = Sha256::new_with_prefix(boot).chain_update(container.as_os_str().as_encoded_bytes()).finalize();
    Some(digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect())
}

/// Who holds a lock: for people, and for who comes after to tell whether this process still runs.
fn identity(who: &str) -> String {
    let space = process_space().map(|space| format!(".{space}")).unwrap_or_default();
    format!("{who}#{}{space}", std::process::id())
}

impl<'a> Lock<'a> {
    /// Takes the lock, a dead fixer's if there is one: its journal is gone on with.
    pub async fn take(
        objects: &'a dyn WriteObjects,
        id: &ReleaseId,
        who: &str,
        now: Timestamp,
        journal: Journal,
        before: Option<Held>,
    ) -> Result<Self, Failure> {
        let holder = identity(who);
        let inherited = before.is_some();
        let read = place(id);
        let raced = |error| match error {
            ClusterError::Conflict(_) => {
                Failure::new(Exit::Refused, format!("another refloat began to fix {id} just now"))
                    .hint("wait for it, and look again")
            }
            other => unlockable(other),
        };
        let (lease, journal) = match before {
            None => {
                let lease = written(None, id, &holder, now, &journal)?;
                (objects.create(&read, &lease).await.map_err(raced)?, journal)
            }
            Some(held) if held.alive => {
                return Err(Failure::new(
                    Exit::Refused,
                    format!("{} is fixing {id} right now ({})", held.holder, held.journal.way),
                )
                .hint("wait for it, and look again"));
            }
            Some(held) => {
                // What was begun stays what it is; only an undo of it may follow.
                let journal = Journal { undoing: journal.undoing || held.journal.undoing, ..held.journal };
                let lease = written(Some(&held.lease), id, &holder, now, &journal)?;
                (objects.replace_object(&read, &lease).await.map_err(raced)?, journal)
            }
        };
        Ok(Self { objects, read, lease, holder, journal, inherited })
    }

    /// Writes the journal down, and with it renews the lock.
    pub async fn note(&mut self, id: &ReleaseId, now: Timestamp) -> Result<(), Failure> {
        let lease = written(Some(&self.lease), id, &self.holder, now, &self.journal)?;
        let lost = |error| match error {
            ClusterError::Conflict(_) | ClusterError::Missing(_) => {
                Failure::new(Exit::Changed, "another refloat took the lock over; this one stops")
            }
            other => Failure::from(other),
        };
        self.lease = self.objects.replace_object(&self.read, &lease).await.map_err(lost)?;
        Ok(())
    }

    /// Renews the lock if it is getting old.
    pub async fn renew(&mut self, id: &ReleaseId, now: Timestamp) -> Result<(), Failure> {
        let renewed = self.lease.pointer("/spec/renewTime").and_then(Value::as_str).and_then(|time| time.parse().ok());
        let old = renewed.is_none_or(|renewed: Timestamp| now.duration_since(renewed) >= RENEW_AFTER);
        if old { self.note(id, now).await } else { Ok(()) }
    }

    /// Lets the next one take the lock at once; the journal stays, as something is left to be done.
    pub async fn let_go(mut self, id: &ReleaseId, now: Timestamp) -> Result<(), Failure> {
        self.holder.clear();
        self.note(id, now).await
    }

    /// Gives the lock back: nothing is left to be done. If that fails, it is tried again, but for a lock that is read anew: the server may
    /// have done it, or somebody else may have taken it over.
    pub async fn release(mut self) -> Result<(), Failure> {
        let mut waits = ExponentialBuilder::default().with_min_delay(RETRY_AFTER).with_max_times(RETRIES).build();
        loop {
            let text =
                |pointer: &str| self.lease.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            let guard = Guard { uid: text("/metadata/uid"), version: text("/metadata/resourceVersion") };
            let error = match self.objects.delete_object(&self.read, &guard).await {
                Ok(()) | Err(ClusterError::Missing(_)) => return Ok(()),
                Err(error) => error,
            };
            let Some(wait) = waits.next() else { return Err(error.into()) };
            tokio::time::sleep(wait).await;
            match self.objects.answer(&self.read).await {
                Ok(Answer::Found(lease)) if holder(&lease) == self.holder => self.lease = lease,
                Ok(Answer::Found(_) | Answer::Absent) => return Ok(()),
                // Not seen is not gone: it is tried again as it was known.
                Ok(Answer::Forbidden(_) | Answer::Failed(_)) | Err(_) => {}
            }
        }
    }
}

/// Who a lock says holds it; empty if nobody does.
fn holder(lease: &Value) -> &str {
    lease.pointer("/spec/holderIdentity").and_then(Value::as_str).unwrap_or_default()
}

/// Without the lock no fix is begun; who may not have it is told what is missing.
fn unlockable(error: ClusterError) -> Failure {
    match error {
        ClusterError::Forbidden(why) => Failure::new(
            Exit::Access,
            "the release can't be locked, so that two fixes could run at once; nothing was changed",
        )
        .because(format!("access denied: {why}"))
        .hint("a fix needs get, create, update and delete on leases.coordination.k8s.io in the release's namespace (docs/rbac.md)"),
        other => other.into(),
    }
}

fn written(
    lease: Option<&Value>,
    id: &ReleaseId,
    holder: &str,
    now: Timestamp,
    journal: &Journal,
) -> Result<Value, Failure> {
    let micros = now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let broken = |error| Failure::new(Exit::Bug, "the journal can't be written").because(error);
    let journal = serde_json::to_string(journal).map_err(broken)?;
    let mut made = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": known::lock(id),
            "namespace": id.namespace,
            "labels": {"app.kubernetes.io/managed-by": "refloat"},
            "annotations": {JOURNAL: journal, RELEASE: id.name},
        },
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": HOLDS.as_secs(), "renewTime": micros, "acquireTime": micros},
    });
    for field in ["uid", "resourceVersion"] {
        let kept = lease.and_then(|lease| lease.pointer(&format!("/metadata/{field}"))).cloned();
        if let (Some(kept), Some(metadata)) = (kept, made.get_mut("metadata").and_then(Value::as_object_mut)) {
            metadata.insert(field.to_owned(), kept);
        }
    }
    Ok(made)
}
