//! What holds for every payload: opened and closed unchanged, a head the same however it arrives, an edit that leaves every
//! other byte alone, and no panic whatever is stored.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use refloat_core::record::{
    DEFAULT_LIMIT, Damage, Document, Head, HeadReader, InfoEdit, Progress, Release, Status, decode, encode,
};

/// A text, with the two values marked that an edit replaces.
#[derive(Debug, Clone)]
struct Payload {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Fixed(String),
    Status(String),
    Description(String),
}

impl Payload {
    fn text(&self) -> String {
        self.with(None)
    }

    fn with(&self, new: Option<(&str, &str)>) -> String {
        let text = |piece: &Piece| match (piece, new) {
            (Piece::Status(_), Some((status, _))) => status.to_owned(),
            (Piece::Description(_), Some((_, description))) => description.to_owned(),
            (Piece::Fixed(text) | Piece::Status(text) | Piece::Description(text), _) => text.clone(),
        };
        self.pieces.iter().map(text).collect()
    }
}

fn words(words: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    select(words.to_vec()).prop_map(str::to_owned)
}

fn blank() -> impl Strategy<Value = String> {
    words(&["", "", "", "", "", "", " ", "\r\n\t"])
}

/// A JSON string as text: plain characters and every way to escape one.
fn string() -> impl Strategy<Value = String> {
    let special =
        words(&["\\n", "\\\"", "\\\\", "\\/", "\\u003c", "\\u00E9", "\\ud83d\\ude00", "\\ud800", "{", "]", ",", ":"]);
    let plain = any::<char>().prop_filter("needs an escape", |c| *c >= ' ' && !matches!(c, '"' | '\\'));
    let part = prop_oneof![3 => plain.prop_map(String::from), 1 => special];
    vec(part, 0..12).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

fn scalar() -> impl Strategy<Value = String> {
    let bare = words(&[
        "null",
        "true",
        "false",
        "0",
        "-0.0",
        "9007199254740993",
        "12345678901234567890123",
        "1e400",
        "1.10E-7",
    ]);
    prop_oneof![bare, string()]
}

fn value() -> impl Strategy<Value = String> {
    scalar().prop_recursive(3, 24, 5, |inner| {
        let item = (blank(), inner.clone(), blank()).prop_map(|(a, item, b)| format!("{a}{item}{b}"));
        let member =
            (blank(), string(), blank(), inner, blank()).prop_map(|(a, key, b, v, c)| format!("{a}{key}{b}:{v}{c}"));
        prop_oneof![
            vec(item, 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

/// A member that means nothing to us.
fn unknown() -> impl Strategy<Value = Vec<Piece>> {
    let long = "a-key-that-is-longer-than-any-of-ours-even-if-every-letter-of-it-were-escaped";
    let key = words(&["x", "statuses", "inf", "Ünfo", "in\\u0066", "na\\\"me", long]);
    (key, value()).prop_map(|(key, value)| vec![Piece::Fixed(format!("\"{key}\":{value}"))])
}

fn member(key: &'static str, value: impl Strategy<Value = Vec<Piece>> + 'static) -> BoxedStrategy<Vec<Piece>> {
    let pieces = |(key, a, b, value): (String, String, String, Vec<Piece>)| {
        let mut pieces = vec![Piece::Fixed(format!("\"{key}\"{a}:{b}"))];
        pieces.extend(value);
        pieces
    };
    let upper = key.to_uppercase();
    let key = prop_oneof![8 => Just(key.to_owned()), 1 => Just(upper)];
    (key, blank(), blank(), value).prop_map(pieces).boxed()
}

fn fixed(value: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<Piece>> {
    value.prop_map(|value| vec![Piece::Fixed(value)])
}

/// An object of these members and some unknown ones, in any order.
fn object(known: Vec<BoxedStrategy<Vec<Piece>>>) -> impl Strategy<Value = Vec<Piece>> {
    let members = (known, vec(unknown(), 0..3)).prop_map(|(mut known, unknown)| {
        known.extend(unknown);
        known
    });
    (members.prop_shuffle(), blank(), blank()).prop_map(|(members, before, after)| {
        let mut pieces = vec![Piece::Fixed(format!("{before}{{"))];
        for (nth, member) in members.into_iter().enumerate() {
            pieces.push(Piece::Fixed(if nth == 0 { after.clone() } else { format!("{before},{after}") }));
            pieces.extend(member);
        }
        pieces.push(Piece::Fixed(format!("{after}}}")));
        pieces
    })
}

fn payload() -> impl Strategy<Value = Payload> {
    let info = object(vec![
        member("status", string().prop_map(|text| vec![Piece::Status(text)])),
        member("description", string().prop_map(|text| vec![Piece::Description(text)])),
        member("notes", fixed(string())),
        member("deleted", fixed(words(&["\"\"", "null", "\"2026-08-01T10:00:00.5+02:00\""]))),
    ]);
    let metadata = object(vec![member("name", fixed(string())), member("appVersion", fixed(string()))]);
    let chart = object(vec![
        member("metadata", prop_oneof![4 => metadata, 1 => fixed(words(&["null"]))]),
        member("templates", fixed(value())),
    ]);
    let release = object(vec![
        member("name", fixed(string())),
        member("info", info),
        member("chart", prop_oneof![4 => chart, 1 => fixed(words(&["null"]))]),
        member("manifest", fixed(string())),
        member("version", fixed(any::<u64>().prop_map(|version| version.to_string()))),
    ]);
    release.prop_map(|pieces| Payload { pieces })
}

/// The same JSON as Helm stores it, as it once did, and with line breaks.
fn stored(json: &str) -> [String; 3] {
    let inner = encode(json.as_bytes());
    let lines: Vec<_> = inner.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
    [inner.clone(), STANDARD.encode(json), lines.join("\r\n")]
}

/// Feeds a reader with pieces that end at the given places.
fn head_in_pieces(inner: &str, cuts: &[Index]) -> Result<Head, Damage> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(inner.len() + 1)).collect();
    places.sort_unstable();
    places.push(inner.len());
    let mut reader = HeadReader::default();
    let mut from = 0;
    for to in places {
        if let Progress::Done(head) = reader.push(inner.as_bytes().get(from..to).unwrap_or_default())? {
            return Ok(head);
        }
        from = to;
    }
    reader.finish()
}

/// Everything that looks at a stored text.
fn look_at(inner: &[u8]) {
    let mut reader = HeadReader::new(1 << 20);
    let _ = reader.push(inner).and_then(|_| reader.finish());
    let Ok(json) = decode(inner, 1 << 20) else { return };
    let _ = Head::from_json(&json);
    let Ok(document) = Document::parse(json) else { return };
    let _ = Release::from_document(&document);
    let _ = document.edit(&failed("x"));
}

fn failed(description: &str) -> InfoEdit {
    InfoEdit { status: Some(Status::Failed), description: Some(description.into()), ..InfoEdit::default() }
}

proptest! {
    #[test]
    fn what_is_closed_opens_unchanged(json in payload()) {
        let json = json.text();
        for inner in stored(&json) {
            prop_assert_eq!(decode(inner.as_bytes(), DEFAULT_LIMIT).unwrap(), json.as_bytes());
        }
    }

    #[test]
    fn a_head_is_the_same_however_it_arrives(json in payload(), cuts in vec(any::<Index>(), 0..8)) {
        let json = json.text();
        let head = Head::from_json(json.as_bytes());
        prop_assert!(head.is_ok(), "{:?}", head);
        for inner in stored(&json) {
            prop_assert_eq!(&head_in_pieces(&inner, &cuts), &head);
        }
    }

    #[test]
    fn a_head_is_what_the_whole_release_says(json in payload()) {
        let json = json.text();
        let head = Head::from_json(json.as_bytes()).unwrap();
        let release = Release::from_document(&Document::parse(json.into_bytes()).unwrap()).unwrap();
        prop_assert_eq!(head.name, release.name);
        prop_assert_eq!(head.status.unwrap_or_default(), release.info.status);
        prop_assert_eq!(head.description.unwrap_or_default(), release.info.description);
        prop_assert_eq!(head.deleted, release.info.deleted.map(|time| time.text));
        let metadata = release.chart.and_then(|chart| chart.metadata);
        prop_assert_eq!(head.chart_name, metadata.as_ref().map(|metadata| metadata.name.clone()));
        prop_assert_eq!(head.app_version, metadata.map(|metadata| metadata.app_version));
    }

    #[test]
    fn an_edit_leaves_every_other_byte_alone(payload in payload()) {
        let before = Document::parse(payload.text().into_bytes()).unwrap();
        let after = before.edit(&failed("a<b")).unwrap();
        prop_assert_eq!(after.text(), payload.with(Some(("\"failed\"", "\"a\\u003cb\""))));
    }

    #[test]
    fn any_description_is_read_back(payload in payload(), description in any::<String>()) {
        let edited = Document::parse(payload.text().into_bytes()).unwrap().edit(&failed(&description)).unwrap();
        let release = Release::from_document(&edited).unwrap();
        prop_assert_eq!(release.info.status, "failed");
        prop_assert_eq!(&release.info.description, &description);
        prop_assert_eq!(edited.description(), Some(description));
    }

    #[test]
    fn a_cut_payload_is_never_taken_for_whole(payload in payload(), at in any::<Index>()) {
        for inner in stored(payload.text().trim_end()) {
            let cut = inner.get(..at.index(inner.len())).unwrap_or_default();
            prop_assert!(decode(cut.as_bytes(), DEFAULT_LIMIT).and_then(Document::parse).is_err());
        }
    }

    #[test]
    fn nothing_panics_on_noise(noise in vec(any::<u8>(), 0..600)) {
        look_at(&noise);
        look_at(STANDARD.encode(&noise).as_bytes());
        look_at(encode(&noise).as_bytes());
    }

    #[test]
    fn nothing_panics_on_broken_payloads(payload in payload(), faults in vec((any::<Index>(), any::<u8>()), 1..4)) {
        let mut json = payload.text().into_bytes();
        let mut inner = encode(&json).into_bytes();
        let mut gzip = STANDARD.decode(&inner).unwrap();
        for (at, byte) in faults {
            for bytes in [&mut json, &mut inner, &mut gzip] {
                *at.get_mut(bytes) = byte;
            }
        }
        look_at(&inner);
        look_at(STANDARD.encode(&gzip).as_bytes());
        look_at(encode(&json).as_bytes());
    }
}

#[test]
fn deep_nesting_needs_no_stack() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = format!("{}0{}", open.repeat(1 << 18), close.repeat(1 << 18));
        let json = format!("{{\"name\":\"web\",\"info\":{{\"x\":{nested}}},\"chart\":null}}");
        let head = HeadReader::default().push(encode(json.as_bytes()).as_bytes());
        assert!(matches!(&head, Ok(Progress::Done(head)) if head.has_info), "{head:?}");
        assert_eq!(Document::parse(json.into_bytes()), Err(Damage::TooDeep { limit: 10_000 }));
    }
}
