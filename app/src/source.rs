//! Where the records are: which driver, which namespaces, and what was left out because it may not be read.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use refloat_core::bundle::{Bundle, Server};
use refloat_core::inventory::{History, Inventory, ReleaseId};
use refloat_core::record::{Driver, RecordMeta};
use refloat_core::report::one_line;

use crate::bundle_file;
use crate::cluster::{
    Backups, ClusterError, Http, KubeBackups, KubeRecords, MemoryCluster, ReadObjects, ReadRecords, RecordQuery,
    SqlRecords, WriteObjects, WriteRecords, connect, namespaces,
};
use crate::error::Failure;
use crate::exit::Exit;
use crate::settings::Connection;

/// How many requests run at once: enough to hide latency, few enough not to crowd an API server in trouble.
pub const CONCURRENCY: usize = 8;

/// Everything a command needs from the outside.
#[derive(Clone)]
pub struct Source {
    /// The records, in the order in which drivers are tried.
    records: Vec<Arc<dyn WriteRecords>>,
    /// Where backups are kept.
    pub backups: Arc<dyn Backups>,
    /// The objects.
    objects: Arc<dyn WriteObjects>,
    /// The API server, if there is one.
    http: Option<Http>,
    /// The bundle that all this comes from, if it comes from one.
    bundle: Option<Origin>,
    /// The namespace of commands that name none.
    pub namespace: String,
}

/// What is known of a bundle beside what it holds.
#[derive(Debug, Clone)]
struct Origin {
    taken_at: Timestamp,
    server: Server,
}

/// Records found, and what to tell about how.
pub struct Gathered {
    /// The driver that holds them.
    pub records: Arc<dyn WriteRecords>,
    /// The releases.
    pub inventory: Inventory,
    /// What was left out, or chosen by itself.
    pub notes: Vec<String>,
    /// The namespaces that were listed one by one, if all were asked for and only some may be read.
    pub some_of_all: Vec<String>,
}

/// What one driver's list gave.
struct Readable {
    metas: Vec<RecordMeta>,
    /// What it left out, if it covers only some namespaces.
    left_out: Option<String>,
    /// Those namespaces.
    some_of_all: Vec<String>,
}

impl Source {
    /// Takes the flags; gives the source, having asked nothing yet but a database's greeting.
    pub async fn open(connection: &Connection) -> Result<Self, Failure> {
        if let Some(path) = &connection.bundle {
            return Ok(Self::bundle(bundle_file::read(path)?, connection.namespace.as_deref()));
        }
        let driver = connection.driver()?;
        let http = connect(&connection.options()).await?;
        let mut records: Vec<Arc<dyn WriteRecords>> = Vec::new();
        if matches!(driver, None | Some(Driver::Secret)) {
            records.push(Arc::new(KubeRecords::secrets(http.clone())));
        }
        if matches!(driver, None | Some(Driver::ConfigMap)) {
            records.push(Arc::new(KubeRecords::configmaps(http.clone())));
        }
        match (driver, &connection.sql_connection) {
            (Some(Driver::Sql), None) => {
                let missing = "the sql driver needs HELM_DRIVER_SQL_CONNECTION_STRING";
                return Err(Failure::usage(missing)
                    .hint("it is the one Helm itself uses, such as postgresql://user:password@host/database"));
            }
            (None | Some(Driver::Sql), Some(dsn)) => {
                let sql = SqlRecords::new(dsn)?;
                records.push(Arc::new(match connection.request_timeout {
                    Some(timeout) => sql.with_timeout(timeout),
                    None => sql,
                }));
            }
            _ => {}
        }
        let namespace = connection
            .namespace
            .clone()
            .filter(|n| !n.is_empty())
            .unwrap_or_else(|| http.default_namespace().to_owned());
        Ok(Self {
            records,
            backups: Arc::new(KubeBackups::new(http.clone())),
            objects: Arc::new(http.clone()),
            http: Some(http),
            bundle: None,
            namespace,
        })
    }

    /// A source over a bundle. Without a namespace it is that of the bundle's records.
    fn bundle(bundle: Bundle, namespace: Option<&str>) -> Self {
        let own = bundle.records.first().map(|record| record.meta.id.namespace.clone());
        let namespace = namespace.filter(|n| !n.is_empty()).map(str::to_owned).or(own);
        let cluster = MemoryCluster::new(bundle.driver, bundle.records, bundle.taken_at).with_answers(bundle.answers);
        let origin = Origin { taken_at: bundle.taken_at, server: bundle.server };
        let namespace = namespace.unwrap_or_else(|| "default".to_owned());
        Self { bundle: Some(origin), ..Self::memory(Arc::new(cluster), &namespace) }
    }

    /// A source over one cluster held in memory.
    pub fn memory<C: WriteRecords + Backups + WriteObjects + 'static>(cluster: Arc<C>, namespace: &str) -> Self {
        let records: Vec<Arc<dyn WriteRecords>> = vec![cluster.clone()];
        let namespace = namespace.to_owned();
        Self { records, backups: cluster.clone(), objects: cluster, http: None, bundle: None, namespace }
    }

    /// Whether this is a bundle.
    pub fn is_bundle(&self) -> bool {
        self.bundle.is_some()
    }

    /// What is known of the API server.
    pub async fn server(&self) -> Server {
        match (&self.bundle, &self.http) {
            (Some(origin), _) => origin.server.clone(),
            (None, Some(http)) => Server { kubernetes: http.version().await },
            (None, None) => Server::default(),
        }
    }

    /// The objects of the cluster, for reading.
    pub fn objects(&self) -> &dyn ReadObjects {
        self.objects.as_ref()
    }

    /// The objects of the cluster.
    pub fn writable(&self) -> &dyn WriteObjects {
        self.objects.as_ref()
    }

    /// The objects of the cluster, for writes that are only tried; `None` if there is no server that could try them.
    pub fn rehearsal(&self) -> Option<impl WriteObjects> {
        self.http.as_ref().map(Http::rehearsing)
    }

    /// Lists what the query asks for with the first driver that has any of it. What a driver may not tell is unknown, not absent:
    /// without any records found, Helm's own default driver must have been readable.
    pub async fn gather(&self, query: &RecordQuery) -> Result<Gathered, Failure> {
        let mut gathered = self.found(query).await?;
        if let Some(origin) = &self.bundle {
            let version =
                origin.server.kubernetes.as_ref().map(|version| format!(" of Kubernetes {}", one_line(version)));
            let taken_at = origin.taken_at.strftime("%Y-%m-%dT%H:%M:%SZ");
            gathered.notes.push(format!("as of {taken_at}, from a bundle{}", version.unwrap_or_default()));
        }
        Ok(gathered)
    }

    async fn found(&self, query: &RecordQuery) -> Result<Gathered, Failure> {
        let mut first = None;
        let mut denied = Vec::new();
        for records in &self.records {
            let Readable { metas, left_out, some_of_all } = match self.readable(records.as_ref(), query).await {
                Err(ClusterError::Forbidden(why)) if self.records.len() > 1 => {
                    denied.push((records.driver(), why));
                    continue;
                }
                other => other?,
            };
            let found = !metas.is_empty();
            let mut notes: Vec<_> = left_out.into_iter().collect();
            if found && first.is_some() {
                notes.push(format!("no records in Secrets: showing the {} driver's", records.driver()));
            }
            notes.extend(denied.iter().map(|(driver, why)| unknown(*driver, why)));
            let inventory = metas.into_iter().collect();
            let gathered = Gathered { records: records.clone(), inventory, notes, some_of_all };
            if found {
                return Ok(gathered);
            }
            first.get_or_insert(gathered);
        }
        let default = self.records.first().map(|records| records.driver());
        match (first, denied.into_iter().next()) {
            (Some(gathered), None) => Ok(gathered),
            (Some(mut gathered), Some((driver, why))) if default != Some(driver) => {
                gathered.notes.push(unknown(driver, &why));
                Ok(gathered)
            }
            (_, Some((_, why))) => Err(ClusterError::Forbidden(why).into()),
            (None, None) => Err(Failure::new(Exit::Bug, "no driver to read records with")),
        }
    }

    /// One release's history, and the driver that holds it.
    pub async fn release(&self, name: &str) -> Result<(ReleaseId, History, Gathered), Failure> {
        let id = ReleaseId { namespace: self.namespace.clone(), name: name.to_owned() };
        let query =
            RecordQuery { namespace: Some(id.namespace.clone()), release: Some(id.name.clone()), statuses: Vec::new() };
        let mut gathered = self.gather(&query).await?;
        match gathered.inventory.releases.remove(&id) {
            Some(history) => Ok((id, history, gathered)),
            None => {
                Err(Failure::new(Exit::Usage, format!("release \"{name}\" not found in namespace {}", id.namespace))
                    .hint("refloat list -A shows every release; -n names another namespace"))
            }
        }
    }

    /// The same, of a release that may be gone: then of this driver.
    pub async fn release_or_none(&self, name: &str, driver: Driver) -> Result<(ReleaseId, History, Gathered), Failure> {
        let id = ReleaseId { namespace: self.namespace.clone(), name: name.to_owned() };
        let query =
            RecordQuery { namespace: Some(id.namespace.clone()), release: Some(id.name.clone()), statuses: Vec::new() };
        let mut gathered = self.gather(&query).await?;
        match gathered.inventory.releases.remove(&id) {
            Some(history) => Ok((id, history, gathered)),
            None => self.release_of(&id.namespace, name, driver).await,
        }
    }

    /// Whether a driver holds any record of a release; an error if it isn't known of the release's own.
    pub async fn holds(&self, id: &ReleaseId, own: Driver) -> Result<bool, ClusterError> {
        let query =
            RecordQuery { namespace: Some(id.namespace.clone()), release: Some(id.name.clone()), statuses: Vec::new() };
        let mut known = false;
        for records in &self.records {
            match records.list(&query).await {
                Ok(metas) if metas.iter().any(|meta| meta.release() == Some(&id.name)) => return Ok(true),
                Ok(_) => known |= records.driver() == own,
                // Helm looks at one driver only, and it was that one.
                Err(ClusterError::Forbidden(_)) if records.driver() != own => {}
                Err(error) => return Err(error),
            }
        }
        if known { Ok(false) } else { Err(ClusterError::Setting(format!("--driver {own} looks there"))) }
    }

    /// The time by the clock that records are stamped with.
    pub async fn now(&self) -> Result<Timestamp, Failure> {
        let first = self.records.first().ok_or_else(|| Failure::new(Exit::Bug, "no driver to read records with"))?;
        Ok(first.now().await?)
    }

    /// The same, of a named driver, gone or not.
    pub async fn release_of(
        &self,
        namespace: &str,
        name: &str,
        driver: Driver,
    ) -> Result<(ReleaseId, History, Gathered), Failure> {
        let id = ReleaseId { namespace: namespace.to_owned(), name: name.to_owned() };
        let records = self.records.iter().find(|records| records.driver() == driver).ok_or_else(|| {
            Failure::usage(format!("the backup is of the {driver} driver"))
                .hint(format!("--driver {driver} looks there"))
        })?;
        let narrowed = Self { records: vec![records.clone()], ..self.clone() };
        let query =
            RecordQuery { namespace: Some(id.namespace.clone()), release: Some(id.name.clone()), statuses: Vec::new() };
        let mut gathered = narrowed.gather(&query).await?;
        let history = gathered.inventory.releases.remove(&id).unwrap_or_default();
        Ok((id, history, gathered))
    }

    /// Lists; where all namespaces together are forbidden, lists those that may be read, one by one, and says so.
    async fn readable(&self, records: &dyn ReadRecords, query: &RecordQuery) -> Result<Readable, ClusterError> {
        let denied = match (records.list(query).await, &self.http) {
            (Err(ClusterError::Forbidden(denied)), Some(http)) if query.namespace.is_none() => (denied, http),
            (other, _) => return Ok(Readable { metas: other?, left_out: None, some_of_all: Vec::new() }),
        };
        let (candidates, complete) = match namespaces(denied.1).await {
            Ok(names) => (names, true),
            Err(ClusterError::Forbidden(_)) => (vec![self.namespace.clone()], false),
            Err(error) => return Err(error),
        };
        let tried = candidates.len();
        let lists: Vec<_> = stream::iter(candidates)
            .map(|namespace| async move {
                let narrowed = RecordQuery { namespace: Some(namespace.clone()), ..query.clone() };
                match records.list(&narrowed).await {
                    Ok(metas) => Ok(Some((namespace, metas))),
                    Err(ClusterError::Forbidden(_)) => Ok(None),
                    Err(error) => Err(error),
                }
            })
            .buffered(CONCURRENCY)
            .try_filter_map(|found| async { Ok(found) })
            .try_collect()
            .await?;
        if lists.is_empty() {
            return Err(ClusterError::Forbidden(denied.0));
        }
        let names: Vec<_> = lists.iter().map(|(namespace, _)| namespace.as_str()).collect();
        let of = if complete {
            format!("{} of {tried} namespaces", names.len())
        } else {
            "the context's namespace only".to_owned()
        };
        let note = format!("you may not list records in all namespaces: this covers {of} ({})", some(&names));
        let (some_of_all, metas): (Vec<_>, Vec<_>) = lists.into_iter().unzip();
        Ok(Readable { metas: metas.into_iter().flatten().collect(), left_out: Some(note), some_of_all })
    }
}

/// The first few names, and how many more there are.
pub(crate) fn some(names: &[&str]) -> String {
    const FEW: usize = 10;
    match names.get(..FEW) {
        Some(few) if names.len() > FEW => format!("{} and {} more", few.join(", "), names.len() - FEW),
        _ => names.join(", "),
    }
}

fn unknown(driver: Driver, why: &str) -> String {
    format!("whether the {driver} driver holds any isn't known: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_counted() {
        let names: Vec<String> = (1..=12).map(|n| format!("ns{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(some(&names[..2]), "ns1, ns2");
        assert_eq!(some(&names[..10]).matches(", ").count(), 9);
        assert!(some(&names).ends_with("ns10 and 2 more"));
    }
}
