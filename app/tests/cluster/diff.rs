//! `refloat diff` of revisions that both Helms stored, with every driver.

use std::fs;
use std::path::Path;

use bed::{Driver, Major, Namespace, chart};
use serde_json::{Value, json};

use crate::record::Record;
use crate::{each, everywhere, install, namespace, refloat, refloat_json};

/// What no answer may hold, as text and as a Secret keeps it.
const CANARIES: [&str; 3] = ["canary-4b1d", "Y2FuYXJ5LTRiMWQ", "hidden-note"];

const SECRET: &str = r#"apiVersion: v1
kind: Secret
metadata:
  name: {{ .Release.Name }}
data:
  # hidden-note
  password: {{ printf "canary-4b1d-%v" .Values.version | b64enc }}
  user: {{ "canary-4b1d" | b64enc }}
stringData:
  token: canary-4b1d-{{ .Values.version }}
"#;

/// The chart `app` with a Secret that changes with the version, in a folder of the namespace's own.
fn chart_with_secret(ns: &Namespace<'_>) -> String {
    let folder = ns.bed.address.dir.join("refloat").join(&ns.name).join("chart");
    fs::create_dir_all(folder.join("templates")).unwrap();
    let original = chart("app");
    for part in [".", "templates"] {
        for entry in fs::read_dir(Path::new(&original).join(part)).unwrap() {
            let file = entry.unwrap().path();
            if file.is_file() {
                fs::copy(&file, folder.join(part).join(file.file_name().unwrap())).unwrap();
            }
        }
    }
    fs::write(folder.join("templates/secret.yaml"), SECRET).unwrap();
    folder.to_string_lossy().into_owned()
}

/// Runs refloat; what it says holds no canary.
fn said(ns: &Namespace<'_>, args: &[&str], code: i32) -> String {
    let ran = refloat(ns, args);
    assert_eq!(ran.code, Some(code), "{args:?}: {}{}", ran.stdout, ran.stderr);
    let all = format!("{}{}", ran.stdout, ran.stderr);
    assert!(CANARIES.iter().all(|canary| !all.contains(canary)), "{args:?}: {all}");
    ran.stdout
}

fn web(ns: &Namespace<'_>, major: Major) {
    let chart = chart_with_secret(ns);
    let set = "parts.pvc=false,hooks.post.enabled=false,adminPassword=canary-4b1d";
    ns.helm(major, ["install", "web", &chart, "--set", set]).unwrap().ok().unwrap();
    let set = format!("{set}-2,version=2");
    ns.helm(major, ["upgrade", "web", &chart, "--set", &set]).unwrap().ok().unwrap();
}

#[test]
fn what_an_upgrade_changed() {
    each(Major::BOTH, |major| {
        let ns = namespace("diff", Driver::Secret);
        web(&ns, major);
        insta::assert_snapshot!("diff", said(&ns, &["diff", "web"], 0));
        insta::assert_snapshot!("diff_patch", said(&ns, &["diff", "web", "1", "2", "--patch", "--exit-code"], 3));
        assert_eq!(said(&ns, &["diff", "web", "2", "2", "--exit-code"], 0), SAME);
        let json: Value = serde_json::from_str(&said(&ns, &["diff", "web", "-o", "json"], 0)).unwrap();
        let named = |part: &str| -> Vec<String> {
            let changes = json[part]["changes"].as_array().unwrap();
            changes
                .iter()
                .map(|it| format!("{} {}/{}", it["change"], it["kind"], it["name"]).replace('"', ""))
                .collect()
        };
        assert_eq!(
            named("objects"),
            [
                "changed Secret/web",
                "changed ConfigMap/web-a",
                "removed ConfigMap/web-b",
                "added ConfigMap/web-c",
                "changed Deployment/web"
            ]
        );
        assert_eq!(named("hooks"), ["changed Job/web-pre"]);
        let image = json!({"path": "spec.template.spec.containers[0].image", "change": "changed"});
        assert_eq!(json["objects"]["changes"][4]["paths"], json!([image]));
        let shown = refloat(&ns, ["diff", "web", "--show-secrets"]).stdout;
        assert!(shown.contains(r#"adminPassword: "canary-4b1d" → "canary-4b1d-2""#), "{shown}");
    });
}

const SAME: &str = "revision 2 against revision 2 (deployed): no object differs; 6 the same\n";

/// The last deployed one is what an abandoned revision is held against, with every driver.
#[test]
fn the_newest_is_held_against_the_deployed_one() {
    each(everywhere(), |(driver, major)| {
        let ns = namespace("diffs", driver);
        install(&ns, major, "web", &[]);
        let upgrade = |version: &str| {
            let set = format!("data.version={version}");
            ns.helm(major, ["upgrade", "web", &chart("tiny"), "--set", &set]).unwrap().ok().unwrap();
        };
        assert!(refloat(&ns, ["diff", "web"]).stderr.contains("has no revision before 1"));
        upgrade("2");
        upgrade("3");
        // No older one is deployed any more, so it is the one before.
        let told = said(&ns, &["diff", "web"], 0);
        let head = "revision 3 against revision 2 (superseded): 1 object changed; 0 the same\n";
        let value = "values: 1 of the user's differ\n  changed  data.version: 2 → 3\n";
        assert_eq!(told, format!("{head}  changed  ConfigMap web: data.version\n{value}"), "{driver:?} {major}");
        assert_eq!(said(&ns, &["diff", "web", "1", "-o", "name"], 0), "ConfigMap/web\n");
        assert_eq!(refloat_json(&ns, ["diff", "web", "1", "2", "-o", "json"])["old"]["revision"], 1);
        assert!(refloat(&ns, ["diff", "web", "7"]).stderr.contains("has no revision 7"));
    });
}

/// A document that can't be read is named beside the rest and not quoted.
#[test]
fn a_broken_document_is_named() {
    let ns = namespace("diffbad", Driver::Secret);
    install(&ns, Major::V4, "web", &[]);
    let first = Record::new(&ns, Driver::Secret, "web", 1);
    first.of("web", 2).copy(&first, |_| {});
    first.of("web", 2).edit(|json| {
        let manifest = json["manifest"].as_str().unwrap().to_owned();
        json["manifest"] = format!("{manifest}---\n# Source: tiny/templates/b.yaml\na: {{{{ canary-4b1d }}}}\n").into();
    });
    let told = said(&ns, &["diff", "web", "1", "2", "--exit-code"], 3);
    let problem =
        "unread revision 2: tiny/templates/b.yaml: isn't YAML as Helm reads it (line 2, column 5); it isn't compared";
    assert_eq!(told, format!("revision 2 against revision 1 (deployed): no object differs; 1 the same\n{problem}\n"));
}
