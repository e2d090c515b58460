//! Rescue: what is kept of a release so that a fix can be taken back and what was lost put back, and how that is done.
//!
//! Takes records as read; gives the writes that take a fix back, or a [`Refusal`], and what of a backup is to be put back, or a
//! [`Contradiction`]. Writes nothing itself.

mod backup;
mod file;
mod ownership;
mod quiet;
mod restore;
mod undo;
mod values;

pub use backup::*;
pub use file::*;
pub use ownership::*;
pub use quiet::*;
pub use restore::*;
pub use undo::*;
pub use values::*;

use thiserror::Error;

/// Why a fix or an undo isn't done. Nothing has been written when one is given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
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
