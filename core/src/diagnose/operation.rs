//! How far the operation came.
//!
//! Helm works through a fixed order: record, hooks before, objects in stored order, removed objects, waiting, hooks after, the
//! old record, its own. What was done of each tells the phase.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::case::{Case, Object};
use super::hooks::{HookRun, HookView, hooks};
use crate::compare::Side;
use crate::observe::{Live, OperationKind};
use crate::record::{RecordMeta, Status};

/// How far an operation came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It ended.
    Done,
    /// Hooks before the work.
    PreHooks,
    /// Creating and changing objects.
    Apply,
    /// Removing objects.
    Prune,
    /// Waiting for objects to be ready, or to be gone.
    Wait,
    /// Hooks after the work.
    PostHooks,
    /// Marking the old revision as superseded.
    Supersede,
    /// Marking the new revision as deployed.
    FinalWrite,
    /// Deleting the records.
    Purge,
    /// It can't be told.
    Unknown,
}

impl Phase {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::PreHooks => "pre-hooks",
            Self::Apply => "apply",
            Self::Prune => "prune",
            Self::Wait => "wait",
            Self::PostHooks => "post-hooks",
            Self::Supersede => "supersede",
            Self::FinalWrite => "final-write",
            Self::Purge => "purge",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The operation that the newest record witnesses.
#[derive(Debug, Clone)]
pub struct Operation<'a> {
    /// Which.
    pub kind: OperationKind,
    /// How far it came.
    pub phase: Phase,
    /// Why it is taken to have come so far.
    pub because: String,
    /// When it began, by the server's clock.
    pub began: Option<Timestamp>,
    /// How many of the objects that it changes, creates or removes are done, and how many there are.
    pub done: usize,
    /// How many there are.
    pub of: usize,
    /// Hooks before the work, in their order.
    pub before: Vec<HookView<'a>>,
    /// Hooks after it.
    pub after: Vec<HookView<'a>>,
}

/// Takes a case; tells how far its operation came.
pub fn operation<'a>(case: &Case<'a>) -> Operation<'a> {
    let (before, after) = hooks(case);
    let differing = || case.objects.iter().filter(|object| object.differs());
    let done = differing().filter(|object| object.is_done() == Some(true)).count();
    let mut operation = Operation {
        kind: case.kind,
        phase: Phase::Done,
        because: String::new(),
        began: match (case.kind, case.newest) {
            // Its record was there before it.
            (OperationKind::Uninstall, Some(newest)) => newest.release.info.deleted.as_ref().map(|deleted| deleted.at),
            _ => case.began,
        },
        done,
        of: differing().count(),
        before,
        after,
    };
    let (phase, because) = match case.status() {
        Status::Failed => failed(case, &operation),
        Status::PendingInstall | Status::PendingUpgrade | Status::PendingRollback => pending(case, &operation),
        Status::Uninstalling => uninstalling(case, &operation),
        _ => (Phase::Done, "the record says that it ended".to_owned()),
    };
    (operation.phase, operation.because) = (phase, because);
    operation
}

/// The first hook that isn't done.
fn stopped_at<'h, 'a>(hooks: &'h [HookView<'a>]) -> Option<&'h HookView<'a>> {
    hooks.iter().find(|hook| !hook.is_done())
}

/// Whether a hook was begun, come of it what may.
pub(super) fn begun(hook: &HookView<'_>) -> bool {
    hook.recorded || !matches!(hook.run, HookRun::NeverRan | HookRun::Unknown)
}

fn hook_words(hook: &HookView<'_>) -> String {
    let what = match hook.run {
        HookRun::NeverRan => "hasn't been started",
        HookRun::Running => "still runs",
        HookRun::Failed => "failed",
        HookRun::Succeeded => "succeeded",
        HookRun::Gone => "was started and its object isn't there",
        HookRun::Passed => "did its work",
        HookRun::Unknown => "can't be seen",
    };
    format!("{} hook {} {what}", hook.event, hook.words())
}

fn pending(case: &Case<'_>, operation: &Operation<'_>) -> (Phase, String) {
    if case.newest.is_none() {
        return (Phase::Unknown, "the newest record can't be read".to_owned());
    }
    let undone = || case.objects.iter().filter(|object| object.differs() && is_undone(case, object));
    let nothing_done = operation.done == 0 || case.objects.iter().all(|object| object.written < case.began);
    let unknown = case.objects.iter().filter(|object| object.differs() && object.is_done().is_none()).count();
    let blind = operation.of > 0 && unknown == operation.of;
    // Past a hook of which nothing is left to be seen, the objects tell how far it came.
    let speaks = |hook: &&HookView<'_>| !(blind && matches!(hook.run, HookRun::Unknown | HookRun::Gone));
    if let (Some(hook), true) =
        (stopped_at(&operation.before).filter(speaks), operation.done == 0 || undone().next().is_some() && nothing_done)
    {
        return (Phase::PreHooks, hook_words(hook));
    }
    if let Some(first) = undone().find(|object| object.new.is_some()) {
        let state = side_words(first.standing.side);
        return (
            Phase::Apply,
            format!("{} of {} changes are made; {} {state}", operation.done, operation.of, first.words()),
        );
    }
    if blind {
        return (Phase::Unknown, "none of the objects that it changes can be seen clearly".to_owned());
    }
    let unseen =
        case.objects.iter().find(|object| object.new.is_some() && object.differs() && object.is_done().is_none());
    if let (Some(object), true) = (unseen, undone().next().is_some()) {
        return (
            Phase::Apply,
            format!(
                "at least {} of {} changes are made; {} can't be judged",
                operation.done,
                operation.of,
                object.words()
            ),
        );
    }
    if let Some(first) = undone().next() {
        return (Phase::Prune, format!("{}, which the new revision no longer has, is still there", first.words()));
    }
    if let (true, Some(stopped)) = (operation.after.iter().any(begun), stopped_at(&operation.after)) {
        return (Phase::PostHooks, hook_words(stopped));
    }
    if base_superseded(case) {
        return (Phase::FinalWrite, "the revision before it is already marked superseded".to_owned());
    }
    if let Some(object) = case.objects.iter().find(|object| object.new.is_some() && object.is_ready() == Some(false)) {
        let why = object.waits_for().unwrap_or("it isn't ready");
        return (Phase::Wait, format!("everything is applied; {}: {why}", object.words()));
    }
    if let Some(object) =
        case.objects.iter().find(|object| object.new.is_some() && matches!(object.live, Live::Unknown(_)))
    {
        return (
            Phase::Wait,
            format!("everything that can be seen is applied and ready; {} can't be seen", object.words()),
        );
    }
    if let Some(hook) = stopped_at(&operation.after) {
        return (Phase::Wait, format!("everything is applied and ready; {}", hook_words(hook)));
    }
    let last = match case.base.map(|base| base.meta.status()) {
        Some(Some(Status::Deployed)) => Phase::Supersede,
        _ => Phase::FinalWrite,
    };
    (last, "everything is applied and ready, and only the records say otherwise".to_owned())
}

/// Whether Helm hasn't done with an object what it has to do. Where no older manifest is at hand to compare with, one that isn't
/// as it is to be, and that Helm hasn't written since the operation began, is still to come.
fn is_undone(case: &Case<'_>, object: &Object<'_>) -> bool {
    let before = matches!((object.written, case.began), (Some(written), Some(began)) if written < began);
    object.is_done() == Some(false) || object.standing.side == Side::Drifted && object.old.is_none() && before
}

/// Whether the operation itself superseded the revision before it: its record was written since.
pub(super) fn base_superseded(case: &Case<'_>) -> bool {
    let Some(base) = case.base else { return false };
    // Where no time is told, it can only have been this one if none came in between.
    let written_since = match (base.meta.written, case.began) {
        (Some(written), Some(began)) => written >= began,
        _ => {
            case.seen.history.records().iter().rev().nth(1).and_then(RecordMeta::revision) == Some(base.opened.revision)
        }
    };
    base.status() == Status::Superseded
        && written_since
        && case.seen.history.deployed().iter().all(|deployed| *deployed >= base.opened.revision)
}

fn side_words(side: Side) -> &'static str {
    match side {
        Side::Absent => "isn't there yet",
        Side::Old => "is as it was before",
        Side::NotOurs => "belongs to something else",
        Side::Terminating => "is being deleted",
        _ => "isn't as it is to be",
    }
}

/// An uninstall: what is to go, is gone or not.
fn uninstalling(case: &Case<'_>, operation: &Operation<'_>) -> (Phase, String) {
    if case.newest.is_none() {
        return (Phase::Unknown, "the newest record can't be read".to_owned());
    }
    let newest: Vec<_> = case.objects.iter().filter(|object| goes(case, object)).collect();
    let there = newest.iter().filter(|object| matches!(object.live, Live::Found(_))).count();
    let terminating = newest.iter().filter(|object| object.standing.side == Side::Terminating).count();
    let untouched = there == newest.len() && terminating == 0;
    if let (Some(hook), true) = (stopped_at(&operation.before), untouched && there > 0) {
        return (Phase::PreHooks, hook_words(hook));
    }
    if there > terminating {
        return (Phase::Prune, format!("{} of {} objects are still there", there, newest.len()));
    }
    if let Some(object) = newest.iter().find(|object| object.standing.side == Side::Terminating) {
        return (Phase::Wait, format!("{} is being deleted and still there", object.words()));
    }
    if newest.iter().any(|object| matches!(object.live, Live::Unknown(_))) && operation.done == 0 {
        return (Phase::Unknown, "whether its objects are gone can't be seen".to_owned());
    }
    if let Some(hook) = stopped_at(&operation.after) {
        return (Phase::PostHooks, format!("all objects are gone; {}", hook_words(hook)));
    }
    (Phase::Purge, "all objects are gone, only records are left".to_owned())
}

/// Whether an uninstall deletes it: in the newest manifest, and not to be kept (Helm 4.3
/// `pkg/action/resource_policy.go:filterManifestsToKeep`: any value of the annotation keeps it).
pub fn goes(case: &Case<'_>, object: &super::case::Object<'_>) -> bool {
    let Some(manifest) = object.manifest() else { return false };
    let in_newest = case.newest.is_some_and(|newest| newest.objects.iter().any(|other| std::ptr::eq(other, manifest)));
    in_newest && manifest.value.pointer("/metadata/annotations/helm.sh~1resource-policy").is_none()
}

/// A failed operation: its description says where (Helm 4.3 `pkg/action/{install,upgrade,rollback,hooks}.go`).
fn failed(case: &Case<'_>, operation: &Operation<'_>) -> (Phase, String) {
    let description = case.newest.map(|newest| newest.opened.description.to_lowercase()).unwrap_or_default();
    let says = |words: &[&str]| words.iter().any(|word| description.contains(word));
    let phase = if says(&["pre-upgrade hook", "pre-install", "pre-rollback hook"]) {
        Phase::PreHooks
    } else if says(&["post-upgrade hook", "post-install", "post-rollback hook"]) {
        Phase::PostHooks
    } else if says(&[
        // A webhook's time may be over, too, and that is no waiting of Helm's.
        "failed calling webhook",
        "cannot patch \"",
        "server-side apply failed for object",
        "conflict occurred while applying",
        "failed to create resource",
    ]) {
        Phase::Apply
    } else if says(&[
        "timed out waiting",
        "deadline exceeded",
        "not ready. status",
        "rate limiter would exceed",
        "progress deadline",
    ]) {
        Phase::Wait
    } else if says(&["context canceled", "cancelled"]) {
        let (phase, because) = pending(case, operation);
        return (phase, format!("it was told to stop; {because}"));
    } else {
        Phase::Apply
    };
    (phase, "its description says so".to_owned())
}

/// The records whose status is pending, besides the newest.
pub fn other_pending<'a>(case: &Case<'a>) -> Vec<&'a RecordMeta> {
    let newest = case.seen.history.newest();
    let pending = |record: &&RecordMeta| record.status().is_some_and(Status::is_pending);
    case.seen.history.records().iter().filter(pending).filter(|record| Some(*record) != newest).collect()
}
