//! What the API server refused of Helm, in its own words: rights, malformed objects, fields that others own.

use std::collections::{BTreeMap, BTreeSet};

use super::immutable::is_immutable;
use super::words::{Refusal, add, after, arg, cause, look, quoted, refusals};
use super::{Cause, Confidence, Scene, depth};
use crate::report::one_line;

/// Gives refusals of objects; those of hooks are told with the hooks.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let said: Vec<Refusal<'_>> = refusals(scene.case).into_iter().filter(|refusal| !refusal.hook).collect();
    let mut found = forbidden(&said);
    found.extend(said.iter().filter_map(|refusal| conflict(scene, refusal)));
    found.extend(said.iter().filter_map(|refusal| invalid(scene, refusal)));
    found
}

/// The words of Kubernetes' authorizer (Kubernetes 1.35 apiserver
/// `pkg/endpoints/handlers/responsewriters/errors.go:forbiddenMessage`).
fn forbidden(said: &[Refusal<'_>]) -> Vec<Cause> {
    let mut causes: BTreeMap<&str, Cause> = BTreeMap::new();
    for refusal in said {
        let Some(user) = quoted(refusal.raw, "is forbidden: User ") else { continue };
        let right = right(refusal.raw);
        let entry = causes.entry(user).or_insert_with(|| {
            let (verb, resource, place) = &right;
            let who = one_line(user);
            let summary = format!("{who}, as whom Helm ran, may not {verb} {resource}{place}");
            let mut cause = cause("forbidden", Confidence::Certain, depth::BLOCKER, summary);
            cause.command =
                format!("kubectl auth can-i {} {} --as={}{}", arg(verb), arg(resource), arg(user), flag(place));
            cause
        });
        add(&mut entry.evidence, refusal.text.clone());
        let (verb, resource, place) = right;
        let needs = format!("{verb} {resource}{place}");
        entry.remedy = match entry.remedy.is_empty() {
            true => format!("grant it: {needs}; then run Helm again"),
            false if entry.remedy.contains(&needs) => entry.remedy.clone(),
            false => entry.remedy.replace("; then run", &format!(", {needs}; then run")),
        };
    }
    causes.into_values().collect()
}

/// Verb, resource and ` in namespace`.
fn right(raw: &str) -> (String, String, String) {
    let verb = after(raw, "\" cannot ").and_then(|rest| rest.split(' ').next()).unwrap_or("use");
    let resource = quoted(raw, " resource ").unwrap_or("it");
    let group = quoted(raw, "in API group ").unwrap_or_default();
    let typed = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
    let place = match quoted(raw, "in the namespace ") {
        Some(namespace) => format!(" in {namespace}"),
        None if raw.contains("at the cluster scope") => " of the whole cluster".to_owned(),
        None => String::new(),
    };
    (one_line(verb), one_line(&typed), place_line(&place))
}

fn place_line(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!(" {}", one_line(place)) }
}

fn flag(place: &str) -> String {
    place.strip_prefix(" in ").map(|namespace| format!(" -n {}", arg(namespace))).unwrap_or_default()
}

/// Fields that another manager owns (Kubernetes 1.35 apimachinery `pkg/util/managedfields/internal/conflict.go`).
fn conflict(scene: &Scene<'_>, refusal: &Refusal<'_>) -> Option<Cause> {
    let words = after(refusal.raw, "Apply failed with ")?;
    let mut managers: BTreeSet<String> = BTreeSet::new();
    let mut fields: BTreeSet<String> = BTreeSet::new();
    for part in words.split("conflict with \"").skip(1).chain(words.split("conflicts with \"").skip(1)) {
        let Some((manager, rest)) = part.split_once('"') else { continue };
        managers.insert(one_line(manager));
        let rest = rest.split("conflict").next().unwrap_or(rest);
        let listed = rest.split(['\n', ' ', ',']).map(|word| word.trim_start_matches("- ").trim());
        fields.extend(listed.filter(|word| word.starts_with('.') && word.len() > 1).map(one_line));
    }
    if managers.is_empty() {
        return None;
    }
    let list = |all: &BTreeSet<String>| all.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    let what = if fields.is_empty() { "fields".to_owned() } else { list(&fields) };
    let summary = format!("{}: {what} belongs to {}, who set it since", refusal.words(), list(&managers));
    let mut cause = cause("apply-conflict", Confidence::Certain, depth::BLOCKER, summary);
    cause.evidence.push(refusal.text.clone());
    cause.evidence.extend(fields.iter().take(10).map(|field| format!("contended: {field}")));
    let look = look(scene, refusal);
    cause.command = if look.starts_with("kubectl") { format!("{look} --show-managed-fields") } else { look };
    cause.remedy = format!(
        "leave {what} out of the chart if {} is to decide it (as an autoscaler does for replicas); or upgrade with \
         --force-conflicts, which takes it away from there",
        list(&managers)
    );
    Some(cause)
}

/// Words for an object that isn't what its kind has to be.
const MALFORMED: [&str; 7] = [
    "field not declared in schema",
    "failed to create typed patch object",
    "unknown field",
    "cannot be handled as a",
    "strict decoding error",
    "cannot unmarshal",
    "failed to convert new object",
];

fn invalid(scene: &Scene<'_>, refusal: &Refusal<'_>) -> Option<Cause> {
    let malformed = MALFORMED.iter().any(|word| refusal.raw.contains(word));
    let is_invalid = refusal.raw.contains(" is invalid:") && !is_immutable(refusal);
    if !(malformed || is_invalid) || refusal.raw.contains("admission webhook \"") {
        return None;
    }
    let detail = after(&refusal.text, " is invalid: ")
        .or_else(|| after(&refusal.text, "Kind=").and_then(|rest| after(rest, ": ")));
    let detail = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
    let summary = format!("{} isn't valid{detail}", refusal.words());
    let mut cause = cause("invalid-object", Confidence::Certain, depth::BLOCKER, summary);
    cause.evidence.push(refusal.text.clone());
    let (name, namespace) = (&scene.case.seen.id.name, &scene.case.seen.id.namespace);
    cause.command =
        format!("helm get manifest {name} -n {namespace} | kubectl apply -n {namespace} --dry-run=server -f -");
    cause.remedy = "correct the chart or its values, and upgrade again".to_owned();
    Some(cause)
}
