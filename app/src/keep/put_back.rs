//! What was lost, put back: lock, backup, objects, records, a look at what came out. Whoever comes after one that was killed finds all that
//! is to be written in the backup that it stored.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::SignedDuration;
use refloat_core::inventory::{History, ReleaseId};
use refloat_core::observe::{Answer, Read};
use refloat_core::record::{Driver, StoredRecord};
use refloat_core::rescue::{Backup, How, ObjectBackup, Restore, Restoring, UndoStep, backed_up, fix_id, put, restore};
use serde_json::Value;

use super::{Found, whole};
use crate::backup_file;
use crate::cluster::{ClusterError, WriteObjects, WriteRecords};
use crate::error::Failure;
use crate::exit::Exit;
use crate::fix::{Deed, Held, Journal, Lock, RACES, Task, Traced, post};
use crate::rescue::{Rescuer, listed, own, put_over};
use crate::source::{Gathered, Source};

/// A release and a backup of it, taken apart for a restore.
pub struct Restoration {
    /// Which release.
    pub id: ReleaseId,
    /// Its records as they are.
    pub history: History,
    /// The driver that holds them, or is to.
    pub gathered: Gathered,
    /// What is to be done; `None` if an earlier run decided it.
    pub plan: Option<Restore>,
    /// The backup that takes it back, with all that it writes; `None` if it writes nothing.
    pub backup: Option<Backup>,
    /// The lock of an earlier run, if that was interrupted.
    pub held: Option<Held>,
}

/// What a restore did.
pub struct Restored {
    /// Its id, by which it is taken back.
    pub id: String,
    /// The backup's file; `None` if an earlier run wrote it.
    pub file: Option<PathBuf>,
    /// The release's records now.
    pub history: History,
    /// Why the namespace's events don't tell of it, if so.
    pub untold: Option<String>,
}

/// Compares a backup with what is there.
pub async fn plan(
    source: &Source,
    release: &str,
    found: &Found,
    how: How,
    rescuer: &Rescuer,
    held: Option<Held>,
) -> Result<Restoration, Failure> {
    let driver = found.backup.record.meta.id.driver;
    let (id, history, gathered) = source.release_or_none(release, driver).await?;
    if gathered.records.driver() != driver {
        let message = format!(
            "the backup is of the {driver} driver, and {id} is kept by the {} driver now",
            gathered.records.driver()
        );
        return Err(Failure::new(Exit::Refused, format!("{message}; nothing was written"))
            .because("Helm reads one of them only, so that what is put back in the other would never be seen")
            .hint(format!("--driver {driver} looks there all the same")));
    }
    let present = whole(gathered.records.as_ref(), &history).await?;
    let answers = if how.records_only { Vec::new() } else { answers(source, &found.backup).await? };
    let plan = restore(&found.backup, &id, &present, &answers, how)?;
    let now = gathered.records.now().await?;
    let fix = match &held {
        Some(held) => held.journal.fix.clone(),
        None => new_id(source, &found.backup.record, now).await?,
    };
    let backup = backed_up(&plan, &found.backup, present.last(), (&fix, &rescuer.name, now));
    Ok(Restoration { id, history, gathered, plan: Some(plan), backup, held })
}

/// An id that no fix has: of a release that is gone, records give nothing that is new each time.
async fn new_id(source: &Source, record: &StoredRecord, now: jiff::Timestamp) -> Result<String, Failure> {
    let taken = source.backups.list(Some(&source.namespace)).await?;
    let mut at = now;
    loop {
        let id = fix_id(record, at);
        if taken.iter().all(|entry| entry.id != id) {
            return Ok(id);
        }
        at = at.saturating_add(SignedDuration::from_millis(1)).unwrap_or(now);
    }
}

/// How the objects of a backup are.
async fn answers(source: &Source, backup: &Backup) -> Result<Vec<Answer>, Failure> {
    use futures::{StreamExt, TryStreamExt, stream};
    let reads: Vec<Read> = backup.objects.iter().map(ObjectBackup::read).collect();
    let answered = stream::iter(reads).map(|read| async move { source.objects().answer(&read).await });
    Ok(answered.buffered(crate::source::CONCURRENCY).try_collect().await?)
}

/// Takes the lock of a restore that was interrupted; gives what it had come to, or nothing if it was killed before its backup was stored.
pub async fn go_on(source: &Source, release: &str, held: Held) -> Result<Result<Restoration, Held>, Failure> {
    let fix = &held.journal.fix;
    let Some(backup) = source.backups.load(&source.namespace, fix).await? else {
        if held.journal.backed_up {
            let message = format!("restore {fix} was interrupted, and its backup is gone; nothing was written");
            let lock =
                refloat_core::observe::known::lock(&ReleaseId { namespace: String::new(), name: release.to_owned() });
            return Err(Failure::new(Exit::Refused, message)
                .hint(format!("if nobody needs it, kubectl delete lease {lock} -n {} ends it", source.namespace)));
        }
        return Ok(Err(held));
    };
    let driver = backup.record.meta.id.driver;
    let (id, history, gathered) = source.release_of(&source.namespace, release, driver).await?;
    Ok(Ok(Restoration { id, history, gathered, plan: None, backup: Some(backup), held: Some(held) }))
}

/// Carries a restore out: everything from the lock to the last look. `None` if there is nothing to write.
pub async fn put_all_back(
    source: &Source,
    restoration: Restoration,
    rescuer: &Rescuer,
    backup_dir: Option<&PathBuf>,
    tell: &mut (dyn FnMut(&str) + Send),
) -> Result<Option<Restored>, Failure> {
    let Restoration { id, history, gathered, plan, backup, held } = restoration;
    let Some(backup) = backup else { return Ok(None) };
    let restoring = backup.restoring.clone().ok_or_else(|| {
        Failure::new(Exit::Refused, format!("backup {} isn't a restore's; nothing was written", backup.id))
    })?;
    let wrote = AtomicBool::new(false);
    let (records, objects) = (Traced::new(gathered.records.as_ref(), &wrote), Traced::new(source.writable(), &wrote));
    let now = gathered.records.now().await?;
    let journal = Journal {
        fix: backup.id.clone(),
        way: Task::Restore,
        by: rescuer.name.clone(),
        began: backup.taken_at,
        backed_up: plan.is_none(),
        hooks_done: Vec::new(),
        cleared: false,
        doing: "begun".to_owned(),
        undoing: false,
    };
    let lock = Lock::take(source.writable(), &id, &rescuer.name, now, journal, held).await?;
    let mut putter = Putter { records: &records, objects: &objects, id: &id, backup: &backup, lock, tell };
    let fresh = plan.is_some().then_some(&history);
    match putter.all(source, &restoring, fresh, backup_dir).await {
        Ok(file) => putter.finish(source, &restoring, file).await.map(Some),
        Err(failure) => Err(putter.stop(source, failure, wrote.load(Ordering::Relaxed)).await),
    }
}

/// Whoever carries a restore out, with all it holds on the way.
struct Putter<'a> {
    records: &'a dyn WriteRecords,
    objects: &'a dyn WriteObjects,
    id: &'a ReleaseId,
    backup: &'a Backup,
    lock: Lock<'a>,
    tell: &'a mut (dyn FnMut(&str) + Send),
}

impl Putter<'_> {
    /// Says what comes next, here and in the journal.
    async fn note(&mut self, doing: &str) -> Result<(), Failure> {
        (self.tell)(doing);
        doing.clone_into(&mut self.lock.journal.doing);
        let now = self.records.now().await?;
        self.lock.note(self.id, now).await
    }

    /// Says what is done, here, and keeps the lock.
    async fn renew(&mut self, doing: &str) -> Result<(), Failure> {
        (self.tell)(doing);
        let now = self.records.now().await?;
        self.lock.renew(self.id, now).await
    }

    /// Backs up and writes everything; gives the backup's file. Takes the records as they were when it was planned just now.
    async fn all(
        &mut self,
        source: &Source,
        restoring: &Restoring,
        planned: Option<&History>,
        backup_dir: Option<&PathBuf>,
    ) -> Result<Option<PathBuf>, Failure> {
        let mut file = None;
        if let Some(planned) = planned {
            if listed(self.records, self.id).await? != *planned {
                return Err(changed(&format!("the records of {}", self.id)));
            }
            file = Some(backup_file::save(backup_dir, self.backup, &[])?.file);
            source.backups.store(&self.id.namespace, self.backup).await.map_err(|error| {
                let failure = Failure::new(error.exit(), "the copy of the backup in the cluster can't be stored");
                error.hint().into_iter().fold(failure.because(&error), Failure::hint)
            })?;
        }
        self.lock.journal.backed_up = true;
        self.note("putting objects back").await?;
        for object in &restoring.objects {
            self.renew(&format!("putting {} back", object.words())).await?;
            self.object(object, planned.is_some()).await?;
        }
        self.note("putting records back").await?;
        for record in restoring.records() {
            self.renew(&format!("putting {} back", record.meta.id)).await?;
            self.record(record).await?;
        }
        Ok(file)
    }

    /// Makes a record what it is to be, if it is as it was seen.
    async fn record(&mut self, after: &StoredRecord) -> Result<(), Failure> {
        let found = self.records.get(&after.meta.id).await?;
        let steps = put(self.backup, after, found.as_ref()).map_err(|_| changed(&after.meta.id.to_string()))?;
        for step in &steps {
            let written = match step {
                UndoStep::Replace(record) => self.records.replace(record).await.map(drop),
                UndoStep::Create(record) => self.records.create(record).await.map(drop),
                UndoStep::Delete { id, guard } => self.records.delete(id, guard).await,
            };
            written.map_err(|error| unwritten(after, &error))?;
        }
        Ok(())
    }

    /// Makes an object what it is to be, if it is as it was seen. After an interruption one that is there is taken for the one that was put
    /// back: controllers have written it since.
    async fn object(&self, object: &ObjectBackup, at_first: bool) -> Result<(), Failure> {
        let words = object.words();
        let before = self.backup.objects.iter().find(|before| before.read() == object.read());
        let before = before.and_then(|before| before.before.as_ref());
        for _ in 0..RACES {
            let live = match self.objects.answer(&object.read()).await? {
                Answer::Absent => None,
                Answer::Found(live) => Some(live),
                Answer::Forbidden(why) | Answer::Failed(why) => {
                    return Err(Failure::new(Exit::Partial, format!("{words} can't be read")).because(why));
                }
            };
            let put = match &live {
                Some(live) if self.is_put(object, before, live, at_first)? => own(self.objects, object, live).await,
                _ => put_over(self.objects, self.id, object, live).await,
            };
            match put {
                Ok(()) => return Ok(()),
                Err(ClusterError::Conflict(_)) => {}
                Err(error) => {
                    let failure = Failure::new(error.exit(), format!("{words} can't be put back")).because(&error);
                    return Err(error.hint().into_iter().fold(failure, Failure::hint));
                }
            }
        }
        Err(changed(&words))
    }

    /// Whether an object is as it is to be; refuses one that is neither so nor as it was seen.
    fn is_put(
        &self,
        object: &ObjectBackup,
        before: Option<&Value>,
        live: &Value,
        at_first: bool,
    ) -> Result<bool, Failure> {
        let seen = before.map(|before| ObjectBackup { before: Some(before.clone()), ..object.clone() });
        match seen {
            _ if object.is_as(live) => Ok(true),
            Some(seen) if seen.is_as(live) => Ok(false),
            None if !at_first => Ok(true),
            _ => Err(changed(&object.words())),
        }
    }

    /// Reads everything back, and gives the lock back.
    async fn finish(self, source: &Source, restoring: &Restoring, file: Option<PathBuf>) -> Result<Restored, Failure> {
        let (id, fix) = (self.id, &self.backup.id);
        let checked = match self.check(restoring).await {
            Ok(checked) => checked,
            Err(failure) => return Err(self.stop(source, failure, true).await),
        };
        let at = self.records.now().await?;
        let (history, by, objects) = (listed(self.records, id).await?, self.lock.journal.by.clone(), self.objects);
        self.lock.release().await.map_err(|failure| {
            let message = "everything was put back, but the lock can't be given back";
            Failure::new(Exit::Partial, message).because(failure.cause.unwrap_or(failure.message)).hint(format!(
                "refloat restore {} -n {} clears it away, and changes nothing else",
                id.name, id.namespace
            ))
        })?;
        checked.map_err(|what| {
            Failure::new(Exit::Unverified, format!("everything was put back, but {what}"))
                .hint(format!("refloat diagnose {} -n {} shows what it is now", id.name, id.namespace))
                .hint(format!("refloat undo {fix} -n {} takes it back", id.namespace))
        })?;
        let (records, things) = (restoring.records().len(), restoring.objects.len());
        let message = format!(
            "refloat restore for {by}: {records} records and {things} objects put back; refloat undo {fix} -n {} takes it back",
            id.namespace
        );
        let untold = post(objects, Deed { id, fix, reason: "Restored", message, at }).await;
        Ok(Restored { id: fix.clone(), file, history, untold })
    }

    /// Whether all reads as it was written.
    async fn check(&self, restoring: &Restoring) -> Result<Result<(), String>, Failure> {
        for after in restoring.records() {
            let read = self.records.get(&after.meta.id).await?;
            if read.is_none_or(|read| read.digest() != after.digest()) {
                return Ok(Err(format!("{} reads differently now: someone wrote it right after", after.meta.id)));
            }
        }
        for object in &restoring.objects {
            match self.objects.answer(&object.read()).await? {
                Answer::Absent => return Ok(Err(format!("{} is gone again", object.words()))),
                Answer::Found(_) | Answer::Forbidden(_) | Answer::Failed(_) => {}
            }
        }
        Ok(Ok(()))
    }

    /// What a failure comes to: before the first write nothing is left behind; after it the journal stays, for whoever runs it again.
    async fn stop(self, source: &Source, failure: Failure, wrote: bool) -> Failure {
        let (id, fix) = (self.id, &self.backup.id);
        let now = self.records.now().await;
        if !wrote && !self.lock.inherited {
            if let Ok(now) = &now {
                // What wrote nothing is nothing to take back.
                let _marked = source.backups.mark_undone(&id.namespace, fix, *now).await.is_ok();
            }
            // A lock that can't be given back ends by itself.
            let _ended = self.lock.release().await.is_ok();
            let exit = if failure.exit == Exit::Partial { Exit::Refused } else { failure.exit };
            let said = failure.message.contains("nothing was");
            let message = if said { failure.message } else { format!("{}; nothing was changed", failure.message) };
            return Failure { exit, message, ..failure };
        }
        if let Ok(now) = now {
            let _let_go = self.lock.let_go(id, now).await.is_ok();
        }
        let exit = if matches!(failure.exit, Exit::Access | Exit::Changed) { Exit::Partial } else { failure.exit };
        Failure { exit, ..failure }
            .hint(format!("refloat restore {} -n {} goes on where it stopped", id.name, id.namespace))
            .hint(format!("refloat undo {fix} -n {} takes back what was done so far", id.namespace))
    }
}

/// Why a record couldn't be written.
fn unwritten(record: &StoredRecord, error: &ClusterError) -> Failure {
    let id = &record.meta.id;
    match (error, id.driver) {
        (ClusterError::Conflict(_), _) => changed(&id.to_string()),
        (ClusterError::Missing(_), Driver::Sql) => {
            Failure::new(Exit::Partial, format!("{id} can't be put back, as the database has no table for it"))
                .hint("helm list, with the same driver and database, makes Helm's tables")
        }
        _ => {
            let failure = Failure::new(error.exit(), format!("{id} can't be put back")).because(error);
            error.hint().into_iter().fold(failure, Failure::hint)
        }
    }
}

fn changed(what: &str) -> Failure {
    Failure::new(Exit::Changed, format!("{what} was written by someone else meanwhile: Helm may be at work"))
        .hint("run the command again to see the new state")
}
