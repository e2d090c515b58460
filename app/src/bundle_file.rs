//! Bundles as files: packed, for their owner's eyes only, and never in the place of another file by mistake.

use std::fmt::Display;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use refloat_core::bundle::{Bundle, BundleError, MAX_BUNDLE};
use refloat_core::report::one_line;

use crate::error::Failure;
use crate::exit::Exit;

/// Stands for stdin and stdout.
pub const STREAM: &str = "-";

/// Reads a bundle from a file, or from stdin.
pub fn read(path: &Path) -> Result<Bundle, Failure> {
    let shown = if path == Path::new(STREAM) { "stdin".to_owned() } else { one_line(&path.display().to_string()) };
    let unread = |error: std::io::Error| Failure::usage(format!("the bundle {shown} can't be read")).because(error);
    let most = u64::try_from(MAX_BUNDLE).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = if path == Path::new(STREAM) {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.map_err(unread)?;
    Bundle::from_bytes(&bytes).map_err(|error| {
        let failure = Failure::usage(format!("{shown} can't be read as a bundle")).because(&error);
        match error {
            BundleError::WrongVersion { .. } => failure.hint("a newer refloat may have saved it: update this one"),
            _ => failure.hint("refloat bundle RELEASE -o FILE saves one"),
        }
    })
}

/// A bundle as a file holds it: packed, unless the file's name says that it is JSON.
pub fn bytes(path: &Path, bundle: &Bundle) -> Result<Vec<u8>, Failure> {
    let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let bytes = if json { bundle.to_json().map(String::into_bytes) } else { bundle.to_gzip() };
    bytes.map_err(|error| Failure::new(Exit::Bug, error))
}

/// Writes a bundle as [`store`] does.
pub fn save(path: &Path, bytes: &[u8], force: bool) -> Result<(), Failure> {
    store("bundle", path, bytes, force)
}

/// Writes a file whole or not at all, readable by its owner only. Another file is replaced only if that was asked for.
pub fn store(what: &str, path: &Path, bytes: &[u8], force: bool) -> Result<(), Failure> {
    let shown = one_line(&path.display().to_string());
    let broken = |error: &dyn Display| {
        Failure::usage(format!("the {what} can't be written to {shown}"))
            .because(error)
            .hint("name another file with -o")
    };
    match std::fs::metadata(path) {
        Ok(there) if !there.is_file() => return Err(broken(&"it is no file")),
        Ok(_) if !force => return Err(exists(&shown)),
        _ => {}
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".refloat-").tempfile_in(folder).map_err(|error| broken(&error))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(|error| broken(&error))?;
    let kept = if force { file.persist(path) } else { file.persist_noclobber(path) };
    match kept {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Err(exists(&shown)),
        Err(error) => Err(broken(&error.error)),
    }
}

fn exists(shown: &str) -> Failure {
    Failure::new(Exit::Refused, format!("{shown} is there already; nothing was written"))
        .hint("--force replaces it; -o names another file")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use refloat_core::bundle::Server;
    use refloat_core::record::Driver;

    fn bundle() -> Bundle {
        Bundle::new(Driver::Secret, Vec::new(), jiff::Timestamp::UNIX_EPOCH, Server::default())
    }

    #[test]
    fn files_are_private_and_never_replaced_by_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bundle");
        let packed = bytes(&path, &bundle()).unwrap();
        save(&path, &packed, false).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path).unwrap(), bundle());
        assert_eq!(save(&path, b"other", false).unwrap_err().exit, Exit::Refused);
        assert_eq!(read(&path).unwrap(), bundle());
        let json = folder.path().join("a.json");
        assert!(bytes(&json, &bundle()).unwrap().starts_with(b"{"));
        save(&path, &bytes(&json, &bundle()).unwrap(), true).unwrap();
        assert_eq!(read(&path).unwrap(), bundle());
        assert_eq!(save(folder.path(), b"x", true).unwrap_err().exit, Exit::Usage);
        assert_eq!(save(&folder.path().join("no/such"), b"x", true).unwrap_err().exit, Exit::Usage);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn other_files_are_named_for_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bundle");
        let newer = br#"{"kind": "Bundle", "apiVersion": "refloat.dev/v2"}"#;
        let table: [(&[u8], &str); 4] = [
            (b"", "the file is no JSON object"),
            (b"\x1f\x8b\x08", "the file is gzip, and corrupt or cut off"),
            (b"kind: Pod", "the file is no JSON object"),
            (newer, "the bundle's version is refloat.dev/v2; this refloat reads refloat.dev/v1"),
        ];
        for (text, why) in table {
            std::fs::write(&path, text).unwrap();
            let failure = read(&path).unwrap_err();
            assert_eq!((failure.exit, failure.cause.as_deref()), (Exit::Usage, Some(why)));
        }
        assert_eq!(read(&folder.path().join("none")).unwrap_err().exit, Exit::Usage);
    }
}
