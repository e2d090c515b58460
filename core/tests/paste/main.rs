//! Files as people paste them: each kind of paste is read, what isn't understood is named, what isn't there is unknown, and
//! no text whatever makes the reader panic.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod hostile;
mod reading;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use refloat_core::inventory::Inventory;
use refloat_core::observe::{Observation, Revision, wanted};
use refloat_core::paste::{File, Named, Paste};
use refloat_core::record::encode;
use serde_json::{Value, json};

const HISTORY: &str = "REVISION\tUPDATED                 \tSTATUS         \tCHART    \tAPP VERSION\tDESCRIPTION      \n1       \tSat Nov 21 15:02:12 2026\tdeployed       \tapp-1.0.0\t1.0        \tInstall complete\n2       \tSat Nov 21 15:02:15 2026\tpending-upgrade\tapp-1.0.0\t1.0        \tPreparing upgrade\n";
const STATUS: &str = "NAME: web\nLAST DEPLOYED: Sat Nov 21 15:02:15 2026\nNAMESPACE: shop\nSTATUS: pending-upgrade\nREVISION: 2\nDESCRIPTION: Preparing upgrade\nTEST SUITE: None\nNOTES:\nkubectl get pods\n";
const MANIFEST: &str = "---\n# Source: app/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n---\n# Source: app/templates/b.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n";
const HOOKS: &str = "---\n# Source: app/templates/hooks.yaml\napiVersion: batch/v1\nkind: Job\nmetadata:\n  name: web-pre\n  annotations:\n    helm.sh/hook: pre-install,pre-upgrade\n    helm.sh/hook-weight: \"-5\"\n";

fn read(files: &[(&str, &str)]) -> Paste {
    read_named(files, Named::default())
}

fn read_named(files: &[(&str, &str)], named: Named<'_>) -> Paste {
    let files: Vec<File<'_>> = files.iter().map(|(name, text)| File { name, text, modified: None }).collect();
    Paste::read(&files, named)
}

/// `revision status` of every record, and what wasn't understood.
fn told(paste: &Paste) -> (Vec<String>, Vec<String>) {
    let records = paste.records.iter().map(|record| {
        let meta = &record.meta;
        let (name, revision) = (meta.release().unwrap(), meta.revision().unwrap());
        format!("{}/{name} {revision} {}", meta.id.namespace, meta.status.clone().unwrap_or_default())
    });
    (records.collect(), paste.unread.iter().map(ToString::to_string).collect())
}

fn unread(files: &[(&str, &str)]) -> Vec<String> {
    told(&read(files)).1
}

fn payload(revision: u64, status: &str) -> String {
    let json = json!({
        "name": "web", "namespace": "shop", "version": revision, "manifest": MANIFEST,
        "info": {"status": status, "description": "", "last_deployed": "2026-11-21T15:02:15Z"}
    });
    encode(json.to_string().as_bytes())
}

fn record(revision: u64, status: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {
            "name": format!("sh.helm.release.v1.web.v{revision}"), "namespace": "shop", "uid": "u", "resourceVersion": "7",
            "creationTimestamp": "2026-11-21T15:02:15Z",
            "labels": {"name": "web", "owner": "helm", "status": status, "version": revision.to_string()}
        },
        "data": {"release": STANDARD.encode(payload(revision, status))}
    })
}

fn live(version: &str, kind: &str, name: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": version, "kind": kind,
        "metadata": {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "9", "labels": labels}
    })
}

fn list(items: &[Value]) -> String {
    serde_json::to_string_pretty(&json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {}})).unwrap()
}

/// The paste as an observation, every question answered from it.
fn observe(paste: &Paste) -> Observation {
    let inventory: Inventory = paste.records.iter().map(|record| record.meta.clone()).collect();
    let (id, history) = inventory.releases.into_iter().next().unwrap();
    let at = "2026-11-21T16:00:00Z".parse().unwrap();
    let mut seen = Observation::new(id, paste.driver, at, history);
    for record in &paste.records {
        seen.revisions.insert(record.meta.revision().unwrap(), Revision::open(record));
    }
    seen.assume(paste.kinds(&seen));
    for _ in 0..9 {
        for read in wanted(&seen) {
            seen.insert(&read, paste.answer(&read));
        }
    }
    assert!(wanted(&seen).is_empty());
    seen
}

/// What became of each object of the newest manifest.
fn states(seen: &Observation) -> Vec<String> {
    use refloat_core::observe::Live;
    let state = |live: Live<'_>| match live {
        Live::Found(_) => "found".to_owned(),
        Live::Absent => "absent".to_owned(),
        Live::Unknown(why) => why,
    };
    seen.newest()
        .unwrap()
        .objects
        .iter()
        .map(|object| format!("{} {}", object.kind, state(seen.live(object))))
        .collect()
}
