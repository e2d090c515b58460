//! What can be wrong with one stored payload.
//!
//! Takes nothing; gives a closed list of named faults, each with a stable code for scripts and one sentence for people.
//! Never carries a byte of the payload: a payload holds the release's values, which may be secret.

use thiserror::Error;

/// A named fault of one stored payload. Offsets count bytes: of the stored text for [`Damage::NotBase64`], of the JSON for
/// the others.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Error)]
pub enum Damage {
    /// There is no payload, or only blanks.
    #[error("the payload is empty")]
    Empty,
    /// A byte that standard base64 doesn't have, or padding in the wrong place.
    #[error("the payload is not base64 at byte {at}")]
    NotBase64 {
        /// Offset into the stored text.
        at: usize,
    },
    /// Base64, gzip or JSON ends early.
    #[error("the payload ends early")]
    Truncated,
    /// What base64 gave is neither gzip nor a JSON object.
    #[error("the payload is neither gzip nor JSON")]
    NotGzip,
    /// The checksum is wrong, the compressed data make no sense, or something else than gzip follows.
    #[error("the payload's gzip data are corrupt")]
    CorruptGzip,
    /// It inflates to more than any release takes.
    #[error("the payload inflates to more than {} MiB", limit >> 20)]
    TooLarge {
        /// Bytes that were allowed.
        limit: usize,
    },
    /// The JSON isn't UTF-8.
    #[error("the payload's JSON is not UTF-8 at byte {at}")]
    NotUtf8 {
        /// Offset into the JSON.
        at: usize,
    },
    /// The JSON doesn't parse.
    #[error("the payload is not JSON at byte {at}")]
    NotJson {
        /// Offset into the JSON.
        at: usize,
    },
    /// Brackets nest deeper than Go's parser, hence Helm, follows (Go `encoding/json/scanner.go:maxNestingDepth`).
    #[error("the payload's JSON nests deeper than {limit} levels")]
    TooDeep {
        /// Levels that are allowed.
        limit: usize,
    },
    /// Something follows the JSON object.
    #[error("the payload's JSON is followed by something else at byte {at}")]
    TrailingBytes {
        /// Offset into the JSON.
        at: usize,
    },
    /// The JSON is an array, a string, a number…
    #[error("the payload's JSON is not an object")]
    NotAnObject,
    /// There is no `info`, or it is null: Helm crashes on such a record.
    #[error("the payload has no info object")]
    NoInfo,
    /// A field holds something that Helm can't read into it.
    #[error("the payload's field {path} has the wrong type")]
    BadField {
        /// Which field, such as `info.status`.
        path: &'static str,
    },
}

impl Damage {
    /// A stable word for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotBase64 { .. } => "not-base64",
            Self::Truncated => "truncated",
            Self::NotGzip => "not-gzip",
            Self::CorruptGzip => "corrupt-gzip",
            Self::TooLarge { .. } => "too-large",
            Self::NotUtf8 { .. } => "not-utf8",
            Self::NotJson { .. } => "not-json",
            Self::TooDeep { .. } => "too-deep",
            Self::TrailingBytes { .. } => "trailing-bytes",
            Self::NotAnObject => "not-an-object",
            Self::NoInfo => "no-info",
            Self::BadField { .. } => "bad-field",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_differ_and_sentences_are_plain() {
        let all = [
            Damage::Empty,
            Damage::NotBase64 { at: 1 },
            Damage::Truncated,
            Damage::NotGzip,
            Damage::CorruptGzip,
            Damage::TooLarge { limit: 1 },
            Damage::NotUtf8 { at: 1 },
            Damage::NotJson { at: 1 },
            Damage::TooDeep { limit: 1 },
            Damage::TrailingBytes { at: 1 },
            Damage::NotAnObject,
            Damage::NoInfo,
            Damage::BadField { path: "info.status" },
        ];
        let codes: BTreeSet<_> = all.iter().map(Damage::code).collect();
        assert_eq!(codes.len(), all.len());
        for damage in all {
            assert!(damage.code().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            let text = damage.to_string();
            assert!(text.starts_with("the payload") && !text.ends_with('.'), "{text}");
        }
    }
}
