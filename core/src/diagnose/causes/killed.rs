//! Helm ended before its work did: killed, or told to stop.

use super::words::{after, cause};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::liveness::LivenessVerdict;
use crate::diagnose::operation::Phase;
use crate::record::Status;
use crate::report::{age, one_line};

/// Causes that say nothing of why Helm went away.
const NO_REASON: [&str; 13] = [
    "undecodable",
    "same-revision",
    "label-payload-mismatch",
    "name-payload-mismatch",
    "missing-labels",
    "several-deployed",
    "none-deployed",
    "over-1-mib",
    "nearly-1-mib",
    "target-pruned",
    "concurrent-operations",
    "immutable-field",
    "owner-reconciling",
];

/// Takes what the other rules found; adds that Helm was killed where nothing else explains an open operation.
pub fn left_over(scene: &Scene<'_>, found: &[Cause]) -> Option<Cause> {
    let explains = |cause: &Cause| {
        cause.depth != depth::ASIDE && cause.confidence >= Confidence::Likely && !NO_REASON.contains(&cause.code)
    };
    if !scene.case.is_open() || found.iter().any(|cause| explains(cause) || cause.code == "final-write-missing") {
        return None;
    }
    let kind = scene.operation.kind.as_str();
    let (confidence, summary) = match scene.liveness.verdict {
        LivenessVerdict::Live | LivenessVerdict::None => return None,
        LivenessVerdict::Stale => (
            Confidence::Likely,
            format!("Helm ended before the {kind} did, {}, and recorded nothing", place(scene.operation.phase)),
        ),
        LivenessVerdict::Possible | LivenessVerdict::Unknown => (
            Confidence::Possible,
            format!(
                "Helm may have ended before the {kind} did; if it still runs, it is {}",
                place(scene.operation.phase)
            ),
        ),
    };
    let mut cause = cause("client-killed", confidence, depth::CONSEQUENCE, summary);
    if let Some(sign) = &scene.liveness.last_sign {
        let ago = age(scene.case.seen.at.duration_since(sign.at));
        cause.evidence.push(format!("its last trace: {} {ago} ago", sign.what));
    }
    cause.evidence.push(scene.operation.because.clone());
    cause.evidence.retain(|line| !line.is_empty());
    let (name, namespace) = (&scene.case.seen.id.name, &scene.case.seen.id.namespace);
    cause.command = format!("refloat history {name} -n {namespace}");
    Some(cause)
}

fn place(phase: Phase) -> &'static str {
    match phase {
        Phase::PreHooks => "in its first hooks",
        Phase::Apply => "in the middle of applying",
        Phase::Prune => "in the middle of deleting",
        Phase::Wait => "waiting",
        Phase::PostHooks => "in its last hooks",
        Phase::Supersede | Phase::FinalWrite | Phase::Purge => "with all its work done",
        Phase::Done | Phase::Unknown => "at a point that can't be seen",
    }
}

/// Gives a failure that was a request: Helm 3.22 and 4.3 `pkg/action/{install,upgrade}.go` write the context's error when
/// they get SIGINT or SIGTERM.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let Some(newest) = scene.case.newest.filter(|_| scene.case.status() == Status::Failed) else { return Vec::new() };
    let said = newest.opened.description.as_str();
    let told = after(said, "\" failed: ").unwrap_or(said).trim();
    if !(told == "context canceled" || told.ends_with(": context canceled") || told.ends_with("\ncontext canceled")) {
        return Vec::new();
    }
    let kind = scene.operation.kind.as_str();
    let summary = format!("the {kind} failed because Helm was told to stop (Ctrl-C, or a job that was canceled)");
    let mut cause = cause("canceled", Confidence::Certain, depth::BLOCKER, summary);
    cause.evidence.push(one_line(said));
    if scene.operation.done < scene.operation.of {
        cause.evidence.push(format!("{} of {} changes were made by then", scene.operation.done, scene.operation.of));
    }
    let (name, namespace) = (&scene.case.seen.id.name, &scene.case.seen.id.namespace);
    cause.command = format!("helm history {name} -n {namespace}");
    cause.remedy = "run the same command again, and let it end".to_owned();
    vec![cause]
}
