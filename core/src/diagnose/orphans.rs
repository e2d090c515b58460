//! Objects that carry the release's marks and that no manifest at hand knows: Helm forgot them.

use serde::Serialize;
use serde_json::Value;

use super::case::{Case, text};
use crate::manifest::ManifestObject;
use crate::observe::{Read, orphan_lists};

/// Such an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Orphan {
    /// Its API version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for what lives in none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Takes a case; gives the orphans, sorted. An object that another one controls is that one's.
pub fn orphans(case: &Case<'_>) -> Vec<Orphan> {
    let mut found: Vec<Orphan> = orphan_lists(case.seen)
        .iter()
        .flat_map(|read| case.seen.items(read).map(move |item| (read, item)))
        .filter(|(_, item)| is_marked(case, item))
        .filter_map(|(read, item)| orphan(case, read, item))
        .collect();
    found.sort();
    found.dedup();
    found
}

fn is_marked(case: &Case<'_>, item: &Value) -> bool {
    let annotation = |key: &str| text(item, &format!("/metadata/annotations/meta.helm.sh~1{key}"));
    let controlled = item.pointer("/metadata/ownerReferences").and_then(Value::as_array).is_some_and(|owners| {
        owners.iter().any(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))
    });
    annotation("release-name") == case.seen.id.name
        && annotation("release-namespace") == case.seen.id.namespace
        && !controlled
}

fn orphan(case: &Case<'_>, read: &Read, item: &Value) -> Option<Orphan> {
    let Read::List { kind, .. } = read else { return None };
    let (namespace, name) = (text(item, "/metadata/namespace"), text(item, "/metadata/name"));
    let is_it = |object: &ManifestObject| {
        let theirs = object.namespace.as_deref().unwrap_or(&case.seen.id.namespace);
        object.name == name
            && object.kind == kind.kind
            && object.group() == kind.group
            && (namespace.is_empty() || theirs == namespace)
    };
    let opened = case.seen.revisions.values().flatten();
    let known = opened.flat_map(|revision| &revision.objects).any(is_it);
    (!known).then(|| Orphan {
        api_version: kind.api_version(),
        kind: kind.kind.clone(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    })
}
