//! `refloat backup`: save a release so that it can be put back.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use refloat_core::report::one_line;
use refloat_core::rescue::Backup;

use super::open;
use crate::backup_file::{bytes, read, save_values};
use crate::error::Failure;
use crate::exit::Exit;
use crate::keep::take;
use crate::output::{GOOD, LITERAL, Ui, hanging, paint};
use crate::private_file::{STREAM, free, save, unsaved};
use crate::settings::{Connection, whoami};

/// Flags of `backup`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refloat backup cart -n shop -o cart.backup.json     all its records, and its objects as they are
  refloat restore cart cart.backup.json -n shop       put back what was lost since
  refloat backup cart -n shop -o - | age -r KEY -o cart.backup.age

Saved are all records byte for byte, and the objects of the newest and of the deployed revision.
Beside it lie the values of the newest and of the deployed revision, as YAML for helm upgrade -f.
The files hold the release's secrets: only you may read them (mode 0600).")]
pub struct BackupArgs {
    /// Name of the release
    release: String,
    /// File to save to; - for stdout
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace the files if they are there
    #[arg(long)]
    force: bool,
}

/// Runs the command.
pub async fn run(args: &BackupArgs, connection: &Connection, ui: &mut Ui) -> Result<Exit, Failure> {
    let streamed = args.output == Path::new(STREAM);
    if streamed && std::io::stdout().is_terminal() {
        return Err(Failure::usage("a backup holds secrets, and isn't for a terminal").hint("name a file with -o"));
    }
    let source = open(connection).await?;
    let by = whoami();
    let taken = ui.during("reading the release and its objects", take(&source, &args.release, &by)).await?;
    ui.notes(&taken.notes)?;
    let backup = taken.backup;
    let file = bytes(&backup)?;
    let told = told(&backup, file.len());
    if streamed {
        ui.bytes(&file)?;
        ui.say(format!("Saved {told}. It holds the release's secrets: keep it like them."))?;
        return Ok(Exit::Ok);
    }
    free(&args.output, args.force, "backup")?;
    // The backup comes last: a run that is killed before is simply run again.
    let values = save_values(&args.output, &taken.values, args.force)
        .map_err(|(path, error)| unsaved(&path, &error, "file of values"))?;
    save(&args.output, &file, args.force, "backup")?;
    if read(&args.output)? != backup {
        return Err(Failure::new(Exit::Unverified, "the backup was written, but reads differently now")
            .hint("look at the disk, and name another file with -o"));
    }
    let shown = one_line(&args.output.display().to_string());
    ui.line(hanging(&format!("{} {told}, to {shown}, read back.", paint(GOOD, "Saved")), 2, ui.width))?;
    for values in &values {
        let (revision, path) = (values.revision, one_line(&values.file.display().to_string()));
        ui.line(format!("  values   {path}, as given for revision {revision}, for helm upgrade -f"))?;
    }
    ui.line("  mind     these files hold the release's secrets; only you may read them (mode 0600)")?;
    let next = format!("refloat restore {} {shown} -n {} --dry-run", backup.release, backup.record.meta.id.namespace);
    ui.line(format!("  next     {}", paint(LITERAL, next)))?;
    Ok(Exit::Ok)
}

/// What the backup holds.
fn told(backup: &Backup, bytes: usize) -> String {
    let plural = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let id = format!("{}/{}", backup.record.meta.id.namespace, backup.release);
    let records = plural(backup.others.len() + 1, "revision");
    let objects = plural(backup.objects.iter().filter(|object| object.before.is_some()).count(), "object");
    format!("{id}: {records} and {objects}, {} KiB", bytes.div_ceil(1024))
}
