//! One payload: values, manifest, hooks and notes redacted, templates and files left out, every other byte kept.

use serde_json::Value;
use serde_json::value::RawValue;

use super::documents::manifest;
use super::objects::{MARK, Mark};
use super::walk::{Rule, Walk};
use crate::record::json::{Member, Object, place, quote, unquote};

/// Fields of a release that hold none. What Helm doesn't have may hold anything.
const KNOWN: [&str; 5] = ["name", "version", "namespace", "labels", "apply_method"];

/// Takes a payload's JSON; gives it redacted, or nothing if it is no object.
pub(super) fn payload(walk: &mut Walk<'_>, json: &str) -> Option<String> {
    let release = Object::parse(json).ok()?;
    let mark = mark(&release);
    let new = members(json, |member| match member {
        member if member.is("manifest") => text(walk, member.value),
        member if member.is("hooks") => items(member.value, |hook| {
            members(hook, |member| match member {
                member if member.is("manifest") => text(walk, member.value),
                member => tree(walk, member.value, Rule::Plain),
            })
        }),
        member if member.is("chart") => chart(walk, member.value, mark.as_ref()),
        member if member.is("config") => values(walk, member.value, mark.as_ref()),
        member if member.is("info") => members(member.value, |member| match member.value.as_bytes().first() {
            // There is no such field, or it couldn't be read.
            Some(b'{' | b'[') => Some(emptied(member.value)),
            _ => tree(walk, member.value, Rule::Plain),
        }),
        member if KNOWN.iter().any(|field| member.is(field)) => tree(walk, member.value, Rule::Plain),
        member => tree(walk, member.value, Rule::Secret),
    });
    Some(new.unwrap_or_else(|| json.to_owned()))
}

/// What Chart.yaml marks in the values.
fn mark(release: &Object<'_>) -> Option<Mark> {
    let chart = release.object_if_set("chart", "chart").ok()??;
    let metadata = chart.object_if_set("metadata", "chart.metadata").ok()??;
    let annotations = metadata.object_if_set("annotations", "chart.metadata.annotations").ok()??;
    Mark::parse(&Value::from(annotations.string_if_set(MARK, "chart.metadata.annotations").ok()??))
}

/// A chart. What is left out nothing needs, and it may hold anything: of templates and files the names stay.
fn chart(walk: &mut Walk<'_>, json: &str, mark: Option<&Mark>) -> Option<String> {
    members(json, |member| match member {
        member if member.is("templates") || member.is("files") => {
            items(member.value, |file| members(file, |member| (!member.is("name")).then(|| emptied(member.value))))
        }
        member if member.is("schema") => Some("null".to_owned()),
        member if member.is("values") => values(walk, member.value, mark),
        member if member.is("metadata") => members(member.value, |member| tree(walk, member.value, Rule::Plain)),
        member => tree(walk, member.value, Rule::Plain),
    })
}

/// Values; what is no object where values should be tells only its type.
fn values(walk: &mut Walk<'_>, json: &str, mark: Option<&Mark>) -> Option<String> {
    if !json.starts_with('{') {
        return (json != "null").then(|| emptied(json));
    }
    match mark {
        Some(Mark::Whole) => tree(walk, json, Rule::Secret),
        Some(Mark::Paths(paths)) => {
            let marked = |walk: &mut Walk<'_>, value: &mut Value| {
                if let Value::Object(members) = value {
                    paths.iter().for_each(|path| walk.marked_path(members, path));
                }
                walk.value(value, Rule::Plain);
            };
            redacted(walk, json, marked)
        }
        None => tree(walk, json, Rule::Plain),
    }
}

/// A manifest; what is no text where one should be tells only its type.
fn text(walk: &mut Walk<'_>, json: &str) -> Option<String> {
    match unquote(json) {
        Some(text) => manifest(walk, &text).map(|text| quote(&text)),
        None => Some(emptied(json)),
    }
}

/// Any value.
fn tree(walk: &mut Walk<'_>, json: &str, rule: Rule) -> Option<String> {
    redacted(walk, json, |walk, value| walk.value(value, rule))
}

fn redacted(walk: &mut Walk<'_>, json: &str, redact: impl FnOnce(&mut Walk<'_>, &mut Value)) -> Option<String> {
    // Texts with half a surrogate pair are read as Go reads them.
    let parsed = serde_json::from_str(json).ok().or_else(|| Some(Value::from(unquote(json)?)));
    let Some(old): Option<Value> = parsed else {
        // It nests too deep to be looked into.
        walk.places += 1;
        return Some(emptied(json));
    };
    let mut new = old.clone();
    redact(walk, &mut new);
    (new != old).then(|| go_json(&new))
}

/// A value of the same type that holds nothing.
fn emptied(json: &str) -> String {
    let empty = match json.as_bytes().first() {
        Some(b'{') => "{}",
        Some(b'[') => "[]",
        Some(b'"') => "\"\"",
        Some(b'-' | b'0'..=b'9') => "0",
        _ => json,
    };
    empty.to_owned()
}

/// JSON as Go writes it.
fn go_json(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| format!("{}:{}", quote(key), go_json(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(go_json).collect::<Vec<_>>().join(",")),
        Value::String(text) => quote(text),
        other => other.to_string(),
    }
}

/// An object with the values of some members replaced; nothing if none is, or it is no object and holds nothing secret.
fn members(json: &str, mut new: impl FnMut(&Member<'_>) -> Option<String>) -> Option<String> {
    let Ok(object) = Object::parse(json) else { return (json != "null").then(|| emptied(json)) };
    spliced(json, object.members.iter().filter_map(|member| Some((member.value, new(member)?))).collect())
}

/// The same for a list.
fn items(json: &str, mut new: impl FnMut(&str) -> Option<String>) -> Option<String> {
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(json) else {
        return (json != "null").then(|| emptied(json));
    };
    spliced(json, items.into_iter().filter_map(|item| Some((item.get(), new(item.get())?))).collect())
}

fn spliced(json: &str, news: Vec<(&str, String)>) -> Option<String> {
    let (mut out, mut done) = (String::with_capacity(json.len()), 0);
    for (old, new) in news {
        let place = place(json, old);
        out.push_str(json.get(done..place.start).unwrap_or_default());
        out.push_str(&new);
        done = place.end;
    }
    if done == 0 {
        return None;
    }
    out.push_str(json.get(done..).unwrap_or_default());
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::hunt::Hunt;
    use super::*;

    fn redacted(json: &str) -> String {
        payload(&mut Walk::new(b"salt", &Hunt::default()), json).unwrap()
    }

    #[test]
    fn what_is_not_secret_keeps_its_bytes() {
        let json = r#"{"name":"web", "info":{"status":"deployed","x":12345678901234567890123},
            "config":{"b":1,"a":"\u003c\/é", "n":1.0e5},"manifest":"---\na: \u003c\n","hooks":[ {"name":"h","weight":-5},null],"version":2}"#;
        assert_eq!(redacted(json), json);
    }

    #[test]
    fn values_manifests_hooks_and_notes_are_redacted() {
        let json = r#"{"name":"web","info":{"notes":"password: hunter2","status":"deployed"},"config":{"z":1,"password":"hunter2"},
            "chart":{"metadata":{"name":"c","annotations":{"refloat.dev/redact":"a.pin,list"}},"values":{"a":{"pin":1234,"x":"y"},"list":[{"z":"q"}]},
            "templates":[{"name":"t.yaml","data":"aHVudGVyMg=="}],"schema":"e30=","files":null},
            "manifest":"kind: Secret\nmetadata: {name: a}\nstringData: {p: hunter2}\n","hooks":[{"manifest":"password: hunter2","name":"h"}],"CONFIG":{"token":"hunter2"}}"#;
        let new = redacted(json);
        assert!(!new.contains("hunter2") && !new.contains("aHVudGVyMg") && !new.contains("1234"), "{new}");
        let value: Value = serde_json::from_str(&new).unwrap();
        assert_eq!(value["chart"]["templates"][0]["name"], "t.yaml");
        assert_eq!(value["chart"]["values"]["a"]["x"], "y");
        assert_eq!(value["config"]["password"], value["CONFIG"]["token"]);
        assert_ne!(value["chart"]["values"]["list"][0]["z"], "q");
        assert_eq!(value["config"]["z"], 1);
    }

    #[test]
    fn what_has_the_wrong_type_keeps_it_and_nothing_else() {
        let json = r#"{"info":{},"config":"hunter2","manifest":["hunter2"],"hooks":{"a":"hunter2"},"chart":"hunter2"}"#;
        let new = redacted(json);
        assert!(!new.contains("hunter2"), "{new}");
        let value: Value = serde_json::from_str(&new).unwrap();
        assert!(value["config"].is_string() && value["manifest"].is_array() && value["hooks"].is_object());
        let deep = format!("{{\"info\":{{}},\"config\":{{\"a\":{}{}}}}}", "[".repeat(500), "]".repeat(500));
        assert_eq!(redacted(&deep), "{\"info\":{},\"config\":{}}");
    }
}
