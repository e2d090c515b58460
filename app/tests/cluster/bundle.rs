//! Bundles: no secret in them, and the same told from them as from the cluster.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bed::{Driver, Major, Namespace, Trouble, chart};
use refloat_core::bundle::Bundle;
use regex::Regex;
use serde_json::{Value, json};

use crate::record::Record;
use crate::{Ran, each, everywhere, namespace, refloat};

/// A canary per place from which it must be found: only the place tells that it is one.
const CANARIES: [&str; 9] = [
    "cnry1-values-Xx0",
    "cnry2-data-Xx0",
    "cnry3-string-Xx0",
    "cnry4-env-Xx0",
    "cnry5-hook-Xx0",
    "cnry6-config-Xx0",
    "cnry7-url-Xx0",
    "cnry8-marked-Xx0",
    "cnry9-file-Xx0",
];

/// All places in which a release keeps secrets, and many in which it shouldn't.
const TEMPLATE: &str = r#"apiVersion: v1
kind: Secret
metadata:
  name: {{ .Release.Name }}
  annotations:
    note: "said cnry2-data-Xx0"
data:
  # cnry2-data-Xx0
  password: {{ "cnry2-data-Xx0" | b64enc }}
  version: {{ printf "version-%v-of-it" .Values.version | b64enc }}
stringData:
  token: cnry3-string-Xx0
  app.properties: |
    user=shop
    db.password=cnry9-file-Xx0
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-config
data:
  API_TOKEN: cnry6-config-Xx0
  url: postgres://shop:cnry7-url-Xx0@db:5432/shop
  copied: "{{ .Values.harmless }} and {{ .Values.password }}"
  app.yaml: |
    nested:
      file: "cnry9-file-Xx0"
      auth: {{ printf "shop:%s" .Values.password | b64enc }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-marked
  annotations:
    refloat.dev/redact: "true"
data:
  anything: cnry8-marked-Xx0
---
apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}-pod
  annotations:
    bed.refloat.dev/pod: ready
    copied: cnry4-env-Xx0
spec:
  containers:
  - name: app
    image: registry.example/app:1
    args: ["--verbose", "--password", "cnry4-env-Xx0", "--note=cnry8-marked-Xx0"]
    env:
    - {name: DB_PASSWORD, value: cnry4-env-Xx0}
    - {name: HARMLESS, value: "cnry6-config-Xx0"}
---
apiVersion: v1
kind: Secret
metadata:
  name: {{ .Release.Name }}-hook
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-delete-policy: before-hook-creation,hook-failed
stringData: {key: cnry5-hook-Xx0}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-hook-note
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: "1"
data: {copied: cnry5-hook-Xx0}
"#;

const NOTES: &str = "Log in with {{ .Values.password }}, or cnry2-data-Xx0.\ntoken: cnry3-string-Xx0\n";

/// A folder of this namespace's own.
fn folder(ns: &Namespace<'_>) -> PathBuf {
    let folder = ns.bed.address.dir.join("refloat").join(&ns.name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn chart_of_secrets(ns: &Namespace<'_>) -> String {
    let folder = folder(ns).join("chart");
    fs::create_dir_all(folder.join("templates")).unwrap();
    fs::write(folder.join("Chart.yaml"), "apiVersion: v2\nname: secrets\nversion: 1.0.0\nappVersion: '1'\n").unwrap();
    fs::write(folder.join("values.yaml"), "version: 1\npassword: cnry1-values-Xx0\nharmless: x\n").unwrap();
    fs::write(folder.join("templates/all.yaml"), TEMPLATE).unwrap();
    fs::write(folder.join("templates/NOTES.txt"), NOTES).unwrap();
    folder.to_string_lossy().into_owned()
}

/// A release with secrets everywhere: installed, upgraded, and an upgrade that failed.
fn furnish(ns: &Namespace<'_>, major: Major) {
    let chart = chart_of_secrets(ns);
    let helm = |args: &[&str]| ns.helm(major, args).unwrap();
    let install = ["install", "web", &chart, "--set", "password=cnry1-values-Xx0,harmless=cnry1-values-Xx0"];
    helm(&[&install[..], &["--description", "with cnry1-values-Xx0"]].concat()).ok().unwrap();
    helm(&["upgrade", "web", &chart, "--set", "version=2,list[0].apiKey=cnry1-values-Xx0"]).ok().unwrap();
    // A hook that is refused: the description quotes why.
    fs::write(Path::new(&chart).join("templates/bad.yaml"), BAD).unwrap();
    helm(&["upgrade", "web", &chart, "--set", "version=3"]).failed().unwrap();
    // What others leave on live objects.
    let applied = json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"token": "cnry3-string-Xx0"}});
    let last =
        json!({"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied.to_string()}}});
    ns.patch("secrets/web", &last).unwrap();
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "web.1"}, "type": "Warning", "reason": "Odd",
        "involvedObject": {"kind": "Pod", "name": "web-pod", "namespace": ns.name},
        "message": format!("refused cnry2-data-Xx0 ({})", STANDARD.encode("cnry3-string-Xx0"))
    });
    ns.post("events", &event).unwrap();
}

const BAD: &str = r#"apiVersion: v1
kind: Pod
metadata:
  name: web-bad
  annotations: {helm.sh/hook: pre-upgrade, helm.sh/hook-weight: "9"}
spec:
  restartPolicy: "not cnry4-env-Xx0"
  containers: [{name: app, image: "registry.example/app:1"}]
"#;

/// Every text that a file holds, unpacked to the innermost layer.
fn layers(path: &Path) -> Vec<String> {
    let bytes = fs::read(path).unwrap();
    let bundle = Bundle::from_bytes(&bytes).unwrap();
    let mut layers = vec![String::from_utf8_lossy(&bytes).into_owned()];
    let mut texts = vec![bundle.to_json().unwrap()];
    for record in &bundle.records {
        texts.push(record.document().unwrap().text().to_owned());
        texts.push(String::from_utf8(record.inner().unwrap()).unwrap());
    }
    // Strings in JSON in strings, and base64 in them.
    while let Some(text) = texts.pop() {
        // Nothing is base64 for nothing, for ever.
        if text.trim().is_empty() {
            continue;
        }
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            strings(&value, &mut texts);
        } else if let Ok(bytes) = STANDARD.decode(text.trim()) {
            texts.extend(String::from_utf8(bytes).ok());
        } else {
            let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)));
            let decoded = words.filter(|word| word.len() > 8).filter_map(|word| STANDARD.decode(word).ok());
            layers.extend(decoded.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
        }
        layers.push(text);
    }
    layers
}

fn strings(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, texts)),
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            texts.push(key.clone());
            strings(value, texts);
        }),
        _ => {}
    }
}

/// The canaries that any layer holds, in any form.
fn heard(layers: &[String]) -> Vec<&'static str> {
    let forms = |canary: &str| {
        let shifted = |before: usize| {
            let text = format!("{}{canary}", "x".repeat(before));
            let (from, to) = ([0, 2, 3][before], text.len() * 8 / 6);
            [STANDARD.encode(&text)[from..to].to_owned(), URL_SAFE_NO_PAD.encode(&text)[from..to].to_owned()]
        };
        let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
        [vec![canary.to_owned(), hex], (0..3).flat_map(shifted).collect()].concat()
    };
    let held = |canary: &str| forms(canary).iter().any(|form| layers.iter().any(|layer| layer.contains(form)));
    CANARIES.into_iter().filter(|canary| held(canary)).collect()
}

/// Saves a bundle of `web`.
fn bundle(ns: &Namespace<'_>, name: &str, more: &[&str]) -> (PathBuf, Ran) {
    let path = folder(ns).join(name);
    let ran = refloat(ns, [&["bundle", "web", "-o", path.to_str().unwrap()], more].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    (path, ran)
}

fn from(ns: &Namespace<'_>, bundle: &Path, args: &[&str]) -> Ran {
    refloat(ns, [args, &["--bundle", bundle.to_str().unwrap()]].concat())
}

#[test]
fn no_canary_is_in_a_bundle() {
    each(everywhere(), |(driver, major)| {
        let ns = namespace("bundled", driver);
        furnish(&ns, major);
        let (whole, told) = bundle(&ns, "whole.bundle", &["--no-redact"]);
        assert!(told.stderr.contains("nothing is redacted"), "{}", told.stderr);
        assert_eq!(heard(&layers(&whole)), CANARIES, "{driver:?} {major}: they were there to be found");
        let (redacted, told) = bundle(&ns, "web.bundle", &[]);
        let layers = layers(&redacted);
        let found = heard(&layers);
        let where_to = |canary: &str| layers.iter().find(|layer| layer.contains(canary)).cloned();
        assert!(found.is_empty(), "{driver:?} {major}: {found:?} in {:?}", found.first().map(|found| where_to(found)));
        assert!(told.stdout.contains("secret values redacted"), "{}", told.stdout);
        assert!(CANARIES.iter().all(|canary| !told.stdout.contains(canary) && !told.stderr.contains(canary)));
        // Names, images and what isn't secret are still there.
        for kept in ["registry.example/app:1", "DB_PASSWORD", "web-pod", "helm.sh/hook", "user=shop"] {
            assert_eq!(layers.iter().any(|layer| layer.contains(kept)), kept != "user=shop", "{kept}");
        }
        masked_alike(&ns, &whole, driver, major);
    });
}

/// What is told from a bundle with secrets is what the whole one tells, but for the masks.
fn masked_alike(ns: &Namespace<'_>, whole: &Path, driver: Driver, major: Major) {
    // Of the same moment.
    let path = folder(ns).join("again.bundle");
    let saved = from(ns, whole, &["bundle", "web", "-o", path.to_str().unwrap()]);
    assert_eq!(saved.code, Some(0), "{}", saved.stderr);
    let all: [&[&str]; 12] = [
        &["scan", "--all"],
        &["scan", "-o", "json"],
        &["list", "-o", "wide"],
        &["history", "web", "-o", "json"],
        &["status", "web"],
        &["status", "web", "--revision", "1"],
        &["get", "values", "web", "--all", "--revision", "1"],
        &["get", "notes", "web"],
        &["get", "metadata", "web", "-o", "json"],
        &["diff", "web"],
        &["diff", "web", "1", "2", "-o", "name"],
        &["diagnose", "web", "-o", "wide"],
    ];
    for args in all {
        let [left, right] = [whole, &path].map(|bundle| {
            let ran = from(ns, bundle, args);
            assert_ne!(ran.stdout, "", "{args:?}: {}", ran.stderr);
            (masked(&ran.stdout), ran.code)
        });
        assert_eq!(left, right, "{driver:?} {major} {args:?}");
    }
}

/// A text with a mark for whatever is, or was, secret. Columns are as wide as what they hold.
fn masked(text: &str) -> String {
    let canaries = CANARIES.join("|");
    let secret = Regex::new(&format!(r"\(redacted [0-9a-f]{{12}}\)|{canaries}")).unwrap();
    let sizes = Regex::new(r"secret, \d+ bytes").unwrap();
    let blanks = Regex::new(r" +").unwrap();
    let text = secret.replace_all(text, "MASK");
    blanks.replace_all(&sizes.replace_all(&text, "secret"), " ").into_owned()
}

/// What every command tells of a release.
const ASKED: [&[&str]; 26] = [
    &["scan", "--all"],
    &["scan", "-o", "json"],
    &["scan", "-o", "name"],
    &["list"],
    &["list", "-o", "wide"],
    &["list", "-o", "json"],
    &["list", "--pending", "-q"],
    &["history", "web"],
    &["history", "web", "-o", "json"],
    &["status", "web"],
    &["status", "web", "-o", "json"],
    &["status", "web", "-o", "yaml", "--revision", "1"],
    &["get", "values", "web"],
    &["get", "values", "web", "--all", "-o", "json"],
    &["get", "manifest", "web"],
    &["get", "hooks", "web"],
    &["get", "notes", "web"],
    &["get", "metadata", "web"],
    &["get", "metadata", "web", "-o", "json"],
    &["get", "all", "web"],
    &["diff", "web", "-p"],
    &["diff", "web", "-o", "json"],
    &["diagnose", "web", "-o", "wide"],
    &["diagnose", "web", "-o", "json"],
    &["plan", "web"],
    &["plan", "web", "-o", "json"],
];

/// What a cluster and a bundle tell alike: what depends on the moment of looking is left out.
fn timeless(text: &str) -> String {
    let json = Regex::new(r#""(ageSeconds|at|until|began)":("[^"]*"|\d+|null),?"#).unwrap();
    let ages = Regex::new(r"\b(\d+[dhms])+\b|\b\d+ (seconds?|minutes?)\b").unwrap();
    let blanks = Regex::new(r" +").unwrap();
    let text = json.replace_all(text, "");
    blanks.replace_all(&ages.replace_all(&text, "AGE"), " ").into_owned()
}

/// The cluster around a release goes on: only what it tells twice alike, before and after, can be expected of the bundle.
fn same_as_the_cluster(ns: &Namespace<'_>, what: &str) {
    let ask = |args: &[&str]| {
        let ran = refloat(ns, args);
        assert!(ran.code.is_some_and(|code| code != 1 && code != 5), "{what} {args:?}: {}", ran.stderr);
        (timeless(&ran.stdout), ran.code)
    };
    for _ in 0..20 {
        let before = ASKED.map(ask);
        let (path, _) = bundle(ns, "web.bundle", &["--force"]);
        if ASKED.map(ask) != before {
            continue;
        }
        for (args, cluster) in ASKED.iter().zip(&before) {
            let ran = from(ns, &path, &[&["-n", &ns.name], *args].concat());
            assert_eq!(&(timeless(&ran.stdout), ran.code), cluster, "{what} {args:?}: {}", ran.stderr);
        }
        return;
    }
    panic!("{what}: the cluster never came to rest");
}

#[test]
fn a_bundle_tells_what_the_cluster_tells() {
    each(everywhere(), |(driver, major)| {
        let ns = namespace("roundtrip", driver);
        let app = chart("app");
        let set = ["--set", "parts.pvc=false", "--labels", "team=shop"];
        ns.helm(major, [&["install", "web", &app], &set[..]].concat()).unwrap().ok().unwrap();
        let set = ["--set", "parts.pvc=false,version=2", "--description", "second"];
        ns.helm(major, [&["upgrade", "web", &app], &set[..]].concat()).unwrap().ok().unwrap();
        same_as_the_cluster(&ns, &format!("{driver:?} {major}"));
    });
}

#[test]
fn a_bundle_of_a_release_in_trouble_tells_the_same() {
    let troubles = [Trouble::KilledWaitingForImage, Trouble::PayloadTruncated, Trouble::KilledInHook];
    each(troubles.into_iter().zip([Major::V4, Major::V3, Major::V3]), |(trouble, major)| {
        let ns = namespace("roundtrouble", Driver::Secret);
        trouble.make(&ns, major, "web").unwrap();
        same_as_the_cluster(&ns, trouble.words());
    });
}

/// A record that is broken in a way of its own is as broken in the bundle.
#[test]
fn broken_records_are_as_broken_in_a_bundle() {
    each([Driver::Secret, Driver::ConfigMap], |driver| {
        let ns = namespace("roundbroken", driver);
        ns.helm4(["install", "web", &chart("tiny")]).unwrap().ok().unwrap();
        let good = Record::new(&ns, driver, "web", 1);
        let broken = good.of("web", 2);
        broken.copy(&good, |_| {});
        let text = good.inner();
        let short = |keep: usize| text[..keep].to_owned();
        for spoilt in ["???".to_owned(), short(40), format!("{}????", short(400)), short(text.len() - 8)] {
            broken.store(&spoilt);
            let (path, _) = bundle(&ns, "web.bundle", &["--force"]);
            for args in [&["scan"][..], &["list"], &["list", "-o", "json"], &["history", "web"], &["status", "web"]] {
                let (cluster, bundled) = (refloat(&ns, args), from(&ns, &path, &[&["-n", &ns.name], args].concat()));
                assert_eq!(
                    (timeless(&bundled.stdout), bundled.code),
                    (timeless(&cluster.stdout), cluster.code),
                    "{args:?}"
                );
            }
        }
    });
}

/// Who may not see everything saves what may be seen, and what couldn't be is unknown in the bundle, too.
#[test]
fn what_may_not_be_read_is_unknown_in_the_bundle() {
    let ns = namespace("bundlerights", Driver::Secret);
    ns.helm3(["install", "web", &chart("tiny")]).unwrap().ok().unwrap();
    let rules = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}]);
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"}, "rules": rules});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "r"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        "subjects": [{"kind": "User", "name": "reader"}]});
    ns.apply(&role).unwrap();
    ns.apply(&binding).unwrap();
    let path = folder(&ns).join("few.bundle");
    let saved = refloat(&ns, ["bundle", "web", "--as", "reader", "-o", path.to_str().unwrap()]);
    assert_eq!(saved.code, Some(0), "{}", saved.stderr);
    let cluster = refloat(&ns, ["diagnose", "web", "--as", "reader", "-o", "json"]);
    let bundled = from(&ns, &path, &["diagnose", "web", "-o", "json"]);
    assert!(bundled.stdout.contains("cannot get resource"), "{}", bundled.stdout);
    assert_eq!(timeless(&bundled.stdout), timeless(&cluster.stdout));
}
