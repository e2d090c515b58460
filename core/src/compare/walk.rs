//! Three values, side by side.

use serde_json::{Map, Value};

use super::defaults::{fills_in, follows, is_allocated, is_free, is_sticky, keeps_empty, keeps_zero};
use super::fit::{Field, Fit, speaks};
use super::owner::{MANAGED_BY, RELEASE_NAME, RELEASE_NAMESPACE};
use super::scalar::{Place, agree};
use super::shape::Ground;
use super::standing::{Evidence, MAX_EVIDENCE, Speaks};
use crate::diff::member;

/// How deep is looked; what lies deeper can't be told. Manifests nest at most [`crate::manifest::MAX_DEPTH`] levels.
const MAX_DEPTH: usize = 100;
/// How many comparisons are made; what is left then can't be told.
const MAX_WORK: usize = 4_000_000;
/// What the server, or Helm, says of every object by itself.
const METADATA: [&str; 11] = [
    "name",
    "namespace",
    "generateName",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
];

/// What was counted, and the paths.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Fields in which the manifests differ.
    pub(super) differing: usize,
    /// Of these: as in the old one only.
    pub(super) old: usize,
    /// As in the new one only.
    pub(super) new: usize,
    /// As in none.
    pub(super) neither: usize,
    /// Not comparable.
    pub(super) unknown: usize,
    /// Fields that both manifests set alike, and are otherwise.
    pub(super) drifted: usize,
    /// What is said, at most [`MAX_EVIDENCE`].
    pub(super) paths: Vec<Evidence>,
    /// How much more is.
    pub(super) left_out: usize,
}

/// One step of a path.
#[derive(Debug, Clone)]
pub(super) enum Step<'a> {
    Member(&'a str),
    Index(usize),
    /// An item by its key.
    Item(String),
}

/// A walk through the fields that either manifest sets.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pub(super) ground: Ground<'a>,
    steps: Vec<Step<'a>>,
    /// What the live object and both manifests hold around the current field.
    around: Vec<[Option<&'a Value>; 3]>,
    tally: Tally,
    muted: bool,
    /// Whether a limit kept something from being compared since the last field.
    lost: bool,
    work: usize,
}

/// The old, the new and the live value of one field.
pub(super) type Three<'a> = [Option<&'a Value>; 3];

impl<'a> Walk<'a> {
    /// Takes both manifests' objects and the live one; gives what their fields say.
    pub(super) fn over(ground: Ground<'a>, old: &'a Value, new: &'a Value, live: &'a Value) -> Tally {
        let (steps, around, tally) = (Vec::new(), Vec::new(), Tally::default());
        let mut walk = Self { ground, steps, around, tally, muted: false, lost: false, work: 0 };
        walk.node([Some(old), Some(new), Some(live)]);
        walk.tally
    }

    pub(super) fn node(&mut self, three: Three<'a>) {
        let [old, new, live] = three;
        let live = self.set(live, live);
        let three = [self.set(old, live), self.set(new, live), live];
        self.work += 1;
        if self.work > MAX_WORK || self.steps.len() > MAX_DEPTH {
            self.lost = self.muted;
            return self.differing(Speaks::Unknown);
        }
        match three {
            [None, None, _] => {}
            [Some(Value::Object(_)) | None, Some(Value::Object(_)) | None, _] => self.object(three),
            [Some(Value::Array(_)) | None, Some(Value::Array(_)) | None, _] => self.list(three),
            _ => self.leaf(three),
        }
    }

    /// Steps into a part, looks at it and steps out.
    pub(super) fn within(&mut self, step: Step<'a>, three: Three<'a>) {
        self.enter(step);
        self.node(three);
        self.leave();
    }

    pub(super) fn enter(&mut self, step: Step<'a>) {
        self.steps.push(step);
    }

    pub(super) fn leave(&mut self) {
        self.steps.pop();
    }

    /// What a manifest sets here: not null, nor what built-in types don't keep, nor what asks the server to choose.
    fn set(&self, side: Option<&'a Value>, live: Option<&'a Value>) -> Option<&'a Value> {
        let side = side?;
        let typed = self.is_typed();
        match side {
            Value::Null => None,
            Value::Array(items) => Some(side).filter(|_| !typed || !items.is_empty()),
            Value::Object(members) => Some(side).filter(|_| !typed || !members.is_empty() || keeps_empty(&self.path())),
            _ if typed && is_zero(side) && is_allocated(self.key()) => None,
            _ if live.is_none() && self.vanishes(side) => None,
            _ => Some(side),
        }
    }

    /// Whether this is false, 0 or empty in a field whose type leaves that out.
    fn vanishes(&self, value: &Value) -> bool {
        let in_list = matches!(self.steps.last(), Some(Step::Index(_) | Step::Item(_)) | None);
        if in_list || !self.is_typed() || !is_zero(value) {
            return false;
        }
        let path = self.path();
        let place = self.place(&path);
        !(keeps_zero(self.key()) || is_free(&path) || place.is_quantity())
    }

    /// Whether the server knows the types here: of all fields in a built-in kind, of the metadata in any.
    pub(super) fn is_typed(&self) -> bool {
        self.ground.typed || matches!(self.steps.first(), Some(Step::Member("metadata")))
    }

    fn place<'p>(&self, path: &'p [&'p str]) -> Place<'p> {
        Place { path, typed: self.is_typed(), secret: self.ground.secret }
    }

    fn object(&mut self, three: Three<'a>) {
        let [old, new, live] = three.map(|value| value.and_then(Value::as_object));
        let mut keys: Vec<&'a String> = [old, new].into_iter().flatten().flat_map(Map::keys).collect();
        keys.sort_unstable();
        keys.dedup();
        // Two empty maps, or one and nothing.
        if keys.is_empty() {
            return self.leaf(three);
        }
        self.around.push(three);
        let keys = keys.into_iter().filter(|key| !self.is_passed_over(key)).collect::<Vec<_>>();
        for key in keys {
            let get = |map: Option<&'a Map<String, Value>>| map.and_then(|map| map.get(key));
            self.within(Step::Member(key), [get(old), get(new), get(live)]);
        }
        self.around.pop();
    }

    fn is_passed_over(&self, key: &str) -> bool {
        match self.steps.as_slice() {
            [] => matches!(key, "apiVersion" | "kind" | "status"),
            [Step::Member("metadata")] => METADATA.contains(&key),
            [Step::Member("metadata"), Step::Member("annotations")] => matches!(key, RELEASE_NAME | RELEASE_NAMESPACE),
            [Step::Member("metadata"), Step::Member("labels")] => key == MANAGED_BY,
            _ => false,
        }
    }

    pub(super) fn leaf(&mut self, three: Three<'a>) {
        let [old, new, live] = three;
        let fits = [self.fit(0, old, live), self.fit(1, new, live)];
        self.settle(three, fits);
    }

    fn fit(&mut self, side: usize, wanted: Option<&'a Value>, live: Option<&'a Value>) -> Fit {
        let foreign = self.is_foreign(side);
        match (wanted, live) {
            (None, _) if foreign => Fit::Unknown,
            (None, _) => Fit::Unset,
            (Some(wanted), Some(live)) if self.covers(wanted, live) => Fit::Yes,
            (Some(Value::Array(items)), None) if items.is_empty() => Fit::Yes,
            (Some(Value::Object(members)), None) if members.is_empty() => Fit::No,
            (Some(Value::Array(_) | Value::Object(_)), _) | (Some(_), None) if foreign => Fit::Unknown,
            (Some(_), _) => Fit::No,
        }
    }

    /// Tells what a field says once it is known how the sides fit.
    pub(super) fn settle(&mut self, three: Three<'a>, fits: [Fit; 2]) {
        let [old, new, live] = three;
        if self.same(old, new) {
            return self.settle_same(fits);
        }
        let (path, key) = (self.path(), self.key());
        let kind = self.ground.kind;
        let typed = self.is_typed();
        let around = self.around.last().copied().unwrap_or([None; 3]);
        // What was filled in because of what stands beside it was so when the side came that doesn't set it.
        let [beside_old, beside_new, _] = around;
        let beside = if old.is_none() { beside_old } else { beside_new };
        let filled = |live| fills_in(kind, &path, Some(live)) || follows(key, live, beside) || self.vanishes(live);
        let filled = typed && live.is_some_and(filled);
        // A map comes with what is filled into it.
        let derived = matches!(key, "targetPort" | "imagePullPolicy") || live.is_some_and(Value::is_object);
        let fillable = !is_free(&path) && (!typed || derived || fills_in(kind, &path, None));
        let sticky = typed && (is_sticky(&path) || self.is_sticky_data() || self.is_scaled());
        self.differing(speaks(Field { fits, live, filled, fillable, sticky }));
    }

    fn settle_same(&mut self, fits: [Fit; 2]) {
        // Something else is meant to choose these, whatever the manifest says.
        let chosen = self.key() == "caBundle" || self.is_scaled() || self.is_aggregated();
        match fits {
            [Fit::Yes, _] | [_, Fit::Yes] => {}
            [Fit::Unknown, _] | [_, Fit::Unknown] => self.note(Speaks::Unknown, false),
            _ if chosen => self.note(Speaks::Neither, false),
            _ => self.drifted(),
        }
    }

    /// Whether an autoscaler set this.
    fn is_scaled(&self) -> bool {
        self.ground.scaled && matches!(self.steps.as_slice(), [Step::Member("spec"), Step::Member("replicas")])
    }

    /// Whether these are the rules of a role into which a controller gathers others' rules.
    fn is_aggregated(&self) -> bool {
        if !matches!(self.steps.as_slice(), [Step::Member("rules")]) {
            return false;
        }
        let side = self.around.last().and_then(|[_, new, _]| *new);
        self.ground.kind == "ClusterRole" && side.is_some_and(|side| side.get("aggregationRule").is_some())
    }

    fn is_sticky_data(&self) -> bool {
        match self.steps.as_slice() {
            [Step::Member("data"), Step::Member(key)] => self.ground.sticky.contains(key),
            _ => false,
        }
    }

    /// Whether what is holds all that is wanted; it may hold more.
    pub(super) fn covers(&mut self, wanted: &'a Value, live: &'a Value) -> bool {
        match (wanted, live) {
            (Value::Object(_), Value::Object(_)) | (Value::Array(_), Value::Array(_)) => {
                let (kept, muted) = (std::mem::take(&mut self.tally), self.muted);
                self.muted = true;
                let around = self.around.len();
                match (wanted, live) {
                    (Value::Object(members), _) if members.is_empty() => {}
                    (Value::Array(items), Value::Array(live)) if items.is_empty() => {
                        self.tally.drifted += usize::from(!live.is_empty());
                    }
                    _ => self.node([Some(wanted), Some(wanted), Some(live)]),
                }
                self.around.truncate(around);
                let tally = std::mem::replace(&mut self.tally, kept);
                self.muted = muted;
                tally.drifted == 0 && tally.differing == 0 && tally.unknown == 0
            }
            (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => false,
            _ => {
                let path = self.path();
                agree(wanted, live, self.place(&path))
            }
        }
    }

    /// Whether both manifests want the same.
    pub(super) fn same(&mut self, old: Option<&'a Value>, new: Option<&'a Value>) -> bool {
        match (old, new) {
            (None, None) => true,
            (Some(old), Some(new)) => std::ptr::eq(old, new) || (self.covers(old, new) && self.covers(new, old)),
            _ => false,
        }
    }

    pub(super) fn is_foreign(&self, side: usize) -> bool {
        self.ground.foreign.get(side).copied().unwrap_or(false)
    }

    /// Counts what the current path says and keeps it; `differs` tells whether the manifests differ there.
    pub(super) fn note(&mut self, sides: Speaks, differs: bool) {
        let counts = match sides {
            Speaks::Old => Some(&mut self.tally.old),
            Speaks::New => Some(&mut self.tally.new),
            Speaks::Neither => Some(&mut self.tally.neither),
            Speaks::Unknown => Some(&mut self.tally.unknown),
            Speaks::Either => None,
        };
        if let (true, Some(count)) = (differs, counts) {
            *count += 1;
        }
        if self.muted {
            // Whether something can't be told is all that is asked then.
            self.tally.unknown += usize::from(sides == Speaks::Unknown && !differs);
        } else if self.tally.paths.len() < MAX_EVIDENCE {
            self.tally.paths.push(Evidence { path: self.shown(), sides });
        } else {
            self.tally.left_out += 1;
        }
    }

    /// Counts a field that both manifests set alike and that isn't so.
    pub(super) fn drifted(&mut self) {
        if self.is_lost() {
            return self.note(Speaks::Unknown, false);
        }
        self.tally.drifted += 1;
        self.note(Speaks::Neither, false);
    }

    /// Counts a field in which the manifests differ.
    pub(super) fn differing(&mut self, sides: Speaks) {
        let sides = if self.is_lost() { Speaks::Unknown } else { sides };
        self.tally.differing += 1;
        self.note(sides, true);
    }

    /// Whether what was just found is worth nothing, as a limit cut it short.
    fn is_lost(&mut self) -> bool {
        !self.muted && std::mem::take(&mut self.lost)
    }

    /// The current path, `*` for items.
    pub(super) fn path(&self) -> Vec<&'a str> {
        let name = |step: &Step<'a>| match step {
            Step::Member(key) => *key,
            Step::Index(_) | Step::Item(_) => "*",
        };
        self.steps.iter().map(name).collect()
    }

    fn key(&self) -> &'a str {
        match self.steps.last() {
            Some(Step::Member(key)) => key,
            _ => "",
        }
    }

    fn shown(&self) -> String {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':');
        self.steps.iter().fold(String::new(), |path, step| match step {
            Step::Member(key) => member(&path, key),
            Step::Index(index) => format!("{path}[{index}]"),
            Step::Item(item) if !item.is_empty() && item.chars().all(plain) => format!("{path}[{item}]"),
            Step::Item(item) => format!("{path}[{}]", Value::from(item.as_str())),
        })
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(bool) => !bool,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}
