//! Rescue: what a fix would write, what is kept so that it can be taken back, and when it must not be done.
//!
//! Takes records as read; gives the record to write, the backup to store first, or a [`Refusal`]. Writes nothing itself.

mod backup;
mod quiet;
mod undo;
mod unlock;

pub use backup::*;
pub use quiet::*;
pub use undo::*;
pub use unlock::*;

use thiserror::Error;

use crate::record::{Damage, EditError, Status};

/// Why a fix or an undo isn't done. Nothing has been written when one is given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// There is nothing to unlock.
    #[error("revision {revision} is {status}, not pending: Helm isn't locked out")]
    NotPending {
        /// The newest revision.
        revision: u64,
        /// Its payload's status.
        status: Status,
    },
    /// The payload can't be edited, so it can't be unlocked either.
    #[error("revision {revision}: {error}")]
    NotEditable {
        /// The newest revision.
        revision: u64,
        /// Why.
        error: EditError,
    },
    /// The payload's status isn't one of Helm's.
    #[error("revision {revision} has a status that Helm doesn't know")]
    StrangeStatus {
        /// The newest revision.
        revision: u64,
    },
    /// The API server would refuse the write.
    #[error("the record of revision {revision} is immutable: someone sealed it, and its data can't be changed")]
    Sealed {
        /// The newest revision.
        revision: u64,
    },
    /// Someone writes the release's records.
    #[error("the release's records changed while being watched: {0}; Helm or another tool is at work")]
    Moved(String),
    /// The fix never came to its write, or has been taken back.
    #[error("the record is as it was before the fix: there is nothing to take back")]
    AsBefore,
    /// The record is no longer what the fix wrote.
    #[error("the record was changed after the fix: taking the fix back would overwrite that change")]
    ChangedSince,
    /// The record that was fixed is gone.
    #[error("the record that was fixed no longer exists")]
    Gone,
    /// A newer revision exists, so putting the old state back would not restore what was.
    #[error(
        "revision {newest} was created after the fix; putting revision {revision} back to {status} would not undo that"
    )]
    Overtaken {
        /// The newest revision now.
        newest: u64,
        /// The one that was fixed.
        revision: u64,
        /// The status it had before.
        status: String,
    },
}

impl Refusal {
    pub(crate) fn damaged(revision: u64, damage: Damage) -> Self {
        Self::NotEditable { revision, error: damage.into() }
    }
}
