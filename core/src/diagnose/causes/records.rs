//! The records themselves: undecodable, contradicting labels, none or several deployed, too big.

use super::{Cause, Confidence, Scene, depth};
use crate::inventory::{Ailment, Opened, examine};
use crate::record::{Damage, MAX_STORED, Status};

/// Gives what the records' own state explains.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let history = &scene.case.seen.history;
    let revision = history.newest().and_then(crate::record::RecordMeta::revision);
    let newest: Result<Opened, Damage> = match revision.and_then(|revision| scene.case.seen.revisions.get(&revision)) {
        Some(Ok(revision)) => Ok(revision.opened.clone()),
        Some(Err(damage)) => Err(damage.clone()),
        None => return Vec::new(),
    };
    let mut found: Vec<Cause> = examine(history, &newest).iter().filter_map(|ailment| cause(scene, ailment)).collect();
    found.extend(nothing_left(scene));
    found
}

/// A failure after which nothing is deployed any more, though something was: a rollback that fails marks the revision before it
/// superseded all the same (Helm 3.22 and 4.3 `pkg/action/rollback.go:performRollback`).
fn nothing_left(scene: &Scene<'_>) -> Option<Cause> {
    let (id, history) = (&scene.case.seen.id, &scene.case.seen.history);
    let before = history.with_status(Status::Superseded).into_iter().max()?;
    if scene.case.status() != Status::Failed || !history.deployed().is_empty() {
        return None;
    }
    let newest = history.newest()?.revision()?;
    Some(Cause {
        code: "none-deployed",
        confidence: Confidence::Certain,
        summary: format!("no revision is deployed: {newest} failed, and {before} is marked superseded all the same"),
        evidence: vec![format!("the next upgrade goes on from revision {newest}, which is the failed one")],
        command: format!("refloat history {} -n {}", id.name, id.namespace),
        remedy: String::new(),
        depth: depth::CONSEQUENCE,
    })
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
        evidence: room(scene, ailment),
        command: format!("refloat history {} -n {}", id.name, id.namespace),
        remedy: match ailment {
            Ailment::TooBig { .. } | Ailment::NearlyTooBig { .. } => SMALLER.to_owned(),
            _ => String::new(),
        },
        depth: place,
    })
}

const SMALLER: &str = "make the chart smaller before the next upgrade: whole files are stored, those that no template needs, too \
                       (.helmignore leaves them out)";

/// How much room is left, and whether the next revision fits if it grows as this one did.
fn room(scene: &Scene<'_>, ailment: &Ailment) -> Vec<String> {
    let (Ailment::NearlyTooBig { stored, .. } | Ailment::TooBig { stored, .. }) = ailment else { return Vec::new() };
    let left = MAX_STORED.saturating_sub(*stored);
    let mut lines = vec![format!("{left} bytes are left, also for the times that the end of an operation adds")];
    let older = scene.case.seen.revisions.values().flatten().map(|revision| &revision.opened);
    let older = older.filter(|opened| opened.stored < *stored).max_by_key(|opened| opened.revision);
    if let Some(older) = older {
        let grown = stored - older.stored;
        let fits = if grown <= left { "fits" } else { "doesn't fit" };
        lines.push(format!("it grew by {grown} bytes since revision {}: as much again {fits}", older.revision));
    }
    lines
}
