//! Fixes that were interrupted, and one whose release is gone since.

use jiff::Timestamp;
use refloat_core::inventory::ReleaseId;
use refloat_core::plan::Way;
use refloat_core::report::one_line;
use serde_json::json;

use super::fix::{FixArgs, Given};
use super::fix_returned::again;
use super::fix_way::past;
use crate::error::Failure;
use crate::exit::Exit;
use crate::fix::{Task, give_back, held};
use crate::output::{GOOD, LITERAL, Ui, paint};
use crate::returned::came_back;
use crate::source::Source;

/// The release isn't there: perhaps as an earlier fix took it away, and was killed before it could say so.
pub(super) async fn gone(
    source: &Source,
    args: &FixArgs,
    given: &Given,
    missing: Failure,
    ui: &mut Ui,
) -> Result<Exit, Failure> {
    let name = args.release.clone().unwrap_or_default();
    let id = ReleaseId { namespace: source.namespace.clone(), name };
    let now = source.now().await?;
    match held(source.writable(), &id, now).await {
        Ok(Some(held)) if held.alive || held.journal.undoing => {}
        // Its record was being put back, for it to be taken away once more.
        Ok(Some(held)) if held.journal.way == Task::Restore && args.with.is_some() => {
            let first = interrupted(source, &id, now, args.dry_run, ui).await.err();
            return again(source, args, given, first.unwrap_or(missing), Some(held), ui).await;
        }
        Ok(Some(_)) => {}
        Ok(None) | Err(_) => return again(source, args, given, missing, None, ui).await,
    }
    let Some(way) = interrupted(source, &id, now, args.dry_run, ui).await? else { return Err(missing) };
    if args.dry_run {
        ui.say("Dry run: nothing was written.")?;
        return Ok(Exit::Ok);
    }
    let fix = give_back(source, &id, &given.rescuer.name).await?;
    let undo = format!("refloat undo {fix} -n {}", id.namespace);
    // It may have been killed long ago, and a Helm that was thought gone has gone on since.
    let back = !matches!(came_back(source, &id.name).await, Ok(None));
    let (left, next) = match back {
        true => {
            ("no record of it is left, but objects may be", format!("refloat diagnose {} -n {}", id.name, id.namespace))
        }
        false => ("nothing of it is left", format!("helm list -n {}", id.namespace)),
    };
    if args.output.is_data() {
        let done = json!({
            "id": fix, "namespace": id.namespace, "release": id.name, "to": null, "option": null, "dryRun": false, "next": next, "undo": undo,
        });
        ui.data(args.output, &done)?;
        return Ok(Exit::Ok);
    }
    ui.line(format!("{} {id}: {left}.", paint(GOOD, past(way))))?;
    ui.line(format!("  backup   in the cluster: secret/refloat-backup-{fix}"))?;
    ui.line(format!("  next     {}", paint(LITERAL, next)))?;
    ui.line(format!("  undo     {}", paint(LITERAL, undo)))?;
    Ok(Exit::Ok)
}

/// Whether an earlier fix of this release was killed on its way; says so.
pub(super) async fn interrupted(
    source: &Source,
    id: &ReleaseId,
    now: Timestamp,
    dry_run: bool,
    ui: &mut Ui,
) -> Result<Option<Way>, Failure> {
    let held = match held(source.writable(), id, now).await {
        Err(failure) if dry_run => {
            ui.say(format!(
                "Whether another fix is under way can't be told: {}",
                failure.cause.unwrap_or(failure.message)
            ))?;
            return Ok(None);
        }
        other => other?,
    };
    let Some(held) = held else { return Ok(None) };
    if held.alive {
        return Err(Failure::new(Exit::Refused, format!("{} is fixing {} right now", held.holder, id))
            .because(format!("{}: {}", held.journal.way, held.journal.doing))
            .hint("wait for it, and look again"));
    }
    let journal = &held.journal;
    if journal.undoing {
        let fix = &journal.fix;
        return Err(Failure::new(Exit::Refused, format!("taking back fix {fix} was interrupted, and comes first"))
            .hint(format!("refloat undo {fix} -n {} goes on with it", id.namespace)));
    }
    let Task::Way(way) = journal.way else {
        let fix = &journal.fix;
        return Err(Failure::new(Exit::Refused, format!("restore {fix} was interrupted, and comes first"))
            .hint(format!("refloat restore {} -n {} goes on with it", id.name, id.namespace))
            .hint(format!("refloat undo {fix} -n {} takes it back", id.namespace)));
    };
    ui.say(format!("Going on with fix {} ({way}), which was interrupted: {}", journal.fix, one_line(&journal.doing)))?;
    Ok(Some(way))
}
