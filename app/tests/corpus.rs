//! The corpus without a cluster: bundles of real releases, each with what a right diagnosis of it says.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use serde_json::Value;

/// Bundles, and `labels.json` beside them.
fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn labels() -> Vec<Value> {
    let text = std::fs::read_to_string(corpus().join("labels.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn texts<'a>(value: &'a Value, field: &str) -> Vec<&'a str> {
    value[field].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// What `diagnose` prints of a bundle in this format.
fn diagnosed(label: &Value, format: &str) -> String {
    let bundle = corpus().join(text(label, "/bundle"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_refloat"));
    command.args(["diagnose", "web", "-o", format, "--bundle"]).arg(&bundle).env_clear();
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}: {complaint}", bundle.display());
    String::from_utf8(output.stdout).unwrap()
}

/// Does the same for every bundle; gives what was found at fault.
fn faults(find: impl Fn(&Value) -> Option<String> + Sync) -> Vec<String> {
    let (labels, faults) = (Mutex::new(labels()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(label) = { labels.lock().unwrap().pop() } {
                    faults.lock().unwrap().extend(find(&label));
                }
            });
        }
    });
    faults.into_inner().unwrap()
}

/// What of a diagnosis its label doesn't allow, in the words of `cargo xtask corpus`.
fn wrong(label: &Value, told: &Value) -> String {
    let causes: Vec<&str> = told["causes"].as_array().unwrap().iter().map(|cause| text(cause, "/code")).collect();
    let (first, right) = (&causes[..causes.len().min(3)], texts(label, "causes"));
    let is_one = |field: &str, word: &str| texts(label, field).contains(&word);
    let top_1 = first.first().map_or(right.is_empty(), |top| right.contains(top));
    let among = if right.is_empty() { first.is_empty() } else { right.iter().any(|cause| first.contains(cause)) };
    let parts = [
        (text(told, "/operation/kind") == text(label, "/operation"), "operation"),
        (is_one("phase", text(told, "/operation/phase")), "phase"),
        (is_one("liveness", text(told, "/liveness/verdict")), "liveness"),
        (top_1, "top cause"),
        (among && texts(label, "also").iter().all(|cause| first.contains(cause)), "first three causes"),
    ];
    parts.iter().filter(|(right, _)| !right).map(|(_, part)| *part).collect::<Vec<_>>().join(", ")
}

/// Every bundle is diagnosed as its label says. What is known to be wrong is marked so, and has to be unmarked once it is right.
#[test]
fn every_bundle_is_diagnosed_as_its_label_says() {
    let faults = faults(|label| {
        let told: Value = serde_json::from_str(&diagnosed(label, "json")).unwrap();
        let (found, known) = (wrong(label, &told), text(label, "/knownWrong"));
        let causes = told["causes"].as_array().unwrap();
        let codes: Vec<&str> = causes.iter().map(|cause| text(cause, "/code")).collect();
        let (phase, verdict) = (text(&told, "/operation/phase"), text(&told, "/liveness/verdict"));
        (found != known).then(|| {
            let name = text(label, "/scenario");
            format!(
                "{name}: wrong are [{found}], known to be wrong are [{known}]: {phase} {verdict} {codes:?}\n  {label}"
            )
        })
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Whoever was woken up reads what, why and what next first; nothing runs off the page.
#[test]
fn every_page_begins_with_the_answer_and_fits() {
    let faults = faults(|label| {
        let page = diagnosed(label, "table");
        let lines: Vec<&str> = page.lines().collect();
        let begins = |word: &str| lines.iter().take_while(|line| !line.is_empty()).any(|line| line.starts_with(word));
        let named = lines[0].starts_with(&format!("{}/web: ", text(label, "/scenario")));
        // Of one that is well nothing is to be explained but what is only worth knowing.
        let is_well = text(label, "/operation") == "none" && lines[1].starts_with("next: nothing");
        let endless = lines.iter().find(|line| line.chars().count() > 500);
        let answers = named && (is_well || begins("why:  ")) && begins("next: ");
        (!answers || endless.is_some()).then(|| format!("{}: {endless:?}\n{page}", text(label, "/scenario")))
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The corpus is what it is said to be: as large as it has to be, all of it labelled, right nearly always, and no live
/// operation in it is called stale.
#[test]
fn the_corpus_is_whole() {
    let labels = labels();
    assert!(labels.len() >= 40, "{}", labels.len());
    let bundles: BTreeSet<String> = labels.iter().map(|label| text(label, "/bundle").to_owned()).collect();
    let files: BTreeSet<String> = std::fs::read_dir(corpus())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".bundle"))
        .collect();
    assert_eq!(bundles, files);
    let cases: BTreeSet<&str> =
        labels.iter().map(|label| text(label, "/fieldCase")).filter(|c| !c.is_empty()).collect();
    assert_eq!(cases.len(), 22, "the failure cases of the field: {cases:?}");
    for part in ["phase", "top cause"] {
        let wrong = labels.iter().filter(|label| text(label, "/knownWrong").contains(part)).count();
        assert!(wrong * 20 <= labels.len(), "{part}: {wrong} of {} are wrong", labels.len());
    }
    let live = labels.iter().filter(|label| texts(label, "liveness").contains(&"live"));
    let stale: Vec<&Value> = live.filter(|label| text(label, "/knownWrong").contains("liveness")).collect();
    assert!(stale.is_empty(), "{stale:?}");
}
