//! Pods that aren't created or placed, because the cluster refuses them or has no room.
use super::case::{SOON, items};
use super::objects::{claim, deployment, service, with};
use super::pods::fails_waiting;
use super::{Case, Scenario, V3, V4, failed, possible, scenario};
use crate::Live;
use anyhow::{Result, ensure};
use serde_json::{Value, json};

pub(super) const ALL: &[Scenario] = &[
    scenario(
        "unschedulable-failed",
        "upgrade failed while waiting, no node has the labels that the pod asks for",
        failed("upgrade", &["wait"], &["unschedulable"]),
        |case| {
            let selector = json!({"nodeSelector": {"disk": "fast"}});
            changed(case, &selector, |case| case.event("FailedScheduling", "didn't match Pod's node affinity/selector"))
        },
    )
    .only(V3),
    scenario(
        "unschedulable-killed",
        "install killed while waiting, no node has room for the pod",
        possible("install", &["wait"], &["unschedulable"]),
        no_room,
    )
    .only(V4),
    scenario(
        "pvc-pending-failed",
        "install failed while waiting for a claim of a storage class that nobody serves",
        failed("install", &["wait"], &["pvc-pending"]),
        pvc_pending,
    ),
    scenario(
        "pvc-pending-killed",
        "upgrade killed while waiting for a StatefulSet's claim of a storage class that isn't there",
        possible("upgrade", &["wait"], &["pvc-pending"]),
        pvc_killed,
    )
    .only(V4),
    scenario(
        "quota-pods-failed",
        "upgrade failed while waiting, the quota has no room for the new pods",
        failed("upgrade", &["wait"], &["quota-exceeded"]),
        quota_pods,
    )
    .only(V3),
    scenario(
        "quota-object-failed",
        "upgrade failed while applying, the quota has no room for a ConfigMap",
        failed("upgrade", &["apply"], &["quota-exceeded"]),
        quota_object,
    ),
    scenario(
        "limit-range-failed",
        "upgrade failed while waiting, the pods ask for more than the limit range allows",
        failed("upgrade", &["wait"], &["limit-range"]),
        limit_range,
    )
    .only(V4),
    scenario(
        "pod-security-killed",
        "upgrade killed while waiting, the namespace's Pod security refuses the pods",
        possible("upgrade", &["wait"], &["pod-security"]),
        pod_security,
    )
    .only(V3),
    scenario(
        "service-account-missing-failed",
        "upgrade failed while waiting, the pods' service account isn't there",
        failed("upgrade", &["wait"], &["service-account-missing"]),
        |case| {
            let account = json!({"serviceAccountName": "web-operator"});
            changed(case, &account, |case| case.event("FailedCreate", "serviceaccount \"web-operator\" not found"))
        },
    )
    .only(V4),
    scenario(
        "load-balancer-pending-failed",
        "upgrade failed while waiting for a load balancer that nobody provides",
        failed("upgrade", &["wait"], &["wait-timeout"]),
        load_balancer,
    )
    .only(V3),
    scenario(
        "quota-and-image",
        "upgrade failed while waiting: one Deployment's pods exceed the quota, the other's image cannot be pulled",
        failed("upgrade", &["wait"], &["image-pull", "quota-exceeded"]).also(&["image-pull", "quota-exceeded"]),
        quota_and_image,
    )
    .only(V3),
];

fn changed(case: &Case<'_>, pod: &Value, proof: fn(&Case<'_>) -> Result<()>) -> Result<Option<Live>> {
    case.installed()?;
    let patch = json!({"spec": {"template": {"spec": pod}}});
    fails_waiting(case, &[with(deployment("web", "ready", 2), &patch)])?;
    proof(case)?;
    Ok(None)
}

fn asking_for(name: &str, cpu: &str) -> Value {
    let mut deployment = deployment(name, "ready", 2);
    deployment["spec"]["template"]["spec"]["containers"][0]["resources"] =
        json!({"requests": {"cpu": cpu}, "limits": {"cpu": cpu}});
    deployment
}

fn no_room(case: &Case<'_>) -> Result<Option<Live>> {
    let helm = case.spawn("install", 1, &[service("web"), asking_for("web", "9000")], &["--wait"])?;
    case.event("FailedScheduling", "Insufficient cpu")?;
    helm.kill()?;
    case.expect("1:pending-install")?;
    Ok(None)
}

fn pvc_pending(case: &Case<'_>) -> Result<Option<Live>> {
    let mut objects = case.app(1, "ready");
    let spec = &mut objects[2]["spec"]["template"]["spec"];
    spec["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}}]);
    spec["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    objects.push(claim("web-data", "premium"));
    case.helm("install", 1, &objects, &["--wait", "--timeout", "6s"])?.failed()?;
    case.expect("1:failed")?;
    ensure!(case.ns.get("persistentvolumeclaims/web-data")?["status"]["phase"] == "Pending", "the claim is bound");
    Ok(None)
}

fn pvc_killed(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let mut objects = case.app(2, "ready");
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "store"},
        "spec": {
            "serviceName": "store", "replicas": 2, "selector": {"matchLabels": {"app": "store"}},
            "template": super::objects::template("store", "ready", 2),
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim("", "premium")["spec"]}],
        },
    });
    objects.push(set);
    let helm = case.spawn("upgrade", 2, &objects, &["--wait"])?;
    case.ns.wait("persistentvolumeclaims/data-store-0", SOON, |claim| claim["status"]["phase"] == "Pending")?;
    case.pod("store", |pod| pod["status"]["phase"] == "Pending" && pod["status"]["conditions"].is_array())?;
    helm.kill()?;
    case.expect("1:deployed 2:pending-upgrade")?;
    Ok(None)
}

fn quota(case: &Case<'_>, hard: &Value) -> Result<()> {
    let quota =
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"}, "spec": {"hard": hard}});
    case.ns.apply(&quota)?;
    case.ns.wait("resourcequotas/team", SOON, |quota| quota["status"]["used"].is_object()).map(drop)
}

fn quota_pods(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    quota(case, &json!({"pods": "1"}))?;
    fails_waiting(case, &case.app(2, "ready"))?;
    case.event("FailedCreate", "exceeded quota: team")?;
    Ok(None)
}

fn quota_object(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let used = case.ns.get("configmaps")?;
    quota(case, &json!({"count/configmaps": items(&used).count().to_string()}))?;
    let mut objects = case.app(2, "ready");
    objects.push(super::objects::config_map("web-more", "2"));
    case.helm("upgrade", 2, &objects, &[])?.failed()?;
    case.expect("1:deployed 2:failed")?;
    case.described("exceeded quota: team")?;
    Ok(None)
}

fn limit_range(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let limits = json!([{"type": "Container", "max": {"cpu": "100m"}}]);
    case.ns.apply(&json!({
        "apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"}, "spec": {"limits": limits},
    }))?;
    fails_waiting(case, &[service("web"), asking_for("web", "500m")])?;
    case.event("FailedCreate", "maximum cpu usage per Container is 100m")?;
    Ok(None)
}

fn pod_security(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let labels = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    case.ns.bed.api.patch(&format!("/api/v1/namespaces/{}", case.ns.name), &labels)?;
    let helm = case.spawn("upgrade", 2, &case.app(2, "ready"), &["--wait"])?;
    case.event("FailedCreate", "violates PodSecurity \"restricted")?;
    helm.kill()?;
    case.expect("1:deployed 2:pending-upgrade")?;
    Ok(None)
}

fn load_balancer(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let mut objects = case.app(2, "ready");
    objects[1]["spec"]["type"] = json!("LoadBalancer");
    fails_waiting(case, &objects)?;
    let service = case.ns.get("services/web")?;
    ensure!(service["status"]["loadBalancer"]["ingress"].is_null(), "somebody provides load balancers");
    Ok(None)
}

fn quota_and_image(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    quota(case, &json!({"pods": "4"}))?;
    let mut objects = case.app(2, "image-pull");
    let mut worker = deployment("worker", "ready", 2);
    worker["spec"]["replicas"] = json!(6);
    objects.push(worker);
    fails_waiting(case, &objects)?;
    case.event("FailedCreate", "exceeded quota: team")?;
    case.waiting("web", "ImagePullBackOff")?;
    Ok(None)
}
