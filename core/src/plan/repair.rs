//! Mending records that contradict each other.

use super::work::{RecordStep, Work};
use super::{Refusal, Way, finish};
use crate::diagnose::Case;
use crate::record::{InfoEdit, RecordMeta, Status};

/// Picks the one deployed of several. The newest is: what it applied came last.
pub(super) fn repair(case: &Case<'_>) -> Result<Work, Refusal> {
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
    } else if let Some(revision) = history.newest().and_then(RecordMeta::revision) {
        last.push(RecordStep::Delete { revision });
    }
    if last.is_empty() {
        return Err(Refusal::NotApplicable("the records don't contradict each other".to_owned()));
    }
    Ok(Work { last, ..Work::none(Way::Repair) })
}
