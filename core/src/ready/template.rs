//! Which ReplicaSet is a Deployment's newest: the one with the same pod template.

use serde_json::{Map, Value};

use super::fields::{Fault, at, text_or, time};
use super::quantity::same_amount;
use super::selector::{controls, selected};

/// Takes a live Deployment and ReplicaSets that were read; gives the ReplicaSet of its present template, if there is one
/// yet: the oldest if several have it, by name if they are as old as each other (Helm 3.22.0
/// `internal/third_party/k8s.io/kubernetes/deployment/util/deploymentutil.go:GetNewReplicaSet,FindNewReplicaSet`).
pub(super) fn newest_replica_set<'a>(deployment: &Value, sets: &'a [Value]) -> Result<Option<&'a Value>, Fault> {
    let template = at(deployment, "spec.template");
    let same = |set: &&Value| controls(deployment, set) && same_template(template, at(set, "spec.template"));
    let age = |set: &&Value| (time(set, "metadata.creationTimestamp"), text_or(set, "metadata.name", "").to_owned());
    Ok(selected(deployment, sets)?.into_iter().filter(same).min_by_key(age))
}

/// Whether two templates are the same but for the label that carries the template's hash
/// (`deploymentutil.go:EqualIgnoreHash`).
///
/// What is compared are objects as one API server gives them, with the same defaults and in the same form, so that only
/// this has to be done as Kubernetes' types would: an empty list or map is an absent one, and amounts are compared as such.
fn same_template(one: Option<&Value>, other: Option<&Value>) -> bool {
    let (mut one, mut other) = (one.cloned(), other.cloned());
    for template in [&mut one, &mut other].into_iter().flatten() {
        if let Some(Value::Object(labels)) = template.pointer_mut("/metadata/labels") {
            labels.remove("pod-template-hash");
        }
    }
    same("", one.as_ref(), "template", other.as_ref())
}

/// Fields that hold a map, in which empty is absent; in other fields `{}` says that something is there.
const MAPS: [&str; 8] =
    ["labels", "annotations", "nodeSelector", "matchLabels", "limits", "requests", "overhead", "volumeAttributes"];

/// Fields whose members are amounts.
const AMOUNTS: [&str; 3] = ["limits", "requests", "overhead"];

/// Compares what stands in the field `key` of the field `parent`. As deep as the values, whose readers have limits.
fn same(parent: &str, one: Option<&Value>, key: &str, other: Option<&Value>) -> bool {
    match (one.filter(|one| !nothing(key, one)), other.filter(|other| !nothing(key, other))) {
        (None, None) => true,
        (Some(Value::Object(one)), Some(Value::Object(other))) => same_members(one, key, other),
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| same(parent, Some(one), "", Some(other)))
        }
        (Some(one), Some(other)) if AMOUNTS.contains(&parent) || matches!(key, "sizeLimit" | "divisor") => {
            same_amount(&written(one), &written(other))
        }
        (one, other) => one == other,
    }
}

fn same_members(one: &Map<String, Value>, key: &str, other: &Map<String, Value>) -> bool {
    let mut names: Vec<&String> = one.keys().chain(other.keys()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().all(|name| same(key, one.get(name), name, other.get(name)))
}

fn nothing(key: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty() && MAPS.contains(&key),
        _ => false,
    }
}

/// An amount, which may be written as a number.
fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn templates_are_compared_as_kubernetes_types_are() {
        let base = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "x", "image": "i",
            "resources": {"limits": {"cpu": "500m"}}}], "volumes": [{"name": "v", "emptyDir": {}}]}});
        let with = |pointer: &str, value: Value| {
            let mut changed = base.clone();
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            changed.pointer_mut(parent).unwrap()[key] = value;
            changed
        };
        let same = [
            with("/metadata/labels/pod-template-hash", json!("123")),
            with("/metadata/creationTimestamp", Value::Null),
            with("/metadata/annotations", json!({})),
            with("/spec/nodeSelector", json!({})),
            with("/spec/tolerations", json!([])),
            with("/spec/containers/0/resources", json!({"limits": {"cpu": "0.5"}})),
        ];
        for other in same {
            assert!(same_template(Some(&base), Some(&other)), "{other}");
        }
        let different = [
            with("/metadata/labels/a", json!("c")),
            with("/spec/containers/0/image", json!("j")),
            with("/spec/containers/0/securityContext", json!({})),
            with("/spec/containers/0/resources", json!({"limits": {"cpu": "1"}})),
            with("/spec/volumes", json!([{"name": "v"}])),
            with("/spec/volumes", json!([])),
        ];
        for other in different {
            assert!(!same_template(Some(&base), Some(&other)), "{other}");
        }
        assert!(same_template(None, None) && !same_template(Some(&base), None));
    }
}
