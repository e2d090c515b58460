//! Tables of rules, one file for each question. Times are minutes after midnight.

mod helm3;
mod helm4;
mod hook;
mod hostile;
mod progress;

use super::*;
use serde_json::json;

/// 10:20 on the day of the tests.
pub(super) fn now() -> Timestamp {
    minute(20)
}

pub(super) fn minute(minute: i64) -> Timestamp {
    let ten: Timestamp = "2026-08-01T10:00:00Z".parse().unwrap();
    ten + jiff::SignedDuration::from_mins(minute)
}

/// An object with a part set at each JSON pointer; `null` takes a field away. Parents are made.
pub(super) fn with(mut object: Value, parts: &[(&str, Value)]) -> Value {
    for (pointer, part) in parts {
        let mut place = &mut object;
        let (parents, last) = pointer.rsplit_once('/').unwrap();
        for key in parents.split('/').skip(1) {
            place = match key.parse::<usize>() {
                Ok(index) => &mut place[index],
                Err(_) => &mut place[key],
            };
        }
        if part.is_null() {
            place.as_object_mut().unwrap().remove(last);
        } else {
            place[last] = part.clone();
        }
    }
    object
}

/// `r` ready, `w` waiting, `f` failed, `u` unknown.
pub(super) fn class(verdict: &Verdict) -> char {
    match verdict {
        Verdict::Ready => 'r',
        Verdict::Waiting(_) => 'w',
        Verdict::Failed(_) => 'f',
        Verdict::Unknown(_) => 'u',
    }
}

pub(super) fn object(api_version: &str, kind: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"name": "x", "namespace": "n", "uid": "u1", "creationTimestamp": "2026-08-01T10:00:00Z"}})
}

pub(super) fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "lastTransitionTime": "2026-08-01T10:05:00Z"})
}

/// A Deployment of 4 replicas, fully rolled out.
pub(super) fn deployment() -> Value {
    with(
        object("apps/v1", "Deployment"),
        &[
            ("/metadata/generation", json!(2)),
            (
                "/spec",
                json!({"replicas": 4, "progressDeadlineSeconds": 600, "selector": {"matchLabels": {"a": "b"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:2"}]}}}),
            ),
            (
                "/status",
                json!({"observedGeneration": 2, "replicas": 4, "updatedReplicas": 4, "readyReplicas": 4,
            "availableReplicas": 4, "conditions": [condition("Available", "True", "MinimumReplicasAvailable"),
                condition("Progressing", "True", "NewReplicaSetAvailable")]}),
            ),
        ],
    )
}

/// The ReplicaSet of a Deployment's template, with so many pods ready.
pub(super) fn newest(deployment: &Value, ready: u64) -> Value {
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"]["pod-template-hash"] = json!("7d9f");
    with(
        object("apps/v1", "ReplicaSet"),
        &[
            ("/metadata/name", json!("x-7d9f")),
            ("/metadata/generation", json!(1)),
            ("/metadata/labels", json!({"a": "b", "pod-template-hash": "7d9f"})),
            ("/metadata/ownerReferences", json!([{"kind": "Deployment", "uid": "u1", "controller": true}])),
            ("/spec", json!({"replicas": 4, "selector": {"matchLabels": {"a": "b"}}, "template": template})),
            (
                "/status",
                json!({"observedGeneration": 1, "replicas": 4, "readyReplicas": ready, "availableReplicas": ready,
            "fullyLabeledReplicas": 4}),
            ),
        ],
    )
}

pub(super) fn stateful_set() -> Value {
    with(
        object("apps/v1", "StatefulSet"),
        &[
            ("/metadata/generation", json!(3)),
            (
                "/spec",
                json!({"replicas": 3, "selector": {"matchLabels": {"a": "b"}},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}}),
            ),
            (
                "/status",
                json!({"observedGeneration": 3, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 3,
            "availableReplicas": 3, "currentReplicas": 3, "currentRevision": "x-1", "updateRevision": "x-1"}),
            ),
        ],
    )
}

pub(super) fn daemon_set() -> Value {
    with(
        object("apps/v1", "DaemonSet"),
        &[
            ("/metadata/generation", json!(1)),
            (
                "/spec",
                json!({"selector": {"matchLabels": {"a": "b"}},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}}),
            ),
            (
                "/status",
                json!({"observedGeneration": 1, "desiredNumberScheduled": 3, "currentNumberScheduled": 3,
            "updatedNumberScheduled": 3, "numberReady": 3, "numberAvailable": 3}),
            ),
        ],
    )
}

pub(super) fn replica_set() -> Value {
    with(newest(&deployment(), 4), &[("/metadata/ownerReferences", Value::Null)])
}

pub(super) fn pod(name: &str, phase: &str, ready: &str) -> Value {
    with(
        object("v1", "Pod"),
        &[
            ("/metadata/name", json!(name)),
            ("/metadata/labels", json!({"a": "b"})),
            ("/spec", json!({"containers": [{"name": "c", "image": "i"}]})),
            (
                "/status",
                json!({"phase": phase, "conditions": [condition("Ready", ready, "")],
            "containerStatuses": [{"name": "c", "ready": ready == "True", "restartCount": 0, "state": {"running": {}}}]}),
            ),
        ],
    )
}

pub(super) fn crash_looping(name: &str) -> Value {
    with(
        pod(name, "Running", "False"),
        &[
            ("/status/containerStatuses/0/state", json!({"waiting": {"reason": "CrashLoopBackOff"}})),
            ("/status/containerStatuses/0/restartCount", json!(4)),
        ],
    )
}

pub(super) fn job() -> Value {
    with(
        object("batch/v1", "Job"),
        &[
            (
                "/spec",
                json!({"parallelism": 1, "completions": 1, "backoffLimit": 2,
            "selector": {"matchLabels": {"job": "x"}}}),
            ),
            ("/status", json!({"startTime": "2026-08-01T10:00:01Z", "active": 1})),
        ],
    )
}

/// What is changed of an object.
pub(super) type Parts<'a> = &'a [(&'a str, Value)];
