//! What Helm will answer now, told before anyone tries.

use std::fmt;

use crate::inventory::{History, Opened};
use crate::record::{Damage, RecordMeta, Status};

/// Helm's answer to one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It goes ahead; with what it goes by.
    Accepted(String),
    /// It refuses; with its own words, which Helm 3 and 4 share.
    Refused(String),
}

impl Answer {
    /// Whether Helm goes ahead.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }

    /// The words, without the verdict.
    pub fn text(&self) -> &str {
        match self {
            Self::Accepted(text) | Self::Refused(text) => text,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(text) => write!(f, "accepted, {text}"),
            Self::Refused(text) => write!(f, "refused: {text}"),
        }
    }
}

/// What Helm's state machine will answer. It looks at records only: an accepted command can still fail on the objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// To `helm upgrade`, with or without `--install`.
    pub upgrade: Answer,
    /// To `helm install`.
    pub install: Answer,
    /// To `helm rollback` without a revision.
    pub rollback: Answer,
    /// To `helm uninstall`.
    pub uninstall: Answer,
}

/// The records that Helm sees: those it can read, by its labels.
struct Seen<'a> {
    name: &'a str,
    records: Vec<(u64, Status)>,
    last: (u64, Status),
    /// Revisions whose key is taken, readable or not.
    taken: Vec<u64>,
}

/// Takes a release's history and what its newest payload gave; predicts. Gives `None` where Helm sees no record that it
/// can read, or crashes on one.
pub fn answers(name: &str, history: &History, newest: &Result<Opened, Damage>) -> Option<Answers> {
    if matches!(newest, Err(Damage::NoInfo)) {
        return None;
    }
    let readable =
        |record: &&RecordMeta| record.seen_by_helm() && (newest.is_ok() || Some(*record) != history.newest());
    let status = |record: &RecordMeta| match newest {
        // Helm decides by the payload, and only the newest one decides.
        Ok(opened) if history.newest() == Some(record) => Status::parse(&opened.status),
        _ => record.status(),
    };
    let records: Vec<(u64, Status)> = history
        .records()
        .iter()
        .filter(readable)
        .filter_map(|record| Some((record.revision()?, status(record)?)))
        .collect();
    let last = *records.last()?;
    let taken = history.records().iter().filter_map(RecordMeta::revision).collect();
    let seen = Seen { name, records, last, taken };
    Some(Answers {
        upgrade: upgrade(&seen, history),
        install: install(&seen),
        rollback: rollback(&seen),
        uninstall: uninstall(&seen),
    })
}

/// Helm 3.22 and 4.3 `pkg/action/upgrade.go:prepareUpgrade`. The deployed one is searched by label, the last by payload.
fn upgrade(seen: &Seen<'_>, history: &History) -> Answer {
    let (last, status) = seen.last;
    if status.is_pending() {
        return Answer::Refused("another operation (install/upgrade/rollback) is in progress".to_owned());
    }
    let deployed =
        history.deployed().into_iter().rfind(|revision| seen.records.iter().any(|(seen, _)| seen == revision));
    let from = match status {
        Status::Deployed => last,
        _ => match (deployed, status) {
            (Some(deployed), _) => deployed,
            (None, Status::Failed | Status::Superseded) => last,
            (None, _) => return Answer::Refused(format!("\"{}\" has no deployed releases", seen.name)),
        },
    };
    if seen.taken.contains(&(last + 1)) {
        return Answer::Refused("already exists".to_owned());
    }
    Answer::Accepted(format!("goes on from revision {from}"))
}

/// Helm 3.22 and 4.3 `pkg/action/install.go:availableName`; `--replace` lets it go on over failed and uninstalled ones.
fn install(seen: &Seen<'_>) -> Answer {
    let replace =
        if matches!(seen.last.1, Status::Failed | Status::Uninstalled) { "; --replace overrides it" } else { "" };
    Answer::Refused(format!("a name that is still in use{replace}"))
}

/// Helm 3.22 and 4.3 `pkg/action/rollback.go:prepareRollback`: any status will do, even a pending one.
fn rollback(seen: &Seen<'_>) -> Answer {
    let target = seen.last.0.saturating_sub(1);
    match seen.records.iter().find(|(revision, _)| *revision == target) {
        None => Answer::Refused(format!("release has no {target} version")),
        Some((_, status @ (Status::Deployed | Status::Superseded))) => {
            Answer::Accepted(format!("goes to revision {target} ({status})"))
        }
        Some((_, status)) => Answer::Accepted(format!("goes to revision {target}, which is {status}: name a good one")),
    }
}

/// Helm 3.22 and 4.3 `pkg/action/uninstall.go:Run`: it deletes what the newest revision's manifest names and nothing else.
fn uninstall(seen: &Seen<'_>) -> Answer {
    let (last, status) = seen.last;
    Answer::Accepted(match status {
        Status::Uninstalled => "removes the kept history".to_owned(),
        _ if seen.records.len() > 1 && status != Status::Deployed => {
            format!("deletes the objects of revision {last}; what only older ones have stays behind")
        }
        _ => format!("deletes the objects of revision {last}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::tests::history;
    use Status::{
        Deployed, Failed, PendingInstall, PendingRollback, PendingUpgrade, Superseded, Uninstalled, Uninstalling,
    };

    fn predicted(statuses: &[(u64, Status)], newest: Option<Damage>) -> [String; 3] {
        let history = history(statuses);
        let record = history.newest().unwrap();
        let opened = Opened {
            name: "web".into(),
            revision: record.revision().unwrap(),
            status: record.status.clone().unwrap(),
            description: String::new(),
            last_deployed: None,
            stored: 1,
        };
        let answers = answers("web", &history, &newest.map_or(Ok(opened), Err)).unwrap();
        [answers.upgrade, answers.rollback, answers.uninstall].map(|answer| answer.to_string())
    }

    #[test]
    fn upgrade_and_rollback_go_by_helms_rules() {
        let busy = "refused: another operation (install/upgrade/rollback) is in progress";
        let none = "refused: \"web\" has no deployed releases";
        type Case = (&'static [(u64, Status)], &'static str, &'static str);
        let table: [Case; 8] = [
            (
                &[(1, Superseded), (2, Deployed)],
                "accepted, goes on from revision 2",
                "accepted, goes to revision 1 (superseded)",
            ),
            (&[(1, Deployed), (2, PendingUpgrade)], busy, "accepted, goes to revision 1 (deployed)"),
            (&[(1, PendingInstall)], busy, "refused: release has no 0 version"),
            (
                &[(1, Deployed), (2, Failed), (3, PendingRollback)],
                busy,
                "accepted, goes to revision 2, which is failed: name a good one",
            ),
            (&[(1, Deployed), (3, Failed)], "accepted, goes on from revision 1", "refused: release has no 2 version"),
            (&[(1, Failed)], "accepted, goes on from revision 1", "refused: release has no 0 version"),
            (&[(1, Superseded), (2, Uninstalling)], none, "accepted, goes to revision 1 (superseded)"),
            (&[(1, Uninstalled)], none, "refused: release has no 0 version"),
        ];
        for (statuses, upgrade, rollback) in table {
            let [ours, back, _] = predicted(statuses, None);
            assert_eq!((ours.as_str(), back.as_str()), (upgrade, rollback), "{statuses:?}");
        }
    }

    #[test]
    fn an_unreadable_newest_record_is_passed_over_and_stands_in_the_way() {
        let [upgrade, rollback, uninstall] =
            predicted(&[(1, Superseded), (2, Superseded), (3, Deployed)], Some(Damage::Truncated));
        assert_eq!(upgrade, "refused: already exists");
        assert_eq!(rollback, "accepted, goes to revision 1 (superseded)");
        assert_eq!(uninstall, "accepted, deletes the objects of revision 2; what only older ones have stays behind");
    }
}
