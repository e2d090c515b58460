//! Kinds and API versions that are gone.
use super::case::SOON;
use super::objects::widget;
use super::{Case, Scenario, V3, V4, calm, scenario, stale};
use crate::Live;
use anyhow::{Result, ensure};
use serde_json::{Value, json};

pub(super) const ALL: &[Scenario] = &[
    scenario(
        "kind-missing-deployed",
        "deployed, and the definition of one of its kinds deleted since: every upgrade is refused",
        calm(&["kind-missing"]),
        deployed,
    ),
    scenario(
        "kind-missing-uninstall",
        "uninstall failed, as the definition of one of the kinds is gone",
        stale("uninstall", &["prune"], &["kind-missing"]),
        uninstall,
    ),
    scenario(
        "kind-missing-rollback",
        "rollback failed, as the current manifest's kind is gone; the record stays pending",
        stale("rollback", &["pre-hooks", "apply"], &["kind-missing"]).field('c'),
        rollback,
    ),
    scenario(
        "api-removed-deployed",
        "deployed with an API version that the server no longer serves",
        calm(&["api-removed"]),
        removed,
    )
    .only(V4),
    scenario(
        "api-removed-uninstall",
        "uninstall failed, as an object's API version is no longer served",
        stale("uninstall", &["prune"], &["api-removed"]),
        removed_uninstall,
    )
    .only(V3),
    scenario(
        "apiservice-down-uninstall",
        "uninstall failed, as an aggregated API that serves one of the kinds is down",
        stale("uninstall", &["prune"], &["apiservice-unavailable"]),
        service_down,
    )
    .only(V3)
    .own_bed(),
];

fn with_widget(case: &Case<'_>, group: &str, version: &str) -> Vec<Value> {
    [case.app(1, "ready"), vec![widget(group, version, "web")]].concat()
}

fn deployed(case: &Case<'_>) -> Result<Option<Live>> {
    let group = case.define(&["v1"])?;
    case.install(1, &with_widget(case, &group, "v1"), &["--wait", "--timeout", "90s"])?;
    case.undefine(&group, "v1")?;
    let error = case.helm("upgrade", 2, &case.app(2, "ready"), &[])?.failed()?;
    ensure!(error.contains("no matches for kind"), "{error}");
    case.expect("1:deployed")?;
    Ok(None)
}

fn uninstall(case: &Case<'_>) -> Result<Option<Live>> {
    let group = case.define(&["v1"])?;
    case.install(1, &with_widget(case, &group, "v1"), &["--wait", "--timeout", "90s"])?;
    case.undefine(&group, "v1")?;
    case.plain("uninstall", &[])?.failed()?;
    case.expect("1:uninstalling")?;
    Ok(None)
}

fn rollback(case: &Case<'_>) -> Result<Option<Live>> {
    let group = case.define(&["v1"])?;
    case.install(1, &case.app(1, "ready"), &["--wait", "--timeout", "90s"])?;
    let second = [case.app(2, "ready"), vec![widget(&group, "v1", "web")]].concat();
    case.upgrade(2, &second, &["--wait", "--timeout", "90s"])?;
    case.undefine(&group, "v1")?;
    case.plain("rollback", &["1"])?.failed()?;
    case.expect("1:superseded 2:deployed 3:pending-rollback")?;
    Ok(None)
}

/// Both versions are served at first, then only the newer one.
fn unserve(case: &Case<'_>) -> Result<()> {
    let group = case.define(&["v1alpha1", "v1"])?;
    case.install(1, &with_widget(case, &group, "v1alpha1"), &["--wait", "--timeout", "90s"])?;
    let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}");
    let patch = json!([{"op": "replace", "path": "/spec/versions/0/served", "value": false}]);
    case.ns.bed.api.patch(&path, &patch)?;
    case.gone(&format!("/apis/{group}/v1alpha1"))?;
    case.ns.forget_discovery()?;
    ensure!(case.ns.find(&format!("/apis/{group}/v1"))?.is_some(), "the newer version isn't served");
    Ok(())
}

fn removed(case: &Case<'_>) -> Result<Option<Live>> {
    unserve(case)?;
    case.helm("upgrade", 2, &case.app(2, "ready"), &[])?.failed()?;
    case.expect("1:deployed")?;
    Ok(None)
}

fn removed_uninstall(case: &Case<'_>) -> Result<Option<Live>> {
    unserve(case)?;
    case.plain("uninstall", &[])?.failed()?;
    case.expect("1:uninstalling")?;
    Ok(None)
}

/// The group is handed to an aggregated API server that isn't there, as when the pod of one is gone.
fn service_down(case: &Case<'_>) -> Result<Option<Live>> {
    let group = case.define(&["v1"])?;
    case.install(1, &with_widget(case, &group, "v1"), &["--wait", "--timeout", "90s"])?;
    let path = format!("/apis/apiregistration.k8s.io/v1/apiservices/v1.{group}");
    case.ns.bed.api.patch(
        &path,
        &json!({
            "metadata": {"labels": {"kube-aggregator.kubernetes.io/automanaged": null}},
            "spec": {"service": {"namespace": case.ns.name, "name": "widget-server"}, "insecureSkipTLSVerify": true},
        }),
    )?;
    case.ns.wait(&path, SOON, |found| {
        super::case::items_at(&found["status"]["conditions"])
            .any(|found| found["type"] == "Available" && found["status"] == "False")
    })?;
    case.ns.forget_discovery()?;
    case.plain("uninstall", &[])?.failed()?;
    case.expect("1:uninstalling")?;
    Ok(None)
}
