//! Hooks that fail, hang, exist already, or may not be created.
use super::objects::hook;
use super::{Case, Label, Scenario, V3, V4, failed, possible, scenario, stale};
use crate::{Live, Major};
use anyhow::{Result, ensure};
use serde_json::json;

const FAILED: &[&str] = &["hook-failed"];

pub(super) const ALL: &[Scenario] = &[
    scenario(
        "pre-install-hook-failed",
        "install failed, as its pre-install hook did",
        failed("install", &["pre-hooks"], FAILED),
        pre_install,
    ),
    scenario(
        "post-upgrade-hook-failed",
        "upgrade failed, as its post-upgrade hook did",
        failed("upgrade", &["post-hooks"], FAILED),
        |case| upgrade_fails(case, "post-upgrade", "", true),
    )
    .only(V4),
    scenario(
        "hook-failed-and-deleted",
        "upgrade failed in its pre-upgrade hook, which was deleted as its policy says: no evidence but the record's",
        failed("upgrade", &["pre-hooks"], FAILED).field('n'),
        |case| upgrade_fails(case, "pre-upgrade", "hook-failed,before-hook-creation", false),
    ),
    scenario(
        "hook-hangs-killed",
        "install killed while its pre-install hook ran, which still runs",
        possible("install", &["pre-hooks"], &["hook-running"]),
        |case| killed_in_hook(case, "hangs"),
    ),
    scenario(
        "hook-killed-completed",
        "install killed while its pre-install hook ran, which has completed since",
        stale("install", &["pre-hooks", "apply"], &["client-killed"]),
        |case| {
            killed_in_hook(case, "completes-after")?;
            case.job_ended("web-migrate", "Complete")?;
            Ok(None)
        },
    )
    .only(V3),
    scenario(
        "hook-image-pull-killed",
        "upgrade killed while its pre-upgrade hook's image could not be pulled",
        possible("upgrade", &["pre-hooks"], &["image-pull"]),
        image_pull,
    )
    .only(V4),
    scenario(
        "pre-delete-hook-failed",
        "uninstall failed, as its pre-delete hook did; the record says that it runs",
        stale("uninstall", &["pre-hooks"], FAILED).field('b'),
        pre_delete,
    ),
    scenario(
        "pre-rollback-hook-failed",
        "rollback failed, as its pre-rollback hook did; the record stays pending",
        stale("rollback", &["pre-hooks"], FAILED),
        pre_rollback,
    ),
    scenario(
        "hook-exists-failed",
        "upgrade failed, as a Job of its hook's name is there already",
        failed("upgrade", &["pre-hooks"], &["hook-exists"]),
        exists,
    ),
    scenario(
        "hook-forbidden-failed",
        "upgrade failed, as its user may not create the hook's Job",
        failed("upgrade", &["pre-hooks"], &["hook-forbidden"]),
        forbidden,
    ),
    scenario(
        "hook-timeout-failed",
        "upgrade failed, as its pre-upgrade hook took longer than the limit, and still runs",
        failed("upgrade", &["pre-hooks"], &["hook-running"]),
        timeout,
    )
    .only(V3),
    scenario(
        "atomic-rollback-hook-failed",
        "upgrade failed in its wait, and the rollback it began by itself failed in its hook",
        atomic_label(),
        atomic,
    ),
];

const fn atomic_label() -> Label {
    stale("rollback", &["pre-hooks"], &["atomic-rollback-failed"]).also(&["hook-failed"])
}

fn pre_install(case: &Case<'_>) -> Result<Option<Live>> {
    let objects = [case.app(1, "ready"), vec![hook("web-migrate", "pre-install", "fails", 1)]].concat();
    case.helm("install", 1, &objects, &[])?.failed()?;
    case.expect("1:failed")?;
    case.job_ended("web-migrate", "Failed")?;
    Ok(None)
}

fn upgrade_fails(case: &Case<'_>, event: &str, policy: &str, stays: bool) -> Result<Option<Live>> {
    case.installed()?;
    let mut hook = hook("web-migrate", event, "fails", 2);
    if !policy.is_empty() {
        hook["metadata"]["annotations"]["helm.sh/hook-delete-policy"] = json!(policy);
    }
    case.helm("upgrade", 2, &[case.app(2, "ready"), vec![hook]].concat(), &[])?.failed()?;
    case.expect("1:deployed 2:failed")?;
    if stays {
        case.job_ended("web-migrate", "Failed")?;
    } else {
        case.gone("batch/v1/jobs/web-migrate")?;
    }
    Ok(None)
}

fn killed_in_hook(case: &Case<'_>, behaviour: &str) -> Result<Option<Live>> {
    let objects = [case.app(1, "ready"), vec![hook("web-migrate", "pre-install", behaviour, 1)]].concat();
    let helm = case.spawn("install", 1, &objects, &[])?;
    case.job_runs("web-migrate")?;
    helm.kill()?;
    case.expect("1:pending-install")?;
    Ok(None)
}

fn image_pull(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let objects = [case.app(2, "ready"), vec![hook("web-migrate", "pre-upgrade", "image-pull", 2)]].concat();
    let helm = case.spawn("upgrade", 2, &objects, &[])?;
    case.waiting("web-migrate", "ImagePullBackOff")?;
    helm.kill()?;
    case.expect("1:deployed 2:pending-upgrade")?;
    Ok(None)
}

fn pre_delete(case: &Case<'_>) -> Result<Option<Live>> {
    let objects = [case.app(1, "ready"), vec![hook("web-goodbye", "pre-delete", "fails", 1)]].concat();
    case.install(1, &objects, &["--wait", "--timeout", "90s"])?;
    case.plain("uninstall", &[])?.failed()?;
    case.expect("1:uninstalling")?;
    case.job_ended("web-goodbye", "Failed")?;
    Ok(None)
}

fn pre_rollback(case: &Case<'_>) -> Result<Option<Live>> {
    let objects = [case.app(1, "ready"), vec![hook("web-back", "pre-rollback", "fails", 1)]].concat();
    case.install(1, &objects, &["--wait", "--timeout", "90s"])?;
    case.upgrade(2, &case.app(2, "ready"), &["--wait", "--timeout", "90s"])?;
    case.plain("rollback", &["1"])?.failed()?;
    case.expect("1:superseded 2:deployed 3:pending-rollback")?;
    case.job_ended("web-back", "Failed")?;
    Ok(None)
}

fn exists(case: &Case<'_>) -> Result<Option<Live>> {
    // Helm 4 would apply over it, and fail at its template, which is another cause.
    let more: &[&str] = if case.major == Major::V4 { &["--server-side=false"] } else { &[] };
    case.install(1, &case.app(1, "ready"), more)?;
    let with_hook = |version| {
        let mut hook = hook("web-migrate", "pre-upgrade", "completes", version);
        hook["metadata"]["annotations"]["helm.sh/hook-delete-policy"] = json!("hook-failed");
        [case.app(version, "ready"), vec![hook]].concat()
    };
    case.upgrade(2, &with_hook(2), more)?;
    case.helm("upgrade", 3, &with_hook(3), more)?.failed()?;
    case.expect("1:superseded 2:deployed 3:failed")?;
    case.described("already exists")?;
    Ok(None)
}

fn forbidden(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let user = case.user(&json!([
        {"apiGroups": ["", "apps"], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list", "watch", "delete"]},
    ]))?;
    let objects = [case.app(2, "ready"), vec![hook("web-migrate", "pre-upgrade", "completes", 2)]].concat();
    case.helm("upgrade", 2, &objects, &[&user[0], &user[1]])?.failed()?;
    case.expect("1:deployed 2:failed")?;
    case.described("is forbidden")?;
    ensure!(case.ns.find("batch/v1/jobs/web-migrate")?.is_none(), "the hook was created");
    Ok(None)
}

fn timeout(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let objects = [case.app(2, "ready"), vec![hook("web-migrate", "pre-upgrade", "hangs", 2)]].concat();
    case.helm("upgrade", 2, &objects, &["--timeout", "5s"])?.failed()?;
    case.expect("1:deployed 2:failed")?;
    case.job_runs("web-migrate")?;
    Ok(None)
}

fn atomic(case: &Case<'_>) -> Result<Option<Live>> {
    let objects = [case.app(1, "ready"), vec![hook("web-back", "pre-rollback", "fails", 1)]].concat();
    case.install(1, &objects, &["--wait", "--timeout", "90s"])?;
    let flag = if case.major == Major::V3 { "--atomic" } else { "--rollback-on-failure" };
    case.helm("upgrade", 2, &case.app(2, "never-ready"), &[flag, "--timeout", "6s"])?.failed()?;
    case.expect("1:deployed 2:failed 3:pending-rollback")?;
    case.job_ended("web-back", "Failed")?;
    Ok(None)
}
