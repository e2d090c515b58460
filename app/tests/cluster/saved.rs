//! A plan that was saved is carried out as it was, or not at all.

use std::os::unix::fs::PermissionsExt;

use bed::{Driver, Major, Namespace};
use serde_json::{Value, json};

use crate::ways::{LIMIT, Moment, PAIRS, helm, helms_go_on, killed, killed_among_objects, lock, statuses, unlocked};
use crate::{Ran, each, namespace, refloat, refloat_json, refloat_with};

/// Where a namespace's plan is saved.
fn file(ns: &Namespace<'_>) -> String {
    let folder = ns.bed.address.dir.join("saved");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{}.plan.json", ns.name)).display().to_string()
}

fn save(ns: &Namespace<'_>, more: &[&str]) -> Value {
    let file = file(ns);
    let ran = refloat(ns, ["plan", "web", "-o", &file].iter().chain(more));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains(&format!("next: refloat fix --plan {file}")), "{}", ran.stdout);
    serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap()
}

fn carry_out(ns: &Namespace<'_>) -> Ran {
    refloat(ns, ["fix", "--plan", &file(ns), "--yes", "--helm-is-gone"])
}

#[test]
fn what_was_saved_is_done() {
    each(PAIRS, |(driver, major)| {
        let ns = namespace("saved", driver);
        killed_among_objects(&ns, major);
        let before = Moment::settled(&ns);
        let plan = save(&ns, &[]);
        assert_eq!(Moment::now(&ns), before, "{driver:?}: a plan writes nothing");
        assert_eq!(
            (&plan["kind"], &plan["way"], &plan["driver"]),
            (&"SavedPlan".into(), &"resume".into(), &driver.name().into())
        );
        assert_eq!(std::fs::metadata(file(&ns)).unwrap().permissions().mode() & 0o777, 0o600);
        let guards = plan["guards"].as_array().unwrap();
        let guarded =
            |what: &str| guards.iter().find(|guard| guard["what"] == what).unwrap_or_else(|| panic!("{what}: {plan}"));
        assert_eq!(guards.iter().filter(|guard| guard["record"] == true).count(), 2);
        assert!(guarded("deployment/web")["guard"]["uid"].is_string());
        assert!(guarded("configmap/web-b")["guard"].is_object());

        let dry = refloat(&ns, ["fix", "web", "--plan", &file(&ns), "--dry-run"]);
        assert_eq!(dry.code, Some(0), "{}", dry.stderr);
        assert_eq!(Moment::now(&ns), before);
        let done = carry_out(&ns);
        assert_eq!(done.code, Some(0), "{driver:?} {major}: {}", done.stderr);
        assert!(done.stdout.starts_with("Resumed "), "{}", done.stdout);
        assert_eq!(statuses(&ns, major), ["superseded", "deployed"]);
        unlocked(&ns);
        // What was done isn't done twice.
        let again = carry_out(&ns);
        assert_eq!(again.code, Some(6), "{}", again.stderr);
        helms_go_on(&ns);
    });
}

#[test]
fn what_was_named_is_saved_and_nothing_is_overwritten() {
    let ns = namespace("saved-with", Driver::Secret);
    killed_among_objects(&ns, Major::V3);
    Moment::settled(&ns);
    assert_eq!(save(&ns, &["--with", "unlock"])["way"], "unlock");
    let there = refloat(&ns, ["plan", "web", "-o", &file(&ns)]);
    assert_eq!(there.code, Some(4), "{}", there.stderr);
    assert!(there.stderr.contains("is there already; nothing was written"), "{}", there.stderr);
    assert_eq!(save(&ns, &["--with", "rollback", "--force"])["way"], "rollback");
    for way in ["complete", "uninstall"] {
        let shut = refloat(&ns, ["plan", "web", "-o", &file(&ns), "--with", way, "--force"]);
        assert_eq!(shut.code, Some(4), "{way}: {}", shut.stderr);
        assert!(shut.stderr.contains("nothing was saved"), "{way}: {}", shut.stderr);
    }
    let slip = refloat(&ns, ["plan", "web", "-o", "jsn"]);
    assert_eq!(slip.code, Some(2), "{}", slip.stderr);
    assert!(slip.stderr.contains("a file to save to has a dot or a slash"), "{}", slip.stderr);
    for args in [["other", "--yes"], ["web", "-nother"]] {
        let other = refloat(&ns, ["fix", "--plan", &file(&ns)].iter().chain(&args));
        assert_eq!(other.code, Some(2), "{}", other.stderr);
        assert!(other.stderr.contains("error: the plan is for "), "{}", other.stderr);
    }
    let done = carry_out(&ns);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(statuses(&ns, Major::V3), ["superseded", "failed", "deployed"]);
}

#[test]
fn once_anything_changed_it_is_refused_and_nothing_is_written() {
    each(Major::BOTH, |major| {
        let ns = namespace("saved-late", Driver::Secret);
        killed_among_objects(&ns, major);
        Moment::settled(&ns);
        save(&ns, &["--with", "resume"]);
        let annotated = |value: &str| json!({"metadata": {"annotations": {"example.com/by": value}}});
        let refused = |what: &str| {
            let before = Moment::settled(&ns);
            for more in [&[][..], &["--dry-run"][..]] {
                let ran = refloat(&ns, ["fix", "--plan", &file(&ns), "--yes", "--helm-is-gone"].iter().chain(more));
                assert_eq!((ran.code, ran.stdout.as_str()), (Some(6), ""), "{}", ran.stderr);
                let why = "error: what the plan rests on changed since it was saved; nothing was written";
                assert!(ran.stderr.contains(why) && ran.stderr.contains(what), "{what}: {}", ran.stderr);
            }
            assert_eq!(Moment::now(&ns), before);
            unlocked(&ns);
        };
        ns.patch("configmaps/web-a", &annotated("somebody")).unwrap();
        refused("configmap/web-a changed");
        save(&ns, &["--with", "resume", "--force"]);
        ns.patch("secrets/sh.helm.release.v1.web.v2", &annotated("somebody")).unwrap();
        refused(&format!("Secret {}/sh.helm.release.v1.web.v2 changed", ns.name));
        save(&ns, &["--with", "resume", "--force"]);
        ns.delete("configmaps/web-b").unwrap();
        ns.wait("configmaps/web-b", LIMIT, Value::is_null).unwrap();
        refused("configmap/web-b vanished");
        save(&ns, &["--with", "resume", "--force"]);
        let b = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web-b"}});
        ns.post("configmaps", &b).unwrap();
        refused("configmap/web-b appeared");
        ns.delete("configmaps/web-b").unwrap();
        ns.wait("configmaps/web-b", LIMIT, Value::is_null).unwrap();
        // Gone again, all is as it was when the plan was saved.
        let done = carry_out(&ns);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        assert_eq!(statuses(&ns, major), ["superseded", "deployed"]);
    });
}

#[test]
fn a_policy_that_came_later_holds() {
    let ns = namespace("saved-policy", Driver::Secret);
    killed_among_objects(&ns, Major::V4);
    Moment::settled(&ns);
    save(&ns, &["--with", "rollback"]);
    let patch = json!({"metadata": {"annotations": {"refloat.dev/rollback": "never"}}});
    ns.patch(&format!("/api/v1/namespaces/{}", ns.name), &patch).unwrap();
    let before = Moment::settled(&ns);
    let refused = carry_out(&ns);
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    assert!(refused.stderr.contains("says rollback: never"), "{}", refused.stderr);
    assert_eq!(Moment::now(&ns), before);
}

#[test]
fn a_fix_that_was_interrupted_comes_first() {
    let ns = namespace("saved-first", Driver::Secret);
    helm(&ns, Major::V3, "install", "version=1");
    killed(&ns, Major::V3, "upgrade", "version=2,pod.behaviour=never-ready", "PATCH~/deployments/web:kill-before");
    Moment::settled(&ns);
    save(&ns, &["--with", "unlock"]);
    // The plan's file is read before anything is asked of the cluster, and the namespace is the plan's.
    let elsewhere = refloat_with(&ns, ["fix", "--plan", &file(&ns), "--dry-run"], |command| {
        command.env_remove("HELM_NAMESPACE");
    });
    assert_eq!(elsewhere.code, Some(0), "{}", elsewhere.stderr);
    let args = ["fix", "web", "--with", "resume", "--yes", "--helm-is-gone", "--timeout", "1s"];
    let stopped = refloat(&ns, args);
    assert_eq!(stopped.code, Some(8), "{}{}", stopped.stdout, stopped.stderr);
    let refused = carry_out(&ns);
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    assert!(refused.stderr.contains("with resume was interrupted, and comes first"), "{}", refused.stderr);

    let plan = refloat_json(&ns, ["plan", "web", "--stale-after", "1s", "-o", "json"]);
    let options: Vec<&Value> =
        plan["options"].as_array().unwrap().iter().filter(|option| option["applicable"] == true).collect();
    assert!(options[0]["id"] == "resume" && options[0]["why"].as_str().unwrap().contains("began it"), "{plan}");
    let undo = format!("refloat undo {} -n {}", lock_fix(&ns), ns.name);
    assert!(options.len() > 2);
    for other in &options[1..] {
        let first = &other["preconditions"][0];
        assert!(first["met"] == false && first["what"].as_str().unwrap().contains(&undo), "{other}");
    }
}

/// The fix that has the release's lock.
fn lock_fix(ns: &Namespace<'static>) -> String {
    let journal = lock(ns).unwrap()["metadata"]["annotations"]["refloat.dev/journal"].as_str().unwrap().to_owned();
    serde_json::from_str::<Value>(&journal).unwrap()["fix"].as_str().unwrap().to_owned()
}

#[test]
fn records_only_is_saved_and_done() {
    each(PAIRS, |(driver, major)| {
        let ns = namespace("saved-records", driver);
        killed_among_objects(&ns, major);
        let before = Moment::settled(&ns);
        let whole = save(&ns, &["--with", "unlock"]);
        assert_eq!(whole["recordsOnly"], false);
        let other = refloat(&ns, ["fix", "--plan", &file(&ns), "--records-only", "--yes", "--helm-is-gone"]);
        assert_eq!(other.code, Some(2), "{}", other.stderr);
        assert!(other.stderr.contains("the plan isn't one of records only"), "{}", other.stderr);
        let shut = refloat(&ns, ["plan", "web", "-o", &file(&ns), "--records-only", "--with", "resume", "--force"]);
        assert_eq!(shut.code, Some(4), "{}", shut.stderr);
        assert!(shut.stderr.contains("resume works on objects, not on records only"), "{}", shut.stderr);

        let plan = save(&ns, &["--with", "unlock", "--records-only", "--force"]);
        assert_eq!((&plan["way"], &plan["recordsOnly"]), (&"unlock".into(), &true.into()));
        assert!(plan["guards"].as_array().unwrap().iter().all(|guard| guard["record"] == true), "{plan}");
        assert_eq!(Moment::now(&ns), before);
        // What becomes of objects meanwhile has nothing to do with it.
        ns.patch("configmaps/web-a", &json!({"metadata": {"labels": {"touched": "yes"}}})).unwrap();
        let touched = Moment::settled(&ns);
        let done = carry_out(&ns);
        assert_eq!(done.code, Some(0), "{driver:?} {major}: {}", done.stderr);
        assert!(done.stderr.contains("no object is touched"), "{}", done.stderr);
        assert_eq!(statuses(&ns, major), ["deployed", "failed"]);
        assert_eq!(Moment::settled(&ns).objects, touched.objects, "{driver:?} {major}");
        unlocked(&ns);
    });
}
