//! Objects that can't be changed to what a revision wants: which may be deleted and made anew, and what is lost with each.

use serde_json::Value;

use super::Refusal;
use super::work::{Applied, Replaced, stays};
use crate::diagnose::{Case, Object, text, unchangeable};
use crate::observe::Kind;

/// What goes with an object that is deleted and made anew, by group and kind. A kind that isn't here is never replaced: with it data may go,
/// as with a claim, or with a custom resource whose operator cleans up after it.
const LOST: [(&str, &str, &str); 16] = [
    ("apps", "Deployment", "its pods and older ReplicaSets, so that nothing of it runs until the new one is ready"),
    ("apps", "DaemonSet", "its pods, so that nothing of it runs until the new one is ready"),
    ("apps", "ReplicaSet", "its pods, so that nothing of it runs until the new one is ready"),
    (
        "apps",
        "StatefulSet",
        "its pods, so that nothing of it runs until the new one is ready; its claims and their data stay, and whichever have the names that \
         the new one gives are taken up as they are",
    ),
    ("batch", "Job", "its pods, their logs and that it ran; the new one runs"),
    ("", "Pod", "its logs, and what it wrote outside of volumes"),
    (
        "",
        "Service",
        "its address in the cluster, and of a load balancer the one outside; nothing answers until the new one is there",
    ),
    ("", "Secret", "what it holds now, but for the backup"),
    ("", "ConfigMap", "what it holds now, but for the backup"),
    ("rbac.authorization.k8s.io", "RoleBinding", "the rights that it gives, until the new one is there"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding", "the rights that it gives, until the new one is there"),
    (
        "storage.k8s.io",
        "StorageClass",
        "nothing that is there already; no volume is made of it until the new one is there",
    ),
    (
        "scheduling.k8s.io",
        "PriorityClass",
        "nothing that runs already; pods that name it are refused until the new one is there",
    ),
    ("networking.k8s.io", "IngressClass", "the ingresses of that class go unserved until the new one is there"),
    (
        "node.k8s.io",
        "RuntimeClass",
        "nothing that runs already; pods that name it are refused until the new one is there",
    ),
    ("discovery.k8s.io", "EndpointSlice", "the addresses in it, until the new one is there"),
];

/// Notes on everything to be applied what has to go first; refuses if that may not.
pub(super) fn replace(case: &Case<'_>, apply: &mut [Applied]) -> Result<(), Refusal> {
    for (object, field) in unchangeable(case) {
        let read = object.new.and_then(|new| case.seen.read_of(new));
        let (Some(read), Some(live)) = (read, object.live.found()) else { continue };
        let Some(applied) = apply.iter_mut().find(|applied| applied.read == read) else { continue };
        // What differs may be somebody else's, and stay.
        if applied.merged(live).is_ok_and(|merged| merged == *live) {
            continue;
        }
        if let Some(why) = irreplaceable(case, object, live) {
            let what = format!("{} can't be changed to it ({field}) and isn't replaced: {why}", object.words());
            return Err(Refusal::NotApplicable(what));
        }
        applied.replaces = Some(Replaced { uid: text(live, "/metadata/uid").to_owned(), field });
    }
    Ok(())
}

/// Why an object may not be deleted for another to be made in its place.
fn irreplaceable(case: &Case<'_>, object: &Object<'_>, live: &Value) -> Option<String> {
    if let Some(why) = stays(&case.seen.id, live, true) {
        return Some(why);
    }
    match object.kind {
        "PersistentVolumeClaim" | "PersistentVolume" => {
            Some("its data may go with it; change the chart back, or move the data to one of another name".to_owned())
        }
        "CustomResourceDefinition" => Some("every object of its kind would go with it, in all namespaces".to_owned()),
        "StatefulSet" if takes_claims(live) => Some(
            "its claims would go with it; set persistentVolumeClaimRetentionPolicy.whenDeleted to Retain first"
                .to_owned(),
        ),
        _ if lost(object.new?.group(), object.kind).is_none() => {
            Some("what would go with one of its kind isn't known; ask whoever answers for it".to_owned())
        }
        _ => None,
    }
}

/// Whether a StatefulSet's claims go with it.
fn takes_claims(live: &Value) -> bool {
    text(live, "/spec/persistentVolumeClaimRetentionPolicy/whenDeleted") == "Delete"
}

fn lost(group: &str, kind: &str) -> Option<&'static str> {
    LOST.iter().find(|(of, named, _)| *of == group && *named == kind).map(|(_, _, lost)| *lost)
}

/// Takes an object that is deleted with all others of its release; says what is lost with it.
pub(super) fn cleared(kind: &Kind, words: &str, live: &Value) -> String {
    if kind.kind == "StatefulSet" && takes_claims(live) {
        return format!("{words}: its pods and, as its retention policy says so, its claims and their data");
    }
    match lost(&kind.group, &kind.kind) {
        Some(lost) => format!("{words}: {lost}"),
        None => format!("{words}, and whatever goes with one of its kind"),
    }
}

/// Takes what is applied and the object as it is; says what is lost with what has to go first.
pub(super) fn loss(applied: &Applied, live: &Value) -> Option<String> {
    let replaced = applied.replaces.as_ref().filter(|replaced| replaced.is(live))?;
    let version = text(&applied.object, "/apiVersion");
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let lost = lost(group, text(&applied.object, "/kind"))?;
    Some(format!("{}, deleted and made anew as {} can't be changed: {lost}", applied.words, replaced.field))
}
