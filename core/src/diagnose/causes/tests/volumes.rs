//! Scheduling, nodes, claims, mounts.

use super::*;

fn unplaced(message: &str) -> Value {
    with(
        pod(&json!({})),
        &json!({"spec": {"nodeName": null}, "status": {"containerStatuses": null, "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message, "lastTransitionTime": ago(4),
        }]}}),
    )
}

#[test]
fn what_no_node_takes_is_told_in_the_schedulers_words() {
    let table = [
        ("0/3 nodes are available: 3 Insufficient cpu. preemption: none helpful.", "ask for less"),
        ("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.", "label a node"),
        ("0/2 nodes are available: 2 node(s) had untolerated taint {dedicated: db}.", "tolerate the taint"),
    ];
    for (message, remedy) in table {
        let cause = waiting_for(unplaced(message)).top();
        assert_eq!(cause.summary, format!("deployment/web: the pod can't be placed on a node: {message}"));
        assert!(cause.code == "unschedulable" && cause.remedy.contains(remedy), "{cause:?}");
    }
    // The event is all there is in the first moment; a placed pod was placed since.
    let fresh = with(unplaced(""), &json!({"status": {"conditions": []}}));
    let failed = event(&fresh, "FailedScheduling", "0/1 nodes are available: 1 Too many pods.", 1);
    assert_eq!(waiting_for(fresh).with([failed.clone()]).top().code, "unschedulable");
    let placed = pod(&json!({"state": {"waiting": {"reason": "ContainerCreating"}}}));
    assert!(!waiting_for(placed).with([failed]).codes().contains(&"unschedulable"));
}

#[test]
fn a_scheduling_gate_is_no_full_node() {
    let gated = with(
        unplaced("Scheduling is blocked due to non-empty scheduling gates"),
        &json!({"spec": {"schedulingGates": [{"name": "x"}]}}),
    );
    assert!(waiting_for(gated).top().summary.contains("the pod is held back by a scheduling gate"));
}

fn claim(class: Option<&str>, phase: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop"},
        "spec": {"storageClassName": class}, "status": {"phase": phase}})
}

fn class(provisioner: &str, mode: &str) -> Value {
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"},
        "provisioner": provisioner, "volumeBindingMode": mode})
}

const UNBOUND: &str = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found";

fn needing(message: &str) -> World {
    let volumes = json!({"spec": {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}});
    waiting_for(with(unplaced(message), &volumes))
}

#[test]
fn a_claim_without_a_volume_says_why() {
    let pending = claim(Some("fast"), "Pending");
    let failed = event(&pending, "ProvisioningFailed", "rpc error: no capacity left", 1);
    let table = [
        (vec![pending.clone()], UNBOUND, "claim data gets no volume (storage class fast doesn't exist)"),
        (
            vec![claim(None, "Pending")],
            UNBOUND,
            "claim data gets no volume (it names no storage class, and none is the default)",
        ),
        (vec![claim(Some("fast"), "Lost")], UNBOUND, "claim data gets no volume (the volume it was bound to is gone)"),
        (
            vec![pending.clone(), class("csi.example", "Immediate")],
            UNBOUND,
            "claim data gets no volume (provisioner csi.example has made none)",
        ),
        (
            vec![pending.clone(), class("csi.example", "Immediate"), failed],
            UNBOUND,
            "claim data gets no volume (provisioning failed: rpc error: no capacity left)",
        ),
        (
            vec![pending, class("kubernetes.io/no-provisioner", "Immediate")],
            UNBOUND,
            "claim data gets no volume (its class provisions nothing, and no volume fits)",
        ),
        (
            vec![],
            "0/1 nodes are available: persistentvolumeclaim \"data\" not found",
            "claim data isn't there, and its pods need it",
        ),
        (
            vec![claim(Some("fast"), "Bound")],
            "0/1 nodes are available: 1 node(s) had volume node affinity conflict",
            "0/1 nodes are available: 1 node(s) had volume node affinity conflict",
        ),
    ];
    for (objects, message, says) in table {
        let world = needing(message).with(objects);
        let cause = world.top();
        assert_eq!((cause.code, cause.summary), ("pvc-pending", format!("deployment/web: {says}")));
        assert!(!world.codes().contains(&"unschedulable"));
    }
}

#[test]
fn a_claim_that_nothing_uses_and_that_waits_for_a_user_is_told() {
    let wanted = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {"storageClassName": "fast"}});
    let world = World::failed("context deadline exceeded")
        .added(wanted)
        .with([owned(claim(Some("fast"), "Pending")), class("csi.example", "WaitForFirstConsumer")]);
    let says = "persistentvolumeclaim/data: gets no volume (its class makes volumes only once a pod uses the claim, and none was seen)";
    assert_eq!(world.top().summary, says);
    assert_eq!(world.codes(), ["pvc-pending"]);
}

#[test]
fn a_volume_that_cant_be_mounted_is_told_while_the_pod_waits() {
    let creating = pod(&json!({"state": {"waiting": {"reason": "ContainerCreating"}}}));
    let attach = "Multi-Attach error for volume \"pvc-1\" Volume is already exclusively attached to one node";
    let world = waiting_for(creating.clone()).with([
        event(&creating, "FailedMount", "Unable to attach or mount volumes: unmounted volumes=[data]: timed out", 1),
        event(&creating, "FailedAttachVolume", attach, 2),
    ]);
    let cause = world.top();
    assert_eq!(cause.summary, format!("deployment/web: the pod can't get a volume: {attach}"));
    assert!(cause.remedy.contains("Recreate"), "{}", cause.remedy);
}

#[test]
fn a_lost_node_is_named_with_what_hangs_on_it() {
    let waits =
        with(pod(&json!({"state": {"running": {"startedAt": ago(30)}}})), &json!({"status": {"phase": "Running"}}));
    let silent = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}, "status": {"conditions": [{
        "type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "lastTransitionTime": ago(12),
        "message": "Kubelet stopped posting node status.",
    }]}});
    let (old, new) = (deployment("registry.example/web:1"), deployment("registry.example/web:2"));
    let lost = |node: Option<Value>, pod: Value| {
        World::pending().object(old.clone(), new.clone()).with(rollout()).with([pod]).with(node)
    };
    let cause = lost(Some(silent.clone()), waits.clone()).top();
    assert_eq!(cause.summary, "deployment/web: node node-1 hasn't answered for 12m; the pod isn't ready there");
    assert_eq!(cause.command, "kubectl describe node node-1");
    assert!(cause.evidence[0].contains("Kubelet stopped posting node status."), "{:?}", cause.evidence);
    let going = with(waits.clone(), &json!({"metadata": {"deletionTimestamp": ago(5)}}));
    assert!(lost(Some(silent), going).top().summary.ends_with("the pod can't end there"));
    assert_eq!(
        lost(None, waits.clone()).top().summary,
        "deployment/web: node node-1 is gone; the pod isn't ready there"
    );
    assert!(!lost(Some(node()), waits).codes().contains(&"node-lost"));
}
