//! Rescuing: watch, back up, write under guard, read back. The deciding is `refloat_core::rescue`'s.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use refloat_core::inventory::{History, ReleaseId};
use refloat_core::record::{Driver, RecordMeta, StoredRecord};
use refloat_core::rescue::{BACKUP_VERSION, Backup, Refusal, Unlock, fix_id, still_quiet, undo, unlock, watch_for};

use crate::backup_file;
use crate::cluster::{BackupEntry, ClusterError, ReadRecords, RecordQuery};
use crate::error::Failure;
use crate::exit::Exit;
use crate::source::{Gathered, Source};

/// How often a watch looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Who carries a fix out, and how fast time goes by for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescuer {
    /// `user@host`, for the record's description.
    pub name: String,
    /// How many seconds of a watch go by in one: 1 wherever anyone else can write.
    pub tempo: u32,
}

/// A fix that is planned and not yet carried out.
pub struct Planned {
    /// The release.
    pub id: ReleaseId,
    /// Its history when the plan was made.
    pub history: History,
    /// The fix's id.
    pub fix: String,
    /// The write.
    pub unlock: Unlock,
    /// The deployed revision that Helm will go on from; `None` if it will have to go on from the failed one.
    pub baseline: Option<u64>,
    /// Deployed revisions whose payload can't be read, so that Helm passes over them.
    pub unreadable: Vec<u64>,
    /// The server's time.
    pub now: Timestamp,
    /// Who asked for it.
    pub by: String,
}

/// What a fix did.
pub struct Done {
    /// The backup's file.
    pub file: PathBuf,
    /// The record as read back after the write.
    pub written: StoredRecord,
}

/// Takes a release; plans its unlock. Writes nothing.
pub async fn plan_unlock(
    gathered: &Gathered,
    id: &ReleaseId,
    history: History,
    rescuer: &Rescuer,
) -> Result<Planned, Failure> {
    let records = gathered.records.as_ref();
    let newest = history.newest().ok_or(Refusal::Gone)?;
    let record = records.get(&newest.id).await?.ok_or(Refusal::Gone)?;
    let now = records.now().await?;
    let fix = fix_id(&record, now);
    let by = rescuer.name.clone();
    let unlock = unlock(&record, &fix, &by)?;
    let (baseline, unreadable) = baseline(records, &history, unlock.revision).await?;
    Ok(Planned { id: id.clone(), history, fix, unlock: touched(unlock, now), baseline, unreadable, now, by })
}

/// The revision that Helm will go on from once this one is marked failed: the newest deployed one that it can read; and
/// those it passes over because it can't.
async fn baseline(
    records: &dyn ReadRecords,
    history: &History,
    failed: u64,
) -> Result<(Option<u64>, Vec<u64>), Failure> {
    let mut unreadable = Vec::new();
    for revision in history.deployed().into_iter().rev().filter(|revision| *revision != failed) {
        let Some(meta) = history.revision(revision) else { continue };
        match records.get(&meta.id).await? {
            Some(record) if record.document().is_ok() => return Ok((Some(revision), unreadable)),
            Some(_) => unreadable.push(revision),
            None => {}
        }
    }
    Ok((None, unreadable))
}

/// A row carries the time of its last change in a column, which Helm sets on every update (Helm 3.22 and 4.3
/// `pkg/storage/driver/sql.go:Update`); Kubernetes keeps that time itself.
fn touched(mut unlock: Unlock, now: Timestamp) -> Unlock {
    if unlock.after.meta.id.driver == Driver::Sql
        && let Some(modified) = unlock.after.object.get_mut("modifiedAt")
    {
        *modified = now.as_second().into();
    }
    unlock
}

/// Watches the release's records for as long as their silence is too short; refuses if anyone writes.
/// `tick` hears how long is left. It looks as often at any tempo.
pub async fn watch(
    records: &dyn ReadRecords,
    planned: &Planned,
    rescuer: &Rescuer,
    mut tick: impl FnMut(Duration),
) -> Result<(), Failure> {
    let Some(newest) = planned.history.newest() else { return Err(Refusal::Gone.into()) };
    let mut left = unsigned(watch_for(newest, planned.now));
    let query = one(&planned.id);
    while !left.is_zero() {
        tick(left);
        let step = left.min(LOOK_EVERY);
        tokio::time::sleep(step / rescuer.tempo.max(1)).await;
        left = left.saturating_sub(step);
        still_quiet(&planned.history, &history(records.list(&query).await?))?;
    }
    Ok(())
}

fn unsigned(duration: SignedDuration) -> Duration {
    Duration::try_from(duration).unwrap_or_default()
}

fn one(id: &ReleaseId) -> RecordQuery {
    RecordQuery { namespace: Some(id.namespace.clone()), release: Some(id.name.clone()), statuses: Vec::new() }
}

fn history(metas: Vec<RecordMeta>) -> History {
    let inventory: refloat_core::inventory::Inventory = metas.into_iter().collect();
    inventory.releases.into_values().next().unwrap_or_default()
}

/// Carries a planned unlock out: a last look, backup to a file and to the cluster, one guarded write, and a read back.
pub async fn carry_out(
    source: &Source,
    gathered: &Gathered,
    planned: &Planned,
    dir: Option<&PathBuf>,
) -> Result<Done, Failure> {
    // Time passes while someone makes up their mind; the guard below sees a changed record, not a new one above it.
    still_quiet(&planned.history, &history(gathered.records.list(&one(&planned.id)).await?))?;
    let Unlock { before, after, revision, from, .. } = &planned.unlock;
    let backup = Backup {
        api_version: BACKUP_VERSION.to_owned(),
        kind: "RecordBackup".to_owned(),
        id: planned.fix.clone(),
        action: "unlock".to_owned(),
        release: planned.id.name.clone(),
        revision: *revision,
        status: from.to_string(),
        taken_at: planned.now,
        by: planned.by.clone(),
        wrote: after.digest(),
        record: before.clone(),
    };
    let file = backup_file::save(dir, &backup)?;
    let namespace = &planned.id.namespace;
    let unstored =
        |error| refused("the copy of the backup in the cluster can't be stored; nothing was changed", &error);
    source.backups.store(namespace, &backup).await.map_err(unstored)?;
    gathered.records.replace(after).await.map_err(lost_race)?;
    let written = gathered.records.get(&after.meta.id).await?;
    let written = written.filter(|written| written.digest() == backup.wrote).ok_or_else(|| {
        Failure::new(
            Exit::Unverified,
            "the record was written, but reads differently now: someone wrote it right after",
        )
        .hint(format!("the state before is kept as backup {}", planned.fix))
    })?;
    Ok(Done { file, written })
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
    /// The record to write.
    pub restored: StoredRecord,
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
    let current = gathered.records.get(&backup.record.meta.id).await?;
    let restored = undo(&backup, current.as_ref(), &history)?;
    Ok(Undoing { id, backup, restored, history, gathered })
}

fn nothing_to_undo(namespace: &str) -> Failure {
    Failure::usage(format!("there is no fix to take back in namespace {namespace}")).hint("-n names another namespace")
}

/// Takes a last look, puts the record back and reads it back, byte for byte.
pub async fn take_back(source: &Source, undoing: &Undoing) -> Result<(), Failure> {
    let Undoing { id, backup, restored, history: planned, gathered } = undoing;
    still_quiet(planned, &history(gathered.records.list(&one(id)).await?))?;
    gathered.records.replace(restored).await.map_err(lost_race)?;
    let written = gathered.records.get(&restored.meta.id).await?;
    if written.is_none_or(|written| written.digest() != backup.record.digest()) {
        return Err(Failure::new(
            Exit::Unverified,
            "the record was put back, but reads differently now: someone wrote it right after",
        ));
    }
    let namespace = &backup.record.meta.id.namespace;
    Ok(source.backups.mark_undone(namespace, &backup.id, gathered.records.now().await?).await?)
}
