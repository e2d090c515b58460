//! Who owns the fields of an object that was put back: Helm's server-side apply, if it did before. What a plain write owns in Helm's name Helm's
//! next apply would take for somebody else's, and stop at it (Helm 4.3 `pkg/kube/client.go:upgradeClientSideFieldManager` does the same).

use serde_json::Value;

/// The field manager under which Helm writes.
const HELM: &str = "helm";

fn is(entry: &Value, operation: &str) -> bool {
    let text = |field: &str| entry.get(field).and_then(Value::as_str);
    text("manager") == Some(HELM)
        && text("operation") == Some(operation)
        && text("subresource").is_none_or(str::is_empty)
}

fn entries(object: &Value) -> Option<&Vec<Value>> {
    object.pointer("/metadata/managedFields")?.as_array()
}

/// Takes an object; says whether Helm applied it on the server's side.
pub fn is_applied(object: &Value) -> bool {
    entries(object).is_some_and(|entries| entries.iter().any(|entry| is(entry, "Apply")))
}

/// Takes an object as the server stored it; gives it with what was written in Helm's name owned by Helm's apply. `None` if nothing was.
pub fn owned_by_apply(stored: &Value) -> Option<Value> {
    let entries = entries(stored)?;
    let written = entries.iter().find(|entry| is(entry, "Update"))?;
    let mut kept: Vec<Value> = entries.iter().filter(|entry| !is(entry, "Update")).cloned().collect();
    match kept.iter_mut().find(|entry| is(entry, "Apply")) {
        Some(apply) => {
            if let (Some(into), Some(from)) = (apply.get_mut("fieldsV1"), written.get("fieldsV1")) {
                join(into, from);
            }
        }
        None => {
            let mut apply = written.clone();
            apply.as_object_mut()?.insert("operation".to_owned(), "Apply".into());
            kept.push(apply);
        }
    }
    let mut owned = stored.clone();
    *owned.pointer_mut("/metadata/managedFields")? = kept.into();
    Some(owned)
}

/// The union of two sets of fields, which are trees of keys. The server bounds how deep they are.
fn join(into: &mut Value, from: &Value) {
    let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) else { return };
    for (key, below) in from {
        match into.get_mut(key) {
            Some(there) => join(there, below),
            None => drop(into.insert(key.clone(), below.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_written_in_helms_name_becomes_helms_applys() {
        let entry = |manager: &str, operation: &str, fields: Value| json!({"manager": manager, "operation": operation, "fieldsV1": fields});
        let update = entry("helm", "Update", json!({"f:spec": {"f:image": {}}}));
        let other = entry("kubectl", "Update", json!({"f:metadata": {}}));
        let apply = entry("helm", "Apply", json!({"f:spec": {"f:replicas": {}}}));
        let object = |entries: &[&Value]| json!({"metadata": {"name": "web", "managedFields": entries}});
        let both = entry("helm", "Apply", json!({"f:spec": {"f:replicas": {}, "f:image": {}}}));
        let stored = object(&[&apply, &other, &update]);
        assert!(is_applied(&stored) && !is_applied(&object(&[&other, &update])));
        assert_eq!(owned_by_apply(&stored), Some(object(&[&both, &other])));
        let alone = entry("helm", "Apply", json!({"f:spec": {"f:image": {}}}));
        assert_eq!(owned_by_apply(&object(&[&other, &update])), Some(object(&[&other, &alone])));
        assert_eq!(owned_by_apply(&object(&[&other, &apply])), None);
        assert_eq!(owned_by_apply(&json!({})), None);
    }
}
