//! The objects of the corpus's charts, as plain JSON.
use serde_json::{Value, json};

/// A ConfigMap with one entry.
pub fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"value": value}})
}

/// A Service in front of the pods of that name.
pub fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    })
}

/// A pod template whose pod behaves as told (`testbed/controlplane/stages.yaml`).
pub fn template(name: &str, behaviour: &str, version: u32) -> Value {
    json!({
        "metadata": {"labels": {"app": name}, "annotations": {"bed.refloat.dev/pod": behaviour}},
        "spec": {"containers": [{
            "name": "app", "image": format!("registry.example/{name}:{version}"), "ports": [{"containerPort": 8080}],
        }]},
    })
}

/// A Deployment of one pod.
pub fn deployment(name: &str, behaviour: &str, version: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template(name, behaviour, version),
        },
    })
}

/// A claim of one gibibyte; of the class `bed` it becomes bound.
pub fn claim(name: &str, class: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": class, "resources": {"requests": {"storage": "1Gi"}},
        },
    })
}

/// A Job that is tried once.
pub fn job(name: &str, behaviour: &str, version: u32) -> Value {
    let mut template = template(name, behaviour, version);
    template["spec"]["restartPolicy"] = json!("Never");
    let spec = json!({"backoffLimit": 0, "template": template});
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec})
}

/// A Job as a hook for these events.
pub fn hook(name: &str, events: &str, behaviour: &str, version: u32) -> Value {
    let mut hook = job(name, behaviour, version);
    hook["metadata"]["annotations"] = json!({"helm.sh/hook": events});
    hook
}

/// A definition of `Widget` in a group, with these versions; the last one is stored.
pub fn definition(group: &str, versions: &[&str]) -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let stored = versions.last().copied();
    let versions = versions
        .iter()
        .map(|&version| json!({"name": version, "served": true, "storage": Some(version) == stored, "schema": schema}));
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("widgets.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "versions": versions.collect::<Vec<_>>(),
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
        },
    })
}

/// A Widget.
pub fn widget(group: &str, version: &str, name: &str) -> Value {
    json!({
        "apiVersion": format!("{group}/{version}"), "kind": "Widget", "metadata": {"name": name},
        "spec": {"size": 3},
    })
}

/// An object with some of its fields replaced: a JSON merge patch.
pub fn with(mut object: Value, patch: &Value) -> Value {
    merge(&mut object, patch);
    object
}

fn merge(into: &mut Value, patch: &Value) {
    let (Value::Object(fields), Value::Object(changes)) = (&mut *into, patch) else {
        into.clone_from(patch);
        return;
    };
    for (key, change) in changes {
        merge(fields.entry(key.clone()).or_insert(Value::Null), change);
    }
}
