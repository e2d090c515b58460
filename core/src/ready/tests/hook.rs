use super::*;

#[test]
fn jobs_end_with_a_condition() {
    let ends = |kind: &str, status: &str| {
        hook_done(&with(job(), &[("/status/conditions", json!([condition(kind, status, "BackoffLimitExceeded")]))]))
    };
    assert_eq!(hook_done(&job()), HookState::Running);
    assert_eq!(ends("Complete", "False"), HookState::Running);
    assert_eq!(ends("SuccessCriteriaMet", "True"), HookState::Running);
    assert_eq!(ends("Complete", "True"), HookState::Succeeded { at: Some(minute(5)) });
    assert_eq!(ends("Failed", "True"), HookState::Failed { why: "BackoffLimitExceeded".into(), at: Some(minute(5)) });
    let complete = with(
        job(),
        &[
            ("/status/conditions", json!([condition("Complete", "True", "")])),
            ("/status/completionTime", json!("2026-08-01T10:04:00Z")),
        ],
    );
    assert_eq!(hook_done(&complete).ended(), Some(minute(4)));
    let unreadable = with(job(), &[("/status/conditions", json!("odd"))]);
    assert_eq!(hook_done(&unreadable), HookState::Running);
}

#[test]
fn pods_end_with_their_phase() {
    let terminated = |phase: &str, code: u64| {
        with(
            pod("p", phase, "False"),
            &[(
                "/status/containerStatuses/0/state",
                json!({"terminated": {"exitCode": code, "finishedAt": "2026-08-01T10:07:00Z"}}),
            )],
        )
    };
    assert_eq!(hook_done(&pod("p", "Running", "True")), HookState::Running);
    assert_eq!(hook_done(&pod("p", "Unknown", "True")), HookState::Running);
    assert_eq!(hook_done(&terminated("Succeeded", 0)), HookState::Succeeded { at: Some(minute(7)) });
    let failed = HookState::Failed { why: "container c ended with 3".into(), at: Some(minute(7)) };
    assert_eq!(hook_done(&terminated("Failed", 3)), failed);
    let evicted = with(
        pod("p", "Failed", "False"),
        &[("/status/reason", json!("Evicted")), ("/status/containerStatuses", Value::Null)],
    );
    assert_eq!(hook_done(&evicted), HookState::Failed { why: "Evicted".into(), at: Some(minute(5)) });
}

#[test]
fn other_kinds_are_done_at_once() {
    for other in [object("v1", "ConfigMap"), object("batch.example.org/v1", "Job"), json!(null)] {
        assert_eq!(hook_done(&other), HookState::Done);
        assert_eq!(hook_done(&other).ended(), None);
    }
}
