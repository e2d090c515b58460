//! Liveness measured by itself: looks at Helms at work, and at killed ones.
use super::make::{self, Beds, Makes, Outcome};
use super::refloat::{Got, Refloat};
use crate::say;
use anyhow::{Result, ensure};
use bed::Namespace;
use bed::corpus::{Asker, Made, RELEASE};
use bed::moments::Moment;
use std::fmt::Write as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The ages at which a live one is looked at, in seconds.
const AGES: [u64; 8] = [1, 5, 12, 25, 40, 60, 80, 110];
/// How often a dead one is looked at, and how long.
const EVERY: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(115);

/// A look, and what was seen.
pub struct Look {
    /// How long Helm had been held up, or dead.
    pub age: Duration,
    /// What Refloat said.
    pub got: Got,
}

/// What was seen of a moment.
pub struct Seen {
    /// Its name.
    pub name: String,
    /// The operation.
    pub operation: &'static str,
    /// The phase, if it is known.
    pub phase: &'static str,
    /// In words.
    pub words: String,
    /// The looks.
    pub looks: Vec<Look>,
    /// Why there are no more.
    pub fault: Option<String>,
}

impl Seen {
    /// The first look at which it was called stale.
    pub fn stale(&self) -> Option<&Look> {
        self.looks.iter().find(|look| look.got.liveness == "stale")
    }
}

/// Looks at all moments whose name contains a text; gives the live ones and the dead ones.
pub fn measure(refloat: &Refloat, only: &str, workers: usize) -> Result<(Vec<Seen>, Vec<Seen>)> {
    let named = |moments: Vec<Moment>| moments.into_iter().filter(|moment| moment.name.contains(only)).collect();
    let (live, dead): (Vec<Moment>, Vec<Moment>) = (named(Moment::live()), named(Moment::dead()));
    ensure!(!live.is_empty() || !dead.is_empty(), "no moment has such a name");
    let beds = Beds::start(&live)?;
    let live = make::each(&beds, &live, workers, |outcome| seen(outcome, |made, at| look_live(refloat, made, at)))?;
    // A machine that is free of the live ones says more about how soon.
    drop(beds);
    let beds = Beds::start(&dead)?;
    let dead = make::each(&beds, &dead, workers, |outcome| seen(outcome, |made, at| look_dead(refloat, made, at)))?;
    Ok((live, dead))
}

fn seen(
    mut outcome: Outcome<'_, '_, Moment>,
    look: impl Fn(&mut Made<'_>, Instant) -> Result<Vec<Look>>,
) -> Result<Seen> {
    let at = outcome.at;
    let looks = outcome.result.as_mut().map_err(|error| format!("{error:#}"));
    let looks = looks.and_then(|made| look(made, at).map_err(|error| format!("{error:#}")));
    let moment = outcome.run;
    let (looks, fault) = match looks {
        Ok(looks) => (looks, None),
        Err(fault) => (Vec::new(), Some(fault)),
    };
    let (operation, phase, words) = (moment.operation, moment.phase, moment.words.clone());
    let seen = Seen { name: Makes::name(moment), operation, phase, words, looks, fault };
    say(&seen.line())?;
    Ok(seen)
}

impl Seen {
    /// Whether Refloat reckoned with a Helm that waits, which needs no call and leaves no trace.
    pub fn waits(&self) -> bool {
        let reasons = self.looks.iter().flat_map(|look| &look.got.reasons);
        reasons.into_iter().any(|reason| reason.contains("wait"))
    }

    fn line(&self) -> String {
        let looks = self.looks.iter().map(|look| format!("{}s {}", look.age.as_secs(), look.got.liveness));
        let looks = looks.collect::<Vec<_>>().join(", ");
        format!("{:<48} {looks} {}", self.name, self.fault.as_deref().unwrap_or_default())
    }
}

/// The records' versions and states: while they are so, the operation isn't over.
fn records(ns: &Namespace<'_>) -> Result<Vec<String>> {
    let list = ns.get(&format!("secrets?labelSelector=owner=helm,name={RELEASE}"))?;
    let items = list["items"].as_array().into_iter().flatten();
    Ok(items.map(|item| format!("{} {}", item["metadata"]["name"], item["metadata"]["labels"]["status"])).collect())
}

fn is_open(records: &[String]) -> bool {
    records.iter().any(|record| record.contains("pending-") || record.contains("uninstalling"))
}

fn look_live(refloat: &Refloat, made: &mut Made<'_>, at: Instant) -> Result<Vec<Look>> {
    let mut looks = Vec::new();
    for age in AGES.map(Duration::from_secs) {
        sleep(age.saturating_sub(at.elapsed()));
        let before = records(&made.ns)?;
        let age = at.elapsed();
        let got = refloat.diagnose(&made.ns, Asker::Administrator);
        let mut alive = is_open(&before) && is_open(&records(&made.ns)?);
        for helm in &mut made.helms {
            alive &= helm.is_running()?;
        }
        // What was said while it ended says nothing.
        if !alive {
            break;
        }
        looks.push(Look { age, got: got? });
    }
    ensure!(!looks.is_empty(), "Helm had ended before anybody looked");
    Ok(looks)
}

fn look_dead(refloat: &Refloat, made: &mut Made<'_>, at: Instant) -> Result<Vec<Look>> {
    ensure!(is_open(&records(&made.ns)?), "no operation is open");
    let mut looks = Vec::new();
    while looks.is_empty() || at.elapsed() < PATIENCE {
        let age = at.elapsed();
        let got = refloat.diagnose(&made.ns, Asker::Administrator)?;
        let is_stale = got.liveness == "stale";
        looks.push(Look { age, got });
        if is_stale {
            break;
        }
        sleep(EVERY.saturating_sub(at.elapsed() - age));
    }
    Ok(looks)
}

/// What whoever writes the rules wants to know: live ones called stale, and dead ones that weren't.
pub fn faults(live: &[Seen], dead: &[Seen]) -> String {
    let mut text = String::new();
    for seen in live {
        if let Some(look) = seen.stale() {
            let _ = writeln!(
                text,
                "\n## LIVE and called stale at {} s: {} ({})",
                look.age.as_secs(),
                seen.name,
                seen.words
            );
            describe(&mut text, look);
        }
    }
    for seen in dead.iter().filter(|seen| seen.stale().is_none()) {
        let _ = writeln!(text, "\n## dead and not called stale: {} ({})", seen.name, seen.words);
        if let Some(look) = seen.looks.last() {
            describe(&mut text, look);
        }
    }
    for seen in live.iter().chain(dead).filter(|seen| seen.fault.is_some()) {
        let _ = writeln!(text, "\n## no answer: {}: {}", seen.name, seen.fault.as_deref().unwrap_or_default());
    }
    text
}

fn describe(text: &mut String, look: &Look) {
    let got = &look.got;
    let _ = writeln!(text, "{} {} {}: {}", got.operation, got.phase, got.liveness, got.because);
    for reason in &got.reasons {
        let _ = writeln!(text, "because: {reason}");
    }
}
