//! Records in bulk: real Helm writes one of each size, the rest are copies under other names and revisions.
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bed::{Bed, Major};
use refloat_core::record::{DEFAULT_LIMIT, Document, InfoEdit, Status, decode, encode, key_of};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Mutex;
use std::{fs, thread};

/// Writers at once: as many as make the API server of a small machine busy.
const WRITERS: usize = 4;

/// A record real Helm wrote, to be copied.
pub struct Pattern {
    payload: String,
    name: String,
}

/// A record to write.
pub struct Wanted<'a> {
    /// What it is a copy of.
    pub pattern: &'a Pattern,
    /// Where.
    pub namespace: String,
    /// The release.
    pub release: String,
    /// The revision.
    pub revision: u64,
    /// The status.
    pub status: Status,
}

/// Installs a chart of about so many bytes of text with real Helm; gives the record and the size it is stored with.
pub fn pattern(bed: &Bed, major: Major, text: usize) -> Result<(Pattern, usize)> {
    let ns = bed.namespace("pattern")?;
    let chart = bed.address.dir.join(format!("chart-{text}"));
    if !chart.exists() {
        write_chart(&chart, text)?;
    }
    let name = "pattern".to_owned();
    ns.helm(major, ["install", &name, &chart.to_string_lossy()])?.ok()?;
    let secret = ns.get(&format!("secrets/{}", key_of(&name, 1)))?;
    let inner = STANDARD.decode(secret["data"]["release"].as_str().context("a record without payload")?)?;
    let payload = String::from_utf8(decode(&inner, DEFAULT_LIMIT)?)?;
    Ok((Pattern { payload, name }, inner.len()))
}

/// A chart whose templates are that much text, about as repetitive as YAML is.
fn write_chart(dir: &Path, bytes: usize) -> Result<()> {
    fs::create_dir_all(dir.join("templates"))?;
    fs::write(dir.join("Chart.yaml"), "apiVersion: v2\nname: bench\nversion: 1.0.0\nappVersion: \"1.0\"\n")?;
    let mut state = 1_u64;
    for part in 0..bytes.div_ceil(16_384) {
        let mut text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: part-{part}\ndata:\n");
        for line in 0.. {
            if text.len() >= 16_384.min(bytes) {
                break;
            }
            // xorshift: text that is the same on every machine.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text.push_str(&format!(
                "  key-{line}: \"path/{}/metric-{:x}-total and some words about it\"\n",
                line % 7,
                state >> 24
            ));
        }
        fs::write(dir.join("templates").join(format!("part-{part}.yaml")), text)?;
    }
    Ok(())
}

impl Wanted<'_> {
    /// The record as a Secret.
    fn secret(&self) -> Result<Value> {
        let Self { pattern, namespace, release, revision, status } = self;
        let named =
            pattern.payload.replacen(&format!("\"name\":\"{}\"", pattern.name), &format!("\"name\":\"{release}\""), 1);
        let (head, tail) =
            named.rsplit_once("\"version\":1,\"namespace\":\"").context("a payload without version and namespace")?;
        let rest = tail.split_once('"').context("a payload cut off")?.1;
        let payload = format!("{head}\"version\":{revision},\"namespace\":\"{namespace}\"{rest}");
        let edit = InfoEdit { status: Some(*status), ..InfoEdit::default() };
        let document = Document::parse(payload.into_bytes())?.edit(&edit)?;
        Ok(json!({
            "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
            "metadata": {"name": key_of(release, *revision), "labels":
                {"name": release, "owner": "helm", "status": status.as_str(), "version": revision.to_string(), "modifiedAt": "1795000000"}},
            "data": {"release": STANDARD.encode(encode(document.bytes()))},
        }))
    }
}

/// Writes them all, making their namespaces first.
pub fn write(bed: &Bed, wanted: &[Wanted<'_>]) -> Result<()> {
    let mut namespaces: Vec<&str> = wanted.iter().map(|one| one.namespace.as_str()).collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    for name in namespaces {
        if bed.api.find(&format!("/api/v1/namespaces/{name}"))?.is_none() {
            bed.api.post("/api/v1/namespaces", &json!({"metadata": {"name": name}}))?;
        }
    }
    let queue = Mutex::new(wanted.iter());
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    while let Some(one) = next() {
                        bed.api.post(&format!("/api/v1/namespaces/{}/secrets", one.namespace), &one.secret()?)?;
                    }
                    Ok(())
                })
            })
            .collect();
        for writer in writers {
            match writer.join() {
                Ok(result) => result?,
                Err(_) => anyhow::bail!("a writer broke"),
            }
        }
        Ok(())
    })
}

/// Complains if a size isn't what the benchmark promises.
pub fn within(stored: usize, range: std::ops::RangeInclusive<usize>) -> Result<()> {
    ensure!(range.contains(&stored), "the pattern takes {stored} bytes, not {range:?}: mend the chart's size");
    Ok(())
}
