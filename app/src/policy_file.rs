//! The policy's file: the one that is named, else the first that is there.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use refloat_core::policy::{MAX_POLICY, Policy, parse_policy};
use refloat_core::report::one_line;

use crate::error::Failure;

/// What a policy's file is called.
const NAME: &str = "refloat.yaml";

/// Reads the file that is named, else `./refloat.yaml`, else `refloat/refloat.yaml` in the user's config folder; without any of them
/// nothing is said.
pub fn load(named: Option<&Path>) -> Result<Policy, Failure> {
    match named {
        Some(path) => read(path)?.ok_or_else(|| unread(path, &"there is no such file")),
        None => {
            for path in places() {
                if let Some(policy) = read(&path)? {
                    return Ok(policy);
                }
            }
            Ok(Policy::default())
        }
    }
}

fn places() -> Vec<PathBuf> {
    let config = etcetera::choose_base_strategy().ok().map(|strategy| strategy.config_dir());
    let users = config.map(|config| config.join("refloat").join(NAME));
    std::iter::once(PathBuf::from(NAME)).chain(users).collect()
}

/// Reads one; `None` if it isn't there.
fn read(path: &Path) -> Result<Option<Policy>, Failure> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| unread(path, &error))?,
    };
    if text.len() > MAX_POLICY {
        return Err(unread(path, &format!("it has more than {MAX_POLICY} bytes")));
    }
    let by = one_line(&path.display().to_string());
    parse_policy(&text, &by).map(Some).map_err(|fault| {
        Failure::usage(format!("the policy {by} can't be used: {fault}"))
            .hint("docs/policy.md tells what it may say; nothing is done by half a policy")
    })
}

fn unread(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("the policy {} can't be read", one_line(&path.display().to_string()))).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_file_that_is_named_must_be_there_and_make_sense() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.yaml");
        let missing = load(Some(&path)).unwrap_err();
        assert_eq!((missing.exit, missing.cause.as_deref()), (Exit::Usage, Some("there is no such file")));
        std::fs::write(&path, "rollback: never\n").unwrap();
        let policy = load(Some(&path)).unwrap();
        assert_eq!(policy.rules()[0].by, path.display().to_string());
        std::fs::write(&path, "rollback: never\nrolback: ask\n").unwrap();
        let wrong = load(Some(&path)).unwrap_err();
        assert_eq!(wrong.exit, Exit::Usage);
        assert!(wrong.message.contains("line 2: unknown key \"rolback\""), "{}", wrong.message);
        assert_eq!(load(Some(folder.path())).unwrap_err().exit, Exit::Usage);
    }
}
