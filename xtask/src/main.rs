//! Chores of the Refloat workspace: `cargo xtask --help`. One file per chore.
use clap::Parser;

/// Chores of the Refloat workspace.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Chore {}

fn main() -> anyhow::Result<()> {
    match Chore::parse() {}
}
