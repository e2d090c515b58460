//! Each rule against releases as real API servers show them: what it finds, and the look-alikes in which it finds nothing.
//!
//! A [`World`] holds the records and the cluster's objects and answers every read that a diagnosis asks for, so that these
//! tests show, too, that it asks for enough.

mod hooks;
mod hostile;
mod pods;
mod refusals;
mod rollouts;
mod volumes;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Cause;
use crate::diagnose::{Diagnosis, diagnose};
use crate::inventory::{Inventory, ReleaseId};
use crate::observe::{Answer, Observation, Read, Revision, wanted};
use crate::record::{Driver, StoredRecord, encode};

/// So many minutes before now, as the API server writes it.
pub(super) fn ago(minutes: i64) -> String {
    (now() - SignedDuration::from_mins(minutes)).to_string()
}

fn now() -> Timestamp {
    "2026-08-01T12:00:00Z".parse().unwrap()
}

/// A release `web` in namespace `shop`, and its cluster.
pub(super) struct World {
    status: &'static str,
    description: String,
    old: Vec<Value>,
    new: Vec<Value>,
    hooks: Vec<Value>,
    cluster: Vec<Value>,
    logs: BTreeMap<String, String>,
}

impl World {
    /// An upgrade that began 5 minutes ago and hasn't ended.
    pub fn pending() -> Self {
        let (old, new, hooks, cluster) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let description = "Preparing upgrade".to_owned();
        Self { status: "pending-upgrade", description, old, new, hooks, cluster, logs: BTreeMap::new() }
    }

    /// An upgrade that failed so.
    pub fn failed(description: &str) -> Self {
        let description = format!("Upgrade \"web\" failed: {description}");
        Self { status: "failed", description, ..Self::pending() }
    }

    /// An uninstall that hasn't ended.
    pub fn uninstalling() -> Self {
        Self { status: "uninstalling", description: "Deletion in progress".to_owned(), ..Self::pending() }
    }

    /// An upgrade that ended well.
    pub fn deployed() -> Self {
        Self { status: "deployed", description: "Upgrade complete".to_owned(), ..Self::pending() }
    }

    /// The release's object before and after the operation.
    pub fn object(mut self, old: Value, new: Value) -> Self {
        self.old.push(old);
        self.new.push(new);
        self
    }

    /// An object that the operation adds.
    pub fn added(mut self, new: Value) -> Self {
        self.new.push(new);
        self
    }

    /// A hook's Job, started by this operation as the record tells.
    pub fn hook(mut self, event: &str, policy: &str, phase: &str) -> Self {
        let manifest = job_spec("web-migrate");
        let policies: Vec<&str> = policy.split(',').filter(|policy| !policy.is_empty()).collect();
        let started = if phase.is_empty() { String::new() } else { ago(5) };
        self.hooks.push(json!({
            "name": "web-migrate", "kind": "Job", "path": "shop/templates/job.yaml", "manifest": manifest.to_string(),
            "events": [event], "delete_policies": policies,
            "last_run": {"started_at": started, "completed_at": "", "phase": phase},
        }));
        self
    }

    /// What is in the cluster.
    pub fn with(mut self, objects: impl IntoIterator<Item = Value>) -> Self {
        self.cluster.extend(objects);
        self
    }

    /// What a container wrote.
    pub fn log(mut self, pod: &str, container: &str, text: &str) -> Self {
        self.logs.insert(format!("{pod}/{container}"), text.to_owned());
        self
    }

    /// The diagnosis.
    pub fn diagnosis(&self) -> Diagnosis {
        let records = [
            self.record(
                1,
                if self.status == "deployed" { "superseded" } else { "deployed" },
                "Install complete",
                &self.old,
            ),
            self.record(2, self.status, &self.description, &self.new),
        ];
        let inventory: Inventory = records.iter().map(|record| record.meta.clone()).collect();
        let history = inventory.releases.into_values().next().unwrap();
        let id = ReleaseId { namespace: "shop".into(), name: "web".into() };
        let mut seen = Observation::new(id, Driver::Secret, now(), history);
        for record in &records {
            seen.revisions.insert(record.meta.revision().unwrap(), Revision::open(record));
        }
        for _ in 0..8 {
            for read in wanted(&seen) {
                let answer = self.answer(&read);
                seen.insert(&read, answer);
            }
        }
        assert_eq!(wanted(&seen), []);
        diagnose(&seen)
    }

    /// Its causes.
    pub fn causes(&self) -> Vec<Cause> {
        self.diagnosis().causes
    }

    /// The first cause; the world must have one.
    pub fn top(&self) -> Cause {
        self.causes().into_iter().next().unwrap()
    }

    /// The codes of all causes, the first one first.
    pub fn codes(&self) -> Vec<&'static str> {
        self.causes().iter().map(|cause| cause.code).collect()
    }

    fn record(&self, revision: u64, status: &str, description: &str, objects: &[Value]) -> StoredRecord {
        let manifest: String = objects.iter().map(|object| format!("---\n{object}\n")).collect();
        let release = json!({
            "name": "web", "info": {
                "first_deployed": ago(60), "last_deployed": ago(if revision == 2 { 5 } else { 60 }),
                "deleted": if status == "uninstalling" { ago(5) } else { String::new() },
                "description": description, "status": status,
            },
            "chart": {"metadata": {"name": "shop", "version": "1.0.0", "apiVersion": "v2"}},
            "manifest": manifest, "hooks": self.hooks, "version": revision, "namespace": "shop",
        });
        let payload = STANDARD.encode(encode(release.to_string().as_bytes()));
        let object = json!({"kind": "Secret", "type": "helm.sh/release.v1", "data": {"release": payload}, "metadata": {
            "name": format!("sh.helm.release.v1.web.v{revision}"), "namespace": "shop", "uid": format!("r{revision}"),
            "resourceVersion": "1", "creationTimestamp": ago(if revision == 2 { 5 } else { 60 }),
            "labels": {"name": "web", "owner": "helm", "status": status, "version": revision.to_string()},
        }});
        StoredRecord::from_object(Driver::Secret, object).unwrap()
    }

    fn answer(&self, read: &Read) -> Answer {
        let is = |object: &Value, kind: &str, namespace: &str| {
            object["kind"] == kind && object["metadata"]["namespace"].as_str().unwrap_or_default() == namespace
        };
        match read {
            Read::CoreKinds => Answer::Found(served(&CORE)),
            Read::GroupKinds => Answer::Found(served(&GROUPS)),
            Read::Rules { .. } => Answer::Found(json!({})),
            Read::Log { pod, container, .. } => match self.logs.get(&format!("{pod}/{container}")) {
                Some(text) => Answer::Found(text.as_str().into()),
                None => Answer::Absent,
            },
            Read::Object { kind, namespace, name } => {
                let found =
                    self.cluster.iter().find(|one| is(one, &kind.kind, namespace) && one["metadata"]["name"] == **name);
                found.map_or(Answer::Absent, |found| Answer::Found(found.clone()))
            }
            Read::List { kind, namespace, labels, metadata_only } => {
                let matches = |object: &&Value| {
                    is(object, &kind.kind, namespace)
                        && labels
                            .split(',')
                            .filter_map(|term| term.split_once('='))
                            .all(|(key, value)| object["metadata"]["labels"][key] == value)
                };
                let mut items: Vec<Value> = self.cluster.iter().filter(matches).cloned().collect();
                for item in &mut items {
                    let item = item.as_object_mut().unwrap();
                    // The items of a list don't say what they are.
                    item.retain(|key, _| key == "metadata" || !metadata_only && key != "kind" && key != "apiVersion");
                }
                Answer::Found(json!({"items": items}))
            }
        }
    }
}

type Served = (&'static str, &'static str, &'static str, bool);

const CORE: [Served; 6] = [
    ("", "v1", "Pod", true),
    ("", "v1", "Service", true),
    ("", "v1", "ConfigMap", true),
    ("", "v1", "PersistentVolumeClaim", true),
    ("", "v1", "ServiceAccount", true),
    ("", "v1", "Node", false),
];
const GROUPS: [Served; 5] = [
    ("apps", "v1", "Deployment", true),
    ("apps", "v1", "StatefulSet", true),
    ("apps", "v1", "DaemonSet", true),
    ("apps", "v1", "ReplicaSet", true),
    ("batch", "v1", "Job", true),
];

fn served(kinds: &[Served]) -> Value {
    let group = |(group, version, kind, namespaced): &Served| {
        let scope = if *namespaced { "Namespaced" } else { "Cluster" };
        json!({"metadata": {"name": group}, "versions": [{"version": version, "resources": [{
            "resource": format!("{}s", kind.to_lowercase()), "responseKind": {"kind": kind}, "scope": scope,
            "verbs": ["get", "list"],
        }]}]})
    };
    json!({"kind": "APIGroupDiscoveryList", "items": kinds.iter().map(group).collect::<Vec<_>>()})
}

/// Puts further fields into an object: a JSON merge patch.
pub(super) fn with(mut object: Value, patch: &Value) -> Value {
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

/// A Deployment `web` of one pod as the chart wants it.
pub(super) fn deployment(image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": image}]},
        },
    }})
}

/// An object with the marks of the release.
pub(super) fn owned(object: Value) -> Value {
    with(
        object,
        &json!({"metadata": {
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop"},
        }}),
    )
}

/// The Deployment live, its rollout begun, and the ReplicaSet of its newest template.
pub(super) fn rollout() -> Vec<Value> {
    let live = json!({
        "metadata": {"namespace": "shop", "uid": "d1", "generation": 2, "creationTimestamp": ago(60)},
        "status": {
            "observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
            "unavailableReplicas": 1, "conditions": [
                {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated", "lastUpdateTime": ago(4)},
            ],
        },
    });
    vec![owned(with(deployment("registry.example/web:2"), &live)), replica_set(1, 1), replica_set(2, 1)]
}

/// A ReplicaSet of the Deployment with so many pods of one.
pub(super) fn replica_set(revision: u64, pods: u64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {
        "name": format!("web-{revision}"), "namespace": "shop", "uid": format!("s{revision}"), "labels": {"app": "web"},
        "annotations": {"deployment.kubernetes.io/revision": revision.to_string()},
        "ownerReferences": [{"kind": "Deployment", "name": "web", "uid": "d1", "controller": true}],
        "creationTimestamp": ago(5),
    }, "spec": {"replicas": 1}, "status": {"replicas": pods}})
}

/// A pod of the newest ReplicaSet, on a node, not ready, with this status of its container.
pub(super) fn pod(container: &Value) -> Value {
    let status = with(json!({"name": "app", "ready": false, "restartCount": 0}), container);
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {
        "name": "web-2-abcde", "namespace": "shop", "uid": "p2", "labels": {"app": "web"}, "creationTimestamp": ago(4),
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web-2", "uid": "s2", "controller": true}],
    }, "spec": {
        "nodeName": "node-1", "containers": [{"name": "app", "image": "registry.example/web:2"}],
    }, "status": {
        "phase": "Pending", "startTime": ago(4), "containerStatuses": [status],
        "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": ago(4)}],
    }})
}

/// A node that is as it is to be.
pub(super) fn node() -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1", "uid": "n1"}, "status": {
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
    }})
}

/// An event about an object, so many minutes ago.
pub(super) fn event(about: &Value, reason: &str, message: &str, minutes: i64) -> Value {
    let name = about["metadata"]["name"].as_str().unwrap();
    let kind = if matches!(reason, "SuccessfulCreate" | "Scheduled" | "Pulling") { "Normal" } else { "Warning" };
    json!({"apiVersion": "v1", "kind": "Event", "type": kind, "reason": reason, "message": message, "count": 3,
        "metadata": {"name": format!("{name}.{reason}.{minutes}.{}", message.len()), "namespace": "shop"},
        "involvedObject": {"kind": about["kind"], "namespace": "shop", "name": name},
        "lastTimestamp": ago(minutes), "firstTimestamp": ago(minutes + 1)})
}

/// The upgrade of the Deployment, waited for, with this pod.
pub(super) fn waiting_for(pod: Value) -> World {
    let (old, new) = (deployment("registry.example/web:1"), deployment("registry.example/web:2"));
    World::pending().object(old, new).with(rollout()).with([pod, node()])
}

/// A Job as a chart wants it.
pub(super) fn job_spec(name: &str) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {
        "spec": {"restartPolicy": "Never", "containers": [{"name": "migrate", "image": "registry.example/migrate:2"}]},
    }}})
}

/// A Job live, begun so many minutes ago, with this status.
pub(super) fn job(minutes: i64, status: &Value) -> Value {
    with(
        job_spec("web-migrate"),
        &json!({
            "metadata": {"namespace": "shop", "uid": "j1", "creationTimestamp": ago(minutes)},
            "spec": {"selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "j1"}}}, "status": status,
        }),
    )
}

/// Its pod, in this phase, with this status of its container.
pub(super) fn job_pod(phase: &str, container: &Value) -> Value {
    with(
        pod(container),
        &json!({
            "metadata": {"name": "web-migrate-xyz", "uid": "jp1", "labels": {"batch.kubernetes.io/controller-uid": "j1"},
                "ownerReferences": [{"kind": "Job", "name": "web-migrate", "uid": "j1", "controller": true}]},
            "spec": {"containers": [{"name": "migrate", "image": "registry.example/migrate:2"}], "restartPolicy": "Never"},
            "status": {"phase": phase, "containerStatuses": [with(json!({"name": "migrate", "ready": false, "restartCount": 0}), container)]},
        }),
    )
}
