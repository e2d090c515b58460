//! What a way loses that can't be had back: data in volumes, whatever custom resources a definition takes with it, namespaces.

use serde_json::Value;

use super::Situation;
use super::words::hooks_left;
use crate::diagnose::text;
use crate::observe::{Answer, OperationKind, Read};
use crate::plan::{RecordStep, Way, Work, replace, stays};
use crate::report::counted;

/// Takes a way's work; names each loss.
pub(super) fn losses(situation: &Situation<'_>, work: &Work) -> Vec<String> {
    let case = situation.case;
    let gone = work.remove.iter().filter_map(|removed| {
        let live = case.seen.answer(&removed.read)?.found()?;
        if stays(&case.seen.id, live, removed.marked).is_some() {
            return None;
        }
        let Read::Object { kind, name, .. } = &removed.read else { return None };
        loss(&kind.kind, name, live)
    });
    let cleared = work.clear.iter().filter_map(|removed| {
        let live = case.seen.answer(&removed.read)?.found()?;
        let Read::Object { kind, name, .. } = &removed.read else { return None };
        if stays(&case.seen.id, live, removed.marked).is_some() {
            return None;
        }
        loss(&kind.kind, name, live).or_else(|| Some(replace::cleared(kind, &removed.words, live)))
    });
    let replaced = work.apply.iter().filter_map(|applied| {
        let live = case.seen.answer(&applied.read)?.found()?;
        replace::loss(applied, live)
    });
    let freed = work.free.iter().filter(|freed| {
        case.seen.answer(&freed.read).and_then(Answer::found).is_some_and(|live| freed.freed(live).is_some())
    });
    let leaks = freed.map(|freed| {
        let names = freed.finalizers.join(", ");
        format!(
            "{} goes for good, and what {names} was to clean up first, outside the cluster too, stays behind",
            freed.words
        )
    });
    let attempt = (work.way == Way::Forget).then(|| {
        let revision = case.newest.map(|newest| newest.opened.revision).unwrap_or_default();
        format!("the record of revision {revision}, with the attempt's manifest and values; the backup keeps them")
    });
    let uninstalls = work.way == Way::Uninstall;
    let records = uninstalls.then(|| {
        let count = work.last.iter().filter(|step| matches!(step, RecordStep::Delete { .. })).count();
        format!("{}, with manifest and values; the backup keeps them", counted(count, "record"))
    });
    let skipped =
        hooks_left(situation.operation).into_iter().filter(|_| uninstalls && case.kind == OperationKind::Uninstall);
    let skipped = skipped.map(|hook| format!("what {} hook {} was to do: it isn't run", hook.event, hook.words()));
    cleared.chain(replaced).chain(gone).chain(leaks).chain(attempt).chain(skipped).chain(records).collect()
}

fn loss(kind: &str, name: &str, live: &Value) -> Option<String> {
    match kind {
        "PersistentVolumeClaim" => {
            let size = text(live, "/status/capacity/storage");
            let size = if size.is_empty() { text(live, "/spec/resources/requests/storage") } else { size };
            let class = text(live, "/spec/storageClassName");
            Some(format!(
                "persistentvolumeclaim/{name} ({size}, class {class}) and, unless the class retains volumes, its data"
            ))
        }
        "PersistentVolume" => Some(format!("persistentvolume/{name} and, unless it is retained, its data")),
        "CustomResourceDefinition" => {
            Some(format!("customresourcedefinition/{name} and every object of its kind, in all namespaces"))
        }
        "Namespace" => Some(format!("namespace/{name} and everything in it")),
        _ => None,
    }
}
