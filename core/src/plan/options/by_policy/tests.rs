//! What policy makes of the ways of one release.

use serde_json::{Value, json};

use crate::diagnose::api_tests::{Stage, ago, config_map, live};
use crate::plan::staged::with;
use crate::plan::{Plan, Refusal, Way, WayOut, automatic, open_work, plan};
use crate::policy::ROLLBACK;

fn planned(stage: &Stage, policy: &str) -> Plan {
    with(stage, policy, plan)
}

fn way(plan: &Plan, way: Way) -> &WayOut {
    plan.options.iter().find(|option| option.id == way).unwrap()
}

fn auto(stage: &Stage, policy: &str) -> Result<Way, String> {
    with(stage, policy, |situation| automatic(situation, false))
}

#[test]
fn without_a_policy_nothing_changes() {
    let plan = planned(&Stage::open(), "");
    for open in [Way::Resume, Way::Unlock, Way::Rollback] {
        assert!(way(&plan, open).applicable, "{open}");
        assert_eq!((way(&plan, open).policy, way(&plan, open).warnings.len()), (None, 0));
    }
    assert_eq!((plan.policy.rules.len(), plan.policy.notes.len()), (0, 0));
    assert_eq!(auto(&Stage::open(), ""), Ok(Way::Resume));
}

#[test]
fn what_may_never_go_back_never_does() {
    let plan = planned(&Stage::open(), "rollback: never");
    let rollback = way(&plan, Way::Rollback);
    assert_eq!((rollback.applicable, rollback.policy), (false, Some("never")));
    assert_eq!(rollback.why, "policy (p.yaml) says rollback: never");
    let unlock = way(&plan, Way::Unlock);
    assert_eq!((unlock.applicable, unlock.policy), (false, Some("never")));
    assert_eq!(
        unlock.why,
        "policy (p.yaml) says rollback: never, and unlock would bring configmap/a back to an older revision \
         (--records-only leaves objects as they are)"
    );
    assert!(way(&plan, Way::Resume).applicable);
    // Whoever asks for the work itself is refused, too, even to go on with it.
    with(&Stage::open(), "rollback: never", |situation| {
        for going_on in [false, true] {
            let refused = open_work(situation, Way::Rollback, false, going_on).unwrap_err();
            assert!(matches!(refused, Refusal::Forbidden(_)), "{refused}");
        }
        assert!(open_work(situation, Way::Unlock, true, false).is_ok());
    });
    // An unlock that changes no object brings nothing back.
    let untouched = Stage::upgrade(
        crate::record::Status::PendingUpgrade,
        "Preparing upgrade",
        &[config_map("a", "1")],
        &[config_map("a", "2")],
    )
    .there(live(config_map("a", "1")));
    assert!(way(&planned(&untouched, "rollback: never"), Way::Unlock).applicable);
}

#[test]
fn an_annotation_forbids_as_a_file_does() {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns", "annotations": {ROLLBACK: "never"}}});
    let plan = planned(&Stage::open().there(namespace), "rollback: allow");
    let why = "policy (annotation refloat.dev/rollback on namespace/ns) says rollback: never";
    assert_eq!(way(&plan, Way::Rollback).why, why);
}

#[test]
fn what_is_asked_for_is_open_and_never_automatic() {
    let plan = planned(&Stage::open(), "rollback: ask");
    for back in [Way::Rollback, Way::Unlock] {
        let option = way(&plan, back);
        assert_eq!((option.applicable, option.policy), (true, Some("ask")), "{back}");
        let asked = option.preconditions.last().unwrap();
        assert!(asked.what.contains("policy (p.yaml) says rollback: ask") && asked.met.is_none(), "{asked:?}");
    }
    assert_eq!(way(&plan, Way::Resume).policy, None);
    let only_back = "rollback: ask\nauto: [rollback]";
    assert_eq!(
        auto(&Stage::open(), only_back).unwrap_err(),
        "the first way that policy lists is rollback, and policy (p.yaml) says rollback: ask"
    );
}

#[test]
fn of_the_ways_listed_the_first_is_taken_and_no_other() {
    assert_eq!(auto(&Stage::open(), "auto: [unlock, rollback]"), Ok(Way::Unlock));
    assert_eq!(auto(&Stage::open(), "auto: [rollback]"), Ok(Way::Rollback));
    assert_eq!(
        auto(&Stage::open(), "auto: [complete]").unwrap_err(),
        "policy (p.yaml) says auto: complete, and the recommended way is resume"
    );
    assert!(auto(&Stage::open(), "auto: []").unwrap_err().contains("says auto: none"));
    let read = crate::observe::Read::object(&crate::observe::known::namespaces(), "", "ns");
    let unseen = Stage::open().answered(read, crate::observe::Answer::Forbidden("no".to_owned()));
    assert!(auto(&unseen, "").unwrap_err().contains("its policy isn't known"));
}

#[test]
fn what_is_protected_is_neither_changed_nor_deleted() {
    let labelled = |name: &str, value: &str| {
        let mut object = config_map(name, value);
        object["metadata"]["labels"] = json!({"tier": "data", "app.kubernetes.io/managed-by": "Helm"});
        object
    };
    let (old, new) =
        ([config_map("a", "1"), labelled("b", "1")], [config_map("a", "2"), labelled("b", "2"), config_map("c", "2")]);
    let stage = Stage::upgrade(crate::record::Status::PendingUpgrade, "Preparing upgrade", &old, &new)
        .there(live(config_map("a", "2")))
        .there(live(labelled("b", "1")))
        .there(live(config_map("c", "2")));
    let why = |policy: &str, id: Way| {
        let plan = planned(&stage, policy);
        let option = way(&plan, id);
        if option.applicable { "open".to_owned() } else { option.why.clone() }
    };
    let kinds = "protected: {kinds: [configmaps]}";
    assert_eq!(why(kinds, Way::Resume), "configmap/b would be changed, and policy (p.yaml) protects kind configmaps");
    assert_eq!(
        why(kinds, Way::Rollback),
        "configmap/c would be deleted, and policy (p.yaml) protects kind configmaps; so it is with 1 object more"
    );
    let labels = "protected: {labels: [tier=data]}";
    assert_eq!(why(labels, Way::Resume), "configmap/b would be changed, and policy (p.yaml) protects labels tier=data");
    assert_eq!(why(labels, Way::Rollback), "open");
    assert_eq!(why("protected: {kinds: [Secret]}", Way::Resume), "open");
}

#[test]
fn a_hook_that_would_be_run_again_is_deleted_first() {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "web-pre"}, "spec": {}});
    let mut older = live(job.clone());
    older["metadata"]["creationTimestamp"] = json!(ago(90_000).to_string());
    let stage = Stage::upgrade(
        crate::record::Status::PendingUpgrade,
        "Preparing upgrade",
        &[config_map("a", "1")],
        &[config_map("a", "2")],
    )
    .hook("pre-upgrade", &job)
    .there(older)
    .there(live(config_map("a", "1")));
    let plan = planned(&stage, "protected: {kinds: [Job]}");
    assert_eq!(
        way(&plan, Way::Resume).why,
        "job/web-pre would be deleted to be run again, and policy (p.yaml) protects kind Job"
    );
}

/// An upgrade that was killed after its hook had run.
fn with_hook(name: &str, container: &Value) -> Stage {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"template": {"spec": {"containers": [container]}}}});
    let mut ran = live(job.clone());
    ran["metadata"]["creationTimestamp"] = json!(ago(7195).to_string());
    ran["status"] = json!({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}], "completionTime": ago(7192).to_string()});
    Stage::open().hook("pre-upgrade", &job).there(ran)
}

#[test]
fn hooks_that_look_like_migrations_warn_of_going_back() {
    let none = json!({"name": "a", "image": "r.io/db/app:1", "args": ["serve"]});
    let table = [
        ("web-migrate", none.clone(), Some("name")),
        ("web-pre", json!({"image": "r.io/flyway/flyway:10"}), Some("image")),
        (
            "web-pre",
            json!({"image": "r.io/app", "command": ["sh", "-c", "alembic upgrade head --password hunter2"]}),
            Some("command"),
        ),
        ("web-pre", json!({"image": "r.io/app", "args": ["rake", "db:prepare"]}), Some("command")),
        ("web-pre", json!({"name": "schema", "image": "r.io/app"}), Some("container's name")),
        ("web-pre", none, None),
        ("web-warm-cache", json!({"image": "r.io/mongoose:1"}), None),
    ];
    for (name, container, by) in table {
        let plan = planned(&with_hook(name, &container), "");
        for back in [Way::Rollback, Way::Unlock] {
            let warnings = &way(&plan, back).warnings;
            let expected = by.map(|by| {
                format!(
                    "pre-upgrade hook job/{name} looks like a migration by its {by}, and ran: what it changed stays, and revision 1 may \
                     not work with it"
                )
            });
            assert_eq!(warnings.first(), expected.as_ref(), "{name} {container}");
        }
        assert_eq!(way(&plan, Way::Resume).warnings.len(), 0);
    }
}

#[test]
fn nobody_goes_back_over_a_migration_by_himself() {
    let stage = with_hook("web-migrate", &json!({}));
    let refused = auto(&stage, "auto: [rollback]").unwrap_err();
    assert!(refused.contains("rollback, and pre-upgrade hook job/web-migrate looks like a migration"), "{refused}");
    assert_eq!(auto(&stage, "auto: [rollback]\nrollback: allow"), Ok(Way::Rollback));
}

#[test]
fn what_is_in_the_way_goes_by_itself_only_if_policy_lists_it() {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "web-pre"}, "spec": {}});
    let mut failed = live(job.clone());
    failed["metadata"]["creationTimestamp"] = json!(ago(7190).to_string());
    let ended = ago(7100).to_string();
    failed["status"] =
        json!({"failed": 1, "conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": ended}]});
    let stage = Stage::open().hook("pre-upgrade", &job).there(failed);
    assert!(way(&planned(&stage, ""), Way::Unblock).applicable);
    assert_ne!(auto(&stage, ""), Ok(Way::Unblock));
    assert_eq!(auto(&stage, "auto: [unblock]"), Ok(Way::Unblock));
    let kept = planned(&stage, "protected: {kinds: [Job]}");
    assert_eq!(way(&kept, Way::Unblock).why, "job/web-pre would be deleted, and policy (p.yaml) protects kind Job");
}
