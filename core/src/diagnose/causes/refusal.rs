//! What the API server refused: pods that a controller couldn't make, and objects that Helm couldn't.
//!
//! Controllers leave the server's words in an event `FailedCreate`, and a ReplicaSet in a condition; Helm in the description of
//! the failed revision. All of them quote the same sentence, so one look finds it in each.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::said::{briefly, event_line, lines, said, within};
use super::words::{self, refusals};
use super::workload::{Workload, again, workloads};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::case::{condition, event_time, number, text};
use crate::record::Status;
use crate::report::one_line;

/// One kind of refusal.
pub(super) struct Refusal {
    /// The cause's code.
    pub code: &'static str,
    /// Whether the server's words are such a refusal.
    pub is: fn(&str) -> bool,
    /// Takes the scene, the namespace and the words; tells.
    pub tell: fn(&Scene<'_>, &str, &str) -> Told,
}

/// A refusal, told.
pub(super) struct Told {
    /// What is wrong, without whom it hits.
    pub says: String,
    /// What shows it beside the server's words.
    pub evidence: Vec<String>,
    /// What to type to see it.
    pub command: String,
    /// What to do first.
    pub remedy: String,
}

/// Gives each workload whose pods are refused so, and what Helm itself was refused.
pub(super) fn rule(scene: &Scene<'_>, refusal: &Refusal) -> Vec<Cause> {
    let mut found: Vec<Cause> = workloads(scene).iter().filter_map(|workload| of(scene, workload, refusal)).collect();
    found.extend(described(scene, refusal));
    found
}

/// The workload's cause, if its pods are refused so.
pub(super) fn of(scene: &Scene<'_>, workload: &Workload<'_>, refusal: &Refusal) -> Option<Cause> {
    let (message, line, confidence) = refused(scene, workload, refusal.is)?;
    let told = (refusal.tell)(scene, workload.namespace, message);
    let mut cause = workload.cause(refusal.code, confidence, &format!("its pods are refused: {}", told.says));
    if cause.depth == depth::OBJECT {
        cause.depth = depth::BLOCKER;
    }
    cause.evidence.extend(lines(std::iter::once(line).chain(told.evidence)));
    cause.command = told.command;
    cause.remedy =
        format!("{}; the pods are then made by themselves, and if Helm gave up already, {}", told.remedy, again(scene));
    Some(cause)
}

/// The newest refusal of the workload's pods that still holds: the message, a line of evidence, how sure that it holds.
fn refused<'a>(
    scene: &'a Scene<'a>,
    workload: &Workload<'a>,
    is: fn(&str) -> bool,
) -> Option<(&'a str, String, Confidence)> {
    let condition = condition(workload.live, "ReplicaFailure").filter(|one| text(one, "/status") == "True");
    if let Some(failure) = condition.filter(|one| is(text(one, "/message"))) {
        let line = super::said::condition_line(scene, failure);
        return Some((text(failure, "/message"), line, Confidence::Certain));
    }
    if !lacks_pods(workload) {
        return None;
    }
    let events = workload.events(scene);
    let newest = |reason: &str| events.iter().copied().find(|event| text(event, "/reason") == reason);
    let failed = newest("FailedCreate").filter(|event| is(text(event, "/message")))?;
    // A pod that could be made since shows that the way is free again.
    if newest("SuccessfulCreate").and_then(event_time) > event_time(failed) {
        return None;
    }
    // Controllers try again at least every 17 minutes (1000 s, client-go `workqueue.DefaultControllerRateLimiter`).
    let confidence = if within(scene, event_time(failed), 20) { Confidence::Certain } else { Confidence::Likely };
    Some((text(failed, "/message"), event_line(scene, failed), confidence))
}

/// Whether the workload's pods are refused, whatever for.
pub(super) fn is_refused(scene: &Scene<'_>, workload: &Workload<'_>) -> bool {
    refused(scene, workload, |_| true).is_some()
}

/// Whether there are fewer pods than there are to be, as far as the counts tell.
fn lacks_pods(workload: &Workload<'_>) -> bool {
    let count = |object: &Value, pointer: &str| number(object, pointer);
    let (want, have) = match (workload.kind, workload.replica_set) {
        ("Deployment", Some(set)) => (count(set, "/spec/replicas"), count(set, "/status/replicas")),
        ("StatefulSet" | "ReplicaSet", _) => {
            (count(workload.live, "/spec/replicas"), count(workload.live, "/status/replicas"))
        }
        ("DaemonSet", _) => (
            count(workload.live, "/status/desiredNumberScheduled"),
            count(workload.live, "/status/currentNumberScheduled"),
        ),
        _ => (None, None),
    };
    want.is_none_or(|want| have.unwrap_or(0) < want)
}

/// What Helm itself was refused, as far as the description of the failed revision tells.
fn described(scene: &Scene<'_>, refusal: &Refusal) -> Vec<Cause> {
    refusals(scene.case).iter().filter(|one| (refusal.is)(one.raw)).map(|one| told(scene, refusal, one)).collect()
}

fn told(scene: &Scene<'_>, refusal: &Refusal, one: &words::Refusal<'_>) -> Cause {
    let told = (refusal.tell)(scene, &scene.case.seen.id.namespace, one.raw);
    let what = refused_object(scene, one.raw).unwrap_or_else(|| one.words());
    Cause {
        code: refusal.code,
        confidence: Confidence::Certain,
        summary: format!("{what} was refused: {}", told.says),
        evidence: lines(std::iter::once(format!("Helm: {}", said(&one.text))).chain(told.evidence)),
        command: told.command,
        remedy: format!("{}; then {}", told.remedy, again(scene)),
        depth: depth::BLOCKER,
    }
}

/// The description of a failed revision, on one line; `None` if it hasn't failed.
pub(super) fn description(scene: &Scene<'_>) -> Option<String> {
    let newest = scene.case.newest.filter(|newest| newest.status() == Status::Failed)?;
    Some(one_line(&newest.opened.description))
}

/// The same as evidence: without the values that it quotes.
pub(super) fn helm_line(scene: &Scene<'_>) -> Option<String> {
    description(scene).map(|words| format!("Helm: {}", said(&words::shown(&words, false))))
}

/// How the API server begins a refusal: `pods "web" is forbidden`.
static REFUSED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?P<kind>[a-z][a-z.]{1,252}) "(?P<name>[^"]{1,253})" is forbidden"#).ok());

/// Which object was refused, in our words.
fn refused_object(scene: &Scene<'_>, raw: &str) -> Option<String> {
    let found = REFUSED.as_ref()?.captures(raw)?;
    let (kind, name) = (found.name("kind")?.as_str(), found.name("name")?.as_str());
    Some(object_words(scene, kind, name))
}

/// The release's object or hook that the server calls `services "web"`, or those words.
pub(super) fn object_words(scene: &Scene<'_>, resource: &str, name: &str) -> String {
    let plural = resource.split('.').next().unwrap_or(resource);
    let stem = |kind: &str| kind.to_lowercase().trim_end_matches('y').to_owned();
    let hooks = scene.operation.before.iter().chain(&scene.operation.after);
    let mut hooks = hooks.filter(|hook| hook.hook.name == name && plural.starts_with(&stem(&hook.hook.kind)));
    if let Some(hook) = hooks.next() {
        return format!("{} hook {}", hook.event, hook.words());
    }
    let mut objects =
        scene.case.objects.iter().filter(|object| object.name == name && plural.starts_with(&stem(object.kind)));
    objects.next().map_or_else(|| one_line(&format!("{plural}/{name}")), super::Object::words)
}

/// The refusal in the server's words, from where it begins.
pub(super) fn from<'m>(message: &'m str, words: &str) -> &'m str {
    message.find(words).and_then(|at| message.get(at..)).unwrap_or(message)
}

/// The same, short enough for a summary.
pub(super) fn briefly_from(message: &str, words: &str) -> String {
    briefly(from(message, words))
}
