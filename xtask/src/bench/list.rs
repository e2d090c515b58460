//! 400 releases × 10 revisions: the cluster on which `helm list` takes half a minute.
use super::measure::{Cost, measure, memory, memory_ratio, ratio, time};
use super::seed::{Pattern, Wanted, pattern, within, write};
use crate::say;
use anyhow::{Result, ensure};
use bed::{Bed, Binary, Major, Namespace};
use refloat_core::record::Status;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const RELEASES: usize = 400;
const REVISIONS: u64 = 10;
/// One release in so many has big records: 15 %.
const BIG: std::ops::Range<usize> = 0..60;
/// A command's words.
type Words = &'static [&'static str];
/// Releases that end in a pending record.
const PENDING: [usize; 4] = [7, 77, 177, 277];

/// Seeds, measures, prints.
pub fn run(refloat: &Path, runs: usize) -> Result<()> {
    let bed = super::bed()?;
    if bed.api.find("/api/v1/namespaces/bench-0")?.is_none() {
        say("seeding 400 releases of 10 revisions …")?;
        seed(&bed)?;
    }
    let ns = Namespace::existing(&bed, "bench-0");
    let helm = |major: Major, args: &'static [&'static str]| {
        let ns = &ns;
        move || -> Result<Command> {
            let mut command = Command::new(if major == Major::V3 { Binary::Helm3 } else { Binary::Helm4 }.path()?);
            ns.set_env(command.args(args))?;
            Ok(command)
        }
    };
    let ours = |args: &'static [&'static str]| {
        let ns = &ns;
        move || -> Result<Command> {
            let mut command = Command::new(refloat);
            ns.set_env(command.args(args))?;
            Ok(command)
        }
    };
    same_work(
        &mut ours(&["list", "-A", "-o", "json"])()?,
        &mut helm(Major::V4, &["list", "-A", "--max", "0", "-o", "json"])()?,
    )?;
    let table: [(&str, Words, Words, Words); 4] = [
        ("list -A", &["list", "-A", "-a", "--max", "0"], &["list", "-A", "--max", "0"], &["list", "-A"]),
        (
            "list -A --pending",
            &["list", "-A", "--pending", "--max", "0"],
            &["list", "-A", "--pending", "--max", "0"],
            &["list", "-A", "--pending"],
        ),
        (
            "history (big)",
            &["history", "r0", "-n", "bench-0"],
            &["history", "r0", "-n", "bench-0"],
            &["history", "r0", "-n", "bench-0"],
        ),
        (
            "status (big)",
            &["status", "r0", "-n", "bench-0"],
            &["status", "r0", "-n", "bench-0"],
            &["status", "r0", "-n", "bench-0"],
        ),
    ];
    say("\n| command | helm 3 | helm 4 | refloat | times faster | times less memory |\n|---|---|---|---|---|---|")?;
    for (name, three, four, refloat) in table {
        let three = measure("helm3", runs, helm(Major::V3, three))?;
        let four = measure("helm4", runs, helm(Major::V4, four))?;
        let ours = measure("refloat", runs * 10, ours(refloat))?;
        row(name, &three, &four, &ours)?;
    }
    say(&format!(
        "\nmedian time and largest peak memory of {runs} runs (refloat: {}); ratios against the better Helm",
        runs * 10
    ))
}

fn row(name: &str, three: &Cost, four: &Cost, ours: &Cost) -> Result<()> {
    let cell = |cost: &Cost| format!("{} / {}", time(cost.median()), memory(cost.memory));
    let faster = ratio(three.median().min(four.median()).as_secs_f64(), ours.median().as_secs_f64());
    let leaner = memory_ratio(three.memory.min(four.memory), ours.memory);
    say(&format!("| {name} | {} | {} | {} | {faster} | {leaner} |", cell(three), cell(four), cell(ours)))
}

fn seed(bed: &Bed) -> Result<()> {
    let (mut big, mut small): (Vec<Pattern>, Vec<Pattern>) = (Vec::new(), Vec::new());
    for (major, text) in [(Major::V3, 980_000), (Major::V4, 1_080_000)] {
        let (pattern, stored) = pattern(bed, major, text)?;
        within(stored, 400_000..=500_000)?;
        big.push(pattern);
    }
    for (major, text) in [(Major::V3, 50_000), (Major::V4, 60_000)] {
        let (pattern, stored) = pattern(bed, major, text)?;
        within(stored, 20_000..=35_000)?;
        small.push(pattern);
    }
    let mut wanted = Vec::new();
    for index in 0..RELEASES {
        let patterns = if BIG.contains(&index) { &big } else { &small };
        let Some(pattern) = patterns.get(index % patterns.len()) else { continue };
        for revision in 1..=REVISIONS {
            let last = revision == REVISIONS;
            let status = match (last, PENDING.contains(&index)) {
                (true, true) => Status::PendingUpgrade,
                (true, false) => Status::Deployed,
                (false, true) if revision == REVISIONS - 1 => Status::Deployed,
                _ => Status::Superseded,
            };
            wanted.push(Wanted {
                pattern,
                namespace: format!("bench-{}", index % 20),
                release: format!("r{index}"),
                revision,
                status,
            });
        }
    }
    write(bed, &wanted)
}

/// Both must have found the same releases, or the comparison means nothing.
fn same_work(ours: &mut Command, theirs: &mut Command) -> Result<()> {
    let rows = |command: &mut Command| -> Result<Value> { Ok(serde_json::from_slice(&command.output()?.stdout)?) };
    let (ours, theirs) = (rows(ours)?, rows(theirs)?);
    let key = |value: &Value| {
        let mut list: Vec<String> = value.as_array().into_iter().flatten().map(Value::to_string).collect();
        list.sort();
        list
    };
    ensure!(key(&ours) == key(&theirs), "refloat and helm list different releases");
    Ok(())
}
