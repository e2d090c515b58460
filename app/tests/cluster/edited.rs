//! Records that Refloat edited and wrote back, read by both Helms: by their own output, only status and description changed.

use bed::{Driver, Major, Namespace, chart};
use refloat::cluster::{ConnectOptions, KubeRecords, SqlRecords, WriteRecords, connect};
use refloat_core::record::{InfoEdit, RecordId, Status, StoredRecord, key_of};
use serde_json::{Value, json};

use crate::{each, everywhere, namespace};

/// More than a float holds; exact in the stored text until Helm reads and rewrites it.
const BIG: &str = "9007199254740993";
const DESCRIPTION: &str = "given <up> & \"left\": ü 😀\u{2028}\nnext line";

#[test]
fn both_helms_read_an_edited_record_as_it_was_but_for_status_and_description() {
    each(everywhere(), |(driver, major)| {
        let ns = namespace("edited", driver);
        let (chart, big) = (chart("golden"), format!("big={BIG},id={BIG}"));
        helm(&ns, major, &["install", "web", &chart, "--labels", "team=shop,example.com/tier=a.b_c"]);
        helm(&ns, major, &["upgrade", "web", &chart, "--set", &big]);
        let before = Major::BOTH.map(|reader| seen(&ns, reader));

        let (read, edited, again) = edit(&ns, driver);
        preserved(&read, &edited, &again, major);
        as_captured(&read, driver, major);

        for (reader, before) in Major::BOTH.into_iter().zip(before) {
            let (after, expected) = (seen(&ns, reader), retold(before));
            for (what, after) in after {
                let expected = expected.iter().find(|(name, _)| *name == what).map(|(_, value)| value);
                assert_eq!(Some(&after), expected, "{driver:?}: {reader} on {what} of a record of {major}");
            }
        }
        // Helm goes on from it.
        helm(&ns, major, &["upgrade", "web", &chart, "--set", "version=3"]);
    });
}

fn helm(ns: &Namespace<'_>, major: Major, args: &[&str]) -> String {
    ns.helm(major, args).unwrap().ok().unwrap().stdout
}

/// What this Helm says of the release.
fn seen(ns: &Namespace<'_>, major: Major) -> Vec<(&'static str, Value)> {
    let data: [(&str, &[&str]); 5] = [
        ("status", &["status", "web"]),
        ("history", &["history", "web"]),
        ("values", &["get", "values", "web"]),
        ("all values", &["get", "values", "web", "--all"]),
        ("metadata", &["get", "metadata", "web"]),
    ];
    let text = ["manifest", "hooks", "notes"];
    let data = data
        .map(|(what, args)| (what, serde_json::from_str(&helm(ns, major, &[args, &["-o", "json"]].concat())).unwrap()));
    let text = text.map(|part| (part, Value::from(helm(ns, major, &["get", part, "web"]))));
    data.into_iter().chain(text).collect()
}

/// The same after the edit, as it should be.
fn retold(mut seen: Vec<(&'static str, Value)>) -> Vec<(&'static str, Value)> {
    for (what, value) in &mut seen {
        let changed = match *what {
            "status" => value.get_mut("info").unwrap(),
            "history" => value.get_mut(1).unwrap(),
            "metadata" => {
                value["status"] = "failed".into();
                // Helm 4 shows every label of the object.
                if let Some(label) = value.pointer_mut("/labels/status") {
                    *label = "failed".into();
                }
                continue;
            }
            _ => continue,
        };
        assert_eq!((&changed["status"], &changed["description"]), (&json!("deployed"), &json!("Upgrade complete")));
        changed["status"] = "failed".into();
        changed["description"] = DESCRIPTION.into();
    }
    seen
}

/// Edits revision 2 and writes it back; gives it as read, as edited, and as read again.
fn edit(ns: &Namespace<'_>, driver: Driver) -> (StoredRecord, StoredRecord, StoredRecord) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let records = records(ns, driver).await;
        let id = RecordId { driver: records.driver(), namespace: ns.name.clone(), key: key_of("web", 2) };
        let read = records.get(&id).await.unwrap().unwrap();
        let edit =
            InfoEdit { status: Some(Status::Failed), description: Some(DESCRIPTION.to_owned()), ..InfoEdit::default() };
        let edited = read.edited(&edit).unwrap();
        records.replace(&edited).await.unwrap();
        let again = records.get(&id).await.unwrap().unwrap();
        (read, edited, again)
    })
}

async fn records(ns: &Namespace<'_>, driver: Driver) -> Box<dyn WriteRecords> {
    let kubeconfig = Some(ns.bed.address.kubeconfig.clone());
    let http = connect(&ConnectOptions { kubeconfig, ..ConnectOptions::default() }).await.unwrap();
    match driver {
        Driver::Secret => Box::new(KubeRecords::secrets(http)),
        Driver::ConfigMap => Box::new(KubeRecords::configmaps(http)),
        Driver::Sql => Box::new(SqlRecords::new(ns.bed.postgres().unwrap()).unwrap()),
    }
}

/// What Helm's own rewrite would lose is still in the stored text.
fn preserved(read: &StoredRecord, edited: &StoredRecord, again: &StoredRecord, major: Major) {
    assert_eq!(again.inner(), edited.inner(), "{major}");
    assert_eq!(again.digest(), edited.digest(), "{major}");
    let (before, after) = (read.document().unwrap(), again.document().unwrap());
    assert!(after.text().contains(&format!("\"config\":{{\"big\":{BIG},\"id\":{BIG}}}")), "{major}: {}", after.text());
    let marks = [r#""apply_method":"ssa""#, r#""modtime":""#, r#""schemamodtime":""#, r#""deleted":"""#];
    for (mark, of_helm4) in marks.into_iter().zip([1, 6, 1, 0]) {
        let of_helm3 = usize::from(mark.contains("deleted"));
        let expected = if major == Major::V4 { of_helm4 } else { of_helm3 };
        let counts = [&before, &after].map(|document| document.text().matches(mark).count());
        assert_eq!(counts, [expected; 2], "{major}: {mark}");
    }
    let (mut before, after) = (read.labels(), again.labels());
    // A row's status is a column.
    if let Some(status) = before.get_mut("status") {
        *status = "failed".to_owned();
    }
    assert_eq!(after, before, "{major}");
    assert_eq!(again.meta.status.as_deref(), Some("failed"), "{major}");
}

/// The golden records of the core have the form in which records are really read.
fn as_captured(read: &StoredRecord, driver: Driver, major: Major) {
    let helm = if major == Major::V3 { 3 } else { 4 };
    let file = format!("/../core/tests/golden/{}-helm{helm}/web.v2.json", driver.name());
    let golden = std::fs::read_to_string(env!("CARGO_MANIFEST_DIR").to_owned() + &file).unwrap();
    let golden: StoredRecord = serde_json::from_str(&golden).unwrap();
    let keys = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&read.object), keys(&golden.object), "{driver:?}");
    let known = |record: &StoredRecord| {
        let meta = &record.meta;
        (meta.id.key.clone(), meta.name.clone(), meta.owner.clone(), meta.revision.clone(), meta.record_type.clone())
    };
    assert_eq!(known(read), known(&golden), "{driver:?}");
}
