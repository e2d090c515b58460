//! What policy forbids isn't done, whoever says so: a file, the environment, a flag, or an annotation; and nothing is written then.

use std::path::PathBuf;
use std::time::Duration;

use bed::{Driver, Major, Namespace};
use serde_json::{Value, json};

use crate::ways::{Moment, fixed, helm, killed, killed_among_objects, statuses, unlocked};
use crate::{Ran, each, namespace, refloat, refloat_json, refloat_with};

/// A policy's file.
fn policy(ns: &Namespace<'_>, text: &str) -> (PathBuf, String) {
    let folder = ns.bed.address.dir.join("policy").join(&ns.name);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("refloat.yaml");
    std::fs::write(&path, text).unwrap();
    (folder, path.display().to_string())
}

/// Says something of the whole namespace.
fn annotate(ns: &Namespace<'_>, key: &str, value: Option<&str>) {
    let patch = json!({"metadata": {"annotations": {format!("refloat.dev/{key}"): value}}});
    ns.patch(&format!("/api/v1/namespaces/{}", ns.name), &patch).unwrap();
}

fn way<'a>(plan: &'a Value, id: &str) -> &'a Value {
    plan["options"].as_array().unwrap().iter().find(|option| option["id"] == id).unwrap()
}

/// That a fix was refused, and why.
fn refused(ran: &Ran, why: &str) {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains(why), "{why}\n{}", ran.stderr);
}

#[test]
fn what_may_never_go_back_doesnt_whoever_says_so() {
    each(Major::BOTH, |major| {
        let ns = namespace("never", Driver::Secret);
        killed_among_objects(&ns, major);
        let before = Moment::settled(&ns);
        let (folder, file) = policy(&ns, "rollback: never\n");
        let back = ["fix", "web", "--with", "rollback", "--yes", "--helm-is-gone"];
        let says = |by: &str| format!("error: policy ({by}) says rollback: never");

        let plan = refloat_json(&ns, ["plan", "web", "-o", "json", "--policy", &file]);
        let option = way(&plan, "rollback");
        assert_eq!((&option["applicable"], &option["policy"]), (&false.into(), &"never".into()));
        assert_eq!(option["why"], format!("policy ({file}) says rollback: never"));
        assert_eq!(plan["policy"]["rules"], json!([{"key": "rollback", "value": "never", "by": file}]));
        let text = refloat(&ns, ["plan", "web", "--policy", &file]).stdout;
        assert!(text.contains(&format!("not open: rollback: policy ({file}) says rollback: never")), "{text}");

        refused(&refloat(&ns, back.iter().chain(&["--policy", &file])), &says(&file));
        refused(&refloat(&ns, back.iter().chain(&["--policy", &file, "--dry-run"])), &says(&file));
        refused(&refloat(&ns, back.iter().chain(&["--policy", &file, "--rollback-is-safe"])), &says(&file));
        let by_name = refloat_with(&ns, back, |command| {
            command.env("REFLOAT_POLICY", &file);
        });
        refused(&by_name, &says(&file));
        let by_place = refloat_with(&ns, back, |command| {
            command.current_dir(&folder);
        });
        refused(&by_place, &says("refloat.yaml"));

        annotate(&ns, "rollback", Some("never"));
        policy(&ns, "rollback: allow\n");
        let by = format!("annotation refloat.dev/rollback on namespace/{}", ns.name);
        refused(&refloat(&ns, back.iter().chain(&["--policy", &file])), &says(&by));
        annotate(&ns, "rollback", None);

        let record = "secrets/sh.helm.release.v1.web.v2";
        let mark = |value: Value| json!({"metadata": {"annotations": {"refloat.dev/rollback": value}}});
        ns.patch(record, &mark("nevre".into())).unwrap();
        let typo = refloat(&ns, back);
        refused(&typo, &says("annotation refloat.dev/rollback on secret/sh.helm.release.v1.web.v2"));
        assert!(typo.stderr.contains("\"nevre\", and must be allow, ask or never; taken for never"), "{}", typo.stderr);
        ns.patch(record, &mark(Value::Null)).unwrap();

        let after = Moment::now(&ns);
        assert_eq!((after.objects, after.records), (before.objects, before.records));
        unlocked(&ns);
        fixed(&ns, "resume", &["--policy", &file]);
        assert_eq!(statuses(&ns, major), ["superseded", "deployed"]);
    });
}

#[test]
fn what_is_asked_for_needs_the_word() {
    let ns = namespace("ask", Driver::ConfigMap);
    killed_among_objects(&ns, Major::V4);
    annotate(&ns, "rollback", Some("ask"));
    let before = Moment::settled(&ns);
    let back = ["fix", "web", "--with", "rollback", "--yes", "--helm-is-gone"];
    let asked = refloat(&ns, back);
    let by = format!("annotation refloat.dev/rollback on namespace/{}", ns.name);
    refused(&asked, &format!("error: policy ({by}) says rollback: ask; nothing was written"));
    assert!(asked.stderr.contains("hint: --rollback-is-safe says that you know"), "{}", asked.stderr);
    assert_eq!(Moment::now(&ns), before);
    let done = refloat(&ns, back.iter().chain(&["--rollback-is-safe"]));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(statuses(&ns, Major::V4), ["superseded", "failed", "deployed"]);
}

#[test]
fn after_a_long_enough_silence_helm_counts_as_gone() {
    each(Major::BOTH, |major| {
        let ns = namespace("silence", Driver::Secret);
        killed_among_objects(&ns, major);
        let before = Moment::settled(&ns);
        let auto = ["fix", "web", "--auto", "--yes"];
        refused(&refloat(&ns, auto), "whether Helm is gone isn't known: its liveness is possible");
        let (_, file) = policy(&ns, "stale-after: 1s\nauto: [unlock]\n");
        // A flag doesn't shorten what the file or the namespace asks for.
        annotate(&ns, "stale-after", Some("10m"));
        refused(&refloat(&ns, auto.iter().chain(&["--policy", &file])), "its liveness is possible");
        annotate(&ns, "stale-after", None);
        assert_eq!(Moment::now(&ns), before);
        std::thread::sleep(Duration::from_secs(2));
        let plan = refloat_json(&ns, ["plan", "web", "-o", "json", "--policy", &file]);
        let note = plan["policy"]["notes"][0].as_str().unwrap();
        assert!(note.starts_with(&format!("by policy ({file} says stale-after: 1s) Helm counts as gone")), "{note}");
        assert_eq!(way(&plan, "resume")["preconditions"][0]["what"], "no Helm is at work on this release (by policy)");
        // A diagnosis says the same, by the same flag, and nothing of it without.
        let diagnosis = |more: &[&str]| refloat_json(&ns, ["diagnose", "web", "-o", "json"].iter().chain(more));
        assert_eq!(diagnosis(&[])["liveness"]["verdict"], "possible");
        let found = diagnosis(&["--policy", &file]);
        assert_eq!((&found["liveness"]["verdict"], &found["liveness"]["until"]), (&"stale".into(), &Value::Null));
        assert_eq!(found["policy"]["rules"], plan["policy"]["rules"]);
        assert!(found["liveness"]["reasons"][0].as_str().unwrap().starts_with("by policy ("), "{found}");
        assert_eq!(found["nextStep"]["command"], format!("refloat plan web -n {}", ns.name));
        assert_eq!(diagnosis(&["--stale-after", "1s"])["liveness"]["verdict"], "stale");
        let done = refloat(&ns, auto.iter().chain(&["--policy", &file]));
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        assert!(done.stderr.contains("note: by policy ("), "{}", done.stderr);
        // The file lists that way only; resume would have been the recommended one.
        assert!(done.stdout.starts_with("Unlocked "), "{}", done.stdout);
        assert_eq!(statuses(&ns, major), ["superseded", "failed", "deployed"]);
        unlocked(&ns);
    });
}

#[test]
fn what_is_protected_is_named_and_left_alone() {
    each(Major::BOTH, |major| {
        let ns = namespace("protected", Driver::Secret);
        killed_among_objects(&ns, major);
        let before = Moment::settled(&ns);
        let resume = ["fix", "web", "--with", "resume", "--yes", "--helm-is-gone"];
        let (_, file) = policy(&ns, "protected:\n  kinds: [Deployment]\n");
        let why = |by: &str| format!("error: deployment/web would be changed, and policy ({by}) protects kind");
        refused(&refloat(&ns, resume.iter().chain(&["--policy", &file])), &why(&file));
        refused(&refloat(&ns, resume.iter().chain(&["--protect", "deployments.apps"])), &why("--protect"));
        let back = ["fix", "web", "--with", "rollback", "--yes", "--helm-is-gone"];
        ns.patch("configmaps/web-c", &json!({"metadata": {"labels": {"tier": "data"}}})).unwrap();
        annotate(&ns, "protected", Some("StatefulSet; tier=data"));
        let by = format!("annotation refloat.dev/protected on namespace/{}", ns.name);
        refused(
            &refloat(&ns, back),
            &format!("configmap/web-c would be deleted, and policy ({by}) protects labels tier=data"),
        );
        annotate(&ns, "protected", None);
        ns.patch("configmaps/web-c", &json!({"metadata": {"labels": {"tier": null}}})).unwrap();
        let after = Moment::now(&ns);
        assert_eq!((after.objects, after.records), (before.objects, before.records));
        unlocked(&ns);
        // A rollback has nothing to do with the Deployment, which the upgrade never came to.
        fixed(&ns, "rollback", &["--policy", &file]);
        assert_eq!(statuses(&ns, major), ["superseded", "failed", "deployed"]);
    });
}

#[test]
fn a_migration_that_ran_warns_of_going_back() {
    let ns = namespace("migrated", Driver::Secret);
    helm(&ns, Major::V4, "install", "version=1");
    let migrate =
        "version=2,hooks.migrate.enabled=true,hooks.migrate.events=pre-upgrade,hooks.migrate.behaviour=completes";
    killed(&ns, Major::V4, "upgrade", migrate, "PATCH~/deployments/web:kill-before");
    let before = Moment::settled(&ns);
    let plan = refloat_json(&ns, ["plan", "web", "-o", "json"]);
    let warning = "pre-upgrade hook job/web-migrate looks like a migration by its name, and ran: what it changed stays, and revision 1 \
        may not work with it";
    assert_eq!(way(&plan, "rollback")["warnings"], json!([warning]));
    assert_eq!(way(&plan, "resume")["warnings"], json!([]));
    assert!(refloat(&ns, ["plan", "web"]).stdout.contains(warning));
    let (_, file) = policy(&ns, "auto: [rollback]\n");
    let auto = ["fix", "web", "--auto", "--yes", "--helm-is-gone", "--policy", &file];
    refused(&refloat(&ns, auto), "the first way that policy lists is rollback, and pre-upgrade hook job/web-migrate");
    policy(&ns, "auto: [rollback]\nrollback: ask\n");
    let back = ["fix", "web", "--with", "rollback", "--yes", "--helm-is-gone", "--policy", &file];
    refused(&refloat(&ns, back), "because: pre-upgrade hook job/web-migrate looks like a migration");
    assert_eq!(Moment::now(&ns), before);
    policy(&ns, "auto: [rollback]\nrollback: allow\n");
    let done = refloat(&ns, auto);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains(warning), "{}", done.stderr);
}

#[test]
fn half_a_policy_is_none() {
    let ns = namespace("slip", Driver::Secret);
    killed_among_objects(&ns, Major::V3);
    let (folder, file) = policy(&ns, "auto: [resume]\nrolback: never\n");
    let plan = refloat(&ns, ["plan", "web", "--policy", &file]);
    assert_eq!((plan.code, plan.stdout.as_str()), (Some(2), ""), "{}", plan.stderr);
    assert!(
        plan.stderr.contains(&format!("the policy {file} can't be used: line 2: unknown key \"rolback\"")),
        "{}",
        plan.stderr
    );
    let fix = refloat_with(&ns, ["fix", "web", "--auto", "--yes", "--helm-is-gone"], |command| {
        command.current_dir(&folder);
    });
    assert_eq!(fix.code, Some(2), "{}", fix.stderr);
    unlocked(&ns);
}

#[test]
fn a_restore_goes_by_policy_too() {
    each(Major::BOTH, |major| {
        let ns = namespace("restore-policy", Driver::Secret);
        helm(&ns, major, "install", "version=1");
        let (folder, file) = policy(&ns, "protected:\n  kinds: [ConfigMap]\n");
        let saved = folder.join("web.json").display().to_string();
        assert_eq!(refloat(&ns, ["backup", "web", "-o", &saved]).code, Some(0));
        ns.patch("configmaps/web-a", &json!({"data": {"version": "9"}})).unwrap();
        ns.delete("configmaps/web-b").unwrap();
        let before = Moment::settled(&ns);
        let over = ["restore", "web", &saved, "--overwrite", "--yes"];
        let why =
            |by: &str, what: &str| format!("configmap/web-a would be overwritten, and policy ({by}) protects {what}");
        refused(&refloat(&ns, over.iter().chain(&["--policy", &file])), &why(&file, "kind ConfigMap"));
        refused(&refloat(&ns, over.iter().chain(&["--policy", &file, "--dry-run"])), &why(&file, "kind ConfigMap"));
        refused(&refloat(&ns, over.iter().chain(&["--protect", "configmaps"])), &why("--protect", "kind configmaps"));
        annotate(&ns, "protected", Some("ConfigMap"));
        let by = format!("annotation refloat.dev/protected on namespace/{}", ns.name);
        refused(&refloat(&ns, over), &why(&by, "kind ConfigMap"));
        let after = Moment::now(&ns);
        assert_eq!((&after.objects, &after.records), (&before.objects, &before.records));
        unlocked(&ns);
        // What is gone comes back, as that changes nothing that is there.
        let back = refloat(&ns, ["restore", "web", &saved, "--yes", "--policy", &file]);
        assert_eq!(back.code, Some(0), "{}", back.stderr);
        assert_eq!(Moment::now(&ns).objects.len(), before.objects.len() + 1);
        annotate(&ns, "protected", None);
        let back = refloat(&ns, over);
        assert_eq!(back.code, Some(0), "{}", back.stderr);

        // Helm may be at work on what is left: by policy its silence is long enough.
        killed(&ns, major, "upgrade", "version=2", "PATCH~/deployments/web:kill-before");
        ns.delete("configmaps/web-a").unwrap();
        let more = ["restore", "web", &saved, "--yes"];
        refused(&refloat(&ns, more), "whether Helm is still at work isn't known");
        std::thread::sleep(Duration::from_secs(2));
        let done = refloat(&ns, more.iter().chain(&["--stale-after", "1s"]));
        assert!(done.stderr.contains("note: by policy (--stale-after says stale-after: 1s)"), "{}", done.stderr);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        unlocked(&ns);
    });
}
