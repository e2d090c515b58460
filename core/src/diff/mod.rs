//! What one revision changed against another, object by object.
//!
//! Takes the objects of two manifests, old and new; gives what was added, removed and changed, in the order in which Helm
//! creates kinds, with the paths of the fields that differ and a unified diff of the text. What a Secret holds is in none of
//! it: its keys are named, its values only measured. Values that a user gave are compared in `values.rs`.

mod paths;
mod secret;
mod values;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use similar::TextDiff;

use crate::manifest::{ManifestObject, install_place};

pub use paths::*;
pub use values::*;

/// Lines of both texts together, above which they aren't compared. The largest resource definitions have some ten thousand;
/// so many take less than a second, whatever they hold.
const MAX_LINES: usize = 100_000;

/// How something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Only the new side has it.
    Added,
    /// Both have it, and it isn't the same.
    Changed,
    /// Only the old side has it.
    Removed,
}

/// An object that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectChange {
    /// How.
    pub change: Change,
    /// As the new side writes it; the old one's if it was removed.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// As written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The template it comes from; empty if unknown.
    pub source: String,
    /// The fields that differ, if both sides have it.
    pub paths: Vec<PathChange>,
    /// A unified diff of its text.
    pub patch: String,
}

/// What differs between two lists of objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// What isn't the same, in the order in which Helm creates kinds.
    pub changes: Vec<ObjectChange>,
    /// How many objects are.
    pub same: usize,
}

impl Comparison {
    /// How many objects differ so.
    pub fn count(&self, change: Change) -> usize {
        self.changes.iter().filter(|object| object.change == change).count()
    }
}

/// The two sides of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// What the old side is called in a patch, such as `revision 2`.
    pub old: &'a str,
    /// What the new one is called.
    pub new: &'a str,
    /// The namespace of objects that name none.
    pub namespace: &'a str,
}

/// By what an object is the same one: Helm leaves the version out (Helm 4.3 `pkg/kube/resource.go:isMatchingInfo`). Manifests
/// may hold one object twice, so the last field counts.
type Key<'a> = ((usize, &'a str), &'a str, &'a str, &'a str, &'a str, usize);

/// Takes the objects of both sides; gives what differs.
pub fn compare(old: &[ManifestObject], new: &[ManifestObject], sides: Sides<'_>) -> Comparison {
    let mut pairs: BTreeMap<Key<'_>, (Option<&ManifestObject>, Option<&ManifestObject>)> = BTreeMap::new();
    for (key, object) in keyed(old, sides.namespace) {
        pairs.entry(key).or_default().0 = Some(object);
    }
    for (key, object) in keyed(new, sides.namespace) {
        pairs.entry(key).or_default().1 = Some(object);
    }
    let mut comparison = Comparison::default();
    for pair in pairs.into_values() {
        match object_change(pair, sides) {
            Some(change) => comparison.changes.push(change),
            None => comparison.same += 1,
        }
    }
    comparison
}

fn keyed<'a>(objects: &'a [ManifestObject], default: &'a str) -> BTreeMap<Key<'a>, &'a ManifestObject> {
    let mut keyed = BTreeMap::new();
    for object in objects {
        let namespace = object.namespace.as_deref().unwrap_or(default);
        let place = install_place(&object.kind);
        let key = |nth| (place, object.kind.as_str(), object.group(), namespace, object.name.as_str(), nth);
        let nth = (0..).find(|nth| !keyed.contains_key(&key(*nth))).unwrap_or_default();
        keyed.insert(key(nth), object);
    }
    keyed
}

/// What differs in a pair; nothing if both are the same, whatever their texts look like.
fn object_change(pair: (Option<&ManifestObject>, Option<&ManifestObject>), sides: Sides<'_>) -> Option<ObjectChange> {
    let (old, new) = pair;
    let (shown, change, paths) = match (old, new) {
        (Some(old), Some(new)) if old.value == new.value => return None,
        (Some(old), Some(new)) => (new, Change::Changed, differing(&old.value, &new.value)),
        (None, Some(new)) => (new, Change::Added, Vec::new()),
        (Some(old), None) => (old, Change::Removed, Vec::new()),
        (None, None) => return None,
    };
    Some(ObjectChange {
        change,
        api_version: shown.api_version.clone(),
        kind: shown.kind.clone(),
        namespace: shown.namespace.clone(),
        name: shown.name.clone(),
        source: shown.source.clone(),
        paths,
        patch: patch(old, new, sides),
    })
}

fn patch(old: Option<&ManifestObject>, new: Option<&ManifestObject>, sides: Sides<'_>) -> String {
    let [old_text, new_text] = texts(old, new);
    let lines = old_text.lines().count() + new_text.lines().count();
    if lines > MAX_LINES {
        return format!("({lines} lines are too many to compare)\n");
    }
    let name = |side: &str, object: Option<&ManifestObject>| object.map_or("/dev/null".to_owned(), |_| side.to_owned());
    let (old_name, new_name) = (name(sides.old, old), name(sides.new, new));
    TextDiff::from_lines(&old_text, &new_text).unified_diff().header(&old_name, &new_name).to_string()
}

/// Both texts: as stored, unless one of them is a Secret or has no text of its own; then both are written from their values.
fn texts(old: Option<&ManifestObject>, new: Option<&ManifestObject>) -> [String; 2] {
    let both = [old, new];
    let hidden = both.iter().flatten().any(|object| secret::is_secret(object));
    let stored = both.iter().flatten().all(|object| object.text.is_some());
    if stored && !hidden {
        return both.map(|object| object.and_then(|object| object.text.as_deref()).map(ended).unwrap_or_default());
    }
    let values = both.map(|object| object.map(|object| object.value.clone()));
    let values = if hidden { secret::masked(values) } else { values };
    values.map(|value| value.as_ref().map(written).unwrap_or_default())
}

/// Helm keeps or trims the end of a document by version, which is no change of the object.
fn ended(text: &str) -> String {
    text.trim_end().to_owned() + "\n"
}

fn written(value: &Value) -> String {
    serde_saphyr::to_string(value).map_or_else(|_| "(can't be written)\n".to_owned(), |text| ended(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::objects;

    const SIDES: Sides<'_> = Sides { old: "revision 1", new: "revision 2", namespace: "ns" };

    fn compared(old: &str, new: &str) -> Comparison {
        compare(&objects(old).0, &objects(new).0, SIDES)
    }

    fn config_map(name: &str, more: &str) -> String {
        format!("---\n# Source: c/{name}.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{more}\n")
    }

    /// `change kind name: paths` of each, then how many are the same.
    fn told(comparison: &Comparison) -> Vec<String> {
        let object = |object: &ObjectChange| {
            let paths: Vec<_> = object.paths.iter().map(|path| path.path.as_str()).collect();
            format!("{:?} {} {}: {}", object.change, object.kind, object.name, paths.join(" "))
        };
        let changes = comparison.changes.iter().map(object);
        changes.chain([format!("{} the same", comparison.same)]).collect()
    }

    #[test]
    fn objects_are_added_removed_changed_or_the_same() {
        let old = config_map("a", "data: {x: '1'}") + &config_map("b", "") + &config_map("d", "data: {y: a} # note");
        let new = config_map("c", "") + &config_map("a", "data: {x: '2'}") + &config_map("d", "data:\n  y: a\n");
        let comparison = compared(&old, &new);
        assert_eq!(
            told(&comparison),
            ["Changed ConfigMap a: data.x", "Removed ConfigMap b: ", "Added ConfigMap c: ", "1 the same"]
        );
        let [changed, removed, added] = &comparison.changes[..] else { panic!("three") };
        assert!(changed.patch.starts_with("--- revision 1\n+++ revision 2\n@@ "), "{}", changed.patch);
        assert!(changed.patch.contains("\n-data: {x: '1'}\n+data: {x: '2'}\n"), "{}", changed.patch);
        assert!(removed.patch.starts_with("--- revision 1\n+++ /dev/null\n"), "{}", removed.patch);
        assert!(added.patch.starts_with("--- /dev/null\n+++ revision 2\n"), "{}", added.patch);
    }

    #[test]
    fn an_object_is_known_by_group_kind_namespace_and_name() {
        let object =
            |api: &str, kind: &str, meta: &str| format!("---\napiVersion: {api}\nkind: {kind}\nmetadata: {{{meta}}}\n");
        let table: [(String, String, &[&str]); 6] = [
            // Another version of the same group is the same object.
            (
                object("a/v1beta1", "K", "name: x"),
                object("a/v1", "K", "name: x"),
                &["Changed K x: apiVersion", "0 the same"],
            ),
            (
                object("a/v1", "K", "name: x"),
                object("b/v1", "K", "name: x"),
                &["Removed K x: ", "Added K x: ", "0 the same"],
            ),
            // The release's own namespace is that of an object that names none.
            (
                object("v1", "K", "name: x"),
                object("v1", "K", "name: x, namespace: ns"),
                &["Changed K x: metadata.namespace", "0 the same"],
            ),
            (
                object("v1", "K", "name: x"),
                object("v1", "K", "name: x, namespace: else"),
                &["Added K x: ", "Removed K x: ", "0 the same"],
            ),
            // In the order in which Helm creates them.
            (
                String::new(),
                object("v1", "Widget", "name: a")
                    + &object("apps/v1", "Deployment", "name: b")
                    + &object("v1", "Service", "name: c"),
                &["Added Service c: ", "Added Deployment b: ", "Added Widget a: ", "0 the same"],
            ),
            // Twice the same one.
            (
                object("v1", "K", "name: x"),
                object("v1", "K", "name: x") + &object("v1", "K", "name: x, labels: {}"),
                &["Added K x: ", "1 the same"],
            ),
        ];
        for (old, new, expected) in table {
            assert_eq!(told(&compared(&old, &new)), expected, "{old}{new}");
        }
    }

    #[test]
    fn no_secret_is_ever_shown() {
        let secret = |data: &str| format!("---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n{data}# canary\n");
        let old = secret("data:\n  a: Y2FuYXJ5\n  b: Y2FuYXJ5\n  gone: Y2FuYXJ5\n");
        let new =
            secret("data:\n  a: Q2FuYXJ5\n  b: Y2FuYXJ5\nstringData: {c: canary, d: [canary]}\nstringdata: canary\n");
        for (old, new) in [(old.as_str(), new.as_str()), ("", &new), (&old, "")] {
            let json = serde_json::to_string(&compared(old, new)).unwrap();
            assert!(["canary", "Y2Fu", "Q2Fu"].iter().all(|canary| !json.contains(canary)), "{json}");
        }
        let comparison = compared(&old, &new);
        assert_eq!(told(&comparison), ["Changed Secret s: data.a data.gone stringData stringdata", "0 the same"]);
        let patch = &comparison.changes[0].patch;
        for line in [
            "-  a: (secret, 6 bytes)",
            "+  a: (secret, 6 bytes, changed)",
            "   b: (secret, 6 bytes)",
            "+  c: (secret, 6 bytes)",
        ] {
            assert!(patch.lines().any(|shown| shown == line), "{line}: {patch}");
        }
    }

    #[test]
    fn what_is_too_long_is_not_compared() {
        let long = |word: &str| config_map("a", &format!("data:\n  x: |\n{}", format!("    {word}\n").repeat(50_001)));
        let comparison = compared(&long("a"), &long("b"));
        assert_eq!(told(&comparison), ["Changed ConfigMap a: data.x", "0 the same"]);
        assert!(comparison.changes[0].patch.contains("too many to compare"));
    }
}
