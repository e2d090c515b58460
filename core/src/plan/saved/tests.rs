//! What makes a saved plan void.

use serde_json::{Value, json};

use super::*;
use crate::diagnose::api_tests::{Stage, config_map, live};
use crate::plan::staged::with;
use crate::plan::{open_work, option};
use crate::record::Status;

fn at(name: &str, value: &str, version: &str) -> Value {
    let mut object = live(config_map(name, value));
    object["metadata"]["resourceVersion"] = json!(version);
    object
}

/// An upgrade with `a` applied and `b` not; `c` is only in the new revision, and not there.
fn stage() -> Stage {
    let old = [config_map("a", "1"), config_map("b", "1")];
    let new = [config_map("a", "2"), config_map("b", "2"), config_map("c", "2")];
    Stage::upgrade(Status::PendingUpgrade, "Preparing upgrade", &old, &new)
}

fn as_it_was() -> Stage {
    stage().there(at("a", "2", "10")).there(at("b", "1", "11"))
}

fn saved(stage: &Stage, way: Way) -> SavedPlan {
    with(stage, "rollback: allow", |situation| {
        let work = open_work(situation, way, false, false).unwrap();
        SavedPlan::new(situation, &option(situation, way, false, false), &work, false).unwrap()
    })
}

#[test]
fn it_comes_back_as_it_was_saved() {
    let plan = saved(&as_it_was(), Way::Resume);
    let text = serde_json::to_string_pretty(&plan).unwrap();
    assert_eq!(SavedPlan::parse(&text).unwrap(), plan);
    let guarded: Vec<_> = plan.guards.iter().map(|it| (it.what.as_str(), it.guard.is_some())).collect();
    let records = ["Secret ns/sh.helm.release.v1.web.v1", "Secret ns/sh.helm.release.v1.web.v2"];
    let expected =
        [(records[0], true), (records[1], true), ("configmap/a", true), ("configmap/b", true), ("configmap/c", false)];
    assert_eq!(guarded, expected);
    assert_eq!((plan.way, plan.policy.len(), plan.revision), (Way::Resume, 1, 2));
}

#[test]
fn of_records_only_no_object_is_guarded() {
    let plan = with(&as_it_was(), "rollback: allow", |situation| {
        let work = open_work(situation, Way::Unlock, true, false).unwrap();
        SavedPlan::new(situation, &option(situation, Way::Unlock, true, false), &work, true).unwrap()
    });
    assert!(plan.records_only && plan.guards.iter().all(|guarded| guarded.record), "{plan:?}");
    let moved = stage().there(at("a", "2", "99"));
    assert_eq!(plan.changed(&moved.seen()), [""; 0]);
    let older = serde_json::to_string(&saved(&as_it_was(), Way::Unlock)).unwrap().replace("\"recordsOnly\":false,", "");
    assert!(!SavedPlan::parse(&older).unwrap().records_only);
}

#[test]
fn it_holds_no_contents() {
    let secret = |value: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": value}});
    let stage = Stage::upgrade(Status::PendingUpgrade, "Preparing upgrade", &[secret("hunter1")], &[secret("hunter2")]);
    let text = serde_json::to_string(&saved(&stage.there(live(secret("hunter1"))), Way::Resume)).unwrap();
    assert!(text.contains("secret/s") && !text.contains("hunter"), "{text}");
}

#[test]
fn whatever_changed_is_named() {
    let plan = saved(&as_it_was(), Way::Resume);
    assert_eq!(plan.changed(&as_it_was().seen()), [""; 0]);
    let of = |stage: Stage| plan.changed(&stage.seen()).join("; ");
    assert_eq!(of(stage().there(at("a", "2", "10")).there(at("b", "1", "12"))), "configmap/b changed");
    assert_eq!(of(stage().there(at("a", "2", "10"))), "configmap/b vanished");
    assert_eq!(of(as_it_was().there(at("c", "2", "13"))), "configmap/c appeared");
    let mut anew = at("b", "1", "11");
    anew["metadata"]["uid"] = json!("another");
    assert_eq!(of(stage().there(at("a", "2", "10")).there(anew)), "configmap/b was deleted and made anew");
    let read = as_it_was().seen().read_of(&crate::manifest::objects(&config_map("b", "1").to_string()).0[0]).unwrap();
    let unseen = stage().there(at("a", "2", "10")).answered(read, Answer::Forbidden("no".to_owned()));
    assert_eq!(of(unseen), "configmap/b can't be read any more: no");
    let written = as_it_was().record(2, |record| record.guard.version = "99".to_owned());
    assert_eq!(of(written), "Secret ns/sh.helm.release.v1.web.v2 changed");
    let newer = as_it_was().revision(3, Status::PendingUpgrade, "Preparing upgrade", 10, &[config_map("a", "3")]);
    assert_eq!(of(newer), "Secret ns/sh.helm.release.v1.web.v3 appeared");
}

#[test]
fn another_cluster_has_another_namespace() {
    let namespace =
        |uid: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns", "uid": uid}});
    let plan = saved(&as_it_was().there(namespace("one")), Way::Resume);
    assert_eq!(plan.changed(&as_it_was().there(namespace("one")).seen()), [""; 0]);
    let other = plan.changed(&as_it_was().there(namespace("other")).seen());
    assert_eq!(other, ["namespace/ns is another one, maybe of another cluster"]);
}

#[test]
fn a_way_that_does_something_else_now_is_told() {
    let plan = saved(&as_it_was(), Way::Resume);
    let now = |stage: &Stage| with(stage, "", |situation| option(situation, Way::Resume, false, false));
    assert_eq!(plan.differs(&now(&as_it_was())), None);
    let there = as_it_was().there(at("c", "2", "13"));
    assert_eq!(plan.differs(&now(&there)).unwrap(), "what becomes of configmap/c is another now");
    let mut other = plan.clone();
    other.steps.remove(0);
    assert!(other.differs(&now(&as_it_was())).unwrap().starts_with("where it said \""));
}

#[test]
fn what_couldnt_be_read_cant_be_guarded() {
    let read = as_it_was().seen().read_of(&crate::manifest::objects(&config_map("b", "1").to_string()).0[0]).unwrap();
    let unseen = stage().there(at("a", "2", "10")).answered(read, Answer::Forbidden("no".to_owned()));
    let refused = with(&unseen, "", |situation| {
        let work = open_work(situation, Way::Resume, false, false).unwrap();
        SavedPlan::new(situation, &option(situation, Way::Resume, false, false), &work, false).unwrap_err()
    });
    assert_eq!(refused.0, "configmap/b");
}

#[test]
fn other_files_are_named_for_what_they_are() {
    let table = [
        ("", "the file is no SavedPlan"),
        ("{}", "the file is no SavedPlan"),
        (r#"{"kind": "Bundle", "apiVersion": "refloat.dev/v1"}"#, "the file is no SavedPlan"),
        (
            r#"{"kind": "SavedPlan", "apiVersion": "refloat.dev/v9"}"#,
            "the plan's version is refloat.dev/v9; this refloat reads refloat.dev/v1",
        ),
        ("{\"kind\": \"SavedPlan\",\n\"apiVersion\": \"refloat.dev/v1\"}", "the plan is damaged in line 2"),
    ];
    for (text, why) in table {
        assert_eq!(SavedPlan::parse(text).unwrap_err().to_string(), why, "{text}");
    }
}
