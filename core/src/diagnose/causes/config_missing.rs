//! A Secret, ConfigMap or key that a pod needs and that isn't there.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::said::{event_line, lines, said};
use super::workload::{Workload, again, containers, describe_pod, each, is_well, pod_events, pod_words};
use super::{Cause, Confidence, Scene};
use crate::diagnose::case::text;
use crate::report::shortened;

/// Gives each workload whose pods lack configuration.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    each(scene, of)
}

/// The kubelet's words for what is missing (Kubernetes 1.35 `pkg/kubelet/kubelet_pods.go:makeEnvironmentVariables`,
/// `pkg/volume/{secret,configmap}`): a whole object, a key of one, or a key that a volume names.
static WORDS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r#"(?i)\b(?P<kind>secret|configmap) "(?P<name>[^"]{1,253})" not found"#,
        r"(?i)couldn't find key (?P<key>\S{1,253}) in (?P<kind>secret|configmap) (?:[^/\s]+/)?(?P<name>\S{1,253})",
        r"(?i)references non-existent (?P<kind>secret|config) key: (?P<key>\S{1,253})",
    ]
    .iter()
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});

/// What a message says is missing: `secret web-db`, `key url in secret web-db`.
pub(super) fn missing(message: &str) -> Option<String> {
    WORDS.iter().find_map(|words| {
        let found = words.captures(message)?;
        let part =
            |name: &str| found.name(name).map(|found| shortened(found.as_str().trim_end_matches(['.', ',']), 253));
        let kind = match part("kind")?.to_lowercase().as_str() {
            "secret" => "secret",
            _ => "configmap",
        };
        Some(match (part("key"), part("name")) {
            (Some(key), Some(name)) => format!("key {key} in {kind} {name}"),
            (Some(key), None) => format!("key {key} in a {kind} that a volume names"),
            (None, Some(name)) => format!("{kind} {name}"),
            (None, None) => return None,
        })
    })
}

/// The workload's cause, if it is this.
pub(super) fn of(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Cause> {
    let (pod, what, by_event) = workload.unready().find_map(|pod| {
        let waiting = by_container(pod).map(|what| (pod, what, false));
        waiting.or_else(|| by_mount(scene, pod).map(|what| (pod, what, true)))
    })?;
    let mut cause =
        workload.cause("config-missing", Confidence::Certain, &format!("{what} isn't there, and its pods need it"));
    let waiting = containers(pod).into_iter().filter(|container| container.waits() == "CreateContainerConfigError");
    let waiting = waiting.map(|container| {
        let message = said(text(container.status, "/state/waiting/message"));
        format!("{} {}: {}: {message}", pod_words(pod), container.words(), container.waits())
    });
    let events = pod_events(scene, pod).iter().filter(|event| missing(text(event, "/message")).is_some());
    let events = events.take(if by_event { 2 } else { 1 }).map(|event| event_line(scene, event));
    cause.evidence.extend(lines(waiting.chain(events)));
    cause.command = describe_pod(pod);
    cause.remedy =
        format!("create {what}, which lets the pods go on by themselves; if Helm gave up already, {}", again(scene));
    Some(cause)
}

fn by_container(pod: &Value) -> Option<String> {
    let all = containers(pod);
    let waiting = all.iter().filter(|container| container.waits() == "CreateContainerConfigError");
    waiting.filter_map(|container| missing(text(container.status, "/state/waiting/message"))).next()
}

/// A volume of it can't be mounted; only while no container was started, as an event may be of a moment that passed.
fn by_mount(scene: &Scene<'_>, pod: &Value) -> Option<String> {
    if is_well(pod) || !is_being_created(pod) {
        return None;
    }
    let events = pod_events(scene, pod).iter().filter(|event| text(event, "/reason") == "FailedMount");
    events.filter_map(|event| missing(text(event, "/message"))).next()
}

/// Whether the kubelet has the pod and has started no container of it.
pub(super) fn is_being_created(pod: &Value) -> bool {
    let waits = |reason: &str| matches!(reason, "ContainerCreating" | "PodInitializing" | "CreateContainerConfigError");
    let all = containers(pod);
    text(pod, "/status/phase") == "Pending"
        && !text(pod, "/spec/nodeName").is_empty()
        && (all.is_empty() || all.iter().any(|container| waits(container.waits())))
}
