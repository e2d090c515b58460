//! `refloat bundle`: save what is read of a release.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use refloat_core::bundle::{Bundle, Redaction};
use refloat_core::report::one_line;

use super::open;
use crate::bundle_file::{STREAM, bytes, save};
use crate::capture::{capture, redacted};
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{LITERAL, Ui, paint};
use crate::settings::Connection;

/// Flags of `bundle`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refloat bundle cart -n shop -o cart.bundle     all records of a release, and the cluster around it
  refloat diagnose cart --bundle cart.bundle     any command that reads, without the cluster
  refloat bundle cart -n shop -o - | ssh desk 'cat > cart.bundle'

Redacted are the data of Secrets, values and variables whose keys look secret, what looks like a credential, and what the
annotation refloat.dev/redact marks, wherever these values stand. Names, labels, images and addresses stay.")]
pub struct BundleArgs {
    /// Name of the release
    release: String,
    /// File to save to: JSON if its name ends so, else packed with gzip; - for stdout
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    /// Save secret values, too: the file is then as secret as the release
    #[arg(long)]
    no_redact: bool,
}

/// Runs the command.
pub async fn run(args: &BundleArgs, connection: &Connection, ui: &mut Ui) -> Result<Exit, Failure> {
    let streamed = args.output == Path::new(STREAM);
    if streamed && std::io::stdout().is_terminal() {
        return Err(Failure::usage("a bundle is packed and no text for a terminal").hint("name a file with -o"));
    }
    let source = open(connection).await?;
    let (id, history, gathered) = source.release(&args.release).await?;
    ui.notes(&gathered.notes)?;
    let reading = capture(&source, gathered.records.as_ref(), id.clone(), history);
    let whole = ui.during("reading the release and what is around it", reading).await?;
    let bundle = if args.no_redact { whole } else { redacted(&whole)? };
    let file = bytes(&args.output, &bundle)?;
    let told = told(&bundle, &id.to_string(), file.len());
    if args.no_redact && bundle.redaction.is_none() {
        ui.notes(&["nothing is redacted: the bundle holds every secret of the release".to_owned()])?;
    }
    if streamed {
        ui.bytes(&file)?;
        ui.say(told)?;
        return Ok(Exit::Ok);
    }
    save(&args.output, &file, args.force)?;
    let shown = one_line(&args.output.display().to_string());
    ui.line(format!("{told}, saved to {shown}"))?;
    ui.line(format!("next: {}", paint(LITERAL, format!("refloat diagnose {} --bundle {shown}", id.name))))?;
    Ok(Exit::Ok)
}

/// What the bundle holds.
fn told(bundle: &Bundle, id: &str, bytes: usize) -> String {
    let plural = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let records = plural(bundle.records.len(), "revision");
    let answers = plural(bundle.answers.len(), "answer");
    let redaction = match bundle.redaction {
        Some(Redaction { secrets, places }) => {
            format!("{} redacted in {}", plural(secrets, "secret value"), plural(places, "place"))
        }
        None => "nothing redacted".to_owned(),
    };
    format!("{id}: {records} and {answers} of the cluster, {redaction}, {} KiB", bytes.div_ceil(1024))
}
