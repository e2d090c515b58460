//! What an uninterrupted run leaves: the measure for each case.
use super::case::{Intent, helm};
use super::stage::{Operation, Stage};
use super::state::{Live, Record};
use anyhow::{Result, anyhow};
use bed::{Bed, Killed, Major};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Where a case should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// As before the operation.
    Before,
    /// As after the operation.
    Done,
    /// At version 3 of the chart.
    Third,
}

impl End {
    /// Where a case should end whose release is stuck.
    pub fn of(intent: Intent) -> Self {
        match intent {
            Intent::Finish => Self::Done,
            Intent::GiveUp => Self::Before,
            Intent::GoOn => Self::Third,
        }
    }

    /// The chart's version that is deployed then, if any is.
    pub fn version(self, operation: Operation) -> Option<u32> {
        match (self, operation) {
            (Self::Before, Operation::Install) | (Self::Done, Operation::Uninstall) => None,
            (Self::Before, Operation::Upgrade) | (Self::Done, Operation::Install | Operation::Rollback) => Some(1),
            (Self::Before, _) | (Self::Done, Operation::Upgrade) => Some(2),
            (Self::Third, _) => Some(3),
        }
    }
}

/// A state to be reached.
pub struct Reference {
    /// Its records, as [`Live::story`] tells them.
    pub story: String,
    /// Its records.
    pub records: Vec<Record>,
    /// Its objects.
    pub objects: BTreeMap<String, Value>,
    /// How many Jobs of each name have completed by then.
    pub runs: BTreeMap<String, usize>,
    /// Its objects after both Helms have upgraded (or installed) it again, as [`follow`] does.
    pub followed: BTreeMap<String, Value>,
    /// The operation's writes, of [`End::Done`].
    pub writes: Vec<Value>,
}

type Slot = Arc<OnceLock<Result<Arc<Reference>, String>>>;

/// All of them, each made when it is first asked for.
pub struct References<'b> {
    bed: &'b Bed,
    made: Mutex<HashMap<(Major, Operation, End), Slot>>,
}

impl<'b> References<'b> {
    /// None yet.
    pub fn new(bed: &'b Bed) -> Self {
        Self { bed, made: Mutex::new(HashMap::new()) }
    }

    /// One of them.
    pub fn get(&self, major: Major, operation: Operation, end: End) -> Result<Arc<Reference>> {
        let slot = {
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(made.entry((major, operation, end)).or_default())
        };
        let made = slot.get_or_init(|| match self.make(major, operation, end) {
            Ok(made) => Ok(Arc::new(made)),
            Err(error) => Err(format!("no reference for {} {operation} {end:?}: {error:#}", helm(major))),
        });
        made.clone().map_err(|error| anyhow!(error))
    }

    fn make(&self, major: Major, operation: Operation, end: End) -> Result<Reference> {
        let name = format!("ref-{}-{operation}-{}", helm(major), format!("{end:?}").to_lowercase());
        let stage = Stage::before(self.bed.namespace(&name)?, major, operation)?;
        let mut writes = Vec::new();
        if end != End::Before {
            let run: Killed = stage.ns.helm_with_faults(major, &[], stage.args(operation))?;
            run.output.ok()?;
            writes = run.log.into_iter().filter(|line| line["event"] == "write").collect();
        }
        if end == End::Third {
            stage.settle()?;
            stage.helm(&stage.upgrade(3))?;
        }
        let live = stage.settle()?;
        let followed = follow(&stage, end.version(operation))?;
        Ok(Reference {
            story: live.story(),
            records: live.records.clone(),
            objects: live.comparable(),
            runs: live.runs(),
            followed: followed.comparable(),
            writes,
        })
    }
}

/// What a user does next: both Helms, first the one that was at work, upgrade to what is deployed; or install it if nothing is.
pub fn follow(stage: &Stage<'_>, version: Option<u32>) -> Result<Live> {
    let other = if stage.major == Major::V3 { Major::V4 } else { Major::V3 };
    if version.is_none() {
        stage.helm(&stage.install(1))?;
    } else {
        stage.helm(&stage.upgrade(version.unwrap_or(1)))?;
    }
    stage.ns.helm(other, stage.upgrade(version.unwrap_or(1)))?.ok()?;
    stage.settle()
}
