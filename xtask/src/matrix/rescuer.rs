//! Refloat killed at each of its own writes, and run again.
use super::case::{Case, Intent, Point, helm};
use super::judge::Trial;
use super::means::{Means, Refloat, Said};
use super::reference::End;
use super::run::{Ground, Verdict, each};
use super::stage::{Operation, RELEASE, Stage};
use super::state::Live;
use super::{all, is_wanted, told};
use anyhow::{Context as _, Result, ensure};
use bed::{Killed, Major};
use serde_json::{Value, json};
use std::fmt;
use std::time::{Duration, Instant};

/// What is wrong before Refloat comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// Helm was killed before it wrote (or deleted) the Deployment.
    Applying,
    /// Helm was killed before its last write.
    LastWrite,
    /// The first revision became `deployed` again after an upgrade.
    TwoDeployed,
    /// The newest record's label says something else than its payload.
    WrongLabel,
}

/// A way out from some trouble.
#[derive(Clone, Copy, Debug)]
struct Rescue {
    operation: Operation,
    trouble: Trouble,
    way: &'static str,
    intent: Intent,
}

const RESCUES: [Rescue; 14] = [
    rescue(Operation::Install, Trouble::LastWrite, "complete", Intent::Finish),
    rescue(Operation::Upgrade, Trouble::LastWrite, "complete", Intent::Finish),
    rescue(Operation::Rollback, Trouble::LastWrite, "complete", Intent::Finish),
    rescue(Operation::Install, Trouble::Applying, "resume", Intent::Finish),
    rescue(Operation::Upgrade, Trouble::Applying, "resume", Intent::Finish),
    rescue(Operation::Rollback, Trouble::Applying, "resume", Intent::Finish),
    rescue(Operation::Uninstall, Trouble::Applying, "resume", Intent::Finish),
    rescue(Operation::Install, Trouble::Applying, "unlock", Intent::GoOn),
    rescue(Operation::Upgrade, Trouble::Applying, "unlock", Intent::GoOn),
    rescue(Operation::Upgrade, Trouble::Applying, "rollback", Intent::GiveUp),
    rescue(Operation::Rollback, Trouble::Applying, "rollback", Intent::GiveUp),
    rescue(Operation::Install, Trouble::Applying, "uninstall", Intent::GiveUp),
    rescue(Operation::Upgrade, Trouble::TwoDeployed, "repair", Intent::Finish),
    rescue(Operation::Upgrade, Trouble::WrongLabel, "repair", Intent::Finish),
];

const fn rescue(operation: Operation, trouble: Trouble, way: &'static str, intent: Intent) -> Rescue {
    Rescue { operation, trouble, way, intent }
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
    pub fn what(&self) -> &'static str {
        match (self.rescue.trouble, self.rescue.operation) {
            (Trouble::Applying, Operation::Install) => "install killed among its objects",
            (Trouble::Applying, Operation::Upgrade) => "upgrade killed among its objects",
            (Trouble::Applying, Operation::Rollback) => "rollback killed among its objects",
            (Trouble::Applying, Operation::Uninstall) => "uninstall killed among its objects",
            (Trouble::LastWrite, Operation::Install) => "install killed before its last write",
            (Trouble::LastWrite, Operation::Upgrade) => "upgrade killed before its last write",
            (Trouble::LastWrite, Operation::Rollback) => "rollback killed before its last write",
            (Trouble::LastWrite, Operation::Uninstall) => "uninstall killed before its last write",
            (Trouble::TwoDeployed, _) => "two revisions deployed",
            (Trouble::WrongLabel, _) => "a label that contradicts its payload",
        }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trouble = match self.rescue.trouble {
            Trouble::Applying => "",
            Trouble::LastWrite => "last-",
            Trouble::TwoDeployed => "two-",
            Trouble::WrongLabel => "label-",
        };
        let point = self
            .point
            .map_or("whole".to_owned(), |point| format!("r{:02}{}", point.k, if point.after { 'a' } else { 'b' }));
        write!(f, "{}-{}-{trouble}{}-{point}", helm(self.major), self.rescue.operation, self.rescue.way)
    }
}

/// Runs each way out once to count its writes, and then with each of them as the last.
pub fn run(ground: &Ground<'_>, only: &[String], quick: bool, every: usize) -> Result<Vec<Verdict<Cut>>> {
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
        let (verdict, writes) = try_one(ground, cut);
        let line = format!("{}  {writes} writes", verdict.line());
        ((verdict, writes), line)
    })?;
    let mut cuts = Vec::new();
    let mut verdicts = Vec::new();
    for (verdict, writes) in counted {
        let whole = verdict.case;
        let points = Point::all(writes).map(|point| Cut { point: Some(point), ..whole });
        cuts.extend(points.filter(|cut| is_wanted(only, &cut.to_string())));
        verdicts.push(verdict);
    }
    let step = if quick { (cuts.len() / 4).max(1) } else { every.max(1) };
    let cuts: Vec<_> = cuts.into_iter().step_by(step).collect();
    let judged = |cut: &Cut| ground.ledger.once(cut, || try_one(ground, cut).0);
    verdicts.extend(all(each(ground.workers, &cuts, |cut| told(judged(cut)))?)?);
    Ok(verdicts)
}

fn try_one(ground: &Ground<'_>, cut: &Cut) -> (Verdict<Cut>, u32) {
    let start = Instant::now();
    let mut writes = 0;
    let mut tried = || -> Result<_> {
        let Cut { rescue, major, point } = *cut;
        let mut case =
            Case { major, operation: rescue.operation, point: Point { k: 1, after: false }, intent: rescue.intent };
        let name = format!("cut-{cut}");
        let (stage, before, killed) = match rescue.trouble {
            Trouble::Applying | Trouble::LastWrite => {
                case.point.k = at(ground, &case, rescue.trouble)?;
                ground.kill(&name, &case)?
            }
            trouble => damaged(ground, &name, &case, trouble)?,
        };
        let trial = Trial { case, stage: &stage, references: &ground.references, before: &before, killed: &killed };
        let first = cut_short(ground.refloat, &stage, rescue.way, point)?;
        writes = first.writes()?.try_into()?;
        let mut faults = Vec::new();
        let said = Said { code: first.output.status.code(), text: Said::end(&first.output.stderr) };
        if point.is_none() || !first.fired() {
            if said.code != Some(0) {
                faults.push(said.to_string());
            }
        } else {
            let again = ground.refloat.fix(&stage, rescue.way)?;
            // Nothing may have been left to do.
            if !matches!(again.code, Some(0 | 4)) {
                faults.push(format!("run again, {again}"));
            }
        }
        if faults.is_empty() {
            faults = ground.ending(&trial, Means::Refloat)?;
        }
        Ok((killed.story(), true, faults))
    };
    let tried = tried();
    (Verdict::new(*cut, start, tried), writes)
}

/// The write at which Helm is killed.
fn at(ground: &Ground<'_>, case: &Case, trouble: Trouble) -> Result<u32> {
    let reference = ground.references.get(case.major, case.operation, End::Done)?;
    if trouble == Trouble::LastWrite {
        return Ok(reference.writes.len().try_into()?);
    }
    let is_deployment = |write: &Value| write["path"].as_str().is_some_and(|path| path.contains("/deployments"));
    let index =
        reference.writes.iter().position(is_deployment).context("the operation doesn't write the Deployment")?;
    Ok(u32::try_from(index)? + 1)
}

/// Records that contradict each other, after an upgrade that was not interrupted.
fn damaged<'b>(ground: &Ground<'b>, name: &str, case: &Case, trouble: Trouble) -> Result<(Stage<'b>, Live, Live)> {
    let stage = Stage::before(ground.bed.namespace(name)?, case.major, case.operation)?;
    let before = stage.settle()?;
    let path = |revision: u32| format!("secrets/sh.helm.release.v1.{RELEASE}.v{revision}");
    let first = stage.ns.get(&path(1))?;
    stage.helm(&stage.args(case.operation))?;
    if trouble == Trouble::TwoDeployed {
        stage.ns.patch(&path(1), &json!({"data": first["data"], "metadata": {"labels": {"status": "deployed"}}}))?;
    } else {
        stage.ns.patch(&path(2), &json!({"metadata": {"labels": {"status": "failed"}}}))?;
    }
    let damaged = stage.settle()?;
    ensure!(!damaged.is_stuck(), "the records are {}", damaged.story());
    Ok((stage, before, damaged))
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
