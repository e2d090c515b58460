//! A plan saved to be carried out later: which way, what it does, and how everything stood that it rests on.
//!
//! Takes and gives JSON text. It holds names, uids and versions, and no contents: what is to be done is worked out anew from records
//! and objects that are known to be the same, and has to come out the same. The format only grows within a version.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::{Effect, EffectKind, Situation, Way, WayOut, Work};
use crate::observe::{Answer, Observation, Read, known};
use crate::policy::Rule;
use crate::record::{Driver, Guard};

/// The format's version. Readers refuse any other.
pub const SAVED_VERSION: &str = "refloat.dev/v1";
/// What the file says it is.
pub const SAVED_KIND: &str = "SavedPlan";
/// How many bytes a saved plan may have.
pub const MAX_SAVED: usize = 16 << 20;

/// A way out, to be carried out later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedPlan {
    /// [`SAVED_VERSION`].
    pub api_version: String,
    /// [`SAVED_KIND`].
    pub kind: String,
    /// The release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// The uid of its Namespace, by which one cluster is told from another; `None` if it couldn't be read.
    pub namespace_uid: Option<String>,
    /// What holds its records.
    pub driver: Driver,
    /// When it was looked at, by the server's clock.
    pub at: Timestamp,
    /// The newest revision.
    pub revision: u64,
    /// The way.
    pub way: Way,
    /// Whether only records are changed, and every object is left as it is; if missing, it isn't so.
    #[serde(default)]
    pub records_only: bool,
    /// Why it fitted.
    pub why: String,
    /// What policy said.
    pub policy: Vec<Rule>,
    /// What is done, in order.
    pub steps: Vec<String>,
    /// What becomes of each object.
    pub effects: Vec<SavedEffect>,
    /// How all stood that the work touches or rests on.
    pub guards: Vec<Guarded>,
}

/// What becomes of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedEffect {
    /// The object, as in `deployment/web`.
    pub object: String,
    /// What happens to it.
    pub effect: EffectKind,
    /// Which fields change, or when a hook runs; never what they hold.
    #[serde(default)]
    pub note: String,
}

/// A record or an object, and how it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Guarded {
    /// What, for people.
    pub what: String,
    /// Where it is read; of a record its key.
    pub path: String,
    /// Whether it is a record.
    pub record: bool,
    /// Its uid and version; `None` if it wasn't there.
    pub guard: Option<Guard>,
}

/// Why a file isn't a saved plan that can be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SavedError {
    /// No JSON object of this kind.
    #[error("the file is no {SAVED_KIND}")]
    WrongKind,
    /// Another version.
    #[error("the plan's version is {}; this refloat reads {SAVED_VERSION}", .0.as_deref().unwrap_or("missing"))]
    WrongVersion(Option<String>),
    /// Something in it isn't as it must be.
    #[error("the plan is damaged in line {line}")]
    Damaged {
        /// The line, from 1.
        line: usize,
    },
}

/// Why a plan can't be saved.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0} couldn't be read, so that nobody could tell later whether it changed")]
pub struct Unguarded(pub String);

impl SavedPlan {
    /// Takes a situation, a way that is open, its work, and whether that is on records only; gives the plan.
    pub fn new(situation: &Situation<'_>, option: &WayOut, work: &Work, records_only: bool) -> Result<Self, Unguarded> {
        let seen = situation.case.seen;
        let namespace = seen.answer(&Read::object(&known::namespaces(), "", &seen.id.namespace));
        Ok(Self {
            api_version: SAVED_VERSION.to_owned(),
            kind: SAVED_KIND.to_owned(),
            release: seen.id.name.clone(),
            namespace: seen.id.namespace.clone(),
            namespace_uid: namespace.and_then(Answer::found).map(|object| text(object, "/metadata/uid")),
            driver: seen.driver,
            at: seen.at,
            revision: seen.history.newest().and_then(crate::record::RecordMeta::revision).unwrap_or_default(),
            way: option.id,
            records_only,
            why: option.why.clone(),
            policy: situation.ruling.policy.rules(),
            steps: option.steps.clone(),
            effects: effects(&option.effects),
            guards: guards(situation, work, records_only)?,
        })
    }

    /// Reads a saved plan.
    pub fn parse(text: &str) -> Result<Self, SavedError> {
        let value: Value = serde_json::from_str(text).map_err(|_| SavedError::WrongKind)?;
        if value.get("kind").and_then(Value::as_str) != Some(SAVED_KIND) {
            return Err(SavedError::WrongKind);
        }
        let version = value.get("apiVersion").and_then(Value::as_str);
        if version != Some(SAVED_VERSION) {
            return Err(SavedError::WrongVersion(version.map(str::to_owned)));
        }
        serde_json::from_str(text).map_err(|error| SavedError::Damaged { line: error.line() })
    }

    /// Takes the release as it is now; gives what isn't as it was, a sentence each. Empty if the plan still holds.
    pub fn changed(&self, seen: &Observation) -> Vec<String> {
        let mut changed = Vec::new();
        let namespace = seen.answer(&Read::object(&known::namespaces(), "", &seen.id.namespace));
        let uid = namespace.and_then(Answer::found).map(|object| text(object, "/metadata/uid"));
        if let (Some(then), Some(now)) = (&self.namespace_uid, &uid)
            && then != now
        {
            changed.push(format!("namespace/{} is another one, maybe of another cluster", seen.id.namespace));
        }
        for guarded in &self.guards {
            let now = if guarded.record { record(seen, &guarded.path) } else { object(seen, &guarded.path) };
            changed.extend(difference(guarded, now));
        }
        let known = |key: &str| self.guards.iter().any(|guarded| guarded.record && guarded.path == key);
        let new = seen.history.records().iter().filter(|record| !known(&record.id.key));
        changed.extend(new.map(|record| format!("{} appeared", record.id)));
        changed
    }

    /// Takes the way as it comes out now; gives the first thing in which it isn't what was saved.
    pub fn differs(&self, option: &WayOut) -> Option<String> {
        let steps = self.steps.iter().map(Some).chain(std::iter::repeat(None));
        let now = option.steps.iter().map(Some).chain(std::iter::repeat(None));
        let longest = self.steps.len().max(option.steps.len());
        let none = || "nothing".to_owned();
        if let Some((then, now)) = steps.zip(now).take(longest).find(|(then, now)| then != now) {
            let (then, now) = (then.cloned().unwrap_or_else(none), now.cloned().unwrap_or_else(none));
            return Some(format!("where it said \"{then}\" it is \"{now}\" now"));
        }
        let now = effects(&option.effects);
        if let Some(other) = now.iter().find(|effect| !self.effects.contains(effect)) {
            return Some(format!("what becomes of {} is another now", other.object));
        }
        if now.len() != self.effects.len() {
            return Some("it is about other objects now".to_owned());
        }
        None
    }
}

fn effects(effects: &[Effect]) -> Vec<SavedEffect> {
    let saved = |it: &Effect| {
        // Why something can't be told is in others' words, which may quote anything.
        let note = if it.effect == EffectKind::Unknown { String::new() } else { it.note.clone() };
        SavedEffect { object: it.object.clone(), effect: it.effect, note }
    };
    effects.iter().map(saved).collect()
}

fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// How a record stands; `Ok(None)` if it isn't there.
fn record(seen: &Observation, key: &str) -> Result<Option<Guard>, String> {
    Ok(seen.history.records().iter().find(|record| record.id.key == key).map(|record| record.guard.clone()))
}

/// The same of an object; an error if it couldn't be read.
fn object(seen: &Observation, path: &str) -> Result<Option<Guard>, String> {
    match seen.answers().get(path) {
        Some(Answer::Found(object)) => {
            Ok(Some(Guard { uid: text(object, "/metadata/uid"), version: text(object, "/metadata/resourceVersion") }))
        }
        Some(Answer::Absent) => Ok(None),
        Some(Answer::Forbidden(why) | Answer::Failed(why)) => Err(why.clone()),
        None => Err("it wasn't read".to_owned()),
    }
}

fn difference(guarded: &Guarded, now: Result<Option<Guard>, String>) -> Option<String> {
    let what = &guarded.what;
    match (&guarded.guard, now) {
        (_, Err(why)) => Some(format!("{what} can't be read any more: {why}")),
        (None, Ok(None)) => None,
        (None, Ok(Some(_))) => Some(format!("{what} appeared")),
        (Some(_), Ok(None)) => Some(format!("{what} vanished")),
        (Some(then), Ok(Some(now))) if *then == now => None,
        (Some(then), Ok(Some(now))) if then.uid != now.uid => Some(format!("{what} was deleted and made anew")),
        (Some(_), Ok(Some(_))) => Some(format!("{what} changed")),
    }
}

/// Every record of the release, every object of its manifests, and what the work touches besides.
fn guards(situation: &Situation<'_>, work: &Work, records_only: bool) -> Result<Vec<Guarded>, Unguarded> {
    let seen = situation.case.seen;
    let mut found: Vec<Guarded> = Vec::new();
    for record in seen.history.records() {
        let (what, path) = (record.id.to_string(), record.id.key.clone());
        found.push(Guarded { what, path, record: true, guard: Some(record.guard.clone()) });
    }
    // Whether records contradict each other has nothing to do with the objects; and who changes records only leaves them as they are.
    let rests = situation.case.objects.iter().filter(|_| work.way != Way::Repair && !records_only);
    let rests = rests.filter_map(|object| Some((seen.read_of(object.manifest()?)?, object.words())));
    let applied = work.apply.iter().map(|applied| (applied.read.clone(), applied.words.clone()));
    let removed = work.clear.iter().chain(&work.remove).map(|removed| (removed.read.clone(), removed.words.clone()));
    let freed = work.free.iter().map(|freed| (freed.read.clone(), freed.words.clone()));
    let hooks = work.before.iter().chain(&work.after).map(|hook| (hook.read.clone(), hook.name.clone()));
    for (read, what) in rests.chain(applied).chain(removed).chain(freed).chain(hooks) {
        let path = read.to_string();
        if found.iter().any(|known| !known.record && known.path == path) {
            continue;
        }
        let guard = object(seen, &path).map_err(|_| Unguarded(what.clone()))?;
        found.push(Guarded { what, path, record: false, guard });
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
