//! Redaction: a bundle without the secrets of its release.
//!
//! Takes a bundle and a salt; gives the bundle with every secret value replaced by a token that is the same for equal values,
//! so that what differs still differs. Two layers: first what stands in a secret place or looks like a credential
//! (`walk.rs`), then every value found so, wherever else it stands (`hunt.rs`). Everything is redacted twice, the first time only to
//! learn the values. `docs/bundles.md` tells users what that covers and what it can't.

mod damaged;
mod documents;
mod hunt;
mod keys;
mod names;
mod objects;
mod payload;
mod text;
mod token;
mod walk;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::bundle::{Bundle, Redaction};
use crate::observe::{Answer, trimmed};
use crate::record::{
    DEFAULT_LIMIT, Damage, Document, Driver, Head, HeadReader, MAX_STORED, Progress, Release, StoredRecord, decode,
    encode,
};
use hunt::Hunt;
use walk::{Rule, Walk};

pub use objects::MARK;

/// Takes a bundle and random bytes that are used for nothing else and kept nowhere; gives the bundle redacted.
pub fn redact(bundle: &Bundle, salt: &[u8]) -> Bundle {
    let nothing = Hunt::default();
    let mut first = Walk::new(salt, &nothing);
    whole(&mut first, bundle);
    let hunt = Hunt::new(&first.found, &names::names(bundle), salt);
    let mut second = Walk::new(salt, &hunt);
    let mut redacted = whole(&mut second, bundle);
    redacted.redaction = Some(Redaction { secrets: second.found.len(), places: second.places });
    redacted
}

fn whole(walk: &mut Walk<'_>, bundle: &Bundle) -> Bundle {
    let records = bundle.records.iter().map(|old| record(walk, old)).collect();
    let answers = bundle.answers.iter().map(|(path, old)| (path.clone(), answer(walk, old))).collect();
    Bundle { records, answers, ..bundle.clone() }
}

fn answer(walk: &mut Walk<'_>, old: &Answer) -> Answer {
    let mut text = |old: &String| walk.text(old).unwrap_or_else(|| old.clone());
    match old {
        Answer::Absent => Answer::Absent,
        Answer::Forbidden(why) => Answer::Forbidden(text(why)),
        Answer::Failed(why) => Answer::Failed(text(why)),
        Answer::Found(value) => {
            let mut value = value.clone();
            walk.value(&mut value, Rule::Plain);
            walk.edits.clear();
            Answer::Found(value)
        }
    }
}

/// A record: its payload, and the object around it.
fn record(walk: &mut Walk<'_>, old: &StoredRecord) -> StoredRecord {
    let inner = inner(walk, old);
    let mut new = StoredRecord { meta: old.meta.clone(), object: trimmed(old.object.clone()) };
    for label in new.meta.custom.values_mut() {
        *label = walk.text(label).unwrap_or_else(|| label.clone());
    }
    let field = if old.meta.id.driver == Driver::Sql { "/body" } else { "/data/release" };
    if let Some(payload) = new.object.pointer_mut(field) {
        *payload = Value::Null;
    }
    match &mut new.object {
        // A Secret, even where a list left its kind out.
        Value::Object(members) if old.meta.id.driver == Driver::Secret => {
            walk.object(members, Rule::Plain, Some("Secret"));
        }
        other => walk.value(other, Rule::Plain),
    }
    walk.edits.clear();
    if let (Some(place), Some(inner)) = (new.object.pointer_mut(field), inner) {
        *place = match old.meta.id.driver {
            Driver::Secret => STANDARD.encode(inner).into(),
            Driver::ConfigMap | Driver::Sql => String::from_utf8_lossy(&inner).into_owned().into(),
        };
    }
    new
}

/// Takes a record; gives the inner text of its payload redacted, or nothing if there is none.
fn inner(walk: &mut Walk<'_>, old: &StoredRecord) -> Option<Vec<u8>> {
    let stored = match old.inner() {
        Err(Damage::Empty) => return None,
        stored => stored.ok(),
    };
    let fault = fault(old).err();
    let json = stored.as_ref().and_then(|inner| String::from_utf8(decode(inner, DEFAULT_LIMIT).ok()?).ok());
    let redacted = json.and_then(|json| payload::payload(walk, &json));
    walk.edits.clear();
    let head = old.head().map(|head| redacted_head(walk, head));
    let alike = |inner: &Vec<u8>| decoded(inner).err() == fault;
    let candidate = redacted.map(|json| encode(json.as_bytes()).into_bytes()).filter(alike);
    match (candidate, &fault) {
        (Some(inner), _) => Some(as_large(inner, stored.map_or(0, |stored| stored.len()))),
        (None, Some(fault)) => {
            walk.places += 1;
            let candidates = damaged::stand_ins(&head, fault);
            let as_head = |inner: &&Vec<u8>| alike(inner) && headed(inner) == head;
            let found = candidates.iter().find(as_head).or_else(|| candidates.iter().find(|inner| alike(inner)));
            found.or(candidates.first()).cloned()
        }
        // It can be read, and after redaction it can't be: that would be a fault of this module, and nothing may leak by it.
        (None, None) => None,
    }
}

/// Whether a payload can be read to its end.
fn fault(record: &StoredRecord) -> Result<(), Damage> {
    Release::from_document(&record.document()?).map(|_| ())
}

/// The same for an inner text.
fn decoded(inner: &[u8]) -> Result<(), Damage> {
    Release::from_document(&Document::parse(decode(inner, DEFAULT_LIMIT)?)?).map(|_| ())
}

fn headed(inner: &[u8]) -> Result<Head, Damage> {
    let mut reader = HeadReader::new(DEFAULT_LIMIT);
    match reader.push(inner)? {
        Progress::Done(head) => Ok(head),
        Progress::NeedMore => reader.finish(),
    }
}

fn redacted_head(walk: &mut Walk<'_>, head: Head) -> Head {
    let description = head.description.map(|text| walk.text(&text).unwrap_or(text));
    Head { description, ..head }
}

/// How large a payload is, is a finding of its own near the limit, so it stays as large: base64 may hold line breaks anywhere.
fn as_large(mut inner: Vec<u8>, stored: usize) -> Vec<u8> {
    if stored > MAX_STORED / 2 {
        inner.resize(stored.max(inner.len()), b'\n');
    }
    inner
}

#[cfg(test)]
mod tests;
