//! Helm held at each of its writes, as by a suspended laptop; Refloat is told that it is gone, and fixes; then Helm goes on.
use super::case::{Case, Intent, Point, helm};
use super::judge::differences;
use super::means::{self, Means, Said};
use super::reference::End;
use super::run::{Ground, Verdict, each};
use super::stage::{Operation, RELEASE, Stage};
use super::state::{Live, is_hook, read};
use super::{all, is_wanted};
use anyhow::{Context as _, Result};
use bed::Major;
use serde_json::json;
use std::fmt;
use std::thread::sleep;
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
    let step = if quick { (cases.len() / 8).max(1) } else { every.max(1) };
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
    /// Whether what Helm changed has to be put right.
    pub fn is_wrong(&self) -> bool {
        let object = |changed: &String| changed.split_whitespace().next().unwrap_or_default().to_owned();
        self.changed.iter().map(object).any(|key| key == "records:" || !is_allowed(&self.verdict.case.0, &key))
    }

    /// For people.
    fn line(&self) -> String {
        let changed: Vec<_> = self.changed.iter().map(|changed| format!("\n       helm: {changed}")).collect();
        let marks = match (!self.is_wrong(), self.found, self.repaired) {
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
    let after = rests(&stage, &case)?;
    let mut faults = fenced(&case, &frozen, &fixed, &after);
    woken.0 = changed(&fixed, &after);
    let damage = wrong(&case, &fixed, &after);
    if damage.is_empty() {
        return Ok((frozen.story(), true, faults));
    }
    // Whatever is wrong now must be found without being asked for, and be put right by one more fix.
    let scan = ground.refloat.say(&stage, &["scan"])?;
    let diagnosis = ground.refloat.say(&stage, &["diagnose", RELEASE])?;
    woken.1 = [&scan, &diagnosis].iter().all(|said| said.code == Some(3));
    let fix = ground.refloat.fix(&stage, again(&case))?;
    let left = wrong(&case, &fixed, &stage.settle()?);
    woken.2 = left.is_empty();
    if !woken.1 {
        let said = [&scan, &diagnosis].map(Said::to_string).join("; ");
        faults.push(format!("a silent loss: {}; {said}", damage.join(", ")));
    }
    if !woken.2 {
        faults.push(format!("not put right by one fix ({}): {}", short(&fix), left.join(", ")));
    }
    Ok((frozen.story(), true, faults))
}

/// The way that puts right what a woken Helm did: what was taken away is taken away again, which nothing does unasked.
fn again(case: &Case) -> &'static str {
    if (case.operation, case.intent) == (Operation::Install, Intent::GiveUp) { "uninstall" } else { "auto" }
}

/// The namespace after a woken Helm's end. What it makes of a release that was taken away may wait for ever for what isn't there any more.
fn rests(stage: &Stage<'_>, case: &Case) -> Result<Live> {
    if (case.operation, case.intent) != (Operation::Install, Intent::GiveUp) {
        return stage.settle();
    }
    let mut last = read(&stage.ns)?;
    loop {
        sleep(Duration::from_secs(2));
        let next = read(&stage.ns)?;
        if next.comparable() == last.comparable() {
            return Ok(next);
        }
        last = next;
    }
}

fn short(said: &Said) -> String {
    let text: String = said.text.chars().take(300).collect();
    format!("{}: {text}", said.code.unwrap_or(-1))
}

/// A revision that was given up stays so, and the deployed one alone. But a rollback that wakes up asks which revision is deployed and marks
/// that superseded, whatever its number (Helm 3.22 and 4.3 `pkg/action/rollback.go:performRollback`): that is to be found and put right.
fn fenced(case: &Case, frozen: &Live, fixed: &Live, after: &Live) -> Vec<String> {
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
    let superseded = case.operation == Operation::Rollback && deployed(after).is_empty();
    if deployed(fixed) != deployed(after) && !superseded || deployed(after).len() > 1 {
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
fn wrong(case: &Case, fixed: &Live, live: &Live) -> Vec<String> {
    let mut wrong = differences(&fixed.comparable(), &live.comparable(), |key| is_allowed(case, key));
    if live.story() != fixed.story() {
        wrong.push(format!("records: {}, not {}", live.story(), fixed.story()));
    }
    wrong
}

/// Whether an object may be otherwise than the fix left it.
fn is_allowed(case: &Case, key: &str) -> bool {
    let first = case.operation == Operation::Install;
    // Nothing is put back after an unlocked first install: the failed revision stands for what is there. And what is to be kept is kept,
    // whoever made it.
    let stands = first && case.intent == Intent::GoOn;
    let kept = first && case.intent == Intent::GiveUp && key == "PersistentVolumeClaim/web-kept";
    stands || kept || is_hook(key)
}
