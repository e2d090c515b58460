//! Webhooks and policies.

use super::*;

fn webhook(name: &str, client: &Value, change: &Value) -> Value {
    let mut webhook = json!({
        "name": name, "clientConfig": client, "timeoutSeconds": 5, "failurePolicy": "Fail",
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["*"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ns"}},
    });
    webhook.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    webhook
}

fn service(namespace: &str, name: &str) -> Value {
    json!({"service": {"namespace": namespace, "name": name}})
}

fn backend(stage: Stage, namespace: &str, name: &str, ready: bool) -> Stage {
    let object = json!({"metadata": {"name": name, "namespace": namespace}, "spec": {"selector": {"app": "x"}}});
    let slices = Read::list(&known::endpoint_slices(), namespace, &format!("kubernetes.io/service-name={name}"));
    let read = Read::object(&known::services(), namespace, name);
    stage
        .answered(read, Answer::Found(object))
        .listed(slices, &[json!({"endpoints": [{"conditions": {"ready": ready}}]})])
}

const REFUSED: &str = "cannot patch \"a\" with kind ConfigMap: Internal error occurred: failed calling webhook \"policy.example.com\": failed to call webhook: Post \"https://gone.infra.svc:443/v?timeout=3s\": ";

#[test]
fn a_webhook_without_backend_is_named_in_helms_words() {
    let hooks = [webhook("policy.example.com", &service("infra", "gone"), &json!({}))];
    let table = [
        ("service \"gone\" not found", "isn't there"),
        ("dial tcp 10.0.0.1:443: connect: connection refused", "isn't there"),
        ("no endpoints available for service \"gone\"", "isn't there"),
    ];
    for (words, state) in table {
        let cause = Stage::failed(&format!("{REFUSED}{words}")).validating(&hooks).says("webhook-unavailable");
        assert!(cause.summary.contains(state) && cause.summary.contains("configmap/a"), "{}", cause.summary);
        assert!(cause.evidence.iter().any(|line| line.contains(words)), "{:?}", cause.evidence);
        assert!(cause.remedy.contains("infra/gone") && cause.remedy.contains("Ignore"), "{}", cause.remedy);
        assert_eq!(cause.command, "kubectl describe service gone -n infra");
    }
}

#[test]
fn without_the_configurations_helms_words_do() {
    let cause = Stage::failed(&format!("{REFUSED}service \"gone\" not found")).says("webhook-unavailable");
    assert_eq!(cause.summary, "webhook policy.example.com doesn't answer; so configmap/a is refused");
}

#[test]
fn one_that_is_back_is_said_to_be() {
    let hooks = [webhook("policy.example.com", &service("infra", "gone"), &json!({}))];
    let stage = Stage::failed(&format!("{REFUSED}connect: connection refused")).validating(&hooks);
    let cause = backend(stage, "infra", "gone", true).says("webhook-unavailable");
    assert_eq!(cause.remedy, "it is back: run Helm again");
}

#[test]
fn a_slow_one_is_told_from_a_dead_one() {
    let hooks = [webhook("policy.example.com", &service("infra", "slow"), &json!({}))];
    let words = format!("{REFUSED}context deadline exceeded");
    let alive = backend(Stage::failed(&words).validating(&hooks), "infra", "slow", true);
    let cause = alive.says("webhook-slow");
    assert!(cause.summary.contains("within 5s"), "{}", cause.summary);
    let dead = backend(Stage::failed(&words).validating(&hooks), "infra", "slow", false).says("webhook-unavailable");
    assert!(dead.summary.contains("has no ready endpoint"), "{}", dead.summary);
    // What waits for objects says the same words.
    assert_ne!(Stage::failed("context deadline exceeded").first().code, "webhook-slow");
}

#[test]
fn the_releases_own_webhook_is_said_to_be_its_own() {
    let own = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "gate"}, "spec": {}});
    let objects = [own, config_map("a", "1")];
    let description = format!("Upgrade \"web\" failed: {REFUSED}connect: connection refused");
    let hooks = [webhook("policy.example.com", &service("ns", "gate"), &json!({}))];
    let stage = Stage::upgrade(Status::Failed, &description, &objects, &objects).validating(&hooks);
    let cause = stage.says("webhook-unavailable");
    assert!(cause.evidence.iter().any(|line| line.contains("this very release")), "{:?}", cause.evidence);
    assert!(
        cause.remedy.contains("failurePolicy to Ignore in validatingwebhookconfiguration/policy"),
        "{}",
        cause.remedy
    );
}

#[test]
fn a_dead_one_in_the_way_of_an_open_operation_is_found_without_words() {
    let hook = |change: &Value| [webhook("gate.example.com", &service("infra", "gone"), change)];
    let open = |change: &Value| Stage::open().validating(&hook(change)).at(Phase::Apply, LivenessVerdict::Stale);
    let cause = open(&json!({})).says("webhook-unavailable");
    assert!(cause.summary.contains("configmap/b"), "{}", cause.summary);
    let spared = [
        json!({"failurePolicy": "Ignore"}),
        json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}),
        json!({"rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["DELETE"]}]}),
        json!({"rules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["*"], "operations": ["*"]}]}),
        json!({"objectSelector": {"matchExpressions": [{"key": "watched", "operator": "Exists"}]}}),
    ];
    for change in spared {
        assert_eq!(open(&change).codes(), ["client-killed"], "{change}");
    }
    // Conditions can't be judged, so it is only one explanation.
    let conditional = json!({"matchConditions": [{"name": "c", "expression": "false"}]});
    assert_eq!(open(&conditional).codes(), ["client-killed", "webhook-unavailable"]);
}

#[test]
fn slow_ones_may_hold_up_a_helm_that_runs() {
    let hooks: Vec<Value> = ["one", "two"]
        .map(|name| {
            webhook(name, &json!({"url": "https://policy.example.com/x?token=hunter2"}), &json!({"timeoutSeconds": 25}))
        })
        .to_vec();
    let stage = || Stage::open().validating(&hooks);
    let cause = stage().at(Phase::Apply, LivenessVerdict::Possible).says("webhook-slow");
    assert!(cause.summary.starts_with("2 webhooks may together hold up configmap/b for 25s"), "{}", cause.summary);
    assert!(!format!("{cause:?}").contains("hunter2"));
    assert_eq!(stage().at(Phase::Apply, LivenessVerdict::Stale).codes(), ["client-killed"]);
    assert_eq!(stage().at(Phase::Wait, LivenessVerdict::Possible).codes(), ["client-killed"]);
    // Together they take longer than the server waits for any call.
    let gave_up = "cannot patch \"a\" with kind ConfigMap: Timeout: request did not complete within requested timeout - context deadline exceeded";
    let cause = Stage::failed(gave_up).validating(&hooks).says("webhook-slow");
    assert!(
        cause.summary.starts_with("the API server gave up waiting for 2 webhooks that may take 25s for"),
        "{}",
        cause.summary
    );
    assert_ne!(Stage::failed(gave_up).first().code, "webhook-slow");
}

#[test]
fn denials_are_told_with_their_reasons() {
    let table = [
        (
            "cannot patch \"a\" with kind ConfigMap: admission webhook \"policy.example.com\" denied the request: no change on Fridays",
            "webhook policy.example.com denies configmap/a: no change on Fridays",
        ),
        (
            "server-side apply failed for object ns/a /v1, Kind=ConfigMap: configmaps \"a\" is forbidden: ValidatingAdmissionPolicy 'quiet' with binding 'all' denied request: no change on Fridays",
            "policy quiet denies configmap/a: no change on Fridays",
        ),
    ];
    for (words, summary) in table {
        let cause = Stage::failed(words).says("webhook-denied");
        assert_eq!(cause.summary, summary);
        assert_eq!(Stage::failed(words).codes(), ["webhook-denied"]);
    }
}

#[test]
fn events_tell_of_pods_that_are_refused() {
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {}});
    let event = |name: &str, message: &str, seconds: i64| {
        json!({
            "type": "Warning", "reason": "FailedCreate", "count": 7, "message": message, "lastTimestamp": ago(seconds).to_string(),
            "involvedObject": {"kind": "ReplicaSet", "namespace": "ns", "name": name},
        })
    };
    let denied = "Error creating: admission webhook \"sign.example.com\" denied the request: images must be signed";
    let called = "Error creating: Internal error occurred: failed calling webhook \"inject.example.com\": failed to call webhook: connection refused";
    let stage = |event: Value| {
        let objects = [deployment.clone()];
        Stage::upgrade(Status::PendingUpgrade, "Preparing upgrade", &objects, &objects)
            .events(&[event])
            .at(Phase::Wait, LivenessVerdict::Possible)
    };
    let cause = stage(event("web-6d4", denied, 60)).says("webhook-denied");
    assert!(cause.evidence[0].ends_with("(7 times, last 60s ago)"), "{:?}", cause.evidence);
    assert_eq!(stage(event("web-6d4", called, 60)).first().code, "webhook-unavailable");
    // Another workload's, and one from before the operation.
    for other in [event("website-6d4", denied, 60), event("web-6d4", denied, 80_000)] {
        assert_eq!(stage(other).first().code, "client-killed");
    }
}
