//! The few values of a release that an overview needs, picked out of JSON that arrives in pieces.
//!
//! Takes JSON bytes as they come, keeps `name`, `info` and `chart.metadata` and lets everything else pass; says when it has
//! all three, after which the rest doesn't matter. Memory is flat however long the payload is. What passes is followed, not
//! checked: strings and brackets only. What is kept gets parsed by whoever asked for it.

use super::Damage;
use super::json::Member;

/// The most bytes kept: `info` and the chart's metadata together are a few KiB, with long notes a few hundred.
pub(super) const KEEP_LIMIT: usize = 4 << 20;

/// The longest key that may be one of ours, every letter of `metadata` escaped.
const KEY_LIMIT: usize = 64;

/// A kept value and where it began.
#[derive(Debug, Default, Clone)]
pub(super) struct Kept {
    pub at: usize,
    pub bytes: Vec<u8>,
}

/// Follows the JSON of one release.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// `name`, if set; the last one wins.
    pub name: Option<Kept>,
    /// Every `info` since the last null, as Go merges them.
    pub info: Vec<Kept>,
    /// Every `chart.metadata` since the last null, likewise.
    pub metadata: Vec<Kept>,
    seen: [bool; 3],
    state: State,
    in_chart: bool,
    value: Value,
    key: Vec<u8>,
    kept: Kept,
    /// Bytes in all kept values.
    total: usize,
    /// Bytes before the current one.
    at: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Begin,
    KeyOrEnd,
    Key,
    InKey {
        escaped: bool,
    },
    Colon,
    BeforeValue,
    InValue,
    CommaOrEnd,
    Done,
}

/// Where in a value the scanner is.
#[derive(Debug, Default, Clone, Copy)]
struct Value {
    what: What,
    /// Open brackets. At 0 the value is a string or a bare word.
    depth: usize,
    in_string: bool,
    escaped: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum What {
    #[default]
    Other,
    Name,
    Info,
    Chart,
    Metadata,
}

impl Scanner {
    /// Takes the next bytes; gives whether the rest doesn't matter any more.
    pub(super) fn push(&mut self, json: &[u8]) -> Result<bool, Damage> {
        let mut rest = json;
        while let (Some(&byte), false) = (rest.first(), self.is_done()) {
            let used = match self.state {
                State::InValue => self.in_value(rest)?,
                _ => usize::from(self.between(byte)?),
            };
            self.at += used;
            rest = rest.get(used..).unwrap_or_default();
        }
        Ok(self.is_done())
    }

    /// Whether the object has ended or all that matters has been seen.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether nothing but blanks has come by.
    pub(super) fn is_blank(&self) -> bool {
        self.state == State::Begin
    }

    /// One byte outside values. Gives whether it was used up.
    fn between(&mut self, byte: u8) -> Result<bool, Damage> {
        if let State::InKey { escaped } = self.state {
            self.in_key(byte, escaped);
            return Ok(true);
        }
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            return Ok(true);
        }
        self.state = match (self.state, byte) {
            (State::Begin, b'{') => State::KeyOrEnd,
            (State::Begin, b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => return Err(Damage::NotAnObject),
            (State::KeyOrEnd | State::CommaOrEnd, b'}') => self.object_end(),
            (State::KeyOrEnd | State::Key, b'"') => {
                self.key.clear();
                self.key.push(byte);
                State::InKey { escaped: false }
            }
            (State::Colon, b':') => State::BeforeValue,
            (State::CommaOrEnd, b',') => State::Key,
            (State::BeforeValue, byte) => return self.value_begin(byte),
            _ => return Err(Damage::NotJson { at: self.at }),
        };
        Ok(true)
    }

    fn in_key(&mut self, byte: u8, escaped: bool) {
        if self.key.len() < KEY_LIMIT {
            self.key.push(byte);
        }
        self.state = match byte {
            b'"' if !escaped => State::Colon,
            byte => State::InKey { escaped: !escaped && byte == b'\\' },
        };
    }

    fn object_end(&mut self) -> State {
        if !self.in_chart {
            return State::Done;
        }
        self.in_chart = false;
        self.after(What::Chart)
    }

    /// The first byte of a value; gives whether it was used up.
    fn value_begin(&mut self, byte: u8) -> Result<bool, Damage> {
        let what = self.what();
        if what == What::Chart && byte == b'{' {
            self.in_chart = true;
            self.state = State::KeyOrEnd;
            return Ok(true);
        }
        if !matches!(byte, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') {
            return Err(Damage::NotJson { at: self.at });
        }
        self.value = Value { what, ..Value::default() };
        self.kept = Kept { at: self.at, bytes: Vec::new() };
        self.state = State::InValue;
        Ok(false)
    }

    /// What the key just read stands for. A key cut at the limit lacks its closing quote and matches nothing.
    fn what(&self) -> What {
        let Ok(key) = str::from_utf8(&self.key) else { return What::Other };
        let key = Member { key, value: "" };
        let fields: &[(&str, What)] = if self.in_chart {
            &[("metadata", What::Metadata)]
        } else {
            &[("name", What::Name), ("info", What::Info), ("chart", What::Chart)]
        };
        fields.iter().find(|(field, _)| key.is(field)).map_or(What::Other, |(_, what)| *what)
    }

    /// Bytes of a value; gives how many were used up.
    fn in_value(&mut self, rest: &[u8]) -> Result<usize, Damage> {
        let mut used = 0;
        let mut ended = false;
        while let (Some(&byte), false) = (rest.get(used), ended) {
            let value = &mut self.value;
            if value.in_string {
                // Most of a payload is inside long strings: run to the next byte that matters.
                let run = rest.get(used..).unwrap_or_default();
                let plain = if value.escaped {
                    0
                } else {
                    run.iter().position(|b| matches!(b, b'"' | b'\\')).unwrap_or(run.len())
                };
                used += plain;
                let Some(byte) = rest.get(used) else { break };
                (value.in_string, value.escaped) = match byte {
                    _ if value.escaped => (true, false),
                    b'\\' => (true, true),
                    _ => (false, false),
                };
                ended = !value.in_string && value.depth == 0;
                used += 1;
                continue;
            }
            match byte {
                b'"' => value.in_string = true,
                b'{' | b'[' => value.depth += 1,
                // A bare word ends before what follows it, an object or array with its bracket.
                b'}' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n' if value.depth == 0 => {
                    self.keep(rest, used)?;
                    self.value_end()?;
                    return Ok(used);
                }
                b'}' | b']' => {
                    value.depth -= 1;
                    ended = value.depth == 0;
                }
                _ => {}
            }
            used += 1;
        }
        self.keep(rest, used)?;
        if ended {
            self.value_end()?;
        }
        Ok(used)
    }

    fn keep(&mut self, rest: &[u8], used: usize) -> Result<(), Damage> {
        if self.value.what == What::Other {
            return Ok(());
        }
        self.total += used;
        if self.total > KEEP_LIMIT {
            return Err(Damage::TooLarge { limit: KEEP_LIMIT });
        }
        self.kept.bytes.extend_from_slice(rest.get(..used).unwrap_or_default());
        Ok(())
    }

    fn value_end(&mut self) -> Result<(), Damage> {
        let kept = std::mem::take(&mut self.kept);
        let null = kept.bytes == b"null";
        match (self.value.what, null) {
            (What::Other, _) | (What::Name, true) => {}
            (What::Name, false) => self.name = Some(kept),
            (What::Info, false) => self.info.push(kept),
            (What::Info, true) => self.info.clear(),
            (What::Metadata, false) => self.metadata.push(kept),
            (What::Metadata | What::Chart, true) => self.metadata.clear(),
            (What::Chart, false) => return Err(Damage::BadField { path: "chart" }),
        }
        self.state = self.after(self.value.what);
        Ok(())
    }

    /// Notes what has been seen; gives the state after a value.
    fn after(&mut self, what: What) -> State {
        let [name, info, metadata] = &mut self.seen;
        match what {
            What::Name => *name = true,
            What::Info => *info = true,
            What::Chart | What::Metadata => *metadata = true,
            What::Other => {}
        }
        if *name && *info && *metadata { State::Done } else { State::CommaOrEnd }
    }
}
