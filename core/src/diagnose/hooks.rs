//! What became of each hook of the operation.
//!
//! The record lags (it says `Running` before the object exists, and `Succeeded` only with the next record write), so the live
//! object decides, and the record only where the object is gone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::case::{Case, text, time};
use crate::manifest::ManifestObject;
use crate::observe::{Live, OperationKind};
use crate::ready::{HookState as Ended, hook_done};
use crate::record::{Hook, LastRun, Status};
use crate::report::age;

/// What became of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookRun {
    /// It wasn't started by this operation.
    NeverRan,
    /// Its object still runs.
    Running,
    /// It did its work.
    Succeeded,
    /// It didn't.
    Failed,
    /// It was started, and its object isn't there: deleted after its end by its policy or its time to live, or never created.
    Gone,
    /// Its object isn't there, and something that comes after it in Helm's order was done, so it did its work.
    Passed,
    /// It can't be told.
    Unknown,
}

/// A hook of the operation.
#[derive(Debug, Clone)]
pub struct HookView<'a> {
    /// The hook, as the record holds it.
    pub hook: &'a Hook,
    /// Its object, as the record holds it.
    pub object: Option<&'a ManifestObject>,
    /// Its object, as it is.
    pub live: Live<'a>,
    /// When it runs, such as `pre-upgrade`.
    pub event: String,
    /// What became of it.
    pub run: HookRun,
    /// Why it failed.
    pub why: Option<String>,
    /// When its object was created, if it is there and of this operation.
    pub started: Option<Timestamp>,
    /// When its object ended.
    pub ended: Option<Timestamp>,
    /// Whether the record says that this operation started it.
    pub recorded: bool,
    /// When its object was made, in this operation and in earlier attempts at it, as far as the object and the events about its
    /// forerunners tell; oldest first.
    pub runs: Vec<Run>,
}

/// One time that a hook's object was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Run {
    /// When, or the first event about it.
    pub at: Timestamp,
    /// Whether that was before this operation began, in an attempt that failed or whose record is gone.
    pub earlier: bool,
}

impl HookView<'_> {
    /// Its name for people: `job/web-migrate`.
    pub fn words(&self) -> String {
        format!("{}/{}", self.hook.kind.to_lowercase(), self.hook.name)
    }

    /// How often it ran, where that is more than this operation runs it by itself.
    pub fn ran_again(&self, now: Timestamp) -> Option<String> {
        let events = |hook: &Hook| hook.events.iter().filter(|event| stem(event) == stem(&self.event)).count();
        let here = self.runs.iter().filter(|run| !run.earlier).count();
        if self.runs.len() == here && here <= events(self.hook).max(1) {
            return None;
        }
        let ago = |run: &Run| {
            format!(
                "{} ago{}",
                age(now.duration_since(run.at)),
                if run.earlier { ", in an earlier attempt" } else { "" }
            )
        };
        let times = match self.runs.len() {
            1 => "once".to_owned(),
            2 => "twice".to_owned(),
            more => format!("{more} times"),
        };
        Some(format!("ran {times}: {}", self.runs.iter().map(ago).collect::<Vec<_>>().join("; ")))
    }

    /// Whether the operation went past it.
    pub fn is_done(&self) -> bool {
        matches!(self.run, HookRun::Succeeded | HookRun::Passed)
    }
}

/// Takes a case; gives the hooks before and after the operation's own work, each in the order in which Helm runs them.
pub fn hooks<'a>(case: &Case<'a>) -> (Vec<HookView<'a>>, Vec<HookView<'a>>) {
    let word = match case.kind {
        OperationKind::Uninstall => "delete",
        OperationKind::None => return (Vec::new(), Vec::new()),
        other => other.as_str(),
    };
    let of = |event: String| {
        let hooks = case.newest.map(|newest| newest.hooks_of(&event)).unwrap_or_default();
        hooks.into_iter().map(|(hook, object)| view(case, hook, object, &event)).collect::<Vec<_>>()
    };
    let (mut before, mut after) = (of(format!("pre-{word}")), of(format!("post-{word}")));
    passed(&mut before, case.objects.iter().any(|object| object.touched));
    let started = after.iter().any(|hook| hook.recorded || !matches!(hook.run, HookRun::NeverRan | HookRun::Unknown));
    passed(&mut before, started);
    passed(&mut after, false);
    (before, after)
}

fn view<'a>(case: &Case<'a>, hook: &'a Hook, object: Option<&'a ManifestObject>, event: &str) -> HookView<'a> {
    let live =
        object.map_or_else(|| Live::Unknown("the record's hook can't be read".to_owned()), |o| case.seen.live(o));
    let recorded = started_by_this(case, &hook.last_run);
    let mut view = HookView {
        hook,
        object,
        live,
        event: event.to_owned(),
        run: HookRun::Unknown,
        why: None,
        started: None,
        ended: None,
        recorded,
        runs: object.map(|object| runs(case, object)).unwrap_or_default(),
    };
    match view.live.clone() {
        Live::Found(value) => {
            let created = time(value, "/metadata/creationTimestamp");
            let older = matches!((created, case.began), (Some(created), Some(began)) if created < began);
            if older {
                // An earlier operation left it, and this one hasn't got to it.
                view.run = HookRun::NeverRan;
                return view;
            }
            let state = hook_done(value);
            (view.started, view.ended) = (created, state.ended());
            (view.run, view.why) = match state {
                Ended::Running => (HookRun::Running, None),
                Ended::Succeeded { .. } | Ended::Done => (HookRun::Succeeded, None),
                Ended::Failed { why, .. } => (HookRun::Failed, Some(why)),
            };
        }
        Live::Absent => {
            view.run = match (recorded, hook.last_run.phase.as_str()) {
                (true, "Succeeded") => HookRun::Succeeded,
                (true, "Failed") => HookRun::Failed,
                (true, _) if vanishes(hook, object) => HookRun::Gone,
                // Helm writes `Running` before it creates the object, and nothing deletes this one: it was never created.
                _ => HookRun::NeverRan,
            };
        }
        Live::Unknown(_) => {
            view.run = match (recorded, hook.last_run.phase.as_str()) {
                (true, "Succeeded") => HookRun::Succeeded,
                (false, _) => HookRun::NeverRan,
                (true, _) => HookRun::Unknown,
            };
        }
    }
    view
}

/// Every object of this name that was made: what is deleted and made anew has another uid, and events keep the old one for an hour.
fn runs(case: &Case<'_>, object: &ManifestObject) -> Vec<Run> {
    let namespace = object.namespace.as_deref().unwrap_or(&case.seen.id.namespace);
    let mut made: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for event in case.events_of(&object.kind, namespace, &object.name) {
        let uid = text(event, "/involvedObject/uid");
        let first = ["/firstTimestamp", "/eventTime", "/metadata/creationTimestamp"];
        if let (Some(at), false) = (first.into_iter().find_map(|pointer| time(event, pointer)), uid.is_empty()) {
            made.entry(uid).and_modify(|known| *known = at.min(*known)).or_insert(at);
        }
    }
    if let Some(live) = case.seen.live(object).found()
        && let Some(at) = time(live, "/metadata/creationTimestamp")
    {
        made.insert(text(live, "/metadata/uid"), at);
    }
    let began = match case.kind {
        OperationKind::Uninstall => case.newest.and_then(|newest| newest.release.info.deleted.as_ref()).map(|at| at.at),
        _ => case.began,
    };
    let earlier = |at: Timestamp| began.is_some_and(|began| at < began);
    let runs = made.into_values().map(|at| Run { at, earlier: earlier(at) });
    let mut runs: Vec<Run> = runs.filter(|run| !run.earlier || same_move(case, run.at)).collect();
    runs.sort();
    runs
}

/// Whether what happened then was of an earlier attempt at this operation: one that failed, or whose record is gone. What the
/// revision before it did when it was deployed is none.
fn same_move(case: &Case<'_>, at: Timestamp) -> bool {
    let Some(base) = case.base.filter(|_| case.kind != OperationKind::Uninstall) else { return true };
    let between = case.seen.history.records().iter().filter(|record| record.revision() > Some(base.opened.revision));
    let failed = between.rev().skip(1).filter_map(|record| record.created).min();
    let deployed = base.meta.written.filter(|_| base.status() == Status::Deployed);
    [failed, deployed].into_iter().flatten().any(|since| since <= at)
}

/// `upgrade` of `pre-upgrade`.
fn stem(event: &str) -> &str {
    event.split_once('-').map_or(event, |(_, stem)| stem)
}

/// Whether the record's times are of this operation: a rollback copies those of its target. Both are of Helm's own clock.
fn started_by_this(case: &Case<'_>, run: &LastRun) -> bool {
    let began = case.newest.and_then(|newest| match case.kind {
        OperationKind::Uninstall => newest.release.info.deleted.as_ref(),
        _ => newest.release.info.last_deployed.as_ref(),
    });
    match (&run.started_at, began) {
        (Some(started), Some(began)) => started.at >= began.at,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// Whether a hook's object goes away once it has ended, by itself or by Helm.
fn vanishes(hook: &Hook, object: Option<&ManifestObject>) -> bool {
    let lives = object.and_then(|object| object.value.pointer("/spec/ttlSecondsAfterFinished"));
    lives.is_some() || hook.delete_policies.iter().any(|policy| policy.as_str() != "before-hook-creation")
}

/// Hooks run one after another: one that was started and isn't there is done, if anything that comes after it was done.
fn passed(hooks: &mut [HookView<'_>], all: bool) {
    let begun = |hook: &HookView<'_>| hook.recorded || !matches!(hook.run, HookRun::NeverRan | HookRun::Unknown);
    let last = hooks.iter().rposition(begun);
    for (place, hook) in hooks.iter_mut().enumerate() {
        let after = all || last.is_some_and(|last| place < last);
        let unseen =
            matches!(hook.run, HookRun::Unknown | HookRun::Gone) || hook.run == HookRun::NeverRan && hook.recorded;
        if after && unseen {
            hook.run = HookRun::Passed;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::diagnose::causes::api_tests::{Stage, ago, now};

    fn job() -> Value {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"}})
    }

    fn made(uid: &str, seconds: i64) -> Value {
        json!({
            "metadata": {"name": uid, "namespace": "ns"}, "reason": "SuccessfulCreate",
            "involvedObject": {"kind": "Job", "namespace": "ns", "name": "migrate", "uid": uid},
            "firstTimestamp": ago(seconds).to_string(), "lastTimestamp": ago(seconds - 1).to_string(),
        })
    }

    /// What is said of the hook of an upgrade that began two hours ago, after a revision that was deployed a day ago.
    fn said(stage: Stage, events: &[Value]) -> Option<String> {
        let seen = stage.hook("pre-upgrade", &job()).events(events).seen();
        let case = Case::new(&seen);
        hooks(&case).0[0].ran_again(now())
    }

    #[test]
    fn one_that_ran_once_ran_as_it_should() {
        assert_eq!(said(Stage::open(), &[]), None);
        assert_eq!(said(Stage::open(), &[made("one", 7190), made("one", 7000)]), None);
        let mut live = job();
        live["metadata"] =
            json!({"name": "migrate", "namespace": "ns", "uid": "one", "creationTimestamp": ago(7191).to_string()});
        assert_eq!(said(Stage::open().there(live), &[made("one", 7190)]), None);
        // What made the revision before it is no attempt at this one.
        assert_eq!(said(Stage::open(), &[made("one", 90_001), made("two", 7190)]), None);
    }

    #[test]
    fn one_that_ran_twice_is_told() {
        let twice = said(Stage::open(), &[made("one", 7190), made("two", 7100)]);
        assert_eq!(twice.as_deref(), Some("ran twice: 119m ago; 118m ago"));
        // Its record was deleted by hand, and the upgrade begun anew.
        let before = said(Stage::open(), &[made("one", 7800), made("two", 7190)]);
        assert_eq!(before.as_deref(), Some("ran twice: 130m ago, in an earlier attempt; 119m ago"));
        let only = said(Stage::open(), &[made("one", 7800)]);
        assert_eq!(only.as_deref(), Some("ran once: 130m ago, in an earlier attempt"));
    }

    #[test]
    fn one_for_two_events_runs_twice_by_itself() {
        let stage = || Stage::open().hook("pre-upgrade", &job());
        let both = |stage: Stage| stage.newest(|newest| newest.release.hooks[0].events.push("post-upgrade".to_owned()));
        let seen = both(stage()).events(&[made("one", 7190), made("two", 7100)]).seen();
        assert_eq!(hooks(&Case::new(&seen)).0[0].ran_again(now()), None);
    }
}
