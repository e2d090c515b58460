//! The decision tree on a real cluster: each leaf brought about by real Helm, and which ways `plan` then says are open, the
//! recommended one first, and which of them lose something.
//!
//! Not here: `escalate`, which stands before any of them (`ways_unblock`).

use std::sync::Mutex;
use std::time::Instant;

use bed::corpus::{Case, SOON};
use bed::{Bed, Major};
use serde_json::json;

use crate::leaves::{
    Kept, all_gone, at_work, back, cut_off, failed_twice, frozen, half_install, half_uninstall, held,
    hook_failed_install, hook_failed_upgrade, in_its_hook, installed, killed, label_differs, never_pulled,
    none_deployed, refused, refused_install, rolling_back, scenario, two_deployed, unborn, unwritten,
};
use crate::{each, refloat, refloat_json};

/// A leaf.
struct Row {
    leaf: &'static str,
    make: fn(&Case<'_>) -> Kept,
    /// What is open, the recommended way first.
    open: &'static [&'static str],
    /// What of it loses something, with what.
    loses: &'static [(&'static str, &'static str)],
}

const fn row(leaf: &'static str, make: fn(&Case<'_>) -> Kept, open: &'static [&'static str]) -> Row {
    Row { leaf, make, open, loses: &[] }
}

impl Row {
    const fn loses(self, loses: &'static [(&'static str, &'static str)]) -> Self {
        Self { loses, ..self }
    }
}

const FORGETS: &[(&str, &str)] = &[("forget", "the record of revision 2, with the attempt's manifest and values")];
const UNINSTALLS: &[(&str, &str)] = &[("uninstall", "record"), ("reinstall", "configmap/web-a: what it holds now")];

const UNINSTALLED: &[(&str, &str)] = &[("uninstall", "1 record")];

const ENDED: &[Row] = &[
    row("deployed", |case| installed(case, &[]), &[]),
    row("failed, objects as before", |case| refused(case, &["a", "b", "c"]), &["rollback"]),
    row("failed, a third is new", |case| refused(case, &["b", "c"]), &["rollback"]),
    row("failed, two thirds are new", |case| refused(case, &["a"]), &["converge", "rollback"]),
    row("failed install", refused_install, &["uninstall", "reinstall"]).loses(&[
        ("uninstall", "persistentvolumeclaim/web-data (1Gi"),
        ("reinstall", "persistentvolumeclaim/web-data (1Gi"),
    ]),
    row("failed install, all there", hook_failed_install, &["converge", "uninstall", "reinstall"]).loses(UNINSTALLS),
    row("failed again, nothing was good", failed_twice, &["uninstall", "reinstall"]).loses(UNINSTALLS),
];

const INSTALLS: &[Row] = &[
    row("install, unlocked", unlocked, &["uninstall"]).loses(UNINSTALLED),
    row("install at work", |case| at_work(case, "install"), &["wait", "resume", "unlock", "uninstall", "reinstall"])
        .loses(UNINSTALLS),
    row("install, half", half_install, &["resume", "unlock", "uninstall", "reinstall"]).loses(UNINSTALLS),
    row("install, nothing made", unborn, &["resume", "unlock", "forget", "uninstall", "reinstall"]).loses(&[
        ("forget", "the record of revision 1"),
        ("uninstall", "1 record"),
        ("reinstall", ""),
    ]),
    row("install, all there", unwritten, &["complete", "resume", "unlock", "uninstall", "reinstall"]).loses(UNINSTALLS),
];

const UPGRADES: &[Row] = &[
    row("upgrade at work", |case| at_work(case, "upgrade"), &["wait", "resume", "unlock", "rollback", "forget"])
        .loses(FORGETS),
    row(
        "upgrade, half",
        |case| killed(case, "PATCH~/configmaps/web-c:kill-before"),
        &["resume", "unlock", "rollback", "forget"],
    )
    .loses(FORGETS),
    row("upgrade, frozen", frozen, &["resume", "unlock", "rollback", "forget"]).loses(FORGETS),
    row(
        "upgrade, all new",
        |case| killed(case, "PUT~/secrets/sh.helm.release.v1.web.v1:kill-after"),
        &["complete", "resume", "unlock", "rollback", "forget"],
    )
    .loses(FORGETS),
    row("upgrade that can't get ready", never_pulled, &["rollback", "unlock", "resume", "forget"]).loses(FORGETS),
    row("upgrade, its hook failed", hook_failed_upgrade, &["rollback", "unlock", "unblock", "resume", "forget"])
        .loses(FORGETS),
];

const ROLLBACKS: &[Row] = &[
    row("rollback at work", rolling_back, &["wait", "rollback", "unlock", "resume", "forget"])
        .loses(&[("forget", "the record of revision 3")]),
    row(
        "rollback, half",
        |case| back(case, "PATCH~/configmaps/web-b:kill-before"),
        &["resume", "unlock", "rollback", "forget"],
    )
    .loses(&[("forget", "the record of revision 3")]),
    row(
        "rollback, all done",
        |case| back(case, "PUT~/secrets/sh.helm.release.v1.web.v2:kill-after"),
        &["complete", "resume", "unlock", "rollback", "forget"],
    )
    .loses(&[("forget", "the record of revision 3")]),
    row(
        "rollback, its hook failed",
        |case| scenario(case, "pre-rollback-hook-failed"),
        &["rollback", "unlock", "unblock", "resume", "forget"],
    )
    .loses(&[("forget", "the record of revision 3")]),
];

const HOOKLESS: &[(&str, &str)] = &[("uninstall", "was to do: it isn't run")];

const UNINSTALLATIONS: &[Row] = &[
    row("uninstall at work", |case| in_its_hook(case, true), &["wait", "resume", "uninstall"]).loses(HOOKLESS),
    row("uninstall, held by a finalizer", held, &["unblock", "resume"]).loses(&[("unblock", "example.com/hold")]),
    row("uninstall, half", half_uninstall, &["resume"]),
    row("uninstall, all gone", all_gone, &["complete", "resume"]),
    row(
        "uninstall, its hook failed",
        |case| scenario(case, "pre-delete-hook-failed"),
        &["unblock", "resume", "uninstall"],
    )
    .loses(HOOKLESS),
    row("uninstall, its hook hangs", |case| in_its_hook(case, false), &["resume", "uninstall"]).loses(HOOKLESS),
    row("uninstall, a definition gone", |case| scenario(case, "kind-missing-uninstall"), &["resume"]),
    row("uninstall, version gone", |case| scenario(case, "api-removed-uninstall"), &["repair", "resume"]),
];

const RECORDS: &[Row] = &[
    row("none deployed", none_deployed, &["repair"]),
    row("two deployed", two_deployed, &["repair"]),
    row("label and payload differ", label_differs, &["repair", "rollback", "unlock", "resume", "forget"])
        .loses(FORGETS),
    row("newest can't be read", cut_off, &["repair"]),
];

#[test]
fn what_ended() {
    told(ENDED);
}

#[test]
fn an_install() {
    told(INSTALLS);
}

#[test]
fn an_upgrade() {
    told(UPGRADES);
}

#[test]
fn a_rollback() {
    told(ROLLBACKS);
}

#[test]
fn an_uninstall() {
    told(UNINSTALLATIONS);
}

#[test]
fn records() {
    told(RECORDS);
}

#[test]
fn lost_records() {
    each(Major::BOTH, |major| {
        let ns = Bed::shared().namespace("decision-lost").unwrap();
        let case = Case::new(&ns, major);
        installed(&case, &[]);
        let file = ns.bed.address.dir.join(format!("{}.backup.json", ns.name));
        let file = file.to_str().unwrap();
        assert_eq!(refloat(&ns, ["backup", "web", "-o", file]).code, Some(0));
        ns.delete(&case.secret(1)).unwrap();
        let none = refloat(&ns, ["plan", "web"]);
        assert_eq!(none.code, Some(2), "{}{}", none.stdout, none.stderr);
        let dry = refloat_json(&ns, ["restore", "web", file, "--dry-run", "-o", "json"]);
        assert_eq!(dry["records"], json!([{"revision": 1, "status": "deployed", "fate": "restore"}]));
    });
}

/// A first install whose record is sealed.
fn unlocked(case: &Case<'_>) -> Kept {
    let kept = half_install(case);
    assert_eq!(refloat(case.ns, ["fix", "web", "--with", "unlock", "--yes", "--helm-is-gone"]).code, Some(0));
    kept
}

fn told(rows: &[Row]) {
    let wrong = Mutex::new(Vec::new());
    each(rows.iter().enumerate(), |(index, row)| {
        let ns = Bed::shared().namespace("decision").unwrap();
        let major = Major::BOTH[index % 2];
        let major = if row.leaf.ends_with("version gone") { Major::V3 } else { major };
        let case = Case::new(&ns, major);
        let kept = (row.make)(&case);
        if let Err(found) = judged(&case, row) {
            wrong.lock().unwrap().push(format!("{major}, {}: {found}", row.leaf));
        }
        drop((kept, case.done(ns.clone())));
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is open, each with what it loses.
fn plan(case: &Case<'_>, more: &[&str]) -> Vec<(String, Option<String>)> {
    let plan = refloat_json(case.ns, ["plan", "web", "-o", "json"].iter().chain(more));
    let open = plan["options"].as_array().unwrap().iter().filter(|option| option["applicable"] == true);
    let told = open.map(|option| {
        let lost = (option["destructive"] == true).then(|| option["losses"].to_string());
        (option["id"].as_str().unwrap().to_owned(), lost)
    });
    told.collect()
}

/// For a moment what is being deleted looks as if it went, so it is looked at again.
fn judged(case: &Case<'_>, row: &Row) -> Result<(), String> {
    let deadline = Instant::now() + SOON / 3;
    let is_at_work = row.open.first() == Some(&"wait");
    loop {
        let told = plan(case, if is_at_work { &[] } else { &["--stale-after", "1s"] });
        let ways: Vec<&str> = told.iter().map(|(way, _)| way.as_str()).collect();
        let lost: Vec<_> = told.iter().filter_map(|(way, lost)| Some((way.as_str(), lost.as_deref()?))).collect();
        let same = lost.len() == row.loses.len()
            && lost.iter().zip(row.loses).all(|((way, lost), (of, what))| way == of && lost.contains(what));
        if ways == row.open && same {
            // Whoever has no such policy waits first, until the silence proves that Helm is gone; nothing else is different.
            let plain = plan(case, &[]);
            let rest =
                if plain.first().is_some_and(|(way, _)| way == "wait") && !is_at_work { &plain[1..] } else { &plain };
            return if rest == told { Ok(()) } else { Err(format!("without a policy {rest:?}")) };
        }
        if Instant::now() > deadline {
            return Err(format!("{ways:?} for {:?}, losing {lost:?}", row.open));
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
}
