//! Both Helms' descriptions, taken apart.

use super::super::words::{Refusal, shown, taken_apart};

fn parts(description: &str) -> Vec<String> {
    taken_apart(description).iter().map(|refusal| format!("{}: {}", refusal.words(), refusal.text)).collect()
}

#[test]
fn an_upgrade_joins_refusals_with_and() {
    let three = "Upgrade \"web\" failed: cannot patch \"a\" with kind ConfigMap: admission webhook \"p.example.com\" denied the request: no && cannot patch \"web\" with kind Deployment: admission webhook \"p.example.com\" denied the request: no";
    assert_eq!(
        parts(three),
        [
            "configmap/a: cannot patch \"a\" with kind ConfigMap: admission webhook \"p.example.com\" denied the request: no",
            "deployment/web: cannot patch \"web\" with kind Deployment: admission webhook \"p.example.com\" denied the request: no",
        ]
    );
    let four = "Upgrade \"web\" failed: server-side apply failed for object shop/a /v1, Kind=ConfigMap: admission webhook \"p\" denied the request: x && y && server-side apply failed for object shop/web apps/v1, Kind=Deployment: deployments.apps \"web\" is forbidden: User \"d\" cannot patch";
    let refusals = taken_apart(four);
    let named: Vec<_> = refusals.iter().map(Refusal::words).collect();
    assert_eq!(named, ["configmap/a", "deployment/web"]);
    // The words of a policy may hold the same signs.
    assert!(refusals[0].text.ends_with("denied the request: x && y"), "{refusals:?}");
}

#[test]
fn an_install_lists_them() {
    let three = "Release \"web\" failed: 2 errors occurred:\n\t* configmaps is forbidden: User \"deployer\" cannot create resource \"configmaps\" in API group \"\" in the namespace \"shop\"\n\t* Deployment.apps \"web\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0\n\n";
    assert_eq!(
        parts(three),
        [
            "an object: configmaps is forbidden: User \"deployer\" cannot create resource \"configmaps\" in API group \"\" in the namespace \"shop\"",
            "deployment/web: Deployment.apps \"web\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        ]
    );
    let four = "Release \"web\" failed: server-side apply failed for object shop/a /v1, Kind=ConfigMap: no\nserver-side apply failed for object shop/web apps/v1, Kind=Deployment: neither";
    assert_eq!(taken_apart(four).len(), 2);
}

#[test]
fn one_refusal_may_have_lines() {
    let claim = "Upgrade \"web\" failed: cannot patch \"data\" with kind PersistentVolumeClaim: PersistentVolumeClaim \"data\" is invalid: spec: Forbidden: spec is immutable after creation except resources.requests\n@@ -10,7 +10,7 @@\n   }\n- \"StorageClassName\": \"bed\",\n+ \"StorageClassName\": \"other\",\n";
    assert_eq!(
        parts(claim),
        [
            "persistentvolumeclaim/data: cannot patch \"data\" with kind PersistentVolumeClaim: PersistentVolumeClaim \"data\" is invalid: spec: Forbidden: spec is immutable after creation except resources.requests"
        ]
    );
    let waited = "Upgrade \"web\" failed: resource Deployment/shop/web not ready. status: InProgress, message: Pending termination: 1\ncontext deadline exceeded";
    assert_eq!(taken_apart(waited).len(), 2);
}

#[test]
fn hooks_are_known() {
    let hook = "Upgrade \"web\" failed: pre-upgrade hooks failed: warning: Hook pre-upgrade shop/templates/hooks.yaml failed: 1 error occurred:\n\t* jobs.batch is forbidden: User \"d\" cannot create resource \"jobs\" in API group \"batch\" in the namespace \"shop\"\n\n";
    assert!(taken_apart(hook).iter().all(|refusal| refusal.hook));
    assert!(
        taken_apart("Release \"web\" failed: failed pre-install: 1 error occurred:\n\t* job web-pre failed: x\n\n")[0]
            .hook
    );
    assert!(!taken_apart("Upgrade \"web\" failed: cannot patch \"pre-a\" with kind Job: no")[0].hook);
}

#[test]
fn quoted_values_stay_hidden() {
    let table = [
        // Helm 3 patched with the whole object.
        (
            r#"cannot patch "s" with kind Secret:  "" is invalid: patch: Invalid value: "{\"data\":{\"password\":\"aHVudGVyMg==\"},\"kind\":\"Secret\"}": json: cannot unmarshal number into Go struct field Secret.type of type core.SecretType"#,
            r#"cannot patch "s" with kind Secret: "" is invalid: patch: Invalid value: …: json: cannot unmarshal number into Go struct field Secret.type of type core.SecretType"#,
        ),
        (
            r#"Job.batch "seed" is invalid: spec.template: Invalid value: {"Spec":{"Containers":[{"Env":[{"Name":"PASSWORD","Value":"hunter2"}]}]}}: field is immutable"#,
            r#"Job.batch "seed" is invalid: spec.template: Invalid value: …: field is immutable"#,
        ),
        // Older servers print Go's own notation.
        (
            r#"Job.batch "seed" is invalid: spec.template: Invalid value: core.PodTemplateSpec{Env:[]core.EnvVar{core.EnvVar{Name:"P", Value:"hunter2: x"}}}: field is immutable"#,
            r#"Job.batch "seed" is invalid: spec.template: Invalid value: …: field is immutable"#,
        ),
        (
            r#"Deployment.apps "web" is invalid: spec.template.spec.containers[0].env[0].value: Invalid value: "hunter2": no"#,
            r#"Deployment.apps "web" is invalid: spec.template.spec.containers[0].env[0].value: Invalid value: …: no"#,
        ),
        (
            r#"Service "web" is invalid: [spec.ports[0].port: Invalid value: 99999: must be between 1 and 65535, inclusive, spec.ports[0].name: Invalid value: "My Port": no]"#,
            r#"Service "web" is invalid: [spec.ports[0].port: Invalid value: 99999: must be between 1 and 65535, inclusive, spec.ports[0].name: Invalid value: …: no]"#,
        ),
        (
            r#"Secret in version "v1" cannot be handled as a Secret: decode: ReadString: expects " or n, but found 1, error found in #10 byte of ...|hunter2|..., bigger context ...|hunter2|..."#,
            r#"Secret in version "v1" cannot be handled as a Secret: decode: ReadString: expects " or n, but found 1"#,
        ),
        (r#"x: Invalid value: "never closed hunter2"#, "x: Invalid value: …"),
    ];
    for (raw, expected) in table {
        assert_eq!(shown(raw, false), expected);
    }
    let typed = r#"Secret "s" is invalid: type: Invalid value: "kubernetes.io/basic-auth": field is immutable"#;
    assert_eq!(shown(typed, false), typed);
    assert!(!shown(typed, true).contains("basic-auth"));
}

#[test]
fn anything_is_taken_apart_without_end() {
    for odd in [
        "",
        "\" failed: ",
        "Upgrade \"web\" failed: ",
        " && && &&\n\n",
        "2 errors occurred:\n\t* ",
        "cannot patch \"",
        "Invalid value: {{{",
    ] {
        let _ = taken_apart(odd);
        let _ = shown(odd, false);
    }
    let many = "resource \n".repeat(100_000);
    assert!(taken_apart(&many).len() <= 51);
    let wide = format!("x Invalid value: {}", "é".repeat(100_000));
    assert!(taken_apart(&wide)[0].text.chars().count() <= 300);
}
