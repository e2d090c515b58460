//! YAML as Helm reads it.
//!
//! Takes the text of one document and gives the JSON that sigs.k8s.io/yaml 1.6 makes of it (Helm 3.22 and 4.3 read every
//! manifest and values file with it): YAML 1.1 booleans and octals, merged `<<`, the last of duplicate keys, keys that are
//! strings. `core/tests/yaml.rs` holds it to Go's own answers and lists where it is known to differ. Never panics, never
//! follows deeper or builds more than the limits below, and never quotes what it reads: it may be secret.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Error, Options};
use thiserror::Error;

/// How deep a document may nest: schemas in resource definitions reach a few dozen, and every level takes stack.
pub const MAX_DEPTH: usize = 64;
/// How many scalars, lists and maps a document may hold, those that aliases repeat included.
pub const MAX_NODES: usize = 1_000_000;

/// Why a document can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum YamlFault {
    /// The grammar, or a value that JSON doesn't have.
    #[error("isn't YAML as Helm reads it (line {line}, column {column})")]
    Syntax {
        /// Line within the document, from 1; 0 if unknown.
        line: u64,
        /// Column, from 1; 0 if unknown.
        column: u64,
    },
    /// More levels than [`MAX_DEPTH`].
    #[error("nests deeper than {MAX_DEPTH} levels")]
    Depth,
    /// More nodes than [`MAX_NODES`], or aliases that repeat too much.
    #[error("holds more than {MAX_NODES} nodes")]
    Size,
}

/// Takes one YAML document; gives its JSON, null for an empty one.
pub fn parse(text: &str) -> Result<Value, YamlFault> {
    // Nothing but blanks and comments is no event to the parser, and null to Go.
    let parsed: Result<Option<Node>, Error> = serde_saphyr::from_str_with_options(text, options());
    parsed.map(|node| node.map_or(Value::Null, |Node(value)| value)).map_err(|error| fault(&error))
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 3 * MAX_NODES,
            // The scanner looks ahead by recursion, so it needs a limit of its own.
            flow_nesting_limit: 2 * MAX_DEPTH,
            // One anchor used a thousand times is no attack; what repeating costs is bounded below.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_NODES },
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        legacy_octal_numbers: true,
        strict_booleans: false,
        with_snippet: false,
    }
}

/// Only where it is, and never the parser's own words, which may quote the text.
fn fault(error: &Error) -> YamlFault {
    use serde_saphyr::budget::BudgetBreach;
    match error.without_snippet() {
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } | Error::AliasReplayStackDepthExceeded { .. } => {
            YamlFault::Depth
        }
        // The scanner's limit has no variant, only these words.
        Error::ExternalMessage { msg, .. } if msg.contains("recursion limit") => YamlFault::Depth,
        // What went wrong while an alias was repeated.
        Error::AliasError { error, .. } => fault(error),
        Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } | Error::AliasExpansionLimitExceeded { .. } => {
            YamlFault::Size
        }
        other => {
            let at = other.location();
            YamlFault::Syntax { line: at.map_or(0, |at| at.line()), column: at.map_or(0, |at| at.column()) }
        }
    }
}

/// A value; its maps have strings for keys.
struct Node(Value);

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor).map(Self)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Value, E> {
        self.visit_f64(value as f64)
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Value, E> {
        self.visit_f64(value as f64)
    }

    /// Go writes a float without a fraction as an integer, which JSON then reads as one: `1.0` and `1` are the same.
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        // Above this a float has no digits left that an integer would keep.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let negative_zero = value == 0.0 && value.is_sign_negative();
        if value.fract() == 0.0 && value.abs() <= EXACT && !negative_zero {
            return Ok((value as i64).into());
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number in JSON"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_bytes<E: de::Error>(self, value: &[u8]) -> Result<Value, E> {
        Ok(String::from_utf8_lossy(value).into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Node(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((Key(key), Node(value))) = map.next_entry()? {
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }
}

/// A key as the string that Go makes of it (sigs.k8s.io/yaml 1.6 `yaml.go:convertToJSONableObject`).
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeyVisitor).map(Self)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, number or boolean")
    }

    fn visit_bool<E>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_u64<E>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_f64<E>(self, value: f64) -> Result<String, E> {
        Ok(shortest(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<String, E> {
        Ok(value.to_owned())
    }

    fn visit_string<E>(self, value: String) -> Result<String, E> {
        Ok(value)
    }
}

/// `strconv.FormatFloat(value, 'g', -1, 32)`: the shortest digits, with an exponent below 1e-4 and from 1e6 on (Go 1.26
/// `strconv/ftoa.go:formatDigits`).
fn shortest(value: f64) -> String {
    let value = value as f32;
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return value.to_string() };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}
