//! What a patch must hold (Kubernetes 1.37 apimachinery `pkg/util/strategicpatch/patch.go:diffMaps` and below it).

use serde_json::{Map, Value};

use super::lists::unique;
use super::order::{Items, same_item, sorted};
use super::schema::Schema;
use super::sort::sorted_places;
use super::value::{GoType, go_type, item_type, merge_key, printed, single};
use super::{DELETE, DELETE_FROM_LIST, DIRECTIVE, MergeFault, ORDER, REPLACE, RETAIN_KEYS};

/// Which half of the differences is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    /// What is new or other.
    Changes,
    /// What is gone.
    Deletions,
}

/// Takes two objects and what kind of object they are; gives the wanted half of the patch from one to the other.
/// `retain` asks for the list of the members that are to stay alone.
pub(super) fn diff(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    schema: Schema,
    half: Half,
    retain: bool,
) -> Result<Map<String, Value>, MergeFault> {
    let mut patch = Map::new();
    for (key, new) in new {
        match old.get(key) {
            Some(old) if key == DIRECTIVE => {
                if !old.is_string() || !new.is_string() {
                    return Err(MergeFault::Directive(DIRECTIVE));
                }
                if old != new {
                    patch.insert(key.clone(), new.clone());
                }
            }
            Some(Value::Object(old)) if new.is_object() => diff_map(key, old, new, &mut patch, schema, half)?,
            Some(Value::Array(old)) if new.is_array() => diff_list(key, old, new, &mut patch, schema, half)?,
            Some(old) if old == new => {}
            _ if half == Half::Changes => {
                patch.insert(key.clone(), new.clone());
            }
            _ => {}
        }
    }
    if half == Half::Deletions {
        let gone = old.keys().filter(|key| !new.contains_key(*key));
        patch.extend(gone.map(|key| (key.clone(), Value::Null)));
    }
    if retain {
        let mut kept: Vec<_> = new.iter().filter(|(_, value)| !value.is_null()).map(|(key, _)| key.clone()).collect();
        let more = old.iter().any(|(key, value)| !value.is_null() && !new.contains_key(key));
        if !kept.is_empty() && (!patch.is_empty() || more) {
            kept.sort();
            patch.insert(RETAIN_KEYS.to_owned(), kept.into());
        }
    }
    Ok(patch)
}

/// `handleMapDiff`.
fn diff_map(
    key: &str,
    old: &Map<String, Value>,
    new_value: &Value,
    patch: &mut Map<String, Value>,
    schema: Schema,
    half: Half,
) -> Result<(), MergeFault> {
    let Value::Object(new) = new_value else { return Ok(()) };
    let (inner, meta) = match schema.map(key) {
        // What is unknown but the same needs no patch.
        Err(_) if old == new => return Ok(()),
        found => found?,
    };
    if meta.strategy == REPLACE {
        if half == Half::Changes {
            patch.insert(key.to_owned(), new_value.clone());
        }
        return Ok(());
    }
    let changed = diff(old, new, inner, half, meta.retain_keys)?;
    if !changed.is_empty() {
        patch.insert(key.to_owned(), Value::Object(changed));
    }
    Ok(())
}

/// `handleSliceDiff`.
fn diff_list(
    key: &str,
    old: &[Value],
    new_value: &Value,
    patch: &mut Map<String, Value>,
    schema: Schema,
    half: Half,
) -> Result<(), MergeFault> {
    let Value::Array(new) = new_value else { return Ok(()) };
    let (inner, meta) = match schema.list(key) {
        Err(_) if old == new => return Ok(()),
        found => found?,
    };
    if meta.strategy != "merge" {
        if half == Half::Changes && old != new {
            patch.insert(key.to_owned(), new_value.clone());
        }
        return Ok(());
    }
    let found = diff_lists(old, new, inner, meta.merge_key, half, meta.retain_keys)?;
    let parts = [
        (key.to_owned(), found.items),
        (format!("{DELETE_FROM_LIST}/{key}"), found.deletions),
        (format!("{ORDER}/{key}"), found.order),
    ];
    patch.extend(parts.into_iter().filter(|(_, list)| !list.is_empty()).map(|(key, list)| (key, Value::Array(list))));
    Ok(())
}

/// What a patch says of a list that is merged.
#[derive(Default)]
struct ListPatch {
    items: Vec<Value>,
    /// Only of lists of scalars.
    deletions: Vec<Value>,
    order: Vec<Value>,
}

/// `diffLists`.
fn diff_lists(
    old: &[Value],
    new: &[Value],
    schema: Schema,
    key: &str,
    half: Half,
    retain: bool,
) -> Result<ListPatch, MergeFault> {
    if old.is_empty() {
        let items = if half == Half::Changes { new.to_vec() } else { Vec::new() };
        return Ok(ListPatch { items, ..ListPatch::default() });
    }
    let kind = item_type(old.iter().chain(new).map(go_type))?;
    let items = Items { kind, key };
    if kind != GoType::Map {
        return diff_scalars(old, new, half, items);
    }
    let (changed, deletions) = diff_maps(old, new, schema, key, half, retain)?;
    let mut changed = sorted(changed, new, items)?;
    let reordered = !same_order(old, new, key)?;
    changed.extend(deletions);
    let ordered = !changed.is_empty() || (half == Half::Changes && reordered);
    let order = |item: &Value| single(key, item.get(key).cloned().unwrap_or(Value::Null));
    let order = if ordered { new.iter().map(order).collect() } else { Vec::new() };
    Ok(ListPatch { items: changed, deletions: Vec::new(), order })
}

/// `isOrderSame`.
fn same_order(old: &[Value], new: &[Value], key: &str) -> Result<bool, MergeFault> {
    if old.len() != new.len() {
        return Ok(false);
    }
    for (old, new) in old.iter().zip(new) {
        if !same_item(old, new, key)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `diffListsOfScalars`.
fn diff_scalars(old: &[Value], new: &[Value], half: Half, items: Items<'_>) -> Result<ListPatch, MergeFault> {
    let (old_sorted, new_sorted) = (by_print(old), by_print(new));
    let (mut added, mut deletions) = (Vec::new(), Vec::new());
    let (mut olds, mut news) = (old_sorted.iter().peekable(), new_sorted.iter().peekable());
    loop {
        match (olds.peek(), news.peek()) {
            (None, None) => break,
            (Some((was, _)), Some((is, _))) if was == is => {
                olds.next();
                news.next();
            }
            (Some((was, _)), is) if is.is_none_or(|(is, _)| was < is) => {
                deletions.extend(olds.next().map(|(_, value)| (*value).clone()));
            }
            _ => added.extend(news.next().map(|(_, value)| (*value).clone())),
        }
    }
    if half == Half::Changes {
        // Go has sorted the old list in place by now.
        let same = old_sorted.iter().map(|(_, value)| *value).eq(new);
        let order = if same { Vec::new() } else { new.to_vec() };
        return Ok(ListPatch { items: sorted(added, new, items)?, deletions: Vec::new(), order });
    }
    let order = if deletions.is_empty() { Vec::new() } else { new.to_vec() };
    Ok(ListPatch { items: Vec::new(), deletions: unique(deletions)?, order })
}

/// Scalars of one type, which are equal if they print the same, sorted so.
fn by_print(list: &[Value]) -> Vec<(String, &Value)> {
    let mut printed: Vec<_> = list.iter().map(|value| (printed(value), value)).collect();
    printed.sort_by(|(left, _), (right, _)| left.cmp(right));
    printed
}

/// `diffListsOfMaps`.
fn diff_maps(
    old: &[Value],
    new: &[Value],
    schema: Schema,
    key: &str,
    half: Half,
    retain: bool,
) -> Result<(Vec<Value>, Vec<Value>), MergeFault> {
    let (old, new) = (by_key(old, key), by_key(new, key));
    let (mut olds, mut news) = (old.iter().peekable(), new.iter().peekable());
    let (mut changed, mut deletions) = (Vec::new(), Vec::new());
    loop {
        let (was, is) = (olds.peek(), news.peek());
        // A key that is missing is a fault as soon as its turn comes.
        for (_, item) in was.iter().chain(is.iter()) {
            merge_key(item, key)?;
        }
        match (was, is) {
            (None, None) => return Ok((changed, deletions)),
            (Some((was, Value::Object(old))), Some((is, Value::Object(new)))) if was == is => {
                let mut patch = diff(old, new, schema, half, retain)?;
                if !patch.is_empty() {
                    patch.extend(new.get(key).map(|id| (key.to_owned(), id.clone())));
                    changed.push(Value::Object(patch));
                }
                olds.next();
                news.next();
            }
            (Some((was, item)), is) if is.is_none_or(|(is, _)| was < is) => {
                if half == Half::Deletions {
                    let mut deletion = Map::from_iter([(key.to_owned(), merge_key(item, key)?.clone())]);
                    deletion.insert(DIRECTIVE.to_owned(), DELETE.into());
                    deletions.push(Value::Object(deletion));
                }
                olds.next();
            }
            (_, is) => {
                if half == Half::Changes {
                    changed.extend(is.map(|(_, item)| (*item).clone()));
                }
                news.next();
            }
        }
    }
}

/// Maps in the order in which Go sorts them by their key, as it prints.
fn by_key<'a>(list: &'a [Value], key: &str) -> Vec<(String, &'a Value)> {
    let keys: Vec<_> = list.iter().map(|item| printed(item.get(key).unwrap_or(&Value::Null))).collect();
    let places = sorted_places(&keys);
    places.into_iter().filter_map(|place| Some((keys.get(place)?.clone(), list.get(place)?))).collect()
}
