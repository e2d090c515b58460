//! Lists: by key where items have one, as sets where they are, else item by item or as a whole.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fit::Fit;
use super::keys::{is_ordered, is_set, key_default, key_of};
use super::scalar::text;
use super::standing::Speaks;
use super::walk::{Step, Three, Walk};

/// Items by key, in the list's order.
type Keyed<'a> = Vec<(String, &'a Value)>;

impl<'a> Walk<'a> {
    /// Looks at a list that at least one manifest sets.
    pub(super) fn list(&mut self, three: Three<'a>) {
        let path = self.path();
        let keys: Option<&[&str]> = if is_set(&path) {
            Some(&[])
        } else if self.is_typed() {
            key_of(&path)
        } else {
            None
        };
        let items = three.map(|list| list.and_then(Value::as_array).map_or(&[][..], Vec::as_slice));
        if let Some(keys) = keys
            && let [Some(old), Some(new), Some(live)] = items.map(|items| keyed(items, keys))
        {
            return self.keyed([old, new, live]);
        }
        let [old, new, live] = items;
        let objects = items.iter().all(|items| items.iter().all(Value::is_object));
        if objects && !live.is_empty() && old.len() == new.len() && new.len() == live.len() {
            for (index, ((old, new), live)) in old.iter().zip(new).zip(live).enumerate() {
                self.within(Step::Index(index), [Some(old), Some(new), Some(live)]);
            }
            return;
        }
        let fits = self.whole(three, [old, new, live]);
        self.settle(three, fits);
    }

    /// Items that are known by a key; what others add is passed over.
    fn keyed(&mut self, [old, new, live]: [Keyed<'a>; 3]) {
        let index = |items: &Keyed<'a>| -> BTreeMap<String, &'a Value> { items.iter().cloned().collect() };
        let (in_old, in_new, in_live) = (index(&old), index(&new), index(&live));
        if is_ordered(&self.path()) {
            let common = |items: &Keyed<'a>| -> Vec<String> {
                let in_both = |key: &&String| in_old.contains_key(*key) && in_new.contains_key(*key);
                items.iter().map(|(key, _)| key).filter(in_both).cloned().collect()
            };
            self.order([common(&old), common(&new), common(&live)]);
        }
        let added = new.into_iter().filter(|(key, _)| !in_old.contains_key(key));
        for (key, item) in old.into_iter().chain(added) {
            let live = in_live.get(&key).copied();
            let both = (in_old.get(&key).copied(), in_new.get(&key).copied());
            let step = Step::Item(key);
            match (both, live) {
                ((Some(old), Some(new)), Some(live)) if item.is_object() => {
                    self.within(step, [Some(old), Some(new), Some(live)]);
                }
                ((old, new), live) => self.item(step, [old, new, live]),
            }
        }
    }

    /// What the order of the items says that both manifests have. Where some of them aren't there, that is said of the items.
    fn order(&mut self, [old, new, live]: [Vec<String>; 3]) {
        if old != new && live.len() == old.len() {
            let sides = if live == new {
                Speaks::New
            } else if live == old {
                Speaks::Old
            } else {
                Speaks::Neither
            };
            self.differing(sides);
        }
    }

    /// An item that isn't in all three, or is nothing but its key.
    fn item(&mut self, step: Step<'a>, [old, new, live]: Three<'a>) {
        self.enter(step);
        let foreign = self.is_foreign(0) || self.is_foreign(1);
        match (old, new, live) {
            (Some(_), Some(_), Some(_)) => {}
            (Some(_), Some(_), None) if foreign => self.note(Speaks::Unknown, false),
            (Some(old), Some(new), None) if self.same(Some(old), Some(new)) => self.drifted(),
            (Some(_), Some(_), None) => self.differing(Speaks::Neither),
            _ if foreign => self.differing(Speaks::Unknown),
            // Whatever it holds: the new side would have taken it away.
            (Some(_), None, Some(_)) => self.differing(Speaks::Old),
            (Some(_), None, None) => self.differing(Speaks::New),
            (None, Some(new), Some(live)) if self.covers(new, live) => self.differing(Speaks::New),
            (None, Some(_), Some(_)) => self.differing(Speaks::Neither),
            (None, Some(_), None) => self.differing(Speaks::Old),
            (None, None, _) => {}
        }
        self.leave();
    }

    /// How a list without keys fits as a whole: item by item, or with more among them if others may have added some.
    fn whole(&mut self, three: Three<'a>, [old, new, live]: [&'a [Value]; 3]) -> [Fit; 2] {
        let [in_old, in_new, in_live] = three;
        let alike = std::ptr::eq(old, new);
        let first = self.whole_side(0, in_old, old, live);
        let second = if alike { first } else { self.whole_side(1, in_new, new, live) };
        let fits = [first, second];
        if fits.contains(&Fit::Yes) || in_live.is_none() {
            return fits;
        }
        // How many items of a list that doesn't fit are among others.
        let mut found = |fit: Fit, wanted: &'a [Value]| {
            let shorter = fit == Fit::No && !wanted.is_empty() && wanted.len() < live.len();
            if shorter && self.among(wanted, live) { wanted.len() } else { 0 }
        };
        let in_first = found(first, old);
        let in_second = if alike { in_first } else { found(second, new) };
        // The longer one says more.
        let longest = in_first.max(in_second);
        let better = |fit, length| if longest > 0 && length == longest { Fit::Yes } else { fit };
        [better(first, in_first), better(second, in_second)]
    }

    fn whole_side(&mut self, side: usize, list: Option<&'a Value>, wanted: &'a [Value], live: &'a [Value]) -> Fit {
        match list {
            None if self.is_foreign(side) => Fit::Unknown,
            None => Fit::Unset,
            // Where an empty list is kept, none at all is as good.
            Some(_) if wanted.len() == live.len() && self.among(wanted, live) => Fit::Yes,
            Some(_) if self.is_foreign(side) => Fit::Unknown,
            Some(_) => Fit::No,
        }
    }

    /// Whether all wanted items are there, in that order.
    fn among(&mut self, wanted: &'a [Value], live: &'a [Value]) -> bool {
        let mut live = live.iter().enumerate();
        wanted.iter().all(|wanted| {
            live.any(|(index, live)| {
                self.enter(Step::Index(index));
                let covered = self.covers(wanted, live);
                self.leave();
                covered
            })
        })
    }
}

/// The items by key; nothing if an item lacks it or two share one.
fn keyed<'a>(items: &'a [Value], keys: &[&str]) -> Option<Keyed<'a>> {
    let mut found = BTreeMap::new();
    let mut keyed = Vec::new();
    for item in items {
        let field = |field: &&str| match item.get(*field) {
            Some(value) => text(value),
            None => key_default(field).map(str::to_owned),
        };
        let key =
            if keys.is_empty() { text(item)? } else { keys.iter().map(field).collect::<Option<Vec<_>>>()?.join("/") };
        if found.insert(key.clone(), ()).is_some() {
            return None;
        }
        keyed.push((key, item));
    }
    Some(keyed)
}
