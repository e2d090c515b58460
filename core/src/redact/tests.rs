use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::bundle::Server;
use crate::manifest::objects;

const SALT: &[u8] = b"salt";
/// Not quite a word, as secrets aren't.
const CANARY: &str = "canary-7f3a \"x\"";

/// A record of release `web` with this payload.
fn stored(driver: Driver, revision: u64, inner: &[u8]) -> StoredRecord {
    let name = format!("sh.helm.release.v1.web.v{revision}");
    let labels = json!({"name": "web", "owner": "helm", "status": "deployed", "version": revision.to_string()});
    let metadata = json!({"name": name, "namespace": "shop", "uid": "u", "resourceVersion": "7", "labels": labels});
    let text = match driver {
        Driver::Secret => STANDARD.encode(inner),
        _ => String::from_utf8(inner.to_vec()).unwrap(),
    };
    let kind = driver.kind();
    let object = json!({"kind": kind, "metadata": metadata, "data": {"release": text}, "body": text});
    StoredRecord::from_object(driver, object).unwrap()
}

fn payload(config: &Value, manifest: &str, notes: &str) -> Value {
    json!({
        "name": "web", "namespace": "shop", "version": 1, "manifest": manifest, "config": config,
        "info": {"status": "deployed", "description": "Install complete", "notes": notes},
        "chart": {"metadata": {"name": "web", "version": "1.0.0"}, "values": {}}
    })
}

fn bundle(records: Vec<StoredRecord>, answers: &[(&str, Answer)]) -> Bundle {
    let mut bundle = Bundle::new(Driver::Secret, records, Timestamp::UNIX_EPOCH, Server::default());
    bundle.answers = answers.iter().map(|(path, answer)| ((*path).to_owned(), answer.clone())).collect();
    bundle
}

/// Everything that a bundle holds, packed and unpacked, down to the innermost layer.
fn layers(bundle: &Bundle) -> String {
    fn unpack(value: &Value, out: &mut String) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| unpack(item, out)),
            Value::Object(members) => members.iter().for_each(|(key, value)| {
                out.push_str(&format!("{key}\n"));
                unpack(value, out);
            }),
            Value::String(text) => {
                out.push_str(&format!("{text}\n"));
                if let Ok(bytes) = STANDARD.decode(text) {
                    out.push_str(&format!("{}\n", String::from_utf8_lossy(&bytes)));
                }
                if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                    unpack(&value, out);
                }
            }
            other => out.push_str(&format!("{other}\n")),
        }
    }
    let mut out = String::new();
    unpack(&serde_json::to_value(bundle).unwrap(), &mut out);
    for record in &bundle.records {
        if let Ok(document) = record.document() {
            out.push_str(document.text());
            unpack(&serde_json::from_str(document.text()).unwrap(), &mut out);
        }
    }
    out
}

/// The ways in which a secret would show.
fn shown(text: &str, secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    for before in ["", "a", "ab"] {
        let encoded = STANDARD.encode(format!("{before}{secret}"));
        let from = [0, 2, 3][before.len()];
        forms.push(encoded[from..(before.len() + secret.len()) * 8 / 6].to_owned());
    }
    forms.into_iter().filter(|form| text.contains(form)).collect()
}

#[test]
fn a_canary_is_nowhere_left() {
    let c = CANARY;
    let encoded = STANDARD.encode(c);
    let quoted = json!(c).to_string();
    let manifest = format!(
        "---\n# Source: web/templates/s.yaml\nkind: Secret\napiVersion: v1\nmetadata: {{name: s}}\ndata: {{p: {encoded}}}\nstringData: {{p: {quoted}}}\n\
         ---\n# Source: web/templates/c.yaml\n# {c}\nkind: ConfigMap\napiVersion: v1\nmetadata: {{name: c}}\ndata:\n  plain: {quoted}\n  app.yaml: |\n    a: {quoted}\n\
         ---\nkind: Pod\napiVersion: v1\nmetadata: {{name: p}}\nspec: {{containers: [{{args: [{quoted}], env: [{{name: X, value: {quoted}}}]}}]}}\n"
    );
    let config = json!({"db": {"password": c}, "other": c, c: 1, "text": format!("postgres://u:{c}@db")});
    let mut payload = payload(&config, &manifest, &format!("log in with {c}"));
    payload["info"]["description"] = format!("failed: {c}").into();
    payload["hooks"] = json!([{"name": "h", "kind": "Job", "manifest": manifest}]);
    payload["chart"]["templates"] = json!([{"name": "t", "data": encoded}]);
    let record = stored(Driver::Secret, 1, encode(payload.to_string().as_bytes()).as_bytes());
    let last = json!({"kind": "Secret", "metadata": {}, "data": {"p": encoded}}).to_string();
    let secret =
        json!({"kind": "Secret", "metadata": {"name": "s", "annotations": {"last": last}}, "data": {"p": encoded}});
    let events = json!({"kind": "EventList", "items": [{"message": format!("said {c}"), "reason": "x"}]});
    let secrets = json!({"kind": "SecretList", "items": [{"metadata": {"name": "t"}, "data": {"p": encoded}}]});
    let answers = [
        ("/api/v1/namespaces/shop/secrets/s", Answer::Found(secret)),
        ("/api/v1/namespaces/shop/events", Answer::Found(events)),
        ("/api/v1/namespaces/shop/secrets", Answer::Found(secrets)),
        ("/log", Answer::Found(format!("panic: {c}\nbase64: {encoded}").into())),
        ("/forbidden", Answer::Forbidden(format!("no {c}"))),
        ("/failed", Answer::Failed(format!("no {c}"))),
    ];
    let old = bundle(vec![record], &answers);
    assert!(!shown(&layers(&old), c).is_empty());
    let new = redact(&old, SALT);
    let text = layers(&new);
    assert_eq!(shown(&text, c), Vec::<String>::new(), "{text}");
    assert_eq!(shown(&text, "canary-7f3a"), Vec::<String>::new(), "{text}");
    assert!(new.redaction.unwrap().places > 15, "{:?}", new.redaction);
    // What is equal stays equal.
    let document = new.records[0].document().unwrap();
    let release = Release::from_document(&document).unwrap();
    let (found, problems) = objects(&release.manifest);
    assert_eq!((found.len(), problems.len()), (3, 0));
    let token = found[0].value["stringData"]["p"].as_str().unwrap();
    assert_eq!(found[0].value["data"]["p"], STANDARD.encode(token));
    let config: Value = serde_json::from_str(&release.config.unwrap()).unwrap();
    assert_eq!((&config["db"]["password"], &config["other"]), (&json!(token), &json!(token)));
    let live = new.answers["/api/v1/namespaces/shop/secrets/s"].found().unwrap();
    assert_eq!(live["data"], found[0].value["data"]);
    assert!(release.manifest.contains("# Source: web/templates/c.yaml"));
    assert_eq!(release.info.notes, format!("log in with {token}"));
}

#[test]
fn references_and_names_stay() {
    let pod = json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": "web", "labels": {"auth": "on", "token": "blue-green"}},
        "spec": {
            "imagePullSecrets": [{"name": "registry"}],
            "serviceAccountName": "secret-reader", "automountServiceAccountToken": true,
            "containers": [{
                "name": "web", "image": "r.io/web:1", "ports": [{"containerPort": 80}],
                "env": [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
                    {"name": "AUTH", "value": "$(PASSWORD)"}, {"name": "TLS_ENABLED", "value": "true"}],
                "args": ["--token-file", "/var/token", "--verbose"]
            }],
            "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}],
            "volumes": [{"name": "s", "secret": {"secretName": "db", "defaultMode": 420, "items": [{"key": "a", "path": "b"}]}},
                {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}]}}]
        },
        "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "Unschedulable", "message": "0/1 nodes"}]}
    });
    let event = json!({"kind": "Event", "involvedObject": {"kind": "Secret", "name": "db", "namespace": "shop"},
        "message": "secret \"db\" not found", "metadata": {"name": "e"}});
    let rules = json!({"status": {"resourceRules": [{"verbs": ["get"], "resources": ["secrets"], "apiGroups": [""]}]}});
    let hooks = json!({"kind": "ValidatingWebhookConfigurationList", "items": [{"metadata": {"name": "w"},
        "webhooks": [{"name": "a.b", "clientConfig": {"caBundle": "LS0t", "service": {"name": "x", "namespace": "y", "path": "/"}}}]}]});
    for value in [pod, event, rules, hooks] {
        let old = bundle(Vec::new(), &[("/x", Answer::Found(value))]);
        let new = redact(&old, SALT);
        assert_eq!(new.answers, old.answers);
        assert_eq!(new.redaction, Some(Redaction::default()));
    }
}

#[test]
fn marks_are_obeyed() {
    let marked = json!({"kind": "Widget", "apiVersion": "x/v1", "metadata": {"name": "w", "labels": {"a": "b"},
        "annotations": {"refloat.dev/redact": "true", "note": "between us"}}, "spec": {"code": "open sesame", "n": 77},
        "status": {"phase": "Ready"}});
    let paths = json!({"kind": "ConfigMap", "metadata": {"name": "c", "annotations": {"refloat.dev/redact": "data.app.conf,list.pin"}},
        "data": {"app.conf": "open sesame", "plain": "x"}, "list": [{"pin": "open sesame", "id": 1}]});
    let new = redact(&bundle(Vec::new(), &[("/a", Answer::Found(marked)), ("/b", Answer::Found(paths))]), SALT);
    let text = layers(&new);
    assert!(!text.contains("sesame") && !text.contains("between us") && !text.contains("77"), "{text}");
    let at = |path: &str| new.answers[path].found().unwrap().clone();
    assert_eq!((&at("/a")["metadata"]["labels"]["a"], &at("/a")["status"]["phase"]), (&json!("b"), &json!("Ready")));
    assert_eq!((&at("/b")["data"]["plain"], &at("/b")["list"][0]["id"]), (&json!("x"), &json!(1)));
    assert_eq!(at("/b")["data"]["app.conf"], at("/a")["spec"]["code"]);
}

#[test]
fn damage_stays_the_same_and_nothing_of_it_leaks() {
    let good = payload(&json!({"password": "canary-7f3a"}), "a: canary-7f3a\n", "canary-7f3a").to_string();
    let padded = good.replace("\"info\"", &format!("\"labels\":\"{}\",\"info\"", "canary-7f3a ".repeat(9000)));
    let gzip = |text: &str| STANDARD.decode(encode(text.as_bytes())).unwrap();
    let mut wrong_sum = gzip(&good);
    let at = wrong_sum.len() - 8;
    wrong_sum[at] ^= 1;
    let nonsense = [&gzip(&good)[..10], b"canary-7f3a"].concat();
    let spoilt = |at: usize, with: &[u8]| {
        let mut bytes = good.clone().into_bytes();
        bytes.splice(at..at, with.iter().copied());
        encode(&bytes).into_bytes()
    };
    let inner = encode(good.as_bytes()).into_bytes();
    let deep = good.replace("\"version\"", &format!("\"x\":{}{},\"version\"", "[".repeat(10_001), "]".repeat(10_001)));
    let bad = |from: &str, to: &str| encode(good.replace(from, to).as_bytes()).into_bytes();
    let table: Vec<Vec<u8>> = vec![
        Vec::new(),
        b" \n".to_vec(),
        [&inner[..inner.len() - 20], b"!canary-7f3a"].concat(),
        b"!canary-7f3a".to_vec(),
        inner[..inner.len() / 2 / 4 * 4].to_vec(),
        inner[..8].to_vec(),
        STANDARD.encode("canary-7f3a").into_bytes(),
        STANDARD.encode(&wrong_sum).into_bytes(),
        STANDARD.encode(&nonsense).into_bytes(),
        spoilt(good.len(), b" canary-7f3a"),
        spoilt(good.find("canary").unwrap(), b"\xff"),
        spoilt(good.find("\"version\":1").unwrap(), b"canary "),
        spoilt(1, b"canary-7f3a"),
        spoilt(0, b"{ canary"),
        encode(deep.as_bytes()).into_bytes(),
        encode(b"[\"canary-7f3a\"]").into_bytes(),
        encode(b"{\"name\":\"web\",\"x\":\"canary-7f3a\"}").into_bytes(),
        bad("\"manifest\":\"", "\"manifest\":5,\"MANIFESTO\":\""),
        bad("\"config\":{", "\"config\":[\"canary-7f3a\"],\"CONFIGURED\":{"),
        bad("\"status\":\"deployed\"", "\"status\":[\"canary-7f3a\"]"),
        encode(&padded.as_bytes()[..padded.len() - 30]).into_bytes(),
    ];
    for (nth, inner) in table.iter().enumerate() {
        let old = stored(Driver::Secret, 1, inner);
        let new = redact(&bundle(vec![old.clone()], &[]), SALT);
        let record = &new.records[0];
        assert_eq!(fault(record), fault(&old), "{nth}");
        assert!(fault(&old).is_err(), "{nth}");
        assert_eq!(record.head(), old.head(), "{nth}");
        assert!(!layers(&new).contains("canary-7f3a"), "{nth}");
        let again: Vec<u8> = record.inner().and_then(|inner| decode(&inner, DEFAULT_LIMIT)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&again).contains("canary-7f3a"), "{nth}");
    }
    let broken = json!({"kind": "Secret", "metadata": {"name": "sh.helm.release.v1.web.v1", "namespace": "shop"},
        "data": {"release": "canary-7f3a", "more": "Y2FuYXJ5LTdmM2E="}});
    let old = StoredRecord::from_object(Driver::Secret, broken).unwrap();
    let new = redact(&bundle(vec![old.clone()], &[]), SALT);
    assert_eq!(new.records[0].document(), old.document());
    assert!(!layers(&new).contains("canary-7f3a"));
}

#[test]
fn a_large_record_stays_as_large() {
    let mut text = String::new();
    let mut state = 1_u64;
    while text.len() < 700_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        text.push_str(&format!("{state:016x}"));
    }
    let mut payload = payload(&json!({}), "", "");
    payload["chart"]["templates"] = json!([{"name": "t", "data": STANDARD.encode(&text)}]);
    let inner = encode(payload.to_string().as_bytes());
    assert!(inner.len() > MAX_STORED / 2);
    for driver in [Driver::Secret, Driver::ConfigMap, Driver::Sql] {
        let old = stored(driver, 1, inner.as_bytes());
        let new = redact(&bundle(vec![old.clone()], &[]), SALT);
        assert_eq!(new.records[0].inner().unwrap().len(), inner.len());
        assert!(new.records[0].document().unwrap().text().len() < 1000);
    }
}

/// Any JSON.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[ -~é\n]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z._-]{1,10}", inner, 0..4)
                .prop_map(|members: BTreeMap<String, Value>| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A key that says that a secret follows.
fn secret_key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["password", "DB_PASSWORD", "apiKey", "authToken", "client-secret", "dsn", "credentials"])
}

/// What is long and odd enough to be nothing else.
fn secret() -> impl Strategy<Value = String> {
    "[ -~é\n\t]{3,20}".prop_map(|tail| format!("cnry7{tail}q"))
}

/// Puts a value somewhere into another, under a key if it can.
fn planted(mut tree: Value, key: &str, secret: Value) -> Value {
    match &mut tree {
        Value::Object(members) => {
            members.insert(key.to_owned(), secret);
            tree
        }
        Value::Array(items) => {
            items.push(json!({key: secret}));
            tree
        }
        _ => json!({key: secret, "rest": tree}),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_planted_secret_survives(
        tree in any_json(), other in any_json(), key in secret_key(), secret in secret(), around in "[ -~]{0,8}",
    ) {
        let manifest = serde_saphyr::to_string(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
            "data": {"a": STANDARD.encode(&secret)}, "stringData": planted(tree.clone(), "x", secret.clone().into())})).unwrap();
        let config = json!({"tree": planted(tree.clone(), key, secret.clone().into())});
        let pod = json!({"kind": "Pod", "spec": {"env": [{"name": key, "value": secret}], "x": format!("{around}{secret}{around}"), "y": other}});
        let notes = format!("{around}{secret}");
        let record = stored(Driver::Secret, 1, encode(payload(&config, &manifest, &notes).to_string().as_bytes()).as_bytes());
        let answers = [("/pod", Answer::Found(pod)), ("/log", Answer::Found(format!("{around} {secret}").into()))];
        let new = redact(&bundle(vec![record], &answers), SALT);
        let text = layers(&new);
        prop_assert_eq!(shown(&text, secret.trim()), Vec::<String>::new(), "{}", text);
        let release = Release::from_document(&new.records[0].document().unwrap()).unwrap();
        let (found, _) = objects(&release.manifest);
        let token = new.answers["/pod"].found().unwrap()["spec"]["env"][0]["value"].as_str().unwrap().to_owned();
        prop_assert_eq!(&found[0].value["data"]["a"], &Value::from(STANDARD.encode(token)));
    }

    #[test]
    fn whatever_a_secret_holds_is_redacted(held in any_json(), extra in any_json()) {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": held, "odd": extra});
        let new = redact(&bundle(Vec::new(), &[("/s", Answer::Found(secret))]), SALT);
        let value = new.answers["/s"].found().unwrap();
        fn check(value: &Value) -> bool {
            match value {
                Value::Null => true,
                Value::String(text) => text.trim().is_empty() || token::is_token(text),
                Value::Array(items) => items.iter().all(check),
                Value::Object(members) => members.values().all(check),
                Value::Bool(_) | Value::Number(_) => false,
            }
        }
        prop_assert!(check(&value["stringData"]) && check(&value["odd"]), "{}", value);
    }

    #[test]
    fn documents_without_secrets_keep_their_bytes(
        plain in prop::collection::btree_map("[a-h]{1,6}", "[a-z ]{0,8}", 0..5), secret in "[a-z0-9]{8,12}",
    ) {
        let document = |name: &str| {
            let data: String = plain.iter().map(|(key, value)| format!("  {key}:   '{value}' # as it is\n")).collect();
            format!("---\n# Source: web/{name}.yaml\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n{data}  last: x\n")
        };
        prop_assume!(!document("").contains(&secret));
        let hidden = format!("---\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{a: '{secret}'}}\n");
        let manifest = format!("{}{hidden}{}", document("a"), document("b"));
        let record = stored(Driver::ConfigMap, 1, encode(payload(&json!({}), &manifest, "").to_string().as_bytes()).as_bytes());
        let new = redact(&bundle(vec![record], &[]), SALT);
        let release = Release::from_document(&new.records[0].document().unwrap()).unwrap();
        prop_assert!(release.manifest.starts_with(&document("a")) && release.manifest.ends_with(&document("b")), "{}", release.manifest);
        prop_assert!(!release.manifest.contains(&secret));
    }

    #[test]
    fn equal_values_stay_equal_and_different_ones_different(one in "[!-~]{1,16}", two in "[!-~]{1,16}") {
        let config = json!({"a": {"password": one}, "b": {"password": two}, "c": {"token": one}});
        let record = stored(Driver::Sql, 1, encode(payload(&config, "", "").to_string().as_bytes()).as_bytes());
        let new = redact(&bundle(vec![record], &[]), SALT);
        let release = Release::from_document(&new.records[0].document().unwrap()).unwrap();
        let config: Value = serde_json::from_str(&release.config.unwrap()).unwrap();
        prop_assert_eq!(config["a"]["password"] == config["b"]["password"], one == two);
        if !text::is_no_secret(&one) {
            prop_assert_eq!(&config["a"]["password"], &config["c"]["token"]);
        }
    }

    #[test]
    fn nothing_makes_it_panic(tree in any_json(), text in "\\PC{0,40}", inner in "[A-Za-z0-9+/=!\n]{0,60}") {
        let good = encode(payload(&json!({"tree": tree}), &text, &text).to_string().as_bytes());
        let records = vec![stored(Driver::ConfigMap, 1, good.as_bytes()), stored(Driver::Sql, 2, inner.as_bytes())];
        let old = bundle(records, &[("/x", Answer::Found(tree)), ("/y", Answer::Failed(text))]);
        let new = redact(&old, SALT);
        for (old, new) in old.records.iter().zip(&new.records) {
            prop_assert_eq!(fault(old), fault(new));
        }
        prop_assert_eq!(redact(&new, b"other").records.len(), 2);
    }
}
