//! Objects that belong to another release, or to nobody whom Helm knows.

use super::words::{cause, refusals, see};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::case::{Object, text};
use crate::observe::OperationKind;
use crate::record::Status;
use crate::report::one_line;

const RELEASE: &str = "/metadata/annotations/meta.helm.sh~1release-name";
const NAMESPACE: &str = "/metadata/annotations/meta.helm.sh~1release-namespace";

/// Gives objects that the release doesn't own (Helm 4.3 `pkg/action/validate.go:checkOwnership`).
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    if scene.case.status() == Status::Uninstalled {
        return Vec::new();
    }
    let mut found: Vec<Cause> = scene.case.objects.iter().filter_map(|object| foreign(scene, object)).collect();
    let said = refusals(scene.case)
        .into_iter()
        .filter(|refusal| refusal.raw.contains("cannot be imported into the current release"));
    for refusal in said {
        let words = refusal.words();
        if found.iter().any(|cause| cause.summary.starts_with(&words)) {
            continue;
        }
        let summary = format!("{words} was there already and isn't this release's, so Helm did not touch it");
        let mut cause = cause("ownership-conflict", Confidence::Certain, depth::BLOCKER, summary);
        cause.evidence.push(refusal.text.clone());
        cause.remedy = remedy("").to_owned();
        found.push(cause);
    }
    found
}

fn foreign(scene: &Scene<'_>, object: &Object<'_>) -> Option<Cause> {
    let live = object.live.found()?;
    object.new?;
    let id = &scene.case.seen.id;
    let (release, namespace) = (text(live, RELEASE), text(live, NAMESPACE));
    if release == id.name && namespace == id.namespace {
        return None;
    }
    let unmarked = release.is_empty() && namespace.is_empty();
    // Helm asks for its marks only where it has yet to adopt an object; those that others take away later don't hinder it.
    let adopts = object.old.is_none()
        && matches!(scene.operation.kind, OperationKind::Install | OperationKind::Upgrade)
        && object.written < scene.operation.began;
    if unmarked && !adopts {
        return None;
    }
    let whose = match (release, namespace) {
        ("", "") => "was there already and is no release's".to_owned(),
        (release, space) if space == id.namespace || space.is_empty() => format!("belongs to release {release}"),
        (release, space) => format!("belongs to release {release} in namespace {space}"),
    };
    let summary = one_line(&format!("{} {whose}; Helm would not have touched it", object.words()));
    let mut cause = cause("ownership-conflict", Confidence::Certain, depth::BLOCKER, summary);
    if unmarked {
        cause.evidence.push("it bears none of Helm's ownership annotations".to_owned());
    } else {
        cause.evidence.push(one_line(&format!("its annotations say release {release} in namespace {namespace}")));
    }
    if !unmarked && object.standing.side == crate::compare::Side::NotOurs && !scene.case.is_open() {
        cause.evidence.push("an uninstall or upgrade of either release changes what the other one has".to_owned());
    }
    cause.command = see(object.kind, object.namespace, object.name);
    cause.remedy = remedy(release).to_owned();
    Some(cause)
}

fn remedy(release: &str) -> &'static str {
    match release {
        "" => "give it another name in the chart, or hand it over: helm upgrade --take-ownership",
        _ => {
            "give it another name in one of the two charts; handing it over (helm upgrade --take-ownership) takes it from the other"
        }
    }
}
