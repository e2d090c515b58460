//! Making scenarios side by side.
use anyhow::{Result, anyhow};
use bed::corpus::{Made, Scenario};
use bed::{Bed, Major, Namespace, Options, Postgres};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A scenario made by one of the Helms.
#[derive(Clone, Copy)]
pub struct Run {
    /// The scenario.
    pub scenario: Scenario,
    /// Which Helm.
    pub major: Major,
}

impl Run {
    /// Its name, as `image-pull-failed/3`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.scenario.id, if self.major == Major::V3 { 3 } else { 4 })
    }
}

/// The runs whose name contains a text.
pub fn runs(filter: &str) -> Vec<Run> {
    let all = Scenario::all().into_iter();
    let all = all.flat_map(|scenario| scenario.majors.iter().map(move |&major| Run { scenario, major }));
    all.filter(|run| run.name().contains(filter)).collect()
}

/// One bed for all, and one for each that needs its own.
pub struct Beds {
    shared: Bed,
    own: Vec<(String, Bed)>,
}

impl Beds {
    /// Starts what these runs need.
    pub fn start(runs: &[Run]) -> Result<Self> {
        let options = Options { postgres: Postgres::No, dir: None };
        let own = runs.iter().filter(|run| run.scenario.own_bed);
        let own = own.map(|run| Ok((run.name(), Bed::start(&options)?))).collect::<Result<_>>()?;
        Ok(Self { shared: Bed::start(&options)?, own })
    }

    fn of(&self, run: &Run) -> &Bed {
        self.own.iter().find(|(name, _)| *name == run.name()).map_or(&self.shared, |(_, bed)| bed)
    }
}

/// A run that has been made, or hasn't come about.
pub struct Outcome<'n> {
    /// Which.
    pub run: Run,
    /// Where.
    pub ns: &'n Namespace<'n>,
    /// What it left, or why not.
    pub result: Result<Made<'n>>,
    /// How long it took.
    pub took: Duration,
}

/// Makes each run, some at a time, and hands it on as soon as it is made; gives the answers in the runs' order.
pub fn each<T: Send>(
    beds: &Beds,
    runs: &[Run],
    workers: usize,
    then: impl Fn(Outcome<'_>) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let rest = Mutex::new(runs.iter().enumerate());
    let done = Mutex::new(Vec::new());
    let work = || -> Result<()> {
        while let Some((index, run)) = { rest.lock().unwrap_or_else(PoisonError::into_inner).next() } {
            let prefix = run.name().replace('/', "-h");
            let start = Instant::now();
            let ns = beds.of(run).namespace(&prefix)?.driver(run.scenario.driver);
            let result = run.scenario.make(&ns, run.major);
            let answer = then(Outcome { run: *run, ns: &ns, result, took: start.elapsed() })?;
            done.lock().unwrap_or_else(PoisonError::into_inner).push((index, answer));
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("a worker panicked"))?)
    })?;
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, answer)| answer).collect())
}
