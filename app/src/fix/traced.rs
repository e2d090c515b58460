//! Whether anything was written yet: a fix that stops before its first write leaves nothing behind that would have to be gone on with.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use refloat_core::observe::{Answer, Read};
use refloat_core::record::{Damage, Driver, Guard, Head, RecordId, RecordMeta, StoredRecord};
use serde_json::Value;

use crate::cluster::{ClusterError, ReadObjects, ReadRecords, RecordQuery, WriteObjects, WriteRecords};

/// Passes everything on, and remembers whether a write went out that the server didn't clearly refuse.
pub struct Traced<'a, T: ?Sized> {
    inner: &'a T,
    wrote: &'a AtomicBool,
}

impl<'a, T: ?Sized> Traced<'a, T> {
    /// Takes what is written to, and where to remember it.
    pub fn new(inner: &'a T, wrote: &'a AtomicBool) -> Self {
        Self { inner, wrote }
    }

    fn told<R>(&self, result: Result<R, ClusterError>) -> Result<R, ClusterError> {
        let refused = match &result {
            Err(ClusterError::Rejected { code, .. }) => *code < 500,
            Err(
                ClusterError::Forbidden(_)
                | ClusterError::Unauthorized { .. }
                | ClusterError::Conflict(_)
                | ClusterError::Missing(_),
            ) => true,
            _ => false,
        };
        if !refused {
            self.wrote.store(true, Ordering::Relaxed);
        }
        result
    }
}

#[async_trait]
impl<T: WriteRecords + ?Sized> ReadRecords for Traced<'_, T> {
    fn driver(&self) -> Driver {
        self.inner.driver()
    }

    async fn list(&self, query: &RecordQuery) -> Result<Vec<RecordMeta>, ClusterError> {
        self.inner.list(query).await
    }

    async fn head(&self, id: &RecordId, seen: &Guard) -> Result<Option<Result<Head, Damage>>, ClusterError> {
        self.inner.head(id, seen).await
    }

    async fn get(&self, id: &RecordId) -> Result<Option<StoredRecord>, ClusterError> {
        self.inner.get(id).await
    }

    async fn now(&self) -> Result<Timestamp, ClusterError> {
        self.inner.now().await
    }
}

#[async_trait]
impl<T: WriteRecords + ?Sized> WriteRecords for Traced<'_, T> {
    async fn replace(&self, record: &StoredRecord) -> Result<Guard, ClusterError> {
        self.told(self.inner.replace(record).await)
    }

    async fn create(&self, record: &StoredRecord) -> Result<Guard, ClusterError> {
        self.told(self.inner.create(record).await)
    }

    async fn delete(&self, id: &RecordId, guard: &Guard) -> Result<(), ClusterError> {
        self.told(self.inner.delete(id, guard).await)
    }
}

#[async_trait]
impl<T: WriteObjects + ?Sized> ReadObjects for Traced<'_, T> {
    async fn answer(&self, read: &Read) -> Result<Answer, ClusterError> {
        self.inner.answer(read).await
    }
}

#[async_trait]
impl<T: WriteObjects + ?Sized> WriteObjects for Traced<'_, T> {
    fn reading(&self) -> &dyn ReadObjects {
        self.inner.reading()
    }

    async fn create(&self, read: &Read, object: &Value) -> Result<Value, ClusterError> {
        self.told(self.inner.create(read, object).await)
    }

    async fn replace_object(&self, read: &Read, object: &Value) -> Result<Value, ClusterError> {
        self.told(self.inner.replace_object(read, object).await)
    }

    async fn apply(&self, read: &Read, object: &Value) -> Result<Value, ClusterError> {
        self.told(self.inner.apply(read, object).await)
    }

    async fn delete_object(&self, read: &Read, guard: &Guard) -> Result<(), ClusterError> {
        self.told(self.inner.delete_object(read, guard).await)
    }
}
