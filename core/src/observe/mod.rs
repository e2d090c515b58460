//! Observation: everything that was read about one release, as plain data, and what to read next.
//!
//! Takes the release's records and a growing set of answers; [`wanted`] gives the reads that are still missing, until none
//! is. Whoever answers them, a cluster, a bundle or files that somebody pasted, is the caller's business, so a diagnosis of a
//! bundle is the diagnosis of the cluster it was taken from, and nothing is read twice.

mod kinds;
pub mod known;
mod orphans;
mod read;
mod revision;
mod wanted;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::inventory::{History, ReleaseId};
use crate::manifest::ManifestObject;
use crate::record::{Damage, Driver, Head, RecordMeta};

pub use kinds::*;
pub use orphans::*;
pub use read::*;
pub use revision::*;
pub use wanted::*;

/// How many unreadable payloads are opened in search of one that can be read.
const MOST_OPENED: usize = 5;

/// An object as it is in the cluster.
#[derive(Debug, Clone, PartialEq)]
pub enum Live<'a> {
    /// As it is.
    Found(&'a Value),
    /// The server has none.
    Absent,
    /// It couldn't be read; why.
    Unknown(String),
}

impl<'a> Live<'a> {
    /// The object, if it is known.
    pub fn found(&self) -> Option<&'a Value> {
        match self {
            Self::Found(value) => Some(value),
            _ => None,
        }
    }
}

/// Everything read about one release.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Which release.
    pub id: ReleaseId,
    /// What holds its records.
    pub driver: Driver,
    /// When it was looked at, by the server's clock.
    pub at: Timestamp,
    /// All its records.
    pub history: History,
    /// The heads of its payloads, by revision.
    pub heads: BTreeMap<u64, Result<Head, Damage>>,
    /// The payloads that were opened to their end, by revision.
    pub revisions: BTreeMap<u64, Result<Revision, Damage>>,
    answers: BTreeMap<String, Answer>,
    kinds: Kinds,
}

impl Observation {
    /// Of a release of which only the list of its records is known.
    pub fn new(id: ReleaseId, driver: Driver, at: Timestamp, history: History) -> Self {
        let (heads, revisions, answers) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { id, driver, at, history, heads, revisions, answers, kinds: Kinds::default() }
    }

    /// Keeps an answer.
    pub fn insert(&mut self, read: &Read, answer: Answer) {
        let kinds = match read {
            Read::CoreKinds => Some(true),
            Read::GroupKinds => Some(false),
            _ => None,
        };
        let refused = match (kinds, answer.found()) {
            (Some(core), Some(value)) => !self.kinds.add(core, value),
            _ => false,
        };
        let answer = match refused {
            true => Answer::Failed("the server is too old to say which kinds it serves".to_owned()),
            false => answer,
        };
        self.answers.insert(read.to_string(), answer);
    }

    /// Kinds known without asking.
    pub fn assume(&mut self, kinds: impl IntoIterator<Item = Kind>) {
        self.kinds.extend(kinds);
    }

    /// The answer to a read; `None` if it wasn't asked.
    pub fn answer(&self, read: &Read) -> Option<&Answer> {
        self.answers.get(&read.to_string())
    }

    /// Every answer, by its read's path.
    pub fn answers(&self) -> &BTreeMap<String, Answer> {
        &self.answers
    }

    /// Which kinds the server serves.
    pub fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    /// The newest revision, if it could be opened.
    pub fn newest(&self) -> Option<&Revision> {
        let revision = self.history.newest()?.revision()?;
        self.revisions.get(&revision)?.as_ref().ok()
    }

    /// The revision that Helm had before the operation, if there is one and it could be opened.
    pub fn base(&self) -> Option<&Revision> {
        self.revisions.get(&base(&self.history, self.newest()?)?)?.as_ref().ok()
    }

    /// The read of an object of a manifest; `None` if its kind isn't served, or nothing is known of it.
    pub fn read_of(&self, object: &ManifestObject) -> Option<Read> {
        // A generated name isn't known from the manifest.
        object.value.pointer("/metadata/name")?;
        let kind = self.kinds.any_version(&object.api_version, &object.kind)?;
        let namespace = object.namespace.as_deref().unwrap_or(&self.id.namespace);
        Some(Read::object(kind, namespace, &object.name))
    }

    /// The object of a manifest as it is in the cluster.
    pub fn live(&self, object: &ManifestObject) -> Live<'_> {
        if let Some(read) = self.read_of(object) {
            return match self.answer(&read) {
                Some(Answer::Found(value)) => Live::Found(value),
                Some(Answer::Absent) => Live::Absent,
                Some(Answer::Forbidden(why) | Answer::Failed(why)) => Live::Unknown(why.clone()),
                None => Live::Unknown("it wasn't read".to_owned()),
            };
        }
        match self.kinds.find(&object.api_version, &object.kind) {
            // What no server serves can't be there.
            Lookup::Unserved => Live::Absent,
            Lookup::Unknown(why) => Live::Unknown(why),
            Lookup::Served(_) | Lookup::OtherVersion(_) => {
                Live::Unknown("its name is generated, so the manifest doesn't tell it".to_owned())
            }
        }
    }

    /// Revisions that a diagnosis needs and that aren't opened yet: the newest, the one before the operation, and, where the
    /// newest can't be read, the next older ones.
    pub fn more_revisions(&self) -> Vec<u64> {
        let known: Vec<u64> = self.history.records().iter().rev().filter_map(RecordMeta::revision).collect();
        let mut wanted: Vec<u64> = known.first().copied().into_iter().collect();
        match self.newest() {
            Some(newest) => {
                wanted.extend(base(&self.history, newest));
                wanted.extend(self.history.deployed().last());
            }
            None => {
                let readable = |revision: &&u64| !matches!(self.revisions.get(revision), Some(Err(_)));
                wanted.extend(known.iter().find(readable).filter(|_| self.revisions.len() < MOST_OPENED));
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|revision| !self.revisions.contains_key(revision));
        wanted
    }

    /// The items of a list that was read; nothing if it wasn't, or may not be.
    pub fn items<'s>(&'s self, read: &Read) -> impl Iterator<Item = &'s Value> + use<'s> {
        let list = self.answer(read).and_then(Answer::found);
        list.and_then(|list| list.get("items")).and_then(Value::as_array).into_iter().flatten()
    }
}
