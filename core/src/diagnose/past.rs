//! The history at a glance, and the revision to go back to.

use serde::Serialize;

use super::case::Case;
use super::causes::words::shown;
use super::diagnosis::LastGood;
use crate::observe::Observation;
use crate::record::{RecordMeta, Status};

/// How many payloads are opened at most in search of a revision to go back to.
const MOST_OPENED: usize = 8;

/// A revision, shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Past {
    /// Its number.
    pub revision: u64,
    /// Its status by payload, or by label if that can't be read.
    pub status: String,
    /// Its description, on one line, without values that a server's refusal quotes; empty if it can't be read.
    pub description: String,
    /// Its chart, as `name-version`; empty if it can't be read.
    pub chart: String,
    /// Whether its payload can be read; `null` if only its head was looked at.
    pub readable: Option<bool>,
}

/// Takes what was read; gives the revisions, newest first.
pub fn past(seen: &Observation) -> Vec<Past> {
    seen.history.records().iter().rev().map(|record| one(seen, record)).collect()
}

fn one(seen: &Observation, record: &RecordMeta) -> Past {
    let revision = record.revision().unwrap_or_default();
    let mut past = Past {
        revision,
        status: record.status.clone().unwrap_or_else(|| "unknown".to_owned()),
        description: String::new(),
        chart: String::new(),
        readable: None,
    };
    match (seen.revisions.get(&revision), seen.heads.get(&revision)) {
        (Some(Ok(opened)), _) => {
            past.readable = Some(true);
            past.status.clone_from(&opened.opened.status);
            past.description = shown(&opened.opened.description, false);
            let metadata = opened.release.chart.as_ref().and_then(|chart| chart.metadata.as_ref());
            past.chart = metadata.map(|chart| format!("{}-{}", chart.name, chart.version)).unwrap_or_default();
        }
        (Some(Err(_)), _) | (None, Some(Err(_))) => past.readable = Some(false),
        (None, Some(Ok(head))) => {
            past.status = head.status.clone().unwrap_or(past.status);
            past.description = head.description.as_deref().map(|said| shown(said, false)).unwrap_or_default();
            if let (Some(name), Some(version)) = (&head.chart_name, &head.chart_version) {
                past.chart = format!("{name}-{version}");
            }
        }
        (None, None) => {}
    }
    past
}

/// The newest revision, other than one under way, that was deployed: only a finished operation is ever marked deployed or superseded (Helm
/// 4.3 `pkg/action/upgrade.go`, `rollback.go`), but for a failed rollback, which supersedes whatever was newest.
pub fn last_good(case: &Case<'_>) -> Option<LastGood> {
    good(case.seen)
}

/// Takes what was read so far; gives the revision to be opened next for there to be one to go back to: the last good one, as far as heads
/// tell. One that turns out broken makes room for an older one, so that no more are opened than are needed.
pub fn good_to_open(seen: &Observation) -> Option<u64> {
    let done = seen.newest().is_none_or(|newest| newest.status() == Status::Deployed);
    if done || seen.revisions.len() >= MOST_OPENED {
        return None;
    }
    let good = good(seen)?.revision;
    (!seen.revisions.contains_key(&good) && seen.history.revision(good).is_some()).then_some(good)
}

fn good(seen: &Observation) -> Option<LastGood> {
    let history = past(seen);
    let is = |past: &&Past, status: Status| Status::parse(&past.status) == Some(status) && past.readable != Some(false);
    let good = |past: &Past, why: &str| LastGood { revision: past.revision, why: why.to_owned() };
    if let Some(deployed) = history.iter().find(|past| is(past, Status::Deployed)) {
        return Some(good(deployed, "it is marked deployed"));
    }
    let finished = |past: &&Past| {
        is(past, Status::Superseded)
            && (past.description.ends_with("complete") || past.description.starts_with("Rollback to"))
    };
    history.iter().find(finished).map(|past| good(past, "it was deployed until another took its place"))
}
