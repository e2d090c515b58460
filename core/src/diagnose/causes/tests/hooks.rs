//! Hooks that fail, hang or can't be created.

use super::*;

fn gave_up() -> Value {
    json!({"failed": 1, "conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
        "message": "Job has reached the specified backoff limit", "lastTransitionTime": ago(3)}]})
}

#[test]
fn a_failed_hook_tells_its_exit_code_and_last_words() {
    let ended =
        job_pod("Failed", &json!({"state": {"terminated": {"exitCode": 3, "reason": "Error", "finishedAt": ago(3)}}}));
    let described = "pre-upgrade hooks failed: 1 error occurred:\n\t* job web-migrate failed: BackoffLimitExceeded\n\n";
    for world in [World::failed(described), World::pending()] {
        let world = world.hook("pre-upgrade", "", "Running").with([job(4, &gave_up()), ended.clone(), node()]);
        let world = world.log("web-migrate-xyz", "migrate", "migrating\nERROR: relation \"users\" already exists\n");
        let cause = world.top();
        assert_eq!(cause.code, "hook-failed", "{:?}", world.codes());
        assert!(
            cause
                .summary
                .starts_with("pre-upgrade hook job/web-migrate: failed: container migrate ended with exit code 3"),
            "{}",
            cause.summary
        );
        assert!(
            cause.evidence.iter().any(|line| line.contains("relation \"users\" already exists")),
            "{:?}",
            cause.evidence
        );
        assert_eq!(cause.command, "kubectl logs web-migrate-xyz -n shop -c migrate");
        assert!(
            !world.codes().contains(&"crash-loop") && !world.codes().contains(&"hook-exists"),
            "{:?}",
            world.codes()
        );
    }
}

#[test]
fn a_failed_hook_whose_object_is_gone_is_told_by_helms_words() {
    for words in [
        "pre-upgrade hooks failed: 1 error occurred:\n\t* job web-migrate failed: BackoffLimitExceeded\n\n",
        "pre-upgrade hooks failed: resource Job/shop/web-migrate not ready. status: Failed, message: Job Failed. failed: 1/1\ncontext deadline exceeded",
    ] {
        let world = World::failed(words).hook("pre-upgrade", "hook-failed", "Failed");
        let cause = world.top();
        assert_eq!((cause.code, cause.confidence.to_string().as_str()), ("hook-failed", "certain"));
        assert!(cause.summary.starts_with("pre-upgrade hook job/web-migrate: failed ("), "{}", cause.summary);
        assert_eq!(world.codes(), ["hook-failed"]);
    }
}

#[test]
fn a_hook_that_hangs_is_told_with_what_its_pod_does() {
    let running = job_pod("Running", &json!({"ready": true, "state": {"running": {"startedAt": ago(4)}}}));
    let world =
        World::pending().hook("pre-upgrade", "", "Running").with([job(4, &json!({"active": 1})), running, node()]);
    let world = world.log("web-migrate-xyz", "migrate", "waiting for lock\n");
    let cause = world.top();
    assert_eq!(
        cause.summary,
        "pre-upgrade hook job/web-migrate: hasn't ended (pod/web-migrate-xyz is Running), started 4m ago"
    );
    assert!(cause.evidence.contains(&"log of migrate: waiting for lock".to_owned()), "{:?}", cause.evidence);
    let suspended = with(job(4, &json!({})), &json!({"spec": {"suspend": true}}));
    let cause = World::pending().hook("pre-upgrade", "", "Running").with([suspended]).top();
    assert!(cause.summary.contains("is suspended (spec.suspend)"), "{}", cause.summary);
}

#[test]
fn what_keeps_a_hooks_pod_from_working_comes_first_and_names_the_hook() {
    let pull =
        job_pod("Pending", &json!({"state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}}));
    let world = World::pending().hook("pre-upgrade", "", "Running").with([job(4, &json!({"active": 1})), pull, node()]);
    let says = "pre-upgrade hook job/web-migrate: image registry.example/migrate:2 can't be pulled (not found)";
    assert_eq!(world.top().summary, says);
    assert_eq!(world.codes(), ["image-pull", "hook-running"]);
    let retried = job_pod("Failed", &json!({"state": {"terminated": {"exitCode": 1, "reason": "Error"}}}));
    let world = World::pending().hook("pre-upgrade", "", "Running").with([
        job(4, &json!({"active": 1, "failed": 1})),
        retried,
        node(),
    ]);
    assert_eq!(world.codes(), ["crash-loop", "hook-running"]);
}

#[test]
fn a_hook_that_is_there_already_is_named_and_a_log_that_says_so_isnt_believed() {
    let words = "pre-upgrade hooks failed: warning: Hook pre-upgrade shop/templates/job.yaml failed: 1 error occurred:\n\t* jobs.batch \"web-migrate\" already exists\n\n";
    let left = job(60, &json!({"conditions": [{"type": "Complete", "status": "True"}]}));
    let world = World::failed(words).hook("pre-upgrade", "hook-failed", "Running").with([left.clone()]);
    assert_eq!(world.codes(), ["hook-exists"]);
    assert_eq!(world.top().command, "kubectl get jobs.batch web-migrate -n shop");
    // A rollback or an uninstall writes no description.
    let world = World::pending().hook("pre-upgrade", "hook-succeeded", "").with([left.clone()]);
    assert_eq!((world.top().code, world.top().confidence.to_string().as_str()), ("hook-exists", "likely"));
    let replaced = World::pending().hook("pre-upgrade", "before-hook-creation", "").with([left]);
    assert!(!replaced.codes().contains(&"hook-exists"));
}

#[test]
fn a_hook_that_may_not_be_created_names_the_user() {
    let words = "pre-upgrade hooks failed: warning: Hook pre-upgrade shop/templates/job.yaml failed: 1 error occurred:\n\t* jobs.batch is forbidden: User \"system:serviceaccount:ci:deployer\" cannot create resource \"jobs\" in API group \"batch\" in the namespace \"shop\"\n\n";
    let cause = World::failed(words).hook("pre-upgrade", "", "Running").top();
    assert_eq!(cause.code, "hook-forbidden");
    let says =
        "pre-upgrade hook job/web-migrate: user system:serviceaccount:ci:deployer may not create jobs.batch in shop";
    assert_eq!(cause.summary, says);
    assert_eq!(cause.command, "kubectl auth can-i create jobs -n shop --as system:serviceaccount:ci:deployer");
    let outside = "failed to create resource: secrets is forbidden: User \"x\" cannot create resource \"secrets\"";
    assert!(!World::failed(outside).codes().contains(&"hook-forbidden"));
}
