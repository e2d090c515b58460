//! The objects that were pasted, and which lists of them are complete.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::kinds::{GroupKind, guessed, known};
use crate::inventory::Selector;
use crate::observe::{Answer, Kind, Read, trimmed};

/// What is said of something that nobody pasted.
pub const NOT_GIVEN: &str = "it isn't among the files given";

/// Group, kind, namespace, name.
type Key = (String, String, String, String);

/// A list that holds everything of its kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The kinds it holds.
    pub kinds: BTreeSet<GroupKind>,
    /// The namespace it was taken of; `None` for all of them.
    pub namespace: Option<String>,
    /// Whether it is sure that nothing was left out of it, by a label for instance, so that what isn't in it isn't in the
    /// cluster.
    pub is_whole: bool,
}

/// Every object, as the cluster gave it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Objects {
    by_key: BTreeMap<Key, Value>,
    /// Every `apiVersion` under which objects of a kind were pasted, and whether they live in namespaces.
    versions: BTreeMap<GroupKind, BTreeMap<String, bool>>,
    /// What holds everything of its kinds.
    pub listings: Vec<Listing>,
    /// Logs of containers: pod, container if it is known, whether of the run before, text.
    pub logs: Vec<(String, Option<String>, bool, String)>,
}

impl Objects {
    /// Keeps an object; of two of the same name the one that the server wrote last.
    pub fn insert(&mut self, object: Value) {
        let object =
            trimmed(if text(&object, "/apiVersion").starts_with("events.k8s.io/") { event(object) } else { object });
        let (version, kind) = (text(&object, "/apiVersion"), text(&object, "/kind"));
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let (namespace, name) = (text(&object, "/metadata/namespace"), text(&object, "/metadata/name"));
        let pair = (group.to_owned(), kind.to_owned());
        self.versions.entry(pair).or_default().insert(version.to_owned(), !namespace.is_empty());
        let key = (group.to_owned(), kind.to_owned(), namespace.to_owned(), name.to_owned());
        match self.by_key.get_mut(&key) {
            Some(there) if newer(there, &object) => {}
            Some(there) => *there = object,
            None => drop(self.by_key.insert(key, object)),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.by_key.values()
    }

    /// The namespaces that objects are in.
    pub fn namespaces(&self) -> BTreeSet<String> {
        self.by_key.keys().map(|(_, _, namespace, _)| namespace.clone()).filter(|name| !name.is_empty()).collect()
    }

    /// Kinds of objects that were pasted: Kubernetes' own as they are, others as they are served in all likelihood.
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds = Vec::new();
        for ((group, kind), versions) in &self.versions {
            let known = known(group, kind);
            kinds.extend(versions.iter().map(|(version, namespaced)| match &known {
                Some(known) => Kind::known(version, kind, &known.resource, known.namespaced),
                None => guessed(version, kind, *namespaced),
            }));
        }
        kinds
    }

    /// What was pasted of what a read asks for. What isn't there is unknown, unless a whole list of it is.
    pub fn answer(&self, read: &Read) -> Answer {
        let missing = || Answer::Failed(NOT_GIVEN.to_owned());
        match read {
            Read::Object { kind, namespace, name } => {
                let key = (kind.group.clone(), kind.kind.clone(), namespace.clone(), name.clone());
                match self.by_key.get(&key) {
                    Some(object) => Answer::Found(object.clone()),
                    None if self.is_covered(kind, namespace, true) => Answer::Absent,
                    None => missing(),
                }
            }
            Read::List { kind, namespace, labels, .. } => {
                let Ok(selector) = Selector::parse(labels) else { return missing() };
                let items: Vec<&Value> =
                    self.of_kind(kind, namespace).filter(|object| selector.matches(&labels_of(object))).collect();
                // A list may be longer than what was pasted of it, but what was pasted is in it.
                match items.is_empty() && !self.is_covered(kind, namespace, false) {
                    true => missing(),
                    false => Answer::Found(json!({"items": items})),
                }
            }
            Read::Log { pod, container, previous, .. } => {
                let meant = |(of, part, before, _): &&(String, Option<String>, bool, String)| {
                    of == pod && part.as_ref().is_none_or(|part| part == container) && before == previous
                };
                self.logs.iter().find(meant).map_or_else(missing, |(.., text)| Answer::Found(text.clone().into()))
            }
            Read::CoreKinds | Read::GroupKinds | Read::Rules { .. } => missing(),
        }
    }

    fn of_kind<'a>(&'a self, kind: &'a Kind, namespace: &'a str) -> impl Iterator<Item = &'a Value> {
        let meant = move |(group, name, place, _): &Key| {
            *group == kind.group && *name == kind.kind && (namespace.is_empty() || place == namespace)
        };
        self.by_key.iter().filter(move |(key, _)| meant(key)).map(|(_, object)| object)
    }

    fn is_covered(&self, kind: &Kind, namespace: &str, whole: bool) -> bool {
        let pair = (kind.group.clone(), kind.kind.clone());
        self.listings.iter().any(|listing| {
            let here = match &listing.namespace {
                None => true,
                Some(place) => !kind.namespaced || place == namespace,
            };
            here && (listing.is_whole || !whole) && listing.kinds.contains(&pair)
        })
    }
}

/// Whether the first was written after the second. Versions are numbers in all of today's servers; where they aren't, the
/// one that was pasted last counts.
fn newer(first: &Value, second: &Value) -> bool {
    let version = |object: &Value| text(object, "/metadata/resourceVersion").parse::<u64>().ok();
    matches!((version(first), version(second)), (Some(first), Some(second)) if first > second)
}

fn labels_of(object: &Value) -> BTreeMap<&str, &str> {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    labels.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
}

/// An event of the newer group under the core's names (Kubernetes 1.35 `pkg/apis/events/v1/conversion.go`).
fn event(mut event: Value) -> Value {
    const NAMES: [(&str, &str); 6] = [
        ("regarding", "involvedObject"),
        ("note", "message"),
        ("deprecatedFirstTimestamp", "firstTimestamp"),
        ("deprecatedLastTimestamp", "lastTimestamp"),
        ("deprecatedCount", "count"),
        ("deprecatedSource", "source"),
    ];
    if let Some(members) = event.as_object_mut() {
        rename(members, &NAMES);
        members.insert("apiVersion".to_owned(), "v1".into());
    }
    event
}

fn rename(members: &mut Map<String, Value>, names: &[(&str, &str)]) {
    for (old, new) in names {
        if let Some(value) = members.remove(*old) {
            members.insert((*new).to_owned(), value);
        }
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
