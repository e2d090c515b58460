//! Whether a case ended as it should.
use super::case::{Case, Intent};
use super::reference::{End, Reference, References, follow};
use super::stage::{Operation, Stage};
use super::state::{Live, Record, is_hook};
use anyhow::{Context as _, Result};
use refloat_core::diff::differing;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Claims must be the same ones all along.
const CLAIMS: [&str; 2] = ["PersistentVolumeClaim/web", "PersistentVolumeClaim/web-kept"];

/// A case under judgement.
pub struct Trial<'t> {
    /// Which.
    pub case: Case,
    /// Its stage.
    pub stage: &'t Stage<'t>,
    /// What uninterrupted runs leave.
    pub references: &'t References<'t>,
    /// The state before the operation.
    pub before: &'t Live,
    /// The state that the kill left.
    pub killed: &'t Live,
}

/// How a recovery ended: the state that it left, and the one after Helm went on to the third chart where that was wanted.
pub struct Ended {
    /// After the recovery alone.
    pub recovered: Live,
    /// In the end.
    pub end: Live,
}

impl Trial<'_> {
    /// Where the case should end. If the release isn't stuck, it stays as it is.
    pub fn end(&self) -> End {
        match (self.killed.is_stuck(), self.case.intent) {
            (_, Intent::GoOn) => End::Third,
            (true, intent) => End::of(intent),
            (false, _) if self.killed.story() == self.before.story() => End::Before,
            (false, _) => End::Done,
        }
    }

    fn reference(&self, end: End) -> Result<Arc<Reference>> {
        self.references.get(self.case.major, self.case.operation, end)
    }

    /// Everything that isn't as it should be, at the end and after what users do next.
    pub fn faults(&self, ended: &Ended) -> Result<Vec<String>> {
        let end = self.end();
        let reference = self.reference(end)?;
        let mut faults = Vec::new();
        faults.extend(self.objects(end, &reference, &ended.end));
        faults.extend(self.records(end, &reference, &ended.end));
        faults.extend(self.hooks(&reference, ended)?);
        for claim in CLAIMS {
            let (was, is) = (self.killed.uid(claim), ended.end.uid(claim));
            if was.is_some() && is.is_some() && was != is {
                faults.push(format!("{claim} was made anew"));
            }
        }
        // What comes next can only be right if this is.
        if faults.is_empty() {
            faults.extend(self.next(end, &reference, &ended.end)?);
        }
        Ok(faults)
    }

    fn objects(&self, end: End, reference: &Reference, live: &Live) -> Vec<String> {
        let all_gone = end == End::Before && self.case.operation == Operation::Install;
        let same_hooks = end == End::Done;
        differences(&reference.objects, &live.comparable(), |key| {
            let kept = all_gone && key == "PersistentVolumeClaim/web-kept";
            kept || is_hook(key) && !same_hooks && !(all_gone && self.killed.is_stuck())
        })
    }

    fn records(&self, end: End, reference: &Reference, live: &Live) -> Vec<String> {
        let mut faults = Vec::new();
        let story = live.story();
        let deployed = live.records.iter().filter(|record| record.status == "deployed").count();
        let should = usize::from(end.version(self.case.operation).is_some());
        if deployed != should || live.newest().is_some_and(|newest| newest.status != "deployed") {
            faults.push(format!("records: {story}"));
        }
        for record in &live.records {
            if record.label != record.status || record.status.starts_with("pending-") || record.status == "uninstalling"
            {
                faults.push(format!("revision {} is {} and labelled {}", record.revision, record.status, record.label));
            }
        }
        if end == End::Done && story != reference.story {
            faults.push(format!("records: {story}, not {}", reference.story));
        }
        if let (Some(newest), Some(wanted)) = (live.newest(), reference.records.last())
            && newest.content != wanted.content
        {
            faults.push(format!("revision {} isn't what it should be: {}", newest.revision, places(wanted, newest)));
        }
        // Nothing that was stored is forgotten, except by an uninstall.
        if should == 1 {
            for was in &self.killed.records {
                let kept = live.records.iter().find(|record| record.revision == was.revision);
                if kept.is_none_or(|kept| kept.content != was.content) {
                    faults.push(format!("revision {} is lost or changed", was.revision));
                }
            }
        }
        faults
    }

    /// Each hook of the operation has run once, and none that a recovery doesn't call for.
    fn hooks(&self, reference: &Reference, ended: &Ended) -> Result<Vec<String>> {
        let (before, killed, after) = (self.before.runs(), self.killed.runs(), ended.recovered.runs());
        let what = if !self.killed.is_stuck() || self.case.intent == Intent::GoOn {
            ("the recovery", &killed, BTreeMap::new())
        } else if self.case.intent == Intent::Finish {
            let at_first = self.reference(End::Before)?;
            ("all in all", &before, more(&at_first.runs, &reference.runs))
        } else if self.case.operation == Operation::Install {
            // What never was installed needs no farewell.
            ("the recovery", &killed, BTreeMap::new())
        } else {
            let once = ["pre", "post"].map(|when| (format!("web-{when}-rollback"), 1));
            ("the recovery", &killed, BTreeMap::from(once))
        };
        let (whole, since, wanted) = what;
        let ran = more(since, &after);
        let mut names: Vec<_> = ran.keys().chain(wanted.keys()).collect();
        names.sort();
        names.dedup();
        let count = |map: &BTreeMap<String, usize>, name: &String| map.get(name).copied().unwrap_or(0);
        let wrong = names.into_iter().filter(|name| count(&ran, name) != count(&wanted, name));
        Ok(wrong
            .map(|name| {
                format!("{whole}: hook {name} has run {} times, not {}", count(&ran, name), count(&wanted, name))
            })
            .collect())
    }

    /// Both Helms go on from here as from an uninterrupted run, and make nothing anew.
    fn next(&self, end: End, reference: &Reference, live: &Live) -> Result<Vec<String>> {
        let version = end.version(self.case.operation);
        let followed = match follow(self.stage, version).context("helm afterwards") {
            Ok(followed) => followed,
            Err(error) => return Ok(vec![format!("{error:#}")]),
        };
        let mut faults = differences(&reference.followed, &followed.comparable(), is_hook);
        for (key, object) in &live.objects {
            let is_the_same = followed.uid(key) == object["metadata"]["uid"].as_str();
            if !is_hook(key) && version.is_some() && !is_the_same {
                faults.push(format!("{key} was made anew"));
            }
        }
        let deployed = followed.records.iter().filter(|record| record.status == "deployed").count();
        if deployed != 1 {
            faults.push(format!("records: {}", followed.story()));
        }
        Ok(faults.into_iter().map(|fault| format!("after both helms: {fault}")).collect())
    }
}

/// What sets two rescues from the same trouble apart, each told by its beginning and its end: objects and whether they are the same
/// ones, records and what they hold, and hooks that ran.
pub fn apart(wanted: (&Live, &Live), got: (&Live, &Live)) -> Vec<String> {
    let mut faults = differences(&wanted.1.comparable(), &got.1.comparable(), |_| false);
    let stayed =
        |(killed, end): (&Live, &Live), key: &str| end.uid(key).is_some_and(|uid| killed.uid(key) == Some(uid));
    let anew = wanted.1.objects.keys().filter(|key| stayed(wanted, key) && !stayed(got, key));
    faults.extend(anew.map(|key| format!("{key} was made anew")));
    if wanted.1.story() != got.1.story() {
        faults.push(format!("records: {}, not {}", got.1.story(), wanted.1.story()));
    }
    for (wanted, got) in
        wanted.1.records.iter().zip(&got.1.records).filter(|(wanted, got)| wanted.content != got.content)
    {
        faults.push(format!("revision {} isn't what it should be: {}", got.revision, places(wanted, got)));
    }
    let ran = |(killed, end): (&Live, &Live)| more(&killed.runs(), &end.runs());
    let (ran, wanted) = (ran(got), ran(wanted));
    if ran != wanted {
        faults.push(format!("hooks that ran: {ran:?}, not {wanted:?}"));
    }
    faults
}

fn more(before: &BTreeMap<String, usize>, after: &BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    let more = after.iter().map(|(name, &count)| {
        let was = before.get(name).copied().unwrap_or(0);
        (name.clone(), count.saturating_sub(was))
    });
    more.filter(|(_, count)| *count > 0).collect()
}

fn places(wanted: &Record, got: &Record) -> String {
    paths(&wanted.content, &got.content)
}

fn paths(wanted: &Value, got: &Value) -> String {
    let paths: Vec<_> = differing(wanted, got).into_iter().map(|change| change.path).collect();
    paths.join(", ")
}

/// What is missing, too much or different, but for what may be skipped.
pub fn differences(
    wanted: &BTreeMap<String, Value>,
    got: &BTreeMap<String, Value>,
    skip: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut found = Vec::new();
    for (key, object) in wanted.iter().filter(|(key, _)| !skip(key)) {
        match got.get(key) {
            None => found.push(format!("{key} is missing")),
            Some(got) if got != object => found.push(format!("{key} differs: {}", paths(object, got))),
            Some(_) => {}
        }
    }
    let extra = got.keys().filter(|key| !skip(key) && !wanted.contains_key(*key));
    found.extend(extra.map(|key| format!("{key} is left")));
    found
}
