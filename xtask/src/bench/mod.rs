//! `cargo xtask bench`: Refloat against both Helms on the same cluster in the same run, as ratios.
mod growth;
mod list;
mod measure;
mod seed;

use anyhow::{Result, ensure};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::process::Command;

/// Measure refloat against helm.
#[derive(Subcommand)]
pub enum Bench {
    /// `list`, `list --pending`, `history` and `status` on 400 releases of 10 revisions.
    List(Runs),
    /// `list -A` on 1,000, 10,000 and 50,000 small records.
    Growth(Runs),
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
        let refloat = release_binary()?;
        match self {
            Self::List(runs) => list::run(&refloat, runs.runs),
            Self::Growth(runs) => growth::run(&refloat, runs.runs),
        }
    }
}

/// Builds refloat as it is shipped.
fn release_binary() -> Result<PathBuf> {
    let status = Command::new(env!("CARGO")).args(["build", "--release", "--package", "refloat"]).status()?;
    ensure!(status.success(), "refloat doesn't build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::workspace().join("target"), PathBuf::from);
    Ok(target.join("release").join("refloat"))
}
