//! A volume that can't be attached to the node or mounted into the pod.

use serde_json::Value;

use super::config_missing::{is_being_created, missing};
use super::said::{briefly, event_line, lines, within};
use super::workload::{Workload, again, count_words, describe_pod, each, pod_events};
use super::{Cause, Confidence, Scene};
use crate::diagnose::case::{event_time, text};

/// Reasons of the kubelet and of the attach controller (Kubernetes 1.35 `pkg/kubelet/events/event.go`).
const REASONS: [&str; 4] = ["FailedMount", "FailedAttachVolume", "FailedMapVolume", "VolumeResizeFailed"];

/// Gives each workload whose volumes can't be had.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    each(scene, of)
}

/// The workload's cause, if it is this.
pub(super) fn of(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Cause> {
    let failing = |pod: &&Value| is_being_created(pod) && failures(scene, pod).next().is_some();
    let pods: Vec<&Value> = workload.unready().filter(failing).collect();
    let pod = pods.first().copied()?;
    // Attaching comes first, and mounting only times out behind it.
    let attach = failures(scene, pod).find(|event| text(event, "/reason") == "FailedAttachVolume");
    let event = attach.or_else(|| failures(scene, pod).next())?;
    let message = text(event, "/message");
    let confidence = if within(scene, event_time(event), 10) { Confidence::Certain } else { Confidence::Likely };
    let says = format!("{} can't get a volume: {}", count_words(pods.len()), briefly(message));
    let mut cause = workload.cause("volume-mount", confidence, &says);
    let events = std::iter::once(event).chain(failures(scene, pod)).take(4).map(|event| event_line(scene, event));
    cause.evidence.extend(lines(events));
    cause.command = describe_pod(pod);
    cause.remedy = format!(
        "{}; the pods then go on by themselves, and if Helm gave up already, {}",
        remedy(message),
        again(scene)
    );
    Some(cause)
}

/// Events of the pod's volumes, newest first; what names a missing Secret or ConfigMap is another rule's.
fn failures<'a>(scene: &'a Scene<'a>, pod: &Value) -> impl Iterator<Item = &'a Value> {
    let events = pod_events(scene, pod).iter().copied();
    events.filter(|event| REASONS.contains(&text(event, "/reason")) && missing(text(event, "/message")).is_none())
}

fn remedy(message: &str) -> &'static str {
    let message = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["multi-attach", "already exclusively attached", "already used by pod"]) {
        "let the pod that still holds the volume go, or use a strategy that stops the old pod first (Recreate)"
    } else if says(&["driver name", "not found in the list of registered csi drivers"]) {
        "install the volume's CSI driver on the node"
    } else if says(&["permission denied", "access denied"]) {
        "give the node access to the volume"
    } else if says(&["hostpath type check failed", "no such file"]) {
        "create the path on the node, or correct it"
    } else {
        "make the volume available on the node"
    }
}
