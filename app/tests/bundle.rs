//! `--bundle` as a user meets it, without any cluster.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::path::Path;
use std::process::Command;

/// Of the format's first version.
const FIRST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/bundle.json");

struct Ran {
    code: i32,
    stdout: Vec<u8>,
    text: String,
    stderr: String,
}

fn ran(args: &[&str], env: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refloat"));
    let output = command.args(args).env_clear().envs(env.iter().copied()).env("TZ", "UTC").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8(output.stderr).unwrap();
    Ran { code: output.status.code().unwrap(), stdout: output.stdout, text, stderr }
}

fn on(bundle: &str, args: &[&str]) -> Ran {
    ran(&[args, &["--bundle", bundle]].concat(), &[])
}

#[test]
fn a_bundle_of_the_first_version_is_read() {
    let scan = on(FIRST, &[]);
    assert!(scan.text.starts_with("Need attention: 5 of 9 Helm releases in the bundle.\n"), "{}", scan.text);
    assert_eq!(scan.code, 3);
    assert!(scan.stderr.contains("as of 2026-"), "{}", scan.stderr);
    let list = on(FIRST, &["list", "-A", "-q"]);
    assert_eq!(list.text.lines().count(), 9);
    assert!(on(FIRST, &["history", "checkout", "-n", "shop"]).text.contains("pending-upgrade"));
    assert!(on(FIRST, &["status", "checkout", "-n", "shop"]).text.contains("pending-upgrade"));
    assert!(on(FIRST, &["diff", "checkout", "-n", "shop"]).text.starts_with("revision 2 against revision 1"));
    // One that holds nothing but records: the rest is unknown, not absent.
    let mut older: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(FIRST).unwrap()).unwrap();
    older.as_object_mut().unwrap().remove("answers").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("older.json");
    std::fs::write(&path, older.to_string()).unwrap();
    let diagnosis = on(path.to_str().unwrap(), &["diagnose", "checkout", "-n", "shop", "-o", "json"]);
    assert_eq!(diagnosis.code, 3, "{}", diagnosis.stderr);
    assert!(diagnosis.text.contains("it isn't in the bundle"), "{}", diagnosis.text);
}

#[test]
fn nothing_is_written_to_a_bundle() {
    let table: [(&[&str], &str); 3] = [
        (&["fix", "checkout", "-n", "shop", "--with", "unlock", "--yes"], "refloat fix doesn't work on a bundle"),
        (&["undo", "-n", "shop"], "refloat undo doesn't work on a bundle"),
        (&["demo"], "refloat demo doesn't work on a bundle"),
    ];
    for (args, why) in table {
        let ran = on(FIRST, args);
        assert_eq!((ran.code, ran.text.as_str()), (2, ""), "{args:?}");
        assert!(ran.stderr.contains(why), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn a_bundle_takes_the_place_of_flags_and_environment() {
    for flag in ["--kubeconfig", "--context", "--as", "--as-group", "--driver", "--sql-connection"] {
        let after = on(FIRST, &["list", flag, "x"]);
        let before = ran(&[flag, "x", "--bundle", FIRST, "get", "values", "cart", "-n", "shop"], &[]);
        for ran in [after, before] {
            assert_eq!(ran.code, 2, "{flag}");
            assert!(ran.stderr.contains(&format!("--bundle and {flag} can't be used together")), "{}", ran.stderr);
        }
    }
    let env = [
        ("HELM_DRIVER", "nonsense"),
        ("HELM_NAMESPACE", "nowhere"),
        ("HELM_KUBECONTEXT", "nowhere"),
        ("HELM_KUBEASUSER", "nobody"),
        ("HELM_DRIVER_SQL_CONNECTION_STRING", "nonsense"),
        ("KUBECONFIG", "/nowhere"),
    ];
    let list = ran(&["list", "-A", "-q", "--bundle", FIRST], &env);
    assert_eq!((list.code, list.text.lines().count()), (0, 9), "{}", list.stderr);
    // The namespace is that of the records, unless one is asked for.
    assert_eq!(ran(&["list", "-q", "--bundle", FIRST], &env).text, on(FIRST, &["list", "-q"]).text);
    assert_eq!(on(FIRST, &["list", "-q", "-n", "nowhere"]).text, "");
}

#[test]
fn files_that_are_no_bundle_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let path = path.to_str().unwrap();
    assert_eq!(on(path, &[]).code, 2);
    let newer = r#"{"kind": "Bundle", "apiVersion": "refloat.dev/v2", "records": "secret"}"#;
    std::fs::write(path, newer).unwrap();
    let refused = on(path, &["status", "x"]);
    assert_eq!(refused.code, 2);
    let why = "because: the bundle's version is refloat.dev/v2; this refloat reads refloat.dev/v1";
    assert!(refused.stderr.contains(why) && refused.stderr.contains("update"), "{}", refused.stderr);
}

#[test]
fn a_bundle_of_a_bundle_holds_one_release() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (packed, plain) = (at("checkout.bundle"), at("checkout.json"));
    let saved = on(FIRST, &["bundle", "checkout", "-n", "shop", "-o", &packed]);
    assert_eq!(saved.code, 0, "{}", saved.stderr);
    assert!(saved.text.starts_with("shop/checkout: 2 revisions and "), "{}", saved.text);
    assert!(saved.text.contains(&format!("next: refloat diagnose checkout --bundle {packed}")), "{}", saved.text);
    assert!(std::fs::read(&packed).unwrap().starts_with(&[0x1f, 0x8b]));
    // The same as of the bundle it was taken from, down to the last letter: there is nothing secret in it.
    for args in [
        &["scan", "-n", "shop", "-o", "json"][..],
        &["list", "-n", "shop", "--filter", "^checkout$"],
        &["history", "checkout", "-n", "shop"],
        &["status", "checkout", "-n", "shop", "-o", "json"],
        &["diff", "checkout", "-n", "shop", "-p"],
        &["diagnose", "checkout", "-n", "shop", "-o", "wide"],
        &["plan", "checkout", "-n", "shop", "-o", "wide"],
    ] {
        let (old, new) = (on(FIRST, args), on(&packed, args));
        if args[0] == "scan" {
            let of = |text: &str| -> Vec<serde_json::Value> { serde_json::from_str(text).unwrap() };
            let checkout = of(&old.text).into_iter().filter(|one| one["name"] == "checkout").collect::<Vec<_>>();
            assert_eq!(of(&new.text), checkout);
            continue;
        }
        assert_eq!((new.text, new.code), (old.text, old.code), "{args:?}");
    }
    // Never over another file by mistake.
    let again = on(FIRST, &["bundle", "checkout", "-n", "shop", "-o", &packed]);
    assert_eq!(again.code, 4);
    assert!(again.stderr.contains("is there already"), "{}", again.stderr);
    assert_eq!(on(FIRST, &["bundle", "checkout", "-n", "shop", "-o", &packed, "--force"]).code, 0);
    assert_eq!(on(FIRST, &["bundle", "checkout", "-n", "shop", "-o", &plain]).code, 0);
    assert!(std::fs::read(&plain).unwrap().starts_with(b"{"));
    let streamed = on(FIRST, &["bundle", "checkout", "-n", "shop", "-o", "-"]);
    assert!(streamed.stdout.starts_with(&[0x1f, 0x8b]) && streamed.stderr.contains("shop/checkout: 2 revisions"));
    std::fs::write(&packed, &streamed.stdout).unwrap();
    assert_eq!(on(&packed, &["list", "-q"]).text, "checkout\n");
    let warned = on(FIRST, &["bundle", "checkout", "-n", "shop", "-o", &at("whole.bundle"), "--no-redact"]);
    assert!(warned.stderr.contains("note: nothing is redacted"), "{}", warned.stderr);
    assert!(Path::new(&at("whole.bundle")).exists());
    assert_eq!(on(FIRST, &["bundle", "none", "-o", &at("none")]).code, 2);
}

#[test]
fn a_bundle_has_no_server_that_could_be_asked() {
    let ran = on(FIRST, &["diagnose", "checkout", "-n", "shop", "--dry-apply"]);
    assert_eq!((ran.code, ran.text.as_str()), (2, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("--dry-apply asks the API server, and there is none here"), "{}", ran.stderr);
}
