//! Refloat as its users run it.
use crate::refloat_binary;
use anyhow::{Context as _, Result, ensure};
use bed::Namespace;
use bed::corpus::{Asker, RELEASE};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Condvar, Mutex, PoisonError};

/// How many run at a time: more would only wait for each other on a small machine.
const AT_A_TIME: usize = 3;

/// The binary, and how many more of it may run now.
pub struct Refloat {
    binary: PathBuf,
    free: Mutex<usize>,
    freed: Condvar,
}

/// What it said of a release.
#[derive(Clone, Debug, Default)]
pub struct Got {
    /// The operation's kind.
    pub operation: String,
    /// The phase.
    pub phase: String,
    /// Why it is taken to be that one.
    pub because: String,
    /// The verdict on liveness.
    pub liveness: String,
    /// Its reasons.
    pub reasons: Vec<String>,
    /// The causes' codes, the top one first.
    pub causes: Vec<String>,
    /// The top cause's evidence.
    pub evidence: Vec<String>,
    /// Each object and hook with its state.
    pub states: Vec<String>,
}

impl Refloat {
    /// The given one, or the one of this checkout, which is built.
    pub fn find(given: Option<&Path>) -> Result<Self> {
        let binary = refloat_binary(given)?;
        Ok(Self { binary, free: Mutex::new(AT_A_TIME), freed: Condvar::new() })
    }

    /// Diagnoses the corpus's release of a namespace.
    pub fn diagnose(&self, ns: &Namespace<'_>, asker: Asker) -> Result<Got> {
        let output = self.run(ns, asker, &["diagnose", RELEASE, "--namespace", &ns.name, "--output", "json"])?;
        let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let json = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("refloat ended with {} and no JSON: {complaint}", output.status))?;
        Ok(Got::of(&json))
    }

    /// Writes a bundle of it.
    pub fn bundle(&self, ns: &Namespace<'_>, asker: Asker, file: &Path) -> Result<()> {
        let file = file.to_str().context("a path that isn't text")?;
        let output = self.run(ns, asker, &["bundle", RELEASE, "--namespace", &ns.name, "--output", file])?;
        let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        ensure!(Path::new(file).exists(), "refloat ended with {} and no bundle: {complaint}", output.status);
        Ok(())
    }

    fn run(&self, ns: &Namespace<'_>, asker: Asker, args: &[&str]) -> Result<Output> {
        let mut command = Command::new(&self.binary);
        command.args(args);
        if asker == Asker::Deployer {
            command.args(["--as", &format!("deployer-{}", ns.name)]);
        }
        ns.set_env(&mut command)?;
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        drop(free);
        let output = command.output();
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.freed.notify_one();
        Ok(output?)
    }
}

impl Got {
    fn of(json: &Value) -> Self {
        let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let texts = |pointer: &str, key: &str| {
            let list = json.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
            let texts = list.map(|item| if key.is_empty() { item } else { &item[key] });
            texts.map(|text| text.as_str().map_or_else(|| text.to_string(), str::to_owned)).collect()
        };
        let states = |pointer: &str| {
            let list = json.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
            let word = |item: &Value, key: &str| item[key].to_string().replace('"', "");
            let state = |item: &Value| {
                format!(
                    "{}/{}: {}, ready {}",
                    word(item, "kind"),
                    word(item, "name"),
                    word(item, "state"),
                    word(item, "ready")
                )
            };
            list.map(state).collect::<Vec<_>>()
        };
        Self {
            states: [states("/objects"), states("/hooks")].concat(),
            operation: text("/operation/kind"),
            phase: text("/operation/phase"),
            because: text("/operation/because"),
            liveness: text("/liveness/verdict"),
            reasons: texts("/liveness/reasons", ""),
            causes: texts("/causes", "code"),
            evidence: texts("/causes/0/evidence", ""),
        }
    }
}
