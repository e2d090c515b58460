//! One payload as text whose bytes are sacred.
//!
//! Takes the JSON of a release and gives it back with values inside `info` replaced. Every byte outside those values stays:
//! numbers beyond 2^53, unknown fields, key order, blanks, spelling of escapes. Helm itself decodes and re-encodes the whole
//! record on every status change and loses such things; Refloat must not. Decodes nothing else: see [`super::Release`].

use std::ops::Range;

use jiff::Timestamp;

use super::json::{Object, check_depth, place, quote, unquote};
use super::{Damage, Status};

/// A payload that Helm could read as far as Refloat changes it: one JSON object with an `info` object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    text: String,
    /// Members of `info`, by place. Of several `info` objects all members, in order, as Go merges them into one struct.
    info: Vec<Place>,
    /// Where a missing key goes: just before the closing brace of the last `info`.
    end: usize,
    /// Whether that `info` has members already, so that a comma is needed.
    comma: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    field: Field,
    value: Range<usize>,
}

/// What to write into `info`; fields left `None` are not touched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InfoEdit {
    /// `info.status`.
    pub status: Option<Status>,
    /// `info.description`.
    pub description: Option<String>,
    /// `info.last_deployed`.
    pub last_deployed: Option<Timestamp>,
    /// `info.deleted`.
    pub deleted: Option<Timestamp>,
}

/// The members of `info` that an edit may set (Helm 3.21 and 4.2 `pkg/release/info.go`, 4: `pkg/release/v1/info.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    LastDeployed,
    Deleted,
    Description,
    Status,
}

impl Field {
    const ALL: [Self; 4] = [Self::LastDeployed, Self::Deleted, Self::Description, Self::Status];

    fn key(self) -> &'static str {
        match self {
            Self::LastDeployed => "last_deployed",
            Self::Deleted => "deleted",
            Self::Description => "description",
            Self::Status => "status",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::LastDeployed => "info.last_deployed",
            Self::Deleted => "info.deleted",
            Self::Description => "info.description",
            Self::Status => "info.status",
        }
    }
}

impl InfoEdit {
    fn value(&self, field: Field) -> Option<String> {
        match field {
            Field::Status => self.status.map(|status| quote(status.as_str())),
            Field::Description => self.description.as_deref().map(quote),
            // Prints RFC 3339 with as many digits of the second as needed and `Z`, which is Go's RFC3339Nano.
            Field::LastDeployed => self.last_deployed.map(|time| quote(&time.to_string())),
            Field::Deleted => self.deleted.map(|time| quote(&time.to_string())),
        }
    }
}

impl Document {
    /// Takes the JSON of one release, as [`super::decode`] gives it.
    pub fn parse(json: Vec<u8>) -> Result<Self, Damage> {
        let text = String::from_utf8(json).map_err(|error| Damage::NotUtf8 { at: error.utf8_error().valid_up_to() })?;
        check_depth(text.as_bytes())?;
        let release = Object::parse(&text)?;
        let mut info = Vec::new();
        let mut last = None;
        for member in release.members.iter().filter(|member| member.is("info")) {
            if member.is_null() {
                // Go resets the pointer: what stood there before doesn't count.
                info.clear();
                last = None;
                continue;
            }
            let object = Object::parse(member.value).map_err(|_| Damage::BadField { path: "info" })?;
            for inner in &object.members {
                let Some(field) = Field::ALL.into_iter().find(|field| inner.is(field.key())) else { continue };
                if !inner.is_null() && unquote(inner.value).is_none() {
                    return Err(Damage::BadField { path: field.path() });
                }
                info.push(Place { field, value: place(&text, inner.value) });
            }
            last = Some((place(&text, member.value).end.saturating_sub(1), !object.members.is_empty()));
        }
        let (end, comma) = last.ok_or(Damage::NoInfo)?;
        Ok(Self { text, info, end, comma })
    }

    /// The JSON, as parsed.
    pub fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The JSON, as parsed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// `info.status`, as written; `None` if absent or null.
    pub fn status(&self) -> Option<String> {
        self.value(Field::Status)
    }

    /// `info.description`; `None` if absent or null.
    pub fn description(&self) -> Option<String> {
        self.value(Field::Description)
    }

    /// Gives the document with the values of `info` replaced that the edit names.
    ///
    /// Where a key stands several times, the last one is replaced, because Go's last one wins. A missing key is appended to
    /// the last `info`; Go reads keys in any order.
    pub fn edit(&self, edit: &InfoEdit) -> Result<Self, Damage> {
        let mut splices: Vec<(Range<usize>, String)> = Vec::new();
        let mut appended = String::new();
        for field in Field::ALL {
            let Some(value) = edit.value(field) else { continue };
            match self.info.iter().rfind(|place| place.field == field) {
                Some(place) => splices.push((place.value.clone(), value)),
                None => {
                    if self.comma || !appended.is_empty() {
                        appended.push(',');
                    }
                    appended.push_str(&format!("{}:{value}", quote(field.key())));
                }
            }
        }
        splices.push((self.end..self.end, appended));
        splices.sort_by_key(|(range, _)| (range.start, range.end));
        let mut text = String::with_capacity(self.text.len() + splices.iter().map(|(_, new)| new.len()).sum::<usize>());
        let mut done = 0;
        for (range, new) in splices {
            text.push_str(self.text.get(done..range.start).unwrap_or_default());
            text.push_str(&new);
            done = range.end;
        }
        text.push_str(self.text.get(done..).unwrap_or_default());
        // Parsing once more costs a fraction of inflating and proves that what will be written can be read.
        Self::parse(text.into_bytes())
    }

    /// Gives the document with its revision replaced, wherever it is written.
    pub fn with_version(&self, version: u64) -> Result<Self, Damage> {
        let release = Object::parse(&self.text)?;
        let places: Vec<_> = release.members.iter().filter(|member| member.is("version")).collect();
        let mut text = self.text.clone();
        for member in places.iter().rev() {
            text.replace_range(place(&self.text, member.value), &version.to_string());
        }
        match places.is_empty() {
            true => Err(Damage::BadField { path: "version" }),
            false => Self::parse(text.into_bytes()),
        }
    }

    /// Gives the document with its manifest changed.
    pub fn with_manifest(&self, change: impl FnOnce(&str) -> String) -> Result<Self, Damage> {
        let bad = || Damage::BadField { path: "manifest" };
        let release = Object::parse(&self.text)?;
        // Go's last one wins.
        let member = release.members.iter().rfind(|member| member.is("manifest")).ok_or_else(bad)?;
        let manifest = unquote(member.value).ok_or_else(bad)?;
        let mut text = self.text.clone();
        text.replace_range(place(&self.text, member.value), &quote(&change(&manifest)));
        Self::parse(text.into_bytes())
    }

    fn value(&self, field: Field) -> Option<String> {
        let texts = self.info.iter().rev().filter(|place| place.field == field);
        let mut values = texts.filter_map(|place| unquote(self.text.get(place.value.clone())?));
        values.next().map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Document, Damage> {
        Document::parse(text.as_bytes().to_vec())
    }

    fn failed() -> InfoEdit {
        InfoEdit { status: Some(Status::Failed), description: Some("a<b".into()), ..InfoEdit::default() }
    }

    #[test]
    fn only_the_named_values_change() {
        let table = [
            (
                r#"{"info":{"description":"x","status":"deployed"}}"#,
                r#"{"info":{"description":"a\u003cb","status":"failed"}}"#,
            ),
            // Order, blanks, unknown fields, large numbers, escapes and what follows stay.
            (
                "{ \"n\" : 12345678901234567890.10 , \"info\" :\n{\"status\" : \"\\u0064eployed\" , \"new\":[1e400],\t\"description\":null } ,\"é\":\"\\u00e9\"} \n",
                "{ \"n\" : 12345678901234567890.10 , \"info\" :\n{\"status\" : \"failed\" , \"new\":[1e400],\t\"description\":\"a\\u003cb\" } ,\"é\":\"\\u00e9\"} \n",
            ),
            // Missing keys are appended.
            (r#"{"info":{}}"#, r#"{"info":{"description":"a\u003cb","status":"failed"}}"#),
            (r#"{"info":{ "notes":"" }}"#, r#"{"info":{ "notes":"" ,"description":"a\u003cb","status":"failed"}}"#),
            (r#"{"info":{"status":"x"}}"#, r#"{"info":{"status":"failed","description":"a\u003cb"}}"#),
            // The last of several wins in Go, whatever its case; null wins over nothing but is last, so it is replaced.
            (
                r#"{"info":{"status":"a","Status":"b","description":"","status":null}}"#,
                r#"{"info":{"status":"a","Status":"b","description":"a\u003cb","status":"failed"}}"#,
            ),
            (
                r#"{"info":{"status":"a","description":"c"},"x":1,"INFO":{"status":"b"},"y":2}"#,
                r#"{"info":{"status":"a","description":"a\u003cb"},"x":1,"INFO":{"status":"failed"},"y":2}"#,
            ),
            (
                r#"{"info":{"status":"a"},"info":null,"info":{}}"#,
                r#"{"info":{"status":"a"},"info":null,"info":{"description":"a\u003cb","status":"failed"}}"#,
            ),
            // Look-alikes elsewhere are not touched.
            (
                r#"{"status":"s","config":{"info":{"status":"t"}},"info":{"x":{"status":"u"},"status":"v","description":""}}"#,
                r#"{"status":"s","config":{"info":{"status":"t"}},"info":{"x":{"status":"u"},"status":"failed","description":"a\u003cb"}}"#,
            ),
        ];
        for (before, after) in table {
            let edited = parse(before).unwrap().edit(&failed()).unwrap();
            assert_eq!(edited.text(), after);
            assert_eq!(edited.status().as_deref(), Some("failed"), "{before}");
            assert_eq!(edited.description().as_deref(), Some("a<b"), "{before}");
        }
    }

    #[test]
    fn an_empty_edit_changes_nothing() {
        for text in [r#"{"info":{}}"#, " {\"info\":{ \"status\" :\"x\"}}\n"] {
            let document = parse(text).unwrap();
            assert_eq!(document.edit(&InfoEdit::default()).unwrap(), document);
        }
    }

    #[test]
    fn times_are_written_as_go_writes_them() {
        let edit = InfoEdit {
            last_deployed: Some("2026-08-01T10:00:00.120+02:00".parse().unwrap()),
            deleted: Some("2026-08-01T10:00:00Z".parse().unwrap()),
            ..InfoEdit::default()
        };
        let edited = parse(r#"{"info":{"deleted":"","status":"x"}}"#).unwrap().edit(&edit).unwrap();
        let expected =
            r#"{"info":{"deleted":"2026-08-01T10:00:00Z","status":"x","last_deployed":"2026-08-01T08:00:00.12Z"}}"#;
        assert_eq!(edited.text(), expected);
    }

    #[test]
    fn the_status_is_the_one_go_sees() {
        let table = [
            (r#"{"info":{"status":"a"}}"#, Some("a")),
            (r#"{"info":{"status":"a","status":null}}"#, Some("a")),
            (r#"{"info":{"status":"a"},"info":{"x":1}}"#, Some("a")),
            (r#"{"info":{"status":"a"},"info":null,"info":{}}"#, None),
            (r#"{"info":{"statu\u0073":"\u0061"}}"#, Some("a")),
        ];
        for (text, status) in table {
            assert_eq!(parse(text).unwrap().status().as_deref(), status, "{text}");
        }
    }

    #[test]
    fn faults_are_named() {
        let table: [(&[u8], Damage); 11] = [
            (b"", Damage::Truncated),
            (b"{}", Damage::NoInfo),
            (br#"{"info":null}"#, Damage::NoInfo),
            (br#"{"info":{"status":"a"},"info":null}"#, Damage::NoInfo),
            (br#"{"info":[]}"#, Damage::BadField { path: "info" }),
            (br#"{"info":{"status":5}}"#, Damage::BadField { path: "info.status" }),
            (br#"{"info":{"deleted":{}}}"#, Damage::BadField { path: "info.deleted" }),
            (br#"{"info":{}"#, Damage::Truncated),
            (br#"{"info":{}} {"#, Damage::TrailingBytes { at: 12 }),
            (b"{\"info\":\"\xff\"}", Damage::NotUtf8 { at: 9 }),
            (br#"["info"]"#, Damage::NotAnObject),
        ];
        for (json, damage) in table {
            assert_eq!(Document::parse(json.to_vec()), Err(damage));
        }
    }
}
