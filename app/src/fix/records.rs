//! Records: each write names the record as it was last seen, so a Helm that writes in between is noticed and stops the fix.

use refloat_core::inventory::History;
use refloat_core::manifest::{NewVersion, with_versions};
use refloat_core::plan::RecordStep;
use refloat_core::record::{InfoEdit, RecordMeta, Status, StoredRecord, key_of};

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

    async fn edit(&mut self, revision: u64, edit: &InfoEdit, seal: bool) -> Result<(), Failure> {
        let Some(record) = self.seen(revision).await? else {
            return Err(Failure::new(Exit::Changed, format!("the record of revision {revision} is gone")));
        };
        let status = record.document().ok().and_then(|document| Status::parse(&document.status()?));
        let done = edit.status.is_none_or(|wanted| status == Some(wanted) && record.meta.status() == Some(wanted));
        if done && (!seal || record.is_immutable() || record.meta.id.driver == refloat_core::record::Driver::Sql) {
            return Ok(());
        }
        if record.is_immutable() {
            let why = "it was sealed by someone, so its data can't be changed";
            return Err(Failure::new(Exit::Partial, format!("the record of revision {revision}: {why}")));
        }
        self.note(&format!("writing the record of revision {revision}")).await?;
        let edited = record.edited(edit).map_err(|error| {
            Failure::new(Exit::Partial, format!("the record of revision {revision} can't be edited")).because(error)
        })?;
        let edited = if seal { edited.sealed() } else { edited };
        self.replace(revision, edited).await
    }

    async fn versions(&mut self, revision: u64, versions: &[NewVersion]) -> Result<(), Failure> {
        let Some(record) = self.seen(revision).await? else {
            return Err(Failure::new(Exit::Changed, format!("the record of revision {revision} is gone")));
        };
        let changed = record.with_manifest(|manifest| with_versions(manifest, versions)).map_err(|error| {
            Failure::new(Exit::Partial, format!("the record of revision {revision} can't be edited")).because(error)
        })?;
        if changed.digest() == record.digest() {
            return Ok(());
        }
        if record.is_immutable() {
            let why = "it was sealed by someone, so its data can't be changed";
            return Err(Failure::new(Exit::Partial, format!("the record of revision {revision}: {why}")));
        }
        self.note(&format!("writing the record of revision {revision}")).await?;
        self.replace(revision, changed).await
    }

    async fn replace(&mut self, revision: u64, record: StoredRecord) -> Result<(), Failure> {
        let guard = self.records.replace(&record).await.map_err(|error| unwritten(revision, error))?;
        let meta = RecordMeta { guard, ..record.meta };
        self.known.insert(revision, meta);
        Ok(())
    }

    async fn create(&mut self, from: u64, revision: u64, edit: &InfoEdit) -> Result<(), Failure> {
        if self.known.contains_key(&revision) {
            return Ok(());
        }
        let Some(record) = self.seen(from).await? else {
            return Err(Failure::new(Exit::Changed, format!("the record of revision {from} is gone")));
        };
        self.note(&format!("storing revision {revision}, made of revision {from}")).await?;
        let made = record.as_revision(revision, edit, self.now().await?).map_err(|error| {
            Failure::new(Exit::Partial, format!("revision {revision} can't be made of revision {from}")).because(error)
        })?;
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
