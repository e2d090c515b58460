//! What a list of objects can prove: which kinds it holds everything of.
//!
//! `kubectl get -o json` prints the same `List` whether it was asked for a namespace, for a label or for two names. So a list
//! counts as whole only if the command was pasted along and asked for no less, or if the file is named after the kinds
//! (`all.yaml`, `events.json`) and its objects have no label in common by which they could have been chosen.

use std::collections::BTreeSet;

use serde_json::Value;

use super::kinds::{GroupKind, meant};
use super::objects::Listing;
use super::section::{flag, positional};

/// Words in a file's name that say nothing about what it holds.
const NEUTRAL: [&str; 14] =
    ["kubectl", "get", "oc", "k8s", "list", "output", "dump", "json", "yaml", "yml", "txt", "gz", "out", "n"];

const WEBHOOKS: [&str; 2] = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];

/// Takes the words of a command; gives the kinds that it lists whole, and their namespace (`None` for all). Nothing if it isn't
/// `kubectl get` of kinds, or chooses among them.
pub fn of_command(words: &[&str]) -> Option<(BTreeSet<GroupKind>, Option<String>)> {
    let chosen = words.iter().any(|word| {
        word.starts_with("-l") || word.starts_with("--selector") || word.starts_with("--field-selector") || *word == "|"
    });
    let [program, "get", resources] = positional(words)[..] else { return None };
    if chosen || program == "helm" || resources.contains('/') {
        return None;
    }
    let all = words.iter().any(|word| matches!(*word, "-A" | "--all-namespaces" | "--all-namespaces=true"));
    let namespace = if all { None } else { Some(flag(words, "-n", "--namespace")?.to_owned()) };
    Some((resources.split(',').flat_map(meant).collect(), namespace))
}

/// Takes a file's name and the items of a list in it; gives what the list holds everything of, if the name says so.
pub fn of_name(file: &str, items: &[Value]) -> Option<Listing> {
    let namespaces: BTreeSet<&str> =
        items.iter().filter_map(|item| item.pointer("/metadata/namespace")?.as_str()).collect();
    let namespace = match namespaces.len() {
        0 | 1 => namespaces.first().copied(),
        _ => None,
    };
    let mut stem = file.to_ascii_lowercase();
    if let Some(namespace) = namespace {
        stem = stem.replace(namespace, " ");
    }
    let mut kinds = BTreeSet::new();
    for word in stem.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let named = match word {
            // In a file's name only; kubectl has no such word.
            "webhooks" => WEBHOOKS.iter().flat_map(|kind| meant(kind)).collect(),
            word => meant(word),
        };
        if named.is_empty() && !NEUTRAL.contains(&word) && !word.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        kinds.extend(named);
    }
    if kinds.is_empty() {
        return None;
    }
    // A list that was asked for by kinds holds everything of each of them.
    kinds.extend(items.iter().filter_map(group_kind));
    // Nothing at all may be another namespace's, or no object's label.
    let is_whole = !items.is_empty() && common_label(items).is_none();
    Some(Listing { kinds, namespace: namespace.map(str::to_owned), is_whole })
}

/// The kind of an object.
pub fn group_kind(object: &Value) -> Option<GroupKind> {
    let version = object.get("apiVersion")?.as_str()?;
    let group = version.split_once('/').map_or("", |(group, _)| group);
    Some((group.to_owned(), object.get("kind")?.as_str()?.to_owned()))
}

/// A label that all of them carry, by which they may have been chosen.
fn common_label(items: &[Value]) -> Option<&str> {
    let first = items.first()?.pointer("/metadata/labels")?.as_object()?;
    let mut common: Vec<&str> = first.keys().map(String::as_str).collect();
    for item in items {
        let labels = item.pointer("/metadata/labels").and_then(Value::as_object)?;
        common.retain(|key| labels.contains_key(*key));
    }
    common.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn command(words: &str) -> String {
        let words: Vec<&str> = words.split(' ').collect();
        let Some((kinds, namespace)) = of_command(&words) else { return String::new() };
        let kinds: Vec<_> = kinds.into_iter().map(|(_, kind)| kind).collect();
        format!("{} {}", kinds.join(","), namespace.unwrap_or("*".to_owned()))
    }

    #[test]
    fn commands_that_choose_prove_nothing() {
        let table = [
            ("kubectl get pods,svc -n shop -o yaml", "Pod,Service shop"),
            ("k get po -o json --namespace=shop > pods.json", "Pod shop"),
            ("kubectl get nodes -A", "Node *"),
            // Which namespace the context has isn't told.
            ("kubectl get pods", ""),
            ("kubectl get pods web-1 -n shop", ""),
            ("kubectl get pods/web-1 -n shop", ""),
            ("kubectl get pods -n shop -l app=web", ""),
            ("kubectl get pods -n shop --selector=app=web", ""),
            ("kubectl get events -n shop --field-selector type=Warning", ""),
            ("kubectl get pods -n shop -o json | jq .items[0]", ""),
            ("kubectl describe pods -n shop", ""),
            ("helm get manifest -n shop", ""),
        ];
        for (words, expected) in table {
            assert_eq!(command(words), expected, "{words}");
        }
    }

    fn item(kind: &str, namespace: &str, labels: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"namespace": namespace, "labels": labels}})
    }

    #[test]
    fn names_prove_only_what_was_chosen_by_kind() {
        let labelled = |kind| item(kind, "my-shop", &json!({"app": "web"}));
        let bare = item("ConfigMap", "my-shop", &Value::Null);
        let items = [labelled("Pod"), labelled("Service"), bare];
        let found = |file: &str, items: &[Value]| {
            let listing = of_name(file, items)?;
            Some((listing.kinds.len(), listing.namespace, listing.is_whole))
        };
        let shop = Some("my-shop".to_owned());
        // The ten of `all`, and ConfigMaps.
        assert_eq!(found("kubectl-get-all-n-my-shop.2026.yaml", &items), Some((11, shop.clone(), true)));
        assert_eq!(found("all.json", &items[..2]), Some((10, shop.clone(), false)), "all have the label app");
        assert_eq!(found("events.yaml", &[]), Some((1, None, false)));
        assert_eq!(found("events-of-web.yaml", &items), None);
        assert_eq!(found("webhooks.yaml", &[]), Some((2, None, false)));
        assert_eq!(found("out.yaml", &items), None);
        let mixed = [item("Pod", "a", &Value::Null), item("Pod", "b", &Value::Null)];
        assert_eq!(found("po.yaml", &mixed), Some((1, None, true)));
    }
}
