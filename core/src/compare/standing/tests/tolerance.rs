//! What is no difference.

use super::{CM, DEPLOY, SVC, check, told};

#[test]
fn what_the_server_fills_in_speaks_for_nobody() {
    check(&[
        // Removed, and filled in again with just that value.
        (DEPLOY, "spec: {replicas: 1}", "spec: {}", "spec: {replicas: 1}", "same =spec.replicas"),
        (DEPLOY, "spec: {replicas: 3}", "spec: {}", "spec: {replicas: 1}", "new +spec.replicas"),
        (DEPLOY, "spec: {replicas: 3}", "spec: {}", "spec: {replicas: 3}", "old -spec.replicas"),
        (DEPLOY, "spec: {}", "spec: {replicas: 3}", "spec: {replicas: 1}", "old -spec.replicas"),
        (DEPLOY, "spec: {}", "spec: {replicas: 1}", "spec: {replicas: 1}", "same =spec.replicas"),
        (
            DEPLOY,
            "spec: {strategy: {type: Recreate}}",
            "spec: {}",
            "spec: {strategy: {type: RollingUpdate}}",
            "new +spec.strategy.type",
        ),
        (
            SVC,
            "spec: {ports: [{port: 80}]}",
            "spec: {ports: [{port: 80, targetPort: 80}]}",
            "spec: {ports: [{port: 80, targetPort: 80, protocol: TCP}]}",
            "same =spec.ports[80/TCP].targetPort",
        ),
        (
            SVC,
            "spec: {ports: [{port: 80}]}",
            "spec: {ports: [{port: 80, targetPort: web}]}",
            "spec: {ports: [{port: 80, targetPort: 80, protocol: TCP}]}",
            "old -spec.ports[80/TCP].targetPort",
        ),
        (
            SVC,
            "spec: {ports: [{port: 80, nodePort: 30080}]}",
            "spec: {ports: [{port: 80}]}",
            "spec: {ports: [{port: 80, nodePort: 30080, protocol: TCP}]}",
            "same =spec.ports[80/TCP].nodePort",
        ),
        (SVC, "spec: {clusterIP: ''}", "spec: {clusterIP: ''}", "spec: {clusterIP: 10.0.0.1}", "same"),
        (SVC, "spec: {}", "spec: {clusterIP: None}", "spec: {clusterIP: 10.0.0.1}", "old -spec.clusterIP"),
        // By the image's tag.
        (
            DEPLOY,
            "spec: {template: {spec: {containers: [{name: a, image: 'x:1'}]}}}",
            "spec: {template: {spec: {containers: [{name: a, image: 'x:1', imagePullPolicy: IfNotPresent}]}}}",
            "spec: {template: {spec: {containers: [{name: a, image: 'x:1', imagePullPolicy: IfNotPresent}]}}}",
            "same =spec.template.spec.containers[a].imagePullPolicy",
        ),
        (
            DEPLOY,
            "spec: {template: {spec: {containers: [{name: a, image: 'x:1'}]}}}",
            "spec: {template: {spec: {containers: [{name: a, image: 'x:1', imagePullPolicy: Always}]}}}",
            "spec: {template: {spec: {containers: [{name: a, image: 'x:1', imagePullPolicy: Always}]}}}",
            "new +spec.template.spec.containers[a].imagePullPolicy",
        ),
        // False and 0 vanish from most fields, and stay in some.
        (DEPLOY, "spec: {paused: true}", "spec: {paused: false}", "spec: {}", "new +spec.paused"),
        (DEPLOY, "spec: {}", "spec: {paused: false}", "spec: {}", "same"),
        (DEPLOY, "spec: {replicas: 2}", "spec: {replicas: 0}", "spec: {replicas: 0}", "new +spec.replicas"),
        ("v1/ServiceAccount", "{}", "automountServiceAccountToken: false", "{}", "old -automountServiceAccountToken"),
        (
            "v1/ServiceAccount",
            "{}",
            "automountServiceAccountToken: false",
            "automountServiceAccountToken: false",
            "new +automountServiceAccountToken",
        ),
        // A pod's account stays, as it is also written to the field's old name.
        (
            "v1/Pod",
            "spec: {serviceAccountName: a}",
            "spec: {}",
            "spec: {serviceAccountName: a, serviceAccount: a}",
            "same =spec.serviceAccountName",
        ),
        (
            "v1/Pod",
            "spec: {serviceAccount: a}",
            "spec: {serviceAccountName: b}",
            "spec: {serviceAccountName: b, serviceAccount: b}",
            "new +spec.serviceAccountName",
        ),
        // An autoscaler's work.
        (
            DEPLOY,
            "spec: {replicas: 2, paused: false}",
            "spec: {replicas: 3, paused: true}",
            "spec: {replicas: 7, paused: true}",
            "new +spec.paused !spec.replicas",
        ),
        (
            DEPLOY,
            "spec: {replicas: 2}",
            "spec: {replicas: 2}",
            "spec: {replicas: 7}\nmetadata: {managedFields: [{manager: kube-controller-manager, subresource: scale, fieldsV1: {'f:spec': {'f:replicas': {}}}}]}",
            "same !spec.replicas",
        ),
        (DEPLOY, "spec: {replicas: 2}", "spec: {replicas: 2}", "spec: {replicas: 0}", "drifted !spec.replicas"),
        (
            "rbac.authorization.k8s.io/v1/ClusterRole",
            "{aggregationRule: {a: b}, rules: [{verbs: [get]}]}",
            "{aggregationRule: {a: b}, rules: [{verbs: [get]}]}",
            "{aggregationRule: {a: b}, rules: []}",
            "same !rules",
        ),
        // Status is nobody's wish.
        (CM, "status: {a: 1}", "status: {a: 2}", "status: {a: 1}", "same"),
    ]);
}

#[test]
fn two_spellings_of_one_value() {
    let limits = |cpu: &str| {
        format!("spec: {{template: {{spec: {{containers: [{{name: a, resources: {{limits: {{cpu: {cpu}}}}}}}]}}}}}}")
    };
    let path = "spec.template.spec.containers[a].resources.limits.cpu";
    let table = [
        ("1000m", "2", "'1'", format!("old -{path}")),
        ("1", "2000m", "'2'", format!("new +{path}")),
        ("1", "1000m", "'1'", "same".to_owned()),
        ("0", "1", "'0'", format!("old -{path}")),
    ];
    for (old, new, live, expected) in table {
        assert_eq!(told(DEPLOY, &limits(old), &limits(new), &limits(live)), expected, "{old} {new} {live}");
    }
    check(&[
        (
            "v1/PersistentVolumeClaim",
            "spec: {resources: {requests: {storage: 1024Mi}}}",
            "spec: {resources: {requests: {storage: 2Gi}}}",
            "spec: {resources: {requests: {storage: 1Gi}}}",
            "old -spec.resources.requests.storage",
        ),
        (
            "v1/ResourceQuota",
            "spec: {hard: {pods: 10}}",
            "spec: {hard: {pods: 11}}",
            "spec: {hard: {pods: '11'}}",
            "new +spec.hard.pods",
        ),
        // A number in a text field, and a port's number as text.
        (
            CM,
            "metadata: {annotations: {a: 1}}",
            "metadata: {annotations: {a: 2}}",
            "metadata: {annotations: {a: '2'}}",
            "new +metadata.annotations.a",
        ),
        (
            SVC,
            "spec: {ports: [{port: 1, targetPort: '80'}]}",
            "spec: {ports: [{port: 1, targetPort: '81'}]}",
            "spec: {ports: [{port: 1, targetPort: 81, protocol: TCP}]}",
            "new +spec.ports[1/TCP].targetPort",
        ),
        // But a label isn't a quantity.
        (
            CM,
            "metadata: {labels: {a: '1'}}",
            "metadata: {labels: {a: 1000m}}",
            "metadata: {labels: {a: 1000m}}",
            "new +metadata.labels.a",
        ),
        // Nothing, null and empty.
        (
            DEPLOY,
            "spec: {template: {spec: {tolerations: []}}}",
            "spec: {template: {spec: {tolerations: null}}}",
            "spec: {}",
            "same",
        ),
        (
            DEPLOY,
            "spec: {template: {spec: {tolerations: [{key: a}]}}}",
            "spec: {template: {spec: {tolerations: []}}}",
            "spec: {}",
            "new +spec.template.spec.tolerations",
        ),
        // Where empty means all, it is something.
        (
            "networking.k8s.io/v1/NetworkPolicy",
            "spec: {ingress: [{from: [{podSelector: {}}]}]}",
            "spec: {ingress: [{from: [{namespaceSelector: {}}]}]}",
            "spec: {podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}",
            "old -spec.ingress[0].from[0].namespaceSelector -spec.ingress[0].from[0].podSelector",
        ),
        (
            "example.com/v1/Widget",
            "spec: {timeout: 60m}",
            "spec: {timeout: 2h}",
            "spec: {timeout: 1h0m0s}",
            "old -spec.timeout",
        ),
    ]);
}

#[test]
fn secrets_are_compared_as_stored_and_never_quoted() {
    const SECRET: &str = "v1/Secret";
    check(&[
        (SECRET, "stringData: {a: canary}", "stringData: {a: canary2}", "data: {a: Y2FuYXJ5}", "old -data.a"),
        (SECRET, "stringData: {a: canary}", "data: {a: Y2FuYXJ5Mg==}", "data: {a: Y2FuYXJ5Mg==}", "new +data.a"),
        (SECRET, "stringData: {a: canary}", "data: {a: Y2FuYXJ5}", "data: {a: Y2FuYXJ5}", "same"),
        (SECRET, "data: {a: \"Y2Fu\\nYXJ5\"}", "data: {a: Zm9v}", "data: {a: Y2FuYXJ5}", "old -data.a"),
        // Nobody takes away what `stringData` wrote.
        (SECRET, "stringData: {a: canary}", "{}", "data: {a: Y2FuYXJ5}", "same =data.a"),
        // So one that comes by it may be left from before.
        (SECRET, "{}", "stringData: {a: canary}", "data: {a: Y2FuYXJ5}", "same =data.a"),
        (SECRET, "{}", "stringData: {a: canary}", "{}", "old -data.a"),
        (SECRET, "data: {a: Y2FuYXJ5}", "{}", "data: {a: Y2FuYXJ5}", "old -data.a"),
        (SECRET, "data: {a: Y2FuYXJ5}", "{}", "{}", "new +data.a"),
    ]);
}

#[test]
fn items_of_lists_are_matched_by_key() {
    let containers = |text: &str| format!("spec: {{template: {{spec: {{containers: [{text}]}}}}}}");
    let at = "spec.template.spec.containers";
    let table = [
        // Others add containers, in any place.
        (
            "{name: a, image: '1'}",
            "{name: a, image: '2'}",
            "{name: proxy}, {name: a, image: '2'}",
            format!("new +{at}[a].image"),
        ),
        ("{name: a}, {name: b}", "{name: b}", "{name: b}", format!("new +{at}[a]")),
        ("{name: a}, {name: b}", "{name: b}", "{name: b}, {name: a}", format!("old -{at}[a]")),
        (
            "{name: a}",
            "{name: a}, {name: b, image: x}",
            "{name: a}, {name: b, image: x, tty: true}",
            format!("new +{at}[b]"),
        ),
        ("{name: a}", "{name: a}, {name: b, image: x}", "{name: a}", format!("old -{at}[b]")),
        ("{name: a}", "{name: a}, {name: b, image: x}", "{name: a}, {name: b, image: y}", format!("drifted !{at}[b]")),
        ("{name: a}", "{name: a}", "{name: b}", format!("drifted !{at}[a]")),
        (
            "{name: a, env: [{name: X, value: '1'}, {name: Z, value: '1'}]}",
            "{name: a, env: [{name: Z, value: '2'}]}",
            "{name: a, env: [{name: Z, value: '1'}, {name: X, value: '1'}]}",
            format!("old -{at}[a].env[X] -{at}[a].env[Z].value"),
        ),
        (
            "{name: a, ports: [{containerPort: 53}, {containerPort: 53, protocol: UDP}]}",
            "{name: a, ports: [{containerPort: 53, protocol: UDP, name: dns}]}",
            "{name: a, ports: [{containerPort: 53, protocol: UDP, name: dns}]}",
            format!("new +{at}[a].ports[53/TCP] +{at}[a].ports[53/UDP].name"),
        ),
        (
            "{name: a, volumeMounts: [{mountPath: /a, name: v}]}",
            "{name: a, volumeMounts: [{mountPath: /a, name: w}]}",
            "{name: a, volumeMounts: [{mountPath: /sa, name: t}, {mountPath: /a, name: w}]}",
            format!("new +{at}[a].volumeMounts[/a].name"),
        ),
        // Variables have an order, as they may be made of those before them.
        (
            "{name: a, env: [{name: U}, {name: V}]}",
            "{name: a, env: [{name: V}, {name: U}]}",
            "{name: a, env: [{name: W}, {name: V}, {name: U}]}",
            format!("new +{at}[a].env"),
        ),
        (
            "{name: a, env: [{name: U}, {name: V}]}",
            "{name: a, env: [{name: V}, {name: U}]}",
            "{name: a, env: [{name: U}, {name: V}]}",
            format!("old -{at}[a].env"),
        ),
        // So have arguments.
        ("{name: a, args: [x, y]}", "{name: a, args: [y, x]}", "{name: a, args: [y, x]}", format!("new +{at}[a].args")),
    ];
    for (old, new, live, expected) in table {
        assert_eq!(told(DEPLOY, &containers(old), &containers(new), &containers(live)), expected, "{old} {new} {live}");
    }
    let role = "rbac.authorization.k8s.io/v1/Role";
    check(&[
        (
            role,
            "rules: [{verbs: [get]}]",
            "rules: [{verbs: [get]}, {verbs: [list]}]",
            "rules: [{verbs: [get]}]",
            "old -rules",
        ),
        (
            role,
            "rules: [{verbs: [get]}]",
            "rules: [{verbs: [get]}, {verbs: [list]}]",
            "rules: [{verbs: [get]}, {verbs: [list]}]",
            "new +rules",
        ),
        (
            role,
            "rules: [{verbs: [get]}]",
            "rules: [{verbs: [list]}]",
            "rules: [{verbs: [list]}]",
            "new +rules[0].verbs",
        ),
        // With something added by others, the longer one that is in it says more.
        (
            role,
            "rules: [{verbs: [get]}]",
            "rules: [{verbs: [get]}, {verbs: [list]}]",
            "rules: [{verbs: [get]}, {verbs: [list]}, {verbs: [x]}]",
            "new +rules",
        ),
        (
            CM,
            "metadata: {finalizers: [a]}",
            "metadata: {finalizers: [b]}",
            "metadata: {finalizers: [x, b]}",
            "new +metadata.finalizers[a] +metadata.finalizers[b]",
        ),
    ]);
}

#[test]
fn custom_resources_are_plain_json() {
    const WIDGET: &str = "example.com/v1/Widget";
    check(&[
        (
            WIDGET,
            "spec: {a: 1, l: [{name: x}]}",
            "spec: {a: 2, l: [{name: x}]}",
            "spec: {a: 2, l: [{name: x, d: 1}], more: 1}",
            "new +spec.a",
        ),
        (WIDGET, "spec: {a: false}", "spec: {a: true}", "spec: {a: false}", "old -spec.a"),
        (WIDGET, "spec: {}", "spec: {a: false}", "spec: {}", "old -spec.a"),
        (WIDGET, "spec: {}", "spec: {a: 5}", "spec: {a: 3}", "old -spec.a"),
        (WIDGET, "spec: {a: '1'}", "spec: {a: 1}", "spec: {a: 1}", "new +spec.a"),
        (
            WIDGET,
            "spec: {l: [{name: x}, {name: y}]}",
            "spec: {l: [{name: y}]}",
            "spec: {l: [{name: y}]}",
            "new +spec.l",
        ),
        (WIDGET, "metadata: {labels: {}}", "{}", "{}", "same"),
        (WIDGET, "spec: {a: {}}", "spec: {}", "spec: {}", "new +spec.a"),
        (WIDGET, "spec: {a: {b: 1}}", "spec: {a: x}", "spec: {a: x}", "new +spec.a"),
    ]);
}
