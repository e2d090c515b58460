//! Whether a hook's object has come to its end.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::fields::{Condition, at, conditions, text_or, time};
use super::kind::Kind;
use crate::report::shortened;

/// Where a hook's live object stands. A hook object that is gone counts as succeeded in Helm 3 (a deletion seen during the
/// watch), and is the caller's to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum HookState {
    /// A Job or Pod that hasn't ended: Helm would still wait for it.
    Running,
    /// A Job that is complete or a Pod that succeeded.
    Succeeded {
        /// When it ended, if it tells.
        at: Option<Timestamp>,
    },
    /// A Job or Pod that failed.
    Failed {
        /// What failed, short.
        why: String,
        /// When it ended, if it tells.
        at: Option<Timestamp>,
    },
    /// An object of another kind: Helm goes on as soon as it is created.
    Done,
}

impl HookState {
    /// When the hook ended, by the server's clock, if it has and tells.
    pub fn ended(&self) -> Option<Timestamp> {
        match self {
            Self::Succeeded { at } | Self::Failed { at, .. } => *at,
            Self::Running | Self::Done => None,
        }
    }
}

/// Takes a hook's live object; gives where it stands for both Helms (Helm 3.22.0
/// `pkg/kube/client.go:watchUntilReady,waitForJob,waitForPodSuccess`; Helm 4.3.1 `pkg/kube/statuswait.go:WatchUntilReady`,
/// `internal/statusreaders/{job,pod}_status_reader.go`).
///
/// A kind of another group that is called Job or Pod is done at once in Helm 4; Helm 3 ends with an error on it.
pub fn hook_done(object: &Value) -> HookState {
    match Kind::of_group(object) {
        Kind::Job => job(object),
        Kind::Pod => pod(object),
        _ => HookState::Done,
    }
}

fn job(job: &Value) -> HookState {
    let ends = |c: &Condition<'_>| c.is("Complete", "True") || c.is("Failed", "True");
    // Conditions that can't be read say nothing to either Helm: it waits.
    let end = conditions(job).ok().and_then(|all| all.into_iter().find(ends));
    let Some(end) = end else { return HookState::Running };
    let turned = time(end.whole, "lastTransitionTime");
    if end.kind == "Complete" {
        return HookState::Succeeded { at: time(job, "status.completionTime").or(turned) };
    }
    HookState::Failed { why: end.says(), at: turned }
}

fn pod(pod: &Value) -> HookState {
    match text_or(pod, "status.phase", "") {
        "Succeeded" => HookState::Succeeded { at: finished(pod) },
        "Failed" => HookState::Failed { why: pod_failure(pod), at: finished(pod) },
        _ => HookState::Running,
    }
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["status.initContainerStatuses", "status.containerStatuses"];
    lists.into_iter().filter_map(|path| at(pod, path)?.as_array()).flatten()
}

/// When the last container ended; for a Pod that was evicted, when it stopped being ready.
fn finished(pod: &Value) -> Option<Timestamp> {
    let ends = containers(pod).filter_map(|one| time(one, "state.terminated.finishedAt")).max();
    let ready = || conditions(pod).ok()?.into_iter().find(|c| c.kind == "Ready").map(|c| c.whole);
    ends.or_else(|| time(ready()?, "lastTransitionTime"))
}

fn pod_failure(pod: &Value) -> String {
    let exit = |one: &Value| {
        let code = at(one, "state.terminated.exitCode")?.as_i64().filter(|code| *code != 0)?;
        Some(format!("container {} ended with {code}", text_or(one, "name", "?")))
    };
    let why = match (text_or(pod, "status.reason", ""), text_or(pod, "status.message", "")) {
        ("", "") => containers(pod).find_map(exit).unwrap_or_else(|| "the pod failed".to_owned()),
        (one, "") | ("", one) => one.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    };
    shortened(&why, 160)
}
