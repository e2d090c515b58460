//! May the Helm that began the operation still be running?
//!
//! Helm leaves no heartbeat, so this asks what a live Helm would be doing at this point, when it last left a trace by the
//! server's clock, and for how long one may go without leaving another. It says `stale` only where a live Helm would have had
//! to write since. A process that was stopped and may be continued can't be told from one that ended: against that helps
//! what is done to the record, not this verdict.

mod pace;
mod signs;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::case::Case;
use super::hooks::{HookRun, HookView};
use super::operation::{Operation, Phase};
use super::owner::{Owner, owner};
use crate::observe::{Live, OperationKind};
use crate::record::Driver;
use crate::report::age;

pub use pace::*;
pub use signs::*;

/// How long Helm waits by default, for everything together and for each hook (Helm 4.3 `pkg/cmd/upgrade.go`, `--timeout`).
pub const DEFAULT_TIMEOUT: SignedDuration = SignedDuration::from_mins(5);

/// What is known of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LivenessVerdict {
    /// No operation is open.
    None,
    /// Something shows that it runs.
    Live,
    /// It may run; nothing speaks against it.
    Possible,
    /// A live one would have gone on by now.
    Stale,
    /// Too little could be read.
    Unknown,
}

impl LivenessVerdict {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Live => "live",
            Self::Possible => "possible",
            Self::Stale => "stale",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for LivenessVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The verdict, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Liveness {
    /// The verdict.
    pub verdict: LivenessVerdict,
    /// What it rests on, most weighty first.
    pub reasons: Vec<String>,
    /// Until when a live Helm may go on without a trace, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What would change the verdict.
    pub would_change: Vec<String>,
    /// The last trace of a Helm, by the server's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sign: Option<Sign>,
}

impl Liveness {
    fn new(verdict: LivenessVerdict, reasons: Vec<String>) -> Self {
        Self { verdict, reasons, until: None, would_change: Vec::new(), last_sign: None }
    }
}

/// Takes a case and how far its operation came; judges.
pub fn liveness<'a>(case: &Case<'a>, operation: &Operation<'a>) -> Liveness {
    if !case.is_open() {
        return Liveness::new(LivenessVerdict::None, vec!["the record says that no operation is open".to_owned()]);
    }
    if let Some(owner) = owner(case).filter(|owner| owner.busy) {
        return owned(&owner);
    }
    let sign = last_sign(case, operation);
    let Some(sign) = sign else {
        let why = "no record or object tells when Helm last wrote".to_owned();
        return Liveness::new(LivenessVerdict::Unknown, vec![why]);
    };
    let mut judged = judge(case, operation, &sign);
    judged.last_sign = Some(sign);
    judged
}

fn owned(owner: &Owner) -> Liveness {
    let mut judged = Liveness::new(LivenessVerdict::Live, vec![owner.words.clone()]);
    judged.would_change.push(format!("{} {} at rest or suspended", owner.kind, owner.name));
    judged
}

/// What a live Helm would be waiting for, if anything.
fn held_up(case: &Case<'_>, operation: &Operation<'_>) -> Option<String> {
    let hooks = || operation.before.iter().chain(&operation.after);
    if let Some(hook) = hooks().find(|hook| hook.run == HookRun::Running) {
        return Some(format!("{} hook {} still runs", hook.event, hook.words()));
    }
    let terminating = |hook: &&HookView<'_>| {
        hook.live.found().is_some_and(|object| object.pointer("/metadata/deletionTimestamp").is_some())
    };
    if let Some(hook) = hooks().find(terminating) {
        return Some(format!("the {} of a hook is still being deleted", hook.words()));
    }
    if may_wait_for_jobs(case, operation)
        && let Some(job) =
            case.objects.iter().find(|object| object.new.is_some() && object.kind == "Job" && object.waits_for_job())
    {
        return Some(format!("{} hasn't ended, and Helm may have been told to wait for jobs", job.words()));
    }
    if !matches!(operation.phase, Phase::Wait) {
        return None;
    }
    let waiting = case.objects.iter().filter(|object| object.new.is_some() && object.is_ready() != Some(true));
    let waiting = waiting.filter(|object| !matches!(object.live, Live::Absent)).map(|object| {
        format!("{} isn't ready: {}", object.words(), object.waits_for().unwrap_or("whether it is can't be seen"))
    });
    let going = case.objects.iter().filter(|object| object.new.is_none() && object.live.found().is_some());
    let going = going.map(|object| format!("{} is being deleted and still there", object.words()));
    let mut all = waiting.chain(going);
    let first = all.next()?;
    Some(match all.count() {
        0 => first,
        more => format!("{first} (and {more} more)"),
    })
}

/// Whether waiting may be all that is left: not once the old revision is superseded.
fn may_wait_for_jobs(case: &Case<'_>, operation: &Operation<'_>) -> bool {
    match operation.phase {
        Phase::Wait | Phase::Supersede => true,
        Phase::FinalWrite => case.kind == OperationKind::Install,
        _ => false,
    }
}

fn judge<'a>(case: &Case<'a>, operation: &Operation<'a>, sign: &Sign) -> Liveness {
    let now = case.seen.at;
    let quiet = now.duration_since(sign.at);
    if operation.phase == Phase::Unknown {
        let reasons = vec![format!("how far the operation came can't be seen: {}", operation.because)];
        return Liveness::new(LivenessVerdict::Unknown, reasons);
    }
    if let Some(what) = held_up(case, operation) {
        let until = sign.at.checked_add(DEFAULT_TIMEOUT).ok();
        let over = until.is_some_and(|until| until < now);
        let reasons = vec![
            what,
            if over {
                "Helm's default timeout of 5m is over, but a longer one may have been given; the record doesn't hold it"
                    .to_owned()
            } else {
                "a Helm that waits leaves no trace until its timeout (5m unless told otherwise)".to_owned()
            },
        ];
        let mut judged = Liveness::new(LivenessVerdict::Possible, reasons);
        judged.until = until.filter(|_| !over);
        judged.would_change.push("that it ends: a live Helm then goes on within seconds".to_owned());
        judged.would_change.push("knowing that the job or terminal that ran Helm has ended".to_owned());
        return judged;
    }
    let pace = pace(case, operation, sign);
    let quiet_words = format!("{} {} ago", sign.what, age(quiet));
    let doing = match operation.phase {
        Phase::PreHooks | Phase::PostHooks => "a live Helm would run the next hook or record its failure",
        Phase::Apply => "a live Helm would go on writing objects",
        Phase::Prune => "a live Helm would go on deleting objects",
        Phase::Wait | Phase::Supersede => "nothing is left to wait for: a live Helm would write the records",
        Phase::FinalWrite => "one write is missing, which a live Helm makes at once",
        Phase::Purge => "a live Helm would delete the records",
        Phase::Done | Phase::Unknown => "a live Helm would go on",
    };
    let bound = format!("{doing} within {}: {}", age(pace.bound), pace.words);
    let until = sign.at.checked_add(pace.bound).ok();
    let mut judged = if quiet > pace.bound {
        Liveness::new(LivenessVerdict::Stale, vec![format!("last trace: {quiet_words}"), bound])
    } else {
        let mut judged = Liveness::new(LivenessVerdict::Possible, vec![format!("last trace: {quiet_words}"), bound]);
        judged.would_change.push("no further write by then".to_owned());
        judged
    };
    judged.until = until.filter(|until| *until >= now);
    if judged.verdict == LivenessVerdict::Stale {
        judged
            .would_change
            .push("any write by Helm; a stopped process that is continued looks like this, too".to_owned());
    }
    judged.reasons.extend(pace.unknown);
    judged
}

/// Whether times in the records are of the server's clock.
pub(super) fn own_clock(driver: Driver) -> bool {
    driver != Driver::Sql
}

#[cfg(test)]
mod tests;
