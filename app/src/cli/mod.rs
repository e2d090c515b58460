//! The command line: what may be typed. One file per command; each turns its flags into calls and the answer into words.

mod backup;
mod bundle;
mod demo;
mod diagnose;
mod diagnose_files;
mod diagnose_page;
mod diagnose_returned;
mod diff;
mod fix;
mod fix_checks;
mod fix_gone;
mod fix_returned;
mod fix_way;
mod get;
mod history;
mod history_fixes;
mod list;
mod plan;
mod policy;
mod restore;
mod saved;
mod scan;
mod status;
mod undo;

use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use refloat_core::inventory::ReleaseId;

use crate::error::Failure;
use crate::exit::Exit;
use crate::output::Ui;
use crate::settings::Connection;
use crate::source::Source;

/// One text for `-h` and `--help`: a second, longer one would spread every flag over three lines.
const ABOUT: &str = "\
Gets stuck Helm releases afloat again and loses nothing on the way.

Without a command it scans: every release that isn't healthy, in all namespaces you may read (-n narrows), with the \
reason and the next command to type. Exit code 3 means that something was found.";

/// What may be typed.
#[derive(Debug, Parser)]
#[command(
    name = "refloat",
    version,
    about = ABOUT,
    long_about = None,
    max_term_width = 120,
    after_help = "\
Examples:
  refloat                                  what is stuck, and why
  refloat diagnose cart -n shop            what happened to one release, why, and what next
  refloat plan cart -n shop                the ways out, safest first
  refloat fix cart -n shop                 take the recommended one; asks first
  refloat undo -n shop                     take that back
  refloat backup cart -n shop -o FILE      save its records and objects; refloat restore puts back what was lost
  refloat list -A --pending                like helm list, faster
  refloat bundle cart -n shop -o FILE      save all that is read of it, secrets redacted
  refloat demo                             see it all without a cluster"
)]
pub struct Cli {
    #[command(flatten)]
    scan: scan::ScanArgs,
    /// Print no notes and no progress on stderr
    #[arg(long, global = true, display_order = 900)]
    quiet: bool,
    // Last, as its heading holds for whatever follows.
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List every release that isn't healthy: what, since when, why, next command (the default)
    #[command(after_help = "\
Examples:
  refloat scan                 all namespaces you may read
  refloat scan -n shop         one namespace
  refloat scan -o json         for scripts; exit code 3 if something was found")]
    Scan(scan::ScanArgs),
    /// Tell what happened, why, whether Helm may still run, and what next, with the proof
    #[command(visible_alias = "why")]
    Diagnose(diagnose::DiagnoseArgs),
    /// Rank the ways out of a stuck release, safest first: what each does, loses, and how it is taken back
    Plan(plan::PlanArgs),
    /// Get a stuck release going again, one way out at a time; asks first, and can be taken back
    Fix(fix::FixArgs),
    /// Take a fix back: records byte for byte, objects as they were
    Undo(undo::UndoArgs),
    /// Save a release so that what is lost of it can be put back: all its records, and its objects
    Backup(backup::BackupArgs),
    /// Put back lost records and objects, from a file or from the copy that a fix left in the cluster
    Restore(restore::RestoreArgs),
    /// List releases, as helm list does
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Show the state of a release, as helm status does
    Status(status::StatusArgs),
    /// List the revisions of a release, as helm history does
    #[command(visible_alias = "hist")]
    History(history::HistoryArgs),
    /// Show a part of a stored revision, as helm get does
    #[command(subcommand, after_help = "Example:\n  refloat get values cart -n shop --revision 2")]
    Get(get::GetCommand),
    /// Show what a revision changed against the deployed one, object by object
    Diff(diff::DiffArgs),
    /// Save all that is read of a release, secrets redacted, to be looked at elsewhere with --bundle
    Bundle(bundle::BundleArgs),
    /// Tell the whole story on an embedded incident; needs no cluster
    Demo(demo::DemoArgs),
}

/// Parses the process's arguments, runs the command and gives its exit code.
pub fn main() -> ExitCode {
    let (cli, offline) = match parsed() {
        Ok(parsed) => parsed,
        Err(error) => {
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            // A closed pipe is the reader's choice.
            let _ = error.print();
            return code.into();
        }
    };
    let mut ui = Ui::stdio(cli.quiet);
    if let Err(failure) = offline {
        ui.failure(&failure);
        return failure.exit.into();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            ui.failure(&Failure::new(Exit::Bug, "the async runtime can't be started").because(error));
            return Exit::Bug.into();
        }
    };
    let exit = runtime.block_on(run(cli, &mut ui)).and_then(|exit| ui.flush().map(|()| exit));
    runtime.shutdown_background();
    match exit {
        Ok(exit) => exit.into(),
        Err(failure) if failure.broken_pipe => Exit::Ok.into(),
        Err(failure) => {
            ui.failure(&failure);
            failure.exit.into()
        }
    }
}

/// What was typed, and whether it goes together.
fn parsed() -> Result<(Cli, Result<(), Failure>), clap::Error> {
    let matches = Cli::command().try_get_matches()?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    let offline = if cli.connection.bundle.is_some() { offline(&mut cli, &matches) } else { Ok(()) };
    Ok((cli, offline))
}

/// With a bundle no cluster is asked: flags that name one make no sense, and what the environment says of one has no part.
fn offline(cli: &mut Cli, matches: &ArgMatches) -> Result<(), Failure> {
    let writes = match &cli.command {
        Some(Command::Fix(_)) => Some("fix"),
        Some(Command::Undo(_)) => Some("undo"),
        Some(Command::Backup(_)) => Some("backup"),
        Some(Command::Restore(_)) => Some("restore"),
        Some(Command::Demo(_)) => Some("demo"),
        _ => None,
    };
    if let Some(writes) = writes {
        return Err(Failure::usage(format!(
            "refloat {writes} doesn't work on a bundle, which is only there to be read"
        ))
        .hint("leave --bundle out to work on the cluster itself"));
    }
    let innermost = std::iter::successors(Some(matches), |matches| Some(matches.subcommand()?.1)).last();
    // Not every command has every flag, and to ask for one that isn't there is an error.
    let source = |id: &str| innermost.filter(|matches| matches.try_contains_id(id).is_ok())?.value_source(id);
    let flags = ["kubeconfig", "context", "as_user", "as_groups", "driver", "sql_connection", "from"];
    if let Some(flag) = flags.into_iter().find(|flag| source(flag) == Some(ValueSource::CommandLine)) {
        let flag = match flag {
            "as_user" => "as".to_owned(),
            "as_groups" => "as-group".to_owned(),
            flag => flag.replace('_', "-"),
        };
        return Err(Failure::usage(format!("--bundle and --{flag} can't be used together"))
            .hint("a bundle takes the place of the cluster"));
    }
    if source("namespace") == Some(ValueSource::EnvVariable) {
        cli.connection.namespace = None;
    }
    Ok(())
}

async fn run(cli: Cli, ui: &mut Ui) -> Result<Exit, Failure> {
    let connection = &cli.connection;
    match cli.command {
        None => scan::run(&cli.scan, connection, ui).await,
        Some(Command::Scan(args)) => scan::run(&args, connection, ui).await,
        Some(Command::List(args)) => list::run(&args, connection, ui).await,
        Some(Command::History(args)) => history::run(&args, connection, ui).await,
        Some(Command::Status(args)) => status::run(&args, connection, ui).await,
        Some(Command::Diagnose(args)) => diagnose::run(&args, connection, ui).await,
        Some(Command::Get(command)) => get::run(&command, connection, ui).await,
        Some(Command::Diff(args)) => diff::run(&args, connection, ui).await,
        Some(Command::Plan(args)) => plan::run(&args, connection, ui).await,
        Some(Command::Fix(args)) => fix::run(&args, connection, ui).await,
        Some(Command::Undo(args)) => undo::run(&args, connection, ui).await,
        Some(Command::Backup(args)) => backup::run(&args, connection, ui).await,
        Some(Command::Restore(args)) => restore::run(&args, connection, ui).await,
        Some(Command::Bundle(args)) => bundle::run(&args, connection, ui).await,
        Some(Command::Demo(args)) => demo::run(&args, ui).await,
    }
}

/// The next thing to type for a release, with its namespace.
fn typed(words: &str, id: &ReleaseId) -> String {
    let (verb, rest) = words.split_once(" NAME").unwrap_or((words, ""));
    format!("{verb} {} -n {}{rest}", id.name, id.namespace)
}

/// Opens a source that reads one namespace or all.
async fn open(connection: &Connection) -> Result<Source, Failure> {
    Source::open(connection).await
}
