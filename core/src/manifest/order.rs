//! The order in which Helm creates and deletes kinds.
//!
//! Takes a kind, gives its place. Kinds that aren't listed come last, by name (Helm 4.3
//! `pkg/release/v1/util/kind_sorter.go:lessByKind`).

/// Helm 4.3 `pkg/release/v1/util/kind_sorter.go:InstallOrder`. Helm 3.22 has it without the two webhook configurations, which
/// then come last anyway.
pub const INSTALL_ORDER: [&str; 38] = [
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// Helm 4.3 `pkg/release/v1/util/kind_sorter.go:UninstallOrder`: the other way round but for services, which go early so that
/// nothing is sent to what is about to go.
pub const UNINSTALL_ORDER: [&str; 38] = [
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "APIService",
    "Ingress",
    "IngressClass",
    "Service",
    "CronJob",
    "Job",
    "StatefulSet",
    "HorizontalPodAutoscaler",
    "Deployment",
    "ReplicaSet",
    "ReplicationController",
    "Pod",
    "DaemonSet",
    "RoleBindingList",
    "RoleBinding",
    "RoleList",
    "Role",
    "ClusterRoleBindingList",
    "ClusterRoleBinding",
    "ClusterRoleList",
    "ClusterRole",
    "CustomResourceDefinition",
    "PersistentVolumeClaim",
    "PersistentVolume",
    "StorageClass",
    "ConfigMap",
    "SecretList",
    "Secret",
    "ServiceAccount",
    "PodDisruptionBudget",
    "PodSecurityPolicy",
    "LimitRange",
    "ResourceQuota",
    "NetworkPolicy",
    "Namespace",
    "PriorityClass",
];

/// A kind's place when Helm creates; orders unknown kinds last, by name.
pub fn install_place(kind: &str) -> (usize, &str) {
    place(&INSTALL_ORDER, kind)
}

/// A kind's place when Helm deletes; orders unknown kinds last, by name.
pub fn uninstall_place(kind: &str) -> (usize, &str) {
    place(&UNINSTALL_ORDER, kind)
}

fn place<'a>(order: &[&str], kind: &'a str) -> (usize, &'a str) {
    match order.iter().position(|known| *known == kind) {
        Some(place) => (place, ""),
        None => (order.len(), kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_hold_the_same_kinds_once() {
        let mut tables = [INSTALL_ORDER, UNINSTALL_ORDER];
        tables.iter_mut().for_each(|table| table.sort_unstable());
        let [install, uninstall] = tables;
        assert_eq!(install, uninstall);
        assert!(install.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn only_services_go_in_another_order_than_they_came() {
        let without = |order: &[&'static str]| -> Vec<&'static str> {
            order.iter().copied().filter(|kind| *kind != "Service").collect()
        };
        let mut came = without(&INSTALL_ORDER);
        came.reverse();
        assert_eq!(came, without(&UNINSTALL_ORDER));
        assert!(uninstall_place("Service") < uninstall_place("Deployment"));
        assert!(install_place("Service") < install_place("Deployment"));
    }

    #[test]
    fn unknown_kinds_come_last_by_name() {
        let mut kinds = ["Widget", "ConfigMap", "Gadget", "Namespace", "Deployment", "Secret"];
        kinds.sort_by(|a, b| install_place(a).cmp(&install_place(b)));
        assert_eq!(kinds, ["Namespace", "Secret", "ConfigMap", "Deployment", "Gadget", "Widget"]);
        kinds.sort_by(|a, b| uninstall_place(a).cmp(&uninstall_place(b)));
        assert_eq!(kinds, ["Deployment", "ConfigMap", "Secret", "Namespace", "Gadget", "Widget"]);
    }
}
