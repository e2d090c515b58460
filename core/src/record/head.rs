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
