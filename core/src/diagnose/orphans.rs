//! Objects that carry the release's marks and that no manifest at hand knows: Helm forgot them.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::case::{Case, list, text};
use crate::manifest::ManifestObject;
use crate::observe::{INSTANCE, Kind, Live, Read, orphan_lists};

/// Such an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Orphan {
    /// By what it is taken to be the release's.
    pub mark: Mark,
    /// Its API version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for what lives in none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// By what an object is taken to be the release's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Helm's own annotations: Helm wrote it for this release.
    Annotations,
    /// The instance label alone, which anybody may set: a claim of a StatefulSet that is gone, a hook of an older revision.
    Label,
}

/// Takes a case; gives the orphans, the certain ones first, sorted. An object that another one owns is that one's.
pub fn orphans(case: &Case<'_>) -> Vec<Orphan> {
    let names: BTreeSet<Name<'_>> = known(case).map(|object| name_of(case, object)).collect();
    let mut found: Vec<Orphan> = orphan_lists(case.seen)
        .iter()
        .flat_map(|read| case.seen.items(read).map(move |item| (read, item)))
        .filter_map(|(read, item)| orphan(case, &names, read, item))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// By what an object is the release's, if it is.
pub(super) fn mark(case: &Case<'_>, item: &Value) -> Option<Mark> {
    let id = &case.seen.id;
    let annotation = |key: &str| text(item, &format!("/metadata/annotations/meta.helm.sh~1{key}"));
    let (name, namespace) = (annotation("release-name"), annotation("release-namespace"));
    if !name.is_empty() || !namespace.is_empty() {
        return (name == id.name && namespace == id.namespace).then_some(Mark::Annotations);
    }
    // Outside its namespace another release of the same name is as likely.
    let labelled = item.pointer("/metadata/labels").and_then(|labels| labels.get(INSTANCE)).and_then(Value::as_str);
    let is_ours = labelled == Some(&id.name) && text(item, "/metadata/namespace") == id.namespace;
    is_ours.then_some(Mark::Label)
}

fn orphan(case: &Case<'_>, names: &BTreeSet<Name<'_>>, read: &Read, item: &Value) -> Option<Orphan> {
    let Read::List { kind, .. } = read else { return None };
    let mark = mark(case, item)?;
    let mut owners = list(item, "/metadata/ownerReferences");
    let owned = owners.any(|owner| mark == Mark::Label || owner.get("controller") == Some(&Value::Bool(true)));
    if owned || is_known(case, names, kind, item) || is_claim(case, kind, item) {
        return None;
    }
    Some(Orphan {
        mark,
        api_version: kind.api_version(),
        kind: kind.kind.clone(),
        namespace: text(item, "/metadata/namespace").to_owned(),
        name: text(item, "/metadata/name").to_owned(),
    })
}

/// By what an object of a manifest is known: group, kind, namespace and name.
type Name<'a> = (&'a str, &'a str, &'a str, &'a str);

fn name_of<'a>(case: &'a Case<'_>, object: &'a ManifestObject) -> Name<'a> {
    let namespace = object.namespace.as_deref().unwrap_or(&case.seen.id.namespace);
    (object.group(), &object.kind, namespace, &object.name)
}

/// Whether a manifest at hand has it, be it as a hook. What lives in no namespace may be written with one.
fn is_known(case: &Case<'_>, names: &BTreeSet<Name<'_>>, kind: &Kind, item: &Value) -> bool {
    let (namespace, name) = (text(item, "/metadata/namespace"), text(item, "/metadata/name"));
    if !namespace.is_empty() && names.contains(&(kind.group.as_str(), kind.kind.as_str(), namespace, name)) {
        return true;
    }
    let generated = text(item, "/metadata/generateName");
    if !namespace.is_empty() && generated.is_empty() {
        return false;
    }
    known(case).any(|object| {
        let prefix = text(&object.value, "/metadata/generateName");
        let (group, theirs, place, _) = name_of(case, object);
        (object.name == name || !generated.is_empty() && prefix == generated)
            && (theirs, group) == (kind.kind.as_str(), kind.group.as_str())
            && (namespace.is_empty() || place == namespace)
    })
}

fn known<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a ManifestObject> {
    let opened = case.seen.revisions.values().flatten();
    opened.flat_map(|revision| revision.objects.iter().chain(revision.hook_objects.iter().flatten()))
}

/// Whether it is a claim of a StatefulSet that a manifest has and that is there: the StatefulSet's, though Kubernetes doesn't note it.
fn is_claim(case: &Case<'_>, kind: &Kind, item: &Value) -> bool {
    let name = text(item, "/metadata/name");
    kind.kind == "PersistentVolumeClaim"
        && known(case)
            .filter(|object| object.kind == "StatefulSet" && !matches!(case.seen.live(object), Live::Absent))
            .any(|set| {
                let mut templates = list(&set.value, "/spec/volumeClaimTemplates");
                templates.any(|template| {
                    let prefix = format!("{}-{}-", text(template, "/metadata/name"), set.name);
                    let ordinal = name.strip_prefix(&prefix);
                    ordinal.is_some_and(|rest| rest.parse::<u32>().is_ok())
                })
            })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diagnose::causes::api_tests::{Stage, config_map, live};
    use crate::observe::known;
    use crate::record::Status;

    fn claim(name: &str, more: &Value) -> Value {
        let mut metadata = json!({"name": name, "namespace": "ns", "uid": name, "labels": {INSTANCE: "web"}});
        metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"metadata": metadata})
    }

    fn set() -> Value {
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
            "spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}})
    }

    /// What is found among claims with the instance's label, while the manifest has a StatefulSet.
    fn found(items: &[Value], there: bool) -> Vec<(Mark, String)> {
        let stage =
            Stage::new().revision(1, Status::Deployed, "Install complete", 7200, &[config_map("a", "1"), set()]);
        let read =
            Read::metadata(&known::claims(), "ns", "app.kubernetes.io/instance=web,app.kubernetes.io/managed-by!=Helm");
        let stage = stage.there(live(config_map("a", "1"))).listed(read, items);
        let seen = if there { stage.there(live(set())) } else { stage }.seen();
        orphans(&Case::new(&seen)).into_iter().map(|orphan| (orphan.mark, orphan.name)).collect()
    }

    #[test]
    fn a_label_alone_is_a_weak_mark() {
        let none = json!({});
        let items =
            [claim("data-db-0", &none), claim("cache-db-0", &none), claim("data-db-x", &none), claim("lone", &none)];
        let weak = |names: &[&str]| names.iter().map(|name| (Mark::Label, (*name).to_owned())).collect::<Vec<_>>();
        assert_eq!(found(&items, true), weak(&["cache-db-0", "data-db-x", "lone"]));
        // Nothing of theirs is left but they.
        assert_eq!(found(&items, false), weak(&["cache-db-0", "data-db-0", "data-db-x", "lone"]));
    }

    #[test]
    fn what_is_somebody_elses_is_no_orphan() {
        let of = |name: &str, namespace: &str| json!({"annotations": {"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace}});
        let items = [
            claim("ours", &of("web", "ns")),
            claim("another-release", &of("shop", "ns")),
            claim("another-namespace", &of("web", "other")),
            claim("owned", &json!({"ownerReferences": [{"kind": "Cluster", "name": "pg"}]})),
            claim("unlabelled", &json!({"labels": {INSTANCE: "shop"}})),
        ];
        assert_eq!(found(&items, true), [(Mark::Annotations, "ours".to_owned())]);
    }

    #[test]
    fn hooks_of_the_manifest_are_none() {
        let job = |name: &str| json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}});
        let read =
            Read::metadata(&known::jobs(), "ns", "app.kubernetes.io/instance=web,app.kubernetes.io/managed-by!=Helm");
        let seen = Stage::open()
            .hook("pre-upgrade", &job("migrate"))
            .hook(
                "post-upgrade",
                &json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "x", "generateName": "check-"}}),
            )
            .listed(
                read,
                &[
                    claim("migrate", &json!({})),
                    claim("old-migrate", &json!({})),
                    claim("check-x7", &json!({"generateName": "check-"})),
                ],
            )
            .seen();
        let found = orphans(&Case::new(&seen));
        assert_eq!(found.iter().map(|orphan| orphan.name.as_str()).collect::<Vec<_>>(), ["old-migrate"]);
    }
}
