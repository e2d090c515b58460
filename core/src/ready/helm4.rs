//! Whether an object is ready as Helm 4 judges it with `--wait=watcher`, which is what a bare `--wait` means there
//! (Helm 4.3.1 `pkg/kube/statuswait.go:Wait,WaitWithJobs`): kstatus, but for three kinds that Helm or its status readers
//! treat in their own way.

use jiff::Timestamp;
use serde_json::Value;

use super::fields::{Fault, conditions, flag, nested, text_or};
use super::kind::{api_version, group, kind};
use super::kstatus::{Status, compute, pod};
use super::selector::{label_selector, selected};
use super::{Children, Verdict};

/// Takes a live object, what was read of its pods, whether Jobs are waited for, and the server's time; gives Helm 4's verdict.
pub(super) fn verdict(object: &Value, children: &Children<'_>, jobs: bool, now: Timestamp) -> Verdict {
    // Paused Deployments are left out of the wait (`statuswait.go:wait`).
    if (api_version(object), kind(object)) == ("apps/v1", "Deployment") && flag(object, "spec.paused") == Ok(true) {
        return Verdict::Ready;
    }
    let judged = match (group(object), kind(object)) {
        (Some("batch"), "Job") if jobs => waited_job(object).map(plain),
        // Its ReplicaSets are asked for by its selector, without which Helm has no status
        // (cli-utils 1.2.2 `pkg/kstatus/polling/statusreaders/deployment.go`).
        (Some("apps"), "Deployment") => by_selector(object).and_then(|()| compute(object, now)).map(plain),
        (Some("apps"), "StatefulSet" | "ReplicaSet") => of_pods(object, children, now),
        _ => compute(object, now).map(plain),
    };
    // An object whose status can't be told has the status Unknown, for which Helm waits until its timeout
    // (cli-utils 1.2.2 `pkg/kstatus/polling/statusreaders/common.go:errResourceToResourceStatus`).
    judged.unwrap_or_else(|Fault(why)| Verdict::Waiting(format!("Helm can't tell its status: {why}")))
}

fn plain(status: Status) -> Verdict {
    match status {
        Status::Current => Verdict::Ready,
        Status::InProgress(why) => Verdict::Waiting(why),
        Status::Failed(why) => Verdict::Failed(why),
        Status::Terminating => Verdict::Waiting("being deleted".to_owned()),
    }
}

/// A Job with `--wait-for-jobs` (Helm 4.3.1 `internal/statusreaders/job_status_reader.go:jobConditions`).
fn waited_job(job: &Value) -> Result<Status, Fault> {
    for condition in conditions(job)? {
        match (condition.kind, condition.status) {
            ("Complete", "True") => return Ok(Status::Current),
            ("Failed", "True") => return Ok(Status::Failed(condition.says())),
            _ => {}
        }
    }
    Ok(Status::InProgress("not complete".to_owned()))
}

/// Whether the selector is there and is one (cli-utils 1.2.2 `pkg/kstatus/polling/statusreaders/common.go:toSelector`).
fn by_selector(workload: &Value) -> Result<(), Fault> {
    if !nested(workload, "spec.selector")?.is_some_and(Value::is_object) {
        return Err(Fault("it has no selector".to_owned()));
    }
    label_selector(workload).map(drop)
}

/// A StatefulSet or ReplicaSet: while it is in progress, a selected Pod that has failed fails it, unless that Pod is being
/// deleted or waits for a node (cli-utils 1.2.2 `pkg/kstatus/polling/statusreaders/pod_controller.go:readStatus`).
fn of_pods(workload: &Value, children: &Children<'_>, now: Timestamp) -> Result<Verdict, Fault> {
    by_selector(workload)?;
    let status = compute(workload, now)?;
    let Status::InProgress(why) = status else { return Ok(plain(status)) };
    let Some(pods) = children.pods else {
        return Ok(Verdict::Unknown(format!("{why}; its pods were not read, so one may have failed")));
    };
    let failed: Vec<&str> = selected(workload, pods)?
        .into_iter()
        .filter(|one| matches!(pod(one, now), Ok(Status::Failed(_))) && !is_unschedulable(one))
        .map(|one| text_or(one, "metadata.name", ""))
        .collect();
    Ok(match failed.as_slice() {
        [] => Verdict::Waiting(why),
        [name] => Verdict::Failed(format!("{why}; pod {name} keeps failing")),
        [name, ..] => Verdict::Failed(format!("{why}; {} pods keep failing, such as {name}", failed.len())),
    })
}

/// `pod_controller.go:isPodUnschedulable`.
fn is_unschedulable(pod: &Value) -> bool {
    conditions(pod).is_ok_and(|all| all.iter().any(|c| c.is("PodScheduled", "False") && c.reason == "Unschedulable"))
}

/// Whether Helm 4's verdict depends on the object's pods. No time decides it.
pub(super) fn wants_pods(object: &Value) -> bool {
    group(object) == Some("apps")
        && matches!(kind(object), "StatefulSet" | "ReplicaSet")
        && matches!(compute(object, Timestamp::UNIX_EPOCH), Ok(Status::InProgress(_)))
}
