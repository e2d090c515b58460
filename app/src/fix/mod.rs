//! Fixing: lock, back up, carry a way's work out part by part, watch once more, verify, unlock. What is done is decided by
//! `refloat_core::plan`; every part can be done again without harm, so a fix that was killed is simply run again.

mod backup;
mod end;
mod event;
mod gone;
mod hooks;
mod lock;
mod objects;
mod records;
mod replace;
mod task;
mod traced;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use refloat_core::diagnose::{Case, Cause, Liveness, Operation, Scene, causes, liveness, operation};
use refloat_core::inventory::{History, Inventory, ReleaseId};
use refloat_core::observe::Observation;
use refloat_core::plan::{RecordStep, Refusal, Situation, Way, Work, automatic, open_work};
use refloat_core::policy::{Policy, Ruling, ruling};
use refloat_core::record::{RecordMeta, StoredRecord};
use refloat_core::report::counted;
use refloat_core::rescue::fix_id;

use crate::backup_file::Saved;
use crate::cluster::{ReadRecords, RecordQuery, WriteObjects, WriteRecords};
use crate::error::Failure;
use crate::exit::Exit;
use crate::observe::observe_known;
use crate::rescue::Rescuer;
use crate::source::{Gathered, Source};

pub use event::{Deed, post};
pub use gone::give_back;
pub use hooks::Doubt;
pub use lock::{Held, Journal, held};

pub use lock::Lock;
pub(crate) use objects::{RACES, apply};
pub use task::Task;
pub use traced::Traced;

/// How often readiness is looked at, which takes a read for every object. Helm itself looks every two seconds.
const READY_EVERY: Duration = Duration::from_secs(1);

/// How a fix is to be done.
#[derive(Debug, Clone)]
pub struct FixOptions {
    /// How long to wait for each hook, and for all objects together.
    pub timeout: Duration,
    /// What to do with a hook of which it can't be told whether it ran.
    pub doubt: Doubt,
    /// Whether to wait for objects at all.
    pub wait: bool,
    /// Whether objects are left as they are.
    pub records_only: bool,
    /// Where backups go on this machine.
    pub backup_dir: Option<PathBuf>,
    /// What files and flags say.
    pub policy: Policy,
}

/// A release taken apart for a fix. Owns what the decisions look at.
pub struct Looked {
    /// What was read.
    pub seen: Observation,
    /// The driver that holds its records.
    pub gathered: Gathered,
}

/// What a fix did.
pub struct Fixed {
    /// Its id, by which it is taken back.
    pub fix: String,
    /// The way it took.
    pub way: Way,
    /// The backup's files; `None` if an earlier run of this fix wrote them.
    pub saved: Option<Saved>,
    /// How the release stands now; `None` if it is gone.
    pub after: Option<Observation>,
    /// Why the namespace's events don't tell of it, if so.
    pub untold: Option<String>,
}

/// Reads a release for a fix.
pub async fn look(source: &Source, name: &str) -> Result<Looked, Failure> {
    let (id, history, gathered) = source.release(name).await?;
    let seen = observe_known(gathered.records.as_ref(), source.objects(), id, history).await?;
    Ok(Looked { seen, gathered })
}

/// Everything that a choice of way hangs on.
pub struct Judged<'a> {
    /// The release, taken apart.
    pub case: Case<'a>,
    /// How far its operation came.
    pub operation: Operation<'a>,
    /// Whether Helm may still run.
    pub liveness: Liveness,
    /// Why it is as it is.
    pub causes: Vec<Cause>,
    /// What happened, in a sentence.
    pub summary: String,
    /// What policy says.
    pub ruling: Ruling,
}

/// Judges an observation by what files and flags say, and annotations.
pub fn judge_by<'a>(seen: &'a Observation, policy: &Policy) -> Judged<'a> {
    let case = Case::new(seen);
    let operation = operation(&case);
    let liveness = liveness(&case, &operation);
    let causes = causes(&Scene { case: &case, operation: &operation, liveness: &liveness });
    let summary = refloat_core::diagnose::diagnose_by(seen, policy).summary;
    let (ruling, liveness) = ruling(policy, &case, liveness);
    Judged { case, operation, liveness, causes, summary, ruling }
}

impl Judged<'_> {
    /// The situation that plans are made of.
    pub fn situation(&self) -> Situation<'_> {
        Situation {
            case: &self.case,
            operation: &self.operation,
            liveness: &self.liveness,
            causes: &self.causes,
            summary: &self.summary,
            ruling: &self.ruling,
        }
    }

    /// The work of a way, or why it isn't open; one that was interrupted is gone on with.
    pub fn work(&self, way: Way, records_only: bool, going_on: bool) -> Result<Work, Refusal> {
        open_work(&self.situation(), way, records_only, going_on)
    }

    /// The way that needs nobody's word, or why there is none.
    pub fn automatic(&self, helm_is_gone: bool) -> Result<Way, String> {
        automatic(&self.situation(), helm_is_gone)
    }
}

/// Whoever carries a fix out, with all it holds on the way.
pub struct Fixer<'a> {
    records: &'a dyn WriteRecords,
    objects: &'a dyn WriteObjects,
    id: ReleaseId,
    options: &'a FixOptions,
    tempo: u32,
    lock: Lock<'a>,
    /// Every record as last seen or written, by revision.
    known: BTreeMap<u64, RecordMeta>,
    tell: &'a mut (dyn FnMut(&str) + Send),
}

/// Carries a way out: everything from the lock to the last look.
pub async fn carry_out(
    source: &Source,
    looked: &Looked,
    way: Way,
    rescuer: &Rescuer,
    options: &FixOptions,
    tell: &mut (dyn FnMut(&str) + Send),
) -> Result<Fixed, Failure> {
    let wrote = AtomicBool::new(false);
    let records = Traced::new(looked.gathered.records.as_ref(), &wrote);
    let (seen, objects) = (&looked.seen, source.writable());
    let now = records.now().await?;
    let earlier = held(objects, &seen.id, now).await?;
    if let Some(Held { journal: Journal { way: Task::Restore, fix, .. }, .. }) = &earlier {
        return Err(Failure::new(Exit::Refused, format!("restore {fix} has begun, and comes first")));
    }
    let work = work_now(seen, way, options, earlier.as_ref())?;
    let newest = seen.history.newest().ok_or_else(|| Failure::new(Exit::Changed, "no record is left"))?;
    let primary = records.get(&newest.id).await?;
    let primary = primary.ok_or_else(|| Failure::new(Exit::Changed, format!("{} is gone", newest.id)))?;
    writable(&work, &primary)?;
    let journal = Journal {
        fix: fix_id(&primary, now),
        way: Task::Way(way),
        by: rescuer.name.clone(),
        began: now,
        backed_up: false,
        hooks_done: Vec::new(),
        cleared: false,
        doing: "begun".to_owned(),
        undoing: false,
    };
    let lock = Lock::take(objects, &seen.id, &rescuer.name, now, journal, earlier).await?;
    let work = work.signed(&lock.journal.by, &lock.journal.fix);
    let known = seen.history.records().iter().filter_map(|record| Some((record.revision()?, record.clone()))).collect();
    let traced = Traced::new(objects, &wrote);
    let (id, tempo) = (seen.id.clone(), rescuer.tempo);
    let mut fixer = Fixer { records: &records, objects: &traced, id, options, tempo, lock, known, tell };
    match fixer.all(source, seen, &work, primary).await {
        Ok(saved) => fixer.finish(source, way, saved).await,
        Err(failure) => {
            let wrote = wrote.load(Ordering::Relaxed);
            if !wrote && !fixer.lock.inherited {
                fixer.forget_backup(source).await;
            }
            Err(fixer.stop(failure, wrote).await)
        }
    }
}

/// The work of a way as the release stands now. Policy is asked here, too, whoever chose the way.
fn work_now(seen: &Observation, way: Way, options: &FixOptions, earlier: Option<&Held>) -> Result<Work, Failure> {
    let judged = judge_by(seen, &options.policy);
    match (judged.work(way, options.records_only, earlier.is_some()), earlier) {
        (Ok(work), _) => Ok(work),
        // What was begun under another policy isn't gone on with, and can be taken back.
        (Err(refusal @ Refusal::Forbidden(_)), _) => Err(Failure::new(Exit::Refused, refusal)),
        // What isn't known may still be to be done.
        (Err(refusal), _) if refusal.is_unknown() => Err(Failure::new(Exit::Refused, refusal)),
        // An earlier run of this fix did all of it and was killed before it gave the lock back.
        (Err(_), Some(earlier)) if earlier.journal.way == Task::Way(way) && earlier.journal.backed_up => {
            Ok(Work::none(way))
        }
        (Err(refusal), _) => Err(Failure::new(Exit::Refused, refusal)),
    }
}

/// A record that somebody sealed can't be changed any more: better known before anything else is.
fn writable(work: &Work, primary: &StoredRecord) -> Result<(), Failure> {
    let edits = |step: &RecordStep| matches!(step, RecordStep::Edit { revision, .. } | RecordStep::Versions { revision, .. } if primary.meta.revision() == Some(*revision));
    if !primary.is_immutable() || !work.records().any(edits) {
        return Ok(());
    }
    let why = "is immutable, so somebody sealed it; nothing was written";
    Err(Failure::new(
        Exit::Refused,
        format!("the record of revision {} {why}", primary.meta.revision().unwrap_or_default()),
    )
    .hint("see who did and why; deleted and made anew from a copy without `immutable` it can be changed again"))
}

impl Fixer<'_> {
    async fn now(&self) -> Result<Timestamp, Failure> {
        Ok(self.records.now().await?)
    }

    /// Says what comes next, here and in the journal.
    async fn note(&mut self, doing: &str) -> Result<(), Failure> {
        (self.tell)(doing);
        let now = self.now().await?;
        doing.clone_into(&mut self.lock.journal.doing);
        self.lock.note(&self.id, now).await
    }

    /// Backs up and does everything; gives the backup's files.
    async fn all(
        &mut self,
        source: &Source,
        seen: &Observation,
        work: &Work,
        primary: StoredRecord,
    ) -> Result<Option<Saved>, Failure> {
        if !self.lock.inherited {
            self.fit(work).await?;
        }
        let saved = self.back_up(source, seen, work, primary).await?;
        self.run(work).await?;
        Ok(saved)
    }

    async fn run(&mut self, work: &Work) -> Result<(), Failure> {
        self.untouched().await?;
        self.records(&work.first).await?;
        self.clear(work).await?;
        self.hooks(&work.before).await?;
        if !work.apply.is_empty() {
            self.note(&format!("applying {}", counted(work.apply.len(), "object"))).await?;
        }
        for applied in &work.apply {
            self.make_way(applied).await?;
            (self.tell)(&format!("applying {}", applied.words));
            objects::apply(self.objects, &self.id, applied).await?;
            let now = self.now().await?;
            self.lock.renew(&self.id, now).await?;
        }
        if !work.remove.is_empty() {
            self.note(&format!("removing {}", counted(work.remove.len(), "object"))).await?;
        }
        for removed in &work.remove {
            (self.tell)(&format!("removing {}", removed.words));
            objects::remove(self.objects, &self.id, removed).await?;
            let now = self.now().await?;
            self.lock.renew(&self.id, now).await?;
        }
        for freed in &work.free {
            self.note(&format!("taking finalizers off {}", freed.words)).await?;
            objects::free(self.objects, freed).await?;
        }
        if work.wait && self.options.wait {
            self.until_ready(work).await?;
        }
        self.hooks(&work.after).await?;
        self.untouched().await?;
        self.records(&work.last).await
    }

    /// Waits until what was applied is ready, and what an uninstall removed is gone.
    async fn until_ready(&mut self, work: &Work) -> Result<(), Failure> {
        if work.apply.is_empty() {
            return self.until_gone(&work.remove).await;
        }
        let words = format!("{} objects are ready", work.apply.len());
        self.until(&words, READY_EVERY, async |fixer: &Self| {
            let history = list(fixer.records, &fixer.id).await?;
            let seen = observe_known(fixer.records, fixer.objects.reading(), fixer.id.clone(), history).await?;
            let case = Case::new(&seen);
            let wanted = |object: &&refloat_core::diagnose::Object<'_>| {
                work.apply.iter().any(|applied| applied.words == object.words())
            };
            let unready = case.objects.iter().filter(wanted).any(|object| !object.is_ready_for(object_is_ssa(work)));
            Ok((!unready).then_some(()))
        })
        .await
    }

    /// Looks again and again until something holds, for as long as the options allow; the lock is kept meanwhile.
    async fn until<T>(
        &mut self,
        what: &str,
        every: Duration,
        look: impl AsyncFn(&Self) -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let begun = Instant::now();
        loop {
            if let Some(found) = look(self).await? {
                return Ok(found);
            }
            if begun.elapsed() * self.tempo.max(1) >= self.options.timeout {
                return Err(Failure::new(
                    Exit::Partial,
                    format!("waited {}s in vain until {what}", self.options.timeout.as_secs()),
                )
                .hint(format!("refloat diagnose {} -n {} tells what holds it up", self.id.name, self.id.namespace))
                .hint("--timeout waits longer"));
            }
            (self.tell)(&format!("waiting until {what} ({}s)", begun.elapsed().as_secs()));
            tokio::time::sleep(every / self.tempo.max(1)).await;
            let now = self.now().await?;
            self.lock.renew(&self.id, now).await?;
        }
    }
}

/// Whether Helm applies these objects on the server's side, so that Helm 4's rules hold.
fn object_is_ssa(work: &Work) -> bool {
    work.apply.iter().any(|applied| applied.server_side)
}

/// Lists a release's records.
async fn list<R: ReadRecords + ?Sized>(records: &R, id: &ReleaseId) -> Result<History, Failure> {
    let query =
        RecordQuery { namespace: Some(id.namespace.clone()), release: Some(id.name.clone()), statuses: Vec::new() };
    let inventory: Inventory = records.list(&query).await?.into_iter().collect();
    Ok(inventory.releases.into_values().next().unwrap_or_default())
}
