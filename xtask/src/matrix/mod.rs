//! `cargo xtask matrix`: the proof that Refloat's recoveries work at every point at which Helm, or Refloat itself, can be killed.
mod case;
mod judge;
mod ledger;
mod means;
mod reference;
mod rescuer;
mod run;
mod stage;
mod state;
mod tables;
mod trouble;
mod zombie;

use crate::say;
use anyhow::{Result, ensure};
use bed::{Bed, Major, Options, Postgres};
use case::{Case, Intent, Point};
use clap::{Args, ValueEnum};
use ledger::Ledger;
use means::{Means, Refloat};
use reference::References;
use run::{Ground, Verdict, each};
use serde_json::Value;
use stage::Operation;
use std::path::PathBuf;
use std::time::Instant;

/// Kill real Helms at each of their writes, recover with Refloat, and compare the end with an uninterrupted run.
#[derive(Args)]
pub struct Matrix {
    /// Some cases that lie far apart
    #[arg(long)]
    quick: bool,
    /// Only cases whose name contains one of these, as in `h3-upgrade-k07b-finish`; commas separate
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    only: Vec<String>,
    /// Only each n-th case, and those that the log knows
    #[arg(long, value_name = "N", default_value_t = 1)]
    every: usize,
    /// What is killed
    #[arg(long, value_enum, default_values_t = [Part::Kill, Part::Rescuer, Part::Zombie], value_delimiter = ',')]
    part: Vec<Part>,
    /// Measure what people do today on the same kills, or on each N-th of them
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    techniques: Option<usize>,
    /// Write docs/kill-matrix.md
    #[arg(long)]
    write_docs: bool,
    /// File of the good cases: those that it has of the same refloat aren't run again, so that a long run can be cut into several
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// How many run at a time. A case mostly waits, for hooks, pods and Helm's polls
    #[arg(long, default_value_t = 32)]
    workers: usize,
    /// The refloat to prove; built from this checkout if not given
    #[arg(long, value_name = "FILE")]
    refloat: Option<PathBuf>,
}

/// A part of the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Helm is killed
    Kill,
    /// Refloat is killed, too
    Rescuer,
    /// Helm is held, and goes on when Refloat is done
    Zombie,
}

impl Matrix {
    /// Does it.
    pub fn run(&self) -> Result<()> {
        let start = Instant::now();
        let refloat = Refloat::find(self.refloat.as_deref())?;
        let bed = Bed::start(&Options { postgres: Postgres::No, dir: None })?;
        let references = References::new(&bed);
        let ledger = Ledger::open(self.log.as_deref(), refloat.path())?;
        let ground = Ground { bed: &bed, refloat: &refloat, references, ledger, workers: self.workers };
        let mut pairs: Vec<_> =
            Operation::ALL.into_iter().flat_map(|it| Major::BOTH.map(|major| (major, it))).collect();
        // Nothing is made for cases that nobody asked for.
        pairs.retain(|(major, operation)| {
            let name = format!("{}-{operation}-", case::helm(*major));
            let may_be = |only: &String| !only.starts_with(['h']) || name.starts_with(only) || only.starts_with(&name);
            self.only.is_empty() || self.only.iter().any(may_be)
        });
        let counts = ground.count(&pairs)?;
        let mut report =
            tables::Report { writes: pairs.iter().copied().zip(counts).collect(), ..tables::Report::default() };
        check_itself(&ground)?;
        let judged = |means, case: &Case| {
            let found = ground.ledger.once(means, case, || (ground.try_one(case, means), Value::Null));
            found.map(|(verdict, _)| verdict)
        };
        if self.part.contains(&Part::Kill) {
            let cases = self.cases(&ground.ledger, &report.writes);
            report.kill = all(each(self.workers, &cases, |case| told(judged(Means::Refloat, case)))?)?;
        }
        if let Some(step) = self.techniques {
            let cases = self.cases(&ground.ledger, &report.writes);
            for means in Means::TODAY {
                let cases = ground.ledger.some(means, cases.iter().copied(), step);
                say(&format!("-- {means}"))?;
                report.today.push((means, all(each(self.workers, &cases, |case| told(judged(means, case)))?)?));
            }
        }
        if self.part.contains(&Part::Rescuer) {
            (report.rescuer, report.moments) = rescuer::run(&ground, &self.only, self.quick, self.every)?;
        }
        if self.part.contains(&Part::Zombie) {
            report.zombie = zombie::run(&ground, &self.only, self.quick, self.every)?;
        }
        for line in report.text().lines() {
            say(line)?;
        }
        say(&format!("{:.0} s", start.elapsed().as_secs_f32()))?;
        if self.write_docs {
            report.write()?;
        }
        let failed = report.failed();
        ensure!(failed.is_empty(), "{} failed:\n  {}", failed.len(), failed.join("\n  "));
        Ok(())
    }

    fn cases(&self, ledger: &Ledger, writes: &[((Major, Operation), u32)]) -> Vec<Case> {
        let cases = writes.iter().flat_map(|&((major, operation), writes)| {
            if self.quick { Case::few(major, operation, writes) } else { Case::all(major, operation, writes) }
        });
        let cases = cases.filter(|case| is_wanted(&self.only, &case.to_string()));
        ledger.some(Means::Refloat, cases, self.every)
    }
}

/// A verdict, with its line or why it could not be noted.
fn told<C: std::fmt::Display>(verdict: Result<Verdict<C>>) -> (Result<Verdict<C>>, String) {
    let line = verdict.as_ref().map_or_else(|error| format!("     {error:#}"), Verdict::line);
    (verdict, line)
}

fn all<T>(verdicts: Vec<Result<T>>) -> Result<Vec<T>> {
    verdicts.into_iter().collect()
}

/// Whether a case was asked for.
fn is_wanted(only: &[String], name: &str) -> bool {
    only.is_empty() || only.iter().any(|only| name.contains(only.as_str()))
}

/// The judge must find what is known to be wrong: a rollback that is killed and run again leaves an object for ever. And it
/// must find nothing where nothing is wrong: an uninstall that is killed at its start can be run again.
fn check_itself(ground: &Ground<'_>) -> Result<()> {
    let case =
        |operation, k| Case { major: Major::V3, operation, point: Point { k, after: true }, intent: Intent::Finish };
    let checks = [case(Operation::Rollback, 1), case(Operation::Uninstall, 2)];
    let found = each(ground.workers, &checks, |case| {
        let verdict = ground.try_one(case, Means::Again);
        let line = format!("     checked itself with {case}: {}", verdict.faults.join("; "));
        (verdict, line)
    })?;
    let faults: Vec<_> = found.iter().map(|verdict| verdict.faults.join("; ")).collect();
    ensure!(
        faults.first().is_some_and(|faults| faults.contains("ConfigMap/web-c is left")),
        "the judge misses it: {faults:?}"
    );
    ensure!(faults.last().is_some_and(String::is_empty), "the judge finds what isn't there: {faults:?}");
    Ok(())
}
