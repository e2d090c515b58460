//! The first layer: secrets by where they stand.
//!
//! Walks any tree of values: a user's values, an object, a list of objects, a file in a ConfigMap that is JSON or YAML itself.
//! What stands in a secret place becomes a token; every other text is searched for credentials, and for the secrets that are
//! known already.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::documents::embedded;
use super::hunt::Hunt;
use super::keys::{Class, class, is_random};
use super::objects::{List, Mark, is_secret};
use super::text::{credentials, is_no_secret};
use super::token::{is_token, token};

/// How many documents may stand in one another, as a file in a ConfigMap in an annotation.
const MOST_NESTED: usize = 4;

/// By which rule a value is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// By its own keys.
    Plain,
    /// As above, and it is secret unless its key says that it names or measures something.
    Inherited,
    /// It is secret, whatever its key says.
    Secret,
    /// It names something: keys tell nothing.
    Names,
}

/// Redacts trees; gathers what it found.
pub(super) struct Walk<'a> {
    salt: &'a [u8],
    hunt: &'a Hunt,
    /// Every secret value found in a place that says so.
    pub(super) found: BTreeSet<Vec<u8>>,
    /// How many places were redacted.
    pub(super) places: usize,
    /// What stood in a document and what stands there now.
    pub(super) edits: Vec<(String, String)>,
    pub(super) nested: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(salt: &'a [u8], hunt: &'a Hunt) -> Self {
        Self { salt, hunt, found: BTreeSet::new(), places: 0, edits: Vec::new(), nested: 0 }
    }

    pub(super) fn hunt(&self) -> &Hunt {
        self.hunt
    }

    /// Takes a secret; gives its token.
    pub(super) fn token(&mut self, secret: &[u8]) -> String {
        self.places += 1;
        if !self.found.contains(secret) {
            self.found.insert(secret.to_vec());
        }
        token(self.salt, secret)
    }

    /// Redacts a value in place.
    pub(super) fn value(&mut self, value: &mut Value, rule: Rule) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                let text = number.to_string();
                let secret = matches!(rule, Rule::Secret | Rule::Inherited);
                let new =
                    if secret { Some(self.secret(&text)) } else { self.hunted(&text).filter(|new| is_token(new)) };
                if let Some(new) = new {
                    *value = new.into();
                }
            }
            Value::String(text) => {
                let new = match rule {
                    Rule::Secret => Some(self.secret(text)),
                    Rule::Inherited if !is_no_secret(text) => Some(self.secret(text)),
                    _ => self.text(text),
                };
                if let Some(new) = new {
                    *text = new;
                }
            }
            Value::Array(items) => self.array(items, rule),
            Value::Object(members) => self.object(members, rule, None),
        }
    }

    /// Takes a text that is secret as a whole; gives what stands for it.
    pub(super) fn secret(&mut self, text: &str) -> String {
        if text.trim().is_empty() || is_token(text) {
            return text.to_owned();
        }
        let token = self.token(text.as_bytes());
        self.edits.push((text.to_owned(), token.clone()));
        token
    }

    /// Takes a text in no secret place; gives it redacted, or nothing if there is nothing to redact.
    pub(super) fn text(&mut self, text: &str) -> Option<String> {
        if text.len() < 4 || is_token(text) || is_time(text) {
            return None;
        }
        let mut new = if self.nested < MOST_NESTED {
            self.nested += 1;
            let new = embedded(self, text);
            self.nested -= 1;
            new
        } else {
            None
        };
        let places = credentials(new.as_deref().unwrap_or(text));
        if !places.is_empty() {
            new = Some(self.cut(new.as_deref().unwrap_or(text), places));
        }
        self.hunted(new.as_deref().unwrap_or(text)).or(new)
    }

    fn cut(&mut self, text: &str, places: Vec<std::ops::Range<usize>>) -> String {
        let (mut out, mut done) = (String::with_capacity(text.len()), 0);
        for place in places {
            out.push_str(text.get(done..place.start).unwrap_or_default());
            out.push_str(&self.secret(text.get(place.clone()).unwrap_or_default()));
            done = place.end;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        out
    }

    fn hunted(&mut self, text: &str) -> Option<String> {
        let (edits, places) = (&mut self.edits, &mut self.places);
        self.hunt.replaced(text, |old, new| {
            *places += 1;
            edits.push((old.to_owned(), new.to_owned()));
        })
    }

    /// A list; behind `--password` its next item is secret.
    fn array(&mut self, items: &mut [Value], rule: Rule) {
        let mut awaited = false;
        for item in items {
            let text = item.as_str().unwrap_or_default();
            let flag = text.strip_prefix('-').map(|flag| flag.trim_start_matches('-')).filter(|_| rule == Rule::Plain);
            let flagged = flag.is_some_and(|flag| !flag.contains('=') && matches!(class(flag), Class::Secret { .. }));
            let rule = if awaited && flag.is_none() { Rule::Inherited } else { rule };
            awaited = flagged;
            self.value(item, rule);
        }
    }

    /// An object; `kind` is what a list says of its items.
    pub(super) fn object(&mut self, members: &mut Map<String, Value>, rule: Rule, kind: Option<&str>) {
        self.keys(members);
        if rule != Rule::Secret {
            if is_secret(members, kind) {
                return self.secret_object(members);
            }
            match Mark::of(members) {
                Some(Mark::Whole) => return self.marked_object(members),
                Some(Mark::Paths(paths)) => paths.iter().for_each(|path| self.marked_path(members, path)),
                None => {}
            }
        }
        let list = List::of(members);
        let paired = rule == Rule::Plain && is_pair_of_secret(members);
        for (key, value) in members.iter_mut() {
            if let (Some(list), "items", Value::Array(items)) = (&list, key.as_str(), &mut *value) {
                self.items(items, rule, list);
                continue;
            }
            let rule = if paired && key == "value" { Rule::Inherited } else { child_rule(key, value, rule) };
            self.value(value, rule);
        }
    }

    fn items(&mut self, items: &mut [Value], rule: Rule, list: &List) {
        for item in items {
            match item {
                Value::Object(members) => self.object(members, rule, Some(&list.item)),
                other => self.value(other, rule),
            }
        }
    }

    /// Keys that hold a secret themselves.
    pub(super) fn keys(&mut self, members: &mut Map<String, Value>) {
        let renamed: Vec<(String, String)> =
            members.keys().filter_map(|key| Some((key.clone(), self.hunt.replaced(key, |_, _| {})?))).collect();
        for (old, new) in renamed {
            self.places += 1;
            if let Some(value) = members.remove(&old) {
                members.insert(new, value);
            }
        }
    }
}

/// The rule for what stands behind a key.
fn child_rule(key: &str, value: &Value, rule: Rule) -> Rule {
    if matches!(rule, Rule::Secret | Rule::Names) {
        return rule;
    }
    if matches!(key, "apiVersion" | "kind" | "labels" | "matchLabels" | "selector" | "nodeSelector") {
        return Rule::Names;
    }
    let leaf = !matches!(value, Value::Object(_));
    match class(key) {
        Class::Reference => Rule::Plain,
        Class::Secret { inherited } if inherited || leaf => Rule::Inherited,
        Class::Key if value.as_str().is_some_and(is_random) => Rule::Inherited,
        _ => rule,
    }
}

/// `{name: DB_PASSWORD, value: …}`, as variables, headers and parameters are written.
fn is_pair_of_secret(members: &Map<String, Value>) -> bool {
    let named = |key: &str| {
        let name = members.get(key).and_then(Value::as_str);
        let random = || members.get("value").and_then(Value::as_str).is_some_and(is_random);
        name.is_some_and(|name| match class(name) {
            Class::Secret { .. } => true,
            Class::Key => random(),
            Class::Plain | Class::Reference => false,
        })
    };
    members.contains_key("value") && (named("name") || named("key"))
}

/// Times are full of digits and never secret.
fn is_time(text: &str) -> bool {
    text.len() <= 40
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.parse::<jiff::Timestamp>().is_ok()
}
