//! Backup and restore: records and objects that were lost come back byte for byte, real Helm goes on with them, and nothing that is there
//! is overwritten unless told.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use bed::{Driver, Major, Namespace, chart};
use serde_json::{Value, json};

use crate::record::Record;
use crate::ways::{Moment, NO_HOOKS, PAIRS, fixed, helm, helms_go_on, killed, lock, proxied, statuses, unlocked};
use crate::{Ran, each, everywhere, namespace, refloat, refloat_json};

/// No workload, so that nothing is waited for.
pub const SMALL: &str = "parts.deployment=false,parts.pvc=false,parts.service=false";

/// Where a test keeps its backups.
fn file(ns: &Namespace<'static>, name: &str) -> String {
    let folder: PathBuf = ns.bed.address.dir.join("refloat").join(&ns.name);
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name).to_str().unwrap().to_owned()
}

/// Saves `web`.
fn backup(ns: &Namespace<'static>, name: &str) -> String {
    let path = file(ns, name);
    let ran = refloat(ns, ["backup", "web", "-o", &path]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    path
}

fn restore(ns: &Namespace<'static>, more: &[&str]) -> Ran {
    refloat(ns, ["restore", "web", "--yes"].iter().chain(more))
}

/// The same, which has to end well.
fn restored(ns: &Namespace<'static>, more: &[&str]) -> String {
    let ran = restore(ns, more);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    unlocked(ns);
    ran.stdout
}

/// A refusal that says why and what to do, and wrote nothing.
fn refused(ns: &Namespace<'static>, more: &[&str], code: i32, why: &str, hint: &str) {
    let before = Moment::now(ns);
    let ran = restore(ns, more);
    assert_eq!(ran.code, Some(code), "{more:?}: {}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains(why) && ran.stderr.contains(hint), "{more:?}: {}", ran.stderr);
    assert_eq!(Moment::now(ns).records, before.records);
    unlocked(ns);
}

fn undone(ns: &Namespace<'static>) {
    let ran = refloat(ns, ["undo", "--yes"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    unlocked(ns);
}

/// Deletes a record as people do: by hand.
pub fn lose(ns: &Namespace<'static>, driver: Driver, revision: u64) {
    let record = Record::new(ns, driver, "web", revision);
    if driver != Driver::Sql {
        return ns.delete(&record.path()).unwrap();
    }
    let mut client = postgres::Client::connect(ns.bed.postgres().unwrap(), postgres::NoTls).unwrap();
    let statement = "DELETE FROM releases_v1 WHERE key = $1 AND namespace = $2";
    assert_eq!(client.execute(statement, &[&record.key(), &ns.name]).unwrap(), 1);
}

#[test]
fn lost_records_come_back_from_a_file_and_helm_goes_on() {
    each(everywhere(), |(driver, major)| {
        let ns = namespace("restore", driver);
        helm(&ns, major, "install", &format!("version=1,{SMALL}"));
        let set = format!("version=2,{NO_HOOKS},{SMALL}");
        let labelled = ["upgrade", "web", &chart("app"), "--set", &set, "--labels", "team=shop"].map(str::to_owned);
        ns.helm(major, labelled).unwrap().ok().unwrap();
        let metadata = || refloat_json(&ns, ["get", "metadata", "web", "-o", "json"]);
        let labels = metadata();
        assert!(labels.to_string().contains("shop"), "{labels}");
        let path = backup(&ns, "web.backup.json");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let before = Moment::now(&ns);
        (1..=2).for_each(|revision| lose(&ns, driver, revision));
        let lost = Moment::settled(&ns);
        assert!(lost.records.is_empty());

        let data = refloat_json(&ns, ["restore", "web", &path, "--dry-run", "-o", "json"]);
        assert_eq!(data["records"][1], json!({"revision": 2, "status": "deployed", "fate": "restore"}));
        assert_eq!((&data["dryRun"], &data["id"]), (&json!(true), &Value::Null));
        let dry = refloat(&ns, ["restore", "web", &path, "--dry-run"]);
        assert_eq!(dry.code, Some(0), "{}", dry.stderr);
        assert!(dry.stderr.contains("puts back  revision 2 (deployed)"), "{}", dry.stderr);
        assert!(dry.stderr.contains("Dry run: nothing was written."), "{}", dry.stderr);
        assert_eq!(Moment::now(&ns), lost, "{driver:?} {major}");

        let told = restored(&ns, &[&path]);
        assert!(told.contains("2 revisions put back, read back; revision 2 is deployed."), "{told}");
        assert_eq!(Moment::now(&ns).records, before.records, "{driver:?} {major}");
        assert_eq!(metadata(), labels);
        undone(&ns);
        assert_eq!(Moment::now(&ns).records, lost.records, "{driver:?} {major}");

        restored(&ns, &[&path]);
        assert!(restored(&ns, &[&path]).starts_with("Nothing of "));
        assert_eq!(statuses(&ns, major), ["superseded", "deployed"]);
        helms_go_on(&ns);
        ns.helm(major, ["rollback", "web", "1"]).unwrap().ok().unwrap();
        // Without `--wait` objects go on going for a moment.
        ns.helm(major, ["uninstall", "web", "--wait"]).unwrap().ok().unwrap();
        assert!(Moment::settled(&ns).names().is_empty());
    });
}

/// An upgrade that was killed between its ConfigMaps.
fn stuck(ns: &Namespace<'static>, major: Major) {
    helm(ns, major, "install", &format!("version=1,{SMALL}"));
    killed(ns, major, "upgrade", &format!("version=2,{SMALL}"), "PATCH~/configmaps/web-a:kill-after");
}

#[test]
fn lost_records_come_back_from_the_copy_that_a_fix_left() {
    each(PAIRS, |(driver, major)| {
        let ns = namespace("from-fix", driver);
        stuck(&ns, major);
        let before = Moment::now(&ns).records;
        refused(&ns, &[], 2, "no fix of ", "refloat restore web FILE");
        let fix = fixed(&ns, "unlock", &["--records-only"]);
        // What the fix changed is there, so that nothing is lost.
        refused(&ns, &[], 4, "nothing of ", "--overwrite");
        lose(&ns, driver, 2);
        restored(&ns, &[fix["backup"].as_str().unwrap()]);
        undone(&ns);
        restored(&ns, &[]);
        assert_eq!(Moment::now(&ns).records, before, "{driver:?} {major}");

        // Of several copies one is named.
        let other = fixed(&ns, "unlock", &["--records-only"]);
        lose(&ns, driver, 2);
        refused(&ns, &[], 2, "2 fixes of ", &format!("--from-fix {}", other["id"].as_str().unwrap()));
        refused(&ns, &["--from-fix", "00000000"], 2, "is of fix 00000000", fix["id"].as_str().unwrap());
        restored(&ns, &["--from-fix", fix["id"].as_str().unwrap()]);
        assert_eq!(Moment::now(&ns).records, before, "{driver:?} {major}");
        undone(&ns);
        restored(&ns, &["--from-fix", "newest"]);
        assert_eq!(Moment::now(&ns).records, before, "{driver:?} {major}");
        fixed(&ns, "unlock", &["--records-only"]);
        helms_go_on(&ns);
        ns.helm(major, ["uninstall", "web"]).unwrap().ok().unwrap();
    });
}

#[test]
fn what_is_there_and_differs_is_left_unless_told() {
    let ns = namespace("differs", Driver::Secret);
    helm(&ns, Major::V4, "install", &format!("version=1,{SMALL}"));
    let path = backup(&ns, "web.json");
    let before = Moment::now(&ns);
    let labelled = json!({"metadata": {"labels": {"team": "shop"}}});
    ns.patch("secrets/sh.helm.release.v1.web.v1", &labelled).unwrap();
    ns.patch("configmaps/web-a", &json!({"data": {"version": "9"}})).unwrap();
    let changed = Moment::now(&ns);
    refused(&ns, &[&path], 4, "left as it is: 1 revision and 1 object", "--overwrite");
    let unconfirmed = refloat(&ns, ["restore", "web", &path, "--overwrite"]);
    assert_eq!(unconfirmed.code, Some(4));
    assert!(
        unconfirmed.stderr.contains("overwrites revision 1 (deployed): it differs in its labels"),
        "{}",
        unconfirmed.stderr
    );
    assert!(unconfirmed.stderr.contains("--yes confirms"), "{}", unconfirmed.stderr);
    assert_eq!(Moment::now(&ns), changed);

    restored(&ns, &[&path, "--overwrite"]);
    let after = Moment::now(&ns);
    assert_eq!((&after.records, &after.objects), (&before.records, &before.objects));
    undone(&ns);
    let after = Moment::now(&ns);
    assert_eq!((&after.records, &after.objects), (&changed.records, &changed.objects));
    // Helm applies on the server's side: whose the fields are has to be as it was.
    helms_go_on(&ns);
}

#[test]
fn what_is_newer_stays_and_never_are_two_deployed() {
    each([(Driver::Secret, Major::V4), (Driver::ConfigMap, Major::V3), (Driver::Sql, Major::V3)], |(driver, major)| {
        let ns = namespace("newer", driver);
        helm(&ns, major, "install", &format!("version=1,{SMALL}"));
        let path = backup(&ns, "web.json");
        helm(&ns, major, "upgrade", &format!("version=2,{SMALL}"));
        refused(&ns, &[&path], 4, "nothing of ", "--overwrite");
        refused(&ns, &[&path, "--overwrite"], 4, "nothing of ", "revision 2 has come since (deployed)");
        lose(&ns, driver, 1);
        let why = "revision 1 was deployed when it was saved, and revision 2 has come since (deployed)";
        refused(&ns, &[&path], 4, why, "--overwrite puts it back as superseded");
        restored(&ns, &[&path, "--overwrite"]);
        assert_eq!(statuses(&ns, major), ["superseded", "deployed"], "{driver:?} {major}");
        helms_go_on(&ns);
    });
}

#[test]
fn lost_objects_and_a_whole_release_come_back() {
    each(Major::BOTH, |major| {
        let ns = namespace("objects", Driver::Secret);
        helm(&ns, major, "install", "version=1");
        let path = backup(&ns, "web.json");
        let before = Moment::settled(&ns);
        for lost in ["configmaps/web-a", "apps/v1/deployments/web", "services/web"] {
            ns.delete(lost).unwrap();
        }
        let lost = Moment::settled(&ns);
        assert_eq!(before.objects.len() - lost.objects.len(), 3, "{:?}", lost.names());
        let told = restored(&ns, &[&path]);
        assert!(told.contains(": 3 objects put back"), "{told}");
        assert_eq!(Moment::settled(&ns).objects, before.objects, "{major}");
        undone(&ns);
        assert_eq!(Moment::settled(&ns).objects, lost.objects, "{major}");
        // Who may not touch objects restores records only.
        assert!(restored(&ns, &[&path, "--records-only"]).starts_with("Nothing of "));

        ns.helm(major, ["uninstall", "web", "--wait"]).unwrap().ok().unwrap();
        restored(&ns, &[&path]);
        let after = Moment::settled(&ns);
        assert_eq!((&after.records, &after.objects), (&before.records, &before.objects), "{major}");
        helms_go_on(&ns);
    });
}

#[test]
fn what_does_not_fit_is_told() {
    let ns = namespace("misfit", Driver::Secret);
    stuck(&ns, Major::V4);
    let path = backup(&ns, "web.json");
    assert!(refloat(&ns, ["backup", "web", "-o", &path]).stderr.contains("is there already"));
    assert_eq!(refloat(&ns, ["backup", "web", "-o", &path, "--force"]).code, Some(0));
    let streamed = refloat(&ns, ["backup", "web", "-o", "-"]);
    let saved: Value = serde_json::from_str(&streamed.stdout).unwrap();
    assert_eq!((saved["action"].as_str(), saved["others"].as_array().unwrap().len()), (Some("backup"), 1));

    // Helm may be at work on what is left.
    lose(&ns, Driver::Secret, 1);
    refused(&ns, &[&path], 4, "Helm is still at work", "--helm-is-gone");
    let ran = refloat(&ns, ["restore", "cart", &path, "--yes"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("is of {0}/web, not of {0}/cart", ns.name)), "{}", ran.stderr);
    let ran = refloat(&ns, ["restore", "web", &path, "--yes", "-n", "default"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("-n {}", ns.name)), "{}", ran.stderr);

    let bundle = file(&ns, "web.bundle.json");
    assert_eq!(refloat(&ns, ["bundle", "web", "-o", &bundle]).code, Some(0));
    refused(&ns, &[&bundle], 2, "the file is a Bundle, not a RecordBackup", "secrets are redacted");
    let broken = file(&ns, "broken.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&broken, &text[..text.len() / 2]).unwrap();
    refused(&ns, &[&broken], 2, "can't be read as a backup", "refloat backup RELEASE -o FILE");
    restored(&ns, &[&path, "--helm-is-gone"]);
}

#[test]
fn killed_or_refused_at_any_write_it_ends_in_the_same_state() {
    let faults = [["kill-before", "kill-after"], ["status=503", "cut-after"], ["cut-before", "kill-after"]];
    each(faults.into_iter().zip([Major::V3, Major::V4, Major::V4]), |(faults, major)| {
        let ns = namespace("restore-faults", Driver::Secret);
        helm(&ns, major, "install", &format!("version=1,{SMALL}"));
        helm(&ns, major, "upgrade", &format!("version=2,{SMALL}"));
        let path = backup(&ns, "web.json");
        let whole = Moment::settled(&ns);
        ns.delete("configmaps/web-a").unwrap();
        ns.patch("configmaps/web-c", &json!({"data": {"only": "9"}})).unwrap();
        ns.patch("secrets/sh.helm.release.v1.web.v1", &json!({"metadata": {"labels": {"team": "shop"}}})).unwrap();
        lose(&ns, Driver::Secret, 2);
        let lost = Moment::settled(&ns);
        let args = ["restore", "web", &path, "--overwrite", "--yes"];
        let clean = proxied(&ns, &args, &[]);
        assert!(clean.output.status.success(), "{}", clean.output.stderr);
        let writes = clean.writes().unwrap();
        assert!(writes > 8, "{:?}", clean.log);
        for (write, fault) in (1..=writes).flat_map(|write| faults.map(|fault| (write, fault))) {
            undone(&ns);
            same(&ns, &lost, "undone");
            let broken = proxied(&ns, &args, &[&format!("{write}:{fault}")]).sure().unwrap();
            let what = format!("{fault} at {:?}", broken.log.iter().find(|line| line["k"] == write));
            // From any machine: what was begun needs no file any more.
            let begun = lock(&ns).is_some_and(|lock| lock.to_string().contains("\\\"backedUp\\\":true"));
            let again = if begun { refloat(&ns, ["restore", "web", "--yes"]) } else { refloat(&ns, args) };
            assert_eq!(again.code, Some(0), "{what}: {}\nagain: {}", broken.output.stderr, again.stderr);
            same(&ns, &whole, &what);
            unlocked(&ns);
            if major == Major::V4 {
                owned_by_helms_apply(&ns, &what);
            }
        }
        helms_go_on(&ns);
    });
}

fn same(ns: &Namespace<'static>, expected: &Moment, what: &str) {
    let now = Moment::now(ns);
    assert_eq!((&now.records, &now.objects), (&expected.records, &expected.objects), "{what}");
}

/// What Helm applies on the server's side is owned by its apply alone, or its next one would meet a conflict.
fn owned_by_helms_apply(ns: &Namespace<'static>, what: &str) {
    for (name, field) in [("configmaps/web-a", "f:version"), ("configmaps/web-c", "f:only")] {
        let object = ns.get(name).unwrap();
        let entries = object["metadata"]["managedFields"].as_array().unwrap();
        let helms: Vec<_> = entries.iter().filter(|entry| entry["manager"] == "helm").collect();
        let [one] = &helms[..] else { panic!("{what}: {name}: {entries:?}") };
        assert_eq!(one["operation"], "Apply", "{what}: {name}");
        assert!(one["fieldsV1"]["f:data"][field].is_object(), "{what}: {name}: {one}");
    }
}

#[test]
fn a_fix_that_was_killed_while_it_kept_its_backup_goes_on() {
    each(["kill-before", "kill-after"], |fault| {
        let ns = namespace("half-kept", Driver::Secret);
        stuck(&ns, Major::V3);
        let args = ["fix", "web", "--with", "unlock", "--helm-is-gone", "--yes"];
        proxied(&ns, &args, &[&format!("POST~/secrets#1:{fault}")]).sure().unwrap();
        assert!(lock(&ns).is_some());
        let again = refloat(&ns, args);
        assert_eq!(again.code, Some(0), "{fault}: {}", again.stderr);
        unlocked(&ns);
    });
}

#[test]
fn one_that_was_interrupted_comes_first() {
    let ns = namespace("half-restored", Driver::Secret);
    helm(&ns, Major::V3, "install", &format!("version=1,{SMALL}"));
    helm(&ns, Major::V3, "upgrade", &format!("version=2,{SMALL}"));
    let path = backup(&ns, "web.json");
    lose(&ns, Driver::Secret, 1);
    lose(&ns, Driver::Secret, 2);
    let lost = Moment::now(&ns);
    let args = ["restore", "web", &path, "--yes"];
    // The copy of the backup is the first, then come the records.
    let broken = proxied(&ns, &args, &["POST~/secrets#3:status=503"]).sure().unwrap().output;
    assert_eq!(broken.status.code(), Some(8), "{}", broken.stderr);
    assert!(
        broken.stderr.contains("refloat restore web -n ") && broken.stderr.contains("refloat undo "),
        "{}",
        broken.stderr
    );
    assert_eq!(Moment::now(&ns).records.len(), 1);
    for (args, hint) in
        [(&["fix", "web", "--yes"][..], "refloat restore web -n "), (&["diagnose", "web"], "refloat restore web -n ")]
    {
        let ran = refloat(&ns, args);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(told.contains("was interrupted") && told.contains(hint), "{told}");
    }
    let other = backup(&ns, "other.json");
    let ran = refloat(&ns, ["restore", "web", &other, "--yes"]);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stderr.contains("from another backup, was interrupted"), "{}", ran.stderr);
    undone(&ns);
    assert_eq!(Moment::now(&ns).records, lost.records);
}

#[test]
fn what_is_kept_elsewhere_now_is_told_so() {
    let ns = namespace("moved", Driver::Secret);
    helm(&ns, Major::V3, "install", &format!("version=1,{SMALL}"));
    let path = backup(&ns, "web.json");
    ns.helm(Major::V3, ["uninstall", "web"]).unwrap().ok().unwrap();
    let moved = ns.driver(Driver::ConfigMap);
    helm(&moved, Major::V3, "install", &format!("version=1,{SMALL}"));
    let ran = crate::refloat_with(&ns, ["restore", "web", &path, "--yes"], |command| {
        command.env_remove("HELM_DRIVER");
    });
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stderr.contains("is kept by the configmap driver now"), "{}", ran.stderr);
    let ran = refloat(&moved, ["restore", "web", &path, "--yes"]);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stderr.contains("the backup is of the secret driver"), "{}", ran.stderr);
}
