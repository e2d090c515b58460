//! What a user who may not do everything sees: what may be read, that the rest is unknown, and that nothing half done is left.

use std::path::Path;

use bed::{Driver, Major, Namespace};
use serde_json::Value;

use crate::errors::told;
use crate::kubeconfig::{Right, account};
use crate::record::web;
use crate::{Ran, install, namespace, refloat_with};

const READ: &[&str] = &["list", "get"];

pub fn right<'a>(namespace: &'a str, resource: &'a str, verbs: &'a [&'a str]) -> Right<'a> {
    Right { namespace, resource, verbs }
}

/// Runs refloat as the user of this kubeconfig.
pub fn as_user(ns: &Namespace<'_>, kubeconfig: &Path, args: &[&str]) -> Ran {
    refloat_with(ns, args, |command| {
        command.env("KUBECONFIG", kubeconfig);
    })
}

/// The same, the driver and the namespace left open.
fn openly(ns: &Namespace<'_>, kubeconfig: &Path, args: &[&str]) -> Ran {
    refloat_with(ns, args, |command| {
        command.env("KUBECONFIG", kubeconfig).env_remove("HELM_DRIVER").env_remove("HELM_NAMESPACE");
        command.env_remove("HELM_DRIVER_SQL_CONNECTION_STRING");
    })
}

#[test]
fn who_may_nothing_is_told_so() {
    let ns = namespace("nobody", Driver::Secret);
    web(&ns, Driver::Secret);
    let user = account(&ns, "nobody", &[]);
    let hint = "kubectl auth can-i --list";
    for args in [&["list"][..], &["list", "-A"], &["-A"], &["status", "web"], &["fix", "web", "--with", "unlock"]] {
        let ran = as_user(&ns, &user, args);
        told(&ran, 5, "access denied: secrets is forbidden: User \"system:serviceaccount:", hint);
        told(&openly(&ns, &user, args), 5, "access denied: secrets is forbidden", hint);
    }
    told(&as_user(&ns, &user, &["undo"]), 5, "access denied: secrets is forbidden", hint);
}

#[test]
fn who_may_read_some_namespaces_sees_those_and_that_there_are_others() {
    let ns = namespace("two-a", Driver::Secret);
    let other = namespace("two-b", Driver::Secret);
    let hidden = namespace("two-c", Driver::Secret);
    for one in [&ns, &other, &hidden] {
        install(one, Major::V4, "web", &[]);
    }
    let mut rights = vec![right(&ns.name, "secrets", READ), right(&other.name, "secrets", READ)];
    let blind = account(&ns, "blind", &rights);
    rights.push(right("*", "namespaces", &["list"]));
    let seeing = account(&ns, "seeing", &rights);

    let all = openly(&ns, &seeing, &["list", "-A", "-o", "name"]);
    assert_eq!(all.code, Some(0), "{}", all.stderr);
    assert_eq!(all.stdout, format!("{}/web\n{}/web\n", ns.name, other.name));
    assert!(
        all.stderr.contains("note: you may not list records in all namespaces: this covers 2 of "),
        "{}",
        all.stderr
    );
    assert!(all.stderr.contains(&format!("({}, {})\n", ns.name, other.name)), "{}", all.stderr);
    let scan = openly(&ns, &seeing, &[]);
    assert_eq!(scan.code, Some(0), "{}", scan.stderr);
    assert!(scan.stdout.contains("All 2 Helm releases in the namespaces you may read"), "{}", scan.stdout);

    let only = openly(&ns, &blind, &["list", "-A", "-o", "name"]);
    assert_eq!((only.code, only.stdout), (Some(0), format!("{}/web\n", ns.name)));
    let said = format!("this covers the context's namespace only ({})", ns.name);
    assert!(only.stderr.contains(&said), "{}", only.stderr);

    // What is found decides the exit code, as ever.
    let record = crate::record::Record::new(&other, Driver::Secret, "web", 1);
    record.label("status", Some("failed"));
    assert_eq!(openly(&ns, &seeing, &[]).code, Some(3));
    assert_eq!(openly(&ns, &blind, &[]).code, Some(0));
    assert_eq!(openly(&ns, &blind, &["-n", &other.name]).code, Some(3));
    let denied = openly(&ns, &blind, &["-n", &hidden.name]);
    told(&denied, 5, &format!("in the namespace \"{}\"", hidden.name), "kubectl auth can-i --list");
}

#[test]
fn who_may_list_and_not_get_is_told_which_right_is_missing() {
    let ns = namespace("listing", Driver::Secret);
    web(&ns, Driver::Secret);
    let user = account(&ns, "lister", &[right(&ns.name, "secrets", &["list"])]);
    for args in [&["list"][..], &["-n", &ns.name], &["history", "web"], &["get", "values", "web"]] {
        told(&as_user(&ns, &user, args), 5, "cannot get resource \"secrets\"", "kubectl auth can-i --list");
    }
}

/// A release in its namespace that an unlock would work on, and what is stored of it.
fn pending(prefix: &str) -> (Namespace<'static>, Value) {
    let ns = namespace(prefix, Driver::Secret);
    let record = web(&ns, Driver::Secret);
    record.edit(|json| json["info"]["status"] = "pending-upgrade".into());
    record.label("status", Some("pending-upgrade"));
    let object = record.object();
    (ns, object)
}

const UNLOCK: &[&str] = &["fix", "web", "--with", "unlock", "--records-only", "--yes", "--helm-is-gone"];
const LEASES: &str = "leases.coordination.k8s.io";
const LOCK: &[&str] = &["get", "create", "update", "delete"];
const RECORD: &str = "secrets/sh.helm.release.v1.web.v2";

fn backups(ns: &Namespace<'_>) -> usize {
    ns.get("secrets?labelSelector=refloat.dev/fix").unwrap()["items"].as_array().unwrap().len()
}

/// That nothing of a fix was left but this many backups.
fn untouched(ns: &Namespace<'_>, before: &Value, kept: usize) {
    assert_eq!(ns.get(RECORD).unwrap(), *before);
    assert_eq!(backups(ns), kept);
    let leases = ns.get(&format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", ns.name)).unwrap();
    assert!(leases["items"].as_array().unwrap().is_empty(), "{leases}");
}

#[test]
fn a_fix_whose_backup_cant_be_stored_changes_nothing() {
    let (ns, before) = pending("no-create");
    let rights = [right(&ns.name, "secrets", &["list", "get", "update"]), right(&ns.name, LEASES, LOCK)];
    let ran = as_user(&ns, &account(&ns, "reader", &rights), UNLOCK);
    let said =
        "error: the copy of the backup in the cluster can't be stored; nothing was changed\n  because: access denied: ";
    assert!(ran.stderr.contains(said) && ran.stderr.contains("cannot create resource"), "{}", ran.stderr);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(5), ""));
    untouched(&ns, &before, 0);
}

#[test]
fn a_fix_whose_record_cant_be_written_says_so_and_leaves_it() {
    let (ns, before) = pending("no-update");
    let rights = [right(&ns.name, "secrets", &["list", "get", "create"]), right(&ns.name, LEASES, LOCK)];
    let ran = as_user(&ns, &account(&ns, "creator", &rights), UNLOCK);
    let said = "error: the record of revision 2 can't be written; nothing was changed\n  because: access denied: ";
    assert!(ran.stderr.contains(said) && ran.stderr.contains("cannot update resource"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: `kubectl auth can-i --list"), "{}", ran.stderr);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(5), ""));
    untouched(&ns, &before, 1);
    // The backup of a write that never was takes nothing back.
    told(
        &crate::refloat(&ns, ["undo", "--yes"]),
        6,
        "as it was before the fix: there is nothing to take back",
        "undo ID",
    );
    untouched(&ns, &before, 1);
}

#[test]
fn a_release_that_cant_be_locked_is_left_alone_and_the_missing_right_is_named() {
    let (ns, before) = pending("no-lock");
    let all = &["list", "get", "create", "update", "patch", "delete"];
    for (name, verbs) in [("blind", &[][..]), ("looker", &["get"][..])] {
        let rights = [right(&ns.name, "secrets", all), right(&ns.name, LEASES, verbs)];
        let user = account(&ns, name, &rights[..if verbs.is_empty() { 1 } else { 2 }]);
        let ran = as_user(&ns, &user, UNLOCK);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(5), ""), "{}", ran.stderr);
        assert!(ran.stderr.contains("error: the release can't be locked"), "{}", ran.stderr);
        assert!(ran.stderr.contains("cannot") && ran.stderr.contains("docs/rbac.md"), "{}", ran.stderr);
        untouched(&ns, &before, 0);
        let dry = as_user(&ns, &user, &["fix", "web", "--with", "unlock", "--records-only", "--dry-run"]);
        assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    }
}

#[test]
fn who_has_rights_on_records_only_can_unlock_and_take_it_back() {
    let (ns, before) = pending("records-only");
    let all = &["list", "get", "create", "update", "patch", "delete"];
    let rights = [right(&ns.name, "secrets", all), right(&ns.name, LEASES, LOCK)];
    let user = account(&ns, "clerk", &rights);
    // What it would have to put back to is deployed.
    let older = crate::record::Record::new(&ns, Driver::Secret, "web", 1);
    older.edit(|json| json["info"]["status"] = "deployed".into());
    older.label("status", Some("deployed"));
    let with_objects = as_user(&ns, &user, &["fix", "web", "--with", "unlock", "--yes", "--helm-is-gone"]);
    let said = &with_objects.stderr;
    assert!(said.contains("error: access denied: configmaps \"web\" is forbidden"), "{said}");
    assert_eq!((with_objects.code, said.contains("; nothing was changed\n")), (Some(5), true), "{said}");
    let ran = as_user(&ns, &user, UNLOCK);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ns.get(RECORD).unwrap()["metadata"]["labels"]["status"], "failed");
    let undone = as_user(&ns, &user, &["undo", "--yes"]);
    assert_eq!(undone.code, Some(0), "{}", undone.stderr);
    assert_eq!(ns.get(RECORD).unwrap()["data"], before["data"]);
}

#[test]
fn another_user_can_be_impersonated() {
    let ns = namespace("as", Driver::Secret);
    install(&ns, Major::V3, "web", &[]);
    let user = account(&ns, "ada", &[right(&ns.name, "secrets", READ)]);
    let name = format!("system:serviceaccount:{}:ada", ns.name);
    let list = crate::refloat(&ns, ["list", "-o", "name", "--as", &name]);
    assert_eq!((list.code, list.stdout), (Some(0), format!("{}/web\n", ns.name)));
    told(&crate::refloat(&ns, ["list", "--as", "bob"]), 5, "User \"bob\" cannot list resource \"secrets\"", "can-i");
    let group = crate::refloat(&ns, ["list", "-o", "name", "--as", "bob", "--as-group", "system:masters"]);
    assert_eq!(group.code, Some(0), "{}", group.stderr);
    told(&as_user(&ns, &user, &["list", "--as", "bob"]), 5, "cannot impersonate resource \"users\"", "can-i");
}

#[test]
fn drivers_that_may_not_be_asked_are_unknown_not_empty() {
    let ns = namespace("either", Driver::Secret);
    let secrets = account(&ns, "secrets", &[right(&ns.name, "secrets", READ)]);
    let configmaps = account(&ns, "configmaps", &[right(&ns.name, "configmaps", READ)]);

    // Nothing in Secrets: whether there is something in ConfigMaps is a note.
    let empty = openly(&ns, &secrets, &["list", "-o", "json"]);
    assert_eq!((empty.code, empty.stdout.as_str()), (Some(0), "[]\n"), "{}", empty.stderr);
    assert!(empty.stderr.contains("note: whether the configmap driver holds any isn't known: "), "{}", empty.stderr);
    // Nothing in ConfigMaps says nothing where Helm's default can't be read.
    told(&openly(&ns, &configmaps, &["list"]), 5, "access denied: secrets is forbidden", "can-i");
    assert_eq!(as_user(&ns.driver(Driver::ConfigMap), &configmaps, &["list"]).code, Some(0));

    install(&ns.driver(Driver::ConfigMap), Major::V4, "web", &[]);
    let found = openly(&ns, &configmaps, &["list", "-o", "name"]);
    assert_eq!((found.code, found.stdout), (Some(0), format!("{}/web\n", ns.name)));
    assert!(found.stderr.contains("note: whether the secret driver holds any isn't known: "), "{}", found.stderr);
}
