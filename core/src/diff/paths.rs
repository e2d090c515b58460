//! Which fields of two values differ, as JSON paths.
//!
//! Takes two values; gives the outermost paths at which one has what the other hasn't, or both have something else. Gives no
//! values.

use serde::Serialize;
use serde_json::Value;

use super::Change;

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathChange {
    /// Such as `spec.template.spec.containers[0].image`.
    pub path: String,
    /// How.
    pub change: Change,
}

/// Takes both sides; gives what differs, in the order of keys and indexes.
pub fn differing(old: &Value, new: &Value) -> Vec<PathChange> {
    let mut found = Vec::new();
    walk(String::new(), Some(old), Some(new), &mut |path, old, new| {
        found.push(PathChange { path, change: change(old, new) });
    });
    found
}

pub(super) fn change(old: Option<&Value>, new: Option<&Value>) -> Change {
    match (old, new) {
        (None, _) => Change::Added,
        (_, None) => Change::Removed,
        _ => Change::Changed,
    }
}

/// Calls back for the outermost paths that differ. As deep as the values, whose readers have limits.
pub(super) fn walk(
    path: String,
    old: Option<&Value>,
    new: Option<&Value>,
    found: &mut impl FnMut(String, Option<&Value>, Option<&Value>),
) {
    match (old, new) {
        (old, new) if old == new => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                walk(member(&path, key), old.get(key), new.get(key), found);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                walk(format!("{path}[{index}]"), old.get(index), new.get(index), found);
            }
        }
        (old, new) => found(path, old, new),
    }
}

/// The path of a member; keys that aren't plain words stand in brackets and quotes.
pub(crate) fn member(path: &str, key: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$');
    if key.is_empty() || !key.chars().all(plain) {
        return format!("{path}[{}]", Value::from(key));
    }
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parse;

    #[test]
    fn paths_of_what_differs() {
        let table: [(&str, &str, &[&str]); 9] = [
            ("a: 1", "a: 1", &[]),
            ("a: 1", "a: 1.0", &[]),
            ("a: 1\nb: 2", "a: 2\nc: 3", &["Changed a", "Removed b", "Added c"]),
            ("a: {b: {c: [{d: 1}, 2]}}", "a: {b: {c: [{d: 2}, 2, 3]}}", &["Changed a.b.c[0].d", "Added a.b.c[2]"]),
            ("a: {b: 1}", "a: [1]", &["Changed a"]),
            ("a: {x/y: 1}", "a: {x/y: 2}", &["Changed a[\"x/y\"]"]),
            ("a: {'': 1, 'b c': 1}", "a: {'': 2, 'b c': 2}", &["Changed a[\"\"]", "Changed a[\"b c\"]"]),
            ("a:", "b:", &["Removed a", "Added b"]),
            ("1", "2", &["Changed "]),
        ];
        for (old, new, expected) in table {
            let found = differing(&parse(old).unwrap(), &parse(new).unwrap());
            let found: Vec<_> = found.iter().map(|path| format!("{:?} {}", path.change, path.path)).collect();
            assert_eq!(found, expected, "{old} {new}");
        }
    }
}
