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
        let wanted = command()?;
        let mut own = Command::new(std::env::current_exe()?);
        own.args(["bench", "one", "--"]).arg(wanted.get_program()).args(wanted.get_args());
        for (key, value) in wanted.get_envs() {
            match value {
                Some(value) => own.env(key, value),
                None => own.env_remove(key),
            };
        }
        let output = own.stdin(Stdio::null()).output().with_context(|| format!("cannot start {name}"))?;
        ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
        let (micros, memory): (u64, u64) = serde_json::from_slice(&output.stdout)?;
        cost.times.push(Duration::from_micros(micros));
        cost.memory = cost.memory.max(memory);
    }
    cost.times.sort();
    Ok(cost)
}

/// Runs a command once; prints its wall-clock time in microseconds and its peak memory in bytes.
pub fn one(words: &[String]) -> Result<()> {
    let (program, args) = words.split_first().context("no command")?;
    let start = Instant::now();
    let mut child = Command::new(program).args(args).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let used = child.wait4()?;
    let micros = start.elapsed().as_micros();
    ensure!(used.status.success(), "it ended with {}", used.status);
    crate::say(&format!("[{micros},{}]", used.rusage.maxrss))
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
