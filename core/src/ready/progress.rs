//! How far a rollout has come, when it last moved, and whether it is slow or stuck.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::fields::{at, conditions, count, int, int_or, text_or, time};
use super::kind::Kind;
use super::since::status_written;

/// How far the rollout of a workload has come. Counts are pods, for a Pod its containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// How many are wanted: `spec.replicas` of the live object, so what an autoscaler asks for; nodes for a DaemonSet;
    /// completions for a Job.
    pub want: u64,
    /// How many are of the newest template; for a Job, how many were started and haven't failed.
    pub updated: u64,
    /// How many are ready, of any template; for a Job, how many succeeded.
    pub ready: u64,
    /// How many have been ready for `minReadySeconds`; for a Job, how many succeeded.
    pub available: u64,
    /// Whether the controller has seen the newest change of the spec; if not, the counts tell of the one before.
    pub observed: bool,
    /// How often containers of the pods that were read started anew.
    pub restarts: u64,
    /// How long the controller waits for the next step before it calls the rollout stuck: a Deployment's
    /// `progressDeadlineSeconds`, and Kubernetes' default of it (10 min) for all others.
    pub patience: SignedDuration,
    /// Whether a Deployment's controller has called the rollout stuck (`ProgressDeadlineExceeded`), or a Job has failed.
    pub given_up: bool,
    /// When the rollout last made a step, as far as the objects that were read tell. A restart is none.
    pub last_moved: Option<Timestamp>,
}

/// Whether a rollout gets on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pace {
    /// All that is wanted is there.
    Complete,
    /// Slow or not, it made a step within its patience.
    Moving,
    /// No step for longer than its patience, or its controller has given up.
    Stuck,
    /// No time tells.
    Unknown,
}

/// Kubernetes' default for `progressDeadlineSeconds` (Kubernetes 1.35 `pkg/apis/apps/v1/defaults.go:SetDefaults_Deployment`).
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// What stands in `progressDeadlineSeconds` for "no deadline" (Kubernetes 1.35
/// `pkg/controller/deployment/util/deployment_util.go:HasProgressDeadline`).
const NO_DEADLINE: i64 = i32::MAX as i64;

impl Progress {
    /// Whether all that is wanted is updated, ready and available.
    pub fn is_complete(&self) -> bool {
        self.observed && self.updated >= self.want && self.ready >= self.want && self.available >= self.want
    }

    /// Takes the server's time; says whether the rollout gets on. The patience is stretched by a tenth, as controllers look
    /// late and times are whole seconds.
    pub fn pace(&self, now: Timestamp) -> Pace {
        if self.given_up {
            return Pace::Stuck;
        }
        if self.is_complete() {
            return Pace::Complete;
        }
        match self.last_moved {
            None => Pace::Unknown,
            Some(moved) if now.duration_since(moved) <= self.patience + self.patience / 10 => Pace::Moving,
            Some(_) => Pace::Stuck,
        }
    }
}

/// Takes a live object and its pods that were read; gives its progress, if it is of a kind that makes any.
pub(super) fn of(object: &Value, pods: &[&Value]) -> Option<Progress> {
    let status = |name: &str| count(object, &format!("status.{name}"));
    let replicas = || at(object, "spec.replicas").map_or(1, |_| count(object, "spec.replicas"));
    let kind = Kind::typed(object);
    let [want, updated, ready, available] = match kind {
        Kind::Deployment | Kind::StatefulSet => {
            [replicas(), status("updatedReplicas"), status("readyReplicas"), status("availableReplicas")]
        }
        Kind::ReplicaSet | Kind::ReplicationController => {
            [replicas(), status("fullyLabeledReplicas"), status("readyReplicas"), status("availableReplicas")]
        }
        Kind::DaemonSet => [
            status("desiredNumberScheduled"),
            status("updatedNumberScheduled"),
            status("numberReady"),
            status("numberAvailable"),
        ],
        Kind::Job => job(object),
        Kind::Pod => pod(object),
        _ => return None,
    };
    let seen = int(object, "status.observedGeneration").ok() == int(object, "metadata.generation").ok();
    let given_up = given_up(object);
    let mut progress = Progress {
        want,
        updated,
        ready,
        available,
        observed: seen || matches!(kind, Kind::Pod | Kind::Job),
        restarts: pods.iter().copied().map(restarts).fold(0, u64::saturating_add),
        patience: patience(object),
        given_up,
        last_moved: None,
    };
    if kind == Kind::Pod {
        progress.restarts = restarts(object);
    }
    progress.last_moved = last_moved(kind, object, pods, &progress);
    Some(progress)
}

fn job(job: &Value) -> [u64; 4] {
    let number = |path: &str| at(job, path).and_then(Value::as_u64);
    let want = number("spec.completions").or_else(|| number("spec.parallelism")).unwrap_or(1);
    let succeeded = count(job, "status.succeeded");
    [want, succeeded.saturating_add(count(job, "status.active")), succeeded, succeeded]
}

/// Containers; all that ended as they should if the Pod is over.
fn pod(pod: &Value) -> [u64; 4] {
    let containers = |path: &str| at(pod, path).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let statuses = containers("status.containerStatuses");
    let number = |test: &dyn Fn(&Value) -> bool| statuses.iter().filter(|one| test(one)).count() as u64;
    let over = text_or(pod, "status.phase", "") == "Succeeded";
    let started = number(&|one| at(one, "state.running").is_some() || at(one, "state.terminated").is_some());
    let ready = number(&|one| over || at(one, "ready").and_then(Value::as_bool) == Some(true));
    [containers("spec.containers").len() as u64, started, ready, ready]
}

fn restarts(pod: &Value) -> u64 {
    let statuses = at(pod, "status.containerStatuses").and_then(Value::as_array);
    statuses.into_iter().flatten().map(|one| count(one, "restartCount")).fold(0, u64::saturating_add)
}

fn patience(object: &Value) -> SignedDuration {
    match int_or(object, "spec.progressDeadlineSeconds", NO_DEADLINE) {
        seconds @ 1..NO_DEADLINE => SignedDuration::from_secs(seconds),
        _ => PATIENCE,
    }
}

fn given_up(object: &Value) -> bool {
    conditions(object).is_ok_and(|all| {
        all.iter().any(|c| match Kind::typed(object) {
            Kind::Deployment => c.kind == "Progressing" && c.reason == "ProgressDeadlineExceeded",
            Kind::Job => c.is("Failed", "True"),
            _ => false,
        })
    })
}

/// A Deployment tells when it made its last step, or, once it has given up, when the patience since that step was over. Of
/// other workloads the last write of the status tells, of Pods the conditions that came true.
fn last_moved(kind: Kind, object: &Value, pods: &[&Value], progress: &Progress) -> Option<Timestamp> {
    let all = conditions(object).ok();
    let step = match kind {
        Kind::Deployment => {
            let progressing = all.into_iter().flatten().find(|c| c.kind == "Progressing");
            match progressing.and_then(|c| time(c.whole, "lastUpdateTime")) {
                Some(told) if progress.given_up => told.checked_sub(progress.patience).ok(),
                Some(told) => Some(told),
                None => status_written(object),
            }
        }
        Kind::Pod => pod_moved(object),
        _ => status_written(object).max(time(object, "status.startTime")),
    };
    let of_pods = pods.iter().filter_map(|pod| pod_moved(pod)).max();
    step.max(of_pods).max(time(object, "metadata.creationTimestamp"))
}

/// When a Pod last came a step nearer to being ready: created, placed, initialised, ready.
fn pod_moved(pod: &Value) -> Option<Timestamp> {
    let all = conditions(pod).unwrap_or_else(|_| Vec::new());
    let turned = all.iter().filter(|c| c.status == "True").filter_map(|c| time(c.whole, "lastTransitionTime")).max();
    let inits = at(pod, "status.initContainerStatuses").and_then(Value::as_array).into_iter().flatten();
    let ended = inits
        .filter(|one| at(one, "state.terminated.exitCode").and_then(Value::as_i64) == Some(0))
        .filter_map(|one| time(one, "state.terminated.finishedAt"))
        .max();
    turned.max(ended).max(time(pod, "metadata.creationTimestamp"))
}
