//! Which kinds have rules of their own.

use serde_json::Value;

use super::fields::text_or;

/// A kind that has a rule in either Helm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Pod,
    Job,
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    ReplicationController,
    Claim,
    Service,
    Definition,
    /// Something of the core or of another built-in group that kstatus calls current as soon as its generation is observed.
    AlwaysCurrent,
    Other,
}

impl Kind {
    /// The kind as Helm 3 tells it, by versions that it knows a type of (Helm 3.22.0 `pkg/kube/ready.go:IsReady`).
    pub fn typed(object: &Value) -> Self {
        match (api_version(object), kind(object)) {
            ("v1", "Pod") => Self::Pod,
            ("batch/v1", "Job") => Self::Job,
            ("apps/v1" | "apps/v1beta1" | "apps/v1beta2" | "extensions/v1beta1", "Deployment") => Self::Deployment,
            ("v1", "PersistentVolumeClaim") => Self::Claim,
            ("v1", "Service") => Self::Service,
            ("apps/v1" | "apps/v1beta2" | "extensions/v1beta1", "DaemonSet") => Self::DaemonSet,
            ("apiextensions.k8s.io/v1" | "apiextensions.k8s.io/v1beta1", "CustomResourceDefinition") => {
                Self::Definition
            }
            ("apps/v1" | "apps/v1beta1" | "apps/v1beta2", "StatefulSet") => Self::StatefulSet,
            ("v1", "ReplicationController") => Self::ReplicationController,
            ("apps/v1" | "apps/v1beta2" | "extensions/v1beta1", "ReplicaSet") => Self::ReplicaSet,
            _ => Self::Other,
        }
    }

    /// The kind as kstatus tells it, by group whatever the version (cli-utils 1.2.2 `pkg/kstatus/status/core.go:legacyTypes`).
    pub fn of_group(object: &Value) -> Self {
        let Some(group) = group(object) else { return Self::Other };
        match (group, kind(object)) {
            ("", "Service") => Self::Service,
            ("", "Pod") => Self::Pod,
            ("", "PersistentVolumeClaim") => Self::Claim,
            ("", "Secret" | "ConfigMap") | ("batch", "CronJob") | ("policy", "PodDisruptionBudget") => {
                Self::AlwaysCurrent
            }
            ("apps", "StatefulSet") => Self::StatefulSet,
            ("apps" | "extensions", "DaemonSet") => Self::DaemonSet,
            ("apps" | "extensions", "Deployment") => Self::Deployment,
            ("apps" | "extensions", "ReplicaSet") => Self::ReplicaSet,
            ("batch", "Job") => Self::Job,
            ("apiextensions.k8s.io", "CustomResourceDefinition") => Self::Definition,
            _ => Self::Other,
        }
    }
}

/// `apiVersion`, as it stands.
pub(super) fn api_version(object: &Value) -> &str {
    text_or(object, "apiVersion", "")
}

/// `kind`, as it stands.
pub(super) fn kind(object: &Value) -> &str {
    text_or(object, "kind", "")
}

/// The group, empty for the core's; nothing if `apiVersion` has more than one stroke
/// (apimachinery 0.37 `runtime/schema/group_version.go:ParseGroupVersion`).
pub(super) fn group(object: &Value) -> Option<&str> {
    match api_version(object).split_once('/') {
        None => Some(""),
        Some((_, version)) if version.contains('/') => None,
        Some((group, _)) => Some(group),
    }
}
