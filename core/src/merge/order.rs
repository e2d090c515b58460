//! The order of a merged list: the new manifest's own order for its items, the live order for the others, the two woven
//! together (Kubernetes 1.37 apimachinery `pkg/util/strategicpatch/patch.go:normalizeElementOrder` and around it).

use serde_json::Value;

use super::value::{GoType, Positions, go_equal, merge_key, scalar};
use super::{DELETE, DIRECTIVE, MergeFault};

/// How the items of a list are told apart: by a key if they are maps, else by themselves.
#[derive(Clone, Copy)]
pub(super) struct Items<'a> {
    pub(super) kind: GoType,
    pub(super) key: &'a str,
}

impl Items<'_> {
    /// What the items are told apart by. Fails on an item that is no map or has no key.
    fn identities(self, list: &[Value]) -> Result<Vec<Value>, MergeFault> {
        match self.kind {
            GoType::Map => list.iter().map(|item| merge_key(item, self.key).cloned()).collect(),
            _ => Ok(list.to_vec()),
        }
    }
}

/// Takes items of the patch and items that only the live list has, the order each is to have, and what the live list's
/// order was; gives one list.
pub(super) fn normalize(
    patch: Vec<Value>,
    live_only: Vec<Value>,
    patch_order: &[Value],
    live_order: &[Value],
    items: Items<'_>,
) -> Result<Vec<Value>, MergeFault> {
    let patch = sorted(patch, patch_order, items)?;
    let live_only = sorted(live_only, live_order, items)?;
    weave(live_only, patch, live_order, items)
}

/// Takes items and the order they are to have; gives them so, those to be deleted last (`normalizeSliceOrder`).
pub(super) fn sorted(list: Vec<Value>, order: &[Value], items: Items<'_>) -> Result<Vec<Value>, MergeFault> {
    let order = items.identities(order)?;
    // Before any is taken out, each must have its key.
    items.identities(&list)?;
    let (kept, deleted) = match items.kind {
        GoType::Map => split_deletions(list)?,
        _ => (list, Vec::new()),
    };
    let places = Positions::of(&order);
    let mut keyed: Vec<_> = items.identities(&kept)?.into_iter().zip(kept).collect();
    let ranks: Result<Option<Vec<usize>>, _> = keyed.iter().map(|(id, _)| places.find(id)).collect();
    if let Ok(Some(ranks)) = ranks {
        let mut ranked: Vec<_> = ranks.into_iter().zip(keyed).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        keyed = ranked.into_iter().map(|(_, item)| item).collect();
    } else {
        sort_unknown(&mut keyed, &places)?;
    }
    Ok(keyed.into_iter().map(|(_, item)| item).chain(deleted).collect())
}

/// Go's comparison calls an item smaller if either isn't in the order; then the steps of the sort decide, which are these
/// for up to 20 items (Go 1.26 `sort/zsortfunc.go:stable_func`).
fn sort_unknown(keyed: &mut [(Value, Value)], places: &Positions<'_>) -> Result<(), MergeFault> {
    for next in 1..keyed.len() {
        for at in (1..=next).rev() {
            let [(before, _), (this, _)] = keyed.get(at - 1..=at).unwrap_or_default() else { break };
            let less = match places.find(this)? {
                Some(mine) => places.find(before)?.is_none_or(|other| mine < other),
                None => true,
            };
            if !less {
                break;
            }
            keyed.swap(at - 1, at);
        }
    }
    Ok(())
}

/// Splits off the items that say `$patch: delete`.
pub(super) fn split_deletions(list: Vec<Value>) -> Result<(Vec<Value>, Vec<Value>), MergeFault> {
    if list.iter().any(|item| !item.is_object()) {
        return Err(MergeFault::MixedList);
    }
    Ok(list.into_iter().partition(|item| item.get(DIRECTIVE).is_none_or(|directive| directive != DELETE)))
}

/// Two sorted lists as one: an item of `left` goes in front of one of `right` if it stood so in the live list
/// (`mergeSortedSlice`).
fn weave(
    left: Vec<Value>,
    right: Vec<Value>,
    live_order: &[Value],
    items: Items<'_>,
) -> Result<Vec<Value>, MergeFault> {
    if left.is_empty() || right.is_empty() {
        return Ok(left.into_iter().chain(right).collect());
    }
    let order = items.identities(live_order)?;
    let places = Positions::of(&order);
    let (left_ids, right_ids) = (items.identities(&left)?, items.identities(&right)?);
    let (mut left, mut right) =
        (left_ids.into_iter().zip(left).peekable(), right_ids.into_iter().zip(right).peekable());
    let mut woven = Vec::new();
    while let (Some((left_id, _)), Some((right_id, _))) = (left.peek(), right.peek()) {
        let (of_left, of_right) = (places.find(left_id)?, places.find(right_id)?);
        let first = of_left.is_some_and(|of_left| of_right.is_some_and(|of_right| of_left < of_right));
        woven.extend(if first { left.next() } else { right.next() });
    }
    Ok(woven.into_iter().chain(left).chain(right).map(|(_, item)| item).collect())
}

/// Splits a merged list into the items that `by` names, and the others (`partitionPrimitivesByPresentInList` and
/// `partitionMapsByPresentInList`).
pub(super) fn partition(list: Vec<Value>, by: &[Value], key: &str) -> Result<(Vec<Value>, Vec<Value>), MergeFault> {
    let ids = if key.is_empty() { by.to_vec() } else { named(by, key)? };
    if key.is_empty() {
        ids.iter().chain(&list).try_for_each(|item| scalar(item).map(drop))?;
    }
    let places = Positions::of(&ids);
    let (mut present, mut absent) = (Vec::new(), Vec::new());
    for item in list {
        let id = if key.is_empty() { &item } else { merge_key(&item, key)? };
        let found = places.find(id)?.is_some();
        if found { present.push(item) } else { absent.push(item) }
    }
    Ok((present, absent))
}

/// The keys of the items that have one.
fn named(list: &[Value], key: &str) -> Result<Vec<Value>, MergeFault> {
    let mut keys = Vec::new();
    for item in list {
        let members = item.as_object().ok_or_else(|| MergeFault::ItemNotAMap(key.to_owned()))?;
        keys.extend(members.get(key).cloned());
    }
    Ok(keys)
}

/// Whether two items are the same one (`mergeKeyValueEqual`).
pub(super) fn same_item(left: &Value, right: &Value, key: &str) -> Result<bool, MergeFault> {
    if key.is_empty() {
        return go_equal(left, right);
    }
    go_equal(merge_key(left, key)?, merge_key(right, key)?)
}
