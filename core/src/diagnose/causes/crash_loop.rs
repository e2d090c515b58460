//! A container that starts and ends again, or can't be started: its last exit code, why it was ended, its last words.

use serde_json::Value;

use super::said::{ago, briefly, event_line, lines, log_lines, said};
use super::workload::{Container, Workload, again, containers, describe_pod, each, logs_of, pod_events, pod_words};
use super::{Cause, Confidence, Scene};
use crate::diagnose::case::{condition, number, text, time};
use crate::diagnose::hooks::HookRun;

/// Gives each workload whose containers end again and again.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    each(scene, of)
}

/// The workload's cause, if it is this.
pub(super) fn of(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Cause> {
    // A hook that failed is told by its own rule.
    if workload.hook.is_some_and(|hook| hook.run == HookRun::Failed) {
        return None;
    }
    let runs_once = workload.kind == "Job";
    let mut found: Vec<(&Value, Container<'_>)> = workload
        .unready()
        .filter_map(|pod| {
            let container = containers(pod).into_iter().find(|container| ends_badly(pod, container, runs_once))?;
            Some((pod, container))
        })
        .collect();
    // The one that was tried most often tells most.
    found.sort_by_key(|(_, container)| std::cmp::Reverse(container.restarts()));
    let tries = found.len();
    let Some((pod, container)) = found.into_iter().next() else { return job_without_pods(scene, workload) };
    if !runs_once && is_killed_by_probe(scene, pod, &container) {
        return None;
    }
    let restarts = container.restarts();
    let how_often = match (runs_once, restarts) {
        (true, _) if tries > 1 => format!(" in {tries} pods"),
        (true, _) | (false, 0) => String::new(),
        (false, 1) => ", and was restarted once".to_owned(),
        (false, often) => format!(", and was restarted {often} times"),
    };
    let says = format!("{} {}{how_often}", container.words(), ending(&container, scene));
    let mut cause = workload.cause("crash-loop", Confidence::Certain, &says);
    let waiting = container.status.pointer("/state/waiting").map(|waiting| {
        format!("{} {}: {}: {}", pod_words(pod), container.words(), container.waits(), said(text(waiting, "/message")))
    });
    let log = log_lines(scene, pod, container.name);
    let events = pod_events(scene, pod).iter().filter(|event| text(event, "/reason") == "BackOff");
    let events = events.take(1).map(|event| event_line(scene, event));
    let failed = job_failed_line(workload.live);
    cause
        .evidence
        .extend(lines(ended_line(scene, &container).into_iter().chain(log).chain(failed).chain(waiting).chain(events)));
    let has_log = container.ended().is_some_and(|ended| !is_start_error(text(ended, "/reason")));
    cause.command = if has_log {
        logs_of(pod, container.name, container.status.pointer("/state/terminated").is_none())
    } else {
        describe_pod(pod)
    };
    cause.remedy = format!("{}; then {}", remedy(&container), again(scene));
    Some(cause)
}

/// Whether it is a container that ended with a fault, or again and again, or can't be started at all.
fn ends_badly(pod: &Value, container: &Container<'_>, runs_once: bool) -> bool {
    if matches!(container.waits(), "CrashLoopBackOff" | "RunContainerError" | "CreateContainerError" | "StartError") {
        return true;
    }
    // A container that starts before the others and ended well has done its work.
    let ended_badly = |pointer: &str| {
        let ended = container.status.pointer(pointer);
        ended.is_some_and(|ended| number(ended, "/exitCode").unwrap_or(0) != 0)
    };
    if ended_badly("/state/terminated") {
        return runs_once || text(pod, "/status/phase") == "Failed" || container.restarts() > 0 || container.init;
    }
    // It runs between two crashes, and isn't ready.
    let is_ready = container.status.get("ready").and_then(Value::as_bool) == Some(true);
    !is_ready && container.restarts() > 1 && ended_badly("/lastState/terminated")
}

/// Whether the kubelet ended it because a probe failed, which another rule tells.
fn is_killed_by_probe(scene: &Scene<'_>, pod: &Value, container: &Container<'_>) -> bool {
    let code = container.ended().and_then(|ended| number(ended, "/exitCode"));
    matches!(code, Some(137 | 143))
        && !is_out_of_memory(container)
        && super::probe_failing::kills(scene, pod, container.name)
}

fn is_out_of_memory(container: &Container<'_>) -> bool {
    container.ended().is_some_and(|ended| text(ended, "/reason") == "OOMKilled")
}

fn is_start_error(reason: &str) -> bool {
    matches!(reason, "StartError" | "ContainerCannotRun" | "RunContainerError" | "CreateContainerError")
}

/// How it ended, for the summary.
fn ending(container: &Container<'_>, scene: &Scene<'_>) -> String {
    let Some(ended) = container.ended() else {
        let message = briefly(text(container.status, "/state/waiting/message"));
        return if container.waits() == "CrashLoopBackOff" {
            "ends again and again".to_owned()
        } else {
            format!("can't be started ({message})")
        };
    };
    let when = time(ended, "/finishedAt").map(|at| format!(" {}", ago(scene, at))).unwrap_or_default();
    match (text(ended, "/reason"), number(ended, "/exitCode")) {
        ("OOMKilled", _) => format!("was killed for lack of memory (OOMKilled{}){when}", memory_limit(container)),
        (reason, _) if is_start_error(reason) => format!("can't be started ({})", briefly(text(ended, "/message"))),
        (_, Some(0)) => format!("ends by itself with exit code 0{when}, and is to keep running"),
        (_, Some(code)) => format!("ended with exit code {code}{when}"),
        (_, None) => format!("ended{when}"),
    }
}

fn memory_limit(container: &Container<'_>) -> String {
    let limit = container.spec.map_or("", |spec| text(spec, "/resources/limits/memory"));
    if limit.is_empty() { String::new() } else { format!(", limit {}", briefly(limit)) }
}

/// The ending as the kubelet put it.
pub(super) fn ended_line(scene: &Scene<'_>, container: &Container<'_>) -> Option<String> {
    let ended = container.ended()?;
    let mut line = format!("{}: last ended", container.words());
    if let Some(at) = time(ended, "/finishedAt") {
        line.push_str(&format!(" {}", ago(scene, at)));
    }
    if let Some(code) = number(ended, "/exitCode") {
        line.push_str(&format!(" with exit code {code}"));
    }
    for part in ["/reason", "/message"] {
        let words = said(text(ended, part));
        if !words.is_empty() {
            line.push_str(&format!(", {words}"));
        }
    }
    Some(line)
}

fn remedy(container: &Container<'_>) -> &'static str {
    if is_out_of_memory(container) {
        return "raise the container's memory limit, or let it need less";
    }
    let ended = container.ended();
    let reason = ended.map_or_else(|| container.waits(), |ended| text(ended, "/reason"));
    match ended.and_then(|ended| number(ended, "/exitCode")) {
        _ if is_start_error(reason) => "correct the container's command or image",
        Some(0) => "give the container a command that keeps running",
        Some(126 | 127) => "correct the container's command: it can't be run or isn't in the image",
        _ => "read the container's log and correct what makes it end",
    }
}

/// A Job that gave up: `Failed: BackoffLimitExceeded: …`.
pub(super) fn job_failed_line(job: &Value) -> Option<String> {
    let failed = condition(job, "Failed").filter(|failed| text(failed, "/status") == "True")?;
    Some(format!("Failed: {}: {}", said(text(failed, "/reason")), said(text(failed, "/message"))))
}

/// A Job that gave up and whose pods are gone: only its condition tells.
fn job_without_pods(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Cause> {
    let failed = condition(workload.live, "Failed").filter(|failed| text(failed, "/status") == "True")?;
    if workload.kind != "Job" || !workload.pods.is_empty() {
        return None;
    }
    let says = format!("the Job failed ({}), and its pods are gone", briefly(text(failed, "/reason")));
    let mut cause = workload.cause("crash-loop", Confidence::Likely, &says);
    cause.evidence.extend(lines(job_failed_line(workload.live)));
    cause.remedy = format!("find out why it failed, delete the Job; then {}", again(scene));
    Some(cause)
}
