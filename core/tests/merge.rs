//! The three-way merge: what Kubernetes' documentation promises of it, and what must hold for any JSON.
//! `bed/tests/merge_parity.rs` compares it with Kubernetes' own code.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]
use proptest::prelude::*;
use refloat_core::manifest::parse;
use refloat_core::merge::{Kind, MergeFault, merge};
use serde_json::{Value, json};

const DEPLOYMENT: Kind<'_> = Kind { api_version: "apps/v1", kind: "Deployment" };
const SERVICE: Kind<'_> = Kind { api_version: "v1", kind: "Service" };
const WIDGET: Kind<'_> = Kind { api_version: "example.com/v1", kind: "Widget" };

/// Merges three YAML documents.
fn merged(kind: Kind<'_>, original: &str, modified: &str, current: &str) -> Result<Value, MergeFault> {
    let read = |text| parse(text).unwrap();
    merge(kind, Some(&read(original)), &read(modified), &read(current))
}

/// A Deployment whose pod has these fields.
fn pod(fields: &str) -> String {
    format!("spec: {{template: {{spec: {{{fields}}}}}}}")
}

#[test]
fn fields_and_items() {
    let table = [
        // What only the old manifest had goes, what others set stays.
        (
            "nodeSelector: {a: b}, hostNetwork: true",
            "hostNetwork: true",
            "nodeSelector: {a: b, c: d}, hostNetwork: true, dnsPolicy: Default",
            "hostNetwork: true, dnsPolicy: Default",
        ),
        ("nodeSelector: {a: b}", "nodeSelector: {x: y}", "nodeSelector: {a: b, c: d}", "nodeSelector: {x: y, c: d}"),
        // Drift is mended.
        ("hostNetwork: true", "hostNetwork: true", "hostNetwork: false", "hostNetwork: true"),
        ("hostNetwork: true", "hostNetwork: null", "hostNetwork: true", ""),
        // Containers are told apart by name, the manifest's order counts, an injected one stays; it comes first here as Go
        // takes the place of the deleted one for that of the added one.
        (
            "containers: [{name: a, image: a:1}, {name: b}]",
            "containers: [{name: c}, {name: a, image: a:2}]",
            "containers: [{name: a, image: a:1, tty: true}, {name: b}, {name: mesh}]",
            "containers: [{name: mesh}, {name: c}, {name: a, image: a:2, tty: true}]",
        ),
        // A volume of another sort leaves nothing of the former.
        (
            "volumes: [{name: v, emptyDir: {}}]",
            "volumes: [{name: v, hostPath: {path: /}}]",
            "volumes: [{name: v, emptyDir: {medium: Memory}}]",
            "volumes: [{name: v, hostPath: {path: /}}]",
        ),
        // A list without a strategy is replaced.
        (
            "tolerations: [{key: a}]",
            "tolerations: [{key: b}]",
            "tolerations: [{key: a}, {key: c}]",
            "tolerations: [{key: b}]",
        ),
    ];
    for (original, modified, current, expected) in table {
        let merged = merged(DEPLOYMENT, &pod(original), &pod(modified), &pod(current));
        assert_eq!(merged, Ok(parse(&pod(expected)).unwrap()), "{original} | {modified} | {current}");
    }
}

#[test]
fn lists_of_scalars() {
    let of = |items: &str| format!("metadata: {{finalizers: [{items}]}}");
    for (original, modified, current, expected) in [
        ("a, b", "b, c", "b, a, x", "b, c, x"),
        ("a", "", "a, x", "x"),
        ("", "a", "a", "a"),
        ("", "b, a", "a, b", "b, a"),
    ] {
        let merged = merged(SERVICE, &of(original), &of(modified), &of(current));
        assert_eq!(merged, Ok(parse(&of(expected)).unwrap()), "{original} | {modified} | {current}");
    }
}

#[test]
fn kinds_that_are_not_built_in() {
    let table = [
        // The live object isn't looked at: drift stays.
        ("a: 1", "a: 1", "a: 2", "a: 2"),
        ("a: 1", "a: 3", "a: 2, b: 1", "a: 3, b: 1"),
        ("a: {b: 1, c: 1}", "a: {c: 2}", "a: {b: 5, d: 1}", "a: {c: 2, d: 1}"),
        // Lists are replaced whole, whatever they are called.
        (
            "containers: [{name: a}]",
            "containers: [{name: b}]",
            "containers: [{name: a}, {name: c}]",
            "containers: [{name: b}]",
        ),
        ("a: 9007199254740993", "a: 9007199254740992", "a: 9007199254740993", "a: 9007199254740992"),
    ];
    for (original, modified, current, expected) in table {
        let of = |fields: &str| format!("{{{fields}}}");
        let merged = merged(WIDGET, &of(original), &of(modified), &of(current));
        assert_eq!(merged, Ok(parse(&of(expected)).unwrap()), "{original} | {modified} | {current}");
    }
}

#[test]
fn faults() {
    let table = [
        ("containers: [{image: a}]", "containers: [{name: b}]", MergeFault::NoMergeKey("name".to_owned())),
        ("containers: [{name: a}]", "containers: [{image: b}]", MergeFault::NoMergeKey("name".to_owned())),
        ("containers: [{name: a}]", "containers: [b]", MergeFault::MixedList),
        ("containers: [{name: a}]", "containers: [null]", MergeFault::MixedList),
        ("nonsense: {a: b}", "nonsense: {a: c}", MergeFault::UnknownField("nonsense".to_owned())),
        ("hostname: [a]", "hostname: [b]", MergeFault::NotAList("hostname".to_owned())),
        ("nodeSelector: [a]", "nodeSelector: [b]", MergeFault::NotAList("nodeSelector".to_owned())),
    ];
    for (current, modified, fault) in table {
        assert_eq!(merged(DEPLOYMENT, "{}", &pod(modified), &pod(current)), Err(fault), "{current} | {modified}");
    }
    // A pointer to anything passes for a list.
    let wrong = pod("hostUsers: [b]");
    assert_eq!(merged(DEPLOYMENT, "{}", &wrong, &pod("hostUsers: [a]")), Ok(parse(&wrong).unwrap()));
    let fault = |original, modified, current| merge(SERVICE, Some(&original), &modified, &current).unwrap_err();
    assert_eq!(fault(json!(1), json!({}), json!({})), MergeFault::NotAnObject("old"));
    assert_eq!(fault(json!({}), json!([]), json!({})), MergeFault::NotAnObject("new"));
    assert_eq!(fault(json!({}), json!({}), json!(null)), MergeFault::NotAnObject("live"));
    let deep = (0..1000).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(fault(json!({}), json!({"a": deep}), json!({})), MergeFault::Depth);
}

#[test]
fn numbers_are_those_that_helm_writes() {
    let merged =
        merge(WIDGET, None, &json!({"a": 1e17, "b": 1.5, "c": -0.0, "d": u64::MAX}), &json!({"e": i64::MAX})).unwrap();
    assert_eq!(
        merged.to_string(),
        r#"{"a":100000000000000000,"b":1.5,"c":0,"d":1.8446744073709552e+19,"e":9223372036854775807}"#
    );
}

/// JSON that speaks of what the schema knows, and of directives.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..3).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec!["a", "b", "c", "delete", "replace", "name"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(7, 60, 5, |inner| {
        let names = prop::sample::select(vec![
            "metadata",
            "spec",
            "template",
            "containers",
            "volumes",
            "finalizers",
            "ports",
            "env",
            "name",
            "containerPort",
            "strategy",
            "rollingUpdate",
            "nodeSelector",
            "$patch",
            "$retainKeys",
            "$setElementOrder/containers",
            "$setElementOrder/finalizers",
            "$deleteFromPrimitiveList/finalizers",
            "",
            "other",
        ]);
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            3 => prop::collection::btree_map(names.prop_map(str::to_owned), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A Deployment as charts have it: each item of a list is there once.
fn deployment() -> impl Strategy<Value = Value> {
    let some = |names: &'static [&'static str]| prop::sample::subsequence(names, 0..=names.len()).prop_shuffle();
    let container = (prop::sample::select(vec!["1", "2"]), some(&["A", "B", "C", "D"]), some(&["HTTP", "DNS"]));
    let containers = (some(&["a", "b", "c", "d"]), prop::collection::vec(container, 4));
    let labels = prop::collection::btree_map(prop::sample::select(vec!["x", "y", "z"]), prop::option::of("[ab]"), 0..3);
    let strategies = ["{type: Recreate}", "{rollingUpdate: {maxSurge: 1}}", "null"].map(|text| parse(text).unwrap());
    let strategies = prop::sample::select(strategies.to_vec());
    (containers, labels, some(&["f", "g", "h"]), strategies).prop_map(
        |((names, bodies), labels, finalizers, strategy)| {
            let container = |(name, (image, env, ports)): (_, (&str, Vec<_>, Vec<_>))| {
                let env: Vec<_> = env.iter().map(|name| json!({"name": name, "value": image})).collect();
                let ports: Vec<_> =
                    ports.iter().map(|name: &&str| json!({"containerPort": name.len(), "name": name})).collect();
                json!({"name": name, "image": image, "env": env, "ports": ports})
            };
            let containers: Vec<_> = names.iter().zip(bodies).map(container).collect();
            json!({
                "metadata": {"labels": labels, "finalizers": finalizers},
                "spec": {"strategy": strategy, "template": {"spec": {"containers": containers}}},
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn nothing_panics(original in value(), modified in value(), current in value()) {
        for kind in [DEPLOYMENT, WIDGET] {
            let object = |value: &Value| json!({"metadata": value, "spec": value});
            let _ = merge(kind, Some(&original), &modified, &current);
            let _ = merge(kind, Some(&object(&original)), &object(&modified), &object(&current));
        }
    }

    #[test]
    fn what_is_as_wanted_stays(wanted in value()) {
        let object = json!({"metadata": wanted, "spec": wanted});
        for kind in [DEPLOYMENT, WIDGET] {
            if let Ok(merged) = merge(kind, Some(&object), &object, &object) {
                // Numbers aside, which are written as Go writes them.
                let live = merge(WIDGET, None, &json!({}), &object).unwrap();
                prop_assert_eq!(merged, live);
            }
        }
    }

    #[test]
    fn a_second_merge_changes_nothing(original in deployment(), modified in deployment(), current in deployment()) {
        for kind in [DEPLOYMENT, WIDGET] {
            let once = merge(kind, Some(&original), &modified, &current).unwrap();
            // What Kubernetes leaves in an item that the live list had lost isn't an object to merge with.
            prop_assume!(!once.to_string().contains("\"$"));
            prop_assert_eq!(&merge(kind, Some(&original), &modified, &once).unwrap(), &once);
        }
    }

    #[test]
    fn what_the_manifest_says_is_so(original in deployment(), modified in deployment(), current in deployment()) {
        let merged = merge(DEPLOYMENT, Some(&original), &modified, &current).unwrap();
        let names = |object: &Value| {
            let containers = object["spec"]["template"]["spec"]["containers"].as_array().cloned().unwrap_or_default();
            containers.iter().map(|container| container["name"].clone()).collect::<Vec<_>>()
        };
        let (old, wanted, live, merged) = (names(&original), names(&modified), names(&current), names(&merged));
        for name in &merged {
            prop_assert!(wanted.contains(name) || live.contains(name) && !old.contains(name));
        }
        let own: Vec<_> = merged.iter().filter(|name| wanted.contains(name)).collect();
        prop_assert_eq!(own, wanted.iter().collect::<Vec<_>>());
        prop_assert!(live.iter().all(|name| merged.contains(name) || old.contains(name)));
    }
}
