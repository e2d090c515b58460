use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::observe::Kind;
use crate::record::{Driver, encode, key_of};
use crate::rescue::{BACKUP, BACKUP_KIND, BACKUP_VERSION, undo};

const AT: Timestamp = Timestamp::UNIX_EPOCH;

/// A record of `ns/web` as Helm stores it, its objects the ConfigMaps of these names and contents.
fn record_of(revision: u64, status: Status, objects: &[(&str, &str)]) -> StoredRecord {
    let manifest = |(name, text): &(&str, &str)| {
        format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  a: {text}\n")
    };
    let manifest: String = objects.iter().map(manifest).collect();
    let payload = json!({
        "name": "web", "info": {"status": status, "description": ""}, "chart": {"metadata": {"name": "web", "version": "1"}},
        "manifest": manifest, "version": revision, "namespace": "ns",
    });
    let labels = json!({"name": "web", "owner": "helm", "status": status, "version": revision.to_string()});
    let object = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {
            "name": key_of("web", revision), "namespace": "ns", "uid": format!("uid-{revision}"), "resourceVersion": "7",
            "labels": labels,
        },
        "data": {"release": STANDARD.encode(encode(payload.to_string().as_bytes()))},
    });
    StoredRecord::from_object(Driver::Secret, object).unwrap()
}

/// One with `configmap/web`.
pub(crate) fn record(revision: u64, status: Status) -> StoredRecord {
    record_of(revision, status, &[("web", "1")])
}

/// A backup of these records, the last the newest, taken for its own sake.
pub(crate) fn backup(records: &[StoredRecord]) -> Backup {
    let (record, others) = records.split_last().unwrap();
    Backup {
        api_version: BACKUP_VERSION.into(),
        kind: BACKUP_KIND.into(),
        id: "00c0ffee".into(),
        action: BACKUP.into(),
        release: "web".into(),
        revision: record.meta.revision().unwrap(),
        status: super::records::status(record).to_string(),
        taken_at: AT,
        by: "ada".into(),
        wrote: String::new(),
        states: Vec::new(),
        record: record.clone(),
        others: others.to_vec(),
        objects: Vec::new(),
        copies: Vec::new(),
        stores: None,
        restoring: None,
    }
}

fn id() -> ReleaseId {
    ReleaseId { namespace: "ns".into(), name: "web".into() }
}

/// `1s 2d`: revision 1 superseded, 2 deployed. `x` at the end makes its payload another one, `!` one that can't be read.
fn records(short: &str) -> Vec<StoredRecord> {
    let one = |word: &str| {
        let end = word.find(|c: char| !c.is_ascii_digit()).unwrap();
        let status = match &word[end..=end] {
            "d" => Status::Deployed,
            "s" => Status::Superseded,
            "f" => Status::Failed,
            "p" => Status::PendingUpgrade,
            "u" => Status::Uninstalled,
            other => panic!("{other}"),
        };
        let text = if word.ends_with('x') { "2" } else { "1" };
        let mut record = record_of(word[..end].parse().unwrap(), status, &[("web", text)]);
        if word.ends_with('!') {
            record.object["data"]["release"] = "SDRz".into();
        }
        record
    };
    short.split_whitespace().map(one).collect()
}

/// What becomes of each record: `+` put back, `*` overwritten, `=` the same, `-` left; with the status in the end.
fn told(plan: &Restore) -> String {
    let one = |record: &RecordFate| {
        let fate = match record.fate {
            Fate::Restore => '+',
            Fate::Overwrite => '*',
            Fate::Same => '=',
            Fate::Leave => '-',
        };
        format!("{fate}{} {}", record.revision, record.status)
    };
    plan.records.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn records_are_put_back_as_far_as_they_go_together() {
    let overtaken = "revision 2 was deployed when it was saved, and revision 3 has come since";
    let table: [(&str, &str, &str, &str); 20] = [
        // saved, there, untold, with --overwrite
        ("1s 2d", "1s 2d", "=1 superseded, =2 deployed", "=1 superseded, =2 deployed"),
        ("1s 2d", "", "+1 superseded, +2 deployed", "+1 superseded, +2 deployed"),
        ("1s 2d", "2d", "+1 superseded, =2 deployed", "+1 superseded, =2 deployed"),
        ("1s 2d", "1s", "=1 superseded, +2 deployed", "=1 superseded, +2 deployed"),
        ("1d 2p", "1d", "=1 deployed, +2 pending-upgrade", "=1 deployed, +2 pending-upgrade"),
        // What differs is left alone unless told.
        ("1s 2d", "1s 2dx", "=1 superseded, -2 deployed", "=1 superseded, *2 deployed"),
        ("1d 2p", "1d 2f", "=1 deployed, -2 failed", "=1 deployed, *2 pending-upgrade"),
        // What is newer is never taken away, and says what can't be any more.
        ("1s 2d", "1s 2s 3d", "=1 superseded, -2 superseded", "=1 superseded, -2 superseded"),
        ("1s 2d", "1s 3d", &format!("{overtaken} (deployed)"), "=1 superseded, +2 superseded"),
        ("1s 2d", "3s", &format!("{overtaken} (superseded)"), "+1 superseded, +2 superseded"),
        ("1s 2d", "3u", &format!("{overtaken} (uninstalled)"), "+1 superseded, +2 superseded"),
        ("1s 2d", "3f", "+1 superseded, +2 deployed", "+1 superseded, +2 deployed"),
        ("1s 2d", "3p", "+1 superseded, +2 deployed", "+1 superseded, +2 deployed"),
        (
            "1d 2p",
            "1d 3f",
            "revision 2 was pending-upgrade when it was saved, and revision 3 has come since (failed)",
            "=1 deployed, +2 failed",
        ),
        // Never two deployed.
        ("1s 2d", "1d", "revisions 1 and 2 would both be deployed", "*1 superseded, +2 deployed"),
        ("2d", "1d", "revisions 1 and 2 would both be deployed", "*1 superseded, +2 deployed"),
        ("1d 2d", "", "revisions 1 and 2 would both be deployed", "+1 superseded, +2 deployed"),
        ("1d 2d", "1d", "revisions 1 and 2 would both be deployed", "*1 superseded, +2 deployed"),
        // Two that are there are `fix --with repair`'s.
        ("1s 2d 3d", "2d 3d", "+1 superseded, =2 deployed, =3 deployed", "+1 superseded, =2 deployed, =3 deployed"),
        // What can't be read helps nobody.
        ("1s! 2d", "2d", "-1 unknown, =2 deployed", "-1 unknown, =2 deployed"),
    ];
    for (saved, there, untold, overwriting) in table {
        let (saved, present) = (backup(&records(saved)), records(there));
        for (overwrite, expected) in [(false, untold), (true, overwriting)] {
            let how = How { overwrite, records_only: false };
            let plan = restore(&saved, &id(), &present, &[], how);
            let told = plan.as_ref().map_or_else(ToString::to_string, told);
            assert_eq!(told, expected, "{there} overwrite {overwrite}");
            let Ok(plan) = plan else { continue };
            settles(&saved, &present, &plan, how);
        }
    }
}

/// Killed after any write or run to its end, what is left is done by what the backup says; never are two deployed that weren't; run
/// again, nothing is left to do; and undo gives what was there.
fn settles(saved: &Backup, present: &[StoredRecord], plan: &Restore, how: How) {
    let newest = present.iter().max_by_key(|record| record.meta.revision());
    let Some(kept) = backed_up(plan, saved, newest, ("00000001", "ada", AT)) else {
        assert!(plan.restoring.is_empty());
        return;
    };
    let deployed =
        |there: &[StoredRecord]| there.iter().filter(|one| one.meta.status() == Some(Status::Deployed)).count();
    let most = deployed(present).max(1);
    let writes = plan.restoring.records().len();
    for killed in 0..=writes {
        let mut there = present.to_vec();
        for after in plan.restoring.records().into_iter().take(killed) {
            let steps = put(&kept, after, find(&there, after)).unwrap();
            carry(&mut there, &steps);
            assert!(deployed(&there) <= most);
        }
        let half = there.clone();
        for after in plan.restoring.records() {
            let steps = put(&kept, after, find(&there, after)).unwrap();
            carry(&mut there, &steps);
        }
        assert!(deployed(&there) <= most);
        let again = restore(saved, &id(), &there, &[], how).unwrap();
        assert!(again.restoring.is_empty(), "{:?}", again.records);
        for mut there in [half, there] {
            let steps = undo(&kept, &there, killed < writes).unwrap_or_default();
            carry(&mut there, &steps);
            let plain = |all: &[StoredRecord]| all.iter().map(StoredRecord::digest).collect::<Vec<_>>();
            there.sort_by_key(|one| one.meta.revision());
            assert_eq!(plain(&there), plain(present));
        }
    }
}

fn find<'a>(there: &'a [StoredRecord], like: &StoredRecord) -> Option<&'a StoredRecord> {
    there.iter().find(|one| one.meta.id == like.meta.id)
}

/// What a server makes of these writes.
fn carry(there: &mut Vec<StoredRecord>, steps: &[UndoStep]) {
    for step in steps {
        match step {
            UndoStep::Create(record) => {
                assert!(find(there, record).is_none());
                there.push(record.clone());
            }
            UndoStep::Replace(record) => {
                let at = there.iter().position(|one| one.meta.id == record.meta.id).unwrap();
                assert!(!there[at].is_immutable());
                there[at] = record.clone();
            }
            UndoStep::Delete { id, .. } => {
                let at = there.iter().position(|one| one.meta.id == *id).unwrap();
                there.remove(at);
            }
        }
    }
}

#[test]
fn a_sealed_record_is_replaced_by_a_new_one_and_what_someone_else_wrote_is_not() {
    let saved = backup(&records("1d 2p"));
    let mut present = records("1d 2f");
    present[1] = present[1].clone().sealed();
    let plan = restore(&saved, &id(), &present, &[], How { overwrite: true, records_only: false }).unwrap();
    let kept = backed_up(&plan, &saved, present.last(), ("00000001", "ada", AT)).unwrap();
    let after = plan.restoring.records()[0];
    let steps = put(&kept, after, Some(&present[1])).unwrap();
    assert!(matches!(steps[..], [UndoStep::Delete { .. }, UndoStep::Create(_)]));
    assert!(matches!(put(&kept, after, None).unwrap()[..], [UndoStep::Create(_)]));
    let strange = records("2d").remove(0);
    assert!(matches!(put(&kept, after, Some(&strange)), Err(Refusal::Moved(_))));
}

#[test]
fn undo_of_a_restore_refuses_what_has_moved_on() {
    let saved = backup(&records("1s 2d"));
    let plan = restore(&saved, &id(), &[], &[], How::default()).unwrap();
    let kept = backed_up(&plan, &saved, None, ("00000001", "ada", AT)).unwrap();
    assert_eq!((kept.status.as_str(), kept.revision, kept.records().len()), ("lost", 2, 0));
    assert_eq!(undo(&kept, &records("1s 2s"), false), Err(Refusal::ChangedSince));
    assert!(matches!(undo(&kept, &records("1s 2s 3d"), false), Err(Refusal::Overtaken { newest: 3, .. })));
    assert_eq!(undo(&kept, &records("1s 2d"), false).unwrap().len(), 2);
    assert_eq!(undo(&kept, &[], false), Err(Refusal::AsBefore));
}

#[test]
fn a_backup_is_of_one_release() {
    let other = ReleaseId { namespace: "ns".into(), name: "cart".into() };
    let refused = restore(&backup(&records("1d")), &other, &[], &[], How::default()).unwrap_err();
    assert_eq!(refused.to_string(), "the backup is of ns/web, not of ns/cart");
}

fn object(kind: &str, resource: &str, before: Option<Value>) -> ObjectBackup {
    let version = if kind == "Job" { "batch/v1" } else { "v1" };
    let kind = Kind::known(version, kind, resource, true);
    ObjectBackup::new(&crate::observe::Read::object(&kind, "ns", "web"), before).unwrap()
}

fn live(text: &str, marks: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"a": text},
        "metadata": {
            "name": "web", "namespace": "ns", "uid": "u", "resourceVersion": "9",
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": marks, "meta.helm.sh/release-namespace": "ns"},
        },
    })
}

#[test]
fn objects_are_put_back_if_the_release_is_to_have_them_so() {
    let going = || {
        let mut going = live("2", "web");
        going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        Answer::Found(going)
    };
    let found = |text: &str, marks: &str| Answer::Found(live(text, marks));
    // saved by a fix or for its own sake, as it was, as it is, the records in the end, whether to overwrite; what becomes of it
    let table: [(&str, &str, Answer, &str, bool, &str); 17] = [
        (BACKUP, "1", Answer::Absent, "1d", false, "restore"),
        (BACKUP, "1", found("1", "web"), "1d", false, "same"),
        (BACKUP, "1", found("2", "web"), "1d", false, "leave: it differs"),
        (BACKUP, "1", found("2", "web"), "1d", true, "overwrite: it differs"),
        (BACKUP, "1", found("2", "cart"), "1d", true, "leave: it carries the marks of release ns/cart"),
        (BACKUP, "1", going(), "1d", true, "leave: it is being deleted"),
        (BACKUP, "1", Answer::Forbidden("no".into()), "1d", true, "leave: whether it is there isn't known: no"),
        // What someone had edited by hand comes back with a backup of that state, not with a fix's.
        (BACKUP, "9", Answer::Absent, "1d", false, "restore"),
        ("unlock", "9", Answer::Absent, "1d", false, "leave: revision 1 wants it otherwise than it was"),
        ("unlock", "1", Answer::Absent, "1d", false, "restore"),
        // A newer revision wants it as the backup has it, or otherwise, or not at all.
        (BACKUP, "1", Answer::Absent, "1s 2d", false, "restore"),
        (BACKUP, "1", Answer::Absent, "1s 2dx", false, "leave: revision 2 wants it otherwise than it was"),
        (BACKUP, "1", Answer::Absent, "1s 2u", false, "leave: no revision that stands has it"),
        (BACKUP, "1", Answer::Absent, "1f", false, "restore"),
        (BACKUP, "1", Answer::Absent, "1dx 2p", false, "restore"),
        ("unlock", "1", Answer::Absent, "1dx 2p", false, "restore"),
        ("unlock", "1", Answer::Absent, "1dx 2f", false, "leave: revision 1 wants it otherwise than it was"),
    ];
    for (action, was, answer, there, overwrite, expected) in table {
        let mut saved = backup(&records("1d"));
        saved.action = action.into();
        saved.objects =
            vec![object("ConfigMap", "configmaps", Some(live(was, "web"))), object("ConfigMap", "configmaps", None)];
        let answers = [answer.clone(), Answer::Absent];
        let plan = restore(&saved, &id(), &records(there), &answers, How { overwrite, records_only: false }).unwrap();
        let [one] = &plan.objects[..] else { panic!("{:?}", plan.objects) };
        let fate = serde_json::to_value(one.fate).unwrap();
        let why = one.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        assert_eq!(format!("{}{why}", fate.as_str().unwrap()), expected, "{there} {was}");
        let written = matches!(one.fate, Fate::Restore | Fate::Overwrite);
        assert_eq!((plan.restoring.objects.len(), plan.before.len()), (usize::from(written), usize::from(written)));
        let only = restore(&saved, &id(), &records(there), &[], How { overwrite, records_only: true }).unwrap();
        assert!(only.objects.is_empty() && only.restoring.objects.is_empty());
    }
}

#[test]
fn a_job_is_not_put_back_as_it_would_run_again() {
    let mut saved = backup(&records("1d"));
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "web", "namespace": "ns"}});
    saved.objects = vec![object("Job", "jobs", Some(job))];
    let plan = restore(&saved, &id(), &records("1d"), &[Answer::Absent], How::default()).unwrap();
    assert_eq!(plan.objects[0].why.as_deref(), Some("it is gone, and put back it would run again"));
    assert_eq!(plan.count(Fate::Leave), (0, 1));
}

#[test]
fn what_controllers_note_and_servers_give_is_no_difference() {
    let kind = Kind::known("apps/v1", "Deployment", "deployments", true);
    let deployment = |revision: &str, image: &str| {
        json!({
            "kind": "Deployment", "status": {"replicas": 1}, "spec": {"image": image},
            "metadata": {"name": "web", "uid": revision, "annotations": {"deployment.kubernetes.io/revision": revision}},
        })
    };
    let read = crate::observe::Read::object(&kind, "ns", "web");
    let saved = ObjectBackup::new(&read, Some(deployment("3", "a"))).unwrap();
    assert!(saved.is_as(&deployment("1", "a")) && !saved.is_as(&deployment("3", "b")));
    let service = |ip: &str, port: u16| json!({"kind": "Service", "metadata": {"name": "web"}, "spec": {"clusterIP": ip, "port": port}});
    let saved = object("Service", "services", Some(service("10.0.0.1", 80)));
    assert!(saved.is_as(&service("10.0.0.2", 80)) && !saved.is_as(&service("10.0.0.1", 81)));
}
