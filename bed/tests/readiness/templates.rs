//! Pod templates, in pairs that Kubernetes' types may or may not call the same, in the forms in which an API server gives them.

use crate::random::{Random, object};
use serde_json::{Value, json};

/// A template, and the one of a ReplicaSet, which carries the hash.
pub fn pair(random: &mut Random) -> (Value, Value) {
    let one = template(random);
    let mut other = if random.percent(20) { template(random) } else { one.clone() };
    if random.percent(40) {
        rewrite(random, &mut other);
    }
    if random.percent(80) {
        if !other["metadata"]["labels"].is_object() {
            other["metadata"]["labels"] = json!({});
        }
        other["metadata"]["labels"]["pod-template-hash"] = json!("7d9f");
    }
    (one, other)
}

fn template(random: &mut Random) -> Value {
    let container = object(&[
        ("name", json!("c")),
        ("image", random.pick(&[json!("i:1"), json!("i:1"), json!("i:2")])),
        ("resources", random.pick(&[json!({}), json!({"limits": {"cpu": "500m", "memory": "1Gi"}})])),
        ("securityContext", random.pick(&[Value::Null, json!({}), json!({"runAsUser": 1})])),
        ("ports", random.pick(&[Value::Null, json!([{"containerPort": 80, "protocol": "TCP"}])])),
        ("env", random.pick(&[Value::Null, json!([{"name": "A", "value": "b"}]), json!([{"name": "A"}])])),
    ]);
    let volumes = [
        Value::Null,
        json!([{"name": "v", "emptyDir": {}}]),
        json!([{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}]),
        json!([{"name": "v", "secret": {"secretName": "s", "defaultMode": 420}}]),
    ];
    object(&[
        (
            "metadata",
            object(&[("labels", random.pick(&[json!({"a": "b"}), Value::Null, json!({"a": "b", "c": "d"})]))]),
        ),
        (
            "spec",
            object(&[
                ("containers", json!([container])),
                ("volumes", random.pick(&volumes)),
                ("nodeSelector", random.pick(&[Value::Null, Value::Null, json!({"zone": "a"})])),
                ("securityContext", json!({})),
                ("restartPolicy", json!("Always")),
            ]),
        ),
    ])
}

/// The same said otherwise, or something else.
fn rewrite(random: &mut Random, template: &mut Value) {
    match random.below(9) {
        0 => template["metadata"]["creationTimestamp"] = Value::Null,
        1 => template["metadata"]["annotations"] = json!({}),
        2 => template["spec"]["tolerations"] = json!([]),
        3 => template["spec"]["nodeSelector"] = json!({}),
        4 => template["spec"]["volumes"] = Value::Null,
        5 => {
            let limits = [
                json!({"cpu": "0.5", "memory": "1024Mi"}),
                json!({"cpu": 0.5, "memory": 1_073_741_824}),
                json!({"cpu": "5e-1", "memory": "1073741824"}),
                json!({"cpu": "500m", "memory": "1G"}),
                json!({"cpu": "501m", "memory": "1Gi"}),
                json!({"cpu": "500000u", "memory": "1048576Ki"}),
            ];
            template["spec"]["containers"][0]["resources"] = json!({"limits": random.pick(&limits)});
        }
        6 => template["spec"]["containers"][0]["securityContext"] = random.pick(&[Value::Null, json!({})]),
        7 => {
            let limit = random.pick(&["1024Mi", "1Gi", "2Gi"]);
            template["spec"]["volumes"] = json!([{"name": "v", "emptyDir": {"sizeLimit": limit}}]);
        }
        _ => template["spec"]["terminationGracePeriodSeconds"] = json!(30),
    }
}
