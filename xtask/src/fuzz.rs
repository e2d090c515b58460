//! Fuzzing on the stable toolchain.
//!
//! Takes a number of seconds; builds `fuzz/` with LLVM's coverage counters and runs libFuzzer on it, from the seeds checked
//! in and what earlier runs found. Fails, naming the input, if one makes it panic, hang or take too much memory. Writes
//! below `target/fuzz` only. Needs a C++ compiler, as libFuzzer is C++, and nothing else: not nightly, not cargo-fuzz.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// What makes rustc's LLVM count edges and comparisons, as libFuzzer wants them. The pass is LLVM's, not rustc's, so stable
/// takes it; if it ever stops working, libFuzzer finds no counters and says so, and the run fails.
const COVERAGE: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "--cfg=fuzzing",
];

/// Fuzz the reading and editing of records.
#[derive(clap::Args)]
pub struct Fuzz {
    /// How long to run.
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// Run only these inputs, such as an earlier finding.
    inputs: Vec<PathBuf>,
}

impl Fuzz {
    /// Builds and runs it.
    pub fn run(self) -> Result<()> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?;
        let target = root.join("target/fuzz");
        let binary = build(root, &target)?;
        let (corpus, found) = (target.join("corpus/record"), target.join("found/record"));
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&found)?;
        let before = newest(&found)?;
        let mut run = Command::new(binary);
        // A record is at most 1 MiB; small inputs reach the same code faster. Allocations are capped by the target itself.
        run.args(["-timeout=10", "-rss_limit_mb=512", "-max_len=65536", "-print_final_stats=1"]);
        run.arg(format!("-dict={}", root.join("fuzz/record.dict").display()));
        run.arg(format!("-artifact_prefix={}/", found.display()));
        if self.inputs.is_empty() {
            run.arg(format!("-max_total_time={}", self.seconds)).arg(&corpus).arg(root.join("fuzz/seeds"));
        } else {
            run.args(&self.inputs);
        }
        if run.status().context("can't start the fuzz target")?.success() {
            return Ok(());
        }
        match newest(&found)?.filter(|input| Some(input) != before.as_ref()) {
            Some(input) => bail!("found an input that fails: {}", input.display()),
            None => bail!("the fuzz target failed"),
        }
    }
}

/// Gives the path of the instrumented target.
fn build(root: &Path, target: &Path) -> Result<PathBuf> {
    // Naming the host as target keeps the flags away from build scripts and macros, which have no libFuzzer to link with.
    let host = host()?;
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--locked", "--release", "--bin", "record", "--target", &host]);
    build.arg("--manifest-path").arg(root.join("fuzz/Cargo.toml")).arg("--target-dir").arg(target);
    build.env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\x1f"));
    ensure!(build.status().context("can't start cargo")?.success(), "the fuzz target doesn't build");
    Ok(target.join(host).join("release/record"))
}

fn host() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("-vV").output().context("can't start rustc")?;
    let version = String::from_utf8(version.stdout)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc doesn't tell its host")?.to_owned())
}

fn newest(folder: &Path) -> Result<Option<PathBuf>> {
    let mut newest = None;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        newest = newest.max(Some((entry.metadata()?.modified()?, entry.path())));
    }
    Ok(newest.map(|(_, path)| path))
}
