//! Lists that are merged item by item (Kubernetes 1.37 apimachinery
//! `pkg/util/strategicpatch/patch.go:mergeSlice` and below it).

use std::collections::BTreeSet;

use serde_json::Value;

use super::apply::{Into, merge_map};
use super::order::{Items, normalize, partition};
use super::schema::Schema;
use super::value::{GoType, Positions, go_equal, go_type, item_type, merge_key, scalar, single};
use super::{DELETE, DIRECTIVE, MergeFault, REPLACE};

/// The items of a live list, by what they are told apart by, as Go still sees them after it has merged the list in place:
/// deleting an item moves the later ones forward under the old list, and an added one is written behind them. Go then takes
/// that for the live order, so an added item can count as having stood there.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) items: Vec<Value>,
    /// How many of them are still the list's.
    used: usize,
}

impl View {
    pub(super) fn of(list: &[Value], key: &str) -> Self {
        Self { items: list.iter().map(|item| identity(item, key)).collect(), used: list.len() }
    }

    fn delete(&mut self, at: usize) {
        let Some(moved) = self.items.get_mut(at..self.used) else { return };
        moved.rotate_left(1);
        self.used -= 1;
        // The last one is still there, and so twice, unless it was the one deleted.
        if at < self.used
            && let Some(last) = self.items.get(self.used - 1).cloned()
        {
            self.set(self.used, last);
        }
    }

    fn push(&mut self, item: Value) {
        self.set(self.used, item);
        self.used += 1;
    }

    fn set(&mut self, at: usize, item: Value) {
        if let Some(place) = self.items.get_mut(at) {
            *place = item;
        }
    }
}

/// An item with nothing but its key.
fn identity(item: &Value, key: &str) -> Value {
    match item {
        Value::Object(members) => match members.get(key) {
            Some(id) => single(key, id.clone()),
            None => Value::Object(serde_json::Map::new()),
        },
        Value::Array(_) => Value::Array(Vec::new()),
        other => other.clone(),
    }
}

/// Takes a list, the patch for it, what its items are, and the key that tells them apart; gives the merged list, and how the
/// old one looks then.
pub(super) fn merge_items(
    old: Vec<Value>,
    patch: Vec<Value>,
    schema: Schema,
    key: &str,
    into: Into,
) -> Result<(Vec<Value>, View), MergeFault> {
    if old.is_empty() && patch.is_empty() {
        return Ok((old, View::default()));
    }
    let kind = item_type(old.iter().chain(&patch).map(go_type))?;
    let items = Items { kind, key };
    if kind != GoType::Map {
        let (merged, view) = merge_scalars(&old, &patch);
        let (named, others) = partition(merged, &patch, key)?;
        let list = normalize(named, others, &patch, &view.items, items)?;
        return Ok((list, view));
    }
    if key.is_empty() {
        return Err(MergeFault::NoMergeKey(String::new()));
    }
    let mut view = View::of(&old, key);
    let (old, patch) = follow_directives(old, patch, key, &mut view)?;
    let order = |list: &[Value]| list.iter().map(|item| identity(item, key)).collect::<Vec<_>>();
    let (old_order, patch_order) = (order(&old), order(&patch));
    let merged = merge_maps(old, patch, schema, key, into, &mut view)?;
    let (named, others) = partition(merged, &patch_order, key)?;
    let list = normalize(named, others, &patch_order, &old_order, items)?;
    Ok((list, view))
}

/// Takes a list and what a patch wants deleted from it; gives the rest. Only scalars are deleted so: maps in such a list
/// are merged like any others.
pub(super) fn delete_items(
    old: Vec<Value>,
    deletions: Vec<Value>,
    schema: Schema,
    key: &str,
) -> Result<Vec<Value>, MergeFault> {
    if old.is_empty() && deletions.is_empty() {
        return Ok(old);
    }
    if item_type(old.iter().chain(&deletions).map(go_type))? == GoType::Map {
        return Ok(merge_items(old, deletions, schema, key, Into::Object)?.0);
    }
    let places = Positions::of(&deletions);
    let mut kept = Vec::new();
    for item in old {
        if places.find(&item)?.is_none() {
            kept.push(item);
        }
    }
    Ok(kept)
}

/// Scalars of both lists, each once. Go works in place, where the list it decoded has room for the patch.
fn merge_scalars(old: &[Value], patch: &[Value]) -> (Vec<Value>, View) {
    let mut both: Vec<Value> = old.iter().chain(patch).cloned().collect();
    let kept = dedup_in_place(&mut both);
    let view = match both.get(..old.len()) {
        Some(shared) if both.len() <= old.len().next_power_of_two() => View { items: shared.to_vec(), used: old.len() },
        _ => View { items: old.to_vec(), used: old.len() },
    };
    both.truncate(kept);
    (both, view)
}

/// Follows `$patch` in the items of the patch; gives the two lists without it (`mergeSliceWithSpecialElements`).
fn follow_directives(
    mut old: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
    view: &mut View,
) -> Result<(Vec<Value>, Vec<Value>), MergeFault> {
    let (mut plain, mut replace) = (Vec::new(), false);
    for item in patch {
        match item.get(DIRECTIVE).map(Value::as_str) {
            None => plain.push(item),
            Some(Some(DELETE)) => delete_matching(&mut old, key, merge_key(&item, key)?, view)?,
            Some(Some(REPLACE)) => replace = true,
            Some(_) => return Err(MergeFault::Directive(DIRECTIVE)),
        }
    }
    Ok(if replace { (plain, Vec::new()) } else { (old, plain) })
}

/// `deleteMatchingEntries`.
fn delete_matching(list: &mut Vec<Value>, key: &str, id: &Value, view: &mut View) -> Result<(), MergeFault> {
    let mut at = 0;
    while let Some(item) = list.get(at) {
        match item.get(key) {
            Some(other) if go_equal(other, id)? => {
                list.remove(at);
                view.delete(at);
            }
            _ => at += 1,
        }
    }
    Ok(())
}

/// Merges items with the same key, adds the others (`mergeSliceWithoutSpecialElements`).
fn merge_maps(
    mut list: Vec<Value>,
    patch: Vec<Value>,
    schema: Schema,
    key: &str,
    into: Into,
    view: &mut View,
) -> Result<Vec<Value>, MergeFault> {
    for item in patch {
        let id = merge_key(&item, key)?;
        let mut found = None;
        for (at, other) in list.iter().enumerate() {
            if let Some(other) = other.get(key)
                && go_equal(other, id)?
            {
                found = Some(at);
                break;
            }
        }
        match (found.and_then(|at| list.get_mut(at)).map(|place| (place.take(), place)), item) {
            (Some((Value::Object(old), place)), Value::Object(new)) => {
                *place = Value::Object(merge_map(old, new, schema, into)?);
            }
            (_, item) => {
                view.push(identity(&item, key));
                list.push(item);
            }
        }
    }
    Ok(list)
}

/// Takes scalars; fails on a map or a list.
pub(super) fn unique(mut list: Vec<Value>) -> Result<Vec<Value>, MergeFault> {
    list.iter().try_for_each(|item| scalar(item).map(drop))?;
    let kept = dedup_in_place(&mut list);
    list.truncate(kept);
    Ok(list)
}

/// Takes scalars; gives how many are left, in front, when each is there once: the last takes the place of what is there
/// again (`deduplicateScalars`).
fn dedup_in_place(list: &mut [Value]) -> usize {
    let mut seen = BTreeSet::new();
    // Most lists have nothing twice, and looking for it pair by pair takes its time.
    if list.iter().filter_map(|item| scalar(item).ok()).all(|item| seen.insert(item)) {
        return list.len();
    }
    let (mut kept, mut first) = (list.len(), 0);
    while first + 1 < kept {
        let mut second = first + 1;
        while second < kept {
            if list.get(first) == list.get(second) {
                kept -= 1;
                if let Some(last) = list.get(kept).cloned()
                    && let Some(place) = list.get_mut(second)
                {
                    *place = last;
                }
            } else {
                second += 1;
            }
        }
        first += 1;
    }
    kept
}
