//! What is checked in must tell nothing of the machine it was made on.
use crate::workspace;
use anyhow::{Result, ensure};
use bed::Bed;
use std::{env, fs};

/// Fails if the text names the bed, the checkout, the machine or the user.
pub fn check(bed: &Bed, text: &str) -> Result<()> {
    let mut private = vec![bed.address.dir.to_string_lossy().into_owned(), bed.address.server.clone()];
    private.push(workspace().canonicalize()?.to_string_lossy().into_owned());
    private.extend(["HOME", "HOSTNAME", "USER"].iter().filter_map(|name| env::var(name).ok()));
    private.extend(fs::read_to_string("/etc/hostname").ok().map(|name| name.trim().to_owned()));
    for word in private.iter().filter(|word| word.len() > 4) {
        ensure!(!text.contains(word.as_str()), "it would tell {word}");
    }
    Ok(())
}
