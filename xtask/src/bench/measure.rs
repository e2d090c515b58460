//! Whole processes, timed; peak memory as the kernel counted it.
use anyhow::{Context as _, Result, ensure};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4 as _;

/// What one command took, over all its runs.
#[derive(Clone, Debug)]
pub struct Cost {
    /// Wall-clock times, shortest first.
    pub times: Vec<Duration>,
    /// The largest resident size of all runs, in bytes.
    pub memory: u64,
}

impl Cost {
    /// The time in the middle.
    pub fn median(&self) -> Duration {
        self.times.get(self.times.len() / 2).copied().unwrap_or_default()
    }
}

/// Runs a command several times, its output thrown away.
pub fn measure(name: &str, runs: usize, command: impl Fn() -> Result<Command>) -> Result<Cost> {
    let mut cost = Cost { times: Vec::new(), memory: 0 };
    for _ in 0..runs {
        let mut command = command()?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let start = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let used = child.wait4()?;
        cost.times.push(start.elapsed());
        ensure!(used.status.success(), "{name} ended with {}", used.status);
        cost.memory = cost.memory.max(used.rusage.maxrss);
    }
    cost.times.sort();
    Ok(cost)
}

/// `12.3 ms`, `4.56 s`.
pub fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}

/// `12.3 MB`.
pub fn memory(bytes: u64) -> String {
    format!("{:.1} MB", mib(bytes) * 1.048_576)
}

#[expect(clippy::cast_precision_loss, reason = "sizes of processes, for people to read")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// How many times smaller the second is.
pub fn ratio(theirs: f64, ours: f64) -> String {
    format!("{:.0}×", theirs / ours.max(f64::MIN_POSITIVE))
}

/// How many times less memory.
pub fn memory_ratio(theirs: u64, ours: u64) -> String {
    ratio(mib(theirs), mib(ours))
}
