//! A payload that claims to be a gigabyte must not cost one. A file of its own, hence a process of its own: the peak is the
//! process's. For the same reason it stays the only test in here.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use refloat_core::record::{DEFAULT_LIMIT, Damage, Document, HeadReader, decode, encode};

const MIB: usize = 1 << 20;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(bytes).and_then(|()| gzip.finish()).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "a test may look at its own process")]
/// The most memory this process has held at once, in bytes; `None` where the system doesn't tell.
fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?;
    Some(kib.parse::<usize>().ok()? * 1024)
}

#[test]
fn a_bomb_costs_no_more_than_the_limit() {
    // One gigabyte: an object that opens, then blanks in 512 members. Small ones, or making them would set the peak.
    let bomb = [gzip(b"{\"x\":"), gzip(&vec![b' '; 2 * MIB]).repeat(512)].concat();
    let (inner, twice) = (STANDARD.encode(&bomb), encode(&bomb));
    let before = peak();
    let grown = || peak().zip(before).map(|(now, before)| now - before);

    let mut reader = HeadReader::default();
    assert_eq!(reader.push(inner.as_bytes()), Err(Damage::TooLarge { limit: DEFAULT_LIMIT }));
    let flat = grown();
    assert!(flat.is_none_or(|bytes| bytes < MIB), "a head took {flat:?} bytes");

    let limit = 8 * MIB;
    assert_eq!(decode(inner.as_bytes(), limit), Err(Damage::TooLarge { limit }));
    // A vector that grows by doubling takes at most three times what is in it while it moves.
    let bounded = grown();
    assert!(bounded.is_none_or(|bytes| bytes < 3 * limit + 2 * inner.len()), "decoding took {bounded:?} bytes");

    let json = decode(twice.as_bytes(), DEFAULT_LIMIT).unwrap();
    assert!(json == bomb, "only the outer gzip is opened");
    assert!(Document::parse(json).is_err());
}
