//! Everything that can be wrong with a release's records: a code for scripts, a sentence for people.

use std::fmt;

use crate::record::{Damage, MAX_STORED, RecordId};
use crate::report::counted;

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
    /// A Helm went on after a later revision had taken its own's place, and changed objects; what it did, in words.
    Woken { revision: u64, did: String },
    /// The payload is larger than Kubernetes stores, so only a database can hold it.
    TooBig { revision: u64, stored: usize },
    /// The next revision may not fit.
    NearlyTooBig { revision: u64, stored: usize },
    /// Revisions are missing in the middle of the history.
    Gap { first: u64, last: u64 },
    /// No record is left, as a fix took the last one away, and objects of the release are there again.
    CameBack { fix: String, objects: usize },
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
            Self::Woken { .. } => "woken-helm",
            Self::TooBig { .. } => "over-1-mib",
            Self::NearlyTooBig { .. } => "nearly-1-mib",
            Self::Gap { .. } => "revision-gap",
            Self::CameBack { .. } => "objects-came-back",
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
            Self::IdentityMismatch { revision, what, label, payload } => write!(
                f,
                "revision {revision}'s labels say {what} {label}, its payload {what} {payload}; Helm goes by the payload"
            ),
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
                "{operation} to revision {revision} has not ended: the one before is superseded already, only the last record write is missing"
            ),
            Self::Interrupted { revision, operation: "install", .. } => {
                write!(f, "install of revision {revision} has not ended; nothing was deployed before it")
            }
            Self::Interrupted { revision, operation, deployed: Some(deployed), .. } => {
                write!(f, "{operation} to revision {revision} has not ended; revision {deployed} is the one deployed")
            }
            Self::Interrupted { revision, operation, .. } => {
                write!(f, "{operation} to revision {revision} has not ended; no revision is deployed")
            }
            Self::Uninstalling { revision } => write!(f, "uninstall of revision {revision} has not ended"),
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
                write!(f, "revisions {} are labelled deployed; only one can be", list.join(" and "))
            }
            Self::NoneDeployed { revision, status } => {
                write!(f, "no revision is deployed; the newest, {revision}, is {status}")
            }
            Self::NewestNotDeployed { revision, status, deployed } => {
                write!(f, "the newest revision, {revision}, is {status}; revision {deployed} is the one deployed")
            }
            Self::Woken { revision, did } => {
                write!(f, "the Helm of revision {revision} went on after a later one had taken its place: it {did}")
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
            Self::CameBack { fix, objects } => {
                let (count, verb) = (counted(*objects, "object"), if *objects == 1 { "is" } else { "are" });
                write!(
                    f,
                    "was taken away by fix {fix}, and {count} of it {verb} there again: a Helm that was thought gone went on"
                )
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_back_is_counted() {
        let said = |objects| Ailment::CameBack { fix: "1a2b3c4d".to_owned(), objects }.to_string();
        let end = "there again: a Helm that was thought gone went on";
        assert_eq!(said(1), format!("was taken away by fix 1a2b3c4d, and 1 object of it is {end}"));
        assert_eq!(said(5), format!("was taken away by fix 1a2b3c4d, and 5 objects of it are {end}"));
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
}
