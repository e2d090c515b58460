//! What is in a namespace: objects, records, hooks that have run. Read with the API alone, and decoded here, so that nothing
//! is judged by what it is to judge.
use super::stage::RELEASE;
use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bed::Namespace;
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

/// The kinds a chart's objects have, and what a fix or a hook could leave.
const KINDS: [(&str, &str); 8] = [
    ("ConfigMap", "configmaps"),
    ("Secret", "secrets"),
    ("ServiceAccount", "serviceaccounts"),
    ("Service", "services"),
    ("PersistentVolumeClaim", "persistentvolumeclaims"),
    ("Deployment", "apps/v1/deployments"),
    ("Job", "batch/v1/jobs"),
    ("Lease", "coordination.k8s.io/v1/leases"),
];

/// A finalizer that nobody takes off but Refloat.
pub const HOLDER: &str = "matrix.example/holder";

/// A stored revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its number.
    pub revision: u64,
    /// The status in its label.
    pub label: String,
    /// The status in its payload.
    pub status: String,
    /// Whether it is sealed.
    pub immutable: bool,
    /// Everything of it but times: what it deploys.
    pub content: Value,
    /// The Secret's version and data: any write changes it.
    pub version: String,
}

/// A namespace, as read.
#[derive(Clone)]
pub struct Live {
    /// Objects by `Kind/name`, as served.
    pub objects: BTreeMap<String, Value>,
    /// Records, oldest first.
    pub records: Vec<Record>,
    /// The uids of Jobs that have completed, by name.
    pub ran: BTreeMap<String, BTreeSet<String>>,
    namespace: String,
    pods: Vec<Value>,
}

/// Reads a namespace.
pub fn read(ns: &Namespace<'_>) -> Result<Live> {
    let mut objects = BTreeMap::new();
    let mut records = Vec::new();
    for (kind, path) in KINDS {
        let list = ns.get(path)?;
        for item in items(&list) {
            let name = item["metadata"]["name"].as_str().context("an object without a name")?;
            if item["type"] == "helm.sh/release.v1" {
                records.push(record(item).with_context(|| format!("secret/{name}"))?);
            } else if !is_clusters_own(kind, name) {
                objects.insert(format!("{kind}/{name}"), item.clone());
            }
        }
    }
    records.sort_by_key(|record| record.revision);
    let pods = items(&ns.get("pods")?).cloned().collect();
    Ok(Live { objects, records, ran: ran(ns)?, namespace: ns.name.clone(), pods })
}

fn is_clusters_own(kind: &str, name: &str) -> bool {
    matches!((kind, name), ("ConfigMap", "kube-root-ca.crt") | ("ServiceAccount", "default"))
        || kind == "Secret" && name.starts_with("refloat-backup-")
}

fn record(secret: &Value) -> Result<Record> {
    let text = |pointer: &str| secret.pointer(pointer).and_then(Value::as_str).with_context(|| format!("no {pointer}"));
    let inner = STANDARD.decode(text("/data/release")?)?;
    let mut json = Vec::new();
    GzDecoder::new(STANDARD.decode(inner)?.as_slice()).read_to_end(&mut json)?;
    let payload: Value = serde_json::from_slice(&json)?;
    let name = text("/metadata/name")?;
    let revision = name.rsplit_once(".v").context("a key without a revision")?.1.parse()?;
    Ok(Record {
        revision,
        label: text("/metadata/labels/status")?.to_owned(),
        status: payload["info"]["status"].as_str().context("a payload without a status")?.to_owned(),
        immutable: secret["immutable"] == true,
        content: content(&payload),
        version: text("/metadata/resourceVersion")?.to_owned(),
    })
}

/// What a record deploys: chart, values, manifest and hooks, but not when these ran.
fn content(payload: &Value) -> Value {
    let hooks = items_at(&payload["hooks"]).map(|hook| {
        let mut hook = hook.clone();
        if let Some(hook) = hook.as_object_mut() {
            hook.remove("last_run");
            // Helm writes its default into the record when it comes to the hook.
            hook.entry("delete_policies").or_insert_with(|| json!(["before-hook-creation"]));
        }
        hook
    });
    json!({
        "chart": payload["chart"], "config": payload["config"], "manifest": payload["manifest"],
        "hooks": hooks.collect::<Vec<_>>(), "apply_method": payload["apply_method"], "name": payload["name"],
    })
}

/// Jobs that have completed, by the job controller's own events, which stay when a Job has gone.
fn ran(ns: &Namespace<'_>) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut ran: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let list = ns.get("events?fieldSelector=involvedObject.kind=Job,reason=Completed")?;
    for event in items(&list) {
        let text = |field: &str| event["involvedObject"][field].as_str().map(str::to_owned);
        let (name, uid) = (text("name").context("no name")?, text("uid").context("no uid")?);
        ran.entry(name).or_default().insert(uid);
    }
    Ok(ran)
}

impl Live {
    /// The records, as `1:superseded 2:deployed`; a label that says something else stands beside it.
    pub fn story(&self) -> String {
        if self.records.is_empty() {
            return "none".to_owned();
        }
        let words = self.records.iter().map(|record| {
            let label = if record.label == record.status { String::new() } else { format!("({})", record.label) };
            let sealed = if record.immutable { "*" } else { "" };
            format!("{}:{}{label}{sealed}", record.revision, record.status)
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// The newest record.
    pub fn newest(&self) -> Option<&Record> {
        self.records.last()
    }

    /// Whether Helm refuses to go on.
    pub fn is_stuck(&self) -> bool {
        self.newest().is_some_and(|newest| newest.status.starts_with("pending-") || newest.status == "uninstalling")
    }

    /// How many Jobs of each name have completed.
    pub fn runs(&self) -> BTreeMap<String, usize> {
        self.ran.iter().map(|(name, uids)| (name.clone(), uids.len())).collect()
    }

    /// An object's uid.
    pub fn uid(&self, key: &str) -> Option<&str> {
        self.objects.get(key)?["metadata"]["uid"].as_str()
    }

    /// What a controller has still to do, if anything.
    pub fn busy(&self) -> Option<String> {
        let deleting = |object: &Value| !object["metadata"]["deletionTimestamp"].is_null();
        let held = |object: &Value| items_at(&object["metadata"]["finalizers"]).any(|finalizer| finalizer == HOLDER);
        if let Some((key, _)) = self.objects.iter().find(|(_, object)| deleting(object) && !held(object)) {
            return Some(format!("{key} is being deleted"));
        }
        for (key, object) in &self.objects {
            let status = &object["status"];
            let busy = match key.split('/').next() {
                Some("Deployment") => !is_rolled_out(object),
                Some("Job") => !self.has_ended(object),
                Some("PersistentVolumeClaim") => status["phase"] != "Bound",
                _ => false,
            };
            if busy {
                return Some(format!("{key} isn't ready"));
            }
        }
        let gone = |pod: &&Value| deleting(pod);
        self.pods.iter().find(gone).map(|pod| format!("pod {} is being deleted", pod["metadata"]["name"]))
    }

    /// A Job that failed, or that completed with its event there, too.
    fn has_ended(&self, job: &Value) -> bool {
        let has = |kind: &str| {
            items_at(&job["status"]["conditions"]).any(|found| found["type"] == kind && found["status"] == "True")
        };
        let name = job["metadata"]["name"].as_str().unwrap_or_default();
        let uid = job["metadata"]["uid"].as_str().unwrap_or_default();
        has("Failed") || has("Complete") && self.ran.get(name).is_some_and(|uids| uids.contains(uid))
    }

    /// The objects without what no two runs have in common.
    pub fn comparable(&self) -> BTreeMap<String, Value> {
        self.objects.iter().map(|(key, object)| (key.clone(), self.normal(key, object))).collect()
    }

    fn normal(&self, key: &str, object: &Value) -> Value {
        let mut object = object.clone();
        if let Some(members) = object.as_object_mut() {
            members.remove("status");
        }
        for field in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "namespace"] {
            remove(&mut object, "/metadata", field);
        }
        // The controllers' own marks.
        remove(&mut object, "/metadata/annotations", "deployment.kubernetes.io/revision");
        if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
            annotations.retain(|name, _| !name.starts_with("pv.kubernetes.io/") && !name.starts_with("volume."));
        }
        match key.split('/').next() {
            Some("PersistentVolumeClaim") => remove(&mut object, "/spec", "volumeName"),
            Some("Service") => ["clusterIP", "clusterIPs"].iter().for_each(|field| remove(&mut object, "/spec", field)),
            Some("Job") => normal_job(&mut object),
            _ => {}
        }
        let owner = "/metadata/annotations/meta.helm.sh~1release-namespace";
        if let Some(Value::String(namespace)) = object.pointer_mut(owner)
            && *namespace == self.namespace
        {
            "NAMESPACE".clone_into(namespace);
        }
        object
    }
}

fn normal_job(job: &mut Value) {
    remove(job, "/spec", "selector");
    for place in ["/metadata/labels", "/spec/template/metadata/labels"] {
        for label in ["controller-uid", "batch.kubernetes.io/controller-uid"] {
            remove(job, place, label);
        }
    }
}

fn remove(object: &mut Value, place: &str, field: &str) {
    if let Some(members) = object.pointer_mut(place).and_then(Value::as_object_mut) {
        members.remove(field);
    }
    // An empty map and none are the same.
    if let Some((parent, name)) = place.rsplit_once('/')
        && object.pointer(place).and_then(Value::as_object).is_some_and(serde_json::Map::is_empty)
        && let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut)
    {
        parent.remove(name);
    }
}

fn is_rolled_out(deployment: &Value) -> bool {
    let number = |pointer: &str| deployment.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let wanted = number("/spec/replicas");
    number("/status/observedGeneration") == number("/metadata/generation")
        && ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"]
            .iter()
            .all(|field| number(&format!("/status/{field}")) == wanted)
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    items_at(&list["items"])
}

fn items_at(array: &Value) -> impl Iterator<Item = &Value> {
    array.as_array().into_iter().flatten()
}

/// Whether an object is a hook's.
pub fn is_hook(key: &str) -> bool {
    key.starts_with(&format!("Job/{RELEASE}-"))
}
