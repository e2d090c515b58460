//! `refloat fix`: carry one way out out.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use refloat_core::report::shortened;
use serde::Serialize;

use super::open;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{Format, GOOD, LITERAL, STRONG, Ui, paint, wrapped};
use crate::rescue::{Done, Planned, Rescuer, carry_out, plan_unlock, watch};
use crate::settings::{Connection, whoami};
use crate::source::{Gathered, Source};

/// Flags of `fix`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  refloat fix cart -n shop --with unlock --dry-run   show what would be written
  refloat fix cart -n shop --with unlock             ask, then do it
  refloat undo -n shop                               take it back")]
pub struct FixArgs {
    /// Name of the release
    release: String,
    /// The way out to take
    #[arg(long, value_enum, value_name = "OPTION")]
    with: Way,
    /// Don't ask for confirmation
    #[arg(short, long)]
    yes: bool,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Go ahead even if someone is writing the release's records right now
    #[arg(long)]
    force_live: bool,
    /// Folder for the backup on this machine [default: refloat/backups in the user's state folder]
    #[arg(long, value_name = "DIR")]
    pub(super) backup_dir: Option<PathBuf>,
    /// Output format of what was done: table, wide, json, yaml or name
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true, value_name = "FORMAT")]
    output: Format,
}

/// Ways out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    /// Mark the abandoned revision failed, so that Helm goes on from the last deployed one; nothing is forgotten
    Unlock,
}

/// What was done, or would be, for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    id: &'a str,
    namespace: &'a str,
    release: &'a str,
    revision: u64,
    from: &'a str,
    to: &'static str,
    description: &'a str,
    /// The deployed revision Helm will go on from; none if it has to go on from this one.
    goes_on_from: Option<u64>,
    /// Deployed revisions that Helm passes over, as it can't read them.
    unreadable: &'a [u64],
    dry_run: bool,
    backup: Option<String>,
    next: String,
    undo: String,
}

/// Runs the fix.
pub async fn run(args: &FixArgs, connection: &Connection, ui: &mut Ui) -> Result<Exit, Failure> {
    let source = open(connection).await?;
    fix(&source, args, &Rescuer { name: whoami(), tempo: 1 }, ui).await
}

/// Plans, shows, watches, asks, and does it.
pub(super) async fn fix(source: &Source, args: &FixArgs, rescuer: &Rescuer, ui: &mut Ui) -> Result<Exit, Failure> {
    let (id, history, gathered) = source.release(&args.release).await?;
    ui.notes(&gathered.notes)?;
    let Way::Unlock = args.with;
    let planned = plan_unlock(&gathered, &id, history, rescuer).await?;
    show_plan(&planned, ui)?;
    if args.dry_run {
        ui.say("Dry run: nothing was written.")?;
        return report(&planned, None, args, ui);
    }
    if !args.force_live {
        wait_for_quiet(&gathered, &planned, rescuer, ui).await?;
    }
    let question = format!("Mark revision {} of {} failed?", planned.unlock.revision, planned.id);
    if !args.yes && !ui.confirm(&question)? {
        let failure = Failure::new(Exit::Refused, "not confirmed; nothing was written");
        return Err(if ui.interactive { failure } else { failure.hint("--yes confirms where nobody can be asked") });
    }
    let done = carry_out(source, &gathered, &planned, args.backup_dir.as_ref()).await?;
    report(&planned, Some(&done), args, ui)
}

async fn wait_for_quiet(gathered: &Gathered, planned: &Planned, rescuer: &Rescuer, ui: &mut Ui) -> Result<(), Failure> {
    ui.flush()?;
    let bar = ui.spinner();
    let result = watch(gathered.records.as_ref(), planned, rescuer, |left: Duration| {
        bar.set_message(format!("watching whether anyone writes: {:.0} s left", left.as_secs_f32().ceil()));
        bar.tick();
    })
    .await;
    bar.finish_and_clear();
    result
}

fn show_plan(planned: &Planned, ui: &mut Ui) -> Result<(), Failure> {
    let unlock = &planned.unlock;
    ui.say(format!(
        "{} {}, revision {}: {} → failed",
        paint(STRONG, "Unlock"),
        planned.id,
        unlock.revision,
        unlock.from
    ))?;
    let mut item = |name: &str, text: &str| ui.say(format!("  {name:<9}{}", wrapped(text, 11, ui.width)));
    item("writes", "status and description of this one record; no object in the cluster is touched")?;
    item("loses", "nothing: manifest and values of the abandoned revision stay in the history")?;
    // The watch sees writes only, and a Helm that waits for objects or hooks makes none.
    item("mind", "a helm that is only waiting writes nothing and isn't seen: make sure that none still runs")?;
    for revision in &planned.unreadable {
        item("mind", &format!("revision {revision} is labelled deployed and can't be read: helm passes over it"))?;
    }
    let after = match planned.baseline {
        Some(deployed) => format!("the next helm upgrade goes on from revision {deployed}"),
        None => "the next helm upgrade goes on from this failed revision".to_owned(),
    };
    item("then", &format!("{after}; what only revision {} created stays until you remove it", unlock.revision))?;
    item("undo", &format!("refloat undo {} -n {}", planned.fix, planned.id.namespace))
}

fn report(planned: &Planned, done: Option<&Done>, args: &FixArgs, ui: &mut Ui) -> Result<Exit, Failure> {
    let id = &planned.id;
    let next = format!("helm upgrade --install {} CHART -n {}", id.name, id.namespace);
    let undo = format!("refloat undo {} -n {}", planned.fix, id.namespace);
    if args.output.is_data() {
        let outcome = Outcome {
            id: &planned.fix,
            namespace: &id.namespace,
            release: &id.name,
            revision: planned.unlock.revision,
            from: planned.unlock.from.as_str(),
            to: "failed",
            description: &planned.unlock.description,
            goes_on_from: planned.baseline,
            unreadable: &planned.unreadable,
            dry_run: done.is_none(),
            backup: done.map(|done| done.file.display().to_string()),
            next,
            undo,
        };
        ui.data(args.output, &outcome)?;
        return Ok(Exit::Ok);
    }
    let Some(done) = done else { return Ok(Exit::Ok) };
    let status = done.written.meta.status.as_deref().unwrap_or("unknown");
    ui.line(format!(
        "{} {id}: revision {} is {status}, label and payload, read back.",
        paint(GOOD, "Unlocked"),
        planned.unlock.revision
    ))?;
    ui.line(format!("  backup   {}", shortened(&done.file.display().to_string(), 300)))?;
    ui.line(format!("           and in the cluster: secret/refloat-backup-{}", planned.fix))?;
    ui.line(format!("  next     {}", paint(LITERAL, next)))?;
    ui.line(format!("  undo     {}", paint(LITERAL, undo)))?;
    Ok(Exit::Ok)
}
