//! JSON as Go's `encoding/json` reads and writes it, as far as records need it.
//!
//! Takes text and gives an object's members as slices of that text, strings decoded or encoded the way Helm's Go does.
//! Never builds a tree and never turns a number into a float; a value keeps the bytes it was written with.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::Damage;

/// How deep Go's parser follows (Go 1.26 `encoding/json/scanner.go:maxNestingDepth`).
pub(crate) const MAX_DEPTH: usize = 10_000;

/// One member of an object, as slices of the text it was parsed from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'a> {
    /// The key, quotes included.
    pub key: &'a str,
    /// The value's bytes, without the blanks around it.
    pub value: &'a str,
}

impl Member<'_> {
    pub(crate) fn is_null(&self) -> bool {
        self.value == "null"
    }

    /// Whether Go would read this member into the field of that name.
    pub(crate) fn is(&self, field: &str) -> bool {
        match self.key.strip_prefix('"').and_then(|key| key.strip_suffix('"')) {
            Some(plain) if !plain.contains('\\') => same_field(plain, field),
            _ => unquote(self.key).is_some_and(|key| same_field(&key, field)),
        }
    }
}

/// An object's members in their order, duplicates included.
#[derive(Debug, Clone, Default)]
pub(crate) struct Object<'a> {
    pub members: Vec<Member<'a>>,
}

impl<'a> Object<'a> {
    /// Takes the text of one whole JSON value, which must be an object.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Damage> {
        let mut parser = serde_json::Deserializer::from_str(text);
        let object = parser.deserialize_map(Members).map_err(|error| parse_damage(text, &error))?;
        parser.end().map_err(|error| Damage::TrailingBytes { at: offset(text, &error) })?;
        Ok(object)
    }

    /// The last member that sets this field. A null sets nothing: Go leaves the field as it was.
    pub(crate) fn get(&self, field: &str) -> Option<&'a str> {
        self.members.iter().rev().find(|member| member.is(field) && !member.is_null()).map(|member| member.value)
    }

    /// A string field; empty if absent or null, as in Go.
    pub(crate) fn string(&self, field: &str, path: &'static str) -> Result<String, Damage> {
        Ok(self.string_if_set(field, path)?.unwrap_or_default())
    }

    /// A string field.
    pub(crate) fn string_if_set(&self, field: &str, path: &'static str) -> Result<Option<String>, Damage> {
        let Some(value) = self.get(field) else { return Ok(None) };
        unquote(value).map(|text| Some(text.into_owned())).ok_or(Damage::BadField { path })
    }

    /// A field that holds an object behind a pointer: the members of all its occurrences, as Go merges duplicates into one
    /// struct. Null forgets what came before.
    pub(crate) fn object_if_set(&self, field: &str, path: &'static str) -> Result<Option<Self>, Damage> {
        let mut merged: Option<Self> = None;
        for member in self.members.iter().filter(|member| member.is(field)) {
            if member.is_null() {
                merged = None;
            } else {
                let more = Object::parse(member.value).map_err(|_| Damage::BadField { path })?;
                merged.get_or_insert_default().members.extend(more.members);
            }
        }
        Ok(merged)
    }

    /// A field that holds an array: its items' bytes; none if absent or null.
    pub(crate) fn items(&self, field: &str, path: &'static str) -> Result<Vec<&'a str>, Damage> {
        let Some(value) = self.get(field) else { return Ok(Vec::new()) };
        let items: Vec<&'a RawValue> = serde_json::from_str(value).map_err(|_| Damage::BadField { path })?;
        Ok(items.into_iter().map(RawValue::get).collect())
    }

    /// A field that holds an array of strings; a null among them is an empty one, as in Go.
    pub(crate) fn strings(&self, field: &str, path: &'static str) -> Result<Vec<String>, Damage> {
        let text = |item: &str| if item == "null" { Some(String::new()) } else { unquote(item).map(Cow::into_owned) };
        self.items(field, path)?.into_iter().map(|item| text(item).ok_or(Damage::BadField { path })).collect()
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        // Raw keys and values: serde_json only checks them, with a loop instead of recursion, and accepts the lone
        // surrogates in strings that Go accepts too.
        while let Some((key, value)) = map.next_entry::<&'de RawValue, &'de RawValue>()? {
            members.push(Member { key: key.get(), value: value.get() });
        }
        Ok(Object { members })
    }
}

/// Refuses nesting that Go refuses. Few texts hold that many brackets at all, and only those are looked at twice.
pub(crate) fn check_depth(json: &[u8]) -> Result<(), Damage> {
    let opening = json.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
    if opening <= MAX_DEPTH {
        return Ok(());
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(Damage::TooDeep { limit: MAX_DEPTH });
        }
    }
    Ok(())
}

fn parse_damage(text: &str, error: &serde_json::Error) -> Damage {
    match error.classify() {
        Category::Eof => Damage::Truncated,
        Category::Data => Damage::NotAnObject,
        _ => Damage::NotJson { at: offset(text, error) },
    }
}

/// serde_json counts lines and bytes within the line; both from one.
fn offset(text: &str, error: &serde_json::Error) -> usize {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1)
}

/// Whether Go reads a key into a field: letter case is ignored, with Unicode's simple folding, by which two more characters
/// fold to ASCII letters (Go 1.26 `encoding/json/fold.go:foldName`).
pub(crate) fn same_field(key: &str, field: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    key == field || key.chars().map(fold).eq(field.chars().map(fold))
}

/// Takes the bytes of a JSON value; gives the string, or `None` if it isn't one. Half a surrogate pair becomes U+FFFD, as
/// in Go (`encoding/json/decode.go:unquoteBytes`).
pub(crate) fn unquote(value: &str) -> Option<Cow<'_, str>> {
    let body = value.strip_prefix('"')?.strip_suffix('"')?;
    if !body.contains('\\') {
        return Some(Cow::Borrowed(body));
    }
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut chars = escape.chars();
        match chars.next()? {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            same @ ('"' | '\\' | '/') => text.push(same),
            'u' => {
                let (decoded, after) = unicode(chars.as_str())?;
                text.push(decoded);
                rest = after;
                continue;
            }
            _ => return None,
        }
        rest = chars.as_str();
    }
    text.push_str(rest);
    Some(Cow::Owned(text))
}

/// Takes what follows `\u`; gives the character, a pair's second half included, and the rest.
fn unicode(text: &str) -> Option<(char, &str)> {
    let (unit, rest) = hex4(text)?;
    if let Some(one) = char::from_u32(unit) {
        return Some((one, rest));
    }
    let second = rest.strip_prefix("\\u").and_then(hex4);
    if let (0xd800..0xdc00, Some((low @ 0xdc00..0xe000, after))) = (unit, second) {
        let pair = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        return Some((char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER), after));
    }
    Some((char::REPLACEMENT_CHARACTER, rest))
}

fn hex4(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    let unit = digits.chars().try_fold(0, |unit, digit| Some(unit << 4 | digit.to_digit(16)?))?;
    Some((unit, rest))
}

/// Where in a text a slice of it stands.
pub(crate) fn place(text: &str, slice: &str) -> Range<usize> {
    let start = slice.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    start..start + slice.len()
}

/// Takes a string; gives the JSON that Go writes for it (Go 1.26 `encoding/json/encode.go:appendString` with HTML escapes,
/// which is what `json.Marshal` does).
pub(crate) fn quote(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\0'..' ' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_written_as_go_writes_them() {
        let table = [
            ("", r#""""#),
            ("a<b>&c", r#""a\u003cb\u003e\u0026c""#),
            ("\n\r\t\u{8}\u{c}\"\\/", r#""\n\r\t\b\f\"\\/""#),
            ("\0\u{1f}\u{7f}", "\"\\u0000\\u001f\u{7f}\""),
            ("é\u{2028}\u{2029}😀", "\"é\\u2028\\u2029😀\""),
        ];
        for (text, json) in table {
            assert_eq!(quote(text), json);
            assert_eq!(unquote(json).unwrap(), text);
            assert_eq!(serde_json::from_str::<String>(json).unwrap(), text);
        }
    }

    #[test]
    fn strings_are_read_as_go_reads_them() {
        let table = [
            (r#""plain""#, Some("plain")),
            (r#""\/\u00e9\u00E9""#, Some("/éé")),
            (r#""\ud83d\ude00""#, Some("😀")),
            (r#""\ud83d""#, Some("\u{fffd}")),
            (r#""\ud83dx""#, Some("\u{fffd}x")),
            (r#""\ude00\ud83d""#, Some("\u{fffd}\u{fffd}")),
            (r#""\ud83d\ud83d\ude00""#, Some("\u{fffd}😀")),
            (r#""\ud83d\n""#, Some("\u{fffd}\n")),
            ("5", None),
            ("null", None),
            ("\"", None),
            (r#""\q""#, None),
            (r#""\u12""#, None),
        ];
        for (json, text) in table {
            assert_eq!(unquote(json).as_deref(), text, "{json}");
        }
    }

    #[test]
    fn fields_match_as_in_go() {
        let object = Object::parse(r#"{"A":"1","a":null,"\u0062":"2","ſtatuſ":"3","K":4}"#).unwrap();
        assert_eq!(object.string("a", "a").unwrap(), "1");
        assert_eq!(object.string("b", "b").unwrap(), "2");
        assert_eq!(object.string("status", "status").unwrap(), "3");
        assert_eq!(object.string("c", "c").unwrap(), "");
        assert_eq!(object.string("k", "k"), Err(Damage::BadField { path: "k" }));
    }

    #[test]
    fn repeated_objects_are_merged() {
        let object = Object::parse(r#"{"o":{"a":"1","b":"2"},"O":{"b":"3"},"p":{"a":1},"p":null}"#).unwrap();
        let merged = object.object_if_set("o", "o").unwrap().unwrap();
        assert_eq!((merged.get("a"), merged.get("b")), (Some("\"1\""), Some("\"3\"")));
        assert!(object.object_if_set("p", "p").unwrap().is_none());
    }

    #[test]
    fn faults_have_places() {
        let table = [
            ("", Damage::Truncated),
            ("{\"a\":1", Damage::Truncated),
            ("{\"a\":1}\n x", Damage::TrailingBytes { at: 9 }),
            ("{\n\n\"a\":x}", Damage::NotJson { at: 7 }),
            ("{\"é\":\"\\q\"}", Damage::NotJson { at: 8 }),
            ("[1]", Damage::NotAnObject),
            ("5", Damage::NotAnObject),
        ];
        for (text, damage) in table {
            assert_eq!(Object::parse(text).map(|_| ()), Err(damage), "{text}");
        }
    }

    #[test]
    fn depth_is_limited_where_go_limits_it() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check_depth(nested(MAX_DEPTH).as_bytes()), Ok(()));
        assert_eq!(check_depth(nested(MAX_DEPTH + 1).as_bytes()), Err(Damage::TooDeep { limit: MAX_DEPTH }));
        let text = format!("{{\"a\":\"{}\\\"{}\"}}", "[".repeat(MAX_DEPTH), "{".repeat(MAX_DEPTH));
        assert_eq!(check_depth(text.as_bytes()), Ok(()), "brackets in strings don't nest");
        assert!(Object::parse(&format!("{{\"a\":{}}}", nested(MAX_DEPTH))).is_ok(), "no recursion");
    }
}
