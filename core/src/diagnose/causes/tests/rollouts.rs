//! Rollouts that are slow, stuck or were given up.

use super::*;

fn running(minutes: i64) -> Value {
    with(
        pod(&json!({"state": {"running": {"startedAt": ago(minutes)}}})),
        &json!({"metadata": {"creationTimestamp": ago(minutes)}, "status": {"phase": "Running", "startTime": ago(minutes)}}),
    )
}

#[test]
fn what_moves_is_slow_and_what_doesnt_isnt() {
    let cause = waiting_for(running(3)).top();
    assert_eq!(cause.code, "slow-rollout");
    assert!(
        cause.summary.starts_with("deployment/web: rolling out, and moving: 0 of 1 new pods ready; last moved "),
        "{}",
        cause.summary
    );
    assert_eq!(cause.remedy, "let it come to its end");
    let (old, new) = (deployment("registry.example/web:1"), deployment("registry.example/web:2"));
    let mut objects = rollout();
    objects[0]["status"]["conditions"] = json!([]);
    objects[2]["metadata"]["creationTimestamp"] = json!(ago(50));
    let pod = with(
        running(50),
        &json!({"status": {"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": ago(50)}]}}),
    );
    let stuck = World::pending().object(old, new).with(objects).with([pod, node()]);
    assert!(!stuck.codes().contains(&"slow-rollout"), "{:?}", stuck.codes());
}

#[test]
fn a_warning_that_no_rule_knows_makes_it_doubtful() {
    let creating = pod(&json!({"state": {"waiting": {"reason": "ContainerCreating"}}}));
    let sandbox = "Failed to create pod sandbox: plugin type=\"cni\" failed (add)";
    let cause = waiting_for(creating.clone()).with([event(&creating, "FailedCreatePodSandBox", sandbox, 1)]).top();
    assert_eq!((cause.code, cause.confidence.to_string().as_str()), ("slow-rollout", "possible"));
    assert!(cause.evidence[0].contains(sandbox), "{:?}", cause.evidence);
}

fn deadline(pod: Value) -> World {
    let (old, new) = (deployment("registry.example/web:1"), deployment("registry.example/web:2"));
    let mut objects = rollout();
    objects[0]["status"]["conditions"] = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
        "message": "ReplicaSet \"web-2\" has timed out progressing.", "lastTransitionTime": ago(1)}]);
    World::pending().object(old, new).with(objects).with([pod, node()])
}

#[test]
fn a_passed_deadline_comes_after_what_explains_it() {
    let cause = deadline(running(12)).top();
    assert_eq!((cause.code, cause.confidence.to_string().as_str()), ("progress-deadline", "certain"));
    assert!(cause.evidence[0].contains("has timed out progressing"), "{:?}", cause.evidence);
    let pull = pod(&json!({"state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}));
    assert_eq!(deadline(pull).codes(), ["image-pull", "progress-deadline"]);
}

#[test]
fn a_timeout_is_told_by_both_helms_words_and_only_where_nothing_is_more_precise() {
    let (old, new) = (deployment("registry.example/web:1"), deployment("registry.example/web:2"));
    for words in [
        "context deadline exceeded",
        "timed out waiting for the condition",
        "resource Deployment/shop/web not ready. status: InProgress, message: Available: 0/1\ncontext deadline exceeded",
    ] {
        let world = World::failed(words).object(old.clone(), new.clone()).with(rollout()).with([running(3), node()]);
        let cause = world.top();
        assert_eq!(cause.code, "wait-timeout", "{:?}", world.codes());
        assert!(cause.summary.starts_with("Helm gave up waiting: deployment/web: "), "{}", cause.summary);
        let pull = pod(&json!({"state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}));
        let precise = World::failed(words).object(old.clone(), new.clone()).with(rollout()).with([pull, node()]);
        assert_eq!(precise.codes(), ["image-pull"]);
    }
    let other =
        World::failed("cannot patch \"web\" with kind Deployment").object(old.clone(), new.clone()).with(rollout());
    assert!(!other.codes().contains(&"wait-timeout"));
    let webhook = "cannot patch \"web\" with kind Deployment: Internal error occurred: failed calling webhook \"a\": failed to call webhook: Post \"https://a/\": context deadline exceeded";
    let called = World::failed(webhook).object(old.clone(), new.clone()).with(rollout());
    assert!(!called.codes().contains(&"wait-timeout"), "{:?}", called.codes());
    let mut ready = rollout();
    ready[0]["status"] = json!({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
        "conditions": [{"type": "Available", "status": "True"}, {"type": "Progressing", "status": "True"}]});
    ready[2]["status"] = json!({"replicas": 1, "readyReplicas": 1});
    ready[2]["spec"]["template"] = ready[0]["spec"]["template"].clone();
    let cause = World::failed("context deadline exceeded").object(old, new).with(ready).top();
    assert!(cause.summary.ends_with("ready by now: it took longer than Helm's timeout"), "{}", cause.summary);
}

#[test]
fn what_the_operation_hasnt_touched_yet_is_beside_the_point() {
    let (old, new) = (deployment("registry.example/web:1"), deployment("registry.example/web:2"));
    let mut objects = rollout();
    objects[0]["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example/web:1");
    let pull = pod(&json!({"state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}));
    let cause = World::pending().object(old, new).with(objects).with([pull, node()]).causes();
    let pulled = cause.iter().find(|cause| cause.code == "image-pull").unwrap();
    assert_eq!(pulled.depth, super::super::depth::ASIDE);
    assert!(pulled.evidence[0].contains("isn't touched yet by this operation"), "{:?}", pulled.evidence);
}

#[test]
fn a_deployed_release_that_crashes_isnt_well_and_an_uninstalled_one_is_of_no_interest() {
    let crash = pod(&json!({"restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}));
    let of = |world: World| {
        let (old, new) = (deployment("registry.example/web:1"), deployment("registry.example/web:2"));
        world.object(old, new).with(rollout()).with([crash.clone(), node()])
    };
    assert_eq!(of(World::deployed()).codes(), ["crash-loop"]);
    assert!(!of(World::uninstalling()).codes().contains(&"crash-loop"));
}
