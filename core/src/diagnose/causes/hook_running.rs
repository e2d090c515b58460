//! A hook that hasn't come to its end: it hangs, or it is simply slow. What keeps its pod from working comes before it.

use serde_json::Value;

use super::refusal::helm_line;
use super::said::{ago, lines, log_lines};
use super::slow_rollout::doing;
use super::workload::{Workload, again, containers, describe_pod, explained, logs_of, pod_words, workloads};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::case::{number, text};
use crate::diagnose::hooks::HookRun;
use crate::diagnose::operation::Phase;
use crate::record::Status;

/// Gives each hook that still runs.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let all = workloads(scene);
    let running = all.iter().filter(|workload| workload.hook.is_some_and(|hook| hook.run == HookRun::Running));
    running.map(|workload| of(scene, workload)).collect()
}

fn of(scene: &Scene<'_>, workload: &Workload<'_>) -> Cause {
    let root = explained(scene, workload);
    let started = workload.hook.and_then(|hook| hook.started);
    let since = started.map(|at| format!(", started {}", ago(scene, at))).unwrap_or_default();
    let pod = workload.unready().next().or_else(|| workload.pods.first().copied());
    let suspended = workload.live.pointer("/spec/suspend").and_then(Value::as_bool) == Some(true);
    let deleted = workload.live.pointer("/metadata/deletionTimestamp").is_some();
    let what = match pod {
        _ if deleted => "is being deleted and isn't gone".to_owned(),
        _ if suspended => "is suspended (spec.suspend), so it never starts".to_owned(),
        Some(pod) => format!("hasn't ended ({} is {})", pod_words(pod), doing(pod)),
        None => "hasn't ended, and no pod of it was seen".to_owned(),
    };
    // After Helm was told to stop, a hook goes on by itself: that isn't why.
    let gave_up =
        scene.case.status() == Status::Failed && !matches!(scene.operation.phase, Phase::PreHooks | Phase::PostHooks);
    let confidence = if root.is_some() || gave_up { Confidence::Likely } else { Confidence::Certain };
    let mut cause = workload.cause("hook-running", confidence, &format!("{what}{since}"));
    if root.is_some() || gave_up {
        cause.depth = depth::CONSEQUENCE;
    }
    let tries = number(workload.live, "/status/failed").filter(|failed| *failed > 0);
    let tries = tries.map(|failed| {
        let limit = number(workload.live, "/spec/backoffLimit").unwrap_or(6);
        format!("{failed} of {} tries failed", limit.saturating_add(1))
    });
    let running = pod.and_then(|pod| {
        let all = containers(pod);
        all.into_iter().find(|container| container.status.pointer("/state/running").is_some()).map(|one| (pod, one))
    });
    let log = running.as_ref().map(|(pod, container)| log_lines(scene, pod, container.name)).unwrap_or_default();
    cause.evidence.extend(lines(tries.into_iter().chain(log).chain(helm_line(scene))));
    cause.command = match (&running, pod) {
        (Some((pod, container)), _) => logs_of(pod, container.name, false),
        (None, Some(pod)) => describe_pod(pod),
        (None, None) => cause.command,
    };
    cause.remedy = match root {
        Some(root) => root.remedy,
        None if suspended => "let the Job start: set spec.suspend to false".to_owned(),
        None => remedy(scene, &text(workload.live, "/kind").to_lowercase()),
    };
    cause
}

fn remedy(scene: &Scene<'_>, kind: &str) -> String {
    let kind = if kind == "pod" { "Pod" } else { "Job" };
    format!(
        "see by its log whether the hook gets on; if it does, let it end, else end it (delete the {kind}) and {}",
        again(scene)
    )
}
