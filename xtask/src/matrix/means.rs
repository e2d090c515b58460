//! Means of recovery: refloat, and what people do without it.
use super::case::{Case, Intent};
use super::stage::{Operation, RELEASE, Stage};
use super::state::Live;
use crate::refloat_binary;
use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The refloat to be proven.
pub struct Refloat {
    binary: PathBuf,
}

/// What it said.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// The end of what it wrote.
    pub text: String,
}

impl Refloat {
    /// The given one, or the one of this checkout, which is built.
    pub fn find(given: Option<&Path>) -> Result<Self> {
        let binary = refloat_binary(given)?;
        Ok(Self { binary })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.binary
    }

    /// The command with its arguments.
    pub fn command(&self, stage: &Stage<'_>, args: &[&str]) -> Result<Command> {
        let mut command = Command::new(&self.binary);
        command.args(args).args(["--namespace", &stage.ns.name]);
        stage.ns.set_env(&mut command)?;
        Ok(command)
    }

    /// The arguments with which it fixes the release.
    pub fn fixing<'a>(way: &'a str, backups: &'a str) -> Vec<&'a str> {
        let way = if way == "auto" { vec!["--auto"] } else { vec!["--with", way] };
        let rest = ["--yes", "--helm-is-gone", "--timeout", "600s", "--backup-dir", backups];
        ["fix", RELEASE].into_iter().chain(way).chain(rest).collect()
    }

    /// Fixes the release in a way, to the end.
    pub fn fix(&self, stage: &Stage<'_>, way: &str) -> Result<Said> {
        let backups = self.backups(stage);
        self.say(stage, &Self::fixing(way, &backups))
    }

    /// Where its backups go on this machine.
    pub fn backups(&self, stage: &Stage<'_>) -> String {
        let dir = stage.ns.bed.address.dir.join("backups").join(&stage.ns.name);
        dir.to_string_lossy().into_owned()
    }

    /// Runs it to the end.
    pub fn say(&self, stage: &Stage<'_>, args: &[&str]) -> Result<Said> {
        let output = self.command(stage, args)?.output().context("cannot start refloat")?;
        let text = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Ok(Said { code: output.status.code(), text: Said::end(&text) })
    }
}

impl Said {
    /// The last lines, in one.
    pub fn end(text: &str) -> String {
        let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        lines.get(lines.len().saturating_sub(6)..).unwrap_or_default().join(" | ")
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.map_or("a signal".to_owned(), |code| code.to_string());
        write!(f, "refloat ended with {code}: {}", self.text)
    }
}

/// How people recover today, as measured since this project began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Means {
    /// Refloat.
    Refloat,
    /// Helm is run again.
    Again,
    /// `helm rollback` to the last good revision first.
    Rollback,
    /// The newest record's Secret is deleted first.
    Delete,
    /// The newest record's status is set to `failed` first, in label and payload.
    Failed,
}

impl Means {
    /// Those without Refloat.
    pub const TODAY: [Self; 4] = [Self::Again, Self::Rollback, Self::Delete, Self::Failed];

    /// Recovers a release; gives what to report besides what is seen.
    pub fn recover(self, refloat: &Refloat, stage: &Stage<'_>, case: &Case, killed: &Live) -> Result<Vec<String>> {
        let stuck = killed.is_stuck();
        match self {
            Self::Refloat => Ok(judged(&refloat.fix(stage, way(case))?, stuck)),
            Self::Again => Ok(Vec::new()),
            _ if !stuck => Ok(Vec::new()),
            Self::Rollback => match good(killed) {
                Some(good) => stage.helm(&stage.rollback(good)).map(|()| Vec::new()),
                None => Ok(vec!["there is nothing to roll back to".to_owned()]),
            },
            Self::Delete => stage.ns.delete(&secret(killed)?).map(|()| Vec::new()),
            Self::Failed => set_failed(stage, killed).map(|()| Vec::new()),
        }
    }

    /// What Helm is told then, if anything.
    pub fn afterwards(self, stage: &Stage<'_>, case: &Case, killed: &Live) -> Option<Vec<String>> {
        let onwards = || {
            let mut args = stage.upgrade(3);
            if case.operation == Operation::Install {
                args.insert(1, "--install".to_owned());
            }
            args
        };
        match (case.intent, self) {
            (Intent::GoOn, _) => Some(onwards()),
            (_, Self::Refloat) => None,
            (Intent::Finish, _) => killed.is_stuck().then(|| stage.args(case.operation)),
            (Intent::GiveUp, Self::Rollback) if case.operation != Operation::Install => None,
            (Intent::GiveUp, _) => killed.is_stuck().then(|| match (case.operation, good(killed)) {
                (Operation::Upgrade | Operation::Rollback, Some(good)) => stage.rollback(good),
                _ => ["uninstall", RELEASE, "--wait"].map(str::to_owned).to_vec(),
            }),
        }
    }
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Refloat => "refloat",
            Self::Again => "run Helm again",
            Self::Rollback => "`helm rollback` first",
            Self::Delete => "delete the Secret first",
            Self::Failed => "set it `failed` first",
        })
    }
}

/// Refloat's way for an intent.
pub fn way(case: &Case) -> &'static str {
    match (case.intent, case.operation) {
        (Intent::Finish, _) => "auto",
        (Intent::GiveUp, Operation::Install) => "uninstall",
        (Intent::GiveUp, _) => "rollback",
        (Intent::GoOn, _) => "unlock",
    }
}

/// It ends with 0 where there is something to do; elsewhere it may refuse, but not break.
fn judged(said: &Said, stuck: bool) -> Vec<String> {
    let is_well = match said.code {
        Some(0) => true,
        Some(2..=6) => !stuck,
        _ => false,
    };
    if is_well { Vec::new() } else { vec![said.to_string()] }
}

/// The newest revision before the newest that was good once.
fn good(killed: &Live) -> Option<u32> {
    let (_, older) = killed.records.split_last()?;
    let good = older.iter().rev().find(|record| matches!(record.status.as_str(), "deployed" | "superseded"))?;
    good.revision.try_into().ok()
}

fn secret(killed: &Live) -> Result<String> {
    let newest = killed.newest().context("no record")?;
    Ok(format!("secrets/sh.helm.release.v1.{RELEASE}.v{}", newest.revision))
}

fn set_failed(stage: &Stage<'_>, killed: &Live) -> Result<()> {
    let path = secret(killed)?;
    let secret = stage.ns.get(&path)?;
    let inner = STANDARD.decode(secret["data"]["release"].as_str().context("no payload")?)?;
    let mut json = Vec::new();
    GzDecoder::new(STANDARD.decode(inner)?.as_slice()).read_to_end(&mut json)?;
    let mut payload: Value = serde_json::from_slice(&json)?;
    payload["info"]["status"] = "failed".into();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&serde_json::to_vec(&payload)?)?;
    let inner = STANDARD.encode(STANDARD.encode(gzip.finish()?));
    stage.ns.patch(&path, &json!({"data": {"release": inner}, "metadata": {"labels": {"status": "failed"}}})).map(drop)
}
