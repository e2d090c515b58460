//! Chores of the Refloat workspace: `cargo xtask --help`. One file per chore.
mod cluster;
mod fuzz;
mod playground;

use clap::Parser;
use std::io::Write as _;

/// Chores of the Refloat workspace.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Chore {
    #[command(subcommand)]
    Cluster(cluster::Cluster),
    Fuzz(fuzz::Fuzz),
    Playground(playground::Playground),
}

fn main() -> anyhow::Result<()> {
    match Chore::parse() {
        Chore::Cluster(chore) => chore.run(),
        Chore::Fuzz(chore) => chore.run(),
        Chore::Playground(chore) => chore.run(),
    }
}

/// Writes a line for the user.
fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
