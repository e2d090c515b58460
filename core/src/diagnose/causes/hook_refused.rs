//! A hook whose object couldn't be created: there is one already, or Helm's user may not.

use std::sync::LazyLock;

use regex::Regex;

use super::hook_failed::hook_words;
use super::refusal::{description, helm_line, object_words};
use super::said::{lines, said, typed};
use super::workload::again;
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::case::time;
use crate::diagnose::hooks::{HookRun, HookView};
use crate::diagnose::operation::Phase;
use crate::observe::Live;

/// Gives the hook that couldn't be created.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let told = description(scene).filter(|_| in_hooks(scene));
    if let Some(told) = told {
        return by_words(scene, &told).into_iter().collect();
    }
    left_over(scene).into_iter().collect()
}

fn in_hooks(scene: &Scene<'_>) -> bool {
    matches!(scene.operation.phase, Phase::PreHooks | Phase::PostHooks)
}

/// The server's words for both, in what Helm quotes (`warning: Hook pre-upgrade app/templates/hooks.yaml failed: …`, Helm 3.22
/// and 4.3 `pkg/action/hooks.go:execHook`).
static EXISTS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?P<kind>[a-z][a-z.]{1,252}) "(?P<name>[^"]{1,253})" already exists"#).ok());
static FORBIDDEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words = concat!(
        r#"(?P<kind>[a-z][a-z.]{1,252})(?: "(?P<name>[^"]{1,253})")? is forbidden: User "(?P<user>[^"]{1,253})" "#,
        r#"cannot (?P<verb>[a-z]+) resource"#
    );
    Regex::new(words).ok()
});

/// Whether a description says that a hook couldn't be created, rather than that it ran and failed.
pub(super) fn is_refused(told: &str) -> bool {
    told.contains("already exists") || told.contains("is forbidden") || told.contains("denied the request")
}

fn by_words(scene: &Scene<'_>, told: &str) -> Option<Cause> {
    let exists = EXISTS.as_ref().and_then(|words| words.captures(told));
    let forbidden = FORBIDDEN.as_ref().and_then(|words| words.captures(told));
    let found = exists.as_ref().or(forbidden.as_ref())?;
    let part = |name: &str| found.name(name).map(|part| part.as_str());
    let kind = part("kind")?;
    let words = match part("name") {
        Some(name) => object_words(scene, kind, name),
        // A refusal to create names no object.
        None => stopped_hook(scene, kind).map_or_else(|| format!("a hook of kind {kind}"), hook_words),
    };
    if exists.is_some() {
        return Some(exists_cause(scene, &words, part("name")?, kind, Confidence::Certain));
    }
    let (user, verb, namespace) = (said(part("user")?), part("verb")?, &scene.case.seen.id.namespace);
    let resource = kind.split_once('.').map_or(kind, |(plural, _)| plural);
    Some(Cause {
        code: "hook-forbidden",
        confidence: Confidence::Certain,
        summary: format!("{words}: user {user} may not {verb} {kind} in {namespace}"),
        evidence: lines(helm_line(scene)),
        command: format!(
            "kubectl auth can-i {verb} {} -n {} --as {}",
            typed(resource),
            typed(namespace),
            typed(part("user")?)
        ),
        remedy: format!(
            "let {user} {verb} {kind} in {namespace}, or leave hooks out (--no-hooks) if they aren't needed; then {}",
            again(scene)
        ),
        depth: depth::BLOCKER,
    })
}

/// The hook at which the operation stopped, of the kind that the server calls by its plural.
fn stopped_hook<'s>(scene: &'s Scene<'_>, plural: &str) -> Option<&'s HookView<'s>> {
    let hooks = if scene.operation.phase == Phase::PreHooks { &scene.operation.before } else { &scene.operation.after };
    let plural = plural.split('.').next().unwrap_or(plural);
    let mut left = hooks.iter().filter(|hook| hook.run != HookRun::Succeeded);
    left.find(|hook| plural.starts_with(hook.hook.kind.to_lowercase().trim_end_matches('y')))
}

fn exists_cause(scene: &Scene<'_>, words: &str, name: &str, kind: &str, confidence: Confidence) -> Cause {
    let namespace = &scene.case.seen.id.namespace;
    let resource = kind.to_lowercase();
    Cause {
        code: "hook-exists",
        confidence,
        summary: format!("{words}: it can't be created, as one of that name is there already"),
        evidence: lines(helm_line(scene)),
        command: format!("kubectl get {} {} -n {}", typed(&resource), typed(name), typed(namespace)),
        remedy: format!(
            "make sure that nothing needs it, delete it, and have the chart delete it before the hook \
             (helm.sh/hook-delete-policy: before-hook-creation); then {}",
            again(scene)
        ),
        depth: depth::BLOCKER,
    }
}

/// Of an operation whose record says nothing: it stopped before a hook whose object an earlier one left, and that isn't to
/// be deleted before.
fn left_over(scene: &Scene<'_>) -> Option<Cause> {
    if !in_hooks(scene) || !scene.case.is_open() {
        return None;
    }
    let hooks = if scene.operation.phase == Phase::PreHooks { &scene.operation.before } else { &scene.operation.after };
    let stopped = hooks.iter().find(|hook| !hook.is_done())?;
    let policies = &stopped.hook.delete_policies;
    let stays = !policies.is_empty() && !policies.iter().any(|policy| policy == "before-hook-creation");
    let Live::Found(live) = &stopped.live else { return None };
    let older = time(live, "/metadata/creationTimestamp") < scene.case.began;
    if !(stays && older && stopped.run == HookRun::NeverRan) {
        return None;
    }
    let (name, kind) = (&stopped.hook.name, &stopped.hook.kind);
    let mut cause = exists_cause(scene, &hook_words(stopped), name, kind, Confidence::Likely);
    cause.evidence = lines([format!(
        "{} is older than the operation, and its delete policy ({}) doesn't remove it before the hook",
        stopped.words(),
        policies.join(", ")
    )]);
    Some(cause)
}
