//! The question and its answer.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::owner::Owner;
use super::shape::{Ground, canonical};
use super::summary::Nearer;
use super::walk::{Tally, Walk};

/// How many paths are named at most; the rest is counted.
pub const MAX_EVIDENCE: usize = 100;

/// What was read of an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Live<'a> {
    /// The object, at any version the server has of it.
    Found(&'a Value),
    /// The server said that it isn't there.
    Absent,
    /// Not read: forbidden, an error, or a kind that isn't served.
    Unknown,
}

/// Where an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// As the new manifest wants it wherever that can be told, other than the old one. If only the new one has it: it agrees.
    New,
    /// As the old manifest wants it wherever that can be told, other than the new one.
    Old,
    /// Some fields are as in the old manifest, others as in the new one.
    Mixed,
    /// Agrees with both manifests, which don't differ in anything that can be told from it. Also what only the old manifest
    /// has and `helm.sh/resource-policy: keep` protects: Helm leaves it as it is.
    Same,
    /// Isn't there, whether it should be or not.
    Absent,
    /// Only the old manifest has it, and it is there.
    ToBePruned,
    /// Nothing in it speaks for one side, and a field that a manifest sets is otherwise. Where other fields do speak for a
    /// side, that side is given and the drift stands in the evidence only.
    Drifted,
    /// It bears the ownership metadata of another release, or none.
    NotOurs,
    /// It is being deleted.
    Terminating,
    /// Not read, its name isn't known, or the manifests can't be compared with the version read.
    Unknown,
}

impl Side {
    /// The stable word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Old => "old",
            Self::Mixed => "mixed",
            Self::Same => "same",
            Self::Absent => "absent",
            Self::ToBePruned => "to-be-pruned",
            Self::Drifted => "drifted",
            Self::NotOurs => "not-ours",
            Self::Terminating => "terminating",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What one path says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaks {
    /// It is as in the old manifest.
    Old,
    /// It is as in the new manifest.
    New,
    /// The manifests differ here, and it would read so in both cases: the server fills it in or doesn't take it away.
    Either,
    /// It is as in neither manifest.
    Neither,
    /// The manifest is of another version than the object, and may set it under another name.
    Unknown,
}

/// A path, and what it says. Never a value: it may be secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Such as `spec.template.spec.containers[app].image`; items of lists by their merge key, or else by index from 0.
    pub path: String,
    /// What it says.
    pub sides: Speaks,
}

/// Where an object stands, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Where.
    pub side: Side,
    /// To which revision that is nearer. An object that only the new manifest has is nearer to the old revision while it is
    /// absent, one that only the old manifest has nearer to the new one once it is gone.
    pub nearer: Nearer,
    /// Whether the manifests differ on this object; if not, it tells nothing of which revision is nearer.
    pub differs: bool,
    /// The paths in which the manifests differ, and those in which they don't but the object does; at most [`MAX_EVIDENCE`].
    pub paths: Vec<Evidence>,
    /// How many more there are.
    pub left_out: usize,
}

impl Standing {
    fn bare(side: Side, nearer: Nearer, differs: bool) -> Self {
        Self { side, nearer, differs, paths: Vec::new(), left_out: 0 }
    }

    fn of(side: Side, tally: Tally) -> Self {
        let nearer = match side {
            Side::New => Nearer::New,
            Side::Old => Nearer::Old,
            _ => Nearer::Neither,
        };
        Self { side, nearer, differs: tally.differing > 0, paths: tally.paths, left_out: tally.left_out }
    }
}

/// Takes what the old and the new manifest want of an object (nothing if they don't have it), the object and whose it should
/// be; gives where it stands.
///
/// The manifests' objects and the live one are the same by group, kind, namespace and name, which the caller has seen to.
pub fn standing(old: Option<&Value>, new: Option<&Value>, live: Live<'_>, owner: &Owner<'_>) -> Standing {
    let live = match live {
        _ if [old, new].into_iter().flatten().any(is_generated) => None,
        Live::Unknown => None,
        Live::Absent => return absent(old, new),
        Live::Found(live) => Some(live),
    };
    let Some(live) = live else { return Standing::bare(Side::Unknown, Nearer::Neither, differ(old, new)) };
    let foreign = owner.missing(live, old.is_none());
    if !foreign.is_empty() {
        let paths = foreign.into_iter().map(|path| Evidence { path, sides: Speaks::Neither }).collect();
        return Standing { paths, ..Standing::bare(Side::NotOurs, Nearer::Neither, differ(old, new)) };
    }
    if live.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null()) {
        // What only the old manifest has goes because of the new one.
        let nearer = if new.is_none() { Nearer::New } else { Nearer::Neither };
        return Standing::bare(Side::Terminating, nearer, differ(old, new));
    }
    match (old, new) {
        (Some(old), Some(new)) => {
            let tally = compared(old, new, live);
            Standing::of(side(&tally), tally)
        }
        (None, Some(new)) => {
            let tally = compared(new, new, live);
            let side = if tally.drifted > 0 { Side::Drifted } else { Side::New };
            Standing { differs: true, ..Standing::of(side, tally) }
        }
        (Some(_), None) => left_over(live),
        (None, None) => Standing::bare(Side::Unknown, Nearer::Neither, false),
    }
}

/// The sides by what the paths say. One that speaks for a side outweighs any that speak for neither: an autoscaler that moves
/// `spec.replicas` doesn't make the rest unclear.
fn side(tally: &Tally) -> Side {
    match tally {
        Tally { old: 1.., new: 1.., .. } => Side::Mixed,
        Tally { new: 1.., .. } => Side::New,
        Tally { old: 1.., .. } => Side::Old,
        Tally { neither: 1.., .. } => Side::Drifted,
        Tally { unknown: 1.., .. } => Side::Unknown,
        Tally { drifted: 1.., .. } => Side::Drifted,
        _ => Side::Same,
    }
}

fn absent(old: Option<&Value>, new: Option<&Value>) -> Standing {
    let nearer = match (old, new) {
        (Some(_), None) => Nearer::New,
        (None, Some(_)) => Nearer::Old,
        _ => Nearer::Neither,
    };
    Standing::bare(Side::Absent, nearer, differ(old, new))
}

/// Only the old manifest has it. Helm deletes it unless the live object, whatever the manifest says, is annotated to be kept
/// (Helm 4.3 `pkg/kube/client.go:Update`).
fn left_over(live: &Value) -> Standing {
    const POLICY: &str = "helm.sh/resource-policy";
    let annotations = live.pointer("/metadata/annotations");
    if annotations.and_then(|annotations| annotations.get(POLICY)).and_then(Value::as_str) == Some("keep") {
        let path = crate::diff::member("metadata.annotations", POLICY);
        let paths = vec![Evidence { path, sides: Speaks::Either }];
        return Standing { paths, ..Standing::bare(Side::Same, Nearer::Neither, false) };
    }
    Standing::bare(Side::ToBePruned, Nearer::Old, true)
}

fn is_generated(manifest: &Value) -> bool {
    let text = |pointer| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    text("/metadata/name").is_empty() && !text("/metadata/generateName").is_empty()
}

/// Whether the manifests differ, for objects that don't say more.
fn differ(old: Option<&Value>, new: Option<&Value>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => compared(old, new, new).differing > 0,
        (None, None) => false,
        _ => true,
    }
}

fn compared(old: &Value, new: &Value, live: &Value) -> Tally {
    let ground = Ground::of(old, new, live);
    let [old, new] = [canonical(old), canonical(new)];
    Walk::over(ground, &old, &new, live)
}

#[cfg(test)]
mod tests;
