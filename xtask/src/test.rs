//! `cargo xtask test`: everything that must hold, in the order in which it fails fastest.
use crate::{say, workspace};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Run every check: format, lints, docs, licences, unit, property, golden and real-cluster tests, a sample of the kill matrix, and the fuzz
/// target.
#[derive(Args)]
pub struct Test {
    /// Only what needs no cluster: done in seconds.
    #[arg(long)]
    quick: bool,
    /// How long to fuzz.
    #[arg(long, default_value_t = 30)]
    fuzz_seconds: u32,
}

impl Test {
    /// Runs them all, stops at the first that fails.
    pub fn run(&self) -> Result<()> {
        let start = Instant::now();
        cargo("format", &["fmt", "--all", "--check"])?;
        cargo("lints", &["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])?;
        licences()?;
        if self.quick {
            cargo(
                "unit, property and golden tests",
                &[
                    &["test", "--workspace", "--exclude", "refloat-bed", "--lib"][..],
                    &[
                        "--test", "record", "--test", "golden", "--test", "merge", "--test", "cli", "--test", "demo",
                        "--test", "docs",
                    ],
                ]
                .concat(),
            )?;
            return done(start);
        }
        docs()?;
        go()?;
        cargo("all tests", &["test", "--workspace"])?;
        cargo("kill matrix, a sample", &["run", "--quiet", "--package", "xtask", "--", "matrix", "--quick"])?;
        cargo(
            "fuzz",
            &["run", "--quiet", "--package", "xtask", "--", "fuzz", "--seconds", &self.fuzz_seconds.to_string()],
        )?;
        done(start)
    }
}

fn done(start: Instant) -> Result<()> {
    say(&format!("\nall checks passed in {:.0} s", start.elapsed().as_secs_f32()))
}

fn cargo(what: &str, args: &[&str]) -> Result<()> {
    step(what, Command::new(env!("CARGO")).args(args))
}

fn docs() -> Result<()> {
    step(
        "docs",
        Command::new(env!("CARGO"))
            .args(["doc", "--workspace", "--no-deps", "--quiet"])
            .env("RUSTDOCFLAGS", "--deny warnings"),
    )
}

/// Licences and sources of dependencies, where the tool for it is installed.
fn licences() -> Result<()> {
    if !runs("cargo", &["deny", "--version"]) {
        return say("== licences: cargo-deny isn't installed, left out");
    }
    cargo("licences", &["deny", "--all-features", "check", "licenses", "bans", "sources"])
}

/// The proxy that kills has tests of its own, which need no cluster.
fn go() -> Result<()> {
    if !runs("go", &["version"]) {
        bail!("Go isn't installed: the test bed is built with it (Debian: `apt-get install golang`, 1.26 or later)");
    }
    let killproxy = workspace().join("testbed").join("killproxy");
    step("killproxy", Command::new("go").args(["test", "./..."]).current_dir(killproxy))
}

fn runs(program: &str, args: &[&str]) -> bool {
    let command = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    command.is_ok_and(|status| status.success())
}

fn step(what: &str, command: &mut Command) -> Result<()> {
    say(&format!("== {what}"))?;
    if command.get_current_dir().is_none() {
        command.current_dir(workspace());
    }
    let program = Path::new(command.get_program()).display().to_string();
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start {program}"))?;
    if status.success() { Ok(()) } else { bail!("{what}: failed") }
}
