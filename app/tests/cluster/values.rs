//! The values that lie beside a backup are those that were given: real Helm takes the file and records the same.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use bed::{Driver, Major, Namespace, chart};
use serde_json::{Value, json};

use crate::ways::{NO_HOOKS, PAIRS, fixed, killed, lock, proxied, unlocked};
use crate::{each, everywhere, namespace, refloat};

/// No workload, so that nothing is waited for.
const SMALL: &str = "parts.deployment=false,parts.pvc=false,parts.service=false";

/// A path of its own in the bed's folder.
fn file(ns: &Namespace<'static>, name: &str) -> String {
    let folder: PathBuf = ns.bed.address.dir.join("values").join(&ns.name);
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name).display().to_string()
}

/// All that a reader of YAML could take for something else; and what none takes bare, if wanted.
fn traps(special: bool) -> Value {
    let all: Vec<String> = serde_json::from_str(include_str!("../../../core/tests/yaml/traps.json")).unwrap();
    // NUL is tried in the core alone.
    let bare = |word: &&String| !word.chars().any(|char| matches!(char, '\u{7f}' | '\u{85}' | '\u{2028}' | '\u{feff}'));
    let words = all.iter().filter(|word| !word.contains('\0') && (special || bare(word)));
    let named: Vec<Value> = words.map(|word| json!({word.as_str(): word})).collect();
    json!({
        "traps": named, "empty": {"map": {}, "list": [], "in": [[], {}]},
        "numbers": [9_007_199_254_740_993_i64, i64::MAX, u64::MAX, i64::MIN, 1e21, 1.0, -0.5, 5e-324, -9.189_200_134_435_805e-173, 0],
        "long": "word ".repeat(200), "text": "line one\n  line two\n".repeat(20), "flags": [true, false],
        "parts": {"deployment": false, "pvc": false, "service": false}, "version": 1,
    })
}

/// What Helm says was given for a revision.
fn given(ns: &Namespace<'static>, major: Major, revision: u64) -> Value {
    let args = ["get", "values", "web", "-o", "json", "--revision", &revision.to_string()].map(str::to_owned);
    ns.helm(major, args).unwrap().json().unwrap()
}

/// That Helm, given the file, records what it recorded for that revision.
fn taken(ns: &Namespace<'static>, major: Major, file: &str, revision: u64) {
    let before = given(ns, major, revision);
    ns.helm(major, ["upgrade", "web", &chart("app"), "-f", file]).unwrap().ok().unwrap();
    let newest = ns.helm(major, ["history", "web", "-o", "json"]).unwrap().json().unwrap();
    let newest = newest.as_array().unwrap().last().unwrap()["revision"].as_u64().unwrap();
    assert_eq!(given(ns, major, newest), before, "{major}: {}", std::fs::read_to_string(file).unwrap());
}

fn is_private(path: &str) -> bool {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777 == 0o600
}

#[test]
fn the_values_beside_a_backup_are_those_that_were_given() {
    each(everywhere(), |(driver, major)| {
        let ns = namespace("values", driver);
        let source = file(&ns, "traps.json");
        // What Go's reader of YAML doesn't take bare.
        let bare = [("\u{7f}", "\\u007f"), ("\u{85}", "\\u0085"), ("\u{2028}", "\\u2028"), ("\u{feff}", "\\ufeff")];
        let text = bare
            .iter()
            .fold(traps(driver == Driver::ConfigMap).to_string(), |text, (bare, escaped)| text.replace(bare, escaped));
        std::fs::write(&source, text).unwrap();
        let big = "big=9007199254740993,text=1e3";
        let args = ["install", "web", &chart("app"), "-f", &source, "--set", NO_HOOKS, "--set", big].map(str::to_owned);
        ns.helm(major, args).unwrap().ok().unwrap();
        let (backup, values) = (file(&ns, "web.json"), file(&ns, "web.v1.values.yaml"));
        let ran = refloat(&ns, ["backup", "web", "-o", &backup]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let told = format!("  values   {values}, as given for revision 1, for helm upgrade -f\n");
        assert!(ran.stdout.contains(&told), "{}", ran.stdout);
        assert!(is_private(&values));

        // As one that was killed before the backup was written: the same again.
        let text = std::fs::read_to_string(&values).unwrap();
        std::fs::remove_file(&backup).unwrap();
        assert_eq!(refloat(&ns, ["backup", "web", "-o", &backup]).code, Some(0));
        assert_eq!(std::fs::read_to_string(&values).unwrap(), text);
        // Another's file stays, and no backup is made beside it.
        std::fs::remove_file(&backup).unwrap();
        std::fs::write(&values, "mine: 1\n").unwrap();
        let there = refloat(&ns, ["backup", "web", "-o", &backup]);
        assert_eq!(there.code, Some(4), "{}", there.stderr);
        assert!(there.stderr.contains(&format!("{values} is there already")), "{}", there.stderr);
        assert!(!std::fs::exists(&backup).unwrap());
        assert_eq!(std::fs::read_to_string(&values).unwrap(), "mine: 1\n");
        assert_eq!(refloat(&ns, ["backup", "web", "-o", &backup, "--force"]).code, Some(0));
        assert_eq!(std::fs::read_to_string(&values).unwrap(), text);
        taken(&ns, major, &values, 1);
    });
}

/// An upgrade that was killed between its ConfigMaps, with values of its own.
fn stuck(ns: &Namespace<'static>, major: Major) {
    let args = ["install", "web", &chart("app"), "--set", NO_HOOKS, "--set", SMALL].map(str::to_owned);
    ns.helm(major, args).unwrap().ok().unwrap();
    let set = format!("version=2,{SMALL},text=a\\,b: \"yes\"");
    killed(ns, major, "upgrade", &set, "PATCH~/configmaps/web-a:kill-after");
}

#[test]
fn a_fix_leaves_the_values_of_the_abandoned_and_of_the_deployed_revision() {
    each(PAIRS, |(driver, major)| {
        let ns = namespace("values-fix", driver);
        stuck(&ns, major);
        let done = fixed(&ns, "unlock", &[]);
        let values = done["values"].as_array().unwrap();
        let revisions: Vec<_> = values.iter().map(|one| one["revision"].as_u64().unwrap()).collect();
        assert_eq!(revisions, [1, 2], "{done}");
        for one in values {
            let (file, revision) = (one["file"].as_str().unwrap(), one["revision"].as_u64().unwrap());
            assert!(is_private(file));
            taken(&ns, major, file, revision);
        }
    });
}

#[test]
fn a_fix_that_was_killed_at_its_backup_leaves_the_same_values() {
    let ns = namespace("values-killed", Driver::Secret);
    stuck(&ns, Major::V4);
    let args = ["fix", "web", "--with", "unlock", "--yes", "--helm-is-gone"];
    let broken = proxied(&ns, &args, &["POST~/secrets:kill-before"]).sure().unwrap();
    assert!(lock(&ns).is_some(), "{:?}", broken.log);
    let folder = ns.bed.address.dir.join("refloat").join(&ns.name).join("refloat/backups");
    let files = || {
        let all = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<_> = all.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect();
        all.sort();
        all
    };
    let left = files();
    assert_eq!(left.len(), 3, "{left:?}");
    let done = fixed(&ns, "unlock", &[]);
    assert_eq!(
        files().iter().map(|(path, _)| path).collect::<Vec<_>>(),
        left.iter().map(|(path, _)| path).collect::<Vec<_>>()
    );
    assert_eq!(files()[1..], left[1..]);
    assert_eq!(done["values"].as_array().unwrap().len(), 2);
    unlocked(&ns);
}
