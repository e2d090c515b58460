//! A Helm that was held, given up by a fix and let go on: its record is fenced, what it did to objects is found without being asked for,
//! and one more fix puts it right.

use bed::{Driver, Major, Namespace, Proxied, chart};

use crate::kubeconfig::account;
use crate::rights::{as_user, right};
use crate::ways::{LIMIT, Moment, NO_HOOKS, PAIRS, fix, fixed, helm, helms_go_on, statuses, unlocked};
use crate::{each, namespace, refloat, refloat_json};

/// Helm, held in front of a write.
fn held(ns: &Namespace<'static>, major: Major, verb: &str, set: &str, fault: &str) -> Proxied {
    let args = [verb, "web", &chart("app"), "--set", set].map(str::to_owned);
    hold(ns, major, &args, fault)
}

fn hold(ns: &Namespace<'static>, major: Major, args: &[String], fault: &str) -> Proxied {
    let mut held = ns.spawn_helm_with_faults(major, &[fault], args).unwrap();
    held.until_frozen(LIMIT).unwrap();
    held
}

/// Lets it go on to its end.
fn wake(held: Proxied) {
    held.thaw().unwrap();
    held.wait(LIMIT).unwrap().sure().unwrap();
}

/// The code of each thing that a scan of the namespace finds.
fn scanned(ns: &Namespace<'static>) -> Vec<String> {
    let scan = refloat(ns, ["scan", "-n", &ns.name, "-o", "json"]);
    let found: serde_json::Value = serde_json::from_str(&scan.stdout).unwrap();
    let findings = found.as_array().unwrap().iter().flat_map(|one| one["findings"].as_array().unwrap());
    let codes: Vec<_> = findings.map(|one| one["code"].as_str().unwrap().to_owned()).collect();
    assert_eq!(scan.code, Some(if codes.is_empty() { 0 } else { 3 }), "{}{}", scan.stdout, scan.stderr);
    codes
}

/// That a dry run names it and writes nothing, and that `fix --auto` puts everything back.
fn put_right(ns: &Namespace<'static>, what: &str, before: &Moment) {
    let woken = Moment::settled(ns);
    assert_ne!(woken.objects, before.objects, "{what}");
    let diagnosis = refloat(ns, ["diagnose", "web", "-o", "wide"]);
    assert_eq!(diagnosis.code, Some(3), "{what}: {}", diagnosis.stdout);
    for part in ["deployment/web is as revision 2 wants it, by a Helm", "configmap/web-b is gone", "--with repair"] {
        assert!(diagnosis.stdout.contains(part), "{what}: {part}: {}", diagnosis.stdout);
    }
    let dry = refloat(ns, ["fix", "web", "--with", "repair", "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{what}: {}", dry.stderr);
    assert!(dry.stderr.contains("creates  configmap/web-b"), "{what}: {}", dry.stderr);
    assert_eq!(Moment::now(ns).versions, woken.versions, "{what}: a dry run wrote");

    let auto = refloat(ns, ["fix", "web", "--auto", "--yes"]);
    assert_eq!(auto.code, Some(0), "{what}: {}{}", auto.stdout, auto.stderr);
    assert_eq!(Moment::settled(ns).objects, before.objects, "{what}");
    unlocked(ns);
    // Taken back, it is as the woken Helm left it.
    let undone = refloat(ns, ["undo", "--yes"]);
    assert_eq!(undone.code, Some(0), "{what}: {}", undone.stderr);
    let back = Moment::settled(ns);
    assert_eq!((&back.objects, &back.records), (&woken.objects, &woken.records), "{what}");
    fixed(ns, "repair", &[]);
    assert_eq!(Moment::settled(ns).objects, before.objects, "{what}");
    assert_eq!(scanned(ns), Vec::<String>::new(), "{what}");
}

#[test]
fn what_a_woken_upgrade_did_is_found_and_put_right() {
    let cases = PAIRS.into_iter().flat_map(|pair| ["unlock", "rollback"].map(|way| (pair, way)));
    each(cases, |((driver, major), way)| {
        let ns = namespace("woken", driver);
        helm(&ns, major, "install", "version=1");
        let set = format!("{NO_HOOKS},version=2");
        let zombie = held(&ns, major, "upgrade", &set, "PATCH~/configmaps/web-a:freeze-before");
        fixed(&ns, way, &[]);
        let before = Moment::settled(&ns);
        assert_eq!(scanned(&ns), Vec::<String>::new());
        wake(zombie);

        let what = format!("{way} {driver:?} {major}");
        // Rows can't be sealed.
        let (left, found): (&[&str], &[&str]) = match driver {
            Driver::Sql => (&["superseded", "deployed", "deployed"], &["several-deployed", "woken-helm"]),
            _ => (&["superseded", "failed", "deployed"], &["woken-helm"]),
        };
        assert_eq!(statuses(&ns, major), left, "{what}");
        assert_eq!(scanned(&ns), found, "{what}");
        put_right(&ns, &what, &before);
        let statuses = statuses(&ns, major);
        assert_eq!(statuses.iter().filter(|status| *status == "deployed").count(), 1, "{what}");
        assert_eq!(statuses.last().unwrap(), "deployed", "{what}");
        helms_go_on(&ns);
    });
}

/// A rollback asks which revision is deployed when it comes to its end, so the new one's number is no fence.
#[test]
fn what_a_woken_rollback_superseded_is_deployed_again() {
    each(Major::BOTH, |major| {
        let ns = namespace("woken-rollback", Driver::Secret);
        helm(&ns, major, "install", "version=1");
        helm(&ns, major, "upgrade", "version=2");
        let args = ["rollback", "web", "1"].map(str::to_owned);
        let zombie = hold(&ns, major, &args, "PATCH~/deployments/web:freeze-before");
        fixed(&ns, "unlock", &[]);
        assert_eq!(statuses(&ns, major), ["superseded", "superseded", "failed", "deployed"]);
        let before = Moment::settled(&ns);
        wake(zombie);
        assert_eq!(statuses(&ns, major), ["superseded", "superseded", "failed", "superseded"], "{major}");
        assert_eq!(scanned(&ns), ["none-deployed", "woken-helm"], "{major}");
        let auto = refloat(&ns, ["fix", "web", "--auto", "--yes"]);
        assert_eq!(auto.code, Some(0), "{major}: {}", auto.stderr);
        assert_eq!(statuses(&ns, major), ["superseded", "superseded", "failed", "deployed"], "{major}");
        assert_eq!(Moment::settled(&ns).objects, before.objects, "{major}");
        assert_eq!(scanned(&ns), Vec::<String>::new());
        helms_go_on(&ns);
    });
}

/// What a woken Helm fails on is there because the fix has done it.
#[test]
fn an_upgrade_that_a_fix_had_finished_is_marked_deployed_again() {
    let ns = namespace("woken-hook", Driver::Secret);
    helm(&ns, Major::V3, "install", "version=1");
    let set = "version=2,hooks.pre.enabled=true,hooks.post.enabled=false";
    let zombie = held(&ns, Major::V3, "upgrade", set, "POST~/jobs/web-pre:freeze-before");
    fixed(&ns, "resume", &[]);
    let job = ns.get("batch/v1/jobs/web-pre").unwrap()["metadata"]["uid"].clone();
    let before = Moment::settled(&ns);
    wake(zombie);
    assert_eq!(statuses(&ns, Major::V3).last().unwrap(), "failed");
    assert_eq!(scanned(&ns), ["failed"]);
    let auto = refloat(&ns, ["fix", "web", "--auto", "--yes"]);
    assert_eq!(auto.code, Some(0), "{}", auto.stderr);
    assert_eq!(statuses(&ns, Major::V3).last().unwrap(), "deployed");
    assert_eq!(Moment::settled(&ns).objects, before.objects);
    assert_eq!(ns.get("batch/v1/jobs/web-pre").unwrap()["metadata"]["uid"], job, "the hook was run again");
    helms_go_on(&ns);
}

#[test]
fn an_abandoned_revision_is_not_finished() {
    each(Major::BOTH, |major| {
        let ns = namespace("abandoned", Driver::Secret);
        helm(&ns, major, "install", "version=1");
        let set = format!("{NO_HOOKS},version=2");
        let zombie = held(&ns, major, "upgrade", &set, "PATCH~/deployments/web:freeze-before");
        fixed(&ns, "unlock", &["--records-only"]);
        assert_eq!(statuses(&ns, major), ["deployed", "failed"]);
        for way in ["converge", "reinstall"] {
            let refused = fix(&ns, way, &[]);
            assert!(refused.code == Some(4), "{way}: {}{}", refused.stdout, refused.stderr);
        }
        // What was left undone then is done by an unlock with objects.
        let plan = refloat_json(&ns, ["plan", "web", "-o", "json"]);
        assert_eq!(plan["options"][0]["id"], "unlock", "{plan}");
        fixed(&ns, "unlock", &[]);
        assert_eq!(statuses(&ns, major), ["superseded", "failed", "deployed"]);
        wake(zombie);
        assert_eq!(scanned(&ns), ["woken-helm"]);
        fixed(&ns, "repair", &[]);
        helms_go_on(&ns);
    });
}

#[test]
fn who_may_not_see_the_objects_is_told_that_something_may_be_hidden() {
    let ns = namespace("woken-blind", Driver::Secret);
    helm(&ns, Major::V4, "install", "version=1");
    let set = format!("{NO_HOOKS},version=2");
    let zombie = held(&ns, Major::V4, "upgrade", &set, "PATCH~/deployments/web:freeze-before");
    fixed(&ns, "unlock", &[]);
    wake(zombie);
    let blind = account(&ns, "blind", &[right(&ns.name, "secrets", &["list", "get"])]);
    let scan = as_user(&ns, &blind, &["-n", &ns.name]);
    assert!(scan.stderr.contains("web: not every object may be read"), "{}{}", scan.stdout, scan.stderr);
}
