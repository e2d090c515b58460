//! Leaving an interrupted operation where it is, for Helm to go on from the deployed revision: its record is sealed (unlock) or
//! deleted (forget).

use super::work::{RecordStep, Work};
use super::{Refusal, Way, finish, readable};
use crate::diagnose::{Case, is_abandoned};
use crate::observe::{OperationKind, Revision};
use crate::record::{InfoEdit, RecordMeta, Status};

/// Marks the abandoned revision failed, and stores the deployed one anew as the newest.
///
/// A Helm that wakes up can't write the sealed record, but before it tries to it marks the revision superseded that was deployed when it
/// began (Helm 3.22 and 4.3 `pkg/action/upgrade.go:releasingUpgrade`). By then that one is superseded anyway and sealed, too, and the
/// deployed one has a number that such a Helm doesn't know.
pub(super) fn unlock(case: &Case<'_>, records_only: bool) -> Result<Work, Refusal> {
    let newest = readable(case)?;
    let revision = newest.opened.revision;
    if newest.status() == Status::Deployed {
        return handed_over(case, newest);
    }
    let sealed =
        (!is_abandoned(newest)).then(|| finish::sealed(revision, &format!("{} was interrupted", case.kind.as_str())));
    let mut work = left(case, Way::Unlock, records_only, sealed)?;
    if let Some(target) = deployed(case, revision).filter(|_| !records_only) {
        work.last.push(anew(case, target, revision));
        // The abandoned one may be labelled deployed, too, and is failed by now.
        let older = |step: &RecordStep| !matches!(step, RecordStep::Edit { revision: other, .. } if *other == revision);
        work.last.extend(finish::superseded_for_good(case, revision + 1).into_iter().filter(older));
    }
    Ok(work)
}

/// Stores the deployed revision anew.
fn anew(case: &Case<'_>, target: &Revision, abandoned: u64) -> RecordStep {
    let from = target.opened.revision;
    let edit = InfoEdit {
        status: Some(Status::Deployed),
        description: Some(handed(from, abandoned)),
        // Helm dates a rollback anew, too (Helm 4.3 `pkg/action/rollback.go:prepareRollback`).
        last_deployed: Some(case.seen.at),
        ..InfoEdit::default()
    };
    RecordStep::Create { from, revision: abandoned + 1, edit }
}

/// In Helm's words for a rollback, as it is one to it.
fn handed(from: u64, abandoned: u64) -> String {
    format!("Rollback to {from} after revision {abandoned} was abandoned")
}

/// The rest of an unlock that had come to its new revision.
fn handed_over(case: &Case<'_>, newest: &Revision) -> Result<Work, Refusal> {
    let revision = newest.opened.revision;
    let older = case.seen.history.records().iter().filter_map(RecordMeta::revision);
    let ours = older.into_iter().any(|from| newest.opened.description == handed(from, revision.saturating_sub(1)));
    let last = finish::superseded_for_good(case, revision);
    if !ours || last.is_empty() {
        return Err(Refusal::NotOpen);
    }
    Ok(Work { last, ..Work::none(Way::Unlock) })
}

/// Deletes the abandoned revision's record, as people do by hand. A first install's is the only list of what it made.
pub(super) fn forget(case: &Case<'_>, records_only: bool) -> Result<Work, Refusal> {
    let made = case.objects.iter().filter(|object| object.live.found().is_some() || object.is_done().is_none()).count();
    if case.kind == OperationKind::Install && made > 0 {
        let why = format!(
            "the record is the only list of the {made} objects that the install may have made; uninstall takes both away"
        );
        return Err(Refusal::NotApplicable(why));
    }
    if !case.status().is_pending() {
        return Err(Refusal::NotOpen);
    }
    let revision = readable(case)?.opened.revision;
    left(case, Way::Forget, records_only, Some(RecordStep::Delete { revision }))
}

/// Helm then goes by the deployed revision's manifest, so what only the abandoned one made is put back first; without a deployed one it
/// goes by the failed one itself, which forgets nothing.
fn left(case: &Case<'_>, way: Way, records_only: bool, end: Option<RecordStep>) -> Result<Work, Refusal> {
    let newest = readable(case)?;
    let revision = newest.opened.revision;
    let target = deployed(case, revision).filter(|_| !records_only);
    // What was abandoned before, records only, is put back and handed over when that is asked for.
    let is_open = case.status().is_pending() || is_abandoned(newest) && target.is_some();
    if !is_open {
        return Err(Refusal::NotOpen);
    }
    let (apply, remove) = match target {
        Some(target) if untouched(case) => (Vec::new(), finish::forgotten(case, target)?),
        Some(target) => (finish::applied(case, target)?, finish::forgotten(case, target)?),
        None => (Vec::new(), Vec::new()),
    };
    let first = finish::abandoned(case, revision, "a later operation took its place");
    Ok(Work { first, apply, remove, last: end.into_iter().collect(), ..Work::none(way) })
}

/// The deployed revision beside the abandoned one, if it can be read.
fn deployed<'a>(case: &Case<'a>, abandoned: u64) -> Option<&'a Revision> {
    let deployed = case.seen.history.deployed().into_iter().filter(|other| *other != abandoned).max()?;
    case.seen.revisions.get(&deployed)?.as_ref().ok()
}

/// Whether the operation changed no object.
fn untouched(case: &Case<'_>) -> bool {
    case.objects.iter().filter(|object| object.differs()).all(|object| object.is_done() == Some(false))
}
