//! Each scenario, made and diagnosed.
use super::bundles;
use super::judge::Answer;
use super::make::{self, Beds, Makes as _, Outcome, Run};
use super::refloat::{Got, Refloat};
use crate::say;
use anyhow::Result;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// So long after it was made a scenario is looked at: controllers and events have settled.
const SETTLED: Duration = Duration::from_secs(4);
/// Whoever finds a dead Helm dead may need time for it: the longest that a live one can be silent.
const PATIENCE: Duration = Duration::from_secs(115);
/// Live ones are looked at again when they have been silent for so long.
const SILENT: Duration = Duration::from_secs(45);

/// Makes the scenarios, asks Refloat about each, and gives the answers; with a folder, it writes a bundle of each.
pub fn measure(refloat: &Refloat, only: &str, workers: usize, bundles: Option<&Path>) -> Result<Vec<Answer>> {
    let runs = make::runs(only)?;
    let beds = Beds::start(&runs)?;
    make::each(&beds, &runs, workers, |outcome| {
        let answer = ask(refloat, &outcome, bundles);
        say(&answer.line())?;
        Ok(answer)
    })
}

fn ask(refloat: &Refloat, outcome: &Outcome<'_, '_, Run>, bundles: Option<&Path>) -> Answer {
    let run = *outcome.run;
    let mut answer = Answer { run, got: None, stale_after: None, fault: None, bundle: None };
    let made = match &outcome.result {
        Ok(made) => made,
        Err(error) => {
            answer.fault = Some(format!("it did not come about: {error:#}"));
            return answer;
        }
    };
    match until_settled(refloat, outcome.at, &run, &made.ns) {
        Ok((got, after)) => (answer.got, answer.stale_after) = (Some(got), after),
        Err(error) => answer.fault = Some(format!("{error:#}")),
    }
    if let Some(dir) = bundles {
        match bundles::write(refloat, dir, &run.name(), &made.ns, run.scenario.asker) {
            Ok(file) => answer.bundle = Some(file),
            Err(error) => answer.fault = Some(format!("no bundle: {error:#}")),
        }
    }
    answer
}

/// A label that says `stale` is given time; one that a live Helm bears must hold later too.
fn until_settled(
    refloat: &Refloat,
    made: Instant,
    run: &Run,
    ns: &bed::Namespace<'_>,
) -> Result<(Got, Option<Duration>)> {
    let label = run.scenario.label;
    sleep(SETTLED.saturating_sub(made.elapsed()));
    loop {
        let asked = made.elapsed();
        let got = refloat.diagnose(ns, run.scenario.asker)?;
        if got.liveness == "stale" {
            return Ok((got, Some(asked)));
        }
        let more = match label.liveness.first() {
            Some(&"stale") => made.elapsed() < PATIENCE,
            Some(&"live") => asked < SILENT,
            _ => false,
        };
        if !more {
            return Ok((got, None));
        }
        sleep(if label.liveness.first() == Some(&"live") {
            SILENT.saturating_sub(asked)
        } else {
            Duration::from_secs(7)
        });
    }
}
