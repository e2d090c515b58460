//! What Helm forgets: objects that no revision has, and hooks that ran before.

use bed::corpus::objects::{config_map, hook, template, with};
use bed::corpus::{Case, SOON};
use bed::{Driver, Major, Namespace};
use serde_json::{Value, json};

use crate::{each, namespace, refloat, refloat_json};

fn diagnosis(ns: &Namespace<'static>) -> Value {
    refloat_json(ns, ["diagnose", "web", "-o", "json"])
}

/// A StatefulSet with a claim for each pod, labelled as charts do.
fn database() -> Value {
    let labels = json!({"app": "db", "app.kubernetes.io/instance": "web"});
    let pod = with(template("db", "ready", 1), &json!({"metadata": {"labels": labels}}));
    let claim = json!({"metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "bed", "resources": {"requests": {"storage": "1Gi"}}}});
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {
        "replicas": 1, "serviceName": "db", "selector": {"matchLabels": labels}, "template": pod,
        "volumeClaimTemplates": [claim]}})
}

#[test]
fn claims_and_objects_that_no_revision_has_are_named() {
    each(Major::BOTH, |major| {
        let ns = namespace("orphans", Driver::Secret);
        let case = Case::new(&ns, major);
        case.install(1, &[config_map("web-a", "1"), database()], &["--wait", "--timeout", "90s"]).unwrap();
        assert_eq!(diagnosis(&ns)["orphans"], json!([]));
        // What Helm wrote and no record has: as after `kubectl delete secret` of the record.
        ns.post(
            "configmaps",
            &json!({"metadata": {"name": "web-lost",
            "labels": {"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "web"},
            "annotations": {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": ns.name}}}),
        )
        .unwrap();
        case.upgrade(2, &[config_map("web-a", "2")], &[]).unwrap();
        ns.wait("apps/v1/statefulsets/db", SOON, Value::is_null).unwrap();
        let orphans = diagnosis(&ns)["orphans"].clone();
        let of = |mark: &str, kind: &str, name: &str| json!({"mark": mark, "apiVersion": "v1", "kind": kind, "namespace": ns.name, "name": name});
        let lost = of("annotations", "ConfigMap", "web-lost");
        assert_eq!(orphans, json!([lost, of("label", "PersistentVolumeClaim", "data-db-0")]));
        let text = refloat(&ns, ["diagnose", "web"]).stdout;
        assert!(text.contains("  configmap/web-lost\n"), "{text}");
        assert!(
            text.contains("  persistentvolumeclaim/data-db-0  (by its label app.kubernetes.io/instance alone)\n"),
            "{text}"
        );
    });
}

#[test]
fn a_hook_that_ran_before_is_told() {
    each(Major::BOTH, |major| {
        let ns = namespace("again", Driver::Secret);
        let case = Case::new(&ns, major);
        case.install(1, &[config_map("web-a", "1")], &[]).unwrap();
        let next = [config_map("web-a", "2"), hook("web-migrate", "pre-upgrade", "completes", 2)];
        let upgrade =
            || case.faulty("PATCH~/configmaps/web-a:kill-before", "upgrade", 2, &next, &[]).unwrap().sure().unwrap();
        upgrade();
        let runs = |found: &Value| {
            found["hooks"][0]["runs"].as_array().unwrap().iter().map(|run| run["earlier"].clone()).collect::<Vec<_>>()
        };
        let found = diagnosis(&ns);
        assert_eq!((runs(&found), &found["hooks"][0]["again"]), (vec![json!(false)], &Value::Null), "{found:#}");
        // What people do.
        ns.delete(&case.secret(2)).unwrap();
        upgrade();
        let found = diagnosis(&ns);
        assert_eq!(runs(&found), [true, false], "{found:#}");
        let again = found["hooks"][0]["again"].as_str().unwrap();
        assert!(again.starts_with("ran twice: ") && again.contains(", in an earlier attempt; "), "{again}");
        assert!(refloat(&ns, ["diagnose", "web"]).stdout.contains("ran twice: "));
    });
}
