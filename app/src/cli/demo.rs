//! `refloat demo`: the story of one stuck release, from Helm's refusal to the way back. Plays real command lines, through the
//! real parser and the real commands, on a captured incident and a cluster in memory.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::Resettable;
use clap::{Args, CommandFactory, FromArgMatches};
use jiff::{SignedDuration, Timestamp};
use refloat_core::bundle::Bundle;
use refloat_core::observe::Answer;
use refloat_core::policy::Policy;
use refloat_core::record::StoredRecord;
use serde_json::Value;
use tempfile::TempDir;

use super::{Cli, Command, diagnose, fix, plan, scan, undo};
use crate::cluster::{MemoryCluster, ReadRecords, RecordQuery};
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{BAD, LITERAL, STRONG, Ui, paint, wrapped};
use crate::rescue::Rescuer;
use crate::source::Source;

/// Captured by `cargo xtask capture-demo`.
const BUNDLE: &str = include_str!("../../demo/bundle.json");
/// Whom the story is about.
const RELEASE: &str = "checkout";
/// Where Helm marks its objects.
const OWNER: &str = "/metadata/annotations/meta.helm.sh~1release-name";
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
    captured: Bundle,
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
    story.planned().await?;
    story.fixed().await?;
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
        let cluster = MemoryCluster::new(bundle.driver, bundle.records.clone(), now);
        let cluster = Arc::new(cluster.with_answers(bundle.answers.clone()));
        Ok(Self {
            kubernetes: bundle.server.kubernetes.clone().unwrap_or_default(),
            captured: bundle,
            cluster,
            rescuer: Rescuer { name: "demo@laptop".to_owned(), tempo: TEMPO },
            backups: backups.path().to_owned(),
            ui,
        })
    }

    fn stuck(&mut self) -> Result<(), Failure> {
        self.ui.line(paint(STRONG, "A stuck release, and the way out"))?;
        self.tell(&[
            "Records and objects are real: Helm 3 and 4 wrote them to a Kubernetes API",
            &format!("server ({}), some of them killed on the way. The cluster they are in", self.kubernetes),
            "is in memory; yours isn't touched.",
        ])?;
        self.heading("1. Weekend")?;
        self.tell(&[
            "You are on call. A pipeline rolled out a new version of shop/checkout, ran",
            "out of time and killed `helm upgrade` on the way. Since then Helm refuses",
            "every new attempt to deploy it:",
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
            "Its exit code is 3, so that a pipeline notices, too. It says what to type",
            "next; take the release that you were called for:",
        ])?;
        self.play("refloat diagnose checkout -n shop", Exit::Found).await?;
        self.tell(&[
            "The first lines say what happened, why, and what to do; the rest is the",
            "proof: how far Helm came, whether it may still run, every object.",
        ])
    }

    async fn planned(&mut self) -> Result<(), Failure> {
        self.heading("3. The ways out")?;
        self.tell(&["What each would do to every object, and how it is taken back:"])?;
        self.play("refloat plan checkout -n shop", Exit::Ok).await
    }

    async fn fixed(&mut self) -> Result<(), Failure> {
        self.heading("4. Back to what worked")?;
        self.tell(&[
            "You roll back. You know that the pipeline was killed, and say so. Refloat",
            "takes a lock, keeps two backups, applies the objects as Helm would, waits",
            "for them, writes the records, looks whether a Helm has woken up, and reads",
            "back. (The demo's backup goes to a temporary folder, its pods do what they",
            "were seen doing, and there is nobody to ask: --yes.)",
        ])?;
        self.play("refloat fix checkout -n shop --with rollback --helm-is-gone --yes", Exit::Ok).await?;
        self.tell(&["It runs again, with what revision 1 held:"])?;
        self.play("refloat diagnose checkout -n shop", Exit::Ok).await?;
        self.tell(&["Nothing is forgotten: who did what, and why, stands in the history."])
    }

    async fn undone(&mut self) -> Result<(), Failure> {
        self.heading("5. And if that was wrong?")?;
        self.tell(&["Every fix can be taken back for as long as nobody has built on it:"])?;
        self.play("refloat undo -n shop --yes", Exit::Ok).await?;
        let (records, bytes) = self.records_are_as_captured().await?;
        let objects = self.objects_are_as_captured()?;
        self.tell(&[
            &format!("The demo compares that with the capture: {records} records with {bytes} bytes of"),
            &format!("payload and their labels, byte for byte, and {objects} objects, but for what only a"),
            "server can set. All are as they were.",
        ])
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
            Some(Command::Diagnose(args)) => diagnose::diagnose(&source, &args, &Policy::default(), ui).await?,
            Some(Command::Plan(args)) => plan::plan(&source, &args, &Policy::default(), ui).await?,
            Some(Command::Fix(mut args)) => {
                args.backup_dir = Some(self.backups.clone());
                let rescuer = self.rescuer.clone();
                let given = fix::Given { rescuer, policy: Policy::default(), saved: None };
                fix::fix(&source, &args, &given, ui).await?
            }
            Some(Command::Undo(args)) => undo::undo(&source, &args, &self.rescuer, ui).await?,
            Some(_) => return Err(off_script(format!("nobody plays `{typed}`"))),
        };
        if exit == expected { Ok(()) } else { Err(off_script(format!("`{typed}` ended otherwise"))) }
    }

    /// Gives how many records and bytes of payload were compared.
    async fn records_are_as_captured(&self) -> Result<(usize, usize), Failure> {
        let query = RecordQuery { release: Some(RELEASE.to_owned()), ..RecordQuery::default() };
        let mine = |record: &&StoredRecord| record.meta.release() == Some(RELEASE);
        let then: Vec<&StoredRecord> = self.captured.records.iter().filter(mine).collect();
        if ReadRecords::list(self.cluster.as_ref(), &query).await?.len() != then.len() {
            return Err(off_script("there are more records than before, or fewer"));
        }
        let mut bytes = 0;
        for then in &then {
            let now = self.cluster.get(&then.meta.id).await?;
            let now = now.ok_or_else(|| off_script(format!("{} is gone", then.meta.id)))?;
            let (inner, captured) = (now.inner().map_err(off_script)?, then.inner().map_err(off_script)?);
            if inner != captured || now.labels() != then.labels() {
                return Err(off_script(format!("{} isn't as it was", then.meta.id)));
            }
            bytes += inner.len();
        }
        Ok((then.len(), bytes))
    }

    /// Gives how many objects of the release were compared; each is there if it was, with the same contents.
    fn objects_are_as_captured(&self) -> Result<usize, Failure> {
        let now = self.cluster.answers()?;
        let mut compared = 0;
        for (path, then) in &self.captured.answers {
            let now = now.get(path).and_then(Answer::found);
            let marked = |object: &Value| object.pointer(OWNER).and_then(Value::as_str) == Some(RELEASE);
            match (then.found(), now) {
                (Some(then), Some(now)) if marked(then) && contents(then) == contents(now) => compared += 1,
                (Some(then), _) if marked(then) => return Err(off_script(format!("{path} isn't as it was"))),
                (None, Some(now)) if marked(now) => return Err(off_script(format!("{path} wasn't there"))),
                _ => {}
            }
        }
        Ok(compared)
    }
}

/// An object without what only a server can set.
fn contents(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(members) = object.as_object_mut() {
        members.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| matches!(field.as_str(), "name" | "namespace" | "labels" | "annotations"));
    }
    object
}

/// Takes a command line; gives what it says to the real parser. The user's environment has no part in the story.
fn parsed(typed: &str) -> Result<Cli, Failure> {
    let command = Cli::command().mut_args(|arg| arg.env(Resettable::Reset));
    let matches = command.try_get_matches_from(typed.split(' ')).map_err(off_script)?;
    Cli::from_arg_matches(&matches).map_err(off_script)
}
