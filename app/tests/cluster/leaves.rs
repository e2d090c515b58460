//! How each leaf of the decision tree is brought about: by real Helm, killed or frozen at a write, refused one, or at work; and by records
//! edited behind its back.

use std::any::Any;

use bed::corpus::objects::{claim, config_map, deployment, hook, service, with};
use bed::corpus::{Case, SOON, Scenario};
use bed::{Bed, Namespace};
use serde_json::{Value, json};

/// What still runs, or must not be taken away before the leaf was looked at.
pub type Kept = Option<Box<dyn Any>>;

/// Three ConfigMaps that change with the version; Helm upgrades them one after another.
fn three(version: u32) -> Vec<Value> {
    ["web-a", "web-b", "web-c"].map(|name| config_map(name, &version.to_string())).to_vec()
}

pub fn installed(case: &Case<'_>, more: &[Value]) -> Kept {
    case.install(1, &[&three(1), more].concat(), &[]).unwrap();
    None
}

/// An attempt at which the server refuses some writes. Helm goes on with the others.
fn refusing(case: &Case<'_>, faults: &[String], verb: &str, version: u32, objects: &[Value]) {
    let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
    let helm = case.held(&faults, verb, version, objects, &[]).unwrap();
    helm.wait(SOON).unwrap().sure().unwrap().output.failed().unwrap();
}

/// An upgrade at which the server refuses these ConfigMaps.
pub fn refused(case: &Case<'_>, at: &[&str]) -> Kept {
    installed(case, &[]);
    let faults: Vec<_> = at.iter().map(|name| format!("PATCH~/configmaps/web-{name}:status=500")).collect();
    refusing(case, &faults, "upgrade", 2, &three(2));
    case.expect("1:deployed 2:failed").unwrap();
    None
}

pub fn refused_install(case: &Case<'_>) -> Kept {
    let objects = [config_map("web-a", "1"), claim("web-data", "bed"), service("web"), deployment("web", "ready", 1)];
    let refuse = |what: &str| format!("{}~/{what}/web:status=500", case.creating());
    refusing(case, &[refuse("services"), refuse("deployments")], "install", 1, &objects);
    case.expect("1:failed").unwrap();
    None
}

pub fn hook_failed_install(case: &Case<'_>) -> Kept {
    let objects = [three(1), vec![hook("web-done", "post-install", "fails", 1)]].concat();
    case.helm("install", 1, &objects, &[]).unwrap().failed().unwrap();
    case.expect("1:failed").unwrap();
    None
}

pub fn failed_twice(case: &Case<'_>) -> Kept {
    let objects = |version| [config_map("web-a", version), service("web"), deployment("web", "ready", 1)];
    let refuse = |what: &str| format!("{}~/{what}/web:status=500", case.creating());
    let new = [refuse("services"), refuse("deployments")];
    refusing(case, &new, "install", 1, &objects("1"));
    let all = [&new[..], &["PATCH~/configmaps/web-a:status=500".to_owned()]].concat();
    refusing(case, &all, "upgrade", 2, &objects("2"));
    case.expect("1:failed 2:failed").unwrap();
    None
}

/// A Helm that waits for a Deployment.
pub fn at_work(case: &Case<'_>, verb: &str) -> Kept {
    let objects = |version, behaviour| [three(version), vec![deployment("web", behaviour, version)]].concat();
    if verb == "upgrade" {
        case.install(1, &objects(1, "ready"), &["--wait", "--timeout", "90s"]).unwrap();
    }
    let helm = case.spawn(verb, 2, &objects(2, "never-ready"), &["--wait"]).unwrap();
    case.pod("web", |pod| {
        pod["spec"]["containers"][0]["image"] == "registry.example/web:2" && pod["status"]["phase"] == "Running"
    })
    .unwrap();
    Some(Box::new(helm))
}

pub fn half_install(case: &Case<'_>) -> Kept {
    let objects = [three(1), vec![service("web")]].concat();
    let fault = format!("{}~/services/web:kill-before", case.creating());
    case.faulty(&fault, "install", 1, &objects, &[]).unwrap();
    case.expect("1:pending-install").unwrap();
    None
}

pub fn unborn(case: &Case<'_>) -> Kept {
    case.faulty("POST~/secrets/sh.helm.release.v1.web.v1:kill-after", "install", 1, &three(1), &[]).unwrap();
    case.expect("1:pending-install").unwrap();
    None
}

pub fn unwritten(case: &Case<'_>) -> Kept {
    case.faulty("PUT~/secrets/sh.helm.release.v1.web.v1:kill-before", "install", 1, &three(1), &[]).unwrap();
    case.expect("1:pending-install").unwrap();
    None
}

pub fn killed(case: &Case<'_>, fault: &str) -> Kept {
    installed(case, &[]);
    case.faulty(fault, "upgrade", 2, &three(2), &[]).unwrap();
    let superseded = fault.starts_with("PUT");
    case.expect(if superseded { "1:superseded 2:pending-upgrade" } else { "1:deployed 2:pending-upgrade" }).unwrap();
    None
}

/// One that stands still in the middle: what it would do next it would do at once, so that it counts as gone, and its record is sealed.
pub fn frozen(case: &Case<'_>) -> Kept {
    installed(case, &[]);
    let mut helm = case.held(&["PATCH~/configmaps/web-c:freeze-before"], "upgrade", 2, &three(2), &[]).unwrap();
    helm.until_frozen(SOON).unwrap();
    Some(Box::new(helm))
}

pub fn never_pulled(case: &Case<'_>) -> Kept {
    let objects = |version, behaviour| vec![deployment("web", behaviour, version)];
    case.install(1, &objects(1, "ready"), &["--wait", "--timeout", "90s"]).unwrap();
    let helm = case.spawn("upgrade", 2, &objects(2, "image-pull"), &["--wait"]).unwrap();
    case.waiting("web", "ImagePullBackOff").unwrap();
    helm.kill().unwrap();
    case.expect("1:deployed 2:pending-upgrade").unwrap();
    None
}

pub fn hook_failed_upgrade(case: &Case<'_>) -> Kept {
    installed(case, &[]);
    let objects = [three(2), vec![hook("web-migrate", "pre-upgrade", "fails", 2)]].concat();
    let failed = "PUT~/secrets/sh.helm.release.v1.web.v2#2:kill-before";
    case.faulty(failed, "upgrade", 2, &objects, &[]).unwrap();
    case.job_ended("web-migrate", "Failed").unwrap();
    case.expect("1:deployed 2:pending-upgrade").unwrap();
    None
}

pub fn back(case: &Case<'_>, fault: &str) -> Kept {
    installed(case, &[]);
    case.upgrade(2, &three(2), &[]).unwrap();
    case.plain_faulty(fault, "rollback", &["1"]).unwrap();
    None
}

/// A rollback that waits for its hook.
pub fn rolling_back(case: &Case<'_>) -> Kept {
    installed(case, &[hook("web-back", "pre-rollback", "hangs", 1)]);
    case.upgrade(2, &three(2), &[]).unwrap();
    let helm = case.plain_spawn("rollback", &["1"]).unwrap();
    case.job_runs("web-back").unwrap();
    Some(Box::new(helm))
}

/// An uninstall that was killed while it waited for what a finalizer holds.
pub fn held(case: &Case<'_>) -> Kept {
    let held = with(config_map("web-held", "1"), &json!({"metadata": {"finalizers": ["example.com/hold"]}}));
    installed(case, &[held]);
    let helm = case.plain_spawn("uninstall", &["--wait"]).unwrap();
    case.gone("configmaps/web-c").unwrap();
    helm.kill().unwrap();
    case.expect("1:uninstalling").unwrap();
    None
}

/// An uninstall that waits for its hook, or was killed then.
pub fn in_its_hook(case: &Case<'_>, at_work: bool) -> Kept {
    installed(case, &[hook("web-goodbye", "pre-delete", "hangs", 1)]);
    let helm = case.plain_spawn("uninstall", &[]).unwrap();
    case.job_runs("web-goodbye").unwrap();
    if at_work {
        return Some(Box::new(helm));
    }
    helm.kill().unwrap();
    case.expect("1:uninstalling").unwrap();
    None
}

pub fn half_uninstall(case: &Case<'_>) -> Kept {
    installed(case, &[service("web")]);
    case.plain_faulty("DELETE~/configmaps/web-a:kill-before", "uninstall", &[]).unwrap();
    case.expect("1:uninstalling").unwrap();
    None
}

pub fn all_gone(case: &Case<'_>) -> Kept {
    installed(case, &[]);
    case.plain_faulty("DELETE~/secrets/sh.helm.release.v1.web.v1:kill-before", "uninstall", &[]).unwrap();
    case.expect("1:uninstalling").unwrap();
    None
}

pub fn scenario(case: &Case<'_>, id: &str) -> Kept {
    let found = Scenario::all().into_iter().find(|scenario| scenario.id == id).unwrap();
    let ns = Namespace::existing(Bed::shared(), &case.ns.name);
    Some(Box::new(found.make(&ns, case.major).unwrap()))
}

/// As after `kubectl delete secret` of the pending record.
pub fn none_deployed(case: &Case<'_>) -> Kept {
    killed(case, "PUT~/secrets/sh.helm.release.v1.web.v1:kill-after");
    case.ns.delete(&case.secret(2)).unwrap();
    case.expect("1:superseded").unwrap();
    None
}

/// Helm only logs that it couldn't write the old record.
pub fn two_deployed(case: &Case<'_>) -> Kept {
    installed(case, &[]);
    let fault = "PUT~/secrets/sh.helm.release.v1.web.v1:status=500";
    case.faulty(fault, "upgrade", 2, &three(2), &[]).unwrap().output.ok().unwrap();
    case.expect("1:deployed 2:deployed").unwrap();
    None
}

pub fn label_differs(case: &Case<'_>) -> Kept {
    killed(case, "PATCH~/configmaps/web-c:kill-before");
    case.ns.patch(&case.secret(2), &json!({"metadata": {"labels": {"status": "deployed"}}})).unwrap();
    None
}

pub fn cut_off(case: &Case<'_>) -> Kept {
    installed(case, &[]);
    case.upgrade(2, &three(2), &[]).unwrap();
    let record = case.ns.get(&case.secret(2)).unwrap();
    let payload = record["data"]["release"].as_str().unwrap();
    let half = &payload[..payload.len() / 8 * 4];
    case.ns.patch(&case.secret(2), &json!({"data": {"release": half}})).unwrap();
    None
}
