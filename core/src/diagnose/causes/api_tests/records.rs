//! Two Helms, rollbacks that began by themselves, targets that are gone, kept objects, owners.

use super::*;
use crate::diagnose::Confidence;

fn rollback(failed_seconds: i64) -> Stage {
    let (old, new) = ([config_map("a", "1")], [config_map("a", "2")]);
    Stage::new()
        .revision(1, Status::Deployed, "Install complete", 90_000, &old)
        .revision(2, Status::Failed, "Upgrade \"web\" failed: context deadline exceeded", failed_seconds, &new)
        .revision(3, Status::PendingRollback, "Rollback to 1", 7200, &old)
        .there(live(config_map("a", "2")))
}

#[test]
fn a_rollback_right_after_a_failure_began_by_itself() {
    let cause = rollback(7201).at(Phase::PreHooks, LivenessVerdict::Stale).says("atomic-rollback-failed");
    assert_eq!(
        cause.summary,
        "upgrade 2 failed, and the rollback that Helm then began by itself did not succeed either"
    );
    assert!(cause.evidence.iter().any(|line| line.ends_with("context deadline exceeded")), "{:?}", cause.evidence);
    // A person needs longer.
    assert_eq!(rollback(7230).at(Phase::Apply, LivenessVerdict::Stale).codes(), ["client-killed"]);
    let live = rollback(7201).at(Phase::Wait, LivenessVerdict::Possible).causes();
    assert!(live.iter().all(|cause| cause.confidence < Confidence::Certain), "{live:?}");
}

#[test]
fn two_helms_leave_traces() {
    let objects = [config_map("a", "1"), config_map("b", "1")];
    let by = |name: &str, manager: &str| {
        let mut object = config_map(name, "1");
        object["metadata"]["managedFields"] =
            json!([{"manager": manager, "operation": "Apply", "time": ago(7100).to_string()}]);
        live(object)
    };
    let open = |second: &str| {
        Stage::upgrade(Status::PendingUpgrade, "Preparing upgrade", &[], &objects)
            .there(by("a", "helm"))
            .there(by("b", second))
            .at(Phase::Apply, LivenessVerdict::Stale)
    };
    assert_eq!(open("helm-controller").first().code, "concurrent-operations");
    assert_eq!(open("helm").codes(), ["client-killed"]);
    assert_eq!(open("kubectl-edit").codes(), ["client-killed"]);
}

#[test]
fn a_zombie_that_wrote_deployed_is_found_beside_two_deployed() {
    let objects = [config_map("a", "1")];
    let stage = |written: i64| {
        Stage::new()
            .revision(1, Status::Superseded, "Install complete", 90_000, &objects)
            .revision(2, Status::Deployed, "Upgrade complete", 8000, &objects)
            .revision(3, Status::Deployed, "Upgrade complete", 7200, &objects)
            .record(2, move |record| record.written = Some(ago(written)))
            .there(live(config_map("a", "1")))
    };
    assert_eq!(stage(60).codes(), ["several-deployed", "concurrent-operations"]);
    // The first of the two was never marked superseded, which is another fault.
    assert_eq!(stage(8000).codes(), ["several-deployed"]);
}

#[test]
fn a_record_with_another_ones_objects_is_found() {
    let mut other = live(config_map("a", "3"));
    other["metadata"]["managedFields"] =
        json!([{"manager": "helm", "operation": "Update", "time": ago(7190).to_string()}]);
    let stage = |ahead: i64, object: Value| {
        Stage::new()
            .revision(2, Status::Deployed, "Upgrade complete", 7200, &[config_map("a", "2")])
            .newest(move |revision| {
                let at = ago(7200 + ahead);
                revision.release.info.last_deployed = Some(Moment { at, text: at.to_string() });
            })
            .there(object)
    };
    assert_eq!(stage(5, other.clone()).codes(), ["concurrent-operations"]);
    assert!(stage(0, other.clone()).codes().is_empty());
    assert!(stage(5, live(config_map("a", "2"))).codes().is_empty());
    // A scale by hand, in the same second or later.
    for seconds in [7190, 60] {
        let mut scaled = other.clone();
        let by_hand = json!({"manager": "kubectl", "operation": "Update", "subresource": "scale", "time": ago(seconds).to_string()});
        scaled["metadata"]["managedFields"].as_array_mut().unwrap().push(by_hand);
        assert!(stage(5, scaled).codes().is_empty());
    }
    // Somebody else's change.
    other["metadata"]["managedFields"][0] =
        json!({"manager": "kubectl-edit", "operation": "Update", "time": ago(60).to_string()});
    assert!(stage(5, other).codes().is_empty());
}

#[test]
fn an_operation_that_was_overtaken_may_not_have_been_over() {
    let labels = json!({"app": "web"});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}},
    });
    let mut there = live(deployment.clone());
    there["metadata"]["generation"] = json!(1);
    there["spec"]["replicas"] = json!(1);
    there["status"] = json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1});
    let (sets, _) = crate::observe::children_lists(&there, "ns");
    let sets = sets.unwrap();
    let stage = |began: i64, made: i64| {
        let set = json!({"metadata": {"name": "web-6d4", "creationTimestamp": ago(made).to_string()}});
        Stage::new()
            .revision(1, Status::Superseded, "Install complete", 90_000, std::slice::from_ref(&deployment))
            .revision(2, Status::PendingUpgrade, "Preparing upgrade", began, std::slice::from_ref(&deployment))
            .revision(3, Status::Deployed, "Rollback to 1", 7200, std::slice::from_ref(&deployment))
            .there(there.clone())
            .listed(sets.clone(), &[set])
            .codes()
    };
    let overtaken = "(concurrent-operations)".to_owned();
    assert!(stage(7260, 7230).contains(&overtaken));
    // One that may have been among its objects.
    assert!(stage(7220, 90_000).contains(&overtaken));
    // It had not come to its Deployment, or was long over.
    assert!(!stage(7260, 90_000).contains(&overtaken));
    assert!(!stage(20_000, 19_990).contains(&overtaken));
}

#[test]
fn a_target_that_is_gone_is_told() {
    let objects = [config_map("a", "1")];
    let stage = |target: u64| {
        Stage::new()
            .revision(3, Status::Deployed, "Upgrade complete", 90_000, &objects)
            .revision(4, Status::PendingRollback, &format!("Rollback to {target}"), 7200, &[config_map("a", "0")])
            .there(live(config_map("a", "1")))
            .at(Phase::Apply, LivenessVerdict::Stale)
    };
    assert_eq!(stage(1).codes(), ["client-killed", "(target-pruned)"]);
    assert_eq!(stage(3).codes(), ["client-killed"]);
    let alone = Stage::new().revision(2, Status::PendingUpgrade, "Preparing upgrade", 7200, &objects);
    assert_eq!(alone.at(Phase::Apply, LivenessVerdict::Stale).codes(), ["client-killed", "(target-pruned)"]);
    let first = Stage::new().revision(1, Status::PendingInstall, "Initial install underway", 7200, &objects);
    assert_eq!(first.at(Phase::Apply, LivenessVerdict::Stale).codes(), ["client-killed"]);
}

#[test]
fn kept_objects_are_an_aside() {
    let mut kept = config_map("a", "1");
    kept["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
    let mut there = kept.clone();
    there["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep", "meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "ns"});
    let stage =
        |status| Stage::new().revision(1, status, "x", 7200, std::slice::from_ref(&kept)).there(live(there.clone()));
    let cause = stage(Status::Uninstalled).says("kept-objects");
    assert_eq!(cause.depth, crate::diagnose::depth::ASIDE);
    assert!(stage(Status::Deployed).codes().is_empty());
    let gone = Stage::new().revision(1, Status::Uninstalled, "Uninstallation complete", 7200, &[kept]);
    assert!(gone.codes().is_empty());
}

#[test]
fn an_owner_at_work_comes_first() {
    let mut object = config_map("a", "2");
    object["metadata"]["labels"] =
        json!({"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "ns"});
    let stage = |suspend: bool, reconciling: &str| {
        let owner = json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v1", "kind": "HelmRelease", "metadata": {"name": "web", "namespace": "ns"},
            "spec": {"suspend": suspend}, "status": {"conditions": [{"type": "Reconciling", "status": reconciling}]},
        });
        let old = [config_map("a", "1"), config_map("b", "1")];
        let new = [config_map("a", "2"), config_map("b", "2")];
        Stage::upgrade(Status::PendingUpgrade, "Preparing upgrade", &old, &new)
            .serves("helm.toolkit.fluxcd.io", "HelmRelease", "helmreleases")
            .there(live(object.clone()))
            .there(live(config_map("b", "1")))
            .there(owner)
    };
    assert_eq!(stage(false, "True").codes(), ["owner-reconciling"]);
    assert_eq!(stage(false, "False").codes(), ["client-killed", "(owner-reconciling)"]);
    assert_eq!(stage(true, "True").codes(), ["client-killed"]);
}

#[test]
fn a_tool_that_carries_helm_is_named_by_its_program() {
    let by = |writer: &str| {
        let stage = Stage::open().newest(|newest| newest.writer = Some(writer.to_owned()));
        stage.codes().contains(&"(owner-reconciling)".to_owned())
    };
    assert!(by("terraform-provider-helm_v2.17.0_x5") && by("pulumi-resource-kubernetes"));
    assert!(!by("Helm"));
}

#[test]
fn another_fix_is_named() {
    let lease = |holder: &str, renewed: i64, undoing: bool| {
        let journal = json!({"fix": "a1b2", "way": "resume", "by": "ada@laptop", "doing": "applying 3 objects", "undoing": undoing});
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "refloat.web", "namespace": "ns", "annotations": {"refloat.dev/journal": journal.to_string()}},
            "spec": {"holderIdentity": holder, "renewTime": ago(renewed).to_string()}})
    };
    let of = |lease| Stage::open().serves("coordination.k8s.io", "Lease", "leases").there(lease).first();
    assert_eq!(of(lease("ada#1", 5, false)).code, "fix-running");
    let interrupted = of(lease("ada#1", 40, false));
    assert_eq!((interrupted.code, interrupted.command.as_str()), ("fix-interrupted", "refloat fix web -n ns"));
    assert_eq!(interrupted.summary, "a fix with resume by ada@laptop was interrupted");
    assert_eq!(interrupted.evidence[0], "it was at: applying 3 objects");
    // Let go, so that the next one may take it at once.
    assert_eq!(of(lease("", 5, false)).code, "fix-interrupted");
    assert_eq!(of(lease("", 5, true)).command, "refloat undo a1b2 -n ns");
    assert_eq!(Stage::open().codes(), ["client-killed"]);
}

#[test]
fn a_failed_rollback_leaves_nothing_deployed() {
    let objects = [config_map("a", "1")];
    let refused = "Rollback \"web\" failed: cannot patch \"a\" with kind ConfigMap: admission webhook \"p\" denied the request: frozen";
    let stage = |second: Status| {
        Stage::new()
            .revision(1, Status::Superseded, "Install complete", 90_000, &objects)
            .revision(2, second, "Upgrade complete", 80_000, &objects)
            .revision(3, Status::Failed, refused, 7200, &objects)
            .there(live(config_map("a", "1")))
            .codes()
    };
    assert_eq!(stage(Status::Superseded), ["webhook-denied", "none-deployed"]);
    assert_eq!(stage(Status::Deployed), ["webhook-denied"]);
}
