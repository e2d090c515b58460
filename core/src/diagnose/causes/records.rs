//! The records themselves: undecodable, contradicting labels, none or several deployed, too big.

use super::{Cause, Confidence, Scene, depth};
use crate::inventory::{Ailment, Opened, examine};
use crate::record::Damage;

/// Gives what the records' own state explains.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let history = &scene.case.seen.history;
    let revision = history.newest().and_then(crate::record::RecordMeta::revision);
    let newest: Result<Opened, Damage> = match revision.and_then(|revision| scene.case.seen.revisions.get(&revision)) {
        Some(Ok(revision)) => Ok(revision.opened.clone()),
        Some(Err(damage)) => Err(damage.clone()),
        None => return Vec::new(),
    };
    examine(history, &newest).iter().filter_map(|ailment| cause(scene, ailment)).collect()
}

fn cause(scene: &Scene<'_>, ailment: &Ailment) -> Option<Cause> {
    let id = &scene.case.seen.id;
    let (place, confidence) = match ailment {
        Ailment::Undecodable { .. } | Ailment::SameRevision { .. } => (depth::ROOT, Confidence::Certain),
        Ailment::StatusMismatch { .. } | Ailment::IdentityMismatch { .. } | Ailment::MissingLabels { .. } => {
            (depth::ROOT, Confidence::Certain)
        }
        Ailment::SeveralDeployed { .. } | Ailment::NoneDeployed { .. } => (depth::BLOCKER, Confidence::Certain),
        Ailment::TooBig { .. } | Ailment::NearlyTooBig { .. } => (depth::ASIDE, Confidence::Certain),
        _ => return None,
    };
    Some(Cause {
        code: ailment.code(),
        confidence,
        summary: ailment.to_string(),
        evidence: Vec::new(),
        command: format!("refloat history {} -n {}", id.name, id.namespace),
        remedy: String::new(),
        depth: place,
    })
}
