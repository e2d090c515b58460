//! Releases that a fix took away and that are there again, without a record: found by the backups that fixes leave. Reads only. What counts
//! as there again is decided by `refloat_core::diagnose`.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use refloat_core::diagnose::{Return, Returned, returned, returning_reads};
use refloat_core::inventory::{Inventory, ReleaseId};
use refloat_core::observe::{Answer, Observation, Read, Revision};
use refloat_core::report::one_line;
use refloat_core::rescue::{BACKUP, Backup, RESTORE};

use crate::cluster::{BackupEntry, ClusterError};
use crate::fix::{Held, Task, held};
use crate::source::{CONCURRENCY, Gathered, Source, some};

/// A release without a record of which objects are there again.
pub struct CameBack {
    /// Which.
    pub id: ReleaseId,
    /// What the fix that took it away found.
    pub backup: Backup,
    /// The objects.
    pub objects: Vec<Returned>,
    /// Objects of which it can't be told, each with why.
    pub unknown: Vec<String>,
    /// When it was looked at, by the server's clock.
    pub at: Timestamp,
}

impl CameBack {
    /// When the first of its objects was made.
    pub fn since(&self) -> Option<Timestamp> {
        self.objects.iter().filter_map(|object| object.created_at).min()
    }
}

/// What a search gave.
#[derive(Default)]
pub struct Search {
    /// The releases, by namespace and name.
    pub found: Vec<CameBack>,
    /// What couldn't be told.
    pub notes: Vec<String>,
}

/// Looks at every release that a fix took away and of which none of these records is. Nothing that can't be read is an error.
pub async fn search(source: &Source, namespace: Option<&str>, gathered: &Gathered) -> Search {
    if source.is_bundle() {
        return Search::default();
    }
    let entries = match backups(source, namespace, &gathered.some_of_all).await {
        Ok(entries) => entries,
        Err(error) => {
            let why = match error {
                ClusterError::Forbidden(_) => "you may not list Secrets, in which backups are".to_owned(),
                error => one_line(&error.to_string()),
            };
            return Search { found: Vec::new(), notes: vec![format!("what came back after a fix isn't known: {why}")] };
        }
    };
    let gone: Vec<(ReleaseId, BackupEntry)> =
        last_fixes(entries).into_iter().filter(|(id, _)| !gathered.inventory.releases.contains_key(id)).collect();
    if gone.is_empty() {
        return Search::default();
    }
    let looking = async {
        let ground = Ground::read(source).await?;
        let ground = &ground;
        let looks = stream::iter(gone).map(|(id, entry)| async move {
            let found = ground.look(&id, &entry).await;
            (id, found)
        });
        Ok::<_, ClusterError>(looks.buffered(CONCURRENCY).collect::<Vec<_>>().await)
    };
    told(looking.await)
}

/// The same for one release, of which no record was found; an error says why it can't be told. Who may not list backups has none.
pub async fn came_back(source: &Source, name: &str) -> Result<Option<CameBack>, String> {
    let id = ReleaseId { namespace: source.namespace.clone(), name: name.to_owned() };
    let Ok(entries) = source.backups.list(Some(&id.namespace)).await else { return Ok(None) };
    let Some((_, entry)) = last_fixes(entries).into_iter().find(|(other, _)| *other == id) else { return Ok(None) };
    Ground::read(source).await.map_err(|error| error.to_string())?.look(&id, &entry).await
}

/// A release, and what looking at it gave.
type Look = (ReleaseId, Result<Option<CameBack>, String>);

/// What each gave, and one note for all of which it can't be told.
fn told(looked: Result<Vec<Look>, ClusterError>) -> Search {
    let looked = match looked {
        Ok(looked) => looked,
        Err(error) => {
            let note = format!("what came back after a fix isn't known: {}", one_line(&error.to_string()));
            return Search { found: Vec::new(), notes: vec![note] };
        }
    };
    let (mut search, mut unknown, mut first) = (Search::default(), Vec::new(), None);
    for (id, found) in looked {
        match found {
            Ok(found) => search.found.extend(found),
            Err(why) => {
                unknown.push(id.to_string());
                first.get_or_insert(why);
            }
        }
    }
    if let Some(why) = first {
        let names: Vec<&str> = unknown.iter().map(String::as_str).collect();
        let note =
            format!("whether {}, which a fix took away, came back isn't known: {}", some(&names), one_line(&why));
        search.notes.push(note);
    }
    search
}

/// Lists them where they may be listed.
async fn backups(
    source: &Source,
    namespace: Option<&str>,
    some_of_all: &[String],
) -> Result<Vec<BackupEntry>, ClusterError> {
    if namespace.is_some() || some_of_all.is_empty() {
        return source.backups.list(namespace).await;
    }
    let lists = stream::iter(some_of_all).map(|namespace| source.backups.list(Some(namespace)));
    Ok(lists.buffered(CONCURRENCY).try_collect::<Vec<_>>().await?.into_iter().flatten().collect())
}

/// Takes backups, the newest of each namespace first; gives the last fix of each release that wasn't taken back, if it may have taken the
/// release away.
fn last_fixes(entries: Vec<BackupEntry>) -> Vec<(ReleaseId, BackupEntry)> {
    let mut met = BTreeSet::new();
    let is_fix = |entry: &BackupEntry| entry.undone_at.is_none() && entry.way != BACKUP && entry.way != RESTORE;
    let mut last: Vec<(ReleaseId, BackupEntry)> = entries
        .into_iter()
        .filter(is_fix)
        .map(|entry| (ReleaseId { namespace: entry.namespace.clone(), name: entry.release.clone() }, entry))
        .filter(|(id, _)| met.insert(id.clone()))
        .filter(|(_, entry)| matches!(Task::parse(&entry.way), Some(Task::Way(way)) if way.may_take_all()))
        .collect();
    last.sort_by(|a, b| a.0.cmp(&b.0));
    last
}

/// What every look needs.
struct Ground<'a> {
    source: &'a Source,
    kinds: [(Read, Answer); 2],
    at: Timestamp,
}

impl<'a> Ground<'a> {
    async fn read(source: &'a Source) -> Result<Self, ClusterError> {
        let objects = source.objects();
        let (core, groups) = futures::try_join!(objects.answer(&Read::CoreKinds), objects.answer(&Read::GroupKinds))?;
        let at = source.now().await.map_err(|failure| ClusterError::Setting(failure.message))?;
        Ok(Self { source, kinds: [(Read::CoreKinds, core), (Read::GroupKinds, groups)], at })
    }

    /// Looks at one release by the backup of its last fix.
    async fn look(&self, id: &ReleaseId, entry: &BackupEntry) -> Result<Option<CameBack>, String> {
        let backup = self.source.backups.load(&id.namespace, &entry.id).await.map_err(|error| error.to_string())?;
        // What a fix wrote last is nothing only where the record was to go.
        let Some(backup) = backup.filter(|backup| backup.wrote.is_empty() && backup.restoring.is_none()) else {
            return Ok(None);
        };
        let seen = self.seen(id, &backup).await.map_err(|error| error.to_string())?;
        let Return { objects, unknown } = returned(&seen);
        if objects.is_empty() {
            return unknown.into_iter().next().map_or(Ok(None), Err);
        }
        if let Some(why) = self.being_put_back(id).await {
            return Err(why);
        }
        match self.source.holds(id, backup.record.meta.id.driver).await {
            Ok(true) => Ok(None),
            Ok(false) => Ok(Some(CameBack { id: id.clone(), backup, objects, unknown, at: self.at })),
            Err(error) => Err(format!("its objects are there, its records can't be read: {error}")),
        }
    }

    /// Whether objects are there as refloat itself puts them back: a restore or an undo makes them before it makes the records.
    async fn being_put_back(&self, id: &ReleaseId) -> Option<String> {
        // Who may not read locks may not fix either.
        let Held { journal, .. } = held(self.source.writable(), id, self.at).await.ok()??;
        let fix = journal.fix;
        if journal.undoing {
            return Some(format!(
                "taking back fix {fix} has begun; refloat undo {fix} -n {} goes on with it",
                id.namespace
            ));
        }
        let backup = self.source.backups.load(&id.namespace, &fix).await.ok()??;
        let makes_objects = backup.restoring.is_some_and(|restoring| !restoring.objects.is_empty());
        makes_objects.then(|| {
            format!("restore {fix} has begun; refloat restore {} -n {} goes on with it", id.name, id.namespace)
        })
    }

    /// The revisions that a backup holds, and their objects as they are now.
    async fn seen(&self, id: &ReleaseId, backup: &Backup) -> Result<Observation, ClusterError> {
        let (records, objects) = (backup.records(), self.source.objects());
        let inventory: Inventory = records.iter().map(|record| record.meta.clone()).collect();
        let history = inventory.releases.into_values().next().unwrap_or_default();
        let mut seen = Observation::new(id.clone(), backup.record.meta.id.driver, self.at, history);
        for record in records {
            let Some(revision) = record.meta.revision() else { continue };
            seen.revisions.insert(revision, Revision::open(record));
        }
        for (read, answer) in &self.kinds {
            seen.insert(read, answer.clone());
        }
        seen.assume(objects.assumed(&seen));
        let reads = stream::iter(returning_reads(&seen)).map(|read| async move {
            let answer = objects.answer(&read).await?;
            Ok::<_, ClusterError>((read, answer))
        });
        let answers: Vec<(Read, Answer)> = reads.buffered(CONCURRENCY).try_collect().await?;
        for (read, answer) in answers {
            seen.insert(&read, answer);
        }
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_fix_that_wasnt_taken_back_is_the_one_that_counts() {
        let entry = |word: &str| {
            let (word, undone) = word.strip_suffix('!').map_or((word, false), |word| (word, true));
            BackupEntry {
                id: word.to_owned(),
                namespace: "shop".to_owned(),
                release: "web".to_owned(),
                taken_at: Timestamp::UNIX_EPOCH,
                way: word.to_owned(),
                revision: Some(1),
                by: "ada".to_owned(),
                undone_at: undone.then_some(Timestamp::UNIX_EPOCH),
            }
        };
        let table = [
            ("uninstall", Some("uninstall")),
            ("restore backup uninstall", Some("uninstall")),
            ("rollback uninstall", None),
            ("rollback! resume uninstall", Some("resume")),
            ("uninstall!", None),
            ("magic uninstall", None),
            ("", None),
        ];
        for (there, expected) in table {
            let last = last_fixes(there.split_whitespace().map(entry).collect());
            assert_eq!(last.first().map(|(_, entry)| entry.id.as_str()), expected, "{there}");
        }
    }
}
