//! Ever more small records: time and memory must grow with the releases, and memory stay small.
use super::measure::{measure, memory, time};
use super::seed::{Wanted, pattern, write};
use crate::say;
use anyhow::{Result, ensure};
use bed::{Major, Namespace};
use refloat_core::record::Status;
use std::path::Path;
use std::process::Command;

/// Memory that `list -A` may take on the largest cluster.
const LIMIT: u64 = 150_000_000;
/// Revisions of a release.
const REVISIONS: u64 = 10;

/// Seeds step by step, measures, prints.
pub fn run(refloat: &Path, runs: usize) -> Result<()> {
    let bed = super::bed()?;
    let (pattern, _) = pattern(&bed, Major::V4, 800)?;
    let ns = Namespace::existing(&bed, "default");
    let command = |args: &'static [&'static str]| {
        let ns = &ns;
        move || -> Result<Command> {
            let mut command = Command::new(refloat);
            ns.set_env(command.args(args))?;
            Ok(command)
        }
    };
    say("| records | releases | list -A | peak memory | list -A --pending | peak memory |\n|---|---|---|---|---|---|")?;
    let mut releases = 0;
    for records in [1_000, 10_000, 50_000] {
        let wanted = records / REVISIONS;
        let more: Vec<Wanted<'_>> = (releases..wanted)
            .flat_map(|index| (1..=REVISIONS).map(move |revision| (index, revision)))
            .map(|(index, revision)| {
                let status = if revision == REVISIONS { Status::Deployed } else { Status::Superseded };
                Wanted {
                    pattern: &pattern,
                    namespace: format!("grow-{}", index % 50),
                    release: format!("r{index}"),
                    revision,
                    status,
                }
            })
            .collect();
        write(&bed, &more)?;
        releases = wanted;
        let all = measure("refloat list -A", runs, command(&["list", "-A"]))?;
        let pending = measure("refloat list -A --pending", runs, command(&["list", "-A", "--pending"]))?;
        let cells = [time(all.median()), memory(all.memory), time(pending.median()), memory(pending.memory)];
        say(&format!("| {records} | {releases} | {} |", cells.join(" | ")))?;
        ensure!(all.memory <= LIMIT, "list -A took {}, more than {}", memory(all.memory), memory(LIMIT));
    }
    Ok(())
}
