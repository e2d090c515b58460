//! Since when an object can have been as ready as it is: the latest time at which anything of its status changed.

use jiff::Timestamp;
use serde_json::Value;

use super::fields::{at, text_or, time};
use super::kind::Kind;

/// Takes a live object; gives the latest time at which its readiness can have turned, to the second and by the server's
/// clock. If it is ready now, it has been since then at the latest.
///
/// Counts are no conditions, and conditions keep their time while counts change, so the time at which `status` was last
/// written (`metadata.managedFields`) counts too. An object whose readiness isn't told by its status has been ready since
/// its creation. Nothing if no time tells.
pub fn ready_since(object: &Value) -> Option<Timestamp> {
    let created = time(object, "metadata.creationTimestamp")?;
    let turned = status_written(object).max(conditions_turned(object));
    match turned {
        Some(turned) => Some(turned.max(created)),
        None => (!told_by_status(object)).then_some(created),
    }
}

/// The latest time at which someone wrote the object's status
/// (Kubernetes 1.35 `apimachinery/pkg/apis/meta/v1/types.go:ManagedFieldsEntry`).
pub(super) fn status_written(object: &Value) -> Option<Timestamp> {
    let entries = at(object, "metadata.managedFields")?.as_array()?;
    let of_status = |entry: &&Value| {
        text_or(entry, "subresource", "") == "status"
            || at(entry, "fieldsV1").is_some_and(|f| f.get("f:status").is_some())
    };
    entries.iter().filter(of_status).filter_map(|entry| time(entry, "time")).max()
}

fn conditions_turned(object: &Value) -> Option<Timestamp> {
    let conditions = at(object, "status.conditions")?.as_array()?;
    let times = |condition| [time(condition, "lastTransitionTime"), time(condition, "lastUpdateTime")];
    conditions.iter().flat_map(times).flatten().max()
}

fn told_by_status(object: &Value) -> bool {
    match Kind::typed(object) {
        Kind::Service => text_or(object, "spec.type", "") == "LoadBalancer",
        Kind::Other | Kind::AlwaysCurrent => {
            at(object, "status.conditions").is_some() || at(object, "status.observedGeneration").is_some()
        }
        _ => true,
    }
}
