//! Records that are odd rather than broken, what Helm itself makes of broken ones, and the database's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bed::{Driver, Major, Namespace, chart};
use refloat_core::record::{MAX_STORED, encode};
use serde_json::{Value, json};

use crate::record::{Record, noise, web};
use crate::ways::{Moment, fix, fixed, statuses};
use crate::{each, install, namespace, refloat, refloat_json};

/// The findings' codes and reasons of a namespace, and scan's exit code.
fn scan(ns: &Namespace<'_>, more: &[&str]) -> (Option<i32>, Vec<Value>) {
    let ran = refloat(ns, ["-n", &ns.name, "-o", "json"].iter().chain(more));
    let found = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stderr));
    (ran.code, found)
}

fn codes(found: &[Value]) -> Vec<&str> {
    found.iter().flat_map(|one| one["findings"].as_array().unwrap()).map(|one| one["code"].as_str().unwrap()).collect()
}

#[test]
fn helm_passes_over_what_it_cant_read_and_then_trips_over_its_key() {
    each(Major::BOTH, |major| {
        let ns = namespace("trips", Driver::Secret);
        let record = web(&ns, Driver::Secret);
        record.store(&record.inner()[..200]);

        let listed = ns.helm(major, ["list"]).unwrap().ok().unwrap().stdout;
        assert!(!listed.contains("deployed"), "{major}: {listed}");
        let upgrade = ["upgrade", "web", &chart("tiny"), "--set", "data.version=3"].map(str::to_owned);
        let refused = ns.helm(major, &upgrade).unwrap().failed().unwrap();
        assert!(refused.contains("already exists"), "{major}: {refused}");

        let (code, found) = scan(&ns, &[]);
        assert_eq!((code, codes(&found)), (Some(3), vec!["undecodable"]));
        assert!(found[0]["reason"].as_str().unwrap().contains("can't write revision 2 again (\"already exists\")"));
    });
}

#[test]
fn helm_crashes_on_what_has_no_info() {
    each(Major::BOTH, |major| {
        let ns = namespace("crash", Driver::ConfigMap);
        let record = web(&ns, Driver::ConfigMap);
        record.edit(|json| json["info"] = Value::Null);
        let crashed = ns.helm(major, ["list"]).unwrap().failed().unwrap();
        assert!(crashed.contains("nil pointer dereference"), "{major}: {crashed}");
        let (code, found) = scan(&ns, &[]);
        assert_eq!((code, codes(&found)), (Some(3), vec!["undecodable"]));
        assert!(found[0]["reason"].as_str().unwrap().ends_with("Helm crashes on it"));
        assert_eq!(refloat_json(&ns, ["list", "-o", "json"])[0]["damage"], "no-info");
    });
}

#[test]
fn a_record_of_no_release_is_a_finding_too() {
    let ns = namespace("stray", Driver::Secret);
    let leftover = json!({
        "metadata": {"name": "leftover", "labels": {"owner": "helm"}}, "stringData": {"release": "hunter2"},
    });
    ns.post("secrets", &leftover).unwrap();
    let (code, found) = scan(&ns, &[]);
    assert_eq!((code, codes(&found)), (Some(3), vec!["stray"]));
    assert_eq!(found[0]["name"], "secret/leftover");
    assert_eq!(found[0]["next"], format!("kubectl describe secret leftover -n {}", ns.name));
    // Even where notes are not wanted, the exit code has its reason.
    let table = refloat(&ns, ["-n", &ns.name, "--quiet"]);
    assert_eq!((table.code, table.stderr.as_str()), (Some(3), ""));
    let said = "Secret leftover is marked as a Helm record, but neither labels nor name tell of which release";
    assert!(table.stdout.contains(said) && !table.stdout.contains("hunter2"), "{}", table.stdout);
    // It is no release, so nothing that goes through releases meets it.
    assert_eq!(refloat(&ns, ["-n", &ns.name, "-o", "name"]).stdout, "");
    assert_eq!(refloat_json(&ns, ["list", "-o", "json"]), json!([]));
}

#[test]
fn a_copy_that_kept_its_labels_is_told_from_a_second_deployed_revision() {
    let ns = namespace("copies", Driver::Secret);
    let record = web(&ns, Driver::Secret);
    let mut copy = record.object();
    copy["metadata"] = json!({"name": "web-before-friday", "labels": copy["metadata"]["labels"]});
    ns.post("secrets", &copy).unwrap();
    let (code, found) = scan(&ns, &[]);
    assert_eq!((code, codes(&found)), (Some(3), vec!["same-revision"]));
    let said = "2 records claim to be revision 2: sh.helm.release.v1.web.v2, web-before-friday; Helm picks either";
    assert_eq!(found[0]["reason"], said);
    assert_eq!(refloat_json(&ns, ["list", "-o", "json"]).as_array().unwrap().len(), 1);
    assert_eq!(refloat_json(&ns, ["history", "web", "-o", "json"]).as_array().unwrap().len(), 3);
}

#[test]
fn a_record_put_back_by_hand_is_helms_and_ours() {
    let ns = namespace("opaque", Driver::Secret);
    let record = web(&ns, Driver::Secret);
    let mut opaque = record.object();
    ns.delete(&record.path()).unwrap();
    opaque["type"] = "Opaque".into();
    opaque["metadata"] = json!({"name": record.key(), "labels": opaque["metadata"]["labels"]});
    ns.post("secrets", &opaque).unwrap();
    record.edit(|json| json["info"]["status"] = "pending-upgrade".into());
    record.label("status", Some("pending-upgrade"));
    assert_eq!(codes(&scan(&ns, &[]).1), ["pending-upgrade"]);
    unlocked(&record);
    assert_eq!(record.object()["type"], "Opaque");
}

#[test]
fn a_payload_from_before_helm_compressed_is_read_and_unlocked() {
    each([Driver::Secret, Driver::ConfigMap], |driver| {
        let ns = namespace("legacy", driver);
        let record = web(&ns, driver);
        let mut json = record.json();
        json["info"]["status"] = "pending-upgrade".into();
        record.store(&STANDARD.encode(json.to_string()));
        record.label("status", Some("pending-upgrade"));
        assert_eq!(refloat_json(&ns, ["list", "-o", "json"])[0]["chart"], "tiny-1.0.0");
        assert_eq!(codes(&scan(&ns, &[]).1), ["pending-upgrade"]);
        unlocked(&record);
    });
}

/// Unlocks a pending record; Helm goes on.
fn unlocked(record: &Record<'_>) {
    let fixed = refloat(record.ns, ["fix", "web", "--with", "unlock", "--yes", "--helm-is-gone"]);
    assert_eq!(fixed.code, Some(0), "{}", fixed.stderr);
    assert_eq!(record.json()["info"]["status"], "failed");
    record.ns.helm3(["upgrade", "web", &chart("tiny")]).unwrap().ok().unwrap();
    assert_eq!(scan(record.ns, &[]), (Some(0), Vec::new()));
}

#[test]
fn what_wouldnt_fit_is_known_before_anything_is_changed() {
    each([Driver::Secret, Driver::ConfigMap], |driver| {
        let ns = namespace("fits", driver);
        let record = web(&ns, driver);
        record.of("web", 1).edit(|json| json["info"]["status"] = "deployed".into());
        record.of("web", 1).label("status", Some("deployed"));
        let mut json = record.json();
        json["info"]["status"] = "pending-upgrade".into();
        json["info"]["description"] = "".into();
        let letters = noise(1_100_000);
        let padded = |length: usize| {
            let mut json = json.clone();
            json["config"] = json!({"unused": &letters[..length]});
            encode(json.to_string().as_bytes())
        };
        let fits = (1_000_000..letters.len())
            .collect::<Vec<_>>()
            .partition_point(|length| padded(*length).len() <= MAX_STORED);
        record.store(&padded(1_000_000 + fits - 1));
        record.label("status", Some("pending-upgrade"));
        let before = Moment::settled(&ns);
        for way in ["unlock", "rollback", "resume"] {
            let refused = fix(&ns, way, &[]);
            assert_eq!(refused.code, Some(4), "{driver:?} {way}: {}", refused.stderr);
            for said in ["the record of revision 2 can't be edited; nothing was changed", "more than the 1048576 that"]
            {
                assert!(refused.stderr.contains(said), "{driver:?} {way}: {}", refused.stderr);
            }
            assert_eq!(Moment::settled(&ns), before, "{driver:?} {way}");
        }
        fixed(&ns, "forget", &[]);
        assert_eq!(statuses(&ns, Major::V4), ["deployed"]);
    });
}

#[test]
fn a_missing_revision_is_worth_knowing_and_an_old_damaged_one_is_in_the_history() {
    let ns = namespace("gap", Driver::Secret);
    let record = web(&ns, Driver::Secret);
    for _ in 0..2 {
        ns.helm4(["upgrade", "web", &chart("tiny")]).unwrap().ok().unwrap();
    }
    ns.delete(&record.path()).unwrap();
    assert_eq!(scan(&ns, &[]), (Some(0), Vec::new()));
    let talk = refloat(&ns, ["-n", &ns.name]);
    assert!(talk.stderr.contains("1 healthy one has something worth knowing: refloat scan --all"), "{}", talk.stderr);
    let (code, found) = scan(&ns, &["--all"]);
    assert_eq!((code, codes(&found)), (Some(0), vec!["revision-gap"]));
    assert_eq!(found[0]["reason"], "revision 2 is missing from the history");

    record.of("web", 3).store("");
    let history = refloat(&ns, ["history", "web"]);
    assert_eq!(history.code, Some(0));
    assert!(history.stdout.contains("(can't be read: the payload is empty)"), "{}", history.stdout);
    let opened = refloat(&ns, ["status", "web", "--revision", "3"]);
    assert_eq!(opened.code, Some(3));
    assert!(opened.stdout.contains("the payload can't be read: the payload is empty"), "{}", opened.stdout);
}

#[test]
fn rows_of_a_database_are_judged_alike() {
    let ns = namespace("rows", Driver::Sql);
    let chart = chart("tiny");
    for release in ["cut", "label", "name"] {
        install(&ns, Major::V4, release, &[]);
    }
    // Hardly compressible, and more than Kubernetes stores.
    let values = ns.bed.address.dir.join(format!("{}.yaml", ns.name));
    std::fs::write(&values, format!("unused: {}\n", noise(1_200_000))).unwrap();
    ns.helm3(["install", "big", &chart, "-f", values.to_str().unwrap()]).unwrap().ok().unwrap();
    let mut client = postgres::Client::connect(ns.bed.postgres().unwrap(), postgres::NoTls).unwrap();
    for (release, change) in
        [("cut", "body = left(body, 200)"), ("label", "status = 'failed'"), ("name", "version = 7")]
    {
        let statement = format!("UPDATE releases_v1 SET {change} WHERE namespace = $1 AND name = $2");
        assert_eq!(client.execute(&statement, &[&ns.name, &release]).unwrap(), 1);
    }

    let (code, found) = scan(&ns, &["--all"]);
    assert_eq!(code, Some(3));
    let names: Vec<_> = found.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["big", "cut", "label", "name"]);
    assert_eq!(codes(&found), ["over-1-mib", "undecodable", "label-payload-mismatch", "name-payload-mismatch"]);
    assert!(found[0]["reason"].as_str().unwrap().contains("a Secret or ConfigMap at most 1048576"));
    assert!(found.iter().all(|one| !one["next"].as_str().unwrap().contains("kubectl")));
    // A database may hold as much as it likes.
    assert!(!scan(&ns, &[]).1.iter().any(|one| one["name"] == "big"));
    let listed = refloat_json(&ns, ["list", "-o", "json"]);
    let damage: Vec<_> = listed.as_array().unwrap().iter().map(|line| line["damage"].as_str()).collect();
    assert_eq!(damage, [None, Some("truncated"), None, None]);
    let fixed = refloat(&ns, ["fix", "cut", "--with", "unlock", "--yes", "--helm-is-gone"]);
    assert_eq!(fixed.code, Some(4), "{}", fixed.stderr);
    ns.helm3(["uninstall", "big"]).unwrap().ok().unwrap();
}
