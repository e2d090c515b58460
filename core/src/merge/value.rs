//! JSON values as Go holds them: what type they have, when they are equal, how `%v` prints them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use super::{MAX_DEPTH, MergeFault};

/// Go's type of a decoded value (apimachinery `pkg/util/json`: numbers are int64 if they can be, else float64).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GoType {
    Nil,
    Bool,
    Int,
    Float,
    String,
    List,
    Map,
}

/// Takes a value whose numbers are [`normal`]; gives its type.
pub(super) fn go_type(value: &Value) -> GoType {
    match value {
        Value::Null => GoType::Nil,
        Value::Bool(_) => GoType::Bool,
        Value::Number(number) if number.is_i64() => GoType::Int,
        Value::Number(_) => GoType::Float,
        Value::String(_) => GoType::String,
        Value::Array(_) => GoType::List,
        Value::Object(_) => GoType::Map,
    }
}

/// Takes a document; gives it with each number as Go reads it after having written it: a float without a fraction that an
/// int64 holds is that integer, an integer that no int64 holds is a float. Fails on more than [`MAX_DEPTH`] levels.
pub(super) fn normal(value: &Value) -> Result<Value, MergeFault> {
    normal_at(value, 0)
}

fn normal_at(value: &Value, depth: usize) -> Result<Value, MergeFault> {
    if depth > MAX_DEPTH {
        return Err(MergeFault::Depth);
    }
    Ok(match value {
        Value::Number(number) => Value::Number(normal_number(number)),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| normal_at(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let member = |(key, value): (&String, _)| Ok((key.clone(), normal_at(value, depth + 1)?));
            Value::Object(members.iter().map(member).collect::<Result<_, MergeFault>>()?)
        }
        other => other.clone(),
    })
}

fn normal_number(number: &Number) -> Number {
    // The first float that no int64 holds.
    const END: f64 = 9_223_372_036_854_775_808.0;
    if number.is_i64() {
        return number.clone();
    }
    match number.as_f64() {
        Some(float) if float.fract() == 0.0 && (-END..END).contains(&float) => Number::from(float as i64),
        Some(float) => Number::from_f64(float).unwrap_or_else(|| number.clone()),
        None => number.clone(),
    }
}

/// Go's `==` on interfaces: two maps or two lists panic.
pub(super) fn go_equal(left: &Value, right: &Value) -> Result<bool, MergeFault> {
    match (go_type(left), go_type(right)) {
        (GoType::List, GoType::List) | (GoType::Map, GoType::Map) => Err(MergeFault::Incomparable),
        _ => Ok(left == right),
    }
}

/// What a hash map of Go's takes for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scalar<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Float(u64),
    String(&'a str),
}

/// Takes a value; gives it as a key, or a fault for maps and lists, on which Go panics.
pub(super) fn scalar(value: &Value) -> Result<Scalar<'_>, MergeFault> {
    match value {
        Value::Null => Ok(Scalar::Nil),
        Value::Bool(value) => Ok(Scalar::Bool(*value)),
        Value::Number(number) => Ok(match number.as_i64() {
            Some(integer) => Scalar::Int(integer),
            None => Scalar::Float(number.as_f64().map_or(0, f64::to_bits)),
        }),
        Value::String(text) => Ok(Scalar::String(text)),
        Value::Array(_) | Value::Object(_) => Err(MergeFault::Incomparable),
    }
}

/// Where values first stand in a list: Go's `index` (strategicpatch `patch.go`), without its walk for each look.
pub(super) struct Positions<'a> {
    values: &'a [Value],
    /// `None` if a value is a map or a list, which only a walk treats as Go does.
    known: Option<BTreeMap<Scalar<'a>, usize>>,
}

impl<'a> Positions<'a> {
    /// Takes the list.
    pub(super) fn of(values: &'a [Value]) -> Self {
        let mut known = BTreeMap::new();
        for (at, value) in values.iter().enumerate() {
            match scalar(value) {
                Ok(key) => known.entry(key).or_insert(at),
                Err(_) => return Self { values, known: None },
            };
        }
        Self { values, known: Some(known) }
    }

    /// Where the value stands first.
    pub(super) fn find(&self, value: &Value) -> Result<Option<usize>, MergeFault> {
        if let Some(known) = &self.known {
            return Ok(scalar(value).ok().and_then(|key| known.get(&key).copied()));
        }
        for (at, other) in self.values.iter().enumerate() {
            if go_equal(value, other)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }
}

/// A value as `fmt.Sprintf("%v", value)` prints it.
pub(super) fn printed(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => integer.to_string(),
            (None, Some(float)) => printed_float(float),
            (None, None) => number.to_string(),
        },
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(printed).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            let members: Vec<_> = members.into_iter().map(|(key, value)| format!("{key}:{}", printed(value))).collect();
            format!("map[{}]", members.join(" "))
        }
    }
}

/// The shortest digits, with an exponent below 1e-4 and from 1e21 on (Go 1.26 `fmt/format.go:fmtFloat`).
fn printed_float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return value.to_string() };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..21).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => value.to_string(),
    }
}

/// Takes an item of a list that is merged by `key`; gives the key's value.
pub(super) fn merge_key<'a>(item: &'a Value, key: &str) -> Result<&'a Value, MergeFault> {
    let members = item.as_object().ok_or_else(|| MergeFault::ItemNotAMap(key.to_owned()))?;
    members.get(key).ok_or_else(|| MergeFault::NoMergeKey(key.to_owned()))
}

/// A map of one member.
pub(super) fn single(key: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value)]))
}

/// The type of the items of all the lists, which must have one (strategicpatch `patch.go:sliceElementType`; on a null in
/// front it panics).
pub(super) fn item_type(types: impl IntoIterator<Item = GoType>) -> Result<GoType, MergeFault> {
    let mut types = types.into_iter();
    match types.next() {
        None | Some(GoType::Nil | GoType::List) => Err(MergeFault::MixedList),
        Some(first) if types.all(|other| other == first) => Ok(first),
        Some(_) => Err(MergeFault::MixedList),
    }
}

/// Go's `sort.StringsAreSorted` of two: not greater.
pub(super) fn not_greater(left: &str, right: &str) -> bool {
    left.cmp(right) != Ordering::Greater
}
