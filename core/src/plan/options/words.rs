//! The sentences of each way.

use super::Situation;
use crate::diagnose::{Case, HookRun, HookView, LivenessVerdict, Operation, last_good};
use crate::observe::OperationKind;
use crate::plan::{RecordStep, Way, Work};
use crate::report::{counted, left};

/// The causes that are put right where they lie: in the records, or in what a Helm did that had been given up.
const REPAIRED: [&str; 5] =
    ["undecodable", "label-payload-mismatch", "several-deployed", "none-deployed", "woken-helm"];

/// Why a way fits.
pub(super) fn why(situation: &Situation<'_>, way: Way) -> String {
    let (case, operation) = (situation.case, situation.operation);
    let kind = case.kind.as_str();
    match way {
        Way::Wait => {
            let time = situation.liveness.until.map(|until| until.duration_since(case.seen.at));
            let until = time.map(|time| format!(" for {} more", left(time))).unwrap_or_default();
            match situation.liveness.verdict {
                LivenessVerdict::Live => "Helm is at work".to_owned(),
                _ => format!("Helm may still be at work{until}"),
            }
        }
        Way::Complete => format!("all of the {kind}'s work is done, only the records say otherwise"),
        Way::Resume => format!("the record holds all that the {kind} still has to do ({})", operation.because),
        Way::Unlock if case.seen.history.deployed().is_empty() => {
            "the next helm upgrade can then go on, with any chart".to_owned()
        }
        Way::Unlock => "the next helm upgrade then goes on from the deployed revision, with any chart".to_owned(),
        Way::Rollback => match last_good(case) {
            Some(good) => format!("revision {} is known to have been good: {}", good.revision, good.why),
            None => String::new(),
        },
        Way::Repair => {
            let wrong = situation.causes.iter().filter(|cause| REPAIRED.contains(&cause.code));
            let wrong: Vec<&str> = wrong.map(|cause| cause.summary.as_str()).collect();
            match wrong.is_empty() {
                true => "the records contradict each other or the server, and the objects need nothing".to_owned(),
                false => wrong.join("; "),
            }
        }
        Way::Uninstall if case.kind == OperationKind::Uninstall => {
            let open = hooks_left(operation).into_iter().map(HookView::words);
            format!("without {} nothing keeps the uninstall from its end", open.collect::<Vec<_>>().join(" and "))
        }
        Way::Uninstall => "nothing was deployed before, so nothing is left to go back to".to_owned(),
        Way::Converge => {
            format!(
                "the {kind} failed with {} of {} objects as it wants them: the rest is done",
                operation.done, operation.of
            )
        }
        Way::Reinstall => "nothing else is left: all but what is kept is deleted and made anew".to_owned(),
        Way::Unblock => "something holds it up that nobody else takes out of the way".to_owned(),
        Way::Forget => "the attempt is to leave no trace; unlock does the same and keeps its record".to_owned(),
        Way::Escalate => String::new(),
    }
}

/// The hooks that an operation hasn't done.
pub(super) fn hooks_left<'a>(operation: &'a Operation<'a>) -> Vec<&'a HookView<'a>> {
    operation.before.iter().chain(&operation.after).filter(|hook| !hook.is_done()).collect()
}

/// How much can go wrong.
pub(super) fn risk(way: Way) -> &'static str {
    match way {
        Way::Wait | Way::Escalate => "none",
        Way::Complete | Way::Repair => "low",
        Way::Resume | Way::Unlock | Way::Rollback | Way::Converge | Way::Forget => "medium",
        Way::Uninstall | Way::Reinstall | Way::Unblock => "high",
    }
}

/// For how long it may take.
pub(super) fn takes(way: Way, work: &Work) -> String {
    let hooks = work.before.len() + work.after.len();
    let waits = work.wait && !(work.apply.is_empty() && work.remove.is_empty());
    match (way, hooks, waits) {
        (Way::Wait, ..) => "as long as Helm does".to_owned(),
        (_, 0, false) => "seconds".to_owned(),
        (_, 0, true) => {
            "as long as objects take to be ready or gone, at most 5m unless --timeout says otherwise".to_owned()
        }
        (_, hooks, _) => format!(
            "as long as {} and objects take, at most 5m for each hook and for the objects unless --timeout says otherwise",
            counted(hooks, "hook")
        ),
    }
}

/// What Helm will make of it.
pub(super) fn then(case: &Case<'_>, way: Way, work: Option<&Work>) -> String {
    let revision = case.newest.map(|newest| newest.opened.revision).unwrap_or_default();
    match way {
        Way::Wait | Way::Escalate => "nothing changes".to_owned(),
        Way::Unblock => "the operation is as open as before; refloat plan then shows how to end it".to_owned(),
        Way::Complete | Way::Resume if case.status() == crate::record::Status::Uninstalling => {
            "the release is gone".to_owned()
        }
        Way::Complete | Way::Resume | Way::Converge | Way::Reinstall => {
            format!("revision {revision} is deployed; the next helm upgrade goes on from it")
        }
        Way::Unlock => match work.and_then(|work| work.last.iter().find_map(created)) {
            Some((from, made)) => format!(
                "revision {made}, a copy of revision {from}, is deployed, and the next helm upgrade goes on from it; the abandoned one stays in the history as failed"
            ),
            None => format!("the next helm upgrade {}", baseline(case, revision)),
        },
        Way::Forget => match case.seen.history.deployed().into_iter().filter(|other| *other != revision).max() {
            Some(deployed) => {
                format!("the next helm upgrade goes on from revision {deployed}, and takes number {revision} again")
            }
            None => "Helm knows nothing of the attempt".to_owned(),
        },
        Way::Rollback => format!("revision {} is deployed and holds what the good one held", revision + 1),
        Way::Repair => "Helm can read what it goes by, and sees one deployed revision".to_owned(),
        Way::Uninstall => "the name is free".to_owned(),
    }
}

/// The revision of which a new one is made, and the new one.
fn created(step: &RecordStep) -> Option<(u64, u64)> {
    match step {
        RecordStep::Create { from, revision, .. } => Some((*from, *revision)),
        _ => None,
    }
}

/// What Helm goes on from once the newest revision is failed: the newest one labelled deployed whose payload can be read, else the failed one
/// itself (Helm 4.3 `pkg/action/upgrade.go:prepareUpgrade`).
fn baseline(case: &Case<'_>, failed: u64) -> String {
    let mut deployed = case.seen.history.deployed();
    deployed.retain(|revision| *revision != failed);
    deployed.sort_unstable();
    let readable = |revision: &&u64| !matches!(case.seen.revisions.get(revision), Some(Err(_)));
    match (deployed.iter().rev().find(readable), deployed.last()) {
        (Some(revision), _) => {
            format!("goes on from revision {revision}; the abandoned one stays in the history as failed")
        }
        (None, Some(broken)) => {
            format!("goes on from this failed revision, as revision {broken} is labelled deployed and can't be read")
        }
        (None, None) => "goes on from this failed revision, as no other is deployed".to_owned(),
    }
}

/// How it is taken back.
pub(super) fn undo(case: &Case<'_>, way: Way, work: Option<&Work>) -> String {
    let namespace = &case.seen.id.namespace;
    match way {
        Way::Wait | Way::Escalate => String::new(),
        Way::Complete | Way::Repair | Way::Unlock | Way::Forget => format!("refloat undo -n {namespace}"),
        Way::Unblock => match work {
            Some(work) if !work.free.is_empty() => {
                format!("refloat undo -n {namespace} puts webhooks back; what was freed of its finalizers is gone")
            }
            Some(work) if work.remove.iter().all(|removed| !removed.marked) => {
                "not needed: the hook makes its object anew; the backup keeps a copy".to_owned()
            }
            _ => format!("refloat undo -n {namespace} puts webhooks back"),
        },
        Way::Resume | Way::Rollback | Way::Converge => {
            format!("refloat undo -n {namespace} puts records and objects back; what hooks did stays done")
        }
        Way::Reinstall => format!(
            "refloat undo -n {namespace} puts records and objects back, but not the data in volumes; what hooks did stays done"
        ),
        Way::Uninstall => {
            format!("refloat undo -n {namespace} puts records and objects back, but not the data in volumes")
        }
    }
}

/// How what was deleted and made anew is taken back.
pub(super) fn undo_of_replaced() -> &'static str {
    "; what was replaced is deleted and made anew once more, and what was lost with it doesn't come back"
}

/// What happens to a hook.
pub(super) fn hook(run: HookRun) -> &'static str {
    match run {
        HookRun::Succeeded => "succeeded already, isn't run again",
        HookRun::Passed => "ran already, isn't run again",
        HookRun::Gone => "whether it did its work can't be told; stop and say so",
        HookRun::Running => "wait for its end",
        HookRun::Failed => "failed; stop and say so",
        HookRun::NeverRan => "run it",
        HookRun::Unknown => "can't be seen; stop and say so",
    }
}
