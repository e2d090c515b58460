//! A fix of refloat's own that is under way, or was interrupted: its lock, and the journal on it, tell.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::words::{arg, cause};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::case::{Case, text};
use crate::inventory::ReleaseId;
use crate::observe::{Live, known};
use crate::report::{age, one_line};
use crate::rescue::RESTORE;

/// The annotation of the lock that holds the journal, as JSON.
pub const JOURNAL: &str = "refloat.dev/journal";
/// How long a lock holds without being renewed.
pub const HOLDS: SignedDuration = SignedDuration::from_secs(30);

/// A fix that has the release's lock.
#[derive(Debug, Clone, PartialEq)]
pub struct FixLeft {
    /// Its ID.
    pub fix: String,
    /// The word of its way, or [`RESTORE`].
    pub way: String,
    /// Who began it.
    pub by: String,
    /// What it was at.
    pub doing: String,
    /// Whether it was being taken back.
    pub undoing: bool,
    /// Whether somebody is at it.
    pub at_work: bool,
    /// For how long its lock hasn't been renewed.
    pub silent: Option<SignedDuration>,
}

impl FixLeft {
    /// What it is, in words.
    pub fn task(&self) -> String {
        let task = if self.way == RESTORE { RESTORE.to_owned() } else { format!("fix with {}", self.way) };
        if self.undoing && !self.at_work { format!("undo of a {task}") } else { task }
    }

    /// What takes it back.
    pub fn undo(&self, id: &ReleaseId) -> String {
        format!("refloat undo {} -n {}", arg(&self.fix), arg(&id.namespace))
    }
}

/// Takes a case; gives the fix that holds its release's lock, or has left it behind.
pub fn fix_left(case: &Case<'_>) -> Option<FixLeft> {
    let id = &case.seen.id;
    let Live::Found(lease) = case.other(&known::leases(), &id.namespace, &known::lock(id)) else { return None };
    let journal = lease.pointer("/metadata/annotations")?.get(JOURNAL)?.as_str()?;
    let journal: Value = serde_json::from_str(journal).ok()?;
    let said = |field: &str| one_line(text(&journal, field));
    let renewed: Option<Timestamp> = text(lease, "/spec/renewTime").parse().ok();
    let silent = renewed.map(|renewed| case.seen.at.duration_since(renewed));
    let is_held = !text(lease, "/spec/holderIdentity").is_empty();
    Some(FixLeft {
        fix: said("/fix"),
        way: said("/way"),
        by: said("/by"),
        doing: said("/doing"),
        undoing: journal.get("undoing").and_then(Value::as_bool) == Some(true),
        at_work: is_held && silent.is_some_and(|silent| silent < HOLDS),
        silent,
    })
}

/// Gives a fix that holds the release's lock, or has left it behind.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let id = &scene.case.seen.id;
    let Some(left) = fix_left(scene.case) else { return Vec::new() };
    let (task, by) = (left.task(), &left.by);
    let named = |verb: &str| format!("refloat {verb} {} -n {}", arg(&id.name), arg(&id.namespace));
    let mut cause = if left.at_work {
        let summary = format!("a {task} by {by} is under way");
        let mut cause = cause("fix-running", Confidence::Certain, depth::ROOT, summary);
        cause.remedy = "wait for it, and look again".to_owned();
        cause.command = named("diagnose");
        cause
    } else {
        let summary = format!("a {task} by {by} was interrupted");
        let mut cause = cause("fix-interrupted", Confidence::Certain, depth::ROOT, summary);
        let undo = left.undo(id);
        cause.remedy = match left.undoing {
            true => "run the undo again, which goes on where it stopped".to_owned(),
            false => format!("run it again, which goes on where it stopped, or take it back ({undo})"),
        };
        let again = named(if left.way == RESTORE { "restore" } else { "fix" });
        cause.command = if left.undoing { undo } else { again };
        cause
    };
    if !left.doing.is_empty() {
        cause.evidence.push(format!("it was at: {}", left.doing));
    }
    if let Some(silent) = left.silent {
        let lock = known::lock(id);
        cause.evidence.push(format!("its lock (lease/{lock}) was last renewed {} ago", age(silent)));
    }
    vec![cause]
}
