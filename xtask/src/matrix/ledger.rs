//! What earlier runs found out, so that a long run can be cut into several.
use super::means::Means;
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

/// Verdicts, one a line. Those of another refloat prove nothing of this one, and what failed with this one is tried again.
#[derive(Default)]
pub struct Ledger {
    known: BTreeMap<(String, String), Value>,
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
        let named = |line: &Value, field: &str| line[field].as_str().map(str::to_owned);
        let keyed = |line: Value| Some(((named(&line, "refloat")?, named(&line, "case")?), line));
        let known = lines.into_iter().filter_map(keyed).collect();
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { known, file: Some(Mutex::new(file)), refloat })
    }

    /// Whether an earlier run found out about a case.
    pub fn knows(&self, means: Means, case: &impl fmt::Display) -> bool {
        self.known.contains_key(&self.key(means, case))
    }

    /// Each `step`-th case, and those that are known.
    pub fn some<C: fmt::Display>(&self, means: Means, cases: impl IntoIterator<Item = C>, step: usize) -> Vec<C> {
        let cases = cases.into_iter().enumerate();
        let chosen = cases.filter(|(index, case)| index % step.max(1) == 0 || self.knows(means, case));
        chosen.map(|(_, case)| case).collect()
    }

    fn key(&self, means: Means, case: &impl fmt::Display) -> (String, String) {
        let by = if means == Means::Refloat { self.refloat.clone() } else { means.to_string() };
        (by, case.to_string())
    }

    /// The verdict on a case, and what else is to be known of it: that of an earlier run, or a new one, which is noted.
    pub fn once<C: Clone + fmt::Display>(
        &self,
        means: Means,
        case: &C,
        judge: impl FnOnce() -> (Verdict<C>, Value),
    ) -> Result<(Verdict<C>, Value)> {
        let key = self.key(means, case);
        if let Some(known) = self.known.get(&key) {
            return Ok((
                verdict(case, known).with_context(|| format!("what the log says of {case}"))?,
                known["more"].clone(),
            ));
        }
        let (verdict, more) = judge();
        if let Some(file) = self.file.as_ref().filter(|_| verdict.is_good() || means != Means::Refloat) {
            let line = json!({
                "refloat": key.0, "case": key.1, "left": verdict.left, "stuck": verdict.stuck, "faults": verdict.faults,
                "seconds": verdict.took.as_secs_f64(), "more": more,
            });
            writeln!(file.lock().unwrap_or_else(PoisonError::into_inner), "{line}")?;
        }
        Ok((verdict, more))
    }
}

fn verdict<C: Clone>(case: &C, line: &Value) -> Result<Verdict<C>> {
    // Lines of good verdicts have not always had faults.
    let faults = line["faults"].as_array().into_iter().flatten();
    let faults = faults.map(|fault| Ok(fault.as_str().context("a fault")?.to_owned())).collect::<Result<_>>()?;
    Ok(Verdict {
        case: case.clone(),
        left: line["left"].as_str().context("`left`")?.to_owned(),
        stuck: line["stuck"].as_bool().context("`stuck`")?,
        faults,
        took: Duration::try_from_secs_f64(line["seconds"].as_f64().context("`seconds`")?)?,
    })
}
