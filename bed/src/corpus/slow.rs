//! Releases at which Helm is really at work, held up by something slow: whoever calls these stale takes them from it.
use super::case::SOON;
use super::objects::{config_map, deployment, hook, template};
use super::{Case, Scenario, V3, V4, failed, live, scenario};
use crate::{At, Live};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::thread::sleep;
use std::time::Duration;

/// Long enough that a diagnosis of all scenarios comes before the end.
const LONG: [&str; 3] = ["--wait", "--timeout", "30m"];

pub(super) const ALL: &[Scenario] = &[
    scenario(
        "slow-rollout-live",
        "upgrade waits for a StatefulSet whose pods take their time, one after another",
        live("upgrade", &["wait"], &["slow-rollout"]).field('s'),
        rollout,
    ),
    scenario(
        "slow-pod-live",
        "install waits for a pod that needs five minutes to become ready",
        live("install", &["wait"], &["slow-rollout"]),
        slow_pod,
    )
    .only(V3),
    scenario(
        "clock-skewed-live",
        "upgrade waits for a slow pod, run by a Helm whose clock is years behind",
        live("upgrade", &["wait"], &["slow-rollout"]).field('r'),
        skewed,
    )
    .only(V4),
    scenario(
        "slow-hook-live",
        "upgrade waits for a pre-upgrade hook that needs minutes",
        live("upgrade", &["pre-hooks"], &["hook-running"]),
        |case| slow_hook(case, "pre-upgrade"),
    ),
    scenario(
        "slow-post-hook-live",
        "upgrade waits for a post-upgrade hook that needs minutes",
        live("upgrade", &["post-hooks"], &["hook-running"]),
        |case| slow_hook(case, "post-upgrade"),
    )
    .only(V3),
    scenario(
        "slow-webhooks-live",
        "upgrade applies, held up by two webhooks that take 25 seconds each, one after the other",
        live("upgrade", &["apply"], &["webhook-slow"]),
        slow_webhooks,
    ),
    scenario(
        "slow-webhooks-failed",
        "upgrade failed, as two webhooks that take 25 seconds each take longer than the API server waits for a call",
        failed("upgrade", &["apply"], &["webhook-slow"]),
        slow_webhooks_failed,
    )
    .only(V4),
    scenario(
        "uninstall-waits-live",
        "uninstall waits for an object whose finalizer nobody takes off",
        live("uninstall", &["wait"], &["finalizer"]),
        uninstall_waits,
    )
    .only(V4),
    scenario(
        "image-pull-live",
        "upgrade waits for a pod whose image cannot be pulled, and still has time",
        live("upgrade", &["wait"], &["image-pull"]),
        image_pull,
    )
    .only(V3),
];

fn stateful(version: u32, seconds: &str) -> Value {
    let mut template = template("store", "ready-after", version);
    template["metadata"]["annotations"]["bed.refloat.dev/seconds"] = json!(seconds);
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "store"},
        "spec": {
            "serviceName": "store", "replicas": 6, "selector": {"matchLabels": {"app": "store"}}, "template": template,
            "podManagementPolicy": "OrderedReady",
        },
    })
}

fn rollout(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let helm = case.spawn("upgrade", 2, &[config_map("web-settings", "2"), stateful(2, "25")], &LONG)?;
    case.ns.wait("apps/v1/statefulsets/store", SOON, |set| set["status"]["replicas"].as_u64() >= Some(2))?;
    case.expect("1:deployed 2:pending-upgrade")?;
    Ok(Some(helm))
}

fn slow(name: &str, version: u32) -> Value {
    let mut deployment = deployment(name, "ready-after", version);
    deployment["spec"]["template"]["metadata"]["annotations"]["bed.refloat.dev/seconds"] = json!("300");
    deployment
}

fn slow_pod(case: &Case<'_>) -> Result<Option<Live>> {
    let helm = case.spawn("install", 1, &[config_map("web-settings", "1"), slow("web", 1)], &LONG)?;
    case.pod("web", |pod| pod["status"]["phase"] == "Running")?;
    case.expect("1:pending-install")?;
    Ok(Some(helm))
}

/// The record's own times come from Helm's clock, so they are set back in the record, as no other clock here can be.
fn skewed(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let helm = case.spawn("upgrade", 2, &[config_map("web-settings", "2"), slow("web", 2)], &LONG)?;
    case.pod("web", |pod| {
        pod["status"]["startTime"].is_string() && pod["spec"]["containers"][0]["image"] == "registry.example/web:2"
    })?;
    super::records::edit(case, 2, |release| {
        for field in ["first_deployed", "last_deployed"] {
            release["info"][field] = json!("2020-01-01T00:00:00Z");
        }
    })?;
    case.expect("1:deployed 2:pending-upgrade")?;
    Ok(Some(helm))
}

fn slow_hook(case: &Case<'_>, event: &str) -> Result<Option<Live>> {
    case.installed()?;
    let mut hook = hook("web-migrate", event, "completes-after", 2);
    hook["spec"]["template"]["metadata"]["annotations"]["bed.refloat.dev/seconds"] = json!("600");
    let objects = [case.app(2, "ready"), vec![hook]].concat();
    let helm = case.spawn("upgrade", 2, &objects, &LONG)?;
    case.job_runs("web-migrate")?;
    case.expect("1:deployed 2:pending-upgrade")?;
    Ok(Some(helm))
}

fn slow_webhooks(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let at = [At::Server("delay/25"), At::Server("delay/25")];
    case.webhooks("slow", true, &["configmaps", "services", "apps/deployments"], &at, 30)?;
    let helm = case.spawn("upgrade", 2, &case.app(2, "ready"), &LONG)?;
    case.until("1:deployed 2:pending-upgrade")?;
    sleep(Duration::from_secs(2));
    Ok(Some(helm))
}

fn slow_webhooks_failed(case: &Case<'_>) -> Result<Option<Live>> {
    let helm = slow_webhooks(case)?.context("no Helm at work")?;
    helm.wait(2 * SOON)?.failed()?;
    case.expect("1:deployed 2:failed")?;
    Ok(None)
}

fn uninstall_waits(case: &Case<'_>) -> Result<Option<Live>> {
    super::deletion::installed_with_finalizer(case)?;
    let helm = case.plain_spawn("uninstall", &LONG)?;
    case.gone("apps/v1/deployments/web")?;
    case.expect("1:uninstalling")?;
    Ok(Some(helm))
}

fn image_pull(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let helm = case.spawn("upgrade", 2, &case.app(2, "image-pull"), &LONG)?;
    case.waiting("web", "ImagePullBackOff")?;
    case.expect("1:deployed 2:pending-upgrade")?;
    Ok(Some(helm))
}
