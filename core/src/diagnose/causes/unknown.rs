//! Nothing that was read explains it: says what was looked at, so that nobody looks there again.

use super::words::{cause, refusals, shown};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::case::Case;
use crate::diagnose::liveness::LivenessVerdict;
use crate::diagnose::unknowns::unknowns;
use crate::observe::{Read, known};
use crate::record::Status;
use crate::report::counted;

/// Takes what the rules found; gives that nothing is known, where the release isn't well and nothing was found.
pub fn left_over(scene: &Scene<'_>, found: &[Cause]) -> Option<Cause> {
    if found.iter().any(|cause| cause.depth != depth::ASIDE) || is_well(scene) {
        return None;
    }
    let mut cause = cause("unknown", Confidence::Possible, depth::CONSEQUENCE, summary(scene));
    let description = scene.case.newest.map(|newest| newest.opened.description.as_str()).unwrap_or_default();
    if scene.case.status() == Status::Failed {
        match refusals(scene.case).as_slice() {
            [] if description.is_empty() => cause.evidence.push("its record gives no reason".to_owned()),
            [] => cause.evidence.push(shown(description, false)),
            all => cause.evidence.extend(all.iter().take(3).map(|refusal| refusal.text.clone())),
        }
    }
    cause.evidence.push(looked_at(scene.case));
    if let count @ 1.. = unknowns(scene.case).len() {
        cause.evidence.push(format!("{} could not be seen, which may hide it", counted(count, "thing")));
    }
    let (name, namespace) = (&scene.case.seen.id.name, &scene.case.seen.id.namespace);
    cause.command = format!("kubectl get events -n {namespace} --sort-by=.lastTimestamp");
    cause.remedy = if scene.case.status() == Status::Failed {
        format!("read Helm's words, and see the log of whatever ran Helm on {name}")
    } else {
        String::new()
    };
    Some(cause)
}

fn is_well(scene: &Scene<'_>) -> bool {
    let unready = scene.case.objects.iter().any(|object| object.new.is_some() && object.is_ready() == Some(false));
    match scene.case.status() {
        Status::Deployed => !unready,
        Status::Uninstalled | Status::Superseded => true,
        _ => scene.liveness.verdict == LivenessVerdict::Live,
    }
}

fn summary(scene: &Scene<'_>) -> String {
    match scene.case.status() {
        Status::Failed => "nothing that was read explains the failure beyond Helm's own words".to_owned(),
        Status::Deployed => {
            let unready =
                scene.case.objects.iter().find(|object| object.new.is_some() && object.is_ready() == Some(false));
            let what = unready.map(crate::diagnose::case::Object::words).unwrap_or_default();
            format!("{what} isn't ready, and nothing that was read explains why")
        }
        _ => "nothing that was read explains it".to_owned(),
    }
}

fn looked_at(case: &Case<'_>) -> String {
    let namespace = &case.seen.id.namespace;
    let mut parts = vec![counted(case.seen.history.records().len(), "record"), counted(case.objects.len(), "object")];
    if !case.pods().is_empty() {
        parts.push(counted(case.pods().len(), "pod"));
    }
    let lists = [
        (known::events(), namespace.as_str(), "event"),
        (known::quotas(), namespace.as_str(), "quota"),
        (known::mutating_webhooks(), "", "mutating webhook"),
        (known::validating_webhooks(), "", "validating webhook"),
    ];
    for (kind, place, word) in lists {
        if let Some(items) = case.list(&Read::list(&kind, place, "")) {
            parts.push(counted(items.len(), word));
        }
    }
    format!("looked at: {}", parts.join(", "))
}
