//! A cluster in memory, for the demo and for tests of what stands above: resource versions, conflicts and backups behave as
//! on the API server. Objects are in `objects`, and how far a rollout comes without a controller is in `rollout`.

mod objects;
mod rollout;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use refloat_core::observe::{Answer, Read};
use refloat_core::record::{Damage, Driver, Guard, Head, RecordId, RecordMeta, StoredRecord};
use refloat_core::rescue::Backup;
use serde_json::Value;

use objects::{Objects, Write};

use super::{BackupEntry, Backups, ClusterError, ReadObjects, ReadRecords, RecordQuery, WriteObjects, WriteRecords};

/// Records and backups held in memory, under a clock that stands still.
pub struct MemoryCluster {
    driver: Driver,
    now: Timestamp,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    records: Vec<StoredRecord>,
    objects: Objects,
    backups: Vec<(String, Backup, Option<Timestamp>)>,
    writes: u64,
}

impl MemoryCluster {
    /// Holds these records, at this time.
    pub fn new(driver: Driver, records: Vec<StoredRecord>, now: Timestamp) -> Self {
        Self { driver, now, state: Mutex::new(State { records, ..State::default() }) }
    }

    /// The same with the answers to reads of other objects, by their paths.
    #[must_use]
    pub fn with_answers(self, answers: BTreeMap<String, Answer>) -> Self {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        Self { state: Mutex::new(State { objects: Objects::new(answers), ..state }), ..self }
    }

    /// Every answer as it is now, by its read's path.
    pub fn answers(&self) -> Result<BTreeMap<String, Answer>, ClusterError> {
        self.with(|state| state.objects.answers().clone())
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> Result<T, ClusterError> {
        self.state
            .lock()
            .map(|mut state| work(&mut state))
            .map_err(|_| ClusterError::Setting("the cluster in memory broke".into()))
    }
}

#[async_trait]
impl ReadRecords for MemoryCluster {
    fn driver(&self) -> Driver {
        self.driver
    }

    async fn list(&self, query: &RecordQuery) -> Result<Vec<RecordMeta>, ClusterError> {
        let wanted = |meta: &RecordMeta| {
            query.namespace.as_ref().is_none_or(|namespace| meta.id.namespace == *namespace)
                && query.release.as_deref().is_none_or(|release| meta.release() == Some(release))
                && (query.statuses.is_empty() || meta.status().is_some_and(|status| query.statuses.contains(&status)))
        };
        self.with(|state| state.records.iter().map(|record| record.meta.clone()).filter(wanted).collect())
    }

    async fn head(&self, id: &RecordId, _seen: &Guard) -> Result<Option<Result<Head, Damage>>, ClusterError> {
        Ok(self.get(id).await?.map(|record| record.head()))
    }

    async fn get(&self, id: &RecordId) -> Result<Option<StoredRecord>, ClusterError> {
        self.with(|state| state.records.iter().find(|record| record.meta.id == *id).cloned())
    }

    async fn now(&self) -> Result<Timestamp, ClusterError> {
        Ok(self.now)
    }
}

#[async_trait]
impl ReadObjects for MemoryCluster {
    async fn answer(&self, read: &Read) -> Result<Answer, ClusterError> {
        self.with(|state| state.objects.answer(read))
    }
}

#[async_trait]
impl WriteObjects for MemoryCluster {
    fn reading(&self) -> &dyn ReadObjects {
        self
    }

    async fn create(&self, read: &Read, object: &Value) -> Result<Value, ClusterError> {
        self.with(|state| state.objects.write(read, object, Write::Create, self.now))?
    }

    async fn replace_object(&self, read: &Read, object: &Value) -> Result<Value, ClusterError> {
        self.with(|state| state.objects.write(read, object, Write::Replace, self.now))?
    }

    async fn apply(&self, read: &Read, object: &Value) -> Result<Value, ClusterError> {
        self.with(|state| state.objects.write(read, object, Write::Apply, self.now))?
    }

    async fn delete_object(&self, read: &Read, guard: &Guard) -> Result<(), ClusterError> {
        self.with(|state| state.objects.delete(read, guard))?
    }
}

#[async_trait]
impl WriteRecords for MemoryCluster {
    async fn replace(&self, record: &StoredRecord) -> Result<Guard, ClusterError> {
        let now = self.now;
        self.with(|state| {
            let id = &record.meta.id;
            let stored = state.records.iter_mut().find(|stored| stored.meta.id == *id);
            let stored = stored.ok_or_else(|| ClusterError::Missing(id.to_string()))?;
            if stored.meta.guard != record.meta.guard {
                return Err(ClusterError::Conflict(id.to_string()));
            }
            state.writes += 1;
            *stored = record.clone();
            stored.meta.written = Some(now);
            stored.meta.guard.version = format!("{}.{}", record.meta.guard.version, state.writes);
            if let Some(metadata) = stored.object.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.insert("resourceVersion".into(), stored.meta.guard.version.clone().into());
            }
            Ok(stored.meta.guard.clone())
        })?
    }

    async fn create(&self, record: &StoredRecord) -> Result<Guard, ClusterError> {
        let now = self.now;
        self.with(|state| {
            if state.records.iter().any(|stored| stored.meta.id == record.meta.id) {
                return Err(ClusterError::Conflict(record.meta.id.to_string()));
            }
            state.writes += 1;
            let mut stored = record.clone();
            (stored.meta.created, stored.meta.written) = (Some(now), Some(now));
            stored.meta.guard = Guard { uid: format!("u{}", state.writes), version: format!("w{}", state.writes) };
            state.records.push(stored.clone());
            Ok(stored.meta.guard)
        })?
    }

    async fn delete(&self, id: &RecordId, guard: &Guard) -> Result<(), ClusterError> {
        self.with(|state| {
            let place = state.records.iter().position(|stored| stored.meta.id == *id);
            let place = place.ok_or_else(|| ClusterError::Missing(id.to_string()))?;
            if state.records.get(place).is_none_or(|stored| stored.meta.guard != *guard) {
                return Err(ClusterError::Conflict(id.to_string()));
            }
            state.records.remove(place);
            Ok(())
        })?
    }
}

#[async_trait]
impl Backups for MemoryCluster {
    async fn store(&self, namespace: &str, backup: &Backup) -> Result<(), ClusterError> {
        self.with(|state| {
            if state.backups.iter().any(|(place, kept, _)| place == namespace && kept.id == backup.id) {
                return Err(ClusterError::Conflict(format!("backup {}", backup.id)));
            }
            state.backups.push((namespace.to_owned(), backup.clone(), None));
            Ok(())
        })?
    }

    async fn list(&self, namespace: Option<&str>) -> Result<Vec<BackupEntry>, ClusterError> {
        self.with(|state| {
            let mine = state.backups.iter().rev();
            let mine = mine.filter(|(place, ..)| namespace.is_none_or(|namespace| place == namespace));
            mine.map(|(place, backup, undone)| BackupEntry {
                id: backup.id.clone(),
                namespace: place.clone(),
                release: backup.release.clone(),
                way: backup.action.clone(),
                revision: Some(backup.revision),
                by: backup.by.clone(),
                taken_at: backup.taken_at,
                undone_at: *undone,
            })
            .collect()
        })
    }

    async fn load(&self, namespace: &str, id: &str) -> Result<Option<Backup>, ClusterError> {
        self.with(|state| {
            let mut found = state.backups.iter().filter(|(place, backup, _)| place == namespace && backup.id == id);
            found.next().map(|(_, backup, _)| backup.clone())
        })
    }

    async fn mark_undone(&self, namespace: &str, id: &str, at: Timestamp) -> Result<(), ClusterError> {
        self.with(|state| {
            for (place, backup, undone) in &mut state.backups {
                if place == namespace && backup.id == id {
                    *undone = Some(at);
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cluster() -> (MemoryCluster, StoredRecord) {
        let object = json!({
            "metadata": {"name": "sh.helm.release.v1.web.v1", "namespace": "shop", "uid": "u", "resourceVersion": "7"},
            "data": {"release": "H4sI"}
        });
        let record = StoredRecord::from_object(Driver::Secret, object).unwrap();
        let now = Timestamp::from_second(1000).unwrap();
        (MemoryCluster::new(Driver::Secret, vec![record.clone()], now), record)
    }

    #[tokio::test]
    async fn a_write_moves_the_version_and_the_one_read_before_is_refused() {
        let (cluster, read) = cluster();
        let guard = cluster.replace(&read).await.unwrap();
        assert_ne!(guard.version, read.meta.guard.version);
        let stored = cluster.get(&read.meta.id).await.unwrap().unwrap();
        assert_eq!(stored.meta.guard, guard);
        assert_eq!(stored.object["metadata"]["resourceVersion"], guard.version);
        assert_eq!(stored.meta.written, Timestamp::from_second(1000).ok());

        let mut late = read.clone();
        late.object["data"]["release"] = "lost".into();
        assert!(matches!(cluster.replace(&late).await, Err(ClusterError::Conflict(_))));
        assert_eq!(cluster.get(&read.meta.id).await.unwrap(), Some(stored.clone()));
        assert_ne!(cluster.replace(&stored).await.unwrap(), guard);
    }

    #[tokio::test]
    async fn another_object_of_the_same_name_is_a_conflict_and_none_is_missing() {
        let (cluster, mut record) = cluster();
        record.meta.guard.uid = "recreated".into();
        assert!(matches!(cluster.replace(&record).await, Err(ClusterError::Conflict(_))));
        record.meta.id.key = "sh.helm.release.v1.web.v2".into();
        assert!(matches!(cluster.replace(&record).await, Err(ClusterError::Missing(_))));
        assert_eq!(cluster.get(&record.meta.id).await.unwrap(), None);
    }
}
