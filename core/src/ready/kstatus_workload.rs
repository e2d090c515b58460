//! kstatus' rules for the kinds that have replicas (cli-utils 1.2.2 `pkg/kstatus/status/core.go`).

use serde_json::Value;

use super::fields::{conditions, int_or, strict_int, text_or};
use super::kstatus::{Computed, Status, in_progress};

/// What the controller leaves a Deployment at that has no progress deadline (`core.go:deploymentConditions`).
const NO_DEADLINE: i64 = i32::MAX as i64;

/// Finds the first count that is too small; gives what is missing.
fn too_few(want: i64, counts: &[(i64, &str)]) -> Option<String> {
    counts.iter().find(|(count, _)| want > *count).map(|(count, word)| format!("{count} of {want} pods {word}"))
}

fn surplus(replicas: i64, want: i64) -> String {
    match replicas.saturating_sub(want) {
        1 => "1 pod more than wanted, waiting for its end".to_owned(),
        more => format!("{more} pods more than wanted, waiting for their end"),
    }
}

/// `core.go:deploymentConditions`.
pub(super) fn deployment(deployment: &Value) -> Computed {
    let mut progressing = int_or(deployment, "spec.progressDeadlineSeconds", NO_DEADLINE) == NO_DEADLINE;
    let mut is_available = false;
    for condition in conditions(deployment)? {
        match condition.kind {
            "Progressing" if condition.reason == "ProgressDeadlineExceeded" => {
                return Ok(Status::Failed(condition.says()));
            }
            "Progressing" if condition.status == "True" && condition.reason == "NewReplicaSetAvailable" => {
                progressing = true;
            }
            "Available" if condition.status == "True" => is_available = true,
            _ => {}
        }
    }
    let count = |name: &str| int_or(deployment, &format!("status.{name}"), 0);
    let want = int_or(deployment, "spec.replicas", 1);
    let (replicas, updated) = (count("replicas"), count("updatedReplicas"));
    if let Some(why) = too_few(want, &[(replicas, "created"), (updated, "updated")]) {
        return in_progress(why);
    }
    if replicas > want {
        return in_progress(surplus(replicas, want));
    }
    let missing = too_few(updated, &[(count("availableReplicas"), "available")])
        .or_else(|| too_few(want, &[(count("readyReplicas"), "ready")]));
    match missing {
        Some(why) => in_progress(why),
        None if !progressing => in_progress("its newest ReplicaSet is not available"),
        None if !is_available => in_progress("not available"),
        None => Ok(Status::Current),
    }
}

/// `core.go:stsConditions`.
pub(super) fn stateful_set(set: &Value) -> Computed {
    if text_or(set, "spec.updateStrategy.type", "") == "OnDelete" {
        return Ok(Status::Current);
    }
    let count = |name: &str| int_or(set, &format!("status.{name}"), 0);
    let want = int_or(set, "spec.replicas", 1);
    let replicas = count("replicas");
    if let Some(why) = too_few(want, &[(replicas, "created"), (count("readyReplicas"), "ready")]) {
        return in_progress(why);
    }
    if replicas > want {
        return in_progress(surplus(replicas, want));
    }
    let partition = int_or(set, "spec.updateStrategy.rollingUpdate.partition", -1);
    let updated = count("updatedReplicas");
    if partition != -1 {
        let missing = too_few(want.saturating_sub(partition), &[(updated, "updated")]);
        return missing.map_or(Ok(Status::Current), in_progress);
    }
    if let Some(why) = too_few(want, &[(count("currentReplicas"), "of the current revision")]) {
        return in_progress(why);
    }
    if text_or(set, "status.currentRevision", "") != text_or(set, "status.updateRevision", "") {
        return in_progress("not all pods are of the newest revision");
    }
    Ok(Status::Current)
}

/// `core.go:daemonsetConditions,checkGenerationSet`.
pub(super) fn daemon_set(daemons: &Value) -> Computed {
    for path in ["metadata.generation", "status.observedGeneration"] {
        if strict_int(daemons, path)?.is_none() {
            return in_progress("not seen by its controller yet");
        }
    }
    let count = |name: &str, default| int_or(daemons, &format!("status.{name}"), default);
    let want = count("desiredNumberScheduled", -1);
    if want == -1 {
        return in_progress("not seen by its controller yet");
    }
    let counts = [
        (count("currentNumberScheduled", 0), "scheduled"),
        (count("updatedNumberScheduled", 0), "updated"),
        (count("numberAvailable", 0), "available"),
        (count("numberReady", 0), "ready"),
    ];
    too_few(want, &counts).map_or(Ok(Status::Current), in_progress)
}

/// `core.go:replicasetConditions`.
pub(super) fn replica_set(set: &Value) -> Computed {
    if let Some(failure) = conditions(set)?.into_iter().find(|c| c.is("ReplicaFailure", "True")) {
        return in_progress(failure.says());
    }
    let count = |name: &str| int_or(set, &format!("status.{name}"), 0);
    let want = int_or(set, "spec.replicas", 1);
    let counts = [
        (count("fullyLabeledReplicas"), "labelled"),
        (count("availableReplicas"), "available"),
        (count("readyReplicas"), "ready"),
    ];
    if let Some(why) = too_few(want, &counts) {
        return in_progress(why);
    }
    let replicas = count("replicas");
    if replicas > want { in_progress(surplus(replicas, want)) } else { Ok(Status::Current) }
}
