//! `diagnose --dry-apply`: what the server would say to the next attempt, without anything being written.

use bed::{Driver, Major, Namespace};
use serde_json::{Value, json};

use crate::kubeconfig::account;
use crate::rights::{as_user, right};
use crate::ways::{Moment, helm, killed};
use crate::{each, namespace, refloat, refloat_json};

/// An upgrade that was killed before its first object, in a namespace that takes no more ConfigMaps since: it adds one.
fn full(ns: &Namespace<'static>, major: Major) {
    helm(ns, major, "install", "version=1");
    killed(ns, major, "upgrade", "version=2,hooks.post.enabled=true", "PATCH~/configmaps/web-a:kill-before");
    let there = ns.get("configmaps").unwrap()["items"].as_array().unwrap().len();
    let hard = json!({"count/configmaps": there.to_string()});
    let quota =
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full"}, "spec": {"hard": hard}});
    ns.apply(&quota).unwrap();
    ns.wait("resourcequotas/full", crate::ways::LIMIT, |quota| !quota["status"]["used"].is_null()).unwrap();
}

/// What was said of an object.
fn said<'a>(told: &'a Value, object: &str) -> &'a Value {
    let attempts = told["attempts"].as_array().unwrap();
    attempts.iter().find(|attempt| attempt["object"] == object).unwrap_or_else(|| panic!("{object} in {attempts:?}"))
}

#[test]
fn the_refusal_that_the_next_attempt_would_meet_is_shown_and_nothing_is_written() {
    each(Major::BOTH, |major| {
        let ns = namespace("dry-apply", Driver::Secret);
        full(&ns, major);
        let before = Moment::settled(&ns);
        let told = refloat_json(&ns, ["diagnose", "web", "--dry-apply", "-o", "json"]);
        assert_eq!(Moment::now(&ns).versions, before.versions, "{major}: it wrote");
        let (refused, taken) = (said(&told, "configmap/web-c"), said(&told, "deployment/web"));
        assert_eq!((&refused["accepted"], &taken["accepted"]), (&false.into(), &true.into()), "{major}: {told}");
        assert!(refused["why"].as_str().unwrap().contains("exceeded quota: full"), "{major}: {refused}");
        assert_eq!(said(&told, "job/web-post")["accepted"], true, "{major}: a hook that never ran is tried, too");
        let text = refloat(&ns, ["diagnose", "web", "--dry-apply"]).stdout;
        assert!(text.contains("NEXT ATTEMPT  the server would refuse 1 of "), "{text}");
        assert!(text.contains("- configmap/web-c: ") && text.contains("exceeded quota"), "{text}");
        assert_eq!(refloat_json(&ns, ["diagnose", "web", "-o", "json"])["attempts"], Value::Null);

        // What the helm that comes next meets is what was foretold.
        let retried = ns.helm(major, ["rollback", "web", "2"]).unwrap();
        assert!(!retried.status.success() && retried.stderr.contains("exceeded quota: full"), "{}", retried.stderr);
    });
}

#[test]
fn who_may_not_write_is_told_so_object_by_object() {
    let ns = namespace("dry-reader", Driver::Secret);
    full(&ns, Major::V3);
    let all = ["secrets", "configmaps", "services", "persistentvolumeclaims", "pods", "serviceaccounts"];
    let apps = ["deployments.apps", "replicasets.apps", "jobs.batch"];
    let rights: Vec<_> = all.into_iter().chain(apps).map(|one| right(&ns.name, one, &["get", "list"])).collect();
    let user = account(&ns, "reader", &rights);
    let ran = as_user(&ns, &user, &["diagnose", "web", "--dry-apply", "-o", "json"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let refused = said(&told, "configmap/web-c");
    assert_eq!(refused["accepted"], false);
    assert!(refused["why"].as_str().unwrap().contains("cannot create resource \"configmaps\""), "{refused}");
}
