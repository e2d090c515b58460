//! What Helm's own commands told of releases, put together into records that stand in for those that weren't pasted.
//!
//! A stand-in is a record made of scraps: status and description of every revision that `helm history` named, manifest and
//! hooks where they were given. It holds nothing that nobody pasted.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{Named, Unread};
use crate::inventory::ReleaseId;
use crate::record::{Driver, RECORD_TYPE, RecordMeta, StoredRecord, encode, key_of};

/// Something told of one revision. Absent is what wasn't said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scrap {
    /// The file it comes from, and the line.
    pub place: (String, usize),
    /// The release.
    pub release: Option<String>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// The revision; the newest if absent.
    pub revision: Option<u64>,
    /// Its status.
    pub status: Option<String>,
    /// How its operation went.
    pub description: Option<String>,
    /// The chart: its name, or name and version in one as `helm history` has it.
    pub chart: Option<String>,
    /// The chart's version.
    pub chart_version: Option<String>,
    /// The version of what the chart installs.
    pub app_version: Option<String>,
    /// When the operation began, in RFC 3339.
    pub updated: Option<String>,
    /// Whether Helm applies it on the server's side.
    pub server_side: Option<bool>,
    /// The rendered notes.
    pub notes: String,
    /// The manifest.
    pub manifest: Option<String>,
    /// Its hooks, as in a payload.
    pub hooks: Vec<Value>,
    /// The payload, as `helm status -o json` prints it: without the chart.
    pub payload: Option<Map<String, Value>>,
}

/// What is known of releases before scraps are put together.
pub struct Known<'a> {
    /// The records that were pasted.
    pub records: &'a [StoredRecord],
    /// The namespaces of all objects that were pasted.
    pub namespaces: &'a BTreeSet<String>,
    /// What the caller says.
    pub named: Named<'a>,
}

/// Takes the scraps; gives a record for each revision that has none, and the scraps that belong nowhere.
pub fn stand_ins(scraps: Vec<Scrap>, known: &Known<'_>) -> (Vec<StoredRecord>, Vec<Unread>) {
    let names = Names::new(&scraps, known);
    let (mut groups, mut unread) = (BTreeMap::<ReleaseId, Vec<Scrap>>::new(), Vec::new());
    for scrap in scraps {
        match names.release_of(&scrap) {
            Ok(id) => groups.entry(id).or_default().push(scrap),
            Err(why) => unread.push(Unread { file: scrap.place.0, line: scrap.place.1, why: why.to_owned() }),
        }
    }
    let mut made = Vec::new();
    for (id, scraps) in groups {
        let (records, odd) = of_release(&id, scraps, known.records);
        made.extend(records);
        unread.extend(odd);
    }
    (made, unread)
}

/// Which releases are named anywhere, to tell which one a scrap is of that doesn't say so.
struct Names<'a> {
    named: Named<'a>,
    /// The namespaces of each release.
    places: BTreeMap<String, BTreeSet<String>>,
    /// The release that a file's name tells.
    by_file: BTreeMap<String, String>,
    /// All namespaces that anything is in.
    namespaces: BTreeSet<String>,
}

impl<'a> Names<'a> {
    fn new(scraps: &[Scrap], known: &Known<'a>) -> Self {
        let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut namespaces = known.namespaces.clone();
        let of_records = metas(known.records).map(|(meta, name)| (name, Some(&meta.id.namespace)));
        let of_scraps = scraps.iter().filter_map(|scrap| Some((scrap.release.as_deref()?, scrap.namespace.as_ref())));
        for (name, namespace) in of_records.chain(of_scraps) {
            places.entry(name.to_owned()).or_default().extend(namespace.cloned());
            namespaces.extend(namespace.cloned());
        }
        let silent: BTreeSet<&str> =
            scraps.iter().filter(|scrap| scrap.release.is_none()).map(|scrap| scrap.place.0.as_str()).collect();
        let told = |file: &str| only(places.keys().filter(|name| has_word(file, name))).cloned();
        let by_file = silent.into_iter().filter_map(|file| Some((file.to_owned(), told(file)?))).collect();
        Self { named: known.named, places, by_file, namespaces }
    }

    fn release_of(&self, scrap: &Scrap) -> Result<ReleaseId, &'static str> {
        let name = scrap.release.as_ref().or_else(|| self.by_file.get(&scrap.place.0)).map(String::as_str);
        let name = name.or(self.named.release).or_else(|| only(self.places.keys()).map(String::as_str));
        let name = name.ok_or("doesn't say which release it is of: put the release's name into the file's name")?;
        let places = self.places.get(name).filter(|places| !places.is_empty());
        let named = self.named.namespace.filter(|named| places.is_none_or(|places| places.contains(*named)));
        let only = || only(places.unwrap_or(&self.namespaces).iter()).map(String::as_str);
        let namespace = scrap.namespace.as_deref().or(named).or_else(only);
        let namespace = namespace.ok_or("doesn't say which namespace it is of: name it by -n")?;
        Ok(ReleaseId { namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

fn metas(records: &[StoredRecord]) -> impl Iterator<Item = (&RecordMeta, &str)> {
    records.iter().filter_map(|record| Some((&record.meta, record.meta.release()?)))
}

/// The only one, if it is.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

/// Whether a file's name holds a release's between signs that no name holds.
pub fn has_word(file: &str, word: &str) -> bool {
    let edge = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
    !word.is_empty()
        && file.match_indices(word).any(|(at, _)| {
            let before = file.get(..at).and_then(|text| text.chars().next_back());
            edge(before) && edge(file.get(at + word.len()..).and_then(|text| text.chars().next()))
        })
}

/// The stand-ins of one release.
fn of_release(id: &ReleaseId, scraps: Vec<Scrap>, records: &[StoredRecord]) -> (Vec<StoredRecord>, Vec<Unread>) {
    let there: BTreeSet<u64> = metas(records)
        .filter(|(meta, name)| meta.id.namespace == id.namespace && *name == id.name)
        .filter_map(|(meta, _)| meta.revision())
        .collect();
    let newest = scraps.iter().filter_map(|scrap| scrap.revision).chain(there.iter().copied()).max();
    let mut revisions: BTreeMap<u64, Vec<Scrap>> = BTreeMap::new();
    let mut unread = Vec::new();
    for scrap in scraps {
        match scrap.revision.or(newest) {
            Some(revision) => revisions.entry(revision).or_default().push(scrap),
            None => unread.push(stateless(&scrap)),
        }
    }
    let driver = records.first().map_or(Driver::Secret, |record| record.meta.id.driver);
    let mut made = Vec::new();
    for (revision, scraps) in revisions.into_iter().filter(|(revision, _)| !there.contains(revision)) {
        match stand_in(id, revision, driver, &scraps) {
            Some(record) => made.push(record),
            None => unread.extend(scraps.iter().map(stateless)),
        }
    }
    (made, unread)
}

fn stateless(scrap: &Scrap) -> Unread {
    let why = "is of a revision whose status wasn't pasted: helm history -o json tells it".to_owned();
    Unread { file: scrap.place.0.clone(), line: scrap.place.1, why }
}

/// One record made of what was told of it; `None` without a status.
fn stand_in(id: &ReleaseId, revision: u64, driver: Driver, scraps: &[Scrap]) -> Option<StoredRecord> {
    let status = scraps.iter().find_map(|scrap| scrap.status.clone())?;
    let payload = payload(id, revision, &status, scraps);
    let inner = encode(payload.to_string().as_bytes());
    let (kind, data) = match driver {
        Driver::ConfigMap => ("ConfigMap", inner),
        Driver::Secret | Driver::Sql => ("Secret", STANDARD.encode(inner)),
    };
    let labels = json!({"name": id.name, "owner": "helm", "status": status, "version": revision.to_string()});
    let metadata = json!({"name": key_of(&id.name, revision), "namespace": id.namespace, "labels": labels});
    let object =
        json!({"apiVersion": "v1", "kind": kind, "type": RECORD_TYPE, "metadata": metadata, "data": {"release": data}});
    StoredRecord::from_object(driver, object)
}

fn payload(id: &ReleaseId, revision: u64, status: &str, scraps: &[Scrap]) -> Value {
    let first = |get: &dyn Fn(&Scrap) -> Option<String>| scraps.iter().find_map(get);
    let mut payload = scraps.iter().find_map(|scrap| scrap.payload.clone()).unwrap_or_default();
    fill(&mut payload, "name", id.name.clone());
    fill(&mut payload, "namespace", id.namespace.clone());
    fill(&mut payload, "version", revision);
    if let Some(chart) = chart(scraps) {
        fill(&mut payload, "chart", chart);
    }
    if let Some(manifest) = first(&|scrap| scrap.manifest.clone()) {
        fill(&mut payload, "manifest", manifest);
    }
    let hooks: Vec<Value> = scraps.iter().flat_map(|scrap| scrap.hooks.iter().cloned()).collect();
    if !hooks.is_empty() {
        fill(&mut payload, "hooks", hooks);
    }
    if scraps.iter().any(|scrap| scrap.server_side == Some(true)) {
        fill(&mut payload, "apply_method", "ssa");
    }
    let mut info = match payload.remove("info") {
        Some(Value::Object(info)) => info,
        _ => Map::new(),
    };
    fill(&mut info, "status", status);
    // Helm's table cuts what is long.
    let whole = |scrap: &Scrap| scrap.description.clone().filter(|text| !text.ends_with("..."));
    let description = first(&whole).or_else(|| first(&|scrap| scrap.description.clone()));
    fill(&mut info, "description", description.unwrap_or_default());
    if let Some(updated) = first(&|scrap| scrap.updated.clone()) {
        fill(&mut info, "last_deployed", updated);
    }
    payload.insert("info".to_owned(), Value::Object(info));
    Value::Object(payload)
}

/// Sets what isn't there yet.
fn fill(object: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    object.entry(key).or_insert_with(|| value.into());
}

fn chart(scraps: &[Scrap]) -> Option<Value> {
    let scrap = scraps.iter().find(|scrap| scrap.chart.is_some())?;
    let whole = scrap.chart.as_deref()?;
    // Names hold dashes, too: the version begins at the first one that a digit follows.
    let split = whole
        .match_indices('-')
        .find(|(at, _)| whole.get(at + 1..).and_then(|rest| rest.chars().next()).is_some_and(|c| c.is_ascii_digit()));
    let (name, version) = match (&scrap.chart_version, split) {
        (Some(version), _) => (whole, version.as_str()),
        (None, Some((at, _))) => (whole.get(..at)?, whole.get(at + 1..)?),
        (None, None) => (whole, ""),
    };
    let app = scrap.app_version.as_deref().unwrap_or_default();
    Some(json!({"metadata": {"name": name, "version": version, "appVersion": app}}))
}
