//! A command in the background, in a process group of its own, which a test can freeze, stop and kill.
use crate::Output;
use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A running command; killed with its whole group when dropped.
#[derive(Debug)]
pub struct Live {
    child: Child,
    group: Pid,
    command: String,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Live {
    /// `scratch` is a path whose siblings with other extensions take the output: a pipe could fill up.
    pub(crate) fn spawn(mut command: Command, name: String, scratch: &std::path::Path) -> Result<Self> {
        let (stdout, stderr) = (scratch.with_extension("stdout"), scratch.with_extension("stderr"));
        command.process_group(0).stdin(Stdio::null());
        command.stdout(File::create(&stdout)?).stderr(File::create(&stderr)?);
        let child = command.spawn().with_context(|| format!("cannot start `{name}`"))?;
        Ok(Self { group: Pid::from_child(&child), child, command: name, stdout, stderr })
    }

    /// The process id, and that of the group.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs (or is frozen).
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Stops it where it is, as a suspended laptop or a starved container would (SIGSTOP), and returns when it stands.
    pub fn freeze(&self) -> Result<()> {
        kill_process_group(self.group, Signal::STOP)?;
        let changes = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(self.group), changes)?;
        Ok(())
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) -> Result<()> {
        Ok(kill_process_group(self.group, Signal::CONT)?)
    }

    /// Asks it to end (SIGTERM); see [`Live::wait`].
    pub fn terminate(&self) -> Result<()> {
        Ok(kill_process_group(self.group, Signal::TERM)?)
    }

    /// Kills it (SIGKILL) and gives what it had written so far.
    pub fn kill(mut self) -> Result<Output> {
        // It may have ended by itself, which is not this call's failure.
        let _ = kill_process_group(self.group, Signal::KILL);
        let status = self.child.wait()?;
        self.output(status)
    }

    /// Waits for its end.
    pub fn wait(mut self, limit: Duration) -> Result<Output> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return self.output(status);
            }
            if Instant::now() > deadline {
                bail!("`{}` did not end within {limit:?}: {}", self.command, fs::read_to_string(&self.stderr)?);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn output(&self, status: ExitStatus) -> Result<Output> {
        let read = |path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(Output { status, stdout: read(&self.stdout)?, stderr: read(&self.stderr)?, command: self.command.clone() })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process_group(self.group, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}
