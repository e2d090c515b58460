//! Backups on this machine, beside the copies in the cluster: one readable JSON file each, for its owner's eyes only.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use refloat_core::bundle::BUNDLE_KIND;
use refloat_core::rescue::{Backup, BackupError, GivenValues, MAX_BACKUP, values_file};
use serde::Serialize;

use crate::error::Failure;
use crate::exit::Exit;
use crate::private_file::{self, placed, shown};

/// A revision's values, kept beside a backup.
#[derive(Debug, Clone, Serialize)]
pub struct ValuesFile {
    /// The revision.
    pub revision: u64,
    /// The file, which `helm upgrade -f` takes.
    pub file: PathBuf,
}

/// A fix's backup on this machine.
pub struct Saved {
    /// Its file.
    pub file: PathBuf,
    /// The values beside it.
    pub values: Vec<ValuesFile>,
}

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

/// Writes a fix's backup to a file of its own, the values beside it, and makes sure that all is on the disk.
pub fn save(dir: Option<&PathBuf>, backup: &Backup, values: &[GivenValues]) -> Result<Saved, Failure> {
    let dir = dir.map_or_else(default_dir, |dir| Ok(dir.clone()))?;
    let name =
        format!("{}.{}.v{}.{}.json", backup.record.meta.id.namespace, backup.release, backup.revision, backup.id);
    let path = dir.join(name);
    let broken = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Refused, format!("the backup can't be written to {}; nothing was changed", path.display()))
            .because(error)
            .hint("name another folder with --backup-dir")
    };
    let text = bytes(backup)?;
    DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(|error| broken(&error))?;
    let values = save_values(&path, values, false).map_err(|(_, error)| broken(&error))?;
    // The id is this fix's own: a file of that name is what a run of it left that was killed before it could note it.
    placed(&path, &text, true).map_err(|error| broken(&error))?;
    Ok(Saved { file: path, values })
}

/// Writes values beside the file that a backup has or is to have. Others that are there are replaced only if that was asked for; fails
/// with the file that can't be written.
pub fn save_values(
    backup: &Path,
    values: &[GivenValues],
    force: bool,
) -> Result<Vec<ValuesFile>, (PathBuf, std::io::Error)> {
    let named = |given: &GivenValues| {
        let name = backup.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let file = backup.with_file_name(values_file(&name, given.revision));
        let there = std::fs::read(&file).is_ok_and(|there| there == given.yaml.as_bytes());
        match placed(&file, given.yaml.as_bytes(), force || there) {
            Ok(()) => Ok(ValuesFile { revision: given.revision, file }),
            Err(error) => Err((file, error)),
        }
    };
    values.iter().map(named).collect()
}

/// Reads a backup from a file, or from stdin.
pub fn read(path: &Path) -> Result<Backup, Failure> {
    let bytes = private_file::read(path, MAX_BACKUP, "backup")?;
    Backup::parse(&bytes).map_err(|error| {
        let failure = Failure::usage(format!("{} can't be read as a backup", shown(path))).because(&error);
        match error {
            BackupError::WrongVersion { .. } => failure.hint("a newer refloat may have saved it: update this one"),
            BackupError::WrongKind { kind: Some(kind) } if kind == BUNDLE_KIND => failure.hint(
                "a bundle is there to be read: its secrets are redacted, so that nothing can be put back from it",
            ),
            _ => failure.hint("refloat backup RELEASE -o FILE saves one, and every fix does"),
        }
    })
}

/// A backup as a file holds it.
pub fn bytes(backup: &Backup) -> Result<Vec<u8>, Failure> {
    let text = serde_json::to_vec_pretty(backup);
    text.map_err(|error| Failure::new(Exit::Bug, "the backup can't be written").because(error))
}
