//! What the server refuses of an object: fixed fields, malformed ones, those of others, missing rights, foreign objects.

use super::*;

#[test]
fn fixed_fields_are_known_by_the_servers_words() {
    let table = [
        (
            "cannot patch \"web\" with kind Deployment: Deployment.apps \"web\" is invalid: spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"web\"}}: field is immutable",
            "deployment/web",
            "spec.selector",
            "--cascade=orphan",
        ),
        (
            "server-side apply failed for object ns/seed batch/v1, Kind=Job: Job.batch \"seed\" is invalid: spec.template: Invalid value: {\"Spec\":{\"Env\":[{\"Value\":\"hunter2\"}]}}: field is immutable",
            "job/seed",
            "spec.template",
            "delete job seed",
        ),
        (
            "cannot patch \"web\" with kind Service: Service \"web\" is invalid: spec.clusterIPs[0]: Invalid value: [\"None\"]: may not change once set",
            "service/web",
            "spec.clusterIPs[0]",
            "new address",
        ),
        (
            "server-side apply failed for object ns/data /v1, Kind=PersistentVolumeClaim: PersistentVolumeClaim \"data\" is invalid: spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n@@ -1 +1 @@\n- \"StorageClassName\": \"bed\",\n",
            "persistentvolumeclaim/data",
            "spec",
            "may delete its data",
        ),
        (
            "cannot patch \"data\" with kind PersistentVolumeClaim: PersistentVolumeClaim \"data\" is invalid: spec.resources.requests.storage: Forbidden: field can not be less than status.capacity",
            "persistentvolumeclaim/data",
            "spec.resources.requests.storage",
            "data",
        ),
        (
            "cannot patch \"db\" with kind StatefulSet: StatefulSet.apps \"db\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template' are forbidden",
            "statefulset/db",
            "spec",
            "--cascade=orphan",
        ),
        (
            "cannot patch \"a\" with kind ConfigMap: ConfigMap \"a\" is invalid: data: Forbidden: field is immutable when `immutable` is set",
            "configmap/a",
            "data",
            "new name",
        ),
        (
            "cannot patch \"s\" with kind Secret: Secret \"s\" is invalid: type: Invalid value: \"kubernetes.io/basic-auth\": field is immutable",
            "secret/s",
            "type",
            "new name",
        ),
        (
            "cannot patch \"rb\" with kind RoleBinding: RoleBinding.rbac.authorization.k8s.io \"rb\" is invalid: roleRef: Invalid value: {\"Kind\":\"ClusterRole\"}: cannot change roleRef",
            "rolebinding/rb",
            "roleRef",
            "delete rolebinding rb",
        ),
    ];
    for (words, object, field, remedy) in table {
        let stage = Stage::failed(words);
        let cause = stage.says("immutable-field");
        assert_eq!(cause.summary, format!("{object} can't be changed in place: {field} is immutable"));
        assert!(cause.remedy.contains(remedy), "{}", cause.remedy);
        assert!(!format!("{cause:?}").contains("hunter2"));
        assert_eq!(stage.codes(), ["immutable-field"], "{words}");
    }
}

#[test]
fn a_fixed_field_is_foreseen() {
    let job = |image: &str| {
        let container = json!({"name": "c", "image": image, "resources": {"limits": {"cpu": "1000m"}}});
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "seed"}, "spec": {"template": {"spec": {"containers": [container]}}}})
    };
    let there = |image: &str| {
        let mut job = live(job(image));
        job["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = json!("Always");
        job["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] = json!("1");
        job
    };
    let open = |image: &str| {
        Stage::upgrade(Status::PendingUpgrade, "Preparing upgrade", &[job("a")], &[job("b")])
            .there(there(image))
            .at(Phase::Apply, LivenessVerdict::Stale)
    };
    assert_eq!(open("a").codes(), ["client-killed", "immutable-field"]);
    assert_eq!(open("b").codes(), ["client-killed"]);
    let failed =
        Stage::upgrade(Status::Failed, "Upgrade \"web\" failed: x", &[job("a")], &[job("b")]).there(there("a"));
    let cause = failed.says("immutable-field");
    assert_eq!(cause.confidence, crate::diagnose::Confidence::Likely);
    assert!(cause.summary.starts_with("job/seed will be refused: spec.template"), "{}", cause.summary);
}

#[test]
fn malformed_objects_are_known_from_both_helms() {
    let table = [
        (
            "failed to create resource: Service \"web\" is invalid: [spec.ports[0].port: Invalid value: 99999: must be between 1 and 65535, inclusive]",
            "service/web",
        ),
        (
            "failed to create resource: server-side apply failed for object ns/w example.com/v1, Kind=Widget: Widget.example.com \"w\" is invalid: spec.size: Invalid value: 9: spec.size in body should be less than or equal to 3",
            "widget/w",
        ),
        (
            "server-side apply failed for object ns/web apps/v1, Kind=Deployment: failed to create typed patch object (ns/web; apps/v1, Kind=Deployment): .spec.bogus: field not declared in schema",
            "deployment/web",
        ),
        (
            "cannot patch \"web\" with kind Deployment:  \"\" is invalid: patch: Invalid value: \"{\\\"data\\\":\\\"hunter2\\\"}\": json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
            "deployment/web",
        ),
    ];
    for (words, object) in table {
        let stage = Stage::failed(words);
        let cause = stage.says("invalid-object");
        assert!(cause.summary.starts_with(&format!("{object} isn't valid: ")), "{}", cause.summary);
        assert!(!format!("{cause:?}").contains("hunter2"));
        assert_eq!(stage.codes(), ["invalid-object"], "{words}");
    }
    // A webhook may use any words.
    let denied = "admission webhook \"p\" denied the request: Service \"web\" is invalid: field is immutable";
    assert_eq!(Stage::failed(denied).codes(), ["webhook-denied"]);
}

#[test]
fn contended_fields_are_named_with_their_managers() {
    let one = "conflict occurred while applying object ns/web apps/v1, Kind=Deployment: Apply failed with 1 conflict: conflict with \"autoscaler\": .spec.replicas";
    let cause = Stage::failed(one).says("apply-conflict");
    assert_eq!(cause.summary, "deployment/web: .spec.replicas belongs to autoscaler, who set it since");
    let more = "conflict occurred while applying object ns/web apps/v1, Kind=Deployment: Apply failed with 3 conflicts: conflicts with \"kubectl-edit\" using apps/v1:\n- .spec.replicas\n- .spec.template.spec.containers[name=\"c\"].image\nconflict with \"keda\" using apps/v1: .spec.paused";
    let cause = Stage::failed(more).says("apply-conflict");
    assert!(cause.summary.contains("belongs to keda, kubectl-edit"), "{}", cause.summary);
    assert!(cause.evidence.iter().any(|line| line == "contended: .spec.paused"), "{:?}", cause.evidence);
}

#[test]
fn missing_rights_are_told_as_what_to_grant() {
    let words = "cannot patch \"web\" with kind Deployment: deployments.apps \"web\" is forbidden: User \"deployer\" cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"ns\"";
    let cause = Stage::failed(words).says("forbidden");
    assert_eq!(cause.summary, "deployer, as whom Helm ran, may not patch deployments.apps in ns");
    assert_eq!(cause.command, "kubectl auth can-i patch deployments.apps --as=deployer -n ns");
    let two = "2 errors occurred:\n\t* configmaps is forbidden: User \"deployer\" cannot create resource \"configmaps\" in API group \"\" in the namespace \"ns\"\n\t* clusterroles.rbac.authorization.k8s.io is forbidden: User \"deployer\" cannot create resource \"clusterroles\" in API group \"rbac.authorization.k8s.io\" at the cluster scope\n\n";
    let cause = Stage::failed(two).says("forbidden");
    assert_eq!(
        cause.remedy,
        "grant it: create configmaps in ns, create clusterroles.rbac.authorization.k8s.io of the whole cluster; then run Helm again"
    );
    // Quotas and policies forbid in other words, and hooks are told elsewhere.
    let others = [
        "configmaps \"b\" is forbidden: exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=2, limited: count/configmaps=2",
        "pods \"b\" is forbidden: violates PodSecurity \"restricted:latest\": privileged",
        "pre-upgrade hooks failed: warning: Hook pre-upgrade shop/templates/hooks.yaml failed: 1 error occurred:\n\t* jobs.batch is forbidden: User \"d\" cannot create resource \"jobs\" in API group \"batch\" in the namespace \"ns\"\n\n",
    ];
    for words in others {
        assert!(!Stage::failed(words).codes().iter().any(|code| code == "forbidden"), "{words}");
    }
}

#[test]
fn another_releases_object_is_a_conflict() {
    let mut taken = live(config_map("a", "mine"));
    taken["metadata"]["annotations"]["meta.helm.sh/release-name"] = json!("rival");
    let deployed = |object: Value| {
        Stage::new().revision(1, Status::Deployed, "Install complete", 7200, &[config_map("a", "1")]).there(object)
    };
    let cause = deployed(taken).says("ownership-conflict");
    assert_eq!(cause.summary, "configmap/a belongs to release rival; Helm would not have touched it");
    assert!(deployed(live(config_map("a", "1"))).codes().is_empty());
    // One that is nobody's only matters where it is still to be adopted.
    let mut bare = config_map("a", "x");
    bare["metadata"]["namespace"] = json!("ns");
    assert!(deployed(bare.clone()).codes().is_empty());
    let upgrade = Stage::upgrade(Status::PendingUpgrade, "Preparing upgrade", &[], &[config_map("a", "1")])
        .there(bare)
        .at(Phase::Apply, LivenessVerdict::Stale);
    let cause = upgrade.says("ownership-conflict");
    assert!(cause.summary.contains("was there already and is no release's"), "{}", cause.summary);
}
