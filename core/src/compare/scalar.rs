//! Whether two scalars mean the same, by where they stand.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

use super::units::{duration, quantity};

/// Maps whose members are quantities.
const QUANTITIES: [&str; 11] = [
    "limits",
    "requests",
    "capacity",
    "allocatable",
    "hard",
    "default",
    "defaultRequest",
    "max",
    "min",
    "maxLimitRequestRatio",
    "podFixed",
];
/// Fields that are quantities wherever they stand.
const QUANTITY: [&str; 6] = ["sizeLimit", "storage", "divisor", "averageValue", "targetAverageValue", "targetValue"];
/// How names of fields end that are durations.
const DURATION: [&str; 6] = ["uration", "nterval", "imeout", "eriod", "indow", "elay"];

/// Where a scalar stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    /// Its path, `*` for items of lists.
    pub(super) path: &'p [&'p str],
    /// Whether the kind is built in, so that the server knows types and writes them in its own way.
    pub(super) typed: bool,
    /// Whether the object is a Secret.
    pub(super) secret: bool,
}

/// Takes what a manifest wants and what is; tells whether they mean the same.
pub(super) fn agree(side: &Value, live: &Value, place: Place<'_>) -> bool {
    if side == live {
        return true;
    }
    if let (Value::Number(side), Value::Number(live)) = (side, live) {
        return same_number(side, live);
    }
    let (Some(side_text), Some(live_text)) = (text(side), text(live)) else { return false };
    let same = |read: fn(&str) -> Option<i128>| read(&side_text).is_some_and(|amount| Some(amount) == read(&live_text));
    // In a built-in kind a field has one type, so a number and its text can only be two spellings of one thing.
    (place.typed && side_text == live_text)
        || (place.is_quantity() && same(quantity))
        || (place.is_duration() && same(duration))
        || (place.is_bytes() && same_bytes(&side_text, &live_text))
}

/// A scalar as text; nothing for null, lists and maps.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        _ => None,
    }
}

fn same_number(side: &Number, live: &Number) -> bool {
    match (side.is_f64(), live.is_f64()) {
        (false, false) => side == live,
        // 1 and 1.0; whole numbers too big for that aren't written as floats.
        _ => side.as_f64() == live.as_f64(),
    }
}

/// Go's decoder passes over line ends.
fn same_bytes(side: &str, live: &str) -> bool {
    let bytes = |text: &str| STANDARD.decode(text.replace(['\r', '\n'], "")).ok();
    bytes(side).is_some_and(|side| Some(side) == bytes(live))
}

impl Place<'_> {
    fn key(&self) -> &str {
        self.path.last().copied().unwrap_or("")
    }

    fn parent(&self) -> &str {
        self.path.len().checked_sub(2).and_then(|at| self.path.get(at)).copied().unwrap_or("")
    }

    pub(super) fn is_quantity(&self) -> bool {
        QUANTITIES.contains(&self.parent())
            || QUANTITY.contains(&self.key())
            || (self.key() == "value" && self.parent() == "target")
    }

    fn is_duration(&self) -> bool {
        let free = matches!(self.parent(), "labels" | "annotations" | "data" | "matchLabels");
        !free && DURATION.iter().any(|end| self.key().ends_with(end))
    }

    fn is_bytes(&self) -> bool {
        self.key() == "caBundle"
            || self.parent() == "binaryData"
            || (self.secret && self.path.len() == 2 && self.parent() == "data")
    }
}
