//! The core's three-way merge is Kubernetes' own. `cargo xtask merge-parity` asks the same of more triples.
use bed::merge::{Oracle, Outcome, Triple, compare, table};
use refloat_core::merge::{Kind, merge};
use serde_json::{Value, json};

fn merged(triple: &Triple) -> Outcome {
    let kind = Kind { api_version: &triple.api_version, kind: &triple.kind };
    match merge(kind, Some(&triple.original), &triple.modified, &triple.current) {
        Ok(merged) => Outcome::Merged(merged),
        Err(fault) => Outcome::Error(fault.to_string()),
    }
}

#[test]
fn made_up_objects_merge_as_kubernetes_merges_them() {
    let report = compare(2000, 7_000_000, merged).unwrap();
    assert_eq!(report.differences, 0, "{:#?}", report.first);
    // It would be easy to agree on nothing.
    assert!(report.errors > 20 && report.errors < 600 && report.unchanged < 400, "{report:?}");
}

#[test]
fn the_table_is_made_from_the_api_types() {
    let table = table().unwrap();
    let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../core/src/merge/schema.txt")).unwrap();
    assert!(table == file, "`cargo xtask merge-table` writes another core/src/merge/schema.txt");
}

#[test]
fn what_hardly_comes_up_by_chance() {
    let deployment = |pod: Value| json!({"spec": {"template": {"spec": pod}}});
    let items = |names: &[&str], field: &str| -> Value {
        names.iter().enumerate().map(|(at, name)| json!({"name": name, field: at.to_string()})).collect()
    };
    let many: Vec<_> = (0..90).map(|at| ["a", "b", "c"][at % 3]).collect();
    let env = |list: Value| deployment(json!({"containers": [{"name": "web", "env": list}]}));
    let of = |list: Value| json!({"metadata": {"finalizers": list}});
    let table = [
        // One port for two protocols, as in Kubernetes' oldest open fault.
        (
            deployment(
                json!({"containers": [{"name": "dns", "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}]}]}),
            ),
            deployment(json!({"containers": [{"name": "dns", "ports": [{"containerPort": 53, "protocol": "UDP"}]}]})),
            deployment(
                json!({"containers": [{"name": "dns", "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}]}]}),
            ),
        ),
        // More equal keys than Go sorts by insertion.
        (env(json!([])), env(items(&many, "value")), env(items(&many[1..], "value"))),
        (env(items(&many, "value")), env(items(&many[..40], "value")), env(items(&many[30..], "value"))),
        (env(json!([])), env(items(&["a"; 70], "value")), env(items(&["a"; 60], "value"))),
        // Go deletes and adds in place, and then sees the added item where the deleted one was.
        (env(items(&["a"], "value")), env(items(&["d"], "value")), env(items(&["a", "b", "c"], "value"))),
        // Lists of scalars with duplicates.
        (of(json!(["a"])), of(json!(["b", "b", "c"])), of(json!(["x", "x", "a", "y", "x", "b"]))),
        (of(json!([])), of(json!(["b"])), of(json!(["x", "y", "x"]))),
        // An item that someone deleted keeps nulls and directives.
        (
            deployment(json!({"volumes": [{"name": "v", "emptyDir": {}}]})),
            deployment(json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]})),
            deployment(json!({"volumes": [{"name": "w"}]})),
        ),
        // Keys in another case, keys of different types, keys that can't be compared.
        (json!({}), json!({"Metadata": {"Labels": {"a": "b"}}}), json!({"Metadata": {"Labels": {"c": "d"}}})),
        (
            env(json!([{"name": 1}])),
            env(json!([{"name": "1"}])),
            env(json!([{"name": 1}, {"name": "1"}, {"name": 1.5}])),
        ),
        (env(json!([{"name": {}}])), env(json!([{"name": {}}])), env(json!([{"name": {}}, {"name": {}}]))),
        (env(json!([])), env(json!([{"name": {}}])), env(json!([{"name": "a"}]))),
    ];
    let mut oracle = Oracle::start().unwrap();
    for (original, modified, current) in table {
        let names = ("apps/v1".to_owned(), "Deployment".to_owned());
        let triple = Triple { api_version: names.0, kind: names.1, original, modified, current, outcomes: Vec::new() };
        let triple = oracle.answer(&triple).unwrap();
        let outcome = merged(&triple);
        assert!(triple.allows(&outcome), "{triple:#?}\nhere: {outcome:#?}");
    }
}
