//! What differs between the values that a user gave.
//!
//! Takes the values of both sides; gives each scalar that differs with its path and what it was and is. What looks secret by
//! its key, or by itself, is replaced by a mark unless it was asked for.

use serde::Serialize;
use serde_json::Value;

use super::{Change, change, member, walk};

/// Words that make a key look secret, wherever in it they stand: hiding too much does no harm.
const SECRET_WORDS: [&str; 14] = [
    "pass",
    "pwd",
    "token",
    "secret",
    "key",
    "credential",
    "private",
    "auth",
    "dsn",
    "connection",
    "cert",
    "salt",
    "license",
    "webhook",
];

/// What stands for a value that isn't shown.
const MARK: &str = "(secret)";

/// A value that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValueChange {
    /// Such as `image.tag`.
    pub path: String,
    /// How.
    pub change: Change,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

/// Takes both sides; gives what differs, in the order of keys and indexes.
pub fn value_changes(old: &Value, new: &Value, show_secrets: bool) -> Vec<ValueChange> {
    let mut found = Vec::new();
    walk(String::new(), Some(old), Some(new), &mut |path, old, new| {
        let sides = if matches!((old, new), (Some(_), Some(_))) {
            vec![(path, old.cloned(), new.cloned())]
        } else {
            // What only one side has is told scalar by scalar, each of which may be secret or not.
            let leaves = |value: Option<&Value>| value.map(|value| leaves(&path, value)).unwrap_or_default();
            let gone = leaves(old).into_iter().map(|(path, value)| (path, Some(value), None));
            gone.chain(leaves(new).into_iter().map(|(path, value)| (path, None, Some(value)))).collect()
        };
        for (path, old, new) in sides {
            found.push(ValueChange { change: change(old.as_ref(), new.as_ref()), path, old, new });
        }
    });
    if !show_secrets {
        found.iter_mut().for_each(|found| hide(found, [old, new]));
    }
    found
}

fn leaves(path: &str, value: &Value) -> Vec<(String, Value)> {
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().flat_map(|(key, value)| leaves(&member(path, key), value)).collect()
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().flat_map(|(index, value)| leaves(&format!("{path}[{index}]"), value)).collect()
        }
        other => vec![(path.to_owned(), other.clone())],
    }
}

fn hide(found: &mut ValueChange, whole: [&Value; 2]) {
    let secret = looks_secret(&found.path)
        || [&found.old, &found.new].into_iter().flatten().any(holds_secret)
        || whole.into_iter().any(|side| is_named_secret(&found.path, side));
    if secret {
        for value in [&mut found.old, &mut found.new].into_iter().flatten() {
            *value = MARK.into();
        }
    }
}

fn looks_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| text.contains(word))
}

/// Whether a value gives itself away: an address with a password in it, a key's armour, or a secret further down.
fn holds_secret(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("-----BEGIN") || (text.contains("://") && text.contains('@')),
        Value::Array(items) => items.iter().any(holds_secret),
        Value::Object(members) => members
            .iter()
            .any(|(key, value)| looks_secret(key) || holds_secret(value) || names_secret(members.get("name"))),
        _ => false,
    }
}

fn names_secret(name: Option<&Value>) -> bool {
    name.and_then(Value::as_str).is_some_and(looks_secret)
}

/// Whether the value is one of a pair such as `{name: DB_PASSWORD, value: …}` in this side.
fn is_named_secret(path: &str, side: &Value) -> bool {
    let Some(parent) = path.strip_suffix(".value") else { return false };
    // Through plain keys and indexes only, which is how such lists are written.
    let steps = parent.split(['.', '[']).map(|step| step.trim_end_matches(']'));
    let found = steps.filter(|step| !step.is_empty()).try_fold(side, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    });
    found.is_some_and(|pair| names_secret(pair.get("name")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parse;

    fn told(old: &str, new: &str, show: bool) -> Vec<String> {
        let side = |value: Option<Value>| value.map_or("-".to_owned(), |value| value.to_string());
        let changes = value_changes(&parse(old).unwrap(), &parse(new).unwrap(), show);
        changes.into_iter().map(|it| format!("{} {} {}", it.path, side(it.old), side(it.new))).collect()
    }

    #[test]
    fn values_are_told_scalar_by_scalar() {
        let table: [(&str, &str, &[&str]); 7] = [
            ("{}", "{}", &[]),
            ("image: {tag: '1'}", "image: {tag: '2'}", &[r#"image.tag "1" "2""#]),
            ("{}", "a: {b: 1, c: [x, {d: true}]}", &["a.b - 1", r#"a.c[0] - "x""#, "a.c[1].d - true"]),
            ("a: {b: 1}\nz: {}", "{}", &["a.b 1 -", "z {} -"]),
            ("a: 1", "a: {b: 2}", &[r#"a 1 {"b":2}"#]),
            ("a: 1", "a:", &["a 1 null"]),
            ("{}", "host.name: x", &[r#"["host.name"] - "x""#]),
        ];
        for (old, new, expected) in table {
            assert_eq!(told(old, new, false), expected, "{old} {new}");
        }
    }

    #[test]
    fn what_looks_secret_is_hidden_unless_asked_for() {
        let table = [
            ("db: {password: canary}", "db: {password: canary2}"),
            ("{}", "secrets: {a: {b: canary}}"),
            ("{}", "API_TOKEN: canary"),
            ("{}", "url: postgres://u:canary@db/x"),
            ("tls: a", "tls: '-----BEGIN canary'"),
            ("{}", "env: [{name: DB_PASSWORD, value: canary}]"),
            ("env: [{name: DB_PASSWORD, value: canary}]", "env: [{name: DB_PASSWORD, value: canary2}]"),
            ("a: 1", "a: {password: canary}"),
            ("a: 1", "a: [{name: DB_PASSWORD, value: canary}]"),
        ];
        for (old, new) in table {
            let shown = told(old, new, false).join("\n");
            assert!(!shown.contains("canary") && shown.contains(MARK), "{new}: {shown}");
            assert!(told(old, new, true).join("\n").contains("canary"), "{new}");
        }
    }
}
