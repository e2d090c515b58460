//! Objects that are secret by what they are, or by a mark.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::token::is_token;
use super::walk::{Rule, Walk};

/// The annotation that marks an object, or fields of it, secret: `"true"`, or paths such as `spec.code,spec.users.pin`.
/// In Chart.yaml it marks values.
pub const MARK: &str = "refloat.dev/redact";

/// Fields of a Secret that hold none. All others are redacted: a misspelt `stringData` holds one, too.
const PLAIN: [&str; 5] = ["apiVersion", "kind", "metadata", "type", "immutable"];
/// Fields that a marked object keeps, so that it can be found and its state told.
const KEPT: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

/// Whether an object is a Secret and no reference to one.
pub(super) fn is_secret(members: &Map<String, Value>, kind: Option<&str>) -> bool {
    let own = members.get("kind").and_then(Value::as_str);
    own.or(kind) == Some("Secret")
        && ["metadata", "data", "stringData"].iter().any(|field| members.contains_key(*field))
}

/// A list whose items need not say what they are.
pub(super) struct List {
    /// The kind of its items.
    pub(super) item: String,
}

impl List {
    pub(super) fn of(members: &Map<String, Value>) -> Option<Self> {
        let item = members.get("kind")?.as_str()?.strip_suffix("List")?;
        Some(Self { item: item.to_owned() })
    }
}

/// What an object's own annotation says of it.
pub(super) enum Mark {
    /// It is secret.
    Whole,
    /// What stands at these paths is.
    Paths(Vec<Vec<String>>),
}

impl Mark {
    pub(super) fn of(members: &Map<String, Value>) -> Option<Self> {
        Self::parse(members.get("metadata")?.get("annotations")?.get(MARK)?)
    }

    /// Takes the annotation's value.
    pub(super) fn parse(value: &Value) -> Option<Self> {
        let text = match value {
            Value::String(text) => text.trim(),
            Value::Bool(true) => "true",
            _ => return None,
        };
        match text {
            "" | "false" => None,
            "true" => Some(Self::Whole),
            paths => {
                let steps = |path: &str| path.trim().split('.').map(str::to_owned).collect();
                Some(Self::Paths(paths.split(',').map(steps).collect()))
            }
        }
    }
}

impl Walk<'_> {
    /// A Secret: everything it holds. What is in `data` is decoded first, so that the same value under `stringData`, or
    /// anywhere else, has the same token.
    pub(super) fn secret_object(&mut self, members: &mut Map<String, Value>) {
        for (field, held) in members.iter_mut() {
            match (field.as_str(), held) {
                ("metadata", held) => self.value(held, Rule::Plain),
                (field, _) if PLAIN.contains(&field) => {}
                (field, Value::Object(entries)) => {
                    self.keys(entries);
                    entries.values_mut().for_each(|entry| self.entry(entry, field == "data"));
                }
                (field, held) => self.entry(held, field == "data"),
            }
        }
    }

    fn entry(&mut self, held: &mut Value, encoded: bool) {
        match held {
            Value::Null => {}
            Value::String(text) => {
                let dense: String = text.split_whitespace().collect();
                match STANDARD.decode(&dense).ok().filter(|bytes| encoded && !bytes.is_empty()) {
                    Some(bytes) if str::from_utf8(&bytes).is_ok_and(is_token) => {}
                    Some(bytes) => {
                        let token = STANDARD.encode(self.token(&bytes));
                        self.edits.push((text.clone(), token.clone()));
                        *text = token;
                    }
                    None => *text = self.secret(text),
                }
            }
            Value::Bool(_) | Value::Number(_) => *held = self.secret(&held.to_string()).into(),
            Value::Array(items) => items.iter_mut().for_each(|item| self.entry(item, false)),
            Value::Object(entries) => {
                self.keys(entries);
                entries.values_mut().for_each(|entry| self.entry(entry, false));
            }
        }
    }

    /// A marked object: all but what it is called and what state it is in.
    pub(super) fn marked_object(&mut self, members: &mut Map<String, Value>) {
        for (field, held) in members.iter_mut() {
            match field.as_str() {
                "metadata" => self.marked_metadata(held),
                field if KEPT.contains(&field) => self.value(held, Rule::Plain),
                _ => self.value(held, Rule::Secret),
            }
        }
    }

    fn marked_metadata(&mut self, metadata: &mut Value) {
        let Value::Object(members) = metadata else { return self.value(metadata, Rule::Secret) };
        for (field, held) in members.iter_mut() {
            match (field.as_str(), held) {
                ("annotations", Value::Object(annotations)) => {
                    // Helm's own say whose the object is and when a hook runs, without which nothing can be told of it.
                    let known =
                        |key: &str| key == MARK || key.starts_with("meta.helm.sh/") || key.starts_with("helm.sh/");
                    let secret = |(key, _): &(&String, &mut Value)| !known(key);
                    annotations.iter_mut().filter(secret).for_each(|(_, value)| self.value(value, Rule::Secret));
                }
                ("labels" | "ownerReferences" | "managedFields" | "finalizers", held) => self.value(held, Rule::Names),
                (_, held) => self.value(held, Rule::Plain),
            }
        }
    }

    /// What stands at a path; lists are passed through.
    pub(super) fn marked_path(&mut self, members: &mut Map<String, Value>, path: &[String]) {
        // A key may hold dots itself, as the names of files do.
        for taken in 1..=path.len() {
            let (step, rest) = path.split_at_checked(taken).unwrap_or_default();
            if let Some(value) = members.get_mut(&step.join(".")) {
                self.marked_value(value, rest);
            }
        }
    }

    fn marked_value(&mut self, value: &mut Value, path: &[String]) {
        match value {
            value if path.is_empty() => self.value(value, Rule::Secret),
            Value::Array(items) => items.iter_mut().for_each(|item| self.marked_value(item, path)),
            Value::Object(members) => self.marked_path(members, path),
            _ => {}
        }
    }
}
