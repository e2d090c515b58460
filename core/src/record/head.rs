//! What an overview shows of a payload, read from its first bytes.
//!
//! Takes the inner text in pieces of any size and gives name, info and chart name as soon as they have come by. Helm writes
//! them before the templates and the manifest, so a few KiB of a record that may take a megabyte are enough. Keys in another
//! order only make it read on. Doesn't vouch for the rest of the payload: [`super::decode`] and [`super::Document`] do.
//! Revision and namespace come after the templates and are not in a head.

use super::inflate::Inflater;
use super::json::Object;
use super::payload::{Form, TextDecoder, form};
use super::scan::{Kept, Scanner};
use super::{DEFAULT_LIMIT, Damage};

/// The first fields of a release; `None` for what is absent, null or, of times, zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// The release's name; empty if absent.
    pub name: String,
    /// Whether there is an `info` at all: Helm crashes on a record without.
    pub has_info: bool,
    /// `info.status`, as written.
    pub status: Option<String>,
    /// `info.description`.
    pub description: Option<String>,
    /// `info.first_deployed`, as written.
    pub first_deployed: Option<String>,
    /// `info.last_deployed`, as written.
    pub last_deployed: Option<String>,
    /// `info.deleted`, as written.
    pub deleted: Option<String>,
    /// `chart.metadata.name`.
    pub chart_name: Option<String>,
    /// `chart.metadata.version`.
    pub chart_version: Option<String>,
    /// `chart.metadata.appVersion`.
    pub app_version: Option<String>,
}

impl Head {
    /// Reads a head from JSON, which may be more than the head or all of it.
    pub fn from_json(json: &[u8]) -> Result<Self, Damage> {
        let mut scanner = Scanner::default();
        if scanner.push(json)? {
            return Self::scanned(&scanner);
        }
        Err(if scanner.is_blank() { Damage::Empty } else { Damage::Truncated })
    }

    fn scanned(scanner: &Scanner) -> Result<Self, Damage> {
        let name = scanner.name.as_ref().map(|kept| text(kept)).transpose()?;
        let name = name.map(|name| super::json::unquote(name).ok_or(Damage::BadField { path: "name" })).transpose()?;
        let info = merge(&scanner.info, "info")?;
        let metadata = merge(&scanner.metadata, "chart.metadata")?;
        let time = |field, path| Ok(info.string_if_set(field, path)?.filter(|time| !time.is_empty()));
        Ok(Self {
            name: name.unwrap_or_default().into_owned(),
            has_info: !scanner.info.is_empty(),
            status: info.string_if_set("status", "info.status")?,
            description: info.string_if_set("description", "info.description")?,
            first_deployed: time("first_deployed", "info.first_deployed")?,
            last_deployed: time("last_deployed", "info.last_deployed")?,
            deleted: time("deleted", "info.deleted")?,
            chart_name: metadata.string_if_set("name", "chart.metadata.name")?,
            chart_version: metadata.string_if_set("version", "chart.metadata.version")?,
            app_version: metadata.string_if_set("appVersion", "chart.metadata.appVersion")?,
        })
    }
}

fn text(kept: &Kept) -> Result<&str, Damage> {
    str::from_utf8(&kept.bytes).map_err(|error| Damage::NotUtf8 { at: kept.at + error.valid_up_to() })
}

/// Go merges duplicates of an object behind a pointer into one struct.
fn merge<'a>(all: &'a [Kept], path: &'static str) -> Result<Object<'a>, Damage> {
    let mut merged = Object::default();
    for kept in all {
        let object = Object::parse(text(kept)?).map_err(|damage| match damage {
            Damage::NotAnObject => Damage::BadField { path },
            Damage::NotJson { at } => Damage::NotJson { at: kept.at + at },
            Damage::TrailingBytes { at } => Damage::NotJson { at: kept.at + at },
            other => other,
        })?;
        merged.members.extend(object.members);
    }
    Ok(merged)
}

/// Whether a [`HeadReader`] needs more of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one lives at a time, for as long as it takes to look at it")]
pub enum Progress {
    /// The head isn't complete: push the next piece.
    NeedMore,
    /// The head; further pieces change nothing.
    Done(Head),
}

/// Reads a [`Head`] from the inner text as it arrives.
pub struct HeadReader {
    text: TextDecoder,
    bytes: Vec<u8>,
    body: Body,
    scanner: Scanner,
    /// JSON bytes scanned, and how many at most.
    scanned: usize,
    limit: usize,
}

enum Body {
    /// Too little to tell gzip from JSON.
    Unknown,
    Gzip(Inflater),
    Json,
}

/// How much text is opened at a time: what lies behind the end of the head is inflated for nothing.
const STEP: usize = 1024;

impl Default for HeadReader {
    fn default() -> Self {
        Self::new(DEFAULT_LIMIT)
    }
}

impl HeadReader {
    /// A reader that inflates at most so many bytes.
    pub fn new(limit: usize) -> Self {
        let (text, scanner) = (TextDecoder::default(), Scanner::default());
        Self { text, bytes: Vec::new(), body: Body::Unknown, scanner, scanned: 0, limit }
    }

    /// Takes the next piece of the inner text.
    pub fn push(&mut self, piece: &[u8]) -> Result<Progress, Damage> {
        for step in piece.chunks(STEP) {
            if self.scanner.is_done() {
                break;
            }
            self.text.push(step, &mut self.bytes)?;
            self.open()?;
        }
        if self.scanner.is_done() { Head::scanned(&self.scanner).map(Progress::Done) } else { Ok(Progress::NeedMore) }
    }

    /// Ends the text. A head that isn't complete by now never will be.
    pub fn finish(mut self) -> Result<Head, Damage> {
        if self.scanner.is_done() {
            return Head::scanned(&self.scanner);
        }
        self.text.finish()?;
        if let Body::Unknown = self.body {
            self.body = match form(&self.bytes) {
                Form::Blank => return Err(Damage::Empty),
                Form::Unsure | Form::Gzip => return Err(Damage::Truncated),
                Form::Other => return Err(Damage::NotGzip),
                Form::Json => Body::Json,
            };
            self.open()?;
        }
        if let Body::Gzip(inflater) = &self.body {
            inflater.finish()?;
        }
        if self.scanner.is_done() {
            return Head::scanned(&self.scanner);
        }
        Err(if self.scanner.is_blank() { Damage::Empty } else { Damage::Truncated })
    }

    /// Hands what has been decoded to the scanner, inflated if need be.
    fn open(&mut self) -> Result<(), Damage> {
        if let Body::Unknown = self.body {
            // Helm looks at more than three bytes before it calls something gzip.
            if self.bytes.len() <= 3 {
                return Ok(());
            }
            self.body = match form(&self.bytes) {
                Form::Gzip => Body::Gzip(Inflater::new()),
                Form::Json | Form::Blank => Body::Json,
                Form::Unsure => return Ok(()),
                Form::Other => return Err(Damage::NotGzip),
            };
        }
        let (scanner, scanned, limit) = (&mut self.scanner, &mut self.scanned, self.limit);
        let mut scan = |json: &[u8]| {
            *scanned += json.len();
            let done = scanner.push(json)?;
            if *scanned > limit && !done { Err(Damage::TooLarge { limit }) } else { Ok(done) }
        };
        match &mut self.body {
            Body::Gzip(inflater) => inflater.push(&self.bytes, scan)?,
            _ => scan(&self.bytes)?,
        };
        self.bytes.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::encode;
    use super::*;

    const HEAD: &str = r#"{"name":"web","info":{"first_deployed":"2026-08-01T10:00:00Z","deleted":"","description":"a\u003cb","status":"failed","notes":"}]\"{"},"chart":{"metadata":{"name":"c","version":"1.0.0","appVersion":"2"}"#;

    fn head() -> Head {
        Head {
            name: "web".into(),
            has_info: true,
            status: Some("failed".into()),
            description: Some("a<b".into()),
            first_deployed: Some("2026-08-01T10:00:00Z".into()),
            chart_name: Some("c".into()),
            chart_version: Some("1.0.0".into()),
            app_version: Some("2".into()),
            ..Head::default()
        }
    }

    fn small(json: &str) -> Result<Head, Damage> {
        Head::from_json(json.as_bytes())
    }

    #[test]
    fn the_rest_of_the_payload_doesnt_matter() {
        assert_eq!(small(HEAD).unwrap(), head());
        assert_eq!(small(&format!("{HEAD} garbage")).unwrap(), head());
        let mut reader = HeadReader::default();
        let long = format!("{HEAD},\"templates\":[\"{}\"]}}}}", "0123456789".repeat(100_000));
        let inner = encode(long.as_bytes());
        assert_eq!(reader.push(&inner.as_bytes()[..STEP]), Ok(Progress::Done(head())));
        assert_eq!(reader.push(b"???"), Ok(Progress::Done(head())), "what follows is not even looked at");
        assert_eq!(reader.finish().unwrap(), head());
    }

    #[test]
    fn order_blanks_and_nulls_dont_matter() {
        let table = [
            (
                r#"{"chart":{"templates":[{"a":"]"}],"values":{"name":"x"},"metadata":{"name":"c"}},"x":[{"info":1}],"info":{"status":"s"},"name":"n"}"#,
                "n s c",
            ),
            (
                "\n{ \"name\" : \"n\" ,\t\"info\" : { \"status\" : \"s\" } , \"chart\" : { \"metadata\" : { \"name\" : \"c\" } } } ",
                "n s c",
            ),
            (r#"{"info":{"status":"s"},"chart":{"metadata":null,"templates":[]},"version":1}"#, " s -"),
            (r#"{"name":"n","info":{"status":"s"},"chart":null,"version":1}"#, "n s -"),
            (r#"{"name":"n","info":{"status":"s"},"chart":{},"version":1}"#, "n s -"),
            (r#"{"NAME":"n","\u0069nfo":{"Status":"s"},"chart":{"metaData":{"naMe":"c"}}}"#, "n s c"),
            (r#"{"info":{"status":"s","x":1},"info":{"status":null},"name":"m","name":"n","name":null}"#, "n s -"),
            (r#"{"info":{"status":"s"},"info":null}"#, " none -"),
            (r#"{"a":5,"b":true,"c":[1,2] ,"d":-1.5e3}"#, " none -"),
            ("{}", " none -"),
        ];
        for (json, expected) in table {
            let head = small(json).unwrap();
            let status = if head.has_info { head.status.unwrap_or_default() } else { "none".into() };
            let read = format!("{} {status} {}", head.name, head.chart_name.as_deref().unwrap_or("-"));
            assert_eq!(read, expected, "{json}");
        }
    }

    #[test]
    fn faults_are_named() {
        let table = [
            ("", Damage::Empty),
            (" \n", Damage::Empty),
            ("[]", Damage::NotAnObject),
            ("x", Damage::NotJson { at: 0 }),
            (r#"{"name""#, Damage::Truncated),
            (r#"{"name":"web","info":{"#, Damage::Truncated),
            (r#"{"name" "web"}"#, Damage::NotJson { at: 8 }),
            (r#"{"name":}"#, Damage::NotJson { at: 8 }),
            (r#"{"name":"web",}"#, Damage::NotJson { at: 14 }),
            (r#"{"name":5}"#, Damage::BadField { path: "name" }),
            (r#"{"info":[1]}"#, Damage::BadField { path: "info" }),
            (r#"{"info":{"a":x}}"#, Damage::NotJson { at: 13 }),
            (r#"{"info":{"status":5}}"#, Damage::BadField { path: "info.status" }),
            (r#"{"chart":"c"}"#, Damage::BadField { path: "chart" }),
            (r#"{"chart":{"metadata":[]}}"#, Damage::BadField { path: "chart.metadata" }),
        ];
        for (json, damage) in table {
            assert_eq!(small(json), Err(damage), "{json}");
        }
        assert_eq!(Head::from_json(b"{\"info\":{\"a\":\"\xff\"}}"), Err(Damage::NotUtf8 { at: 14 }));
    }

    #[test]
    fn an_early_end_is_told_from_other_faults() {
        let finish = |inner: &str| {
            let mut reader = HeadReader::default();
            reader.push(inner.as_bytes())?;
            reader.finish()
        };
        let inner = encode(b"{\"name\":\"web\"}");
        assert_eq!(finish(&inner).unwrap().name, "web");
        let table = [
            ("", Damage::Empty),
            ("\n", Damage::Empty),
            (&inner[..20], Damage::Truncated),
            ("H4s=", Damage::Truncated),
            ("e30", Damage::Truncated),
            ("AAAA", Damage::NotGzip),
            ("e3s=*", Damage::NotBase64 { at: 4 }),
        ];
        for (inner, damage) in table {
            assert_eq!(finish(inner), Err(damage), "{inner}");
        }
    }

    #[test]
    fn limits_hold() {
        let inner = encode(format!("{{\"x\":\"{}\"}}", "a".repeat(100_000)).as_bytes());
        let mut reader = HeadReader::new(50_000);
        assert_eq!(reader.push(inner.as_bytes()), Err(Damage::TooLarge { limit: 50_000 }));
        let limit = super::super::scan::KEEP_LIMIT;
        assert_eq!(small(&format!("{{\"name\":\"{}\"}}", "a".repeat(limit))), Err(Damage::TooLarge { limit }));
    }
}
