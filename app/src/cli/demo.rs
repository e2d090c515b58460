//! `refloat demo`: the story of one stuck release, from Helm's refusal to the way back. Plays real command lines, through the
//! real parser and the real commands, on a captured incident and a cluster in memory.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::Resettable;
use clap::{Args, CommandFactory, FromArgMatches};
use jiff::{SignedDuration, Timestamp};
use refloat_core::bundle::Bundle;
use refloat_core::record::{Driver, RecordId, Status, StoredRecord};
use tempfile::TempDir;

use super::{Cli, Command, fix, history, scan, status, undo};
use crate::cluster::{MemoryCluster, ReadRecords};
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{BAD, LITERAL, STRONG, Ui, paint, wrapped};
use crate::rescue::Rescuer;
use crate::source::Source;

/// Captured by `cargo xtask capture-demo`.
const BUNDLE: &str = include_str!("../../demo/bundle.json");
/// How long after the capture the story plays: someone has to be called first.
const LATER: SignedDuration = SignedDuration::from_mins(43);
/// Nobody else can write to a cluster in memory, so no seconds need be spent on watching it.
const TEMPO: u32 = 10;
/// Columns where there is no terminal: a story is for reading in a pipe, too.
const COLUMNS: usize = 80;

/// Flags of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  refloat demo   takes a second, touches no cluster")]
pub struct DemoArgs {}

/// The cluster, who works on it, and where it is told.
struct Story<'a> {
    kubernetes: String,
    captured: StoredRecord,
    cluster: Arc<MemoryCluster>,
    rescuer: Rescuer,
    backups: PathBuf,
    ui: &'a mut Ui,
}

/// Tells the story.
pub async fn run(_args: &DemoArgs, ui: &mut Ui) -> Result<Exit, Failure> {
    ui.one_stream = true;
    ui.width = ui.width.or(Some(COLUMNS));
    let bundle = Bundle::parse(BUNDLE).map_err(|error| Failure::new(Exit::Bug, error))?;
    let backups = tempfile::Builder::new().prefix("refloat-demo-").tempdir().map_err(|error| no_folder(&error))?;
    let mut story = Story::new(bundle, &backups, ui)?;
    story.stuck()?;
    story.found().await?;
    story.fixed().await?;
    story.after().await?;
    story.undone().await?;
    story.end(backups)?;
    Ok(Exit::Ok)
}

fn no_folder(error: &dyn Display) -> Failure {
    Failure::new(Exit::Refused, "there is no temporary folder to keep the demo's backup in").because(error)
}

fn off_script(what: impl Display) -> Failure {
    Failure::new(Exit::Bug, format!("the demo didn't go as told: {what}"))
}

impl<'a> Story<'a> {
    fn new(bundle: Bundle, backups: &TempDir, ui: &'a mut Ui) -> Result<Self, Failure> {
        let now: Timestamp = bundle.taken_at.checked_add(LATER).map_err(off_script)?;
        let captured = bundle.records.iter().find(|record| record.meta.id == checkout());
        let captured = captured.ok_or_else(|| off_script("shop/checkout isn't in the bundle"))?.clone();
        let cluster = Arc::new(MemoryCluster::new(bundle.driver, bundle.records, now));
        Ok(Self {
            kubernetes: bundle.server.kubernetes.unwrap_or_default(),
            captured,
            cluster,
            rescuer: Rescuer { name: "demo@laptop".to_owned(), tempo: TEMPO },
            backups: backups.path().to_owned(),
            ui,
        })
    }

    fn stuck(&mut self) -> Result<(), Failure> {
        self.ui.line(paint(STRONG, "A stuck release, and the way out"))?;
        self.tell(&[
            "The records are real: Helm 3 and 4 wrote them to a Kubernetes API",
            &format!("server ({}), some of them killed on the way. The cluster is in", self.kubernetes),
            "memory; yours isn't touched.",
        ])?;
        self.heading("1. Weekend")?;
        self.tell(&[
            "You are on call. A pipeline ran out of time and killed `helm upgrade`",
            "of shop/checkout while it waited for an image that can't be pulled.",
            "Since then Helm refuses every new attempt to deploy it:",
        ])?;
        let refusal = "UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress";
        let refusal = format!("{} {refusal}", paint(BAD, "Error:"));
        self.ui.line(format!("\n    {}", wrapped(&refusal, 4, self.ui.width)))
    }

    async fn found(&mut self) -> Result<(), Failure> {
        self.heading("2. What is stuck, and why?")?;
        self.tell(&["Forty minutes later you are called. One word looks at everything:"])?;
        self.play("refloat", Exit::Found).await?;
        self.tell(&[
            "It says why, and what to type next; its exit code is 3, so that a",
            "pipeline notices, too. Now the one you were called for:",
        ])?;
        self.play("refloat status checkout -n shop", Exit::Ok).await
    }

    async fn fixed(&mut self) -> Result<(), Failure> {
        self.heading("3. The way out")?;
        self.tell(&["First only look at what would be done:"])?;
        self.play("refloat fix checkout -n shop --with unlock --records-only --dry-run", Exit::Ok).await?;
        self.tell(&[
            "Then do it. You know that the pipeline was killed, and say so. Refloat",
            "takes a lock, keeps two backups, writes, looks once more whether a Helm",
            "has woken up, and reads back. (The demo holds records only, no objects;",
            "its backup goes to a temporary folder, and there is nobody to ask: --yes.)",
        ])?;
        self.play("refloat fix checkout -n shop --with unlock --records-only --helm-is-gone --yes", Exit::Ok).await?;
        self.is_failed().await
    }

    async fn after(&mut self) -> Result<(), Failure> {
        self.heading("4. What Helm sees now")?;
        self.tell(&["Nothing is forgotten, and who did what stands in the history:"])?;
        self.play("refloat history checkout -n shop", Exit::Ok).await?;
        self.tell(&[
            "Revision 1 is still the one deployed, and nothing is in progress any",
            "more: the next `helm upgrade` goes on from there. Until then checkout",
            "counts as failed, no longer as locked:",
        ])?;
        self.play("refloat -n shop", Exit::Found).await
    }

    async fn undone(&mut self) -> Result<(), Failure> {
        self.heading("5. And if that was wrong?")?;
        self.tell(&["Every fix can be taken back for as long as nobody has built on it:"])?;
        self.play("refloat undo -n shop --yes", Exit::Ok).await?;
        let (bytes, labels) = self.is_as_captured().await?;
        let compared = format!("of payload and {labels} labels are the captured ones, one by one.");
        self.tell(&[&format!("The demo compares that with the record as captured: its {bytes} bytes"), &compared])
    }

    fn end(mut self, backups: TempDir) -> Result<(), Failure> {
        let broken = |error| Failure::new(Exit::Bug, "the demo's temporary folder can't be removed").because(error);
        backups.close().map_err(broken)?;
        self.heading("Your turn")?;
        self.tell(&["The temporary folder is gone. On your own cluster, this only reads:"])?;
        self.prompt("refloat")
    }

    fn heading(&mut self, text: &str) -> Result<(), Failure> {
        self.ui.line(format!("\n\n{}", paint(STRONG, text)))
    }

    /// A paragraph, in lines that fit everywhere.
    fn tell(&mut self, lines: &[&str]) -> Result<(), Failure> {
        self.ui.line(format!("\n{}", lines.join("\n")))
    }

    fn prompt(&mut self, typed: &str) -> Result<(), Failure> {
        self.ui.line(format!("\n$ {}", paint(LITERAL, typed)))
    }

    /// Shows a command line as typed, and runs what it says.
    async fn play(&mut self, typed: &str, expected: Exit) -> Result<(), Failure> {
        self.prompt(typed)?;
        let cli = parsed(typed)?;
        let namespace = cli.connection.namespace;
        let source = Source::memory(self.cluster.clone(), namespace.as_deref().unwrap_or("default"));
        let ui = &mut *self.ui;
        let exit = match cli.command {
            None => scan::scan(&source, namespace, &cli.scan, ui).await?,
            Some(Command::Status(args)) => status::status(&source, &args, ui).await?,
            Some(Command::History(args)) => history::history(&source, &args, ui).await?,
            Some(Command::Fix(mut args)) => {
                args.backup_dir = Some(self.backups.clone());
                fix::fix(&source, &args, &self.rescuer, ui).await?
            }
            Some(Command::Undo(args)) => undo::undo(&source, &args, &self.rescuer, ui).await?,
            Some(_) => return Err(off_script(format!("nobody plays `{typed}`"))),
        };
        if exit == expected { Ok(()) } else { Err(off_script(format!("`{typed}` ended otherwise"))) }
    }

    async fn checkout(&self) -> Result<StoredRecord, Failure> {
        self.cluster.get(&checkout()).await?.ok_or_else(|| off_script("the record is gone"))
    }

    async fn is_failed(&self) -> Result<(), Failure> {
        let record = self.checkout().await?;
        let payload = record.document().map_err(off_script)?.status();
        let failed = Status::Failed.as_str();
        if record.meta.status.as_deref() == Some(failed) && payload.as_deref() == Some(failed) {
            Ok(())
        } else {
            Err(off_script("the record isn't failed in label and payload"))
        }
    }

    /// Gives how many bytes of payload and how many labels were compared.
    async fn is_as_captured(&self) -> Result<(usize, usize), Failure> {
        let record = self.checkout().await?;
        let (now, then) = (record.inner().map_err(off_script)?, self.captured.inner().map_err(off_script)?);
        if now == then && record.labels() == self.captured.labels() {
            Ok((now.len(), record.labels().len()))
        } else {
            Err(off_script("the record isn't as it was"))
        }
    }
}

/// The abandoned revision.
fn checkout() -> RecordId {
    let (namespace, key) = ("shop".to_owned(), "sh.helm.release.v1.checkout.v2".to_owned());
    RecordId { driver: Driver::Secret, namespace, key }
}

/// Takes a command line; gives what it says to the real parser. The user's environment has no part in the story.
fn parsed(typed: &str) -> Result<Cli, Failure> {
    let command = Cli::command().mut_args(|arg| arg.env(Resettable::Reset));
    let matches = command.try_get_matches_from(typed.split(' ')).map_err(off_script)?;
    Cli::from_arg_matches(&matches).map_err(off_script)
}
