//! The backup before the first write: the records and every object that the work may change or delete.

use refloat_core::manifest::with_versions;
use refloat_core::observe::{Observation, Read};
use refloat_core::plan::{Applied, RecordStep, Work};
use refloat_core::record::StoredRecord;
use refloat_core::rescue::{BACKUP_KIND, BACKUP_VERSION, Backup, ObjectBackup, given_values};

use super::Fixer;
use super::objects::stopped;
use crate::backup_file::{self, Saved};
use crate::cluster::ClusterError;
use crate::error::Failure;
use crate::source::Source;

impl Fixer<'_> {
    /// A fix that wrote nothing is nothing to take back: its backup, if it came to be stored, is kept and no longer offered. One that can't
    /// be marked so does no harm, as to take it back changes nothing.
    pub(super) async fn forget_backup(&self, source: &Source) {
        let fix = &self.lock.journal.fix;
        if let Ok(now) = self.now().await {
            let _marked = source.backups.mark_undone(&self.id.namespace, fix, now).await.is_ok();
        }
    }

    /// Stores it in a file and in the cluster; gives the files, or nothing if an earlier run of this fix did.
    pub(super) async fn back_up(
        &mut self,
        source: &Source,
        seen: &Observation,
        work: &Work,
        primary: StoredRecord,
    ) -> Result<Option<Saved>, Failure> {
        if self.lock.journal.backed_up {
            return Ok(None);
        }
        let mut others: Vec<StoredRecord> = Vec::new();
        for revision in touched(work) {
            let Some(meta) = self.known.get(&revision).filter(|meta| meta.id != primary.meta.id) else { continue };
            others.extend(self.records.get(&meta.id).await?);
        }
        let mut objects = Vec::new();
        // A hook's object isn't put back: that would run it again.
        let is_cleared = |read: &Read| work.clear.iter().any(|removed| removed.read == *read);
        let replaced = |applied: &Applied| applied.replaces.is_some() || is_cleared(&applied.read);
        let applied = work.apply.iter().map(|applied| (&applied.read, replaced(applied)));
        let is_applied = |read: &Read| work.apply.iter().any(|applied| applied.read == *read);
        let removed = work.clear.iter().filter(|removed| !is_applied(&removed.read)).chain(&work.remove);
        let removed =
            removed.filter(|removed| removed.marked).map(|removed| (&removed.read, is_cleared(&removed.read)));
        for (read, replaced) in applied.chain(removed) {
            let object = ObjectBackup::new(read, super::objects::live(self.objects, read).await?);
            objects.extend(object.map(|object| ObjectBackup { replaced, ..object }));
        }
        let mut copies = Vec::new();
        let unmarked =
            work.clear.iter().chain(&work.remove).filter(|removed| !removed.marked).map(|removed| &removed.read);
        for read in unmarked.chain(work.free.iter().map(|freed| &freed.read)) {
            copies.extend(super::objects::live(self.objects, read).await?);
        }
        let backup = Backup {
            api_version: BACKUP_VERSION.to_owned(),
            kind: BACKUP_KIND.to_owned(),
            id: self.lock.journal.fix.clone(),
            action: work.way.to_string(),
            release: self.id.name.clone(),
            revision: primary.meta.revision().unwrap_or_default(),
            status: seen.newest().map_or_else(|| "unknown".to_owned(), |newest| newest.opened.status.clone()),
            taken_at: self.lock.journal.began,
            by: self.lock.journal.by.clone(),
            wrote: states(work, &primary).pop().unwrap_or_else(|| primary.digest()),
            states: others.iter().chain([&primary]).flat_map(|record| states(work, record)).collect(),
            record: primary,
            others,
            objects,
            copies,
            stores: work.records().find_map(stored),
            restoring: None,
        };
        // A record whose values can't be read is in the backup all the same.
        let (values, _unreadable) = given_values(seen);
        let saved = backup_file::save(self.options.backup_dir.as_ref(), &backup, &values)?;
        match source.backups.store(&self.id.namespace, &backup).await {
            // An earlier run stored it and was killed before it could note that.
            Ok(()) | Err(ClusterError::Conflict(_)) => {}
            Err(error) => return Err(stopped("the copy of the backup in the cluster", "stored", error)),
        }
        self.lock.journal.backed_up = true;
        self.note("the backup is stored").await?;
        Ok(Some(saved))
    }
}

/// The revisions whose records are changed or deleted.
fn touched(work: &Work) -> Vec<u64> {
    let revision = |step: &RecordStep| match step {
        RecordStep::Edit { revision, .. } | RecordStep::Versions { revision, .. } | RecordStep::Delete { revision } => {
            Some(*revision)
        }
        RecordStep::Create { .. } => None,
    };
    let mut revisions: Vec<u64> = work.records().filter_map(revision).collect();
    revisions.sort_unstable();
    revisions.dedup();
    revisions
}

/// The revision that a step stores.
fn stored(step: &RecordStep) -> Option<u64> {
    match step {
        RecordStep::Create { revision, .. } => Some(*revision),
        _ => None,
    }
}

/// The digest of a record in every state that the fix leaves it in, in order; the last is empty if it doesn't keep it.
fn states(work: &Work, record: &StoredRecord) -> Vec<String> {
    let mut record = record.clone();
    let mut states = Vec::new();
    for step in work.records() {
        match step {
            RecordStep::Edit { revision, edit, .. } if record.meta.revision() == Some(*revision) => {
                let Ok(edited) = record.edited(edit) else { continue };
                record = edited;
                states.push(record.digest());
            }
            RecordStep::Versions { revision, versions } if record.meta.revision() == Some(*revision) => {
                let Ok(changed) = record.with_manifest(|manifest| with_versions(manifest, versions)) else { continue };
                record = changed;
                states.push(record.digest());
            }
            RecordStep::Delete { revision } if record.meta.revision() == Some(*revision) => states.push(String::new()),
            _ => {}
        }
    }
    states
}
