//! `cargo xtask capture-demo`: makes real trouble in a bed and saves its records and objects as the bundle that `refloat demo`
//! tells its story on.
use crate::{private, say, workspace};
use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use bed::{Bed, Major, Options, Postgres, Trouble, chart};
use clap::Args;
use refloat::cluster::{ClusterError, ReadObjects};
use refloat::observe::observe_known;
use refloat::settings::Connection;
use refloat::source::Source;
use refloat_core::bundle::{Bundle, Server};
use refloat_core::observe::{Answer, Read, Revision};
use refloat_core::record::{Driver, StoredRecord};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Mutex, PoisonError};

/// It is part of every `refloat`.
const LARGEST: usize = 500 << 10;
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
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let bundle = runtime.block_on(bundle(&bed))?;
        let text = bundle.to_json()?;
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

async fn bundle(bed: &Bed) -> Result<Bundle> {
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
    let answers = answers(bed, &records).await?;
    Ok(Bundle { answers, ..Bundle::new(Driver::Secret, records, now(bed)?, Server { kubernetes: version }) })
}

/// Everything that a diagnosis of any of the releases reads.
async fn answers(bed: &Bed, records: &[StoredRecord]) -> Result<BTreeMap<String, Answer>> {
    let mut reading = None;
    for (namespace, release, ..) in RELEASES {
        let connection = Connection {
            namespace: Some(namespace.to_owned()),
            kubeconfig: Some(bed.address.kubeconfig.clone()),
            ..Connection::default()
        };
        let source = Source::open(&connection).await.map_err(told)?;
        let (id, history, gathered) = source.release(release).await.map_err(told)?;
        let earlier = reading.map_or_else(BTreeMap::new, |earlier: Reading| earlier.into_answers());
        let recording = Reading { kinds: kinds(records), answers: Mutex::new(earlier), source: source.clone() };
        observe_known(gathered.records.as_ref(), &recording, id, history).await.map_err(told)?;
        reading = Some(recording);
    }
    Ok(reading.map_or_else(BTreeMap::new, Reading::into_answers))
}

fn told(failure: refloat::error::Failure) -> anyhow::Error {
    anyhow::anyhow!("{}: {}", failure.message, failure.cause.unwrap_or_default())
}

/// The kinds that the releases have, with their groups. The demo's server serves these only: of the others it would have empty lists.
fn kinds(records: &[StoredRecord]) -> BTreeSet<(String, String)> {
    let opened: Vec<Revision> = records.iter().filter_map(|record| Revision::open(record).ok()).collect();
    let objects =
        opened.iter().flat_map(|revision| revision.objects.iter().chain(revision.hook_objects.iter().flatten()));
    objects.map(|object| (object.group().to_owned(), object.kind.clone())).collect()
}

/// Reads each thing once and keeps what came of it.
struct Reading {
    kinds: BTreeSet<(String, String)>,
    answers: Mutex<BTreeMap<String, Answer>>,
    source: Source,
}

impl Reading {
    fn into_answers(self) -> BTreeMap<String, Answer> {
        self.answers.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves out of a list of kinds what no release has.
    fn narrowed(&self, mut list: Value) -> Value {
        let Some(groups) = list["items"].as_array_mut() else { return list };
        for group in groups.iter_mut() {
            let name = group["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            for version in group["versions"].as_array_mut().into_iter().flatten() {
                let Some(resources) = version["resources"].as_array_mut() else { continue };
                resources.retain(|resource| {
                    let kind = resource["responseKind"]["kind"].as_str().unwrap_or_default();
                    self.kinds.contains(&(name.clone(), kind.to_owned()))
                });
                for resource in resources.iter_mut().filter_map(Value::as_object_mut) {
                    resource.remove("subresources");
                }
            }
        }
        groups.retain(|group| {
            let mut versions = group["versions"].as_array().into_iter().flatten();
            versions.any(|version| version["resources"].as_array().is_some_and(|resources| !resources.is_empty()))
        });
        list
    }
}

/// Leaves out of a list what no diagnosis looks at, and takes much room: who wrote the items, and events that nothing is wrong in.
fn lean(kind: &str, mut list: Value) -> Value {
    let Some(items) = list["items"].as_array_mut() else { return list };
    items.retain(|item| kind != "Event" || item["type"] != "Normal");
    for metadata in items.iter_mut().filter_map(|item| item["metadata"].as_object_mut()) {
        metadata.remove("managedFields");
    }
    list
}

#[async_trait]
impl ReadObjects for Reading {
    async fn answer(&self, read: &Read) -> Result<Answer, ClusterError> {
        let known = |answers: &BTreeMap<String, Answer>| answers.get(&read.to_string()).cloned();
        if let Some(answer) = known(&self.answers.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(answer);
        }
        let answer = match (read, self.source.objects().answer(read).await?) {
            (Read::CoreKinds | Read::GroupKinds, Answer::Found(list)) => Answer::Found(self.narrowed(list)),
            (Read::List { kind, .. }, Answer::Found(list)) => Answer::Found(lean(&kind.kind, list)),
            (_, answer) => answer,
        };
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(read.to_string(), answer.clone());
        Ok(answer)
    }
}

/// The API server's clock, which stamps whatever is created.
fn now(bed: &Bed) -> Result<jiff::Timestamp> {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let review = bed.api.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &review)?;
    let stamp = review["metadata"]["creationTimestamp"].as_str().context("an answer without time")?;
    Ok(stamp.parse()?)
}

/// What takes most of the room.
fn largest(bundle: &Bundle) -> String {
    let size = |answer: &Answer| serde_json::to_string_pretty(answer).map_or(0, |text| text.len());
    let mut sizes: Vec<_> = bundle.answers.iter().map(|(path, answer)| (size(answer), path)).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.iter().take(10).map(|(size, path)| format!("\n{size:>8} {path}")).collect()
}

/// Whoever has `refloat` has the bundle: it must tell nothing of the machine it was made on.
fn check(bed: &Bed, text: &str) -> Result<()> {
    let bundle = Bundle::parse(text)?;
    ensure!(text.len() <= LARGEST, "the bundle takes {} bytes, more than {LARGEST}: {}", text.len(), largest(&bundle));
    // Payloads are packed, so they are searched unpacked; the truncated one can't be, and comes from the same chart.
    let payloads = bundle.records.iter().filter_map(|record| Some(record.document().ok()?.text().to_owned()));
    let whole = payloads.fold(text.to_owned(), |whole, payload| whole + &payload);
    private::check(bed, &whole)
}
