//! Causes, from made-up observations with real texts: those of Kubernetes 1.35's API server and of Helm 3.22 and 4.3.

mod admission;
mod apis;
mod deletion;
mod killed;
mod objects;
mod records;
mod words;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Cause, Scene, causes};
use crate::diagnose::case::Case;
use crate::diagnose::liveness::{Liveness, LivenessVerdict, liveness};
use crate::diagnose::operation::{Phase, operation};
use crate::inventory::tests::record;
use crate::inventory::{Inventory, Opened, ReleaseId};
use crate::manifest::objects;
use crate::observe::{Answer, Kind, Observation, Read, Revision, known, wanted};
use crate::record::{Driver, Hook, Info, LastRun, Moment, RecordMeta, Release, Status};

/// When everything is looked at.
pub fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// So many seconds before.
pub fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

/// A scene in the making: release `web` in namespace `ns`, looked at two hours after its last operation began.
pub struct Stage {
    records: Vec<RecordMeta>,
    revisions: BTreeMap<u64, Revision>,
    answers: Vec<(Read, Answer)>,
    kinds: Vec<(&'static str, &'static str, &'static str, bool)>,
    stale: Vec<(&'static str, &'static str)>,
    phase: Option<Phase>,
    verdict: Option<LivenessVerdict>,
}

/// An object that Helm has made: marked as the release's, written by Helm when the last operation ran.
pub fn live(mut object: Value) -> Value {
    let metadata = object["metadata"].as_object_mut().unwrap();
    let marks = json!({"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "ns"});
    metadata.entry("annotations").or_insert(marks);
    metadata.entry("labels").or_insert(json!({"app.kubernetes.io/managed-by": "Helm"}));
    metadata.entry("namespace").or_insert(json!("ns"));
    metadata.entry("uid").or_insert(json!("u"));
    metadata
        .entry("managedFields")
        .or_insert(json!([{"manager": "helm", "operation": "Apply", "time": ago(7190).to_string()}]));
    object
}

/// A ConfigMap.
pub fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"v": value}})
}

impl Stage {
    /// Nothing yet; every list is empty and every kind of Kubernetes' own that is named here served.
    pub fn new() -> Self {
        let kinds = vec![
            ("", "ConfigMap", "configmaps", true),
            ("", "Secret", "secrets", true),
            ("", "Service", "services", true),
            ("", "Pod", "pods", true),
            ("", "PersistentVolumeClaim", "persistentvolumeclaims", true),
            ("apps", "Deployment", "deployments", true),
            ("apps", "StatefulSet", "statefulsets", true),
            ("batch", "Job", "jobs", true),
            ("policy", "PodDisruptionBudget", "poddisruptionbudgets", true),
            (
                "admissionregistration.k8s.io",
                "ValidatingWebhookConfiguration",
                "validatingwebhookconfigurations",
                false,
            ),
        ];
        let (records, revisions, answers, stale) = (Vec::new(), BTreeMap::new(), Vec::new(), Vec::new());
        Self { records, revisions, answers, kinds, stale, phase: None, verdict: None }
    }

    /// Adds a revision that was created so many seconds ago. Its objects are given as JSON.
    pub fn revision(self, number: u64, status: Status, description: &str, seconds: i64, manifest: &[Value]) -> Self {
        let documents: Vec<String> = manifest.iter().map(Value::to_string).collect();
        self.with_manifest(number, status, description, seconds, &documents.join("\n---\n"))
    }

    fn with_manifest(mut self, number: u64, status: Status, description: &str, seconds: i64, manifest: &str) -> Self {
        let mut meta = record("web", number, status);
        meta.created = Some(ago(seconds));
        meta.written = Some(ago(seconds));
        let moment = Moment { at: ago(seconds), text: ago(seconds).to_string() };
        let info = Info {
            first_deployed: Some(moment.clone()),
            last_deployed: Some(moment.clone()),
            deleted: None,
            description: description.to_owned(),
            status: status.to_string(),
            notes: String::new(),
            rollback_revision: None,
        };
        let release = Release {
            name: "web".into(),
            info,
            chart: None,
            config: None,
            manifest: manifest.to_owned(),
            hooks: Vec::new(),
            version: number,
            namespace: "ns".into(),
            apply_method: None,
        };
        let opened = Opened {
            name: "web".into(),
            revision: number,
            status: status.to_string(),
            description: description.to_owned(),
            last_deployed: Some(moment.text),
            stored: 5000,
        };
        let (found, problems) = objects(manifest);
        assert_eq!(problems, []);
        let hook_objects = Vec::new();
        let writer = Some("Helm".to_owned());
        let (meta_kept, annotations) = (meta.clone(), BTreeMap::new());
        let revision =
            Revision { meta: meta_kept, writer, annotations, opened, release, objects: found, problems, hook_objects };
        self.revisions.insert(number, revision);
        self.records.push(meta);
        self
    }

    /// A first upgrade, two hours ago: `old` is deployed, and the upgrade to `new` in this status.
    pub fn upgrade(status: Status, description: &str, old: &[Value], new: &[Value]) -> Self {
        Self::new().revision(1, Status::Deployed, "Install complete", 90_000, old).revision(
            2,
            status,
            description,
            7200,
            new,
        )
    }

    /// An upgrade that failed with this text of Helm's.
    pub fn failed(error: &str) -> Self {
        let description = format!("Upgrade \"web\" failed: {error}");
        let (old, new) = ([config_map("a", "1")], [config_map("a", "2")]);
        Self::upgrade(Status::Failed, &description, &old, &new).there(live(config_map("a", "1")))
    }

    /// An upgrade that never ended, with ConfigMap `a` applied and `b` not.
    pub fn open() -> Self {
        let old = [config_map("a", "1"), config_map("b", "1")];
        let new = [config_map("a", "2"), config_map("b", "2")];
        Self::upgrade(Status::PendingUpgrade, "Preparing upgrade", &old, &new)
            .there(live(config_map("a", "2")))
            .there(live(config_map("b", "1")))
    }

    /// Changes the newest revision.
    pub fn newest(self, change: impl FnOnce(&mut Revision)) -> Self {
        let newest = self.revisions.keys().last().copied().unwrap();
        self.revised(newest, change)
    }

    /// Changes a revision.
    pub fn revised(mut self, number: u64, change: impl FnOnce(&mut Revision)) -> Self {
        change(self.revisions.get_mut(&number).unwrap());
        self
    }

    /// Changes a record as the list shows it.
    pub fn record(mut self, number: u64, change: impl Fn(&mut RecordMeta)) -> Self {
        self.records.iter_mut().filter(|record| record.revision() == Some(number)).for_each(&change);
        if let Some(revision) = self.revisions.get_mut(&number) {
            change(&mut revision.meta);
        }
        self
    }

    /// Adds a hook to the newest revision.
    pub fn hook(self, event: &str, object: &Value) -> Self {
        let manifest = object.to_string();
        let hook = Hook {
            name: object["metadata"]["name"].as_str().unwrap().to_owned(),
            kind: object["kind"].as_str().unwrap().to_owned(),
            path: "shop/templates/hook.yaml".into(),
            manifest: manifest.clone(),
            events: vec![event.to_owned()],
            last_run: LastRun::default(),
            weight: 0,
            delete_policies: Vec::new(),
            output_log_policies: Vec::new(),
        };
        self.newest(|revision| {
            revision.release.hooks.push(hook);
            revision.hook_objects.push(objects(&manifest).0.into_iter().next());
        })
    }

    /// The server serves a kind more, in version v1.
    pub fn serves(mut self, group: &'static str, kind: &'static str, resource: &'static str) -> Self {
        self.kinds.push((group, kind, resource, true));
        self
    }

    /// The server can't reach what serves a group.
    pub fn stale(mut self, group: &'static str, version: &'static str) -> Self {
        self.stale.push((group, version));
        self
    }

    /// An object is in the cluster.
    pub fn there(mut self, object: Value) -> Self {
        let kind = self.kind_of(&object);
        let at = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        self.answers.push((Read::object(&kind, &at("namespace"), &at("name")), Answer::Found(object)));
        self
    }

    /// A list holds these.
    pub fn listed(mut self, read: Read, items: &[Value]) -> Self {
        self.answers.push((read, Answer::Found(json!({"items": items}))));
        self
    }

    /// A read is answered so.
    pub fn answered(mut self, read: Read, answer: Answer) -> Self {
        self.answers.push((read, answer));
        self
    }

    /// The namespace's labels, as webhooks select by them.
    pub fn validating(self, webhooks: &[Value]) -> Self {
        let created = ago(90_000).to_string();
        let configuration = json!({"metadata": {"name": "policy", "creationTimestamp": created}, "webhooks": webhooks});
        self.listed(Read::list(&known::validating_webhooks(), "", ""), &[configuration])
    }

    /// Events in the namespace.
    pub fn events(self, events: &[Value]) -> Self {
        self.listed(Read::list(&known::events(), "ns", ""), events)
    }

    /// How far the operation came, where that isn't what is tested.
    pub fn at(mut self, phase: Phase, verdict: LivenessVerdict) -> Self {
        (self.phase, self.verdict) = (Some(phase), Some(verdict));
        self
    }

    fn kind_of(&self, object: &Value) -> Kind {
        let (version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let (.., resource, namespaced) = match kind {
            "Namespace" => &("", "Namespace", "namespaces", false),
            _ => self.kinds.iter().find(|known| known.0 == group && known.1 == kind).unwrap(),
        };
        // What is served is version 1.
        let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
        Kind::known(&version, kind, resource, *namespaced)
    }

    fn discovery(&self, core: bool) -> Value {
        let mut groups: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for (group, kind, resource, namespaced) in self.kinds.iter().filter(|kind| kind.0.is_empty() == core) {
            let scope = if *namespaced { "Namespaced" } else { "Cluster" };
            groups.entry(group).or_default().push(json!({
                "resource": resource, "scope": scope, "verbs": ["get", "list"], "responseKind": {"kind": kind},
            }));
        }
        let mut items: Vec<Value> = groups
            .into_iter()
            .map(|(group, resources)| json!({"metadata": {"name": group}, "versions": [{"version": "v1", "freshness": "Current", "resources": resources}]}))
            .collect();
        let stale = self.stale.iter().filter(|_| !core);
        items.extend(stale.map(|(group, version)| {
            json!({"metadata": {"name": group}, "versions": [{"version": version, "freshness": "Stale", "resources": []}]})
        }));
        json!({"kind": "APIGroupDiscoveryList", "items": items})
    }

    /// Answers every read as the server would: what wasn't put there isn't there.
    pub fn seen(&self) -> Observation {
        let inventory: Inventory = self.records.iter().cloned().collect();
        let (id, history) = inventory.releases.into_iter().next().unwrap();
        assert_eq!(id, ReleaseId { namespace: "ns".into(), name: "web".into() });
        let mut seen = Observation::new(id, Driver::Secret, now(), history);
        seen.revisions = self.revisions.iter().map(|(number, revision)| (*number, Ok(revision.clone()))).collect();
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns", "labels": {"kubernetes.io/metadata.name": "ns"}}});
        let rules = json!({"status": {"resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]}});
        for (read, answer) in &self.answers {
            seen.insert(read, answer.clone());
        }
        for _ in 0..8 {
            for read in wanted(&seen) {
                let answer = match &read {
                    Read::CoreKinds => Answer::Found(self.discovery(true)),
                    Read::GroupKinds => Answer::Found(self.discovery(false)),
                    Read::Rules { .. } => Answer::Found(rules.clone()),
                    Read::List { .. } => Answer::Found(json!({"items": []})),
                    Read::Object { kind, name, .. } if kind.kind == "Namespace" && name == "ns" => {
                        Answer::Found(namespace.clone())
                    }
                    Read::Object { .. } | Read::Log { .. } => Answer::Absent,
                };
                seen.insert(&read, answer);
            }
        }
        assert_eq!(wanted(&seen), []);
        seen
    }

    /// Every cause.
    pub fn causes(&self) -> Vec<Cause> {
        let seen = self.seen();
        let case = Case::new(&seen);
        let mut operation = operation(&case);
        let mut judged: Liveness = liveness(&case, &operation);
        if let (Some(phase), Some(verdict)) = (self.phase, self.verdict) {
            operation.phase = phase;
            judged.verdict = verdict;
        }
        causes(&Scene { case: &case, operation: &operation, liveness: &judged })
    }

    /// The codes, asides in brackets.
    pub fn codes(&self) -> Vec<String> {
        let code = |cause: &Cause| match cause.depth {
            super::depth::ASIDE => format!("({})", cause.code),
            _ => cause.code.to_owned(),
        };
        self.causes().iter().map(code).collect()
    }

    /// The first cause.
    #[track_caller]
    pub fn first(&self) -> Cause {
        self.causes().into_iter().next().unwrap()
    }

    /// Asserts the first cause's code; gives it.
    #[track_caller]
    pub fn says(&self, code: &str) -> Cause {
        let all = self.causes();
        assert_eq!(all.first().map(|cause| cause.code), Some(code), "{all:#?}");
        all.into_iter().next().unwrap()
    }
}
