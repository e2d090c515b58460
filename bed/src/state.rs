//! Beds that outlive the command which started them, known by name. There is no state besides the beds' own folders: a
//! bed runs as long as its supervisor holds the lock there.
use crate::cluster::beds;
use crate::{Address, Bed, Options, Postgres};
use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

fn dir(name: &str) -> PathBuf {
    beds().join(format!("bed-{name}"))
}

fn is_running(dir: &Path) -> bool {
    let lock = File::open(dir.join("lock")).map(|file| file.try_lock());
    matches!(lock, Ok(Err(TryLockError::WouldBlock)))
}

/// The `bed.json` of a bed, which `REFLOAT_BED` can name.
#[must_use]
pub fn json(name: &str) -> PathBuf {
    dir(name).join("bed.json")
}

/// The bed of this name, if it runs.
pub fn find(name: &str) -> Result<Option<Bed>> {
    if is_running(&dir(name)) { Bed::attach(&json(name)).map(Some) } else { Ok(None) }
}

/// Starts a bed of this name.
pub fn up(name: &str, postgres: Postgres) -> Result<Bed> {
    if is_running(&dir(name)) {
        bail!("the bed {name} runs already");
    }
    Bed::start_detached(&Options { postgres, dir: Some(dir(name)) })
}

/// Stops the bed of this name and waits until nothing of it is left; `false` if none runs.
pub fn down(name: &str) -> Result<bool> {
    if !is_running(&dir(name)) {
        return Ok(false);
    }
    let pid = i32::try_from(address(&json(name))?.pid).ok().and_then(Pid::from_raw).context("not a process id")?;
    kill_process(pid, Signal::TERM)?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while is_running(&dir(name)) || dir(name).exists() {
        if Instant::now() > deadline {
            bail!("the bed {name} did not stop within 30 s: see {}", dir(name).display());
        }
        thread::sleep(Duration::from_millis(20));
    }
    // What the supervisor said on its way, kept beside the folder in case it had not come up.
    let _ = fs::remove_file(dir(name).with_extension("log"));
    Ok(true)
}

/// Every bed of this user that runs, those of tests too, with its name.
pub fn list() -> Result<Vec<(String, Address)>> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(beds()) else { return Ok(found) };
    for entry in entries {
        let entry = entry?;
        let file_name = entry.file_name().to_string_lossy().into_owned();
        if let Some(name) = file_name.strip_prefix("bed-")
            && is_running(&entry.path())
            // One that is still starting has none.
            && let Ok(address) = address(&entry.path().join("bed.json"))
        {
            found.push((name.to_owned(), address));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

fn address(json: &Path) -> Result<Address> {
    let text = fs::read(json).with_context(|| format!("cannot read {}", json.display()))?;
    Ok(serde_json::from_slice(&text)?)
}
