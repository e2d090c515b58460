//! What ails a release, as far as its records tell: one [`Ailment`] per fault, worst first.

use std::fmt;
use std::iter::repeat;

use super::History;
use crate::record::{Damage, Driver, MAX_STORED, RecordId, RecordMeta, Release, Status, StoredRecord};

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

/// One thing that is wrong with a release.
#[expect(missing_docs, reason = "the sentence that Display gives says what each field is")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ailment {
    /// The newest record can't be read; Helm skips it silently and then trips over its key.
    Undecodable { revision: u64, damage: Damage },
    /// More than one record claims to be the same revision, such as a copy under another name that kept its labels.
    SameRevision { revision: u64, keys: Vec<String> },
    /// Label and payload disagree on the status; Helm decides by the payload and searches by the label.
    StatusMismatch { record: RecordId, revision: u64, label: String, payload: String },
    /// Label and payload disagree on what the record is.
    IdentityMismatch { revision: u64, what: &'static str, label: String, payload: String },
    /// Labels that Helm gives its records are missing; with what they were, where that can be told.
    MissingLabels { record: RecordId, revision: u64, missing: Vec<(&'static str, Option<String>)> },
    /// A record of no release: neither labels nor key tell of which.
    Stray { record: RecordId },
    /// An install, upgrade or rollback has begun and not ended.
    Interrupted { revision: u64, operation: &'static str, deployed: Option<u64>, last_write_missing: bool },
    /// An uninstall has begun and not ended.
    Uninstalling { revision: u64 },
    /// The newest operation failed.
    Failed { revision: u64, description: String, deployed: Option<u64> },
    /// More than one revision is labelled deployed.
    SeveralDeployed { revisions: Vec<u64> },
    /// No revision is deployed and the newest one's status doesn't explain why.
    NoneDeployed { revision: u64, status: String },
    /// Something older is deployed than the newest record, whose status doesn't explain why.
    NewestNotDeployed { revision: u64, status: String, deployed: u64 },
    /// The payload is larger than Kubernetes stores, so only a database can hold it.
    TooBig { revision: u64, stored: usize },
    /// The next revision may not fit.
    NearlyTooBig { revision: u64, stored: usize },
    /// Revisions are missing in the middle of the history.
    Gap { first: u64, last: u64 },
}

impl Ailment {
    /// A stable word for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Undecodable { .. } => "undecodable",
            Self::SameRevision { .. } => "same-revision",
            Self::StatusMismatch { .. } => "label-payload-mismatch",
            Self::IdentityMismatch { .. } => "name-payload-mismatch",
            Self::MissingLabels { .. } => "missing-labels",
            Self::Stray { .. } => "stray",
            Self::Interrupted { operation: "install", .. } => "pending-install",
            Self::Interrupted { operation: "rollback", .. } => "pending-rollback",
            Self::Interrupted { .. } => "pending-upgrade",
            Self::Uninstalling { .. } => "uninstalling",
            Self::Failed { .. } => "failed",
            Self::SeveralDeployed { .. } => "several-deployed",
            Self::NoneDeployed { .. } => "none-deployed",
            Self::NewestNotDeployed { .. } => "newest-not-deployed",
            Self::TooBig { .. } => "over-1-mib",
            Self::NearlyTooBig { .. } => "nearly-1-mib",
            Self::Gap { .. } => "revision-gap",
        }
    }

    /// Whether the release is unhealthy because of it; otherwise it is only worth knowing.
    pub fn is_trouble(&self) -> bool {
        !matches!(self, Self::TooBig { .. } | Self::NearlyTooBig { .. } | Self::Gap { .. })
    }
}

impl fmt::Display for Ailment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecodable { revision, damage } => {
                write!(f, "revision {revision} can't be read: {damage}; ")?;
                helms_answer(*revision, damage, f)
            }
            Self::SameRevision { revision, keys } => {
                write!(
                    f,
                    "{} records claim to be revision {revision}: {}; Helm picks either",
                    keys.len(),
                    keys.join(", ")
                )
            }
            Self::StatusMismatch { revision, label, payload, .. } => write!(
                f,
                "revision {revision} is labelled {label} but its payload says {payload}; Helm goes by the payload"
            ),
            Self::IdentityMismatch { revision, what, label, payload } => {
                write!(f, "the record of revision {revision} is for {what} {label}, its payload for {payload}")
            }
            Self::MissingLabels { record, revision, missing } => {
                let keys: Vec<_> = missing.iter().map(|(key, _)| *key).collect();
                let plural = if keys.len() == 1 { "" } else { "s" };
                write!(f, "record {} lacks the label{plural} {}", record.key, keys.join(", "))?;
                if keys.contains(&"owner") || keys.contains(&"name") {
                    write!(f, "; Helm doesn't find it and can't write revision {revision} again")
                } else if keys.contains(&"status") {
                    f.write_str(", by which Helm looks for the deployed revision")
                } else {
                    f.write_str(", which Helm itself does without")
                }
            }
            Self::Stray { record } => write!(
                f,
                "{} {} is marked as a Helm record, but neither labels nor name tell of which release",
                record.driver.kind(),
                record.key
            ),
            Self::Interrupted { revision, operation, last_write_missing: true, .. } => write!(
                f,
                "{operation} to revision {revision} never ended: the one before is superseded already, only the last record write is missing"
            ),
            Self::Interrupted { revision, operation: "install", .. } => {
                write!(f, "install of revision {revision} never ended; nothing was deployed before it")
            }
            Self::Interrupted { revision, operation, deployed: Some(deployed), .. } => {
                write!(f, "{operation} to revision {revision} never ended; revision {deployed} is the one deployed")
            }
            Self::Interrupted { revision, operation, .. } => {
                write!(f, "{operation} to revision {revision} never ended; no revision is deployed")
            }
            Self::Uninstalling { revision } => write!(f, "uninstall of revision {revision} never ended"),
            Self::Failed { revision, description, deployed } => {
                write!(f, "revision {revision} failed")?;
                match deployed {
                    Some(deployed) => write!(f, ", revision {deployed} is still the one deployed")?,
                    None => write!(f, ", nothing is deployed")?,
                }
                if description.is_empty() { Ok(()) } else { write!(f, ": {description}") }
            }
            Self::SeveralDeployed { revisions } => {
                let list: Vec<_> = revisions.iter().map(u64::to_string).collect();
                write!(f, "revisions {} are all labelled deployed; only one can be", list.join(" and "))
            }
            Self::NoneDeployed { revision, status } => {
                write!(f, "no revision is deployed; the newest, {revision}, is {status}")
            }
            Self::NewestNotDeployed { revision, status, deployed } => {
                write!(f, "the newest revision, {revision}, is {status}; revision {deployed} is the one deployed")
            }
            Self::TooBig { revision, stored } => {
                write!(
                    f,
                    "revision {revision} takes {stored} bytes: a database holds it, a Secret or ConfigMap at most {MAX_STORED}"
                )
            }
            Self::NearlyTooBig { revision, stored } => {
                write!(
                    f,
                    "revision {revision} takes {stored} of at most {MAX_STORED} bytes; a larger one can't be stored"
                )
            }
            Self::Gap { first, last } if first == last => write!(f, "revision {first} is missing from the history"),
            Self::Gap { first, last } => write!(f, "revisions {first} to {last} are missing from the history"),
        }
    }
}

/// What Helm makes of such a record (Helm 3.22 and 4.3 `pkg/storage/driver/util.go:decodeRelease` and its callers).
fn helms_answer(revision: u64, damage: &Damage, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match damage {
        Damage::NoInfo => f.write_str("Helm crashes on it"),
        Damage::TooLarge { .. } => f.write_str("Helm has no such limit and inflates it all"),
        Damage::NotUtf8 { .. } => f.write_str("Helm reads it with the broken characters replaced"),
        _ => write!(f, "Helm passes over it and can't write revision {revision} again (\"already exists\")"),
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
            found.push(Ailment::NearlyTooBig { revision, stored })
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
    fn helms_answer_to_a_broken_record_is_told() {
        let said = |damage| Ailment::Undecodable { revision: 2, damage }.to_string();
        assert!(
            said(Damage::Truncated)
                .ends_with("Helm passes over it and can't write revision 2 again (\"already exists\")")
        );
        assert!(said(Damage::NoInfo).ends_with("Helm crashes on it"));
        assert!(said(Damage::TooLarge { limit: 64 << 20 }).contains("more than 64 MiB; Helm has no such limit"));
        assert!(said(Damage::NotUtf8 { at: 9 }).contains("Helm reads it"));
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
