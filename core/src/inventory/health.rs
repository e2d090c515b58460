//! What ails a release, as far as its records tell: one [`Ailment`] per fault, worst first.

use std::fmt;

use super::History;
use crate::record::{Damage, MAX_STORED, RecordMeta, Release, Status, StoredRecord};

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
    /// Label and payload disagree on the status; Helm decides by the payload and searches by the label.
    StatusMismatch { revision: u64, label: String, payload: String },
    /// Label and payload disagree on what the record is.
    IdentityMismatch { revision: u64, what: &'static str, label: String, payload: String },
    /// Labels that Helm finds its records by are missing.
    MissingLabels { key: String, missing: Vec<&'static str> },
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
    /// The payload is larger than Kubernetes stores.
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
            Self::StatusMismatch { .. } => "label-payload-mismatch",
            Self::IdentityMismatch { .. } => "name-payload-mismatch",
            Self::MissingLabels { .. } => "missing-labels",
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
        !matches!(self, Self::NearlyTooBig { .. } | Self::Gap { .. })
    }
}

impl fmt::Display for Ailment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecodable { revision, damage } => {
                write!(
                    f,
                    "revision {revision} can't be read ({damage}); Helm skips it silently and can't write it again"
                )
            }
            Self::StatusMismatch { revision, label, payload } => write!(
                f,
                "revision {revision} is labelled {label} but its payload says {payload}; Helm goes by the payload"
            ),
            Self::IdentityMismatch { revision, what, label, payload } => {
                write!(f, "the record of revision {revision} is for {what} {label}, its payload for {payload}")
            }
            Self::MissingLabels { key, missing } => {
                write!(f, "record {key} lacks the label {}; Helm doesn't find it", missing.join(", "))
            }
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
                write!(f, "revision {revision} takes {stored} bytes, more than the {MAX_STORED} that Kubernetes stores")
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

/// Takes a release's history and what its newest payload gave; gives everything wrong with it, worst first.
pub fn examine(history: &History, newest: &Result<Opened, Damage>) -> Vec<Ailment> {
    let mut found = Vec::new();
    if let Some(record) = history.newest() {
        let revision = record.revision().unwrap_or_default();
        found.extend(payload_faults(record, revision, newest));
        found.extend(history.records().iter().filter_map(missing_labels));
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
        found.push(Ailment::StatusMismatch { revision, label: label.clone(), payload: opened.status.clone() });
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
        stored if stored > MAX_STORED / 10 * 9 => found.push(Ailment::NearlyTooBig { revision, stored }),
        _ => {}
    }
    found
}

fn missing_labels(record: &RecordMeta) -> Option<Ailment> {
    let labels =
        [("name", &record.name), ("owner", &record.owner), ("status", &record.status), ("version", &record.revision)];
    let missing: Vec<_> = labels.into_iter().filter(|(_, value)| value.is_none()).map(|(key, _)| key).collect();
    (!missing.is_empty()).then(|| Ailment::MissingLabels { key: record.id.key.clone(), missing })
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
    if deployed.len() > 1 {
        found.push(Ailment::SeveralDeployed { revisions: deployed });
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
        let table: &[(&[(u64, Status)], &[&str])] = &[
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
    fn size_is_judged() {
        let history = history(&[(1, Deployed)]);
        let sized = |stored| codes(&examine(&history, &opened(&history).map(|o| Opened { stored, ..o })));
        assert_eq!(sized(MAX_STORED + 1), ["over-1-mib"]);
        assert_eq!(sized(MAX_STORED - 1), ["nearly-1-mib"]);
        assert_eq!(sized(1000), Vec::<&str>::new());
    }
}
