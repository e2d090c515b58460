//! Quotas, limit ranges, Pod security, service accounts: in events, in a condition, in Helm's own words.

use super::*;

const QUOTA: &str = "pods \"web-2-x\" is forbidden: exceeded quota: team, requested: limits.cpu=2,pods=1, used: limits.cpu=3,pods=5, limited: limits.cpu=4,pods=5";
const SECURITY: &str = "pods \"web-2-x\" is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false (container \"app\" must set securityContext.allowPrivilegeEscalation=false)";
const LIMIT: &str = "pods \"web-2-x\" is forbidden: [maximum cpu usage per Container is 500m, but limit is 1, minimum memory usage per Container is 64Mi, but request is 1Mi]";
const ACCOUNT: &str =
    "pods \"web-2-x\" is forbidden: error looking up service account shop/web: serviceaccount \"web\" not found";

/// The rollout whose ReplicaSet gets no pods, with events about it.
fn lacking(events: impl Fn(&Value) -> Vec<Value>) -> World {
    let (old, new) = (deployment("registry.example/web:1"), deployment("registry.example/web:2"));
    let mut objects = rollout();
    objects[2]["status"]["replicas"] = json!(0);
    let events = events(&objects[2]);
    World::pending().object(old, new).with(objects).with(events)
}

#[test]
fn a_refused_pod_is_told_by_its_event() {
    let table = [
        (
            QUOTA,
            "quota-exceeded",
            "its pods are refused: quota team is used up (limits.cpu: 3 of 4 used, 2 more asked for; pods: 5 of 5 used, 1 more asked for)",
        ),
        (
            "pods \"x\" is forbidden: failed quota: team: must specify limits.cpu for: app",
            "quota-exceeded",
            "its pods are refused: quota team asks that the pod names limits.cpu for: app",
        ),
        (
            LIMIT,
            "limit-range",
            "its pods are refused: limit range small forbids it (maximum cpu usage per Container is 500m, but limit is 1; minimum memory usage per Container is 64Mi, but request is 1Mi)",
        ),
        (
            SECURITY,
            "pod-security",
            "its pods are refused: the namespace's security level restricted:latest forbids it: allowPrivilegeEscalation != false (container \"app\" must set securityContext.allowPrivilegeEscalation=false)",
        ),
        (ACCOUNT, "service-account-missing", "its pods are refused: service account web isn't there"),
    ];
    let range = json!({"kind": "LimitRange", "metadata": {"name": "small", "namespace": "shop"}});
    for (message, code, says) in table {
        let message = format!("Error creating: {message}");
        let world = lacking(|set| vec![event(set, "FailedCreate", &message, 1)]).with([range.clone()]);
        let cause = world.top();
        assert_eq!((cause.code, cause.summary), (code, format!("deployment/web: {says}")));
        assert!(cause.evidence[0].starts_with("FailedCreate 60s ago, 3 times: Error creating"), "{:?}", cause.evidence);
        assert_eq!(world.codes(), [code]);
    }
}

#[test]
fn pods_that_a_webhook_refuses_arent_slow() {
    let denied = "Error creating: admission webhook \"policy.example\" denied the request: no";
    let world = lacking(|set| vec![event(set, "FailedCreate", denied, 1)]);
    assert!(!world.codes().contains(&"slow-rollout"), "{:?}", world.codes());
}

#[test]
fn the_quota_is_shown_as_it_stands() {
    let quota = json!({"kind": "ResourceQuota", "metadata": {"name": "team", "namespace": "shop"},
        "status": {"hard": {"pods": "5", "limits.cpu": "4"}, "used": {"pods": "4", "limits.cpu": "3"}}});
    let cause = lacking(|set| vec![event(set, "FailedCreate", QUOTA, 1)]).with([quota]).top();
    assert!(cause.evidence.contains(&"quota team now: pods: 4 of 5 used".to_owned()), "{:?}", cause.evidence);
    assert_eq!(cause.command, "kubectl describe quota team -n shop");
}

#[test]
fn a_refusal_that_is_over_is_none() {
    let over = lacking(|set| {
        vec![event(set, "FailedCreate", QUOTA, 4), event(set, "SuccessfulCreate", "Created pod: web-2-y", 3)]
    });
    assert!(!over.codes().contains(&"quota-exceeded"));
    let (old, new) = (deployment("registry.example/web:1"), deployment("registry.example/web:2"));
    let complete =
        World::pending().object(old, new).with(rollout()).with([event(&replica_set(2, 1), "FailedCreate", QUOTA, 1)]);
    assert!(!complete.codes().contains(&"quota-exceeded"));
    let warning = SECURITY.replace("violates", "would violate");
    assert!(!lacking(|set| vec![event(set, "FailedCreate", &warning, 1)]).codes().contains(&"pod-security"));
}

#[test]
fn a_condition_tells_where_events_are_gone() {
    let (old, new) = (deployment("registry.example/web:1"), deployment("registry.example/web:2"));
    let mut objects = rollout();
    objects[0]["status"]["conditions"] = json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": QUOTA, "lastTransitionTime": ago(100)}]);
    let cause = World::pending().object(old, new).with(objects).top();
    assert_eq!((cause.code, cause.confidence.to_string().as_str()), ("quota-exceeded", "certain"));
    assert!(cause.evidence[0].starts_with("ReplicaFailure=True for 100m: FailedCreate: pods"), "{:?}", cause.evidence);
}

#[test]
fn what_helm_was_refused_is_in_its_description() {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {}});
    let refused = "services \"web\" is forbidden: exceeded quota: team, requested: services=1, used: services=2, limited: services=2";
    for description in [
        // Helm 3, Helm 4 with server-side apply.
        format!("failed to create resource: {refused}"),
        format!("1 error occurred:\n\t* {refused}\n\n"),
        format!("failed to create resource: server-side apply failed for object shop/web /v1, Kind=Service: {refused}"),
    ] {
        let cause = World::failed(&description).added(service.clone()).top();
        assert_eq!(
            cause.summary,
            "service/web was refused: quota team is used up (services: 2 of 2 used, 1 more asked for)"
        );
        assert!(cause.evidence[0].starts_with("Helm: ") && cause.evidence[0].contains(refused), "{:?}", cause.evidence);
        assert!(cause.remedy.ends_with("run helm upgrade again"), "{}", cause.remedy);
    }
    let hook = "pre-upgrade hooks failed: warning: Hook pre-upgrade shop/templates/job.yaml failed: 1 error occurred:\n\t* jobs.batch \"web-migrate\" is forbidden: exceeded quota: team, requested: count/jobs.batch=1, used: count/jobs.batch=1, limited: count/jobs.batch=1\n\n";
    let world = World::failed(hook).hook("pre-upgrade", "", "Running");
    assert!(
        world.top().summary.starts_with("pre-upgrade hook job/web-migrate was refused: quota team"),
        "{}",
        world.top().summary
    );
    assert_eq!(world.codes(), ["quota-exceeded"]);
}
