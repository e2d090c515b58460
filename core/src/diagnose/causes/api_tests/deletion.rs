//! Finalizers and namespaces that end.

use super::*;

fn going(mut object: Value, finalizers: &Value, seconds: i64) -> Value {
    object["metadata"]["finalizers"] = finalizers.clone();
    object["metadata"]["deletionTimestamp"] = json!(ago(seconds).to_string());
    live(object)
}

fn uninstall(objects: &[Value]) -> Stage {
    Stage::new()
        .revision(1, Status::Uninstalling, "Deletion in progress (or silently failed)", 7200, objects)
        .at(Phase::Wait, LivenessVerdict::Possible)
}

#[test]
fn a_finalizer_is_told_with_whose_it_is() {
    let stage =
        uninstall(&[config_map("a", "1")]).there(going(config_map("a", "1"), &json!(["example.com/hold"]), 600));
    let cause = stage.says("finalizer");
    assert_eq!(cause.summary, "configmap/a has been going for 10m: finalizer example.com/hold holds it");
    assert!(cause.evidence[0].contains("its controller (example.com)"), "{:?}", cause.evidence);
    assert!(cause.remedy.contains("bring the controller of example.com/hold back"), "{}", cause.remedy);
    assert_eq!(stage.codes(), ["finalizer"]);
}

#[test]
fn a_claim_names_the_pod_that_uses_it() {
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}});
    let pod = json!({"metadata": {"name": "debug"}, "spec": {"volumes": [{"persistentVolumeClaim": {"claimName": "data"}}]}, "status": {"phase": "Running"}});
    let stage = uninstall(std::slice::from_ref(&claim))
        .there(going(claim, &json!(["kubernetes.io/pvc-protection"]), 600))
        .listed(Read::list(&known::pods(), "ns", ""), &[pod]);
    let cause = stage.says("finalizer");
    assert!(cause.evidence.iter().any(|line| line == "pod debug uses it"), "{:?}", cause.evidence);
    assert!(!cause.remedy.contains("take the finalizer off"), "{}", cause.remedy);
}

#[test]
fn a_controller_that_went_first_is_named() {
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "operator"}});
    let stage = uninstall(&[config_map("a", "1"), deployment]);
    let cause = stage.there(going(config_map("a", "1"), &json!(["example.com/hold"]), 600)).says("finalizer");
    assert!(cause.evidence.iter().any(|line| line.contains("deployment/operator of this release is deleted already")));
}

#[test]
fn what_helm_forgot_is_found_by_its_marks() {
    let kind = Kind::known("v1", "ConfigMap", "configmaps", true);
    let list = Read::metadata(&kind, "ns", "app.kubernetes.io/managed-by=Helm");
    let stage = |object: Value| {
        Stage::new()
            .revision(2, Status::Deployed, "Upgrade complete", 7200, &[config_map("a", "1")])
            .there(live(config_map("a", "1")))
            .listed(list.clone(), &[object])
    };
    let held = going(config_map("old", "1"), &json!(["example.com/hold"]), 600);
    assert_eq!(stage(held).codes(), ["finalizer"]);
    assert!(stage(live(config_map("old", "1"))).codes().is_empty());
}

#[test]
fn a_deletion_that_has_just_begun_is_no_proof() {
    let stage = uninstall(&[config_map("a", "1")]).there(going(config_map("a", "1"), &json!(["example.com/hold"]), 3));
    assert_eq!(stage.first().confidence, crate::diagnose::Confidence::Likely);
}

#[test]
fn a_namespace_that_ends_comes_first() {
    let message =
        "Some content in the namespace has finalizers remaining: backup.example.com/snapshot in 2 resource instances";
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns", "deletionTimestamp": ago(60).to_string()},
        "status": {"phase": "Terminating", "conditions": [
            {"type": "NamespaceFinalizersRemaining", "status": "True", "reason": "SomeFinalizersRemain", "message": message},
            {"type": "NamespaceDeletionContentFailure", "status": "False", "message": "All content successfully deleted"},
        ]},
    });
    let stage = Stage::open().there(namespace).at(Phase::Apply, LivenessVerdict::Stale);
    let cause = stage.says("namespace-terminating");
    assert_eq!(cause.evidence, [format!("NamespaceFinalizersRemaining: {message}")]);
    let words = "failed to create resource: configmaps \"b\" is forbidden: unable to create new content in namespace data because it is being terminated";
    assert_eq!(Stage::failed(words).codes(), ["namespace-terminating"]);
}

#[test]
fn another_namespace_of_the_release_is_looked_at() {
    let mut elsewhere = config_map("b", "1");
    elsewhere["metadata"]["namespace"] = json!("data");
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "data", "deletionTimestamp": ago(60).to_string()}});
    let words = "Upgrade \"web\" failed: configmaps \"b\" is forbidden: unable to create new content in namespace data because it is being terminated";
    let stage = Stage::upgrade(Status::Failed, words, &[], &[elsewhere]).there(namespace);
    let cause = stage.says("namespace-terminating");
    assert!(
        cause.summary.starts_with("namespace data has been going for 60s: nothing can be created"),
        "{}",
        cause.summary
    );
}

#[test]
fn a_hook_of_an_uninstall_that_was_never_created_isnt_taken_for_done() {
    let farewell = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "bye"}, "spec": {}});
    // What the revision itself wrote, later than its record was created, isn't the uninstall's doing.
    let run = |there: Value| {
        let stage = uninstall(&[config_map("a", "1")]).hook("pre-delete", &farewell).newest(|newest| {
            let info = &mut newest.release.info;
            let moment = |seconds| crate::record::Moment { at: ago(seconds), text: ago(seconds).to_string() };
            info.deleted = Some(moment(60));
            newest.release.hooks[0].last_run.started_at = Some(moment(59));
            newest.release.hooks[0].last_run.phase = "Running".to_owned();
        });
        let seen = stage.there(there).seen();
        crate::diagnose::operation(&crate::diagnose::Case::new(&seen)).before[0].run
    };
    assert_eq!(run(live(config_map("a", "1"))), crate::diagnose::HookRun::NeverRan);
    assert_eq!(run(going(config_map("a", "1"), &json!(["example.com/hold"]), 3)), crate::diagnose::HookRun::Passed);
}
