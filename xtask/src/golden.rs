//! `cargo xtask capture-golden`: has both Helms write a record of every kind with every driver and saves them below
//! `core/tests/golden/`, one file each, for the tests of the core that run without a cluster. Two of each Helm's become seeds
//! of the fuzz target.
use crate::{private, say, workspace};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bed::{Bed, Driver, Major, Namespace, Options, Postgres, chart};
use clap::Args;
use jiff::Timestamp;
use postgres::{Client, NoTls};
use refloat_core::record::{self, Guard, RecordId, RecordMeta, StoredRecord, decode, key_of};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// All files together: they are in every clone.
const LARGEST: u64 = 300 << 10;

/// Capture anew the records that core/tests/golden.rs reads.
#[derive(Args)]
pub struct CaptureGolden {}

/// What is captured: a release, one of its revisions, and its status.
const RECORDS: [(&str, u64, &str); 11] = [
    ("plain", 1, "deployed"),
    ("web", 1, "superseded"),
    ("web", 2, "deployed"),
    ("a.v1.b", 1, "failed"),
    ("stuck", 2, "pending-upgrade"),
    ("first", 1, "pending-install"),
    ("back", 3, "deployed"),
    ("rolling", 3, "pending-rollback"),
    ("gone", 1, "uninstalled"),
    ("leaving", 1, "uninstalling"),
    // Installed by the one Helm, marked superseded by the other.
    ("crossed", 1, "superseded"),
];

/// Integers that a float can't hold, as the types Helm keeps them in before it reads them back.
const BIG: &str = "big=9007199254740993";
const BIG_JSON: &str = r#"given={"big":9007199254740993,"words":"<a> & \u2028 ü 日本 😀","e":1e30,"f":0.1}"#;

impl CaptureGolden {
    /// Does it.
    pub fn run(self) -> Result<()> {
        let bed = Bed::start(&Options { postgres: Postgres::Yes, dir: None })?;
        let folder = workspace().join("core/tests/golden");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        for driver in [Driver::Secret, Driver::ConfigMap, Driver::Sql] {
            std::thread::scope(|scope| {
                let work = |major| capture(&bed, driver, major, &folder);
                // Helms that make the database's tables at the same time fail, so one makes them first.
                if driver == Driver::Sql {
                    Namespace::existing(&bed, "default").driver(driver).helm3(["list"])?.ok()?;
                }
                let both = Major::BOTH.map(|major| scope.spawn(move || work(major)));
                both.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow!("a thread panicked"))?)
            })?;
        }
        let bytes = size(&folder)?;
        ensure!(bytes <= LARGEST, "the records take {bytes} bytes, more than {LARGEST}");
        say(&format!("core/tests/golden: {bytes} bytes"))
    }
}

/// One driver with one Helm.
fn capture(bed: &Bed, driver: Driver, major: Major, folder: &Path) -> Result<()> {
    let helm = if major == Major::V3 { "helm3" } else { "helm4" };
    let name = format!("{}-{helm}", driver.name());
    let case = Case { ns: bed.namespace_named(&name)?.driver(driver), major };
    case.make().with_context(|| name.clone())?;
    let folder = folder.join(&name);
    fs::create_dir_all(&folder)?;
    for (release, revision, status) in RECORDS {
        let record = stored(&case.ns, driver, &key_of(release, revision))?;
        let found = record.document()?.status();
        ensure!(found.as_deref() == Some(status), "{name}: {release} revision {revision} is {found:?}, not {status}");
        save(bed, &folder.join(format!("{release}.v{revision}.json")), &record)?;
        if driver == Driver::Secret {
            seed(&record, helm)?;
        }
        // One will do: drivers and Helms don't differ in it.
        if release == "plain" && name == "secret-helm3" {
            save(bed, &folder.join("legacy.v1.json"), &uncompressed(record)?)?;
        }
    }
    Ok(())
}

/// A namespace whose Helm uses one driver, and the Helm.
struct Case<'a> {
    ns: Namespace<'a>,
    major: Major,
}

impl Case<'_> {
    fn make(&self) -> Result<()> {
        self.install("plain", &["--description", "first <try> & \"more\" ü\u{2028}"])?;
        self.install("web", &["--labels", "team=shop,example.com/tier=a.b_c", "--set", BIG])?;
        self.upgrade("web", &["--labels", "team=pay", "--set", BIG, "--set-json", BIG_JSON])?;
        self.helm(&["install", "a.v1.b", &chart("golden"), "--set", "broken=true"])?.failed()?;

        self.install("stuck", &[])?;
        self.kill("PATCH~/configmaps/stuck:kill-before", &self.upgrading("stuck"))?;
        // The hook is there, and the record says that it runs.
        let method = if self.major == Major::V3 { "POST" } else { "PATCH" };
        let fault = format!("{method}~/configmaps/first-pre:kill-after");
        self.kill(&fault, &["install", "first", &chart("golden")])?;
        self.two("back")?;
        self.helm(&["rollback", "back", "1"])?.ok()?;
        self.two("rolling")?;
        self.kill("PATCH~/configmaps/rolling:kill-after", &["rollback", "rolling", "1"])?;

        self.install("gone", &[])?;
        self.helm(&["uninstall", "gone", "--keep-history"])?.ok()?;
        self.install("leaving", &[])?;
        self.kill("DELETE~/configmaps/leaving:kill-before", &["uninstall", "leaving"])?;

        self.install("crossed", &["--set", BIG])?;
        let other = if self.major == Major::V3 { Major::V4 } else { Major::V3 };
        self.ns.helm(other, self.upgrading("crossed"))?.ok().map(drop)
    }

    fn helm(&self, args: &[&str]) -> Result<bed::Output> {
        self.ns.helm(self.major, args)
    }

    fn install(&self, release: &str, more: &[&str]) -> Result<()> {
        let chart = chart("golden");
        self.helm(&[&["install", release, &chart], more].concat())?.ok().map(drop)
    }

    fn upgrade(&self, release: &str, more: &[&str]) -> Result<()> {
        let upgrading = self.upgrading(release);
        let args: Vec<&str> = upgrading.iter().map(String::as_str).chain(more.iter().copied()).collect();
        self.helm(&args)?.ok().map(drop)
    }

    fn upgrading(&self, release: &str) -> [String; 5] {
        ["upgrade", release, &chart("golden"), "--set", "version=2"].map(str::to_owned)
    }

    fn two(&self, release: &str) -> Result<()> {
        self.install(release, &[])?;
        self.upgrade(release, &[])
    }

    fn kill(&self, fault: &str, args: &[impl AsRef<std::ffi::OsStr>]) -> Result<()> {
        self.ns.helm_with_faults(self.major, &[fault], args)?.sure().map(drop)
    }
}

/// One record as Refloat would read it.
fn stored(ns: &Namespace<'_>, driver: Driver, key: &str) -> Result<StoredRecord> {
    let (driver, collection) = match driver {
        Driver::Secret => (record::Driver::Secret, "secrets"),
        Driver::ConfigMap => (record::Driver::ConfigMap, "configmaps"),
        Driver::Sql => return row(ns, key).with_context(|| format!("row {key}")),
    };
    let object = ns.get(&format!("{collection}/{key}"))?;
    StoredRecord::from_object(driver, object).with_context(|| format!("{key} is no record"))
}

/// A row in the form in which `SqlRecords` of the app gives it; `app/tests/cluster/edited.rs` compares the two.
fn row(ns: &Namespace<'_>, key: &str) -> Result<StoredRecord> {
    let statement = "SELECT (to_jsonb(r) || jsonb_build_object('xmin', r.xmin::text, 'labels', coalesce((SELECT \
         jsonb_object_agg(l.key, l.value) FROM custom_labels_v1 l \
         WHERE l.releasekey = r.key AND l.releasenamespace = r.namespace), '{}')))::text \
         FROM releases_v1 r WHERE r.key = $1 AND r.namespace = $2";
    let text: String =
        Client::connect(ns.bed.postgres()?, NoTls)?.query_one(statement, &[&key, &ns.name])?.try_get(0)?;
    let row: Value = serde_json::from_str(&text)?;
    let text = |column: &str| row[column].as_str().map(str::to_owned);
    let number = |column: &str| row[column].as_i64().with_context(|| format!("no {column}"));
    let (created, modified) = (number("createdat")?, number("modifiedat")?);
    let seconds = |seconds| Timestamp::from_second(seconds).ok();
    let meta = RecordMeta {
        id: RecordId { driver: record::Driver::Sql, namespace: ns.name.clone(), key: key.to_owned() },
        guard: Guard { uid: created.to_string(), version: text("xmin").context("no xmin")? },
        name: text("name"),
        owner: text("owner"),
        status: text("status"),
        revision: Some(number("version")?.to_string()),
        custom: serde_json::from_value(row["labels"].clone())?,
        record_type: text("type"),
        created: seconds(created),
        written: seconds(if modified == 0 { created } else { modified }),
    };
    let object = json!({
        "key": key, "type": row["type"], "body": row["body"], "name": row["name"], "namespace": row["namespace"],
        "version": row["version"], "status": row["status"], "owner": row["owner"],
        "createdAt": created, "modifiedAt": modified, "labels": row["labels"],
    });
    Ok(StoredRecord { meta, object })
}

/// The same record as the first Helms wrote it and all still read it: base64 of JSON, without gzip between them.
fn uncompressed(mut record: StoredRecord) -> Result<StoredRecord> {
    let inner = STANDARD.encode(decode(&record.inner()?, record::DEFAULT_LIMIT)?);
    let (pointer, text) = match record.meta.id.driver {
        record::Driver::Secret => ("/data/release", STANDARD.encode(inner)),
        record::Driver::ConfigMap => ("/data/release", inner),
        record::Driver::Sql => ("/body", inner),
    };
    *record.object.pointer_mut(pointer).context("a record without payload")? = text.into();
    Ok(record)
}

/// Fuzzing starts from real payloads, too: one decoded, one as stored.
fn seed(record: &StoredRecord, helm: &str) -> Result<()> {
    let seeds = workspace().join("fuzz/seeds");
    match (record.meta.release(), record.meta.revision()) {
        (Some("web"), Some(2)) => fs::write(seeds.join(format!("golden-{helm}.json")), record.document()?.text())?,
        (Some("first"), _) => fs::write(seeds.join(format!("golden-{helm}.txt")), record.inner()?)?,
        _ => {}
    }
    Ok(())
}

fn save(bed: &Bed, file: &PathBuf, record: &StoredRecord) -> Result<()> {
    let text = serde_json::to_string(record)? + "\n";
    // Payloads are packed, so they are searched unpacked.
    private::check(bed, &(text.clone() + record.document()?.text())).with_context(|| file.display().to_string())?;
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { size(&entry.path())? } else { entry.metadata()?.len() };
    }
    if bytes == 0 { bail!("{} is empty", folder.display()) } else { Ok(bytes) }
}
