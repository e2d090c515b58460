//! The ways out, by name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Do nothing: Helm is at work, or may be.
    Wait,
    /// Write the missing records of an operation whose work is done.
    Complete,
    /// Finish the very operation from what its record holds.
    Resume,
    /// Mark the abandoned revision failed, and take away what Helm would forget, so that Helm goes on from the deployed one.
    Unlock,
    /// Go back to the last good revision.
    Rollback,
    /// Mend the records: labels, several or none deployed, what can't be read.
    Repair,
    /// Take the release away: objects, hooks' objects and records.
    Uninstall,
}

impl Way {
    /// All of them, safest first.
    pub const ALL: [Self; 7] =
        [Self::Wait, Self::Complete, Self::Repair, Self::Unlock, Self::Resume, Self::Rollback, Self::Uninstall];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Complete => "complete",
            Self::Resume => "resume",
            Self::Unlock => "unlock",
            Self::Rollback => "rollback",
            Self::Repair => "repair",
            Self::Uninstall => "uninstall",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
