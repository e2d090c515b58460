//! The first rescue, end to end: a Helm killed in `upgrade --wait`, found, unlocked, taken back.

use bed::{Driver, Major, Mode, Namespace, chart};
use serde_json::Value;

use crate::{each, everywhere, install, namespace, refloat, refloat_json};

/// Leaves `web` pending-upgrade: Helm is killed after its first write, which is the pending record. With the SQL driver the
/// records don't pass the proxy, so there the first object is that write.
fn killed_upgrade(ns: &Namespace<'_>, major: Major) {
    install(ns, major, "web", &[]);
    let chart = chart("tiny");
    let upgrade = ["upgrade", "web", &chart, "--set", "data.version=2", "--wait", "--timeout", "60s"];
    ns.kill_at(major, 1, Mode::KillAfter, upgrade).unwrap().sure().unwrap();
}

fn statuses(ns: &Namespace<'_>, major: Major) -> Vec<String> {
    let history = ns.helm(major, ["history", "web", "-o", "json"]).unwrap().json().unwrap();
    history.as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap().to_owned()).collect()
}

fn found(ns: &Namespace<'_>) -> Value {
    let output = refloat(ns, ["-n", &ns.name, "-o", "json"]);
    assert_eq!(output.code, Some(3), "{}", output.stderr);
    serde_json::from_str(&output.stdout).unwrap()
}

#[test]
fn a_killed_upgrade_is_found_unlocked_and_helm_goes_on() {
    each(everywhere(), |(driver, major)| {
        let ns = namespace("rescue", driver);
        killed_upgrade(&ns, major);
        assert_eq!(statuses(&ns, major), ["deployed", "pending-upgrade"], "{driver:?} {major}");

        let scan = found(&ns);
        assert_eq!(scan[0]["name"], "web");
        assert_eq!(scan[0]["findings"][0]["code"], "pending-upgrade");
        assert_eq!(scan[0]["next"], format!("refloat diagnose web -n {}", ns.name));

        let upgrade = ["upgrade", "web", &chart("tiny"), "--set", "data.version=3"].map(str::to_owned);
        let refused = ns.helm(major, &upgrade).unwrap().failed().unwrap();
        assert!(refused.contains("another operation (install/upgrade/rollback) is in progress"), "{refused}");

        let fixed = refloat(&ns, ["fix", "web", "--with", "unlock", "--yes", "--helm-is-gone"]);
        assert_eq!(fixed.code, Some(0), "{driver:?} {major}: {}{}", fixed.stdout, fixed.stderr);
        assert_eq!(statuses(&ns, major), ["superseded", "failed", "deployed"]);
        ns.helm(major, &upgrade).unwrap().ok().unwrap();
        assert_eq!(statuses(&ns, major), ["superseded", "failed", "superseded", "deployed"], "{driver:?} {major}");
        assert_eq!(refloat(&ns, ["-n", &ns.name]).code, Some(0));
    });
}

#[test]
fn undo_puts_the_record_back_byte_for_byte() {
    each(everywhere(), |(driver, major)| {
        let ns = namespace("undo", driver);
        killed_upgrade(&ns, major);
        let before = refloat_json(&ns, ["get", "all", "web", "-o", "json"]);
        let stored = raw(&ns);
        let fixed = refloat_json(&ns, ["fix", "web", "--with", "unlock", "--yes", "--helm-is-gone", "-o", "json"]);
        assert_ne!(raw(&ns), stored);
        let undone = refloat(&ns, ["undo", "--yes"]);
        assert_eq!(undone.code, Some(0), "{}", undone.stderr);
        assert_eq!(raw(&ns), stored, "{driver:?} {major}");
        assert_eq!(refloat_json(&ns, ["get", "all", "web", "-o", "json"]), before);

        // Once taken back, a fix isn't the last one any more; by name, there is nothing of it left to take back.
        assert_eq!(refloat(&ns, ["undo", "--yes"]).code, Some(2));
        assert_eq!(refloat(&ns, ["undo", fixed["id"].as_str().unwrap(), "--yes"]).code, Some(6));
    });
}

/// What is stored of revision 2: payload and labels.
fn raw(ns: &Namespace<'_>) -> (String, Value) {
    let key = "sh.helm.release.v1.web.v2";
    for kind in ["secrets", "configmaps"] {
        if let Some(object) = ns.find(&format!("{kind}/{key}")).unwrap() {
            return (object["data"]["release"].as_str().unwrap().to_owned(), object["metadata"]["labels"].clone());
        }
    }
    let mut client = postgres::Client::connect(ns.bed.postgres().unwrap(), postgres::NoTls).unwrap();
    let row = client
        .query_one(
            "SELECT row_to_json(r)::text FROM releases_v1 r WHERE key = $1 AND namespace = $2",
            &[&key, &ns.name],
        )
        .unwrap();
    (row.get(0), Value::Null)
}

#[test]
fn undo_refuses_what_someone_changed_since() {
    let ns = namespace("changed", Driver::Secret);
    killed_upgrade(&ns, Major::V4);
    refloat_json(&ns, ["fix", "web", "--with", "unlock", "--yes", "--helm-is-gone", "-o", "json"]);
    let patch = serde_json::json!({"metadata": {"labels": {"team": "shop"}}});
    ns.patch("secrets/sh.helm.release.v1.web.v2", &patch).unwrap();
    let stored = raw(&ns);
    let undone = refloat(&ns, ["undo", "--yes"]);
    assert_eq!(undone.code, Some(6));
    assert!(undone.stderr.contains("was changed after the fix"), "{}", undone.stderr);
    assert_eq!(raw(&ns), stored);
}

#[test]
fn undo_refuses_once_helm_has_gone_on() {
    let ns = namespace("overtaken", Driver::Secret);
    killed_upgrade(&ns, Major::V3);
    refloat_json(&ns, ["fix", "web", "--with", "unlock", "--yes", "--helm-is-gone", "-o", "json"]);
    ns.helm3(["upgrade", "web", &chart("tiny")]).unwrap().ok().unwrap();
    let undone = refloat(&ns, ["undo", "--yes"]);
    assert_eq!(undone.code, Some(6));
    assert!(undone.stderr.contains("revision 4 was created after the fix"), "{}", undone.stderr);
}

#[test]
fn nothing_is_written_without_a_yes_or_in_a_dry_run() {
    let ns = namespace("dry", Driver::Secret);
    killed_upgrade(&ns, Major::V4);
    let stored = raw(&ns);
    let dry = refloat(&ns, ["fix", "web", "--with", "unlock", "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    assert!(dry.stderr.contains("mark revision 2 failed"), "{}", dry.stderr);
    let unsure = refloat(&ns, ["fix", "web", "--with", "unlock", "--yes"]);
    assert_eq!(unsure.code, Some(4));
    assert!(unsure.stderr.contains("--helm-is-gone"), "{}", unsure.stderr);
    let unconfirmed = refloat(&ns, ["fix", "web", "--with", "unlock", "--helm-is-gone"]);
    assert_eq!(unconfirmed.code, Some(4));
    assert!(unconfirmed.stderr.contains("--yes"), "{}", unconfirmed.stderr);
    assert_eq!(raw(&ns), stored);
    assert!(ns.get("secrets?labelSelector=refloat.dev/fix").unwrap()["items"].as_array().unwrap().is_empty());
}

#[test]
fn a_release_that_is_not_pending_is_left_alone() {
    let ns = namespace("deployed", Driver::Secret);
    install(&ns, Major::V3, "web", &[]);
    let fixed = refloat(&ns, ["fix", "web", "--with", "unlock", "--yes", "--helm-is-gone"]);
    assert_eq!(fixed.code, Some(4));
    assert!(fixed.stderr.contains("no operation is open"), "{}", fixed.stderr);
}

#[test]
fn a_sealed_record_is_left_alone() {
    let ns = namespace("sealed", Driver::Secret);
    killed_upgrade(&ns, Major::V3);
    ns.patch("secrets/sh.helm.release.v1.web.v2", &serde_json::json!({"immutable": true})).unwrap();
    let fixed = refloat(&ns, ["fix", "web", "--with", "unlock", "--yes", "--helm-is-gone"]);
    assert_eq!(fixed.code, Some(4));
    assert!(fixed.stderr.contains("immutable"), "{}", fixed.stderr);
}

#[test]
fn the_plan_names_what_helm_will_really_go_on_from() {
    // The label of the pending record was edited to deployed: that isn't what Helm goes on from.
    let ns = namespace("baseline", Driver::Secret);
    bed::Trouble::LabelEdited.make(&ns, Major::V3, "web").unwrap();
    let dry = refloat(&ns, ["fix", "web", "--with", "unlock", "--dry-run"]);
    assert!(dry.stderr.contains("revision 3, a copy of revision 1, is deployed"), "{}", dry.stderr);
    // And if the deployed record can't be read, Helm passes over it.
    ns.patch("secrets/sh.helm.release.v1.web.v1", &serde_json::json!({"data": {"release": "SDRz"}})).unwrap();
    let dry = refloat(&ns, ["fix", "web", "--with", "unlock", "--dry-run"]);
    assert!(dry.stderr.contains("revision 1 is labelled deployed and can't be read"), "{}", dry.stderr);
    assert!(dry.stderr.contains("goes on from this failed revision"), "{}", dry.stderr);
}
