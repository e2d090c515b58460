//! One release as the rules see it: every object with both manifests' and the cluster's side, every hook, and lookups into
//! what was read.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use crate::compare::{self, Owner, Side, Standing, standing};
use crate::manifest::ManifestObject;
use crate::observe::{Kind, Live, Observation, OperationKind, Read, Revision, children_lists, known, pods_list};
use crate::ready::{Children, Readiness, Verdict, ready};
use crate::record::Status;

/// A release, taken apart.
pub struct Case<'a> {
    /// Everything that was read.
    pub seen: &'a Observation,
    /// The newest revision, if it can be read.
    pub newest: Option<&'a Revision>,
    /// The revision before the operation, if there is one.
    pub base: Option<&'a Revision>,
    /// What the newest record witnesses.
    pub kind: OperationKind,
    /// When the newest record was created, by the server's clock: nothing of this operation is older.
    pub began: Option<Timestamp>,
    /// The objects, in the order in which Helm applies them; those that only the older manifest has come last.
    pub objects: Vec<Object<'a>>,
    events: BTreeMap<(String, String, String), Vec<&'a Value>>,
}

/// An object of the release.
pub struct Object<'a> {
    /// Its API version, as the newer manifest writes it.
    pub api_version: &'a str,
    /// Its kind.
    pub kind: &'a str,
    /// Its namespace, the release's if it names none; empty for what lives in none.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// As it was to be before the operation.
    pub old: Option<&'a ManifestObject>,
    /// As it is to be after it.
    pub new: Option<&'a ManifestObject>,
    /// As it is.
    pub live: Live<'a>,
    /// On which side it stands.
    pub standing: Standing,
    /// Whether it is ready; `None` if it isn't there.
    pub readiness: Option<Readiness>,
    /// When Helm last wrote it, by the server's clock.
    pub written: Option<Timestamp>,
    /// Whether the operation created, changed or deleted it.
    pub touched: bool,
}

impl<'a> Object<'a> {
    /// The manifest's object that says most of it: the new one, or the old one if it is to go.
    pub fn manifest(&self) -> Option<&'a ManifestObject> {
        self.new.or(self.old)
    }

    /// Its name for people, as kubectl writes it: `deployment/web`.
    pub fn words(&self) -> String {
        format!("{}/{}", self.kind.to_lowercase(), self.name)
    }

    /// Whether the operation changes, creates or removes it.
    pub fn differs(&self) -> bool {
        match (self.old, self.new) {
            (Some(old), Some(new)) => old.value != new.value,
            // What is to be kept is left alone.
            (Some(_), None) => self.standing.side != Side::Same,
            _ => true,
        }
    }

    /// Whether Helm has done what it has to do with it: applied or removed it.
    pub fn is_done(&self) -> Option<bool> {
        match self.standing.side {
            // A patch is applied whole or not at all, so a mixture was applied and then changed by others.
            Side::New | Side::Mixed => Some(self.new.is_some()),
            // It can't be told from the object whether it was written: both sides read the same there.
            Side::Same => Some(true),
            Side::Old | Side::ToBePruned | Side::NotOurs => Some(false),
            Side::Absent | Side::Terminating => Some(self.new.is_none()),
            // It speaks for neither side: whether Helm wrote it tells.
            Side::Drifted => Some(!self.differs() || self.touched),
            Side::Unknown => None,
        }
    }

    /// Whether both Helms call it ready; `None` if that isn't known.
    pub fn is_ready(&self) -> Option<bool> {
        let readiness = self.readiness.as_ref()?;
        let verdicts = [&readiness.helm3, &readiness.helm4];
        if verdicts.iter().any(|verdict| matches!(verdict, Verdict::Waiting(_) | Verdict::Failed(_))) {
            return Some(false);
        }
        verdicts.iter().all(|verdict| verdict.is_ready()).then_some(true)
    }

    /// Whether the Helm that applies it would call it ready: Helm 4 on the server's side, Helm 3 on the client's.
    pub fn is_ready_for(&self, server_side: bool) -> bool {
        let Some(readiness) = self.readiness.as_ref() else { return false };
        if server_side { readiness.helm4.is_ready() } else { readiness.helm3.is_ready() }
    }

    /// Whether a Helm that was told to wait for jobs would still wait for it, or may.
    pub fn waits_for_job(&self) -> bool {
        let verdicts = self.readiness.as_ref().map(|readiness| [&readiness.helm3_for_jobs, &readiness.helm4_for_jobs]);
        verdicts.is_some_and(|verdicts| !verdicts.iter().all(|verdict| verdict.is_ready()))
    }

    /// How far it got, such as `1 of 3 available`.
    pub fn progress_words(&self) -> Option<String> {
        let progress = self.readiness.as_ref()?.progress.as_ref()?;
        let mut words = format!("{} of {} available", progress.available, progress.want);
        if progress.updated < progress.want {
            words.push_str(&format!(", {} updated", progress.updated));
        }
        if progress.restarts > 0 {
            words.push_str(&format!(", {} restarts", progress.restarts));
        }
        Some(words)
    }

    /// What it waits for, if it isn't ready.
    pub fn waits_for(&self) -> Option<&str> {
        let readiness = self.readiness.as_ref()?;
        let verdicts = [&readiness.helm4, &readiness.helm3];
        let unready = |verdict: &&&Verdict| matches!(verdict, Verdict::Waiting(_) | Verdict::Failed(_));
        verdicts.iter().find(unready).or(verdicts.first()).and_then(|verdict| verdict.why())
    }
}

impl<'a> Case<'a> {
    /// Takes a release apart.
    pub fn new(seen: &'a Observation) -> Self {
        let newest = seen.newest();
        let kind = match newest {
            Some(newest) => OperationKind::of(newest.status(), &newest.opened.description),
            None => {
                let label = seen.history.newest().and_then(crate::record::RecordMeta::status);
                OperationKind::of(label.filter(|label| *label != Status::Failed).unwrap_or(Status::Unknown), "")
            }
        };
        let base = seen.base();
        let began = seen.history.newest().and_then(|record| record.created);
        let objects = objects(seen, kind, newest, base);
        let events = events(seen);
        Self { seen, newest, base, kind, began, objects, events }
    }

    /// The newest record's status: the payload's, or, where that can't be read, the label's.
    pub fn status(&self) -> Status {
        let label = || self.seen.history.newest().and_then(crate::record::RecordMeta::status);
        self.newest.map(Revision::status).or_else(label).unwrap_or(Status::Unknown)
    }

    /// Whether the operation hasn't ended, for all that the record says.
    pub fn is_open(&self) -> bool {
        self.status().is_pending() || self.status() == Status::Uninstalling
    }

    /// Whether two manifests mean the same object.
    pub fn same(&self, a: &ManifestObject, b: &ManifestObject) -> bool {
        let default = self.seen.id.namespace.as_str();
        key(a, default) == key(b, default)
    }

    /// The events about an object, newest first.
    pub fn events_of(&self, kind: &str, namespace: &str, name: &str) -> &[&'a Value] {
        let key = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        self.events.get(&key).map_or(&[], Vec::as_slice)
    }

    /// All events that were read, newest first within an object.
    pub fn events(&self) -> impl Iterator<Item = &'a Value> {
        self.events.values().flatten().copied()
    }

    /// Pods of the release's workloads and hooks that were read, as far as something was to be explained.
    pub fn pods(&self) -> Vec<&'a Value> {
        crate::observe::pods(self.seen)
    }

    /// The pods of one workload or Job; `None` if they weren't or couldn't be read.
    pub fn pods_of(&self, object: &Value, namespace: &str) -> Option<Vec<&'a Value>> {
        let read = pods_list(object, namespace)?;
        self.seen.answer(&read)?.found()?;
        Some(self.seen.items(&read).collect())
    }

    /// One object that was read beside the release's own.
    pub fn other(&self, kind: &Kind, namespace: &str, name: &str) -> Live<'a> {
        match self.seen.answer(&Read::object(kind, namespace, name)) {
            Some(answer) => match (answer.found(), answer.unknown()) {
                (Some(value), _) => Live::Found(value),
                (None, Some(why)) => Live::Unknown(why.to_owned()),
                (None, None) => Live::Absent,
            },
            None => Live::Unknown("it wasn't read".to_owned()),
        }
    }

    /// The items of one of the lists around the release; `None` if it wasn't or couldn't be read.
    pub fn list(&self, read: &Read) -> Option<Vec<&'a Value>> {
        self.seen.answer(read)?.found()?;
        Some(self.seen.items(read).collect())
    }
}

/// By what two manifests mean the same object (Helm 4.3 `pkg/kube/resource.go:isMatchingInfo`).
type Key<'a> = (&'a str, &'a str, &'a str, &'a str);

fn key<'a>(object: &'a ManifestObject, default: &'a str) -> Key<'a> {
    (object.group(), &object.kind, object.namespace.as_deref().unwrap_or(default), &object.name)
}

/// Pairs both manifests' objects. An uninstall has no new side: what the newest manifest holds is to go.
fn objects<'a>(
    seen: &'a Observation,
    kind: OperationKind,
    newest: Option<&'a Revision>,
    base: Option<&'a Revision>,
) -> Vec<Object<'a>> {
    let default = seen.id.namespace.as_str();
    let of = |revision: Option<&'a Revision>| revision.map_or(&[][..], |revision| revision.objects.as_slice());
    let (older, newer) = (of(base), of(newest));
    let mut old: BTreeMap<Key<'_>, &ManifestObject> = BTreeMap::new();
    old.extend(older.iter().map(|object| (key(object, default), object)));
    let mut paired = BTreeSet::new();
    let mut pairs: Vec<(Option<&ManifestObject>, Option<&ManifestObject>)> = Vec::new();
    for object in newer {
        let key = key(object, default);
        paired.insert(key);
        match kind {
            OperationKind::Uninstall => pairs.push((Some(object), None)),
            // An older revision that is still marked deployed has no say in what a finished one holds.
            OperationKind::None => pairs.push((None, Some(object))),
            _ => pairs.push((old.get(&key).copied(), Some(object))),
        }
    }
    if kind != OperationKind::None {
        let gone = older.iter().filter(|object| !paired.contains(&key(object, default)));
        pairs.extend(gone.map(|object| (Some(object), None)));
    }
    pairs.into_iter().filter_map(|(old, new)| paired_object(seen, old, new)).collect()
}

fn paired_object<'a>(
    seen: &'a Observation,
    old: Option<&'a ManifestObject>,
    new: Option<&'a ManifestObject>,
) -> Option<Object<'a>> {
    let shown = new.or(old)?;
    let live = seen.live(shown);
    let owner = Owner::Release { name: &seen.id.name, namespace: &seen.id.namespace };
    let side = match &live {
        Live::Found(value) => compare::Live::Found(value),
        Live::Absent => compare::Live::Absent,
        Live::Unknown(_) => compare::Live::Unknown,
    };
    let standing = standing(old.map(|old| &old.value), new.map(|new| &new.value), side, &owner);
    let namespaced = seen.kinds().any_version(&shown.api_version, &shown.kind).is_none_or(|kind| kind.namespaced);
    let namespace = if namespaced { shown.namespace.as_deref().unwrap_or(&seen.id.namespace) } else { "" };
    let readiness = live.found().map(|value| readiness(seen, value, namespace));
    Some(Object {
        api_version: &shown.api_version,
        kind: &shown.kind,
        namespace,
        name: &shown.name,
        old,
        new,
        written: live.found().and_then(written_by_helm),
        touched: touched(seen, &live, &standing, new.is_some()),
        live,
        standing,
        readiness,
    })
}

/// Whether the operation wrote or deleted an object: what is to stay, Helm wrote since the newest record was created; what is to go is on
/// its way. The record of an uninstall is older than that, so that what its revision wrote tells nothing.
fn touched(seen: &Observation, live: &Live<'_>, standing: &Standing, stays: bool) -> bool {
    let began = seen.history.newest().and_then(|record| record.created);
    let Live::Found(value) = live else { return false };
    let written = written_by_helm(value).max(time(value, "/metadata/creationTimestamp"));
    // Times are whole seconds: what was written in the record's own second may have been written before it.
    let since = matches!((written, began), (Some(written), Some(began)) if written > began);
    standing.side == Side::Terminating || stays && since
}

/// Readiness with the children that were read.
fn readiness(seen: &Observation, object: &Value, namespace: &str) -> Readiness {
    let items = |read: Option<Read>| seen.answer(&read?)?.found()?.get("items")?.as_array().map(Vec::as_slice);
    let (replica_sets, pods) = children_lists(object, namespace);
    ready(object, &Children { replica_sets: items(replica_sets), pods: items(pods) }, seen.at)
}

/// When a Helm last wrote an object: the newest entry of a manager that calls itself so, or one of the controllers that carry
/// Helm, in managedFields. Helm's own is `helm` (Helm 4.3 `pkg/kube/client.go:getManagedFieldsManager`).
pub fn written_by_helm(object: &Value) -> Option<Timestamp> {
    let entries = object.pointer("/metadata/managedFields")?.as_array()?;
    let is_helm = |entry: &&Value| {
        let manager = entry.get("manager").and_then(Value::as_str).unwrap_or_default().to_lowercase();
        entry.get("subresource").is_none() && manager.contains("helm")
    };
    entries.iter().filter(is_helm).filter_map(|entry| time(entry, "/time")).max()
}

/// A time in an object.
pub fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    value.pointer(pointer)?.as_str()?.parse().ok()
}

/// A text in an object; empty if it has none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A number in an object.
pub fn number(value: &Value, pointer: &str) -> Option<i64> {
    value.pointer(pointer).and_then(Value::as_i64)
}

/// The members of a list in an object.
pub fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// A condition of an object's status.
pub fn condition<'a>(value: &'a Value, kind: &str) -> Option<&'a Value> {
    list(value, "/status/conditions").find(|condition| text(condition, "/type") == kind)
}

/// When an event was last seen.
pub fn event_time(event: &Value) -> Option<Timestamp> {
    ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/firstTimestamp", "/metadata/creationTimestamp"]
        .into_iter()
        .find_map(|pointer| time(event, pointer))
}

fn events(seen: &Observation) -> BTreeMap<(String, String, String), Vec<&Value>> {
    let mut found: BTreeMap<_, Vec<&Value>> = BTreeMap::new();
    let namespaces: BTreeSet<&str> = std::iter::once(seen.id.namespace.as_str())
        .chain(
            seen.revisions
                .values()
                .flatten()
                .flat_map(|revision| revision.objects.iter().filter_map(|object| object.namespace.as_deref())),
        )
        .collect();
    for event in namespaces.into_iter().flat_map(|namespace| seen.items(&Read::list(&known::events(), namespace, ""))) {
        let part = |name: &str| text(event, &format!("/involvedObject/{name}")).to_owned();
        found.entry((part("kind"), part("namespace"), part("name"))).or_default().push(event);
    }
    for events in found.values_mut() {
        events.sort_by_key(|event| std::cmp::Reverse(event_time(event)));
    }
    found
}

/// Whether a label selector selects an object with these labels. None selects everything.
pub fn selects(selector: Option<&Value>, labels: &Value) -> bool {
    let Some(selector) = selector else { return true };
    let label = |key: &str| labels.get(key).and_then(Value::as_str);
    let exact = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    exact.into_iter().all(|(key, value)| label(key) == value.as_str())
        && list(selector, "/matchExpressions").all(|term| {
            let found = label(text(term, "/key"));
            let among = || list(term, "/values").filter_map(Value::as_str).any(|value| Some(value) == found);
            match text(term, "/operator") {
                "In" => among(),
                "NotIn" => !among(),
                "Exists" => found.is_some(),
                "DoesNotExist" => found.is_none(),
                _ => true,
            }
        })
}
