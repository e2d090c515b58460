//! `refloat diagnose`: what happened, why, what next; then the proof.

use std::path::PathBuf;

use clap::Args;
use refloat_core::diagnose::{Diagnosis, LivenessVerdict, depth, diagnose_by as conclude};
use refloat_core::policy::Policy;
use refloat_core::report::one_line;

use super::diagnose_page::Page;
use super::policy::PolicyArgs;
use super::{diagnose_files, diagnose_returned, open};
use crate::attempt::attempts;
use crate::error::Failure;
use crate::exit::Exit;
use crate::observe::observe;
use crate::output::{Format, Ui};
use crate::returned::came_back;
use crate::settings::Connection;
use crate::source::Source;

/// Flags of `diagnose`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refloat diagnose cart -n shop             what happened, why, and what next
  refloat diagnose cart -n shop -o wide     every object and every field that decides, every cause
  refloat diagnose cart -n shop -o json     for scripts; exit code 3 if something is wrong
  refloat diagnose cart --dry-apply         also ask the server what it would say to the next attempt
  refloat diagnose cart --from DIR          without a cluster, from what helm and kubectl printed into files")]
pub struct DiagnoseArgs {
    /// Name of the release
    #[arg(required_unless_present = "from")]
    pub(super) release: Option<String>,
    /// Diagnose from files of what helm and kubectl printed: a folder, a file, or - for standard input
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Also send what isn't applied yet as a dry run, and show the refusals that the next attempt would meet; nothing is stored, but the
    /// server asks for the rights to write, and logs it
    #[arg(long, conflicts_with = "from")]
    dry_apply: bool,
    /// Output format: table, wide, json, yaml or name
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true, value_name = "FORMAT")]
    pub(super) output: Format,
    #[command(flatten)]
    pub(super) policy: PolicyArgs,
}

/// Runs the command.
pub async fn run(args: &DiagnoseArgs, connection: &Connection, ui: &mut Ui) -> Result<Exit, Failure> {
    let policy = args.policy.policy()?;
    if let Some(from) = &args.from {
        return diagnose_files::run(from, args, &policy, connection.namespace.as_deref(), ui).await;
    }
    let source = open(connection).await?;
    diagnose(&source, args, &policy, ui).await
}

/// Diagnoses a source's release.
pub(super) async fn diagnose(
    source: &Source,
    args: &DiagnoseArgs,
    policy: &Policy,
    ui: &mut Ui,
) -> Result<Exit, Failure> {
    let name = args.release.as_deref().unwrap_or_default();
    let observed = match ui.during("reading the release and its objects", observe(source, name)).await {
        Err(missing) if missing.exit == Exit::Usage => return gone(source, name, missing, args.output, ui).await,
        observed => observed?,
    };
    ui.notes(&observed.notes)?;
    let mut found = conclude(&observed.seen, policy);
    ui.notes(&found.policy.notes)?;
    if args.dry_apply {
        found.attempts = Some(ui.during("asking the server", attempts(source, &observed.seen)).await?);
    }
    match args.output {
        Format::Json | Format::Yaml => ui.data(args.output, &found)?,
        _ => shown(&found, args.output, ui)?,
    }
    Ok(exit(&found))
}

/// The release isn't there: perhaps as a fix took it away, and objects of it are there again.
async fn gone(source: &Source, name: &str, missing: Failure, output: Format, ui: &mut Ui) -> Result<Exit, Failure> {
    match ui.during("looking for what is there again", came_back(source, name)).await {
        Ok(Some(found)) => diagnose_returned::show(&found, output, ui),
        Ok(None) => Err(missing),
        Err(why) => Err(missing.because(format!("whether any of it is there again isn't known: {}", one_line(&why)))),
    }
}

/// Shows a diagnosis to people.
pub(super) fn shown(found: &Diagnosis, output: Format, ui: &mut Ui) -> Result<(), Failure> {
    match output {
        Format::Name => ui.line(found.causes.first().map_or("none", |cause| cause.code)),
        _ => Page { found, all: output == Format::Wide, ui }.show(),
    }
}

/// What it ends with.
pub(super) fn exit(found: &Diagnosis) -> Exit {
    if is_well(found) { Exit::Ok } else { Exit::Found }
}

/// Whether nothing is wrong that isn't just worth knowing.
pub(super) fn is_well(found: &Diagnosis) -> bool {
    found.liveness.verdict == LivenessVerdict::None
        && matches!(found.status.as_str(), "deployed" | "uninstalled")
        && found.causes.iter().all(|cause| cause.depth == depth::ASIDE)
        && found.objects.iter().all(|object| object.ready != Some(false))
}
