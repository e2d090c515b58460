//! Helm that went away, or did all its work.

use super::*;
use crate::diagnose::Confidence;

#[test]
fn nothing_else_explains_a_killed_client() {
    for (verdict, confidence) in
        [(LivenessVerdict::Stale, Confidence::Likely), (LivenessVerdict::Possible, Confidence::Possible)]
    {
        let cause = Stage::open().at(Phase::Apply, verdict).says("client-killed");
        assert_eq!(cause.confidence, confidence);
    }
    assert_eq!(Stage::open().at(Phase::Apply, LivenessVerdict::Live).codes(), Vec::<String>::new());
    // As it is judged by itself: two hours of silence in the middle of applying.
    assert_eq!(Stage::open().codes(), ["client-killed"]);
}

#[test]
fn a_missing_last_write_is_told_apart() {
    let old = [config_map("a", "1")];
    let new = [config_map("a", "2")];
    let stage =
        Stage::upgrade(Status::PendingUpgrade, "Preparing upgrade", &old, &new).there(live(config_map("a", "2")));
    assert_eq!(stage.codes(), ["final-write-missing"]);
    let table = [
        (Phase::FinalWrite, LivenessVerdict::Stale, Confidence::Certain),
        (Phase::Supersede, LivenessVerdict::Stale, Confidence::Certain),
        (Phase::Supersede, LivenessVerdict::Possible, Confidence::Likely),
        (Phase::Purge, LivenessVerdict::Stale, Confidence::Certain),
    ];
    for (phase, verdict, confidence) in table {
        let cause = Stage::open().at(phase, verdict).says("final-write-missing");
        assert_eq!(cause.confidence, confidence, "{phase} {verdict}");
    }
    assert_eq!(Stage::open().at(Phase::Wait, LivenessVerdict::Stale).codes(), ["client-killed"]);
}

#[test]
fn rights_that_lack_explain_it() {
    let rules = |verbs: &Value| {
        let rule = json!({"verbs": verbs, "apiGroups": [""], "resources": ["secrets"]});
        let named =
            json!({"verbs": ["update"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["other"]});
        Answer::Found(json!({"status": {"resourceRules": [rule, named]}}))
    };
    let stage = |verbs: &Value| {
        let read = Read::Rules { namespace: "ns".into() };
        Stage::open().answered(read, rules(verbs)).at(Phase::FinalWrite, LivenessVerdict::Stale)
    };
    assert_eq!(stage(&json!(["get", "list", "create"])).codes(), ["record-write-refused", "final-write-missing"]);
    assert_eq!(stage(&json!(["get", "list", "create", "update"])).codes(), ["final-write-missing"]);
    // Who may only read isn't who deployed.
    let reader = stage(&json!(["get", "list"])).causes();
    assert_eq!(reader[0].code, "final-write-missing");
}

#[test]
fn a_webhook_on_secrets_explains_it() {
    let webhook = |operations: &Value, client: &Value| {
        json!({
            "name": "seal.example.com", "clientConfig": client, "failurePolicy": "Fail",
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"], "operations": operations}],
        })
    };
    let stage = |webhook: Value| Stage::open().validating(&[webhook]).at(Phase::FinalWrite, LivenessVerdict::Stale);
    let (gone, outside) =
        (json!({"service": {"namespace": "infra", "name": "gone"}}), json!({"url": "https://seal.example.com"}));
    assert_eq!(stage(webhook(&json!(["*"]), &gone)).first().code, "record-write-refused");
    assert_eq!(stage(webhook(&json!(["UPDATE"]), &outside)).first().code, "record-write-refused");
    assert_eq!(stage(webhook(&json!(["CREATE", "UPDATE"]), &outside)).first().code, "final-write-missing");
    assert_eq!(stage(webhook(&json!(["CREATE"]), &gone)).codes(), ["final-write-missing"]);
}

#[test]
fn a_record_at_the_limit_explains_it() {
    let hook = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}});
    let stage = |stored: usize| {
        Stage::open()
            .hook("post-upgrade", &hook)
            .newest(move |revision| revision.opened.stored = stored)
            .at(Phase::FinalWrite, LivenessVerdict::Stale)
    };
    assert_eq!(stage((1 << 20) - 50).first().code, "over-1-mib");
    assert_eq!(stage((1 << 20) - 5000).first().code, "final-write-missing");
}

#[test]
fn an_exhausted_quota_is_one_explanation() {
    let quota =
        json!({"metadata": {"name": "q"}, "status": {"hard": {"count/secrets": "2"}, "used": {"count/secrets": "2"}}});
    let stage = Stage::open()
        .listed(Read::list(&known::quotas(), "ns", ""), &[quota])
        .at(Phase::FinalWrite, LivenessVerdict::Stale);
    let codes = stage.codes();
    assert!(codes[0] == "final-write-missing" && codes.contains(&"record-write-refused".to_owned()), "{codes:?}");
}

#[test]
fn a_request_to_stop_is_no_fault() {
    let cause = Stage::failed("context canceled").says("canceled");
    assert_eq!(cause.evidence[0], "Upgrade \"web\" failed: context canceled");
    let waiting = "resource Deployment/ns/web not ready. status: InProgress, message: Available: 0/1\ncontext canceled";
    assert_eq!(Stage::failed(waiting).first().code, "canceled");
    for other in ["context deadline exceeded", "admission webhook \"x\" denied the request: context canceled by policy"]
    {
        assert_ne!(Stage::failed(other).first().code, "canceled", "{other}");
    }
}

#[test]
fn what_nothing_explains_is_said_to_be_unknown() {
    let cause = Stage::failed("the moon was full").says("unknown");
    assert!(cause.evidence.iter().any(|line| line == "the moon was full"), "{:?}", cause.evidence);
    assert!(
        cause.evidence.iter().any(|line| line.starts_with("looked at: 2 records, 1 object,")),
        "{:?}",
        cause.evidence
    );
    let well = Stage::new().revision(1, Status::Deployed, "Install complete", 100, &[config_map("a", "1")]);
    assert!(well.there(live(config_map("a", "1"))).codes().is_empty());
}

#[test]
fn without_an_older_manifest_what_helm_has_not_written_is_still_to_come() {
    let mut old = live(config_map("b", "1"));
    old["metadata"]["managedFields"][0]["time"] = json!(ago(80_000).to_string());
    let new = [config_map("a", "2"), config_map("b", "2")];
    let stage = Stage::new().revision(2, Status::PendingUpgrade, "Preparing upgrade", 7200, &new);
    let stage = stage.there(live(config_map("a", "2"))).there(old);
    assert_eq!(stage.codes(), ["client-killed", "(target-pruned)"]);
}
