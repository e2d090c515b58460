//! Finishing an operation that failed, where most of it is done: forward, to what the failed revision holds. Objects that can't be changed to
//! that are deleted and made anew.

use super::work::Work;
use super::{Refusal, Way, finish, readable, replace};
use crate::diagnose::{Case, Operation};
use crate::observe::OperationKind;
use crate::record::Status;

/// The rest of the failed operation's work. What is nearer to the revision before it is better rolled back.
pub(super) fn converge(case: &Case<'_>, operation: &Operation<'_>) -> Result<Work, Refusal> {
    let no = |why: &str| Err(Refusal::NotApplicable(why.to_owned()));
    if readable(case)?.status() != Status::Failed {
        return no("no operation failed; one that is open is resumed");
    }
    if !matches!(case.kind, OperationKind::Install | OperationKind::Upgrade | OperationKind::Rollback) {
        return no("what failed can't be told from the record");
    }
    if operation.of > 0 && operation.done * 2 <= operation.of {
        let counts = format!("{} of the {} objects it was to change", operation.done, operation.of);
        return no(&format!("only {counts} are as it wants them, so the way back is shorter"));
    }
    let mut work = finish::finish(case, operation, Way::Converge)?;
    replace::replace(case, &mut work.apply)?;
    Ok(work)
}
