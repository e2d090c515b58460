//! Unlock: mark the abandoned revision `failed`, so that Helm goes on from the last deployed one. Nothing is forgotten.

use crate::record::{InfoEdit, Status, StoredRecord};

use super::Refusal;

/// A planned unlock: the record as it is, and as it will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlock {
    /// The revision to unlock.
    pub revision: u64,
    /// Its status now.
    pub from: Status,
    /// The record as read.
    pub before: StoredRecord,
    /// The record to write, guarded by what was read.
    pub after: StoredRecord,
    /// The description that will say who did it and what it was.
    pub description: String,
}

/// Takes the newest record, the fix's id and who does it; gives the write that unlocks the release, or why not.
///
/// The decision goes by the payload's status, as Helm's does (Helm 3.22 and 4.3 `pkg/action/upgrade.go:prepareUpgrade`).
pub fn unlock(newest: &StoredRecord, id: &str, by: &str) -> Result<Unlock, Refusal> {
    let revision = newest.meta.revision().unwrap_or_default();
    let document = newest.document().map_err(|damage| Refusal::damaged(revision, damage))?;
    let from =
        document.status().and_then(|status| Status::parse(&status)).ok_or(Refusal::StrangeStatus { revision })?;
    if !from.is_pending() {
        return Err(Refusal::NotPending { revision, status: from });
    }
    if newest.is_immutable() {
        return Err(Refusal::Sealed { revision });
    }
    let was = document.description().filter(|text| !text.is_empty());
    let was = was.map_or_else(String::new, |text| format!(" (\"{}\")", crate::report::shortened(&text, 120)));
    let description =
        format!("Unlocked by refloat for {by}: {from}{was} was abandoned; refloat undo {id} takes this back");
    let edit = InfoEdit { status: Some(Status::Failed), description: Some(description.clone()), ..InfoEdit::default() };
    let after = newest.edited(&edit).map_err(|error| Refusal::NotEditable { revision, error })?;
    Ok(Unlock { revision, from, before: newest.clone(), after, description })
}
