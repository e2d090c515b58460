//! Leaving an interrupted operation where it is, for Helm to go on from the deployed revision: its record is sealed (unlock) or
//! deleted (forget).

use super::work::{RecordStep, Work};
use super::{Refusal, Way, finish, readable};
use crate::diagnose::Case;
use crate::observe::OperationKind;

/// Marks the abandoned revision failed.
pub(super) fn unlock(case: &Case<'_>, records_only: bool) -> Result<Work, Refusal> {
    let end = |revision| finish::sealed(revision, &format!("{} was interrupted", case.kind.as_str()));
    left(case, Way::Unlock, records_only, end)
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
    left(case, Way::Forget, records_only, |revision| RecordStep::Delete { revision })
}

/// Helm then goes by the deployed revision's manifest, so what only the abandoned one made is put back first; without a deployed one it
/// goes by the failed one itself, which forgets nothing.
fn left(case: &Case<'_>, way: Way, records_only: bool, end: impl Fn(u64) -> RecordStep) -> Result<Work, Refusal> {
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
    let first = finish::abandoned(case, revision, "a later operation took its place");
    Ok(Work { first, apply, remove, last: vec![end(revision)], ..Work::none(way) })
}

/// Whether the operation changed no object.
fn untouched(case: &Case<'_>) -> bool {
    case.objects.iter().filter(|object| object.differs()).all(|object| object.is_done() == Some(false))
}
