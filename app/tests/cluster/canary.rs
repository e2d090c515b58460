//! A canary in everything a release holds: it must not be heard but where it is asked for by name.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bed::{Driver, Namespace, chart};
use refloat_core::record::encode;
use serde_json::json;

use crate::record::{Record, web};
use crate::{each, namespace, refloat_with};

const VALUES: &str = "canary-7f3a-values";
const MANIFEST: &str = "canary-7f3a-manifest";
const NOTES: &str = "canary-7f3a-notes";
const DESCRIPTION: &str = "canary-7f3a-description";
/// What stands where no payload should.
const JUNK: &str = "canary-7f3a-junk";

/// A command, and the only canaries that may be heard of it.
type Heard<'a> = (&'a [&'a str], &'a [&'a str]);

/// On releases that can be read.
const ASKED: &[Heard<'_>] = &[
    (&["list"], &[]),
    (&["list", "--short"], &[]),
    (&["list", "-o", "json"], &[]),
    (&["list", "-o", "yaml", "-l", "name=stuck"], &[]),
    (&["list", "-o", "wide"], &[DESCRIPTION]),
    (&["list", "--pending", "--date"], &[]),
    (&["list", "-l", "a=b=c"], &[]),
    (&["scan", "--all"], &[]),
    (&["scan", "-o", "json"], &[]),
    (&["scan", "-o", "name"], &[]),
    (&["scan", "-o", "yaml"], &[]),
    (&["history", "stuck"], &[DESCRIPTION]),
    (&["history", "stuck", "-o", "json"], &[DESCRIPTION]),
    (&["status", "stuck"], &[DESCRIPTION, NOTES]),
    (&["status", "stuck", "-o", "name"], &[]),
    (&["status", "stuck", "--revision", "7"], &[]),
    // As helm does: the record without its chart.
    (&["status", "stuck", "-o", "json"], &[DESCRIPTION, NOTES, MANIFEST, VALUES]),
    (&["get", "values", "stuck"], &[VALUES, MANIFEST, NOTES]),
    (&["get", "manifest", "stuck"], &[MANIFEST]),
    (&["get", "notes", "stuck"], &[NOTES]),
    (&["get", "hooks", "stuck"], &[]),
    (&["get", "metadata", "stuck"], &[]),
    (&["get", "metadata", "stuck", "-o", "json"], &[]),
    (&["get", "all", "stuck"], &[DESCRIPTION, NOTES, MANIFEST, VALUES]),
    (&["fix", "stuck", "--with", "unlock", "--dry-run"], &[]),
    (&["fix", "stuck", "--with", "unlock", "--force-live"], &[]),
    (&["fix", "stuck", "--with", "unlock", "--yes", "--force-live", "--backup-dir", "/dev/null/x"], &[]),
    (&["fix", "web", "--with", "unlock", "--yes"], &[]),
    (&["fix", "stuck", "--with", "unlock", "--yes", "--force-live"], &[]),
    (&["history", "stuck", "-o", "yaml"], &[DESCRIPTION]),
    (&["undo", "--yes"], &[]),
    (&["undo", "--yes"], &[]),
    // What the old description was is kept in the new one.
    (&["fix", "stuck", "--with", "unlock", "--yes", "--force-live", "-o", "json"], &[DESCRIPTION]),
    (&["undo", "deadbeef"], &[]),
    (&["undo", "--yes", "-o", "json"], &[]),
    (&["backup", "stuck", "-o", "/dev/null/x"], &[]),
    (&["restore", "stuck"], &[]),
    (&["restore", "stuck", "--from-fix", "newest", "--dry-run", "-o", "json"], &[]),
    (&["restore", "stuck", "--from-fix", "newest", "--overwrite", "--yes", "--force-live"], &[]),
    (&["undo", "--yes"], &[]),
];

/// Every canary that a run made heard, on either stream, however much it was asked to tell about itself.
fn heard(ns: &Namespace<'_>, args: &[&str]) -> Vec<&'static str> {
    let ran = refloat_with(ns, args, |command| {
        command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
    });
    assert!(ran.code.is_some_and(|code| code != 1 && code != 101), "{args:?}: {}", ran.stderr);
    let all = format!("{}{}", ran.stdout, ran.stderr);
    [VALUES, MANIFEST, NOTES, DESCRIPTION, JUNK].into_iter().filter(|canary| all.contains(canary)).collect()
}

#[test]
fn what_a_release_holds_is_told_only_where_asked_for() {
    each([Driver::Secret, Driver::ConfigMap], |driver| {
        let ns = namespace("canary", driver);
        web(&ns, driver);
        let set = format!("unused={VALUES},data.key={MANIFEST},notes={NOTES}");
        let install =
            ["install", "stuck", &chart("tiny"), "--set", &set, "--description", DESCRIPTION].map(str::to_owned);
        ns.helm4(install).unwrap().ok().unwrap();
        let record = Record::new(&ns, driver, "stuck", 1);
        record.edit(|json| json["info"]["status"] = "pending-install".into());
        record.label("status", Some("pending-install"));
        let mut ever = Vec::new();
        for (args, allowed) in ASKED {
            let heard = heard(&ns, args);
            assert!(heard.iter().all(|canary| allowed.contains(canary)), "{args:?} tells {heard:?}");
            ever.extend(heard);
        }
        // They were there to be heard.
        assert!([VALUES, MANIFEST, NOTES, DESCRIPTION].iter().all(|canary| ever.contains(canary)));
        private(&ns.bed.address.dir.join("refloat").join(&ns.name));
    });
}

/// Backups hold it all: nobody else on this machine may read them.
fn private(folder: &Path) {
    let mut files = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
            assert!(std::fs::read(&path).unwrap().len() > 100);
        }
    }
    assert!(files > 0);
}

#[test]
fn a_damaged_payload_is_never_quoted() {
    let ns = namespace("quoted", Driver::Secret);
    let good = web(&ns, Driver::Secret);
    let spoils: [fn(&Record<'_>); 8] = [
        |record| record.store(JUNK),
        |record| record.store(&format!("{}{JUNK}", &record.inner()[..40])),
        |record| record.store(&encode(JUNK.as_bytes())),
        |record| record.store(&encode(format!("{{\"name\":{JUNK}}}").as_bytes())),
        |record| record.store(&encode(format!("{{\"name\":\"a\",\"info\":\"{JUNK}\"}}").as_bytes())),
        |record| record.store(&encode(format!("{{\"name\":\"a\",\"info\":{{}},\"chart\":null}}{JUNK}").as_bytes())),
        |record| record.edit(|json| json["config"] = JUNK.into()),
        |record| record.edit(|json| json["manifest"] = json!([JUNK])),
    ];
    each(spoils.chunks(2).enumerate(), |(chunk, spoils)| {
        for (number, spoil) in spoils.iter().enumerate() {
            let release = format!("r{chunk}{number}");
            let record = good.of(&release, 2);
            record.copy(&good, |_| {});
            spoil(&record);
            for args in [
                &["status", &release][..],
                &["status", &release, "-o", "json"],
                &["history", &release],
                &["get", "values", &release],
                &["get", "manifest", &release],
                &["get", "all", &release],
                &["fix", &release, "--with", "unlock", "--yes"],
            ] {
                assert_eq!(heard(&ns, args), Vec::<&str>::new(), "{release} {args:?}");
            }
        }
    });
    let stray =
        json!({"metadata": {"name": "stray", "labels": {"owner": "helm"}}, "stringData": {"release": JUNK, "a": JUNK}});
    ns.post("secrets", &stray).unwrap();
    for args in [&["list"][..], &["list", "-o", "json"], &["-n", &ns.name], &["-n", &ns.name, "-o", "json"]] {
        assert_eq!(heard(&ns, args), Vec::<&str>::new(), "{args:?}");
    }
}
