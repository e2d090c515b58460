//! One pasted file: what its sections are, and what is in them.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::objects::{Listing, Objects};
use super::release::Scrap;
use super::section::{Section, flag, positional, sections};
use super::{File, MAX_TEXT, MAX_VALUES, Unread, claim, documents, helm, status, table};
use crate::record::{Driver, StoredRecord};

/// What was understood so far.
#[derive(Debug, Default)]
pub struct Sink {
    /// Objects.
    pub objects: Objects,
    /// Helm's records, and where they were.
    pub records: Vec<(StoredRecord, (String, usize))>,
    /// What Helm's commands told.
    pub scraps: Vec<Scrap>,
    /// What wasn't understood.
    pub unread: Vec<Unread>,
    /// Whether `helm get hooks` was pasted and had nothing to print.
    pub no_hooks: bool,
    /// The newest time that anything tells.
    pub newest: Option<Timestamp>,
    /// How many values were kept.
    values: usize,
}

/// Where something comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The file's name.
    pub file: &'a str,
    /// The line, from 1.
    pub line: usize,
    /// The words of the command that printed it, if they were pasted along.
    pub words: &'a [&'a str],
}

impl Origin<'_> {
    /// The same, some lines further down.
    pub fn below(self, lines: usize) -> Self {
        Self { line: self.line + lines, ..self }
    }

    /// A scrap from here, with what the command says of it.
    pub fn scrap(&self) -> Scrap {
        let words = positional(self.words);
        let named = match words[..] {
            ["helm", "history" | "hist" | "status", release, ..] | ["helm", "get", _, release, ..] => Some(release),
            _ => None,
        };
        let revision = flag(self.words, "", "--revision").or_else(|| revision_in(self.file));
        Scrap {
            place: (self.file.to_owned(), self.line),
            release: named.map(str::to_owned),
            namespace: named.and(flag(self.words, "-n", "--namespace")).map(str::to_owned),
            revision: revision.and_then(|revision| revision.parse().ok()),
            ..Scrap::default()
        }
    }
}

/// The revision that a file's name tells, as in `manifest.revision-1.yaml`.
fn revision_in(file: &str) -> Option<&str> {
    let (_, rest) = file.rsplit_once("revision-")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)
}

impl Sink {
    /// Names something that wasn't understood.
    pub fn refuse(&mut self, origin: Origin<'_>, why: impl Into<String>) {
        self.unread.push(Unread { file: origin.file.to_owned(), line: origin.line, why: why.into() });
    }

    /// Notes a time.
    pub fn time(&mut self, at: Timestamp) {
        self.newest = self.newest.max(Some(at));
    }

    /// Whether a value may be kept, too; if not, it is named.
    pub fn affords(&mut self, origin: Origin<'_>, value: &Value) -> bool {
        self.values = self.values.saturating_add(weight(value));
        if self.values > MAX_VALUES {
            self.refuse(origin, format!("is too much: all files together may hold {MAX_VALUES} values"));
        }
        self.values <= MAX_VALUES
    }

    /// Keeps an object as the cluster gave it.
    pub fn object(&mut self, origin: Origin<'_>, object: Value) {
        let record = match (word(&object, "/apiVersion"), word(&object, "/kind")) {
            ("v1", "Secret") => StoredRecord::from_object(Driver::Secret, object.clone()),
            ("v1", "ConfigMap") => StoredRecord::from_object(Driver::ConfigMap, object.clone()),
            _ => None,
        };
        match record.filter(|record| record.meta.is_record() && !record.meta.id.namespace.is_empty()) {
            // Whoever sends records on may take their payloads out.
            Some(record) if object.get("data").is_none() => {
                let meta = &record.meta;
                let place = (origin.file.to_owned(), origin.line);
                self.scraps.push(Scrap {
                    place,
                    release: meta.release().map(str::to_owned),
                    namespace: Some(meta.id.namespace.clone()),
                    revision: meta.revision(),
                    status: meta.status.clone(),
                    ..Scrap::default()
                });
            }
            Some(record) => self.records.push((record, (origin.file.to_owned(), origin.line))),
            None => self.objects.insert(object),
        }
    }

    /// Keeps the items of a list, and what the list proves.
    pub fn list(&mut self, origin: Origin<'_>, list: &Map<String, Value>, items: &[Value]) {
        let cut = list.get("metadata").is_some_and(|metadata| {
            ["continue", "remainingItemCount"]
                .iter()
                .any(|key| metadata.get(*key).is_some_and(|value| !value.is_null() && value != ""))
        });
        if cut {
            return;
        }
        let listing = match claim::of_command(origin.words) {
            Some((mut kinds, namespace)) => {
                kinds.extend(items.iter().filter_map(claim::group_kind));
                Some(Listing { kinds, namespace, is_whole: true })
            }
            None if origin.words.is_empty() => claim::of_name(stem(origin.file), items),
            None => None,
        };
        self.objects.listings.extend(listing);
    }
}

/// A file's name without its folders and its kind.
fn stem(file: &str) -> &str {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    name.split_once('.').map_or(name, |_| {
        let name = name.strip_suffix(".gz").unwrap_or(name);
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    })
}

/// How many values a value holds, itself included.
fn weight(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(weight).sum::<usize>() + 1,
        Value::Object(members) => members.values().map(weight).sum::<usize>() + 1,
        _ => 1,
    }
}

fn word<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Reads a file into the sink.
pub fn read(file: &File<'_>, sink: &mut Sink) {
    let origin = Origin { file: file.name, line: 1, words: &[] };
    if file.text.len() > MAX_TEXT {
        return sink.refuse(origin, format!("is larger than {} MiB", MAX_TEXT >> 20));
    }
    if let Some((pod, container, previous)) = log_of(file.name) {
        return sink.objects.logs.push((pod, container, previous, file.text.to_owned()));
    }
    let text = file.text.strip_prefix('\u{feff}').unwrap_or(file.text);
    let cut = sections(text);
    if cut.is_empty() {
        return match file.name.to_ascii_lowercase().contains("hooks") {
            true => sink.no_hooks = true,
            false => sink.refuse(origin, "is empty"),
        };
    }
    for section in cut {
        let origin = Origin { file: file.name, line: section.line, words: &section.words };
        read_section(origin, &section, sink);
    }
}

/// The pod, the container if it is named, and whether the run before is meant, of a file named `POD.CONTAINER.previous.log`.
fn log_of(file: &str) -> Option<(String, Option<String>, bool)> {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = name.strip_suffix(".gz").unwrap_or(name).strip_suffix(".log")?;
    let (stem, previous) = stem.strip_suffix(".previous").map_or((stem, false), |stem| (stem, true));
    let (pod, container) = stem.split_once('.').map_or((stem, None), |(pod, container)| (pod, Some(container)));
    Some((pod.to_owned(), container.map(str::to_owned), previous))
}

fn read_section(origin: Origin<'_>, section: &Section<'_>, sink: &mut Sink) {
    let (text, skipped) = without_warnings(section.text);
    let origin = origin.below(skipped);
    let Some(first) = text.lines().next() else {
        return match origin.words {
            ["helm", "get", "hooks", ..] => sink.no_hooks = true,
            ["helm" | "kubectl" | "oc" | "k", ..] => sink.refuse(origin, "is a command that printed nothing"),
            _ => {}
        };
    };
    let first = first.trim();
    if first.starts_with(['{', '[']) {
        return documents::json(origin, text, sink);
    }
    if let ["kubectl" | "oc" | "k", "logs", pod, ..] = positional(origin.words)[..] {
        let container = flag(origin.words, "-c", "--container").map(str::to_owned);
        let previous = origin.words.iter().any(|word| matches!(*word, "-p" | "--previous" | "--previous=true"));
        return sink.objects.logs.push((pod.to_owned(), container, previous, text.to_owned()));
    }
    if table::is_head(first, &helm::HISTORY) {
        return helm::history_table(origin, text, sink);
    }
    if table::is_head(first, &helm::LIST) {
        return helm::list_table(origin, text, sink);
    }
    if status::is_status(text) {
        return helm::status(origin, text, sink);
    }
    match helm::unusable(first, text, origin.words) {
        Some(why) => sink.refuse(origin, why),
        None => documents::yaml(origin, text, sink),
    }
}

/// What follows the warnings that kubectl and Helm print first, and how many lines these are.
fn without_warnings(text: &str) -> (&str, usize) {
    let klog = |line: &str| {
        let mut bytes = line.bytes();
        matches!(bytes.next(), Some(b'W' | b'I' | b'E'))
            && bytes.by_ref().take(4).filter(u8::is_ascii_digit).count() == 4
    };
    let skip = |line: &str| {
        let line = line.trim();
        line.is_empty() || line.starts_with("Warning: ") || line.starts_with("WARNING: ") || klog(line)
    };
    let (mut at, mut lines) = (0, 0);
    for line in text.split_inclusive('\n').take_while(|line| skip(line)) {
        at += line.len();
        lines += 1;
    }
    (text.get(at..).unwrap_or_default(), lines)
}
