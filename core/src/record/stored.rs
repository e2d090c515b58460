//! One record whole: the stored object as the driver gave it, payload included.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{
    DEFAULT_LIMIT, Damage, Document, Driver, Guard, Head, HeadReader, InfoEdit, Progress, RECORD_TYPE, RecordId,
    RecordMeta, SYSTEM_LABELS, decode, encode, key_of,
};

/// What Kubernetes allows the values of one Secret or ConfigMap to sum up to, in bytes
/// (Kubernetes 1.35 `pkg/apis/core/types.go:MaxSecretSize`).
pub const MAX_STORED: usize = 1 << 20;

/// A record as its driver holds it. The object is kept as served, so that a write changes only what it means to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRecord {
    /// Address, labels, guard.
    pub meta: RecordMeta,
    /// The Kubernetes object, or the SQL row with its columns as fields and `labels` beside them.
    pub object: Value,
}

/// Why a record couldn't be changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditError {
    /// The payload is broken.
    #[error("the payload can't be edited: {0}")]
    Damaged(#[from] Damage),
    /// The new payload wouldn't fit.
    #[error("the changed record would take {size} bytes, more than the {MAX_STORED} that Kubernetes stores")]
    TooBig {
        /// Bytes it would take.
        size: usize,
    },
    /// The stored object has no place for it.
    #[error("the stored object has no {0}")]
    Malformed(&'static str),
}

impl StoredRecord {
    /// Takes a Kubernetes Secret or ConfigMap as the API serves it. Gives `None` if it has no name or namespace.
    pub fn from_object(driver: Driver, object: Value) -> Option<Self> {
        let metadata: ObjectMeta = serde_json::from_value(object.get("metadata")?.clone()).ok()?;
        let record_type = object.get("type").and_then(Value::as_str).map(str::to_owned);
        Some(Self { meta: metadata.into_record(driver, record_type), object })
    }

    /// The payload's text as Helm wrote it: base64 of gzip of JSON, without the API's own base64 layer.
    pub fn inner(&self) -> Result<Vec<u8>, Damage> {
        let text = match self.meta.id.driver {
            Driver::Secret | Driver::ConfigMap => self.object.get("data").and_then(|data| data.get("release")),
            Driver::Sql => self.object.get("body"),
        };
        let text = text.and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or(Damage::Empty)?;
        match self.meta.id.driver {
            Driver::Secret => STANDARD.decode(text).map_err(|_| Damage::NotBase64 { at: 0 }),
            Driver::ConfigMap | Driver::Sql => Ok(text.as_bytes().to_vec()),
        }
    }

    /// Opens the payload.
    pub fn document(&self) -> Result<Document, Damage> {
        Document::parse(decode(&self.inner()?, DEFAULT_LIMIT)?)
    }

    /// Reads what an overview needs.
    pub fn head(&self) -> Result<Head, Damage> {
        let mut reader = HeadReader::new(DEFAULT_LIMIT);
        match reader.push(&self.inner()?)? {
            Progress::Done(head) => Ok(head),
            Progress::NeedMore => reader.finish(),
        }
    }

    /// Whether the API server refuses every change of its data (`immutable: true`).
    pub fn is_immutable(&self) -> bool {
        self.object.get("immutable").and_then(Value::as_bool) == Some(true)
    }

    /// Gives the record with `info.*` edited and the status label brought in line, everything else untouched.
    pub fn edited(&self, edit: &InfoEdit) -> Result<Self, EditError> {
        let mut changed = self.with_document(&self.document()?.edit(edit)?)?;
        let Some(status) = edit.status.map(|status| status.as_str().to_owned()) else { return Ok(changed) };
        match self.meta.id.driver {
            Driver::Sql => *field(&mut changed.object, "/status", "status")? = status.clone().into(),
            _ => set_label(field(&mut changed.object, "/metadata", "metadata")?, "status", &status)?,
        }
        changed.meta.status = Some(status);
        Ok(changed)
    }

    /// Gives the record with its manifest changed, everything else untouched.
    pub fn with_manifest(&self, change: impl FnOnce(&str) -> String) -> Result<Self, EditError> {
        self.with_document(&self.document()?.with_manifest(change)?)
    }

    fn with_document(&self, document: &Document) -> Result<Self, EditError> {
        let inner = encode(document.bytes());
        if self.meta.id.driver != Driver::Sql && inner.len() > MAX_STORED {
            return Err(EditError::TooBig { size: inner.len() });
        }
        let mut changed = self.clone();
        match self.meta.id.driver {
            Driver::Sql => *field(&mut changed.object, "/body", "body")? = inner.into(),
            driver => {
                let text = if driver == Driver::Secret { STANDARD.encode(&inner) } else { inner };
                *field(&mut changed.object, "/data/release", "data.release")? = text.into();
            }
        }
        Ok(changed)
    }

    /// Gives the same record so that nothing but its labels and the server can change it any more: a Helm that wakes up
    /// can't write it (Kubernetes 1.35 `pkg/apis/core/validation/validation.go:ValidateSecretUpdate`). Rows can't be sealed.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        if let (true, Some(object)) = (self.meta.id.driver != Driver::Sql, self.object.as_object_mut()) {
            object.insert("immutable".to_owned(), true.into());
        }
        self
    }

    /// Gives a new record made of this one, as a rollback does it: another number, `info` edited, Helm's labels in line, custom labels kept
    /// (Helm 4.3 `pkg/action/rollback.go:prepareRollback`). It has no guard, as it isn't stored.
    pub fn as_revision(&self, revision: u64, edit: &InfoEdit, now: Timestamp) -> Result<Self, EditError> {
        let document = self.document()?.with_version(revision)?.edit(edit)?;
        let inner = encode(document.bytes());
        if self.meta.id.driver != Driver::Sql && inner.len() > MAX_STORED {
            return Err(EditError::TooBig { size: inner.len() });
        }
        let release = self.meta.release().ok_or(EditError::Malformed("release name"))?;
        let mut made = self.clone();
        made.meta.id.key = key_of(release, revision);
        made.meta.guard = Guard { uid: String::new(), version: String::new() };
        made.meta.revision = Some(revision.to_string());
        (made.meta.created, made.meta.written) = (None, None);
        if let Some(status) = edit.status {
            made.meta.status = Some(status.as_str().to_owned());
        }
        let status = made.meta.status.clone().ok_or(EditError::Malformed("status"))?;
        if made.meta.id.driver == Driver::Sql {
            let row = made.object.as_object_mut().ok_or(EditError::Malformed("row"))?;
            row.insert("key".to_owned(), made.meta.id.key.clone().into());
            row.insert("body".to_owned(), inner.into());
            row.insert("version".to_owned(), revision.into());
            row.insert("status".to_owned(), status.into());
            row.insert("createdAt".to_owned(), now.as_second().into());
            row.insert("modifiedAt".to_owned(), 0.into());
            return Ok(made);
        }
        let mut labels: Map<String, Value> =
            self.meta.custom.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
        labels.retain(|key, _| !SYSTEM_LABELS.contains(&key.as_str()));
        for (key, value) in
            [("name", release), ("owner", "helm"), ("status", &status), ("version", &revision.to_string())]
        {
            labels.insert(key.to_owned(), value.into());
        }
        labels.insert("createdAt".to_owned(), now.as_second().to_string().into());
        let text = if made.meta.id.driver == Driver::Secret { STANDARD.encode(&inner) } else { inner };
        let kind = made.meta.id.driver.kind();
        made.object = json!({
            "apiVersion": "v1",
            "kind": kind,
            "metadata": {"name": made.meta.id.key, "namespace": made.meta.id.namespace, "labels": labels},
            "data": {"release": text},
        });
        if let (Driver::Secret, Some(object)) = (made.meta.id.driver, made.object.as_object_mut()) {
            object.insert("type".to_owned(), RECORD_TYPE.into());
        }
        Ok(made)
    }

    /// A digest of what undo must find as a fix left it: payload text and every label, in hex.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.inner().unwrap_or_else(|damage| damage.code().as_bytes().to_vec()));
        for (key, value) in self.labels().into_iter().chain(self.columns()) {
            hash.update([0]);
            hash.update(key);
            hash.update([0]);
            hash.update(value);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Every label as stored, Helm's own included; of a row the custom ones, as Helm gives them.
    pub fn labels(&self) -> BTreeMap<String, String> {
        if self.meta.id.driver == Driver::Sql {
            return self.meta.custom.clone();
        }
        let labels = self.object.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
        labels.map(|(k, v)| (k.clone(), v.as_str().map_or_else(|| v.to_string(), str::to_owned))).collect()
    }

    /// The columns that stand for labels in a row.
    fn columns(&self) -> impl Iterator<Item = (String, String)> {
        let columns = if self.meta.id.driver == Driver::Sql {
            &["name", "owner", "status", "version", "modifiedAt"][..]
        } else {
            &[]
        };
        columns.iter().filter_map(|column| Some(((*column).to_owned(), self.object.get(*column)?.to_string())))
    }
}

fn field<'a>(object: &'a mut Value, pointer: &str, name: &'static str) -> Result<&'a mut Value, EditError> {
    object.pointer_mut(pointer).ok_or(EditError::Malformed(name))
}

fn set_label(metadata: &mut Value, key: &str, value: &str) -> Result<(), EditError> {
    let metadata = metadata.as_object_mut().ok_or(EditError::Malformed("metadata"))?;
    let labels = metadata.entry("labels").or_insert_with(|| Value::Object(serde_json::Map::new()));
    labels.as_object_mut().ok_or(EditError::Malformed("metadata.labels"))?.insert(key.to_owned(), value.into());
    Ok(())
}

/// The part of Kubernetes' object metadata that a record is known by.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "JsonMeta")]
pub struct ObjectMeta {
    /// The object's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// Its resourceVersion.
    pub resource_version: String,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
    /// The newest time in its managedFields.
    pub written: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonMeta {
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    resource_version: String,
    creation_timestamp: Option<Timestamp>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    managed_fields: Option<Vec<ManagedFields>>,
}

/// When a record was created that an undo had to store anew, as a sealed one can't be changed: what the record tells of is as
/// old as that.
pub const CREATED: &str = "refloat.dev/created";

/// The time of creation: the one that an undo noted, or the server's.
pub fn created(annotation: Option<&String>, server: Option<Timestamp>) -> Option<Timestamp> {
    annotation.and_then(|noted| noted.parse().ok()).or(server)
}

#[derive(Deserialize)]
struct ManagedFields {
    time: Option<Timestamp>,
}

impl From<JsonMeta> for ObjectMeta {
    fn from(meta: JsonMeta) -> Self {
        Self {
            name: meta.name,
            namespace: meta.namespace,
            uid: meta.uid,
            resource_version: meta.resource_version,
            created: created(meta.annotations.as_ref().and_then(|all| all.get(CREATED)), meta.creation_timestamp),
            labels: meta.labels.into_iter().flatten().collect(),
            written: meta.managed_fields.into_iter().flatten().filter_map(|entry| entry.time).max(),
        }
    }
}

impl ObjectMeta {
    /// Gives the record these metadata describe.
    pub fn into_record(self, driver: Driver, record_type: Option<String>) -> RecordMeta {
        let mut labels = self.labels;
        let [name, owner, status, revision] = ["name", "owner", "status", "version"].map(|key| labels.remove(key));
        labels.retain(|key, _| !SYSTEM_LABELS.contains(&key.as_str()));
        RecordMeta {
            id: RecordId { driver, namespace: self.namespace, key: self.name },
            guard: Guard { uid: self.uid, version: self.resource_version },
            name,
            owner,
            status,
            revision,
            custom: labels,
            record_type,
            created: self.created,
            written: self.written,
        }
    }
}
