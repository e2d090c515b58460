//! Objects in every state that the rules tell apart, each field by itself: most of it never comes together in a cluster.

use crate::Case;
use crate::random::{Random, object};
use crate::templates;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// One object with what is around it.
pub fn generate(random: &mut Random, now: Timestamp) -> Case {
    let mut case = match random.below(15) {
        0 | 1 => alone(pod(random, now, "x")),
        2 => alone(job(random)),
        3..=5 => deployment(random, now),
        6 | 7 => with_pods(stateful_set(random), random, now),
        8 => alone(daemon_set(random)),
        9 => with_pods(replica_set(random, now, "x", None), random, now),
        10 => with_pods(controller(random), random, now),
        11 => alone(random_small(random)),
        12 => alone(definition(random)),
        _ => alone(other(random)),
    };
    common(random, &mut case.object);
    case
}

fn alone(object: Value) -> Case {
    Case { object, replica_sets: Vec::new(), pods: Vec::new() }
}

fn with_pods(object: Value, random: &mut Random, now: Timestamp) -> Case {
    let pods = (0..random.below(4)).map(|index| pod(random, now, &format!("p{index}"))).collect();
    Case { object, replica_sets: Vec::new(), pods }
}

fn base(version: &str, kind: &str) -> Value {
    json!({"apiVersion": version, "kind": kind,
        "metadata": {"name": "x", "namespace": "n", "uid": "u1", "creationTimestamp": "2026-08-01T10:00:00Z"}})
}

/// What may stand on any object.
fn common(random: &mut Random, object: &mut Value) {
    if random.percent(5) {
        object["metadata"]["deletionTimestamp"] = json!("2026-08-01T10:00:00Z");
    }
    if random.percent(8) {
        let extra = condition(random, &["Reconciling", "Stalled"], &["Any"]);
        if let Some(status) = object["status"].as_object_mut()
            && let Some(all) = status.entry("conditions").or_insert(json!([])).as_array_mut()
        {
            all.push(extra);
        }
    }
    if random.percent(2) {
        object["status"] = Value::Null;
    }
}

fn condition(random: &mut Random, kinds: &[&str], reasons: &[&str]) -> Value {
    let status = random.pick(&["True", "True", "False", "Unknown"]);
    object(&[
        ("type", json!(random.pick(kinds))),
        ("status", json!(status)),
        ("reason", json!(random.pick(reasons))),
        ("message", random.pick(&[Value::Null, json!("words")])),
    ])
}

fn conditions(random: &mut Random, kinds: &[&str], reasons: &[&str]) -> Value {
    if random.percent(5) {
        return Value::Null;
    }
    (0..random.below(4)).map(|_| condition(random, kinds, reasons)).collect()
}

/// Sets the generation, and gives what the controller has seen of it.
fn generations(random: &mut Random, object: &mut Value) -> Value {
    let generation = random.pick(&[json!(2), json!(2), json!(2), json!(1), Value::Null]);
    if !generation.is_null() {
        object["metadata"]["generation"] = generation.clone();
    }
    if random.percent(85) { generation } else { random.pick(&[json!(2), json!(0), Value::Null]) }
}

fn selector(random: &mut Random) -> Value {
    match random.below(20) {
        0 => json!({"matchLabels": {"a": "z"}}),
        1 => json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]}),
        2 => {
            json!({"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "e", "operator": "NotIn", "values": ["f"]}]})
        }
        3 => json!({"matchExpressions": [{"key": "e", "operator": "DoesNotExist"}]}),
        4 => json!({"matchExpressions": [{"key": "e", "operator": "Exists"}]}),
        5 => json!({"matchExpressions": [{"key": "e", "operator": "Exists", "values": ["f"]}]}),
        6 => json!({"matchExpressions": [{"key": "e", "operator": "Like"}]}),
        7 => json!({"matchExpressions": [{"key": "e", "operator": "In"}]}),
        8 => json!({}),
        9 => Value::Null,
        _ => json!({"matchLabels": {"a": "b"}}),
    }
}

fn labels(random: &mut Random) -> Value {
    random.pick(&[json!({"a": "b"}), json!({"a": "b"}), json!({"a": "b", "e": "f"}), json!({"a": "z"}), Value::Null])
}

fn bound(random: &mut Random) -> Value {
    let numbers = [json!(0), json!(1), json!(2), json!(9)];
    let texts =
        ["0%", "1%", "25%", "33%", "34%", "50%", "100%", "300%", "25", "x", "%", "+50%", "2%5"].map(Value::from);
    let all: Vec<Value> = numbers.into_iter().chain(texts).chain([Value::Null]).collect();
    random.pick(&all)
}

fn deployment(random: &mut Random, now: Timestamp) -> Case {
    let versions = ["apps/v1", "apps/v1", "apps/v1", "apps/v1", "apps/v1beta2", "apps/v1beta1", "extensions/v1beta1"];
    let mut deployment = base(random.pick(&versions), "Deployment");
    let seen = generations(random, &mut deployment);
    let want = random.below(5);
    let (template, other) = templates::pair(random);
    let rolling = object(&[("maxSurge", bound(random)), ("maxUnavailable", bound(random))]);
    let strategy = if random.percent(80) {
        json!({"type": "RollingUpdate", "rollingUpdate": rolling})
    } else {
        json!({"type": "Recreate"})
    };
    deployment["spec"] = object(&[
        ("replicas", json!(want)),
        ("paused", random.pick(&[Value::Null, Value::Null, Value::Null, json!(false), json!(true)])),
        ("progressDeadlineSeconds", random.pick(&[json!(600), json!(600), json!(i32::MAX), Value::Null])),
        ("selector", selector(random)),
        ("strategy", strategy),
        ("template", template),
    ]);
    let reasons = ["NewReplicaSetAvailable", "NewReplicaSetAvailable", "ReplicaSetUpdated", "ProgressDeadlineExceeded"];
    let mut all = conditions(random, &["Progressing", "Available", "ReplicaFailure"], &reasons);
    if random.percent(60) {
        all = json!([{"type": "Available", "status": "True"},
            {"type": "Progressing", "status": "True", "reason": random.pick(&reasons)}]);
    }
    deployment["status"] = object(&[
        ("observedGeneration", seen),
        ("replicas", random.near(want)),
        ("updatedReplicas", random.near(want)),
        ("readyReplicas", random.near(want)),
        ("availableReplicas", random.near(want)),
        ("conditions", all),
    ]);
    let sets =
        (0..random.below(4)).map(|index| replica_set(random, now, &format!("x-{}", 9 - index), Some(&other))).collect();
    let mut case = with_pods(deployment, random, now);
    case.replica_sets = sets;
    case
}

fn replica_set(random: &mut Random, now: Timestamp, name: &str, template: Option<&Value>) -> Value {
    let versions = ["apps/v1", "apps/v1", "apps/v1", "apps/v1", "apps/v1beta2", "extensions/v1beta1"];
    let version = if template.is_some() { "apps/v1" } else { random.pick(&versions) };
    let mut set = base(version, "ReplicaSet");
    let seen = generations(random, &mut set);
    let want = random.below(5);
    set["metadata"]["name"] = json!(name);
    set["metadata"]["namespace"] = json!(if template.is_some() && random.percent(5) { "m" } else { "n" });
    let labels = labels(random);
    if !labels.is_null() {
        set["metadata"]["labels"] = labels;
    }
    let age = random.below(3).try_into().unwrap();
    set["metadata"]["creationTimestamp"] =
        json!((now - SignedDuration::from_hours(age)).strftime("%FT%TZ").to_string());
    if template.is_some() {
        set["metadata"]["ownerReferences"] = random.pick(&[
            json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "x", "uid": "u1", "controller": true}]),
            json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "x", "uid": "u1", "controller": true}]),
            json!([{"apiVersion": "v1", "kind": "A", "name": "y", "uid": "u2"},
                {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x", "uid": "u1", "controller": true}]),
            json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "x", "uid": "u1", "controller": false}]),
            json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "x", "uid": "u2", "controller": true}]),
        ]);
    }
    let own = templates::pair(random).0;
    set["spec"] = object(&[
        ("replicas", if random.percent(90) { json!(want) } else { Value::Null }),
        ("selector", selector(random)),
        ("template", template.filter(|_| random.percent(80)).cloned().unwrap_or(own)),
    ]);
    set["status"] = object(&[
        ("observedGeneration", seen),
        ("replicas", random.near(want)),
        ("fullyLabeledReplicas", random.near(want)),
        ("readyReplicas", random.near(want)),
        ("availableReplicas", random.near(want)),
        (
            "conditions",
            if random.percent(70) { Value::Null } else { conditions(random, &["ReplicaFailure"], &["Quota"]) },
        ),
    ]);
    set
}

fn controller(random: &mut Random) -> Value {
    let mut controller = base("v1", "ReplicationController");
    let seen = generations(random, &mut controller);
    controller["spec"] = object(&[("replicas", json!(1)), ("selector", labels(random))]);
    controller["status"] = object(&[("observedGeneration", seen), ("replicas", random.near(1))]);
    controller
}

fn stateful_set(random: &mut Random) -> Value {
    let mut set = base(random.pick(&["apps/v1", "apps/v1", "apps/v1", "apps/v1beta1", "apps/v1beta2"]), "StatefulSet");
    let seen = generations(random, &mut set);
    let want = random.below(4);
    let partition = random.pick(&[
        Value::Null,
        json!({}),
        json!({"partition": 0}),
        json!({"partition": 2}),
        json!({"partition": 9}),
    ]);
    let kind = random.pick(&["RollingUpdate", "RollingUpdate", "RollingUpdate", "OnDelete", ""]);
    set["spec"] = object(&[
        ("replicas", if random.percent(90) { json!(want) } else { Value::Null }),
        ("selector", selector(random)),
        ("updateStrategy", object(&[("type", json!(kind)), ("rollingUpdate", partition)])),
    ]);
    set["status"] = object(&[
        ("observedGeneration", seen),
        ("replicas", random.near(want)),
        ("readyReplicas", random.near(want)),
        ("updatedReplicas", random.near(want)),
        ("currentReplicas", random.near(want)),
        ("currentRevision", random.pick(&[json!("x-1"), json!("x-1"), Value::Null])),
        ("updateRevision", random.pick(&[json!("x-1"), json!("x-1"), json!("x-2"), Value::Null])),
    ]);
    set
}

fn daemon_set(random: &mut Random) -> Value {
    let mut set =
        base(random.pick(&["apps/v1", "apps/v1", "apps/v1", "apps/v1beta2", "extensions/v1beta1"]), "DaemonSet");
    let seen = generations(random, &mut set);
    let want = random.below(4);
    let rolling = object(&[("maxUnavailable", bound(random))]);
    set["spec"] = json!({"updateStrategy": if random.percent(80) {
        json!({"type": "RollingUpdate", "rollingUpdate": rolling})
    } else {
        json!({"type": "OnDelete"})
    }});
    set["status"] = object(&[
        ("observedGeneration", seen),
        ("desiredNumberScheduled", if random.percent(95) { json!(want) } else { Value::Null }),
        ("currentNumberScheduled", random.near(want)),
        ("updatedNumberScheduled", random.near(want)),
        ("numberReady", random.near(want)),
        ("numberAvailable", random.near(want)),
    ]);
    set
}

/// A Pod with labels, in any phase; created long enough before or after the border of its 15 s that a slow run decides alike.
fn pod(random: &mut Random, now: Timestamp, name: &str) -> Value {
    let mut pod = base("v1", "Pod");
    pod["metadata"]["name"] = json!(name);
    pod["metadata"]["namespace"] = json!(if name != "x" && random.percent(5) { "m" } else { "n" });
    let labels = labels(random);
    if !labels.is_null() {
        pod["metadata"]["labels"] = labels;
    }
    let age = random.pick(&[-3600, 60, 600]);
    pod["metadata"]["creationTimestamp"] = json!((now - SignedDuration::from_secs(age)).strftime("%FT%TZ").to_string());
    if random.percent(10) {
        pod["metadata"]["deletionTimestamp"] = json!("2026-08-01T10:00:00Z");
    }
    let waiting = random.pick(&["CrashLoopBackOff", "CrashLoopBackOff", "ImagePullBackOff"]);
    let states = [json!({"waiting": {"reason": waiting}}), json!({"running": {}}), json!({"waiting": {}}), json!({})];
    let one = json!({"name": "c", "image": "i", "imageID": "i", "restartCount": 3, "ready": false, "state": random.pick(&states)});
    let phases = ["Running", "Running", "Running", "Pending", "Pending", "Succeeded", "Failed", "Unknown", ""];
    let kinds = ["Ready", "Ready", "PodScheduled", "PodScheduled", "Initialized"];
    pod["status"] = object(&[
        ("phase", json!(random.pick(&phases))),
        ("conditions", conditions(random, &kinds, &["Unschedulable", "Unschedulable", "SchedulingGated"])),
        ("containerStatuses", if random.percent(90) { json!([one]) } else { Value::Null }),
    ]);
    pod
}

fn job(random: &mut Random) -> Value {
    let mut job = base("batch/v1", "Job");
    job["metadata"]["generation"] = json!(1);
    job["spec"] = object(&[
        ("parallelism", json!(1)),
        ("completions", random.pick(&[json!(1), json!(3), Value::Null])),
        ("backoffLimit", random.pick(&[json!(0), json!(2), json!(6)])),
    ]);
    job["status"] = object(&[
        ("startTime", random.pick(&[Value::Null, json!("2026-08-01T10:00:01Z")])),
        ("active", random.near(1)),
        ("succeeded", random.near(1)),
        ("failed", random.pick(&[Value::Null, json!(1), json!(2), json!(3)])),
        (
            "conditions",
            conditions(random, &["Complete", "Failed", "FailureTarget", "Suspended"], &["BackoffLimitExceeded"]),
        ),
    ]);
    job
}

fn random_small(random: &mut Random) -> Value {
    if random.percent(40) {
        let mut claim = base("v1", "PersistentVolumeClaim");
        claim["status"] =
            object(&[("phase", random.pick(&[Value::Null, json!("Pending"), json!("Bound"), json!("Lost")]))]);
        return claim;
    }
    let mut service = base("v1", "Service");
    service["spec"] = object(&[
        (
            "type",
            random.pick(&["ClusterIP", "LoadBalancer", "LoadBalancer", "ExternalName", "NodePort"].map(Value::from)),
        ),
        ("clusterIP", random.pick(&[json!("10.0.0.1"), json!("10.0.0.1"), json!("None"), json!(""), Value::Null])),
        ("externalIPs", random.pick(&[Value::Null, Value::Null, json!([]), json!(["192.0.2.1"])])),
    ]);
    let ingress = random.pick(&[Value::Null, json!([]), json!([{"ip": "192.0.2.1"}])]);
    service["status"] = json!({"loadBalancer": object(&[("ingress", ingress)])});
    service
}

fn definition(random: &mut Random) -> Value {
    let version = random.pick(&["apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1"]);
    let mut definition = base(version, "CustomResourceDefinition");
    definition["metadata"].as_object_mut().unwrap().remove("namespace");
    definition["metadata"]["generation"] = json!(1);
    let all =
        conditions(random, &["Established", "Established", "NamesAccepted", "Terminating"], &["Installing", "Other"]);
    definition["status"] = object(&[("conditions", all)]);
    definition
}

/// Kinds without a rule, and custom resources, whose fields can be anything.
fn other(random: &mut Random) -> Value {
    let kinds = [
        ("example.org/v1", "Widget"),
        ("example.org/v1", "Widget"),
        ("example.org/v1", "Widget"),
        ("example.org/v1", "Deployment"),
        ("batch.example.org/v1", "Job"),
        ("v1", "Namespace"),
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
        ("v1", "PersistentVolume"),
        ("policy/v1", "PodDisruptionBudget"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("networking.k8s.io/v1", "Ingress"),
        ("batch/v1", "CronJob"),
    ];
    let (version, kind) = random.pick(&kinds);
    let mut other = base(version, kind);
    let seen = generations(random, &mut other);
    let all = conditions(random, &["Ready", "Ready", "Healthy", "Stalled"], &["Any", ""]);
    other["status"] = object(&[("observedGeneration", seen), ("conditions", all)]);
    if version.contains("example.org") && random.percent(25) {
        odd(random, &mut other);
    }
    other
}

fn odd(random: &mut Random, object: &mut Value) {
    let oddities = [Value::Null, json!("2"), json!(2.0), json!(2.5), json!(true), json!([]), json!({}), json!(7)];
    let value = random.pick(&oddities);
    match random.below(7) {
        0 => object["metadata"]["generation"] = random.pick(&[json!(2), json!(3)]),
        1 => object["status"]["observedGeneration"] = value,
        2 => object["status"]["conditions"] = value,
        3 => object["status"]["conditions"] = json!([value]),
        4 => object["status"]["conditions"] = json!([{"type": "Ready", "status": value}]),
        5 => object["status"]["conditions"] = json!([{"type": "Ready", "status": "True", "message": value}]),
        _ => object["status"] = value,
    }
}
