//! Where objects are looked for that no manifest knows any more.

use std::collections::BTreeSet;

use super::wanted::manifests;
use super::{Kind, Observation, Read};

/// The label that Helm puts on every object it applies (Helm 4.3 `pkg/action/validate.go:setMetadataVisitor`).
const MANAGED: &str = "app.kubernetes.io/managed-by=Helm";
/// The label that charts put on what they make, and that a template of pods or claims hands on.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// Kinds that such labels reach though nobody wrote the objects, or that nobody misses.
const NEVER_ORPHANS: [&str; 7] =
    ["Event", "EndpointSlice", "Endpoints", "Lease", "ReplicaSet", "ControllerRevision", "PodMetrics"];

/// Lists of what carries Helm's label, and of what carries the release's name as its instance without being Helm's, in which
/// objects are found that no manifest knows any more. Nothing is in two of them.
///
/// They are of every kind that the server lists in the release's namespace, by the instance only of Kubernetes' own and the
/// manifests' kinds; besides of the manifests' kinds that live in no namespace or that the manifests put into another.
pub fn orphan_lists(seen: &Observation) -> Vec<Read> {
    let own: BTreeSet<(&str, &str)> = manifests(seen).map(|object| (object.group(), object.kind.as_str())).collect();
    let instance = format!("{INSTANCE}={},{}", seen.id.name, MANAGED.replace('=', "!="));
    let mut reads = Vec::new();
    for kind in seen.kinds().preferred() {
        let is_own = own.contains(&(kind.group.as_str(), kind.kind.as_str()));
        if !kind.listable || NEVER_ORPHANS.contains(&kind.kind.as_str()) || !(kind.namespaced || is_own) {
            continue;
        }
        for namespace in namespaces(seen, kind) {
            reads.push(Read::metadata(kind, namespace, MANAGED));
            if is_own || is_builtin(kind) {
                reads.push(Read::metadata(kind, namespace, &instance));
            }
        }
    }
    reads
}

/// The release's own, and those into which the manifests put objects of the kind.
fn namespaces<'a>(seen: &'a Observation, kind: &Kind) -> BTreeSet<&'a str> {
    if !kind.namespaced {
        return [""].into();
    }
    let of_kind = manifests(seen).filter(|object| object.kind == kind.kind && object.group() == kind.group);
    let others = of_kind.filter_map(|object| object.namespace.as_deref());
    others.chain([seen.id.namespace.as_str()]).collect()
}

/// Whether Kubernetes itself serves it: its groups have no domain, or its own.
fn is_builtin(kind: &Kind) -> bool {
    !kind.group.contains('.') || kind.group.ends_with(".k8s.io")
}
