//! What an object's kind and version mean for comparing it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// The groups of built-in kinds besides the core's; other groups that end in `.k8s.io` are custom resources.
const BUILT_IN: [&str; 21] = [
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// Kinds whose versions spell every field alike, so that any can be compared with any.
const ALIKE: [&str; 13] = [
    "CSIDriver",
    "ClusterRole",
    "ClusterRoleBinding",
    "CronJob",
    "DaemonSet",
    "IngressClass",
    "Lease",
    "PodDisruptionBudget",
    "PriorityClass",
    "Role",
    "RoleBinding",
    "RuntimeClass",
    "StorageClass",
];

/// What is known of an object before its fields are looked at.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    /// Its kind, as the server says.
    pub(super) kind: &'a str,
    /// Whether the kind is built in, so that defaults and merge keys are known.
    pub(super) typed: bool,
    /// Whether it is a Secret.
    pub(super) secret: bool,
    /// Whether the old, the new manifest is of a version whose fields may have other names.
    pub(super) foreign: [bool; 2],
    /// Keys that a manifest writes by `stringData`: the server turns them into `data`, from which nobody takes them away.
    pub(super) sticky: BTreeSet<&'a str>,
    /// Whether an autoscaler set `spec.replicas`.
    pub(super) scaled: bool,
}

impl<'a> Ground<'a> {
    pub(super) fn of(old: &'a Value, new: &'a Value, live: &'a Value) -> Self {
        // Items of a list that the server gave don't say what they are.
        let named = if text(live, "kind").is_empty() { new } else { live };
        let kind = text(named, "kind");
        let (group, version) = group_version(named);
        let foreign = |side: &Value| {
            let (side_group, side_version) = group_version(side);
            let hpa = [side_version, version].map(|version| version.starts_with("v2"));
            let alike = ALIKE.contains(&kind) || (kind == "HorizontalPodAutoscaler" && hpa == [true, true]);
            side_group != group || (side_version != version && !alike)
        };
        let typed = group.is_empty() || BUILT_IN.contains(&group);
        let secret = typed && kind == "Secret";
        let written = [old, new].into_iter().filter(|_| secret).filter_map(|side| side.get("stringData")?.as_object());
        Self {
            kind,
            typed,
            secret,
            foreign: [foreign(old), foreign(new)],
            sticky: written.flat_map(Map::keys).map(String::as_str).collect(),
            scaled: is_scaled(live),
        }
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or("")
}

fn group_version(value: &Value) -> (&str, &str) {
    let version = text(value, "apiVersion");
    version.split_once('/').unwrap_or(("", version))
}

/// Whether the horizontal pod autoscaler wrote `spec.replicas` last: it goes through the scale subresource, and unlike
/// `kubectl scale` under the name of the controllers.
fn is_scaled(live: &Value) -> bool {
    let managers = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    managers.into_iter().flatten().any(|entry| {
        text(entry, "subresource") == "scale"
            && text(entry, "manager") == "kube-controller-manager"
            && entry.pointer("/fieldsV1/f:spec/f:replicas").is_some()
    })
}

/// A manifest's object as the server stores it: a Secret's `stringData` in `data`, and `serviceAccount` by its new name.
pub(super) fn canonical(side: &Value) -> Cow<'_, Value> {
    let (group, _) = group_version(side);
    match text(side, "kind") {
        "Secret" if group.is_empty() => secret(side),
        "Pod" => renamed(side, "/spec"),
        "CronJob" => renamed(side, "/spec/jobTemplate/spec/template/spec"),
        _ => renamed(side, "/spec/template/spec"),
    }
}

fn secret(side: &Value) -> Cow<'_, Value> {
    let Some(written) = side.get("stringData").and_then(Value::as_object) else { return Cow::Borrowed(side) };
    let mut data = side.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
    for (key, value) in written {
        let text = super::scalar::text(value).unwrap_or_default();
        data.insert(key.clone(), STANDARD.encode(text).into());
    }
    let mut stored = side.clone();
    if let Value::Object(members) = &mut stored {
        members.remove("stringData");
        members.insert("data".to_owned(), Value::Object(data));
    }
    Cow::Owned(stored)
}

fn renamed<'a>(side: &'a Value, pointer: &str) -> Cow<'a, Value> {
    if side.pointer(pointer).is_none_or(|spec| spec.get("serviceAccount").is_none()) {
        return Cow::Borrowed(side);
    }
    let mut stored = side.clone();
    if let Some(Value::Object(spec)) = stored.pointer_mut(pointer)
        && let Some(name) = spec.remove("serviceAccount")
    {
        spec.entry("serviceAccountName").or_insert(name);
    }
    Cow::Owned(stored)
}
