//! Taking a release away.

use super::work::{RecordStep, Removed, Work};
use super::{Refusal, Way, finish, readable};
use crate::diagnose::{Case, is_abandoned};
use crate::observe::OperationKind;
use crate::record::{InfoEdit, Status};

/// Takes everything away. A first install that was given up leaves its hooks' objects, too, which nothing else would remove.
pub(super) fn uninstall(case: &Case<'_>) -> Result<Work, Refusal> {
    let newest = readable(case)?;
    let mut work = finish::uninstall(case, newest, None, Way::Uninstall)?;
    let hooks = newest.hook_objects.iter().flatten();
    for object in hooks {
        if let Some(read) = case.seen.read_of(object) {
            let words = format!("{}/{}", object.kind.to_lowercase(), object.name);
            work.remove.push(Removed { read, words, marked: false });
        }
    }
    // A record that a fix sealed can't say it, and nobody's Helm goes by it.
    if case.kind != OperationKind::Uninstall && !is_abandoned(newest) {
        let edit = InfoEdit {
            status: Some(Status::Uninstalling),
            description: Some("Deletion in progress (or silently failed)".to_owned()),
            ..InfoEdit::default()
        };
        work.first.push(RecordStep::Edit { revision: newest.opened.revision, edit, seal: false });
    }
    Ok(work)
}
