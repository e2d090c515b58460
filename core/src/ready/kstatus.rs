//! The status of an object as kstatus computes it (cli-utils 1.2.2 `pkg/kstatus/status/{status,generic,core}.go`), as far as
//! it matters to a wait: its words are ours.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::fields::{Condition, Fault, conditions, nested, strict_int, text_or, time};
use super::kind::Kind;
use super::kstatus_workload as workload;
use crate::report::shortened;

/// What kstatus says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    Current,
    InProgress(String),
    Failed(String),
    Terminating,
}

pub(super) type Computed = Result<Status, Fault>;

pub(super) fn in_progress(why: impl Into<String>) -> Computed {
    Ok(Status::InProgress(why.into()))
}

/// How long a Pod may be without a node before it counts as failed (`core.go:ScheduleWindow`).
const SCHEDULE_WINDOW: SignedDuration = SignedDuration::from_secs(15);

/// Takes a live object and the server's time; gives its status (`status.go:Compute`). A fault is kstatus' error.
pub(super) fn compute(object: &Value, now: Timestamp) -> Computed {
    if let Some(status) = generic(object)? {
        return Ok(status);
    }
    of_kind(object, now)
}

/// Takes a Pod, whose kind may be left out as in a list; gives its status.
pub(super) fn pod(pod: &Value, now: Timestamp) -> Computed {
    match generic(pod)? {
        Some(status) => Ok(status),
        None => pod_rule(pod, now),
    }
}

fn of_kind(object: &Value, now: Timestamp) -> Computed {
    match Kind::of_group(object) {
        Kind::Service => Ok(service(object)),
        Kind::Pod => pod_rule(object, now),
        Kind::Claim => claim(object),
        Kind::StatefulSet => workload::stateful_set(object),
        Kind::DaemonSet => workload::daemon_set(object),
        Kind::Deployment => workload::deployment(object),
        Kind::ReplicaSet => workload::replica_set(object),
        Kind::Job => job(object),
        Kind::Definition => definition(object),
        Kind::AlwaysCurrent => Ok(Status::Current),
        Kind::ReplicationController | Kind::Other => by_ready_condition(object),
    }
}

/// What decides for any kind: deletion, a generation that isn't observed, `Reconciling` and `Stalled`
/// (`generic.go:checkGenericProperties,checkGeneration`).
fn generic(object: &Value) -> Result<Option<Status>, Fault> {
    match nested(object, "metadata.deletionTimestamp")? {
        None => {}
        Some(Value::String(at)) if at.is_empty() => {}
        Some(Value::String(_)) => return Ok(Some(Status::Terminating)),
        Some(_) => return Err(Fault("metadata.deletionTimestamp is not a text".to_owned())),
    }
    if let Some(generation) = strict_int(object, "metadata.generation")?
        && let Some(observed) = strict_int(object, "status.observedGeneration")?
        && observed != generation
    {
        let why = format!("generation {generation} not seen by its controller yet, {observed} was");
        return Ok(Some(Status::InProgress(why)));
    }
    for condition in conditions(object)? {
        match (condition.kind, condition.status) {
            ("Reconciling", "True") => return Ok(Some(Status::InProgress(condition.says()))),
            ("Stalled", "True") => return Ok(Some(Status::Failed(condition.says()))),
            _ => {}
        }
    }
    Ok(None)
}

/// Objects without a rule: the condition `Ready` if there is one, else current (`status.go:checkReadyCondition`).
fn by_ready_condition(object: &Value) -> Computed {
    let known = |c: &Condition<'_>| c.kind == "Ready" && matches!(c.status, "True" | "False" | "Unknown");
    match conditions(object)?.into_iter().find(known) {
        Some(ready) if ready.status != "True" => in_progress(ready.says()),
        _ => Ok(Status::Current),
    }
}

/// `core.go:podConditions`. A Pod that has come to its end is current, whichever end.
fn pod_rule(pod: &Value, now: Timestamp) -> Computed {
    let all = conditions(pod)?;
    match text_or(pod, "status.phase", "") {
        "Succeeded" | "Failed" => Ok(Status::Current),
        "Running" if all.iter().any(|c| c.is("Ready", "True")) => Ok(Status::Current),
        "Running" => match crash_looping(pod)?.as_slice() {
            [] => in_progress("running but not ready"),
            names => Ok(Status::Failed(shortened(&format!("crash loop: {}", names.join(", ")), 160))),
        },
        "Pending" => match all.iter().find(|c| c.is("PodScheduled", "False")) {
            Some(scheduled) if scheduled.reason == "Unschedulable" => {
                let why = if scheduled.message.is_empty() { "no node fits".to_owned() } else { scheduled.says() };
                let young = time(pod, "metadata.creationTimestamp")
                    .is_some_and(|created| now.duration_since(created) < SCHEDULE_WINDOW);
                if young { in_progress(why) } else { Ok(Status::Failed(why)) }
            }
            _ => in_progress("pending"),
        },
        "" => in_progress("not seen by a node yet"),
        _ => Err(Fault("the phase is none that is known".to_owned())),
    }
}

/// The containers that wait for their next start after crashes; init containers aren't looked at
/// (`core.go:getCrashLoopingContainers`).
fn crash_looping(pod: &Value) -> Result<Vec<&str>, Fault> {
    let statuses = match nested(pod, "status.containerStatuses")? {
        None => return Ok(Vec::new()),
        Some(Value::Array(statuses)) => statuses,
        Some(_) => return Err(Fault("status.containerStatuses is not a list".to_owned())),
    };
    let looping = |one: &&Value| text_or(one, "state.waiting.reason", "") == "CrashLoopBackOff";
    Ok(statuses.iter().filter(looping).filter_map(|one| one.get("name")?.as_str()).collect())
}

/// `core.go:serviceConditions`.
fn service(service: &Value) -> Status {
    let balanced = text_or(service, "spec.type", "ClusterIP") == "LoadBalancer";
    if balanced && text_or(service, "spec.clusterIP", "").is_empty() {
        return Status::InProgress("no cluster IP".to_owned());
    }
    Status::Current
}

/// `core.go:pvcConditions`.
fn claim(claim: &Value) -> Computed {
    match text_or(claim, "status.phase", "unknown") {
        "Bound" => Ok(Status::Current),
        _ => in_progress("not bound"),
    }
}

/// `core.go:jobConditions`: a Job that runs is current.
fn job(job: &Value) -> Computed {
    for condition in conditions(job)? {
        match (condition.kind, condition.status) {
            ("Complete", "True") => return Ok(Status::Current),
            ("Failed", "True") => return Ok(Status::Failed(condition.says())),
            _ => {}
        }
    }
    if text_or(job, "status.startTime", "").is_empty() { in_progress("not started") } else { Ok(Status::Current) }
}

/// `core.go:crdConditions`.
fn definition(definition: &Value) -> Computed {
    for condition in conditions(definition)? {
        match (condition.kind, condition.status) {
            ("NamesAccepted", "False") => return Ok(Status::Failed(condition.says())),
            ("Established", "False") if condition.reason != "Installing" => {
                return Ok(Status::Failed(condition.says()));
            }
            ("Established", "True") => return Ok(Status::Current),
            _ => {}
        }
    }
    in_progress("not established")
}
