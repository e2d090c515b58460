//! Carrying cases out, some at a time.
use super::case::{Case, Intent, helm};
use super::judge::{Ended, Trial};
use super::ledger::Ledger;
use super::means::{Means, Refloat};
use super::reference::References;
use super::stage::Stage;
use super::state::Live;
use crate::say;
use anyhow::{Context as _, Result, anyhow};
use bed::Bed;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What all cases share.
pub struct Ground<'b> {
    /// The cluster.
    pub bed: &'b Bed,
    /// The refloat to be proven.
    pub refloat: &'b Refloat,
    /// What uninterrupted runs leave.
    pub references: References<'b>,
    /// What earlier runs found out.
    pub ledger: Ledger,
    /// How many run at a time.
    pub workers: usize,
}

/// How a case ended.
#[derive(Clone, Debug)]
pub struct Verdict<C> {
    /// Which.
    pub case: C,
    /// The records that the kill left.
    pub left: String,
    /// Whether they left the release stuck.
    pub stuck: bool,
    /// What isn't as it should be.
    pub faults: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl<C: fmt::Display> Verdict<C> {
    /// Takes what was found out, or why nothing could be.
    pub fn new(case: C, start: Instant, result: Result<(String, bool, Vec<String>)>) -> Self {
        let (left, stuck, faults) = result.unwrap_or_else(|error| (String::new(), true, vec![format!("{error:#}")]));
        Self { case, left, stuck, faults, took: start.elapsed() }
    }

    /// Whether everything is as it should be.
    pub fn is_good(&self) -> bool {
        self.faults.is_empty()
    }

    /// For people.
    pub fn line(&self) -> String {
        let word = if self.is_good() { "ok  " } else { "FAIL" };
        let head = format!("{word} {:<34} {:5.1} s  {}", self.case.to_string(), self.took.as_secs_f32(), self.left);
        self.faults.iter().fold(head, |text, fault| format!("{text}\n       {fault}"))
    }
}

/// Does each, some at a time, says how it ended, and gives the answers in the given order.
pub fn each<C: Sync, T: Send>(workers: usize, cases: &[C], work: impl Fn(&C) -> (T, String) + Sync) -> Result<Vec<T>> {
    let rest = Mutex::new(cases.iter().enumerate());
    let done = Mutex::new(Vec::new());
    let one = || -> Result<()> {
        while let Some((index, case)) = { rest.lock().unwrap_or_else(PoisonError::into_inner).next() } {
            let (answer, line) = work(case);
            say(&line)?;
            done.lock().unwrap_or_else(PoisonError::into_inner).push((index, answer));
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers.max(1)).map(|_| scope.spawn(one)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("a worker panicked"))?)
    })?;
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, answer)| answer).collect())
}

impl<'b> Ground<'b> {
    /// A namespace in which Helm has been killed, and the states before and after. Tried again if it doesn't come about: that
    /// says nothing about a recovery, but much about a busy machine.
    pub fn kill(&self, name: &str, case: &Case) -> Result<(Stage<'b>, Live, Live)> {
        let mut tried = self.kill_once(name, case);
        for _ in 0..2 {
            if tried.is_err() {
                tried = self.kill_once(name, case);
            }
        }
        tried.context("the kill didn't come about")
    }

    fn kill_once(&self, name: &str, case: &Case) -> Result<(Stage<'b>, Live, Live)> {
        let stage = Stage::before(self.bed.namespace(name)?, case.major, case.operation).context("before")?;
        let before = stage.settle()?;
        let args = stage.args(case.operation);
        stage.ns.kill_at(case.major, case.point.k, case.point.mode(), args)?.sure()?;
        let killed = stage.settle().context("after the kill")?;
        Ok((stage, before, killed))
    }

    /// Kills, recovers and judges.
    pub fn try_one(&self, case: &Case, means: Means) -> Verdict<Case> {
        let start = Instant::now();
        let tried = || -> Result<_> {
            let (stage, before, killed) = self.kill(&format!("kill-{case}"), case)?;
            let trial =
                Trial { case: *case, stage: &stage, references: &self.references, before: &before, killed: &killed };
            let mut faults = match means.recover(self.refloat, &stage, case, &killed) {
                Ok(faults) => faults,
                Err(error) => vec![format!("{error:#}")],
            };
            if faults.is_empty() {
                faults = self.ending(&trial, means)?;
            }
            Ok((killed.story(), killed.is_stuck(), faults))
        };
        Verdict::new(*case, start, tried())
    }

    /// What comes after the recovery, and the judgement.
    pub fn ending(&self, trial: &Trial<'_>, means: Means) -> Result<Vec<String>> {
        let recovered = trial.stage.settle().context("after the recovery")?;
        let afterwards = means.afterwards(trial.stage, &trial.case, trial.killed);
        if let Some(args) = &afterwards
            && let Err(error) = trial.stage.helm(args)
        {
            return Ok(vec![format!("{error:#}")]);
        }
        let end = trial.stage.settle().context("in the end")?;
        // Without Refloat, the recovery is what Helm does afterwards, too; and on the way to a third chart it may run hooks.
        let recovered = match (means, trial.case.intent) {
            (Means::Refloat, _) => recovered,
            (_, Intent::GoOn) => trial.killed.clone(),
            _ => end.clone(),
        };
        trial.faults(&Ended { recovered, end })
    }

    /// The writes of every operation by both Helms, all counted at once.
    pub fn count(&self, pairs: &[(bed::Major, super::stage::Operation)]) -> Result<Vec<u32>> {
        let counts = each(self.workers, pairs, |&(major, operation)| {
            let reference = self.references.get(major, operation, super::reference::End::Done);
            let line = match &reference {
                Ok(reference) => format!("     {} {operation}: {} writes", helm(major), reference.writes.len()),
                Err(error) => format!("     {error:#}"),
            };
            (reference.map(|reference| reference.writes.len()), line)
        })?;
        counts.into_iter().map(|count| Ok(count?.try_into()?)).collect()
    }
}
