//! The stored text of a payload, opened and closed.
//!
//! Takes the inner text (base64 of gzip of JSON, or of bare JSON as old records have it) and gives the JSON bytes, or the
//! reverse. Promises not to use more memory than the text itself and the caller's limit, whatever the text claims; doesn't
//! look into the JSON.

use std::io::{self, Read, Write};

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use flate2::bufread::MultiGzDecoder;
use flate2::{Compression, GzBuilder};

use super::Damage;

/// How many bytes a payload may inflate to, if the caller has no reason to choose otherwise.
///
/// Kubernetes stores at most 1 MiB of text, which is 768 KiB of gzip. Templates and manifests shrink to about a tenth, so
/// real records stay below 10 MiB; deflate can reach a thousandfold, and only a bomb does.
pub const DEFAULT_LIMIT: usize = 64 << 20;

/// What gzip begins with. Helm inflates a payload of more than three bytes that begins so and takes every other one for
/// JSON (Helm 3.21 and 4.2 `pkg/storage/driver/util.go:decodeRelease`).
pub(super) const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b, 0x08];

/// Go's `base64.StdEncoding`: padding required, left-over bits of the last symbol ignored.
const GO_STANDARD: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// Takes the inner text and how many bytes it may inflate to; gives the JSON bytes, not yet looked at.
pub fn decode(inner: &[u8], limit: usize) -> Result<Vec<u8>, Damage> {
    let mut bytes = Vec::new();
    let mut text = TextDecoder::default();
    text.push(inner, &mut bytes)?;
    text.finish()?;
    match form(&bytes) {
        Form::Blank => Err(Damage::Empty),
        Form::Unsure => Err(Damage::Truncated),
        Form::Other => Err(Damage::NotGzip),
        Form::Json if bytes.len() > limit => Err(Damage::TooLarge { limit }),
        Form::Json => Ok(bytes),
        Form::Gzip => inflate(&bytes, limit),
    }
}

/// Takes JSON; gives the inner text as Helm writes it (Helm 3.21 and 4.2 `pkg/storage/driver/util.go:encodeRelease`).
///
/// The gzip header equals Go's (no time, no name, operating system unknown), so the text begins `H4sIAAAAAAAC/` as Helm's
/// does. The compressed bytes may differ from Go's; nothing compares them.
pub fn encode(json: &[u8]) -> String {
    let mut gzip = GzBuilder::new().operating_system(255).write(Vec::new(), Compression::best());
    match gzip.write_all(json).and_then(|()| gzip.finish()) {
        Ok(bytes) => STANDARD.encode(bytes),
        // Writing to a vector doesn't fail. If it ever did, Helm reads bare JSON just as well.
        Err(_) => STANDARD.encode(json),
    }
}

/// What the bytes under the base64 are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing but blanks.
    Blank,
    /// The beginning of a gzip header: too short to be anything.
    Unsure,
    /// Gzip.
    Gzip,
    /// Presumably a JSON object, or blanks so far and more to come.
    Json,
    /// Neither.
    Other,
}

/// Tells gzip from bare JSON by the first bytes.
pub(super) fn form(bytes: &[u8]) -> Form {
    let first = bytes.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    match first {
        None => Form::Blank,
        Some(_) if bytes.starts_with(GZIP_MAGIC) && bytes.len() > GZIP_MAGIC.len() => Form::Gzip,
        Some(_) if GZIP_MAGIC.starts_with(bytes) => Form::Unsure,
        // An array or a bare value is JSON too and gets its own, better name from whoever parses it.
        Some(b'{' | b'[' | b'"') => Form::Json,
        Some(_) => Form::Other,
    }
}

/// Inflates all gzip members, one after another, as Go's `gzip.Reader` does.
fn inflate(gzip: &[u8], limit: usize) -> Result<Vec<u8>, Damage> {
    let mut json = Vec::new();
    // One byte more than allowed tells "exactly the limit" from "too much". The vector grows with what really comes out.
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(gzip).take(most).read_to_end(&mut json).map_err(|error| gzip_damage(&error))?;
    if json.len() > limit { Err(Damage::TooLarge { limit }) } else { Ok(json) }
}

/// Names what the gzip decoder complains about.
pub(super) fn gzip_damage(error: &io::Error) -> Damage {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Damage::Truncated,
        _ => Damage::CorruptGzip,
    }
}

/// Base64 that arrives in pieces. Line breaks are skipped wherever they stand, as Go's decoder does. The pieces' sizes make
/// no difference, not even to the place an error is reported at.
#[derive(Debug, Default)]
pub(super) struct TextDecoder {
    /// Symbols of a group of four that isn't complete yet, and where in the text they stood.
    waiting: Vec<u8>,
    places: Vec<usize>,
    /// Padding has been seen: nothing may follow.
    padded: bool,
    /// Bytes of text before the current piece, line breaks included.
    before: usize,
}

impl TextDecoder {
    /// Takes the next piece of text; appends what it decodes to.
    pub(super) fn push(&mut self, piece: &[u8], bytes: &mut Vec<u8>) -> Result<(), Damage> {
        let start = self.before;
        self.before = start.saturating_add(piece.len());
        let places = || piece.iter().enumerate().filter(|(_, byte)| !is_line_break(**byte)).map(|(at, _)| start + at);
        let pushed = if piece.iter().any(|byte| is_line_break(*byte)) {
            let symbols: Vec<u8> = piece.iter().copied().filter(|byte| !is_line_break(*byte)).collect();
            self.push_symbols(&symbols, bytes)
        } else {
            self.push_symbols(piece, bytes)
        };
        if let Err(nth) = pushed {
            let at = self.places.iter().copied().chain(places()).nth(nth);
            return Err(Damage::NotBase64 { at: at.unwrap_or(start) });
        }
        let latest = places().rev().take(self.waiting.len()).chain(self.places.iter().rev().copied());
        let mut latest: Vec<usize> = latest.take(self.waiting.len()).collect();
        latest.reverse();
        self.places = latest;
        Ok(())
    }

    /// Ends the text: a group left incomplete means that its end is missing.
    pub(super) fn finish(&self) -> Result<(), Damage> {
        if self.waiting.is_empty() { Ok(()) } else { Err(Damage::Truncated) }
    }

    /// The same without line breaks. An error is the number of the offending symbol, those that waited counted first.
    fn push_symbols(&mut self, symbols: &[u8], bytes: &mut Vec<u8>) -> Result<(), usize> {
        let (mut rest, mut taken) = (symbols, 0);
        if !self.waiting.is_empty() {
            let (head, after) = symbols.split_at_checked(4 - self.waiting.len()).unwrap_or((symbols, &[]));
            self.waiting.extend_from_slice(head);
            if self.waiting.len() < 4 {
                return Ok(());
            }
            let group = std::mem::take(&mut self.waiting);
            self.decode_groups(&group, bytes)?;
            (rest, taken) = (after, group.len());
        }
        let (groups, rest) = rest.split_at_checked(rest.len() / 4 * 4).unwrap_or((rest, &[]));
        self.decode_groups(groups, bytes).map_err(|at| taken + at)?;
        if self.padded && !rest.is_empty() {
            return Err(taken + groups.len());
        }
        self.waiting.extend_from_slice(rest);
        Ok(())
    }

    fn decode_groups(&mut self, groups: &[u8], bytes: &mut Vec<u8>) -> Result<(), usize> {
        if groups.is_empty() {
            return Ok(());
        }
        if self.padded {
            return Err(0);
        }
        self.padded = groups.ends_with(b"=");
        GO_STANDARD.decode_vec(groups, bytes).map_err(|_| offence(groups))
    }
}

/// Takes whole groups that don't decode; gives the first symbol that Go would stumble over.
fn offence(groups: &[u8]) -> usize {
    let mut at = 0;
    for group in groups.chunks(4) {
        if GO_STANDARD.decode(group).is_err() {
            // Padding is right in the last place, and in the one before it if nothing but padding follows.
            let wrong = |(nth, symbol): (usize, &u8)| match (nth, symbol) {
                (3, b'=') => false,
                (2, b'=') => group.last() != Some(symbol),
                _ => !(symbol.is_ascii_alphanumeric() || matches!(symbol, b'+' | b'/')),
            };
            return at + group.iter().enumerate().position(wrong).unwrap_or(0);
        }
        at += group.len();
        if group.ends_with(b"=") {
            return at;
        }
    }
    at
}

fn is_line_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &[u8] = br#"{"name":"web","info":{"status":"deployed"}}"#;

    fn gzip(json: &[u8]) -> Vec<u8> {
        STANDARD.decode(encode(json)).unwrap()
    }

    #[test]
    fn text_begins_as_helms_does() {
        for json in [JSON, b"", &[b'x'; 100_000]] {
            assert!(encode(json).starts_with("H4sIAAAAAAAC/"));
        }
    }

    #[test]
    fn what_go_compressed_is_opened() {
        // Go 1.26 `gzip.NewWriterLevel(w, 9)` of an empty object; it flushes before it closes, hence the empty block.
        assert_eq!(decode(b"H4sIAAAAAAAC/6quBQQAAP//Q7+mowIAAAA=", 100).unwrap(), b"{}");
    }

    #[test]
    fn both_forms_are_opened() {
        assert_eq!(decode(encode(JSON).as_bytes(), 100).unwrap(), JSON);
        assert_eq!(decode(STANDARD.encode(JSON).as_bytes(), 100).unwrap(), JSON);
        let blank = [b" \n\t".as_slice(), JSON].concat();
        assert_eq!(decode(STANDARD.encode(&blank).as_bytes(), 100).unwrap(), blank);
    }

    #[test]
    fn members_are_joined() {
        let (one, two) = JSON.split_at(10);
        let both = STANDARD.encode([gzip(one), gzip(two)].concat());
        assert_eq!(decode(both.as_bytes(), 100).unwrap(), JSON);
    }

    #[test]
    fn line_breaks_are_skipped_anywhere() {
        let inner = STANDARD.encode(b"{\"a\":10}");
        assert!(inner.ends_with('='));
        for at in 0..=inner.len() {
            let (left, right) = inner.split_at(at);
            assert_eq!(decode(format!("{left}\r\n{right}\n").as_bytes(), 100).unwrap(), b"{\"a\":10}");
        }
    }

    #[test]
    fn faults_are_named() {
        let good = encode(JSON);
        let broken = |at: usize, to: u8| {
            let mut bytes = gzip(JSON);
            bytes[at] = to;
            STANDARD.encode(bytes)
        };
        let long = gzip(JSON).len();
        let table: Vec<(String, Damage)> = vec![
            (String::new(), Damage::Empty),
            ("\r\n".into(), Damage::Empty),
            (STANDARD.encode("  \n"), Damage::Empty),
            ("====".into(), Damage::NotBase64 { at: 0 }),
            ("e30=e30=".into(), Damage::NotBase64 { at: 4 }),
            ("e3=0".into(), Damage::NotBase64 { at: 2 }),
            ("e30=\n====".into(), Damage::NotBase64 { at: 5 }),
            ("e30=\ne".into(), Damage::NotBase64 { at: 5 }),
            (format!("{}-{}", &good[..9], &good[10..]), Damage::NotBase64 { at: 9 }),
            (format!("\n{}\n_{}", &good[..9], &good[10..]), Damage::NotBase64 { at: 11 }),
            (good[..7].into(), Damage::Truncated),
            (good[..8].into(), Damage::Truncated),
            (good[..40].into(), Damage::Truncated),
            (STANDARD.encode([0x1f]), Damage::Truncated),
            (STANDARD.encode(GZIP_MAGIC), Damage::Truncated),
            (STANDARD.encode(&gzip(JSON)[..long - 3]), Damage::Truncated),
            (STANDARD.encode("H4sIAAAA"), Damage::NotGzip),
            (STANDARD.encode([0x1f, 0x8b, 0x07, 0]), Damage::NotGzip),
            (broken(long - 8, gzip(JSON)[long - 8] ^ 1), Damage::CorruptGzip),
            (broken(10, 0xff), Damage::CorruptGzip),
            (STANDARD.encode([gzip(JSON), b"trailing garbage".to_vec()].concat()), Damage::CorruptGzip),
        ];
        for (inner, expected) in table {
            assert_eq!(decode(inner.as_bytes(), 100), Err(expected), "{inner:?}");
        }
    }

    #[test]
    fn pieces_make_no_difference() {
        let texts = [
            "e30=e30=",
            "e30=\ne",
            "e\n3*=",
            "e3=0e30=",
            "a=bc",
            "ab==c",
            "e30A\r\n\nAAA\n_AAA",
            "====",
            "e30AAA",
            "e30=",
        ];
        for text in texts {
            let decode = |size: usize| {
                let (mut decoder, mut bytes) = (TextDecoder::default(), Vec::new());
                for piece in text.as_bytes().chunks(size) {
                    decoder.push(piece, &mut bytes)?;
                }
                decoder.finish().map(|()| bytes)
            };
            for size in 1..text.len() {
                assert_eq!(decode(size), decode(text.len()), "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn unpadded_text_is_incomplete() {
        assert_eq!(decode(b"e30", 100), Err(Damage::Truncated));
        assert_eq!(decode(b"e30=", 100).unwrap(), b"{}");
        assert_eq!(decode(b"e31=", 100).unwrap(), b"{}", "left-over bits are ignored, as in Go");
    }

    #[test]
    fn the_limit_is_exact() {
        for inner in [encode(JSON), STANDARD.encode(JSON)] {
            assert_eq!(decode(inner.as_bytes(), JSON.len()).unwrap(), JSON);
            let limit = JSON.len() - 1;
            assert_eq!(decode(inner.as_bytes(), limit), Err(Damage::TooLarge { limit }));
        }
    }
}
