//! The state in a sentence.

use super::case::Case;
use super::causes::{Cause, Scene, depth};
use super::liveness::LivenessVerdict;
use super::operation::Phase;
use super::strays::is_abandoned;
use crate::observe::OperationKind;
use crate::record::Status;

/// Takes a case; says what its newest record's status means.
pub fn means(case: &Case<'_>) -> String {
    if case.newest.is_none() {
        return "the newest record can't be read, so Helm acts on an older one".to_owned();
    }
    match case.status() {
        Status::Deployed => "the last operation ended well, as far as Helm knows",
        Status::Failed => "the last operation failed; Helm accepts a new upgrade",
        Status::PendingInstall => "a first install began and didn't record its end; Helm refuses upgrades meanwhile",
        Status::PendingUpgrade => "an upgrade began and didn't record its end; Helm refuses upgrades meanwhile",
        Status::PendingRollback => "a rollback began and didn't record its end; Helm refuses upgrades meanwhile",
        Status::Uninstalling => {
            "an uninstall began and didn't record its end; only another uninstall or a rollback goes on"
        }
        Status::Uninstalled => "it was uninstalled, and its history kept",
        Status::Superseded => "the newest revision is marked as replaced, though nothing newer is there",
        Status::Unknown => "the record's status is none that Helm acts on",
    }
    .to_owned()
}

/// Takes a scene and its causes; says what happened, for the first line.
pub fn summary(scene: &Scene<'_>, causes: &[Cause]) -> String {
    let (case, operation) = (scene.case, scene.operation);
    let revision = case.seen.history.newest().and_then(crate::record::RecordMeta::revision).unwrap_or_default();
    let cause = causes.iter().find(|cause| cause.depth != depth::ASIDE);
    let because = cause.map(|cause| format!(": {}", cause.summary)).unwrap_or_default();
    if case.newest.is_none() {
        return cause.map_or_else(|| format!("revision {revision} can't be read"), |cause| cause.summary.clone());
    }
    let kind = case.kind.as_str();
    let to = if matches!(case.kind, OperationKind::Uninstall | OperationKind::Install) { "of" } else { "to" };
    match case.status() {
        Status::Deployed if cause.is_none() => {
            format!("revision {revision} is deployed and every object that was seen is ready")
        }
        Status::Deployed => format!("revision {revision} is deployed, but not well{because}"),
        Status::Failed if case.newest.is_some_and(is_abandoned) => {
            format!("the {kind} {to} revision {revision} was abandoned by a fix, {}{because}", place(operation.phase))
        }
        Status::Failed => format!("the {kind} {to} revision {revision} failed {}{because}", place(operation.phase)),
        status if status.is_pending() || status == Status::Uninstalling => {
            let how = match scene.liveness.verdict {
                LivenessVerdict::Live => "is under way,",
                LivenessVerdict::Stale => "was interrupted",
                _ => "has not ended; it stands",
            };
            format!("the {kind} {to} revision {revision} {how} {}{because}", place(operation.phase))
        }
        _ => format!("revision {revision} is {}{because}", case.status()),
    }
}

/// Where an operation stands, in words.
fn place(phase: Phase) -> &'static str {
    match phase {
        Phase::Done => "at its end",
        Phase::PreHooks => "in its first hooks",
        Phase::Apply => "while applying objects",
        Phase::Prune => "while removing objects",
        Phase::Wait => "while waiting for objects",
        Phase::PostHooks => "in its last hooks",
        Phase::Supersede | Phase::FinalWrite => "with all its work done, before the records were written",
        Phase::Purge => "with all objects gone, before the records were deleted",
        Phase::Unknown => "at a point that can't be seen",
    }
}

#[cfg(test)]
mod tests {
    use super::summary;
    use crate::diagnose::api_tests::{Stage, config_map};
    use crate::diagnose::{Case, Scene, liveness, operation};
    use crate::observe::ABANDONED;
    use crate::record::Status;

    #[test]
    fn what_was_abandoned_is_named_by_the_operation_that_it_was() {
        let said = |revision: u64, status: Status, why: &str| {
            let stage = Stage::new().revision(revision, status, why, 7200, &[config_map("a", "1")]);
            let seen = stage.seen();
            let case = Case::new(&seen);
            let operation = operation(&case);
            let liveness = liveness(&case, &operation);
            summary(&Scene { case: &case, operation: &operation, liveness: &liveness }, &[])
        };
        for (kind, begins) in
            [("install", "the install of"), ("upgrade", "the upgrade to"), ("rollback", "the rollback to")]
        {
            let found = said(1, Status::Failed, &format!("{ABANDONED}{kind} was interrupted (for ada@laptop)"));
            assert!(found.starts_with(&format!("{begins} revision 1 was abandoned by a fix, ")), "{found}");
        }
        let failed = said(1, Status::Failed, "Upgrade \"web\" failed: install was interrupted");
        assert!(failed.starts_with("the upgrade to revision 1 failed "), "{failed}");
    }
}
