//! Going back to the last good revision.

use super::work::{RecordStep, Work};
use super::{Refusal, Way, finish, readable};
use crate::diagnose::{Case, Operation, last_good};
use crate::record::{InfoEdit, Status};

/// Stores a new revision made of the last good one, as `helm rollback` does, and finishes it; the abandoned one is sealed.
pub(super) fn rollback(case: &Case<'_>, operation: &Operation<'_>) -> Result<Work, Refusal> {
    let newest = readable(case)?;
    let good = last_good(case).ok_or(Refusal::NoGood)?.revision;
    let description = format!("Rollback to {good}");
    if case.status() == Status::PendingRollback && newest.opened.description == description {
        let mut work = finish::finish(case, operation, Way::Rollback)?;
        let ends = work.last.pop();
        work.last = finish::superseded_for_good(case, newest.opened.revision);
        work.last.extend(ends);
        return Ok(work);
    }
    if case.status() == Status::Deployed && good == newest.opened.revision {
        return Err(Refusal::NotApplicable(format!("revision {good} is deployed")));
    }
    let target = case.seen.revisions.get(&good).and_then(|opened| opened.as_ref().ok()).ok_or(Refusal::NoGood)?;
    let revision = newest.opened.revision + 1;
    let edit =
        |status| InfoEdit { status: Some(status), description: Some(description.clone()), ..InfoEdit::default() };
    let mut first = finish::abandoned(case, revision, &format!("rolled back to revision {good}"));
    if newest.status() == Status::Uninstalling {
        first.push(finish::sealed(newest.opened.revision, &format!("rolled back to revision {good}")));
    }
    // Helm dates it anew, too (Helm 4.3 `pkg/action/rollback.go:prepareRollback`).
    let begun = InfoEdit { last_deployed: Some(case.seen.at), ..edit(Status::PendingRollback) };
    first.push(RecordStep::Create { from: good, revision, edit: begun });
    let mut last = finish::superseded_for_good(case, revision);
    last.push(RecordStep::Edit { revision, edit: edit(Status::Deployed), seal: false });
    Ok(Work {
        way: Way::Rollback,
        first,
        before: finish::fresh_hooks(case, target, "pre-rollback")?,
        apply: finish::applied(case, target)?,
        remove: finish::forgotten(case, target)?,
        clear: Vec::new(),
        free: Vec::new(),
        wait: true,
        after: finish::fresh_hooks(case, target, "post-rollback")?,
        last,
    })
}
