//! What is wrong before Refloat comes, and is then rescued from.
use super::case::{Case, Intent, Point};
use super::reference::End;
use super::run::Ground;
use super::stage::{Operation, RELEASE, Stage};
use super::state::{HOLDER, Live};
use anyhow::{Context as _, Result, ensure};
use bed::Major;
use serde_json::{Value, json};
use std::thread::sleep;
use std::time::Duration;

/// Longer than an operation takes on a busy machine.
const SOON: Duration = Duration::from_secs(600);

/// A trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Helm was killed before it wrote (or deleted) the Deployment.
    Applying,
    /// Helm was killed before its last hook.
    Hook,
    /// Helm was killed before its last write.
    LastWrite,
    /// The first revision became `deployed` again after an upgrade.
    TwoDeployed,
    /// The newest record's label says something else than its payload.
    WrongLabel,
    /// Helm may not create the last hook: everything but that is done, and the revision failed.
    Failed,
    /// The same, and somebody changed and sealed a ConfigMap, which has to be made anew.
    Sealed,
    /// Helm was killed before it deleted the record, and a finalizer holds an object that it did delete.
    Held,
    /// Helm was held before its first object, Refloat unlocked the release, and then Helm went on to its end.
    Woken,
}

impl Trouble {
    /// What happened to an operation.
    pub fn of(self, operation: Operation) -> String {
        match self {
            Self::Applying => format!("{operation} killed among its objects"),
            Self::Hook => format!("{operation} killed before its last hook"),
            Self::LastWrite => format!("{operation} killed before its last write"),
            Self::TwoDeployed => "two revisions deployed".to_owned(),
            Self::WrongLabel => "a label that contradicts its payload".to_owned(),
            Self::Failed => format!("{operation} failed at its last hook"),
            Self::Sealed => format!("{operation} failed at its last hook, and an object is sealed"),
            Self::Held => format!("{operation} killed while a finalizer holds an object"),
            Self::Woken => format!("{operation} woken up after an unlock"),
        }
    }

    /// Its part of a case's name.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Applying => "",
            Self::Hook => "hook-",
            Self::LastWrite => "last-",
            Self::TwoDeployed => "two-",
            Self::WrongLabel => "label-",
            Self::Failed => "failed-",
            Self::Sealed => "sealed-",
            Self::Held => "held-",
            Self::Woken => "woken-",
        }
    }

    /// Makes it in a namespace of its own; gives the states before the operation and in trouble, too.
    pub fn make<'b>(self, ground: &Ground<'b>, name: &str, case: &mut Case) -> Result<(Stage<'b>, Live, Live)> {
        match self {
            Self::Applying | Self::Hook | Self::LastWrite => {
                case.point.k = self.at(ground, case)?;
                ground.kill(name, case)
            }
            Self::Failed => failed(ground, name, case, None),
            Self::Sealed => failed(ground, name, case, Some(&json!({"data": {"version": "none"}, "immutable": true}))),
            Self::Held => held(ground, name, case),
            Self::Woken => woken(ground, name, case),
            Self::TwoDeployed | Self::WrongLabel => self.damaged(ground, name, case),
        }
    }

    /// The write at which Helm is killed.
    fn at(self, ground: &Ground<'_>, case: &Case) -> Result<u32> {
        let reference = ground.references.get(case.major, case.operation, End::Done)?;
        if self == Self::LastWrite {
            return Ok(reference.writes.len().try_into()?);
        }
        let mut writes = reference.writes.iter();
        let index = match self {
            Self::Hook => writes.rposition(makes_hook),
            _ => writes.position(|write| is_on(write, "/deployments")),
        };
        Ok(u32::try_from(index.context("the operation doesn't write that")?)? + 1)
    }

    /// Records that contradict each other, after an upgrade that was not interrupted.
    fn damaged<'b>(self, ground: &Ground<'b>, name: &str, case: &Case) -> Result<(Stage<'b>, Live, Live)> {
        let stage = Stage::before(ground.bed.namespace(name)?, case.major, case.operation)?;
        let before = stage.settle()?;
        let path = |revision: u32| format!("secrets/sh.helm.release.v1.{RELEASE}.v{revision}");
        let first = stage.ns.get(&path(1))?;
        stage.helm(&stage.args(case.operation))?;
        if self == Self::TwoDeployed {
            let again = json!({"data": first["data"], "metadata": {"labels": {"status": "deployed"}}});
            stage.ns.patch(&path(1), &again)?;
        } else {
            stage.ns.patch(&path(2), &json!({"metadata": {"labels": {"status": "failed"}}}))?;
        }
        let damaged = stage.settle()?;
        ensure!(!damaged.is_stuck(), "the records are {}", damaged.story());
        Ok((stage, before, damaged))
    }
}

/// A case of which only the operation counts yet.
pub fn case(major: Major, operation: Operation, intent: Intent) -> Case {
    Case { major, operation, point: Point { k: 1, after: false }, intent }
}

fn is_on(write: &Value, part: &str) -> bool {
    write["path"].as_str().is_some_and(|path| path.contains(part))
}

/// Helm 3 makes hooks with POST, Helm 4 with PATCH.
fn makes_hook(write: &Value) -> bool {
    write["method"] != "DELETE" && is_on(write, "/jobs")
}

/// An upgrade whose last hook the server refused, and what somebody did to a ConfigMap then.
fn failed<'b>(ground: &Ground<'b>, name: &str, case: &Case, patch: Option<&Value>) -> Result<(Stage<'b>, Live, Live)> {
    let reference = ground.references.get(case.major, case.operation, End::Done)?;
    let index = reference.writes.iter().rposition(makes_hook).context("the operation runs no hook")?;
    let stage = Stage::before(ground.bed.namespace(name)?, case.major, case.operation)?;
    let before = stage.settle()?;
    let refused = format!("{}:status=403", index + 1);
    let ran = stage.ns.helm_with_faults(case.major, &[&refused], stage.args(case.operation))?.sure()?;
    ensure!(ran.output.status.code() == Some(1), "helm went on: {}", ran.output.stderr);
    if let Some(patch) = patch {
        stage.ns.patch("configmaps/web-a", patch)?;
    }
    let failed = stage.settle()?;
    ensure!(failed.newest().is_some_and(|newest| newest.status == "failed"), "the records are {}", failed.story());
    Ok((stage, before, failed))
}

/// An uninstall that was killed before its last write, with an object that nobody lets go.
fn held<'b>(ground: &Ground<'b>, name: &str, case: &Case) -> Result<(Stage<'b>, Live, Live)> {
    let stage = Stage::before(ground.bed.namespace(name)?, case.major, case.operation)?;
    stage.ns.patch("configmaps/web-a", &json!({"metadata": {"finalizers": [HOLDER]}}))?;
    let before = stage.settle()?;
    // Without `--wait`, as it would wait for the object. The newest record is deleted first or last, as Helm likes.
    let args = ["uninstall", RELEASE].map(str::to_owned);
    let fault = format!("DELETE~/secrets/sh.helm.release.v1.{RELEASE}.:kill-before");
    stage.ns.helm_with_faults(case.major, &[&fault], args)?.sure()?;
    // Before that Refloat takes the object for one that is just going.
    sleep(Duration::from_secs(11));
    let held = stage.settle()?;
    ensure!(held.is_stuck() && held.uid("ConfigMap/web-a").is_some(), "the records are {}", held.story());
    Ok((stage, before, held))
}

/// A release that was unlocked, and to which the Helm that was thought gone has then done all that it could.
fn woken<'b>(ground: &Ground<'b>, name: &str, case: &Case) -> Result<(Stage<'b>, Live, Live)> {
    let stage = Stage::before(ground.bed.namespace(name)?, case.major, case.operation)?;
    let before = stage.settle()?;
    let fault = "PATCH~/configmaps/web-a:freeze-before";
    let mut helm = stage.ns.spawn_helm_with_faults(case.major, &[fault], stage.args(case.operation))?;
    helm.until_frozen(SOON)?;
    let said = ground.refloat.fix(&stage, "unlock")?;
    ensure!(said.code == Some(0), "{said}");
    let fixed = stage.settle()?;
    helm.thaw()?;
    helm.wait(SOON)?;
    let woken = stage.settle()?;
    ensure!(woken.comparable() != fixed.comparable(), "Helm did nothing any more");
    Ok((stage, before, woken))
}
