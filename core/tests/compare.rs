//! What holds for every object and every pair of manifests: what was made from one manifest is never said to stand at the
//! other, whatever a server adds, and nothing makes the comparison panic or go on for ever.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use refloat_core::compare::{Live, MAX_EVIDENCE, Nearer, Owner, Side, Standing, standing, summary};
use serde_json::{Map, Value, json};

/// Names that mean something to the comparison, and some that don't.
fn name() -> impl Strategy<Value = String> {
    let names = [
        "metadata",
        "labels",
        "annotations",
        "finalizers",
        "spec",
        "template",
        "containers",
        "name",
        "image",
        "env",
        "value",
        "ports",
        "containerPort",
        "protocol",
        "port",
        "replicas",
        "data",
        "stringData",
        "resources",
        "limits",
        "cpu",
        "rules",
        "status",
        "emptyDir",
        "serviceAccountName",
        "clusterIP",
        "imagePullPolicy",
        "a",
        "b",
    ];
    select(names.to_vec()).prop_map(str::to_owned)
}

fn scalar() -> impl Strategy<Value = Value> {
    let texts = ["", "1", "1000m", "1Gi", "x", "y", "TCP", "Always", "Y2Fu", "80", "1h", "60m"];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..4i64).prop_map(Value::from),
        select(texts.to_vec()).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(6, 60, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(name(), inner, 0..5).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

const KINDS: [(&str, &str); 6] = [
    ("apps/v1", "Deployment"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "Pod"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("example.com/v1", "Widget"),
];

fn object(kind: (&str, &str), members: Map<String, Value>) -> Value {
    let mut members = members;
    members.insert("apiVersion".to_owned(), kind.0.into());
    members.insert("kind".to_owned(), kind.1.into());
    Value::Object(members)
}

fn members() -> impl Strategy<Value = Map<String, Value>> {
    btree_map(name(), tree(), 0..5).prop_map(|members| members.into_iter().collect())
}

fn two() -> impl Strategy<Value = (Value, Value)> {
    (select(KINDS.to_vec()), members(), members()).prop_map(|(kind, old, new)| (object(kind, old), object(kind, new)))
}

/// As the server stores it, with fields that no manifest has at every place where others may add some.
fn stored(manifest: &Value) -> Value {
    let mut live = manifest.clone();
    fn add(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.values_mut().for_each(add);
                members.insert("addedByTheServer".to_owned(), 1.into());
            }
            Value::Array(items) => items.iter_mut().for_each(add),
            _ => {}
        }
    }
    add(&mut live);
    live
}

fn stand(old: &Value, new: &Value, live: &Value) -> Standing {
    standing(Some(old), Some(new), Live::Found(live), &Owner::Unchecked)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_came_from_one_manifest_never_stands_at_the_other((mut old, mut new) in two()) {
        // What `stringData` becomes is a matter of the tables.
        for side in [&mut old, &mut new] {
            side.as_object_mut().unwrap().remove("stringData");
        }
        let found = stand(&old, &new, &stored(&new));
        prop_assert!(matches!(found.side, Side::New | Side::Same), "{found:?}");
        let found = stand(&old, &new, &stored(&old));
        prop_assert!(matches!(found.side, Side::Old | Side::Same), "{found:?}");
        let found = stand(&new, &new, &stored(&new));
        prop_assert_eq!((found.side, found.paths.len()), (Side::Same, 0));
        let found = standing(None, Some(&new), Live::Found(&stored(&new)), &Owner::Unchecked);
        prop_assert_eq!((found.side, found.paths.len()), (Side::New, 0));
    }

    #[test]
    fn whatever_is_given_is_answered_alike_twice(old in tree(), new in tree(), live in tree(), checked in any::<bool>()) {
        let owner = if checked { Owner::Release { name: "a", namespace: "b" } } else { Owner::Unchecked };
        for (old, new) in [(Some(&old), Some(&new)), (Some(&old), None), (None, Some(&new)), (None, None)] {
            for live in [Live::Found(&live), Live::Absent, Live::Unknown] {
                let found = standing(old, new, live, &owner);
                prop_assert_eq!(&found, &standing(old, new, live, &owner));
                prop_assert!(found.paths.len() <= MAX_EVIDENCE);
                prop_assert!(found.differs || found.nearer == Nearer::Neither);
                let sum = summary([&found]);
                prop_assert!(sum.new + sum.old <= sum.of);
                let written = serde_json::to_string(&found).unwrap();
                prop_assert_eq!(serde_json::from_str::<Standing>(&written).unwrap(), found);
            }
        }
    }
}

/// Lists in lists, as deep as a reader lets them be.
fn deep(levels: usize, end: Value) -> Value {
    (0..levels).fold(end, |inner, _| json!([inner, {}]))
}

#[test]
fn hostile_objects_are_answered() {
    let widget = |spec: Value| json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "x"}, "spec": spec});
    // Deeper than is looked.
    let [one, two] = [1, 2].map(|end| widget(deep(110, end.into())));
    assert_eq!(stand(&one, &two, &two).side, Side::Unknown);
    let longer = |value: &Value| {
        let mut value = value.clone();
        value["spec"].as_array_mut().unwrap().push(json!({}));
        value
    };
    assert_eq!(stand(&one, &longer(&two), &longer(&longer(&two))).side, Side::Unknown);
    // Wide ones, of which nothing fits, so that everything would be compared with everything.
    let wide = |value: i32| widget((0..3000).map(|at| json!({"a": at, "b": [value, at]})).collect());
    let found = stand(&wide(1), &longer(&wide(2)), &longer(&longer(&wide(3))));
    assert_eq!(found.side, Side::Drifted);
    // Only so many paths are named.
    let many = |value: i32| widget((0..1000).map(|at| (format!("f{at}"), json!(value))).collect());
    let found = stand(&many(1), &many(2), &many(2));
    assert_eq!((found.side, found.paths.len(), found.left_out), (Side::New, MAX_EVIDENCE, 900));
}
