//! Which other objects must be read before a verdict can be given.

use serde::Serialize;
use serde_json::Value;

use super::fields::flag;
use super::helm3::unobserved;
use super::helm4;
use super::kind::Kind;
use super::progress;
use super::selector::{label_selector, pod_selector};

/// What to read in the object's namespace, each as a label selector for the API's `labelSelector` parameter (empty: all of
/// them). What isn't asked for need not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// The ReplicaSets (`apps/v1`) that Helm 3's verdict on a Deployment depends on.
    pub replica_sets: Option<String>,
    /// The Pods that a verdict depends on: those of a ReplicationController or ReplicaSet for Helm 3, those of a StatefulSet
    /// or ReplicaSet that isn't there yet for Helm 4.
    pub pods: Option<String>,
    /// The Pods that no verdict depends on, but that tell restarts and the last movement of a rollout that isn't over.
    pub pods_of_progress: Option<String>,
}

/// Takes a live object; gives what else must be read. Nothing if the object alone decides, or if it can't be told.
pub fn children_needed(object: &Value) -> Needs {
    let selector = || label_selector(object).ok();
    let mut needs = Needs::default();
    let seen = || matches!(unobserved(object), Ok(None));
    match Kind::typed(object) {
        Kind::Deployment if seen() && flag(object, "spec.paused") != Ok(true) => needs.replica_sets = selector(),
        Kind::ReplicaSet | Kind::ReplicationController if seen() => needs.pods = selector(),
        _ => {}
    }
    if needs.pods.is_none() && helm4::wants_pods(object) {
        needs.pods = selector();
    }
    if needs.pods.is_none() && progress::of(object, &[]).is_some_and(|progress| !progress.is_complete()) {
        needs.pods_of_progress = pod_selector(object);
    }
    needs
}
