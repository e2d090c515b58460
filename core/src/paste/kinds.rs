//! Kubernetes' own kinds, and the words by which kubectl takes them. Files can't be asked which kinds a server serves.

use crate::observe::Kind;

/// `apiVersion`, kind, resource, short names, whether its objects live in namespaces. As Kubernetes 1.35 serves them;
/// `app/tests/cluster/pasted.rs` compares the list with a server's.
const BUILT_IN: [(&str, &str, &str, &str, bool); 50] = [
    ("v1", "ConfigMap", "configmaps", "cm", true),
    ("v1", "Endpoints", "endpoints", "ep", true),
    ("v1", "Event", "events", "ev", true),
    ("v1", "LimitRange", "limitranges", "limits", true),
    ("v1", "Namespace", "namespaces", "ns", false),
    ("v1", "Node", "nodes", "no", false),
    ("v1", "PersistentVolumeClaim", "persistentvolumeclaims", "pvc", true),
    ("v1", "PersistentVolume", "persistentvolumes", "pv", false),
    ("v1", "Pod", "pods", "po", true),
    ("v1", "PodTemplate", "podtemplates", "", true),
    ("v1", "ReplicationController", "replicationcontrollers", "rc", true),
    ("v1", "ResourceQuota", "resourcequotas", "quota", true),
    ("v1", "Secret", "secrets", "", true),
    ("v1", "ServiceAccount", "serviceaccounts", "sa", true),
    ("v1", "Service", "services", "svc", true),
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", "", false),
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", "", false),
    (
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        "",
        false,
    ),
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", "", false),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", "crd,crds", false),
    ("apiregistration.k8s.io/v1", "APIService", "apiservices", "", false),
    ("apps/v1", "ControllerRevision", "controllerrevisions", "", true),
    ("apps/v1", "DaemonSet", "daemonsets", "ds", true),
    ("apps/v1", "Deployment", "deployments", "deploy", true),
    ("apps/v1", "ReplicaSet", "replicasets", "rs", true),
    ("apps/v1", "StatefulSet", "statefulsets", "sts", true),
    ("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "hpa", true),
    ("autoscaling/v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "hpa", true),
    ("batch/v1", "CronJob", "cronjobs", "cj", true),
    ("batch/v1", "Job", "jobs", "", true),
    ("certificates.k8s.io/v1", "CertificateSigningRequest", "certificatesigningrequests", "csr", false),
    ("coordination.k8s.io/v1", "Lease", "leases", "", true),
    ("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", "", true),
    ("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "flowschemas", "", false),
    ("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration", "prioritylevelconfigurations", "", false),
    ("networking.k8s.io/v1", "Ingress", "ingresses", "ing", true),
    ("networking.k8s.io/v1", "IngressClass", "ingressclasses", "", false),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", "netpol", true),
    ("node.k8s.io/v1", "RuntimeClass", "runtimeclasses", "", false),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", "pdb", true),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", "", false),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", "", false),
    ("rbac.authorization.k8s.io/v1", "Role", "roles", "", true),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", "", true),
    ("resource.k8s.io/v1", "ResourceClaim", "resourceclaims", "", true),
    ("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", "pc", false),
    ("storage.k8s.io/v1", "CSIDriver", "csidrivers", "", false),
    ("storage.k8s.io/v1", "StorageClass", "storageclasses", "sc", false),
    ("storage.k8s.io/v1", "VolumeAttachment", "volumeattachments", "", false),
    ("storage.k8s.io/v1", "VolumeAttributesClass", "volumeattributesclasses", "vac", false),
];

/// What `kubectl get all` means (the category `all` of Kubernetes 1.35 `pkg/registry/*/*/storage`).
pub const ALL: [&str; 10] = [
    "Pod",
    "ReplicationController",
    "Service",
    "DaemonSet",
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "HorizontalPodAutoscaler",
    "CronJob",
    "Job",
];

/// A kind whatever its version: its group, empty for the core's, and its name.
pub type GroupKind = (String, String);

/// Kubernetes' own kinds, preferred version first.
pub fn built_in() -> impl Iterator<Item = Kind> {
    BUILT_IN.iter().map(|(version, kind, resource, _, namespaced)| Kind::known(version, kind, resource, *namespaced))
}

/// Kubernetes' own kind, in its preferred version; `None` for a custom one.
pub fn known(group: &str, kind: &str) -> Option<Kind> {
    built_in().find(|known| known.group == group && known.kind == kind)
}

/// Takes a word as kubectl takes it for a resource (`all`, `pods`, `po`, `deployments.apps`); gives the kinds it means,
/// none if it is no such word.
pub fn meant(word: &str) -> Vec<GroupKind> {
    let word = word.to_ascii_lowercase();
    if word.is_empty() {
        return Vec::new();
    }
    let pairs = BUILT_IN.iter().filter(|(version, kind, resource, short, _)| {
        let group = version.rsplit_once('/').map_or("", |(group, _)| group);
        let bare = match word.split_once('.') {
            Some((bare, rest)) if rest == group || rest.ends_with(&format!(".{group}")) => bare,
            Some(_) => return false,
            None => word.as_str(),
        };
        bare == *resource || bare == kind.to_ascii_lowercase() || short.split(',').any(|short| short == bare)
            // `all` is no resource, and has no group.
            || (word == "all" && ALL.contains(kind))
    });
    let mut kinds: Vec<GroupKind> = pairs
        .map(|(version, kind, ..)| {
            let group = version.rsplit_once('/').map_or("", |(group, _)| group);
            (group.to_owned(), (*kind).to_owned())
        })
        .collect();
    kinds.dedup();
    kinds
}

/// The shortest word that kubectl takes for a resource; the word itself if it isn't Kubernetes' own.
pub fn short(word: &str) -> &str {
    let Some((group, kind)) = meant(word).into_iter().next() else { return word };
    let of = |(version, name, ..): &&(&str, &str, &str, &str, bool)| {
        *name == kind && version.rsplit_once('/').map_or("", |(group, _)| group) == group
    };
    BUILT_IN.iter().find(of).map_or(word, |(_, _, resource, short, _)| {
        short.split(',').next().filter(|short| !short.is_empty()).unwrap_or(resource)
    })
}

/// A custom kind as it is served in all likelihood (Kubernetes 1.35 `apimachinery/pkg/api/meta/restmapper.go:UnsafeGuessKindToResource`). Its resource
/// is only a key here, as nothing is asked of a server.
pub fn guessed(api_version: &str, kind: &str, namespaced: bool) -> Kind {
    let singular = kind.to_ascii_lowercase();
    let plural = match singular.as_bytes().last() {
        Some(b's') => format!("{singular}es"),
        Some(b'y') => format!("{}ies", singular.trim_end_matches('y')),
        _ => format!("{singular}s"),
    };
    Kind::known(api_version, kind, &plural, namespaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(word: &str) -> Vec<String> {
        meant(word).into_iter().map(|(group, kind)| format!("{kind}.{group}")).collect()
    }

    #[test]
    fn words_are_kubectls() {
        assert_eq!(words("po"), ["Pod."]);
        assert_eq!(words("Pods"), ["Pod."]);
        assert_eq!(words("deployment"), ["Deployment.apps"]);
        assert_eq!(words("deployments.apps"), ["Deployment.apps"]);
        assert_eq!(words("deployments.v1.apps"), ["Deployment.apps"]);
        assert_eq!(words("pods.apps"), [""; 0]);
        assert_eq!(words("hpa"), ["HorizontalPodAutoscaler.autoscaling"]);
        assert_eq!(words("all").len(), ALL.len());
        assert_eq!(words(""), [""; 0]);
        assert_eq!(words("widgets"), [""; 0]);
        assert_eq!(
            ["deployments.apps", "jobs.batch", "widgets.example.com"].map(short),
            ["deploy", "jobs", "widgets.example.com"]
        );
    }

    #[test]
    fn custom_kinds_are_guessed() {
        let resource = |kind| guessed("example.com/v1", kind, true).typed();
        assert_eq!(resource("Widget"), "widgets.example.com");
        assert_eq!(resource("Policy"), "policies.example.com");
        assert_eq!(resource("Bus"), "buses.example.com");
    }
}
