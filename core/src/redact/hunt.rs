//! The second layer: secrets that are known by now, wherever else they stand.
//!
//! Takes the values found in secret places and the names that stay in plain sight; finds the values in any text, as they are,
//! in base64, and escaped for JSON or an address. What is part of a name isn't hunted: the name would have to go with it, and
//! nothing could be found by it any more.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::keys::{Class, class};
use super::text::{credentials, is_no_secret};
use super::token::{leading, token};

/// What is shorter stands in too many texts by chance.
pub(super) const SHORTEST: usize = 6;
/// Bytes of a part of a longer secret, if nothing but its form tells that it is one.
const SHORTEST_PART: usize = 8;
const SHORTEST_LINE: usize = 16;

/// Secrets to be hunted.
#[derive(Debug, Default)]
pub(super) struct Hunt {
    /// By their first bytes, the longest first.
    forms: BTreeMap<[u8; SHORTEST], Vec<Form>>,
    /// Which bytes any of them begins with.
    first: BTreeSet<u8>,
}

/// One way in which a secret may be written.
#[derive(Debug)]
struct Form {
    text: Vec<u8>,
    token: String,
}

impl Hunt {
    /// Takes the secrets and every name in plain sight, in one text.
    pub(super) fn new(secrets: &BTreeSet<Vec<u8>>, names: &str, salt: &[u8]) -> Self {
        let mut all: BTreeMap<Vec<u8>, String> = BTreeMap::new();
        for secret in secrets {
            for piece in pieces(secret) {
                for form in forms(&piece) {
                    all.entry(form).or_insert_with(|| token(salt, &piece));
                }
            }
        }
        let mut hunt = Self::default();
        for (text, token) in all {
            let named = str::from_utf8(&text).is_ok_and(|text| names.contains(text) || token.contains(text));
            if let (false, Some(start)) = (named, start(&text)) {
                hunt.first.insert(start[0]);
                hunt.forms.entry(start).or_default().push(Form { text, token });
            }
        }
        hunt.forms.values_mut().for_each(|forms| forms.sort_by_key(|form| std::cmp::Reverse(form.text.len())));
        hunt
    }

    /// Takes a text; gives it with every secret replaced, or nothing if it holds none. Each pair of what stood there and what
    /// stands there now is handed to `told`.
    pub(super) fn replaced(&self, text: &str, mut told: impl FnMut(&str, &str)) -> Option<String> {
        let bytes = text.as_bytes();
        let (mut out, mut done, mut at) = (String::new(), 0, 0);
        while at < bytes.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            if let Some(length) = leading(rest) {
                at += length;
                continue;
            }
            let form = rest.first().filter(|byte| self.first.contains(byte)).and_then(|_| self.at(bytes, at));
            let Some(form) = form else {
                at += 1;
                continue;
            };
            let end = at + form.text.len();
            out.push_str(text.get(done..at).unwrap_or_default());
            out.push_str(&form.token);
            told(text.get(at..end).unwrap_or_default(), &form.token);
            (at, done) = (end, end);
        }
        if done == 0 {
            return None;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Some(out)
    }

    /// Whether a text holds any.
    pub(super) fn finds(&self, text: &str) -> bool {
        self.replaced(text, |_, _| {}).is_some()
    }

    fn at(&self, bytes: &[u8], at: usize) -> Option<&Form> {
        let rest = bytes.get(at..)?;
        let alone = |form: &&Form| {
            // A number within a longer number, such as a time, is another number.
            let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
            !form.text.iter().all(u8::is_ascii_digit)
                || !(digit(at.checked_sub(1)) || digit(Some(at + form.text.len())))
        };
        self.forms.get(&start(rest)?)?.iter().filter(|form| rest.starts_with(&form.text)).find(alone)
    }
}

fn start(bytes: &[u8]) -> Option<[u8; SHORTEST]> {
    bytes.get(..SHORTEST)?.try_into().ok()
}

/// What of a secret is hunted: the whole, and, as Secrets hold whole files, what stands in a file at secret places.
fn pieces(secret: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::from([secret.trim_ascii().to_vec()]);
    if let Ok(text) = str::from_utf8(secret) {
        found.insert(secret.to_vec());
        let mut add = |part: &str| found.insert(part.as_bytes().to_vec());
        for place in credentials(text) {
            add(text.get(place).unwrap_or_default());
        }
        match serde_json::from_str::<Value>(text) {
            Ok(value @ (Value::Object(_) | Value::Array(_))) => leaves("", &value, &mut add),
            _ => text.lines().for_each(|line| line_parts(line, &mut add)),
        }
    }
    found.retain(|piece| piece.len() >= SHORTEST && !str::from_utf8(piece).is_ok_and(is_no_secret));
    found
}

/// Scalars of a document.
fn leaves(key: &str, value: &Value, add: &mut impl FnMut(&str) -> bool) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| leaves(key, value, add)),
        Value::Array(items) => items.iter().for_each(|value| leaves(key, value, add)),
        Value::String(text) => part(key, text, add),
        Value::Number(number) => part(key, &number.to_string(), add),
        Value::Bool(_) | Value::Null => {}
    }
}

/// What stands behind the first sign of assignment, and lines that are nothing but a long word.
fn line_parts(line: &str, add: &mut impl FnMut(&str) -> bool) {
    let line = line.trim();
    if let Some((key, value)) = line.split_once(['=', ':']) {
        let value = value.trim().trim_matches(['"', '\'']);
        if !value.starts_with("//") {
            part(key.trim(), value, add);
        }
    }
    if line.len() >= SHORTEST_LINE && !line.contains(char::is_whitespace) {
        add(line);
    }
}

/// A part of a document: by its key, or if it isn't just a word.
fn part(key: &str, text: &str, add: &mut impl FnMut(&str) -> bool) {
    let has = |of: fn(&u8) -> bool| text.as_bytes().iter().any(of);
    let telling = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && text.len() >= SHORTEST_PART;
    if matches!(class(key), Class::Secret { .. }) || telling {
        add(text.trim());
    }
}

/// The ways in which a piece may be written.
fn forms(piece: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::new();
    if let Ok(text) = str::from_utf8(piece) {
        forms.insert(piece.to_vec());
        let json = Value::from(text).to_string();
        forms.insert(json.trim_matches('"').as_bytes().to_vec());
        forms.insert(crate::record::json::quote(text).trim_matches('"').as_bytes().to_vec());
        forms.insert(percent(piece));
    }
    for shift in 0..3 {
        forms.insert(encoded(piece, shift, |bytes| STANDARD.encode(bytes)));
        forms.insert(encoded(piece, shift, |bytes| URL_SAFE_NO_PAD.encode(bytes)));
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

/// The symbols of base64 that a piece gives by itself, whatever stands around it, after so many other bytes.
fn encoded(piece: &[u8], shift: usize, encode: impl Fn(&[u8]) -> String) -> Vec<u8> {
    let shifted = [&[0; 2][..shift.min(2)], piece].concat();
    let whole = shifted.len() * 8 / 6;
    let skipped = [0, 2, 3].get(shift).copied().unwrap_or(0);
    encode(&shifted).into_bytes().get(skipped..whole).unwrap_or_default().to_vec()
}

fn percent(piece: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(piece.len());
    for byte in piece {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            _ => out.extend(format!("%{byte:02X}").bytes()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hunt(secrets: &[&str], names: &str) -> Hunt {
        let secrets = secrets.iter().map(|secret| secret.as_bytes().to_vec()).collect();
        Hunt::new(&secrets, names, b"salt")
    }

    fn replaced(hunt: &Hunt, text: &str) -> String {
        hunt.replaced(text, |_, _| {}).unwrap_or_else(|| text.to_owned())
    }

    #[test]
    fn every_form_is_found() {
        let hunt = hunt(&["canary \"7f3a\"/x"], "");
        let marked = token(b"salt", b"canary \"7f3a\"/x");
        let secret = "canary \"7f3a\"/x";
        assert_eq!(replaced(&hunt, &format!("a{secret}b")), format!("a{marked}b"));
        assert_eq!(replaced(&hunt, "canary \\\"7f3a\\\"/x"), marked);
        assert_eq!(replaced(&hunt, "?q=canary%20%227f3a%22%2Fx&"), format!("?q={marked}&"));
        for before in ["", "u", "us", "use"] {
            let text = STANDARD.encode(format!("{before}{secret}:tail"));
            assert!(replaced(&hunt, &text).contains(&marked), "{before}");
            let text = URL_SAFE_NO_PAD.encode(format!("{before}{secret}"));
            assert!(replaced(&hunt, &text).contains(&marked), "{before}");
        }
    }

    #[test]
    fn the_longest_wins_and_tokens_are_left_alone() {
        let hunt = hunt(&["hunter", "hunter2-long", "redacted"], "");
        assert_eq!(replaced(&hunt, "x hunter2-long hunter"), {
            format!("x {} {}", token(b"salt", b"hunter2-long"), token(b"salt", b"hunter"))
        });
        let marked = token(b"salt", b"a");
        assert_eq!(replaced(&hunt, &marked), marked);
    }

    #[test]
    fn names_short_ones_and_numbers_within_numbers_stay() {
        let hunt = hunt(&["shop-db", "abc", "123456", "true"], "/api/v1/namespaces/shop-db/pods");
        for text in ["shop-db", "abc", "2026-01-01T00:00:00.123456Z"] {
            let expected = if text.starts_with("2026") { "2026-01-01T00:00:00.(" } else { text };
            assert!(replaced(&hunt, text).starts_with(expected), "{text}");
        }
        assert_eq!(replaced(&hunt, "91234567"), "91234567");
        assert_eq!(replaced(&hunt, "n=123456"), format!("n={}", token(b"salt", b"123456")));
    }

    #[test]
    fn files_in_secrets_give_their_parts() {
        let file = "user=admin\nspring.datasource.password=hunter2\nurl: http://x\nkey: ab12cd34\n";
        let docker = r#"{"auths":{"r.io":{"username":"robot1","password":"hunter3"}}}"#;
        let hunt = hunt(&[file, docker, "line-1\nlong-line-of-nothing-but-words\n"], "");
        for text in ["hunter2", "hunter3", "ab12cd34", "long-line-of-nothing-but-words", file] {
            assert_ne!(replaced(&hunt, text), text, "{text}");
        }
        for text in ["admin", "spring", "robot1", "http://x"] {
            assert_eq!(replaced(&hunt, text), text, "{text}");
        }
    }
}
