use super::*;
use proptest::prelude::*;

fn kinds() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        pod("p", "Running", "False"),
        crash_looping("p"),
        job(),
        deployment(),
        stateful_set(),
        daemon_set(),
        replica_set(),
        with(object("v1", "ReplicationController"), &[("/spec", json!({"selector": {"a": "b"}}))]),
        object("v1", "PersistentVolumeClaim"),
        with(object("v1", "Service"), &[("/spec", json!({"type": "LoadBalancer"}))]),
        object("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        with(object("example.org/v1", "Widget"), &[("/status", json!({"conditions": []}))]),
    ])
}

fn odd() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(i64::MAX)),
        Just(json!(i64::MIN)),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec!["", "True", "RollingUpdate", "9999999999999999999%", "a=b", "2026-08-01T10:00:00Z"])
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,3}|type|status|state", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every place in a value.
fn places(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| places(value, format!("{at}/{key}"), found)),
        Value::Array(list) => list.iter().enumerate().for_each(|(i, value)| places(value, format!("{at}/{i}"), found)),
        _ => {}
    }
    found.push(at);
}

fn broken() -> impl Strategy<Value = Value> {
    let breaks = prop::collection::vec((any::<prop::sample::Index>(), odd()), 0..4);
    (kinds(), breaks).prop_map(|(mut object, breaks)| {
        for (index, value) in breaks {
            let mut found = Vec::new();
            places(&object, String::new(), &mut found);
            let place: &String = index.get(&found);
            if let Some(place) = object.pointer_mut(place) {
                *place = value;
            }
        }
        object
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn nothing_makes_it_panic(object in broken(), sets in prop::collection::vec(broken(), 0..3), pods in
        prop::collection::vec(broken(), 0..3), second in -1_000_000_000_000_i64..1_000_000_000_000) {
        let now = Timestamp::from_second(second.clamp(-300_000_000_000, 250_000_000_000)).unwrap_or(Timestamp::MAX);
        for children in [Children { replica_sets: Some(&sets), pods: Some(&pods) }, Children::default()] {
            let readiness = ready(&object, &children, now);
            for verdict in [&readiness.helm3, &readiness.helm4, &readiness.helm3_for_jobs, &readiness.helm4_for_jobs] {
                prop_assert!(verdict.why().is_none_or(|why| !why.is_empty() && why.chars().count() < 600), "{:?}", verdict);
            }
            if let Some(progress) = readiness.progress {
                progress.pace(now);
            }
        }
        children_needed(&object);
        hook_done(&object);
        ready_since(&object);
    }

    /// A caller that reads just what is asked for gets the verdicts that one gets who reads everything.
    #[test]
    fn what_was_asked_for_is_enough(object in broken(), sets in prop::collection::vec(broken(), 0..3), pods in
        prop::collection::vec(broken(), 0..3)) {
        let needs = children_needed(&object);
        let all = ready(&object, &Children { replica_sets: Some(&sets), pods: Some(&pods) }, now());
        let asked = Children {
            replica_sets: needs.replica_sets.map(|_| sets.as_slice()),
            pods: needs.pods.map(|_| pods.as_slice()),
        };
        let asked = ready(&object, &asked, now());
        prop_assert_eq!((all.helm3, all.helm4), (asked.helm3, asked.helm4));
        prop_assert_eq!((all.helm3_for_jobs, all.helm4_for_jobs), (asked.helm3_for_jobs, asked.helm4_for_jobs));
    }
}
