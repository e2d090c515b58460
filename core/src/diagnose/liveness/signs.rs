//! The traces that Helm leaves, and what else a waiting Helm would have answered to: all by the server's clock.

use jiff::Timestamp;
use serde::Serialize;

use super::own_clock;
use crate::diagnose::case::{Case, Object, number, time};
use crate::diagnose::hooks::HookView;
use crate::diagnose::operation::{Operation, Phase};
use crate::ready::ready_since;

/// A trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sign {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
    /// Whether it isn't Helm's own, but what Helm waited for: it has yet to notice.
    #[serde(skip)]
    pub awaited: bool,
}

fn sign(at: Option<Timestamp>, what: impl FnOnce() -> String) -> Option<Sign> {
    at.map(|at| Sign { at, what: what(), awaited: false })
}

fn awaited(at: Option<Timestamp>, what: impl FnOnce() -> String) -> Option<Sign> {
    at.map(|at| Sign { at, what: what(), awaited: true })
}

/// Takes a case and its operation; gives the newest trace, if there is any.
pub fn last_sign(case: &Case<'_>, operation: &Operation<'_>) -> Option<Sign> {
    let records = case.seen.history.records().iter().filter_map(|record| {
        let at = record.written.or(record.created);
        sign(at, || format!("revision {} was written", record.revision().unwrap_or_default()))
    });
    let hooks = operation.before.iter().chain(&operation.after).flat_map(hook_signs);
    let objects = case.objects.iter().flat_map(object_signs);
    // What it would have waited for ended then, and only then was it its turn.
    let waited = case
        .objects
        .iter()
        .filter(|_| matches!(operation.phase, Phase::Wait | Phase::Supersede | Phase::FinalWrite | Phase::PostHooks));
    let waited = waited.filter_map(|object| {
        let live = object.live.found().filter(|_| object.new.is_some())?;
        awaited(ready_since(live), || format!("{} became ready", object.words()))
    });
    let found = records.chain(hooks).chain(objects).chain(waited);
    // The database's times are of the machines that Helm ran on, so they may lie ahead.
    found
        .filter(|sign| own_clock(case.seen.driver) || sign.at <= case.seen.at)
        .max_by_key(|sign| (sign.at, sign.awaited))
}

fn hook_signs(hook: &HookView<'_>) -> Vec<Sign> {
    let created = sign(hook.started, || format!("hook {} was created", hook.words()));
    let ended = awaited(hook.ended, || format!("hook {} ended", hook.words()));
    created.into_iter().chain(ended).collect()
}

fn object_signs(object: &Object<'_>) -> Vec<Sign> {
    let Some(live) = object.live.found() else { return Vec::new() };
    let written = sign(object.written, || format!("{} was written", object.words()));
    let deleted = time(live, "/metadata/deletionTimestamp").and_then(|at| {
        // It is set ahead by the time given to end in peace.
        let grace = number(live, "/metadata/deletionGracePeriodSeconds").unwrap_or(0);
        at.checked_sub(jiff::SignedDuration::from_secs(grace)).ok()
    });
    let deleted = sign(deleted, || format!("{} was deleted", object.words()));
    written.into_iter().chain(deleted).collect()
}
