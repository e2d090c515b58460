//! A rollout that moves and only needs time: nothing is to be put right.

use serde_json::Value;

use super::refusal::is_refused;
use super::said::{ago, event_line, lines, within};
use super::workload::{Workload, containers, describe_pod, explained, is_well, pod_events, pod_words, workloads};
use super::{Cause, Confidence, Scene};
use crate::diagnose::case::{event_time, text};
use crate::ready::Pace;
use crate::record::Status;
use crate::report::{age, one_line};

/// Gives each workload that gets nearer, and that nothing else explains.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    workloads(scene).iter().filter_map(|workload| of(scene, workload)).collect()
}

/// The workload's cause, if it is this.
pub(super) fn of(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Cause> {
    let object = workload.object.filter(|_| !workload.aside)?;
    let progress = object.readiness.as_ref()?.progress.as_ref()?;
    let moved = progress.last_moved?;
    // The counts may be full with pods of the template before, which the counts of a Deployment don't tell apart.
    let moves = match progress.pace(scene.case.seen.at) {
        Pace::Moving => true,
        Pace::Complete => scene.case.seen.at.duration_since(moved) <= progress.patience,
        Pace::Stuck | Pace::Unknown => false,
    };
    if !moves || is_refused(scene, workload) || explained(scene, workload).is_some() {
        return None;
    }
    let pod = workload.unready().next();
    let warnings: Vec<&Value> = pod.map(|pod| warnings(scene, pod)).unwrap_or_default();
    let ready = newest_ready(workload);
    let got = match workload.kind {
        "Pod" => "not ready yet".to_owned(),
        _ => format!("{ready} of {} new pods ready", progress.want),
    };
    let says = match workload.kind {
        "Job" => format!("still runs; last moved {}", ago(scene, moved)),
        _ => format!("rolling out, and moving: {got}; last moved {}", ago(scene, moved)),
    };
    // A warning that no rule knows may be what is in the way; and after Helm gave up, only pods that got ready show that it
    // would have been a matter of time.
    let nearer = scene.case.status() != Status::Failed || ready > 0;
    let confidence = if warnings.is_empty() && nearer { Confidence::Likely } else { Confidence::Possible };
    let mut cause = workload.cause("slow-rollout", confidence, &says);
    let counts = format!(
        "{} wanted, {} of the newest template, {} ready, {} available; a step is expected within {}",
        progress.want,
        progress.updated,
        progress.ready,
        progress.available,
        age(progress.patience)
    );
    let state = pod.map(|pod| format!("{}: {}", pod_words(pod), doing(pod)));
    let events = warnings.into_iter().take(2).map(|event| event_line(scene, event));
    cause.evidence.extend(lines(events.chain([counts]).chain(state)));
    if let Some(pod) = pod {
        cause.command = describe_pod(pod);
    }
    cause.remedy = match scene.case.status() {
        Status::Failed => "let it come to its end, and give Helm more time (--timeout) for the next upgrade".to_owned(),
        _ => "let it come to its end".to_owned(),
    };
    Some(cause)
}

/// How many pods of the newest template are ready. A StatefulSet's and a DaemonSet's carry the revision as a label.
fn newest_ready(workload: &Workload<'_>) -> usize {
    let revision = text(workload.live, "/status/updateRevision");
    let is_new = |pod: &Value| {
        let own = text(pod, "/metadata/labels/controller-revision-hash");
        revision.is_empty() || own.is_empty() || own == revision
    };
    workload.pods.iter().filter(|pod| is_new(pod) && is_well(pod)).count()
}

/// Warnings about a pod of the last minutes, newest first.
fn warnings<'a>(scene: &'a Scene<'a>, pod: &Value) -> Vec<&'a Value> {
    let fresh = |event: &&&Value| text(event, "/type") == "Warning" && within(scene, event_time(event), 5);
    // What the scheduler couldn't do before it could is over.
    let over = |event: &&&Value| text(event, "/reason") == "FailedScheduling";
    pod_events(scene, pod).iter().filter(fresh).filter(|event| !over(event)).copied().collect()
}

/// What a pod is doing: its phase, and what its containers wait for.
pub(super) fn doing(pod: &Value) -> String {
    let phase = one_line(text(pod, "/status/phase"));
    let all = containers(pod);
    let waits = all.iter().find(|container| !container.waits().is_empty());
    match waits {
        Some(container) => format!("{phase}, {} waits ({})", container.words(), one_line(container.waits())),
        None => phase,
    }
}
