//! A backup as a file: JSON that people can read, checked when it is read back, as anyone may have edited it.

use serde::Deserialize;
use thiserror::Error;

use super::{BACKUP_VERSION, Backup};
use crate::record::{Driver, StoredRecord};

/// What a backup says it is.
pub const BACKUP_KIND: &str = "RecordBackup";

/// How many bytes a backup may have: a hundred records as large as Kubernetes stores, and room for the objects.
pub const MAX_BACKUP: usize = 256 << 20;

/// Why a file isn't a backup that can be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BackupError {
    /// No JSON object.
    #[error("the file is no JSON object")]
    NotJson,
    /// Something else than a backup.
    #[error("the file is {}, not a {BACKUP_KIND}", .kind.as_ref().map_or_else(|| "of no kind".to_owned(), |kind| format!("a {kind}")))]
    WrongKind {
        /// What it says it is.
        kind: Option<String>,
    },
    /// A backup of another version.
    #[error("the backup's version is {}; this refloat reads {BACKUP_VERSION}", .version.as_deref().unwrap_or("missing"))]
    WrongVersion {
        /// What it says.
        version: Option<String>,
    },
    /// A backup, and something in it isn't as it must be.
    #[error("the backup is damaged in line {line}")]
    Damaged {
        /// The line, from 1.
        line: usize,
    },
    /// A record in it isn't what the backup says of it.
    #[error("the backup was changed: its record {key} isn't of release {release}, or not the one it is said to be")]
    Changed {
        /// The record's key.
        key: String,
        /// The backup's release.
        release: String,
    },
}

/// What tells a backup from anything else. Read first, so that another version's fields can't hide the reason.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    kind: Option<String>,
}

impl Backup {
    /// Takes a file; gives the backup in it, of one release, in one place.
    pub fn parse(file: &[u8]) -> Result<Self, BackupError> {
        let envelope: Envelope = serde_json::from_slice(file).map_err(|_| BackupError::NotJson)?;
        if envelope.kind.as_deref() != Some(BACKUP_KIND) {
            return Err(BackupError::WrongKind { kind: envelope.kind });
        }
        if envelope.api_version.as_deref() != Some(BACKUP_VERSION) {
            return Err(BackupError::WrongVersion { version: envelope.api_version });
        }
        let backup: Self = serde_json::from_slice(file).map_err(|error| BackupError::Damaged { line: error.line() })?;
        let place = (backup.record.meta.id.driver, backup.record.meta.id.namespace.clone());
        let restoring = backup.restoring.iter().flat_map(|one| one.made.iter().chain(&one.replaced));
        for record in backup.others.iter().chain([&backup.record]).chain(restoring) {
            let id = &record.meta.id;
            if (id.driver, id.namespace.clone()) != place || !is_true(record, &backup.release) {
                let (key, release) = (id.key.clone(), backup.release.clone());
                return Err(BackupError::Changed { key, release });
            }
        }
        Ok(backup)
    }
}

/// Whether a record is of this release, and its object the one that is said to be it: the object is what would be written.
fn is_true(record: &StoredRecord, release: &str) -> bool {
    let id = &record.meta.id;
    let text = |field: &str| record.object.get(field).and_then(serde_json::Value::as_str);
    let same = match id.driver {
        Driver::Sql => text("key") == Some(&id.key) && text("namespace") == Some(&id.namespace),
        driver => {
            text("kind") == Some(driver.kind())
                && StoredRecord::from_object(driver, record.object.clone()).is_some_and(|one| one.meta.id == *id)
        }
    };
    same && record.meta.release() == Some(release) && record.meta.revision().is_some()
}

#[cfg(test)]
mod tests {
    use super::super::restore::tests::{backup, record};
    use super::*;
    use crate::record::Status;

    #[test]
    fn a_backup_is_read_as_it_was_written() {
        let whole = backup(&[record(1, Status::Superseded), record(2, Status::Deployed)]);
        let text = serde_json::to_string_pretty(&whole).unwrap();
        assert_eq!(Backup::parse(text.as_bytes()), Ok(whole));
        assert!(!text.contains("restoring"), "{text}");
    }

    #[test]
    fn what_is_no_backup_is_told_so() {
        let text = serde_json::to_string_pretty(&backup(&[record(1, Status::Deployed)])).unwrap();
        let cut = &text[..text.len() / 2];
        let kind = |kind: &str| BackupError::WrongKind { kind: Some(kind.into()) };
        let changed = BackupError::Changed { key: "sh.helm.release.v1.web.v1".into(), release: "web".into() };
        let table = [
            (String::new(), BackupError::NotJson),
            ("kind: Pod".to_owned(), BackupError::NotJson),
            (cut.to_owned(), BackupError::NotJson),
            ("{}".to_owned(), BackupError::WrongKind { kind: None }),
            (text.replace("RecordBackup", "Bundle"), kind("Bundle")),
            (
                text.replace("refloat.dev/v1", "refloat.dev/v2"),
                BackupError::WrongVersion { version: Some("refloat.dev/v2".into()) },
            ),
            (
                text.replace("\"release\": \"web\"", "\"release\": \"cart\""),
                BackupError::Changed { key: "sh.helm.release.v1.web.v1".into(), release: "cart".into() },
            ),
            (text.replacen("\"namespace\": \"ns\"", "\"namespace\": \"prod\"", 1), changed.clone()),
            (text.replace("\"kind\": \"Secret\"", "\"kind\": \"ClusterRole\""), changed),
        ];
        for (text, expected) in table {
            assert_eq!(Backup::parse(text.as_bytes()), Err(expected), "{text}");
        }
        let broken = text.replace("\"takenAt\": \"", "\"takenAt\": \"x");
        assert!(matches!(Backup::parse(broken.as_bytes()), Err(BackupError::Damaged { line: 2.. })));
    }
}
