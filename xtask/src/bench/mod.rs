//! `cargo xtask bench`: Refloat against both Helms on the same cluster in the same run, as ratios.
mod diagnose;
mod growth;
mod list;
mod measure;
mod seed;

use anyhow::{Result, ensure};
use bed::{Bed, Options};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Measure refloat against helm.
#[derive(Subcommand)]
pub enum Bench {
    /// `list`, `list --pending`, `history` and `status` on 400 releases of 10 revisions.
    List(Runs),
    /// `list -A` on 1,000, 10,000 and 50,000 small records.
    Growth(Runs),
    /// `diagnose` of 100 objects on the cluster, and of a bundle of 1,000.
    Diagnose(Runs),
    /// Runs one command and prints what it took: a small process of its own, as a child's peak memory counts its parent's.
    #[command(hide = true)]
    One {
        /// The command.
        #[arg(trailing_var_arg = true, required = true)]
        command: Vec<String>,
    },
}

/// How often.
#[derive(Args)]
pub struct Runs {
    /// Runs of each helm command; refloat's run ten times as often.
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

impl Bench {
    /// Runs it and prints the table.
    pub fn run(&self) -> Result<()> {
        if let Self::One { command } = self {
            return measure::one(command);
        }
        let refloat = release_binary()?;
        match self {
            Self::One { .. } => Ok(()),
            Self::List(runs) => list::run(&refloat, runs.runs),
            Self::Growth(runs) => growth::run(&refloat, runs.runs),
            Self::Diagnose(runs) => diagnose::run(&refloat, runs.runs),
        }
    }
}

/// The bed that `REFLOAT_BED` names, which may be seeded already; else a fresh one.
fn bed() -> Result<Bed> {
    match std::env::var_os("REFLOAT_BED") {
        Some(path) => Bed::attach(Path::new(&path)),
        None => Bed::start(&Options::default()),
    }
}

/// Builds refloat as it is shipped.
fn release_binary() -> Result<PathBuf> {
    let status = Command::new(env!("CARGO")).args(["build", "--release", "--package", "refloat"]).status()?;
    ensure!(status.success(), "refloat doesn't build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::workspace().join("target"), PathBuf::from);
    Ok(target.join("release").join("refloat"))
}
