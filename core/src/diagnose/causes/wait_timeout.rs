//! Helm gave up waiting, and nothing tells more precisely why.

use super::refusal::{description, helm_line};
use super::said::{event_line, lines, typed};
use super::workload::{again, pod_events, workloads};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::case::text;
use crate::diagnose::operation::Phase;

/// Takes what the other rules found; adds that Helm gave up waiting, where nothing tells why.
pub fn left_over(scene: &Scene<'_>, found: &[Cause]) -> Option<Cause> {
    let explains = |cause: &Cause| cause.depth != depth::ASIDE && cause.confidence >= Confidence::Likely;
    let told = description(scene).filter(|told| is_timeout(told));
    if told.is_none() || found.iter().any(explains) {
        return None;
    }
    let in_hooks = matches!(scene.operation.phase, Phase::PreHooks | Phase::PostHooks);
    let all = workloads(scene);
    let unready: Vec<_> =
        scene.case.objects.iter().filter(|object| object.new.is_some() && object.is_ready() == Some(false)).collect();
    let state =
        |object: &&super::Object<'_>| format!("{}: {}", object.words(), object.waits_for().unwrap_or("it isn't ready"));
    let says = match (unready.as_slice(), in_hooks) {
        (_, true) => "Helm gave up waiting for a hook, whose object is gone".to_owned(),
        ([], _) => {
            "Helm gave up waiting, and all that was seen is ready by now: it took longer than Helm's timeout".to_owned()
        }
        ([one], _) => format!("Helm gave up waiting: {}", state(one)),
        ([first, ..], _) => format!("Helm gave up waiting: {} (and {} more)", state(first), unready.len() - 1),
    };
    let events = all.iter().flat_map(|workload| workload.unready().collect::<Vec<_>>());
    let warning = |event: &&&serde_json::Value| text(event, "/type") == "Warning";
    let events: Vec<String> = events
        .filter_map(|pod| pod_events(scene, pod).iter().find(warning).map(|event| event_line(scene, event)))
        .collect();
    let states = unready.iter().map(state);
    let id = &scene.case.seen.id;
    let remedy = if unready.is_empty() {
        format!("{} with more time (--timeout)", again(scene))
    } else {
        format!("find out what keeps it from being ready, or give Helm more time (--timeout); then {}", again(scene))
    };
    Some(Cause {
        code: "wait-timeout",
        confidence: Confidence::Likely,
        summary: says,
        evidence: lines(helm_line(scene).into_iter().chain(states).chain(events)),
        command: format!("kubectl get events -n {} --sort-by=.lastTimestamp", typed(&id.namespace)),
        remedy,
        depth: depth::CONSEQUENCE,
    })
}

/// How both Helms end a wait (Helm 3.22 `pkg/kube/wait.go`, Helm 4.3 `pkg/kube/statuswait.go`). A call of a webhook, and one
/// that the API server gives up, may time out as well, while Helm applies.
fn is_timeout(told: &str) -> bool {
    let told = told.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| told.contains(words));
    let of_a_call = says(&["failed calling webhook", "request did not complete"]);
    says(&["timed out waiting", "not ready. status", "rate limiter", "would exceed context"])
        || told.contains("deadline exceeded") && !of_a_call
}
