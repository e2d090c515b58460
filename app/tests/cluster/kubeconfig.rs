//! Kubeconfigs for users who may less than everything, or reach nothing.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use bed::Namespace;
use serde_json::{Value, json};

/// A server as the bed's, with its authority.
pub fn server(ns: &Namespace<'_>) -> Value {
    let address = &ns.bed.address;
    json!({"server": address.server, "certificate-authority": address.ca_file})
}

/// Writes a kubeconfig with one context, called `here`.
pub fn kubeconfig(ns: &Namespace<'_>, cluster: &Value, user: &Value) -> PathBuf {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": cluster}],
        "users": [{"name": "here", "user": user}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here", "namespace": ns.name}}],
    });
    written(ns, &config.to_string())
}

/// Writes a file of this namespace.
pub fn written(ns: &Namespace<'_>, text: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let path = ns.bed.address.dir.join(format!("{}-{}.yaml", ns.name, COUNT.fetch_add(1, Ordering::Relaxed)));
    std::fs::write(&path, text).unwrap();
    path
}

/// What a service account may do: verbs on resources (`leases.coordination.k8s.io`), in namespaces or (`*`) in all of them.
pub struct Right<'a> {
    pub namespace: &'a str,
    pub resource: &'a str,
    pub verbs: &'a [&'a str],
}

/// Makes a service account with these rights alone; gives its kubeconfig.
pub fn account(ns: &Namespace<'_>, name: &str, rights: &[Right<'_>]) -> PathBuf {
    ns.post("serviceaccounts", &json!({"metadata": {"name": name}})).unwrap();
    let subject = json!({"kind": "ServiceAccount", "name": name, "namespace": ns.name});
    for (number, right) in rights.iter().enumerate() {
        let name = format!("{}-{name}-{number}", ns.name);
        let (resource, group) = right.resource.split_once('.').unwrap_or((right.resource, ""));
        let rules = json!([{"apiGroups": [group], "resources": [resource], "verbs": right.verbs}]);
        let (kind, root) = if right.namespace == "*" {
            ("ClusterRole", "/apis/rbac.authorization.k8s.io/v1".to_owned())
        } else {
            ("Role", format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}", right.namespace))
        };
        let plural = kind.to_lowercase();
        let role = json!({"metadata": {"name": name}, "rules": rules});
        ns.post(&format!("{root}/{plural}s"), &role).unwrap();
        let binding = json!({
            "metadata": {"name": name}, "subjects": [subject],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
        });
        ns.post(&format!("{root}/{plural}bindings"), &binding).unwrap();
    }
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let answer = ns.post(&format!("serviceaccounts/{name}/token"), &request).unwrap();
    kubeconfig(ns, &server(ns), &json!({"token": answer["status"]["token"]}))
}
