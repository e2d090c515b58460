use super::*;
use jiff::SignedDuration;

fn written(minute: u64) -> (&'static str, Value) {
    let time = format!("2026-08-01T10:{minute:02}:00Z");
    let entries = json!([{"manager": "helm", "time": "2026-08-01T10:19:00Z", "fieldsV1": {"f:spec": {}}},
        {"manager": "kube-controller-manager", "subresource": "status", "time": time}]);
    ("/metadata/managedFields", entries)
}

fn progress(object: &Value, pods: &[Value]) -> Progress {
    ready(object, &Children { replica_sets: None, pods: Some(pods) }, now()).progress.unwrap()
}

#[test]
fn counts_of_every_workload() {
    let counts = |object: &Value| {
        let Progress { want, updated, ready, available, .. } = progress(object, &[]);
        [want, updated, ready, available]
    };
    let some = |name: &'static str| [(name, json!(2))];
    assert_eq!(counts(&with(deployment(), &some("/status/updatedReplicas"))), [4, 2, 4, 4]);
    assert_eq!(counts(&with(stateful_set(), &some("/status/readyReplicas"))), [3, 3, 2, 3]);
    assert_eq!(counts(&with(daemon_set(), &some("/status/numberAvailable"))), [3, 3, 3, 2]);
    assert_eq!(counts(&with(replica_set(), &some("/spec/replicas"))), [2, 4, 4, 4]);
    assert_eq!(counts(&with(job(), &some("/spec/completions"))), [2, 1, 0, 0]);
    assert_eq!(counts(&pod("p", "Running", "True")), [1, 1, 1, 1]);
    assert_eq!(counts(&crash_looping("p")), [1, 0, 0, 0]);
    for other in [object("v1", "ConfigMap"), object("v1", "Service"), json!(1)] {
        assert_eq!(ready(&other, &Children::default(), now()).progress, None);
    }
}

#[test]
fn a_rollout_is_stuck_after_its_patience_and_a_tenth() {
    let behind = ("/status/readyReplicas", json!(1));
    let set = with(stateful_set(), &[behind.clone(), written(9)]);
    let told = progress(&set, &[]);
    assert_eq!(told.last_moved, Some(minute(9)));
    assert_eq!([19, 20, 21].map(|at| told.pace(minute(at))), [Pace::Moving, Pace::Moving, Pace::Stuck]);
    assert_eq!(progress(&with(stateful_set(), &[written(0)]), &[]).pace(minute(300)), Pace::Complete);
    // A pod that became ready is a step, and so is one that was created.
    assert_eq!(progress(&set, &[pod("p", "Running", "True")]).last_moved, Some(minute(9)));
    let young = with(pod("p", "Pending", "False"), &[("/metadata/creationTimestamp", json!("2026-08-01T10:15:00Z"))]);
    assert_eq!(progress(&set, &[young]).last_moved, Some(minute(15)));
    // Crashes aren't.
    let told = progress(&set, &[crash_looping("p"), crash_looping("q")]);
    assert_eq!((told.last_moved, told.restarts), (Some(minute(9)), 8));
    let timeless = with(set, &[("/metadata/creationTimestamp", Value::Null), ("/metadata/managedFields", Value::Null)]);
    assert_eq!(progress(&timeless, &[]).pace(now()), Pace::Unknown);
}

#[test]
fn a_deployments_controller_knows_best() {
    let progressing = |reason: &str, updated: &str| {
        let condition = json!({"type": "Progressing", "status": "True", "reason": reason, "lastUpdateTime": updated});
        with(
            deployment(),
            &[
                ("/status/conditions", json!([condition])),
                ("/status/readyReplicas", json!(1)),
                ("/spec/progressDeadlineSeconds", json!(300)),
                written(18),
            ],
        )
    };
    let slow = progress(&progressing("ReplicaSetUpdated", "2026-08-01T10:14:30Z"), &[]);
    assert_eq!((slow.patience, slow.pace(now())), (SignedDuration::from_mins(5), Pace::Moving));
    let late = progress(&progressing("ReplicaSetUpdated", "2026-08-01T10:14:29Z"), &[]);
    assert_eq!(late.pace(now()), Pace::Stuck);
    let given_up = progress(&progressing("ProgressDeadlineExceeded", "2026-08-01T10:19:00Z"), &[]);
    assert_eq!((given_up.last_moved, given_up.pace(now())), (Some(minute(14)), Pace::Stuck));
}

#[test]
fn an_unseen_change_is_not_complete() {
    let told = progress(&with(deployment(), &[("/metadata/generation", json!(3))]), &[]);
    assert!(!told.observed && !told.is_complete());
}

#[test]
fn ready_since_the_last_change_of_the_status() {
    let table = [
        (deployment(), Some(minute(5))),
        (with(deployment(), &[written(12)]), Some(minute(12))),
        (with(stateful_set(), &[written(12)]), Some(minute(12))),
        // Counts without any time: not since the creation.
        (stateful_set(), None),
        (pod("p", "Running", "True"), Some(minute(5))),
        (object("v1", "ConfigMap"), Some(minute(0))),
        (object("v1", "Service"), Some(minute(0))),
        (with(object("v1", "Service"), &[("/spec", json!({"type": "LoadBalancer"}))]), None),
        (with(object("e.org/v1", "W"), &[("/status", json!({"conditions": []}))]), None),
        (with(object("v1", "ConfigMap"), &[("/metadata", json!({}))]), None),
    ];
    for (object, expected) in table {
        assert_eq!(ready_since(&object), expected, "{object}");
    }
}

#[test]
fn only_what_decides_is_asked_for() {
    let needs = |object: &Value| {
        let Needs { replica_sets, pods, pods_of_progress } = children_needed(object);
        [replica_sets, pods, pods_of_progress].map(|selector| selector.unwrap_or_else(|| "-".into()))
    };
    let behind = [("/status/readyReplicas", json!(1))];
    let unseen = [("/metadata/generation", json!(9))];
    let table = [
        (deployment(), ["a=b", "-", "-"]),
        (with(deployment(), &behind), ["a=b", "-", "a=b"]),
        (with(deployment(), &unseen), ["-", "-", "a=b"]),
        (with(deployment(), &[("/spec/paused", json!(true))]), ["-", "-", "-"]),
        (stateful_set(), ["-", "-", "-"]),
        (with(stateful_set(), &behind), ["-", "a=b", "-"]),
        (replica_set(), ["-", "a=b", "-"]),
        (daemon_set(), ["-", "-", "-"]),
        (with(daemon_set(), &[("/status/numberReady", json!(0))]), ["-", "-", "a=b"]),
        (job(), ["-", "-", "job=x"]),
        (with(object("v1", "ReplicationController"), &[("/spec", json!({"selector": {"a": "b"}}))]), ["-", "a=b", "-"]),
        (pod("p", "Pending", "False"), ["-", "-", "-"]),
        (object("v1", "ConfigMap"), ["-", "-", "-"]),
    ];
    for (object, expected) in table {
        assert_eq!(needs(&object), expected, "{object}");
    }
    let expressions = json!([{"key": "z", "operator": "In", "values": ["1", "2"]}, {"key": "y", "operator": "NotIn",
        "values": ["3"]}, {"key": "x", "operator": "DoesNotExist"}, {"key": "w", "operator": "Exists"}]);
    let chosen = with(deployment(), &[("/spec/selector/matchExpressions", expressions)]);
    assert_eq!(children_needed(&chosen).replica_sets.unwrap(), "!x,a=b,w,y notin (3),z in (1,2)");
}
