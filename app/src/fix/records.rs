//! Records: each write names the record as it was last seen, so a Helm that writes in between is noticed and stops the fix.

use std::collections::BTreeMap;

use jiff::Timestamp;
use refloat_core::inventory::History;
use refloat_core::manifest::{NewVersion, with_versions};
use refloat_core::plan::{RecordStep, Work};
use refloat_core::record::{Driver, EditError, InfoEdit, RecordMeta, Status, StoredRecord, key_of};

use super::Fixer;
use crate::cluster::ClusterError;
use crate::error::Failure;
use crate::exit::Exit;

impl Fixer<'_> {
    /// Carries out record writes, those that aren't done yet.
    pub(super) async fn records(&mut self, steps: &[RecordStep]) -> Result<(), Failure> {
        for step in steps {
            match step {
                RecordStep::Edit { revision, edit, seal } => self.edit(*revision, edit, *seal).await?,
                RecordStep::Create { from, revision, edit } => self.create(*from, *revision, edit).await?,
                RecordStep::Versions { revision, versions } => self.versions(*revision, versions).await?,
                RecordStep::Delete { revision } => self.delete(*revision).await?,
            }
        }
        Ok(())
    }

    /// The record of a revision as it is, which must be as it was seen.
    async fn seen(&self, revision: u64) -> Result<Option<StoredRecord>, Failure> {
        let Some(meta) = self.known.get(&revision) else { return Ok(None) };
        let Some(record) = self.records.get(&meta.id).await? else { return Ok(None) };
        if record.meta.guard != meta.guard {
            return Err(changed(revision));
        }
        Ok(Some(record))
    }

    /// Whether every record can become what it is to be, as far as its data and its size tell: better known before anything else is done.
    pub(super) async fn fit(&self, work: &Work) -> Result<(), Failure> {
        let mut made: BTreeMap<u64, StoredRecord> = BTreeMap::new();
        for step in work.records() {
            let (from, to) = match step {
                RecordStep::Edit { revision, .. } | RecordStep::Versions { revision, .. } => (*revision, *revision),
                RecordStep::Create { from, revision, .. } if !self.known.contains_key(revision) => (*from, *revision),
                RecordStep::Create { .. } | RecordStep::Delete { .. } => continue,
            };
            let seen = match made.get(&from) {
                Some(record) => Some(record.clone()),
                None => self.seen(from).await?,
            };
            let Some(record) = seen else { continue };
            let next = match step {
                RecordStep::Edit { edit, seal, .. } => edited(&record, to, edit, *seal)?,
                RecordStep::Versions { versions, .. } => with_new_versions(&record, to, versions)?,
                RecordStep::Create { edit, .. } => Some(made_of(&record, from, to, edit, self.now().await?)?),
                RecordStep::Delete { .. } => None,
            };
            made.extend(next.map(|next| (to, next)));
        }
        Ok(())
    }

    async fn edit(&mut self, revision: u64, edit: &InfoEdit, seal: bool) -> Result<(), Failure> {
        let record = self.seen(revision).await?.ok_or_else(|| gone(revision))?;
        self.replace(revision, edited(&record, revision, edit, seal)?).await
    }

    async fn versions(&mut self, revision: u64, versions: &[NewVersion]) -> Result<(), Failure> {
        let record = self.seen(revision).await?.ok_or_else(|| gone(revision))?;
        self.replace(revision, with_new_versions(&record, revision, versions)?).await
    }

    async fn replace(&mut self, revision: u64, record: Option<StoredRecord>) -> Result<(), Failure> {
        let Some(record) = record else { return Ok(()) };
        self.note(&format!("writing the record of revision {revision}")).await?;
        let guard = self.records.replace(&record).await.map_err(|error| unwritten(revision, error))?;
        let meta = RecordMeta { guard, ..record.meta };
        self.known.insert(revision, meta);
        Ok(())
    }

    async fn create(&mut self, from: u64, revision: u64, edit: &InfoEdit) -> Result<(), Failure> {
        if self.known.contains_key(&revision) {
            return Ok(());
        }
        let record = self.seen(from).await?.ok_or_else(|| gone(from))?;
        self.note(&format!("storing revision {revision}, made of revision {from}")).await?;
        let made = made_of(&record, from, revision, edit, self.now().await?)?;
        let guard = self.records.create(&made).await.map_err(|error| unwritten(revision, error))?;
        let meta = RecordMeta { guard, ..made.meta };
        self.known.insert(revision, meta);
        Ok(())
    }

    async fn delete(&mut self, revision: u64) -> Result<(), Failure> {
        let Some(meta) = self.known.get(&revision).cloned() else { return Ok(()) };
        self.note(&format!("deleting the record of revision {revision}")).await?;
        match self.records.delete(&meta.id, &meta.guard).await {
            Ok(()) | Err(ClusterError::Missing(_)) => {}
            Err(error) => return Err(unwritten(revision, error)),
        }
        self.known.remove(&revision);
        Ok(())
    }

    /// A last look: has anyone written a record besides this fix?
    pub(super) async fn untouched(&self) -> Result<(), Failure> {
        let history = super::list(self.records, &self.id).await?;
        match self.strange(&history) {
            None => Ok(()),
            Some(record) => Err(Failure::new(Exit::Changed, format!("{record} was written by someone else"))
                .hint(format!("refloat diagnose {} -n {} shows what it is now", self.id.name, self.id.namespace))),
        }
    }

    /// The key of a record that isn't as this fix saw or left it.
    pub(super) fn strange(&self, history: &History) -> Option<String> {
        let known = |record: &&RecordMeta| {
            let known = record.revision().and_then(|revision| self.known.get(&revision));
            known.is_none_or(|known| known.guard != record.guard)
        };
        let strange = history.records().iter().find(known)?;
        Some(key_of(&self.id.name, strange.revision().unwrap_or_default()))
    }
}

/// The record as an edit leaves it; nothing if it is so already.
fn edited(record: &StoredRecord, revision: u64, edit: &InfoEdit, seal: bool) -> Result<Option<StoredRecord>, Failure> {
    let status = record.document().ok().and_then(|document| Status::parse(&document.status()?));
    let done = edit.status.is_none_or(|wanted| status == Some(wanted) && record.meta.status() == Some(wanted));
    if done && (!seal || record.is_immutable() || record.meta.id.driver == Driver::Sql) {
        return Ok(None);
    }
    unsealed(record, revision)?;
    let edited = record.edited(edit).map_err(|error| uneditable(revision, &error))?;
    Ok(Some(if seal { edited.sealed() } else { edited }))
}

/// The record with other API versions in its manifest; nothing if it has them already.
fn with_new_versions(
    record: &StoredRecord,
    revision: u64,
    versions: &[NewVersion],
) -> Result<Option<StoredRecord>, Failure> {
    let changed = record.with_manifest(|manifest| with_versions(manifest, versions));
    let changed = changed.map_err(|error| uneditable(revision, &error))?;
    if changed.digest() == record.digest() {
        return Ok(None);
    }
    unsealed(record, revision)?;
    Ok(Some(changed))
}

fn made_of(
    record: &StoredRecord,
    from: u64,
    revision: u64,
    edit: &InfoEdit,
    now: Timestamp,
) -> Result<StoredRecord, Failure> {
    record.as_revision(revision, edit, now).map_err(|error| {
        Failure::new(Exit::Partial, format!("revision {revision} can't be made of revision {from}")).because(error)
    })
}

fn unsealed(record: &StoredRecord, revision: u64) -> Result<(), Failure> {
    if !record.is_immutable() {
        return Ok(());
    }
    let why = "it was sealed by someone, so its data can't be changed";
    Err(Failure::new(Exit::Partial, format!("the record of revision {revision}: {why}")))
}

fn uneditable(revision: u64, error: &EditError) -> Failure {
    Failure::new(Exit::Partial, format!("the record of revision {revision} can't be edited")).because(error)
}

fn gone(revision: u64) -> Failure {
    Failure::new(Exit::Changed, format!("the record of revision {revision} is gone"))
}

fn changed(revision: u64) -> Failure {
    Failure::new(
        Exit::Changed,
        format!("revision {revision} was written by someone else meanwhile: Helm may be at work"),
    )
    .hint("run the command again to see the new state")
}

fn unwritten(revision: u64, error: ClusterError) -> Failure {
    match error {
        ClusterError::Conflict(_) => changed(revision),
        other => super::objects::stopped(&format!("the record of revision {revision}"), "written", other),
    }
}
