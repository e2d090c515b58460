//! A ResourceQuota that is used up, or that asks for limits which a pod doesn't name.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::refusal::{self, Refusal, Told, briefly_from};
use super::said::{briefly, describe};
use super::workload::Workload;
use super::{Cause, Scene};
use crate::diagnose::case::text;
use crate::observe::{Read, known};
use crate::report::one_line;

const QUOTA: Refusal = Refusal { code: "quota-exceeded", is, tell };

/// Gives what a quota refuses.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    refusal::rule(scene, &QUOTA)
}

/// The workload's cause, if it is this.
pub(super) fn of(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Cause> {
    refusal::of(scene, workload, &QUOTA)
}

fn is(message: &str) -> bool {
    message.contains("exceeded quota: ") || message.contains("failed quota: ")
}

/// The server's words (Kubernetes 1.35 `apiserver/pkg/admission/plugin/resourcequota/controller.go:CheckRequest`).
static EXCEEDED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words = r"exceeded quota: (?P<name>[^\s,]{1,253}), requested: (?P<asked>\S+), used: (?P<used>\S+), limited: (?P<hard>\S+)";
    Regex::new(words).ok()
});
static UNNAMED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"failed quota: (?P<name>[^\s:,]{1,253}): must specify (?P<what>[^\]\n]{1,300})").ok());

fn tell(scene: &Scene<'_>, namespace: &str, message: &str) -> Told {
    if let Some(found) = EXCEEDED.as_ref().and_then(|words| words.captures(message)) {
        let part = |name: &str| found.name(name).map_or("", |part| part.as_str());
        let name = one_line(part("name"));
        let says = format!("quota {name} is used up ({})", counts(part("asked"), part("used"), part("hard")));
        return Told {
            says,
            evidence: now(scene, namespace, &name, part("asked")),
            command: describe("quota", namespace, &name),
            remedy: format!("raise quota {name}, or free what uses it up"),
        };
    }
    if let Some(found) = UNNAMED.as_ref().and_then(|words| words.captures(message)) {
        let part = |name: &str| found.name(name).map_or("", |part| part.as_str());
        let name = one_line(part("name"));
        return Told {
            says: format!("quota {name} asks that the pod names {}", briefly(part("what"))),
            evidence: Vec::new(),
            command: describe("quota", namespace, &name),
            remedy: "name these requests and limits in the chart's values, or set defaults by a LimitRange".to_owned(),
        };
    }
    Told {
        says: briefly_from(message, "exceeded quota: "),
        evidence: Vec::new(),
        command: format!("kubectl describe quota -n {}", super::said::typed(namespace)),
        remedy: "raise the quota, or free what uses it up".to_owned(),
    }
}

/// `pods: 2 of 2 used, 1 more asked for`, for each resource that was asked for.
fn counts(asked: &str, used: &str, hard: &str) -> String {
    let of = |list: &str, name: &str| {
        let value = list.split(',').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name));
        value.map_or("?".to_owned(), |(_, value)| one_line(value))
    };
    let each = asked.split(',').filter_map(|pair| pair.split_once('=')).take(4).map(|(name, more)| {
        format!("{}: {} of {} used, {} more asked for", one_line(name), of(used, name), of(hard, name), one_line(more))
    });
    briefly(&each.collect::<Vec<_>>().join("; "))
}

/// How the quota stands now.
fn now(scene: &Scene<'_>, namespace: &str, name: &str, asked: &str) -> Vec<String> {
    let quotas = scene.case.list(&Read::list(&known::quotas(), namespace, "")).unwrap_or_default();
    let Some(quota) = quotas.into_iter().find(|quota| text(quota, "/metadata/name") == name) else {
        return Vec::new();
    };
    let value = |part: &str, key: &str| {
        let value = quota.get("status").and_then(|status| status.get(part)).and_then(|all| all.get(key));
        value.and_then(Value::as_str).map(one_line)
    };
    let keys = asked.split(',').filter_map(|pair| pair.split_once('=')).map(|(key, _)| key).take(4);
    keys.filter_map(|key| {
        Some(format!("quota {name} now: {}: {} of {} used", one_line(key), value("used", key)?, value("hard", key)?))
    })
    .collect()
}
