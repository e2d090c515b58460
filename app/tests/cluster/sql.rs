//! The SQL driver's records against a real PostgreSQL and what both Helms write there. Each test has a database of its own, as
//! it changes rights and tables that the whole database shares.

use std::process::Command;
use std::time::Duration;

use bed::{Bed, Binary, Driver, Major, Namespace, chart};
use refloat::cluster::{ClusterError, ReadRecords, RecordQuery, SqlRecords, WriteRecords};
use refloat_core::record::{Guard, InfoEdit, RecordId, Status, StoredRecord, encode};
use serde_json::json;
use tokio_postgres::{Client, NoTls};

/// A database, and a namespace whose Helm keeps its records there.
struct Place {
    ns: Namespace<'static>,
    dsn: String,
    sql: Client,
}

impl Place {
    async fn new(prefix: &str) -> Self {
        let ns = Bed::shared().namespace(prefix).unwrap().driver(Driver::Sql);
        let shared = ns.bed.postgres().unwrap();
        let dsn = shared.replace("/postgres?", &format!("/{}?", ns.name));
        assert_ne!(dsn, shared);
        client(shared).await.batch_execute(&format!("CREATE DATABASE \"{}\"", ns.name)).await.unwrap();
        let sql = client(&dsn).await;
        Self { ns, dsn, sql }
    }

    /// With `web` installed, labelled, and upgraded.
    async fn with_web(prefix: &str, major: Major) -> Self {
        let place = Self::new(prefix).await;
        place.helm(major, &["install", "web", &chart("tiny"), "--labels", "team=shop,tier=web"]);
        place.helm(major, &["upgrade", "web", &chart("tiny"), "--set", "data.version=2"]);
        place
    }

    /// Runs Helm; gives what it printed.
    fn helm(&self, major: Major, args: &[&str]) -> String {
        let binary = if major == Major::V3 { Binary::Helm3 } else { Binary::Helm4 };
        let mut command = Command::new(binary.path().unwrap());
        self.ns.set_env(&mut command).unwrap();
        let output = command.args(args).env("HELM_DRIVER_SQL_CONNECTION_STRING", &self.dsn).output().unwrap();
        assert!(output.status.success(), "helm {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn records(&self) -> SqlRecords {
        SqlRecords::new(&self.dsn).unwrap()
    }

    /// The records as a fresh role sees them that owns nothing.
    async fn stranger(&self) -> (String, SqlRecords) {
        let role = format!("stranger-{}", self.ns.name);
        self.sql.batch_execute(&format!("CREATE ROLE \"{role}\" LOGIN")).await.unwrap();
        let dsn = self.dsn.replace("//refloat@", &format!("//{role}@"));
        assert_ne!(dsn, self.dsn);
        (role, SqlRecords::new(&dsn).unwrap())
    }

    fn id(&self, revision: u32) -> RecordId {
        let key = format!("sh.helm.release.v1.web.v{revision}");
        RecordId { driver: refloat_core::record::Driver::Sql, namespace: self.ns.name.clone(), key }
    }

    /// The row whole, as PostgreSQL writes it.
    async fn row(&self, revision: u32) -> String {
        let id = self.id(revision);
        let statement = "SELECT row_to_json(r)::text FROM releases_v1 r WHERE key = $1 AND namespace = $2";
        self.sql.query_one(statement, &[&id.key, &id.namespace]).await.unwrap().get(0)
    }
}

async fn client(dsn: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(dsn, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn everything() -> RecordQuery {
    RecordQuery::default()
}

/// The same record marked failed.
fn failed(record: &StoredRecord) -> StoredRecord {
    let edit = InfoEdit { status: Some(Status::Failed), description: Some("given up".into()), ..InfoEdit::default() };
    record.edited(&edit).unwrap()
}

/// A head read without a list before it.
const UNSEEN: Guard = Guard { uid: String::new(), version: String::new() };

#[tokio::test(flavor = "multi_thread")]
async fn before_helm_has_written_there_is_nothing() {
    let place = Place::new("sql-empty").await;
    let records = place.records();
    assert_eq!(records.list(&everything()).await, Ok(Vec::new()));
    assert_eq!(records.get(&place.id(1)).await, Ok(None));
    assert!(records.head(&place.id(1), &UNSEEN).await.unwrap().is_none());
    let now = records.now().await.unwrap();
    assert!(now.duration_since(jiff::Timestamp::now()).abs() < jiff::SignedDuration::from_mins(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_both_helms_are_listed() {
    for major in Major::BOTH {
        let place = Place::with_web("sql-list", major).await;
        let records = place.records();
        let all = records.list(&everything()).await.unwrap();
        assert_eq!(
            all.iter().map(|record| record.id.clone()).collect::<Vec<_>>(),
            [place.id(1), place.id(2)],
            "{major}"
        );
        let statuses: Vec<_> = all.iter().map(|record| record.status().unwrap()).collect();
        assert_eq!(statuses, [Status::Superseded, Status::Deployed]);
        let first = &all[0];
        assert!(
            first.seen_by_helm() && first.is_record() && first.revision() == Some(1) && first.release() == Some("web")
        );
        assert_eq!(first.custom.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(), ["team=shop", "tier=web"]);
        assert!(first.created.is_some() && first.written >= first.created);

        let some = async |query: RecordQuery| records.list(&query).await.unwrap().len();
        assert_eq!(some(RecordQuery { namespace: Some(place.ns.name.clone()), ..everything() }).await, 2);
        assert_eq!(some(RecordQuery { namespace: Some("elsewhere".into()), ..everything() }).await, 0);
        assert_eq!(some(RecordQuery { release: Some("web".into()), ..everything() }).await, 2);
        assert_eq!(some(RecordQuery { release: Some("we".into()), ..everything() }).await, 0);
        assert_eq!(some(RecordQuery { statuses: vec![Status::Deployed, Status::Failed], ..everything() }).await, 1);
        assert_eq!(some(RecordQuery { statuses: vec![Status::PendingUpgrade], ..everything() }).await, 0);

        // Rows that Helm itself passes over are there all the same; a table that older Helms didn't have may be missing.
        place.sql.batch_execute("UPDATE releases_v1 SET owner = 'other'; DROP TABLE custom_labels_v1").await.unwrap();
        let all = records.list(&everything()).await.unwrap();
        assert_eq!((all.len(), all[0].owner.as_deref(), all[0].custom.len()), (2, Some("other"), 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_read_whole_and_its_head_alone() {
    for major in Major::BOTH {
        let place = Place::with_web("sql-get", major).await;
        let records = place.records();
        let record = records.get(&place.id(2)).await.unwrap().unwrap();
        assert_eq!(record.document().unwrap().status().as_deref(), Some("deployed"), "{major}");
        assert_eq!(
            (record.object["version"].as_i64(), record.object["type"].as_str()),
            (Some(2), Some("helm.sh/release.v1"))
        );
        assert_eq!(record.object["labels"], json!({"team": "shop", "tier": "web"}));
        assert_eq!(record.meta, records.list(&everything()).await.unwrap()[1]);
        assert_eq!(records.head(&place.id(2), &UNSEEN).await.unwrap().unwrap().unwrap(), record.head().unwrap());

        // More before the chart than is read at first, and hard to compress.
        let mut noise = 1_u64;
        let mut next = || {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'a' + u8::try_from((noise >> 33) % 26).unwrap())
        };
        let notes: String = (0..200_000).map(|_| next()).collect();
        let mut json: serde_json::Value = serde_json::from_slice(record.document().unwrap().bytes()).unwrap();
        json["info"]["notes"] = notes.into();
        let body = encode(json.to_string().as_bytes());
        place.sql.execute("UPDATE releases_v1 SET body = $1", &[&body]).await.unwrap();
        let head = records.head(&place.id(2), &UNSEEN).await.unwrap().unwrap().unwrap();
        assert_eq!(head.chart_name.as_deref(), Some("tiny"));
        place.sql.execute("UPDATE releases_v1 SET body = left(body, 20000)", &[]).await.unwrap();
        assert!(records.head(&place.id(2), &UNSEEN).await.unwrap().unwrap().is_err());
        place.sql.execute("UPDATE releases_v1 SET body = ''", &[]).await.unwrap();
        assert!(records.head(&place.id(2), &UNSEEN).await.unwrap().unwrap().is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_replaced_once_and_put_back_exactly() {
    for major in Major::BOTH {
        let place = Place::with_web("sql-replace", major).await;
        let records = place.records();
        let (other, original) = (place.row(1).await, place.row(2).await);
        let read = records.get(&place.id(2)).await.unwrap().unwrap();
        let guard = records.replace(&failed(&read)).await.unwrap();
        assert_ne!(guard, read.meta.guard);
        let history = place.helm(major, &["history", "web", "-o", "json"]);
        assert!(history.contains(r#""status":"failed""#) && history.contains("given up"), "{history}");
        assert_eq!(records.list(&everything()).await.unwrap()[1].custom.len(), 2);

        let stale = records.replace(&failed(&read)).await;
        assert_eq!(stale, Err(ClusterError::Conflict(place.id(2).to_string())));

        let mut back = read.clone();
        back.meta.guard = guard;
        records.replace(&back).await.unwrap();
        assert_eq!((place.row(1).await, place.row(2).await), (other, original), "{major}");
        place.helm(major, &["upgrade", "web", &chart("tiny"), "--set", "data.version=3"]);

        place.helm(major, &["uninstall", "web"]);
        assert_eq!(records.replace(&back).await, Err(ClusterError::Missing(place.id(2).to_string())));
        place.helm(major, &["install", "web", &chart("tiny")]);
        let mut reborn = back.clone();
        reborn.meta.id = place.id(1);
        assert_eq!(records.replace(&reborn).await, Err(ClusterError::Conflict(place.id(1).to_string())));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_writers_one_wins() {
    let place = Place::with_web("sql-race", Major::V3).await;
    let read = place.records().get(&place.id(2)).await.unwrap().unwrap();
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let (records, changed) = (place.records(), failed(&read));
            tokio::spawn(async move { records.replace(&changed).await })
        })
        .collect();
    let mut won = 0;
    for writer in writers {
        match writer.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert_eq!(error, ClusterError::Conflict(place.id(2).to_string())),
        }
    }
    assert_eq!(won, 1);

    // One that had to wait for another's transaction finds the row changed, too.
    let read = place.records().get(&place.id(2)).await.unwrap().unwrap();
    place.sql.batch_execute("BEGIN; UPDATE releases_v1 SET modifiedat = modifiedat + 1").await.unwrap();
    let (records, changed) = (place.records(), failed(&read));
    let waiting = tokio::spawn(async move { records.replace(&changed).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished());
    place.sql.batch_execute("COMMIT").await.unwrap();
    assert_eq!(waiting.await.unwrap(), Err(ClusterError::Conflict(place.id(2).to_string())));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_may_not_be_seen_are_unknown_not_absent() {
    let place = Place::with_web("sql-rights", Major::V4).await;
    let (role, records) = place.stranger().await;
    let read = place.records().get(&place.id(2)).await.unwrap().unwrap();
    let hidden =
        |error: ClusterError| matches!(&error, ClusterError::Forbidden(text) if text.contains("row-level security"));
    assert!(hidden(records.list(&everything()).await.unwrap_err()));
    assert!(hidden(records.get(&place.id(2)).await.unwrap_err()));
    assert!(hidden(records.head(&place.id(2), &UNSEEN).await.unwrap_err()));
    assert!(hidden(records.replace(&failed(&read)).await.unwrap_err()));

    // With a policy for reading, absent is absent, and writing is still denied.
    place.sql.batch_execute("CREATE POLICY look ON releases_v1 FOR SELECT USING (true)").await.unwrap();
    assert_eq!(records.list(&everything()).await.unwrap().len(), 2);
    assert_eq!(records.get(&place.id(3)).await, Ok(None));
    assert_eq!(records.list(&RecordQuery { release: Some("api".into()), ..everything() }).await, Ok(Vec::new()));
    assert!(hidden(records.replace(&failed(&read)).await.unwrap_err()));
    assert_eq!(records.list(&everything()).await.unwrap()[1].guard, read.meta.guard);

    place.sql.batch_execute("REVOKE ALL ON releases_v1 FROM PUBLIC").await.unwrap();
    assert!(
        matches!(records.list(&everything()).await, Err(ClusterError::Forbidden(text)) if text.contains("permission denied"))
    );
    let schema = "CREATE SCHEMA vault; ALTER TABLE releases_v1 SET SCHEMA vault";
    place.sql.batch_execute(schema).await.unwrap();
    assert!(matches!(records.list(&everything()).await, Err(ClusterError::Forbidden(text)) if text.contains("schema")));
    place.sql.batch_execute(&format!("GRANT USAGE ON SCHEMA vault TO \"{role}\"")).await.unwrap();
    assert_eq!(records.list(&everything()).await, Ok(Vec::new()));

    // The connection string's own search path finds it again.
    let elsewhere = SqlRecords::new(&format!("{}&search_path=vault,public", place.dsn)).unwrap();
    assert_eq!(elsewhere.list(&everything()).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_connection_is_made_again() {
    let place = Place::with_web("sql-drop", Major::V3).await;
    let records = place.records();
    for _ in 0..3 {
        assert_eq!(records.list(&everything()).await.unwrap().len(), 2);
        let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name = 'refloat'";
        let ended: i64 = place.sql.query_one(others, &[]).await.unwrap().get(0);
        assert!(ended >= 1);
    }
    let read = records.get(&place.id(2)).await.unwrap().unwrap();
    records.replace(&failed(&read)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_doesnt_answer_is_left_and_nothing_is_written() {
    let place = Place::with_web("sql-slow", Major::V3).await;
    let records = place.records().with_timeout(Duration::from_millis(300));
    let read = records.get(&place.id(2)).await.unwrap().unwrap();
    let before = place.row(2).await;
    place.sql.batch_execute("BEGIN; LOCK TABLE releases_v1 IN ACCESS EXCLUSIVE MODE").await.unwrap();
    assert!(matches!(records.list(&everything()).await, Err(ClusterError::Timeout { .. })));
    assert!(matches!(records.replace(&failed(&read)).await, Err(ClusterError::Timeout { .. })));
    place.sql.batch_execute("COMMIT").await.unwrap();
    assert_eq!(records.list(&everything()).await.unwrap().len(), 2);
    assert_eq!(place.row(2).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_connection_is_told_without_the_password() {
    let place = Place::new("sql-wrong").await;
    let told = async |dsn: &str| {
        let dsn = dsn.replace("//refloat@", "//refloat:hunter2@");
        let error = SqlRecords::new(&dsn).unwrap().list(&everything()).await.unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        error
    };
    let nowhere = told("postgres://refloat@127.0.0.1:1/helm").await;
    assert!(matches!(&nowhere, ClusterError::Unreachable { server, .. } if server == "127.0.0.1:1/helm"), "{nowhere}");
    let unnamed = told("postgres://refloat@nowhere.invalid/helm").await;
    assert!(matches!(unnamed, ClusterError::Unreachable { .. }), "{unnamed}");
    let plain = told(&place.dsn.replace("sslmode=disable", "sslmode=require")).await;
    assert!(plain.to_string().contains("server does not support TLS"), "{plain}");
    let missing = told(&place.dsn.replace(&place.ns.name, "no-such-database")).await;
    assert!(matches!(missing, ClusterError::Setting(_)), "{missing}");
    let unknown = told(&format!("{}&no_such_setting=1", place.dsn)).await;
    assert!(matches!(&unknown, ClusterError::Setting(text) if text.contains("no_such_setting")), "{unknown}");
    let nobody = told(&place.dsn.replace("//refloat@", "//nobody-at-all:hunter2@")).await;
    assert!(matches!(nobody, ClusterError::Unauthorized { .. }), "{nobody}");
    let records = SqlRecords::new(&place.dsn.replace("sslmode=disable", "sslmode=prefer")).unwrap();
    assert_eq!(records.list(&everything()).await, Ok(Vec::new()));
}
