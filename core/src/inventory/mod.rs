//! Inventory: which releases there are, from record metadata alone, and what ails each.
//!
//! Takes record metadata in any order; gives one [`History`] per release, oldest revision first. Records that can't be
//! assigned to a release are kept as strays and reported, never dropped.

mod ailment;
mod health;
mod select;
mod selector;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::record::{RecordMeta, Status};

pub use ailment::*;
pub use health::*;
pub use select::*;
pub use selector::*;

/// A release's address. Orders by namespace, then name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReleaseId {
    /// The namespace its records are in.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// All records of one release, oldest revision first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    records: Vec<RecordMeta>,
}

impl History {
    /// Every record, oldest first.
    pub fn records(&self) -> &[RecordMeta] {
        &self.records
    }

    /// The record with the highest revision: the one Helm's state machine looks at.
    pub fn newest(&self) -> Option<&RecordMeta> {
        self.records.last()
    }

    /// The record of one revision.
    pub fn revision(&self, revision: u64) -> Option<&RecordMeta> {
        self.records.iter().find(|record| record.revision() == Some(revision))
    }

    /// Revisions whose label says deployed, oldest first.
    pub fn deployed(&self) -> Vec<u64> {
        self.with_status(Status::Deployed)
    }

    /// Revisions whose label says so, oldest first.
    pub fn with_status(&self, status: Status) -> Vec<u64> {
        self.records.iter().filter(|r| r.status() == Some(status)).filter_map(RecordMeta::revision).collect()
    }

    /// Revision numbers missing between the oldest and the newest. Numbers right after a deployed record don't count:
    /// Helm prunes those itself and keeps the deployed one (Helm 3.22 and 4.3 `pkg/storage/storage.go:removeLeastRecent`).
    pub fn gaps(&self) -> Vec<(u64, u64)> {
        let pairs = self.records.iter().zip(self.records.iter().skip(1));
        pairs
            .filter(|(older, _)| older.status() != Some(Status::Deployed))
            .filter_map(|(older, newer)| {
                let (first, last) = (older.revision()? + 1, newer.revision()?.checked_sub(1)?);
                (first <= last).then_some((first, last))
            })
            .collect()
    }
}

/// Every release that the given records tell of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// By namespace and name.
    pub releases: BTreeMap<ReleaseId, History>,
    /// Records whose release or revision can't be told.
    pub strays: Vec<RecordMeta>,
}

impl FromIterator<RecordMeta> for Inventory {
    fn from_iter<T: IntoIterator<Item = RecordMeta>>(records: T) -> Self {
        let mut inventory = Self::default();
        for record in records {
            match (record.release(), record.revision()) {
                (Some(name), Some(_)) => {
                    let id = ReleaseId { namespace: record.id.namespace.clone(), name: name.to_owned() };
                    inventory.releases.entry(id).or_default().records.push(record);
                }
                _ => inventory.strays.push(record),
            }
        }
        for history in inventory.releases.values_mut() {
            history.records.sort_by(|a, b| (a.revision(), &a.id.key).cmp(&(b.revision(), &b.id.key)));
        }
        inventory.strays.sort_by(|a, b| a.id.cmp(&b.id));
        inventory
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::record::{Driver, Guard, RecordId, key_of};

    /// A record of `ns/release`, as Helm labels it.
    pub(crate) fn record(release: &str, revision: u64, status: Status) -> RecordMeta {
        RecordMeta {
            id: RecordId { driver: Driver::Secret, namespace: "ns".into(), key: key_of(release, revision) },
            guard: Guard { uid: format!("uid-{release}-{revision}"), version: "1".into() },
            name: Some(release.into()),
            owner: Some("helm".into()),
            status: Some(status.to_string()),
            revision: Some(revision.to_string()),
            custom: BTreeMap::new(),
            record_type: Some("helm.sh/release.v1".into()),
            created: None,
            written: None,
        }
    }

    pub(crate) fn history(statuses: &[(u64, Status)]) -> History {
        let inventory: Inventory =
            statuses.iter().map(|(revision, status)| record("web", *revision, *status)).collect();
        inventory.releases.into_values().next().unwrap_or_default()
    }

    #[test]
    fn revisions_are_ordered_as_numbers() {
        let history = history(&[(10, Status::Deployed), (2, Status::Superseded), (9, Status::Superseded)]);
        let revisions: Vec<_> = history.records().iter().filter_map(RecordMeta::revision).collect();
        assert_eq!(revisions, [2, 9, 10]);
        assert_eq!(history.newest().unwrap().revision(), Some(10));
    }

    #[test]
    fn a_gap_that_pruning_leaves_is_none() {
        use Status::{Deployed, Failed, Superseded};
        assert_eq!(history(&[(3, Deployed), (8, Failed), (9, Failed)]).gaps(), []);
        assert_eq!(history(&[(3, Superseded), (8, Failed), (9, Deployed)]).gaps(), [(4, 7)]);
        assert_eq!(history(&[(1, Superseded), (2, Superseded), (3, Deployed)]).gaps(), []);
    }

    #[test]
    fn what_has_neither_label_nor_key_is_a_stray() {
        let mut odd = record("web", 1, Status::Deployed);
        odd.name = None;
        odd.id.key = "backup-of-web".into();
        let mut keyed = record("shop", 4, Status::Deployed);
        keyed.name = None;
        keyed.revision = None;
        let inventory: Inventory = [odd.clone(), keyed].into_iter().collect();
        assert_eq!(inventory.strays, [odd]);
        assert_eq!(inventory.releases.keys().map(ToString::to_string).collect::<Vec<_>>(), ["ns/shop"]);
    }
}
