//! Pods that don't become ready: what their kubelet says about them.
use super::case::{SOON, items, items_at};
use super::objects::{claim, deployment, with};
use super::{Case, Scenario, V3, V4, calm, failed, possible, scenario};
use crate::Live;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

pub(super) const ALL: &[Scenario] = &[
    scenario(
        "image-pull-failed",
        "upgrade failed while waiting, the image cannot be pulled",
        failed("upgrade", &["wait"], &["image-pull"]),
        |case| waited(case, "image-pull", |case| case.waiting("web", "ImagePullBackOff")),
    ),
    scenario(
        "image-pull-killed",
        "install killed while waiting, the image cannot be pulled",
        possible("install", &["wait"], &["image-pull"]),
        |case| killed(case, "image-pull", |case| case.waiting("web", "ImagePullBackOff")),
    ),
    scenario(
        "crash-loop-failed",
        "upgrade failed while waiting, the pod crashes",
        failed("upgrade", &["wait"], &["crash-loop"]),
        |case| waited(case, "crash-loop", |case| case.waiting("web", "CrashLoopBackOff")),
    )
    .only(V3),
    scenario(
        "crash-loop-killed",
        "install killed while waiting, the pod crashes",
        possible("install", &["wait"], &["crash-loop"]),
        |case| killed(case, "crash-loop", |case| case.waiting("web", "CrashLoopBackOff")),
    )
    .only(V4),
    scenario(
        "crash-loop-deployed",
        "upgrade succeeded as it didn't wait, and the pod crashes",
        calm(&["crash-loop"]),
        crash_loop_deployed,
    )
    .only(V4),
    scenario(
        "init-crash-loop-failed",
        "upgrade failed while waiting, an init container crashes",
        failed("upgrade", &["wait"], &["crash-loop"]),
        init_crash_loop,
    )
    .only(V4),
    scenario(
        "probe-failing-failed",
        "upgrade failed while waiting, the readiness probe fails",
        failed("upgrade", &["wait"], &["probe-failing"]),
        |case| waited(case, "probe-fails", |case| case.event("Unhealthy", "Readiness probe failed")),
    )
    .only(V3),
    scenario(
        "probe-failing-killed",
        "install killed while waiting, the readiness probe fails",
        possible("install", &["wait"], &["probe-failing"]),
        |case| killed(case, "probe-fails", |case| case.event("Unhealthy", "Readiness probe failed")),
    )
    .only(V4),
    scenario(
        "config-missing-failed",
        "upgrade failed while waiting, a Secret that the pod takes its environment from isn't there",
        failed("upgrade", &["wait"], &["config-missing"]),
        config_missing,
    )
    .only(V4),
    scenario(
        "volume-mount-failed",
        "upgrade failed while waiting, a volume can't be mounted",
        failed("upgrade", &["wait"], &["volume-mount"]),
        volume_mount,
    )
    .only(V3),
    scenario(
        "progress-deadline-killed",
        "upgrade killed while waiting, past the Deployment's progress deadline",
        possible("upgrade", &["wait"], &["progress-deadline"]),
        |case| progress_deadline(case, true),
    )
    .only(V3),
    scenario(
        "progress-deadline-failed",
        "upgrade failed while waiting, as the Deployment's progress deadline passed",
        failed("upgrade", &["wait"], &["progress-deadline"]),
        |case| progress_deadline(case, false),
    )
    .only(V4),
    scenario(
        "wait-timeout-failed",
        "upgrade failed while waiting for a pod that runs and doesn't become ready, nobody says why",
        failed("upgrade", &["wait"], &["wait-timeout"]),
        |case| waited(case, "never-ready", |case| case.pod("web", |pod| pod["status"]["phase"] == "Running")),
    ),
    scenario(
        "install-with-data-killed",
        "install killed while waiting for a pod that crashes; its claim is bound and holds data",
        possible("install", &["wait"], &["crash-loop"]).field('v'),
        with_data,
    )
    .only(V3),
    scenario(
        "node-lost-failed",
        "upgrade failed while waiting, the node of a pod is lost",
        failed("upgrade", &["wait"], &["node-lost"]),
        node_lost,
    )
    .only(V3),
    scenario(
        "two-pods-two-causes",
        "upgrade failed while waiting: one pod's image cannot be pulled, the other crashes",
        failed("upgrade", &["wait"], &["image-pull", "crash-loop"]).also(&["image-pull", "crash-loop"]),
        two_causes,
    ),
];

/// An upgrade that waits in vain, and fails.
pub(super) fn fails_waiting(case: &Case<'_>, objects: &[Value]) -> Result<()> {
    case.helm("upgrade", 2, objects, &["--wait", "--timeout", "6s"])?.failed()?;
    case.expect("1:deployed 2:failed")
}

fn waited(case: &Case<'_>, behaviour: &str, proof: fn(&Case<'_>) -> Result<()>) -> Result<Option<Live>> {
    case.installed()?;
    fails_waiting(case, &case.app(2, behaviour))?;
    proof(case)?;
    Ok(None)
}

/// An install that waits in vain, and is killed.
fn killed(case: &Case<'_>, behaviour: &str, proof: fn(&Case<'_>) -> Result<()>) -> Result<Option<Live>> {
    let helm = case.spawn("install", 1, &case.app(1, behaviour), &["--wait"])?;
    proof(case)?;
    helm.kill()?;
    case.expect("1:pending-install")?;
    Ok(None)
}

fn crash_loop_deployed(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    case.upgrade(2, &case.app(2, "crash-loop"), &[])?;
    case.waiting("web", "CrashLoopBackOff")?;
    case.expect("1:superseded 2:deployed")?;
    Ok(None)
}

fn init_crash_loop(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let init = json!({"name": "migrate", "image": "registry.example/migrate:2"});
    let patch = json!({"spec": {"template": {"spec": {"initContainers": [init]}}}});
    fails_waiting(case, &[with(deployment("web", "init-crash-loop", 2), &patch)])?;
    case.pod("web", |pod| {
        let waits = |found: &Value| found["state"]["waiting"]["reason"] == "CrashLoopBackOff";
        items_at(&pod["status"]["initContainerStatuses"]).any(waits)
    })?;
    Ok(None)
}

fn config_missing(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let mut objects = case.app(2, "config-missing");
    objects[2]["spec"]["template"]["spec"]["containers"][0]["envFrom"] =
        json!([{"secretRef": {"name": "app-credentials"}}]);
    fails_waiting(case, &objects)?;
    case.waiting("web", "CreateContainerConfigError")?;
    ensure!(case.ns.find("secrets/app-credentials")?.is_none(), "the Secret is there");
    Ok(None)
}

fn volume_mount(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let mut objects = case.app(2, "mount-fails");
    let spec = &mut objects[2]["spec"]["template"]["spec"];
    spec["volumes"] = json!([{"name": "config", "nfs": {"server": "files.example", "path": "/config"}}]);
    spec["containers"][0]["volumeMounts"] = json!([{"name": "config", "mountPath": "/config"}]);
    fails_waiting(case, &objects)?;
    case.event("FailedMount", "MountVolume.SetUp failed")?;
    Ok(None)
}

fn progress_deadline(case: &Case<'_>, kill: bool) -> Result<Option<Live>> {
    case.installed()?;
    let mut objects = case.app(2, "never-ready");
    objects[2]["spec"]["progressDeadlineSeconds"] = json!(3);
    let passed = |found: &Value| {
        items_at(&found["status"]["conditions"]).any(|found| found["reason"] == "ProgressDeadlineExceeded")
    };
    if kill {
        let helm = case.spawn("upgrade", 2, &objects, &["--wait"])?;
        case.ns.wait("apps/v1/deployments/web", SOON, passed)?;
        helm.kill()?;
        case.expect("1:deployed 2:pending-upgrade")?;
    } else {
        case.helm("upgrade", 2, &objects, &["--wait", "--timeout", "8s"])?.failed()?;
        case.expect("1:deployed 2:failed")?;
        case.ns.wait("apps/v1/deployments/web", SOON, passed)?;
    }
    Ok(None)
}

fn with_data(case: &Case<'_>) -> Result<Option<Live>> {
    let mut objects = case.app(1, "crash-loop");
    let spec = &mut objects[2]["spec"]["template"]["spec"];
    spec["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}}]);
    spec["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    objects.push(claim("web-data", "bed"));
    let helm = case.spawn("install", 1, &objects, &["--wait"])?;
    case.ns.wait("persistentvolumeclaims/web-data", SOON, |claim| claim["status"]["phase"] == "Bound")?;
    case.waiting("web", "CrashLoopBackOff")?;
    helm.kill()?;
    case.expect("1:pending-install")?;
    Ok(None)
}

/// The kubelet of a node of this scenario's own falls silent, which is played here, as kwok plays the kubelet.
fn node_lost(case: &Case<'_>) -> Result<Option<Live>> {
    let name = format!("node-{}", case.ns.name);
    let capacity = json!({"cpu": "8", "memory": "16Gi", "pods": "110"});
    let labels = json!({"kubernetes.io/hostname": name});
    case.ns.bed.api.post(
        "/api/v1/nodes",
        &json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {"taints": [{"key": "for", "value": case.ns.name, "effect": "NoSchedule"}]},
            "status": {"capacity": capacity, "allocatable": capacity},
        }),
    )?;
    let node = format!("/api/v1/nodes/{name}");
    case.leftovers.borrow_mut().push(node.clone());
    let placed = json!({"spec": {"template": {"spec": {
        "nodeSelector": {"kubernetes.io/hostname": name},
        "tolerations": [{"key": "for", "operator": "Exists"}],
    }}}});
    let on_it = |version| {
        let mut objects = case.app(version, "never-ready");
        objects[2] = with(objects[2].clone(), &placed);
        objects
    };
    case.install(1, &on_it(1), &[])?;
    case.pod("web", |pod| pod["status"]["phase"] == "Running")?;
    let helm = case.spawn("upgrade", 2, &on_it(2), &["--wait", "--timeout", "12s"])?;
    case.pod("web", |pod| {
        pod["status"]["phase"] == "Running" && pod["spec"]["containers"][0]["image"] == "registry.example/web:2"
    })?;
    case.ns.bed.api.patch(&node, &json!({"metadata": {"annotations": {"bed.refloat.dev/node": "lost"}}}))?;
    let (status, reason, message) = ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.");
    let silent = json!([{"type": "Ready", "status": status, "reason": reason, "message": message}]);
    case.ns.bed.api.patch(&format!("{node}/status"), &json!({"status": {"conditions": silent}}))?;
    // The real controller taints it.
    let is_tainted =
        |node: &Value| items_at(&node["spec"]["taints"]).any(|taint| taint["key"] == "node.kubernetes.io/unreachable");
    case.ns.bed.api.wait(&node, SOON, is_tainted)?;
    helm.wait(SOON)?.failed()?;
    case.expect("1:deployed 2:failed")?;
    let pods = case.ns.get("pods?labelSelector=app=web")?;
    let pod = items(&pods).find(|pod| pod["spec"]["nodeName"] == name.as_str());
    pod.context("no pod is left on the node")?;
    Ok(None)
}

fn two_causes(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let mut objects = case.app(2, "image-pull");
    objects.push(deployment("worker", "crash-loop", 2));
    fails_waiting(case, &objects)?;
    case.waiting("web", "ImagePullBackOff")?;
    case.waiting("worker", "CrashLoopBackOff")?;
    Ok(None)
}
