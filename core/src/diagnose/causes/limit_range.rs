//! A LimitRange that a pod or a claim doesn't keep.

use std::sync::LazyLock;

use regex::Regex;

use super::refusal::{self, Refusal, Told};
use super::said::{briefly, typed};
use super::workload::Workload;
use super::{Cause, Scene};
use crate::diagnose::case::text;
use crate::observe::{Read, known};
use crate::report::one_line;

const LIMIT: Refusal = Refusal { code: "limit-range", is, tell };

/// Gives what a limit range refuses.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    refusal::rule(scene, &LIMIT)
}

/// The workload's cause, if it is this.
pub(super) fn of(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Cause> {
    refusal::of(scene, workload, &LIMIT)
}

/// The server's words (Kubernetes 1.35 `plugin/pkg/admission/limitranger/admission.go`).
static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words = concat!(
        r"(?:minimum|maximum) \S{1,100} usage per \w+ is [^,\]]{1,60}(?:, but (?:request|limit) is [^,\]]{1,60})?",
        r"|\S{1,100} max limit to request ratio per \w+ is [^,\]]{1,60}(?:, but provided ratio is [^,\]]{1,60})?",
    );
    Regex::new(words).ok()
});

fn is(message: &str) -> bool {
    WORDS.as_ref().is_some_and(|words| words.is_match(message))
}

fn tell(scene: &Scene<'_>, namespace: &str, message: &str) -> Told {
    let faults: Vec<&str> =
        WORDS.as_ref().map(|words| words.find_iter(message).map(|found| found.as_str()).collect()).unwrap_or_default();
    let ranges = scene.case.list(&Read::list(&known::limit_ranges(), namespace, "")).unwrap_or_default();
    let names: Vec<String> = ranges.iter().map(|range| one_line(text(range, "/metadata/name"))).take(5).collect();
    let whose = match names.as_slice() {
        [one] => format!("limit range {one}"),
        _ => "a limit range".to_owned(),
    };
    let evidence = match names.len() {
        0 | 1 => Vec::new(),
        _ => vec![format!("limit ranges here: {}", names.join(", "))],
    };
    Told {
        says: format!("{whose} forbids it ({})", briefly(&faults.join("; "))),
        evidence,
        command: format!("kubectl describe limitrange -n {}", typed(namespace)),
        remedy: "keep within the limit range in the chart's values, or change the range".to_owned(),
    }
}
