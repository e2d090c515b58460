//! Others at the same moment: another fixer, a real Helm, somebody who writes an object all the time. One wins, the other says why, and
//! no record is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bed::{At, Driver, Major, Namespace, Webhooks, chart};
use serde_json::json;

use crate::ways::{LIMIT, NO_HOOKS, fix, helm, helms_go_on, killed_among_objects, mark, statuses, unlocked};
use crate::{Ran, each, namespace, refloat};

/// How a run that lost must end: refused or changed before anything was written, or stopped, and why.
fn lost(ran: &Ran) {
    assert!(matches!(ran.code, Some(4 | 6 | 8)), "{:?}: {}{}", ran.code, ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("error: ") && ran.stderr.contains("hint: "), "{}", ran.stderr);
}

#[test]
fn of_two_fixers_one_wins() {
    each(["resume", "unlock", "rollback"], |way| {
        let ns = namespace("two-fixers", Driver::Secret);
        killed_among_objects(&ns, Major::V4);
        let (one, other) = std::thread::scope(|scope| {
            let runs = [0, 1].map(|_| scope.spawn(|| fix(&ns, way, &[])));
            let [one, other] = runs.map(|run| run.join().unwrap());
            (one, other)
        });
        let (won, beaten) = if one.code == Some(0) { (one, other) } else { (other, one) };
        assert_eq!(won.code, Some(0), "{way}: {}{}", won.stderr, beaten.stderr);
        lost(&beaten);
        unlocked(&ns);
        let expected: &[&str] = match way {
            "resume" => &["superseded", "deployed"],
            _ => &["superseded", "failed", "deployed"],
        };
        assert_eq!(statuses(&ns, Major::V4), expected, "{way}");
    });
}

#[test]
fn a_fixer_and_a_helm_at_the_same_moment() {
    // Helm takes a failed release, or one with two deployed revisions, at any moment.
    let rounds = [
        ("rollback", Major::V3, 0),
        ("rollback", Major::V4, 300),
        ("repair", Major::V3, 200),
        ("repair", Major::V4, 0),
    ];
    each(rounds, |(way, major, head_start)| {
        let ns = namespace("with-helm", Driver::Secret);
        helm(&ns, major, "install", "version=1");
        if way == "rollback" {
            let chart = chart("app");
            let set = "hooks.pre.enabled=true,hooks.post.enabled=false,hooks.pre.behaviour=fails,version=2";
            ns.helm(major, ["upgrade", "web", &chart, "--set", set]).unwrap().failed().unwrap();
        } else {
            helm(&ns, major, "upgrade", "version=2");
            mark(&ns, Driver::Secret, 1, "deployed");
        }
        let upgrade = ["upgrade", "web", &chart("app"), "--set", NO_HOOKS, "--set", "version=3"].map(str::to_owned);
        let (ran, helm) = std::thread::scope(|scope| {
            let fixer = scope.spawn(|| fix(&ns, way, &[]));
            std::thread::sleep(Duration::from_millis(head_start));
            let helm = ns.helm(major, &upgrade).unwrap();
            (fixer.join().unwrap(), helm)
        });
        // At least one of them came through, and whoever didn't said why.
        assert!(ran.code == Some(0) || helm.status.success(), "{way} {major}: {}{}", ran.stderr, helm.stderr);
        if ran.code != Some(0) {
            lost(&ran);
            // What was wrong may still be, beside the revision that Helm added.
            let again = refloat(&ns, ["fix", "web", "--yes", "--helm-is-gone"]);
            assert!(matches!(again.code, Some(0 | 4)), "{way} {major}: {}", again.stderr);
        }
        if !helm.status.success() {
            let told =
                ["another operation", "already exists", "has no deployed", "modified", "Operation cannot be fulfilled"];
            assert!(told.iter().any(|told| helm.stderr.contains(told)), "{}", helm.stderr);
        }
        finished(&ns, major);
    });
}

/// Whoever lost can be run again: in the end one revision is deployed, and both Helms go on.
fn finished(ns: &Namespace<'static>, major: Major) {
    let before = statuses(ns, major);
    if crate::ways::lock(ns).is_some() {
        let again = refloat(ns, ["fix", "web", "--yes", "--helm-is-gone"]);
        assert_eq!(again.code, Some(0), "{before:?}: {}", again.stderr);
    }
    unlocked(ns);
    helms_go_on(ns);
}

#[test]
fn an_object_that_somebody_writes_all_the_time_is_still_merged_or_the_fix_stops() {
    let ns = namespace("storm", Driver::Secret);
    killed_among_objects(&ns, Major::V3);
    ns.patch("configmaps/web-a", &json!({"data": {"version": "1"}})).unwrap();
    let over = AtomicBool::new(false);
    let stormy = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut count = 0;
            while !over.load(Ordering::Relaxed) {
                count += 1;
                let patch = json!({"metadata": {"annotations": {"example.com/count": count.to_string()}}});
                ns.patch("configmaps/web-a", &patch).unwrap();
                ns.patch("apps/v1/deployments/web", &patch).unwrap();
            }
        });
        let ran = fix(&ns, "resume", &[]);
        over.store(true, Ordering::Relaxed);
        ran
    });
    if stormy.code != Some(0) {
        lost(&stormy);
        assert!(stormy.stderr.contains("is changed by someone else all the time"), "{}", stormy.stderr);
        let again = fix(&ns, "resume", &[]);
        assert_eq!(again.code, Some(0), "{}", again.stderr);
    }
    assert_eq!(statuses(&ns, Major::V3), ["superseded", "deployed"]);
    let merged = ns.wait("configmaps/web-a", LIMIT, |one| one["data"]["version"] == "2").unwrap();
    // What the other one wrote is still there.
    assert!(merged["metadata"]["annotations"]["example.com/count"].is_string());
    unlocked(&ns);
}

#[test]
fn a_slow_webhook_only_takes_time() {
    each([("resume", Major::V3), ("rollback", Major::V4)], |(way, major)| {
        let ns = namespace("dawdle", Driver::Secret);
        killed_among_objects(&ns, major);
        let webhooks = Webhooks {
            name: "slow",
            mutating: true,
            resources: &["configmaps", "secrets"],
            operations: &["CREATE", "UPDATE"],
            label: None,
            at: &[At::Server("delay/3")],
            timeout: 10,
        };
        let path = webhooks.create(&ns).unwrap();
        std::thread::sleep(Duration::from_millis(1500));
        let before = std::time::Instant::now();
        let done = fix(&ns, way, &[]);
        assert_eq!(done.code, Some(0), "{way}: {}", done.stderr);
        // The backup and two records, at least.
        assert!(before.elapsed() >= Duration::from_secs(8), "the webhook was not called: {:?}", before.elapsed());
        ns.delete(&path).unwrap();
        unlocked(&ns);
        assert_eq!(statuses(&ns, major).last().map(String::as_str), Some("deployed"));
        helms_go_on(&ns);
    });
}
