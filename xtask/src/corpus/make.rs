//! Making scenarios and moments side by side.
use anyhow::{Result, anyhow, ensure};
use bed::corpus::{Made, Scenario};
use bed::moments::Moment;
use bed::{Bed, Major, Namespace, Options, Postgres};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What can be made in a namespace of its own.
pub trait Makes: Sync {
    /// Its name, which is the namespace's too.
    fn name(&self) -> String;
    /// Whether it needs a bed of its own.
    fn own_bed(&self) -> bool;
    /// Makes it.
    fn make<'b>(&self, ns: &Namespace<'b>) -> Result<Made<'b>>;
}

/// A scenario made by one of the Helms.
#[derive(Clone, Copy)]
pub struct Run {
    /// The scenario.
    pub scenario: Scenario,
    /// Which Helm.
    pub major: Major,
}

impl Makes for Run {
    fn name(&self) -> String {
        format!("{}-h{}", self.scenario.id, if self.major == Major::V3 { 3 } else { 4 })
    }

    fn own_bed(&self) -> bool {
        self.scenario.own_bed
    }

    fn make<'b>(&self, ns: &Namespace<'b>) -> Result<Made<'b>> {
        self.scenario.make(&ns.driver(self.scenario.driver), self.major)
    }
}

impl Makes for Moment {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn own_bed(&self) -> bool {
        false
    }

    fn make<'b>(&self, ns: &Namespace<'b>) -> Result<Made<'b>> {
        Self::make(self, ns)
    }
}

/// The runs whose name contains a text.
pub fn runs(filter: &str) -> Result<Vec<Run>> {
    let all = Scenario::all().into_iter();
    let all = all.flat_map(|scenario| scenario.majors.iter().map(move |&major| Run { scenario, major }));
    let runs: Vec<_> = all.filter(|run| run.name().contains(filter)).collect();
    ensure!(!runs.is_empty(), "no scenario has such a name");
    Ok(runs)
}

/// One bed for all, and one for each that needs its own.
pub struct Beds {
    shared: Bed,
    own: Vec<(String, Bed)>,
}

impl Beds {
    /// Starts what these need.
    pub fn start<M: Makes>(all: &[M]) -> Result<Self> {
        let options = Options { postgres: Postgres::No, dir: None };
        let own = all.iter().filter(|one| one.own_bed());
        let own = own.map(|one| Ok((one.name(), Bed::start(&options)?))).collect::<Result<_>>()?;
        Ok(Self { shared: Bed::start(&options)?, own })
    }

    fn of(&self, name: &str) -> &Bed {
        self.own.iter().find(|(own, _)| own == name).map_or(&self.shared, |(_, bed)| bed)
    }
}

/// What has been made, or hasn't come about.
pub struct Outcome<'b, 'm, M> {
    /// Which.
    pub run: &'m M,
    /// What it left, or why not.
    pub result: Result<Made<'b>>,
    /// How long it took.
    pub took: Duration,
    /// When it was made.
    pub at: Instant,
}

/// Makes each, some at a time, and looks at each as soon as it is made, however long that takes; gives the answers in the
/// given order.
pub fn each<M: Makes, T: Send>(
    beds: &Beds,
    all: &[M],
    workers: usize,
    look: impl Fn(Outcome<'_, '_, M>) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let rest = Mutex::new(all.iter().enumerate());
    let done = Mutex::new(Vec::new());
    let look = &look;
    thread::scope(|scope| {
        let work = || -> Result<()> {
            while let Some((index, run)) = { rest.lock().unwrap_or_else(PoisonError::into_inner).next() } {
                let outcome = make_one(beds, run)?;
                let done = &done;
                // Looking mostly means waiting, so it is no work for a worker.
                scope.spawn(move || {
                    let answer = look(outcome);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, answer));
                });
            }
            Ok(())
        };
        let workers: Vec<_> = (0..workers.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("a worker panicked"))?)
    })?;
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, answer)| answer).collect()
}

fn make_one<'b, 'm, M: Makes>(beds: &'b Beds, run: &'m M) -> Result<Outcome<'b, 'm, M>> {
    let start = Instant::now();
    let name = run.name();
    let ns = beds.of(&name).namespace_named(&name)?;
    let result = run.make(&ns);
    Ok(Outcome { run, result, took: start.elapsed(), at: Instant::now() })
}
