//! Anything at all in place of a record's payload: opened, looked at, edited and closed again.
//!
//! The first byte of an input tells how far in it starts, or nothing would ever get past gzip's checksum: a brace means
//! JSON, which is encoded first; gzip's first byte means gzip, which gets its base64; anything else is stored text. Seeds
//! are therefore plain files that one can read.

#![no_main]

use std::alloc::{GlobalAlloc, Layout, System};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use refloat_core::record::{Damage, Document, Head, HeadReader, InfoEdit, Progress, Release, Status, decode, encode};

/// What a payload may inflate to in here.
const LIMIT: usize = 1 << 20;
/// What may be allocated at once: the limit, with room for a vector that doubles.
const MOST: usize = 16 << 20;

/// libFuzzer's own limit needs a sanitizer's allocator; this one refuses, which aborts, which is a finding.
struct Capped;

// SAFETY: everything is left to the system's allocator, except that large requests fail, as any request may.
unsafe impl GlobalAlloc for Capped {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > MOST { std::ptr::null_mut() } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > MOST { std::ptr::null_mut() } else { unsafe { System.realloc(at, layout, size) } }
    }
}

#[global_allocator]
static CAPPED: Capped = Capped;

fuzz_target!(|input: &[u8]| {
    let inner = match input.first() {
        Some(b'{') => encode(input).into_bytes(),
        Some(0x1f) => STANDARD.encode(input).into_bytes(),
        _ => input.to_vec(),
    };
    let streamed = stream(&inner, 1 + input.len() % 97);
    let Ok(json) = decode(&inner, LIMIT) else { return };
    heads_agree(&streamed, &Head::from_json(&json));
    let Ok(document) = Document::parse(json) else { return };
    edits_are_small(&document);
    let description = String::from_utf8_lossy(&input[..input.len().min(40)]).into_owned();
    edits_are_read_back(&document, &description);
});

fn stream(inner: &[u8], piece: usize) -> Result<Head, Damage> {
    let mut reader = HeadReader::new(LIMIT);
    for piece in inner.chunks(piece) {
        if let Progress::Done(head) = reader.push(piece)? {
            return Ok(head);
        }
    }
    reader.finish()
}

/// A payload that opens has the same head whether streamed or whole. Only a gzip header of absurd length is refused when
/// streamed.
fn heads_agree(streamed: &Result<Head, Damage>, whole: &Result<Head, Damage>) {
    if *streamed != Err(Damage::CorruptGzip) {
        assert_eq!(streamed, whole);
    }
}

/// What an edit of the status replaces is no longer than the status was, however it was escaped.
fn edits_are_small(document: &Document) {
    let edited = document.edit(&InfoEdit { status: Some(Status::Failed), ..InfoEdit::default() }).expect("edits");
    assert_eq!(edited.status().as_deref(), Some("failed"));
    let (old, new) = (document.bytes(), edited.bytes());
    let front = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let back = old[front..].iter().rev().zip(new[front..].iter().rev()).take_while(|(a, b)| a == b).count();
    let longest = document.status().map_or(4, |status| 2 + 6 * status.len()).max(4);
    assert!(old.len() - front - back <= longest, "the edit replaced more than the status");
    assert_eq!(edited.description(), document.description());
}

/// After an edit, every other typed field is what it was, and the record survives being stored.
fn edits_are_read_back(document: &Document, description: &str) {
    let edit =
        InfoEdit { status: Some(Status::Superseded), description: Some(description.to_owned()), ..InfoEdit::default() };
    let edited = document.edit(&edit).expect("edits");
    assert_eq!(edited.description().as_deref(), Some(description));
    assert_eq!(edited.edit(&edit).as_ref(), Ok(&edited), "the same edit twice is one edit");
    assert_eq!(decode(encode(edited.bytes()).as_bytes(), 2 * LIMIT).as_deref(), Ok(edited.bytes()));
    let expected = Release::from_document(document).map(|mut release| {
        release.info.status = "superseded".into();
        release.info.description = description.to_owned();
        release
    });
    assert_eq!(Release::from_document(&edited), expected);
}
