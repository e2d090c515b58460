//! Backups in the cluster: a Secret each, or several if one can't hold it, in the release's namespace, so that any machine can take a fix back.
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
const WAY: &str = "refloat.dev/way";
const REVISION: &str = "refloat.dev/revision";
const BY: &str = "refloat.dev/by";
const UNDONE_AT: &str = "refloat.dev/undone-at";
const PART_OF: &str = "refloat.dev/part-of";
const PARTS: &str = "refloat.dev/parts";
/// What one Secret takes of a backup, in bytes before base64: the server refuses more than 1 MiB in all.
const PIECE: usize = 700 << 10;
/// Inflated size beyond which a backup isn't one of ours.
const LIMIT: u64 = 256 << 20;

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
        // The Secret that says how many parts there are comes last, so that one which is found is whole.
        for secret in to_secrets(namespace, backup)? {
            let body = serde_json::to_vec(&secret).map_err(|_| ClusterError::Decode(what.clone()))?;
            let params = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
            let request = path(namespace).create(&params, body).map_err(|_| ClusterError::Decode(what.clone()))?;
            match self.http.write(request, &what).await {
                // A part that a run before this one left is the same: the id tells what it is of.
                Err(ClusterError::Conflict(_)) if secret.pointer("/metadata/labels").is_some_and(is_part) => {}
                other => drop(other?),
            }
        }
        Ok(())
    }

    async fn list(&self, namespace: Option<&str>) -> Result<Vec<BackupEntry>, ClusterError> {
        let place = namespace.map_or_else(|| "all namespaces".to_owned(), |one| format!("namespace {one}"));
        let what = format!("listing backups in {place}");
        let params = ListParams { label_selector: Some(ID.into()), ..ListParams::default() };
        let all = Request::new(Secret::url_path(&(), namespace));
        let request = all.list_metadata(&params).map_err(|_| ClusterError::Decode(what.clone()))?;
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
        let parts = secret.pointer("/metadata/annotations").and_then(|all| all.get(PARTS)).and_then(Value::as_str);
        let parts: usize = parts.map_or(Ok(0), str::parse).map_err(|_| ClusterError::Decode(what.clone()))?;
        let mut packed = Vec::new();
        for part in 1..=parts {
            let name = part_name(id, part);
            let request =
                path(namespace).get(&name, &GetParams::default()).map_err(|_| ClusterError::Decode(what.clone()))?;
            let found = self.http.object(request, &what).await?.ok_or(ClusterError::Missing(name))?;
            let piece = data(&found, "backup.json.gz").ok_or_else(|| ClusterError::Decode(what.clone()))?;
            packed.extend(piece);
        }
        let packed = if parts == 0 { data(&secret, "backup.json.gz") } else { Some(packed) };
        packed.and_then(|packed| from_secret(&secret, &packed)).map(Some).ok_or(ClusterError::Decode(what))
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
        namespace: item.pointer("/metadata/namespace")?.as_str()?.to_owned(),
        release: label(RELEASE)?.to_owned(),
        taken_at: annotation(TAKEN_AT)?.parse().ok()?,
        way: annotation(WAY).unwrap_or_default().to_owned(),
        revision: annotation(REVISION).and_then(|revision| revision.parse().ok()),
        by: annotation(BY).unwrap_or_default().to_owned(),
        undone_at: annotation(UNDONE_AT).and_then(|at| at.parse().ok()),
    })
}

fn payload_pointer(driver: Driver) -> &'static str {
    if driver == Driver::Sql { "/record/object/body" } else { "/record/object/data/release" }
}

fn to_secrets(namespace: &str, backup: &Backup) -> Result<Vec<Value>, ClusterError> {
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
    // What can't be read back is no backup.
    if u64::try_from(document.len()).unwrap_or(u64::MAX) >= LIMIT {
        return Err(ClusterError::Setting(format!("the backup takes more than {} MiB", LIMIT >> 20)));
    }
    let packed = gzip(&document).ok_or_else(broken)?;
    let secret = |name: String, kind: &str, annotations: Value, data: Value| {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": BACKUP_TYPE,
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {"app.kubernetes.io/managed-by": "refloat", kind: backup.id, RELEASE: backup.release},
                "annotations": annotations,
            },
            "data": data,
        })
    };
    let revision = backup.revision.to_string();
    let mut about =
        json!({TAKEN_AT: backup.taken_at.to_string(), WAY: backup.action, REVISION: revision, BY: backup.by});
    if packed.len() + data.values().map(|value| value.as_str().map_or(0, str::len)).sum::<usize>() <= PIECE {
        data.insert("backup.json.gz".into(), STANDARD.encode(packed).into());
        return Ok(vec![secret(backup_name(&backup.id), ID, about, data.into())]);
    }
    let pieces: Vec<&[u8]> = packed.chunks(PIECE).collect();
    let count = pieces.len().to_string();
    let mut secrets: Vec<Value> = Vec::new();
    for (place, piece) in pieces.into_iter().enumerate() {
        let data = json!({"backup.json.gz": STANDARD.encode(piece)});
        secrets.push(secret(part_name(&backup.id, place + 1), PART_OF, json!({}), data));
    }
    if let Some(about) = about.as_object_mut() {
        about.insert(PARTS.to_owned(), count.into());
    }
    secrets.push(secret(backup_name(&backup.id), ID, about, data.into()));
    Ok(secrets)
}

/// The name of a further Secret of a backup that is too big for one.
fn part_name(id: &str, part: usize) -> String {
    format!("{}.part{part}", backup_name(id))
}

fn is_part(labels: &Value) -> bool {
    labels.get(PART_OF).is_some()
}

fn data(secret: &Value, key: &str) -> Option<Vec<u8>> {
    STANDARD.decode(secret.pointer("/data")?.get(key)?.as_str()?).ok()
}

fn from_secret(secret: &Value, packed: &[u8]) -> Option<Backup> {
    let mut document: Value = serde_json::from_slice(&gunzip(packed)?).ok()?;
    if document.get("apiVersion")?.as_str()? != BACKUP_VERSION {
        return None;
    }
    let driver = serde_json::from_value(document.pointer("/record/meta/id/driver")?.clone()).ok()?;
    if let (Some(place), Some(inner)) =
        (document.pointer_mut(payload_pointer(driver)), data(secret, "release.gz").and_then(|packed| gunzip(&packed)))
    {
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

#[cfg(test)]
mod tests {
    use super::*;
    use refloat_core::record::StoredRecord;
    use refloat_core::rescue::ObjectBackup;

    fn backup(bytes: u64) -> Backup {
        let object = json!({
            "metadata": {"name": "sh.helm.release.v1.web.v1", "namespace": "shop", "uid": "u"},
            "data": {"release": "SDRzSQ=="}
        });
        // What can't be packed any smaller.
        let mut state = 1_u64;
        let text: String = (0..bytes / 16)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                format!("{state:016x}")
            })
            .collect();
        let object_backup = ObjectBackup {
            api_version: "v1".into(),
            kind: "ConfigMap".into(),
            resource: "configmaps".into(),
            namespace: "shop".into(),
            name: "web".into(),
            before: Some(json!({"data": {"text": text}})),
            replaced: false,
        };
        Backup {
            api_version: BACKUP_VERSION.into(),
            kind: "RecordBackup".into(),
            id: "00c0ffee".into(),
            action: "resume".into(),
            release: "web".into(),
            revision: 1,
            status: "pending-upgrade".into(),
            taken_at: Timestamp::UNIX_EPOCH,
            by: "ada".into(),
            wrote: String::new(),
            states: Vec::new(),
            record: StoredRecord::from_object(Driver::Secret, object).unwrap(),
            others: Vec::new(),
            objects: vec![object_backup],
            copies: Vec::new(),
            stores: None,
            restoring: None,
        }
    }

    #[test]
    fn a_backup_of_any_size_fits_its_secrets_and_comes_back_whole() {
        for (bytes, count) in [(1 << 10, 1), (4 << 20, 5)] {
            let backup = backup(bytes);
            let secrets = to_secrets("shop", &backup).unwrap();
            assert_eq!(secrets.len(), count, "{bytes}");
            assert!(secrets.iter().all(|secret| secret["data"].to_string().len() < 1 << 20));
            let (main, parts) = secrets.split_last().unwrap();
            let mut packed: Vec<u8> = parts.iter().flat_map(|part| data(part, "backup.json.gz").unwrap()).collect();
            packed.extend(data(main, "backup.json.gz").unwrap_or_default());
            assert_eq!(from_secret(main, &packed), Some(backup));
            // Only the one that is complete by its coming last is listed.
            assert_eq!(secrets.iter().filter(|secret| entry(secret).is_some()).count(), 1);
        }
    }
}
