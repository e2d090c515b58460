//! Inspection commands against both Helms' own, field by field, on the same releases.

use bed::{Driver, Major, Mode, Namespace, chart};
use serde_json::{Value, json};

use crate::{each, install, namespace, refloat, refloat_json};

/// A namespace with releases of both Helms in several states.
fn furnished(driver: Driver) -> Namespace<'static> {
    let ns = namespace("parity", driver);
    let tiny = chart("tiny");
    install(
        &ns,
        Major::V3,
        "a-three",
        &["--set", "notes=Thanks for <all> & more,data.n=12345678901", "--labels", "team=shop,tier=web"],
    );
    install(&ns, Major::V4, "b-four", &["--labels", "team=pay", "--description", "first try"]);
    ns.helm3(["upgrade", "a-three", &tiny, "--set-string", "data.s=yes,notes=Again"]).unwrap().ok().unwrap();
    ns.helm4(["upgrade", "b-four", &tiny, "--reuse-values", "--set", "data.deep.f=0.25"]).unwrap().ok().unwrap();
    install(&ns, Major::V3, "c.dotted", &[]);
    ns.helm3(["upgrade", "c.dotted", &tiny, "--set", "data=nonsense"]).unwrap().failed().unwrap();
    install(&ns, Major::V4, "d-hooks", &[]);
    let app = chart("app");
    ns.helm4(["upgrade", "d-hooks", &app, "--set", "parts.pvc=false"]).unwrap().ok().unwrap();
    install(&ns, Major::V3, "e-stuck", &[]);
    ns.kill_at(Major::V3, 1, Mode::KillAfter, ["upgrade", "e-stuck", &tiny, "--set", "data.version=2"])
        .unwrap()
        .sure()
        .unwrap();
    ns.helm3(["uninstall", "c.dotted", "--keep-history"]).unwrap().ok().unwrap();
    ns
}

fn helm_json(ns: &Namespace<'_>, major: Major, args: &[&str]) -> Value {
    ns.helm(major, args.iter().chain(&["-o", "json"])).unwrap().json().unwrap()
}

/// What differs between the Helms, not between Helm and refloat: Helm 3 writes unset times as "", Helm 4 leaves them out; live
/// resources aren't part of the record; findings and answers are refloat's own.
fn normal(mut value: Value) -> Value {
    match &mut value {
        Value::Object(map) => {
            for key in ["resources", "findings", "answers"] {
                map.remove(key);
            }
            map.retain(|key, value| {
                !(matches!(key.as_str(), "deleted" | "started_at" | "completed_at" | "updated") && *value == json!(""))
            });
            map.values_mut().for_each(|value| *value = normal(value.take()));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| *value = normal(value.take())),
        _ => {}
    }
    value
}

fn same(ns: &Namespace<'_>, helm: &[&str], major: Major, ours: &[&str]) {
    let mut theirs = normal(helm_json(ns, major, helm));
    let mut ours_json = normal(refloat_json(ns, ours.iter().chain(&["-o", "json"])));
    if major == Major::V3
        && let Some(fields) = ours_json.as_object_mut()
    {
        // Helm 3 doesn't know the field and drops it.
        fields.remove("apply_method");
    }
    if helm.contains(&"--date") {
        // Helm compares whole seconds and leaves the order within one to chance.
        let times: Vec<_> = ours_json.as_array().unwrap().iter().map(|one| one["updated"].as_str().unwrap()).collect();
        assert!(times.is_sorted(), "{times:?}");
        theirs.as_array_mut().unwrap().sort_by_key(|one| one["updated"].as_str().unwrap().to_owned());
    }
    assert_eq!(ours_json, theirs, "{major}: helm {helm:?}, refloat {ours:?}");
}

#[test]
fn json_is_helms_own_field_by_field() {
    each([Driver::Secret, Driver::ConfigMap, Driver::Sql], |driver| {
        let ns = furnished(driver);
        for major in Major::BOTH {
            lists(&ns, major, driver);
            for release in ["a-three", "b-four", "c.dotted", "d-hooks", "e-stuck"] {
                one(&ns, major, release);
            }
        }
    });
}

fn one(ns: &Namespace<'_>, major: Major, release: &str) {
    let table: [&[&str]; 5] = [
        &["history", release],
        &["status", release],
        &["status", release, "--revision", "1"],
        &["get", "values", release],
        &["get", "values", release, "--all"],
    ];
    for args in table {
        same(ns, args, major, args);
    }
    metadata(ns, major, release);
    for part in ["manifest", "hooks", "notes"] {
        let theirs = ns.helm(major, ["get", part, release]).unwrap().ok().unwrap().stdout;
        assert_eq!(refloat(ns, ["get", part, release]).stdout, theirs, "{major}: get {part} {release}");
    }
}

/// Filters and orders. `helm list -a` is refloat's default.
fn lists(ns: &Namespace<'_>, major: Major, driver: Driver) {
    let all: &[&str] = if major == Major::V3 { &["-a"] } else { &[] };
    let table: [&[&str]; 10] = [
        &[],
        &["--deployed"],
        &["--failed"],
        &["--pending"],
        &["--superseded"],
        &["--uninstalled"],
        &["--uninstalling"],
        &["--filter", "^[ab]-"],
        &["--date"],
        &["--reverse", "--max", "2", "--offset", "1"],
    ];
    for flags in table {
        let masked = flags.first().is_some_and(|flag| refloat_mask(flag));
        let helm: Vec<&str> = ["list"]
            .into_iter()
            .chain(if masked { &[][..] } else { all }.iter().copied())
            .chain(flags.iter().copied())
            .collect();
        let ours: Vec<&str> = ["list"].into_iter().chain(flags.iter().copied()).collect();
        same(ns, &helm, major, &ours);
    }
    // Helm's SQL driver reads custom labels of a single namespace only, and selects by them as the others do.
    for selector in ["team=shop", "team!=shop", "team in (shop,pay),!absent", "name=b-four,status=deployed"] {
        if driver == Driver::Sql && selector.starts_with("name") {
            continue;
        }
        let helm: Vec<&str> = ["list"].into_iter().chain(all.iter().copied()).chain(["--selector", selector]).collect();
        same(ns, &helm, major, &["list", "--selector", selector]);
    }
}

fn refloat_mask(flag: &str) -> bool {
    ["--deployed", "--failed", "--pending", "--superseded", "--uninstalled", "--uninstalling"].contains(&flag)
}

/// Helm 4's fields; Helm 3 has no labels and no apply method.
fn metadata(ns: &Namespace<'_>, major: Major, release: &str) {
    let theirs = helm_json(ns, major, &["get", "metadata", release]);
    let mut ours = refloat_json(ns, ["get", "metadata", release, "-o", "json"]);
    if major == Major::V3 {
        let fields = ours.as_object_mut().unwrap();
        fields.remove("labels");
        fields.remove("applyMethod");
    }
    assert_eq!(ours, theirs, "{major}: get metadata {release}");
}
