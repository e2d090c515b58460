//! Restore: what of a backup is to be put back, given what is there.
//!
//! What is lost comes back. What is there and the same is left alone, and so is what differs, unless it is to be overwritten. Nothing
//! that is newer than the backup is taken away, and never are two revisions left deployed.

mod objects;
mod records;
#[cfg(test)]
pub(crate) mod tests;

use serde::Serialize;
use thiserror::Error;

use super::{Backup, ObjectBackup, RESTORE, Refusal, Restoring, UndoStep, fresh, guarded};
use crate::inventory::ReleaseId;
use crate::observe::Answer;
use crate::record::{EditError, Status, StoredRecord};

/// What becomes of a record or an object that a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It is lost, and put back.
    Restore,
    /// It differs, and is overwritten.
    Overwrite,
    /// It is there as it was.
    Same,
    /// It is left as it is, for a reason.
    Leave,
}

/// A record, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordFate {
    /// Its revision.
    pub revision: u64,
    /// Its status in the end.
    pub status: Status,
    /// What becomes of it.
    pub fate: Fate,
    /// What there is to say about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// An object, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObjectFate {
    /// Such as `configmap/web`.
    pub object: String,
    /// What becomes of it.
    pub fate: Fate,
    /// What there is to say about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What a restore does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Restore {
    /// What becomes of every record of the backup, and of any other that is changed; oldest first.
    pub records: Vec<RecordFate>,
    /// What becomes of every object of the backup.
    pub objects: Vec<ObjectFate>,
    /// What is written.
    pub restoring: Restoring,
    /// The records that are overwritten, as they are.
    pub replaced: Vec<StoredRecord>,
    /// The objects that are put back, as they are.
    pub before: Vec<ObjectBackup>,
}

impl Restore {
    /// How many records and objects have this fate.
    pub fn count(&self, fate: Fate) -> (usize, usize) {
        let records = self.records.iter().filter(|record| record.fate == fate).count();
        (records, self.objects.iter().filter(|object| object.fate == fate).count())
    }
}

/// Why nothing can be put back.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Contradiction {
    /// It is a backup of another release.
    #[error("the backup is of {found}, not of {wanted}")]
    OtherRelease {
        /// Of which it is.
        found: ReleaseId,
        /// Of which it should be.
        wanted: ReleaseId,
    },
    /// A newer revision, of which the backup knows nothing, shows that this one can't be in that status any more.
    #[error("revision {revision} was {status} when it was saved, and revision {newer} has come since ({found})")]
    Overtaken {
        /// The lost revision.
        revision: u64,
        /// Its status in the backup.
        status: Status,
        /// The newer one.
        newer: u64,
        /// The newer one's status.
        found: Status,
    },
    /// Two revisions would be deployed.
    #[error("revisions {revision} and {newer} would both be deployed")]
    TwoDeployed {
        /// The older one.
        revision: u64,
        /// The newer one.
        newer: u64,
    },
    /// A record's status has to change for the history to make sense, and it can't be.
    #[error("the record of revision {revision} can't be marked {status}: {why}")]
    Unmarkable {
        /// Which.
        revision: u64,
        /// The status it should get.
        status: Status,
        /// Why not.
        why: EditError,
    },
}

/// How a restore is to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct How {
    /// Whether what differs is overwritten.
    pub overwrite: bool,
    /// Whether objects are left as they are.
    pub records_only: bool,
}

/// Takes a backup, every record of its release as it is now, and the answers to the reads of the backup's objects, in their order;
/// gives what is to be put back.
pub fn restore(
    backup: &Backup,
    id: &ReleaseId,
    present: &[StoredRecord],
    answers: &[Answer],
    how: How,
) -> Result<Restore, Contradiction> {
    let namespace = backup.record.meta.id.namespace.clone();
    let found = ReleaseId { namespace, name: backup.release.clone() };
    if found != *id {
        return Err(Contradiction::OtherRelease { found, wanted: id.clone() });
    }
    let rows = records::rows(backup, present, how.overwrite)?;
    let mut plan =
        Restore { restoring: Restoring { from: backup.id.clone(), ..Restoring::default() }, ..Restore::default() };
    if !how.records_only {
        objects::plan(backup, id, &rows, answers, how.overwrite, &mut plan);
    }
    for row in rows {
        plan.records.extend(row.fate());
        match (row.after, row.present) {
            (Some(after), None) => plan.restoring.made.push(after),
            (Some(after), Some(present)) => {
                plan.restoring.replaced.push(after);
                plan.replaced.push(present.clone());
            }
            (None, _) => {}
        }
    }
    Ok(plan)
}

/// Takes a restore, the newest record that is there, an id, who asks and when; gives the backup that takes the restore back and holds all
/// that it writes. `None` if it writes nothing.
pub fn backed_up(
    plan: &Restore,
    of: &Backup,
    newest: Option<&StoredRecord>,
    (id, by, at): (&str, &str, jiff::Timestamp),
) -> Option<Backup> {
    let Restoring { made, replaced, .. } = &plan.restoring;
    if plan.restoring.is_empty() {
        return None;
    }
    // Where no record is, the newest that is stored stands for it: `Restoring::made` tells that it wasn't there.
    let record = newest.or_else(|| made.iter().max_by_key(|record| record.meta.revision()))?.clone();
    let others = plan.replaced.iter().filter(|other| other.meta.id != record.meta.id).cloned().collect();
    Some(Backup {
        api_version: super::BACKUP_VERSION.to_owned(),
        kind: super::BACKUP_KIND.to_owned(),
        id: id.to_owned(),
        action: RESTORE.to_owned(),
        release: of.release.clone(),
        revision: record.meta.revision().unwrap_or_default(),
        status: newest.map_or_else(|| "lost".to_owned(), |newest| records::status(newest).to_string()),
        taken_at: at,
        by: by.to_owned(),
        wrote: String::new(),
        states: made.iter().chain(replaced).map(StoredRecord::digest).collect(),
        record,
        others,
        objects: plan.before.clone(),
        copies: Vec::new(),
        stores: None,
        restoring: Some(plan.restoring.clone()),
    })
}

impl Restoring {
    /// Every record that is written, in the order in which that is safe at any moment: the one that is deployed last.
    pub fn records(&self) -> Vec<&StoredRecord> {
        let mut records: Vec<_> = self.made.iter().chain(&self.replaced).collect();
        records.sort_by_key(|record| (records::status(record) == Status::Deployed, record.meta.revision()));
        records
    }
}

impl Restoring {
    /// What becomes of what it writes, where nothing else is known any more.
    pub fn fates(&self) -> (Vec<RecordFate>, Vec<ObjectFate>) {
        let mut records: Vec<_> = self
            .records()
            .into_iter()
            .map(|record| RecordFate {
                revision: record.meta.revision().unwrap_or_default(),
                status: records::status(record),
                fate: if self.makes(&record.meta.id) { Fate::Restore } else { Fate::Overwrite },
                why: None,
            })
            .collect();
        records.sort_by_key(|record| record.revision);
        let object = |object: &ObjectBackup| ObjectFate { object: object.words(), fate: Fate::Restore, why: None };
        (records, self.objects.iter().map(object).collect())
    }
}

/// Takes the backup of a restore, a record that it writes and the one that is there; gives the writes that are left to do, none if it is
/// as it is to be.
pub fn put(backup: &Backup, after: &StoredRecord, found: Option<&StoredRecord>) -> Result<Vec<UndoStep>, Refusal> {
    let before = backup.records().into_iter().find(|record| record.meta.id == after.meta.id);
    match (found, before) {
        (Some(found), _) if found.digest() == after.digest() => Ok(Vec::new()),
        // Killed between the two writes that replace a sealed record.
        (None, _) => Ok(vec![UndoStep::Create(fresh(after))]),
        (Some(found), Some(before)) if found.digest() == before.digest() => {
            let (id, guard) = (found.meta.id.clone(), found.meta.guard.clone());
            Ok(match found.is_immutable() {
                true => vec![UndoStep::Delete { id, guard }, UndoStep::Create(fresh(after))],
                false => vec![UndoStep::Replace(guarded(after, &guard))],
            })
        }
        (Some(_), _) => Err(Refusal::Moved(format!("{} was written", after.meta.id))),
    }
}
