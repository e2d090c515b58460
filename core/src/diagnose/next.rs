//! What to do next: one step, the safest that leads on.

use super::case::Case;
use super::causes::{Cause, Scene, depth};
use super::diagnosis::NextStep;
use super::liveness::LivenessVerdict;
use super::owner::owner;
use crate::record::Status;
use crate::report::left;

/// Takes a scene and its causes; gives the next step.
pub fn next_step(scene: &Scene<'_>, causes: &[Cause]) -> NextStep {
    let case = scene.case;
    let (name, namespace) = (&case.seen.id.name, &case.seen.id.namespace);
    let step = |words: &str, command: String| NextStep { words: words.to_owned(), command };
    let cause = causes.iter().find(|cause| cause.depth != depth::ASIDE);
    if case.is_open() {
        match scene.liveness.verdict {
            LivenessVerdict::Live => {
                let look = format!("refloat diagnose {name} -n {namespace}");
                return step("wait: Helm is at work; look again in a minute", look);
            }
            LivenessVerdict::Possible => return wait(scene, cause),
            LivenessVerdict::Unknown => {
                let look = format!("refloat diagnose {name} -n {namespace}");
                return step("make sure that no Helm runs, as too little could be seen; then look again", look);
            }
            LivenessVerdict::Stale | LivenessVerdict::None => {}
        }
    }
    if let Some(owner) =
        owner(case).filter(|owner| !owner.suspended && !owner.suspend.is_empty() && !is_well(case, cause))
    {
        return step(&format!("keep {} {} from acting meanwhile", owner.kind, owner.name), owner.suspend);
    }
    if let Some(cause) = cause.filter(|cause| !cause.remedy.is_empty()) {
        return step(&cause.remedy, cause.command.clone());
    }
    let plan = format!("refloat plan {name} -n {namespace}");
    match case.status() {
        Status::Deployed if cause.is_none() => match causes.iter().find(|aside| !aside.remedy.is_empty()) {
            Some(aside) => step(&format!("nothing now; then {}", aside.remedy), aside.command.clone()),
            None => step("nothing to do", String::new()),
        },
        Status::Uninstalled if cause.is_none() => {
            step("nothing to do: it was uninstalled, and its history kept on purpose", String::new())
        }
        Status::PendingInstall | Status::PendingUpgrade | Status::PendingRollback => {
            step("finish it, go back, or let Helm go on: see the ways out", plan)
        }
        Status::Uninstalling => step("let the uninstall come to its end: see the ways out", plan),
        Status::Failed => {
            step("put right what it failed on, then upgrade again", format!("helm upgrade {name} CHART -n {namespace}"))
        }
        _ => step("see the ways out", plan),
    }
}

fn is_well(case: &Case<'_>, cause: Option<&Cause>) -> bool {
    case.status() == Status::Deployed && cause.is_none()
}

/// Helm may be waiting: for how long, and what would end it.
fn wait(scene: &Scene<'_>, cause: Option<&Cause>) -> NextStep {
    let case = scene.case;
    let look = format!("refloat diagnose {} -n {}", case.seen.id.name, case.seen.id.namespace);
    let time =
        scene.liveness.until.map(|until| until.duration_since(case.seen.at)).filter(jiff::SignedDuration::is_positive);
    let remedy = cause.filter(|cause| !cause.remedy.is_empty());
    match (time, remedy) {
        (_, Some(cause)) => NextStep {
            words: format!("{}; Helm may still be waiting for it", cause.remedy),
            command: cause.command.clone(),
        },
        (Some(time), None) => {
            NextStep { words: format!("wait {} and look again: Helm may still run", left(time)), command: look }
        }
        (None, None) => NextStep {
            words: "find out whether the job or terminal that ran Helm still runs; if not, see the ways out".to_owned(),
            command: format!("refloat plan {} -n {}", case.seen.id.name, case.seen.id.namespace),
        },
    }
}
