//! Which records are put back.

use std::collections::BTreeMap;

use super::{Contradiction, Fate, RecordFate};
use crate::record::{InfoEdit, RecordId, Status, StoredRecord};
use crate::rescue::Backup;

/// A record of the backup, of the cluster, or of both.
pub(super) struct Row<'a> {
    pub(super) revision: u64,
    saved: bool,
    pub(super) present: Option<&'a StoredRecord>,
    /// As it is to be written, if it is.
    pub(super) after: Option<StoredRecord>,
    fate: Fate,
    why: Option<String>,
}

impl Row<'_> {
    /// The record as it is in the end, if it is there then.
    pub(super) fn ends(&self) -> Option<&StoredRecord> {
        self.after.as_ref().or(self.present)
    }

    pub(super) fn status(&self) -> Option<Status> {
        self.ends().map(status)
    }

    fn leave(&mut self, why: String) {
        (self.after, self.fate, self.why) = (None, Fate::Leave, Some(why));
    }

    /// What is told of it; nothing of one that the backup doesn't have and that stays as it is.
    pub(super) fn fate(&self) -> Option<RecordFate> {
        let told = self.saved || self.after.is_some();
        told.then(|| RecordFate {
            revision: self.revision,
            status: self.status().unwrap_or(Status::Unknown),
            fate: self.fate,
            why: self.why.clone(),
        })
    }

    /// Writes it in another status than it has, as the history asks for it.
    fn mark(&mut self, wanted: Status, why: String) -> Result<(), Contradiction> {
        if self.present.is_some_and(|present| status(present) == wanted) {
            self.leave(why);
            return Ok(());
        }
        let edit = InfoEdit { status: Some(wanted), ..InfoEdit::default() };
        let edited = self.ends().map(|record| record.edited(&edit)).transpose();
        let revision = self.revision;
        self.after = edited.map_err(|why| Contradiction::Unmarkable { revision, status: wanted, why })?;
        self.fate = if self.present.is_some() { Fate::Overwrite } else { Fate::Restore };
        self.why = Some(why);
        Ok(())
    }
}

/// What Helm takes a record for: deployed if label or payload says so, as it searches by one and decides by the other.
pub(super) fn status(record: &StoredRecord) -> Status {
    let label = record.meta.status();
    let payload = record.document().ok().and_then(|document| Status::parse(&document.status()?));
    match (label, payload) {
        (Some(Status::Deployed), _) | (_, Some(Status::Deployed)) => Status::Deployed,
        (_, Some(payload)) => payload,
        (label, None) => label.unwrap_or(Status::Unknown),
    }
}

/// Takes a backup and what is there; gives every record of either, oldest first, and what becomes of it.
pub(super) fn rows<'a>(
    backup: &'a Backup,
    present: &'a [StoredRecord],
    overwrite: bool,
) -> Result<Vec<Row<'a>>, Contradiction> {
    let mut rows: BTreeMap<(u64, &RecordId), Row<'a>> = BTreeMap::new();
    for found in present {
        let revision = found.meta.revision().unwrap_or_default();
        let row = Row { revision, saved: false, present: Some(found), after: None, fate: Fate::Same, why: None };
        rows.insert((revision, &found.meta.id), row);
    }
    for saved in backup.records().into_iter().chain(made(backup)) {
        let revision = saved.meta.revision().unwrap_or_default();
        let found = present.iter().find(|found| found.meta.id == saved.meta.id);
        rows.insert(
            (found.and_then(|one| one.meta.revision()).unwrap_or(revision), &saved.meta.id),
            row(saved, found, overwrite),
        );
    }
    let mut rows: Vec<Row<'a>> = rows.into_values().collect();
    overtaken(&mut rows, overwrite)?;
    one_deployed(&mut rows, overwrite)?;
    Ok(rows)
}

/// What an earlier restore put back is worth as much as what a fix found.
fn made(backup: &Backup) -> impl Iterator<Item = &StoredRecord> {
    backup.restoring.iter().flat_map(|restoring| &restoring.made)
}

fn row<'a>(saved: &'a StoredRecord, present: Option<&'a StoredRecord>, overwrite: bool) -> Row<'a> {
    let revision = saved.meta.revision().unwrap_or_default();
    let mut row = Row { revision, saved: true, present, after: None, fate: Fate::Same, why: None };
    if present.is_some_and(|found| found.digest() == saved.digest()) {
        return row;
    }
    if let Err(damage) = saved.document() {
        // Helm passes over it, and trips over its key.
        row.leave(format!("its payload in the backup can't be read: {damage}"));
        return row;
    }
    match present {
        None => (row.after, row.fate) = (Some(saved.clone()), Fate::Restore),
        Some(found) if overwrite => {
            (row.after, row.fate) = (Some(saved.clone()), Fate::Overwrite);
            row.why = Some(difference(saved, found));
        }
        Some(found) => row.leave(difference(saved, found)),
    }
    row
}

/// In what a record differs from the one in the backup, without a word of its payload.
fn difference(saved: &StoredRecord, found: &StoredRecord) -> String {
    let (was, is) = (status(saved), status(found));
    match (was == is, saved.inner() == found.inner()) {
        (false, _) => format!("it differs: it is {is}, and was {was}"),
        (true, false) => "it differs in its payload".to_owned(),
        (true, true) => "it differs in its labels".to_owned(),
    }
}

/// A status that a revision only comes to once Helm has taken it for the one that is deployed.
fn took_over(status: Status) -> bool {
    matches!(status, Status::Deployed | Status::Superseded | Status::Uninstalled | Status::Uninstalling)
}

/// What came after the backup shows that an older revision can be deployed, or pending, no more.
fn overtaken(rows: &mut [Row<'_>], overwrite: bool) -> Result<(), Contradiction> {
    let since: Vec<(u64, Status)> =
        rows.iter().filter(|row| !row.saved).filter_map(|row| Some((row.revision, row.status()?))).collect();
    for row in rows.iter_mut() {
        let Some(was) = row.after.as_ref().map(status) else { continue };
        let marked = match was {
            Status::Deployed => Status::Superseded,
            was if was.operation().is_some() => Status::Failed,
            _ => continue,
        };
        let later = since.iter().filter(|(newer, _)| *newer > row.revision);
        let by =
            later.filter(|(_, found)| was != Status::Deployed || took_over(*found)).max_by_key(|(newer, _)| *newer);
        let Some((newer, found)) = by.copied() else { continue };
        if row.present.is_some() {
            row.leave(format!("it was {was} when it was saved, and revision {newer} has come since ({found})"));
        } else if overwrite {
            row.mark(marked, format!("marked {marked}, as revision {newer} has come since ({found})"))?;
        } else {
            return Err(Contradiction::Overtaken { revision: row.revision, status: was, newer, found });
        }
    }
    Ok(())
}

/// If a revision is put back as deployed, no other one is left so.
fn one_deployed(rows: &mut [Row<'_>], overwrite: bool) -> Result<(), Contradiction> {
    let is_put = |row: &Row<'_>| row.after.as_ref().is_some_and(|after| status(after) == Status::Deployed);
    if !rows.iter().any(is_put) {
        return Ok(());
    }
    let deployed: Vec<u64> =
        rows.iter().filter(|row| row.status() == Some(Status::Deployed)).map(|row| row.revision).collect();
    let Some(newest) = deployed.last().copied() else { return Ok(()) };
    for row in rows.iter_mut().filter(|row| row.revision < newest && deployed.contains(&row.revision)) {
        if !overwrite {
            return Err(Contradiction::TwoDeployed { revision: row.revision, newer: newest });
        }
        if row.status() == Some(Status::Deployed) {
            row.mark(Status::Superseded, format!("marked superseded, as revision {newest} is the deployed one"))?;
        }
    }
    Ok(())
}
