//! Undo: put a record back as it was before a fix, byte for byte, unless anyone has touched it since.

use serde_json::Value;

use super::{Backup, Refusal};
use crate::inventory::History;
use crate::record::{RecordMeta, StoredRecord};

/// Takes the backup, the record as it is now and the release's history; gives the record to write, guarded by what is there.
pub fn undo(backup: &Backup, current: Option<&StoredRecord>, history: &History) -> Result<StoredRecord, Refusal> {
    let current = current.ok_or(Refusal::Gone)?;
    if current.meta.guard.uid != backup.record.meta.guard.uid {
        return Err(Refusal::Gone);
    }
    if current.digest() == backup.record.digest() {
        return Err(Refusal::AsBefore);
    }
    if current.digest() != backup.wrote {
        return Err(Refusal::ChangedSince);
    }
    if let Some(newest) = history.newest().and_then(RecordMeta::revision).filter(|newest| *newest > backup.revision) {
        return Err(Refusal::Overtaken { newest, revision: backup.revision, status: backup.status.clone() });
    }
    let mut restored = backup.record.clone();
    restored.meta.guard = current.meta.guard.clone();
    if let Some(metadata) = restored.object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("resourceVersion".into(), current.meta.guard.version.clone().into());
    }
    Ok(restored)
}
