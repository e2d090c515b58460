//! Undo: put records back as they were before a fix, byte for byte, unless anyone has touched them since.

use serde_json::{Value, json};

use super::{Backup, Refusal};
use crate::record::{CREATED, Guard, RecordId, StoredRecord};

/// A write that takes a fix back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndoStep {
    /// Writes a record over what is there.
    Replace(StoredRecord),
    /// Stores a record that is gone, or that was sealed and so had to go first.
    Create(StoredRecord),
    /// Deletes a record: one that the fix stored, or one that it sealed.
    Delete {
        /// Which.
        id: RecordId,
        /// As it is.
        guard: Guard,
    },
}

/// Takes the backup and every record of the release as it is now; gives the writes, guarded by what is there. An undo that was killed on
/// its way is planned anew from what it has come to: `going_on` says so, as then a record may be gone for the moment.
pub fn undo(backup: &Backup, current: &[StoredRecord], going_on: bool) -> Result<Vec<UndoStep>, Refusal> {
    let find = |record: &StoredRecord| current.iter().find(|found| found.meta.id == record.meta.id);
    let revision = |record: &StoredRecord| record.meta.revision().unwrap_or_default();
    let mut steps = Vec::new();
    // What is newer than the revision that the fix stored is somebody else's. Backups of rollbacks didn't always name it.
    let put_back = backup.restoring.iter().flat_map(|restoring| &restoring.made);
    let rolled_back = (backup.action == "rollback").then_some(backup.revision + 1);
    let own = backup.stores.or(rolled_back).unwrap_or(backup.revision);
    let own = put_back.clone().map(revision).fold(own, u64::max);
    if let Some(newer) = current.iter().map(revision).filter(|newer| *newer > own).max() {
        return Err(Refusal::Overtaken { newest: newer, revision: backup.revision, status: backup.status.clone() });
    }
    let kept = !backup.wrote.is_empty() && !going_on;
    for record in backup.records() {
        match find(record) {
            // An uninstall takes records away; a fix that keeps them can't have.
            None if kept => return Err(Refusal::Gone),
            // A restore stores a sealed record anew.
            Some(found)
                if backup.restoring.is_none()
                    && found.meta.guard.uid != record.meta.guard.uid
                    && found.digest() != record.digest() =>
            {
                return Err(Refusal::Gone);
            }
            Some(found) if !ours(backup, record, found) => return Err(Refusal::ChangedSince),
            _ => {}
        }
    }
    let stored = |record: &&StoredRecord| backup.restoring.is_none() && revision(record) > backup.revision;
    for made in current.iter().filter(stored) {
        steps.push(UndoStep::Delete { id: made.meta.id.clone(), guard: made.meta.guard.clone() });
    }
    for made in put_back {
        match find(made) {
            Some(found) if found.digest() != made.digest() => return Err(Refusal::ChangedSince),
            Some(found) => steps.push(UndoStep::Delete { id: found.meta.id.clone(), guard: found.meta.guard.clone() }),
            // It was killed before it came to that, or an undo of it was.
            None => {}
        }
    }
    for record in backup.records() {
        match find(record) {
            None => steps.push(UndoStep::Create(fresh(record))),
            Some(found) if found.digest() == record.digest() && found.is_immutable() == record.is_immutable() => {}
            Some(found) if found.is_immutable() && !record.is_immutable() => {
                steps.push(UndoStep::Delete { id: found.meta.id.clone(), guard: found.meta.guard.clone() });
                steps.push(UndoStep::Create(fresh(record)));
            }
            Some(found) => steps.push(UndoStep::Replace(guarded(record, &found.meta.guard))),
        }
    }
    if steps.is_empty() && backup.objects.is_empty() { Err(Refusal::AsBefore) } else { Ok(steps) }
}

/// Whether a record is as the fix found it or as it left it.
fn ours(backup: &Backup, before: &StoredRecord, found: &StoredRecord) -> bool {
    let digest = found.digest();
    digest == before.digest() || digest == backup.wrote || backup.states.contains(&digest)
}

/// A record as it is stored anew: without what the server sets, and with a note of how old it is.
pub(super) fn fresh(record: &StoredRecord) -> StoredRecord {
    let mut fresh = record.clone();
    if let Some(metadata) = fresh.object.get_mut("metadata").and_then(Value::as_object_mut) {
        if let Some(created) = record.meta.created {
            let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
            if let Some(annotations) = annotations.as_object_mut() {
                annotations.insert(CREATED.to_owned(), created.to_string().into());
            }
        }
        for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
            metadata.remove(field);
        }
    }
    fresh
}

/// A record as it is written over what is there.
pub(super) fn guarded(record: &StoredRecord, guard: &Guard) -> StoredRecord {
    let mut restored = record.clone();
    restored.meta.guard = guard.clone();
    if let Some(metadata) = restored.object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("resourceVersion".into(), guard.version.clone().into());
    }
    restored
}
