//! Damaged records: each kind is a finding with a name, a reason and a next command; none is passed over, none is written to.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bed::{Driver, Namespace};
use refloat_core::record::encode;
use serde_json::{Value, json};

use crate::record::{Record, noise, web};
use crate::{each, namespace, refloat, refloat_json};

/// One way to break the newest record of a release that has two.
struct Kind {
    /// What the release is called.
    release: &'static str,
    spoil: fn(&Record<'_>),
    /// The codes of what is found, worst first.
    finds: &'static [&'static str],
    /// What `list` and `history` call the payload's fault, which they see if it is in the head.
    fault: Option<&'static str>,
    /// Part of the reason.
    says: &'static str,
    /// How the next command begins.
    next: &'static str,
}

/// Kinds that leave the payload unreadable.
const UNREADABLE: [Kind; 11] = [
    Kind {
        release: "cut",
        spoil: |record| record.store(&record.inner()[..200]),
        finds: &["undecodable"],
        fault: Some("truncated"),
        says: "can't be read: the payload ends early; Helm passes over it and can't write revision 2 again (\"already exists\")",
        next: "refloat history",
    },
    Kind {
        release: "cut-late",
        spoil: |record| {
            // Sorts last, and doesn't shrink.
            record.edit(|json| json["zzz"] = noise(20_000).into());
            let inner = record.inner();
            record.store(&inner[..inner.len() / 4 * 3]);
        },
        finds: &["undecodable"],
        fault: None,
        says: "can't be read: the payload ends early; Helm passes over it and can't write revision 2 again (\"already exists\")",
        next: "refloat history",
    },
    Kind {
        release: "base64",
        spoil: |record| record.store(&format!("%{}", record.inner())),
        finds: &["undecodable"],
        fault: Some("not-base64"),
        says: "not base64 at byte 0",
        next: "refloat history",
    },
    Kind {
        release: "noise",
        spoil: |record| record.store("bmVpdGhlciBnemlwIG5vciBKU09O"),
        finds: &["undecodable"],
        fault: Some("not-gzip"),
        says: "neither gzip nor JSON",
        next: "refloat history",
    },
    Kind {
        release: "checksum",
        spoil: |record| {
            let mut gzip = STANDARD.decode(record.inner()).unwrap();
            // Gzip ends with the checksum and the length, four bytes each.
            let at = gzip.len() - 8;
            gzip[at] ^= 1;
            record.store(&STANDARD.encode(gzip));
        },
        finds: &["undecodable"],
        fault: None,
        says: "the payload's gzip data are corrupt",
        next: "refloat history",
    },
    Kind {
        release: "bomb",
        spoil: |record| {
            let blank = " ".repeat(refloat_core::record::DEFAULT_LIMIT);
            let json = format!(r#"{{"name":"bomb","info":{{"status":"deployed"}},"chart":null,{blank}"version":2}}"#);
            let inner = encode(json.as_bytes());
            assert!(inner.len() < 200_000);
            record.store(&inner);
        },
        finds: &["undecodable"],
        fault: None,
        says: "inflates to more than 64 MiB; Helm has no such limit",
        next: "refloat history",
    },
    Kind {
        release: "no-info",
        spoil: |record| {
            record.edit(|json| {
                json.as_object_mut().unwrap().remove("info");
            });
        },
        finds: &["undecodable"],
        fault: Some("no-info"),
        says: "the payload has no info object; Helm crashes on it",
        next: "refloat history",
    },
    Kind {
        release: "bad-field",
        spoil: |record| record.edit(|json| json["info"]["status"] = 7.into()),
        finds: &["undecodable"],
        fault: Some("bad-field"),
        says: "field info.status has the wrong type",
        next: "refloat history",
    },
    Kind {
        release: "array",
        spoil: |record| record.store_json(&json!([])),
        finds: &["undecodable"],
        fault: Some("not-an-object"),
        says: "not an object",
        next: "refloat history",
    },
    Kind {
        release: "empty",
        spoil: |record| record.store(""),
        finds: &["undecodable"],
        fault: Some("empty"),
        says: "the payload is empty",
        next: "refloat history",
    },
    Kind {
        release: "no-key",
        spoil: |record| record.patch(&json!({"data": {"release": null}})),
        finds: &["undecodable"],
        fault: Some("empty"),
        says: "the payload is empty",
        next: "refloat history",
    },
];

/// Kinds whose payload is fine, but not what the labels say.
const MISLABELLED: [Kind; 9] = [
    Kind {
        release: "status-differs",
        spoil: |record| record.label("status", Some("failed")),
        finds: &["label-payload-mismatch"],
        fault: None,
        says: "revision 2 is labelled failed but its payload says deployed; Helm goes by the payload",
        next: "kubectl label",
    },
    Kind {
        release: "pending-below",
        spoil: |record| record.edit(|json| json["info"]["status"] = "pending-upgrade".into()),
        finds: &["label-payload-mismatch", "pending-upgrade"],
        fault: None,
        says: "revision 2 is labelled deployed but its payload says pending-upgrade",
        next: "refloat diagnose pending-below",
    },
    Kind {
        release: "name-differs",
        spoil: |record| record.edit(|json| json["name"] = "web".into()),
        finds: &["name-payload-mismatch"],
        fault: None,
        says: "revision 2's labels say release name-differs, its payload release web; Helm goes by the payload",
        next: "refloat get metadata",
    },
    Kind {
        release: "revision-differs",
        spoil: |record| record.edit(|json| json["version"] = 7.into()),
        finds: &["name-payload-mismatch"],
        fault: None,
        says: "revision 2's labels say revision 2, its payload revision 7; Helm goes by the payload",
        next: "refloat get metadata",
    },
    Kind {
        release: "no-status",
        spoil: |record| record.label("status", None),
        finds: &["missing-labels"],
        fault: None,
        says: "lacks the label status, by which Helm looks for the deployed revision",
        next: "kubectl label",
    },
    Kind {
        release: "no-version",
        spoil: |record| record.label("version", None),
        finds: &["missing-labels"],
        fault: None,
        says: "lacks the label version, which Helm itself does without",
        next: "kubectl label",
    },
    Kind {
        release: "no-name",
        spoil: |record| record.label("name", None),
        finds: &["missing-labels"],
        fault: None,
        says: "lacks the label name; Helm doesn't find it and can't write revision 2 again",
        next: "kubectl label",
    },
    Kind {
        release: "no-owner",
        spoil: |record| record.label("owner", None),
        finds: &["missing-labels"],
        fault: None,
        says: "lacks the label owner; Helm doesn't find it and can't write revision 2 again",
        next: "kubectl label",
    },
    Kind {
        release: "two-deployed",
        spoil: |record| record.of(record.release, 1).label("status", Some("deployed")),
        finds: &["several-deployed"],
        fault: None,
        says: "revisions 1 and 2 are labelled deployed; only one can be",
        next: "refloat diagnose",
    },
];

/// What `refloat -n NS -o json` found, by release.
fn found(ns: &Namespace<'_>) -> impl Fn(&str) -> Value {
    let ran = refloat(ns, ["-n", &ns.name, "-o", "json"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let all: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
    move |release| all.iter().find(|one| one["name"] == release).cloned().unwrap_or_default()
}

fn codes(entry: &Value) -> Vec<&str> {
    entry["findings"].as_array().into_iter().flatten().map(|finding| finding["code"].as_str().unwrap()).collect()
}

#[test]
fn every_kind_is_found_and_named() {
    each([Driver::Secret, Driver::ConfigMap], |driver| {
        let ns = namespace("damage", driver);
        let good = web(&ns, driver);
        let kinds: Vec<&Kind> = UNREADABLE.iter().chain(&MISLABELLED).collect();
        each(kinds.chunks(5), |kinds| {
            for kind in kinds {
                good.of(kind.release, 1).copy(&good.of("web", 1), |_| {});
                good.of(kind.release, 2).copy(&good, |_| {});
                (kind.spoil)(&good.of(kind.release, 2));
            }
        });
        let entry = found(&ns);
        assert_eq!(entry("web"), Value::Null);
        let listed = refloat_json(&ns, ["list", "-o", "json"]);
        let listed = listed.as_array().unwrap();
        assert_eq!(listed.len(), kinds.len() + 1);
        each(kinds.chunks(5), |kinds| {
            for kind in kinds {
                let line = listed.iter().find(|line| line["name"] == kind.release).unwrap();
                assert_eq!(line["damage"].as_str(), kind.fault, "{driver:?} {line}");
                one(&good.of(kind.release, 2), kind, &entry(kind.release));
            }
        });
    });
}

/// What every command says of one.
fn one(record: &Record<'_>, kind: &Kind, entry: &Value) {
    let ns = record.ns;
    let reason = entry["reason"].as_str().unwrap_or_default();
    assert_eq!(codes(entry), kind.finds, "{}: {reason}", kind.release);
    assert!(reason.contains(kind.says) && !reason.ends_with('.') && reason.len() <= 160, "{}: {reason}", kind.release);
    let next = entry["next"].as_str().unwrap();
    assert!(next.starts_with(kind.next) && next.contains(&format!("-n {}", ns.name)), "{}: {next}", kind.release);

    let history = refloat_json(ns, ["history", kind.release, "-o", "json"]);
    let revisions: Vec<_> = history.as_array().unwrap().iter().map(|line| line["revision"].clone()).collect();
    assert_eq!(revisions, [1, 2], "{}", kind.release);
    assert_eq!(history[1]["damage"].as_str(), kind.fault, "{}", kind.release);
    assert_eq!(history[0]["damage"], Value::Null, "{}", kind.release);

    let status = refloat(ns, ["status", kind.release]);
    let first = format!("{}: {reason}", kind.finds[0]);
    assert_eq!(status.stdout.lines().next(), Some(first.as_str()), "{}", status.stderr);
    assert!(status.stdout.contains(&format!("next: {next}\n")), "{}", status.stdout);
    if kind.finds == ["undecodable"] {
        assert_eq!(status.code, Some(3));
        refused(record, kind);
    }
}

/// What can't be read is neither unlocked nor shown, and left as it is.
fn refused(record: &Record<'_>, kind: &Kind) {
    let before = record.object();
    let fixed = refloat(record.ns, ["fix", kind.release, "--with", "unlock", "--yes", "--helm-is-gone"]);
    assert_eq!(fixed.code, Some(4), "{}", fixed.stderr);
    let told = "error: revision 2 can't be read: the payload";
    assert!(fixed.stderr.lines().any(|line| line.starts_with(told)), "{}", fixed.stderr);
    assert!(fixed.stderr.contains("hint: refloat plan"), "{}", fixed.stderr);
    assert_eq!(record.object(), before);
    let got = refloat(record.ns, ["get", "values", kind.release]);
    assert_eq!((got.code, got.stdout.as_str()), (Some(3), ""), "{}", got.stderr);
    assert!(got.stderr.starts_with(&format!("error: revision 2 of {}/", record.ns.name)), "{}", got.stderr);
    let older = refloat(record.ns, ["get", "values", kind.release, "--revision", "1"]);
    assert_eq!(older.code, Some(0), "{}", older.stderr);
}
