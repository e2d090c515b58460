//! A release saved: all its records, and the objects of its newest and of its deployed revision.

use std::collections::BTreeSet;

use refloat_core::inventory::History;
use refloat_core::observe::{Answer, Observation, Revision};
use refloat_core::rescue::{
    BACKUP, BACKUP_KIND, BACKUP_VERSION, Backup, GivenValues, ObjectBackup, fix_id, given_values, still_quiet,
};

use super::whole;
use crate::error::Failure;
use crate::exit::Exit;
use crate::observe::observe_known;
use crate::rescue::listed;
use crate::source::Source;

/// A backup, and what to tell about how it was taken.
pub struct Taken {
    /// The backup.
    pub backup: Backup,
    /// The values of its newest and its deployed revisions.
    pub values: Vec<GivenValues>,
    /// What was left out, or chosen by itself.
    pub notes: Vec<String>,
}

/// Reads a release for a backup. Reads only.
pub async fn take(source: &Source, name: &str, by: &str) -> Result<Taken, Failure> {
    let (id, history, gathered) = source.release(name).await?;
    let records = gathered.records.as_ref();
    let mut all = whole(records, &history).await?;
    let seen = observe_known(records, source.objects(), id.clone(), history.clone()).await?;
    // What was read piece by piece makes one backup only if nobody wrote in between.
    still_quiet(&history, &listed(records, &id).await?)?;
    let newest = all.pop().ok_or_else(|| Failure::new(Exit::Changed, "no record is left"))?;
    let mut notes = gathered.notes;
    let objects = objects(&seen, &mut notes);
    let (values, unreadable) = given_values(&seen);
    notes.extend(
        unreadable
            .into_iter()
            .map(|revision| format!("the values of revision {revision} can't be read, so no file holds them")),
    );
    let backup = Backup {
        api_version: BACKUP_VERSION.to_owned(),
        kind: BACKUP_KIND.to_owned(),
        id: fix_id(&newest, seen.at),
        action: BACKUP.to_owned(),
        release: id.name,
        revision: newest.meta.revision().unwrap_or_default(),
        status: status(&seen, &history),
        taken_at: seen.at,
        by: by.to_owned(),
        wrote: String::new(),
        states: Vec::new(),
        record: newest,
        others: all,
        objects,
        copies: Vec::new(),
        stores: None,
        restoring: None,
    };
    Ok(Taken { backup, values, notes })
}

fn status(seen: &Observation, history: &History) -> String {
    let label = || history.newest().and_then(|newest| newest.status.clone());
    let payload = seen.newest().map(|newest| newest.opened.status.clone());
    payload.or_else(label).unwrap_or_else(|| "unknown".to_owned())
}

/// The objects of the newest revision and of the deployed one, as they are, in Helm's order. A hook's isn't among them: put back, it would
/// run again.
fn objects(seen: &Observation, notes: &mut Vec<String>) -> Vec<ObjectBackup> {
    let deployed = seen.history.deployed().into_iter().max();
    let newest = seen.newest().map(|newest| newest.opened.revision);
    let revisions = newest.into_iter().chain(deployed.filter(|deployed| newest != Some(*deployed)));
    let mut known = BTreeSet::new();
    let mut found = Vec::new();
    for revision in revisions {
        let Some(Ok(revision)) = seen.revisions.get(&revision) else {
            notes.push(format!("revision {revision} can't be read, so its objects aren't in the backup"));
            continue;
        };
        found.extend(of_revision(seen, revision, &mut known, notes));
    }
    found
}

fn of_revision(
    seen: &Observation,
    revision: &Revision,
    known: &mut BTreeSet<String>,
    notes: &mut Vec<String>,
) -> Vec<ObjectBackup> {
    let mut found = Vec::new();
    for object in &revision.objects {
        let words = format!("{}/{}", object.kind.to_lowercase(), object.name);
        let Some(read) = seen.read_of(object) else {
            notes.push(format!("{words} isn't in the backup: its kind or its name isn't known"));
            continue;
        };
        if !known.insert(read.to_string()) {
            continue;
        }
        match seen.answer(&read) {
            Some(Answer::Found(live)) => found.extend(ObjectBackup::new(&read, Some(live.clone()))),
            Some(Answer::Absent) => found.extend(ObjectBackup::new(&read, None)),
            Some(Answer::Forbidden(why) | Answer::Failed(why)) => {
                notes.push(format!("{words} isn't in the backup: {why}"));
            }
            None => notes.push(format!("{words} isn't in the backup: it wasn't read")),
        }
    }
    found
}
