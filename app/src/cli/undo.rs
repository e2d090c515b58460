//! `refloat undo`: take a fix back.

use clap::Args;
use refloat_core::report::one_line;
use refloat_core::rescue::{Backup, Restoring};

use super::open;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{GOOD, LITERAL, STRONG, Ui, hanging, paint, wrapped};
use crate::rescue::{Rescuer, plan_undo, take_back};
use crate::settings::{Connection, whoami};
use crate::source::Source;

/// Flags of `undo`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  refloat undo -n shop             take back the namespace's last fix
  refloat undo 3f9a1c22 -n shop    take back this one")]
pub struct UndoArgs {
    /// Id of the fix, as printed by it [default: the namespace's last one not yet taken back]
    id: Option<String>,
    /// Don't ask for confirmation
    #[arg(short, long)]
    yes: bool,
}

/// Runs the undo.
pub async fn run(args: &UndoArgs, connection: &Connection, ui: &mut Ui) -> Result<Exit, Failure> {
    let source = open(connection).await?;
    undo(&source, args, &Rescuer { name: whoami(), tempo: 1 }, ui).await
}

/// Plans, shows, asks, and does it.
pub(super) async fn undo(source: &Source, args: &UndoArgs, rescuer: &Rescuer, ui: &mut Ui) -> Result<Exit, Failure> {
    let undoing = plan_undo(source, args.id.as_deref()).await?;
    let backup = undoing.backup.clone();
    let id = format!("{}/{}", source.namespace, backup.release);
    let question = match &backup.restoring {
        Some(restoring) => show_restore(&backup, restoring, &id, ui)?,
        None => show_fix(&backup, &id, ui)?,
    };
    if !args.yes && !ui.confirm(&question)? {
        let failure = Failure::new(Exit::Refused, "not confirmed; nothing was written");
        return Err(if ui.interactive { failure } else { failure.hint("--yes confirms where nobody can be asked") });
    }
    if let Some(why) = take_back(source, undoing, rescuer).await? {
        ui.say(format!("The namespace's events don't tell of it: {}", one_line(&why)))?;
    }
    let done = match backup.restoring {
        Some(_) => {
            format!("{} restore {} of {id}: it is as it was before, read back.", paint(GOOD, "Took back"), backup.id)
        }
        None => format!(
            "{} {id}: revision {} is {} again, as it was before fix {}, read back.",
            paint(GOOD, "Restored"),
            backup.revision,
            status(&backup),
            backup.id
        ),
    };
    ui.line(hanging(&done, 2, ui.width))?;
    let next = match backup.records().is_empty() {
        true => format!("refloat list -n {}", source.namespace),
        false => format!("refloat diagnose {} -n {}", backup.release, source.namespace),
    };
    ui.line(format!("  next     {}", paint(LITERAL, next)))?;
    Ok(Exit::Ok)
}

/// What the revision was, for people.
fn status(backup: &Backup) -> &str {
    if backup.status == "unknown" { "unreadable" } else { &backup.status }
}

/// Shows what becomes of a fix; gives what to ask.
fn show_fix(backup: &Backup, id: &str, ui: &mut Ui) -> Result<String, Failure> {
    let head = format!(
        "{} fix {} ({}) of {id}: revision {} becomes {} again",
        paint(STRONG, "Undo"),
        backup.id,
        backup.action,
        backup.revision,
        status(backup)
    );
    ui.say(hanging(&head, 2, ui.width))?;
    let records = match backup.others.len() {
        0 => "restores the record byte for byte, label included".to_owned(),
        others => format!("restores {} records byte for byte, labels included", others + 1),
    };
    let locked = matches!(backup.status.as_str(), "pending-install" | "pending-upgrade" | "pending-rollback");
    let locked = if locked { "; helm will be locked out again" } else { "" };
    ui.say(format!("  {}", wrapped(&format!("{records}{locked}"), 2, ui.width)))?;
    if !backup.objects.is_empty() {
        let what = "puts back every object that the fix created, changed or deleted; what hooks did stays done";
        ui.say(format!("  {}", wrapped(what, 2, ui.width)))?;
    }
    Ok(format!("Put revision {} of {id} back to {}?", backup.revision, status(backup)))
}

/// The same of a restore.
fn show_restore(backup: &Backup, restoring: &Restoring, id: &str, ui: &mut Ui) -> Result<String, Failure> {
    ui.say(hanging(&format!("{} restore {} of {id}", paint(STRONG, "Undo"), backup.id), 2, ui.width))?;
    let mut item = |text: String| ui.say(format!("  {}", wrapped(&text, 2, ui.width)));
    let plural = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    if !restoring.made.is_empty() {
        item(format!("deletes {} that it had put back", plural(restoring.made.len(), "record")))?;
    }
    if !restoring.replaced.is_empty() {
        item(format!("restores {} byte for byte, labels included", plural(restoring.replaced.len(), "record")))?;
    }
    let (lost, changed): (Vec<_>, Vec<_>) = backup.objects.iter().partition(|object| object.before.is_none());
    if !lost.is_empty() {
        item(format!("deletes {} that it had put back", plural(lost.len(), "object")))?;
    }
    if !changed.is_empty() {
        item(format!("puts {} back as it found them", plural(changed.len(), "object")))?;
    }
    Ok(format!("Take restore {} of {id} back?", backup.id))
}
