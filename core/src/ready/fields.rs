//! Reading fields of live objects, in the two ways that Helm does: Helm 3 by typed clients, in which what is absent is zero,
//! and kstatus by paths into untyped JSON, in which a field of the wrong type is either an error or passed over.

use jiff::Timestamp;
use serde_json::Value;

use crate::report::shortened;

/// A field that isn't what the Kubernetes API says it is, so that a rule can't be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault(pub String);

impl Fault {
    fn not_a(path: &str, what: &str) -> Self {
        Self(format!("{path} is not {what}"))
    }
}

/// Takes a path with points; gives what stands there, `null` included. A way that leads through something that is no object
/// is a fault (apimachinery 0.37 `unstructured/helpers.go:NestedFieldNoCopy`).
pub(super) fn nested<'a>(object: &'a Value, path: &str) -> Result<Option<&'a Value>, Fault> {
    let mut value = object;
    for key in path.split('.') {
        value = match value {
            Value::Null => return Ok(None),
            Value::Object(map) => match map.get(key) {
                Some(value) => value,
                None => return Ok(None),
            },
            _ => return Err(Fault::not_a(path, "reachable")),
        };
    }
    Ok(Some(value))
}

/// What stands at a path, if it is there at all: no fault, no `null`.
pub(super) fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    nested(object, path).ok().flatten().filter(|value| !value.is_null())
}

/// A field as a typed client reads it: `null` is absent.
fn typed<'a>(object: &'a Value, path: &str) -> Result<Option<&'a Value>, Fault> {
    Ok(nested(object, path)?.filter(|value| !value.is_null()))
}

/// A number of a typed object, if it is there.
pub(super) fn maybe_int(object: &Value, path: &str) -> Result<Option<i64>, Fault> {
    typed(object, path)?.map(|value| value.as_i64().ok_or_else(|| Fault::not_a(path, "a number"))).transpose()
}

/// A number of a typed object; 0 if it is absent.
pub(super) fn int(object: &Value, path: &str) -> Result<i64, Fault> {
    Ok(maybe_int(object, path)?.unwrap_or(0))
}

/// A text of a typed object; empty if it is absent.
pub(super) fn text<'a>(object: &'a Value, path: &str) -> Result<&'a str, Fault> {
    let found = typed(object, path)?;
    found.map_or(Ok(""), |value| value.as_str().ok_or_else(|| Fault::not_a(path, "a text")))
}

/// A yes or no of a typed object; no if it is absent.
pub(super) fn flag(object: &Value, path: &str) -> Result<bool, Fault> {
    let found = typed(object, path)?;
    found.map_or(Ok(false), |value| value.as_bool().ok_or_else(|| Fault::not_a(path, "true or false")))
}

/// A list of a typed object, if it is there.
pub(super) fn maybe_list<'a>(object: &'a Value, path: &str) -> Result<Option<&'a [Value]>, Fault> {
    let list = |value: &'a Value| value.as_array().map(Vec::as_slice).ok_or_else(|| Fault::not_a(path, "a list"));
    typed(object, path)?.map(list).transpose()
}

/// A number as kstatus reads it: the default if it is absent or no whole number
/// (cli-utils 1.2.2 `pkg/kstatus/status/util.go:GetIntField`).
pub(super) fn int_or(object: &Value, path: &str, default: i64) -> i64 {
    at(object, path).and_then(Value::as_i64).unwrap_or(default)
}

/// A text as kstatus reads it: the default if it is absent or no text
/// (cli-utils 1.2.2 `pkg/kstatus/status/util.go:GetStringField`).
pub(super) fn text_or<'a>(object: &'a Value, path: &str, default: &'a str) -> &'a str {
    at(object, path).and_then(Value::as_str).unwrap_or(default)
}

/// A number as kstatus reads it where it must be one: absent is told from present, anything else is a fault
/// (apimachinery 0.37 `unstructured/helpers.go:NestedInt64`).
pub(super) fn strict_int(object: &Value, path: &str) -> Result<Option<i64>, Fault> {
    nested(object, path)?.map(|value| value.as_i64().ok_or_else(|| Fault::not_a(path, "a number"))).transpose()
}

/// A count that can't be less than 0.
pub(super) fn count(object: &Value, path: &str) -> u64 {
    at(object, path).and_then(Value::as_u64).unwrap_or(0)
}

/// A time, if it is there and is one.
pub(super) fn time(object: &Value, path: &str) -> Option<Timestamp> {
    at(object, path)?.as_str()?.parse().ok()
}

/// A condition of an object's status.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition<'a> {
    /// Its type, such as `Ready`.
    pub kind: &'a str,
    /// `True`, `False` or `Unknown`.
    pub status: &'a str,
    /// One word.
    pub reason: &'a str,
    /// Other people's words, of any length.
    pub message: &'a str,
    /// All of it, for its times.
    pub whole: &'a Value,
}

impl Condition<'_> {
    /// Whether it is of this type and status.
    pub fn is(&self, kind: &str, status: &str) -> bool {
        self.kind == kind && self.status == status
    }

    /// What it says, cut to a length that fits a line.
    pub fn says(&self) -> String {
        match (self.reason, self.message) {
            ("", "") => format!("{} is {}", self.kind, self.status),
            (one, "") | ("", one) => shortened(one, 160),
            (reason, message) => shortened(&format!("{reason}: {message}"), 160),
        }
    }
}

/// The conditions of an object. Anything in them of a wrong type is a fault, as for typed clients and for kstatus
/// (cli-utils 1.2.2 `pkg/kstatus/status/util.go:GetObjectWithConditions`).
pub(super) fn conditions(object: &Value) -> Result<Vec<Condition<'_>>, Fault> {
    let list = maybe_list(object, "status.conditions")?.unwrap_or(&[]);
    list.iter()
        .map(|whole| {
            if !whole.is_object() && !whole.is_null() {
                return Err(Fault::not_a("a condition", "an object"));
            }
            let part = |name| text(whole, name);
            let (kind, status) = (part("type")?, part("status")?);
            Ok(Condition { kind, status, reason: part("reason")?, message: part("message")?, whole })
        })
        .collect()
}
