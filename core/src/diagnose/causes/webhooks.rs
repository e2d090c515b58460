//! Admission webhooks that don't answer, take too long, or say no.

use std::collections::{BTreeMap, BTreeSet};

use super::around::warnings;
use super::refusal::{description, helm_line};
use super::scope::{Backend, Hook, backend, hooks};
use super::words::{add, after, arg, cause, quoted, refusals, shown};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::case::{Case, Object};
use crate::diagnose::hooks::HookRun;
use crate::diagnose::liveness::LivenessVerdict;
use crate::diagnose::operation::Phase;
use crate::observe::{Kind, Live, OperationKind};
use crate::report::one_line;

/// From how many seconds on webhooks explain that nothing is seen of Helm for a while.
const LONG: i64 = 15;

/// Gives webhooks that stand in the way.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let said = said(scene);
    let mut found: Vec<Cause> = denied(scene, &said);
    let called = unanswered(scene, &said);
    let named: Vec<&str> = called.iter().map(|(name, _)| name.as_str()).collect();
    found.extend(dead(scene, &named));
    found.extend(called.into_iter().map(|(_, cause)| cause));
    if found.is_empty() {
        found.extend(slow(scene));
    }
    found
}

/// Takes a case; gives the configurations of the release's own whose webhooks nothing answers, and that refuse what isn't answered.
pub fn own_dead_webhooks(case: &Case<'_>) -> BTreeSet<(Kind, String)> {
    let dead = |hook: &Hook<'_>| {
        hook.fails() && hook.is_configured_by(case) && matches!(backend(case, hook), Backend::Dead(_))
    };
    let found = hooks(case).into_iter().filter(dead);
    found.map(|hook| (hook.configuration(), hook.configured_in().to_owned())).collect()
}

/// Words about webhooks: Helm's, or an event's.
struct Said<'a> {
    raw: &'a str,
    text: String,
    what: String,
    when: Option<String>,
}

fn said<'a>(scene: &Scene<'a>) -> Vec<Said<'a>> {
    let mut found: Vec<Said<'a>> = refusals(scene.case)
        .into_iter()
        .map(|refusal| Said { raw: refusal.raw, what: refusal.words(), text: refusal.text, when: None })
        .collect();
    found.extend(warnings(scene).into_iter().map(|warning| Said {
        raw: warning.message,
        text: shown(warning.message, false),
        what: format!("the pods of {}", warning.words()),
        when: Some(warning.when(scene)),
    }));
    found
}

impl Said<'_> {
    fn line(&self) -> String {
        match &self.when {
            Some(when) => format!("{} ({when})", self.text),
            None => self.text.clone(),
        }
    }
}

/// The webhook or policy that said no, as the server names it (Kubernetes 1.35 apiserver
/// `pkg/admission/plugin/webhook/errors/statuserror.go`, `pkg/admission/plugin/policy/validating/dispatcher.go`).
fn denier(raw: &str) -> Option<(&'static str, &str)> {
    if raw.contains("denied the request") {
        return Some(("webhook", quoted(raw, "admission webhook ")?));
    }
    let rest = after(raw, "ValidatingAdmissionPolicy '")?;
    rest.contains("denied request").then_some(())?;
    Some(("policy", rest.split_once('\'')?.0))
}

fn denied(scene: &Scene<'_>, said: &[Said<'_>]) -> Vec<Cause> {
    let mut causes: BTreeMap<(&str, &str), Cause> = BTreeMap::new();
    for words in said {
        let Some((what, name)) = denier(words.raw) else { continue };
        let reason = after(words.raw, "denied the request: ").or_else(|| after(words.raw, "denied request: "));
        let reason = reason.map(|reason| format!(": {}", shown(reason, false))).unwrap_or_default();
        let entry = causes.entry((what, name)).or_insert_with(|| {
            let summary = format!("{what} {} denies {}{reason}", one_line(name), words.what);
            let mut cause = cause("webhook-denied", Confidence::Certain, depth::BLOCKER, summary);
            cause.remedy = "change the chart or its values so that the object is allowed, or have the rule changed by \
                            whom it belongs to"
                .to_owned();
            cause.command = match hooks(scene.case).iter().find(|hook| hook.name() == name) {
                Some(hook) => hook.see(),
                None if what == "policy" => format!("kubectl get validatingadmissionpolicy {} -o yaml", arg(name)),
                None => "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations".to_owned(),
            };
            cause
        });
        add(&mut entry.evidence, words.line());
    }
    causes.into_values().collect()
}

/// Webhooks that were called in vain (Kubernetes 1.35 apiserver `pkg/admission/plugin/webhook/errors`), by name.
fn unanswered(scene: &Scene<'_>, said: &[Said<'_>]) -> Vec<(String, Cause)> {
    let known = hooks(scene.case);
    let mut causes: BTreeMap<&str, Cause> = BTreeMap::new();
    for words in said {
        let Some(name) = quoted(words.raw, "failed calling webhook ") else { continue };
        let hook = known.iter().find(|hook| hook.name() == name);
        let behind = hook.map_or(Backend::Unknown, |hook| backend(scene.case, hook));
        let entry = causes.entry(name).or_insert_with(|| {
            let slow = ["context deadline exceeded", "Client.Timeout exceeded", "i/o timeout"]
                .iter()
                .any(|word| words.raw.contains(word));
            match (slow, &behind) {
                (true, Backend::Alive | Backend::Unknown) => too_slow(name, hook, words),
                _ => unavailable(scene, name, hook, &behind, &words.what),
            }
        });
        add(&mut entry.evidence, words.line());
    }
    for (name, cause) in &mut causes {
        if let Some(hook) = known.iter().find(|hook| hook.name() == *name) {
            add(&mut cause.evidence, hook.words());
            cause.evidence.extend(own_words(scene, hook));
        }
    }
    causes.into_iter().map(|(name, cause)| (name.to_owned(), cause)).collect()
}

fn own_words(scene: &Scene<'_>, hook: &Hook<'_>) -> Option<String> {
    let words = "it belongs to this very release: Helm can't bring up what answers it while it refuses Helm's objects";
    hook.is_own(scene.case).then(|| words.to_owned())
}

fn too_slow(name: &str, hook: Option<&Hook<'_>>, words: &Said<'_>) -> Cause {
    let wait = hook.map(|hook| format!(" within {}s", hook.seconds())).unwrap_or_default();
    let summary = format!("webhook {} did not answer{wait}, so {} was refused", one_line(name), words.what);
    let mut cause = cause("webhook-slow", Confidence::Certain, depth::BLOCKER, summary);
    cause.command = hook.map_or_else(String::new, Hook::command);
    cause.remedy =
        "see why what answers it is slow (overloaded, or cut off by a network policy), then run Helm again".to_owned();
    cause
}

fn unavailable(scene: &Scene<'_>, name: &str, hook: Option<&Hook<'_>>, behind: &Backend, what: &str) -> Cause {
    let state = match behind {
        Backend::Dead(why) => format!(": {why}"),
        Backend::Alive | Backend::Unknown => String::new(),
    };
    let summary = format!("webhook {} doesn't answer{state}; so {what} is refused", one_line(name));
    let mut cause = cause("webhook-unavailable", Confidence::Certain, depth::BLOCKER, summary);
    if *behind == Backend::Alive {
        cause.evidence.push("what answers it is ready by now".to_owned());
    }
    cause.command = hook.map_or_else(String::new, Hook::command);
    cause.remedy = remedy(scene, hook, behind);
    cause
}

fn remedy(scene: &Scene<'_>, hook: Option<&Hook<'_>>, behind: &Backend) -> String {
    match hook {
        Some(_) if *behind == Backend::Alive => "it is back: run Helm again".to_owned(),
        Some(hook) if hook.is_own(scene.case) => format!(
            "set failurePolicy to Ignore in {} until the release is up (nothing is checked or injected meanwhile), or \
             delete it: Helm's next upgrade puts it back",
            hook.typed()
        ),
        Some(hook) => match hook.service() {
            Some((namespace, name)) => one_line(&format!(
                "bring up what answers at service {namespace}/{name}; only if that can't be, set failurePolicy to \
                 Ignore in {}, knowing that nothing is checked or injected meanwhile",
                hook.typed()
            )),
            None => format!("bring up what answers webhook {}", one_line(hook.name())),
        },
        None => "bring up what answers the webhook".to_owned(),
    }
}

/// What an open operation has still to write: group, resource, namespace, labels, operation and words.
struct Next<'a> {
    group: &'a str,
    resource: &'a str,
    namespace: &'a str,
    labels: Option<&'a serde_json::Value>,
    operation: &'static str,
    words: String,
}

fn next_writes<'a>(scene: &Scene<'a>) -> Vec<Next<'a>> {
    let mut found: Vec<Next<'a>> = scene
        .case
        .objects
        .iter()
        .filter(|object| object.differs() && object.is_done() == Some(false))
        .filter_map(|object| next_write(scene, object))
        .collect();
    let hooks = scene.operation.before.iter().chain(&scene.operation.after);
    let hooks =
        hooks.filter(|hook| hook.run == HookRun::NeverRan).filter_map(|hook| Some((hook.words(), hook.object?)));
    found.extend(hooks.filter_map(|(words, object)| {
        let kind = scene.case.seen.kinds().any_version(&object.api_version, &object.kind)?;
        let namespace = object.namespace.as_deref().unwrap_or(&scene.case.seen.id.namespace);
        let labels = object.value.pointer("/metadata/labels");
        Some(Next { group: &kind.group, resource: &kind.resource, namespace, labels, operation: "CREATE", words })
    }));
    let waiting = scene.case.objects.iter().find(|object| {
        object.new.is_some()
            && object.is_ready() == Some(false)
            && object.live.found().is_some_and(|live| live.pointer("/spec/template").is_some())
    });
    found.extend(waiting.map(|object| Next {
        group: "",
        resource: "pods",
        namespace: object.namespace,
        labels: object.live.found().and_then(|live| live.pointer("/spec/template/metadata/labels")),
        operation: "CREATE",
        words: format!("the pods of {}", object.words()),
    }));
    found
}

fn next_write<'a>(scene: &Scene<'a>, object: &'a Object<'a>) -> Option<Next<'a>> {
    let kind = scene.case.seen.kinds().any_version(object.api_version, object.kind)?;
    let operation = match (object.new, &object.live) {
        (None, _) => "DELETE",
        (Some(_), Live::Absent) => "CREATE",
        _ => "UPDATE",
    };
    let labels = object.manifest()?.value.pointer("/metadata/labels");
    let namespace = object.namespace;
    Some(Next { group: &kind.group, resource: &kind.resource, namespace, labels, operation, words: object.words() })
}

fn matching<'a>(scene: &Scene<'a>, next: &Next<'_>) -> Vec<Hook<'a>> {
    let no_labels = serde_json::Value::Null;
    let labels = next.labels.unwrap_or(&no_labels);
    let covers = |hook: &Hook<'_>| {
        hook.on(next.operation) && hook.covers(scene.case, next.group, next.resource, next.namespace, Some(labels))
    };
    hooks(scene.case).into_iter().filter(covers).collect()
}

/// Webhooks behind which nothing is, in the way of what is still to be done.
fn dead(scene: &Scene<'_>, named: &[&str]) -> Vec<Cause> {
    if !scene.case.is_open() || matches!(scene.liveness.verdict, LivenessVerdict::Live) {
        return Vec::new();
    }
    let mut causes: BTreeMap<&str, Cause> = BTreeMap::new();
    for next in next_writes(scene) {
        for hook in matching(scene, &next).into_iter().filter(|hook| hook.fails() && !named.contains(&hook.name())) {
            let behind = backend(scene.case, &hook);
            if !matches!(behind, Backend::Dead(_)) {
                continue;
            }
            let entry = causes.entry(hook.name()).or_insert_with(|| {
                let mut cause = unavailable(scene, hook.name(), Some(&hook), &behind, &next.words);
                // Conditions can't be judged from here.
                let conditional = hook.webhook.get("matchConditions").is_some();
                cause.confidence = if conditional { Confidence::Possible } else { Confidence::Likely };
                cause.evidence.push(hook.words());
                cause.evidence.extend(own_words(scene, &hook));
                cause
            });
            add(&mut entry.evidence, format!("{} is still to be written, and it looks at that", next.words));
        }
    }
    causes.into_values().collect()
}

/// Webhooks that may hold up the next call for so long that a live Helm shows nothing of itself, or for longer than the API server
/// waits for any call (Kubernetes 1.35 apiserver `pkg/endpoints/handlers/finisher/finisher.go`), which then names none of them.
fn slow(scene: &Scene<'_>) -> Option<Cause> {
    let gave_up =
        description(scene).is_some_and(|told| told.contains("request did not complete within requested timeout"));
    let writing = matches!(scene.operation.phase, Phase::PreHooks | Phase::Apply | Phase::Prune | Phase::PostHooks);
    let running = scene.operation.before.iter().chain(&scene.operation.after).any(|hook| hook.run == HookRun::Running);
    let silent = scene.liveness.verdict == LivenessVerdict::Possible && writing && !running;
    if !(gave_up || silent) || scene.case.kind == OperationKind::None {
        return None;
    }
    let next = next_writes(scene).into_iter().next()?;
    let matching = matching(scene, &next);
    let seconds = |mutating: bool| matching.iter().filter(move |hook| hook.mutating == mutating).map(Hook::seconds);
    // Mutating ones are asked one after another, validating ones all at once.
    let total: i64 = seconds(true).sum::<i64>() + seconds(false).max().unwrap_or(0);
    let slowest = matching.iter().max_by_key(|hook| hook.seconds())?;
    if total < LONG {
        return None;
    }
    let summary = match matching.len() {
        count if gave_up => {
            let webhooks = if count == 1 { "a webhook".to_owned() } else { format!("{count} webhooks") };
            format!("the API server gave up waiting for {webhooks} that may take {total}s for {}", next.words)
        }
        1 => format!("webhook {} may hold up {} for {total}s", one_line(slowest.name()), next.words),
        count => format!("{count} webhooks may together hold up {} for {total}s", next.words),
    };
    let confidence = if gave_up { Confidence::Likely } else { Confidence::Possible };
    let mut cause = cause("webhook-slow", confidence, depth::BLOCKER, summary);
    cause.evidence.extend(helm_line(scene).filter(|_| gave_up));
    cause.evidence.extend(matching.iter().map(Hook::words));
    cause.command = slowest.command();
    let name = one_line(slowest.name());
    cause.remedy = match gave_up {
        true => format!("see why what answers webhook {name} is slow, then run Helm again"),
        false => format!("wait {total}s and look again; if it goes on no faster, see what answers webhook {name}"),
    };
    Some(cause)
}
