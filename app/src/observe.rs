//! Observing: from a release's name to everything that a diagnosis needs. Reads only, several at once, nothing twice.

use futures::{StreamExt, TryStreamExt, stream};
use refloat_core::diagnose::{abandoned_to_open, good_to_open};
use refloat_core::inventory::{History, ReleaseId};
use refloat_core::observe::{Observation, Read, Revision, known, wanted};
use refloat_core::record::RecordMeta;

use crate::cluster::{ReadObjects, ReadRecords};
use crate::error::Failure;
use crate::exit::Exit;
use crate::source::{CONCURRENCY, Source};

/// How many objects are read at once. They are small, unlike records.
const OBJECTS_AT_ONCE: usize = 4 * CONCURRENCY;
/// How many times answers may lead to further reads: kinds, objects, what is around them, what is behind that.
const MOST_ROUNDS: usize = 8;

/// An observation, and what to tell about how it was made.
pub struct Observed {
    /// What was read.
    pub seen: Observation,
    /// What was left out, or chosen by itself.
    pub notes: Vec<String>,
}

/// Observes one release.
pub async fn observe(source: &Source, name: &str) -> Result<Observed, Failure> {
    let (id, history, gathered) = source.release(name).await?;
    let seen = observe_known(gathered.records.as_ref(), source.objects(), id, history).await?;
    Ok(Observed { seen, notes: gathered.notes })
}

/// The same for a release whose records were listed.
pub async fn observe_known(
    records: &dyn ReadRecords,
    objects: &dyn ReadObjects,
    id: ReleaseId,
    history: History,
) -> Result<Observation, Failure> {
    let at = records.now().await?;
    let mut seen = Observation::new(id, records.driver(), at, history);
    open_revisions(records, &mut seen).await?;
    read_heads(records, &mut seen).await?;
    while let Some(revision) = good_to_open(&seen) {
        open(records, &mut seen, &[revision]).await?;
    }
    let abandoned = abandoned_to_open(&seen);
    open(records, &mut seen, &abandoned).await?;
    seen.assume(objects.assumed(&seen));
    for _ in 0..MOST_ROUNDS {
        let missing = wanted(&seen);
        if missing.is_empty() {
            return Ok(seen);
        }
        for (read, answer) in answers(objects, missing).await? {
            seen.insert(&read, answer);
        }
    }
    Err(Failure::new(Exit::Bug, "reading never came to an end"))
}

/// The same for a release of which no record is left: what its namespace says.
pub async fn observe_namespace(
    records: &dyn ReadRecords,
    objects: &dyn ReadObjects,
    id: ReleaseId,
) -> Result<Observation, Failure> {
    let read = Read::object(&known::namespaces(), "", &id.namespace);
    let at = records.now().await?;
    let mut seen = Observation::new(id, records.driver(), at, History::default());
    seen.insert(&read, objects.answer(&read).await?);
    Ok(seen)
}

async fn open_revisions(records: &dyn ReadRecords, seen: &mut Observation) -> Result<(), Failure> {
    loop {
        let missing = seen.more_revisions();
        if missing.is_empty() {
            return Ok(());
        }
        open(records, seen, &missing).await?;
    }
}

/// Opens these revisions, several at once.
async fn open(records: &dyn ReadRecords, seen: &mut Observation, missing: &[u64]) -> Result<(), Failure> {
    let metas: Vec<RecordMeta> =
        missing.iter().filter_map(|revision| seen.history.revision(*revision)).cloned().collect();
    let opened: Vec<_> = stream::iter(metas)
        .map(|meta| async move {
            let record = records.get(&meta.id).await?;
            let gone = || Failure::new(Exit::Changed, format!("{} went away while being read", meta.id));
            let record = record.ok_or_else(gone)?;
            Ok::<_, Failure>((meta.revision(), Revision::open(&record)))
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    for (revision, result) in opened {
        seen.revisions.insert(revision.unwrap_or_default(), result);
    }
    Ok(())
}

/// The history at a glance: what isn't opened anyway, a few kilobytes each.
async fn read_heads(records: &dyn ReadRecords, seen: &mut Observation) -> Result<(), Failure> {
    let unopened = |meta: &&RecordMeta| meta.revision().is_some_and(|number| !seen.revisions.contains_key(&number));
    let metas: Vec<RecordMeta> = seen.history.records().iter().filter(unopened).cloned().collect();
    let heads: Vec<_> = stream::iter(metas)
        .map(|meta| async move {
            let head = records.head(&meta.id, &meta.guard).await?;
            Ok::<_, Failure>(head.and_then(|head| Some((meta.revision()?, head))))
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    seen.heads.extend(heads.into_iter().flatten());
    Ok(())
}

async fn answers(
    objects: &dyn ReadObjects,
    missing: Vec<Read>,
) -> Result<Vec<(Read, refloat_core::observe::Answer)>, Failure> {
    stream::iter(missing)
        .map(|read| async move {
            let answer = objects.answer(&read).await?;
            Ok::<_, Failure>((read, answer))
        })
        .buffer_unordered(OBJECTS_AT_ONCE)
        .try_collect()
        .await
}
