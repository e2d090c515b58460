//! What ails a release, as far as its records tell: one [`Ailment`] per fault, worst first.

use std::iter::repeat;

use super::{Ailment, History};
use crate::record::{Damage, Driver, MAX_STORED, RecordMeta, Release, Status, StoredRecord};

/// What the newest record's payload says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The payload's release name.
    pub name: String,
    /// The payload's revision.
    pub revision: u64,
    /// The payload's status, as written.
    pub status: String,
    /// The payload's description.
    pub description: String,
    /// When the operation began, by the clock of the machine Helm ran on.
    pub last_deployed: Option<String>,
    /// Size of the payload as stored, in bytes.
    pub stored: usize,
}

impl Opened {
    /// Opens a record's payload to the end.
    pub fn read(record: &StoredRecord) -> Result<Self, Damage> {
        let stored = record.inner()?.len();
        let release = Release::from_document(&record.document()?)?;
        Ok(Self {
            name: release.name,
            revision: release.version,
            status: release.info.status,
            description: release.info.description,
            last_deployed: release.info.last_deployed.map(|time| time.to_string()),
            stored,
        })
    }
}

/// Takes a release's history and what its newest payload gave; gives everything wrong with it, worst first.
pub fn examine(history: &History, newest: &Result<Opened, Damage>) -> Vec<Ailment> {
    let mut found = Vec::new();
    if let Some(record) = history.newest() {
        let revision = record.revision().unwrap_or_default();
        found.extend(payload_faults(record, revision, newest));
        found.extend(same_revisions(history));
        for (record, opened) in
            history.records().iter().rev().zip([newest.as_ref().ok()].into_iter().chain(repeat(None)))
        {
            found.extend(missing_labels(record, opened));
        }
        let status = match newest {
            Ok(opened) => opened.status.clone(),
            Err(_) => record.status.clone().unwrap_or_default(),
        };
        found.extend(state_faults(history, revision, &status, newest));
    }
    found.extend(history.gaps().into_iter().map(|(first, last)| Ailment::Gap { first, last }));
    found
}

fn payload_faults(record: &RecordMeta, revision: u64, newest: &Result<Opened, Damage>) -> Vec<Ailment> {
    let opened = match newest {
        Ok(opened) => opened,
        Err(damage) => return vec![Ailment::Undecodable { revision, damage: damage.clone() }],
    };
    let mut found = Vec::new();
    if let Some(label) = record.status.as_ref().filter(|label| **label != opened.status) {
        let (label, payload) = (label.clone(), opened.status.clone());
        found.push(Ailment::StatusMismatch { record: record.id.clone(), revision, label, payload });
    }
    if let Some(label) = record.release().filter(|label| *label != opened.name) {
        let (label, payload) = (label.to_owned(), opened.name.clone());
        found.push(Ailment::IdentityMismatch { revision, what: "release", label, payload });
    }
    if opened.revision != revision {
        let (label, payload) = (revision.to_string(), opened.revision.to_string());
        found.push(Ailment::IdentityMismatch { revision, what: "revision", label, payload });
    }
    match opened.stored {
        stored if stored > MAX_STORED => found.push(Ailment::TooBig { revision, stored }),
        stored if stored > MAX_STORED / 10 * 9 && record.id.driver != Driver::Sql => {
            found.push(Ailment::NearlyTooBig { revision, stored });
        }
        _ => {}
    }
    found
}

fn missing_labels(record: &RecordMeta, opened: Option<&Opened>) -> Option<Ailment> {
    let labels = [
        ("name", &record.name, record.release().map(str::to_owned)),
        ("owner", &record.owner, Some("helm".to_owned())),
        ("status", &record.status, opened.map(|opened| opened.status.clone())),
        ("version", &record.revision, record.revision().map(|revision| revision.to_string())),
    ];
    let missing: Vec<_> =
        labels.into_iter().filter(|(_, value, _)| value.is_none()).map(|(key, _, was)| (key, was)).collect();
    let (record, revision) = (record.id.clone(), record.revision().unwrap_or_default());
    (!missing.is_empty()).then_some(Ailment::MissingLabels { record, revision, missing })
}

fn same_revisions(history: &History) -> Vec<Ailment> {
    let groups = history.records().chunk_by(|a, b| a.revision() == b.revision()).filter(|group| group.len() > 1);
    let found = groups.map(|group| Ailment::SameRevision {
        revision: group.first().and_then(RecordMeta::revision).unwrap_or_default(),
        keys: group.iter().map(|record| record.id.key.clone()).collect(),
    });
    found.collect()
}

/// What the statuses add up to.
fn state_faults(history: &History, revision: u64, status: &str, newest: &Result<Opened, Damage>) -> Vec<Ailment> {
    let deployed = history.deployed();
    let older = deployed.iter().copied().rfind(|older| *older < revision);
    let mut found = Vec::new();
    let known = Status::parse(status).unwrap_or(Status::Unknown);
    match known {
        Status::Deployed | Status::Uninstalled => {}
        Status::Uninstalling => found.push(Ailment::Uninstalling { revision }),
        Status::Failed => {
            let description = newest.as_ref().map(|opened| opened.description.clone()).unwrap_or_default();
            found.push(Ailment::Failed { revision, description, deployed: older });
        }
        _ => match (known.operation(), older) {
            (Some(operation), deployed) => {
                let last_write_missing = deployed.is_none() && before_is_superseded(history, revision);
                found.push(Ailment::Interrupted { revision, operation, deployed, last_write_missing });
            }
            (None, Some(deployed)) => {
                found.push(Ailment::NewestNotDeployed { revision, status: status.to_owned(), deployed });
            }
            (None, None) => found.push(Ailment::NoneDeployed { revision, status: status.to_owned() }),
        },
    }
    let mut revisions = deployed;
    revisions.dedup();
    if revisions.len() > 1 {
        found.push(Ailment::SeveralDeployed { revisions });
    }
    found
}

/// Helm supersedes the revision before and then, as its very last write, marks the new one deployed
/// (Helm 3.22 and 4.3 `pkg/action/upgrade.go:releasingUpgrade`). A failed or abandoned one in between doesn't count.
fn before_is_superseded(history: &History, revision: u64) -> bool {
    let before = history.records().iter().rev().filter(|record| record.revision() < Some(revision));
    let mut live =
        before.filter_map(RecordMeta::status).filter(|status| !status.is_pending() && *status != Status::Failed);
    live.next() == Some(Status::Superseded)
}

#[cfg(test)]
mod tests {
    use super::super::tests::history;
    use super::*;
    use Status::{
        Deployed, Failed, PendingInstall, PendingRollback, PendingUpgrade, Superseded, Uninstalled, Uninstalling,
    };

    fn opened(history: &History) -> Result<Opened, Damage> {
        let newest = history.newest().unwrap();
        Ok(Opened {
            name: "web".into(),
            revision: newest.revision().unwrap(),
            status: newest.status.clone().unwrap(),
            description: "why".into(),
            last_deployed: None,
            stored: 1000,
        })
    }

    fn codes(found: &[Ailment]) -> Vec<&'static str> {
        found.iter().map(Ailment::code).collect()
    }

    #[test]
    fn statuses_add_up() {
        type Case = (&'static [(u64, Status)], &'static [&'static str]);
        let table: &[Case] = &[
            (&[(1, Superseded), (2, Deployed)], &[]),
            (&[(1, Deployed), (2, PendingUpgrade)], &["pending-upgrade"]),
            (&[(1, PendingInstall)], &["pending-install"]),
            (&[(1, Deployed), (2, Failed), (3, PendingRollback)], &["pending-rollback"]),
            (&[(1, Superseded), (2, Uninstalling)], &["uninstalling"]),
            (&[(1, Superseded), (2, Uninstalled)], &[]),
            (&[(1, Superseded), (2, Failed)], &["failed"]),
            (&[(1, Deployed), (2, Deployed)], &["several-deployed"]),
            (&[(1, Superseded), (2, Superseded)], &["none-deployed"]),
            (&[(1, Deployed), (2, Superseded)], &["newest-not-deployed"]),
            (&[(1, Deployed), (2, Deployed), (3, PendingUpgrade)], &["pending-upgrade", "several-deployed"]),
            (&[(1, Superseded), (3, Superseded), (4, Deployed)], &["revision-gap"]),
        ];
        for (statuses, expected) in table {
            let history = history(statuses);
            assert_eq!(codes(&examine(&history, &opened(&history))), *expected, "{statuses:?}");
        }
    }

    #[test]
    fn the_last_write_is_missing_only_after_a_superseded_one() {
        let missing = |statuses: &[(u64, Status)]| {
            let history = history(statuses);
            let found = examine(&history, &opened(&history));
            matches!(found.first(), Some(Ailment::Interrupted { last_write_missing: true, .. }))
        };
        assert!(missing(&[(1, Superseded), (2, PendingUpgrade)]));
        assert!(missing(&[(1, Superseded), (2, Failed), (3, PendingUpgrade)]));
        assert!(!missing(&[(1, Deployed), (2, PendingUpgrade)]));
        assert!(!missing(&[(1, Failed), (2, PendingUpgrade)]));
        assert!(!missing(&[(1, PendingInstall)]));
    }

    #[test]
    fn label_and_payload_are_compared() {
        let history = history(&[(1, Superseded), (2, Deployed)]);
        let mut other = opened(&history).unwrap();
        other.status = "pending-upgrade".into();
        other.name = "api".into();
        other.revision = 7;
        let found = examine(&history, &Ok(other));
        assert_eq!(
            codes(&found),
            ["label-payload-mismatch", "name-payload-mismatch", "name-payload-mismatch", "pending-upgrade"]
        );
    }

    #[test]
    fn a_broken_newest_record_is_named_first() {
        let history = history(&[(1, Deployed), (2, PendingUpgrade)]);
        let found = examine(&history, &Err(Damage::Truncated));
        assert_eq!(codes(&found), ["undecodable", "pending-upgrade"]);
    }

    #[test]
    fn a_copy_that_kept_its_labels_is_the_same_revision_twice() {
        let mut records = history(&[(1, Superseded), (2, Deployed)]).records().to_vec();
        let mut copy = records[1].clone();
        copy.id.key = "web-backup".into();
        records.push(copy);
        let inventory: super::super::Inventory = records.into_iter().collect();
        let history = inventory.releases.values().next().unwrap();
        let found = examine(history, &opened(history));
        assert_eq!(codes(&found), ["same-revision"]);
        assert!(
            found[0].to_string().contains("2 records claim to be revision 2: sh.helm.release.v1.web.v2, web-backup")
        );
    }

    #[test]
    fn missing_labels_are_named_with_what_they_were() {
        let mut records = history(&[(1, Superseded), (2, Deployed)]).records().to_vec();
        for record in &mut records {
            (record.owner, record.status) = (None, None);
        }
        let inventory: super::super::Inventory = records.into_iter().collect();
        let history = inventory.releases.values().next().unwrap();
        let payload =
            Opened { status: "deployed".into(), ..opened(&super::super::tests::history(&[(2, Deployed)])).unwrap() };
        let found = examine(history, &Ok(payload));
        let missing = |ailment: &Ailment| match ailment {
            Ailment::MissingLabels { revision, missing, .. } => Some((*revision, missing.clone())),
            _ => None,
        };
        let helm = || ("owner", Some("helm".to_owned()));
        assert_eq!(missing(&found[0]), Some((2, vec![helm(), ("status", Some("deployed".to_owned()))])));
        // Only the newest payload has been opened, so what an older one says isn't known.
        assert_eq!(missing(&found[1]), Some((1, vec![helm(), ("status", None)])));
        assert!(found[0].to_string().contains("lacks the labels owner, status; Helm doesn't find it"), "{}", found[0]);
    }

    #[test]
    fn size_is_judged() {
        let history = history(&[(1, Deployed)]);
        let sized = |stored| codes(&examine(&history, &opened(&history).map(|o| Opened { stored, ..o })));
        assert_eq!(sized(MAX_STORED + 1), ["over-1-mib"]);
        assert_eq!(sized(MAX_STORED - 1), ["nearly-1-mib"]);
        assert_eq!(sized(1000), Vec::<&str>::new());
        // A database holds more, and so much is never in Kubernetes: worth knowing, not trouble.
        assert!(!Ailment::TooBig { revision: 1, stored: MAX_STORED + 1 }.is_trouble());
    }
}
