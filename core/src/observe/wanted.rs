//! What to read next: a pure function of what was read so far.
//!
//! Every release needs its objects. What explains a fault (events, pods, quotas, webhooks) is only read where there is
//! something to explain.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Kind, Observation, Read, known, orphan_lists};
use crate::manifest::ManifestObject;
use crate::ready::{Children, Verdict, children_needed, ready};
use crate::record::Status;

/// How many services behind webhooks are looked at.
const MOST_SERVICES: usize = 30;
/// How many namespaces besides the release's are looked at.
const MOST_NAMESPACES: usize = 20;
/// How many pods are looked at for nodes, claims and logs.
const MOST_PODS: usize = 50;
/// How many logs are read.
const MOST_LOGS: usize = 5;

/// Takes what was read so far; gives what is still missing, each once. Empty when nothing more would help.
pub fn wanted(seen: &Observation) -> Vec<Read> {
    wanted_all(seen).into_iter().filter(|read| seen.answer(read).is_none()).collect()
}

/// Everything that is wanted as of now, read or not.
pub fn wanted_all(seen: &Observation) -> BTreeSet<Read> {
    let mut wants = Wants { seen, reads: BTreeSet::new() };
    wants.add([Read::CoreKinds, Read::GroupKinds]);
    wants.add([Read::Rules { namespace: seen.id.namespace.clone() }]);
    wants.add([Read::object(&known::namespaces(), "", &seen.id.namespace)]);
    wants.add([Read::object(&known::leases(), &seen.id.namespace, &known::lock(&seen.id))]);
    if wants.is_answered() {
        wants.objects();
        wants.orphans();
    }
    if wants.is_answered() {
        wants.children();
    }
    if wants.is_answered() && needs_explaining(seen) {
        wants.surroundings();
        wants.pods();
        wants.owners();
    }
    if wants.is_answered() && needs_explaining(seen) {
        wants.behind_pods();
        wants.behind_webhooks();
    }
    wants.reads
}

/// The lists of ReplicaSets and of Pods on which the readiness and the progress of an object depend; `None` for what isn't needed.
pub fn children_lists(object: &Value, namespace: &str) -> (Option<Read>, Option<Read>) {
    let needs = children_needed(object);
    let pods = needs.pods.or(needs.pods_of_progress);
    let of = |kind: Kind, labels: Option<String>| labels.map(|labels| Read::list(&kind, namespace, &labels));
    (of(known::replica_sets(), needs.replica_sets), of(known::pods(), pods))
}

/// The list of a workload's or Job's pods, where there is something to explain about it; `None` for what has none.
pub fn pods_list(object: &Value, namespace: &str) -> Option<Read> {
    if let (_, Some(pods)) = children_lists(object, namespace) {
        return Some(pods);
    }
    let labels = object.pointer("/spec/selector/matchLabels")?.as_object()?;
    let terms: Vec<_> = labels.iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?))).collect();
    (!terms.is_empty()).then(|| Read::list(&known::pods(), namespace, &terms.join(",")))
}

/// Pods that were read with a workload of the release or with a hook, each once.
pub fn pods(seen: &Observation) -> Vec<&Value> {
    let mut names = BTreeSet::new();
    let own = live_objects(seen).map(|(object, _)| object).filter(|object| is_kind(object, "Pod"));
    let mut found: Vec<&Value> = own.collect();
    let lists: BTreeSet<Read> =
        live_objects(seen).filter_map(|(object, namespace)| pods_list(object, namespace)).collect();
    found.extend(lists.iter().flat_map(|list| seen.items(list)));
    found.retain(|pod| {
        names.insert(pod.pointer("/metadata/uid").or(pod.pointer("/metadata/name")).map(Value::to_string))
    });
    found
}

/// Whether anything is to be explained: an operation under way or failed, or an object that isn't there or isn't ready.
fn needs_explaining(seen: &Observation) -> bool {
    let status = seen.newest().map_or(Status::Unknown, super::Revision::status);
    status != Status::Deployed || seen.history.deployed().len() != 1 || unready(seen).next().is_some()
}

fn unready(seen: &Observation) -> impl Iterator<Item = (&Value, &str)> {
    live_objects(seen).filter(|(object, _)| !looks_ready(seen, object))
}

/// All objects of the manifests that were opened, hooks included.
pub(super) fn manifests(seen: &Observation) -> impl Iterator<Item = &ManifestObject> {
    let opened = seen.revisions.values().filter_map(|revision| revision.as_ref().ok());
    opened.flat_map(|revision| revision.objects.iter().chain(revision.hook_objects.iter().flatten()))
}

/// Those that are in the cluster, with their namespace.
fn live_objects(seen: &Observation) -> impl Iterator<Item = (&Value, &str)> {
    manifests(seen).filter_map(|object| {
        let namespace = object.namespace.as_deref().unwrap_or(&seen.id.namespace);
        Some((seen.live(object).found()?, namespace))
    })
}

fn is_kind(object: &Value, kind: &str) -> bool {
    object.get("kind").and_then(Value::as_str) == Some(kind)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Reads as they gather.
struct Wants<'a> {
    seen: &'a Observation,
    reads: BTreeSet<Read>,
}

impl Wants<'_> {
    fn add(&mut self, reads: impl IntoIterator<Item = Read>) {
        self.reads.extend(reads);
    }

    /// Whether everything wanted so far was read, so that more can be said.
    fn is_answered(&self) -> bool {
        self.reads.iter().all(|read| self.seen.answer(read).is_some())
    }

    fn objects(&mut self) {
        let seen = self.seen;
        self.add(manifests(seen).filter_map(|object| seen.read_of(object)));
    }

    fn orphans(&mut self) {
        self.add(orphan_lists(self.seen));
    }

    /// What may stand in the way of anything in the namespace.
    fn surroundings(&mut self) {
        let namespace = &self.seen.id.namespace;
        let mut namespaces: BTreeSet<&str> = live_objects(self.seen)
            .filter(|(object, _)| !looks_ready(self.seen, object))
            .map(|(_, namespace)| namespace)
            .collect();
        namespaces.insert(namespace);
        let events: Vec<_> = namespaces.iter().map(|namespace| Read::list(&known::events(), namespace, "")).collect();
        self.add(events);
        self.add([Read::list(&known::quotas(), namespace, ""), Read::list(&known::limit_ranges(), namespace, "")]);
        self.add([Read::list(&known::mutating_webhooks(), "", ""), Read::list(&known::validating_webhooks(), "", "")]);
        if !self.seen.kinds().stale().is_empty() || !self.seen.kinds().is_complete() {
            self.add([Read::list(&known::api_services(), "", "")]);
        }
        self.other_namespaces();
        self.users_of_claims();
    }

    /// Namespaces of objects outside the release's own: they may be going, and their labels decide on webhooks.
    fn other_namespaces(&mut self) {
        let names: BTreeSet<&str> = manifests(self.seen).filter_map(|object| object.namespace.as_deref()).collect();
        let reads = names.into_iter().take(MOST_NAMESPACES).map(|name| Read::object(&known::namespaces(), "", name));
        let reads: Vec<_> = reads.collect();
        self.add(reads);
    }

    /// Pods around claims that are being deleted, as one that uses a claim keeps it.
    fn users_of_claims(&mut self) {
        let going = live_objects(self.seen).filter(|(object, _)| {
            is_kind(object, "PersistentVolumeClaim") && object.pointer("/metadata/deletionTimestamp").is_some()
        });
        let reads: Vec<_> = going.map(|(_, namespace)| Read::list(&known::pods(), namespace, "")).collect();
        self.add(reads);
    }

    /// What readiness hangs on.
    fn children(&mut self) {
        let lists = live_objects(self.seen).map(|(object, namespace)| children_lists(object, namespace));
        let lists: Vec<_> = lists.flat_map(|(replica_sets, pods)| [replica_sets, pods]).flatten().collect();
        self.add(lists);
    }

    /// The pods of what isn't ready.
    fn pods(&mut self) {
        let lists: Vec<_> = unready(self.seen).filter_map(|(object, namespace)| pods_list(object, namespace)).collect();
        self.add(lists);
    }

    /// Who else drives the release: by the marks that the controllers leave.
    fn owners(&mut self) {
        let seen = self.seen;
        let labelled = |name: &str| {
            live_objects(seen)
                .find_map(|(object, _)| object.pointer("/metadata/labels")?.get(name)?.as_str().map(str::to_owned))
        };
        if let (Some(name), Some(namespace), Some(kind)) = (
            labelled("helm.toolkit.fluxcd.io/name"),
            labelled("helm.toolkit.fluxcd.io/namespace"),
            seen.kinds().any_version("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
        ) {
            self.add([Read::object(kind, &namespace, &name)]);
        }
        if let Some(kind) = seen.kinds().any_version("helm.cattle.io/v1", "HelmChart") {
            let places: BTreeSet<&str> = [seen.id.namespace.as_str(), "kube-system"].into();
            for place in places {
                let job = format!("helm-install-{}", seen.id.name);
                self.add([Read::object(kind, place, &seen.id.name), Read::object(&known::jobs(), place, &job)]);
            }
        }
    }

    /// Nodes, claims and logs of pods that aren't ready.
    fn behind_pods(&mut self) {
        let mut logs = Vec::new();
        for pod in pods(self.seen).into_iter().filter(|pod| !is_well(pod)).take(MOST_PODS) {
            let namespace = text(pod, "/metadata/namespace");
            if let node @ 1.. = text(pod, "/spec/nodeName").len() {
                self.add([Read::object(&known::nodes(), "", &text(pod, "/spec/nodeName")[..node])]);
            }
            let claims = list(pod, "/spec/volumes").map(|volume| text(volume, "/persistentVolumeClaim/claimName"));
            let claims: Vec<_> = claims
                .filter(|claim| !claim.is_empty())
                .map(|claim| Read::object(&known::claims(), namespace, claim))
                .collect();
            self.add(claims);
            logs.extend(logs_of(pod));
        }
        // What ended tells more than what runs.
        logs.sort_by_key(|(runs, _)| *runs);
        self.add(logs.into_iter().take(MOST_LOGS).map(|(_, log)| log));
        let classes: Vec<_> = self
            .claims()
            .into_iter()
            .filter(|claim| text(claim, "/status/phase") != "Bound")
            .map(|claim| text(claim, "/spec/storageClassName"))
            .filter(|class| !class.is_empty())
            .map(|class| Read::object(&known::storage_classes(), "", class))
            .collect();
        self.add(classes);
    }

    fn claims(&self) -> Vec<&Value> {
        let read =
            self.reads.iter().filter(|read| matches!(read, Read::Object { kind, .. } if *kind == known::claims()));
        read.filter_map(|read| self.seen.answer(read)?.found()).collect()
    }

    /// The services that webhooks are sent to.
    fn behind_webhooks(&mut self) {
        let lists =
            [Read::list(&known::mutating_webhooks(), "", ""), Read::list(&known::validating_webhooks(), "", "")];
        let mut services = BTreeSet::new();
        for webhook in lists.iter().flat_map(|read| self.seen.items(read)).flat_map(|item| list(item, "/webhooks")) {
            if let Some(service) = webhook.pointer("/clientConfig/service") {
                services.insert((text(service, "/namespace"), text(service, "/name")));
            }
        }
        for (namespace, name) in services.into_iter().take(MOST_SERVICES) {
            let slices = format!("kubernetes.io/service-name={name}");
            self.add([
                Read::object(&known::services(), namespace, name),
                Read::list(&known::endpoint_slices(), namespace, &slices),
            ]);
        }
    }
}

/// The logs of a pod's containers that ended badly, or run; with whether they run.
fn logs_of(pod: &Value) -> Vec<(bool, Read)> {
    let statuses = list(pod, "/status/initContainerStatuses").chain(list(pod, "/status/containerStatuses"));
    let wanted = |status: &Value| {
        let code = |state: &str| status.pointer(&format!("/{state}/terminated/exitCode")).and_then(Value::as_i64);
        let crashes = text(status, "/state/waiting/reason") == "CrashLoopBackOff";
        let ended_badly = crashes || code("state").or_else(|| code("lastState")).is_some_and(|code| code != 0);
        let runs = status.pointer("/state/running").is_some();
        let log = Read::Log {
            namespace: text(pod, "/metadata/namespace").to_owned(),
            pod: text(pod, "/metadata/name").to_owned(),
            container: text(status, "/name").to_owned(),
            previous: ended_badly && status.pointer("/state/terminated").is_none(),
        };
        (ended_badly || runs).then_some((!ended_badly, log))
    };
    statuses.filter_map(wanted).collect()
}

/// Whether nothing about a pod is to be explained: it is ready, or has done its work. One of a Job is to end, not to be ready.
/// Items of a list don't say their kind.
fn is_well(pod: &Value) -> bool {
    let of_job = list(pod, "/metadata/ownerReferences").any(|owner| text(owner, "/kind") == "Job");
    let mut conditions = list(pod, "/status/conditions");
    let ready = conditions.any(|one| text(one, "/type") == "Ready" && text(one, "/status") == "True");
    pod.pointer("/metadata/deletionTimestamp").is_none()
        && (text(pod, "/status/phase") == "Succeeded" || ready && !of_job)
}

/// Whether an object needs no explaining: a Helm wouldn't wait for it, told to wait for jobs or not.
fn looks_ready(seen: &Observation, object: &Value) -> bool {
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        return false;
    }
    let items = |read: Option<Read>| seen.answer(&read?)?.found()?.get("items")?.as_array().map(Vec::as_slice);
    let (replica_sets, pods) = children_lists(object, text(object, "/metadata/namespace"));
    let readiness = ready(object, &Children { replica_sets: items(replica_sets), pods: items(pods) }, seen.at);
    let ready = |verdict: &Verdict| !matches!(verdict, Verdict::Waiting(_) | Verdict::Failed(_));
    [&readiness.helm3, &readiness.helm4, &readiness.helm3_for_jobs].into_iter().all(ready)
}
