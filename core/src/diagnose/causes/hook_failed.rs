//! A hook that failed: by its Job or Pod, or by Helm's own words where its object is gone.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::crash_loop::{ended_line, job_failed_line};
use super::hook_refused::is_refused;
use super::refusal::{description, helm_line};
use super::said::{briefly, describe, lines, log_lines, typed};
use super::workload::{Container, Workload, again, containers, explained, logs_of, pod_words, workloads};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::case::{number, text};
use crate::diagnose::hooks::{HookRun, HookView};
use crate::diagnose::operation::Phase;
use crate::report::shortened;

/// Gives each hook that failed.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let live = workloads(scene);
    let live = live.iter().filter(|workload| workload.hook.is_some_and(|hook| hook.run == HookRun::Failed));
    let found: Vec<Cause> = live.map(|workload| by_object(scene, workload)).collect();
    if found.is_empty() { by_words(scene).into_iter().collect() } else { found }
}

/// By its Job or Pod.
fn by_object(scene: &Scene<'_>, workload: &Workload<'_>) -> Cause {
    let bad = |pod: &Value| {
        let failed = |one: &Container<'_>| number(one.status, "/state/terminated/exitCode").unwrap_or(0) != 0;
        containers(pod).iter().any(failed)
    };
    let pods: Vec<&Value> = workload.pods.iter().copied().filter(|pod| bad(pod)).collect();
    let last = pods.iter().copied().max_by_key(|pod| text(pod, "/metadata/creationTimestamp"));
    let all = last.map(containers).unwrap_or_default();
    let container = all.into_iter().find(|one| number(one.status, "/state/terminated/exitCode").unwrap_or(0) != 0);
    let why = workload.hook.and_then(|hook| hook.why.clone()).unwrap_or_default();
    let ended = container.as_ref().map(|container| ending(container, pods.len()));
    let says = match (&ended, why.is_empty()) {
        (Some(ended), true) => format!("failed: {ended}"),
        (Some(ended), false) => format!("failed: {ended} ({})", briefly(&why)),
        (None, true) => "failed".to_owned(),
        (None, false) => format!("failed: {}", briefly(&why)),
    };
    let root = explained(scene, workload).filter(|_| container.is_none());
    let confidence = if root.is_some() { Confidence::Likely } else { Confidence::Certain };
    let mut cause = workload.cause("hook-failed", confidence, &says);
    if root.is_some() {
        cause.depth = depth::CONSEQUENCE;
    }
    let told = last.zip(container.as_ref()).map(|(pod, container)| {
        let ended = ended_line(scene, container).map(|line| format!("{} {line}", pod_words(pod)));
        ended.into_iter().chain(log_lines(scene, pod, container.name)).collect::<Vec<_>>()
    });
    let evidence = job_failed_line(workload.live).into_iter().chain(told.unwrap_or_default()).chain(helm_line(scene));
    cause.evidence.extend(lines(evidence));
    if let (Some(pod), Some(container)) = (last, &container) {
        cause.command = logs_of(pod, container.name, false);
    }
    cause.remedy = format!("correct what the hook fails on; then {}", again(scene));
    cause
}

fn ending(container: &Container<'_>, pods: usize) -> String {
    let Some(ended) = container.ended() else { return container.words() };
    let tries = if pods > 1 { format!(", in each of {pods} tries") } else { String::new() };
    let code = number(ended, "/exitCode").map(|code| format!(" with exit code {code}")).unwrap_or_default();
    match text(ended, "/reason") {
        "OOMKilled" => format!("{} was killed for lack of memory (OOMKilled){tries}", container.words()),
        _ => format!("{} ended{code}{tries}", container.words()),
    }
}

/// How both Helms name a hook that failed: Helm 3 `job web-pre failed: BackoffLimitExceeded` or `pod web-pre failed`
/// (`pkg/kube/client.go:waitForJob`), Helm 4 `resource Job/ns/web-pre not ready. status: Failed` (`pkg/kube/statuswait.go`).
static WORDS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"(?i)resource (?P<kind>job|pod)/[a-z0-9.-]{1,63}/(?P<name>[a-z0-9][a-z0-9.-]{0,252}) not ready\. status: Failed(?:, message: (?P<why>[^\n]{1,200}))?",
        r"(?i)\b(?P<kind>job|pod) (?P<name>[a-z0-9][a-z0-9.-]{0,252}) failed(?:: (?P<why>[A-Za-z]+))?",
    ]
    .iter()
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});

/// By Helm's own words: the object is gone, as its delete policy asks or because somebody took it.
fn by_words(scene: &Scene<'_>) -> Option<Cause> {
    let hooks = || scene.operation.before.iter().chain(&scene.operation.after);
    let recorded = hooks().find(|hook| hook.run == HookRun::Failed);
    let told = description(scene).filter(|_| matches!(scene.operation.phase, Phase::PreHooks | Phase::PostHooks));
    let found = told.as_deref().and_then(|told| WORDS.iter().find_map(|words| words.captures(told)));
    let part = |name: &str| found.as_ref()?.name(name).map(|part| part.as_str());
    let named = part("name").and_then(|name| hooks().find(|hook| hook.hook.name == name));
    let hook = named.or(recorded);
    if hook.is_none() && found.is_none() || told.as_deref().is_some_and(is_refused) {
        return None;
    }
    let words = match (hook, part("kind"), part("name")) {
        (Some(hook), ..) => hook_words(hook),
        (None, Some(kind), Some(name)) => format!("hook {}/{name}", kind.to_lowercase()),
        _ => return None,
    };
    let why = part("why").map(|why| why.split(" context deadline").next().unwrap_or(why));
    let why = why.map(|why| format!(" ({})", shortened(why, 120))).unwrap_or_default();
    let namespace = &scene.case.seen.id.namespace;
    Some(Cause {
        code: "hook-failed",
        confidence: if found.is_some() { Confidence::Certain } else { Confidence::Likely },
        summary: format!("{words}: failed{why}, and its object is gone with what it said"),
        evidence: lines(helm_line(scene)),
        command: hook.map_or_else(
            || format!("kubectl get jobs,pods -n {}", typed(namespace)),
            |hook| describe(&hook.hook.kind.to_lowercase(), namespace, &hook.hook.name),
        ),
        remedy: format!(
            "keep the hook's object (helm.sh/hook-delete-policy without hook-failed) to see why it fails; then {}",
            again(scene)
        ),
        depth: depth::OBJECT,
    })
}

/// `pre-upgrade hook job/web-migrate`.
pub(super) fn hook_words(hook: &HookView<'_>) -> String {
    format!("{} hook {}", hook.event, hook.words())
}
