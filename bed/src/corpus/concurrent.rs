//! Two Helms at one release, and one that wakes up after the repair.
use super::case::SOON;
use super::{Case, Scenario, V3, V4, calm, live, scenario};
use crate::{Live, Proxied};
use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;
use std::thread::sleep;
use std::time::{Duration, Instant};

pub(super) const ALL: &[Scenario] = &[
    scenario(
        "zombie-after-unlock",
        "an upgrade slept, was marked failed, another succeeded, and then the first woke and wrote deployed",
        calm(&["several-deployed"]).also(&["concurrent-operations"]).field('d'),
        after_unlock,
    ),
    scenario(
        "zombie-in-a-reused-number",
        "an upgrade slept, its record was deleted, another took its number, and then the first woke and wrote into that",
        calm(&["concurrent-operations"]).field('e'),
        reused_number,
    )
    .only(V3),
    scenario(
        "rollback-over-live",
        "rolled back while an upgrade still waits: the newest is deployed, and the upgrade isn't over",
        calm(&["concurrent-operations"]),
        rollback_over_live,
    )
    .only(V4),
    scenario(
        "uninstall-over-live",
        "uninstall waits for an object while an upgrade of the same release still waits too",
        live("uninstall", &["wait", "prune"], &["finalizer", "concurrent-operations"]),
        uninstall_over_live,
    )
    .only(V3),
];

/// Helm, stopped at a write; see [`wake`].
fn asleep(case: &Case<'_>, fault: &str) -> Result<Proxied> {
    let helm = case.held(&[fault], "upgrade", 2, &case.app(2, "ready"), &[])?;
    let start = Instant::now();
    // The log isn't there before the proxy is.
    while !helm.log().is_ok_and(|log| log.iter().any(|line| line["event"] == "frozen")) {
        ensure!(start.elapsed() < SOON, "Helm wasn't stopped at its write");
        sleep(Duration::from_millis(50));
    }
    Ok(helm)
}

fn wake(helm: &Proxied) -> Result<()> {
    let group = helm.group()?.context("no process group")?;
    let group = i32::try_from(group).ok().and_then(Pid::from_raw).context("not a process id")?;
    Ok(kill_process_group(group, Signal::CONT)?)
}

fn after_unlock(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let zombie = asleep(case, &format!("PUT~/{}:freeze-before", case.secret(1)))?;
    super::records::edit(case, 2, |release| release["info"]["status"] = json!("failed"))?;
    case.ns.patch(&case.secret(2), &json!({"metadata": {"labels": {"status": "failed"}}}))?;
    case.upgrade(3, &case.app(3, "ready"), &["--wait", "--timeout", "90s"])?;
    // The server notes times down to the second.
    sleep(Duration::from_secs(2));
    wake(&zombie)?;
    zombie.wait(SOON)?;
    case.expect("1:superseded 2:deployed 3:deployed")?;
    Ok(None)
}

fn reused_number(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let zombie = asleep(case, &format!("PUT~/{}:freeze-before", case.secret(1)))?;
    // Nobody deletes a record within seconds.
    sleep(Duration::from_secs(5));
    case.ns.delete(&case.secret(2))?;
    case.upgrade(3, &case.app(3, "ready"), &["--wait", "--timeout", "90s"])?;
    wake(&zombie)?;
    zombie.wait(SOON)?;
    case.expect("1:superseded 2:deployed")?;
    let settings = case.ns.get("configmaps/web-settings")?;
    let list = case.ns.helm(case.major, ["list", "--output", "json"])?.json()?;
    let (value, chart) = (&settings["data"]["value"], &list[0]["chart"]);
    ensure!(value == "3" && chart == "shop-2.0.0", "the objects are of version {value}, the record of {chart}");
    Ok(None)
}

fn waiting(case: &Case<'_>) -> Result<Live> {
    case.spawn("upgrade", 2, &case.app(2, "never-ready"), &["--wait", "--timeout", "30m"])
}

fn rollback_over_live(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let helm = waiting(case)?;
    case.pod("web", |pod| pod["metadata"]["annotations"]["bed.refloat.dev/pod"] == "never-ready")?;
    // It must not end at once when the old pods are back, as a watching Helm would find them ready.
    helm.freeze()?;
    case.plain("rollback", &["1", "--wait", "--timeout", "90s"])?.ok()?;
    case.expect("1:superseded 2:pending-upgrade 3:deployed")?;
    Ok(Some(helm))
}

fn uninstall_over_live(case: &Case<'_>) -> Result<Option<Live>> {
    super::deletion::installed_with_finalizer(case)?;
    let helm = case.spawn(
        "upgrade",
        2,
        &super::deletion::with_finalizer(case, 2, "never-ready"),
        &["--wait", "--timeout", "30m"],
    )?;
    case.pod("web", |pod| pod["metadata"]["annotations"]["bed.refloat.dev/pod"] == "never-ready")?;
    // Else it would soon fail for want of its objects, and write that over the uninstall's record.
    helm.freeze()?;
    let uninstall = case.plain_spawn("uninstall", &["--wait", "--timeout", "30m"])?;
    case.gone("apps/v1/deployments/web")?;
    case.expect("1:deployed 2:uninstalling")?;
    case.also_live.borrow_mut().push(helm);
    Ok(Some(uninstall))
}
