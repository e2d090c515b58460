//! Objects that the API server refuses: webhooks, rights, conflicts, fields that can't change.
use super::objects::{claim, config_map, deployment, job, service, with};
use super::{Case, Scenario, V3, V4, calm, failed, possible, scenario};
use crate::{At, Live, Major};
use anyhow::{Result, ensure};
use serde_json::{Value, json};

pub(super) const ALL: &[Scenario] = &[
    scenario(
        "webhook-down-failed",
        "upgrade failed while applying, a webhook for ConfigMaps doesn't answer",
        failed("upgrade", &["apply"], &["webhook-unavailable"]),
        |case| refused(case, At::Nowhere, 5, "failed calling webhook"),
    ),
    scenario(
        "webhook-service-missing-failed",
        "upgrade failed while applying, a webhook's Service isn't there",
        failed("upgrade", &["apply"], &["webhook-unavailable"]),
        |case| refused(case, At::Service("gone"), 5, "service \"gone\" not found"),
    )
    .only(V4),
    scenario(
        "webhook-broken-failed",
        "upgrade failed while applying, a webhook answers with an error",
        failed("upgrade", &["apply"], &["webhook-unavailable"]),
        |case| refused(case, At::Server("status/500"), 5, "failed calling webhook"),
    )
    .only(V3),
    scenario(
        "webhook-too-slow-failed",
        "upgrade failed while applying, a webhook took longer than it may",
        failed("upgrade", &["apply"], &["webhook-slow"]),
        |case| refused(case, At::Server("delay/10"), 2, "context deadline exceeded"),
    ),
    scenario(
        "webhook-denied-failed",
        "upgrade failed while applying, a webhook denied it",
        failed("upgrade", &["apply"], &["webhook-denied"]),
        |case| refused(case, At::Server("deny/no%20change%20on%20Fridays"), 5, "no change on Fridays"),
    ),
    scenario(
        "webhook-denies-pods-failed",
        "upgrade failed while waiting, a webhook denies the pods",
        failed("upgrade", &["wait"], &["webhook-denied"]),
        denies_pods,
    )
    .only(V3),
    scenario(
        "webhook-down-for-pods-killed",
        "upgrade killed while waiting, a webhook for pods doesn't answer",
        possible("upgrade", &["wait"], &["webhook-unavailable"]),
        down_for_pods,
    )
    .only(V4),
    scenario(
        "own-webhook-failed",
        "upgrade failed while applying, a webhook of the very release doesn't answer, as its pod crashes",
        failed("upgrade", &["apply"], &["webhook-unavailable"]).also(&["crash-loop"]).field('l'),
        own_webhook,
    )
    .only(V3),
    scenario(
        "forbidden-failed",
        "upgrade failed while applying, its user may not change Deployments",
        failed("upgrade", &["apply"], &["forbidden"]),
        forbidden,
    ),
    scenario(
        "apply-conflict-failed",
        "upgrade failed while applying, another manager owns a field",
        failed("upgrade", &["apply"], &["apply-conflict"]),
        conflict,
    )
    .only(V4),
    scenario(
        "immutable-field-failed",
        "upgrade failed while applying, a Job's template can't be changed",
        failed("upgrade", &["apply"], &["immutable-field"]),
        immutable,
    ),
    scenario(
        "immutable-claim-failed",
        "upgrade failed while applying, a claim's storage class can't be changed",
        failed("upgrade", &["apply"], &["immutable-field"]),
        immutable_claim,
    )
    .only(V3),
    scenario(
        "immutable-on-retry-failed",
        "upgrade failed at a Job that an earlier upgrade, told to stop, had created",
        failed("upgrade", &["apply"], &["immutable-field"]).field('t'),
        immutable_on_retry,
    )
    .only(V3),
    scenario(
        "invalid-object-failed",
        "upgrade failed while applying, a Service's port isn't valid",
        failed("upgrade", &["apply"], &["invalid-object"]),
        invalid,
    ),
    scenario(
        "taken-over-by-another-release",
        "deployed, and one of its objects taken over by another release",
        calm(&["ownership-conflict"]),
        taken_over,
    ),
];

/// An upgrade that a webhook for ConfigMaps refuses.
fn refused(case: &Case<'_>, at: At<'_>, timeout: u32, words: &str) -> Result<Option<Live>> {
    case.installed()?;
    case.webhooks("policy", false, &["configmaps"], &[at], timeout)?;
    case.helm("upgrade", 2, &case.app(2, "ready"), &[])?.failed()?;
    case.expect("1:deployed 2:failed")?;
    case.described(words)?;
    Ok(None)
}

fn denies_pods(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    case.webhooks("policy", false, &["pods"], &[At::Server("deny/images%20must%20be%20signed")], 5)?;
    super::pods::fails_waiting(case, &case.app(2, "ready"))?;
    case.event("FailedCreate", "images must be signed")?;
    Ok(None)
}

fn down_for_pods(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    case.webhooks("injector", true, &["pods"], &[At::Nowhere], 5)?;
    let helm = case.spawn("upgrade", 2, &case.app(2, "ready"), &["--wait"])?;
    case.event("FailedCreate", "failed calling webhook")?;
    helm.kill()?;
    case.expect("1:deployed 2:pending-upgrade")?;
    Ok(None)
}

/// The webhook's configuration is an object of the release, and so are its Service and the Deployment behind it.
fn own_webhook(case: &Case<'_>) -> Result<Option<Live>> {
    let name = format!("{}-own", case.ns.name);
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": format!("{name}.example.com"), "clientConfig": {"service": {"name": "web", "namespace": case.ns.name}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["*"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": case.ns.name}},
            "failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 2,
        }],
    });
    let path = format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{name}");
    case.leftovers.borrow_mut().push(path);
    let own = |version| {
        [vec![service("web"), deployment("web", "crash-loop", version)], vec![configuration.clone()]].concat()
    };
    case.install(1, &own(1), &[])?;
    case.waiting("web", "CrashLoopBackOff")?;
    let objects = [own(2), vec![config_map("web-settings", "2")]].concat();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    case.helm("upgrade", 2, &objects, &[])?.failed()?;
    case.expect("1:deployed 2:failed")?;
    case.described("failed calling webhook")?;
    Ok(None)
}

fn forbidden(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let user = case.user(&json!([
        {"apiGroups": [""], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "watch"]},
    ]))?;
    case.helm("upgrade", 2, &case.app(2, "ready"), &[&user[0], &user[1]])?.failed()?;
    case.expect("1:deployed 2:failed")?;
    case.described("is forbidden")?;
    Ok(None)
}

fn conflict(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    case.ns.apply(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 3},
    }))?;
    let mut objects = case.app(2, "ready");
    objects[2]["spec"]["replicas"] = json!(2);
    case.helm("upgrade", 2, &objects, &[])?.failed()?;
    case.expect("1:deployed 2:failed")?;
    case.described("conflict")?;
    Ok(None)
}

fn immutable(case: &Case<'_>) -> Result<Option<Live>> {
    let objects = |version| [case.app(version, "ready"), vec![job("seed", "completes", version)]].concat();
    case.install(1, &objects(1), &["--wait", "--timeout", "90s"])?;
    case.helm("upgrade", 2, &objects(2), &[])?.failed()?;
    case.expect("1:deployed 2:failed")?;
    case.described("field is immutable")?;
    Ok(None)
}

fn immutable_claim(case: &Case<'_>) -> Result<Option<Live>> {
    let objects = |version, class| [case.app(version, "ready"), vec![claim("web-data", class)]].concat();
    case.install(1, &objects(1, "bed"), &["--wait", "--timeout", "90s"])?;
    let patch = json!({"spec": {"storageClassName": "premium"}});
    let changed = objects(2, "bed").into_iter().map(|object| match object["kind"].as_str() {
        Some("PersistentVolumeClaim") => with(object, &patch),
        _ => object,
    });
    case.helm("upgrade", 2, &changed.collect::<Vec<Value>>(), &[])?.failed()?;
    case.expect("1:deployed 2:failed")?;
    case.described("spec is immutable after creation")?;
    Ok(None)
}

fn immutable_on_retry(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let objects = |version| [case.app(version, "ready"), vec![job("seed-data", "completes", version)]].concat();
    case.faulty("POST~/jobs/seed-data:term-after", "upgrade", 2, &objects(2), &["--wait"])?.output.failed()?;
    case.expect("1:deployed 2:failed")?;
    case.described("context canceled")?;
    // Rolled back, so that what the stopped one created is in no manifest that Helm compares with.
    case.helm("upgrade", 3, &objects(3), &[])?.failed()?;
    case.expect("1:deployed 2:failed 3:failed")?;
    ensure!(case.ns.find("batch/v1/jobs/seed-data")?.is_some(), "the Job isn't there");
    let description = case.description()?;
    ensure!(description.contains("immutable"), "{description}");
    Ok(None)
}

fn invalid(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let mut objects = case.app(2, "ready");
    objects[1]["spec"]["ports"][0]["port"] = json!(99999);
    case.helm("upgrade", 2, &objects, &[])?.failed()?;
    case.expect("1:deployed 2:failed")?;
    case.described("is invalid")?;
    Ok(None)
}

fn taken_over(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let chart = case.chart(1, &[config_map("web-settings", "mine")])?;
    let more: &[&str] = if case.major == Major::V4 { &["--force-conflicts"] } else { &[] };
    let install = ["install", "rival", chart.as_str(), "--take-ownership"];
    case.ns.helm(case.major, install.iter().chain(more))?.ok()?;
    let found = case.ns.get("configmaps/web-settings")?;
    ensure!(found["metadata"]["annotations"]["meta.helm.sh/release-name"] == "rival", "it wasn't taken over");
    case.expect("1:deployed")?;
    Ok(None)
}
