//! Reinstalling: everything of the release goes but what is kept, and is made anew; the records stay.

use std::collections::{BTreeMap, BTreeSet};

use bed::corpus::Case;
use bed::corpus::objects::{claim, config_map, hook, with};
use bed::{Driver, Major, Namespace};
use serde_json::{Value, json};

use crate::ways::{LIMIT, Moment, fix, fixed, foretold, helms_go_on, killed, statuses, unlocked};
use crate::{each, namespace, refloat, refloat_json};

/// An install that was killed before its Deployment.
fn half(ns: &Namespace<'static>, driver: Driver, major: Major) {
    let method = if major == Major::V3 { "POST" } else { "PATCH" };
    killed(ns, major, "install", "version=1", &format!("{method}~/deployments/web:kill-before"));
    ns.wait("persistentvolumeclaims/web", LIMIT, |claim| claim["status"]["phase"] == "Bound").unwrap();
    assert!(driver != Driver::Sql, "rows don't pass the proxy");
}

/// The uid of every object of the release.
fn uids(ns: &Namespace<'static>) -> BTreeMap<String, Value> {
    let kinds = ["configmaps", "services", "serviceaccounts", "persistentvolumeclaims", "apps/v1/deployments"];
    let mut found = BTreeMap::new();
    for kind in kinds {
        for object in ns.get(kind).unwrap()["items"].as_array().unwrap() {
            let name = object["metadata"]["name"].as_str().unwrap();
            if name.starts_with("web") {
                found.insert(format!("{kind}/{name}"), object["metadata"]["uid"].clone());
            }
        }
    }
    found
}

#[test]
fn a_half_install_is_made_anew_and_comes_back() {
    each(
        [(Driver::Secret, Major::V3), (Driver::Secret, Major::V4), (Driver::ConfigMap, Major::V3)],
        |(driver, major)| {
            let ns = namespace("reinstall", driver);
            half(&ns, driver, major);
            let (before, first) = (Moment::settled(&ns), uids(&ns));
            let dry = refloat_json(&ns, ["fix", "web", "--with", "reinstall", "--dry-run", "-o", "json"]);
            let option = &dry["option"];
            assert_eq!((&option["destructive"], &option["risk"]), (&true.into(), &"high".into()));
            assert_eq!(foretold(option, "replaced"), before.names());
            assert_eq!(foretold(option, "deleted"), BTreeSet::new());
            let losses: Vec<_> =
                option["losses"].as_array().unwrap().iter().map(|loss| loss.as_str().unwrap()).collect();
            assert_eq!(losses.len(), before.names().len(), "{losses:?}");
            assert!(losses.iter().any(|loss| loss.starts_with("persistentvolumeclaim/web (1Gi")), "{losses:?}");
            let unasked = refloat(&ns, ["fix", "web", "--with", "reinstall", "--helm-is-gone"]);
            assert!(unasked.code == Some(4) && unasked.stderr.contains("not confirmed"), "{}", unasked.stderr);
            assert_eq!(Moment::now(&ns), before);

            let done = fixed(&ns, "reinstall", &[]);
            assert_eq!((&done["to"], &done["revision"]), (&"deployed".into(), &1.into()));
            assert_eq!(statuses(&ns, major), ["deployed"]);
            unlocked(&ns);
            let second = uids(&ns);
            assert!(first.iter().all(|(name, uid)| second[name] != *uid), "{first:?} {second:?}");
            let after = Moment::settled(&ns);
            let created: BTreeSet<String> = after.names().difference(&before.names()).cloned().collect();
            assert_eq!(foretold(option, "created"), created);

            let undone = refloat(&ns, ["undo", "--yes"]);
            assert_eq!(undone.code, Some(0), "{}", undone.stderr);
            let back = Moment::settled(&ns);
            assert_eq!((&back.objects, &back.records), (&before.objects, &before.records));
            unlocked(&ns);
            fixed(&ns, "reinstall", &[]);
            helms_go_on(&ns);
        },
    );
}

#[test]
fn what_is_kept_stays_and_the_hooks_of_an_install_run_anew() {
    each(Major::BOTH, |major| {
        let ns = namespace("reinstall-hooks", Driver::Secret);
        let case = Case::new(&ns, major);
        let kept = json!({"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}});
        let objects = [
            config_map("web-a", "1"),
            with(config_map("web-kept", "1"), &kept),
            with(claim("web-data", "bed"), &kept),
            hook("web-before", "pre-install", "completes", 1),
            hook("web-after", "post-install", "fails", 1),
        ];
        case.helm("install", 1, &objects, &[]).unwrap().failed().unwrap();
        assert_eq!(statuses(&ns, major), ["failed"]);
        let (first, ran) =
            (uids(&ns), |name: &str| ns.get(&format!("batch/v1/jobs/{name}")).unwrap()["metadata"]["uid"].clone());
        let jobs = [ran("web-before"), ran("web-after")];
        // The hook fails again, which stops it where an install stops, too.
        let stopped = fix(&ns, "reinstall", &[]);
        assert_eq!(stopped.code, Some(8), "{}", stopped.stderr);
        assert!(stopped.stderr.contains("post-install hook job/web-after failed"), "{}", stopped.stderr);
        let second = uids(&ns);
        let same: Vec<_> = first.iter().filter(|(name, uid)| second[*name] == **uid).map(|(name, _)| name).collect();
        assert_eq!(same, ["configmaps/web-kept", "persistentvolumeclaims/web-data"]);
        assert!(jobs[0] != ran("web-before") && jobs[1] != ran("web-after"));
        // What was made since isn't deleted again when it goes on.
        let again = fix(&ns, "reinstall", &[]);
        assert_eq!((again.code, uids(&ns)), (Some(8), second), "{}", again.stderr);
        let undone = refloat(&ns, ["undo", "--yes"]);
        assert_eq!(undone.code, Some(0), "{}", undone.stderr);
        assert_eq!(statuses(&ns, major), ["failed"]);
        unlocked(&ns);
    });
}
