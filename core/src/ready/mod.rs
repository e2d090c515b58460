//! Whether live objects are ready, as Helm 3 and as Helm 4 judge it in `--wait`, and how far their rollouts have come.
//!
//! Takes objects as the API server gives them; gives verdicts. Helm 3 reads typed objects and asks each kind's counts
//! (`helm3`); Helm 4 asks kstatus (`helm4`, `kstatus`). The two differ: Helm 3 lets `maxUnavailable` pods be missing and
//! waits for ever for a crash loop, Helm 4 wants every pod and knows failure. Where a Helm's code would answer with an error
//! the verdict says what its wait makes of that.

mod bound;
mod fields;
mod helm3;
mod helm4;
mod hook;
mod kind;
mod kstatus;
mod kstatus_workload;
mod needs;
mod progress;
mod quantity;
mod selector;
mod since;
mod template;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

pub use hook::{HookState, hook_done};
pub use needs::{Needs, children_needed};
pub use progress::{Pace, Progress};
pub use since::ready_since;

/// What a Helm that waits for an object would do. The texts are short and say what is missing: "1 of 3 pods ready". They may
/// hold other people's words, which are cut and on one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "why", rename_all = "lowercase")]
pub enum Verdict {
    /// It would wait no longer for this object.
    Ready,
    /// It would go on waiting, until its timeout.
    Waiting(String),
    /// It would give up: Helm 3 after some tries, Helm 4 as soon as all other objects are ready or failed too.
    Failed(String),
    /// It can't be told: something that decides wasn't read, or isn't what the API says it is.
    Unknown(String),
}

impl Verdict {
    /// Whether the object is ready for certain.
    pub fn is_ready(&self) -> bool {
        *self == Self::Ready
    }

    /// What is missing, wrong or not known; nothing if it is ready.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Ready => None,
            Self::Waiting(why) | Self::Failed(why) | Self::Unknown(why) => Some(why),
        }
    }
}

/// What each Helm makes of an object. The verdicts with `--wait-for-jobs` differ from those without for Jobs alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Helm 3 with `--wait`; Helm 4 with `--wait=legacy`.
    pub helm3: Verdict,
    /// Helm 4 with `--wait` or `--wait=watcher`.
    pub helm4: Verdict,
    /// Helm 3 with `--wait --wait-for-jobs`.
    pub helm3_for_jobs: Verdict,
    /// Helm 4 with `--wait --wait-for-jobs`.
    pub helm4_for_jobs: Verdict,
    /// How far it has come, if it is a workload.
    pub progress: Option<Progress>,
}

/// What was read of an object's namespace to judge it; see [`children_needed`]. More than the object's own may be in it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Children<'a> {
    /// ReplicaSets; nothing if they weren't or couldn't be read.
    pub replica_sets: Option<&'a [Value]>,
    /// Pods; nothing if they weren't or couldn't be read.
    pub pods: Option<&'a [Value]>,
}

/// Takes a live Deployment and ReplicaSets that were read; gives the one of its present pod template, if there is one yet and the
/// Deployment's selector can be read.
pub fn replica_set_of<'a>(deployment: &Value, sets: &'a [Value]) -> Option<&'a Value> {
    template::newest_replica_set(deployment, sets).ok().flatten()
}

/// Takes a live object, what was read of its children, and the server's time; gives what both Helms make of it.
///
/// An object that isn't there is the caller's to tell: both Helms wait for it until their timeout.
pub fn ready(object: &Value, children: &Children<'_>, now: Timestamp) -> Readiness {
    if !object.is_object() {
        let unknown = Verdict::Unknown("it is no object".to_owned());
        let [helm3, helm4, helm3_for_jobs] = [unknown.clone(), unknown.clone(), unknown.clone()];
        return Readiness { helm3, helm4, helm3_for_jobs, helm4_for_jobs: unknown, progress: None };
    }
    Readiness {
        helm3: helm3::verdict(object, children, false),
        helm4: helm4::verdict(object, children, false, now),
        helm3_for_jobs: helm3::verdict(object, children, true),
        helm4_for_jobs: helm4::verdict(object, children, true, now),
        progress: progress::of(object, &selector::own_pods(object, children)),
    }
}

#[cfg(test)]
mod tests;
