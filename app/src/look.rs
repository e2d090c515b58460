//! Looking: from a source to what a command shows. Opens no more payloads than the answer needs, several at once.

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use refloat_core::diagnose::{Case, failed_before_newest, says_abandoned, strays};
use refloat_core::inventory::{
    Ailment, History, Inventory, ListOptions, Opened, ReleaseId, Row, examine, listed, wanted,
};
use refloat_core::observe::Live;
use refloat_core::record::{Damage, RecordMeta, Status};

use crate::cluster::{ReadObjects, ReadRecords, RecordQuery};
use crate::error::Failure;
use crate::observe::observe_known;
use crate::returned::CameBack;
use crate::source::{CONCURRENCY, Gathered, Source};

/// Statuses that few releases have, so that asking the server for them alone pays.
const RARE: [Status; 4] =
    [Status::PendingInstall, Status::PendingUpgrade, Status::PendingRollback, Status::Uninstalling];
/// Beyond so many matches, one list of everything costs less than a list per match.
const FEW: usize = 50;
/// The status of a release of which no record is left.
pub const GONE: &str = "gone";

/// Gathers what a list needs. For rare statuses alone, only the releases that have such a record.
pub async fn gather_for(
    source: &Source,
    namespace: Option<String>,
    options: &ListOptions,
) -> Result<Gathered, Failure> {
    let all = RecordQuery { namespace, ..RecordQuery::default() };
    let rare = !options.statuses.is_empty() && options.statuses.iter().all(|status| RARE.contains(status));
    if !rare {
        return source.gather(&all).await;
    }
    let narrowed = source.gather(&RecordQuery { statuses: options.statuses.clone(), ..all.clone() }).await?;
    if narrowed.inventory.releases.len() > FEW {
        return source.gather(&all).await;
    }
    // A pending record is what the release is in only if nothing newer stands above it.
    let histories: Vec<Vec<RecordMeta>> = stream::iter(narrowed.inventory.releases.into_keys())
        .map(|id| {
            let query = RecordQuery { namespace: Some(id.namespace), release: Some(id.name), statuses: Vec::new() };
            let records = narrowed.records.clone();
            async move { records.list(&query).await }
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    Ok(Gathered { inventory: histories.into_iter().flatten().collect(), ..narrowed })
}

/// Opens the heads that a list shows; gives its lines.
pub async fn rows(
    records: &dyn ReadRecords,
    inventory: &Inventory,
    options: &ListOptions,
) -> Result<Vec<Row>, Failure> {
    Ok(listed(heads(records, wanted(inventory, options)).await?, options))
}

/// Opens the heads of these records; gives a line each, in their order.
pub async fn heads(
    records: &dyn ReadRecords,
    wanted: impl IntoIterator<Item = &RecordMeta>,
) -> Result<Vec<Row>, Failure> {
    let opened: Vec<Option<Row>> = stream::iter(wanted)
        .map(|record| async move {
            // A record that went away since it was listed is no longer there to show.
            let head = records.head(&record.id, &record.guard).await?;
            Ok::<_, Failure>(head.and_then(|head| Row::new(record, head.as_ref())))
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    Ok(opened.into_iter().flatten().collect())
}

/// One release as `scan` sees it.
#[derive(Debug, Clone)]
pub struct Examined {
    /// Which.
    pub id: ReleaseId,
    /// Its newest revision.
    pub revision: u64,
    /// The payload's status, or the label's.
    pub status: String,
    /// When the newest record was last written, by the server's clock.
    pub since: Option<Timestamp>,
    /// What is wrong with it, worst first.
    pub ailments: Vec<Ailment>,
    /// Whether objects that could tell of more couldn't be read.
    pub is_partial: bool,
}

impl Examined {
    /// A record that belongs to no release, under the name kubectl has for it, which no release can have.
    pub fn stray(record: &RecordMeta) -> Self {
        let name = format!("{}/{}", record.id.driver, record.id.key);
        Self {
            id: ReleaseId { namespace: record.id.namespace.clone(), name },
            revision: record.revision().unwrap_or_default(),
            status: record.status.clone().unwrap_or_else(|| Status::Unknown.to_string()),
            since: record.written.or(record.created),
            ailments: vec![Ailment::Stray { record: record.id.clone() }],
            is_partial: false,
        }
    }

    /// A release that a fix took away and of which objects are there again.
    pub fn came_back(found: &CameBack) -> Self {
        let ailment = Ailment::CameBack { fix: found.backup.id.clone(), objects: found.objects.len() };
        Self {
            id: found.id.clone(),
            revision: found.backup.revision,
            status: GONE.to_owned(),
            since: found.since(),
            ailments: vec![ailment],
            is_partial: false,
        }
    }

    /// Whether anything is wrong that isn't just worth knowing.
    pub fn is_unhealthy(&self) -> bool {
        self.ailments.iter().any(Ailment::is_trouble)
    }
}

/// Opens the newest payload of every release to its end and examines the release. Memory is bounded by how many are open at once.
pub async fn examine_all(
    records: &dyn ReadRecords,
    objects: &dyn ReadObjects,
    inventory: &Inventory,
) -> Result<Vec<Examined>, Failure> {
    let all: Vec<Option<Examined>> = stream::iter(&inventory.releases)
        .map(|(id, history)| async move {
            let Some(mut release) = examine_one(records, id, history).await? else { return Ok(None) };
            if release.status == Status::Deployed.as_str() || release.status == Status::Superseded.as_str() {
                let woken = woken(records, objects, id, history).await?;
                release.is_partial = woken.is_partial;
                release.ailments.extend(woken.ailment);
            }
            Ok::<_, Failure>(Some(release))
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    Ok(all.into_iter().flatten().collect())
}

/// What is to be told of a Helm that a fix had given up.
#[derive(Debug, Clone, Default)]
pub struct Woken {
    /// What it did since, if anything.
    pub ailment: Option<Ailment>,
    /// Whether some of the objects that tell couldn't be read.
    pub is_partial: bool,
}

/// Looks whether a Helm went on that a fix had given up: objects tell, which are read of no other release.
pub async fn woken(
    records: &dyn ReadRecords,
    objects: &dyn ReadObjects,
    id: &ReleaseId,
    history: &History,
) -> Result<Woken, Failure> {
    // What can't be sealed a woken Helm marks deployed.
    let mut given_up = history.deployed().len() > 1;
    for record in failed_before_newest(history) {
        given_up |= matches!(records.head(&record.id, &record.guard).await?, Some(Ok(head)) if says_abandoned(&head));
    }
    if !given_up {
        return Ok(Woken::default());
    }
    let seen = observe_known(records, objects, id.clone(), history.clone()).await?;
    let case = Case::new(&seen);
    let is_partial = case.objects.iter().any(|object| matches!(object.live, Live::Unknown(_)));
    Ok(Woken { ailment: refloat_core::diagnose::woken(&strays(&case)), is_partial })
}

/// The same for one release; `None` if it went away meanwhile.
pub async fn examine_one(
    records: &dyn ReadRecords,
    id: &ReleaseId,
    history: &History,
) -> Result<Option<Examined>, Failure> {
    let Some(newest) = history.newest() else { return Ok(None) };
    let Some(record) = records.get(&newest.id).await? else { return Ok(None) };
    let opened: Result<Opened, Damage> = Opened::read(&record);
    let status = opened.as_ref().map_or_else(|_| newest.status.clone(), |opened| Some(opened.status.clone()));
    Ok(Some(Examined {
        id: id.clone(),
        revision: newest.revision().unwrap_or_default(),
        status: status.unwrap_or_else(|| Status::Unknown.to_string()),
        since: newest.written.or(newest.created),
        ailments: examine(history, &opened),
        is_partial: false,
    }))
}
