//! Helm's records in PostgreSQL: rows of `releases_v1`, their custom labels in `custom_labels_v1`
//! (Helm 3.22 and 4.3 `pkg/storage/driver/sql.go`).
//!
//! Takes Helm's own connection string. A list reads columns, never a body. A write is one statement that finds the row as it
//! was read or changes nothing. Nothing is created: tables that don't exist hold no records.

mod dsn;
mod link;
mod settings;
mod tls;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use refloat_core::record::{
    Damage, Driver, Guard, Head, HeadReader, Progress, RECORD_TYPE, RecordId, RecordMeta, SYSTEM_LABELS, StoredRecord,
};
use serde_json::{Value, json};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql, Type};

use super::{ClusterError, ReadRecords, RecordQuery, WriteRecords};
use link::{Fault, Link, Values};
use settings::SqlSettings;

/// What is read first of a body when only its head is wanted, in characters: enough for most.
const FIRST: usize = 16 * 1024;

/// The columns of a record, body left out. `xmin` is the transaction that wrote the row as it is now.
const COLUMNS: &str = "r.key::text AS key, r.type::text AS type, r.name::text AS name, r.namespace::text AS namespace, \
     r.version::bigint AS version, r.status::text AS status, r.owner::text AS owner, r.createdat::bigint AS createdat, \
     r.modifiedat::bigint AS modifiedat, r.createdat::text AS uid, r.xmin::text AS xmin";

/// The labels of a record, in the same statement and so as of the same moment.
const LABELS: &str = "(SELECT json_object_agg(l.key, l.value)::text FROM custom_labels_v1 l \
     WHERE l.releasekey = r.key AND l.releasenamespace = r.namespace AND l.key IS NOT NULL)";

/// Records kept by the SQL driver.
pub struct SqlRecords {
    link: Link,
}

impl SqlRecords {
    /// Takes Helm's connection string (`HELM_DRIVER_SQL_CONNECTION_STRING`) and, as Helm does, PostgreSQL's own variables for
    /// what it leaves out. Nothing is connected yet.
    pub fn new(dsn: &str) -> Result<Self, ClusterError> {
        let settings = SqlSettings::parse(dsn, &|variable| std::env::var(variable).ok())?;
        Ok(Self { link: Link::new(settings)? })
    }

    /// Waits that long for one answer, instead of 30 seconds.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.link.wait(timeout);
        self
    }

    /// Rows that fit, their metadata first, then what else is asked for; none if Helm has never written here.
    async fn select(&self, also: &str, filter: &str, values: Values<'_>, what: &str) -> Result<Vec<Row>, ClusterError> {
        // Helm before 3.13 had no custom labels, and no table for them.
        for labels in [LABELS, "NULL::text"] {
            let statement = format!("SELECT {COLUMNS}, {labels} AS labels{also} FROM releases_v1 r WHERE {filter}");
            match self.link.read(&statement, values, what).await {
                Err(Fault::NoTable) if self.has_table().await? => {}
                Err(Fault::NoTable) => break,
                other => return other.map_err(|fault| fault.into_error(what)),
            }
        }
        Ok(Vec::new())
    }

    /// One row by its id, likewise.
    async fn select_one(&self, also: &str, id: &RecordId) -> Result<Option<Row>, ClusterError> {
        let values: Values<'_> = &[(&id.key, Type::TEXT), (&id.namespace, Type::TEXT)];
        let rows = self.select(also, "r.key = $1 AND r.namespace = $2", values, &id.to_string()).await?;
        if rows.is_empty() {
            self.may_see(Some(&id.namespace)).await?;
        }
        Ok(rows.into_iter().next())
    }

    /// Whether there is a table of records. One in a schema that may not be used is an error: PostgreSQL hides it as if it didn't
    /// exist.
    async fn has_table(&self) -> Result<bool, ClusterError> {
        let statement = "SELECT to_regclass('releases_v1') IS NOT NULL, EXISTS (SELECT FROM pg_catalog.pg_class c \
             WHERE c.relname = 'releases_v1' AND NOT has_schema_privilege(c.relnamespace, 'USAGE'))";
        let what = "Helm's tables";
        let rows = self.link.read(statement, &[], what).await.map_err(|fault| fault.into_error(what))?;
        match (cell(rows.first(), 0, what)?, cell(rows.first(), 1, what)?) {
            (true, _) => Ok(true),
            (false, false) => Ok(false),
            (false, true) => {
                let server = self.link.server();
                Err(ClusterError::Forbidden(format!(
                    "{server}: the table releases_v1 is in a schema this user may not use"
                )))
            }
        }
    }

    /// Tells "no rows" from "may see no rows". Helm turns on row-level security and grants no policy, so only the tables' owner, a
    /// superuser or a role with BYPASSRLS sees anything. Where somebody added policies and they show rows here, an absent row
    /// counts as absent.
    async fn may_see(&self, namespace: Option<&str>) -> Result<(), ClusterError> {
        let statement = "SELECT row_security_active('releases_v1') \
             AND NOT EXISTS (SELECT FROM releases_v1 WHERE $1::text IS NULL OR namespace = $1)";
        let what = "row-level security";
        let rows = match self.link.read(statement, &[(&namespace, Type::TEXT)], what).await {
            Err(Fault::NoTable) => return Ok(()),
            other => other.map_err(|fault| fault.into_error(what))?,
        };
        if !cell::<bool>(rows.first(), 0, what)? {
            return Ok(());
        }
        Err(ClusterError::Forbidden(format!(
            "{}: row-level security on releases_v1 shows this user no rows, so whether there are any is unknown; connect as the \
             user Helm connects as, who owns the table, or as one with BYPASSRLS",
            self.link.server()
        )))
    }

    /// Why a write changed no row.
    async fn unwritten(&self, record: &StoredRecord) -> ClusterError {
        let what = record.meta.id.to_string();
        match self.select_one("", &record.meta.id).await {
            Err(error) => error,
            Ok(None) => ClusterError::Missing(what),
            Ok(Some(row)) => match guard(&row, &what) {
                Ok(now) if now == record.meta.guard => ClusterError::Forbidden(format!(
                    "{}: row-level security lets this user read {what} and not change it",
                    self.link.server()
                )),
                _ => ClusterError::Conflict(what),
            },
        }
    }

    /// The body's beginning; `None` if the row is gone.
    async fn body(&self, id: &RecordId, characters: Option<usize>) -> Result<Option<String>, ClusterError> {
        let what = id.to_string();
        let characters = characters.map_or(i32::MAX, |characters| i32::try_from(characters).unwrap_or(i32::MAX));
        let values: Values<'_> = &[(&id.key, Type::TEXT), (&id.namespace, Type::TEXT), (&characters, Type::INT4)];
        let statement = "SELECT left(body, $3) FROM releases_v1 WHERE key = $1 AND namespace = $2";
        let rows = match self.link.read(statement, values, &what).await {
            Err(Fault::NoTable) => self.has_table().await.map(|_| Vec::new())?,
            other => other.map_err(|fault| fault.into_error(&what))?,
        };
        if rows.is_empty() {
            self.may_see(Some(&id.namespace)).await?;
            return Ok(None);
        }
        cell(rows.first(), 0, &what).map(Some)
    }
}

#[async_trait]
impl ReadRecords for SqlRecords {
    fn driver(&self) -> Driver {
        Driver::Sql
    }

    async fn list(&self, query: &RecordQuery) -> Result<Vec<RecordMeta>, ClusterError> {
        let what = match &query.namespace {
            Some(namespace) => format!("listing rows of namespace {namespace}"),
            None => "listing rows of all namespaces".to_owned(),
        };
        let statuses: Vec<&str> = query.statuses.iter().map(|status| status.as_str()).collect();
        let filter = "($1::text IS NULL OR r.namespace = $1) AND ($2::text IS NULL OR r.name = $2) \
             AND (cardinality($3::text[]) = 0 OR r.status = ANY ($3)) ORDER BY r.namespace, r.name, r.version, r.key";
        let values: Values<'_> =
            &[(&query.namespace, Type::TEXT), (&query.release, Type::TEXT), (&statuses, Type::TEXT_ARRAY)];
        let rows = self.select("", filter, values, &what).await?;
        if rows.is_empty() {
            self.may_see(query.namespace.as_deref()).await?;
        }
        let records = rows.iter().map(|row| meta(row, &what)).collect::<Result<Vec<_>, _>>()?;
        Ok(records.into_iter().filter(RecordMeta::is_record).collect())
    }

    async fn head(&self, id: &RecordId, _seen: &Guard) -> Result<Option<Result<Head, Damage>>, ClusterError> {
        let Some(first) = self.body(id, Some(FIRST)).await? else { return Ok(None) };
        let mut reader = HeadReader::default();
        match reader.push(first.as_bytes()) {
            Ok(Progress::Done(head)) => return Ok(Some(Ok(head))),
            Err(damage) => return Ok(Some(Err(damage))),
            Ok(Progress::NeedMore) if first.chars().count() < FIRST => return Ok(Some(reader.finish())),
            Ok(Progress::NeedMore) => {}
        }
        // From the start again: the row may have been rewritten in between, and two halves don't make one.
        let Some(whole) = self.body(id, None).await? else { return Ok(None) };
        let mut reader = HeadReader::default();
        Ok(Some(match reader.push(whole.as_bytes()) {
            Ok(Progress::Done(head)) => Ok(head),
            Ok(Progress::NeedMore) => reader.finish(),
            Err(damage) => Err(damage),
        }))
    }

    async fn get(&self, id: &RecordId) -> Result<Option<StoredRecord>, ClusterError> {
        let what = id.to_string();
        let Some(row) = self.select_one(", r.body AS body", id).await? else { return Ok(None) };
        let meta = meta(&row, &what)?;
        let object = json!({
            "key": meta.id.key,
            "type": meta.record_type,
            "body": column::<String>(&row, "body", &what)?,
            "name": meta.name,
            "namespace": meta.id.namespace,
            "version": column::<i64>(&row, "version", &what)?,
            "status": meta.status,
            "owner": meta.owner,
            "createdAt": column::<i64>(&row, "createdat", &what)?,
            "modifiedAt": column::<i64>(&row, "modifiedat", &what)?,
            "labels": meta.custom,
        });
        Ok(Some(StoredRecord { meta, object }))
    }

    /// The database's time. The times in the rows are of the machines that ran Helm: the driver stamps them itself.
    async fn now(&self) -> Result<Timestamp, ClusterError> {
        let what = "the database's time";
        let statement = "SELECT (extract(epoch FROM now()) * 1000000)::bigint";
        let rows = self.link.read(statement, &[], what).await.map_err(|fault| fault.into_error(what))?;
        Timestamp::from_microsecond(cell(rows.first(), 0, what)?).map_err(|_| ClusterError::Decode(what.to_owned()))
    }
}

#[async_trait]
impl WriteRecords for SqlRecords {
    /// Writes what Helm's own update writes: body and columns, not the type, the time of creation or the custom labels. `modifiedAt`
    /// is written as the object has it, so that an undo brings the old one back.
    async fn replace(&self, record: &StoredRecord) -> Result<Guard, ClusterError> {
        let (id, guard, what) = (&record.meta.id, &record.meta.guard, record.meta.id.to_string());
        let texts = ["body", "name", "status", "owner"].map(|field| record.object.get(field).and_then(Value::as_str));
        let numbers = ["version", "modifiedAt"].map(|field| record.object.get(field).and_then(Value::as_i64));
        let ([Some(body), Some(name), Some(status), Some(owner)], [Some(version), Some(modified)]) = (texts, numbers)
        else {
            return Err(ClusterError::Decode(what));
        };
        let texts: [&(dyn ToSql + Sync); 8] =
            [&body, &name, &status, &owner, &id.key, &id.namespace, &guard.version, &guard.uid];
        let mut values = texts.map(|text| (text, Type::TEXT)).to_vec();
        values.extend([(&version as &(dyn ToSql + Sync), Type::INT8), (&modified, Type::INT8)]);
        let statement = "UPDATE releases_v1 SET body = $1, name = $2, status = $3, owner = $4, version = $9, modifiedat = $10 \
             WHERE key = $5 AND namespace = $6 AND xmin::text = $7 AND createdat::text = $8 RETURNING xmin::text";
        match self.link.once(statement, &values, &what).await {
            Ok(rows) if rows.is_empty() => Err(self.unwritten(record).await),
            Ok(rows) => Ok(Guard { uid: guard.uid.clone(), version: cell(rows.first(), 0, &what)? }),
            Err(Fault::NoTable) => Err(ClusterError::Missing(what)),
            Err(fault) => Err(fault.into_error(&what)),
        }
    }

    /// Inserts what Helm's own create inserts, custom labels included, in one statement: all of it or nothing.
    async fn create(&self, record: &StoredRecord) -> Result<Guard, ClusterError> {
        let (id, what) = (&record.meta.id, record.meta.id.to_string());
        let texts = ["body", "name", "status", "owner"].map(|field| record.object.get(field).and_then(Value::as_str));
        let numbers = ["version", "createdAt"].map(|field| record.object.get(field).and_then(Value::as_i64));
        let ([Some(body), Some(name), Some(status), Some(owner)], [Some(version), Some(created)]) = (texts, numbers)
        else {
            return Err(ClusterError::Decode(what));
        };
        // Helm writes 0; a record that is put back has what it had.
        let modified = record.object.get("modifiedAt").and_then(Value::as_i64).unwrap_or_default();
        let labels = serde_json::to_string(&record.meta.custom).map_err(|_| ClusterError::Decode(what.clone()))?;
        let kind = RECORD_TYPE;
        let texts: [&(dyn ToSql + Sync); 8] = [&id.key, &kind, &body, &name, &id.namespace, &status, &owner, &labels];
        let mut values = texts.map(|text| (text, Type::TEXT)).to_vec();
        values.extend([(&version as &(dyn ToSql + Sync), Type::INT8), (&created, Type::INT8), (&modified, Type::INT8)]);
        let statement = "WITH made AS (INSERT INTO releases_v1 \
             (key, type, body, name, namespace, version, status, owner, createdat, modifiedat) \
             VALUES ($1, $2, $3, $4, $5, $9, $6, $7, $10, $11) RETURNING xmin::text AS xmin, createdat::text AS uid), \
             labelled AS (INSERT INTO custom_labels_v1 (releasekey, releasenamespace, key, value) \
             SELECT $1, $5, label.key, label.value FROM json_each_text($8::json) AS label) SELECT xmin, uid FROM made";
        match self.link.once(statement, &values, &what).await {
            Ok(rows) => {
                let row = rows.first().ok_or_else(|| ClusterError::Decode(what.clone()))?;
                guard(row, &what)
            }
            Err(Fault::NoTable) => Err(ClusterError::Missing(what)),
            Err(fault) => Err(fault.into_error(&what)),
        }
    }

    async fn delete(&self, id: &RecordId, guard: &Guard) -> Result<(), ClusterError> {
        let what = id.to_string();
        let texts: [&(dyn ToSql + Sync); 4] = [&id.key, &id.namespace, &guard.version, &guard.uid];
        let values = texts.map(|text| (text, Type::TEXT)).to_vec();
        let statement = "WITH gone AS (DELETE FROM releases_v1 WHERE key = $1 AND namespace = $2 AND xmin::text = $3 \
             AND createdat::text = $4 RETURNING key), \
             labels AS (DELETE FROM custom_labels_v1 USING gone WHERE releasekey = $1 AND releasenamespace = $2) \
             SELECT key FROM gone";
        match self.link.once(statement, &values, &what).await {
            Ok(rows) if rows.is_empty() => Err(ClusterError::Conflict(what)),
            Ok(_) => Ok(()),
            Err(Fault::NoTable) => Err(ClusterError::Missing(what)),
            Err(fault) => Err(fault.into_error(&what)),
        }
    }
}

/// A value by its place in the answer's only row.
fn cell<'a, T: FromSql<'a>>(row: Option<&'a Row>, at: usize, what: &str) -> Result<T, ClusterError> {
    row.and_then(|row| row.try_get(at).ok()).ok_or_else(|| ClusterError::Decode(what.to_owned()))
}

/// A value by its column.
fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &str, what: &str) -> Result<T, ClusterError> {
    row.try_get(name).map_err(|_| ClusterError::Decode(what.to_owned()))
}

fn guard(row: &Row, what: &str) -> Result<Guard, ClusterError> {
    Ok(Guard { uid: column(row, "uid", what)?, version: column(row, "xmin", what)? })
}

fn meta(row: &Row, what: &str) -> Result<RecordMeta, ClusterError> {
    let text = |name| column::<String>(row, name, what);
    let created: i64 = column(row, "createdat", what)?;
    // Helm writes 0 for a row that was created and not changed since.
    let written = match column(row, "modifiedat", what)? {
        0 => created,
        modified => modified,
    };
    let labels: BTreeMap<String, Option<String>> = match column::<Option<String>>(row, "labels", what)? {
        Some(labels) => serde_json::from_str(&labels).map_err(|_| ClusterError::Decode(what.to_owned()))?,
        None => BTreeMap::new(),
    };
    let custom = labels.into_iter().filter(|(key, _)| !SYSTEM_LABELS.contains(&key.as_str()));
    Ok(RecordMeta {
        id: RecordId { driver: Driver::Sql, namespace: text("namespace")?, key: text("key")? },
        guard: guard(row, what)?,
        name: Some(text("name")?),
        owner: Some(text("owner")?),
        status: Some(text("status")?),
        revision: Some(column::<i64>(row, "version", what)?.to_string()),
        custom: custom.filter_map(|(key, value)| Some((key, value?))).collect(),
        record_type: Some(text("type")?),
        created: Timestamp::from_second(created).ok(),
        written: Timestamp::from_second(written).ok(),
    })
}
