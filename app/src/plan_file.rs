//! Saved plans as files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use refloat_core::plan::{MAX_SAVED, SavedError, SavedPlan};
use refloat_core::report::one_line;

use crate::error::Failure;
use crate::exit::Exit;
use crate::private_file;

/// Reads one.
pub fn read(path: &Path) -> Result<SavedPlan, Failure> {
    let shown = one_line(&path.display().to_string());
    let most = u64::try_from(MAX_SAVED).unwrap_or(u64::MAX);
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(most).read_to_string(&mut text));
    read.map_err(|error| Failure::usage(format!("the plan {shown} can't be read")).because(error))?;
    SavedPlan::parse(&text).map_err(|error| {
        let failure = Failure::usage(format!("{shown} can't be read as a saved plan")).because(&error);
        match error {
            SavedError::WrongVersion(_) => {
                failure.hint("another version of refloat saved it: save it anew with this one")
            }
            _ => failure.hint("refloat plan RELEASE -o FILE saves one"),
        }
    })
}

/// Writes one whole or not at all, readable by its owner only. Another file is replaced only if that was asked for.
pub fn save(path: &Path, plan: &SavedPlan, force: bool) -> Result<(), Failure> {
    let broken = |error| Failure::new(Exit::Bug, "the plan can't be written").because(error);
    let mut text = serde_json::to_vec_pretty(plan).map_err(broken)?;
    text.push(b'\n');
    private_file::save(path, &text, force, "plan")
}
