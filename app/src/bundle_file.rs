//! Bundles as files: packed, for their owner's eyes only, and never in the place of another file by mistake.

use std::path::Path;

use refloat_core::bundle::{Bundle, BundleError, MAX_BUNDLE};

use crate::error::Failure;
use crate::exit::Exit;
pub use crate::private_file::STREAM;
use crate::private_file::{self, shown};

/// Reads a bundle from a file, or from stdin.
pub fn read(path: &Path) -> Result<Bundle, Failure> {
    let bytes = private_file::read(path, MAX_BUNDLE, "bundle")?;
    Bundle::from_bytes(&bytes).map_err(|error| {
        let failure = Failure::usage(format!("{} can't be read as a bundle", shown(path))).because(&error);
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

/// Writes it whole or not at all, readable by its owner only. Another file is replaced only if that was asked for.
pub fn save(path: &Path, bytes: &[u8], force: bool) -> Result<(), Failure> {
    private_file::save(path, bytes, force, "bundle")
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
