//! Files for their owner's eyes only: written whole or not at all, and never in the place of another one by mistake.

use std::fmt::Display;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use refloat_core::report::one_line;

use crate::error::Failure;
use crate::exit::Exit;

/// Stands for stdin and stdout.
pub const STREAM: &str = "-";

/// How a file is called in messages.
pub fn shown(path: &Path) -> String {
    if path == Path::new(STREAM) { "stdin".to_owned() } else { one_line(&path.display().to_string()) }
}

/// Reads a file, or stdin, and no more of it than `most` bytes and one. Takes what it should be, for messages.
pub fn read(path: &Path, most: usize, what: &str) -> Result<Vec<u8>, Failure> {
    let most = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = if path == Path::new(STREAM) {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Failure::usage(format!("the {what} {} can't be read", shown(path))).because(error)),
    }
}

/// Writes one. Another file is replaced only if that was asked for.
pub fn save(path: &Path, bytes: &[u8], force: bool, what: &str) -> Result<(), Failure> {
    free(path, force, what)?;
    placed(path, bytes, force).map_err(|error| unsaved(path, &error, what))
}

/// Whether one may be written there: nothing is, or it is a file that may be replaced.
pub fn free(path: &Path, force: bool, what: &str) -> Result<(), Failure> {
    match std::fs::metadata(path) {
        Ok(there) if !there.is_file() => Err(broken(path, &"it is no file", what)),
        Ok(_) if !force => Err(exists(&shown(path))),
        _ => Ok(()),
    }
}

/// Why one couldn't be written.
pub fn unsaved(path: &Path, error: &std::io::Error, what: &str) -> Failure {
    match error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(&shown(path)),
        _ => broken(path, error, what),
    }
}

fn broken(path: &Path, error: &dyn Display, what: &str) -> Failure {
    Failure::usage(format!("the {what} can't be written to {}", shown(path)))
        .because(error)
        .hint("name another file with -o")
}

/// Writes to a file of another name beside it, which takes its place once it is whole and on the disk.
pub fn placed(path: &Path, bytes: &[u8], force: bool) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".refloat-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    let kept = if force { file.persist(path) } else { file.persist_noclobber(path) };
    kept.map(drop).map_err(|error| error.error)
}

fn exists(shown: &str) -> Failure {
    Failure::new(Exit::Refused, format!("{shown} is there already; nothing was written"))
        .hint("--force replaces it; -o names another file")
}
