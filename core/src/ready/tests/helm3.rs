use super::*;

fn helm3(object: &Value, children: &Children<'_>) -> Verdict {
    ready(object, children, now()).helm3
}

/// Judges changed objects without children.
fn judge(base: &Value, table: &[(Parts<'_>, char)]) {
    for (parts, expected) in table {
        let verdict = helm3(&with(base.clone(), parts), &Children::default());
        assert_eq!(class(&verdict), *expected, "{parts:?}: {verdict:?}");
    }
}

fn judge_all(base: &Value, sets: Option<&[Value]>, pods: Option<&[Value]>, table: &[(Parts<'_>, char)]) {
    for (parts, expected) in table {
        let verdict = helm3(&with(base.clone(), parts), &Children { replica_sets: sets, pods });
        assert_eq!(class(&verdict), *expected, "{parts:?}: {verdict:?}");
    }
}

#[test]
fn pods_by_their_condition_alone() {
    judge(&pod("p", "Running", "True"), &[(&[], 'r'), (&[("/status/phase", json!("Failed"))], 'r')]);
    judge(&pod("p", "Running", "False"), &[(&[], 'w'), (&[("/status", Value::Null)], 'w')]);
    judge(&pod("p", "Succeeded", "False"), &[(&[], 'w')]);
    judge(&crash_looping("p"), &[(&[], 'w')]);
}

#[test]
fn jobs_only_if_asked_for() {
    let table: [(Parts<'_>, char); 6] = [
        (&[], 'w'),
        (&[("/status/succeeded", json!(1))], 'r'),
        (&[("/status/failed", json!(2))], 'w'),
        (&[("/status/failed", json!(3))], 'f'),
        (&[("/status/failed", json!(7)), ("/spec/backoffLimit", Value::Null)], 'f'),
        // A work queue has no completions: Helm 3 calls it ready before it has done anything.
        (&[("/spec/completions", Value::Null)], 'r'),
    ];
    for (parts, expected) in table {
        let readiness = ready(&with(job(), parts), &Children::default(), now());
        assert_eq!(readiness.helm3, Verdict::Ready, "{parts:?}");
        assert_eq!(class(&readiness.helm3_for_jobs), expected, "{parts:?}: {readiness:?}");
    }
}

#[test]
fn deployments_by_their_newest_replica_set() {
    let base = deployment();
    let recreate = json!({"type": "Recreate"});
    let slack = |surge: Value, unavailable: Value| json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}});
    // Three of four are ready: the strategy decides whether that is enough.
    judge_all(
        &base,
        Some(&[newest(&base, 3)]),
        None,
        &[
            (&[], 'r'),
            (&[("/spec/strategy", recreate)], 'w'),
            (&[("/spec/strategy", slack(json!(1), json!(0)))], 'w'),
            (&[("/spec/strategy", slack(json!(0), json!(0)))], 'r'),
            (&[("/spec/strategy", slack(json!("0%"), json!("24%")))], 'r'),
            (&[("/spec/strategy", slack(json!("1%"), json!("24%")))], 'w'),
            (&[("/spec/strategy", slack(json!("x"), json!(4)))], 'w'),
            (&[("/spec/replicas", json!(5))], 'w'),
            (&[("/spec/replicas", json!(3))], 'r'),
            (&[("/spec/replicas", json!(0))], 'r'),
            (&[("/metadata/generation", json!(3))], 'w'),
            (&[("/metadata/generation", json!(3)), ("/spec/paused", json!(true))], 'r'),
            (&[("/spec/template/spec/containers/0/image", json!("i:3"))], 'w'),
            (&[("/metadata/uid", json!("u2"))], 'w'),
            (&[("/metadata/namespace", json!("m"))], 'w'),
            (&[("/spec/selector/matchExpressions", json!([{"key": "a", "operator": "Exists"}]))], 'r'),
            (&[("/spec/selector/matchExpressions", json!([{"key": "z", "operator": "Exists"}]))], 'w'),
            (&[("/spec/selector/matchExpressions", json!([{"key": "z", "operator": "Like"}]))], 'f'),
            // What only Helm 4 looks at.
            (&[("/status/updatedReplicas", json!(0)), ("/status/conditions", json!([]))], 'r'),
        ],
    );
    judge_all(&base, Some(&[newest(&base, 2)]), None, &[(&[], 'w')]);
    judge_all(&base, Some(&[]), None, &[(&[], 'w'), (&[("/spec/replicas", json!(0))], 'w')]);
    let unseen = with(newest(&base, 4), &[("/status/observedGeneration", json!(0))]);
    judge_all(&base, Some(&[unseen]), None, &[(&[], 'w')]);
}

#[test]
fn unread_replica_sets_are_unknown_unless_the_deployment_decides() {
    let table: [(Parts<'_>, char); 3] =
        [(&[], 'u'), (&[("/spec/paused", json!(true))], 'r'), (&[("/metadata/generation", json!(3))], 'w')];
    judge(&deployment(), &table);
}

#[test]
fn of_two_replica_sets_of_the_template_the_older_counts() {
    let base = deployment();
    let younger = with(newest(&base, 4), &[("/metadata/creationTimestamp", json!("2026-08-01T10:10:00Z"))]);
    judge_all(&base, Some(&[younger.clone(), newest(&base, 0)]), None, &[(&[], 'w')]);
    let by_name = with(newest(&base, 0), &[("/metadata/name", json!("x-9"))]);
    judge_all(&base, Some(&[by_name, newest(&base, 4)]), None, &[(&[], 'r')]);
}

#[test]
fn stateful_sets_with_and_without_partition() {
    let partition = |part: u64| ("/spec/updateStrategy/rollingUpdate/partition", json!(part));
    judge(
        &stateful_set(),
        &[
            (&[], 'r'),
            (&[("/metadata/generation", json!(4))], 'w'),
            (&[("/status/updatedReplicas", json!(2))], 'w'),
            (&[("/status/updatedReplicas", json!(2)), partition(1)], 'r'),
            (&[("/status/updateRevision", json!("x-2"))], 'w'),
            (&[("/status/updateRevision", json!("x-2")), partition(1)], 'r'),
            (&[("/status/readyReplicas", json!(4))], 'w'),
            (&[("/status/readyReplicas", json!(2)), partition(3)], 'w'),
            (&[("/status/readyReplicas", json!(0)), ("/spec/updateStrategy/type", json!("OnDelete"))], 'r'),
            (&[("/spec/replicas", Value::Null)], 'w'),
            (&[("/spec/replicas", Value::Null), ("/status/readyReplicas", json!(1))], 'r'),
        ],
    );
}

#[test]
fn daemon_sets_with_slack() {
    let slack = |slack: Value| ("/spec/updateStrategy/rollingUpdate/maxUnavailable", slack);
    let ready = |ready: u64| ("/status/numberReady", json!(ready));
    judge(
        &daemon_set(),
        &[
            (&[], 'r'),
            (&[ready(2)], 'r'),
            (&[ready(1)], 'w'),
            (&[ready(1), slack(json!("34%"))], 'r'),
            (&[ready(1), slack(json!("33%"))], 'w'),
            (&[ready(0), slack(json!("33"))], 'r'),
            (&[ready(0), ("/spec/updateStrategy", json!({"type": "OnDelete"}))], 'r'),
            (&[("/status/updatedNumberScheduled", json!(2))], 'w'),
            (&[("/status/observedGeneration", Value::Null)], 'w'),
        ],
    );
}

#[test]
fn replica_sets_and_controllers_by_the_pods_that_exist() {
    let pods = [pod("p1", "Running", "True"), pod("p2", "Running", "False")];
    let ready = pods.get(..1);
    judge_all(&replica_set(), None, ready, &[(&[], 'r'), (&[("/metadata/generation", json!(2))], 'w')]);
    judge_all(
        &replica_set(),
        None,
        Some(&pods),
        &[
            (&[], 'w'),
            (&[("/spec/selector/matchLabels", json!({"a": "z"}))], 'r'),
            (&[("/metadata/namespace", json!("m"))], 'r'),
        ],
    );
    // None need exist, however many are wanted.
    judge_all(&replica_set(), None, Some(&[]), &[(&[], 'r')]);
    judge(&replica_set(), &[(&[], 'u'), (&[("/metadata/generation", json!(2))], 'w')]);
    let controller = with(object("v1", "ReplicationController"), &[("/spec", json!({"selector": {"a": "b"}}))]);
    judge_all(&controller, None, Some(&pods), &[(&[], 'w'), (&[("/spec/selector/a", json!("c"))], 'r')]);
    judge_all(&controller, None, ready, &[(&[], 'r')]);
}

#[test]
fn claims_services_and_definitions() {
    let phase = |phase: &str| [("/status", json!({"phase": phase}))];
    let claim = object("v1", "PersistentVolumeClaim");
    judge(&claim, &[(&[], 'w'), (&phase("Pending"), 'w'), (&phase("Lost"), 'w'), (&phase("Bound"), 'r')]);
    let service = with(object("v1", "Service"), &[("/spec", json!({"type": "LoadBalancer", "clusterIP": "10.0.0.1"}))]);
    judge(
        &service,
        &[
            (&[], 'w'),
            (&[("/spec/externalIPs", json!(["192.0.2.1"]))], 'r'),
            (&[("/spec/externalIPs", json!([]))], 'w'),
            (&[("/status", json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}))], 'r'),
            (&[("/spec/type", json!("ClusterIP"))], 'r'),
            (&[("/spec/type", json!("ClusterIP")), ("/spec/clusterIP", json!("None"))], 'r'),
            (&[("/spec/type", json!("ClusterIP")), ("/spec/clusterIP", Value::Null)], 'w'),
            (&[("/spec", json!({"type": "ExternalName"}))], 'r'),
        ],
    );
    for version in ["v1", "v1beta1"] {
        let definition = object(&format!("apiextensions.k8s.io/{version}"), "CustomResourceDefinition");
        let conditions = |all: Value| [("/status", json!({"conditions": all}))];
        judge(
            &definition,
            &[
                (&[], 'w'),
                (&conditions(json!([condition("Established", "True", "")])), 'r'),
                (&conditions(json!([condition("Established", "False", "")])), 'w'),
                (&conditions(json!([condition("NamesAccepted", "False", "")])), 'r'),
                (&conditions(json!([condition("NamesAccepted", "True", "")])), 'w'),
            ],
        );
    }
}

#[test]
fn all_else_is_ready() {
    let kinds = [
        ("v1", "ConfigMap"),
        ("v1", "Namespace"),
        ("v1", "PersistentVolume"),
        ("policy/v1", "PodDisruptionBudget"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("networking.k8s.io/v1", "Ingress"),
        ("batch/v1", "CronJob"),
        ("example.org/v1", "Deployment"),
        ("example.org/v1", "Widget"),
    ];
    for (version, kind) in kinds {
        let unready = [
            ("/metadata/deletionTimestamp", json!("2026-08-01T10:00:00Z")),
            ("/metadata/generation", json!(2)),
            ("/status", json!({"observedGeneration": 1, "conditions": [condition("Ready", "False", "")]})),
        ];
        judge(&object(version, kind), &[(&[], 'r'), (&unready, 'r')]);
    }
}
