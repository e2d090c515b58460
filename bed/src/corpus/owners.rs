//! Releases that somebody drives: Flux' HelmRelease, k3s' HelmChart. The objects and labels are those that their
//! controllers set; the controllers themselves don't run here.
use super::case::{SOON, items_at};
use super::objects::job;
use super::{Case, Label, Scenario, V3, V4, label, scenario, stale};
use crate::Live;
use anyhow::Result;
use serde_json::{Value, json};

pub(super) const ALL: &[Scenario] = &[
    scenario(
        "flux-reconciling",
        "upgrade killed between its objects; a Flux HelmRelease owns the release and reconciles it",
        owned("upgrade", &["apply"]).field('p'),
        |case| flux(case, false),
    )
    .only(V4),
    scenario(
        "flux-suspended",
        "upgrade killed between its objects; the Flux HelmRelease that owns the release is suspended",
        stale("upgrade", &["apply"], &["client-killed"]),
        |case| flux(case, true),
    )
    .only(V3),
    scenario(
        "k3s-job-running",
        "install killed between its objects; the Job of a k3s HelmChart that owns the release runs",
        owned("install", &["apply"]).field('p'),
        k3s,
    )
    .only(V3),
];

const fn owned(operation: &'static str, phase: &'static [&'static str]) -> Label {
    label(operation, phase, &["live", "possible"], &["owner-reconciling"])
}

/// A definition that takes any content, shared by all scenarios of a bed.
fn define(case: &Case<'_>, group: &str, version: &str, kind: &str) -> Result<()> {
    let plural = format!("{}s", kind.to_lowercase());
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let versions = json!([{
        "name": version, "served": true, "storage": true, "schema": schema, "subresources": {"status": {}},
    }]);
    case.ns.apply(&json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "versions": versions,
            "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind, "listKind": format!("{kind}List")},
        },
    }))?;
    let is_served = |found: &Value| items_at(&found["resources"]).any(|found| found["kind"] == kind);
    case.ns.wait(&format!("/apis/{group}/{version}"), SOON, is_served).map(drop)
}

/// The labels that helm-controller puts on every object of a release (v1.6, internal/postrender).
fn labelled(case: &Case<'_>, version: u32) -> Vec<Value> {
    let labels = json!({
        "helm.toolkit.fluxcd.io/name": case.release, "helm.toolkit.fluxcd.io/namespace": case.ns.name,
    });
    let label = |mut object: Value| {
        object["metadata"]["labels"] = labels.clone();
        object
    };
    case.app(version, "ready").into_iter().map(label).collect()
}

fn flux(case: &Case<'_>, suspended: bool) -> Result<Option<Live>> {
    define(case, "helm.toolkit.fluxcd.io", "v2", "HelmRelease")?;
    case.install(1, &labelled(case, 1), &["--wait", "--timeout", "90s"])?;
    case.ns.apply(&json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": {"name": case.release, "finalizers": ["finalizers.fluxcd.io"]},
        "spec": {
            "interval": "10m", "suspend": suspended, "releaseName": case.release,
            "chart": {"spec": {"chart": "shop", "sourceRef": {"kind": "HelmRepository", "name": "shop"}}},
        },
    }))?;
    case.faulty("PATCH~/deployments/web:kill-before", "upgrade", 2, &labelled(case, 2), &[])?;
    let path = format!("helm.toolkit.fluxcd.io/v2/helmreleases/{}", case.release);
    let object = case.there(&path)?;
    let now = object["metadata"]["creationTimestamp"].clone();
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now,
            "observedGeneration": 1,
        })
    };
    let message = "Running 'upgrade' action with timeout of 5m0s";
    let mut conditions = vec![condition("Ready", "Unknown", "Progressing", message)];
    if !suspended {
        conditions.push(condition("Reconciling", "True", "Progressing", message));
    }
    let history = json!([{
        "name": case.release, "namespace": case.ns.name, "version": 1, "status": "deployed", "chartName": "shop",
    }]);
    let status = json!({"conditions": conditions, "history": history, "observedGeneration": 1, "storageNamespace": case.ns.name});
    case.ns.patch(&format!("{path}/status"), &json!({"status": status}))?;
    case.expect("1:deployed 2:pending-upgrade")?;
    Ok(None)
}

fn k3s(case: &Case<'_>) -> Result<Option<Live>> {
    define(case, "helm.cattle.io", "v1", "HelmChart")?;
    let fault = format!("{}~/deployments/web:kill-before", case.creating());
    case.faulty(&fault, "install", 1, &case.app(1, "ready"), &[])?;
    case.ns.apply(&json!({
        "apiVersion": "helm.cattle.io/v1", "kind": "HelmChart", "metadata": {"name": case.release},
        "spec": {"chart": "shop", "targetNamespace": case.ns.name, "version": "1.0.0"},
    }))?;
    let name = format!("helm-install-{}", case.release);
    let mut job = job(&name, "hangs", 1);
    job["metadata"]["labels"] = json!({"helmcharts.helm.cattle.io/chart": case.release});
    job["spec"]["template"]["metadata"]["labels"]["helmcharts.helm.cattle.io/chart"] = json!(case.release);
    job["spec"]["backoffLimit"] = json!(1000);
    case.ns.apply(&job)?;
    case.job_runs(&name)?;
    let status = json!({"status": {"jobName": name}});
    case.ns.patch(&format!("helm.cattle.io/v1/helmcharts/{}/status", case.release), &status)?;
    case.expect("1:pending-install")?;
    Ok(None)
}
