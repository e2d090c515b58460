//! `cargo xtask corpus`: real scenarios, what Refloat says of them, and how often it is right.
mod make;

use crate::say;
use anyhow::{Result, ensure};
use clap::Args;

/// Make the diagnosis corpus on a real cluster, and measure how often Refloat is right.
#[derive(Args)]
pub struct Corpus {
    /// Only scenarios whose name, with `/3` or `/4` behind it, contains this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Only make the scenarios, each of which makes sure that it has come about.
    #[arg(long)]
    check_scenarios: bool,
    /// How many are made at a time; they mostly wait.
    #[arg(long, default_value_t = 5)]
    workers: usize,
}

impl Corpus {
    /// Does it.
    pub fn run(self) -> Result<()> {
        let runs = make::runs(self.only.as_deref().unwrap_or_default());
        ensure!(!runs.is_empty(), "no scenario has such a name");
        let beds = make::Beds::start(&runs)?;
        let faults = make::each(&beds, &runs, self.workers, |made| {
            let seconds = made.took.as_secs_f32();
            say(&match &made.result {
                Ok(_) => format!("ok    {:<44} {seconds:5.1} s", made.run.name()),
                Err(error) => {
                    let (name, namespace) = (made.run.name(), &made.ns.name);
                    format!("FAIL  {name:<44} {seconds:5.1} s  in {namespace}: {error:#}")
                }
            })?;
            Ok(made.result.is_err())
        })?;
        let failed = faults.iter().filter(|&&failed| failed).count();
        say(&format!("{} of {} came about", runs.len() - failed, runs.len()))?;
        ensure!(failed == 0, "{failed} did not come about");
        Ok(())
    }
}
