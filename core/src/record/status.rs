//! Helm's statuses, in Helm's spelling.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The status of one revision (Helm 3.22 `pkg/release/status.go`, Helm 4.3 `pkg/release/common/status.go`: the same words).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Helm itself doesn't know.
    Unknown,
    /// The revision that is live, as far as Helm knows.
    Deployed,
    /// Removed, history kept.
    Uninstalled,
    /// Was deployed until a later revision took over.
    Superseded,
    /// The operation ended with an error.
    Failed,
    /// An uninstall has begun and not ended.
    Uninstalling,
    /// An install has begun and not ended.
    PendingInstall,
    /// An upgrade has begun and not ended.
    PendingUpgrade,
    /// A rollback has begun and not ended.
    PendingRollback,
}

impl Status {
    /// Every status, in the order of Helm's own list.
    pub const ALL: [Self; 9] = [
        Self::Unknown,
        Self::Deployed,
        Self::Uninstalled,
        Self::Superseded,
        Self::Failed,
        Self::Uninstalling,
        Self::PendingInstall,
        Self::PendingUpgrade,
        Self::PendingRollback,
    ];

    /// Takes Helm's word; gives `None` for any other.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Helm's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Deployed => "deployed",
            Self::Uninstalled => "uninstalled",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
            Self::Uninstalling => "uninstalling",
            Self::PendingInstall => "pending-install",
            Self::PendingUpgrade => "pending-upgrade",
            Self::PendingRollback => "pending-rollback",
        }
    }

    /// Whether Helm refuses an upgrade because of it. `uninstalling` is not pending (`status.go:IsPending`).
    pub fn is_pending(self) -> bool {
        matches!(self, Self::PendingInstall | Self::PendingUpgrade | Self::PendingRollback)
    }

    /// The operation that writes this status while it runs, as a noun.
    pub fn operation(self) -> Option<&'static str> {
        match self {
            Self::PendingInstall => Some("install"),
            Self::PendingUpgrade => Some("upgrade"),
            Self::PendingRollback => Some("rollback"),
            Self::Uninstalling => Some("uninstall"),
            _ => None,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert_eq!(Status::parse("Deployed"), None);
        assert_eq!(Status::parse(""), None);
    }

    #[test]
    fn uninstalling_is_an_operation_but_not_pending() {
        assert!(!Status::Uninstalling.is_pending());
        assert_eq!(Status::Uninstalling.operation(), Some("uninstall"));
    }
}
