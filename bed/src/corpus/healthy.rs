//! Releases with which nothing is wrong, and that must not be talked into trouble.
use super::case::SOON;
use super::objects::{claim, config_map, hook, job, service, template, widget};
use super::{Case, Scenario, V3, V4, calm, scenario};
use crate::{Driver, Live, chart};
use anyhow::{Result, ensure};
use serde_json::{Value, json};

pub(super) const ALL: &[Scenario] = &[
    scenario("deployed", "upgraded with hooks and --wait, and ready", calm(&[]), deployed),
    scenario("deployed-many-kinds", "installed with an object of every common kind, all ready", calm(&[]), many_kinds)
        .only(V4),
    scenario("deployed-custom-resource", "installed with a custom resource", calm(&[]), custom).only(V3),
    scenario("deployed-configmap-driver", "deployed, the records in ConfigMaps", calm(&[]), plain)
        .driver(Driver::ConfigMap)
        .only(V3),
    scenario("deployed-after-failure", "an upgrade failed, and the next one succeeded", calm(&[]), after_failure)
        .only(V4),
    scenario(
        "rolled-back-over-killed",
        "an upgrade was killed, and rolled back by hand: its record stays pending, the newest is deployed",
        // Its Helm might still wake up: nobody could tell a killed one from one that sleeps.
        calm(&["concurrent-operations"]),
        over_killed,
    ),
    scenario("uninstalled-kept-history", "uninstalled with --keep-history, nothing left", calm(&[]), kept_history)
        .only(V3),
    scenario("deployed-scaled-by-hand", "deployed, and scaled by hand since", calm(&[]), scaled).only(V3),
];

fn deployed(case: &Case<'_>) -> Result<Option<Live>> {
    let app = chart("app");
    let wait = ["--wait", "--timeout", "90s"];
    case.ns.helm(case.major, ["install", case.release, &app].iter().chain(&wait))?.ok()?;
    let upgrade = ["upgrade", case.release, &app, "--set", "version=2"];
    case.ns.helm(case.major, upgrade.iter().chain(&wait))?.ok()?;
    case.expect("1:superseded 2:deployed")?;
    Ok(None)
}

fn many_kinds(case: &Case<'_>) -> Result<Option<Live>> {
    let workload = |kind: &str, name: &str, more: Value| {
        let spec = json!({"selector": {"matchLabels": {"app": name}}, "template": template(name, "ready", 1)});
        json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
            "spec": super::objects::with(spec, &more),
        })
    };
    let objects = [
        case.app(1, "ready"),
        vec![
            workload("StatefulSet", "store", json!({"serviceName": "store", "replicas": 2})),
            workload("DaemonSet", "agent", json!({})),
            claim("web-data", "bed"),
            job("seed", "completes", 1),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web"}}),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web"}, "stringData": {"password": "x"}}),
            json!({
                "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"},
                "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": job("", "completes", 1)["spec"]}},
            }),
            json!({
                "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
                "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
            }),
        ],
    ]
    .concat();
    case.install(1, &objects, &["--wait", "--timeout", "90s"])?;
    case.expect("1:deployed")?;
    Ok(None)
}

fn custom(case: &Case<'_>) -> Result<Option<Live>> {
    let group = case.define(&["v1"])?;
    let objects = [case.app(1, "ready"), vec![widget(&group, "v1", "web")]].concat();
    case.install(1, &objects, &["--wait", "--timeout", "90s"])?;
    case.expect("1:deployed")?;
    Ok(None)
}

fn plain(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let records = case.ns.get("configmaps?labelSelector=owner=helm,status=deployed")?;
    ensure!(super::case::items(&records).count() == 1, "no record in a ConfigMap");
    Ok(None)
}

fn after_failure(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    super::pods::fails_waiting(case, &case.app(2, "image-pull"))?;
    case.upgrade(3, &case.app(3, "ready"), &["--wait", "--timeout", "90s"])?;
    case.expect("1:superseded 2:failed 3:deployed")?;
    Ok(None)
}

fn over_killed(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    case.faulty("PATCH~/deployments/web:kill-before", "upgrade", 2, &case.app(2, "ready"), &[])?;
    case.plain("rollback", &["1", "--wait", "--timeout", "90s"])?.ok()?;
    case.expect("1:superseded 2:pending-upgrade 3:deployed")?;
    Ok(None)
}

fn kept_history(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    case.plain("uninstall", &["--keep-history", "--wait", "--timeout", "60s"])?.ok()?;
    case.expect("1:uninstalled")?;
    case.gone("apps/v1/deployments/web")?;
    Ok(None)
}

fn scaled(case: &Case<'_>) -> Result<Option<Live>> {
    let objects = [vec![config_map("notes", "x"), service("api")], case.app(1, "ready")].concat();
    let objects = [objects, vec![hook("web-migrate", "pre-install,pre-upgrade", "completes", 1)]].concat();
    case.install(1, &objects, &["--wait", "--timeout", "90s"])?;
    case.ns.patch("apps/v1/deployments/web/scale", &json!({"spec": {"replicas": 3}}))?;
    case.ns.wait("apps/v1/deployments/web", SOON, |found| found["status"]["readyReplicas"] == 3)?;
    case.expect("1:deployed")?;
    Ok(None)
}
