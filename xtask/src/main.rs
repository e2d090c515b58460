//! Chores of the Refloat workspace: `cargo xtask --help`. One file per chore.
mod bench;
mod capture_demo;
mod cluster;
mod corpus;
mod fuzz;
mod golden;
mod matrix;
mod merge;
mod playground;
mod private;
mod test;

use clap::Parser;
use std::io::Write as _;

/// Chores of the Refloat workspace.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Chore {
    #[command(subcommand)]
    Bench(bench::Bench),
    CaptureDemo(capture_demo::CaptureDemo),
    CaptureGolden(golden::CaptureGolden),
    #[command(subcommand)]
    Cluster(cluster::Cluster),
    Corpus(corpus::Corpus),
    Fuzz(fuzz::Fuzz),
    Matrix(matrix::Matrix),
    MergeParity(merge::MergeParity),
    MergeTable(merge::MergeTable),
    Playground(playground::Playground),
    Test(test::Test),
}

fn main() -> anyhow::Result<()> {
    match Chore::parse() {
        Chore::Bench(chore) => chore.run(),
        Chore::CaptureDemo(chore) => chore.run(),
        Chore::CaptureGolden(chore) => chore.run(),
        Chore::Cluster(chore) => chore.run(),
        Chore::Corpus(chore) => chore.run(),
        Chore::Fuzz(chore) => chore.run(),
        Chore::Matrix(chore) => chore.run(),
        Chore::MergeParity(chore) => chore.run(),
        Chore::MergeTable(chore) => chore.run(),
        Chore::Playground(chore) => chore.run(),
        Chore::Test(chore) => chore.run(),
    }
}

/// The checkout.
fn workspace() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The given refloat, or the one of this checkout, which is built.
fn refloat_binary(given: Option<&std::path::Path>) -> anyhow::Result<std::path::PathBuf> {
    let binary = if let Some(path) = given {
        path.to_owned()
    } else {
        let mut cargo = std::process::Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "refloat"]).current_dir(workspace());
        anyhow::ensure!(cargo.status()?.success(), "refloat doesn't build");
        workspace().join("target/debug/refloat")
    };
    anyhow::ensure!(binary.exists(), "{} isn't there", binary.display());
    Ok(binary)
}

/// Writes a line for the user.
fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
