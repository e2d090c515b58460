//! A patch merged into an object, or into another patch (Kubernetes 1.37 apimachinery
//! `pkg/util/strategicpatch/patch.go:mergeMap` and below it).

use serde_json::{Map, Value};

use super::lists::{View, merge_items};
use super::order::{Items, normalize, partition, same_item, split_deletions};
use super::schema::Schema;
use super::value::{go_type, item_type, scalar};
use super::{DELETE, DELETE_FROM_LIST, DIRECTIVE, MergeFault, ORDER, REPLACE, RETAIN_KEYS};

/// What a patch is merged into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Into {
    /// The live object: directives are followed, nulls delete.
    Object,
    /// Another patch, which keeps directives and nulls.
    Patch,
}

/// Takes what is merged into, the patch, and what kind of object they are; gives the outcome.
pub(super) fn merge_map(
    mut target: Map<String, Value>,
    mut patch: Map<String, Value>,
    schema: Schema,
    into: Into,
) -> Result<Map<String, Value>, MergeFault> {
    match patch.get(DIRECTIVE).map(Value::as_str) {
        None => {}
        Some(Some(REPLACE)) => {
            patch.remove(DIRECTIVE);
            return Ok(patch);
        }
        Some(Some(DELETE)) => return Ok(Map::new()),
        Some(_) => return Err(MergeFault::Directive(DIRECTIVE)),
    }
    retain_keys(&mut target, &mut patch, into)?;
    let ordered: Vec<_> = patch.keys().filter(|key| key.starts_with(ORDER)).cloned().collect();
    for key in ordered {
        if let Some(order) = patch.remove(&key) {
            merge_ordered(&mut target, &mut patch, &key, order, schema, into)?;
        }
    }
    for (key, value) in patch {
        merge_member(&mut target, key, value, schema, into)?;
    }
    Ok(target)
}

/// `applyRetainKeysDirective`.
fn retain_keys(target: &mut Map<String, Value>, patch: &mut Map<String, Value>, into: Into) -> Result<(), MergeFault> {
    let fault = MergeFault::Directive(RETAIN_KEYS);
    let Some(keys) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    if into == Into::Patch {
        return match target.get(RETAIN_KEYS) {
            Some(other) if *other != keys => Err(fault),
            Some(_) => Ok(()),
            None => {
                target.insert(RETAIN_KEYS.to_owned(), keys);
                Ok(())
            }
        };
    }
    let Value::Array(keys) = keys else { return Err(fault) };
    keys.iter().try_for_each(|key| scalar(key).map(drop))?;
    let mut keys: Vec<_> = keys.iter().filter_map(Value::as_str).collect();
    keys.sort_unstable();
    let named = |key: &String| keys.binary_search(&key.as_str()).is_ok();
    let directive = |key: &String| key.starts_with(DELETE_FROM_LIST) || key.starts_with(ORDER);
    if patch.iter().any(|(key, value)| !value.is_null() && !directive(key) && !named(key)) {
        return Err(fault);
    }
    target.retain(|key, _| named(key));
    Ok(())
}

/// One `$setElementOrder` list and the list it is for (`mergePatchIntoOriginal`).
fn merge_ordered(
    target: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
    key: &str,
    order: Value,
    schema: Schema,
    into: Into,
) -> Result<(), MergeFault> {
    let fault = MergeFault::Directive(ORDER);
    if into == Into::Patch {
        match target.get(key) {
            Some(other) if *other != order => return Err(fault),
            Some(_) => {}
            None => {
                target.insert(key.to_owned(), order.clone());
            }
        }
    }
    let (Value::Array(order), Some(field)) = (order, key.strip_prefix(ORDER).and_then(|rest| rest.strip_prefix('/')))
    else {
        return Err(fault);
    };
    for list in [target.get(field), patch.get(field)].into_iter().flatten() {
        if !list.is_array() {
            return Err(fault);
        }
    }
    let (inner, meta) = schema.list(field)?;
    let (old, new) = (array(target.remove(field)), array(patch.remove(field)));
    check_order(new.as_deref().unwrap_or_default(), &order, meta.merge_key)?;
    let new_types: Vec<_> = new.iter().flatten().map(go_type).collect();
    let (merged, view) = match (old, new) {
        (None, None) => return Ok(()),
        (Some(old), None) => {
            let view = View::of(&old, meta.merge_key);
            (old, view)
        }
        (None, Some(new)) => (new.into_iter().filter_map(without_directives).collect(), View::default()),
        (Some(old), Some(new)) if meta.strategy == "merge" => merge_items(old, new, inner, meta.merge_key, into)?,
        (Some(old), Some(new)) => (new, View::of(&old, meta.merge_key)),
    };
    let (named, others) = partition(merged, &order, meta.merge_key)?;
    let kind = item_type(view.items.iter().map(go_type).chain(new_types))?;
    let items = Items { kind, key: meta.merge_key };
    let list = normalize(named, others, &order, &view.items, items)?;
    target.insert(field.to_owned(), Value::Array(list));
    Ok(())
}

fn array(value: Option<Value>) -> Option<Vec<Value>> {
    match value {
        Some(Value::Array(items)) => Some(items),
        _ => None,
    }
}

/// The items of a patch stand in the order list, in its order (`validatePatchWithSetOrderList`).
fn check_order(items: &[Value], order: &[Value], key: &str) -> Result<(), MergeFault> {
    if items.is_empty() || order.is_empty() {
        return Ok(());
    }
    let items = if key.is_empty() { items.to_vec() } else { split_deletions(items.to_vec())?.0 };
    let (mut items, mut order) = (items.iter().peekable(), order.iter().peekable());
    while let (Some(item), Some(next)) = (items.peek(), order.peek()) {
        if item.get(DIRECTIVE).is_some() {
            items.next();
            continue;
        }
        if same_item(item, next, key)? {
            items.next();
        }
        order.next();
    }
    if items.peek().is_some() { Err(MergeFault::Directive(ORDER)) } else { Ok(()) }
}

/// One member of a patch.
fn merge_member(
    target: &mut Map<String, Value>,
    key: String,
    value: Value,
    schema: Schema,
    into: Into,
) -> Result<(), MergeFault> {
    let deletions = key.starts_with(DELETE_FROM_LIST);
    if deletions && into == Into::Patch {
        target.insert(key, value);
        return Ok(());
    }
    let key = if deletions { deleted_from(key)? } else { key };
    if value.is_null() {
        target.remove(&key);
        if into == Into::Object {
            return Ok(());
        }
    }
    let merged = match (target.remove(&key), value) {
        (Some(Value::Object(old)), Value::Object(new)) => {
            let (inner, meta) = schema.map(&key)?;
            let replace = meta.strategy == REPLACE;
            Some(Value::Object(if replace { new } else { merge_map(old, new, inner, into)? }))
        }
        (Some(Value::Array(old)), Value::Array(new)) => {
            let (inner, meta) = schema.list(&key)?;
            Some(Value::Array(match (deletions, meta.strategy) {
                (true, _) => super::lists::delete_items(old, new, inner, meta.merge_key)?,
                (false, "merge") => merge_items(old, new, inner, meta.merge_key, into)?.0,
                (false, _) => new,
            }))
        }
        // What isn't a list stays as it is.
        (old, _) if deletions && old.as_ref().is_none_or(|old| old.is_array() || old.is_object()) => old,
        (Some(old), value) if deletions && go_type(&old) != go_type(&value) => Some(old),
        (old, value) => {
            let same_type = old.as_ref().is_some_and(|old| go_type(old) == go_type(&value));
            let value = if into == Into::Object && !same_type { without_nulls(value) } else { value };
            without_directives(value)
        }
    };
    if let Some(merged) = merged {
        target.insert(key, merged);
    }
    Ok(())
}

/// Takes the name of a list of deletions; gives the list's, or the whole if it names none.
fn deleted_from(key: String) -> Result<String, MergeFault> {
    match key.strip_prefix(DELETE_FROM_LIST).and_then(|rest| rest.strip_prefix('/')) {
        Some("") => Ok(key),
        Some(list) => Ok(list.to_owned()),
        None => Err(MergeFault::Directive(DELETE_FROM_LIST)),
    }
}

/// `removeDirectives`: `None` for what is a directive itself.
pub(super) fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(members) if members.contains_key(DIRECTIVE) => None,
        Value::Object(members) => {
            let kept = members.into_iter().filter_map(|(key, value)| Some((key, without_directives(value)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(items) => Some(Value::Array(items.into_iter().filter_map(without_directives).collect())),
        other => Some(other),
    }
}

/// `discardNullValuesFromPatch`.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
