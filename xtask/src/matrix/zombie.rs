//! Helm held at each of its writes, as by a suspended laptop; Refloat is told that it is gone, and fixes; then Helm goes on.
use super::case::{Case, Intent, Point, helm};
use super::judge::differences;
use super::means::{self, Means, Said};
use super::reference::{End, Reference};
use super::run::{Ground, Verdict, each};
use super::stage::{Operation, RELEASE, Stage};
use super::state::{Live, is_hook};
use super::{all, is_wanted};
use anyhow::{Context as _, Result};
use bed::Major;
use serde_json::json;
use std::fmt;
use std::time::{Duration, Instant};

/// So long Helm may need to its end once it goes on.
const ENDS: Duration = Duration::from_secs(700);

/// A case: Helm held before a write.
#[derive(Clone, Copy, Debug)]
pub struct Held(pub Case);

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { major, operation, point, .. } = self.0;
        write!(f, "{}-{operation}-z{:02}-{}", helm(major), point.k, means::way(&self.0))
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Woken {
    /// The judgement.
    pub verdict: Verdict<Held>,
    /// What the woken Helm changed.
    pub changed: Vec<String>,
    /// Whether a scan or a diagnosis found that something is wrong, if anything was.
    pub found: bool,
    /// Whether one more fix put it right, if anything was wrong.
    pub repaired: bool,
}

/// Runs them all.
pub fn run(ground: &Ground<'_>, only: &[String], quick: bool, every: usize) -> Result<Vec<Woken>> {
    let pairs = Operation::ALL.into_iter().flat_map(|operation| Major::BOTH.map(|major| (major, operation)));
    let mut cases = Vec::new();
    for (major, operation) in pairs {
        let writes = u32::try_from(ground.references.get(major, operation, End::Done)?.writes.len())?;
        let points = (1..=writes).map(|k| Point { k, after: false });
        let held = points.flat_map(|point| {
            Intent::of(operation).iter().map(move |&intent| Held(Case { major, operation, point, intent }))
        });
        cases.extend(held.filter(|held| is_wanted(only, &held.to_string())));
    }
    let step = if quick { (cases.len() / 4).max(1) } else { every.max(1) };
    let cases = ground.ledger.some(Means::Refloat, cases, step);
    let judged = |held: &Held| -> Result<Woken> {
        let (verdict, came) = ground.ledger.once(Means::Refloat, held, || {
            let woken = try_one(ground, held);
            (woken.verdict, json!([woken.changed, woken.found, woken.repaired]))
        })?;
        let (changed, found, repaired) = serde_json::from_value(came)?;
        Ok(Woken { verdict, changed, found, repaired })
    };
    all(each(ground.workers, &cases, |held| {
        let woken = judged(held);
        let line = woken.as_ref().map_or_else(|error| format!("     {error:#}"), Woken::line);
        (woken, line)
    })?)
}

impl Woken {
    /// For people.
    fn line(&self) -> String {
        let changed: Vec<_> = self.changed.iter().map(|changed| format!("\n       helm: {changed}")).collect();
        let marks = match (self.changed.is_empty(), self.found, self.repaired) {
            (true, ..) => String::new(),
            (_, found, repaired) => format!("\n       found: {found}, repaired: {repaired}"),
        };
        format!("{}{}{marks}", self.verdict.line(), changed.concat())
    }
}

fn try_one(ground: &Ground<'_>, held: &Held) -> Woken {
    let start = Instant::now();
    let mut woken = (Vec::new(), true, true);
    let tried = go(ground, held, &mut woken);
    let (changed, found, repaired) = woken;
    Woken { verdict: Verdict::new(*held, start, tried), changed, found, repaired }
}

type Came = (Vec<String>, bool, bool);

fn go(ground: &Ground<'_>, held: &Held, woken: &mut Came) -> Result<(String, bool, Vec<String>)> {
    let case = held.0;
    let stage = Stage::before(ground.bed.namespace(&format!("held-{held}"))?, case.major, case.operation)?;
    let fault = format!("{}:freeze-before", case.point.k);
    let mut helm = stage.ns.spawn_helm_with_faults(case.major, &[&fault], stage.args(case.operation))?;
    helm.until_frozen(Duration::from_secs(600))?;
    let frozen = stage.settle()?;
    if !frozen.is_stuck() {
        // Helm has hardly begun, and nobody would call it stuck.
        return Ok((frozen.story(), false, Vec::new()));
    }
    let said = ground.refloat.fix(&stage, means::way(&case))?;
    if said.code != Some(0) {
        return Ok((frozen.story(), true, vec![said.to_string()]));
    }
    let fixed = stage.settle()?;
    helm.thaw()?;
    helm.wait(ENDS).context("the woken helm")?;
    let after = stage.settle()?;
    let mut faults = sealed(&case, &frozen, &fixed, &after);
    woken.0 = changed(&fixed, &after);
    let reference = wanted(ground, &case)?;
    if wrong(&case, &reference, &after).is_empty() {
        return Ok((frozen.story(), true, faults));
    }
    // Whatever is wrong now must be seen, and after a finished operation be put right by one more fix. What was given up is
    // fenced where it counts, in the records; a woken Helm still writes objects, which the tables tell.
    let scan = ground.refloat.say(&stage, &["scan"])?;
    let diagnosis = ground.refloat.say(&stage, &["diagnose", RELEASE])?;
    woken.1 = [&scan, &diagnosis].iter().any(|said| said.code == Some(3));
    let fix = ground.refloat.fix(&stage, "auto")?;
    let left = wrong(&case, &reference, &stage.settle()?);
    woken.2 = left.is_empty();
    if case.intent == Intent::Finish && !woken.1 {
        faults.push(format!("a silent loss: {}", wrong(&case, &reference, &after).join(", ")));
    }
    if case.intent == Intent::Finish && !woken.2 {
        faults.push(format!("not put right by one fix ({}): {}", short(&fix), left.join(", ")));
    }
    Ok((frozen.story(), true, faults))
}

fn short(said: &Said) -> String {
    let text: String = said.text.chars().take(300).collect();
    format!("{}: {text}", said.code.unwrap_or(-1))
}

/// The state that the fix was to reach: going on begins where the last deployed revision is.
fn wanted(ground: &Ground<'_>, case: &Case) -> Result<std::sync::Arc<Reference>> {
    let end = if case.intent == Intent::GoOn { End::Before } else { End::of(case.intent) };
    ground.references.get(case.major, case.operation, end)
}

/// A revision that was given up stays so, and a deployed one alone.
fn sealed(case: &Case, frozen: &Live, fixed: &Live, after: &Live) -> Vec<String> {
    let mut faults = Vec::new();
    let deployed = |live: &Live| -> Vec<u64> {
        let deployed = live.records.iter().filter(|record| record.status == "deployed" || record.label == "deployed");
        deployed.map(|record| record.revision).collect()
    };
    if case.intent == Intent::Finish {
        return faults;
    }
    let abandoned = frozen.newest().map(|newest| newest.revision);
    let version = |live: &Live| {
        live.records.iter().find(|record| Some(record.revision) == abandoned).map(|record| record.version.clone())
    };
    if version(fixed) != version(after) {
        faults.push(format!("the sealed record was written: {} became {}", fixed.story(), after.story()));
    }
    if deployed(fixed) != deployed(after) || deployed(after).len() > 1 {
        faults.push(format!("deployed: {} became {}", fixed.story(), after.story()));
    }
    faults
}

fn changed(fixed: &Live, after: &Live) -> Vec<String> {
    let mut changed = differences(&fixed.comparable(), &after.comparable(), |_| false);
    if fixed.story() != after.story() {
        changed.push(format!("records: {} became {}", fixed.story(), after.story()));
    }
    changed
}

/// What isn't as the fix left it, but for hooks' objects, of which a woken Helm makes new ones.
fn wrong(case: &Case, reference: &Reference, live: &Live) -> Vec<String> {
    // Nothing is put back after an unlocked first install: the failed revision stands for what is there.
    if case.operation == Operation::Install && case.intent == Intent::GoOn {
        return Vec::new();
    }
    let gone = case.operation == Operation::Install && case.intent == Intent::GiveUp;
    let mut wrong = differences(&reference.objects, &live.comparable(), |key| {
        is_hook(key) || gone && key == "PersistentVolumeClaim/web-kept"
    });
    if case.intent == Intent::Finish && live.story() != reference.story {
        wrong.push(format!("records: {}, not {}", live.story(), reference.story));
    }
    wrong
}
