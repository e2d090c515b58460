//! Records that both Helms wrote with every driver (`cargo xtask capture-golden`): read in full, in part, edited and closed
//! again.
#![expect(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests read the files beside them")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use refloat_core::record::{
    DEFAULT_LIMIT, Document, Driver, Head, HeadReader, InfoEdit, Moment, Progress, Release, Status, StoredRecord,
    decode, encode, key_of,
};
use serde_json::Value;

/// A release, its revision, and what Helm says of it; the description only as far as both Helms say the same.
type Expected = (&'static str, u64, Status, &'static str, [&'static str; 2]);

const COMPLETE: [&str; 2] = ["Succeeded", ""];

/// What there is of every Helm with every driver. Of the hooks, the first runs before an install or upgrade.
const RECORDS: [Expected; 11] = [
    ("a.v1.b", 1, Status::Failed, "Release \"a.v1.b\" failed: ", COMPLETE),
    ("back", 3, Status::Deployed, "Rollback to 1", COMPLETE),
    ("crossed", 1, Status::Superseded, "Install complete", COMPLETE),
    ("first", 1, Status::PendingInstall, "Initial install underway", ["Running", ""]),
    ("gone", 1, Status::Uninstalled, "Uninstallation complete", COMPLETE),
    ("leaving", 1, Status::Uninstalling, "Deletion in progress (or silently failed)", COMPLETE),
    ("plain", 1, Status::Deployed, "first <try> & \"more\" ü\u{2028}", COMPLETE),
    ("rolling", 3, Status::PendingRollback, "Rollback to 1", COMPLETE),
    ("stuck", 2, Status::PendingUpgrade, "Preparing upgrade", ["Running", ""]),
    ("web", 1, Status::Superseded, "Install complete", COMPLETE),
    ("web", 2, Status::Deployed, "Upgrade complete", COMPLETE),
];

/// `plain` without gzip, as the first Helms stored it.
const LEGACY: &str = "legacy.v1.json";

/// One file.
struct Golden {
    driver: Driver,
    /// 3 or 4.
    helm: u8,
    expected: Expected,
    record: StoredRecord,
}

impl Golden {
    fn name(&self) -> String {
        let (release, revision, ..) = self.expected;
        format!("{}-helm{}: {release} revision {revision}", self.driver, self.helm)
    }

    fn text(&self) -> String {
        self.record.document().unwrap().text().to_owned()
    }

    fn release(&self) -> Release {
        Release::from_document(&self.record.document().unwrap()).unwrap()
    }

    /// Which Helm wrote the payload last: `crossed` is the one that the other Helm superseded.
    fn written_by(&self) -> u8 {
        if self.expected.0 == "crossed" { 7 - self.helm } else { self.helm }
    }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Every combination of driver and Helm, with its folder's name.
fn combinations() -> impl Iterator<Item = (Driver, u8, String)> {
    let drivers = [Driver::Secret, Driver::ConfigMap, Driver::Sql];
    drivers.into_iter().flat_map(|driver| [3, 4].map(|helm| (driver, helm, format!("{driver}-helm{helm}"))))
}

/// All of them; a missing one is a failure.
fn all() -> Vec<Golden> {
    let read = |name: &str| {
        let file = folder().join(name);
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        serde_json::from_str(&text).unwrap()
    };
    let mut all: Vec<_> = combinations()
        .flat_map(|(driver, helm, folder)| {
            RECORDS.map(|expected| {
                let record = read(&format!("{folder}/{}.v{}.json", expected.0, expected.1));
                Golden { driver, helm, expected, record }
            })
        })
        .collect();
    let plain = RECORDS.into_iter().find(|expected| expected.0 == "plain").unwrap();
    let record = read(&format!("secret-helm3/{LEGACY}"));
    all.push(Golden { driver: Driver::Secret, helm: 3, expected: plain, record });
    all
}

/// The one that a test is about, of each Helm and with each driver.
fn each(release: &str, revision: u64) -> impl Iterator<Item = Golden> {
    all().into_iter().filter(move |golden| (golden.expected.0, golden.expected.1) == (release, revision))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries.collect();
    names.sort();
    names
}

#[test]
fn every_driver_and_helm_is_there_and_nothing_unread() {
    let mut folders: Vec<_> = combinations().map(|(_, _, folder)| folder).collect();
    folders.sort();
    assert_eq!(names(&folder()), folders);
    for name in folders {
        let mut files: Vec<_> = RECORDS.iter().map(|(name, revision, ..)| format!("{name}.v{revision}.json")).collect();
        files.extend((name == "secret-helm3").then(|| LEGACY.to_owned()));
        files.sort();
        assert_eq!(names(&folder().join(&name)), files, "{name}");
    }
}

#[test]
fn statuses_are_all_that_helm_writes() {
    let mut seen: Vec<_> = RECORDS.iter().map(|expected| expected.2).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen, Status::ALL.into_iter().filter(|status| *status != Status::Unknown).collect::<Vec<_>>());
}

#[test]
fn labels_and_key_say_what_the_payload_says() {
    for golden in all() {
        let (name, (release, revision, status, ..)) = (golden.name(), golden.expected);
        let meta = &golden.record.meta;
        assert_eq!(meta.id.driver, golden.driver, "{name}");
        assert_eq!(meta.id.key, key_of(release, revision), "{name}");
        assert_eq!((meta.release(), meta.revision(), meta.status()), (Some(release), Some(revision), Some(status)));
        assert!(meta.seen_by_helm() && meta.is_record() && !golden.record.is_immutable(), "{name}");
        assert_eq!(meta.record_type.is_some(), golden.driver != Driver::ConfigMap, "{name}");
        assert!(meta.created.is_some() && meta.written >= meta.created, "{name}");
        if golden.driver != Driver::Sql {
            let again = StoredRecord::from_object(golden.driver, golden.record.object.clone()).unwrap();
            assert_eq!(again, golden.record, "{name}");
        }
        let custom: Vec<_> = meta.custom.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let expected: &[&str] = match (release, revision) {
            ("web", 1) => &["example.com/tier=a.b_c", "team=shop"],
            ("web", _) => &["example.com/tier=a.b_c", "team=pay"],
            _ => &[],
        };
        assert_eq!(custom, expected, "{name}");
    }
}

#[test]
fn fields_are_read() {
    for golden in all() {
        let (name, (release, revision, status, description, hooks)) = (golden.name(), golden.expected);
        let read = golden.release();
        assert_eq!((read.name.as_str(), read.version), (release, revision), "{name}");
        assert_eq!(read.namespace, format!("{}-helm{}", golden.driver, golden.helm), "{name}");
        assert_eq!(read.info.status, status.as_str(), "{name}");
        assert!(read.info.description.starts_with(description), "{name}: {}", read.info.description);
        assert!(read.info.first_deployed.is_some() && read.info.last_deployed.is_some(), "{name}");
        let leaves = matches!(status, Status::Uninstalled | Status::Uninstalling);
        assert_eq!(read.info.deleted.is_some(), leaves, "{name}");
        let notes =
            format!("{release} is <up> & running: a <b> & c äöü 日本 😀, a line\u{2028} and a paragraph\u{2029}");
        assert!(read.info.notes.starts_with(&notes), "{name}: {}", read.info.notes);
        assert!(read.info.notes.ends_with("\"quotes\" \u{7f}\u{8}\n"), "{name}: {:?}", read.info.notes);
        let rolled_back = revision == 3 && golden.written_by() == 4;
        assert_eq!(read.info.rollback_revision, rolled_back.then_some(1), "{name}");
        assert_eq!(read.apply_method.as_deref(), (golden.written_by() == 4 && golden.helm == 4).then_some("ssa"));
        assert!(read.manifest.starts_with("---\n# Source: golden/charts/part/templates/configmap.yaml\n"), "{name}");
        assert!(read.manifest.contains(&format!("  name: {release}-part\n")), "{name}");
        assert_eq!(read.hooks.iter().map(|hook| hook.last_run.phase.as_str()).collect::<Vec<_>>(), hooks, "{name}");
    }
}

#[test]
fn chart_and_hooks_are_read() {
    for golden in all() {
        let (name, read) = (golden.name(), golden.release());
        let chart = read.chart.unwrap();
        let metadata = chart.metadata.unwrap();
        assert_eq!((metadata.name.as_str(), metadata.version.as_str()), ("golden", "1.2.3+build.4"), "{name}");
        assert_eq!((metadata.app_version.as_str(), metadata.api_version.as_str()), ("2.0 <beta> & later", "v2"));
        assert_eq!((metadata.kube_version.as_str(), metadata.chart_type.as_str()), (">=1.20.0-0", "application"));
        assert_eq!(metadata.annotations, BTreeMap::from([("example.com/note".into(), "a < b & c".into())]), "{name}");
        assert_eq!((metadata.dependencies, metadata.deprecated), (vec!["part".to_owned()], false), "{name}");
        let values: Value = serde_json::from_str(&chart.values.unwrap()).unwrap();
        assert_eq!(values["part"]["enabled"], true, "{name}");

        let [pre, test] = read.hooks.try_into().unwrap();
        assert_eq!((pre.name, pre.kind.as_str()), (format!("{}-pre", read.name), "ConfigMap"), "{name}");
        assert_eq!((pre.weight, pre.events.join(",").as_str()), (-5, "pre-install,pre-upgrade"), "{name}");
        assert_eq!(pre.delete_policies, ["before-hook-creation", "hook-succeeded"], "{name}");
        let (started, ended) = (pre.last_run.started_at, pre.last_run.completed_at);
        assert!(started.is_some(), "{name}");
        assert_eq!(ended.is_some(), pre.last_run.phase == "Succeeded", "{name}");
        assert!(ended.is_none_or(|ended| ended.at >= started.unwrap().at), "{name}");
        assert_eq!((test.kind.as_str(), test.weight, test.events.join(",").as_str()), ("Pod", 0, "test"), "{name}");
        assert_eq!(test.output_log_policies, ["hook-failed"], "{name}");
        assert_eq!((test.last_run.started_at, test.last_run.completed_at), (None, None), "{name}");
    }
}

/// What Helm 3 and 4 write differently is in the text, so that other tests don't pass on records that are all alike.
#[test]
fn each_helm_left_its_marks() {
    for golden in all() {
        let (name, text, written_by_3) = (golden.name(), golden.text(), golden.written_by() == 3);
        assert_eq!(text.contains(r#""started_at":"","completed_at":"","phase":"""#), written_by_3, "{name}");
        assert_eq!(text.contains(r#""last_run":{"phase":""}"#), !written_by_3, "{name}");
        assert_eq!(text.contains(r#""schemamodtime":"#), !written_by_3, "{name}");
        let modtimes = text.matches(r#""modtime":""#).count();
        // Of a record of Helm 3's, Helm 4 doesn't know the times.
        let expected = if golden.written_by() == 4 && golden.helm == 4 { 6 } else { 0 };
        assert_eq!(modtimes, expected, "{name}");
        assert_eq!(golden.record.inner().unwrap().starts_with(b"H4sIAAAAAAAC/"), !is_legacy(&golden), "{name}");
    }
}

fn is_legacy(golden: &Golden) -> bool {
    golden.record.inner().unwrap().starts_with(b"eyJ")
}

/// As Helm stores them: exact until it reads the record again and writes it back.
#[test]
fn big_numbers_are_as_helm_stored_them() {
    for golden in each("web", 2) {
        let config = golden.release().config.unwrap();
        assert!(config.starts_with(r#"{"big":9007199254740993,"given":{"big":9007199254740992,"e":1e+30,"f":0.1,"#));
    }
    for golden in each("web", 1) {
        assert_eq!(golden.release().config.unwrap(), r#"{"big":9007199254740992}"#, "{}", golden.name());
    }
    for golden in all() {
        let values = golden.release().chart.unwrap().values.unwrap();
        for number in ["\"bigger\":12345678901234567000,", "\"largest\":9223372036854776000", "\"small\":1e-7,"] {
            assert!(values.contains(number), "{}: {values}", golden.name());
        }
    }
}

#[test]
fn a_head_is_what_the_whole_record_says() {
    for golden in all() {
        let (name, inner, release) = (golden.name(), golden.record.inner().unwrap(), golden.release());
        let head = golden.record.head().unwrap();
        assert_eq!(Head::from_json(golden.text().as_bytes()).as_ref(), Ok(&head), "{name}");
        for size in [1, 7, 1000] {
            let mut reader = HeadReader::default();
            let done = inner.chunks(size).find_map(|piece| match reader.push(piece).unwrap() {
                Progress::Done(head) => Some(head),
                Progress::NeedMore => None,
            });
            assert_eq!(done.as_ref(), Some(&head), "{name}: {size} at a time");
        }
        let metadata = release.chart.unwrap().metadata.unwrap();
        let moment = |moment: Option<Moment>| moment.map(|moment| moment.text);
        let whole = Head {
            name: release.name,
            has_info: true,
            status: Some(release.info.status),
            description: Some(release.info.description),
            first_deployed: moment(release.info.first_deployed),
            last_deployed: moment(release.info.last_deployed),
            deleted: moment(release.info.deleted),
            chart_name: Some(metadata.name),
            chart_version: Some(metadata.version),
            app_version: Some(metadata.app_version),
        };
        assert_eq!(head, whole, "{name}");
    }
}

#[test]
fn what_is_closed_opens_to_the_same_bytes() {
    for golden in all() {
        let text = golden.text();
        let again = decode(encode(text.as_bytes()).as_bytes(), DEFAULT_LIMIT).unwrap();
        assert!(again == text.as_bytes(), "{}", golden.name());
    }
}

/// Refloat spells strings as Go does, `<>&`, U+2028 and line breaks included.
#[test]
fn editing_to_the_same_values_changes_no_byte() {
    for golden in all() {
        let (document, info) = (golden.record.document().unwrap(), golden.release().info);
        // Helm writes its machine's offset, Refloat UTC.
        let utc = |moment: Option<Moment>| moment.filter(|moment| moment.text.ends_with('Z')).map(|moment| moment.at);
        let same = InfoEdit {
            status: Some(golden.expected.2),
            description: Some(info.description),
            last_deployed: utc(info.last_deployed),
            deleted: utc(info.deleted),
        };
        assert_eq!(document.edit(&same).unwrap().text(), document.text(), "{}", golden.name());
    }
}

#[test]
fn editing_changes_the_edited_spans_alone() {
    let edit = InfoEdit { status: Some(Status::Failed), description: Some("a<b".into()), ..InfoEdit::default() };
    for golden in all() {
        let (name, text) = (golden.name(), golden.text());
        // Both Helms write the two side by side.
        let start = text.find(r#""description":""#).unwrap();
        let status = format!(r#"","status":"{}""#, golden.expected.2);
        let end = start + text[start..].find(&status).unwrap() + status.len();
        assert!(start < text.find(r#""chart":{"#).unwrap(), "{name}");
        let expected = format!(r#"{}"description":"a\u003cb","status":"failed"{}"#, &text[..start], &text[end..]);
        let edited = golden.record.edited(&edit).unwrap();
        assert_eq!(edited.document().unwrap().text(), expected, "{name}");
        assert_eq!(edited.document(), Document::parse(expected.into_bytes()), "{name}");
        assert_eq!(edited.head().unwrap().status.as_deref(), Some("failed"), "{name}");

        // Of the object: the payload and one label or column.
        let (payload, label) = match golden.driver {
            Driver::Sql => ("/body", "/status"),
            Driver::Secret | Driver::ConfigMap => ("/data/release", "/metadata/labels/status"),
        };
        assert_eq!(
            (edited.meta.status(), edited.object.pointer(label)),
            (Some(Status::Failed), Some(&"failed".into()))
        );
        let mut back = edited;
        back.meta.status.clone_from(&golden.record.meta.status);
        for pointer in [payload, label] {
            *back.object.pointer_mut(pointer).unwrap() = golden.record.object.pointer(pointer).unwrap().clone();
        }
        assert_eq!(back, golden.record, "{name}");
    }
}
