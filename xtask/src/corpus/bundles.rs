//! Bundles of the scenarios, and their labels beside them.
use super::judge::Answer;
use super::make::Makes as _;
use super::refloat::Refloat;
use crate::private;
use anyhow::{Context as _, Result};
use bed::Namespace;
use bed::corpus::Asker;
use refloat_core::bundle::Bundle;
use serde_json::json;
use std::fs;
use std::path::Path;

/// Writes the bundle of a namespace's release, and gives the file's name. It must tell nothing of the machine.
pub fn write(refloat: &Refloat, dir: &Path, name: &str, ns: &Namespace<'_>, asker: Asker) -> Result<String> {
    fs::create_dir_all(dir)?;
    let dir = dir.canonicalize()?;
    let file = format!("{name}.bundle");
    let path = dir.join(&file);
    if path.exists() {
        fs::remove_file(&path)?;
    }
    refloat.bundle(ns, asker, &path)?;
    let packed = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let bundle = Bundle::from_bytes(&packed)?;
    private::check(ns.bed, &bundle.to_json()?)?;
    for record in &bundle.records {
        // What can't be unpacked is damaged on purpose, and stands in the JSON as it is.
        if let Ok(inner) = record.inner() {
            private::check(ns.bed, &String::from_utf8_lossy(&inner))?;
        }
    }
    Ok(file)
}

/// Writes `labels.json`: what a right diagnosis of each bundle says, and which ones are known to be diagnosed wrongly.
pub fn write_labels(dir: &Path, answers: &[Answer]) -> Result<()> {
    let labels: Vec<_> = answers
        .iter()
        .filter_map(|answer| {
            let (scenario, label) = (answer.run.scenario, answer.run.scenario.label);
            Some(json!({
                "bundle": answer.bundle.as_ref()?,
                "scenario": answer.run.name(),
                "words": scenario.words,
                "operation": label.operation,
                "phase": label.phase,
                "liveness": label.liveness,
                "causes": label.causes,
                "also": label.also,
                "fieldCase": label.field_case,
                "knownWrong": answer.wrong(),
            }))
        })
        .collect();
    let text = serde_json::to_string_pretty(&labels)? + "\n";
    fs::write(dir.join("labels.json"), text).context("cannot write labels.json")
}
