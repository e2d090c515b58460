//! Helm killed at each of its steps, with nothing else wrong.
use super::case::SOON;
use super::objects::{config_map, hook};
use super::{Case, Label, Scenario, V3, V4, failed, scenario, silent, stale};
use crate::Live;
use anyhow::{Result, ensure};
use serde_json::Value;

const KILLED: &[&str] = &["client-killed"];
const UNWRITTEN: &[&str] = &["final-write-missing"];

pub(super) const ALL: &[Scenario] = &[
    scenario(
        "install-killed-first",
        "install killed when its record was stored and nothing applied",
        stale("install", &["apply"], KILLED),
        |case| install(case, "POST~/secrets/sh.helm.release.v1.web.v1:kill-after"),
    )
    .only(V3),
    scenario(
        "install-killed-applying",
        "install killed between its objects",
        stale("install", &["apply"], KILLED),
        |case| install(case, &format!("{}~/deployments/web:kill-before", case.creating())),
    ),
    scenario(
        "install-final-write",
        "install killed before its last write; everything is there",
        silent("install", &["final-write", "supersede", "wait"], UNWRITTEN).field('a'),
        |case| install(case, "PUT~/secrets/sh.helm.release.v1.web.v1:kill-before"),
    )
    .only(V4),
    scenario(
        "upgrade-killed-applying",
        "upgrade killed between its objects",
        stale("upgrade", &["apply"], KILLED),
        |case| upgrade(case, "PATCH~/deployments/web:kill-before"),
    ),
    scenario(
        "upgrade-killed-pruning",
        "upgrade killed before it deleted what the new version does without",
        stale("upgrade", &["prune"], KILLED),
        |case| upgrade(case, "DELETE~/configmaps/web-old:kill-before"),
    ),
    scenario(
        "upgrade-killed-before-pre-hook",
        "upgrade killed when it had written that its pre-upgrade hook starts, and hadn't created it",
        stale("upgrade", &["pre-hooks"], KILLED),
        |case| hooked(case, "PUT~/secrets/sh.helm.release.v1.web.v2#1:kill-after"),
    ),
    scenario(
        "upgrade-killed-before-post-hook",
        "upgrade killed when everything was applied, and its post-upgrade hook not yet created",
        silent("upgrade", &["post-hooks"], KILLED),
        |case| hooked(case, "PUT~/secrets/sh.helm.release.v1.web.v2#2:kill-after"),
    )
    .only(V4),
    scenario(
        "upgrade-killed-superseding",
        "upgrade killed before it wrote that the old revision is superseded; everything is applied",
        stale("upgrade", &["supersede", "wait"], UNWRITTEN),
        |case| upgrade(case, "PUT~/secrets/sh.helm.release.v1.web.v1:kill-before"),
    )
    .only(V3),
    scenario(
        "upgrade-final-write",
        "upgrade killed before its very last write",
        stale("upgrade", &["final-write"], UNWRITTEN).field('a'),
        |case| upgrade(case, "PUT~/secrets/sh.helm.release.v1.web.v1:kill-after"),
    ),
    scenario(
        "upgrade-killed-then-ready",
        "upgrade killed while it waited; the pods have become ready since",
        silent("upgrade", &["wait", "supersede"], UNWRITTEN),
        then_ready,
    )
    .only(V4),
    scenario(
        "upgrade-outage",
        "the API failed at the upgrade's last write",
        stale("upgrade", &["final-write"], UNWRITTEN).field('q'),
        outage,
    ),
    scenario(
        "install-outage",
        "the API failed at the install's last write, and Helm ended as if all were well",
        stale("install", &["final-write", "supersede", "wait"], UNWRITTEN).field('q'),
        install_outage,
    )
    .only(V3),
    scenario(
        "rollback-killed-applying",
        "rollback killed between its objects",
        stale("rollback", &["apply"], KILLED),
        |case| rollback(case, "PATCH~/deployments/web:kill-before"),
    ),
    scenario(
        "rollback-final-write",
        "rollback killed before its very last write",
        stale("rollback", &["final-write"], UNWRITTEN),
        |case| rollback(case, "PUT~/secrets/sh.helm.release.v1.web.v2:kill-after"),
    )
    .only(V4),
    scenario(
        "uninstall-killed-deleting",
        "uninstall killed between its objects",
        stale("uninstall", &["prune"], KILLED),
        |case| uninstall(case, "DELETE~/deployments/web:kill-before"),
    ),
    scenario(
        "uninstall-killed-purging",
        "uninstall killed when everything was deleted, and the first of its two records",
        stale("uninstall", &["purge"], &["final-write-missing", "client-killed"]),
        |case| uninstall(case, "DELETE~/secrets/sh.helm.release.v1.web.v2:kill-before"),
    )
    .only(V3),
    scenario("install-canceled", "install told to stop while it waited", canceled("install"), |case| {
        let helm = case.spawn("install", 1, &case.app(1, "never-ready"), &["--wait"])?;
        stop(case, helm, "1:failed")
    })
    .only(V3),
    scenario("upgrade-canceled", "upgrade told to stop while it waited", canceled("upgrade"), |case| {
        case.installed()?;
        let helm = case.spawn("upgrade", 2, &case.app(2, "never-ready"), &["--wait"])?;
        stop(case, helm, "1:deployed 2:failed")
    })
    .only(V4),
];

const fn canceled(operation: &'static str) -> Label {
    failed(operation, &["wait"], &["canceled"])
}

fn install(case: &Case<'_>, fault: &str) -> Result<Option<Live>> {
    case.faulty(fault, "install", 1, &case.app(1, "ready"), &[])?;
    case.expect("1:pending-install")?;
    Ok(None)
}

/// The application with an object that only its first version has.
fn aging(case: &Case<'_>, version: u32) -> Vec<Value> {
    let mut objects = case.app(version, "ready");
    if version == 1 {
        objects.push(config_map("web-old", "1"));
    } else {
        objects.push(config_map("web-new", "2"));
    }
    objects
}

fn upgrade(case: &Case<'_>, fault: &str) -> Result<Option<Live>> {
    case.install(1, &aging(case, 1), &["--wait", "--timeout", "90s"])?;
    case.faulty(fault, "upgrade", 2, &aging(case, 2), &[])?;
    let superseded = fault == "PUT~/secrets/sh.helm.release.v1.web.v1:kill-after";
    case.expect(if superseded { "1:superseded 2:pending-upgrade" } else { "1:deployed 2:pending-upgrade" })?;
    let old = case.ns.find("configmaps/web-old")?.is_some();
    ensure!(old == (fault.starts_with("PATCH") || fault.starts_with("DELETE")), "ConfigMap web-old: {old}");
    Ok(None)
}

fn hooked(case: &Case<'_>, fault: &str) -> Result<Option<Live>> {
    case.installed()?;
    let mut objects = case.app(2, "ready");
    objects.push(hook("web-migrate", "pre-upgrade", "completes", 2));
    objects.push(hook("web-notify", "post-upgrade", "completes", 2));
    case.faulty(fault, "upgrade", 2, &objects, &[])?;
    case.expect("1:deployed 2:pending-upgrade")?;
    let (before, after) = (case.ns.find("batch/v1/jobs/web-migrate")?, case.ns.find("batch/v1/jobs/web-notify")?);
    ensure!(before.is_some() == fault.contains("#2") && after.is_none(), "the hooks aren't as they should be");
    Ok(None)
}

fn then_ready(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let mut objects = case.app(2, "ready-after");
    objects[2]["spec"]["template"]["metadata"]["annotations"]["bed.refloat.dev/seconds"] = "6".into();
    let helm = case.spawn("upgrade", 2, &objects, &["--wait"])?;
    let is_new = |pod: &Value| pod["spec"]["containers"][0]["image"] == "registry.example/web:2";
    case.pod("web", |pod| is_new(pod) && pod["status"]["phase"] == "Running")?;
    helm.kill()?;
    case.expect("1:deployed 2:pending-upgrade")?;
    case.ns.wait("apps/v1/deployments/web", SOON, |found| {
        found["status"]["updatedReplicas"] == 1
            && found["status"]["readyReplicas"] == 1
            && found["status"]["replicas"] == 1
    })?;
    Ok(None)
}

fn outage(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let fault = "PUT~/secrets/sh.helm.release.v1.web.v2:status=503";
    case.faulty(fault, "upgrade", 2, &case.app(2, "ready"), &["--wait", "--timeout", "90s"])?.output.failed()?;
    case.expect("1:superseded 2:pending-upgrade")?;
    Ok(None)
}

fn install_outage(case: &Case<'_>) -> Result<Option<Live>> {
    let fault = "PUT~/secrets/sh.helm.release.v1.web.v1:status=503";
    case.faulty(fault, "install", 1, &case.app(1, "ready"), &["--wait", "--timeout", "90s"])?.output.ok()?;
    case.expect("1:pending-install")?;
    Ok(None)
}

fn rollback(case: &Case<'_>, fault: &str) -> Result<Option<Live>> {
    case.install(1, &aging(case, 1), &["--wait", "--timeout", "90s"])?;
    case.upgrade(2, &aging(case, 2), &["--wait", "--timeout", "90s"])?;
    case.plain_faulty(fault, "rollback", &["1"])?;
    let superseded = fault.starts_with("PUT");
    case.expect(if superseded {
        "1:superseded 2:superseded 3:pending-rollback"
    } else {
        "1:superseded 2:deployed 3:pending-rollback"
    })?;
    Ok(None)
}

fn uninstall(case: &Case<'_>, fault: &str) -> Result<Option<Live>> {
    case.installed()?;
    case.upgrade(2, &case.app(2, "ready"), &[])?;
    case.plain_faulty(fault, "uninstall", &[])?;
    case.expect(if fault.contains("secrets") { "2:uninstalling" } else { "1:superseded 2:uninstalling" })?;
    Ok(None)
}

fn stop(case: &Case<'_>, helm: Live, records: &str) -> Result<Option<Live>> {
    let is_newest = |pod: &Value| pod["metadata"]["annotations"]["bed.refloat.dev/pod"] == "never-ready";
    case.pod("web", |pod| is_newest(pod) && pod["status"]["phase"] == "Running")?;
    helm.terminate()?;
    helm.wait(SOON)?.failed()?;
    case.expect(records)?;
    case.described("context canceled")?;
    Ok(None)
}
