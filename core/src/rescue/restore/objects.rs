//! Which objects are put back: those that are lost and that the release, as its records tell of it in the end, is to have.

use serde_json::Value;

use super::records::Row;
use super::{Fate, ObjectFate, Restore};
use crate::compare::{self, Live, Owner, Side};
use crate::inventory::ReleaseId;
use crate::manifest::ManifestObject;
use crate::observe::{Answer, Revision};
use crate::record::Status;
use crate::rescue::{BACKUP, Backup, ObjectBackup};

/// What holds data that no API serves.
const CLAIM: &str = "PersistentVolumeClaim";
/// Put back, these would do their work a second time.
const RUN: [&str; 2] = ["Job", "Pod"];

/// Adds what becomes of every object of a backup that was there then.
pub(super) fn plan(
    backup: &Backup,
    id: &ReleaseId,
    rows: &[Row<'_>],
    answers: &[Answer],
    overwrite: bool,
    plan: &mut Restore,
) {
    let standing = standing_revisions(rows);
    for (saved, answer) in backup.objects.iter().zip(answers).filter(|(saved, _)| saved.before.is_some()) {
        let (fate, why) = match judged(saved, answer, id, overwrite) {
            (fate @ (Fate::Restore | Fate::Overwrite), why) => match wanted(backup, saved, id, &standing) {
                Ok(()) => (fate, why),
                Err(why) => (Fate::Leave, Some(why)),
            },
            other => other,
        };
        plan.objects.push(ObjectFate { object: saved.words(), fate, why });
        if matches!(fate, Fate::Restore | Fate::Overwrite) {
            plan.restoring.objects.push(saved.clone());
            plan.before.push(ObjectBackup { before: answer.found().cloned(), ..saved.clone() });
        }
    }
}

/// What an object is to be given how it is, whoever wants it.
fn judged(saved: &ObjectBackup, answer: &Answer, id: &ReleaseId, overwrite: bool) -> (Fate, Option<String>) {
    let leave = |why: &str| (Fate::Leave, Some(why.to_owned()));
    let live = match answer {
        Answer::Forbidden(why) | Answer::Failed(why) => {
            return leave(&format!("whether it is there isn't known: {why}"));
        }
        Answer::Absent if RUN.contains(&saved.kind.as_str()) => {
            return leave("it is gone, and put back it would run again");
        }
        Answer::Absent if saved.kind == CLAIM => {
            return (Fate::Restore, Some("the claim comes back; the data in its volume isn't in a backup".to_owned()));
        }
        Answer::Absent => return (Fate::Restore, None),
        Answer::Found(live) => live,
    };
    if live.pointer("/metadata/deletionTimestamp").is_some() {
        return leave("it is being deleted");
    }
    if saved.is_as(live) {
        return (Fate::Same, None);
    }
    if let Some(other) = others(live, id) {
        return leave(&format!("it carries the marks of release {other}"));
    }
    match overwrite && !RUN.contains(&saved.kind.as_str()) {
        true => (Fate::Overwrite, Some("it differs".to_owned())),
        false => leave("it differs"),
    }
}

/// The release whose marks an object carries, if it is another one.
fn others(live: &Value, id: &ReleaseId) -> Option<String> {
    let mark = |key: &str| live.pointer(&format!("/metadata/annotations/meta.helm.sh~1{key}")).and_then(Value::as_str);
    let (name, namespace) = (mark("release-name")?, mark("release-namespace").unwrap_or_default());
    (name != id.name || namespace != id.namespace).then(|| format!("{namespace}/{name}"))
}

/// The revisions whose objects are to be there in the end: the deployed one and one that is being worked on; without any, the newest.
fn standing_revisions(rows: &[Row<'_>]) -> Vec<Revision> {
    let newest = rows.iter().filter(|row| row.ends().is_some()).max_by_key(|row| row.revision);
    let Some((newest, status)) = newest.and_then(|row| Some((row, row.status()?))) else { return Vec::new() };
    if matches!(status, Status::Uninstalled | Status::Uninstalling) {
        return Vec::new();
    }
    let deployed = rows.iter().filter(|row| row.status() == Some(Status::Deployed)).max_by_key(|row| row.revision);
    let also = deployed.is_none() || status.is_pending();
    let standing = deployed.into_iter().chain(Some(newest).filter(|_| also));
    standing.filter_map(|row| Revision::open(row.ends()?).ok()).collect()
}

/// Whether one of these revisions wants an object to be as it was; if not, why.
fn wanted(backup: &Backup, saved: &ObjectBackup, id: &ReleaseId, standing: &[Revision]) -> Result<(), String> {
    let of = |revision: &Revision| {
        Some((revision.opened.revision, revision.objects.iter().find(|object| is(object, saved, id))?.value.clone()))
    };
    let wants: Vec<(u64, Value)> = standing.iter().filter_map(of).collect();
    let Some((revision, _)) = wants.first() else {
        return Err("no revision that stands has it".to_owned());
    };
    // A fix is taken while something is wrong; a backup that was taken for its own sake holds what is to come back.
    let then = |(revision, _): &&(u64, Value)| backup.action == BACKUP && *revision <= backup.revision;
    let fits = |(_, value): &&(u64, Value)| {
        let live = saved.before.as_ref().map_or(Live::Absent, Live::Found);
        compare::standing(None, Some(value), live, &Owner::Unchecked).side == Side::New
    };
    match wants.iter().find(then).or_else(|| wants.iter().find(fits)) {
        Some(_) => Ok(()),
        None => Err(format!("revision {revision} wants it otherwise than it was")),
    }
}

/// Whether a manifest's object is this one.
fn is(object: &ManifestObject, saved: &ObjectBackup, id: &ReleaseId) -> bool {
    let group = saved.api_version.split_once('/').map_or("", |(group, _)| group);
    let namespace = object.namespace.as_deref().unwrap_or(&id.namespace);
    object.group() == group
        && object.kind == saved.kind
        && object.name == saved.name
        && (saved.namespace.is_empty() || saved.namespace == namespace)
}
