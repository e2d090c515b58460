//! Helm below killproxy: interrupted at exactly one of its writes.
use crate::{Binary, Live, Major, Namespace, Output};
use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fmt, fs, thread};

/// What happens at a write. *Before*: the API server has not seen it; *after*: it has answered, and Helm has not seen
/// the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// SIGKILL.
    KillBefore,
    /// SIGKILL.
    KillAfter,
    /// SIGTERM.
    TermBefore,
    /// SIGTERM.
    TermAfter,
    /// The connection is cut.
    CutBefore,
    /// The connection is cut.
    CutAfter,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KillBefore => "kill-before",
            Self::KillAfter => "kill-after",
            Self::TermBefore => "term-before",
            Self::TermAfter => "term-after",
            Self::CutBefore => "cut-before",
            Self::CutAfter => "cut-after",
        })
    }
}

/// A run below killproxy.
#[derive(Clone, Debug)]
pub struct Killed {
    /// What Helm said; the status is killproxy's: Helm's own, or 128 and the signal.
    pub output: Output,
    /// The proxy's log: a line for each write.
    pub log: Vec<Value>,
    /// The proxy's summary.
    pub summary: Value,
}

impl Killed {
    /// How many writes Helm began.
    pub fn writes(&self) -> Result<u64> {
        self.summary["writes"].as_u64().context("a summary without writes")
    }

    /// Whether a fault took effect.
    #[must_use]
    pub fn fired(&self) -> bool {
        self.summary["fired"].as_array().is_some_and(|fired| !fired.is_empty())
    }

    /// Itself if a fault took effect, else an error: for tests whose trouble must really have happened.
    pub fn sure(self) -> Result<Self> {
        anyhow::ensure!(self.fired(), "no fault took effect in `{}`: {}", self.output.command, self.output.stderr);
        Ok(self)
    }
}

/// Helm below killproxy, in the background: for faults that do not end it.
#[derive(Debug)]
pub struct Proxied {
    /// The proxy's process, which takes Helm with it.
    pub live: Live,
    scratch: PathBuf,
}

impl Proxied {
    /// Helm's process group, once it is known.
    pub fn group(&self) -> Result<Option<u32>> {
        match fs::read_to_string(self.scratch.with_extension("pid")) {
            Ok(text) => Ok(Some(text.trim().parse()?)),
            Err(_) => Ok(None),
        }
    }

    /// The proxy's log so far.
    pub fn log(&self) -> Result<Vec<Value>> {
        read_log(&self.scratch)
    }

    /// Waits until a fault has frozen it; one that ends without being frozen is an error.
    pub fn until_frozen(&mut self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        while !self.log().is_ok_and(|log| log.iter().any(|line| line["event"] == "frozen")) {
            ensure!(self.live.is_running()?, "it ended without being frozen");
            ensure!(Instant::now() < deadline, "it was not frozen within {limit:?}");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Lets a frozen one go on (SIGCONT).
    pub fn thaw(&self) -> Result<()> {
        let group = self.group()?.context("no process group is known")?;
        let group = Pid::from_raw(i32::try_from(group)?).context("a process group without a number")?;
        Ok(kill_process_group(group, Signal::CONT)?)
    }

    /// Waits for the end.
    pub fn wait(self, limit: Duration) -> Result<Killed> {
        let output = self.live.wait(limit)?;
        // Without a summary it was killproxy itself that failed, and said why.
        let summary = fs::read_to_string(self.scratch.with_extension("summary")).unwrap_or_default();
        let summary = serde_json::from_str(&summary).with_context(|| format!("killproxy: {}", output.stderr.trim()))?;
        Ok(Killed { log: read_log(&self.scratch)?, output, summary })
    }
}

fn read_log(scratch: &std::path::Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(scratch.with_extension("log"))?;
    // The last line may still be being written.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

impl Namespace<'_> {
    /// Runs Helm and interrupts it at its write number `k` (from 1).
    pub fn kill_at<I>(&self, major: Major, k: u32, mode: Mode, args: I) -> Result<Killed>
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        self.helm_with_faults(major, &[&format!("{k}:{mode}")], args)
    }

    /// Runs Helm with faults in killproxy's notation (`testbed/killproxy/README.md`), for example
    /// `PUT~/secrets/#2:kill-before`.
    pub fn helm_with_faults<I>(&self, major: Major, faults: &[&str], args: I) -> Result<Killed>
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        self.spawn_helm_with_faults(major, faults, args)?.wait(Duration::from_secs(600))
    }

    /// Starts Helm with faults in the background.
    pub fn spawn_helm_with_faults<I>(&self, major: Major, faults: &[&str], args: I) -> Result<Proxied>
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let (helm, name) = self.command(major, args)?;
        self.spawn_with_faults(&helm, name, faults)
    }

    /// Runs any command that reads `KUBECONFIG` with faults, such as refloat; `name` is what to call it.
    pub fn with_faults(&self, command: &Command, name: &str, faults: &[&str]) -> Result<Killed> {
        self.spawn_with_faults(command, name.to_owned(), faults)?.wait(Duration::from_secs(600))
    }

    /// Starts another client of the API server with faults in the background, `refloat` for one. Of the command only the
    /// program and its arguments count; its environment is Helm's in this namespace. `name` is for messages.
    pub fn spawn_with_faults(&self, client: &Command, name: String, faults: &[&str]) -> Result<Proxied> {
        let scratch = self.scratch()?;
        let mut command = Command::new(Binary::Killproxy.path()?);
        command.arg("--kubeconfig").arg(&self.bed.address.kubeconfig);
        for (flag, extension) in [("--log", "log"), ("--summary", "summary"), ("--pid-file", "pid")] {
            command.arg(flag).arg(scratch.with_extension(extension));
        }
        for fault in faults {
            command.args(["--fault", fault]);
        }
        command.arg("--").arg(client.get_program()).args(client.get_args());
        self.set_env(&mut command)?;
        for (variable, value) in client.get_envs() {
            match value {
                Some(value) => command.env(variable, value),
                None => command.env_remove(variable),
            };
        }
        Ok(Proxied { live: Live::spawn(command, name, &scratch)?, scratch })
    }
}
