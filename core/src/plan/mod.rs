//! Plans: the ways out of a stuck release, safest first, and what each would do.
//!
//! Takes a case, its operation and whether Helm may still run; [`plan`] ranks the ways, and [`work`] gives the steps of one.
//! Both look at the same data, so what is shown is what is done.

mod converge;
mod finish;
mod leave;
mod options;
mod reinstall;
mod repair;
mod replace;
mod rollback;
mod saved;
#[cfg(test)]
mod staged;
mod unblock;
mod uninstall;
mod way;
mod work;

pub use finish::outstanding;
pub use options::*;
pub use saved::*;
pub use way::*;
pub use work::*;

use thiserror::Error;

use crate::diagnose::{Case, Operation};
use crate::observe::Revision;
use crate::record::RecordMeta;

/// Why a way isn't open.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The newest record can't be read.
    #[error("revision {revision} can't be read: {damage}")]
    Unreadable {
        /// The newest revision.
        revision: u64,
        /// What is wrong with it.
        damage: String,
    },
    /// An object that it would touch isn't known well enough.
    #[error("{0} can't be read or its kind can't be told, so what would be done to it isn't known")]
    UnknownObject(String),
    /// The server doesn't serve an object's kind in this version.
    #[error("the server doesn't serve {api_version}, in which {object} is written")]
    Unserved {
        /// The object.
        object: String,
        /// Its version.
        api_version: String,
    },
    /// Nothing was interrupted.
    #[error("no operation is open")]
    NotOpen,
    /// Something is still to be done besides the records.
    #[error("not all of its work is done: {0}")]
    NotDone(String),
    /// No revision to go back to.
    #[error("no revision is known to have been good")]
    NoGood,
    /// It is for another state.
    #[error("{0}")]
    NotApplicable(String),
    /// A policy forbids it.
    #[error("{0}")]
    Forbidden(String),
}

impl Refusal {
    /// Whether it only says that too little is known: then it tells nothing of what is still to be done.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unreadable { .. } | Self::UnknownObject(_) | Self::Unserved { .. })
    }
}

/// Takes a case, its operation and a way; gives the way's steps, or why it isn't open.
///
/// `records_only` leaves the objects as they are, for who may not read or write them: then an unlock leaves behind what only the
/// abandoned revision made.
pub fn work(case: &Case<'_>, operation: &Operation<'_>, way: Way, records_only: bool) -> Result<Work, Refusal> {
    match way {
        Way::Wait => Ok(Work::none(way)),
        Way::Repair => repair::repair(case, records_only),
        Way::Unlock => leave::unlock(case, records_only),
        Way::Forget => leave::forget(case, records_only),
        Way::Escalate => Err(Refusal::NotApplicable("a person decides, not refloat".to_owned())),
        _ if records_only => Err(Refusal::NotApplicable(format!("{way} works on objects, not on records only"))),
        Way::Resume | Way::Complete => {
            if !case.is_open() {
                return Err(Refusal::NotOpen);
            }
            let mut work = finish::finish(case, operation, way)?;
            if way == Way::Complete {
                // Only the records: everything else was seen to be done.
                work = Work { first: work.first, last: work.last, ..Work::none(way) };
            }
            Ok(work)
        }
        Way::Rollback => rollback::rollback(case, operation),
        Way::Converge => converge::converge(case, operation),
        Way::Unblock => unblock::unblock(case, operation),
        Way::Uninstall => uninstall::uninstall(case),
        Way::Reinstall => reinstall::reinstall(case, operation),
    }
}

/// The newest revision, opened.
fn readable<'a>(case: &Case<'a>) -> Result<&'a Revision, Refusal> {
    case.newest.ok_or_else(|| {
        let revision = case.seen.history.newest().and_then(RecordMeta::revision).unwrap_or_default();
        let damage = case.seen.revisions.get(&revision).and_then(|opened| opened.as_ref().err());
        Refusal::Unreadable {
            revision,
            damage: damage.map_or_else(|| "it wasn't read".to_owned(), ToString::to_string),
        }
    })
}

#[cfg(test)]
mod tests;
