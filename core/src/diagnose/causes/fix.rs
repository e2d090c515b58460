//! A fix of refloat's own that is under way, or was interrupted: its lock, and the journal on it, tell.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::words::{arg, cause};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::case::text;
use crate::observe::{Live, known};
use crate::report::{age, one_line};
use crate::rescue::RESTORE;

/// The annotation of the lock that holds the journal, as JSON.
pub const JOURNAL: &str = "refloat.dev/journal";
/// How long a lock holds without being renewed.
pub const HOLDS: SignedDuration = SignedDuration::from_secs(30);

/// Gives a fix that holds the release's lock, or has left it behind.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let id = &scene.case.seen.id;
    let lock = known::lock(id);
    let Live::Found(lease) = scene.case.other(&known::leases(), &id.namespace, &lock) else { return Vec::new() };
    let journal = lease.pointer("/metadata/annotations").and_then(|all| all.get(JOURNAL)).and_then(Value::as_str);
    let Some(journal) = journal.and_then(|journal| serde_json::from_str::<Value>(journal).ok()) else {
        return Vec::new();
    };
    let said = |field: &str| one_line(text(&journal, field));
    let holder = text(lease, "/spec/holderIdentity");
    let renewed: Option<Timestamp> = text(lease, "/spec/renewTime").parse().ok();
    let silent = renewed.map(|renewed| scene.case.seen.at.duration_since(renewed));
    let at_work = !holder.is_empty() && silent.is_some_and(|silent| silent < HOLDS);
    let (way, by) = (said("/way"), said("/by"));
    let (task, verb) = match way.as_str() {
        RESTORE => ("restore".to_owned(), "restore"),
        way => (format!("fix with {way}"), "fix"),
    };
    let mut cause = if at_work {
        let summary = format!("a {task} by {by} is under way");
        let mut cause = cause("fix-running", Confidence::Certain, depth::ROOT, summary);
        cause.remedy = "wait for it, and look again".to_owned();
        cause.command = format!("refloat diagnose {} -n {}", arg(&id.name), arg(&id.namespace));
        cause
    } else {
        let undoing = journal.get("undoing").and_then(Value::as_bool) == Some(true);
        let what = if undoing { format!("undo of a {task}") } else { task };
        let summary = format!("a {what} by {by} was interrupted");
        let mut cause = cause("fix-interrupted", Confidence::Certain, depth::ROOT, summary);
        let undo = format!("refloat undo {} -n {}", arg(text(&journal, "/fix")), arg(&id.namespace));
        let again = format!("refloat {verb} {} -n {}", arg(&id.name), arg(&id.namespace));
        cause.remedy = match undoing {
            true => "run the undo again, which goes on where it stopped".to_owned(),
            false => format!("run it again, which goes on where it stopped, or take it back ({undo})"),
        };
        cause.command = if undoing { undo } else { again };
        cause
    };
    let doing = said("/doing");
    if !doing.is_empty() {
        cause.evidence.push(format!("it was at: {doing}"));
    }
    if let Some(silent) = silent {
        cause.evidence.push(format!("its lock (lease/{lock}) was last renewed {} ago", age(silent)));
    }
    vec![cause]
}
