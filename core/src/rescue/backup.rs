//! Backups: the record as it was before a fix, with what is needed to see whether anyone changed it since.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::record::StoredRecord;

/// The format's version. Readers refuse any other.
pub const BACKUP_VERSION: &str = "refloat.dev/v1";

/// One record, kept before a fix changed it. Holds the release's values in full: to be stored like a Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    /// [`BACKUP_VERSION`].
    pub api_version: String,
    /// Always `RecordBackup`.
    pub kind: String,
    /// The fix's id.
    pub id: String,
    /// What the fix did: `unlock`.
    pub action: String,
    /// The release.
    pub release: String,
    /// The revision that was changed.
    pub revision: u64,
    /// Its status before.
    pub status: String,
    /// When, by the server's clock.
    pub taken_at: Timestamp,
    /// For whom.
    pub by: String,
    /// [`StoredRecord::digest`] of the record as the fix writes it.
    pub wrote: String,
    /// The record as it was.
    pub record: StoredRecord,
}

/// Takes what makes a fix unique (the record's guard and the server's time); gives its id: eight hex digits, short enough to type.
pub fn fix_id(record: &StoredRecord, now: Timestamp) -> String {
    let guard = &record.meta.guard;
    let mut hash = Sha256::new();
    for part in [&record.meta.id.to_string(), &guard.uid, &guard.version, &now.to_string()] {
        hash.update(part);
        hash.update([0]);
    }
    hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Driver;

    #[test]
    fn ids_differ_by_record_and_time() {
        let object =
            serde_json::json!({"metadata": {"name": "sh.helm.release.v1.web.v1", "namespace": "ns", "uid": "u"}});
        let record = StoredRecord::from_object(Driver::Secret, object).unwrap();
        let other = StoredRecord {
            object: record.object.clone(),
            meta: {
                let mut m = record.meta.clone();
                m.guard.version = "9".into();
                m
            },
        };
        let (then, now) = (Timestamp::from_second(1).unwrap(), Timestamp::from_second(2).unwrap());
        let id = fix_id(&record, now);
        assert_eq!(id.len(), 8);
        assert_eq!(id, fix_id(&record, now));
        assert_ne!(id, fix_id(&record, then));
        assert_ne!(id, fix_id(&other, now));
    }
}
