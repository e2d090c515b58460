//! The cluster: the only place that talks to Kubernetes or a database.
//!
//! Reading and writing are separate traits, so what only decides can't write, by type. Errors come as [`ClusterError`],
//! which tells "not there" from "may not see". Nothing above this folder knows a Kubernetes client.

mod backups;
mod connect;
mod error;
mod http;
mod kube_records;
mod kubeconfig;
mod memory;
mod objects;
mod sql;
mod stack;
mod wire;

use async_trait::async_trait;
use jiff::Timestamp;
use refloat_core::observe::{Answer, Kind, Observation, Read};
use refloat_core::record::{Damage, Driver, Guard, Head, RecordId, RecordMeta, Status, StoredRecord};
use refloat_core::rescue::Backup;
use serde_json::Value;

pub use backups::*;
pub use connect::*;
pub use error::*;
pub use http::*;
pub use kube_records::*;
pub use memory::*;
pub use objects::*;
pub use sql::*;

/// Which records to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordQuery {
    /// One namespace, or all of them.
    pub namespace: Option<String>,
    /// One release, or all of them.
    pub release: Option<String>,
    /// Statuses by label, or all of them. A query by status shows what Helm's labels say and no records that lack them.
    pub statuses: Vec<Status>,
}

/// Reads Helm's records, whatever holds them.
#[async_trait]
pub trait ReadRecords: Send + Sync {
    /// What holds them.
    fn driver(&self) -> Driver;
    /// Lists metadata only: no payload is read.
    async fn list(&self, query: &RecordQuery) -> Result<Vec<RecordMeta>, ClusterError>;
    /// Reads the head of one payload, as it was at a version that a list gave or newer; `None` if the record is gone.
    async fn head(&self, id: &RecordId, seen: &Guard) -> Result<Option<Result<Head, Damage>>, ClusterError>;
    /// Reads one record whole; `None` if it is gone.
    async fn get(&self, id: &RecordId) -> Result<Option<StoredRecord>, ClusterError>;
    /// The time by the clock of whoever stamps the records.
    async fn now(&self) -> Result<Timestamp, ClusterError>;
}

/// Reads any object, without changing one.
#[async_trait]
pub trait ReadObjects: Send + Sync {
    /// Kinds that need no asking, where no server can be asked which ones it serves. Takes the release's opened revisions.
    fn assumed(&self, _seen: &Observation) -> Vec<Kind> {
        Vec::new()
    }
    /// Answers one read. What can't be read is an answer, too; an error means that nothing else could be read either.
    async fn answer(&self, read: &Read) -> Result<Answer, ClusterError>;
}

/// Changes objects. Nothing is repeated by itself.
#[async_trait]
pub trait WriteObjects: ReadObjects {
    /// The reading side alone.
    fn reading(&self) -> &dyn ReadObjects;
    /// Creates an object, in Helm's name, so that Helm takes it for its own; gives what was stored.
    async fn create(&self, read: &Read, object: &Value) -> Result<Value, ClusterError>;
    /// Replaces an object whole, if it still is of the version it holds; gives what was stored.
    async fn replace_object(&self, read: &Read, object: &Value) -> Result<Value, ClusterError>;
    /// Applies an object on the server's side, in Helm's name, without taking fields away from others; gives what was stored.
    async fn apply(&self, read: &Read, object: &Value) -> Result<Value, ClusterError>;
    /// Deletes an object in the background, if it still is this very one and of this version.
    async fn delete_object(&self, read: &Read, guard: &Guard) -> Result<(), ClusterError>;
}

/// Changes Helm's records.
#[async_trait]
pub trait WriteRecords: ReadRecords {
    /// Replaces a record whole, if it still is what its guard says; gives the new guard. A lost race is
    /// [`ClusterError::Conflict`] and writes nothing.
    async fn replace(&self, record: &StoredRecord) -> Result<Guard, ClusterError>;
    /// Stores a record that isn't there yet; gives its guard. One of the same key is [`ClusterError::Conflict`].
    async fn create(&self, record: &StoredRecord) -> Result<Guard, ClusterError>;
    /// Deletes a record, if it still is what the guard says.
    async fn delete(&self, id: &RecordId, guard: &Guard) -> Result<(), ClusterError>;
}

/// Keeps backups where every machine finds them.
#[async_trait]
pub trait Backups: Send + Sync {
    /// Stores one; a second of the same id is an error.
    async fn store(&self, namespace: &str, backup: &Backup) -> Result<(), ClusterError>;
    /// Those of a namespace, or of all of them, newest first, without their contents.
    async fn list(&self, namespace: Option<&str>) -> Result<Vec<BackupEntry>, ClusterError>;
    /// One by its id, contents and all.
    async fn load(&self, namespace: &str, id: &str) -> Result<Option<Backup>, ClusterError>;
    /// Notes that it was taken back. It is kept.
    async fn mark_undone(&self, namespace: &str, id: &str, at: Timestamp) -> Result<(), ClusterError>;
}

/// A backup as a list shows it, which is what is remembered of a fix. What older versions of refloat didn't note is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupEntry {
    /// The fix's id.
    pub id: String,
    /// The namespace it is kept in, which is the release's.
    pub namespace: String,
    /// The release it changed.
    pub release: String,
    /// What it did: the way out that it took.
    pub way: String,
    /// The newest revision before it.
    pub revision: Option<u64>,
    /// For whom.
    pub by: String,
    /// When.
    pub taken_at: Timestamp,
    /// When it was taken back, if it was.
    pub undone_at: Option<Timestamp>,
}
