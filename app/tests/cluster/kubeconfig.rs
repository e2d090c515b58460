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
