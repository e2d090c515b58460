//! Helm's records in Secrets and ConfigMaps.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Resource;
use kube::api::{DeleteParams, GetParams, ListParams, PostParams, Preconditions};
use kube::core::Request;
use refloat_core::record::{
    Damage, Driver, Guard, Head, HeadReader, ObjectMeta, Progress, RECORD_TYPE, RecordId, RecordMeta, StoredRecord,
};
use serde::Deserialize;

use super::http::Response;
use super::wire::{self, Place};
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
        let response = self.http.read(accepting(request, wire::ACCEPT_METADATA), &what).await?;
        let protobuf = wire::is_protobuf(&response);
        let body = self.http.bytes(response).await?;
        let items = if protobuf { wire::metadata_list(body) } else { json_list(&body) };
        let items = items.ok_or(ClusterError::Decode(what))?;
        Ok(items.into_iter().map(|item| item.into_record(self.driver, record_type.clone())).collect())
    }

    /// Reads one object at least as new as a listed version, which the server can serve without asking its database.
    async fn fetch(&self, id: &RecordId, version: &str) -> Result<Option<Response>, ClusterError> {
        let what = format!("reading {id}");
        let params = GetParams { resource_version: Some(version.to_owned()).filter(|version| !version.is_empty()) };
        let request =
            self.path(Some(&id.namespace)).get(&id.key, &params).map_err(|_| ClusterError::Decode(what.clone()))?;
        match self.http.read(accepting(request, wire::ACCEPT_OBJECT), &what).await {
            Ok(response) => Ok(Some(response)),
            Err(ClusterError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The request with another `Accept`.
fn accepting(mut request: http::Request<Vec<u8>>, accept: &'static str) -> http::Request<Vec<u8>> {
    request.headers_mut().insert(http::header::ACCEPT, http::HeaderValue::from_static(accept));
    request
}

/// The metadata in a list that came as JSON.
fn json_list(body: &[u8]) -> Option<Vec<ObjectMeta>> {
    #[derive(Deserialize)]
    struct List {
        items: Option<Vec<Item>>,
    }
    #[derive(Deserialize)]
    struct Item {
        metadata: ObjectMeta,
    }
    let list: List = serde_json::from_slice(body).ok()?;
    Some(list.items.into_iter().flatten().map(|item| item.metadata).collect())
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

    async fn head(&self, id: &RecordId, seen: &Guard) -> Result<Option<Result<Head, Damage>>, ClusterError> {
        let response = match self.fetch(id, &seen.version).await {
            // The server's cache lags behind what it has listed: ask its database.
            Err(ClusterError::Timeout { .. }) => self.fetch(id, "").await?,
            other => other?,
        };
        let Some(response) = response else { return Ok(None) };
        if !wire::is_protobuf(&response) {
            let body = self.http.bytes(response).await?;
            let object = serde_json::from_slice(&body).ok();
            let record = object.and_then(|object| StoredRecord::from_object(self.driver, object));
            return record.map(|record| Some(record.head())).ok_or(ClusterError::Decode(format!("reading {id}")));
        }
        let mut body = response.into_body();
        let mut scan = HeadScan::default();
        while let Some(piece) = self.http.piece(&mut body).await? {
            if let Some(head) = scan.push(&piece) {
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

    async fn create(&self, record: &StoredRecord) -> Result<Guard, ClusterError> {
        let id = &record.meta.id;
        let what = id.to_string();
        let body = serde_json::to_vec(&record.object).map_err(|_| ClusterError::Decode(what.clone()))?;
        let params = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        let request =
            self.path(Some(&id.namespace)).create(&params, body).map_err(|_| ClusterError::Decode(what.clone()))?;
        let written = StoredRecord::from_object(self.driver, self.http.write(request, &what).await?);
        written.map(|record| record.meta.guard).ok_or(ClusterError::Decode(what))
    }

    async fn delete(&self, id: &RecordId, guard: &Guard) -> Result<(), ClusterError> {
        let what = id.to_string();
        let preconditions =
            Preconditions { uid: Some(guard.uid.clone()), resource_version: Some(guard.version.clone()) };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        let request =
            self.path(Some(&id.namespace)).delete(&id.key, &params).map_err(|_| ClusterError::Decode(what.clone()))?;
        self.http.write(request, &what).await.map(drop)
    }
}

/// Reads the head of a payload while the object comes in, in protobuf.
#[derive(Default)]
struct HeadScan {
    /// What has come before the payload.
    before: Vec<u8>,
    reader: Option<HeadReader>,
    /// How much of the payload has yet to come.
    left: usize,
}

impl HeadScan {
    /// Takes the next bytes; gives the head once it is known.
    fn push(&mut self, chunk: &[u8]) -> Option<Result<Head, Damage>> {
        let Some(reader) = &mut self.reader else {
            self.before.extend_from_slice(chunk);
            return match wire::payload_place(&self.before) {
                Place::NeedMore => None,
                Place::Nowhere => Some(Err(Damage::Empty)),
                Place::At(at, length) => {
                    self.reader = Some(HeadReader::default());
                    self.left = length;
                    let begun = std::mem::take(&mut self.before);
                    self.push(begun.get(at..).unwrap_or_default())
                }
            };
        };
        let piece = chunk.get(..self.left.min(chunk.len())).unwrap_or_default();
        self.left -= piece.len();
        match reader.push(piece) {
            Ok(Progress::Done(head)) => Some(Ok(head)),
            Ok(Progress::NeedMore) if self.left > 0 => None,
            Ok(Progress::NeedMore) => self.reader.take().map(HeadReader::finish),
            Err(damage) => Some(Err(damage)),
        }
    }

    /// The body has ended before the payload did.
    fn finish(self) -> Result<Head, Damage> {
        self.reader.map_or(Err(Damage::Empty), HeadReader::finish)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_without_items_is_empty() {
        assert_eq!(json_list(br#"{"kind":"PartialObjectMetadataList","items":null}"#).map(|list| list.len()), Some(0));
        assert!(json_list(b"{}x").is_none());
    }
}
