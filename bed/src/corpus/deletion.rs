//! Objects and namespaces that don't go, and objects that were kept.
use super::case::SOON;
use super::objects::{claim, config_map, definition, widget, with};
use super::{Case, Scenario, V3, V4, calm, failed, possible, scenario, stale};
use crate::Live;
use anyhow::{Result, ensure};
use serde_json::{Value, json};

pub(super) const ALL: &[Scenario] = &[
    scenario(
        "finalizer-uninstall-killed",
        "uninstall killed while it waited for an object whose finalizer nobody takes off",
        possible("uninstall", &["wait"], &["finalizer"]),
        finalizer,
    ),
    scenario(
        "finalizer-claim-killed",
        "uninstall killed while it waited for a claim that a pod of somebody else's still uses",
        possible("uninstall", &["wait"], &["finalizer"]),
        claim_in_use,
    )
    .only(V3),
    scenario(
        "definition-gone-with-finalizer",
        "uninstall killed while it waited for a custom resource whose finalizer no controller takes off any more; its \
         definition is being deleted too",
        possible("uninstall", &["wait"], &["finalizer"]).field('m'),
        definition_gone,
    )
    .only(V4),
    scenario(
        "other-namespace-terminating-failed",
        "upgrade failed while applying, the namespace of one of its objects is being deleted",
        failed("upgrade", &["apply"], &["namespace-terminating"]).field('u'),
        other_namespace,
    )
    .only(V3),
    scenario(
        "own-namespace-terminating",
        "upgrade killed while it waited, and its namespace is being deleted; a backup's finalizer keeps the records",
        stale("upgrade", &["wait", "apply"], &["namespace-terminating"]).field('u'),
        own_namespace,
    )
    .only(V4),
    scenario(
        "kept-objects-uninstalled",
        "uninstalled with --keep-history; its policy kept a claim",
        calm(&["kept-objects"]),
        kept,
    ),
    scenario(
        "pruned-object-with-finalizer",
        "deployed, and an object that the new version does without can't go, as its finalizer stays",
        calm(&["finalizer"]),
        pruned,
    )
    .only(V3),
];

/// The application with a ConfigMap that has a finalizer which nobody takes off.
pub(super) fn with_finalizer(case: &Case<'_>, version: u32, behaviour: &str) -> Vec<Value> {
    let mut held = config_map("web-held", "1");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    [case.app(version, behaviour), vec![held]].concat()
}

pub(super) fn installed_with_finalizer(case: &Case<'_>) -> Result<()> {
    case.install(1, &with_finalizer(case, 1, "ready"), &["--wait", "--timeout", "90s"])
}

/// An uninstall that waits, killed when this is all that is left for it to do.
fn killed_waiting(case: &Case<'_>, held: &str) -> Result<Option<Live>> {
    let helm = case.plain_spawn("uninstall", &["--wait"])?;
    case.gone("services/web")?;
    case.gone("configmaps/web-settings")?;
    case.ns.wait(held, SOON, |held| held["metadata"]["deletionTimestamp"].is_string())?;
    helm.kill()?;
    case.expect("1:uninstalling")?;
    Ok(None)
}

fn finalizer(case: &Case<'_>) -> Result<Option<Live>> {
    installed_with_finalizer(case)?;
    killed_waiting(case, "configmaps/web-held")
}

fn claim_in_use(case: &Case<'_>) -> Result<Option<Live>> {
    case.install(1, &[case.app(1, "ready"), vec![claim("web-data", "bed")]].concat(), &["--wait", "--timeout", "90s"])?;
    let volume = json!({"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}});
    let container = json!({
        "name": "debug", "image": "registry.example/debug:1", "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    });
    case.ns.apply(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "debug"},
        "spec": {"containers": [container], "volumes": [volume]},
    }))?;
    case.ns.wait("pods/debug", SOON, |pod| pod["status"]["phase"] == "Running")?;
    killed_waiting(case, "persistentvolumeclaims/web-data")
}

fn definition_gone(case: &Case<'_>) -> Result<Option<Live>> {
    let group = format!("{}.example.com", case.ns.name);
    let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}");
    case.install(1, &[definition(&group, &["v1"])], &["--wait", "--timeout", "90s"])?;
    case.leftovers.borrow_mut().push(path.clone());
    let list = format!("/apis/{group}/v1");
    case.ns.wait(&list, SOON, |found| super::case::items_at(&found["resources"]).next().is_some())?;
    let finalizers = json!({"metadata": {"finalizers": ["widgets.example.com/cleanup"]}});
    let held = with(widget(&group, "v1", "web"), &finalizers);
    case.upgrade(2, &[definition(&group, &["v1"]), held], &["--wait", "--timeout", "90s"])?;
    let helm = case.plain_spawn("uninstall", &["--wait"])?;
    case.ns.wait(&path, SOON, |found| found["metadata"]["deletionTimestamp"].is_string())?;
    let widget = format!("{group}/v1/widgets/web");
    case.ns.wait(&widget, SOON, |found| found["metadata"]["deletionTimestamp"].is_string())?;
    helm.kill()?;
    case.expect("1:superseded 2:uninstalling")?;
    // So that the definition can go when the scenario is over; by then its records are gone with the namespace.
    case.leftovers.borrow_mut().push(path);
    Ok(None)
}

/// Deletes a namespace in which a ConfigMap of the bed's holds out.
fn terminate(case: &Case<'_>, name: &str) -> Result<()> {
    let path = format!("/api/v1/namespaces/{name}");
    case.ns.bed.api.delete(&path)?;
    let is_going = |found: &Value| found["status"]["phase"] == "Terminating";
    case.ns.bed.api.wait(&path, SOON, is_going).map(drop)
}

fn other_namespace(case: &Case<'_>) -> Result<Option<Live>> {
    let other = case.ns.bed.namespace_named(&format!("{}-data", case.ns.name))?;
    let mut hold = config_map("hold", "1");
    hold["metadata"]["finalizers"] = json!(["example.com/hold"]);
    other.apply(&hold)?;
    let elsewhere = |name: &str, version: u32| {
        with(config_map(name, &version.to_string()), &json!({"metadata": {"namespace": other.name}}))
    };
    case.install(1, &[case.app(1, "ready"), vec![elsewhere("web-a", 1)]].concat(), &["--wait", "--timeout", "90s"])?;
    terminate(case, &other.name)?;
    case.gone(&format!("/api/v1/namespaces/{}/configmaps/web-a", other.name))?;
    let objects = [case.app(2, "ready"), vec![elsewhere("web-a", 2)]].concat();
    case.helm("upgrade", 2, &objects, &[])?.failed()?;
    case.expect("1:deployed 2:failed")?;
    case.described("because it is being terminated")?;
    Ok(None)
}

fn own_namespace(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let helm = case.spawn("upgrade", 2, &case.app(2, "never-ready"), &["--wait"])?;
    case.pod("web", |pod| pod["metadata"]["annotations"]["bed.refloat.dev/pod"] == "never-ready")?;
    helm.kill()?;
    for revision in [1, 2] {
        case.ns.patch(&case.secret(revision), &json!({"metadata": {"finalizers": ["backup.example.com/snapshot"]}}))?;
    }
    terminate(case, &case.ns.name)?;
    case.gone("apps/v1/deployments/web")?;
    case.expect("1:deployed 2:pending-upgrade")?;
    Ok(None)
}

fn kept(case: &Case<'_>) -> Result<Option<Live>> {
    let keep = json!({"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}});
    let objects = [case.app(1, "ready"), vec![with(claim("web-data", "bed"), &keep)]].concat();
    case.install(1, &objects, &["--wait", "--timeout", "90s"])?;
    case.plain("uninstall", &["--keep-history", "--wait", "--timeout", "60s"])?.ok()?;
    case.expect("1:uninstalled")?;
    ensure!(case.ns.find("persistentvolumeclaims/web-data")?.is_some(), "the claim is gone");
    Ok(None)
}

fn pruned(case: &Case<'_>) -> Result<Option<Live>> {
    installed_with_finalizer(case)?;
    case.upgrade(2, &case.app(2, "ready"), &["--wait", "--timeout", "90s"])?;
    case.expect("1:superseded 2:deployed")?;
    let held = case.ns.get("configmaps/web-held")?;
    ensure!(held["metadata"]["deletionTimestamp"].is_string(), "the ConfigMap isn't being deleted");
    Ok(None)
}
