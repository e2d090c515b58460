//! Refloat killed at each of its own writes, and run again.
use super::case::{Intent, Point, helm};
use super::judge::{self, Trial};
use super::means::{Means, Refloat, Said};
use super::reference::follow;
use super::run::{Ground, Verdict, each};
use super::stage::{Operation, Stage};
use super::state::Live;
use super::trouble::{self, Trouble};
use super::{all, is_wanted, told};
use anyhow::{Context as _, Result};
use bed::{Killed, Major};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// A way out from some trouble.
#[derive(Clone, Copy, Debug)]
struct Rescue {
    operation: Operation,
    trouble: Trouble,
    way: &'static str,
    end: Should,
}

/// Where it ends.
#[derive(Clone, Copy, Debug)]
enum Should {
    /// Where an uninterrupted run of the intent ends.
    Reach(Intent),
    /// Nowhere that Helm ends by itself. Helm then goes on to this version, if to any.
    Allow(Option<u32>),
}

const FINISH: Should = Should::Reach(Intent::Finish);
const GIVE_UP: Should = Should::Reach(Intent::GiveUp);
const GO_ON: Should = Should::Reach(Intent::GoOn);

const RESCUES: [Rescue; 21] = [
    rescue(Operation::Install, Trouble::LastWrite, "complete", FINISH),
    rescue(Operation::Upgrade, Trouble::LastWrite, "complete", FINISH),
    rescue(Operation::Rollback, Trouble::LastWrite, "complete", FINISH),
    rescue(Operation::Install, Trouble::Applying, "resume", FINISH),
    rescue(Operation::Upgrade, Trouble::Applying, "resume", FINISH),
    rescue(Operation::Rollback, Trouble::Applying, "resume", FINISH),
    rescue(Operation::Uninstall, Trouble::Applying, "resume", FINISH),
    rescue(Operation::Install, Trouble::Applying, "unlock", GO_ON),
    rescue(Operation::Upgrade, Trouble::Applying, "unlock", GO_ON),
    rescue(Operation::Upgrade, Trouble::Applying, "rollback", GIVE_UP),
    rescue(Operation::Rollback, Trouble::Applying, "rollback", GIVE_UP),
    rescue(Operation::Install, Trouble::Applying, "uninstall", GIVE_UP),
    rescue(Operation::Upgrade, Trouble::TwoDeployed, "repair", FINISH),
    rescue(Operation::Upgrade, Trouble::WrongLabel, "repair", FINISH),
    rescue(Operation::Upgrade, Trouble::Applying, "forget", Should::Allow(Some(1))),
    rescue(Operation::Upgrade, Trouble::Failed, "converge", Should::Allow(Some(2))),
    rescue(Operation::Upgrade, Trouble::Sealed, "converge", Should::Allow(Some(2))),
    rescue(Operation::Uninstall, Trouble::Held, "unblock", Should::Allow(None)),
    rescue(Operation::Install, Trouble::Applying, "reinstall", Should::Allow(Some(1))),
    rescue(Operation::Uninstall, Trouble::Hook, "uninstall", Should::Allow(None)),
    rescue(Operation::Upgrade, Trouble::Woken, "repair", Should::Allow(Some(1))),
];

const fn rescue(operation: Operation, trouble: Trouble, way: &'static str, end: Should) -> Rescue {
    Rescue { operation, trouble, way, end }
}

/// A case: Refloat killed at one of its writes, or not at all.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    rescue: Rescue,
    major: Major,
    point: Option<Point>,
}

impl Cut {
    /// The way that is cut short.
    pub fn way(&self) -> &'static str {
        self.rescue.way
    }

    /// What it is the way out of.
    pub fn what(&self) -> String {
        self.rescue.trouble.of(self.rescue.operation)
    }

    /// Whether Refloat is killed.
    pub fn is_cut(&self) -> bool {
        self.point.is_some()
    }

    /// The same rescue, not cut short.
    fn whole(&self) -> Self {
        Self { point: None, ..*self }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let point = self
            .point
            .map_or("whole".to_owned(), |point| format!("r{:02}{}", point.k, if point.after { 'a' } else { 'b' }));
        let Rescue { operation, trouble, way, .. } = self.rescue;
        write!(f, "{}-{operation}-{}{way}-{point}", helm(self.major), trouble.mark())
    }
}

/// Runs each way out once to count its writes, and then with each of them as the last; gives how many moments there are, too.
pub fn run(ground: &Ground<'_>, only: &[String], quick: bool, every: usize) -> Result<(Vec<Verdict<Cut>>, usize)> {
    let wholes = RESCUES.into_iter().flat_map(|rescue| Major::BOTH.map(|major| Cut { rescue, major, point: None }));
    // Whoever names a cut needs its whole, to know the writes.
    let named = |whole: &Cut| {
        let name = whole.to_string();
        let stem = name.trim_end_matches("whole");
        only.is_empty() || only.iter().any(|only| name.contains(only.as_str()) || only.starts_with(stem))
    };
    let mut wholes: Vec<_> = wholes.filter(named).collect();
    if quick {
        wholes = wholes.into_iter().step_by(9).collect();
    }
    let counted = each(ground.workers, &wholes, |cut| {
        let tried = try_one(ground, cut, None);
        let writes = tried.whole.as_ref().map_or(0, |whole| whole.writes);
        let line = format!("{}  {writes} writes", tried.verdict.line());
        (tried, line)
    })?;
    let mut cuts = Vec::new();
    let mut verdicts = Vec::new();
    let mut ends = BTreeMap::new();
    for Tried { verdict, whole } in counted {
        if let Some(whole) = whole {
            let points = Point::all(whole.writes).map(|point| Cut { point: Some(point), ..verdict.case });
            cuts.extend(points.filter(|cut| is_wanted(only, &cut.to_string())));
            ends.insert(verdict.case.to_string(), whole);
        }
        verdicts.push(verdict);
    }
    let step = if quick { (cuts.len() / 4).max(1) } else { every.max(1) };
    let moments = cuts.len();
    let cuts = ground.ledger.some(Means::Refloat, cuts, step);
    let judged = |cut: &Cut| {
        let uncut = ends.get(&cut.whole().to_string());
        let found = ground.ledger.once(Means::Refloat, cut, || (try_one(ground, cut, uncut).verdict, Value::Null));
        found.map(|(verdict, _)| verdict)
    };
    verdicts.extend(all(each(ground.workers, &cuts, |cut| told(judged(cut)))?)?);
    Ok((verdicts, moments))
}

/// How a fix that was not cut short went.
struct Whole {
    writes: u32,
    killed: Live,
    end: Live,
}

struct Tried {
    verdict: Verdict<Cut>,
    /// Of a fix that was not cut short.
    whole: Option<Whole>,
}

/// Rescues, and judges by the end that the whole rescue had, and where Helm itself would have ended, by that.
fn try_one(ground: &Ground<'_>, cut: &Cut, uncut: Option<&Whole>) -> Tried {
    let start = Instant::now();
    let mut whole = None;
    let mut tried = || -> Result<_> {
        let Cut { rescue, major, point } = *cut;
        let intent = match rescue.end {
            Should::Reach(intent) => intent,
            Should::Allow(_) => Intent::GoOn,
        };
        let mut case = trouble::case(major, rescue.operation, intent);
        let (stage, before, killed) = rescue.trouble.make(ground, &format!("cut-{cut}"), &mut case)?;
        let first = cut_short(ground.refloat, &stage, rescue.way, point)?;
        let mut faults = Vec::new();
        let said = Said { code: first.output.status.code(), text: Said::end(&first.output.stderr) };
        if point.is_none() || !first.fired() {
            if said.code != Some(0) {
                faults.push(said.to_string());
            }
        } else {
            let again = ground.refloat.fix(&stage, rescue.way)?;
            // Nothing may have been left to do, nor a release to do it to.
            let gone = again.code == Some(2) && stage.settle()?.records.is_empty();
            if !matches!(again.code, Some(0 | 4)) && !gone {
                faults.push(format!("run again, {again}"));
            }
        }
        let end = stage.settle().context("after the recovery")?;
        if let Some(uncut) = uncut {
            faults.extend(judge::apart((&uncut.killed, &uncut.end), (&killed, &end)));
        }
        if point.is_none() {
            whole = Some(Whole { writes: first.writes()?.try_into()?, killed: killed.clone(), end });
        }
        // What ends as the whole rescue did goes on as that.
        if faults.is_empty() && uncut.is_none() {
            let trial = Trial { case, stage: &stage, references: &ground.references, before: &before, killed: &killed };
            match rescue.end {
                Should::Reach(_) => faults = ground.ending(&trial, Means::Refloat)?,
                Should::Allow(None) => {}
                Should::Allow(version) => drop(follow(&stage, version).context("helm afterwards")?),
            }
        }
        Ok((killed.story(), true, faults))
    };
    let tried = tried();
    Tried { verdict: Verdict::new(*cut, start, tried), whole }
}

fn cut_short(refloat: &Refloat, stage: &Stage<'_>, way: &str, point: Option<Point>) -> Result<Killed> {
    let backups = refloat.backups(stage);
    let args = Refloat::fixing(way, &backups);
    let command = refloat.command(stage, &args)?;
    let fault = point.map(|point| format!("{}:{}", point.k, point.mode()));
    let faults: Vec<&str> = fault.iter().map(String::as_str).collect();
    let proxied = stage.ns.spawn_with_faults(&command, format!("refloat {}", args.join(" ")), &faults)?;
    proxied.wait(Duration::from_secs(900))
}
