//! Backups in the cluster: one Secret each, in the release's namespace, so that any machine can take a fix back.
//!
//! The payload is kept beside the rest as gzip of Helm's own text, which is smaller than the record it came from: a record
//! near the size limit can be backed up too.

use std::io::{Read, Write};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::Resource;
use kube::api::{GetParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::Request;
use refloat_core::record::Driver;
use refloat_core::rescue::{BACKUP_VERSION, Backup};
use serde_json::{Value, json};

use super::{BackupEntry, Backups, ClusterError, FIELD_MANAGER, Http};

/// The Secret type of a backup.
pub const BACKUP_TYPE: &str = "refloat.dev/backup";
const RELEASE: &str = "refloat.dev/release";
const ID: &str = "refloat.dev/fix";
const TAKEN_AT: &str = "refloat.dev/taken-at";
const UNDONE_AT: &str = "refloat.dev/undone-at";
/// Inflated size beyond which a backup isn't one of ours.
const LIMIT: u64 = 16 << 20;

/// Backups as Secrets.
#[derive(Clone)]
pub struct KubeBackups {
    http: Http,
}

/// The Secret's name.
pub fn backup_name(id: &str) -> String {
    format!("refloat-backup-{id}")
}

impl KubeBackups {
    /// Over this connection.
    pub fn new(http: Http) -> Self {
        Self { http }
    }
}

#[async_trait]
impl Backups for KubeBackups {
    async fn store(&self, namespace: &str, backup: &Backup) -> Result<(), ClusterError> {
        let what = format!("backup {} in namespace {namespace}", backup.id);
        let body =
            serde_json::to_vec(&to_secret(namespace, backup)?).map_err(|_| ClusterError::Decode(what.clone()))?;
        let params = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        let request = path(namespace).create(&params, body).map_err(|_| ClusterError::Decode(what.clone()))?;
        self.http.write(request, &what).await.map(|_| ())
    }

    async fn list(&self, namespace: &str) -> Result<Vec<BackupEntry>, ClusterError> {
        let what = format!("listing backups in namespace {namespace}");
        let params = ListParams { label_selector: Some(ID.into()), ..ListParams::default() };
        let request = path(namespace).list_metadata(&params).map_err(|_| ClusterError::Decode(what.clone()))?;
        let list = self.http.object(request, &what).await?.unwrap_or_default();
        let items = list.get("items").and_then(Value::as_array).into_iter().flatten();
        let mut entries: Vec<_> = items.filter_map(entry).collect();
        entries.sort_by(|a, b| (b.taken_at, &b.id).cmp(&(a.taken_at, &a.id)));
        Ok(entries)
    }

    async fn load(&self, namespace: &str, id: &str) -> Result<Option<Backup>, ClusterError> {
        let what = format!("backup {id} in namespace {namespace}");
        let request = path(namespace)
            .get(&backup_name(id), &GetParams::default())
            .map_err(|_| ClusterError::Decode(what.clone()))?;
        let Some(secret) = self.http.object(request, &what).await? else { return Ok(None) };
        from_secret(&secret).map(Some).ok_or(ClusterError::Decode(what))
    }

    async fn mark_undone(&self, namespace: &str, id: &str, at: Timestamp) -> Result<(), ClusterError> {
        let what = format!("backup {id} in namespace {namespace}");
        let patch = json!({"metadata": {"annotations": {UNDONE_AT: at.to_string()}}});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        let request = path(namespace)
            .patch(&backup_name(id), &params, &Patch::Merge(patch))
            .map_err(|_| ClusterError::Decode(what.clone()))?;
        self.http.write(request, &what).await.map(|_| ())
    }
}

fn path(namespace: &str) -> Request {
    Request::new(Secret::url_path(&(), Some(namespace)))
}

fn entry(item: &Value) -> Option<BackupEntry> {
    let label = |key: &str| item.pointer("/metadata/labels")?.get(key)?.as_str();
    let annotation = |key: &str| item.pointer("/metadata/annotations")?.get(key)?.as_str();
    Some(BackupEntry {
        id: label(ID)?.to_owned(),
        release: label(RELEASE)?.to_owned(),
        taken_at: annotation(TAKEN_AT)?.parse().ok()?,
        undone: annotation(UNDONE_AT).is_some(),
    })
}

fn payload_pointer(driver: Driver) -> &'static str {
    if driver == Driver::Sql { "/record/object/body" } else { "/record/object/data/release" }
}

fn to_secret(namespace: &str, backup: &Backup) -> Result<Value, ClusterError> {
    let broken = || ClusterError::Decode(format!("the record to back up ({})", backup.id));
    let mut document = serde_json::to_value(backup).map_err(|_| broken())?;
    let driver = backup.record.meta.id.driver;
    let mut data = serde_json::Map::new();
    if let Some(payload) = document.pointer_mut(payload_pointer(driver)) {
        let text = payload.take();
        let text = text.as_str().ok_or_else(broken)?;
        let inner = if driver == Driver::Secret {
            STANDARD.decode(text).map_err(|_| broken())?
        } else {
            text.as_bytes().to_vec()
        };
        data.insert("release.gz".into(), STANDARD.encode(gzip(&inner).ok_or_else(broken)?).into());
    }
    let document = serde_json::to_vec(&document).map_err(|_| broken())?;
    data.insert("backup.json.gz".into(), STANDARD.encode(gzip(&document).ok_or_else(broken)?).into());
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": BACKUP_TYPE,
        "metadata": {
            "name": backup_name(&backup.id),
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": "refloat", ID: backup.id, RELEASE: backup.release},
            "annotations": {TAKEN_AT: backup.taken_at.to_string()},
        },
        "data": data,
    }))
}

fn from_secret(secret: &Value) -> Option<Backup> {
    let data = |key: &str| gunzip(&STANDARD.decode(secret.pointer("/data")?.get(key)?.as_str()?).ok()?);
    let mut document: Value = serde_json::from_slice(&data("backup.json.gz")?).ok()?;
    if document.get("apiVersion")?.as_str()? != BACKUP_VERSION {
        return None;
    }
    let driver = serde_json::from_value(document.pointer("/record/meta/id/driver")?.clone()).ok()?;
    if let (Some(place), Some(inner)) = (document.pointer_mut(payload_pointer(driver)), data("release.gz")) {
        *place = if driver == Driver::Secret {
            STANDARD.encode(inner).into()
        } else {
            String::from_utf8(inner).ok()?.into()
        };
    }
    serde_json::from_value(document).ok()
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

fn gunzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut inflated = Vec::new();
    let read = GzDecoder::new(bytes).take(LIMIT).read_to_end(&mut inflated).ok()?;
    (u64::try_from(read).ok()? < LIMIT).then_some(inflated)
}
