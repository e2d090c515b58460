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
    /// Finish an operation that failed and is mostly done.
    Converge,
    /// Take out of the way what holds the operation up: finalizers, a hook's object, the release's own dead webhook.
    Unblock,
    /// Delete the abandoned revision's record.
    Forget,
    /// Mend the records: labels, several or none deployed, what can't be read.
    Repair,
    /// Take the release away: objects, hooks' objects and records.
    Uninstall,
    /// Take the release's objects away and make them anew, with the hooks of an install; its records stay.
    Reinstall,
    /// Have a person decide.
    Escalate,
}

impl Way {
    /// All of them, safest first.
    pub const ALL: [Self; 12] = [
        Self::Wait,
        Self::Complete,
        Self::Repair,
        Self::Unlock,
        Self::Resume,
        Self::Rollback,
        Self::Converge,
        Self::Unblock,
        Self::Forget,
        Self::Uninstall,
        Self::Reinstall,
        Self::Escalate,
    ];

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
            Self::Reinstall => "reinstall",
            Self::Converge => "converge",
            Self::Unblock => "unblock",
            Self::Forget => "forget",
            Self::Escalate => "escalate",
        }
    }

    /// Whether it may take a release's last record away, so that nothing knows any more of what a Helm that goes on makes.
    pub fn may_take_all(self) -> bool {
        matches!(self, Self::Complete | Self::Resume | Self::Unblock | Self::Forget | Self::Uninstall)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
