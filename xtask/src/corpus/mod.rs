//! `cargo xtask corpus`: real scenarios, what Refloat says of them, and how often it is right.
mod bundles;
mod judge;
mod liveness;
mod make;
mod refloat;
mod scenarios;
mod tables;

use crate::say;
use anyhow::{Result, ensure};
use bed::moments::Moment;
use clap::Args;
use make::{Beds, Makes};
use refloat::Refloat;
use std::path::PathBuf;

/// Make the diagnosis corpus on a real cluster, and measure how often Refloat is right.
#[derive(Args)]
pub struct Corpus {
    /// Only scenarios (or moments) whose name contains this; names end in `-h3` or `-h4`
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Only make the scenarios (with --liveness: the moments), each of which makes sure that it has come about
    #[arg(long)]
    check_scenarios: bool,
    /// Measure the verdict on liveness alone, at many moments of live and killed Helms
    #[arg(long)]
    liveness: bool,
    /// Write a bundle of each scenario, and the labels, into this folder
    #[arg(long, value_name = "DIR")]
    bundles: Option<PathBuf>,
    /// Write the result into docs/
    #[arg(long)]
    write_docs: bool,
    /// How many are made at a time; they mostly wait
    #[arg(long, default_value_t = 5)]
    workers: usize,
    /// The refloat to measure; built from this checkout if not given
    #[arg(long, value_name = "FILE")]
    refloat: Option<PathBuf>,
}

impl Corpus {
    /// Does it.
    pub fn run(self) -> Result<()> {
        if self.check_scenarios {
            return self.check();
        }
        let refloat = Refloat::find(self.refloat.as_deref())?;
        if self.liveness { self.measure_liveness(&refloat) } else { self.measure(&refloat) }
    }

    fn check(&self) -> Result<()> {
        if !self.liveness {
            return self.check_these(&make::runs(&self.only)?);
        }
        let moments = Moment::live().into_iter().chain(Moment::dead());
        let moments: Vec<_> = moments.filter(|moment| moment.name.contains(&self.only)).collect();
        self.check_these(&moments)
    }

    fn check_these<M: Makes>(&self, all: &[M]) -> Result<()> {
        let beds = Beds::start(all)?;
        let answers = make::each(&beds, all, self.workers, |outcome| {
            let (name, seconds) = (outcome.run.name(), outcome.took.as_secs_f32());
            say(&match &outcome.result {
                Ok(_) => format!("ok    {name:<44} {seconds:5.1} s"),
                Err(error) => format!("FAIL  {name:<44} {seconds:5.1} s  {error:#}"),
            })?;
            Ok(outcome.result.is_ok())
        })?;
        let came = answers.iter().filter(|&&came| came).count();
        say(&format!("{came} of {} came about", answers.len()))?;
        ensure!(came == answers.len(), "{} did not come about", answers.len() - came);
        Ok(())
    }

    fn measure(&self, refloat: &Refloat) -> Result<()> {
        let answers = scenarios::measure(refloat, &self.only, self.workers, self.bundles.as_deref())?;
        if let Some(dir) = &self.bundles {
            bundles::write_labels(dir, &answers)?;
        }
        for line in tables::scenarios(&answers).lines() {
            say(line)?;
        }
        say(&judge::faults(&answers))?;
        if self.write_docs {
            tables::write_scenarios(&answers)?;
        }
        Ok(())
    }

    fn measure_liveness(&self, refloat: &Refloat) -> Result<()> {
        let (live, dead) = liveness::measure(refloat, &self.only, self.workers)?;
        let text = tables::liveness(&live, &dead);
        for line in text.lines() {
            say(line)?;
        }
        say(&liveness::faults(&live, &dead))?;
        if self.write_docs {
            tables::write_liveness(&text)?;
        }
        Ok(())
    }
}
