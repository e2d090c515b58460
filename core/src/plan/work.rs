//! What a way out does, as data: the same for a plan that is shown and for one that is carried out.
//!
//! The parts are done in their order. Each can be done again without harm, so whoever is killed on the way goes through them
//! once more from the start and ends in the same state.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Way;
use crate::diagnose::{Case, HookRun, HookView};
use crate::inventory::ReleaseId;
use crate::manifest::{ManifestObject, NewVersion};
use crate::merge::{self, merge};
use crate::observe::{Live, Read};
use crate::record::InfoEdit;

/// Everything a way out does.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// Which way.
    pub way: Way,
    /// Record writes before anything else.
    pub first: Vec<RecordStep>,
    /// Objects to delete and to wait for until they are gone, in this order, before anything is made.
    pub clear: Vec<Removed>,
    /// Hooks before the objects.
    pub before: Vec<HookStep>,
    /// Objects to create or change, in this order.
    pub apply: Vec<Applied>,
    /// Objects to delete, in this order.
    pub remove: Vec<Removed>,
    /// Finalizers to take off, in this order.
    pub free: Vec<Freed>,
    /// Whether to wait until what is applied is ready and what is removed is gone.
    pub wait: bool,
    /// Hooks after the objects.
    pub after: Vec<HookStep>,
    /// Record writes at the end.
    pub last: Vec<RecordStep>,
}

impl Work {
    /// Nothing to do.
    pub fn none(way: Way) -> Self {
        let (first, last, before, after) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (clear, apply, remove, free) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { way, first, clear, before, apply, remove, free, wait: false, after, last }
    }

    /// Every record write, in order.
    pub fn records(&self) -> impl Iterator<Item = &RecordStep> {
        self.first.iter().chain(&self.last)
    }

    /// Whether it deletes the object of that name.
    pub fn removes(&self, words: &str) -> bool {
        self.remove.iter().any(|removed| removed.words == words)
    }

    /// Takes who carries it out and the fix's id; says both in the description of every record that it seals.
    #[must_use]
    pub fn signed(mut self, by: &str, fix: &str) -> Self {
        for step in self.first.iter_mut().chain(&mut self.last) {
            if let RecordStep::Edit { edit: InfoEdit { description: Some(description), .. }, seal: true, .. } = step {
                description.push_str(&format!(" (for {by}; refloat undo {fix} takes this back)"));
            }
        }
        self
    }
}

/// A write of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordStep {
    /// Changes `info` and the status label of a revision.
    Edit {
        /// Which.
        revision: u64,
        /// What to set.
        edit: InfoEdit,
        /// Whether it becomes immutable, so that a Helm that wakes up can't write it.
        seal: bool,
    },
    /// Stores a new revision made of an older one.
    Create {
        /// The older one.
        from: u64,
        /// The new number.
        revision: u64,
        /// What to set in it.
        edit: InfoEdit,
    },
    /// Writes objects of a revision's manifest in versions that the server serves.
    Versions {
        /// Which.
        revision: u64,
        /// What to write instead of what.
        versions: Vec<NewVersion>,
    },
    /// Deletes a revision's record.
    Delete {
        /// Which.
        revision: u64,
    },
}

/// A hook that the operation runs.
#[derive(Debug, Clone, PartialEq)]
pub struct HookStep {
    /// The hook's name.
    pub name: String,
    /// When it runs.
    pub event: String,
    /// Where its object is read.
    pub read: Read,
    /// Its object.
    pub object: Value,
    /// When Helm deletes it.
    pub policies: Vec<String>,
    /// What became of it so far.
    pub run: HookRun,
    /// Whether its object can't be told from one that ran and was deleted.
    pub doubtful: bool,
}

/// An object to be as a manifest wants it.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// Where it is read.
    pub read: Read,
    /// For people: `deployment/web`.
    pub words: String,
    /// As the manifest wants it, with Helm's ownership metadata.
    pub object: Value,
    /// As other revisions wanted it: what they set and this one doesn't is taken away.
    pub originals: Vec<Value>,
    /// Whether the server merges it (Helm 4's way), or the client.
    pub server_side: bool,
    /// The object that has to go first, as it can't be changed to that.
    pub replaces: Option<Replaced>,
}

/// An object that is deleted for another to be made in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The server's id of it: what is made anew has another, so that it isn't deleted, too.
    pub uid: String,
    /// The field that can't be changed.
    pub field: String,
}

impl Replaced {
    /// Whether a live object is the one that has to go.
    pub fn is(&self, live: &Value) -> bool {
        live.pointer("/metadata/uid").and_then(Value::as_str) == Some(&self.uid)
    }
}

/// An object to be deleted.
#[derive(Debug, Clone, PartialEq)]
pub struct Removed {
    /// Where it is read.
    pub read: Read,
    /// For people.
    pub words: String,
    /// Whether it must carry the release's marks: objects do, hooks don't.
    pub marked: bool,
}

/// An object that is being deleted, and that finalizers hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Freed {
    /// Where it is read.
    pub read: Read,
    /// For people.
    pub words: String,
    /// The finalizers to take off.
    pub finalizers: Vec<String>,
}

impl Freed {
    /// Takes the object as it is; gives it without those finalizers, or nothing if it has none of them or isn't being deleted any more.
    pub fn freed(&self, live: &Value) -> Option<Value> {
        live.pointer("/metadata/deletionTimestamp")?;
        let held = live.pointer("/metadata/finalizers")?.as_array()?;
        let goes = |name: &Value| name.as_str().is_some_and(|name| self.finalizers.iter().any(|other| other == name));
        let left: Vec<Value> = held.iter().filter(|name| !goes(name)).cloned().collect();
        if left.len() == held.len() {
            return None;
        }
        let mut freed = live.clone();
        freed.get_mut("metadata")?.as_object_mut()?.insert("finalizers".to_owned(), left.into());
        Some(freed)
    }

    /// Takes the object as it is; says what will happen to it.
    pub fn effect(&self, live: &Live<'_>) -> Effect {
        let (effect, note) = match live {
            Live::Absent => (EffectKind::Gone, String::new()),
            Live::Unknown(why) => (EffectKind::Unknown, why.clone()),
            Live::Found(live) => match self.freed(live) {
                Some(_) => (EffectKind::Freed, format!("of {}, so that it goes", self.finalizers.join(", "))),
                None => (EffectKind::Unchanged, String::new()),
            },
        };
        Effect { object: self.words.clone(), effect, note }
    }
}

/// What becomes of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    /// The object, as in `deployment/web`.
    pub object: String,
    /// What happens to it.
    pub effect: EffectKind,
    /// What there is to know about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKind {
    /// It isn't there and will be.
    Created,
    /// Some of its fields change.
    Changed,
    /// It is deleted and made anew.
    Replaced,
    /// It stays as it is.
    Unchanged,
    /// It goes.
    Deleted,
    /// Finalizers are taken off it, so that it goes.
    Freed,
    /// It isn't there, as it is to be.
    Gone,
    /// A hook will run.
    Run,
    /// It can't be told.
    Unknown,
}

impl Applied {
    /// What the live object has to become; the live one itself if nothing is to be done.
    pub fn merged(&self, live: &Value) -> Result<Value, String> {
        let api_version = text(&self.object, "apiVersion");
        let kind = merge::Kind { api_version, kind: text(&self.object, "kind") };
        let mut current = live.clone();
        // What several revisions set is taken away one after the other.
        let none = [Value::Null];
        let originals = if self.originals.is_empty() { &none[..] } else { self.originals.as_slice() };
        for original in originals {
            let original = Some(original).filter(|original| !original.is_null());
            // Without an older manifest Helm 4 takes the live object for it, which takes nothing away.
            let merged = merge(kind, original.or(Some(&self.object)), &self.object, &current);
            current = merged.map_err(|fault| fault.to_string())?;
        }
        Ok(current)
    }

    /// Takes the object as it is; says what will happen to it.
    pub fn effect(&self, live: &Live<'_>) -> Effect {
        let (effect, note) = match live {
            Live::Absent => (EffectKind::Created, String::new()),
            Live::Unknown(why) => (EffectKind::Unknown, why.clone()),
            Live::Found(live) if self.replaces.as_ref().is_some_and(|old| old.is(live)) => {
                let field = self.replaces.as_ref().map(|old| old.field.as_str()).unwrap_or_default();
                (EffectKind::Replaced, format!("{field} can't be changed"))
            }
            Live::Found(live) if live.pointer("/metadata/deletionTimestamp").is_some() => {
                (EffectKind::Unknown, "it is being deleted".to_owned())
            }
            Live::Found(live) => match self.merged(live) {
                Ok(merged) if merged == **live => (EffectKind::Unchanged, String::new()),
                Ok(merged) => (EffectKind::Changed, fields(live, &merged)),
                Err(fault) => (EffectKind::Unknown, fault),
            },
        };
        Effect { object: self.words.clone(), effect, note }
    }
}

/// The fields that differ, few enough to be read.
fn fields(live: &Value, merged: &Value) -> String {
    const FEW: usize = 3;
    let mut paths: Vec<String> = crate::diff::differing(live, merged).into_iter().map(|change| change.path).collect();
    let more = paths.len().saturating_sub(FEW);
    paths.truncate(FEW);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", paths.join(", "))
}

impl Removed {
    /// Takes the object as it is; says what will happen to it.
    pub fn effect(&self, id: &ReleaseId, live: &Live<'_>) -> Effect {
        let (effect, note) = match live {
            Live::Absent => (EffectKind::Gone, String::new()),
            Live::Unknown(why) => (EffectKind::Unknown, why.clone()),
            Live::Found(live) => match stays(id, live, self.marked) {
                Some(why) => (EffectKind::Unchanged, why),
                None => (EffectKind::Deleted, String::new()),
            },
        };
        Effect { object: self.words.clone(), effect, note }
    }
}

/// Why an object isn't deleted after all: its live annotation keeps it (Helm 4.3 `pkg/kube/client.go:Update`), or it is
/// somebody else's.
pub fn stays(id: &ReleaseId, live: &Value, marked: bool) -> Option<String> {
    let annotation = |key: &str| live.pointer(&format!("/metadata/annotations/{key}")).and_then(Value::as_str);
    if annotation("helm.sh~1resource-policy").is_some_and(|policy| policy.trim().eq_ignore_ascii_case("keep")) {
        return Some("its resource policy keeps it".to_owned());
    }
    let ours = annotation("meta.helm.sh~1release-name") == Some(&id.name)
        && annotation("meta.helm.sh~1release-namespace") == Some(&id.namespace);
    (marked && !ours).then(|| "it doesn't carry this release's marks".to_owned())
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// An object as Helm sends it: with its namespace, and, but for hooks, the ownership metadata (Helm 4.3
/// `pkg/action/validate.go:setMetadataVisitor`).
pub fn sent(id: &ReleaseId, object: &ManifestObject, namespaced: bool, marks: bool) -> Value {
    let mut value = object.value.clone();
    let Some(members) = value.as_object_mut() else { return value };
    let metadata = members.entry("metadata").or_insert_with(|| json!({}));
    let Some(metadata) = metadata.as_object_mut() else { return value };
    if namespaced && object.namespace.is_none() {
        metadata.insert("namespace".to_owned(), id.namespace.clone().into());
    }
    if marks {
        set(metadata, "labels", "app.kubernetes.io/managed-by", "Helm");
        set(metadata, "annotations", "meta.helm.sh/release-name", &id.name);
        set(metadata, "annotations", "meta.helm.sh/release-namespace", &id.namespace);
    }
    value
}

fn set(metadata: &mut Map<String, Value>, map: &str, key: &str, value: &str) {
    let entry = metadata.entry(map).or_insert_with(|| json!({}));
    if !entry.is_object() {
        // Templates leave `annotations:` empty.
        *entry = json!({});
    }
    if let Some(entry) = entry.as_object_mut() {
        entry.insert(key.to_owned(), value.into());
    }
}

/// A hook as a step; `None` if its object can't be read from the record, or its kind isn't served.
pub fn hook_step(case: &Case<'_>, view: &HookView<'_>) -> Option<HookStep> {
    let object = view.object?;
    let kind = case.seen.kinds().any_version(&object.api_version, &object.kind)?;
    let policies = &view.hook.delete_policies;
    Some(HookStep {
        name: view.words(),
        event: view.event.clone(),
        read: case.seen.read_of(object)?,
        object: sent(&case.seen.id, object, kind.namespaced, false),
        // Helm's default (Helm 4.3 `pkg/action/hooks.go:hookSetDeletePolicy`).
        policies: if policies.is_empty() { vec!["before-hook-creation".to_owned()] } else { policies.clone() },
        run: view.run,
        doubtful: view.run == HookRun::Gone,
    })
}
