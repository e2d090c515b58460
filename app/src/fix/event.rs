//! An Event in the release's namespace for each fix and each undo, so that `kubectl get events` tells who did what. It is no part of
//! the proof: who may not write events fixes all the same, and is told.

use jiff::Timestamp;
use refloat_core::inventory::ReleaseId;
use refloat_core::observe::{Kind, Read, known};
use serde_json::json;

use crate::cluster::{ClusterError, WriteObjects};

/// What an event is about.
pub struct Deed<'a> {
    /// The release.
    pub id: &'a ReleaseId,
    /// The fix's id.
    pub fix: &'a str,
    /// One word: `Fixed` or `TakenBack`.
    pub reason: &'static str,
    /// What was done, by whom, and how it is taken back.
    pub message: String,
    /// When, by the server's clock.
    pub at: Timestamp,
}

/// Writes the event; gives why it couldn't be written, if so.
pub async fn post(objects: &dyn WriteObjects, deed: Deed<'_>) -> Option<String> {
    let Deed { id, fix, reason, message, at } = deed;
    let name = format!("refloat.{fix}.{}", reason.to_lowercase());
    let kind = Kind::known("v1", "Event", "events", true);
    let time = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let event = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": id.namespace, "labels": {"app.kubernetes.io/managed-by": "refloat"}},
        "involvedObject": {
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "namespace": id.namespace, "name": known::lock(id),
        },
        "type": "Normal",
        "reason": reason,
        "message": message,
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
        "source": {"component": "refloat"},
    });
    match objects.create(&Read::object(&kind, &id.namespace, &name), &event).await {
        // A run of the same fix that was killed right after has told of it.
        Ok(_) | Err(ClusterError::Conflict(_)) => None,
        Err(error) => Some(error.to_string()),
    }
}
