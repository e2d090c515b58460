//! Bundles: what was read of a cluster, saved to a file, so that it can be looked at again elsewhere.
//!
//! Takes and gives JSON text, or gzip of it. Records are kept as served, payloads in full: unless [`crate::redact`] has been
//! at it, a bundle holds the values of its releases and is to be kept like a Secret. Reads and writes no file itself.
//!
//! The format only grows within a version: a reader ignores fields it doesn't know, and a field that is missing has the
//! value its documentation names. A change that would mislead an older reader gets a new version, which older readers
//! refuse.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use flate2::bufread::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::observe::Answer;
use crate::record::{Driver, StoredRecord};

/// The format's version. Readers refuse any other.
pub const BUNDLE_VERSION: &str = "refloat.dev/v1";
/// What the file says it is.
pub const BUNDLE_KIND: &str = "Bundle";

/// How many bytes of JSON a bundle may have: a hundred records as large as Kubernetes stores, and room for the answers.
pub const MAX_BUNDLE: usize = 256 << 20;

/// What gzip begins with.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// What was read of a cluster at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    /// [`BUNDLE_VERSION`].
    pub api_version: String,
    /// [`BUNDLE_KIND`].
    pub kind: String,
    /// When, by the clock of whoever stamps the records. Required: ages make no sense without it.
    pub taken_at: Timestamp,
    /// What served the records; if missing, nothing is known of it.
    #[serde(default)]
    pub server: Server,
    /// What held the records; if missing, Helm's default, Secrets.
    #[serde(default = "helms_default")]
    pub driver: Driver,
    /// The records; if missing, none were read.
    #[serde(default)]
    pub records: Vec<StoredRecord>,
    /// Answers to reads of other objects, by their paths; if missing, none were read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<String, Answer>,
    /// What was redacted; if missing, nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redaction: Option<Redaction>,
}

/// How much was redacted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redaction {
    /// How many different secret values.
    #[serde(default)]
    pub secrets: usize,
    /// In how many places.
    #[serde(default)]
    pub places: usize,
}

/// The API server that was read from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// Kubernetes' version, as in `v1.35.0`; `None` if it wasn't asked or is missing.
    #[serde(default)]
    pub kubernetes: Option<String>,
}

/// Why a file isn't a bundle that can be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BundleError {
    /// No JSON object.
    #[error("the file is no JSON object")]
    NotJson,
    /// Gzip that ends early or is corrupt.
    #[error("the file is gzip, and corrupt or cut off")]
    Corrupt,
    /// More than any bundle takes.
    #[error("the file holds more than {} MiB", MAX_BUNDLE >> 20)]
    TooLarge,
    /// Something else than a bundle.
    #[error("the file is {}, not a {BUNDLE_KIND}", .kind.as_ref().map_or_else(|| "of no kind".to_owned(), |kind| format!("a {kind}")))]
    WrongKind {
        /// What it says it is.
        kind: Option<String>,
    },
    /// A bundle of another version.
    #[error("the bundle's version is {}; this refloat reads {BUNDLE_VERSION}", .version.as_deref().unwrap_or("missing"))]
    WrongVersion {
        /// What it says.
        version: Option<String>,
    },
    /// A bundle, and something in it isn't as it must be.
    #[error("the bundle is damaged in line {line}: {what}")]
    Damaged {
        /// The line, from 1.
        line: usize,
        /// What is wrong, without a word of the contents.
        what: String,
    },
    /// It can't be put into JSON.
    #[error("the bundle can't be written")]
    Unwritable,
}

/// What tells a bundle from anything else. Read first, so that another version's fields can't hide the reason.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    kind: Option<String>,
}

fn helms_default() -> Driver {
    Driver::Secret
}

impl Bundle {
    /// A bundle of these records.
    pub fn new(driver: Driver, records: Vec<StoredRecord>, taken_at: Timestamp, server: Server) -> Self {
        let (api_version, kind) = (BUNDLE_VERSION.to_owned(), BUNDLE_KIND.to_owned());
        Self { api_version, kind, taken_at, server, driver, records, answers: BTreeMap::new(), redaction: None }
    }

    /// Takes a file, packed or not; gives the bundle in it.
    pub fn from_bytes(file: &[u8]) -> Result<Self, BundleError> {
        let unpacked = if file.starts_with(GZIP) { Some(unpacked(file)?) } else { None };
        let json = unpacked.as_deref().unwrap_or(file);
        if json.len() > MAX_BUNDLE {
            return Err(BundleError::TooLarge);
        }
        Self::parse(str::from_utf8(json).map_err(|_| BundleError::NotJson)?)
    }

    /// Gives the file, packed.
    pub fn to_gzip(&self) -> Result<Vec<u8>, BundleError> {
        let mut gzip = GzBuilder::new().write(Vec::new(), Compression::default());
        let packed = gzip.write_all(self.to_json()?.as_bytes()).and_then(|()| gzip.finish());
        packed.map_err(|_| BundleError::Unwritable)
    }

    /// Takes a file's text; gives the bundle in it.
    pub fn parse(text: &str) -> Result<Self, BundleError> {
        // Serde would take a list for an object, field by field.
        if !text.trim_start().starts_with('{') {
            return Err(BundleError::NotJson);
        }
        let envelope: Envelope = serde_json::from_str(text).map_err(|error| damaged(&error))?;
        if envelope.kind.as_deref() != Some(BUNDLE_KIND) {
            return Err(BundleError::WrongKind { kind: envelope.kind });
        }
        if envelope.api_version.as_deref() != Some(BUNDLE_VERSION) {
            return Err(BundleError::WrongVersion { version: envelope.api_version });
        }
        serde_json::from_str(text).map_err(|error| damaged(&error))
    }

    /// Gives the file's text: one field a line, so that two bundles can be compared.
    pub fn to_json(&self) -> Result<String, BundleError> {
        serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(|_| BundleError::Unwritable)
    }
}

fn unpacked(gzip: &[u8]) -> Result<Vec<u8>, BundleError> {
    let mut json = Vec::new();
    // One byte more than allowed tells too much from just enough.
    let most = u64::try_from(MAX_BUNDLE).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(gzip).take(most).read_to_end(&mut json).map_err(|_| BundleError::Corrupt)?;
    Ok(json)
}

/// Serde's own words name fields, but for a value of the wrong type they quote it, and values may be secret.
fn damaged(error: &serde_json::Error) -> BundleError {
    let text = error.to_string();
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends early".to_owned(),
        _ if text.starts_with("missing field") => text.split(" at line").next().unwrap_or_default().to_owned(),
        serde_json::error::Category::Data => "a field has a value that it can't have".to_owned(),
        _ => "this is no JSON".to_owned(),
    };
    BundleError::Damaged { line: error.line(), what }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A bundle as the first version writes it. Never to be changed: files like it exist.
    const GOLDEN: &str = r#"{
  "apiVersion": "refloat.dev/v1",
  "kind": "Bundle",
  "takenAt": "2026-11-21T12:00:00Z",
  "server": {
    "kubernetes": "v1.35.0"
  },
  "driver": "configmap",
  "records": [
    {
      "meta": {
        "id": {
          "driver": "configmap",
          "namespace": "shop",
          "key": "sh.helm.release.v1.cart.v1"
        },
        "guard": {
          "uid": "u",
          "version": "7"
        },
        "name": "cart",
        "owner": "helm",
        "status": "deployed",
        "revision": "1",
        "custom": {
          "team": "shop"
        },
        "recordType": null,
        "created": "2026-11-21T11:00:00Z",
        "written": null
      },
      "object": {
        "data": {
          "release": "H4sI"
        },
        "metadata": {
          "creationTimestamp": "2026-11-21T11:00:00Z",
          "labels": {
            "name": "cart",
            "owner": "helm",
            "status": "deployed",
            "team": "shop",
            "version": "1"
          },
          "name": "sh.helm.release.v1.cart.v1",
          "namespace": "shop",
          "resourceVersion": "7",
          "uid": "u"
        }
      }
    }
  ]
}
"#;

    fn golden() -> Bundle {
        let labels = json!({"name": "cart", "owner": "helm", "status": "deployed", "version": "1", "team": "shop"});
        let object = json!({
            "metadata": {
                "name": "sh.helm.release.v1.cart.v1", "namespace": "shop", "uid": "u", "resourceVersion": "7",
                "creationTimestamp": "2026-11-21T11:00:00Z", "labels": labels
            },
            "data": {"release": "H4sI"}
        });
        let records = StoredRecord::from_object(Driver::ConfigMap, object).into_iter().collect();
        let server = Server { kubernetes: Some("v1.35.0".into()) };
        Bundle::new(Driver::ConfigMap, records, "2026-11-21T12:00:00Z".parse().unwrap(), server)
    }

    #[test]
    fn the_format_stays_as_it_is() {
        assert_eq!(golden().to_json().unwrap(), GOLDEN);
        assert_eq!(Bundle::parse(GOLDEN), Ok(golden()));
    }

    #[test]
    fn packed_ones_are_the_same() {
        let packed = golden().to_gzip().unwrap();
        assert!(packed.len() < GOLDEN.len());
        assert_eq!(Bundle::from_bytes(&packed), Ok(golden()));
        assert_eq!(Bundle::from_bytes(GOLDEN.as_bytes()), Ok(golden()));
        assert_eq!(Bundle::from_bytes(&packed[..packed.len() - 9]), Err(BundleError::Corrupt));
        assert_eq!(Bundle::from_bytes(b"\xff\xfe{"), Err(BundleError::NotJson));
        let mut bomb = GzBuilder::new().write(Vec::new(), Compression::fast());
        bomb.write_all(&vec![b' '; MAX_BUNDLE + 1]).unwrap();
        assert_eq!(Bundle::from_bytes(&bomb.finish().unwrap()), Err(BundleError::TooLarge));
    }

    #[test]
    fn unknown_fields_are_ignored_and_missing_ones_have_their_defaults() {
        let grown = r#"{"apiVersion": "refloat.dev/v1", "kind": "Bundle", "takenAt": "2026-11-21T12:00:00Z",
            "objects": [{"kind": "Pod"}], "server": {"nodes": 3}}"#;
        let bundle = Bundle::parse(grown).unwrap();
        let expected = Bundle::new(Driver::Secret, Vec::new(), golden().taken_at, Server { kubernetes: None });
        assert_eq!(bundle, expected);
        let bare = r#"{"apiVersion": "refloat.dev/v1", "kind": "Bundle", "takenAt": "2026-11-21T12:00:00Z"}"#;
        assert_eq!(Bundle::parse(bare), Ok(expected));
    }

    #[test]
    fn what_is_no_bundle_is_told_apart() {
        let table = [
            ("", "the file is no JSON object"),
            ("apiVersion: refloat.dev/v1", "the file is no JSON object"),
            ("[\"refloat.dev/v1\", \"Bundle\"]", "the file is no JSON object"),
            (r#"{"kind": "Bundle" "#, "the bundle is damaged in line 1: it ends early"),
            ("{}", "the file is of no kind, not a Bundle"),
            (r#"{"kind": "RecordBackup"}"#, "the file is a RecordBackup, not a Bundle"),
            (r#"{"kind": "Bundle"}"#, "the bundle's version is missing; this refloat reads refloat.dev/v1"),
            (
                r#"{"kind": "Bundle", "apiVersion": "refloat.dev/v2", "records": 3}"#,
                "the bundle's version is refloat.dev/v2; this refloat reads refloat.dev/v1",
            ),
            (
                r#"{"kind": "Bundle", "apiVersion": "refloat.dev/v1"}"#,
                "the bundle is damaged in line 1: missing field `takenAt`",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(Bundle::parse(text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn damage_is_placed_and_not_quoted() {
        let cut = &GOLDEN[..GOLDEN.find("H4sI").unwrap()];
        let cut = Bundle::parse(cut).unwrap_err().to_string();
        assert_eq!(cut, "the bundle is damaged in line 34: it ends early");
        let secret = GOLDEN.replace("\"u\"", "[\"hunter2\"]").replace("\"7\"", "{\"hunter2\": 1}");
        let wrong = Bundle::parse(&secret).unwrap_err().to_string();
        assert_eq!(wrong, "the bundle is damaged in line 18: a field has a value that it can't have");
        let driver = Bundle::parse(&GOLDEN.replace("\"driver\": \"configmap\"", "\"driver\": \"hunter2\""));
        assert!(!driver.unwrap_err().to_string().contains("hunter2"));
    }
}
