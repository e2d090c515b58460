//! The values that were given to Helm for a revision, written so that `helm upgrade -f` takes them.

use serde_json::{Map, Number, Value};

use crate::manifest::parse;
use crate::observe::Observation;
use crate::report::one_line;

/// One revision's values as a file. May hold secrets, as the record does.
#[derive(Clone, PartialEq, Eq)]
pub struct GivenValues {
    /// The revision.
    pub revision: u64,
    /// The values, as YAML.
    pub yaml: String,
}

/// Takes the name of a backup's file and a revision; gives the name of the file beside it that holds the revision's values.
pub fn values_file(backup: &str, revision: u64) -> String {
    format!("{}.v{revision}.values.yaml", backup.strip_suffix(".json").unwrap_or(backup))
}

/// Takes a release; gives the values of its newest and of its deployed revisions, and the revisions of which they can't be had.
pub fn given_values(seen: &Observation) -> (Vec<GivenValues>, Vec<u64>) {
    let newest = seen.history.newest().and_then(crate::record::RecordMeta::revision);
    let mut revisions: Vec<u64> = seen.history.deployed().into_iter().chain(newest).collect();
    revisions.sort_unstable();
    revisions.dedup();
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for revision in revisions {
        let opened = seen.revisions.get(&revision).and_then(|opened| opened.as_ref().ok());
        match opened.and_then(|opened| values_yaml(opened.release.config.as_deref())) {
            Some(yaml) => {
                let id = one_line(&seen.id.to_string());
                let head = format!("# What was given to Helm for revision {revision} of {id}; may hold secrets.\n");
                found.push(GivenValues { revision, yaml: head + &yaml });
            }
            None => missing.push(revision),
        }
    }
    (found, missing)
}

/// Takes values as the JSON text of an object; gives YAML of which Helm makes the same. `None` if they are no object.
fn values_yaml(config: Option<&str>) -> Option<String> {
    let values = match config {
        Some(text) => Value::Object(serde_json::from_str::<Map<String, Value>>(text).ok()?),
        None => Value::Object(Map::new()),
    };
    let same = |yaml: &String| {
        !yaml.chars().any(is_special) && parse(yaml).is_ok_and(|read| as_floats(&read) == as_floats(&values))
    };
    let quoted = serde_saphyr::ser_options! { quote_all: true };
    let plain = serde_saphyr::to_string(&values).ok().filter(same);
    let written = plain.or_else(|| serde_saphyr::to_string_with_options(&values, quoted).ok().filter(same));
    Some(written.unwrap_or_else(|| json(&values)))
}

/// JSON is YAML, too, but for a few characters that must not stand in it bare.
fn json(values: &Value) -> String {
    let escaped = |c: char| if is_special(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    format!("{values:#}\n").chars().map(escaped).collect()
}

/// What Go's reader takes for a line's end or refuses, and YAML 1.2 doesn't (yaml.v2 `yamlprivateh.go:is_break`,
/// `readerc.go:yaml_parser_update_buffer`).
fn is_special(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Helm reads every number into a float, be it from a record or from a file (Go's `encoding/json` into an `any`).
fn as_floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => {
            number.as_f64().and_then(Number::from_f64).map_or_else(|| value.clone(), Value::Number)
        }
        Value::Array(items) => items.iter().map(as_floats).collect(),
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), as_floats(value))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn comes_back(values: &Value) {
        let yaml = values_yaml(Some(&values.to_string())).unwrap();
        assert_eq!(as_floats(&parse(&yaml).unwrap()), as_floats(values), "{yaml}");
    }

    #[test]
    fn what_yaml_could_take_for_something_else_comes_back() {
        let words: Vec<String> = serde_json::from_str(include_str!("../../tests/yaml/traps.json")).unwrap();
        for word in &words {
            comes_back(&json!({"value": word, word.as_str(): 1, "list": [word, {word.as_str(): word}]}));
        }
        comes_back(&json!({"a": {}, "b": [], "c": [[]], "d": [{}], "e": null, "f": [null], "g": {"h": {"i": {}}}}));
        comes_back(
            &json!({"a": 9_007_199_254_740_993_i64, "b": u64::MAX, "c": 1e21, "d": -0.5, "e": 1.0, "f": i64::MIN, "g": 5e-324}),
        );
        comes_back(&json!({"long": "word ".repeat(200), "text": "line one\n".repeat(50)}));
    }

    #[test]
    fn no_values_are_an_empty_object_and_no_object_is_nothing() {
        assert_eq!(values_yaml(None).as_deref(), Some("{}\n"));
        assert_eq!(values_yaml(Some("[1]")), None);
        assert_eq!(values_yaml(Some("{")), None);
    }

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[ \\n\\t'\":#{}\\[\\],&*!|>%@`~<=0-9a-fxonyes.+-]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[ \\n:#<~0-9a-z.-]{0,8}", inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_was_given_comes_back(value in tree()) {
            comes_back(&json!({"value": value}));
        }
    }
}
