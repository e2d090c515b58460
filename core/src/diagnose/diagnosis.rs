//! The diagnosis, as plain data: what the text shows and what the JSON holds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::answers::{Answers, answers};
use super::case::{Case, Object};
use super::causes::{Cause, Scene, causes};
use super::hooks::{HookRun, HookView, Run};
use super::liveness::{Liveness, liveness};
use super::next::next_step;
use super::operation::{Operation, Phase, operation};
use super::orphans::{Orphan, orphans};
use super::outlook::{Outlook, outlook};
use super::owner::{Owner, owner};
use super::past::{Past, last_good, past};
use super::rerun::{Rerun, rerun};
use super::unknowns::unknowns;
use crate::compare::{Evidence, Side};
use crate::inventory::Opened;
use crate::observe::{Observation, OperationKind};
use crate::plan::PolicyView;
use crate::policy::{Policy, ruling};
use crate::ready::Verdict;
use crate::record::Damage;

/// The version of the JSON. It only grows within a version.
pub const DIAGNOSIS_VERSION: &str = "refloat.dev/diagnosis/v1";

/// Everything concluded about one release.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// [`DIAGNOSIS_VERSION`].
    pub schema: &'static str,
    /// The release's name.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// What holds its records: `secret`, `configmap` or `sql`.
    pub driver: String,
    /// When it was looked at, by the server's clock.
    pub at: Timestamp,
    /// The newest revision.
    pub revision: u64,
    /// The newest record's status, by its payload, or by its label if that can't be read.
    pub status: String,
    /// That status in a sentence.
    pub status_means: String,
    /// The whole finding in a sentence.
    pub summary: String,
    /// What to do next.
    pub next_step: NextStep,
    /// The operation that the newest record witnesses.
    pub operation: OperationView,
    /// Whether Helm may still run.
    pub liveness: Liveness,
    /// What policy says.
    pub policy: PolicyView,
    /// Why it is as it is, the most telling first.
    pub causes: Vec<Cause>,
    /// Its objects, in the order in which Helm applies them.
    pub objects: Vec<ObjectView>,
    /// To which revision the objects are nearer; `None` where there is only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearer: Option<Nearer>,
    /// The hooks of the operation, in the order in which Helm runs them.
    pub hooks: Vec<HookSummary>,
    /// Objects that carry the release's marks and are in neither manifest.
    pub orphans: Vec<Orphan>,
    /// Who else drives the release.
    pub owner: Option<Owner>,
    /// The revisions, newest first.
    pub history: Vec<Past>,
    /// The newest revision that is known to have been good, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_good: Option<LastGood>,
    /// Whether doing it again is safe; `None` where nothing is to be done again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerun: Option<Rerun>,
    /// What the next upgrade would change, with the newest manifest and with the one before.
    pub outlook: Vec<Outlook>,
    /// What the server said to dry runs of what isn't applied yet; `None` unless it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Vec<Attempt>>,
    /// What Helm will answer now, by command.
    pub answers: BTreeMap<&'static str, Foretold>,
    /// What couldn't be seen, and what that hides.
    pub unknowns: Vec<String>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NextStep {
    /// What to do, and why.
    pub words: String,
    /// What to type; empty if nothing is to be typed.
    pub command: String,
}

/// The operation, shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationView {
    /// `install`, `upgrade`, `rollback`, `uninstall` or `none`.
    pub kind: OperationKind,
    /// How far it came.
    pub phase: Phase,
    /// Why it is taken to have come so far.
    pub because: String,
    /// When it began, by the server's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// Who wrote its record: `Helm`, or the controller that carries Helm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The revision before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// How many of the objects that it changes, creates or removes are done.
    pub done: usize,
    /// How many there are.
    pub of: usize,
}

/// An object, shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectView {
    /// Its API version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for what lives in none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// On which side it stands.
    pub state: Side,
    /// Whether the operation has done with it what it does; `null` if that can't be told.
    pub done: Option<bool>,
    /// Whether both Helms call it ready; `null` if it isn't there or isn't known.
    pub ready: Option<bool>,
    /// What it waits for, or why that isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// How far it got, such as `1 of 3 available`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// The fields that decide the state.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Evidence>,
    /// When a Helm last wrote it, by the server's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<Timestamp>,
}

/// To which revision the objects are nearer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Nearer {
    /// `new`, `old` or `neither`.
    pub to: &'static str,
    /// How many stand there.
    pub count: usize,
    /// Of how many that differ.
    pub of: usize,
}

/// A hook, shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HookSummary {
    /// Its name.
    pub name: String,
    /// The kind of its object.
    pub kind: String,
    /// When it runs.
    pub event: String,
    /// What became of it.
    pub state: HookRun,
    /// Its place in the order.
    pub weight: i64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// When its object was made.
    pub runs: Vec<Run>,
    /// How often it ran, if that is more than once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
}

/// A revision that was good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastGood {
    /// Which.
    pub revision: u64,
    /// Why it counts as good.
    pub why: String,
}

/// What the server would say to one object of the next attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// The object, as in `deployment/web`.
    pub object: String,
    /// Whether it would be taken.
    pub accepted: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// One of Helm's answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Foretold {
    /// Whether it goes ahead.
    pub accepted: bool,
    /// Its words, or by what it goes.
    pub text: String,
}

/// Takes everything that was read; concludes, by no policy but what annotations say.
pub fn diagnose(seen: &Observation) -> Diagnosis {
    diagnose_by(seen, &Policy::default())
}

/// Takes everything that was read, and what files and flags say; concludes.
pub fn diagnose_by(seen: &Observation, policy: &Policy) -> Diagnosis {
    let case = Case::new(seen);
    let operation = operation(&case);
    let liveness = liveness(&case, &operation);
    let scene = Scene { case: &case, operation: &operation, liveness: &liveness };
    // Why it is as it is hangs on what was seen, and not on what policy makes of it.
    let causes = causes(&scene);
    let (ruling, liveness) = ruling(policy, &case, liveness.clone());
    let scene = Scene { liveness: &liveness, ..scene };
    let next_step = next_step(&scene, &causes);
    let newest = seen.history.newest();
    let status = match case.newest {
        Some(newest) => newest.opened.status.clone(),
        None => newest.and_then(|record| record.status.clone()).unwrap_or_else(|| "unknown".to_owned()),
    };
    Diagnosis {
        schema: DIAGNOSIS_VERSION,
        release: seen.id.name.clone(),
        namespace: seen.id.namespace.clone(),
        driver: seen.driver.to_string(),
        at: seen.at,
        revision: newest.and_then(crate::record::RecordMeta::revision).unwrap_or_default(),
        status_means: super::status::means(&case),
        summary: super::status::summary(&scene, &causes),
        status,
        next_step,
        objects: case.objects.iter().map(object_view).collect(),
        nearer: nearer(&case),
        hooks: operation.before.iter().chain(&operation.after).map(|hook| hook_summary(hook, seen.at)).collect(),
        orphans: orphans(&case),
        owner: owner(&case),
        history: past(seen),
        last_good: last_good(&case),
        rerun: rerun(&case, &operation),
        outlook: outlook(&case),
        attempts: None,
        answers: foretold(&case),
        unknowns: unknowns(&case),
        operation: operation_view(&case, &operation),
        policy: PolicyView::new(&ruling),
        liveness,
        causes,
    }
}

fn operation_view(case: &Case<'_>, operation: &Operation<'_>) -> OperationView {
    OperationView {
        kind: operation.kind,
        phase: operation.phase,
        because: operation.because.clone(),
        began: operation.began,
        by: case.newest.and_then(|newest| newest.writer.clone()),
        from: case.base.map(|base| base.opened.revision),
        done: operation.done,
        of: operation.of,
    }
}

fn object_view(object: &Object<'_>) -> ObjectView {
    let unknown = || match object.readiness.as_ref().map(|readiness| [&readiness.helm3, &readiness.helm4]) {
        Some([Verdict::Unknown(why), _] | [_, Verdict::Unknown(why)]) => Some(why.clone()),
        _ => None,
    };
    let unread = || match &object.live {
        crate::observe::Live::Unknown(why) => Some(why.clone()),
        _ => None,
    };
    ObjectView {
        api_version: object.api_version.to_owned(),
        kind: object.kind.to_owned(),
        namespace: object.namespace.to_owned(),
        name: object.name.to_owned(),
        state: object.standing.side,
        done: object.is_done(),
        ready: object.is_ready(),
        waits_for: object.waits_for().map(str::to_owned).or_else(unknown).or_else(unread),
        progress: object.progress_words(),
        fields: object.standing.paths.clone(),
        written: object.written,
    }
}

fn hook_summary(hook: &HookView<'_>, now: Timestamp) -> HookSummary {
    HookSummary {
        name: hook.hook.name.clone(),
        kind: hook.hook.kind.clone(),
        event: hook.event.clone(),
        state: hook.run,
        weight: hook.hook.weight,
        why: hook.why.clone(),
        runs: hook.runs.clone(),
        again: hook.ran_again(now),
    }
}

/// Counts the objects that the operation changes, creates or removes.
fn nearer(case: &Case<'_>) -> Option<Nearer> {
    if matches!(case.kind, OperationKind::None) {
        return None;
    }
    let differing: Vec<_> = case.objects.iter().filter(|object| object.differs()).collect();
    let new = differing.iter().filter(|object| object.is_done() == Some(true)).count();
    let old = differing.iter().filter(|object| object.is_done() == Some(false)).count();
    let (to, count) = match new.cmp(&old) {
        std::cmp::Ordering::Greater => ("new", new),
        std::cmp::Ordering::Less => ("old", old),
        std::cmp::Ordering::Equal => ("neither", new),
    };
    (!differing.is_empty()).then_some(Nearer { to, count, of: differing.len() })
}

fn foretold(case: &Case<'_>) -> BTreeMap<&'static str, Foretold> {
    let Some(revision) = case.seen.history.newest().and_then(crate::record::RecordMeta::revision) else {
        return BTreeMap::new();
    };
    let newest: Result<Opened, Damage> = match case.seen.revisions.get(&revision) {
        Some(Ok(revision)) => Ok(revision.opened.clone()),
        Some(Err(damage)) => Err(damage.clone()),
        None => return BTreeMap::new(),
    };
    let Some(Answers { upgrade, install, rollback, uninstall }) =
        answers(&case.seen.id.name, &case.seen.history, &newest)
    else {
        return BTreeMap::new();
    };
    [("upgrade", upgrade), ("install", install), ("rollback", rollback), ("uninstall", uninstall)]
        .into_iter()
        .map(|(command, answer)| (command, Foretold { accepted: answer.is_accepted(), text: answer.text().to_owned() }))
        .collect()
}
