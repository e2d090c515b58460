//! Which releases `list` shows, in what order: Helm's filters on metadata first, so that only what is shown gets opened.

use regex::Regex;

use super::{Inventory, ReleaseId, Selector};
use crate::record::{Damage, Driver, Head, RecordMeta, Status};

/// Helm's list options (Helm 3.22 and 4.3 `pkg/action/list.go`).
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Statuses to show; empty for all of them.
    pub statuses: Vec<Status>,
    /// Names to show, as an unanchored regular expression.
    pub filter: Option<Regex>,
    /// Labels to require of the newest record.
    pub selector: Selector,
    /// Sort by time of the last operation instead of by name.
    pub by_date: bool,
    /// Turn the order round.
    pub reverse: bool,
    /// How many to leave out at the start.
    pub offset: usize,
    /// How many to show; 0 for all.
    pub max: usize,
}

/// One line of `list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which release.
    pub id: ReleaseId,
    /// Its revision.
    pub revision: u64,
    /// The payload's status, which is what Helm goes by; the label's if the payload can't be read.
    pub status: String,
    /// `info.last_deployed` as stored.
    pub updated: Option<String>,
    /// `name-version` of the chart, if it has metadata.
    pub chart: Option<String>,
    /// The chart's appVersion.
    pub app_version: String,
    /// `info.description`.
    pub description: String,
    /// Which driver holds it.
    pub driver: Driver,
    /// What is wrong with the payload, if it can't be read.
    pub damage: Option<Damage>,
}

impl Row {
    /// Takes a record and what the head of its payload gave. Gives `None` for a record without release or revision.
    pub fn new(record: &RecordMeta, head: Result<&Head, &Damage>) -> Option<Self> {
        let id = ReleaseId { namespace: record.id.namespace.clone(), name: record.release()?.to_owned() };
        let label = record.status.clone().unwrap_or_else(|| Status::Unknown.to_string());
        // Such a record has nothing that an overview shows, and Helm crashes on it.
        let head = head.and_then(|head| if head.has_info { Ok(head) } else { Err(&Damage::NoInfo) });
        let head_or_none = head.ok();
        Some(Self {
            id,
            revision: record.revision()?,
            status: head_or_none.and_then(|head| head.status.clone()).unwrap_or(label),
            updated: head_or_none.and_then(|head| head.last_deployed.clone()),
            chart: head_or_none.and_then(|head| {
                Some(format!("{}-{}", head.chart_name.as_deref()?, head.chart_version.as_deref().unwrap_or_default()))
            }),
            app_version: head_or_none.and_then(|head| head.app_version.clone()).unwrap_or_default(),
            description: head_or_none.and_then(|head| head.description.clone()).unwrap_or_default(),
            driver: record.id.driver,
            damage: head.err().cloned(),
        })
    }
}

/// The records whose payload must be opened to show this list. Sorted by name, and cut to the page where the order
/// already allows it.
pub fn wanted<'a>(inventory: &'a Inventory, options: &ListOptions) -> Vec<&'a RecordMeta> {
    let named =
        inventory.releases.iter().filter(|(id, _)| options.filter.as_ref().is_none_or(|f| f.is_match(&id.name)));
    let newest_only = options.statuses != [Status::Superseded];
    let mut records: Vec<&RecordMeta> = named
        .flat_map(|(_, history)| match (newest_only, history.newest()) {
            (true, newest) => newest.into_iter().collect::<Vec<_>>(),
            (false, _) => history.records().iter().collect(),
        })
        .filter(|record| shows(options, record.status()))
        .filter(|record| options.selector.matches(&record.labels()))
        .collect();
    records.sort_by_key(|record| order(record));
    if !options.by_date && options.statuses.is_empty() {
        return page(records, options);
    }
    records
}

/// The list as shown: what the payloads really say is filtered once more, sorted and cut to the page.
pub fn listed(mut rows: Vec<Row>, options: &ListOptions) -> Vec<Row> {
    if !options.by_date && options.statuses.is_empty() {
        return rows; // `wanted` has cut the page already
    }
    rows.retain(|row| shows(options, Status::parse(&row.status)));
    if options.by_date {
        rows.sort_by_cached_key(|row| row.updated.as_deref().and_then(|time| time.parse::<jiff::Timestamp>().ok()));
    }
    page(rows, options)
}

/// Helm sorts by name alone (Helm 3.22 `pkg/releaseutil/sorter.go`); the rest makes the order total.
fn order(record: &RecordMeta) -> (Option<&str>, &str, Option<u64>) {
    (record.release(), &record.id.namespace, record.revision())
}

fn shows(options: &ListOptions, status: Option<Status>) -> bool {
    options.statuses.is_empty() || status.is_some_and(|status| options.statuses.contains(&status))
}

fn page<T>(mut items: Vec<T>, options: &ListOptions) -> Vec<T> {
    if options.reverse {
        items.reverse();
    }
    let max = if options.max == 0 { usize::MAX } else { options.max };
    items.into_iter().skip(options.offset).take(max).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::*;

    fn inventory() -> Inventory {
        [
            record("web", 1, Status::Superseded),
            record("web", 2, Status::Deployed),
            record("api", 1, Status::PendingInstall),
            record("job", 1, Status::Deployed),
            record("job", 2, Status::Failed),
        ]
        .into_iter()
        .collect()
    }

    fn shown(options: &ListOptions) -> Vec<String> {
        let inventory = inventory();
        let records = wanted(&inventory, options);
        let rows = records.iter().filter_map(|record| Row::new(record, Err(&Damage::Empty))).collect();
        listed(rows, options).iter().map(|row| format!("{}.{}", row.id.name, row.revision)).collect()
    }

    #[test]
    fn filters_as_helm_does() {
        let all = ListOptions::default();
        assert_eq!(shown(&all), ["api.1", "job.2", "web.2"]);
        assert_eq!(shown(&ListOptions { statuses: vec![Status::Deployed], ..all.clone() }), ["web.2"]);
        assert_eq!(
            shown(&ListOptions { statuses: vec![Status::PendingInstall, Status::Failed], ..all.clone() }),
            ["api.1", "job.2"]
        );
        assert_eq!(shown(&ListOptions { filter: Regex::new("^[aw]").ok(), ..all.clone() }), ["api.1", "web.2"]);
        assert_eq!(shown(&ListOptions { reverse: true, max: 2, ..all.clone() }), ["web.2", "job.2"]);
        assert_eq!(shown(&ListOptions { offset: 1, max: 1, ..all.clone() }), ["job.2"]);
        assert_eq!(shown(&ListOptions { offset: 9, ..all }), Vec::<String>::new());
    }

    #[test]
    fn superseded_alone_shows_old_revisions_too() {
        assert_eq!(shown(&ListOptions { statuses: vec![Status::Superseded], ..ListOptions::default() }), ["web.1"]);
    }
}
