//! A release that a fix took away and that is there again without a record: its record is put back from the backup, and it is taken away
//! once more. Killed on the way, it is a release in trouble like any other.

use refloat_core::diagnose::Case;
use refloat_core::inventory::Inventory;
use refloat_core::observe::{Observation, OperationKind};
use refloat_core::plan::{PolicyView, Refusal, Way, WayOut, option};
use refloat_core::record::RecordMeta;
use refloat_core::report::one_line;
use refloat_core::rescue::How;

use super::diagnose_returned::command;
use super::fix::{FixArgs, Given, bar, confirmed, options, report, show};
use super::fix_checks::allowed;
use crate::cluster::MemoryCluster;
use crate::error::Failure;
use crate::exit::Exit;
use crate::fix::{Held, Judged, Task, carry_out, held, judge_by, look};
use crate::keep::{Found, Restoration, go_on, plan, put_all_back};
use crate::look::Examined;
use crate::observe::observe_known;
use crate::output::{Ui, hanging};
use crate::rescue::Rescuer;
use crate::returned::{CameBack, came_back};
use crate::source::Source;

/// Looks whether it is there again, and takes it away; what is missing stays missing otherwise. Takes the lock of a restore that was killed.
pub(super) async fn again(
    source: &Source,
    args: &FixArgs,
    given: &Given,
    missing: Failure,
    begun: Option<Held>,
    ui: &mut Ui,
) -> Result<Exit, Failure> {
    let name = args.release.as_deref().unwrap_or_default();
    let found = match ui.during("looking for what is there again", came_back(source, name)).await {
        Ok(Some(found)) if given.saved.is_none() => found,
        Ok(_) => return Err(missing),
        Err(why) => {
            return Err(missing.because(format!("whether any of it is there again isn't known: {}", one_line(&why))));
        }
    };
    let seen = as_it_was(source, &found).await?;
    let judged = judge_by(&seen, &given.policy);
    ui.notes(&PolicyView::new(&judged.ruling).notes)?;
    let way = chosen(args, &judged, &found)?;
    let shown = described(&judged, way, args, &found);
    judged.work(way, args.records_only, false).map_err(|refusal| refused(&refusal, &found))?;
    for ailment in Examined::came_back(&found).ailments {
        ui.say(hanging(&format!("{} {ailment}; no record knows of them.", found.id), 2, ui.width))?;
    }
    show(&shown, &judged, args, ui)?;
    if args.dry_run {
        ui.say("Dry run: nothing was written.")?;
        return report(&judged, &shown, None, args, ui);
    }
    // No operation is open: who takes it away has been told that a Helm went on.
    allowed(&judged, true, args.yes, ui)?;
    confirmed(args, way, &found.id, ui)?;
    ui.flush()?;
    let bar = bar(ui);
    let mut tell = |doing: &str| bar.set_message(doing.to_owned());
    let done = async {
        put_back(source, args, &found, begun, &given.rescuer, &mut tell).await?;
        let looked = look(source, name).await?;
        carry_out(source, &looked, way, &given.rescuer, &options(args, given), &mut tell).await
    };
    let done = done.await;
    bar.finish_and_clear();
    report(&judged, &shown, Some(&done?), args, ui)
}

/// The release as the backup has it, with its objects as they are.
async fn as_it_was(source: &Source, found: &CameBack) -> Result<Observation, Failure> {
    let records: Vec<_> = found.backup.records().into_iter().cloned().collect();
    let inventory: Inventory = records.iter().map(|record| record.meta.clone()).collect();
    let history = inventory.releases.into_values().next().unwrap_or_default();
    let kept = MemoryCluster::new(found.backup.record.meta.id.driver, records, found.at);
    observe_known(&kept, source.objects(), found.id.clone(), history).await
}

/// The way that fits, if it was named: whatever it loses is somebody's word.
fn chosen(args: &FixArgs, judged: &Judged<'_>, found: &CameBack) -> Result<Way, Failure> {
    let fits = match judged.work(Way::Uninstall, false, false) {
        Err(Refusal::NotApplicable(_)) if judged.case.kind == OperationKind::Uninstall => Way::Resume,
        _ => Way::Uninstall,
    };
    let (id, fix) = (&found.id, &found.backup.id);
    let there = format!("no record of {id} is left, as fix {fix} took it away, but objects of it are there again");
    let why = match args.with.map(Way::from) {
        Some(asked) if asked == Way::Uninstall || asked == fits => return Ok(fits),
        Some(asked) => format!("{there}, for which {asked} is no way out"),
        None => format!("{there}, and to take them away is destructive"),
    };
    Err(Failure::new(Exit::Refused, format!("{why}; nothing was written"))
        .hint(format!("refloat diagnose {} -n {} names the objects", id.name, id.namespace))
        .hint(format!("{} takes them away; --dry-run shows what is lost", command(found))))
}

/// The way in words, with what comes before it.
fn described(judged: &Judged<'_>, way: Way, args: &FixArgs, found: &CameBack) -> WayOut {
    let mut shown = option(&judged.situation(), way, args.records_only, false);
    let revisions = revisions(&judged.case);
    shown.steps.insert(0, format!("put the record of {revisions} back, from the backup of fix {}", found.backup.id));
    shown
}

fn revisions(case: &Case<'_>) -> String {
    let all: Vec<String> =
        case.seen.history.records().iter().filter_map(RecordMeta::revision).map(|one| one.to_string()).collect();
    match all.len() {
        1 => format!("revision {}", all.concat()),
        _ => format!("each of the revisions {}", all.join(", ")),
    }
}

fn refused(refusal: &Refusal, found: &CameBack) -> Failure {
    let (id, fix) = (&found.id, &found.backup.id);
    Failure::new(Exit::Refused, format!("{refusal}; nothing was written")).hint(format!(
        "refloat restore {} --from-fix {fix} --records-only -n {} puts its record back",
        id.name, id.namespace
    ))
}

/// Puts the record back, or goes on with that. Another restore that was begun comes first.
async fn put_back(
    source: &Source,
    args: &FixArgs,
    found: &CameBack,
    begun: Option<Held>,
    rescuer: &Rescuer,
    tell: &mut (dyn FnMut(&str) + Send),
) -> Result<(), Failure> {
    let name = &found.id.name;
    let backup = Found { backup: found.backup.clone(), words: String::new() };
    let how = How { overwrite: false, records_only: true };
    let begun = match begun {
        None => Err(None),
        Some(held) => go_on(source, name, held).await?.map_err(Some),
    };
    let restoration = match begun {
        Ok(begun) if is_record_of(&begun, &found.backup.id) => begun,
        Ok(begun) => return Err(other(&begun)),
        Err(held) => plan(source, name, &backup, how, rescuer, held).await?,
    };
    put_all_back(source, restoration, rescuer, args.backup_dir.as_ref(), tell).await.map(drop)
}

/// Whether a restore puts nothing but records back, those that a fix took away.
fn is_record_of(begun: &Restoration, fix: &str) -> bool {
    let restoring = begun.backup.as_ref().and_then(|backup| backup.restoring.as_ref());
    restoring.is_some_and(|one| one.from == fix && one.objects.is_empty() && one.replaced.is_empty())
}

fn other(begun: &Restoration) -> Failure {
    let (name, namespace) = (&begun.id.name, &begun.id.namespace);
    Failure::new(Exit::Refused, "another restore was interrupted, and comes first")
        .hint(format!("refloat restore {name} -n {namespace} goes on with it"))
}

/// The release has a record again, and whoever put it back was killed before all was done: goes on with that, if the release is to be taken
/// away. Says whether it did.
pub(super) async fn finish_putting_back(
    source: &Source,
    args: &FixArgs,
    seen: &Observation,
    rescuer: &Rescuer,
    ui: &mut Ui,
) -> Result<bool, Failure> {
    let takes_away = matches!(args.with.map(Way::from), Some(Way::Uninstall | Way::Resume));
    if !takes_away || args.dry_run {
        return Ok(false);
    }
    let Some(held) = held(source.writable(), &seen.id, seen.at).await? else { return Ok(false) };
    if held.alive || held.journal.undoing || held.journal.way != Task::Restore {
        return Ok(false);
    }
    let restore = held.journal.fix.clone();
    let Ok(begun) = go_on(source, &seen.id.name, held).await? else { return Ok(false) };
    let from = begun.backup.as_ref().and_then(|backup| Some(backup.restoring.as_ref()?.from.clone()));
    let Some(from) = from.filter(|from| is_record_of(&begun, from)) else { return Ok(false) };
    // Only of a fix that took the release away, so that this is what its record was put back for.
    let taken = source.backups.load(&seen.id.namespace, &from).await?;
    if taken.is_none_or(|backup| !backup.wrote.is_empty()) {
        return Ok(false);
    }
    ui.say(format!("Going on with restore {restore}, which was interrupted: it puts the record back"))?;
    // Nothing is written unasked, and a refusal that says so comes before this, too.
    confirmed(args, Way::Uninstall, &seen.id, ui)?;
    put_all_back(source, begun, rescuer, args.backup_dir.as_ref(), &mut |_| {}).await?;
    Ok(true)
}
