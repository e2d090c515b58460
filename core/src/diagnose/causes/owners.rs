//! A controller that drives the release: whatever is done by hand meets it.

use super::words::{cause, see};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::owner::owner;
use crate::record::Status;
use crate::report::one_line;

/// Gives the owner, where it matters: while it works on the release, or where the release isn't well.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let Some(owner) = owner(scene.case) else { return Vec::new() };
    let well = scene.case.status() == Status::Deployed;
    if owner.suspended || (well && !owner.busy) {
        return Vec::new();
    }
    let place = if owner.busy { depth::ROOT } else { depth::ASIDE };
    let mut cause = cause("owner-reconciling", Confidence::Certain, place, one_line(&owner.words));
    let kind = owner.kind.to_lowercase();
    if !owner.namespace.is_empty() {
        cause.command = see(&kind, &owner.namespace, &owner.name);
    }
    cause.remedy = if owner.busy {
        "let it end; what is done by hand meanwhile it undoes or breaks".to_owned()
    } else if owner.suspend.is_empty() {
        format!("mend the release through its {kind}, or keep that from acting first")
    } else {
        one_line(&format!("keep it from acting before anything is done by hand: {}", owner.suspend))
    };
    vec![cause]
}
