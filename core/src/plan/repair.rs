//! Mending records that contradict each other or name API versions that are gone, and objects that a Helm changed which had been given up.

use std::collections::BTreeSet;

use super::work::{Applied, RecordStep, Removed, Work};
use super::{Refusal, Way, finish};
use crate::diagnose::{Case, Strayed, strays};
use crate::manifest::{ManifestObject, NewVersion};
use crate::observe::{Lookup, Revision};
use crate::record::{InfoEdit, RecordMeta, Status};

/// Groups that kinds have moved to, with all their objects (Kubernetes' deprecated API migration guide, versions 1.16 to 1.22).
const MOVED: [(&str, &str, &str); 6] = [
    ("extensions", "DaemonSet", "apps"),
    ("extensions", "Deployment", "apps"),
    ("extensions", "ReplicaSet", "apps"),
    ("extensions", "Ingress", "networking.k8s.io"),
    ("extensions", "NetworkPolicy", "networking.k8s.io"),
    ("extensions", "PodSecurityPolicy", "policy"),
];

/// Picks the one deployed of several. The newest is: what it applied came last. Objects are as it wants them unless a Helm that had been
/// given up went on.
pub(super) fn repair(case: &Case<'_>, records_only: bool) -> Result<Work, Refusal> {
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
        last.extend(uncovered(case, revision));
    }
    last.extend(versions(case));
    let (apply, remove) = if records_only { (Vec::new(), Vec::new()) } else { put_back(case)? };
    if last.is_empty() && apply.is_empty() && remove.is_empty() {
        return Err(Refusal::NotApplicable(
            "the records don't contradict each other, the server serves all versions in them, and no Helm that was given up went on"
                .to_owned(),
        ));
    }
    Ok(Work { apply, remove, wait: true, last, ..Work::none(Way::Repair) })
}

/// What a Helm did that had been given up, the other way round: as the newest revision wants it.
fn put_back(case: &Case<'_>) -> Result<(Vec<Applied>, Vec<Removed>), Refusal> {
    let (mut apply, mut remove) = (Vec::new(), Vec::new());
    for stray in strays(case) {
        match (stray.what, case.newest) {
            (Strayed::Made, _) => remove.extend(finish::removal(case, stray.object)?),
            (Strayed::Changed | Strayed::Deleted, Some(newest)) => {
                apply.push(finish::as_wanted(case, newest, stray.object)?);
            }
            (Strayed::Changed | Strayed::Deleted, None) => {}
        }
    }
    Ok((apply, remove))
}

/// The revision that is the newest once an unreadable one is set aside: with nothing deployed, Helm has nothing to go on from.
fn uncovered(case: &Case<'_>, aside: u64) -> Option<RecordStep> {
    let history = &case.seen.history;
    let older = history.records().iter().filter_map(RecordMeta::revision).filter(|older| *older != aside).max()?;
    let older = case.seen.revisions.get(&older)?.as_ref().ok()?;
    let deployed = history.deployed().into_iter().any(|deployed| deployed != aside);
    let edit = InfoEdit { status: Some(Status::Deployed), ..InfoEdit::default() };
    (older.status() == Status::Superseded && !deployed).then_some(RecordStep::Edit {
        revision: older.opened.revision,
        edit,
        seal: false,
    })
}

/// Versions that the server no longer serves, in the records that Helm goes by: the newest, and those marked deployed. It looks up every kind
/// of a manifest before it does anything (Helm 4.3 `pkg/kube/client.go:Build`).
fn versions(case: &Case<'_>) -> Vec<RecordStep> {
    let newest = case.newest.map(|newest| newest.opened.revision);
    let goes_by =
        |revision: &Revision| Some(revision.opened.revision) == newest || revision.status() == Status::Deployed;
    let found = case.seen.revisions.values().flatten().filter(|revision| goes_by(revision)).filter_map(|revision| {
        let versions: BTreeSet<NewVersion> =
            revision.objects.iter().filter_map(|object| served(case, object)).collect();
        let versions: Vec<NewVersion> = versions.into_iter().collect();
        (!versions.is_empty()).then_some(RecordStep::Versions { revision: revision.opened.revision, versions })
    });
    found.collect()
}

/// The version in which an object's kind is served, if it isn't in its own.
fn served(case: &Case<'_>, object: &ManifestObject) -> Option<NewVersion> {
    let kinds = case.seen.kinds();
    let to = match kinds.find(&object.api_version, &object.kind) {
        Lookup::OtherVersion(served) => served.first()?.api_version(),
        Lookup::Unserved => {
            let is_it = |(group, kind, _): &&(&str, &str, &str)| *group == object.group() && *kind == object.kind;
            let (_, kind, group) = MOVED.iter().find(is_it)?;
            kinds.preferred().find(|served| served.group == *group && served.kind == *kind)?.api_version()
        }
        Lookup::Served(_) | Lookup::Unknown(_) => return None,
    };
    Some(NewVersion { kind: object.kind.clone(), from: object.api_version.clone(), to })
}
