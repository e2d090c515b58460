//! For how long a silence says nothing, phase by phase.

use serde_json::{Value, json};

use super::{LivenessVerdict, liveness};
use crate::diagnose::case::Case;
use crate::diagnose::causes::api_tests::{Stage, ago, config_map, live};
use crate::diagnose::operation::{Phase, operation};
use crate::record::Status;

/// An object that Helm wrote so many seconds ago.
fn written(object: Value, seconds: i64) -> Value {
    let mut object = live(object);
    object["metadata"]["managedFields"][0]["time"] = json!(ago(seconds).to_string());
    object
}

fn stateful_set(image: &str) -> Value {
    let labels = json!({"app": "web"});
    let pod = json!({"containers": [{"name": "app", "image": image}]});
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}})
}

/// All of them there and ready.
fn rolled_out(image: &str, seconds: i64) -> Value {
    let mut object = written(stateful_set(image), seconds);
    object["metadata"]["generation"] = json!(1);
    object["status"] = json!({
        "observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "currentReplicas": 1, "updatedReplicas": 1,
        "currentRevision": "web-1", "updateRevision": "web-1",
    });
    object
}

/// An upgrade that began so many seconds ago, and last wrote then: to a second object, too.
fn upgrade(seconds: i64, with: Option<fn(&str) -> Value>) -> Stage {
    let of = |version: &str| {
        let first = config_map("a", version);
        [Some(first), with.map(|with| with(version))].into_iter().flatten().collect::<Vec<_>>()
    };
    Stage::new()
        .revision(1, Status::Deployed, "Install complete", 90_000, &of("1"))
        .revision(2, Status::PendingUpgrade, "Preparing upgrade", seconds, &of("2"))
        .there(written(config_map("a", "2"), seconds))
}

fn judged(stage: &Stage) -> (Phase, LivenessVerdict) {
    let seen = stage.seen();
    let case = Case::new(&seen);
    let operation = operation(&case);
    (operation.phase, liveness(&case, &operation).verdict)
}

/// What is said a second before and a second after a silence has lasted so long.
fn holds(bound: i64, phase: Phase, stage: impl Fn(i64) -> Stage) {
    assert_eq!(judged(&stage(bound - 1)), (phase, LivenessVerdict::Possible), "{bound}");
    assert_eq!(judged(&stage(bound + 1)), (phase, LivenessVerdict::Stale), "{bound}");
}

#[test]
fn one_that_applies_is_never_silent_for_long() {
    let second = |version: &str| config_map("b", version);
    holds(35, Phase::Apply, |seconds| upgrade(seconds, Some(second)).there(written(config_map("b", "1"), 90_000)));
}

#[test]
fn one_that_waits_may_not_have_noticed() {
    holds(95, Phase::Supersede, |seconds| upgrade(seconds, None));
    let applied = |seconds| upgrade(seconds, Some(stateful_set)).there(rolled_out("2", seconds));
    holds(95, Phase::Supersede, applied);
    // Helm 4 may never notice of a workload.
    let helm4 = |stage: Stage| stage.newest(|newest| newest.release.apply_method = Some("ssa".to_owned()));
    holds(300, Phase::Supersede, |seconds| helm4(applied(seconds)));
    holds(95, Phase::Supersede, |seconds| helm4(upgrade(seconds, None)));
}

#[test]
fn one_that_wrote_after_its_wait_doesnt_wait() {
    let superseded = |seconds: i64| {
        let applied = upgrade(seconds, Some(stateful_set)).there(rolled_out("2", seconds));
        let label = applied.record(1, |record| {
            record.status = Some("superseded".to_owned());
            record.written = Some(ago(seconds));
        });
        label.revised(1, |old| old.opened.status = "superseded".to_owned())
    };
    holds(30, Phase::FinalWrite, superseded);
    // What kubectl prints doesn't tell when the record was written; a pod that still goes doesn't hold Helm up any more.
    let printed = |seconds: i64| {
        let mut object = rolled_out("2", seconds);
        object["status"]["replicas"] = json!(2);
        superseded(seconds).there(object).record(1, |record| record.written = None)
    };
    holds(30, Phase::FinalWrite, printed);
}

#[test]
fn whose_write_it_was_isnt_known_of_a_record_before_a_failed_one() {
    let objects = [config_map("a", "1")];
    let stage = Stage::new()
        .revision(1, Status::Superseded, "Install complete", 90_000, &objects)
        .revision(2, Status::Failed, "Upgrade \"web\" failed: x", 7200, &objects)
        .revision(3, Status::PendingUpgrade, "Preparing upgrade", 60, &[config_map("a", "2"), stateful_set("2")])
        .there(written(config_map("a", "2"), 60))
        .there(written(stateful_set("2"), 60))
        .record(1, |record| record.written = None);
    assert_eq!(judged(&stage), (Phase::Wait, LivenessVerdict::Possible));
}

#[test]
fn a_webhook_takes_its_time_on_top() {
    let rule = json!({"apiGroups": [""], "resources": ["secrets"], "operations": ["*"], "apiVersions": ["*"]});
    let webhook = json!({"name": "slow.example", "timeoutSeconds": 20, "rules": [rule]});
    holds(115, Phase::Supersede, |seconds| upgrade(seconds, None).validating(std::slice::from_ref(&webhook)));
    let elsewhere = json!({"matchLabels": {"kubernetes.io/metadata.name": "other"}});
    let mut aside = webhook;
    aside["namespaceSelector"] = elsewhere;
    holds(95, Phase::Supersede, |seconds| upgrade(seconds, None).validating(std::slice::from_ref(&aside)));
}
