//! `cargo xtask capture-demo`: makes real trouble in a bed and saves its records as the bundle that `refloat demo` tells its
//! story on.
use crate::{private, say, workspace};
use anyhow::{Context as _, Result, ensure};
use bed::{Bed, Major, Options, Postgres, Trouble, chart};
use clap::Args;
use refloat_core::bundle::{Bundle, Server};
use refloat_core::record::{Driver, StoredRecord};
use serde_json::json;
use std::fs;

/// It is part of every `refloat`.
const LARGEST: usize = 150 << 10;
const REFUSAL: &str = "another operation (install/upgrade/rollback) is in progress";

/// Capture anew the incident that `refloat demo` is about.
#[derive(Args)]
pub struct CaptureDemo {}

const RELEASES: [(&str, &str, Major, Trouble); 9] = [
    ("shop", "checkout", Major::V4, Trouble::KilledWaitingForImage),
    ("shop", "payments", Major::V3, Trouble::RollbackKilled),
    ("shop", "storefront", Major::V3, Trouble::LastWriteMissing),
    ("shop", "cart", Major::V4, Trouble::None),
    ("platform", "metrics", Major::V4, Trouble::UninstallBlocked),
    ("platform", "ingress", Major::V3, Trouble::None),
    ("platform", "certs", Major::V4, Trouble::None),
    ("data", "ledger", Major::V3, Trouble::PayloadTruncated),
    ("data", "warehouse", Major::V4, Trouble::None),
];

impl CaptureDemo {
    /// Does it.
    pub fn run(self) -> Result<()> {
        let bed = Bed::start(&Options { postgres: Postgres::No, dir: None })?;
        for namespace in ["shop", "platform", "data"] {
            bed.namespace_named(namespace)?;
        }
        for (namespace, release, major, trouble) in RELEASES {
            trouble.make(&bed::Namespace::existing(&bed, namespace), major, release)?;
        }
        refused(&bed)?;
        let text = bundle(&bed)?.to_json()?;
        check(&bed, &text)?;
        let path = workspace().join("app/demo/bundle.json");
        fs::write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        say(&format!("app/demo/bundle.json: {} bytes. Look at the changed snapshot of app/tests/demo.rs.", text.len()))
    }
}

/// The demo quotes what Helm says.
fn refused(bed: &Bed) -> Result<()> {
    let shop = bed::Namespace::existing(bed, "shop");
    let refusal = shop.helm4(["upgrade", "checkout", &chart("app")])?.failed()?;
    ensure!(refusal.trim() == format!("Error: UPGRADE FAILED: {REFUSAL}"), "Helm refused in other words: {refusal}");
    Ok(())
}

fn bundle(bed: &Bed) -> Result<Bundle> {
    let list = bed.api.get("/api/v1/secrets?labelSelector=owner%3Dhelm")?;
    let mut records = Vec::new();
    for item in list["items"].as_array().context("a list without items")? {
        let text = |key: &str| item["metadata"][key].as_str().context("a record without an address");
        // An item of a list lacks its kind, and so isn't what a command reads.
        let path = format!("/api/v1/namespaces/{}/secrets/{}", text("namespace")?, text("name")?);
        let record = StoredRecord::from_object(Driver::Secret, bed.api.get(&path)?);
        records.push(record.with_context(|| format!("{path} is no record"))?);
    }
    let version = bed.api.get("/version")?["gitVersion"].as_str().map(str::to_owned);
    Ok(Bundle::new(Driver::Secret, records, now(bed)?, Server { kubernetes: version }))
}

/// The API server's clock, which stamps whatever is created.
fn now(bed: &Bed) -> Result<jiff::Timestamp> {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let review = bed.api.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &review)?;
    let stamp = review["metadata"]["creationTimestamp"].as_str().context("an answer without time")?;
    Ok(stamp.parse()?)
}

/// Whoever has `refloat` has the bundle: it must tell nothing of the machine it was made on.
fn check(bed: &Bed, text: &str) -> Result<()> {
    ensure!(text.len() <= LARGEST, "the bundle takes {} bytes, more than {LARGEST}", text.len());
    let bundle = Bundle::parse(text)?;
    // Payloads are packed, so they are searched unpacked; the truncated one can't be, and comes from the same chart.
    let payloads = bundle.records.iter().filter_map(|record| Some(record.document().ok()?.text().to_owned()));
    let whole = payloads.fold(text.to_owned(), |whole, payload| whole + &payload);
    private::check(bed, &whole)
}
