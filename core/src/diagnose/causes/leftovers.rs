//! What stays behind, and what is gone that one would go back to.

use super::words::{add, after, cause, see};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::case::text;
use crate::diagnose::orphans::{Mark, mark};
use crate::diagnose::past::past;
use crate::observe::{OperationKind, Read, orphan_lists};
use crate::record::Status;
use crate::report::one_line;

const POLICY: &str = "/metadata/annotations/helm.sh~1resource-policy";

/// Gives kept objects, and targets that were pruned.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    kept(scene).into_iter().chain(pruned(scene)).collect()
}

/// Objects that a resource policy left in the cluster (Helm 4.3 `pkg/action/resource_policy.go`).
fn kept(scene: &Scene<'_>) -> Option<Cause> {
    let gone = matches!(scene.case.status(), Status::Uninstalled | Status::Uninstalling);
    let mut names = Vec::new();
    let mut command = String::new();
    for object in &scene.case.objects {
        let Some(live) = object.live.found() else { continue };
        let kept = object.manifest().is_some_and(|manifest| !text(&manifest.value, POLICY).is_empty());
        if kept && (gone || object.new.is_none()) && live.pointer("/metadata/deletionTimestamp").is_none() {
            if command.is_empty() {
                command = see(object.kind, object.namespace, object.name);
            }
            add(&mut names, object.words());
        }
    }
    for read in orphan_lists(scene.case.seen) {
        let Read::List { kind, .. } = &read else { continue };
        for item in scene.case.seen.items(&read).filter(|item| !text(item, POLICY).is_empty()) {
            let name = text(item, "/metadata/name");
            let known = scene.case.objects.iter().any(|object| object.kind == kind.kind && object.name == name);
            if mark(scene.case, item) == Some(Mark::Annotations) && !known {
                if command.is_empty() {
                    command = see(&kind.kind, text(item, "/metadata/namespace"), name);
                }
                add(&mut names, one_line(&format!("{}/{name}", kind.kind.to_lowercase())));
            }
        }
    }
    let first = names.first()?;
    let more = if names.len() > 1 { format!(" and {} more", names.len() - 1) } else { String::new() };
    let verb = if names.len() > 1 { "stay" } else { "stays" };
    let summary = format!("{first}{more} {verb} in the cluster by resource policy: Helm will never delete that");
    let mut cause = cause("kept-objects", Confidence::Certain, depth::ASIDE, summary);
    cause.evidence = names.into_iter().take(20).collect();
    cause.command = command;
    cause.remedy =
        "keep it if its data is needed (an install under the same name and namespace takes it up again); delete it \
                    by hand if not"
            .to_owned();
    Some(cause)
}

/// A rollback whose target's record is gone, or an operation without any revision to go back to.
fn pruned(scene: &Scene<'_>) -> Option<Cause> {
    let newest = scene.case.newest?;
    let history = &scene.case.seen.history;
    let target = match scene.operation.kind {
        OperationKind::Rollback => {
            let told =
                after(&newest.opened.description, "Rollback to ").and_then(|rest| rest.split(' ').next()?.parse().ok());
            newest.release.info.rollback_revision.or(told)
        }
        _ => None,
    };
    let id = &scene.case.seen.id;
    let is_wreck = scene.case.is_open() || scene.case.status() == Status::Failed;
    let summary = match target {
        Some(target) if history.revision(target).is_none() => {
            format!("revision {target}, to which it was to be rolled back, is no longer in the history")
        }
        _ if is_wreck && scene.operation.kind == OperationKind::Upgrade && none_to_go_back_to(scene) => {
            "no older revision is in the history, so there is none to go back to".to_owned()
        }
        _ => return None,
    };
    let mut cause = cause("target-pruned", Confidence::Certain, depth::ASIDE, summary);
    let kept: Vec<String> =
        history.records().iter().filter_map(|record| Some(record.revision()?.to_string())).collect();
    cause.evidence.push(format!("the history holds revision {}", kept.join(", ")));
    if target.is_some() {
        cause
            .evidence
            .push("its manifest is in the record of the rollback itself, so nothing of it is lost yet".to_owned());
    }
    cause.command = format!("refloat history {} -n {}", id.name, id.namespace);
    cause.remedy = match target {
        Some(_) => {
            format!("don't delete revision {}: it is the only copy of what is to be restored", newest.opened.revision)
        }
        None => "go on forward: upgrade with a chart that works".to_owned(),
    };
    Some(cause)
}

fn none_to_go_back_to(scene: &Scene<'_>) -> bool {
    let newest = scene.case.newest.map(|newest| newest.opened.revision).unwrap_or_default();
    newest > 1 && past(scene.case.seen).iter().all(|past| past.revision >= newest)
}
