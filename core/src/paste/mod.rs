//! What people paste: files of what `helm` and `kubectl` printed, in place of a cluster.
//!
//! Takes the files' names and texts; gives the records and objects in them, and answers what a diagnosis asks. What nobody
//! pasted is unknown, never absent, unless a list of all objects of its kind was pasted. What can't be understood is named
//! with its file and line, never dropped in silence and never quoted: it may be secret.

mod claim;
mod documents;
mod file;
mod helm;
mod kinds;
mod missing;
mod objects;
mod release;
mod section;
mod status;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::inventory::{Inventory, ReleaseId};
use crate::observe::{Answer, Kind, Observation, Read};
use crate::record::{Driver, RecordId, StoredRecord};

pub use kinds::{built_in, meant};
pub use missing::{Missing, missing};
pub use objects::NOT_GIVEN;

/// How many bytes of text a file may have.
pub const MAX_TEXT: usize = 64 << 20;
/// How many values (objects, lists, scalars) all files together may hold.
pub const MAX_VALUES: usize = 4_000_000;

/// A file as it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File<'a> {
    /// Its name, for messages and for what it says of the contents.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
    /// When it was last written, if that is known.
    pub modified: Option<Timestamp>,
}

/// What the caller says of the release, for files that don't say it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Named<'a> {
    /// Its name.
    pub release: Option<&'a str>,
    /// Its namespace.
    pub namespace: Option<&'a str>,
}

/// A part of a file that wasn't understood, or isn't needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unread {
    /// The file.
    pub file: String,
    /// The line on which the part begins, from 1.
    pub line: usize,
    /// What is the matter, and what to do about it.
    pub why: String,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {} {}", self.file, self.line, self.why)
    }
}

/// What the present time is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clock {
    /// The newest time in the files: nothing later is known.
    Contents(Timestamp),
    /// The time at which this file was written, later than any time in the files.
    Modified(Timestamp, String),
}

impl Clock {
    /// The time.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Contents(at) | Self::Modified(at, _) => *at,
        }
    }
}

/// How it was found, as a note.
impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contents(at) => write!(f, "seen as of {at:.0}, the newest time in the files"),
            Self::Modified(at, file) => write!(f, "seen as of {at:.0}, when {file} was written"),
        }
    }
}

/// Everything that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Paste {
    /// The records, stand-ins included, all of one driver.
    pub records: Vec<StoredRecord>,
    /// Which of them were put together from what Helm's commands told.
    pub stand_ins: BTreeSet<RecordId>,
    /// What holds the records.
    pub driver: Driver,
    /// What wasn't understood, by file and line.
    pub unread: Vec<Unread>,
    /// The present time; `None` if nothing tells it.
    pub clock: Option<Clock>,
    objects: objects::Objects,
    /// Whether Helm said that there are no hooks.
    no_hooks: bool,
}

impl Paste {
    /// Takes the files; gives what is in them.
    pub fn read(files: &[File<'_>], named: Named<'_>) -> Self {
        let mut sink = file::Sink::default();
        for file in files {
            file::read(file, &mut sink);
        }
        let file::Sink { objects, mut records, scraps, mut unread, newest, no_hooks, .. } = sink;
        let driver = one_driver(&mut records, &mut unread);
        let mut records: Vec<StoredRecord> = latest(records.into_iter().map(|(record, _)| record));
        let namespaces = objects.namespaces();
        let known = release::Known { records: &records, namespaces: &namespaces, named };
        let (made, odd) = release::stand_ins(scraps, &known);
        unread.extend(odd);
        unread.sort();
        let stand_ins = made.iter().map(|record| record.meta.id.clone()).collect();
        records.extend(made);
        let clock = clock(newest, files);
        Self { records, stand_ins, driver, unread, clock, objects, no_hooks }
    }

    /// The releases there are records of.
    pub fn releases(&self) -> Vec<ReleaseId> {
        let inventory: Inventory = self.records.iter().map(|record| record.meta.clone()).collect();
        inventory.releases.into_keys().collect()
    }

    /// What was pasted of what a read asks for.
    pub fn answer(&self, read: &Read) -> Answer {
        self.objects.answer(read)
    }

    /// Kinds that need no server to be known: those of the objects that were pasted, and Kubernetes' own among those of the
    /// release's manifests, in whatever version these have them.
    pub fn kinds(&self, seen: &Observation) -> Vec<Kind> {
        let mut found = self.objects.kinds();
        let opened = seen.revisions.values().filter_map(|revision| revision.as_ref().ok());
        for object in opened.flat_map(|revision| revision.objects.iter().chain(revision.hook_objects.iter().flatten()))
        {
            if let Some(known) = kinds::known(object.group(), &object.kind) {
                found.push(Kind::known(&object.api_version, &object.kind, &known.resource, known.namespaced));
            }
        }
        let mut seen = BTreeSet::new();
        found.retain(|kind| seen.insert((kind.api_version(), kind.kind.clone())));
        found
    }

    /// Whether any object tells who wrote it and when. kubectl leaves that out unless it is told otherwise.
    pub fn has_managed_fields(&self) -> bool {
        self.objects.iter().any(|object| object.pointer("/metadata/managedFields").is_some_and(Value::is_array))
    }
}

/// Helm keeps its records in one place; of two kinds of them the rarer is left out, and said so.
fn one_driver(records: &mut Vec<(StoredRecord, (String, usize))>, unread: &mut Vec<Unread>) -> Driver {
    let count = |driver| records.iter().filter(|(record, _)| record.meta.id.driver == driver).count();
    let driver = if count(Driver::ConfigMap) > count(Driver::Secret) { Driver::ConfigMap } else { Driver::Secret };
    let (kept, others): (Vec<_>, Vec<_>) =
        std::mem::take(records).into_iter().partition(|(record, _)| record.meta.id.driver == driver);
    *records = kept;
    unread.extend(others.into_iter().map(|(record, (file, line))| {
        let why =
            format!("holds {}, while most records are in {}s: leave one of both out", record.meta.id, driver.kind());
        Unread { file, line, why }
    }));
    driver
}

/// Of several of the same record the one that the server wrote last.
fn latest(records: impl Iterator<Item = StoredRecord>) -> Vec<StoredRecord> {
    let mut found: BTreeMap<RecordId, StoredRecord> = BTreeMap::new();
    let version = |record: &StoredRecord| record.meta.guard.version.parse::<u64>().ok();
    for record in records {
        match found.get(&record.meta.id) {
            Some(there) if version(there) > version(&record) => {}
            _ => drop(found.insert(record.meta.id.clone(), record)),
        }
    }
    found.into_values().collect()
}

fn clock(newest: Option<Timestamp>, files: &[File<'_>]) -> Option<Clock> {
    let written = files.iter().filter_map(|file| Some((file.modified?, file.name))).max();
    match (newest, written) {
        (newest, Some((at, name))) if newest.is_none_or(|newest| at > newest) => {
            Some(Clock::Modified(at, name.to_owned()))
        }
        (newest, _) => newest.map(Clock::Contents),
    }
}
