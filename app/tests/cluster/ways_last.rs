//! Where Helm itself knows no way on: a newest record that can't be read, and an uninstall whose hook will never succeed.

use std::collections::BTreeSet;

use bed::corpus::Case;
use bed::corpus::objects::{config_map, deployment, widget};
use bed::{Driver, Major, Trouble};

use crate::ways::{Moment, fixed, helms_go_on, killed, lock, proxied, statuses, unlocked};
use crate::{each, namespace, refloat, refloat_json};

#[test]
fn what_cant_be_read_is_set_aside_and_the_one_before_it_is_deployed() {
    each(Major::BOTH, |major| {
        let ns = namespace("aside", Driver::Secret);
        Trouble::PayloadTruncated.make(&ns, major, "web").unwrap();
        let before = Moment::settled(&ns);
        let done = fixed(&ns, "repair", &[]);
        assert_eq!(done["to"], "deployed", "{done}");
        assert_eq!(statuses(&ns, major), ["deployed"]);
        let undone = refloat(&ns, ["undo", "--yes"]);
        assert_eq!(undone.code, Some(0), "{}", undone.stderr);
        assert_eq!(Moment::now(&ns).records, before.records);
        fixed(&ns, "repair", &[]);
        // One repair is all it takes.
        assert_eq!(refloat(&ns, ["fix", "web", "--yes"]).code, Some(4));
        helms_go_on(&ns);
    });
}

#[test]
fn an_uninstall_whose_hook_fails_ends_without_it_on_the_word() {
    each(Major::BOTH, |major| {
        let ns = namespace("hookless", Driver::Secret);
        Trouble::UninstallHookFailed.make(&ns, major, "web").unwrap();
        let before = Moment::settled(&ns);
        let dry = refloat_json(&ns, ["fix", "web", "--with", "uninstall", "--dry-run", "-o", "json"]);
        assert_eq!(Moment::now(&ns).versions, before.versions);
        let option = &dry["option"];
        assert_eq!(option["destructive"], true, "{option}");
        let losses = option["losses"].to_string();
        for lost in ["persistentvolumeclaim/web (1Gi", "pre-delete hook job/web-pre-delete was to do", "1 record"] {
            assert!(losses.contains(lost), "{losses}");
        }
        let young = option["preconditions"].as_array().unwrap();
        assert!(young.iter().any(|one| one["what"].as_str().unwrap().contains("30 minutes") && one["met"] == false));
        let auto = refloat(&ns, ["fix", "web", "--auto", "--yes", "--helm-is-gone"]);
        assert_eq!((auto.code, Moment::now(&ns).versions), (Some(4), before.versions.clone()), "{}", auto.stdout);

        fixed(&ns, "uninstall", &[]);
        let after = Moment::now(&ns);
        assert_eq!((after.names(), after.records.len()), (BTreeSet::new(), 0));
        unlocked(&ns);
        let undone = refloat(&ns, ["undo", "--yes"]);
        assert_eq!(undone.code, Some(0), "{}", undone.stderr);
        let back = Moment::settled(&ns);
        assert_eq!((&back.objects, &back.records), (&before.objects, &before.records));
        let fixes = refloat_json(&ns, ["history", "--fixes", "-o", "json"]);
        let told = fixes.as_array().unwrap().iter().find(|fix| fix["way"] == "uninstall").unwrap();
        assert_eq!((&told["release"], told["undoneAt"].is_string()), (&"web".into(), true));
    });
}

#[test]
fn a_fix_that_was_killed_after_the_last_record_went_gives_its_lock_back() {
    let parts = "version=1,parts.deployment=false,parts.pvc=false,parts.service=false";
    each(Major::BOTH, |major| {
        let ns = namespace("lock-left", Driver::Secret);
        let method = if major == Major::V3 { "POST" } else { "PATCH" };
        killed(&ns, major, "install", parts, &format!("{method}~/configmaps/web-b:kill-before"));
        let before = Moment::settled(&ns);
        let args = ["fix", "web", "--with", "uninstall", "--yes", "--helm-is-gone"];
        proxied(&ns, &args, &["DELETE~/leases/:kill-before"]).sure().unwrap();
        assert!(Moment::now(&ns).records.is_empty() && lock(&ns).is_some());
        let dry = refloat(&ns, ["fix", "web", "--dry-run"]);
        assert!(dry.code == Some(0) && lock(&ns).is_some(), "{}", dry.stderr);
        let again = refloat(&ns, ["fix", "web", "--yes"]);
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        assert!(again.stdout.contains("nothing of it is left"), "{}", again.stdout);
        unlocked(&ns);
        assert_eq!(refloat(&ns, ["fix", "web", "--yes"]).code, Some(2));
        assert_eq!(refloat(&ns, ["undo", "--yes"]).code, Some(0));
        assert_eq!(Moment::now(&ns).records, before.records);
    });
}

#[test]
fn what_cant_be_told_any_more_is_not_taken_for_done() {
    each(Major::BOTH, |major| {
        let ns = namespace("untold", Driver::Secret);
        let case = Case::new(&ns, major);
        let group = case.define(&["v1"]).unwrap();
        let objects = |version: &str, behaviour: &str| {
            vec![config_map("web-a", version), deployment("web", behaviour, 1), widget(&group, "v1", "web")]
        };
        case.install(1, &objects("1", "ready"), &["--wait", "--timeout", "90s"]).unwrap();
        let fault = "PATCH~/configmaps/web-a:kill-before";
        case.faulty(fault, "upgrade", 2, &objects("2", "never-ready"), &[]).unwrap();
        let args = ["fix", "web", "--with", "resume", "--yes", "--helm-is-gone", "--timeout", "1s"];
        let stopped = refloat(&ns, args);
        assert_eq!(stopped.code, Some(8), "{major}: {}", stopped.stderr);
        case.undefine(&group, "v1").unwrap();
        let again = refloat(&ns, args);
        assert_eq!(again.code, Some(4), "{major}: {}{}", again.stdout, again.stderr);
        for said in ["the server doesn't serve", "takes back what the fix did so far"] {
            assert!(again.stderr.contains(said), "{major}: {}", again.stderr);
        }
        assert!(lock(&ns).is_some(), "{major}: the journal is lost");
        assert_eq!(statuses(&ns, major), ["deployed", "pending-upgrade"]);
    });
}
