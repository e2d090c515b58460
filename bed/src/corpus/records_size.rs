//! Records near the mebibyte that a Secret may hold.
use super::objects::{config_map, hook};
use super::{Case, Scenario, V3, calm, scenario, stale};
use crate::Live;
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::Path;

const LIMIT: usize = 1 << 20;
/// So many bytes that don't compress make a record of a little over a million bytes.
const LARGE: usize = 750_000;

pub(super) const ALL: &[Scenario] = &[
    scenario(
        "nearly-1-mib",
        "deployed, with a record of nearly 1 MiB: the next upgrade's could not be stored",
        calm(&["nearly-1-mib"]).field('k'),
        nearly,
    ),
    scenario(
        "over-1-mib-killed-by-size",
        "install done, but with its hooks' times the record is over 1 MiB: its last write was refused",
        stale(
            "install",
            &["final-write", "post-hooks", "supersede"],
            &["over-1-mib", "nearly-1-mib", "record-write-refused"],
        )
        .also(&["over-1-mib"])
        .field('k'),
        over,
    )
    .only(V3),
];

/// Puts a file into a chart that compresses badly: the same one for the same length.
fn pad(chart: &str, length: usize) -> Result<()> {
    let mut noise = Vec::with_capacity(length + 64);
    for block in 0_u64.. {
        if noise.len() >= length {
            break;
        }
        noise.extend_from_slice(&Sha256::digest(block.to_le_bytes()));
    }
    noise.truncate(length);
    let files = Path::new(chart).join("files");
    fs::create_dir_all(&files)?;
    Ok(fs::write(files.join("dashboards.bin"), noise)?)
}

/// The bytes of a record's payload as the API server counts them.
fn size(case: &Case<'_>, revision: u32) -> Result<usize> {
    let secret = case.ns.get(&case.secret(revision))?;
    Ok(STANDARD.decode(secret["data"]["release"].as_str().context("a record without payload")?)?.len())
}

fn nearly(case: &Case<'_>) -> Result<Option<Live>> {
    let chart = case.chart(1, &case.app(1, "ready"))?;
    pad(&chart, LARGE)?;
    case.ns.helm(case.major, ["install", case.release, &chart, "--wait", "--timeout", "90s"])?.ok()?;
    let size = size(case, 1)?;
    ensure!(size > LIMIT * 9 / 10, "the record has only {size} bytes");
    let mut next = case.app(2, "ready");
    next.push(config_map("web-more", "2"));
    let chart = case.chart(2, &next)?;
    pad(&chart, LARGE + 40_000)?;
    let error = case.ns.helm(case.major, ["upgrade", case.release, &chart])?.failed()?;
    ensure!(error.contains("may not be more than 1048576 bytes") || error.contains("Too long"), "{error}");
    case.expect("1:deployed")?;
    Ok(None)
}

fn hooks(case: &Case<'_>) -> Vec<Value> {
    let hooks = (0..4).map(|number| hook(&format!("web-step-{number}"), "post-install", "completes", 1));
    case.app(1, "ready").into_iter().chain(hooks).collect()
}

/// The record of an install with this padding; `None` if it was too large to be created.
fn attempt(case: &Case<'_>, padding: usize) -> Result<Option<usize>> {
    let chart = case.chart(1, &hooks(case))?;
    pad(&chart, padding)?;
    let fault = format!("POST~/{}:kill-after", case.secret(1));
    case.ns.helm_with_faults(case.major, &[&fault], ["install", case.release, &chart])?.sure()?;
    let found = case.ns.find(&case.secret(1))?.is_some();
    let size = if found { Some(size(case, 1)?) } else { None };
    case.ns.delete(&case.secret(1))?;
    case.gone(&case.secret(1))?;
    Ok(size)
}

fn over(case: &Case<'_>) -> Result<Option<Live>> {
    let small = attempt(case, LARGE)?.context("a record that was to be small enough")?;
    // Each byte of padding is four thirds of one in the record; what the hooks add is some 100 bytes.
    let mut padding = LARGE + (LIMIT - 40 - small) * 3 / 4;
    while attempt(case, padding)?.is_none() {
        padding -= 30;
    }
    let chart = case.chart(1, &hooks(case))?;
    pad(&chart, padding)?;
    // Helm says that all is well, and its record says that it isn't.
    case.ns.helm(case.major, ["install", case.release, &chart, "--wait", "--timeout", "90s"])?;
    case.expect("1:pending-install")?;
    Ok(None)
}
