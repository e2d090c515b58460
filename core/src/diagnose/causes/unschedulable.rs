//! Pods that no node takes: in the scheduler's own words.

use serde_json::Value;

use super::said::{briefly, condition_line, event_line, lines};
use super::workload::{Workload, again, count_words, describe_pod, each, pod_events};
use super::{Cause, Confidence, Scene};
use crate::diagnose::case::{condition, list, text};

/// Gives each workload whose pods can't be placed.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    each(scene, of)
}

/// What the scheduler said about a pod that it couldn't place: by the condition, or by the event if that is all there is.
pub(super) fn refused<'a>(scene: &'a Scene<'a>, pod: &'a Value) -> Option<&'a str> {
    if !text(pod, "/spec/nodeName").is_empty() {
        return None;
    }
    let placed = condition(pod, "PodScheduled").filter(|placed| text(placed, "/status") == "False");
    let message = placed.map(|placed| text(placed, "/message")).filter(|message| !message.is_empty());
    let event = || pod_events(scene, pod).iter().find(|event| text(event, "/reason") == "FailedScheduling");
    message.or_else(|| event().map(|event| text(event, "/message")))
}

/// Whether the scheduler waits for a claim, which another rule explains.
pub(super) fn waits_for_claim(message: &str) -> bool {
    let message = message.to_lowercase();
    let words = [
        "unbound immediate persistentvolumeclaim",
        "persistentvolumeclaim \"",
        "find available persistent volumes",
        "volume node affinity conflict",
        "waiting for ephemeral volume controller",
    ];
    words.iter().any(|words| message.contains(words))
}

/// The workload's cause, if it is this.
pub(super) fn of(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Cause> {
    let gated = |pod: &&Value| list(pod, "/spec/schedulingGates").next().is_some();
    let refusals = || workload.unready().filter_map(|pod| Some((pod, refused(scene, pod)?)));
    let mut found: Vec<(&Value, &str)> = refusals().filter(|(_, message)| !waits_for_claim(message)).collect();
    // A pod that waits for another's claim comes last.
    found.sort_by_key(|(pod, _)| gated(pod));
    let (pod, message) = found.first().copied()?;
    let what = if gated(&pod) { "held back by a scheduling gate" } else { "can't be placed on a node" };
    let are = if found.len() == 1 && what.starts_with("held") {
        "is "
    } else if what.starts_with("held") {
        "are "
    } else {
        ""
    };
    let says = format!("{} {are}{what}: {}", count_words(found.len()), briefly(message));
    let mut cause = workload.cause("unschedulable", Confidence::Certain, &says);
    let placed = condition(pod, "PodScheduled").map(|placed| condition_line(scene, placed));
    let events = pod_events(scene, pod).iter();
    let events = events.filter(|event| matches!(text(event, "/reason"), "FailedScheduling" | "NotTriggerScaleUp"));
    let events = events.take(2).map(|event| event_line(scene, event));
    cause.evidence.extend(lines(placed.into_iter().chain(events)));
    cause.command = describe_pod(pod);
    let remedy = remedy(message, gated(&pod));
    cause.remedy =
        format!("{remedy}; the pods then start by themselves, and if Helm gave up already, {}", again(scene));
    Some(cause)
}

fn remedy(message: &str, gated: bool) -> &'static str {
    let message = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if gated {
        "let whoever set the gate take it off"
    } else if says(&["node affinity", "node selector", "node(s) didn't match pod's node"]) {
        "correct the pod's nodeSelector or affinity, or label a node so"
    } else if says(&["untolerated taint", "had taint"]) {
        "let the pod tolerate the taint, or take the taint off the node"
    } else if says(&["insufficient", "too many pods"]) {
        "add nodes, or let the pod ask for less"
    } else if says(&["free ports"]) {
        "free the host port: another pod on the node holds it"
    } else if says(&["no nodes available", "unschedulable"]) {
        "let nodes take pods again (kubectl uncordon), or add nodes"
    } else if says(&["topology spread", "anti-affinity"]) {
        "add nodes, or loosen the pod's spread or anti-affinity"
    } else {
        "correct what the pod asks for, or add nodes that offer it"
    }
}
