//! The decision tree: which way is recommended where, one row for each leaf, and which ways are open besides.

mod begun;
mod woken;

use serde_json::{Value, json};

use super::staged::with;
use super::{EffectKind, Plan, Way, WayOut, automatic, plan};
use crate::diagnose::causes::api_tests::{Stage, ago, config_map, live, now};
use crate::diagnose::{Case, LivenessVerdict, liveness, operation};
use crate::observe::{ABANDONED, Read, known};
use crate::record::Status;

/// What is said of a release.
fn planned(stage: &Stage) -> (Plan, Option<Way>) {
    with(stage, "", |situation| (plan(situation), automatic(situation, false).ok()))
}

/// The ways that are open, the recommended one first.
fn open(stage: &Stage) -> Vec<Way> {
    planned(stage).0.options.iter().filter(|option| option.applicable).map(|option| option.id).collect()
}

fn of(stage: &Stage, way: Way) -> WayOut {
    planned(stage).0.options.into_iter().find(|option| option.id == way).unwrap()
}

fn pair(version: &str) -> [Value; 2] {
    [config_map("a", version), config_map("b", version)]
}

/// An upgrade of both, with the first of them as `a` and the second as `b`.
fn upgrade(status: Status, description: &str, a: &str, b: &str) -> Stage {
    let stage = Stage::upgrade(status, description, &pair("1"), &pair("2"));
    stage.there(live(config_map("a", a))).there(live(config_map("b", b)))
}

fn failed(a: &str, b: &str) -> Stage {
    upgrade(Status::Failed, "Upgrade \"web\" failed: context deadline exceeded", a, b)
}

fn pending(a: &str, b: &str) -> Stage {
    upgrade(Status::PendingUpgrade, "Preparing upgrade", a, b)
}

fn install(status: Status, description: &str, objects: &[Value]) -> Stage {
    let stage = Stage::new().revision(1, status, description, 7200, &pair("1"));
    objects.iter().fold(stage, |stage, object| stage.there(live(object.clone())))
}

fn uninstall(objects: &[Value]) -> Stage {
    let stage =
        Stage::new().revision(1, Status::Uninstalling, "Deletion in progress (or silently failed)", 90_000, &pair("1"));
    let stage = stage.newest(|newest| {
        let at = ago(7200);
        newest.release.info.deleted = Some(crate::record::Moment { at, text: at.to_string() });
    });
    objects.iter().fold(stage, |stage, object| stage.there(object.clone()))
}

/// Two revisions with these statuses, both of the same objects, which are there.
fn records(first: Status, second: Status) -> Stage {
    let stage = Stage::new().revision(1, first, "Install complete", 90_000, &pair("1")).revision(
        2,
        second,
        "Upgrade complete",
        7200,
        &pair("1"),
    );
    stage.there(live(config_map("a", "1"))).there(live(config_map("b", "1")))
}

/// An upgrade that was unlocked, records only.
fn abandoned(a: &str, b: &str) -> Stage {
    upgrade(Status::Failed, &format!("{ABANDONED}upgrade was interrupted"), a, b)
}

/// An upgrade that was unlocked, with `a` as it is now.
fn handed_over(newest: Status, a: &str) -> Stage {
    let stage = abandoned(a, "1").record(1, |record| record.status = Some("superseded".to_owned()));
    stage.revision(3, newest, "Rollback to 1 after revision 2 was abandoned", 7195, &pair("1"))
}

/// Being deleted for an hour, and held by a finalizer.
fn held(name: &str, finalizer: &str) -> Value {
    let mut object = live(config_map(name, "1"));
    object["metadata"]["finalizers"] = json!([finalizer]);
    object["metadata"]["deletionTimestamp"] = json!(ago(3600).to_string());
    object
}

#[test]
fn each_leaf_of_the_decision_tree_has_its_way() {
    use Way::{Complete, Converge, Forget, Reinstall, Repair, Resume, Rollback, Unblock, Uninstall, Unlock, Wait};
    let both = pair("1");
    let deployed = Stage::new().revision(1, Status::Deployed, "Install complete", 7200, &both);
    let deployed = both.iter().fold(deployed, |stage, object| stage.there(live(object.clone())));
    let rows: Vec<(&str, Stage, Vec<Way>)> = vec![
        ("deployed", deployed, vec![]),
        ("failed, as before", failed("1", "1"), vec![Rollback]),
        ("failed, all new", failed("2", "2"), vec![Converge, Rollback]),
        ("failed, half and half", failed("2", "1"), vec![Rollback]),
        (
            "failed install",
            install(Status::Failed, "Release \"web\" failed: x", &both[..1]),
            vec![Uninstall, Reinstall],
        ),
        (
            "failed install, all there",
            install(Status::Failed, "Release \"web\" failed: x", &both),
            vec![Converge, Uninstall, Reinstall],
        ),
        (
            "install, half",
            install(Status::PendingInstall, "Initial install underway", &both[..1]),
            vec![Resume, Unlock, Uninstall, Reinstall],
        ),
        (
            "install, nothing made",
            install(Status::PendingInstall, "Initial install underway", &[]),
            vec![Resume, Unlock, Forget, Uninstall, Reinstall],
        ),
        (
            "install, all there",
            install(Status::PendingInstall, "Initial install underway", &both),
            vec![Complete, Resume, Unlock, Uninstall, Reinstall],
        ),
        ("upgrade, half", pending("2", "1"), vec![Resume, Unlock, Rollback, Forget]),
        ("upgrade, all new", pending("2", "2"), vec![Complete, Resume, Unlock, Rollback, Forget]),
        (
            "rollback, half",
            upgrade(Status::PendingRollback, "Rollback to 1", "2", "1"),
            vec![Resume, Unlock, Rollback, Forget],
        ),
        (
            "failed rollback",
            upgrade(Status::Failed, "Rollback \"web\" failed: context deadline exceeded", "2", "1"),
            vec![Rollback, Reinstall],
        ),
        ("uninstall, half", uninstall(&[live(both[0].clone())]), vec![Resume]),
        ("uninstall, all gone", uninstall(&[]), vec![Complete, Resume]),
        ("uninstall, held", uninstall(&[held("a", "clean.example/up")]), vec![Wait, Unblock, Resume]),
        ("uninstall, hook failed", failed_hook(uninstall(&[live(both[0].clone())])), vec![Unblock, Resume, Uninstall]),
        ("abandoned, records only", abandoned("2", "1"), vec![Unlock, Rollback]),
        (
            "abandoned install",
            install(Status::Failed, &format!("{ABANDONED}install was interrupted"), &both[..1]),
            vec![Uninstall],
        ),
        ("handed over, as it was left", handed_over(Status::Deployed, "1"), vec![]),
        ("handed over, and Helm went on", handed_over(Status::Deployed, "2"), vec![Repair]),
        ("handed over, and a rollback went on", handed_over(Status::Superseded, "2"), vec![Repair]),
        ("two deployed", records(Status::Deployed, Status::Deployed), vec![Repair]),
        ("none deployed", records(Status::Superseded, Status::Superseded), vec![Repair]),
    ];
    for (leaf, stage, expected) in rows {
        assert_eq!(open(&stage), expected, "{leaf}");
    }
}

#[test]
fn what_is_under_way_is_waited_for() {
    let young = Stage::new()
        .revision(1, Status::Deployed, "Install complete", 90_000, &pair("1"))
        .revision(2, Status::PendingUpgrade, "Preparing upgrade", 5, &pair("2"))
        .there(live(config_map("a", "1")))
        .there(live(config_map("b", "1")));
    assert_eq!(open(&young)[0], Way::Wait);
    assert_eq!(planned(&young).1, None);
}

#[test]
fn only_what_loses_nothing_goes_by_itself() {
    assert_eq!(planned(&pending("2", "1")).1, Some(Way::Resume));
    assert_eq!(planned(&failed("2", "2")).1, Some(Way::Converge));
    assert_eq!(planned(&install(Status::Failed, "Release \"web\" failed: x", &[])).1, None);
    assert_eq!(planned(&uninstall(&[held("a", "clean.example/up")])).1, None);
}

#[test]
fn to_forget_loses_the_attempt_and_does_to_the_objects_what_unlock_does() {
    let stage = pending("2", "1");
    let (forget, unlock) = (of(&stage, Way::Forget), of(&stage, Way::Unlock));
    assert!(forget.destructive && !unlock.destructive);
    assert_eq!(
        forget.losses,
        ["the record of revision 2, with the attempt's manifest and values; the backup keeps them"]
    );
    assert_eq!(forget.effects, unlock.effects);
    assert_eq!(forget.steps.last().unwrap(), "delete the record of revision 2");
    let half = of(&install(Status::PendingInstall, "Initial install underway", &pair("1")[..1]), Way::Forget);
    assert!(!half.applicable && half.why.contains("uninstall takes both away"), "{}", half.why);
}

#[test]
fn to_reinstall_loses_all_that_is_there_and_ends_where_resume_does() {
    let stage = install(Status::PendingInstall, "Initial install underway", &pair("1")[..1]);
    let (option, resume) = (of(&stage, Way::Reinstall), of(&stage, Way::Resume));
    assert!(option.applicable && option.destructive, "{}", option.why);
    assert_eq!(option.losses, ["configmap/a: what it holds now, but for the backup"]);
    let effects: Vec<_> = option.effects.iter().map(|effect| (effect.object.as_str(), effect.effect)).collect();
    assert_eq!(effects, [("configmap/a", EffectKind::Replaced), ("configmap/b", EffectKind::Created)]);
    assert_eq!(option.then, resume.then);
    assert_eq!(option.steps.last(), resume.steps.last());
    assert!(option.steps[0].starts_with("delete every object that the release has but what is kept"));
    for (stage, why) in [
        (pending("2", "1"), "something to go back to"),
        (uninstall(&[live(pair("1")[0].clone())]), "an uninstall is under way"),
        (records(Status::Deployed, Status::Deployed), "nothing failed"),
    ] {
        let option = of(&stage, Way::Reinstall);
        assert!(!option.applicable && option.why.contains(why), "{}", option.why);
    }
}

#[test]
fn a_finalizer_is_named_and_whose_it_may_be() {
    let option = of(&uninstall(&[held("a", "clean.example/up")]), Way::Unblock);
    assert!(option.destructive);
    assert!(option.losses[0].contains("clean.example/up"), "{:?}", option.losses);
    assert_eq!(option.steps, ["take clean.example/up off configmap/a"]);
    assert!(
        option
            .preconditions
            .iter()
            .any(|condition| condition.what.contains("gone for good") && condition.met.is_none())
    );
    // Kubernetes takes its own off.
    for own in ["kubernetes.io/pvc-protection", "foregroundDeletion"] {
        let option = of(&uninstall(&[held("a", own)]), Way::Unblock);
        assert!(!option.applicable, "{own}");
    }
}

#[test]
fn what_is_about_data_is_a_persons_to_decide() {
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}});
    let stage = |there: bool| {
        let stage = Stage::upgrade(
            Status::Failed,
            "Upgrade \"web\" failed: x",
            &[config_map("a", "1"), claim.clone()],
            &[config_map("a", "2")],
        );
        let stage = stage.there(live(config_map("a", "1")));
        if there { stage.there(live(claim.clone())) } else { stage }
    };
    assert_eq!(open(&stage(true)), [Way::Rollback]);
    assert_eq!(open(&stage(false)), [Way::Escalate, Way::Rollback]);
    let option = of(&stage(false), Way::Escalate);
    assert!(option.why.contains("persistentvolumeclaim/data of the good revision is gone"), "{}", option.why);
    assert_eq!(planned(&stage(false)).1, None);
    // A claim that nobody remembers.
    let lone =
        json!({"metadata": {"name": "data-db-0", "namespace": "ns", "labels": {"app.kubernetes.io/instance": "web"}}});
    let read =
        Read::metadata(&known::claims(), "ns", "app.kubernetes.io/instance=web,app.kubernetes.io/managed-by!=Helm");
    assert_eq!(open(&failed("1", "1").listed(read, &[lone])), [Way::Escalate, Way::Rollback]);
}

#[test]
fn what_cant_be_changed_back_is_no_way_back() {
    let set = |name: &str| {
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {
        "serviceName": name, "selector": {"matchLabels": {"app": "db"}}, "template": {"metadata": {"labels": {"app": "db"}}}}})
    };
    let stage = |there: &str| {
        let stage = Stage::upgrade(
            Status::PendingUpgrade,
            "Preparing upgrade",
            &[set("old"), config_map("a", "1")],
            &[set("new"), config_map("a", "2")],
        );
        stage.there(live(set(there))).there(live(config_map("a", "1")))
    };
    let unmet = |stage: &Stage| {
        let back = of(stage, Way::Rollback);
        back.preconditions
            .into_iter()
            .filter(|condition| condition.met == Some(false))
            .map(|condition| condition.what)
            .collect::<Vec<_>>()
    };
    assert!(unmet(&stage("old")).iter().all(|what| !what.contains("be changed back")), "{:?}", unmet(&stage("old")));
    let what = unmet(&stage("new"));
    assert!(
        what.iter().any(|what| what == "the server lets statefulset/db's spec.serviceName be changed back"),
        "{what:?}"
    );
    assert_ne!(open(&stage("new"))[0], Way::Rollback);
}

#[test]
fn what_cant_be_changed_is_made_anew_where_it_is_known_what_goes_with_it() {
    let stage = |kind: &str, version: &str, field: &str| {
        let object = |value: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, "spec": {field: value}});
        let all = |value: &str| [config_map("a", value), config_map("b", value), object(value)];
        let words = format!(
            "Upgrade \"web\" failed: cannot patch \"x\" with kind {kind}: {kind} \"x\" is invalid: spec.{field}: Invalid value: \"2\": field is immutable"
        );
        let stage = Stage::upgrade(Status::Failed, &words, &all("1"), &all("2"));
        let stage = stage.there(live(config_map("a", "2"))).there(live(config_map("b", "2")));
        let mut there = live(object("1"));
        there["metadata"]["uid"] = json!("first");
        there["metadata"]["creationTimestamp"] = json!(ago(90_000).to_string());
        stage.there(there)
    };
    let option = of(&stage("StatefulSet", "apps/v1", "serviceName"), Way::Converge);
    assert!(option.applicable && option.destructive, "{}", option.why);
    assert_eq!(option.losses.len(), 1);
    assert!(
        option.losses[0]
            .starts_with("statefulset/x, deleted and made anew as spec.serviceName can't be changed: its pods")
    );
    assert_eq!(option.steps[0], "delete statefulset/x and make it anew, as spec.serviceName can't be changed in place");
    let effects: Vec<_> = option.effects.iter().map(|effect| (effect.object.as_str(), effect.effect)).collect();
    assert_eq!(effects[2], ("statefulset/x", EffectKind::Replaced));
    assert!(option.preconditions.iter().all(|condition| condition.met != Some(false)), "{:?}", option.preconditions);
    assert!(option.undo.contains("once more"), "{}", option.undo);
    assert_ne!(open(&stage("StatefulSet", "apps/v1", "serviceName"))[0], Way::Converge);
    for (kind, version, why) in
        [("PersistentVolumeClaim", "v1", "data may go with it"), ("PodDisruptionBudget", "policy/v1", "isn't known")]
    {
        let option = of(&stage(kind, version, "storageClassName"), Way::Converge);
        assert!(!option.applicable && option.why.contains(why), "{kind}: {}", option.why);
    }
}

#[test]
fn versions_that_are_gone_are_written_anew() {
    let budget =
        |version: &str| json!({"apiVersion": version, "kind": "PodDisruptionBudget", "metadata": {"name": "web"}});
    let stage = |version: &str| {
        Stage::new()
            .revision(1, Status::Deployed, "Install complete", 7200, &[config_map("a", "1"), budget(version)])
            .there(live(config_map("a", "1")))
            .there(live(budget("policy/v1")))
    };
    assert_eq!(open(&stage("policy/v1")), []);
    assert_eq!(open(&stage("policy/v1beta1")), [Way::Repair]);
    let steps = of(&stage("policy/v1beta1"), Way::Repair).steps;
    assert_eq!(steps, ["write policy/v1 for policy/v1beta1 of PodDisruptionBudget into the manifest of revision 1"]);
    let moved = json!({"apiVersion": "extensions/v1beta1", "kind": "Deployment", "metadata": {"name": "web"}});
    let moved = Stage::new().revision(1, Status::Deployed, "Install complete", 7200, &[moved]);
    assert_eq!(
        of(&moved, Way::Repair).steps,
        ["write apps/v1 for extensions/v1beta1 of Deployment into the manifest of revision 1"]
    );
}

#[test]
fn what_is_sealed_is_made_anew_even_if_it_is_nearly_as_wanted() {
    let three = |version: &str| {
        let mut sealed = config_map("s", version);
        sealed["metadata"]["labels"] = json!({"version": version});
        vec![config_map("a", version), config_map("b", version), sealed]
    };
    // Its label is the new one; its data may be nobody's.
    let effect = |data: Option<Value>| {
        let mut odd = live(three("2").remove(2));
        odd["metadata"]["uid"] = json!("s");
        odd["immutable"] = json!(true);
        if let Some(data) = data {
            odd["data"] = data;
        }
        let stage = Stage::upgrade(Status::Failed, "Upgrade \"web\" failed: x", &three("1"), &three("2"));
        let stage = stage.there(live(config_map("a", "2"))).there(live(config_map("b", "2"))).there(odd);
        let option = of(&stage, Way::Converge);
        let effect = option.effects.iter().find(|effect| effect.object == "configmap/s").map(|effect| effect.effect);
        (effect, option.destructive)
    };
    assert_eq!(effect(Some(json!({"key": "somebody's"}))), (Some(EffectKind::Replaced), true));
    assert_eq!(effect(None), (Some(EffectKind::Changed), false));
}

/// With a `pre-delete` hook that failed.
fn failed_hook(stage: Stage) -> Stage {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "bye"}});
    let mut there = job.clone();
    there["metadata"] =
        json!({"name": "bye", "namespace": "ns", "uid": "j", "creationTimestamp": ago(7190).to_string()});
    there["status"] = json!({"failed": 1, "conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": ago(7100).to_string()}]});
    stage.hook("pre-delete", &job).there(there)
}

#[test]
fn without_its_hooks_an_uninstall_ends_but_their_work_is_lost() {
    let option = of(&failed_hook(uninstall(&[live(config_map("a", "1"))])), Way::Uninstall);
    assert!(option.destructive);
    assert_eq!(
        option.losses,
        [
            "what pre-delete hook job/bye was to do: it isn't run",
            "1 record, with manifest and values; the backup keeps them"
        ]
    );
    let time = |option: &WayOut| option.preconditions.iter().find(|one| one.what.contains("30 minutes")).unwrap().met;
    assert_eq!(time(&option), Some(true));
    let young = failed_hook(uninstall(&[live(config_map("a", "1"))])).newest(|newest| {
        let at = ago(600);
        newest.release.info.deleted = Some(crate::record::Moment { at, text: at.to_string() });
    });
    assert_eq!(time(&of(&young, Way::Uninstall)), Some(false));
    assert!(!of(&uninstall(&[live(config_map("a", "1"))]), Way::Uninstall).applicable);
}

#[test]
fn a_failed_hooks_object_is_in_the_way() {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"}});
    let mut there = job.clone();
    there["metadata"] =
        json!({"name": "migrate", "namespace": "ns", "uid": "j", "creationTimestamp": ago(7190).to_string()});
    there["status"] = json!({"failed": 1, "conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": ago(7100).to_string()}]});
    let stage = pending("1", "1").hook("pre-upgrade", &job).there(there);
    let option = of(&stage, Way::Unblock);
    assert!(option.applicable && !option.destructive, "{}", option.why);
    assert_eq!(option.effects.iter().map(|effect| effect.object.as_str()).collect::<Vec<_>>(), ["job/migrate"]);
    assert_eq!(option.steps, ["delete job/migrate, with what it made: pods, logs"]);
    let alone = uninstall(&[live(config_map("a", "1"))]);
    assert_ne!(planned(&alone).1, Some(Way::Unblock));
}

#[test]
fn the_liveness_of_the_rows_is_known() {
    // Two hours of silence: otherwise the rows of the tree would say `wait`.
    let seen = pending("2", "1").seen();
    let case = Case::new(&seen);
    assert_eq!(liveness(&case, &operation(&case)).verdict, LivenessVerdict::Stale);
    assert_eq!(seen.at, now());
}
