//! When a way is refused, and that nothing is written then; and what is lost, against what was really deleted.

use std::collections::BTreeSet;

use bed::corpus::Scenario;
use bed::{Driver, Major, Namespace};
use serde_json::json;

use crate::ways::{Moment, NO_HOOKS, fix, fixed, foretold, helm, killed, killed_among_objects, statuses, unlocked};
use crate::{each, namespace, refloat, refloat_json};

const WAYS: [&str; 10] =
    ["complete", "resume", "unlock", "rollback", "converge", "unblock", "forget", "repair", "uninstall", "reinstall"];

#[test]
fn on_a_healthy_release_every_way_is_refused() {
    let ns = namespace("healthy", Driver::Secret);
    helm(&ns, Major::V4, "install", "version=1");
    let before = Moment::settled(&ns);
    each(WAYS, |way| {
        let refused = fix(&ns, way, &[]);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(4), ""), "{way}: {}", refused.stderr);
        assert!(
            refused.stderr.contains("error: ") && refused.stderr.contains("hint: refloat plan web -n"),
            "{}",
            refused.stderr
        );
    });
    let auto = refloat(&ns, ["fix", "web", "--auto", "--yes"]);
    assert_eq!(auto.code, Some(4), "{}", auto.stderr);
    assert!(auto.stderr.contains("there is nothing to be done"), "{}", auto.stderr);
    assert_eq!(Moment::now(&ns), before);
}

#[test]
fn on_a_stuck_release_ways_that_dont_fit_are_refused_and_so_is_all_without_the_word() {
    each(Major::BOTH, |major| {
        let ns = namespace("unfit", Driver::Secret);
        killed_among_objects(&ns, major);
        let before = Moment::settled(&ns);
        for (way, why) in [
            ("complete", "not all of its work is done"),
            ("repair", "the records don't contradict each other"),
            ("uninstall", "there is something to go back to"),
            ("reinstall", "there is something to go back to"),
            ("converge", "no operation failed; one that is open is resumed"),
            ("unblock", "nothing is in the way that could be taken out of it"),
        ] {
            let refused = fix(&ns, way, &[]);
            assert_eq!((refused.code, refused.stdout.as_str()), (Some(4), ""), "{way}: {}", refused.stderr);
            assert!(refused.stderr.contains(why), "{way}: {}", refused.stderr);
        }
        for way in ["resume", "unlock", "rollback", "forget"] {
            let unasked = refloat(&ns, ["fix", "web", "--with", way, "--helm-is-gone"]);
            assert_eq!(unasked.code, Some(4), "{way}: {}", unasked.stderr);
            assert!(unasked.stderr.contains("not confirmed; nothing was written"), "{way}: {}", unasked.stderr);
        }
        nothing_is_done_by_name(&ns);
        assert_eq!(Moment::now(&ns), before);
    });
}

#[test]
fn a_helm_at_work_is_left_alone() {
    each(Major::BOTH, |major| {
        let ns = namespace("at-work", Driver::Secret);
        helm(&ns, major, "install", "version=1");
        let chart = bed::chart("app");
        let set = "version=2,pod.behaviour=never-ready";
        let args = ["upgrade", "web", &chart, "--set", NO_HOOKS, "--set", set, "--wait", "--timeout", "60s"];
        let upgrade = ns.spawn_helm(major, args).unwrap();
        ns.wait("apps/v1/deployments/web", crate::ways::LIMIT, |one| {
            one["metadata"]["generation"] == 2 && one["status"]["unavailableReplicas"] == 1
        })
        .unwrap();
        let before = ns.get("secrets?labelSelector=name=web").unwrap()["items"].clone();
        for way in
            [&["--with", "resume"][..], &["--with", "unlock"], &["--with", "rollback"], &["--with", "forget"], &[]]
        {
            let refused = refloat(&ns, ["fix", "web", "--yes"].iter().chain(way));
            assert_eq!(refused.code, Some(4), "{way:?}: {}", refused.stderr);
            assert!(refused.stderr.contains("nothing was written"), "{way:?}: {}", refused.stderr);
        }
        let auto = refloat(&ns, ["fix", "web", "--auto", "--yes"]);
        assert_eq!(auto.code, Some(4), "{}", auto.stderr);
        assert!(auto.stderr.contains("whether Helm is gone isn't known"), "{}", auto.stderr);
        nothing_is_done_by_name(&ns);
        assert_eq!(ns.get("secrets?labelSelector=name=web").unwrap()["items"], before);
        unlocked(&ns);
        upgrade.kill().unwrap();
    });
}

/// To wait and to have a person decide are nothing that a fix could do, whatever is said.
fn nothing_is_done_by_name(ns: &Namespace<'static>) {
    for way in ["wait", "escalate"] {
        let refused = fix(ns, way, &["--stale-after", "1s"]);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{way}: {}", refused.stderr);
        assert!(refused.stderr.contains("invalid value"), "{way}: {}", refused.stderr);
    }
}

#[test]
fn a_first_install_is_taken_away_with_its_claim_and_comes_back() {
    each(Major::BOTH, |major| {
        let ns = namespace("uninstall", Driver::Secret);
        let method = if major == Major::V3 { "POST" } else { "PATCH" };
        killed(&ns, major, "install", "version=1", &format!("{method}~/deployments/web:kill-before"));
        ns.wait("persistentvolumeclaims/web", crate::ways::LIMIT, |claim| !claim.is_null()).unwrap();
        let before = Moment::settled(&ns);
        let dry = refloat_json(&ns, ["fix", "web", "--with", "uninstall", "--dry-run", "-o", "json"]);
        let option = &dry["option"];
        assert_eq!(option["destructive"], true);
        let losses = option["losses"].as_array().unwrap();
        assert!(
            losses.len() == 2 && losses[0].as_str().unwrap().starts_with("persistentvolumeclaim/web (1Gi"),
            "{losses:?}"
        );
        assert_eq!(losses[1], "1 record, with manifest and values; the backup keeps them");
        let auto = refloat_json(&ns, ["fix", "web", "--auto", "--helm-is-gone", "--dry-run", "-o", "json"]);
        assert_eq!(auto["option"]["id"], "resume", "a destructive way is never taken by itself");
        assert_eq!(Moment::now(&ns), before);

        let done = fixed(&ns, "uninstall", &[]);
        assert_eq!(done["to"], serde_json::Value::Null);
        let after = Moment::now(&ns);
        assert_eq!(foretold(option, "deleted"), before.names());
        assert_eq!((after.names(), after.records.len()), (BTreeSet::new(), 0));
        unlocked(&ns);

        let undone = refloat(&ns, ["undo", "--yes"]);
        assert_eq!(undone.code, Some(0), "{}", undone.stderr);
        let back = Moment::settled(&ns);
        assert_eq!((&back.objects, &back.records), (&before.objects, &before.records));
        fixed(&ns, "uninstall", &[]);
        helm(&ns, major, "install", "version=1");
        assert_eq!(statuses(&ns, major), ["deployed"]);
    });
}

#[test]
fn what_a_resume_prunes_is_what_it_says_it_loses() {
    each([(Major::V3, false), (Major::V4, false), (Major::V4, true)], |(major, keeps)| {
        let ns = namespace("prunes", Driver::Secret);
        helm(&ns, major, "install", "version=1");
        killed(&ns, major, "upgrade", "version=2,parts.pvc=false", "PATCH~/deployments/web:kill-before");
        if keeps {
            let keep = json!({"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}});
            ns.patch("persistentvolumeclaims/web", &keep).unwrap();
        }
        let before = Moment::settled(&ns);
        let dry = refloat_json(&ns, ["fix", "web", "--with", "resume", "--dry-run", "-o", "json"]);
        let losses = dry["option"]["losses"].as_array().unwrap().len();
        assert_eq!((&dry["option"]["destructive"], losses), (&(!keeps).into(), usize::from(!keeps)), "{dry}");
        fixed(&ns, "resume", &[]);
        ns.wait("persistentvolumeclaims/web", crate::ways::LIMIT, |claim| claim.is_null() != keeps).unwrap();
        let after = Moment::settled(&ns);
        let gone: BTreeSet<_> = before.names().difference(&after.names()).cloned().collect();
        assert_eq!(foretold(&dry["option"], "deleted"), gone);
        assert_eq!(gone.contains("persistentvolumeclaim/web"), !keeps);
    });
}

#[test]
fn an_uninstall_that_was_interrupted_is_finished_without_asking() {
    each(Major::BOTH, |major| {
        let ns = namespace("finishes", Driver::Secret);
        helm(&ns, major, "install", "version=1");
        let uninstall = ["uninstall", "web", "--wait"].map(str::to_owned);
        ns.helm_with_faults(major, &["DELETE~/deployments/web:kill-before"], uninstall).unwrap().sure().unwrap();
        let dry = refloat_json(&ns, ["fix", "web", "--auto", "--helm-is-gone", "--dry-run", "-o", "json"]);
        assert_eq!((&dry["option"]["id"], &dry["option"]["destructive"]), (&"resume".into(), &true.into()), "{dry}");
        let done = refloat(&ns, ["fix", "web", "--auto", "--yes", "--helm-is-gone"]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let after = Moment::settled(&ns);
        assert_eq!((after.names(), after.records.len()), (BTreeSet::new(), 0));
        unlocked(&ns);
    });
}

#[test]
fn an_owner_that_isnt_told_to_keep_its_hands_off_comes_first() {
    let ns = namespace("owned", Driver::Secret);
    let suspended = Scenario::all().into_iter().find(|scenario| scenario.id == "flux-suspended").unwrap();
    let _made = suspended.make(&ns, Major::V3).unwrap();
    let path = "helm.toolkit.fluxcd.io/v2/helmreleases/web";
    ns.patch(path, &json!({"spec": {"suspend": false}})).unwrap();
    let before = Moment::settled(&ns);
    let args = ["fix", "web", "--with", "unlock", "--yes", "--helm-is-gone"];
    let refused = refloat(&ns, args);
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    let why = "error: HelmRelease web drives this release, and may act on it at any time; nothing was written";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    assert!(
        refused.stderr.contains(&format!("hint: flux suspend helmrelease web -n {}", ns.name)),
        "{}",
        refused.stderr
    );
    assert_eq!(Moment::now(&ns), before);
    ns.patch(path, &json!({"spec": {"suspend": true}})).unwrap();
    let done = refloat(&ns, args);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
}
