//! All work is done and only the records don't say so: the last write is missing, or it is refused.

use serde_json::{Value, json};

use super::scope::{Backend, Hook, backend, hooks};
use super::words::{arg, cause};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::case::{list, text, time};
use crate::diagnose::liveness::LivenessVerdict;
use crate::diagnose::operation::Phase;
use crate::observe::{OperationKind, Read, known};
use crate::record::{Driver, MAX_STORED};
use crate::report::age;

/// What a last write adds to a record, in bytes as stored: the time and phase of each hook, and a longer description.
const GROWTH: usize = 40;
const GROWTH_PER_HOOK: usize = 60;

/// Gives that the last write is missing, and what may have refused it.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let done = matches!(scene.operation.phase, Phase::Supersede | Phase::FinalWrite | Phase::Purge);
    if !scene.case.is_open() || !done || scene.liveness.verdict == LivenessVerdict::Live {
        return Vec::new();
    }
    let mut found: Vec<Cause> = too_big(scene).into_iter().collect();
    found.extend(refused(scene));
    let doubted = found.iter().any(|cause| cause.confidence >= Confidence::Likely);
    let missing = missing(scene, doubted);
    found.push(missing);
    found
}

fn missing(scene: &Scene<'_>, doubted: bool) -> Cause {
    let revision = scene.case.newest.map(|newest| newest.opened.revision).unwrap_or_default();
    let certain = scene.operation.phase != Phase::Supersede || scene.liveness.verdict == LivenessVerdict::Stale;
    let confidence = match (doubted, certain && scene.liveness.verdict == LivenessVerdict::Stale) {
        (false, true) => Confidence::Certain,
        (true, _) => Confidence::Possible,
        (false, false) => Confidence::Likely,
    };
    let summary = match (scene.operation.phase, scene.operation.kind) {
        (Phase::Purge, _) => {
            "everything is deleted; only the records are left, as Helm ended before it deleted them".to_owned()
        }
        (Phase::Supersede, _) => {
            format!("all work of revision {revision} is done; that is missing from the records, old and new")
        }
        (_, OperationKind::Install) => {
            format!("all work of revision {revision} is done; only that it is deployed was never recorded")
        }
        _ => format!(
            "all work of revision {revision} is done, the old one is marked superseded; only the last write is missing"
        ),
    };
    let mut cause = cause("final-write-missing", confidence, depth::BLOCKER, summary);
    cause.evidence.push(scene.operation.because.clone());
    if scene.operation.of > 0 {
        cause.evidence.push(format!("{} of {} changes are made", scene.operation.done, scene.operation.of));
    }
    let (name, namespace) = (&scene.case.seen.id.name, &scene.case.seen.id.namespace);
    cause.command = format!("refloat history {name} -n {namespace}");
    cause
}

/// Whether the record with what is to be added is larger than the server stores.
fn too_big(scene: &Scene<'_>) -> Option<Cause> {
    let newest = scene.case.newest.filter(|_| scene.case.seen.driver != Driver::Sql)?;
    let hooks = scene.operation.before.len() + scene.operation.after.len();
    let stored = newest.opened.stored;
    let adds = GROWTH + GROWTH_PER_HOOK * hooks;
    if stored + adds <= MAX_STORED || stored > MAX_STORED {
        return None;
    }
    let revision = newest.opened.revision;
    let summary = format!(
        "the record of revision {revision} is so near the limit of {MAX_STORED} bytes that its last write doesn't fit"
    );
    let mut cause = cause("over-1-mib", Confidence::Likely, depth::ROOT, summary);
    cause.evidence.push(format!("{stored} bytes are stored; the end of an operation adds up to {adds} more"));
    cause.command = format!("refloat history {} -n {}", scene.case.seen.id.name, scene.case.seen.id.namespace);
    cause.remedy = "make the chart smaller before the next upgrade: files that no template needs are stored, too \
                    (.helmignore leaves them out)"
        .to_owned();
    Some(cause)
}

/// What may have refused the write.
fn refused(scene: &Scene<'_>) -> Vec<Cause> {
    if scene.case.seen.driver == Driver::Sql {
        return Vec::new();
    }
    let mut found = Vec::new();
    found.extend(rights(scene));
    found.extend(webhooks(scene));
    found.extend(quota(scene));
    found
}

fn resource(scene: &Scene<'_>) -> &'static str {
    if scene.case.seen.driver == Driver::ConfigMap { "configmaps" } else { "secrets" }
}

fn record_cause(scene: &Scene<'_>, confidence: Confidence, why: &str) -> Cause {
    let summary = format!("all work is done, and the record could not be written: {why}");
    let mut cause = cause("record-write-refused", confidence, depth::ROOT, summary);
    cause.evidence.push(scene.operation.because.clone());
    cause
}

/// Whoever asks may well be who deployed.
fn rights(scene: &Scene<'_>) -> Option<Cause> {
    let namespace = &scene.case.seen.id.namespace;
    let answer = scene.case.seen.answer(&Read::Rules { namespace: namespace.clone() })?.found()?;
    let resource = resource(scene);
    if answer.pointer("/status/incomplete").and_then(Value::as_bool) == Some(true) || may(answer, "update", resource) {
        return None;
    }
    // Who may not even create them hasn't written this one.
    let creates = may(answer, "create", resource);
    let confidence = if creates { Confidence::Likely } else { Confidence::Possible };
    let mut cause = record_cause(scene, confidence, &format!("who may not update {resource} can't end an operation"));
    cause.evidence.push(if creates {
        format!("you may create {resource} in {namespace}, but not update them; if Helm ran with your rights, neither may it")
    } else {
        format!("you may not update {resource} in {namespace}; whether that holds for who ran Helm isn't known")
    });
    cause.command = format!("kubectl auth can-i update {resource} -n {namespace}");
    cause.remedy = format!("let whoever runs Helm get, list, create, update and delete {resource} in {namespace}");
    Some(cause)
}

/// Whether rules allow a verb on a resource of the core group, whatever its name.
fn may(answer: &Value, verb: &str, resource: &str) -> bool {
    let has = |rule: &Value, field: &str, wanted: &str| {
        list(rule, field).filter_map(Value::as_str).any(|entry| entry == "*" || entry == wanted)
    };
    list(answer, "/status/resourceRules").any(|rule| {
        has(rule, "/verbs", verb)
            && has(rule, "/apiGroups", "")
            && has(rule, "/resources", resource)
            && list(rule, "/resourceNames").next().is_none()
    })
}

fn webhooks(scene: &Scene<'_>) -> Vec<Cause> {
    let resource = resource(scene);
    let namespace = &scene.case.seen.id.namespace;
    let labels = scene.case.seen.history.newest().map(|record| json!(record.labels()));
    let matching = hooks(scene.case).into_iter().filter(|hook| {
        hook.fails() && hook.covers(scene.case, "", resource, namespace, labels.as_ref()) && hook.on("UPDATE")
    });
    matching.filter_map(|hook| webhook(scene, &hook)).collect()
}

fn webhook(scene: &Scene<'_>, hook: &Hook<'_>) -> Option<Cause> {
    let resource = resource(scene);
    let written = scene.case.seen.history.newest().and_then(|record| record.written.or(record.created));
    let changed = changed(hook.configuration);
    // The record was created, so what refuses its update wasn't there then, or doesn't look at creations.
    let since = matches!((changed, written), (Some(changed), Some(written)) if changed >= written);
    let (confidence, state) = match backend(scene.case, hook) {
        Backend::Dead(why) => (Confidence::Likely, why),
        Backend::Alive if !since => return None,
        Backend::Alive => (Confidence::Possible, "it may have refused".to_owned()),
        Backend::Unknown if !hook.on("CREATE") || since => {
            (Confidence::Likely, "whether it answers can't be seen from here".to_owned())
        }
        Backend::Unknown => (Confidence::Possible, "whether it answers can't be seen from here".to_owned()),
    };
    let why = format!("webhook {} decides on every update of {resource}; {state}", hook.name());
    let mut cause = record_cause(scene, confidence, &why);
    if !hook.on("CREATE") {
        cause.evidence.push("it looks at updates and not at creations, so the record could be created".to_owned());
    }
    if let (true, Some(changed)) = (since, changed) {
        let ago = age(scene.case.seen.at.duration_since(changed));
        cause.evidence.push(format!("it was configured {ago} ago, after the record's last write"));
    }
    cause.evidence.push(hook.words());
    cause.command = hook.command();
    cause.remedy =
        format!("bring webhook {} up, or exempt Helm's {resource} from it, then finish the records", hook.name());
    Some(cause)
}

/// When a configuration was last written.
fn changed(configuration: &Value) -> Option<jiff::Timestamp> {
    let fields = list(configuration, "/metadata/managedFields").filter_map(|entry| time(entry, "/time")).max();
    fields.or_else(|| time(configuration, "/metadata/creationTimestamp"))
}

/// A quota refuses creations only: it matters where deleting and creating takes the place of an update, or a Secret too many.
fn quota(scene: &Scene<'_>) -> Vec<Cause> {
    let namespace = &scene.case.seen.id.namespace;
    let resource = resource(scene);
    if scene.operation.phase == Phase::Purge {
        return Vec::new();
    }
    let quotas = scene.case.list(&Read::list(&known::quotas(), namespace, "")).unwrap_or_default();
    let names = [resource.to_owned(), format!("count/{resource}")];
    let mut found = Vec::new();
    for quota in quotas {
        for name in &names {
            let of = |part: &str| quota.pointer(&format!("/status/{part}"))?.get(name)?.as_str();
            if let (Some(hard), Some(used)) = (of("hard"), of("used"))
                && let (Ok(most), Ok(taken)) = (hard.parse::<i64>(), used.parse::<i64>())
                && taken >= most
            {
                let quota = text(quota, "/metadata/name");
                let why = format!("quota {quota} allows {hard} {resource}, and {used} are there");
                let mut cause = record_cause(scene, Confidence::Possible, &why);
                cause.depth = depth::BLOCKER;
                cause.evidence.push(
                    "a quota refuses new records, not changes of old ones: the next revision is refused".to_owned(),
                );
                cause.command = format!("kubectl describe resourcequota {} -n {namespace}", arg(quota));
                cause.remedy = format!("raise quota {quota}, or remove {resource} that nobody needs");
                found.push(cause);
            }
        }
    }
    found
}
