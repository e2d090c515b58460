//! `refloat diagnose --from` without any cluster: which files are read, which release is meant, and what is refused.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::TempDir;

const STATUS: &str = "NAME: web\nNAMESPACE: shop\nSTATUS: pending-upgrade\nREVISION: 2\nDESCRIPTION: Preparing upgrade\nTEST SUITE: None\n";

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn refloat(args: &[&str], from: &Path, stdin: &str) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refloat"));
    command.arg("diagnose").args(args).arg("--from").arg(from).env_clear().env("COLUMNS", "100");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Who reads no input may end before it is written.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// What is read as the status of shop/web; the errors if nothing is.
fn status(files: &[(&str, &[u8])]) -> String {
    let ran = refloat(&["-o", "json"], folder(files).path(), "");
    match serde_json::from_str::<Value>(&ran.stdout) {
        Ok(found) => found["status"].as_str().unwrap().to_owned(),
        Err(_) => ran.stderr,
    }
}

#[test]
fn texts_are_read_however_they_were_saved() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(STATUS.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let wide = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        STATUS.replace('\n', "\r\n").encode_utf16().fold(bytes(0xfeff).to_vec(), |mut all, unit| {
            all.extend(bytes(unit));
            all
        })
    };
    let marked = format!("\u{feff}{STATUS}");
    let ways =
        [STATUS.as_bytes().to_vec(), gzip.clone(), marked.into(), wide(u16::to_le_bytes), wide(u16::to_be_bytes)];
    for bytes in ways {
        assert_eq!(status(&[("status.txt", &bytes)]), "pending-upgrade");
    }
    let ran = refloat(&["-o", "json"], Path::new("-"), STATUS);
    assert!(ran.stdout.contains("\"release\":\"web\""), "{}", ran.stderr);
    let one = folder(&[("s", STATUS.as_bytes())]);
    assert_eq!(refloat(&[], &one.path().join("s"), "").code, Some(3));
}

#[test]
fn what_isnt_read_is_told() {
    let folder = folder(&[
        ("a.gz", &[0x1f, 0x8b, 8, 0, 1, 2, 3]),
        ("b.tar", b"ustar\0\0"),
        ("c.png", &[0x89, 0xff]),
        ("d.txt", b"Name:         web\nNamespace:    shop\n"),
        (".hidden", b"x"),
        ("status", STATUS.as_bytes()),
    ]);
    fs::create_dir(folder.path().join("e")).unwrap();
    let ran = refloat(&[], folder.path(), "");
    for told in [
        "a.gz isn't read: its gzip data are corrupt",
        "b.tar isn't read: it is no text: is it an archive, then unpack it",
        "c.png isn't read: it is no text",
        "d.txt line 1 is what kubectl describe prints, which can't be read back: kubectl get all,events -n NAMESPACE -o yaml",
        "e isn't read: it is no plain file",
        "when status was written",
    ] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("hidden"), "{}", ran.stderr);
    assert!(ran.stdout.contains("helm get manifest web -n shop > manifest.yaml"), "{}", ran.stdout);
}

#[test]
fn the_release_is_the_one_named_or_the_only_one() {
    let (other, elsewhere) = (STATUS.replace("web", "db"), STATUS.replace("shop", "test"));
    let both = folder(&[("a", STATUS.as_bytes()), ("b", other.as_bytes()), ("c", elsewhere.as_bytes())]);
    let asked = |args: &[&str]| {
        let ran = refloat(args, both.path(), "");
        (ran.code, ran.stdout.lines().next().unwrap_or_default().to_owned(), ran.stderr)
    };
    let (code, _, told) = asked(&[]);
    assert_eq!(code, Some(2));
    assert!(told.contains("several releases: name one") && told.contains("shop/db, shop/web, test/web"), "{told}");
    assert!(asked(&["db"]).1.starts_with("shop/db:"));
    // The shell's own namespace is none of theirs.
    assert!(asked(&["db", "-n", "default"]).1.starts_with("shop/db:"));
    assert!(asked(&["web", "-n", "test"]).1.starts_with("test/web:"));
    assert_eq!(asked(&["web", "-n", "default"]).0, Some(2));
    let (code, _, told) = asked(&["cart"]);
    assert!(code == Some(2) && told.contains("nothing of release \"cart\""), "{told}");
}

#[test]
fn nothing_to_read_is_an_error_with_the_way_on() {
    let ran = refloat(&[], folder(&[("a", b"{")]).path(), "");
    assert_eq!(ran.code, Some(2));
    for told in ["tells of a release", "a line 1 ends in the middle of the JSON", "kubectl get secrets", "helm history"]
    {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    assert_eq!(refloat(&[], Path::new("/nowhere"), "").code, Some(2));
    let neither = refloat(&[], Path::new("/dev/null"), "");
    assert!(neither.stderr.contains("neither a folder nor a plain file"), "{}", neither.stderr);
}
