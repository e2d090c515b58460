//! What a list of records tells without opening one payload.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{RECORD_TYPE, Status, parse_key};

/// Labels Helm keeps for itself (Helm 3.22 and 4.3 `pkg/storage/driver/util.go:systemLabels`).
pub const SYSTEM_LABELS: [&str; 6] = ["name", "owner", "status", "version", "createdAt", "modifiedAt"];

/// Where Helm keeps its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// One Secret per revision: Helm's default.
    Secret,
    /// One ConfigMap per revision.
    ConfigMap,
    /// One row per revision in PostgreSQL.
    Sql,
}

impl Driver {
    /// Takes a value of `HELM_DRIVER`; gives `None` for one that Helm would refuse, and for `memory`, which nobody else can
    /// read. Case-sensitive, as in Helm (`pkg/action/action.go:Configuration.Init`).
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "" | "secret" | "secrets" => Some(Self::Secret),
            "configmap" | "configmaps" => Some(Self::ConfigMap),
            "sql" => Some(Self::Sql),
            _ => None,
        }
    }

    /// The word `HELM_DRIVER` takes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::ConfigMap => "configmap",
            Self::Sql => "sql",
        }
    }

    /// What one stored record is called there.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
            Self::Sql => "row",
        }
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The address of one stored record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordId {
    /// The driver that holds it.
    pub driver: Driver,
    /// The namespace it is stored in.
    pub namespace: String,
    /// The object's name, or the row's key.
    pub key: String,
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.driver.kind(), self.namespace, self.key)
    }
}

/// What a write of this record must find unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// The object's uid; for a row its creation time, as PostgreSQL has no uid.
    pub uid: String,
    /// The object's resourceVersion; for a row the transaction that last wrote it.
    pub version: String,
}

/// One record as a list shows it: address, labels, times; no payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordMeta {
    /// Where it is stored.
    pub id: RecordId,
    /// What a write must find unchanged.
    pub guard: Guard,
    /// Label `name`.
    pub name: Option<String>,
    /// Label `owner`: `helm`, or Helm doesn't see the record.
    pub owner: Option<String>,
    /// Label `status`, as written.
    pub status: Option<String>,
    /// Label `version`, as written.
    pub revision: Option<String>,
    /// Labels that aren't Helm's own.
    #[serde(default)]
    pub custom: BTreeMap<String, String>,
    /// Secret type or row type; `None` for ConfigMaps, which have none.
    pub record_type: Option<String>,
    /// When it was created, by the server's clock.
    pub created: Option<Timestamp>,
    /// When it was last written, by the server's clock: the newest time in managedFields, or `modifiedAt` of a row; `None` if that
    /// wasn't told, as in what kubectl prints unless asked for managed fields.
    pub written: Option<Timestamp>,
}

impl RecordMeta {
    /// The release this record belongs to: by its label, as Helm finds it; without one, by its key.
    pub fn release(&self) -> Option<&str> {
        self.name.as_deref().or_else(|| parse_key(&self.id.key).map(|(release, _)| release))
    }

    /// The revision, likewise.
    pub fn revision(&self) -> Option<u64> {
        match self.revision.as_deref().and_then(|text| text.parse().ok()) {
            Some(revision) => Some(revision),
            None => parse_key(&self.id.key).map(|(_, revision)| revision),
        }
    }

    /// The status its label claims.
    pub fn status(&self) -> Option<Status> {
        self.status.as_deref().and_then(Status::parse)
    }

    /// Whether Helm's own queries (`owner=helm`, `name=…`) would return it.
    pub fn seen_by_helm(&self) -> bool {
        self.owner.as_deref() == Some("helm") && self.name.is_some()
    }

    /// Whether this is one of Helm's records at all: by label, by type, or by key.
    pub fn is_record(&self) -> bool {
        self.owner.as_deref() == Some("helm")
            || self.record_type.as_deref() == Some(RECORD_TYPE)
            || parse_key(&self.id.key).is_some()
    }

    /// The labels of the stored object, Helm's own included, as Kubernetes' selectors see them (times left out).
    pub fn labels(&self) -> BTreeMap<&str, &str> {
        let system =
            [("name", &self.name), ("owner", &self.owner), ("status", &self.status), ("version", &self.revision)];
        let mut labels: BTreeMap<&str, &str> = self.custom.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        labels.extend(system.into_iter().filter_map(|(k, v)| Some((k, v.as_deref()?))));
        labels
    }
}
