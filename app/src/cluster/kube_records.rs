//! Helm's records in Secrets and ConfigMaps.

use std::collections::BTreeSet;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Resource;
use kube::api::{GetParams, ListParams, PostParams};
use kube::core::Request;
use refloat_core::record::{
    DEFAULT_LIMIT, Damage, Driver, Guard, Head, HeadReader, ObjectMeta, Progress, RECORD_TYPE, RecordId, RecordMeta,
    StoredRecord,
};
use serde::Deserialize;
use serde::de::{SeqAccess, Visitor};

use super::{ClusterError, Http, ReadRecords, RecordQuery, WriteRecords};

/// The field manager of every write. Helm's own is `helm` or `Helm`.
pub const FIELD_MANAGER: &str = "refloat";

/// Records kept by the Secret or ConfigMap driver.
#[derive(Clone)]
pub struct KubeRecords {
    http: Http,
    driver: Driver,
}

impl KubeRecords {
    /// Records of the Secret driver.
    pub fn secrets(http: Http) -> Self {
        Self { http, driver: Driver::Secret }
    }

    /// Records of the ConfigMap driver.
    pub fn configmaps(http: Http) -> Self {
        Self { http, driver: Driver::ConfigMap }
    }

    fn path(&self, namespace: Option<&str>) -> Request {
        Request::new(match self.driver {
            Driver::ConfigMap => ConfigMap::url_path(&(), namespace),
            _ => Secret::url_path(&(), namespace),
        })
    }

    fn what(&self, query: &RecordQuery) -> String {
        let kind = if self.driver == Driver::ConfigMap { "configmaps" } else { "secrets" };
        match &query.namespace {
            Some(namespace) => format!("listing {kind} in namespace {namespace}"),
            None => format!("listing {kind} in all namespaces"),
        }
    }

    async fn list_once(
        &self,
        query: &RecordQuery,
        labels: Option<String>,
        typed: bool,
    ) -> Result<Vec<RecordMeta>, ClusterError> {
        let fields = (typed && self.driver == Driver::Secret).then(|| format!("type={RECORD_TYPE}"));
        let record_type = fields.is_some().then(|| RECORD_TYPE.to_owned());
        let params = ListParams { label_selector: labels, field_selector: fields, ..ListParams::default() };
        let what = self.what(query);
        let request = self
            .path(query.namespace.as_deref())
            .list_metadata(&params)
            .map_err(|_| ClusterError::Decode(what.clone()))?;
        let body = self.http.bytes(self.http.read(request, &what).await?).await?;
        let list: MetadataList = serde_json::from_slice(&body).map_err(|_| ClusterError::Decode(what))?;
        Ok(list.items.0.into_iter().map(|item| item.into_record(self.driver, record_type.clone())).collect())
    }
}

#[async_trait]
impl ReadRecords for KubeRecords {
    fn driver(&self) -> Driver {
        self.driver
    }

    /// Two lists: what Helm's labels find, and what only the type or the key shows to be a record, as its labels are gone.
    async fn list(&self, query: &RecordQuery) -> Result<Vec<RecordMeta>, ClusterError> {
        if !query.statuses.is_empty() {
            let statuses: Vec<_> = query.statuses.iter().map(|status| status.as_str()).collect();
            let mut labels = format!("owner=helm,status in ({})", statuses.join(","));
            if let Some(release) = &query.release {
                labels.push_str(&format!(",name={release}"));
            }
            return self.list_once(query, Some(labels), false).await;
        }
        let (labelled, others) = match &query.release {
            None => ("owner=helm".to_owned(), Some("owner!=helm".to_owned())),
            Some(release) => (format!("owner=helm,name={release}"), None),
        };
        let (labelled, others) =
            tokio::try_join!(self.list_once(query, Some(labelled), false), self.list_once(query, others, true))?;
        let seen: BTreeSet<RecordId> = labelled.iter().map(|record| record.id.clone()).collect();
        let others = others.into_iter().filter(|record| record.is_record() && !seen.contains(&record.id));
        let wanted =
            |record: &RecordMeta| query.release.as_deref().is_none_or(|release| record.release() == Some(release));
        let others: Vec<_> = others.filter(wanted).collect();
        Ok(labelled.into_iter().chain(others).collect())
    }

    async fn head(&self, id: &RecordId) -> Result<Option<Result<Head, Damage>>, ClusterError> {
        let what = format!("reading {id}");
        let request = self
            .path(Some(&id.namespace))
            .get(&id.key, &GetParams::default())
            .map_err(|_| ClusterError::Decode(what.clone()))?;
        let response = match self.http.read(request, &what).await {
            Err(ClusterError::Missing(_)) => return Ok(None),
            other => other?,
        };
        let mut body = response.into_body();
        let mut scan = HeadScan::new(self.driver);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.http.transport(&error))?;
            if let Some(head) = frame.data_ref().and_then(|chunk| scan.push(chunk)) {
                return Ok(Some(head));
            }
        }
        Ok(Some(scan.finish()))
    }

    async fn get(&self, id: &RecordId) -> Result<Option<StoredRecord>, ClusterError> {
        let what = format!("reading {id}");
        let request = self
            .path(Some(&id.namespace))
            .get(&id.key, &GetParams::default())
            .map_err(|_| ClusterError::Decode(what.clone()))?;
        let Some(object) = self.http.object(request, &what).await? else { return Ok(None) };
        StoredRecord::from_object(self.driver, object).map(Some).ok_or(ClusterError::Decode(what))
    }

    async fn now(&self) -> Result<Timestamp, ClusterError> {
        self.http.now().await
    }
}

#[async_trait]
impl WriteRecords for KubeRecords {
    async fn replace(&self, record: &StoredRecord) -> Result<Guard, ClusterError> {
        let id = &record.meta.id;
        let what = id.to_string();
        let mut object = record.object.clone();
        let metadata = object.get_mut("metadata").and_then(serde_json::Value::as_object_mut);
        let metadata = metadata.ok_or_else(|| ClusterError::Decode(what.clone()))?;
        // The guard: with both set the server answers 409 to anything but the very object that was read.
        metadata.insert("uid".into(), record.meta.guard.uid.clone().into());
        metadata.insert("resourceVersion".into(), record.meta.guard.version.clone().into());
        metadata.remove("managedFields");
        let body = serde_json::to_vec(&object).map_err(|_| ClusterError::Decode(what.clone()))?;
        let params = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        let request = self
            .path(Some(&id.namespace))
            .replace(&id.key, &params, body)
            .map_err(|_| ClusterError::Decode(what.clone()))?;
        let written = StoredRecord::from_object(self.driver, self.http.write(request, &what).await?);
        written.map(|record| record.meta.guard).ok_or(ClusterError::Decode(what))
    }
}

/// `PartialObjectMetadataList`, decoded item by item so that only what is kept is held.
#[derive(Deserialize)]
struct MetadataList {
    items: Items,
}

struct Items(Vec<ObjectMeta>);

#[derive(Deserialize)]
struct Item {
    metadata: ObjectMeta,
}

impl<'de> Deserialize<'de> for Items {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Vec<ObjectMeta>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of objects")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element::<Item>()? {
                    items.push(item.metadata);
                }
                Ok(items)
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Vec::new())
            }
        }
        deserializer.deserialize_any(Each).map(Items)
    }
}

/// Finds the payload in an object's JSON while it arrives, and reads its head.
struct HeadScan {
    driver: Driver,
    /// What has come before the payload, then payload text not yet decoded.
    held: Vec<u8>,
    reader: Option<HeadReader>,
}

/// How an object's JSON goes on right before the payload: Kubernetes writes `data` after `metadata`, compactly. Inside a JSON
/// string the quotes would be escaped, so nothing in the metadata can be taken for it.
const BEFORE_PAYLOAD: &[u8] = br#""data":{"release":""#;

impl HeadScan {
    fn new(driver: Driver) -> Self {
        Self { driver, held: Vec::new(), reader: None }
    }

    /// Takes the next bytes; gives the head once it is known.
    fn push(&mut self, chunk: &[u8]) -> Option<Result<Head, Damage>> {
        self.held.extend_from_slice(chunk);
        if self.reader.is_none() {
            let at = find(&self.held, BEFORE_PAYLOAD)?;
            self.held.drain(..at + BEFORE_PAYLOAD.len());
            self.reader = Some(HeadReader::new(DEFAULT_LIMIT));
        }
        let end = self.held.iter().position(|byte| *byte == b'"');
        let text = self.held.len().min(end.unwrap_or(usize::MAX));
        let whole = if self.driver == Driver::Secret && end.is_none() { text / 4 * 4 } else { text };
        let piece: Vec<u8> = self.held.drain(..whole).collect();
        let inner = if self.driver == Driver::Secret { STANDARD.decode(&piece) } else { Ok(piece) };
        let Ok(inner) = inner else { return Some(Err(Damage::NotBase64 { at: 0 })) };
        match self.reader.as_mut()?.push(&inner) {
            Ok(Progress::Done(head)) => Some(Ok(head)),
            Ok(Progress::NeedMore) if end.is_none() => None,
            Ok(Progress::NeedMore) => Some(self.reader.take()?.finish()),
            Err(damage) => Some(Err(damage)),
        }
    }

    /// The body has ended without the payload where it is expected: read what came as an object.
    fn finish(self) -> Result<Head, Damage> {
        if let Some(reader) = self.reader {
            return reader.finish();
        }
        let object = serde_json::from_slice(&self.held).map_err(|_| Damage::Empty)?;
        StoredRecord::from_object(self.driver, object).ok_or(Damage::Empty)?.head()
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use refloat_core::record::encode;

    use super::*;

    fn secret(json: &str) -> String {
        let data = STANDARD.encode(encode(json.as_bytes()));
        format!(
            r#"{{"kind":"Secret","apiVersion":"v1","metadata":{{"name":"x","namespace":"ns","annotations":{{"a":"\"data\":{{\"release\":\"no"}}}},"data":{{"release":"{data}"}},"type":"t"}}"#
        )
    }

    #[test]
    fn the_head_is_found_however_the_body_is_cut() {
        let body = secret(
            r#"{"name":"web","info":{"status":"deployed"},"chart":{"metadata":{"name":"web","version":"1.0.0"}}}"#,
        );
        for size in [1, 7, 64, 100_000] {
            let mut scan = HeadScan::new(Driver::Secret);
            let head = body.as_bytes().chunks(size).find_map(|chunk| scan.push(chunk)).unwrap().unwrap();
            assert_eq!(head.chart_name.as_deref(), Some("web"), "{size}");
        }
    }

    #[test]
    fn an_object_written_otherwise_is_read_whole() {
        let body = secret(r#"{"name":"web","info":{"status":"deployed"},"chart":null}"#)
            .replace(r#""data":{"release""#, r#""data":{"a":"", "release""#);
        let mut scan = HeadScan::new(Driver::Secret);
        assert!(scan.push(body.as_bytes()).is_none());
        assert_eq!(scan.finish().unwrap().status.as_deref(), Some("deployed"));
    }

    #[test]
    fn a_list_without_items_is_empty() {
        let list: MetadataList = serde_json::from_str(r#"{"kind":"PartialObjectMetadataList","items":null}"#).unwrap();
        assert!(list.items.0.is_empty());
    }
}
