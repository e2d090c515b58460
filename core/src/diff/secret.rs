//! Secrets, shown without what they hold.
//!
//! Takes both sides of a Secret; gives them with every value replaced by its size. A value that isn't the old side's says so,
//! as two of the same size would look the same.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::manifest::ManifestObject;

/// Fields that hold no secret. All others are masked: a misspelt `stringData` holds one, too.
const PLAIN: [&str; 5] = ["apiVersion", "kind", "metadata", "type", "immutable"];

/// Whether it is one, of whatever group.
pub(super) fn is_secret(object: &ManifestObject) -> bool {
    object.kind == "Secret"
}

/// Both sides without their values.
pub(super) fn masked([old, new]: [Option<Value>; 2]) -> [Option<Value>; 2] {
    [old.as_ref().map(|value| mask(value, None)), new.as_ref().map(|value| mask(value, Some(old.as_ref())))]
}

/// One side; `against` is the other one, if this is to say what isn't as there.
fn mask(value: &Value, against: Option<Option<&Value>>) -> Value {
    let mut masked = value.clone();
    let Value::Object(members) = &mut masked else { return masked };
    for (field, held) in members.iter_mut().filter(|(field, _)| !PLAIN.contains(&field.as_str())) {
        let other = against.map(|other| other.and_then(|other| other.get(field)));
        *held = mask_field(held, field, other);
    }
    // `kubectl apply` keeps a copy of the whole object there.
    let annotations = members.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"));
    if let Some(Value::Object(annotations)) = annotations
        && let Some(copy) = annotations.get_mut("kubectl.kubernetes.io/last-applied-configuration")
    {
        *copy = mark(copy, "", None);
    }
    masked
}

fn mask_field(held: &Value, field: &str, other: Option<Option<&Value>>) -> Value {
    let Value::Object(members) = held else { return mark(held, field, other) };
    let member = |(key, value): (&String, &Value)| {
        let other = other.map(|other| other.and_then(|other| other.get(key)));
        (key.clone(), mark(value, field, other))
    };
    Value::Object(members.iter().map(member).collect::<Map<_, _>>())
}

fn mark(value: &Value, field: &str, other: Option<Option<&Value>>) -> Value {
    let size = match value {
        Value::Null => 0,
        Value::String(text) if field == "data" => STANDARD.decode(text.trim()).map_or(text.len(), |bytes| bytes.len()),
        Value::String(text) => text.len(),
        other => other.to_string().len(),
    };
    let changed = if other.flatten().is_some_and(|other| other != value) { ", changed" } else { "" };
    format!("(secret, {size} bytes{changed})").into()
}
