//! Backups on this machine, beside the copies in the cluster: one readable JSON file each, for its owner's eyes only.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use etcetera::BaseStrategy;
use refloat_core::rescue::Backup;

use crate::error::Failure;
use crate::exit::Exit;

/// Where they are kept: `$XDG_STATE_HOME/refloat/backups`, else `~/.local/state/refloat/backups`.
pub fn default_dir() -> Result<PathBuf, Failure> {
    let strategy = etcetera::choose_base_strategy().map_err(|error| {
        Failure::new(Exit::Refused, "there is no home folder to keep the backup in")
            .because(error)
            .hint("name one with --backup-dir")
    })?;
    let state = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
    Ok(state.join("refloat").join("backups"))
}

/// Writes a backup to a new file and makes sure that it is on the disk; gives its path.
pub fn save(dir: Option<&PathBuf>, backup: &Backup) -> Result<PathBuf, Failure> {
    let dir = dir.map_or_else(default_dir, |dir| Ok(dir.clone()))?;
    let name =
        format!("{}.{}.v{}.{}.json", backup.record.meta.id.namespace, backup.release, backup.revision, backup.id);
    let path = dir.join(name);
    let broken = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Refused, format!("the backup can't be written to {}; nothing was changed", path.display()))
            .because(error)
            .hint("name another folder with --backup-dir")
    };
    let text = serde_json::to_vec_pretty(backup).map_err(|error| broken(&error))?;
    DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(|error| broken(&error))?;
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(|error| broken(&error))?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(|error| broken(&error))?;
    Ok(path)
}
