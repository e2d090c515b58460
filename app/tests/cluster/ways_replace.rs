//! Converging where objects can't be changed to what the failed revision wants: they are deleted and made anew, and nothing else is.

use std::collections::BTreeSet;

use bed::corpus::objects::{claim, config_map, deployment, service, with};
use bed::corpus::{Case, SOON};
use bed::{Driver, Major, Namespace};
use serde_json::{Value, json};

use crate::ways::{Moment, fix, fixed, foretold, statuses, unlocked};
use crate::{each, namespace, refloat, refloat_json};

/// Two ConfigMaps that change, and these.
fn chart(version: u32, more: &[Value]) -> Vec<Value> {
    let all = ["web-a", "web-b"].map(|name| config_map(name, &version.to_string()));
    [&all[..], more].concat()
}

/// A Deployment whose selector names its version.
fn selecting(version: u32) -> Value {
    let labels = json!({"app": "web", "of": version.to_string()});
    let patch = json!({"spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}});
    with(deployment("web", "ready", version), &patch)
}

/// An upgrade that Helm was refused.
fn refused(ns: &Namespace<'static>, major: Major, old: &[Value], new: &[Value]) {
    let case = Case::new(ns, major);
    case.install(1, &chart(1, old), &["--wait", "--timeout", "90s"]).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    case.helm("upgrade", 2, &chart(2, new), &[]).unwrap().failed().unwrap();
    assert_eq!(statuses(ns, major), ["deployed", "failed"]);
}

fn planned(ns: &Namespace<'static>, way: &str) -> Value {
    let plan = refloat_json(ns, ["plan", "web", "-o", "json"]);
    plan["options"].as_array().unwrap().iter().find(|option| option["id"] == way).unwrap().clone()
}

fn uid(ns: &Namespace<'static>, path: &str) -> Value {
    ns.get(path).unwrap()["metadata"]["uid"].clone()
}

#[test]
fn a_selector_is_replaced_on_the_word_and_comes_back() {
    each(Major::BOTH, |major| {
        let ns = namespace("replace", Driver::Secret);
        let (old, new) = ([service("web"), selecting(1)], [service("web"), selecting(2)]);
        refused(&ns, major, &old, &new);
        let before = Moment::settled(&ns);
        let paths = ["configmaps/web-a", "configmaps/web-b", "services/web", "apps/v1/deployments/web"];
        let uids = || paths.map(|path| uid(&ns, path));
        let first = uids();

        let dry = refloat_json(&ns, ["fix", "web", "--with", "converge", "--dry-run", "-o", "json"]);
        let option = &dry["option"];
        assert_eq!(option["destructive"], true, "{option}");
        assert_eq!(foretold(option, "replaced"), BTreeSet::from(["deployment/web".to_owned()]));
        let losses = option["losses"].as_array().unwrap();
        let loss = losses[0].as_str().unwrap();
        assert!(losses.len() == 1 && loss.starts_with("deployment/web, deleted and made anew"), "{losses:?}");
        let unmet = option["preconditions"].as_array().unwrap().iter().filter(|one| one["met"] == false);
        assert_eq!(unmet.count(), 0, "{option}");
        let unasked = refloat(&ns, ["fix", "web", "--with", "converge"]);
        assert!(unasked.code == Some(4) && unasked.stderr.contains("not confirmed"), "{}", unasked.stderr);
        let auto = refloat_json(&ns, ["fix", "web", "--auto", "--dry-run", "-o", "json"]);
        assert_eq!(auto["option"]["id"], "rollback", "a destructive way is never taken by itself");
        assert_eq!(Moment::now(&ns), before);

        let done = fixed(&ns, "converge", &[]);
        assert_eq!(
            (statuses(&ns, major).as_slice(), &done["to"]),
            (&["superseded".to_owned(), "deployed".into()][..], &"deployed".into())
        );
        let second = uids();
        let same: Vec<bool> = first.iter().zip(&second).map(|(a, b)| a == b).collect();
        assert_eq!(same, [true, true, true, false], "only what was named is made anew");
        let now = ns.get("apps/v1/deployments/web").unwrap();
        assert_eq!(now["spec"]["selector"]["matchLabels"]["of"], "2");
        unlocked(&ns);

        let undone = refloat(&ns, ["undo", "--yes"]);
        assert_eq!(undone.code, Some(0), "{}", undone.stderr);
        let back = Moment::settled(&ns);
        assert_eq!((&back.objects, &back.records), (&before.objects, &before.records));
        unlocked(&ns);

        fixed(&ns, "converge", &[]);
        let case = Case::new(&ns, major);
        case.upgrade(3, &chart(3, &new), &["--wait", "--timeout", "90s"]).unwrap();
        assert_eq!(statuses(&ns, major), ["superseded", "superseded", "deployed"]);
    });
}

#[test]
fn a_stateful_set_is_replaced_and_keeps_its_claims() {
    let set = |size: &str, policy: &str| {
        let template = bed::corpus::objects::template("web", "ready", 1);
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"}, "spec": {
            "serviceName": "web", "replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template,
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": policy, "whenScaled": "Retain"},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
                "accessModes": ["ReadWriteOnce"], "storageClassName": "bed", "resources": {"requests": {"storage": "1Gi"}},
                "volumeMode": size,
            }}],
        }})
    };
    each([(Major::V3, "Retain"), (Major::V4, "Retain"), (Major::V4, "Delete")], |(major, policy)| {
        let ns = namespace("set", Driver::Secret);
        refused(&ns, major, &[set("Filesystem", policy)], &[set("Block", policy)]);
        let claim = uid(&ns, "persistentvolumeclaims/data-web-0");
        let before = uid(&ns, "apps/v1/statefulsets/web");
        if policy == "Delete" {
            let refused = fix(&ns, "converge", &[]);
            assert_eq!(refused.code, Some(4), "{}", refused.stderr);
            assert!(refused.stderr.contains("its claims would go with it"), "{}", refused.stderr);
            assert_eq!(uid(&ns, "apps/v1/statefulsets/web"), before);
            return;
        }
        let option = planned(&ns, "converge");
        assert!(option["losses"][0].as_str().unwrap().contains("its claims and their data stay"), "{option}");
        fixed(&ns, "converge", &[]);
        assert_ne!(uid(&ns, "apps/v1/statefulsets/web"), before);
        assert_eq!(uid(&ns, "persistentvolumeclaims/data-web-0"), claim);
        assert_eq!(statuses(&ns, major), ["superseded", "deployed"]);
    });
}

#[test]
fn a_claim_and_what_isnt_known_are_never_replaced() {
    each(Major::BOTH, |major| {
        let ns = namespace("noclaim", Driver::Secret);
        let wanted = with(claim("web", "bed"), &json!({"spec": {"volumeMode": "Block"}}));
        refused(&ns, major, &[claim("web", "bed")], &[wanted]);
        ns.wait("persistentvolumeclaims/web", SOON, |claim| claim["status"]["phase"] == "Bound").unwrap();
        let before = Moment::settled(&ns);
        let refused = fix(&ns, "converge", &[]);
        assert_eq!(refused.code, Some(4), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("persistentvolumeclaim/web can't be changed to it")
                && refused.stderr.contains("its data may go with it"),
            "{}",
            refused.stderr
        );
        assert_eq!(Moment::now(&ns), before);
        assert_eq!(planned(&ns, "converge")["applicable"], false);
    });
}

#[test]
fn what_a_finalizer_holds_is_waited_for_and_then_made() {
    each(Major::BOTH, |major| {
        let ns = namespace("heldreplace", Driver::Secret);
        let sealed = |version: &str| with(config_map("web-sealed", version), &json!({"immutable": true}));
        let held = with(sealed("1"), &json!({"metadata": {"finalizers": ["clean.example/up"]}}));
        refused(&ns, major, &[held], &[sealed("2")]);
        let path = "configmaps/web-sealed";
        let first = uid(&ns, path);
        let stopped = fix(&ns, "converge", &["--timeout", "2s"]);
        assert_eq!(stopped.code, Some(8), "{}", stopped.stderr);
        assert!(stopped.stderr.contains("waited 2s in vain until configmap/web-sealed is gone"), "{}", stopped.stderr);
        let now = ns.get(path).unwrap();
        assert!(now["metadata"]["uid"] == first && now["metadata"]["deletionTimestamp"].is_string(), "{now}");
        ns.patch(path, &json!({"metadata": {"finalizers": null}})).unwrap();
        fixed(&ns, "converge", &[]);
        let now = ns.get(path).unwrap();
        assert!(now["metadata"]["uid"] != first && now["data"]["value"] == "2", "{now}");
        assert_eq!(statuses(&ns, major), ["superseded", "deployed"]);
        let undone = refloat(&ns, ["undo", "--yes"]);
        assert_eq!(undone.code, Some(0), "{}", undone.stderr);
        assert_eq!(ns.get(path).unwrap()["data"]["value"], "1");
        ns.patch(path, &json!({"metadata": {"finalizers": null}})).unwrap();
    });
}
