//! Finishing an operation from what its record holds: the objects, hooks and record writes that a Helm which wasn't interrupted would still
//! make, in Helm's order (Helm 4.3 `pkg/action/{install,upgrade,rollback,uninstall}.go`).

use std::collections::BTreeSet;

use super::work::{Applied, HookStep, RecordStep, Removed, Work, hook_step, sent};
use super::{Refusal, Way};
use crate::diagnose::{Case, HookRun, HookView, Operation, is_abandoned};
use crate::manifest::{ManifestObject, uninstall_place};
use crate::observe::{ABANDONED, Live, Lookup, OperationKind, Read, Revision};
use crate::record::{Hook, InfoEdit, RecordMeta, Status};

/// Takes a case and its operation; gives the rest of the operation's work.
pub fn finish(case: &Case<'_>, operation: &Operation<'_>, way: Way) -> Result<Work, Refusal> {
    let newest = super::readable(case)?;
    if case.kind == OperationKind::Uninstall {
        return uninstall(case, newest, Some(operation), way);
    }
    if is_abandoned(newest) {
        let why = format!("revision {} was abandoned, and its record is sealed", newest.opened.revision);
        return Err(Refusal::NotApplicable(why));
    }
    let revision = newest.opened.revision;
    let mut last: Vec<RecordStep> = superseded(case, revision);
    last.push(RecordStep::Edit {
        revision,
        edit: InfoEdit {
            status: Some(Status::Deployed),
            description: Some(description(case.kind, &newest.opened.description)),
            ..InfoEdit::default()
        },
        seal: false,
    });
    Ok(Work {
        way,
        first: abandoned(case, revision, "a later operation took its place"),
        before: hooks(case, &operation.before)?,
        apply: applied(case, newest)?,
        remove: forgotten(case, newest)?,
        clear: Vec::new(),
        free: Vec::new(),
        wait: true,
        after: hooks(case, &operation.after)?,
        last,
    })
}

/// Helm's own words for an operation that ended well.
fn description(kind: OperationKind, pending: &str) -> String {
    match kind {
        OperationKind::Install => "Install complete".to_owned(),
        // A rollback keeps `Rollback to N`.
        OperationKind::Rollback if pending.starts_with("Rollback to ") => pending.to_owned(),
        OperationKind::Rollback => "Rollback complete".to_owned(),
        _ => "Upgrade complete".to_owned(),
    }
}

/// Every other revision that is labelled deployed (Helm 4.3 `pkg/action/rollback.go:performRollback` does it for all).
pub fn superseded(case: &Case<'_>, revision: u64) -> Vec<RecordStep> {
    let others = case.seen.history.deployed().into_iter().filter(|other| *other != revision);
    let edit = InfoEdit { status: Some(Status::Superseded), ..InfoEdit::default() };
    others.map(|revision| RecordStep::Edit { revision, edit: edit.clone(), seal: false }).collect()
}

/// The same, and sealed: the Helm of the revision that was abandoned knows them. At its end it marks the one superseded that was deployed
/// when it began, or deployed again if it fails (Helm 4.3 `pkg/action/upgrade.go:failRelease`). Nothing else writes a superseded record.
pub fn superseded_for_good(case: &Case<'_>, revision: u64) -> Vec<RecordStep> {
    let mut steps = superseded(case, revision);
    for step in &mut steps {
        if let RecordStep::Edit { seal, .. } = step {
            *seal = true;
        }
    }
    steps
}

/// Older revisions that are still pending: sealed, as nothing goes on with them.
pub fn abandoned(case: &Case<'_>, revision: u64, why: &str) -> Vec<RecordStep> {
    let pending = |record: &&RecordMeta| record.status().is_some_and(Status::is_pending);
    let older = case.seen.history.records().iter().filter(pending).filter_map(RecordMeta::revision);
    older.filter(|older| *older < revision).map(|older| sealed(older, why)).collect()
}

/// Marks a revision failed and seals it.
pub fn sealed(revision: u64, why: &str) -> RecordStep {
    let description = format!("{ABANDONED}{why}");
    let edit = InfoEdit { status: Some(Status::Failed), description: Some(description), ..InfoEdit::default() };
    RecordStep::Edit { revision, edit, seal: true }
}

/// Hooks as steps. One whose object can't be read stops everything: what it does isn't known.
fn hooks(case: &Case<'_>, views: &[HookView<'_>]) -> Result<Vec<HookStep>, Refusal> {
    views.iter().map(|view| hook_step(case, view).ok_or_else(|| Refusal::UnknownObject(view.words()))).collect()
}

/// A revision's hooks of an event, none of which has run.
pub fn fresh_hooks(case: &Case<'_>, target: &Revision, event: &str) -> Result<Vec<HookStep>, Refusal> {
    let steps = target.hooks_of(event).into_iter().map(|(hook, object)| {
        let step = object.and_then(|object| fresh_hook(case, hook, object, event));
        step.ok_or_else(|| Refusal::UnknownObject(hook.name.clone()))
    });
    steps.collect()
}

/// A hook that hasn't run.
fn fresh_hook(case: &Case<'_>, hook: &Hook, object: &ManifestObject, event: &str) -> Option<HookStep> {
    let view = HookView {
        hook,
        object: Some(object),
        live: case.seen.live(object),
        event: event.to_owned(),
        run: HookRun::NeverRan,
        why: None,
        started: None,
        ended: None,
        recorded: false,
        runs: Vec::new(),
    };
    hook_step(case, &view)
}

fn named(object: &ManifestObject) -> String {
    format!("{}/{}", object.kind.to_lowercase(), object.name)
}

/// The read of an object, and whether it lives in a namespace.
fn place(case: &Case<'_>, object: &ManifestObject) -> Result<(Read, bool), Refusal> {
    let unknown = || Refusal::UnknownObject(named(object));
    let kind = match case.seen.kinds().find(&object.api_version, &object.kind) {
        Lookup::Served(kind) => kind,
        Lookup::OtherVersion(_) | Lookup::Unserved => {
            return Err(Refusal::Unserved { object: named(object), api_version: object.api_version.clone() });
        }
        Lookup::Unknown(_) => return Err(unknown()),
    };
    Ok((case.seen.read_of(object).ok_or_else(unknown)?, kind.namespaced))
}

/// Every object of a revision, to be as it wants them.
pub fn applied(case: &Case<'_>, target: &Revision) -> Result<Vec<Applied>, Refusal> {
    if let Some(problem) = target.problems.first() {
        return Err(Refusal::UnknownObject(problem.to_string()));
    }
    target.objects.iter().map(|object| as_wanted(case, target, object)).collect()
}

/// One object of a revision, to be as it wants it.
pub fn as_wanted(case: &Case<'_>, target: &Revision, object: &ManifestObject) -> Result<Applied, Refusal> {
    let others = case.seen.revisions.values().flatten().filter(|other| other.opened.revision != target.opened.revision);
    let (read, namespaced) = place(case, object)?;
    let originals = others.filter_map(|other| other.objects.iter().find(|old| case.same(old, object)));
    Ok(Applied {
        read,
        words: named(object),
        object: sent(&case.seen.id, object, namespaced, true),
        originals: originals.map(|old| sent(&case.seen.id, old, namespaced, true)).collect(),
        server_side: target.server_side(),
        replaces: None,
    })
}

/// What the next attempt at the operation would still send, each with its name for people: hooks that aren't there, and the objects of
/// the newest revision with which Helm isn't done; or why it couldn't be sent.
pub fn outstanding(case: &Case<'_>, operation: &Operation<'_>) -> Vec<(String, Result<Applied, Refusal>)> {
    let Some(newest) = case.newest else { return Vec::new() };
    let hooks = |views: &[HookView<'_>]| -> Vec<_> {
        let missing = views.iter().filter(|view| !view.is_done() && matches!(view.live, Live::Absent));
        missing.map(|view| (view.words(), as_created(case, view))).collect()
    };
    let open = case.objects.iter().filter(|object| object.is_done() != Some(true)).filter_map(|object| object.new);
    let objects = open.map(|object| (named(object), as_wanted(case, newest, object)));
    let objects = objects.filter(|_| case.kind != OperationKind::Uninstall).collect();
    [hooks(&operation.before), objects, hooks(&operation.after)].concat()
}

/// A hook, to be created.
fn as_created(case: &Case<'_>, view: &HookView<'_>) -> Result<Applied, Refusal> {
    let HookStep { name: words, read, object, .. } = hook_step(case, view).ok_or_else(|| {
        let object = view.words();
        match view.object.map(|hook| (case.seen.kinds().find(&hook.api_version, &hook.kind), hook)) {
            Some((Lookup::Unserved, hook)) => Refusal::Unserved { object, api_version: hook.api_version.clone() },
            _ => Refusal::UnknownObject(object),
        }
    })?;
    Ok(Applied { read, words, object, originals: Vec::new(), server_side: false, replaces: None })
}

/// What other opened revisions have and this one doesn't.
pub fn forgotten(case: &Case<'_>, target: &Revision) -> Result<Vec<Removed>, Refusal> {
    let others = case.seen.revisions.values().flatten().filter(|other| other.opened.revision != target.opened.revision);
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for object in others.flat_map(|other| &other.objects) {
        if target.objects.iter().any(|kept| case.same(kept, object)) {
            continue;
        }
        if let Some(removed) = removal(case, object)?.filter(|removed| seen.insert(removed.read.clone())) {
            found.push(removed);
        }
    }
    Ok(found)
}

/// An object's removal; nothing if no server serves its kind, as then it can't be there.
pub fn removal(case: &Case<'_>, object: &ManifestObject) -> Result<Option<Removed>, Refusal> {
    let kept = object.value.pointer("/metadata/annotations/helm.sh~1resource-policy").is_some();
    if kept || matches!(case.seen.kinds().find(&object.api_version, &object.kind), Lookup::Unserved) {
        return Ok(None);
    }
    let read = case.seen.read_of(object).ok_or_else(|| Refusal::UnknownObject(named(object)))?;
    Ok(Some(Removed { read, words: named(object), marked: true }))
}

/// Deletes the objects of every revision that was opened, in Helm's order for uninstalls, and then the records, oldest first. Helm itself
/// deletes only the newest revision's objects, and orphans the rest.
pub fn uninstall(
    case: &Case<'_>,
    newest: &Revision,
    hooked: Option<&Operation<'_>>,
    way: Way,
) -> Result<Work, Refusal> {
    let mut objects: Vec<&ManifestObject> = newest.objects.iter().collect();
    for object in case.seen.revisions.values().flatten().flat_map(|other| &other.objects) {
        if !objects.iter().any(|known| case.same(known, object)) {
            objects.push(object);
        }
    }
    objects.sort_by_key(|object| uninstall_place(&object.kind));
    let mut remove = Vec::new();
    for object in objects {
        remove.extend(removal(case, object)?);
    }
    let (before, after) = match hooked {
        Some(operation) => (hooks(case, &operation.before)?, hooks(case, &operation.after)?),
        None => (Vec::new(), Vec::new()),
    };
    let mut revisions: Vec<u64> = case.seen.history.records().iter().filter_map(RecordMeta::revision).collect();
    revisions.sort_unstable();
    revisions.dedup();
    let last = revisions.into_iter().map(|revision| RecordStep::Delete { revision }).collect();
    Ok(Work { before, remove, wait: true, after, last, ..Work::none(way) })
}
