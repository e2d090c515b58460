//! What earlier runs found out, so that a long run can be cut into several.
use super::run::Verdict;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The good verdicts of one refloat, one a line. What another build did proves nothing of this one, and what failed is tried again.
#[derive(Default)]
pub struct Ledger {
    known: BTreeMap<String, Value>,
    file: Option<Mutex<File>>,
    refloat: String,
}

impl Ledger {
    /// Takes the file, which need not be there, and the refloat that is proven.
    pub fn open(path: Option<&Path>, refloat: &Path) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let digest = Sha256::digest(fs::read(refloat)?);
        let refloat: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            other => other.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let ours = lines.into_iter().filter(|line| line["refloat"] == *refloat);
        let known = ours.filter_map(|line| Some((line["case"].as_str()?.to_owned(), line))).collect();
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { known, file: Some(Mutex::new(file)), refloat })
    }

    /// The verdict on a case: that of an earlier run, or a new one, which is noted.
    pub fn once<C: Clone + fmt::Display>(&self, case: &C, judge: impl FnOnce() -> Verdict<C>) -> Result<Verdict<C>> {
        if let Some(known) = self.known.get(&case.to_string()) {
            let left = known["left"].as_str().unwrap_or_default().to_owned();
            let took = Duration::from_secs_f64(known["seconds"].as_f64().unwrap_or_default());
            let stuck = known["stuck"].as_bool().context("a line of the log without `stuck`")?;
            return Ok(Verdict { case: case.clone(), left, stuck, faults: Vec::new(), took });
        }
        let verdict = judge();
        if let Some(file) = self.file.as_ref().filter(|_| verdict.is_good()) {
            let line = json!({
                "refloat": self.refloat, "case": case.to_string(), "left": verdict.left, "stuck": verdict.stuck,
                "seconds": verdict.took.as_secs_f64(),
            });
            writeln!(file.lock().unwrap_or_else(PoisonError::into_inner), "{line}")?;
        }
        Ok(verdict)
    }
}
