//! Taking a fix back: objects first, then records, each under guard. The deciding is `refloat_core::rescue`'s.

mod make_way;

use refloat_core::inventory::{History, ReleaseId};
use refloat_core::observe::Answer;
use refloat_core::plan::stays;
use refloat_core::record::{Guard, RecordMeta};
use refloat_core::rescue::{Backup, ObjectBackup, Refusal, UndoStep, is_applied, owned_by_apply, still_quiet, undo};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cluster::{BackupEntry, ClusterError, ReadRecords, RecordQuery, WriteObjects, WriteRecords};
use crate::error::Failure;
use crate::exit::Exit;
use crate::fix::{Deed, Held, Journal, Lock, RACES, Task, Traced, held, post};
use crate::source::{Gathered, Source};
use make_way::make_way;

/// Who carries a fix out, and how fast time goes by for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescuer {
    /// `user@host`, for the record's description.
    pub name: String,
    /// How many seconds of a watch go by in one: 1 wherever anyone else can write.
    pub tempo: u32,
}

fn one(id: &ReleaseId) -> RecordQuery {
    RecordQuery { namespace: Some(id.namespace.clone()), release: Some(id.name.clone()), statuses: Vec::new() }
}

fn history(metas: Vec<RecordMeta>) -> History {
    let inventory: refloat_core::inventory::Inventory = metas.into_iter().collect();
    inventory.releases.into_values().next().unwrap_or_default()
}

fn lost_race(error: ClusterError) -> Failure {
    match error {
        ClusterError::Unreachable { .. } | ClusterError::Timeout { .. } => {
            let failure = Failure::from(error);
            Failure { exit: Exit::Partial, ..failure }.hint(
                "whether the write arrived isn't known; `refloat status` shows it, and running the fix again is safe",
            )
        }
        ClusterError::Conflict(_) | ClusterError::Missing(_) => error.into(),
        other => refused("the record can't be written; nothing was changed", &other),
    }
}

/// An error of the cluster's, told by what it means for the fix.
fn refused(what: &str, error: &ClusterError) -> Failure {
    error.hint().into_iter().fold(Failure::new(error.exit(), what).because(error), Failure::hint)
}

/// A release's records as they are now.
pub(crate) async fn listed(records: &dyn ReadRecords, id: &ReleaseId) -> Result<History, Failure> {
    Ok(history(records.list(&one(id)).await?))
}

/// A fix to take back.
pub struct Undoing {
    /// The release.
    pub id: ReleaseId,
    /// The backup it goes by.
    pub backup: Backup,
    /// The record writes.
    steps: Vec<UndoStep>,
    /// The release's history when the undo was planned.
    history: History,
    /// The driver that holds it.
    gathered: Gathered,
    /// The lock of the fix or of an earlier undo of it, if that was interrupted.
    held: Option<Held>,
}

/// Finds the fix to take back: the one named, or the namespace's latest that wasn't taken back yet.
pub async fn plan_undo(source: &Source, id: Option<&str>) -> Result<Undoing, Failure> {
    let namespace = source.namespace.clone();
    let entries: Vec<BackupEntry> = source.backups.list(Some(&namespace)).await?;
    let chosen = match id {
        Some(id) => id.to_owned(),
        None => {
            let latest = entries.iter().find(|entry| entry.undone_at.is_none());
            latest.map(|entry| entry.id.clone()).ok_or_else(|| nothing_to_undo(&namespace))?
        }
    };
    let backup = source.backups.load(&namespace, &chosen).await?.ok_or_else(|| {
        Failure::usage(format!("there is no fix {chosen} in namespace {namespace}"))
            .hint("refloat history RELEASE --fixes shows the ids")
    })?;
    let (id, history, gathered) = source.release_of(&namespace, &backup.release, backup.record.meta.id.driver).await?;
    let held = held(source.writable(), &id, gathered.records.now().await?).await?;
    // An undo of it that was killed goes on, and if all is done but the lock.
    let going_on = held.as_ref().is_some_and(|held| held.journal.fix == chosen && held.journal.undoing);
    if !going_on && entries.iter().any(|entry| entry.id == chosen && entry.undone_at.is_some()) {
        return Err(Failure::new(Exit::Changed, format!("fix {chosen} was taken back already; nothing was written"))
            .hint("refloat history RELEASE --fixes shows the others; refloat undo ID takes one back"));
    }
    if let Some(held) = &held {
        free_for(held, &backup.id, &id)?;
    }
    let mut current = Vec::new();
    for meta in history.records() {
        current.extend(gathered.records.get(&meta.id).await?);
    }
    let steps = match undo(&backup, &current, going_on) {
        Err(Refusal::AsBefore) if going_on => Vec::new(),
        other => other?,
    };
    Ok(Undoing { id, backup, steps, history, gathered, held })
}

/// Refuses if a lock is held by somebody who is at work, or for another fix.
fn free_for(held: &Held, fix: &str, id: &ReleaseId) -> Result<(), Failure> {
    let (task, verb) = errand(held.journal.way);
    let other = &held.journal.fix;
    if held.alive {
        return Err(Failure::new(Exit::Refused, format!("{} is at work on {id} right now", held.holder))
            .because(format!("{task} {other}: {}", held.journal.doing))
            .hint("wait for it, and look again"));
    }
    if other == fix {
        return Ok(());
    }
    let undo = format!("refloat undo {other} -n {}", id.namespace);
    if held.journal.undoing {
        let message = format!("taking back {task} {other} was interrupted, and comes first");
        return Err(Failure::new(Exit::Refused, message).hint(format!("{undo} goes on with it")));
    }
    Err(Failure::new(Exit::Refused, format!("{task} {other} was interrupted, and comes first"))
        .hint(format!("refloat {verb} {} -n {} goes on with it", id.name, id.namespace))
        .hint(format!("{undo} takes it back")))
}

/// What a lock is held for, as a noun, and the command that goes on with it.
pub(crate) fn errand(task: Task) -> (&'static str, &'static str) {
    match task {
        Task::Way(_) => ("fix", "fix"),
        Task::Restore => ("restore", "restore"),
    }
}

fn nothing_to_undo(namespace: &str) -> Failure {
    Failure::usage(format!("there is no fix to take back in namespace {namespace}")).hint("-n names another namespace")
}

/// Locks the release, takes a last look, puts objects and records back and reads the records back, byte for byte.
///
/// Gives why the namespace's events don't tell of it, if so.
pub async fn take_back(source: &Source, undoing: Undoing, rescuer: &Rescuer) -> Result<Option<String>, Failure> {
    let Undoing { id, backup, steps, history: planned, gathered, held } = undoing;
    let wrote = AtomicBool::new(false);
    let (records, objects) = (Traced::new(gathered.records.as_ref(), &wrote), Traced::new(source.writable(), &wrote));
    let now = gathered.records.now().await?;
    let way = Task::parse(&backup.action).ok_or_else(|| {
        Failure::new(
            Exit::Refused,
            format!("fix {} is of a kind that this refloat doesn't know: {}", backup.id, backup.action),
        )
    })?;
    let journal = Journal {
        fix: backup.id.clone(),
        way,
        by: rescuer.name.clone(),
        began: now,
        backed_up: true,
        hooks_done: Vec::new(),
        cleared: false,
        doing: "taking it back".to_owned(),
        undoing: true,
    };
    let mut lock = Lock::take(source.writable(), &id, &rescuer.name, now, journal, held).await?;
    let done = async {
        still_quiet(&planned, &history(gathered.records.list(&one(&id)).await?))?;
        for object in &backup.objects {
            make_way(&objects, &mut lock, gathered.records.as_ref(), &id, object, rescuer.tempo).await?;
            put_back(&objects, &id, object).await?;
        }
        for step in &steps {
            record_back(&records, step).await?;
        }
        Ok(())
    };
    if let Err(failure) = done.await {
        let now = gathered.records.now().await.unwrap_or(now);
        // What can't be unlocked ends by itself.
        let _unlocked = match wrote.load(Ordering::Relaxed) || lock.inherited {
            true => lock.let_go(&id, now).await.is_ok(),
            false => lock.release().await.is_ok(),
        };
        return Err(failure);
    }
    if !is_as_before(gathered.records.as_ref(), &backup).await? {
        lock.release().await?;
        let what = "the records were put back, but read differently now: someone wrote them right after";
        return Err(Failure::new(Exit::Unverified, what));
    }
    let namespace = &backup.record.meta.id.namespace;
    let at = gathered.records.now().await?;
    source.backups.mark_undone(namespace, &backup.id, at).await?;
    lock.release().await?;
    let message = match &backup.restoring {
        Some(_) => format!("refloat took restore {} back, for {}", backup.id, rescuer.name),
        None => format!(
            "refloat took fix {} ({}) back, for {}: revision {} is {} again",
            backup.id, backup.action, rescuer.name, backup.revision, backup.status
        ),
    };
    Ok(post(source.writable(), Deed { id: &id, fix: &backup.id, reason: "TakenBack", message, at }).await)
}

/// Whether every record of a backup reads as it was, and none that a restore stored is left.
async fn is_as_before(records: &dyn WriteRecords, backup: &Backup) -> Result<bool, Failure> {
    for record in backup.records() {
        let written = records.get(&record.meta.id).await?;
        if written.is_none_or(|written| written.digest() != record.digest()) {
            return Ok(false);
        }
    }
    for made in backup.restoring.iter().flat_map(|restoring| &restoring.made) {
        if records.get(&made.meta.id).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn record_back(records: &dyn WriteRecords, step: &UndoStep) -> Result<(), Failure> {
    match step {
        UndoStep::Replace(record) => records.replace(record).await.map(drop).map_err(lost_race),
        UndoStep::Create(record) => records.create(record).await.map(drop).map_err(lost_race),
        UndoStep::Delete { id, guard } => records.delete(id, guard).await.map_err(lost_race),
    }
}

/// Makes an object what it was: gone if it wasn't there, made anew if it is gone, written back if it differs.
///
/// Controllers write the status of what was just changed: a lost race is run again, after reading anew.
async fn put_back(objects: &dyn WriteObjects, id: &ReleaseId, backup: &ObjectBackup) -> Result<(), Failure> {
    let words = backup.read().words();
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match put_back_once(objects, id, backup).await? {
            Ok(()) => return Ok(()),
            Err(ClusterError::Conflict(_)) if tries < RACES => continue,
            Err(error) => error,
        };
        return Err(Failure::new(Exit::Partial, format!("{words} can't be put back"))
            .because(error)
            .hint("put that right and run the same undo again: it goes on where it stopped"));
    }
}

async fn put_back_once(
    objects: &dyn WriteObjects,
    id: &ReleaseId,
    backup: &ObjectBackup,
) -> Result<Result<(), ClusterError>, Failure> {
    let read = backup.read();
    let live = match objects.answer(&read).await? {
        Answer::Found(live) => Some(live),
        Answer::Absent => None,
        Answer::Forbidden(why) | Answer::Failed(why) => {
            return Err(Failure::new(Exit::Partial, format!("{} can't be read", read.words())).because(why));
        }
    };
    Ok(put_over(objects, id, backup, live).await)
}

/// Makes an object what it was, if it still is as it was read just now.
pub(crate) async fn put_over(
    objects: &dyn WriteObjects,
    id: &ReleaseId,
    backup: &ObjectBackup,
    live: Option<Value>,
) -> Result<(), ClusterError> {
    let read = backup.read();
    let stored = match (live, &backup.before) {
        (None, None) => None,
        (Some(live), None) if stays(id, &live, true).is_some() => None,
        (Some(live), None) => {
            objects.delete_object(&read, &guard(&live)).await?;
            None
        }
        (None, Some(_)) => match backup.restored() {
            Some(object) => Some(objects.create(&read, &object).await?),
            None => None,
        },
        (Some(live), Some(_)) if backup.stands_for(&live) => return own(objects, backup, &live).await,
        (Some(live), Some(_)) => match backup.written_over(&live) {
            Some(object) => Some(objects.replace_object(&read, &object).await?),
            None => return own(objects, backup, &live).await,
        },
    };
    match stored.filter(|_| backup.before.as_ref().is_some_and(is_applied)).as_ref().and_then(owned_by_apply) {
        Some(owned) => objects.replace_object(&read, &owned).await.map(drop),
        None => Ok(()),
    }
}

/// Whose the fields are of an object that is as it was: it may have been put back before, and that left to be done. What was read tells who
/// wrote and not which fields: a write that changes nothing tells both.
pub(crate) async fn own(objects: &dyn WriteObjects, backup: &ObjectBackup, live: &Value) -> Result<(), ClusterError> {
    let applied = |object: &Value| is_applied(object) && owned_by_apply(object).is_none();
    if !backup.before.as_ref().is_some_and(applied) || owned_by_apply(live).is_none() {
        return Ok(());
    }
    let mut same = live.clone();
    if let Some(metadata) = same.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    let read = backup.read();
    let stored = objects.replace_object(&read, &same).await?;
    match owned_by_apply(&stored) {
        Some(owned) => objects.replace_object(&read, &owned).await.map(drop),
        None => Ok(()),
    }
}

fn guard(live: &Value) -> Guard {
    let text = |field: &str| live.pointer(&format!("/metadata/{field}")).and_then(Value::as_str).unwrap_or_default();
    Guard { uid: text("uid").to_owned(), version: text("resourceVersion").to_owned() }
}
