//! Pods on a node that is gone or no longer answers: they neither get ready nor go away.

use std::collections::BTreeMap;

use serde_json::Value;

use super::said::{ago, condition_line, describe, lines};
use super::workload::{Workload, again, all, count_words, is_well, pod_words};
use super::{Cause, Confidence, Scene};
use crate::diagnose::case::{condition, text, time};
use crate::observe::{Live, known};
use crate::report::one_line;

/// Gives each workload with pods on a lost node, those included that are to go.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    all(scene).iter().filter_map(|workload| of(scene, workload)).collect()
}

/// The workload's cause, if it is this.
pub(super) fn of(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Cause> {
    let mut by_node: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    let hangs = |pod: &Value| !is_well(pod) || pod.pointer("/metadata/deletionTimestamp").is_some();
    for pod in workload.all_pods.iter().copied().filter(|pod| hangs(pod)) {
        by_node.entry(text(pod, "/spec/nodeName")).or_default().push(pod);
    }
    let mut lost = by_node.into_iter().filter_map(|(name, pods)| {
        let node = Some(name).filter(|name| !name.is_empty())?;
        Some((node, state(scene, node)?, pods))
    });
    let (node, (state, line), pods) = lost.next()?;
    let first = pods.first().copied()?;
    let terminating = |pod: &&&Value| pod.pointer("/metadata/deletionTimestamp").is_some();
    let going = pods.iter().filter(terminating).count();
    let doing = if going > 0 && going == pods.len() { "can't end there" } else { "isn't ready there" };
    let doing = if pods.len() > 1 { doing.replace("isn't", "aren't") } else { doing.to_owned() };
    let says = format!("node {} {state}; {} {doing}", one_line(node), count_words(pods.len()));
    let mut cause = workload.cause("node-lost", Confidence::Certain, &says);
    let deleted =
        time(first, "/metadata/deletionTimestamp").map(|at| format!(", being deleted since {}", ago(scene, at)));
    let pod = format!(
        "{}: {} on node {}{}",
        pod_words(first),
        one_line(text(first, "/status/phase")),
        one_line(node),
        deleted.unwrap_or_default()
    );
    cause.evidence.extend(lines([line, pod]));
    cause.command = describe("node", "", node);
    cause.remedy = format!(
        "bring the node back, or, if it is gone for good, delete its Node object so that its pods are let go; then {}",
        again(scene)
    );
    Some(cause)
}

/// What is wrong with a node, if that is known: for the summary and as evidence.
fn state(scene: &Scene<'_>, name: &str) -> Option<(String, String)> {
    match scene.case.other(&known::nodes(), "", name) {
        Live::Absent => Some(("is gone".to_owned(), format!("node {}: the server has none", one_line(name)))),
        Live::Unknown(_) => None,
        Live::Found(node) => {
            let ready = condition(node, "Ready").filter(|ready| text(ready, "/status") != "True")?;
            let since = time(ready, "/lastTransitionTime").map(|at| format!(" since {}", ago(scene, at)));
            let since = since.unwrap_or_default();
            let state = if text(ready, "/status") == "Unknown" {
                format!("hasn't answered{since}")
            } else {
                format!("isn't ready{since}")
            };
            Some((
                state.replace("since ", "for ").replace(" ago", ""),
                format!("node {}: {}", one_line(name), condition_line(scene, ready)),
            ))
        }
    }
}
