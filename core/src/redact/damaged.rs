//! Something in the place of a payload that can't be read, and so can't be searched for secrets: broken in the same way, so
//! that the same is found, with the head that could be read of the old one.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, GzBuilder};

use crate::record::json::quote;
use crate::record::{Damage, Head, encode};

/// Takes what the payload's head gave, redacted, and its damage; gives inner texts, the likeliest first, one of which should
/// be damaged alike. Whoever takes them looks which.
pub(super) fn stand_ins(head: &Result<Head, Damage>, damage: &Damage) -> Vec<Vec<u8>> {
    let json = head.as_ref().map(opening).unwrap_or_default();
    let opened = if json.is_empty() { "{".to_owned() } else { json.clone() };
    let whole = format!("{opened}{}", "}".repeat(open_braces(&opened)));
    let rest = opened.strip_prefix('{').unwrap_or_default();
    let padded = |text: &str, at: usize, end: &[u8]| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(at.max(bytes.len()), b' ');
        bytes.extend(end);
        encode(&bytes).into_bytes()
    };
    match damage {
        Damage::Empty => vec![Vec::new()],
        Damage::NotBase64 { at } => {
            let broken = |mut text: Vec<u8>| {
                text.resize((*at).max(text.len()), b'\n');
                text.extend(b"!!!!");
                text
            };
            vec![broken(encode(whole.as_bytes()).into_bytes()), broken(Vec::new())]
        }
        Damage::Truncated => {
            let short = encode(b"{").into_bytes();
            vec![encode(opened.as_bytes()).into_bytes(), short.get(..8).unwrap_or_default().to_vec()]
        }
        Damage::NotGzip => vec![STANDARD.encode("none").into_bytes()],
        Damage::CorruptGzip => vec![corrupt(&whole, true), corrupt(&whole, false)],
        Damage::TooLarge { limit } => vec![padded(&opened, limit.saturating_add(1), b"}}")],
        Damage::NotUtf8 { at } => vec![
            padded(&opened, *at, b"\xff"),
            // In front of the head, where it is passed over.
            padded("{\"x\":\"", *at, &[b"\xff\",", rest.as_bytes()].concat()),
            padded("{\"", *at, b"\xff\""),
        ],
        Damage::NotJson { at } => vec![
            padded(&opened, *at, b"!"),
            padded("{", *at, b"!"),
            padded("{\"a\":", *at, b"!"),
            padded("", *at, b"!"),
            padded("{\"a\"", *at, b"!"),
        ],
        Damage::TooDeep { limit } => {
            let (left, right) = ("[".repeat(limit + 1), "]".repeat(limit + 1));
            vec![
                encode(format!("{opened},\"x\":{left}{right}{}", "}".repeat(open_braces(&opened))).as_bytes())
                    .into_bytes(),
            ]
        }
        Damage::TrailingBytes { at } => vec![padded(&whole, *at, b"x"), padded("{}", *at, b"x")],
        Damage::NotAnObject => vec![encode(b"[]").into_bytes()],
        Damage::NoInfo => vec![encode(b"{}").into_bytes()],
        Damage::BadField { path } => vec![encode(bad_field(path).as_bytes()).into_bytes()],
    }
}

/// A payload cut off behind its head.
fn opening(head: &Head) -> String {
    let member = |(key, value): (&str, &Option<String>)| Some(format!("{}:{}", quote(key), quote(value.as_ref()?)));
    let object =
        |members: &[(&str, &Option<String>)]| members.iter().copied().filter_map(member).collect::<Vec<_>>().join(",");
    let info = object(&[
        ("first_deployed", &head.first_deployed),
        ("last_deployed", &head.last_deployed),
        ("deleted", &head.deleted),
        ("description", &head.description),
        ("status", &head.status),
    ]);
    let metadata =
        object(&[("name", &head.chart_name), ("version", &head.chart_version), ("appVersion", &head.app_version)]);
    let info = if head.has_info { format!(",\"info\":{{{info}}}") } else { String::new() };
    format!("{{\"name\":{}{info},\"chart\":{{\"metadata\":{{{metadata}}}", quote(&head.name))
}

/// How many braces a head leaves open.
fn open_braces(opened: &str) -> usize {
    if opened.contains("\"chart\":{") { 2 } else { 1 }
}

/// Gzip with a wrong checksum, or of nonsense.
fn corrupt(json: &str, late: bool) -> Vec<u8> {
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::best());
    let mut bytes = gzip.write_all(json.as_bytes()).and_then(|()| gzip.finish()).unwrap_or_default();
    let at = if late { bytes.len().saturating_sub(8) } else { 10 };
    if let Some(byte) = bytes.get_mut(at) {
        *byte = if late { *byte ^ 1 } else { 0xff };
    }
    STANDARD.encode(bytes).into_bytes()
}

/// JSON whose field at this path has a type that it can't have.
fn bad_field(path: &str) -> String {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let value = rest.map_or_else(|| "true".to_owned(), |rest| format!("{{{}:[true]}}", quote(rest)));
    match first {
        "info" => format!("{{\"info\":{value}}}"),
        first => format!("{{\"info\":{{}},{}:{value}}}", quote(first)),
    }
}
