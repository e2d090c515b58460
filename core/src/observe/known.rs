//! Kubernetes' own kinds that explain things, and the lock's name.

use super::Kind;

/// Pods.
pub fn pods() -> Kind {
    Kind::known("v1", "Pod", "pods", true)
}
/// ReplicaSets.
pub fn replica_sets() -> Kind {
    Kind::known("apps/v1", "ReplicaSet", "replicasets", true)
}
/// Events.
pub fn events() -> Kind {
    Kind::known("v1", "Event", "events", true)
}
/// Namespaces.
pub fn namespaces() -> Kind {
    Kind::known("v1", "Namespace", "namespaces", false)
}
/// Quotas.
pub fn quotas() -> Kind {
    Kind::known("v1", "ResourceQuota", "resourcequotas", true)
}
/// Limit ranges.
pub fn limit_ranges() -> Kind {
    Kind::known("v1", "LimitRange", "limitranges", true)
}
/// Webhooks that may change objects.
pub fn mutating_webhooks() -> Kind {
    let resource = "mutatingwebhookconfigurations";
    Kind::known("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", resource, false)
}
/// Webhooks that may refuse objects.
pub fn validating_webhooks() -> Kind {
    let resource = "validatingwebhookconfigurations";
    Kind::known("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", resource, false)
}
/// Servers of further API groups.
pub fn api_services() -> Kind {
    Kind::known("apiregistration.k8s.io/v1", "APIService", "apiservices", false)
}
/// Jobs.
pub fn jobs() -> Kind {
    Kind::known("batch/v1", "Job", "jobs", true)
}
/// Services.
pub fn services() -> Kind {
    Kind::known("v1", "Service", "services", true)
}
/// Where services lead.
pub fn endpoint_slices() -> Kind {
    Kind::known("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", true)
}
/// Nodes.
pub fn nodes() -> Kind {
    Kind::known("v1", "Node", "nodes", false)
}
/// Claims.
pub fn claims() -> Kind {
    Kind::known("v1", "PersistentVolumeClaim", "persistentvolumeclaims", true)
}
/// Locks.
pub fn leases() -> Kind {
    Kind::known("coordination.k8s.io/v1", "Lease", "leases", true)
}
/// The name of a release's lock, which whoever fixes it holds.
pub fn lock(id: &crate::inventory::ReleaseId) -> String {
    format!("refloat.{}", id.name)
}
/// Classes of volumes.
pub fn storage_classes() -> Kind {
    Kind::known("storage.k8s.io/v1", "StorageClass", "storageclasses", false)
}
