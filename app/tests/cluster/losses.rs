//! What a way says it deletes and loses, against what is gone afterwards by its uid; that its dry run writes nothing; and that `undo`
//! brings all of it back. With every driver.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bed::corpus::objects::{claim, config_map, deployment, hook, service, with};
use bed::corpus::{Case, SOON};
use bed::{Driver, Major};
use serde_json::{Value, json};

use crate::leaves::half_install;
use crate::ways::{Moment, fixed, proxied, statuses, uids, unlocked};
use crate::{each, namespace, refloat, refloat_json};

/// A way, a release that it is for, and what it loses.
struct Row {
    way: &'static str,
    driver: Driver,
    major: Major,
    make: fn(&Case<'_>),
    /// The records' statuses before.
    records: &'static [&'static str],
    /// What it says is lost, each up to its first blank.
    loses: &'static [&'static str],
}

const PENDING: &[&str] = &["deployed", "pending-upgrade"];
/// One record.
const RECORD: &[&str] = &["1"];
const CLAIM_AND_RECORD: &[&str] = &["persistentvolumeclaim/web-data", "1"];
const CLAIM: &[&str] = &["persistentvolumeclaim/web-data"];

const fn row(
    way: &'static str,
    driver: Driver,
    major: Major,
    make: fn(&Case<'_>),
    loses: &'static [&'static str],
) -> Row {
    Row { way, driver, major, make, records: PENDING, loses }
}

impl Row {
    const fn records(self, records: &'static [&'static str]) -> Self {
        Self { records, ..self }
    }
}

const ROWS: &[Row] = &[
    row("unlock", Driver::Secret, Major::V3, claim_is_new, CLAIM),
    row("unlock", Driver::ConfigMap, Major::V4, one_is_new, &[]),
    row("rollback", Driver::Sql, Major::V4, claim_is_new, CLAIM),
    row("rollback", Driver::ConfigMap, Major::V3, one_is_new, &[]),
    row("forget", Driver::ConfigMap, Major::V4, claim_is_new, &["persistentvolumeclaim/web-data", "the"]),
    row("forget", Driver::Sql, Major::V3, one_is_new, &["the"]),
    row("resume", Driver::Sql, Major::V3, claim_is_old, CLAIM),
    row("resume", Driver::ConfigMap, Major::V4, one_is_new, &[]),
    row("converge", Driver::Sql, Major::V3, refused_with_a_claim, CLAIM).records(&["deployed", "failed"]),
    row("converge", Driver::ConfigMap, Major::V4, refused_with_a_claim, CLAIM).records(&["deployed", "failed"]),
    row("uninstall", Driver::Sql, Major::V4, refused_install, CLAIM_AND_RECORD).records(&["failed"]),
    row("uninstall", Driver::ConfigMap, Major::V3, refused_install, CLAIM_AND_RECORD).records(&["failed"]),
    row("uninstall", Driver::Secret, Major::V4, refused_hooked_install, RECORD).records(&["failed"]),
    row("uninstall", Driver::Secret, Major::V3, unlocked_install, RECORD).records(&["failed"]),
    row("unblock", Driver::Sql, Major::V3, held, &["configmap/web-held"]).records(&["uninstalling"]),
    row("unblock", Driver::ConfigMap, Major::V4, held, &["configmap/web-held"]).records(&["uninstalling"]),
    row("unblock", Driver::ConfigMap, Major::V3, hook_failed, &[]).records(&["uninstalling"]),
    row("unblock", Driver::Sql, Major::V4, hook_failed, &[]).records(&["uninstalling"]),
];

#[test]
fn what_is_gone_is_what_was_told_and_comes_back() {
    each(ROWS, |row| {
        let what = format!("{} {:?} {}", row.way, row.driver, row.major);
        let ns = namespace("losses", row.driver);
        (row.make)(&Case::new(&ns, row.major));
        assert_eq!(statuses(&ns, row.major), row.records, "{what}");
        let option = once_open(|| refloat_json(&ns, ["plan", "web", "-o", "json"]), row.way);
        let (before, there) = (Moment::settled(&ns), uids(&ns));
        let dry = refloat_json(&ns, ["fix", "web", "--with", row.way, "--dry-run", "-o", "json"]);
        assert_eq!(dry["option"]["effects"], option["effects"], "{what}");
        assert_eq!(Moment::now(&ns).versions, before.versions, "{what}: a dry run wrote");

        let words = option["losses"].as_array().unwrap().iter().map(|loss| loss.as_str().unwrap());
        let lost: Vec<_> = words.map(|loss| loss.split(' ').next().unwrap()).collect();
        assert_eq!(lost, row.loses, "{what}");
        assert_eq!(option["destructive"], !lost.is_empty(), "{what}");
        let done = fixed(&ns, row.way, &[]);
        let (after, left) = (Moment::settled(&ns), uids(&ns));
        let gone: BTreeSet<_> =
            there.iter().filter(|(name, uid)| left.get(*name) != Some(uid)).map(|(name, _)| name.clone()).collect();
        assert_eq!(told_gone(&option), gone, "{what}");
        // Nothing else that holds data went, and what was named went.
        let data = gone.iter().filter(|name| name.starts_with("persistentvolumeclaim/")).count();
        assert_eq!(data, lost.iter().filter(|name| name.starts_with("persistentvolumeclaim/")).count(), "{what}");

        assert!(after != before, "{what}: nothing was done");
        let undone = refloat(&ns, ["undo", "--yes"]);
        if row.way == "unblock" {
            // What was held up goes for good, and a hook is run again; the backup has a copy.
            assert!(
                undone.code == Some(6) && undone.stderr.contains("nothing to take back"),
                "{what}: {}",
                undone.stderr
            );
            let copy = std::fs::read_to_string(done["backup"].as_str().unwrap()).unwrap();
            assert!(gone.iter().all(|name| copy.contains(&there[name])), "{what}: the backup has no copy");
            assert_eq!(Moment::now(&ns), after, "{what}");
            return;
        }
        assert_eq!(undone.code, Some(0), "{what}: {}", undone.stderr);
        let back = Moment::settled(&ns);
        assert_eq!((&back.records, &back.objects), (&before.records, &before.objects), "{what}: {}", undone.stderr);
        unlocked(&ns);
    });
}

#[test]
fn an_undo_that_was_killed_when_a_claim_was_made_anew_goes_on() {
    each(Major::BOTH, |major| {
        let ns = namespace("claim-anew", Driver::Secret);
        refused_install(&Case::new(&ns, major));
        let before = Moment::settled(&ns);
        fixed(&ns, "uninstall", &[]);
        ns.wait("persistentvolumeclaims/web-data", SOON, Value::is_null).unwrap();
        let fault = "POST~/persistentvolumeclaims/web-data:kill-after";
        proxied(&ns, &["undo", "--yes"], &[fault]).sure().unwrap();
        // It is bound to another volume by now, which nobody may change.
        ns.wait("persistentvolumeclaims/web-data", SOON, |claim| claim["status"]["phase"] == "Bound").unwrap();
        let again = refloat(&ns, ["undo", "--yes"]);
        assert_eq!(again.code, Some(0), "{major}: {}", again.stderr);
        let back = Moment::settled(&ns);
        assert_eq!((&back.records, &back.objects), (&before.records, &before.objects), "{major}");
        unlocked(&ns);
    });
}

/// The way as planned, once it is open: for a moment what is being deleted looks as if it went.
fn once_open(plan: impl Fn() -> Value, way: &str) -> Value {
    let deadline = Instant::now() + SOON;
    loop {
        let plan = plan();
        let option = plan["options"].as_array().unwrap().iter().find(|option| option["id"] == way).unwrap();
        if option["applicable"] == true {
            return option.clone();
        }
        assert!(Instant::now() < deadline, "{option}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// What the plan says won't be there.
fn told_gone(option: &Value) -> BTreeSet<String> {
    let effects = option["effects"].as_array().unwrap().iter();
    let gone = effects.filter(|one| one["effect"] == "deleted" || one["effect"] == "freed");
    gone.map(|one| one["object"].as_str().unwrap().to_owned()).collect()
}

fn pair(version: &str) -> Vec<Value> {
    ["web-a", "web-b"].map(|name| config_map(name, version)).to_vec()
}

/// An upgrade that adds these, killed with everything applied that sorts before a Service.
fn upgraded(case: &Case<'_>, old: &[Value], new: &[Value], fault: &str) {
    case.install(1, &[&pair("1"), old].concat(), &[]).unwrap();
    case.faulty(fault, "upgrade", 2, &[&pair("2"), new].concat(), &[]).unwrap();
}

fn claim_is_new(case: &Case<'_>) {
    let fault = format!("{}~/services/web:kill-before", case.creating());
    upgraded(case, &[], &[claim("web-data", "bed"), service("web")], &fault);
    bound(case);
}

fn one_is_new(case: &Case<'_>) {
    let fault = format!("{}~/services/web:kill-before", case.creating());
    upgraded(case, &[], &[config_map("web-c", "2"), service("web")], &fault);
}

fn claim_is_old(case: &Case<'_>) {
    upgraded(case, &[claim("web-data", "bed")], &[], "DELETE~/persistentvolumeclaims/web-data:kill-before");
    bound(case);
}

/// Helm deletes nothing if an object couldn't be written.
fn refused_with_a_claim(case: &Case<'_>) {
    let four = |version| [pair(version), ["web-c", "web-d"].map(|name| config_map(name, version)).to_vec()].concat();
    case.install(1, &[four("1"), vec![claim("web-data", "bed")]].concat(), &[]).unwrap();
    let fault = "PATCH~/configmaps/web-a:status=500";
    case.faulty(fault, "upgrade", 2, &four("2"), &[]).unwrap().output.failed().unwrap();
    bound(case);
}

fn refused_install(case: &Case<'_>) {
    let objects = [config_map("web-a", "1"), claim("web-data", "bed"), service("web"), deployment("web", "ready", 1)];
    let faults = ["services", "deployments"].map(|what| format!("{}~/{what}/web:status=500", case.creating()));
    let helm = case.held(&[&faults[0], &faults[1]], "install", 1, &objects, &[]).unwrap();
    helm.wait(SOON).unwrap().sure().unwrap().output.failed().unwrap();
    bound(case);
}

/// An uninstall takes its failed hook's object along.
fn refused_hooked_install(case: &Case<'_>) {
    let objects = [pair("1"), vec![hook("web-done", "post-install", "fails", 1)]].concat();
    case.helm("install", 1, &objects, &[]).unwrap().failed().unwrap();
}

/// Its record is sealed.
fn unlocked_install(case: &Case<'_>) {
    half_install(case);
    assert_eq!(refloat(case.ns, ["fix", "web", "--with", "unlock", "--yes", "--helm-is-gone"]).code, Some(0));
}

fn bound(case: &Case<'_>) {
    case.ns.wait("persistentvolumeclaims/web-data", SOON, |claim| claim["status"]["phase"] == "Bound").unwrap();
}

fn held(case: &Case<'_>) {
    let held = with(config_map("web-held", "1"), &json!({"metadata": {"finalizers": ["example.com/hold"]}}));
    case.install(1, &[pair("1"), vec![held]].concat(), &[]).unwrap();
    let helm = case.plain_spawn("uninstall", &["--wait"]).unwrap();
    case.gone("configmaps/web-b").unwrap();
    helm.kill().unwrap();
}

fn hook_failed(case: &Case<'_>) {
    case.install(1, &[pair("1"), vec![hook("web-goodbye", "pre-delete", "fails", 1)]].concat(), &[]).unwrap();
    case.plain("uninstall", &[]).unwrap().failed().unwrap();
    case.job_ended("web-goodbye", "Failed").unwrap();
}
