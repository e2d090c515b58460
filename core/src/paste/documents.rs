//! JSON and YAML: objects, lists of them, and Helm's own answers in either form.

use jiff::Timestamp;
use serde_json::{Deserializer, Map, Value};

use super::file::{Origin, Sink};
use super::helm;
use crate::manifest::{MAX_NODES, YamlFault, parse};

/// Fields that hold times at which something has happened.
const TIMES: [&str; 17] = [
    "acquireTime",
    "completionTime",
    "creationTimestamp",
    "eventTime",
    "finishedAt",
    "firstTimestamp",
    "lastHeartbeatTime",
    "lastObservedTime",
    "lastProbeTime",
    "lastScheduleTime",
    "lastTimestamp",
    "lastTransitionTime",
    "lastUpdateTime",
    "renewTime",
    "startTime",
    "startedAt",
    "time",
];

/// Reads JSON values, one after another.
pub fn json(origin: Origin<'_>, text: &str, sink: &mut Sink) {
    if signs(text) > MAX_NODES {
        return sink.refuse(origin, format!("holds more than {MAX_NODES} values"));
    }
    let mut stream = Deserializer::from_str(text).into_iter::<Value>();
    loop {
        let before = stream.byte_offset();
        let line = text.get(..before).unwrap_or_default().matches('\n').count();
        match stream.next() {
            None => return,
            Some(Ok(value)) => {
                if sink.affords(origin.below(line), &value) {
                    document(origin.below(line), value, sink);
                }
            }
            Some(Err(error)) => {
                let at = origin.below(error.line().saturating_sub(1));
                return match error.is_eof() {
                    true => sink.refuse(at, "ends in the middle of the JSON: paste it whole"),
                    false => sink.refuse(at, "is no JSON from here on"),
                };
            }
        }
    }
}

/// How many signs separate or open values, at most as many as there are values.
fn signs(text: &str) -> usize {
    let (mut count, mut quoted, mut escaped) = (0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'{' | b'[' | b',' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}

/// Reads YAML documents.
pub fn yaml(origin: Origin<'_>, text: &str, sink: &mut Sink) {
    let mut rendered = Rendered::default();
    for (line, piece) in pieces(text) {
        let origin = origin.below(line);
        match parse(piece) {
            Ok(Value::Null) => {}
            Ok(value) if !sink.affords(origin, &value) => {}
            Ok(value) if is_rendered(origin, piece, &value) => rendered.add(origin, piece, &value),
            Ok(value) => document(origin, value, sink),
            Err(YamlFault::Syntax { line, .. }) => {
                let at = origin.below(usize::try_from(line).unwrap_or(0).saturating_sub(1));
                sink.refuse(at, "is neither YAML nor anything else that helm or kubectl prints");
            }
            Err(fault) => sink.refuse(origin, fault.to_string()),
        }
    }
    rendered.keep(sink);
}

/// The documents of a stream, with the line on which each begins, from 0.
fn pieces(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let (mut start, mut first, mut at) = (0, 0, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let is_end =
            line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        if is_end {
            found.push((first, text.get(start..at).unwrap_or_default()));
            // What follows the dashes on their line belongs to the document; its line number stays.
            (start, first) = (at + 3, number);
        }
        at += line.len();
    }
    found.push((first, text.get(start..).unwrap_or_default()));
    found.retain(|(_, piece)| !piece.trim().is_empty());
    found
}

/// Whether an object comes from a chart, not from a cluster, whose objects all have a uid.
fn is_rendered(origin: Origin<'_>, piece: &str, value: &Value) -> bool {
    let from_cluster = ["/metadata/uid", "/metadata/resourceVersion", "/items"];
    let told = || {
        let file = origin.file.to_ascii_lowercase();
        piece.contains("# Source: ")
            || matches!(origin.words, ["helm", "get" | "template", ..])
            || file.contains("manifest")
            || file.contains("hooks")
    };
    value.get("kind").is_some() && from_cluster.iter().all(|pointer| value.pointer(pointer).is_none()) && told()
}

/// Objects of charts, as `helm get manifest` and `helm get hooks` print them.
#[derive(Default)]
struct Rendered<'a> {
    begun: Option<Origin<'a>>,
    manifest: String,
    hooks: Vec<Value>,
}

impl<'a> Rendered<'a> {
    fn add(&mut self, origin: Origin<'a>, piece: &str, value: &Value) {
        self.begun.get_or_insert(origin);
        match helm::hook(piece, value) {
            Some(hook) => self.hooks.push(hook),
            None => self.manifest.push_str(&format!("---\n{}\n", piece.trim())),
        }
    }

    fn keep(self, sink: &mut Sink) {
        let Some(origin) = self.begun else { return };
        let manifest = Some(self.manifest).filter(|manifest| !manifest.is_empty());
        sink.scraps.push(super::release::Scrap { manifest, hooks: self.hooks, ..origin.scrap() });
    }
}

/// One value: an object, a list of them, or an answer of Helm's.
fn document(origin: Origin<'_>, value: Value, sink: &mut Sink) {
    times(&value, sink);
    match value {
        Value::Array(items) => array(origin, items, sink),
        Value::Object(members) if members.contains_key("kind") || members.contains_key("items") => {
            object(origin, members, sink);
        }
        Value::Object(members) => helm::answer(origin, members, sink),
        _ => sink.refuse(origin, "is nothing that helm or kubectl prints"),
    }
}

fn array(origin: Origin<'_>, items: Vec<Value>, sink: &mut Sink) {
    let odd = items.into_iter().filter_map(|item| match item {
        Value::Object(members) if members.contains_key("kind") => {
            object(origin, members, sink);
            None
        }
        Value::Object(members) => (!helm::row(origin, &members, sink)).then_some(()),
        _ => Some(()),
    });
    if let count @ 1.. = odd.count() {
        sink.refuse(origin, format!("holds {count} items that are neither objects nor revisions"));
    }
}

/// A Kubernetes object or a list of them.
fn object(origin: Origin<'_>, mut members: Map<String, Value>, sink: &mut Sink) {
    let (version, kind) = (word(&members, "apiVersion"), word(&members, "kind"));
    if let Some(why) = refused(&version, &kind) {
        return sink.refuse(origin, why);
    }
    if let Some(Value::Array(mut items)) = members.remove("items") {
        for item in &mut items {
            inherit(item, &version, &kind);
        }
        sink.list(origin, &members, &items);
        for item in items {
            one(origin, item, sink);
        }
        return;
    }
    one(origin, Value::Object(members), sink);
}

/// Items of a typed list need not say what they are.
fn inherit(item: &mut Value, version: &str, list: &str) {
    if let (Some(members), Some(kind)) =
        (item.as_object_mut(), list.strip_suffix("List").filter(|kind| !kind.is_empty()))
    {
        members.entry("kind").or_insert_with(|| kind.into());
        members.entry("apiVersion").or_insert_with(|| version.into());
    }
}

fn one(origin: Origin<'_>, object: Value, sink: &mut Sink) {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let from_cluster = ["/metadata/uid", "/metadata/resourceVersion", "/metadata/creationTimestamp"];
    if text("/kind").is_empty() || text("/apiVersion").is_empty() || text("/metadata/name").is_empty() {
        return sink.refuse(origin, "holds an object without apiVersion, kind or name");
    }
    if let Some(why) = refused(text("/apiVersion"), text("/kind")) {
        return sink.refuse(origin, why);
    }
    if from_cluster.iter().all(|pointer| text(pointer).is_empty()) && object.get("status").is_none() {
        let why = format!(
            "holds {} {} without a uid, so it isn't as a cluster gives it; is it what a chart renders, then put \"manifest\" into the file's name",
            text("/kind"),
            text("/metadata/name")
        );
        return sink.refuse(origin, why);
    }
    sink.object(origin, object);
}

/// Why something with a kind is no object of a cluster.
fn refused(version: &str, kind: &str) -> Option<&'static str> {
    match (version, kind) {
        ("v1", "Config") => Some("is a kubeconfig, which isn't needed and holds credentials: take it away"),
        ("v1", "Status") => Some("is an error of the API server's: run the command again, or by someone who may"),
        (_, "PartialObjectMetadata" | "PartialObjectMetadataList") => {
            Some("holds metadata only: kubectl get -o yaml gives all of it")
        }
        (version, "Bundle") if version.starts_with("refloat.dev/") => Some("is a bundle: --bundle FILE reads it"),
        (version, "Table") if version.starts_with("meta.k8s.io/") => {
            Some("is a table: kubectl get -o yaml gives all of it")
        }
        _ => None,
    }
}

/// Notes the times that a value tells.
fn times(value: &Value, sink: &mut Sink) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| times(item, sink)),
        Value::Object(members) => {
            for (key, value) in members {
                match value.as_str().filter(|_| TIMES.contains(&key.as_str())) {
                    Some(text) => text.parse::<Timestamp>().into_iter().for_each(|at| sink.time(at)),
                    None => times(value, sink),
                }
            }
        }
        _ => {}
    }
}

fn word(members: &Map<String, Value>, key: &str) -> String {
    members.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}
