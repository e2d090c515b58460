//! Plans: the ways out of a stuck release, safest first, and what each would do.
//!
//! Takes a case, its operation and whether Helm may still run; [`plan`] ranks the ways, and [`work`] gives the steps of one.
//! Both look at the same data, so what is shown is what is done.

mod finish;
mod options;
mod saved;
#[cfg(test)]
mod staged;
mod way;
mod work;

pub use finish::outstanding;
pub use options::*;
pub use saved::*;
pub use way::*;
pub use work::*;

use thiserror::Error;

use crate::diagnose::{Case, Operation};
use crate::observe::{OperationKind, Revision};
use crate::record::{InfoEdit, RecordMeta, Status};

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

/// Takes a case, its operation and a way; gives the way's steps, or why it isn't open.
///
/// `records_only` leaves the objects as they are, for who may not read or write them: then an unlock leaves behind what only the
/// abandoned revision made.
pub fn work(case: &Case<'_>, operation: &Operation<'_>, way: Way, records_only: bool) -> Result<Work, Refusal> {
    match way {
        Way::Wait => Ok(Work::none(way)),
        Way::Repair => repair(case),
        Way::Unlock => unlock(case, records_only),
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
        Way::Rollback => rollback(case, operation),
        Way::Uninstall => uninstall(case),
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

/// Stores a new revision made of the last good one, as `helm rollback` does, and finishes it; the abandoned one is sealed.
fn rollback(case: &Case<'_>, operation: &Operation<'_>) -> Result<Work, Refusal> {
    let newest = readable(case)?;
    let good = crate::diagnose::last_good(case).ok_or(Refusal::NoGood)?.revision;
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
        wait: true,
        after: hooks("post-rollback")?,
        last,
    })
}

/// A hook that hasn't run.
fn fresh_hook(
    case: &Case<'_>,
    hook: &crate::record::Hook,
    object: &crate::manifest::ManifestObject,
    event: &str,
) -> Option<HookStep> {
    let view = crate::diagnose::HookView {
        hook,
        object: Some(object),
        live: case.seen.live(object),
        event: event.to_owned(),
        run: crate::diagnose::HookRun::NeverRan,
        why: None,
        started: None,
        ended: None,
        recorded: false,
        runs: Vec::new(),
    };
    hook_step(case, &view)
}

/// Marks the abandoned revision failed. Helm then goes by the deployed revision's manifest, so what only the abandoned one
/// made is put back first; without a deployed one it goes by the failed one itself, which forgets nothing.
fn unlock(case: &Case<'_>, records_only: bool) -> Result<Work, Refusal> {
    let newest = readable(case)?;
    if !case.status().is_pending() {
        return Err(Refusal::NotOpen);
    }
    let revision = newest.opened.revision;
    let deployed = case.seen.history.deployed().into_iter().filter(|other| *other != revision).max();
    let target = deployed.and_then(|deployed| case.seen.revisions.get(&deployed)?.as_ref().ok());
    let (apply, remove) = match target.filter(|_| !records_only) {
        Some(target) if untouched(case) => (Vec::new(), finish::forgotten(case, target)?),
        Some(target) => (finish::applied(case, target)?, finish::forgotten(case, target)?),
        None => (Vec::new(), Vec::new()),
    };
    let last = vec![finish::sealed(revision, &format!("{} was interrupted", case.kind.as_str()))];
    let first = finish::abandoned(case, revision, "a later operation took its place");
    Ok(Work { first, apply, remove, last, ..Work::none(Way::Unlock) })
}

/// Whether the operation changed no object.
fn untouched(case: &Case<'_>) -> bool {
    case.objects.iter().filter(|object| object.differs()).all(|object| object.is_done() == Some(false))
}

/// Picks the one deployed of several. The newest is: what it applied came last.
fn repair(case: &Case<'_>) -> Result<Work, Refusal> {
    let history = &case.seen.history;
    let mut last = Vec::new();
    if let Some(newest) = case.newest {
        let label = newest.meta.status();
        if label != Some(newest.status()) || newest.meta.status.as_deref() != Some(newest.opened.status.as_str()) {
            let edit = InfoEdit { status: Some(newest.status()), ..InfoEdit::default() };
            last.push(RecordStep::Edit { revision: newest.opened.revision, edit, seal: false });
        }
        let deployed = history.deployed();
        if newest.status() == Status::Deployed && deployed.len() > 1 {
            last.extend(finish::superseded(case, newest.opened.revision));
        }
        if newest.status() == Status::Superseded && deployed.is_empty() {
            let edit = InfoEdit { status: Some(Status::Deployed), ..InfoEdit::default() };
            last.push(RecordStep::Edit { revision: newest.opened.revision, edit, seal: false });
        }
    } else if let Some(revision) = history.newest().and_then(crate::record::RecordMeta::revision) {
        last.push(RecordStep::Delete { revision });
    }
    if last.is_empty() {
        return Err(Refusal::NotApplicable("the records don't contradict each other".to_owned()));
    }
    Ok(Work { last, ..Work::none(Way::Repair) })
}

/// Takes everything away. A first install that was given up leaves its hooks' objects, too, which nothing else would remove.
fn uninstall(case: &Case<'_>) -> Result<Work, Refusal> {
    let newest = readable(case)?;
    let mut work = finish::uninstall(case, newest, None, Way::Uninstall)?;
    let hooks = newest.hook_objects.iter().flatten();
    for object in hooks {
        if let Some(read) = case.seen.read_of(object) {
            let words = format!("{}/{}", object.kind.to_lowercase(), object.name);
            work.remove.push(Removed { read, words, marked: false });
        }
    }
    if case.kind != OperationKind::Uninstall {
        let edit = InfoEdit {
            status: Some(Status::Uninstalling),
            description: Some("Deletion in progress (or silently failed)".to_owned()),
            ..InfoEdit::default()
        };
        work.first.push(RecordStep::Edit { revision: newest.opened.revision, edit, seal: false });
    }
    Ok(work)
}
