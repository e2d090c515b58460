//! The label selector by which a workload finds its ReplicaSets and Pods, and which of those that were read are its own.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Children;
use super::fields::{Fault, at, maybe_list, nested, text, text_or};
use super::kind::{Kind, kind};
use crate::inventory::Selector;

/// Takes a workload; gives its selector as the API's `labelSelector` parameter takes it, empty for everything.
///
/// A ReplicationController's is a map of labels. A selector that isn't there selects everything in Helm 3, as the text of
/// "nothing" is empty (apimachinery 0.37 `labels/selector.go:nothingSelector.String`).
pub(super) fn label_selector(workload: &Value) -> Result<String, Fault> {
    if kind(workload) == "ReplicationController" {
        return Ok(equalities(workload, "spec.selector")?.join(","));
    }
    let mut all = equalities(workload, "spec.selector.matchLabels")?;
    for expression in maybe_list(workload, "spec.selector.matchExpressions")?.unwrap_or(&[]) {
        all.push(requirement(expression)?);
    }
    all.sort_unstable();
    Ok(all.join(","))
}

fn equalities(workload: &Value, path: &str) -> Result<Vec<String>, Fault> {
    let pair = |(key, value): (&String, &Value)| match value {
        Value::String(value) if legal(key) && legal(value) => Ok(format!("{key}={value}")),
        _ => Err(Fault(format!("{path} holds something that is no label"))),
    };
    match nested(workload, path)? {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Object(labels)) => labels.iter().map(pair).collect(),
        Some(_) => Err(Fault(format!("{path} is not an object"))),
    }
}

/// One expression (apimachinery 0.37 `meta/v1/helpers.go:LabelSelectorAsSelector`, `labels/selector.go:NewRequirement`).
fn requirement(expression: &Value) -> Result<String, Fault> {
    let (key, operator) = (text(expression, "key")?, text(expression, "operator")?);
    let values: Vec<&str> = maybe_list(expression, "values")?.unwrap_or(&[]).iter().filter_map(Value::as_str).collect();
    if !legal(key) || !values.iter().all(|value| legal(value)) {
        return Err(Fault("the selector's expressions hold something that is no label".to_owned()));
    }
    match (operator, values.is_empty()) {
        ("In", false) => Ok(format!("{key} in ({})", values.join(","))),
        ("NotIn", false) => Ok(format!("{key} notin ({})", values.join(","))),
        ("Exists", true) => Ok(key.to_owned()),
        ("DoesNotExist", true) => Ok(format!("!{key}")),
        _ => Err(Fault(format!("the selector's expression on {key} is not valid"))),
    }
}

/// Whether a text can stand in a selector without meaning more than itself.
fn legal(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
}

/// Takes a workload and objects that were read; gives those of its namespace that its selector selects.
pub(super) fn selected<'a>(workload: &Value, children: &'a [Value]) -> Result<Vec<&'a Value>, Fault> {
    let written = label_selector(workload)?;
    let selector = Selector::parse(&written).map_err(|error| Fault(error.to_string()))?;
    let namespace = text_or(workload, "metadata.namespace", "");
    let own = |child: &&Value| {
        let labels: BTreeMap<&str, &str> = match at(child, "metadata.labels") {
            Some(Value::Object(labels)) => {
                labels.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
            }
            _ => BTreeMap::new(),
        };
        text_or(child, "metadata.namespace", "") == namespace && selector.matches(&labels)
    };
    Ok(children.iter().filter(own).collect())
}

/// Takes a workload; gives the selector of its pods, if it has one. A Pod has none of its own, and without a selector all
/// pods of the namespace would be taken for the workload's.
pub(super) fn pod_selector(workload: &Value) -> Option<String> {
    let written = label_selector(workload).ok()?;
    (Kind::typed(workload) != Kind::Pod && !written.is_empty()).then_some(written)
}

/// Takes an object and what was read; gives the pods that tell of its progress.
pub(super) fn own_pods<'a>(object: &Value, children: &Children<'a>) -> Vec<&'a Value> {
    match (children.pods, pod_selector(object)) {
        (Some(pods), Some(_)) => selected(object, pods).unwrap_or_else(|_| Vec::new()),
        _ => Vec::new(),
    }
}

/// Whether the child's controller is this workload (apimachinery 0.37 `meta/v1/controller_ref.go:IsControlledBy`).
pub(super) fn controls(workload: &Value, child: &Value) -> bool {
    let owners = at(child, "metadata.ownerReferences").and_then(Value::as_array);
    let controller =
        owners.into_iter().flatten().find(|owner| at(owner, "controller").and_then(Value::as_bool) == Some(true));
    controller.is_some_and(|owner| text_or(owner, "uid", "") == text_or(workload, "metadata.uid", ""))
}
