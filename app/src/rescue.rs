//! Taking a fix back: objects first, then records, each under guard. The deciding is `refloat_core::rescue`'s.

use refloat_core::inventory::{History, ReleaseId};
use refloat_core::observe::Answer;
use refloat_core::plan::stays;
use refloat_core::record::{Guard, RecordMeta};
use refloat_core::rescue::{Backup, ObjectBackup, UndoStep, still_quiet, undo};
use serde_json::Value;

use crate::cluster::{BackupEntry, ClusterError, RecordQuery, WriteObjects, WriteRecords};
use crate::error::Failure;
use crate::exit::Exit;
use crate::fix::held;
use crate::source::{Gathered, Source};

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
}

/// Finds the fix to take back: the one named, or the namespace's latest that wasn't taken back yet.
pub async fn plan_undo(source: &Source, id: Option<&str>) -> Result<Undoing, Failure> {
    let namespace = source.namespace.clone();
    let chosen = match id {
        Some(id) => id.to_owned(),
        None => {
            let entries: Vec<BackupEntry> = source.backups.list(&namespace).await?;
            let latest = entries.into_iter().find(|entry| !entry.undone);
            latest.map(|entry| entry.id).ok_or_else(|| nothing_to_undo(&namespace))?
        }
    };
    let backup = source.backups.load(&namespace, &chosen).await?.ok_or_else(|| {
        Failure::usage(format!("there is no fix {chosen} in namespace {namespace}"))
            .hint("its id stands in the description that refloat history shows")
    })?;
    let (id, history, gathered) = source.release_of(&namespace, &backup.release, backup.record.meta.id.driver).await?;
    if let Some(held) = held(source.writable(), &id, gathered.records.now().await?).await? {
        let who = if held.alive { "is at work" } else { "was interrupted and has to come to its end first" };
        return Err(Failure::new(Exit::Refused, format!("fix {} {who}", held.journal.fix))
            .hint(format!("refloat fix {} -n {} goes on with it", id.name, id.namespace)));
    }
    let mut current = Vec::new();
    for meta in history.records() {
        current.extend(gathered.records.get(&meta.id).await?);
    }
    let steps = undo(&backup, &current)?;
    Ok(Undoing { id, backup, steps, history, gathered })
}

fn nothing_to_undo(namespace: &str) -> Failure {
    Failure::usage(format!("there is no fix to take back in namespace {namespace}")).hint("-n names another namespace")
}

/// Takes a last look, puts objects and records back and reads the records back, byte for byte.
pub async fn take_back(source: &Source, undoing: &Undoing) -> Result<(), Failure> {
    let Undoing { id, backup, steps, history: planned, gathered } = undoing;
    still_quiet(planned, &history(gathered.records.list(&one(id)).await?))?;
    for object in &backup.objects {
        put_back(source.writable(), id, object).await?;
    }
    for step in steps {
        record_back(gathered.records.as_ref(), step).await?;
    }
    for record in backup.others.iter().chain([&backup.record]) {
        let written = gathered.records.get(&record.meta.id).await?;
        if written.is_none_or(|written| written.digest() != record.digest()) {
            return Err(Failure::new(
                Exit::Unverified,
                "the records were put back, but read differently now: someone wrote them right after",
            ));
        }
    }
    let namespace = &backup.record.meta.id.namespace;
    Ok(source.backups.mark_undone(namespace, &backup.id, gathered.records.now().await?).await?)
}

async fn record_back(records: &dyn WriteRecords, step: &UndoStep) -> Result<(), Failure> {
    match step {
        UndoStep::Replace(record) => records.replace(record).await.map(drop).map_err(lost_race),
        UndoStep::Create(record) => records.create(record).await.map(drop).map_err(lost_race),
        UndoStep::Delete { id, guard } => records.delete(id, guard).await.map_err(lost_race),
    }
}

/// Makes an object what it was: gone if it wasn't there, made anew if it is gone, written back if it differs.
async fn put_back(objects: &dyn WriteObjects, id: &ReleaseId, backup: &ObjectBackup) -> Result<(), Failure> {
    let read = backup.read();
    let words = read.words();
    let unknown = |why: String| Failure::new(Exit::Partial, format!("{words} can't be read")).because(why);
    let live = match objects.answer(&read).await? {
        Answer::Found(live) => Some(live),
        Answer::Absent => None,
        Answer::Forbidden(why) | Answer::Failed(why) => return Err(unknown(why)),
    };
    let guard = |live: &Value| {
        let text =
            |field: &str| live.pointer(&format!("/metadata/{field}")).and_then(Value::as_str).unwrap_or_default();
        Guard { uid: text("uid").to_owned(), version: text("resourceVersion").to_owned() }
    };
    let done = match (live, &backup.before) {
        (None, None) => Ok(()),
        (Some(live), None) if stays(id, &live, true).is_some() => Ok(()),
        (Some(live), None) => objects.delete_object(&read, &guard(&live)).await,
        (None, Some(_)) => match backup.restored() {
            Some(object) => objects.create(&read, &object).await.map(drop),
            None => Ok(()),
        },
        (Some(live), Some(before)) if guard(&live) == guard(before) => Ok(()),
        (Some(live), Some(_)) => match backup.restored() {
            Some(mut object) => {
                let held = guard(&live);
                if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                    metadata.insert("uid".to_owned(), held.uid.into());
                    metadata.insert("resourceVersion".to_owned(), held.version.into());
                }
                objects.replace_object(&read, &object).await.map(drop)
            }
            None => Ok(()),
        },
    };
    done.map_err(|error| {
        Failure::new(Exit::Partial, format!("{words} can't be put back"))
            .because(error)
            .hint("put that right and run the same undo again: it goes on where it stopped")
    })
}
