//! Kubernetes' own three-way merge, and what it is asked.
//!
//! `testbed/merge` makes up triples of objects and merges them with the Go code that Helm links; [`compare`] asks someone
//! else for the same and tells where the two differ.

use crate::Binary;
use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How many triples come from one seed. Blocks are shared among threads, and a run is the same on any number of them.
const BLOCK: usize = 1000;

/// What a merge is made of, and what came out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Triple {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// The old manifest's object; null if there is none.
    pub original: Value,
    /// The new manifest's object.
    pub modified: Value,
    /// The live object.
    pub current: Value,
    /// What Go makes of it; more than one where the order of its maps decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<Outcome>,
}

/// What comes out of a merge.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// An object.
    Merged(Value),
    /// An error or a panic, in words.
    Error(String),
}

impl Triple {
    /// Whether an outcome is one of Go's; errors are all alike, numbers are compared by value.
    #[must_use]
    pub fn allows(&self, outcome: &Outcome) -> bool {
        self.outcomes.iter().any(|allowed| match (allowed, outcome) {
            (Outcome::Merged(allowed), Outcome::Merged(merged)) => same(allowed, merged),
            (Outcome::Error(_), Outcome::Error(_)) => true,
            _ => false,
        })
    }
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => left == right,
            (None, None) => left.as_f64() == right.as_f64(),
            _ => false,
        },
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let member = |(key, left): (&String, &Value)| right.get(key).is_some_and(|right| same(left, right));
            left.len() == right.len() && left.iter().all(member)
        }
        (left, right) => left == right,
    }
}

/// What a comparison found.
#[derive(Debug)]
pub struct Report {
    /// How many triples were merged.
    pub count: usize,
    /// How many of them ended in an error.
    pub errors: usize,
    /// How many left the live object as it was.
    pub unchanged: usize,
    /// How many came out otherwise than Go's.
    pub differences: usize,
    /// The first of these, as small as it gets, and what came out.
    pub first: Option<(Triple, Outcome)>,
    /// How long it took.
    pub time: Duration,
}

/// Takes a number of triples, a seed, and a merge; compares its outcomes with Go's. Starts as many processes as there are
/// processors, which end with it.
pub fn compare(count: usize, seed: u64, merge: impl Fn(&Triple) -> Outcome + Sync) -> Result<Report> {
    let binary = Binary::Merge.path()?;
    let start = Instant::now();
    let (next, blocks) = (AtomicUsize::new(0), count.div_ceil(BLOCK));
    let total = Mutex::new((
        Report { count: 0, errors: 0, unchanged: 0, differences: 0, first: None, time: start.elapsed() },
        blocks,
    ));
    let work = || -> Result<()> {
        loop {
            let block = next.fetch_add(1, Ordering::Relaxed);
            if block >= blocks {
                return Ok(());
            }
            let mut command = Command::new(&binary);
            let (seed, count) = ((seed + block as u64).to_string(), BLOCK.min(count - block * BLOCK).to_string());
            command.args(["generate", "-seed", &seed, "-count", &count]).stdout(Stdio::piped());
            let mut child = Running(command.spawn()?);
            let lines = BufReader::new(child.0.stdout.take().context("no output")?).lines();
            for line in lines {
                let triple: Triple = serde_json::from_str(&line?)?;
                let outcome = merge(&triple);
                let allowed = triple.allows(&outcome) || after_all(&triple, &outcome)?;
                let mut total = total.lock().map_err(|_| anyhow::anyhow!("another thread failed"))?;
                let (report, first) = &mut *total;
                report.count += 1;
                match &outcome {
                    Outcome::Merged(merged) => report.unchanged += usize::from(same(merged, &triple.current)),
                    Outcome::Error(_) => report.errors += 1,
                }
                if !allowed {
                    report.differences += 1;
                    // The first by seed, whichever thread came upon it first.
                    if block < *first {
                        *first = block;
                        report.first = Some((triple, outcome));
                    }
                }
            }
            ensure!(child.0.wait()?.success(), "the generator failed");
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow::anyhow!("a merge panicked"))?)
    })?;
    let (mut report, _) = total.into_inner().map_err(|_| anyhow::anyhow!("a thread failed"))?;
    ensure!(report.count == count, "{} triples came instead of {count}", report.count);
    if let Some((triple, _)) = report.first.take() {
        report.first = Some(smallest(triple, &merge)?);
    }
    report.time = start.elapsed();
    Ok(report)
}

/// The patch metadata of the built-in kinds, as the core has them in a file.
pub fn table() -> Result<String> {
    let output = Command::new(Binary::Merge.path()?).arg("table").output()?;
    ensure!(output.status.success(), "the table wasn't written: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// A process that doesn't outlive its use.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, or nobody reads what it says.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Kubernetes' merge, for triples of one's own.
pub struct Oracle {
    process: Running,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Oracle {
    /// Starts it.
    pub fn start() -> Result<Self> {
        let mut command = Command::new(Binary::Merge.path()?);
        let mut process = Running(command.arg("answer").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
        let input = process.0.stdin.take().context("no input")?;
        let output = BufReader::new(process.0.stdout.take().context("no output")?);
        Ok(Self { process, input, output })
    }

    /// Gives a triple with its outcomes.
    pub fn answer(&mut self, triple: &Triple) -> Result<Triple> {
        writeln!(self.input, "{}", serde_json::to_string(triple)?)?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("process {} said nothing", self.process.0.id()))
    }
}

/// Whether Go gives the outcome if asked often enough: the order of its maps can decide, and some orders are rare.
fn after_all(triple: &Triple, outcome: &Outcome) -> Result<bool> {
    let mut oracle = Oracle::start()?;
    for _ in 0..100 {
        let answered = oracle.answer(&Triple { outcomes: Vec::new(), ..triple.clone() })?;
        if answered.allows(outcome) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes out of the three objects whatever isn't needed for the two merges to differ.
fn smallest(mut triple: Triple, merge: &impl Fn(&Triple) -> Outcome) -> Result<(Triple, Outcome)> {
    let mut oracle = Oracle::start()?;
    let mut outcome = merge(&triple);
    let mut differs = |mut candidate: Triple| -> Result<Option<(Triple, Outcome)>> {
        candidate.outcomes.clear();
        let (answered, outcome) = (oracle.answer(&candidate)?, merge(&candidate));
        Ok(Some((answered, outcome)).filter(|(answered, outcome)| !answered.allows(outcome)))
    };
    loop {
        let mut smaller = false;
        for which in 0..3 {
            // From the end, so that the places in front stay what they are.
            let mut at = places(part(&mut triple, which)).len();
            while at > 0 {
                at -= 1;
                let Some(place) = places(part(&mut triple, which)).get(at).cloned() else { continue };
                let mut candidate = triple.clone();
                remove(part(&mut candidate, which), &place);
                if let Some(found) = differs(candidate)? {
                    (triple, outcome) = found;
                    smaller = true;
                }
            }
        }
        if !smaller {
            return Ok((triple, outcome));
        }
    }
}

fn part(triple: &mut Triple, which: usize) -> &mut Value {
    match which {
        0 => &mut triple.original,
        1 => &mut triple.modified,
        _ => &mut triple.current,
    }
}

/// The JSON pointers of everything within, each before what it holds.
fn places(value: &Value) -> Vec<String> {
    let within = |(key, value): (String, &Value)| {
        let key = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        let deeper: Vec<_> = places(value).into_iter().map(|place| format!("{key}{place}")).collect();
        std::iter::once(key).chain(deeper)
    };
    match value {
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), value)).flat_map(within).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(at, value)| (at.to_string(), value)).flat_map(within).collect()
        }
        _ => Vec::new(),
    }
}

fn remove(value: &mut Value, place: &str) {
    let Some((parent, key)) = place.rsplit_once('/') else { return };
    let key = key.replace("~1", "/").replace("~0", "~");
    match value.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.remove(&key)),
        Some(Value::Array(items)) => {
            if let Some(at) = key.parse().ok().filter(|at| *at < items.len()) {
                items.remove(at);
            }
        }
        _ => {}
    }
}
