//! A container that runs and isn't ready, or is killed, because its probe fails.

use jiff::SignedDuration;
use serde_json::Value;

use super::said::{ago, event_line, lines, log_lines, within};
use super::workload::{Container, Workload, again, containers, describe_pod, each, pod_events, pod_words};
use super::{Cause, Confidence, Scene};
use crate::diagnose::case::{event_time, list, number, text, time};
use crate::diagnose::operation::Phase;
use crate::record::Status;

/// How many seconds a container is given at least before it counts as not getting ready.
const GRACE: i64 = 30;

/// Gives each workload whose probes fail.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    each(scene, of)
}

/// The workload's cause, if it is this.
pub(super) fn of(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Cause> {
    let mut found: Vec<Finding<'_>> = workload.unready().filter_map(|pod| finding(scene, pod)).collect();
    found.sort_by_key(|finding| std::cmp::Reverse((finding.event.is_some(), finding.over)));
    let count = found.len();
    let finding = found.into_iter().next()?;
    let (pod, container) = (finding.pod, &finding.container);
    let confidence = match (finding.event, finding.over) {
        (Some(_), true) => Confidence::Certain,
        (Some(_), false) => Confidence::Likely,
        // Only a probe or a gate keeps a container that runs from being ready, but events may be gone or never read.
        (None, true) if gated(pod) || has_probe(container) => Confidence::Likely,
        (None, _) => return None,
    };
    let what = match finding.event.and_then(probe_of) {
        Some(probe) if finding.killed => format!("{probe} probe of {} fails, so it is restarted", container.words()),
        Some(probe) => format!("{probe} probe of {} fails", container.words()),
        None if gated(pod) => "a readiness gate isn't passed".to_owned(),
        None => format!("{} runs and isn't ready", container.words()),
    };
    let pods = if count > 1 { format!(", in {count} pods") } else { String::new() };
    let since = time(container.status, "/state/running/startedAt").map(|at| format!("; started {}", ago(scene, at)));
    let mut cause =
        workload.cause("probe-failing", confidence, &format!("{what}{pods}{}", since.clone().unwrap_or_default()));
    let unhealthy =
        pod_events(scene, pod).iter().filter(|event| matches!(text(event, "/reason"), "Unhealthy" | "Killing"));
    let unhealthy = unhealthy.take(3).map(|event| event_line(scene, event));
    let state = format!("{} {}: running, not ready{}", pod_words(pod), container.words(), since.unwrap_or_default());
    let log = log_lines(scene, pod, container.name);
    cause.evidence.extend(lines(unhealthy.chain([state]).chain(log)));
    cause.command = describe_pod(pod);
    cause.remedy = format!("correct the probe, or what it asks for in the container; then {}", again(scene));
    Some(cause)
}

/// A pod whose container runs and isn't ready.
struct Finding<'a> {
    pod: &'a Value,
    container: Container<'a>,
    /// The newest event about a failed probe.
    event: Option<&'a Value>,
    /// Whether the kubelet restarts the container for it.
    killed: bool,
    /// Whether the time that its probes allow is over.
    over: bool,
}

fn finding<'a>(scene: &'a Scene<'a>, pod: &'a Value) -> Option<Finding<'a>> {
    let waits = |container: &Container<'_>| {
        let running = container.status.pointer("/state/running").is_some();
        let is_ready = container.status.get("ready").and_then(Value::as_bool) == Some(true);
        let is_sidecar = container.spec.is_some_and(|spec| text(spec, "/restartPolicy") == "Always");
        running && !is_ready && (!container.init || is_sidecar)
    };
    let all = containers(pod);
    let killed = |container: &Container<'_>| kills(scene, pod, container.name);
    let found = all.into_iter().find(|one| waits(one) || killed(one));
    let container = found.or_else(|| containers(pod).into_iter().find(|_| gated(pod)))?;
    let began = time(container.status, "/state/running/startedAt");
    let allowed = SignedDuration::from_secs(allowance(&container));
    let over = began.is_none_or(|began| scene.case.seen.at.duration_since(began) > allowed) || has_timed_out(scene);
    let about = |event: &&&Value| text(event, "/reason") == "Unhealthy" && is_of(event, container.name);
    // Old ones are of a start that came to its end.
    let fresh = |event: &&&Value| within(scene, event_time(event), 15);
    let event = pod_events(scene, pod).iter().filter(about).find(fresh).copied();
    let killed = killed(&container);
    Some(Finding { pod, container, event, killed, over })
}

/// Whether Helm's own time for it is over already.
fn has_timed_out(scene: &Scene<'_>) -> bool {
    scene.case.status() == Status::Failed && scene.operation.phase == Phase::Wait
}

/// Whether an event is about this container: its field path names it; one without may be about any.
fn is_of(event: &Value, container: &str) -> bool {
    let path = text(event, "/involvedObject/fieldPath");
    path.is_empty() || path.contains(&format!("{{{container}}}"))
}

/// Whether the kubelet ended a container because its liveness or startup probe failed (Kubernetes 1.35
/// `pkg/kubelet/kuberuntime/kuberuntime_manager.go:computePodActions`).
pub(super) fn kills(scene: &Scene<'_>, pod: &Value, container: &str) -> bool {
    pod_events(scene, pod).iter().any(|event| {
        let message = text(event, "/message");
        let failed = message.contains("failed liveness probe") || message.contains("failed startup probe");
        text(event, "/reason") == "Killing" && failed && is_of(event, container) && within(scene, event_time(event), 15)
    })
}

/// `readiness`, `liveness` or `startup`, by the event's first word (Kubernetes 1.35 `pkg/kubelet/prober/prober.go`).
fn probe_of(event: &Value) -> Option<&'static str> {
    let message = text(event, "/message").to_lowercase();
    ["readiness", "liveness", "startup"].into_iter().find(|probe| message.starts_with(*probe))
}

fn gated(pod: &Value) -> bool {
    let passed = |gate: &Value| {
        let kind = text(gate, "/conditionType");
        list(pod, "/status/conditions").any(|one| text(one, "/type") == kind && text(one, "/status") == "True")
    };
    let ready = containers(pod).iter().all(|one| one.init || one.status.get("ready") == Some(&Value::Bool(true)));
    ready && list(pod, "/spec/readinessGates").any(|gate| !passed(gate))
}

fn has_probe(container: &Container<'_>) -> bool {
    container.spec.is_some_and(|spec| spec.get("readinessProbe").or_else(|| spec.get("startupProbe")).is_some())
}

/// How many seconds the probes of a container give it to become ready.
fn allowance(container: &Container<'_>) -> i64 {
    let of = |probe: &str| {
        let Some(probe) = container.spec.and_then(|spec| spec.get(probe)) else { return 0 };
        let value = |name: &str, default: i64| number(probe, name).unwrap_or(default).clamp(0, 86_400);
        let tries = value("/periodSeconds", 10).saturating_mul(value("/failureThreshold", 3));
        value("/initialDelaySeconds", 0).saturating_add(tries)
    };
    of("startupProbe").saturating_add(of("readinessProbe")).clamp(GRACE, 86_400)
}
