//! What a stored manifest holds: its objects.
//!
//! Takes a release's manifest, or one hook's; gives its objects in stored order and what couldn't be read, each with the
//! template it comes from. A broken document is a named problem beside the objects, never an end to reading, and never
//! quoted: it may hold secrets.

mod order;
mod split;
mod versions;
mod yaml;

use serde_json::Value;
use thiserror::Error;

pub use order::*;
pub use split::*;
pub use versions::*;
pub use yaml::{MAX_DEPTH, MAX_NODES, YamlFault, parse};

/// An object as the release wants it.
#[derive(Debug, Clone, PartialEq)]
pub struct ManifestObject {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// As written; absent means the release's own, or none for kinds of the whole cluster.
    pub namespace: Option<String>,
    /// Its name; `generateName` and `*` if the server is to make one up.
    pub name: String,
    /// The template it comes from; empty if unknown.
    pub source: String,
    /// The document as stored; `None` for one of several objects in a list, which has no text of its own.
    pub text: Option<String>,
    /// The object.
    pub value: Value,
}

impl ManifestObject {
    /// The part of `apiVersion` before the slash; empty for the core's.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }
}

/// A document that gave no object.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: {fault}", if template.is_empty() { "a document" } else { template })]
pub struct Problem {
    /// The template it comes from; empty if unknown.
    pub template: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What can be wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// It can't be read.
    #[error(transparent)]
    Yaml(#[from] YamlFault),
    /// It is a text, a number or a list.
    #[error("isn't an object")]
    NotAnObject,
    /// `apiVersion`, `kind` or a name is missing.
    #[error("has no {0}")]
    Missing(&'static str),
}

/// Takes a manifest; gives its objects and what is wrong with the rest.
pub fn objects(manifest: &str) -> (Vec<ManifestObject>, Vec<Problem>) {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for piece in split(manifest) {
        let problem = |fault| Problem { template: piece.source.to_owned(), fault };
        match parse(piece.text) {
            // Comments only.
            Ok(Value::Null) => {}
            Ok(value) => {
                for object in members(value, piece) {
                    match object {
                        Ok(object) => found.push(object),
                        Err(fault) => problems.push(problem(fault)),
                    }
                }
            }
            Err(fault) => problems.push(problem(fault.into())),
        }
    }
    (found, problems)
}

/// A document's objects: itself, or its items if it has such a field, whatever its kind (Kubernetes 1.37 apimachinery
/// `pkg/apis/meta/v1/unstructured/helpers.go:decode,decodeToList`).
fn members(value: Value, piece: Piece<'_>) -> Vec<Result<ManifestObject, Fault>> {
    let (api_version, kind) = (text(&value, "/apiVersion"), text(&value, "/kind"));
    match value {
        Value::Object(mut members) => match members.remove("items") {
            Some(Value::Array(items)) => {
                let typed = |item| inherit(item, &api_version, &kind);
                items.into_iter().map(typed).map(|item| object(item, piece, false)).collect()
            }
            Some(Value::Null) => Vec::new(),
            Some(_) => vec![Err(Fault::NotAnObject)],
            None => vec![object(Value::Object(members), piece, true)],
        },
        _ => vec![Err(Fault::NotAnObject)],
    }
}

/// Items of a typed list (`ConfigMapList`) need not say what they are.
fn inherit(mut item: Value, api_version: &str, kind: &str) -> Value {
    let bare = text(&item, "/kind").is_empty() && text(&item, "/apiVersion").is_empty();
    if let (true, Value::Object(members)) = (bare, &mut item) {
        let kind = kind.strip_suffix("List").unwrap_or(kind);
        members.insert("kind".to_owned(), kind.into());
        members.insert("apiVersion".to_owned(), api_version.into());
    }
    item
}

fn object(value: Value, piece: Piece<'_>, alone: bool) -> Result<ManifestObject, Fault> {
    if !value.is_object() {
        return Err(Fault::NotAnObject);
    }
    let needed =
        |pointer, field| Some(text(&value, pointer)).filter(|text| !text.is_empty()).ok_or(Fault::Missing(field));
    let generated = || needed("/metadata/generateName", "name").map(|prefix| prefix + "*");
    Ok(ManifestObject {
        api_version: needed("/apiVersion", "apiVersion")?,
        kind: needed("/kind", "kind")?,
        name: needed("/metadata/name", "name").or_else(|_| generated())?,
        namespace: Some(text(&value, "/metadata/namespace")).filter(|namespace| !namespace.is_empty()),
        source: piece.source.to_owned(),
        text: alone.then(|| piece.text.to_owned()),
        value,
    })
}

/// A string in a value; empty if it is absent or something else.
fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `apiVersion kind namespace/name` of each object, then each problem.
    fn read(manifest: &str) -> Vec<String> {
        let (objects, problems) = objects(manifest);
        let objects = objects.iter().map(|object| {
            let namespace = object.namespace.as_deref().unwrap_or_default();
            format!("{} {} {namespace}/{} {}", object.api_version, object.kind, object.name, object.source)
        });
        objects.chain(problems.iter().map(ToString::to_string)).collect()
    }

    #[test]
    fn objects_and_problems() {
        let table: [(&str, &[&str]); 12] = [
            ("", &[]),
            ("---\n# Source: a.yaml\n# nothing\n", &[]),
            (
                "---\n# Source: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: ns}\n",
                &["apps/v1 Deployment ns/web a.yaml"],
            ),
            ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: web-}", &["v1 Pod /web-* "]),
            ("kind: Pod\nmetadata: {name: a}", &["a document: has no apiVersion"]),
            ("apiVersion: v1\nmetadata: {name: a}", &["a document: has no kind"]),
            ("---\n# Source: a.yaml\napiVersion: v1\nkind: Pod", &["a.yaml: has no name"]),
            ("apiVersion: v1\nkind: Pod\nmetadata: {name: 5}", &["a document: has no name"]),
            ("- 1", &["a document: isn't an object"]),
            ("apiVersion: v1\nkind: List\nitems: 5", &["a document: isn't an object"]),
            ("apiVersion: v1\nkind: List\nitems:", &[]),
            // What is broken doesn't hide what isn't.
            (
                "# Source: a.yaml\na: {{ x }}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}",
                &["v1 Pod /b ", "a.yaml: isn't YAML as Helm reads it (line 2, column 5)"],
            ),
        ];
        for (manifest, expected) in table {
            assert_eq!(read(manifest), expected, "{manifest:?}");
        }
    }

    #[test]
    fn lists_are_flattened() {
        let list = "# Source: l.yaml\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n- 5\n- {kind: Pod}\n";
        assert_eq!(read(list), ["v1 Pod /a l.yaml", "l.yaml: isn't an object", "l.yaml: has no apiVersion"]);
        let typed = "apiVersion: v1\nkind: SecretList\nitems:\n- {metadata: {name: a}}\n";
        assert_eq!(read(typed), ["v1 Secret /a "]);
        assert_eq!(objects(typed).0[0].text, None);
    }
}
