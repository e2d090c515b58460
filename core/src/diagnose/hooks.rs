//! What became of each hook of the operation.
//!
//! The record lags (it says `Running` before the object exists, and `Succeeded` only with the next record write), so the live
//! object decides, and the record only where the object is gone.

use jiff::Timestamp;
use serde::Serialize;

use super::case::{Case, time};
use crate::manifest::ManifestObject;
use crate::observe::{Live, OperationKind};
use crate::ready::{HookState as Ended, hook_done};
use crate::record::{Hook, LastRun};

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
}

impl HookView<'_> {
    /// Its name for people: `job/web-migrate`.
    pub fn words(&self) -> String {
        format!("{}/{}", self.hook.kind.to_lowercase(), self.hook.name)
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
