//! Backups: the record as it was before a fix, with what is needed to see whether anyone changed it since.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::diagnose::fixed_field;
use crate::observe::{Kind, Read};
use crate::record::{RecordId, StoredRecord};

/// What stands as `action` in a backup that was taken by itself, and not by a fix.
pub const BACKUP: &str = "backup";
/// The same for that of a restore.
pub const RESTORE: &str = "restore";

/// The format's version. Readers refuse any other.
pub const BACKUP_VERSION: &str = "refloat.dev/v1";

/// One record, kept before a fix changed it. Holds the release's values in full: to be stored like a Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    /// [`BACKUP_VERSION`].
    pub api_version: String,
    /// Always `RecordBackup`.
    pub kind: String,
    /// The fix's id.
    pub id: String,
    /// What the fix did: `unlock`; or [`BACKUP`], or [`RESTORE`].
    pub action: String,
    /// The release.
    pub release: String,
    /// The revision that was changed.
    pub revision: u64,
    /// Its status before.
    pub status: String,
    /// When, by the server's clock.
    pub taken_at: Timestamp,
    /// For whom.
    pub by: String,
    /// [`StoredRecord::digest`] of the record as the fix writes it.
    pub wrote: String,
    /// The same of every record in every state that the fix leaves it in; if missing, only `wrote` is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<String>,
    /// The record as it was.
    pub record: StoredRecord,
    /// Other records that the fix changes or deletes, as they were; if missing, there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<StoredRecord>,
    /// Objects that the fix may create, change or delete; if missing, it touches none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ObjectBackup>,
    /// Objects that go with the fix and that no undo puts back, as they were: hooks' objects, and what is freed of its finalizers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<Value>,
    /// The revision that the fix stores; missing if it stores none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stores: Option<u64>,
    /// What a restore puts back; missing for everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restoring: Option<Restoring>,
}

/// What a restore writes, kept beside what was there before, so that whoever comes after one that was killed needs nothing else to go on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restoring {
    /// The id of the backup it goes by.
    pub from: String,
    /// Records that weren't there, as they are stored. If none was there, the newest of them stands as the backup's `record`, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<StoredRecord>,
    /// Records that were there and are overwritten, as they are stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<StoredRecord>,
    /// Objects as they are to be; how they were stands in the backup's `objects`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ObjectBackup>,
}

impl Restoring {
    /// Whether it puts nothing back.
    pub fn is_empty(&self) -> bool {
        self.made.is_empty() && self.replaced.is_empty() && self.objects.is_empty()
    }

    /// Whether it stores a record that wasn't there.
    pub fn makes(&self, id: &RecordId) -> bool {
        self.made.iter().any(|made| made.meta.id == *id)
    }
}

impl Backup {
    /// Every record in it as it was, oldest first. What a restore stored anew wasn't there before.
    pub fn records(&self) -> Vec<&StoredRecord> {
        let made = |record: &&StoredRecord| self.restoring.as_ref().is_some_and(|one| one.makes(&record.meta.id));
        let mut records: Vec<_> = self.others.iter().chain([&self.record]).filter(|record| !made(record)).collect();
        records.sort_by_key(|record| record.meta.revision());
        records
    }
}

/// An object before a fix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectBackup {
    /// Its API version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// The kind's resource, such as `deployments`.
    pub resource: String,
    /// Its namespace; empty for what lives in none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// As it was; `None` if it wasn't there.
    pub before: Option<Value>,
    /// Whether the fix deletes it and makes another in its place; if missing, it doesn't.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaced: bool,
}

impl ObjectBackup {
    /// Takes an object's read and the object; `None` if the read is of something else.
    pub fn new(read: &Read, before: Option<Value>) -> Option<Self> {
        let Read::Object { kind, namespace, name } = read else { return None };
        Some(Self {
            api_version: kind.api_version(),
            kind: kind.kind.clone(),
            resource: kind.resource.clone(),
            namespace: namespace.clone(),
            name: name.clone(),
            before,
            replaced: false,
        })
    }

    /// Where the object is read.
    pub fn read(&self) -> Read {
        let kind = Kind::known(&self.api_version, &self.kind, &self.resource, !self.namespace.is_empty());
        Read::object(&kind, &self.namespace, &self.name)
    }

    /// `configmap/web`, for people.
    pub fn words(&self) -> String {
        format!("{}/{}", self.kind.to_lowercase(), self.name)
    }

    /// Takes the object as it is; says whether it is as it was, but for what controllers note on it and what it is tied to.
    pub fn is_as(&self, live: &Value) -> bool {
        let plain = |object: &Value| {
            let mut object = own(object)?;
            bare(&self.kind, &mut object);
            noted(&self.kind, &mut object);
            Some(object)
        };
        self.before.as_ref().is_some_and(|before| plain(before) == plain(live))
    }

    /// Takes the object as it is; says whether it was made in place of the one that was there, and is as that was.
    pub fn stands_for(&self, live: &Value) -> bool {
        self.is_another(live) && self.is_as(live) && !self.is_fixed(live)
    }

    /// Takes the object as it is; says whether it has to be gone before the one that was there can be made again: it was made in its place and
    /// can't be written over. A claim is left alone, as there may be data in it by now.
    pub fn is_in_the_way(&self, live: &Value) -> bool {
        let going = live.pointer("/metadata/deletionTimestamp").is_some();
        let another = self.is_another(live) && !self.stands_for(live) && self.kind != "PersistentVolumeClaim";
        another || self.replaced && going
    }

    /// Whether a fix that replaces it has made another.
    fn is_another(&self, live: &Value) -> bool {
        let uid = |object: &Value| object.pointer("/metadata/uid").cloned();
        self.replaced && self.before.as_ref().is_some_and(|before| uid(before) != uid(live))
    }

    /// Whether a field can't be changed back to what it was.
    fn is_fixed(&self, live: &Value) -> bool {
        self.restored().is_some_and(|before| fixed_field(&self.kind, live, &before, None).is_some())
    }

    /// The object as it is to be sent to be made anew: without what the server sets, and without what is gone with it.
    pub fn restored(&self) -> Option<Value> {
        let mut object = own(self.before.as_ref()?)?;
        bare(&self.kind, &mut object);
        Some(object)
    }

    /// Takes the object as it is; gives what is to be sent over it for it to be as it was. `None` if it is, or wasn't there.
    pub fn written_over(&self, live: &Value) -> Option<Value> {
        let before = self.before.as_ref()?;
        let mut object = own(before)?;
        if before.pointer("/metadata/uid") != live.pointer("/metadata/uid") {
            tied(&self.kind, &mut object, live);
        }
        if own(live).as_ref() == Some(&object) {
            return None;
        }
        let metadata = object.get_mut("metadata")?.as_object_mut()?;
        for field in ["uid", "resourceVersion"] {
            metadata.insert(field.to_owned(), live.pointer(&format!("/metadata/{field}"))?.clone());
        }
        Some(object)
    }
}

/// An object without what the server sets.
fn own(object: &Value) -> Option<Value> {
    let mut object = object.clone();
    let members = object.as_object_mut()?;
    members.remove("status");
    let metadata = members.get_mut("metadata")?.as_object_mut()?;
    for field in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink"] {
        metadata.remove(field);
    }
    Some(object)
}

/// Fields that tie an object to what comes and goes with it: a Job to its pods, a claim to its volume. The server lets none be changed.
fn ties(kind: &str) -> &'static [(&'static str, &'static [&'static str])] {
    const JOB: &[&str] =
        &["controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name"];
    const BOUND: &[&str] = &["pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller"];
    match kind {
        "Job" => &[("/spec", &["selector"]), ("/spec/template/metadata/labels", JOB), ("/metadata/labels", JOB)],
        "PersistentVolumeClaim" => &[("/spec", &["volumeName"]), ("/metadata/annotations", BOUND)],
        _ => &[],
    }
}

/// Takes the ties away.
fn bare(kind: &str, object: &mut Value) {
    for (pointer, fields) in ties(kind) {
        if let Some(members) = object.pointer_mut(pointer).and_then(Value::as_object_mut) {
            fields.iter().for_each(|field| drop(members.remove(*field)));
        }
    }
}

/// Ties it to what the live object is tied to.
fn tied(kind: &str, object: &mut Value, live: &Value) {
    bare(kind, object);
    for (pointer, fields) in ties(kind) {
        let (parent, last) = pointer.rsplit_once('/').unwrap_or_default();
        let Some(members) = object.pointer_mut(parent).and_then(Value::as_object_mut) else { continue };
        for field in *fields {
            let Some(tie) = live.pointer(pointer).and_then(|found| found.get(field)) else { continue };
            let place = members.entry(last).or_insert_with(|| Value::Object(serde_json::Map::new()));
            if let Some(place) = place.as_object_mut() {
                place.insert((*field).to_owned(), tie.clone());
            }
        }
    }
}

/// Takes away what controllers note on an object, and addresses that the server gives it.
fn noted(kind: &str, object: &mut Value) {
    let by_controllers = |key: &str| {
        let domain = key.split('/').next().unwrap_or_default();
        matches!(domain, "deployment.kubernetes.io" | "pv.kubernetes.io")
            || (domain.starts_with("volume.") && domain.ends_with("kubernetes.io"))
    };
    if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|key, _| !by_controllers(key));
        }
        // A list or map that is empty says nothing.
        metadata.retain(|_, value| value.as_object().is_none_or(|members| !members.is_empty()));
        metadata.remove("finalizers");
    }
    if let ("Service", Some(spec)) = (kind, object.pointer_mut("/spec").and_then(Value::as_object_mut)) {
        ["clusterIP", "clusterIPs"].iter().for_each(|field| drop(spec.remove(*field)));
    }
}

/// Takes what makes a fix unique (the record's guard and the server's time); gives its id: eight hex digits, short enough to type.
pub fn fix_id(record: &StoredRecord, now: Timestamp) -> String {
    let guard = &record.meta.guard;
    let mut hash = Sha256::new();
    for part in [&record.meta.id.to_string(), &guard.uid, &guard.version, &now.to_string()] {
        hash.update(part);
        hash.update([0]);
    }
    hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Driver;

    #[test]
    fn an_object_that_is_there_keeps_what_it_is_tied_to() {
        let claim = |version: &str, size: &str| {
            serde_json::json!({
                "kind": "PersistentVolumeClaim", "status": {"phase": "Bound"},
                "metadata": {"name": "data", "uid": "u", "resourceVersion": version, "managedFields": []},
                "spec": {"volumeName": "pv-1", "size": size},
            })
        };
        let kind = Kind::known("v1", "PersistentVolumeClaim", "persistentvolumeclaims", true);
        let backup = ObjectBackup::new(&Read::object(&kind, "shop", "data"), Some(claim("1", "1Gi"))).unwrap();
        assert_eq!(backup.written_over(&claim("2", "1Gi")), None);
        let over = backup.written_over(&claim("2", "2Gi")).unwrap();
        assert_eq!(over["metadata"], serde_json::json!({"name": "data", "uid": "u", "resourceVersion": "2"}));
        assert_eq!(over["spec"], serde_json::json!({"volumeName": "pv-1", "size": "1Gi"}));
        assert_eq!(backup.restored().unwrap()["spec"], serde_json::json!({"size": "1Gi"}));
    }

    #[test]
    fn one_that_was_made_anew_keeps_what_it_was_tied_to_then() {
        let claim = |uid: &str, volume: &str, size: &str| {
            serde_json::json!({
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "data", "uid": uid, "resourceVersion": "7"},
                "spec": {"volumeName": volume, "size": size},
            })
        };
        let kind = Kind::known("v1", "PersistentVolumeClaim", "persistentvolumeclaims", true);
        let backup = ObjectBackup::new(&Read::object(&kind, "shop", "data"), Some(claim("u", "pv-1", "1Gi"))).unwrap();
        let mut bound = claim("v", "pv-2", "1Gi");
        bound["metadata"]["annotations"] = serde_json::json!({"pv.kubernetes.io/bind-completed": "yes"});
        assert_eq!(backup.written_over(&bound), None);
        bound["spec"]["size"] = "2Gi".into();
        let over = backup.written_over(&bound).unwrap();
        assert_eq!(over["spec"], serde_json::json!({"volumeName": "pv-2", "size": "1Gi"}));
        assert_eq!(over["metadata"], bound["metadata"]);

        let job = |uid: &str| {
            serde_json::json!({
                "kind": "Job", "metadata": {"name": "migrate", "uid": uid, "resourceVersion": "7"},
                "spec": {"selector": {"matchLabels": {"controller-uid": uid}},
                    "template": {"metadata": {"labels": {"app": "web", "controller-uid": uid}}}},
            })
        };
        let kind = Kind::known("batch/v1", "Job", "jobs", true);
        let backup = ObjectBackup::new(&Read::object(&kind, "shop", "migrate"), Some(job("u"))).unwrap();
        assert_eq!(backup.written_over(&job("v")), None);
    }

    #[test]
    fn ids_differ_by_record_and_time() {
        let object =
            serde_json::json!({"metadata": {"name": "sh.helm.release.v1.web.v1", "namespace": "ns", "uid": "u"}});
        let record = StoredRecord::from_object(Driver::Secret, object).unwrap();
        let other = StoredRecord {
            object: record.object.clone(),
            meta: {
                let mut m = record.meta.clone();
                m.guard.version = "9".into();
                m
            },
        };
        let (then, now) = (Timestamp::from_second(1).unwrap(), Timestamp::from_second(2).unwrap());
        let id = fix_id(&record, now);
        assert_eq!(id.len(), 8);
        assert_eq!(id, fix_id(&record, now));
        assert_ne!(id, fix_id(&record, then));
        assert_ne!(id, fix_id(&other, now));
    }
}
