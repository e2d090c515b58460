//! One stored revision, opened: what `status` and `get` show.

use refloat_core::inventory::{History, ReleaseId};
use refloat_core::record::{Document, RecordMeta, Release, StoredRecord};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use crate::error::Failure;
use crate::exit::Exit;
use crate::source::{Gathered, Source};

/// A revision and its release.
pub struct Revision {
    /// Which release.
    pub id: ReleaseId,
    /// All its records.
    pub history: History,
    /// The record as stored.
    pub record: StoredRecord,
    /// Its payload.
    pub document: Document,
    /// The payload, typed.
    pub release: Release,
    /// What to tell about how it was found.
    pub notes: Vec<String>,
}

/// Finds the record of one revision, or the newest for `None`.
pub async fn find(
    source: &Source,
    name: &str,
    revision: Option<u64>,
) -> Result<(ReleaseId, History, Gathered, StoredRecord), Failure> {
    let (id, history, gathered) = source.release(name).await?;
    let meta: &RecordMeta = match revision.filter(|revision| *revision > 0) {
        None => history.newest(),
        Some(revision) => history.revision(revision),
    }
    .ok_or_else(|| {
        Failure::usage(format!("release {id} has no revision {}", revision.unwrap_or_default()))
            .hint(format!("refloat history {} -n {} shows those there are", id.name, id.namespace))
    })?;
    let record = gathered.records.get(&meta.id).await?;
    let record =
        record.ok_or_else(|| Failure::new(Exit::Changed, format!("{} went away while being read", meta.id)))?;
    Ok((id, history, gathered, record))
}

/// The same, opened. A payload that can't be read is an error that names the fault.
pub async fn open(source: &Source, name: &str, revision: Option<u64>) -> Result<Revision, Failure> {
    let (id, history, gathered, record) = find(source, name, revision).await?;
    let broken = |damage| {
        let revision = record.meta.revision().unwrap_or_default();
        Failure::new(Exit::Found, format!("revision {revision} of {id} can't be read: {damage}")).hint(format!(
            "refloat history {} -n {} shows the revisions; --revision N opens another",
            id.name, id.namespace
        ))
    };
    let document = record.document().map_err(broken)?;
    let release = Release::from_document(&document).map_err(broken)?;
    Ok(Revision { id, history, record, document, release, notes: gathered.notes })
}

/// Reads and opens one more record of a release that was found.
pub async fn also(gathered: &Gathered, id: &ReleaseId, meta: &RecordMeta) -> Result<Release, Failure> {
    let record = gathered.records.get(&meta.id).await?;
    let record =
        record.ok_or_else(|| Failure::new(Exit::Changed, format!("{} went away while being read", meta.id)))?;
    record.document().and_then(|document| Release::from_document(&document)).map_err(|damage| {
        let revision = meta.revision().unwrap_or_default();
        Failure::new(Exit::Found, format!("revision {revision} of {id} can't be read: {damage}"))
            .hint(format!("refloat history {} -n {} shows the revisions", id.name, id.namespace))
    })
}

impl Revision {
    /// The payload's members as written, numbers and all.
    pub fn members(&self) -> Result<BTreeMap<String, Box<RawValue>>, Failure> {
        self.parsed()
    }

    /// The whole payload as a tree. It may nest deeper than a tree is built for: an error then, not half of it.
    pub fn tree(&self) -> Result<Value, Failure> {
        self.parsed()
    }

    fn parsed<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(self.document.text()).map_err(|_| {
            Failure::new(Exit::Found, format!("the payload of {} nests too deep to be shown like this", self.id))
                .hint("refloat get manifest and refloat get notes show its texts")
        })
    }
}
