//! Helm killed at each of its writes, and in its waits.
use super::{Make, Moment};
use crate::corpus::Case;
use crate::corpus::objects::hook;
use crate::{Major, Mode, chart};
use anyhow::Context as _;

const WAIT: [&str; 3] = ["--wait", "--timeout", "60s"];

/// How many writes an operation with the chart `app` has, by either Helm, without the last: after that it is over.
const WRITES: [(&str, u32, u32); 4] =
    [("install", 13, 13), ("upgrade", 12, 15), ("rollback", 6, 9), ("uninstall", 8, 8)];

pub fn all() -> Vec<Moment> {
    let mut all = Vec::new();
    for major in Major::BOTH {
        for (operation, by_3, by_4) in WRITES {
            let writes = if major == Major::V3 { by_3 } else { by_4 };
            all.extend((1..=writes).map(|write| killed_at(major, operation, write)));
        }
        all.extend(waits(major));
    }
    all
}

fn moment(major: Major, operation: &'static str, phase: &'static str, what: &str, words: String, make: Make) -> Moment {
    let helm = if major == Major::V3 { 3 } else { 4 };
    Moment { name: format!("{operation}-{what}-h{helm}"), operation, phase, words, major, make }
}

fn killed_at(major: Major, operation: &'static str, write: u32) -> Moment {
    let make = move |case: &Case<'_>| {
        let app = chart("app");
        let install = ["install", case.release, &app];
        if operation != "install" {
            case.ns.helm(major, install.iter().chain(&WAIT))?.ok()?;
        }
        let upgrade = ["upgrade", case.release, &app, "--set", "version=2"];
        if matches!(operation, "rollback" | "uninstall") {
            case.ns.helm(major, upgrade.iter().chain(&WAIT))?.ok()?;
        }
        let args: &[&str] = match operation {
            "install" => &install,
            "upgrade" => &upgrade,
            "rollback" => &["rollback", case.release, "1"],
            _ => &["uninstall", case.release],
        };
        case.ns.kill_at(major, write, Mode::KillAfter, args.iter().chain(&WAIT))?.sure()?;
        Ok(None)
    };
    let words = format!("{operation} killed after its write {write}");
    moment(major, operation, "", &format!("write-{write:02}"), words, Box::new(make))
}

/// Killed while something that isn't ready gave it a reason to wait: nobody can prove these dead before their time is up.
fn waits(major: Major) -> Vec<Moment> {
    let pod = |behaviour: &'static str| {
        let make = move |case: &Case<'_>| {
            case.installed()?;
            let helm = case.spawn("upgrade", 2, &case.app(2, behaviour), &["--wait"])?;
            case.pod("web", |pod| {
                let is_new = pod["metadata"]["annotations"]["bed.refloat.dev/pod"] == behaviour;
                is_new && pod["status"]["containerStatuses"].is_array()
            })?;
            helm.kill()?;
            Ok(None)
        };
        let words = format!("upgrade killed while it waited for a pod that does this: {behaviour}");
        moment(major, "upgrade", "wait", &format!("waiting-{behaviour}"), words, Box::new(make))
    };
    let hook = |event: &'static str| {
        let make = move |case: &Case<'_>| {
            let objects = [case.app(1, "ready"), vec![hook("web-task", event, "hangs", 1)]].concat();
            let helm = case.spawn("install", 1, &objects, &[])?;
            case.job_runs("web-task")?;
            helm.kill()?;
            Ok(None)
        };
        let words = format!("install killed while its {event} hook ran, which hangs");
        let phase = if event == "pre-install" { "pre-hooks" } else { "post-hooks" };
        moment(major, "install", phase, &format!("in-{event}"), words, Box::new(make))
    };
    vec![pod("image-pull"), pod("never-ready"), hook("pre-install"), hook("post-install"), gone_hook(major)]
}

/// A hook that has ended since, and so is no reason to wait any more.
fn gone_hook(major: Major) -> Moment {
    let make = move |case: &Case<'_>| {
        case.installed()?;
        let objects = [case.app(2, "ready"), vec![hook("web-task", "pre-upgrade", "completes-after", 2)]].concat();
        let helm = case.spawn("upgrade", 2, &objects, &[])?;
        case.job_runs("web-task")?;
        helm.kill()?;
        case.job_ended("web-task", "Complete").context("the hook was to complete")?;
        Ok(None)
    };
    let words = "upgrade killed while its pre-upgrade hook ran, which has completed since".to_owned();
    moment(major, "upgrade", "pre-hooks", "hook-completed", words, Box::new(make) as Make)
}
