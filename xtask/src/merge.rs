//! `cargo xtask merge-parity` and `merge-table`: the core's three-way merge against Kubernetes' own.
use crate::{say, workspace};
use anyhow::{Context as _, Result, ensure};
use bed::merge::{Outcome, Triple, compare, table};
use clap::Args;
use refloat_core::merge::{Kind, merge};

/// Compare the core's three-way merge with Kubernetes' own Go code on made-up objects of every built-in kind.
#[derive(Args)]
pub struct MergeParity {
    /// How many triples of old manifest, new manifest and live object.
    #[arg(long, default_value_t = 100_000)]
    count: usize,
    /// What they depend on.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl MergeParity {
    /// Compares, prints the first difference as small as it gets, and fails on any.
    pub fn run(&self) -> Result<()> {
        let report = compare(self.count, self.seed, merged)?;
        say(&format!(
            "{} triples in {:.1} s: {} differences ({} errors, {} unchanged)",
            report.count,
            report.time.as_secs_f32(),
            report.differences,
            report.errors,
            report.unchanged
        ))?;
        if let Some((triple, outcome)) = &report.first {
            say(&format!("{}\nhere: {}", serde_json::to_string(triple)?, serde_json::to_string(outcome)?))?;
        }
        ensure!(report.differences == 0, "the merge differs from Kubernetes'");
        Ok(())
    }
}

fn merged(triple: &Triple) -> Outcome {
    let kind = Kind { api_version: &triple.api_version, kind: &triple.kind };
    match merge(kind, Some(&triple.original), &triple.modified, &triple.current) {
        Ok(merged) => Outcome::Merged(merged),
        Err(fault) => Outcome::Error(fault.to_string()),
    }
}

/// Write the table of merge keys anew from Kubernetes' API types.
#[derive(Args)]
pub struct MergeTable {}

impl MergeTable {
    /// Writes it.
    pub fn run(&self) -> Result<()> {
        let file = workspace().join("core/src/merge/schema.txt");
        std::fs::write(&file, table()?).with_context(|| format!("cannot write {}", file.display()))?;
        say(&format!("wrote {}", file.display()))
    }
}
