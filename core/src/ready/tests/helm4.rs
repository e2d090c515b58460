use super::*;

fn helm4(object: &Value, pods: Option<&[Value]>) -> Verdict {
    ready(object, &Children { replica_sets: None, pods }, now()).helm4
}

fn judge(base: &Value, table: &[(Parts<'_>, char)]) {
    for (parts, expected) in table {
        let verdict = helm4(&with(base.clone(), parts), None);
        assert_eq!(class(&verdict), *expected, "{parts:?}: {verdict:?}");
    }
}

#[test]
fn any_object_by_deletion_generation_and_standard_conditions() {
    let conditions = |all: Value| [("/status", json!({"conditions": all}))];
    let deleted = [("/metadata/deletionTimestamp", json!("2026-08-01T10:00:00Z"))];
    let unseen = [("/metadata/generation", json!(2)), ("/status", json!({"observedGeneration": 1}))];
    let reconciling = conditions(json!([condition("Reconciling", "True", "Busy"), condition("Stalled", "True", "No")]));
    let stalled = conditions(json!([condition("Reconciling", "False", ""), condition("Stalled", "True", "No")]));
    let odd = conditions(json!([{"type": "Ready", "status": true}]));
    for (version, kind) in [("v1", "ConfigMap"), ("policy/v1", "PodDisruptionBudget"), ("example.org/v1", "Widget")] {
        judge(
            &object(version, kind),
            &[
                (&[], 'r'),
                (&deleted, 'w'),
                (&unseen, 'w'),
                (&[("/metadata/generation", json!(2))], 'r'),
                (&reconciling, 'w'),
                (&stalled, 'f'),
                (&odd, 'w'),
                (&[("/metadata/generation", json!("2"))], 'w'),
            ],
        );
    }
}

#[test]
fn custom_resources_by_the_ready_condition_if_there_is_one() {
    let conditions = |all: Value| [("/status", json!({"conditions": all}))];
    let table: [(Value, char); 6] = [
        (json!([]), 'r'),
        (json!([condition("Ready", "True", "")]), 'r'),
        (json!([condition("Ready", "False", "NotYet")]), 'w'),
        (json!([condition("Ready", "Unknown", "")]), 'w'),
        (json!([condition("Ready", "maybe", "")]), 'r'),
        (json!([condition("Ready", "maybe", ""), condition("Ready", "False", "")]), 'w'),
    ];
    for (version, kind) in [("example.org/v1", "Widget"), ("v1", "Namespace"), ("v1", "ReplicationController")] {
        for (all, expected) in &table {
            judge(&object(version, kind), &[(&conditions(all.clone()), *expected)]);
        }
    }
    // Kinds with a rule don't look at it.
    judge(&object("v1", "Secret"), &[(&conditions(json!([condition("Ready", "False", "")])), 'r')]);
    let told = helm4(&with(object("e.org/v1", "W"), &conditions(json!([condition("Ready", "False", "NotYet")]))), None);
    assert_eq!(told, Verdict::Waiting("NotYet".into()));
}

#[test]
fn deployments_want_every_pod_new_and_available() {
    let progressing = |status: &str, reason: &str| {
        let all = json!([condition("Available", "True", ""), condition("Progressing", status, reason)]);
        ("/status/conditions", all)
    };
    judge(
        &deployment(),
        &[
            (&[], 'r'),
            (&[("/status/replicas", json!(3))], 'w'),
            (&[("/status/updatedReplicas", json!(3))], 'w'),
            (&[("/status/replicas", json!(5))], 'w'),
            (&[("/status/availableReplicas", json!(3))], 'w'),
            (&[("/status/readyReplicas", json!(3))], 'w'),
            (&[("/status/conditions", json!([]))], 'w'),
            (&[progressing("True", "ReplicaSetUpdated")], 'w'),
            (&[progressing("True", "ReplicaSetUpdated"), ("/spec/progressDeadlineSeconds", Value::Null)], 'r'),
            (&[progressing("False", "ProgressDeadlineExceeded")], 'f'),
            (&[progressing("False", "ProgressDeadlineExceeded"), ("/spec/paused", json!(true))], 'r'),
            (&[("/spec/selector", Value::Null)], 'w'),
            (&[("/metadata/generation", json!(3))], 'w'),
        ],
    );
    let told = helm4(&with(deployment(), &[("/status/availableReplicas", json!(3))]), None);
    assert_eq!(told, Verdict::Waiting("3 of 4 pods available".into()));
}

#[test]
fn stateful_sets_want_every_pod_and_fail_with_one() {
    let partition = |part: u64| ("/spec/updateStrategy/rollingUpdate/partition", json!(part));
    let none = ("/spec/updateStrategy/rollingUpdate", Value::Null);
    let table: [(Parts<'_>, char); 9] = [
        (&[], 'r'),
        (&[("/status/readyReplicas", json!(2))], 'w'),
        (&[("/status/replicas", json!(4))], 'w'),
        (&[("/status/updatedReplicas", json!(2))], 'w'),
        (&[("/status/updatedReplicas", json!(2)), partition(1)], 'r'),
        (&[("/status/updateRevision", json!("x-2"))], 'r'),
        (&[("/status/updateRevision", json!("x-2")), none.clone()], 'w'),
        (&[("/status/currentReplicas", json!(2)), none], 'w'),
        (&[("/status/readyReplicas", json!(0)), ("/spec/updateStrategy/type", json!("OnDelete"))], 'r'),
    ];
    let unschedulable = with(
        pod("p", "Pending", "False"),
        &[("/status/conditions", json!([condition("PodScheduled", "False", "Unschedulable")]))],
    );
    let harmless = [
        pod("p", "Running", "False"),
        unschedulable,
        with(crash_looping("p"), &[("/metadata/deletionTimestamp", json!("2026-08-01T10:00:00Z"))]),
        with(crash_looping("p"), &[("/metadata/labels", json!({"a": "z"}))]),
    ];
    for (parts, expected) in &table {
        let set = with(stateful_set(), parts);
        assert_eq!(class(&helm4(&set, Some(&harmless))), *expected, "{parts:?}");
        let unread = if *expected == 'w' { 'u' } else { *expected };
        assert_eq!(class(&helm4(&set, None)), unread, "{parts:?}");
        let failed = if *expected == 'w' { 'f' } else { *expected };
        assert_eq!(class(&helm4(&set, Some(&[crash_looping("p")]))), failed, "{parts:?}");
    }
}

#[test]
fn replica_sets_fail_with_a_pod_too() {
    let unready = with(replica_set(), &[("/status/readyReplicas", json!(1)), ("/status/availableReplicas", json!(1))]);
    assert_eq!(class(&helm4(&replica_set(), None)), 'r');
    assert_eq!(helm4(&unready, Some(&[])), Verdict::Waiting("1 of 4 pods available".into()));
    let told = "1 of 4 pods available; pod p keeps failing";
    assert_eq!(helm4(&unready, Some(&[crash_looping("p")])), Verdict::Failed(told.into()));
    let failure = with(replica_set(), &[("/status/conditions", json!([condition("ReplicaFailure", "True", "Quota")]))]);
    assert_eq!(helm4(&failure, Some(&[])), Verdict::Waiting("Quota".into()));
}

#[test]
fn daemon_sets_want_every_pod() {
    judge(
        &daemon_set(),
        &[
            (&[], 'r'),
            (&[("/status/numberReady", json!(2))], 'w'),
            (&[("/status/numberAvailable", json!(2))], 'w'),
            (&[("/status/updatedNumberScheduled", json!(2))], 'w'),
            (&[("/status/currentNumberScheduled", json!(2))], 'w'),
            (&[("/status/desiredNumberScheduled", json!(0))], 'r'),
            (&[("/status/desiredNumberScheduled", Value::Null)], 'w'),
            (&[("/status/observedGeneration", Value::Null)], 'w'),
            (&[("/metadata/generation", Value::Null)], 'w'),
        ],
    );
}

#[test]
fn pods_and_the_fifteen_seconds_for_a_node() {
    judge(&pod("p", "Running", "True"), &[(&[], 'r')]);
    judge(
        &pod("p", "Running", "False"),
        &[
            (&[], 'w'),
            (&[("/status/phase", json!("Pending"))], 'w'),
            (&[("/status/phase", json!("Succeeded"))], 'r'),
            (&[("/status/phase", json!("Failed"))], 'r'),
            (&[("/status/phase", json!("Unknown"))], 'w'),
            (&[("/status/phase", Value::Null)], 'w'),
        ],
    );
    judge(&crash_looping("p"), &[(&[], 'f'), (&[("/status/phase", json!("Pending"))], 'w')]);
    let all = json!([condition("PodScheduled", "False", "Unschedulable")]);
    let nowhere = with(pod("p", "Pending", "False"), &[("/status/conditions", all)]);
    let created = |second: u32| [("/metadata/creationTimestamp", json!(format!("2026-08-01T10:19:{second}Z")))];
    judge(&nowhere, &[(&[], 'f'), (&created(45), 'f'), (&created(46), 'w')]);
    judge(&nowhere, &[(&[("/metadata/creationTimestamp", Value::Null)], 'f')]);
}

#[test]
fn jobs_are_current_once_started_unless_waited_for() {
    let ends = |kind: &str| ("/status/conditions", json!([condition(kind, "True", "R")]));
    let table: [(Parts<'_>, char, char); 5] = [
        (&[], 'r', 'w'),
        (&[("/status/startTime", Value::Null)], 'w', 'w'),
        (&[ends("Complete")], 'r', 'r'),
        (&[ends("Failed")], 'f', 'f'),
        (&[ends("FailureTarget")], 'r', 'w'),
    ];
    for (parts, plain, waited) in table {
        let readiness = ready(&with(job(), parts), &Children::default(), now());
        assert_eq!((class(&readiness.helm4), class(&readiness.helm4_for_jobs)), (plain, waited), "{parts:?}");
    }
    // Waiting for Jobs doesn't look at deletion.
    let deleted = with(job(), &[ends("Complete"), ("/metadata/deletionTimestamp", json!("2026-08-01T10:00:00Z"))]);
    let readiness = ready(&deleted, &Children::default(), now());
    assert_eq!((class(&readiness.helm4), class(&readiness.helm4_for_jobs)), ('w', 'r'));
}

#[test]
fn claims_services_and_definitions() {
    let phase = |phase: &str| [("/status", json!({"phase": phase}))];
    judge(&object("v1", "PersistentVolumeClaim"), &[(&[], 'w'), (&phase("Pending"), 'w'), (&phase("Bound"), 'r')]);
    judge(
        &object("v1", "Service"),
        &[
            (&[], 'r'),
            (&[("/spec", json!({"type": "LoadBalancer"}))], 'w'),
            (&[("/spec", json!({"type": "LoadBalancer", "clusterIP": "10.0.0.1"}))], 'r'),
        ],
    );
    let conditions = |all: Value| [("/status", json!({"conditions": all}))];
    judge(
        &object("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        &[
            (&[], 'w'),
            (&conditions(json!([condition("Established", "True", "")])), 'r'),
            (&conditions(json!([condition("Established", "False", "Installing")])), 'w'),
            (&conditions(json!([condition("Established", "False", "Broken")])), 'f'),
            (&conditions(json!([condition("NamesAccepted", "False", "Taken")])), 'f'),
        ],
    );
}
