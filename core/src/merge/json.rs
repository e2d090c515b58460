//! The merge of kinds that aren't built in: a JSON merge patch.
//!
//! What changed from the old manifest to the new one goes to the live object; what someone else changed stays, even where
//! the manifest says otherwise.

use serde_json::{Map, Value};

/// Takes the old and the new manifest's object; gives the patch between them (evanphx/json-patch 5.9 `merge.go:getDiff`,
/// with which Helm 4 keeps integers exact; Helm 3 rounds those above 2^53).
pub(super) fn patch(original: &Map<String, Value>, modified: &Map<String, Value>) -> Map<String, Value> {
    let mut into = Map::new();
    for (key, new) in modified {
        match (original.get(key), new) {
            (Some(Value::Object(old)), Value::Object(new)) => {
                let inner = patch(old, new);
                if !inner.is_empty() {
                    into.insert(key.clone(), Value::Object(inner));
                }
            }
            (Some(old), new) if old == new => {}
            _ => {
                into.insert(key.clone(), new.clone());
            }
        }
    }
    let gone = original.keys().filter(|key| !modified.contains_key(*key));
    into.extend(gone.map(|key| (key.clone(), Value::Null)));
    into
}

/// Takes the live object and the patch; applies it (evanphx/json-patch 4.13 `merge.go:mergeDocs`, which the API server uses).
pub(super) fn apply(current: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (key, new) in patch {
        let merged = match (current.get_mut(&key), new) {
            (_, Value::Null) => {
                current.remove(&key);
                continue;
            }
            (Some(Value::Object(old)), Value::Object(new)) => {
                apply(old, new);
                continue;
            }
            // Here alone nulls within stay.
            (Some(Value::Object(_)), new) => new,
            (_, new) => pruned(new),
        };
        current.insert(key, merged);
    }
}

/// Without members that are null; items of lists that are null stay.
fn pruned(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, pruned(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(pruned).collect()),
        other => other,
    }
}
