//! Going back to the last good revision.

use super::work::{HookStep, RecordStep, Work, hook_step};
use super::{Refusal, Way, finish, readable};
use crate::diagnose::{Case, HookRun, HookView, Operation, last_good};
use crate::manifest::ManifestObject;
use crate::record::{Hook, InfoEdit, Status};

/// Stores a new revision made of the last good one, as `helm rollback` does, and finishes it; the abandoned one is sealed.
pub(super) fn rollback(case: &Case<'_>, operation: &Operation<'_>) -> Result<Work, Refusal> {
    let newest = readable(case)?;
    let good = last_good(case).ok_or(Refusal::NoGood)?.revision;
    let description = format!("Rollback to {good}");
    if case.status() == Status::PendingRollback && newest.opened.description == description {
        return finish::finish(case, operation, Way::Rollback);
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
    let mut last = finish::superseded(case, revision);
    last.push(RecordStep::Edit { revision, edit: edit(Status::Deployed), seal: false });
    let hooks = |event: &str| -> Result<Vec<HookStep>, Refusal> {
        target
            .hooks_of(event)
            .into_iter()
            .map(|(hook, object)| {
                let object = object.ok_or_else(|| Refusal::UnknownObject(hook.name.clone()))?;
                fresh_hook(case, hook, object, event).ok_or_else(|| Refusal::UnknownObject(hook.name.clone()))
            })
            .collect()
    };
    Ok(Work {
        way: Way::Rollback,
        first,
        before: hooks("pre-rollback")?,
        apply: finish::applied(case, target)?,
        remove: finish::forgotten(case, target)?,
        free: Vec::new(),
        wait: true,
        after: hooks("post-rollback")?,
        last,
    })
}

/// A hook that hasn't run.
fn fresh_hook(case: &Case<'_>, hook: &Hook, object: &ManifestObject, event: &str) -> Option<HookStep> {
    let view = HookView {
        hook,
        object: Some(object),
        live: case.seen.live(object),
        event: event.to_owned(),
        run: HookRun::NeverRan,
        why: None,
        started: None,
        ended: None,
        recorded: false,
        runs: Vec::new(),
    };
    hook_step(case, &view)
}
