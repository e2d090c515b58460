//! Other people's words as evidence: on one line, short, without secrets, and with their age.
//!
//! What the API server, the kubelet and containers say is quoted, as that is what one searches for. A container's log may
//! hold anything, so what looks like a secret is masked in all of it.

use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;
use serde_json::Value;

use super::Scene;
use crate::diagnose::case::{event_time, number, text};
use crate::observe::Read;
use crate::report::{age, one_line, shortened};

/// How much of one thing said is quoted.
const LONGEST: usize = 360;
/// How many lines of evidence a cause gets.
const MOST_LINES: usize = 6;
/// How many lines of a log are quoted.
const MOST_LOG_LINES: usize = 3;

/// What looks like a secret: credentials in addresses, values of telling names, bearer tokens, web tokens.
static SECRETS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?i)(?P<a>[a-z][a-z0-9+.-]*://)[^\s/@]+(?P<e>@)",
        r#"|(?P<b>(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|credentials?)["']?\s*[=:]\s*)(?:"[^"]*"|'[^']*'|[^\s,;&]+)"#,
        r"|(?P<c>(?:bearer|basic)\s+)[a-z0-9._~+/=-]{8,}",
        r"|(?P<d>)eyJ[a-zA-Z0-9_-]{8,}\.[a-zA-Z0-9_-]+(?:\.[a-zA-Z0-9_-]+)?",
    );
    Regex::new(pattern).ok()
});

/// Takes what somebody said; gives it to be quoted: one line, short, secrets masked. Whatever can't be searched for secrets
/// isn't quoted.
pub(super) fn said(words: &str) -> String {
    // Cut first, so that searching costs little; then again, as masks may be longer than what they hide.
    let line = shortened(words, 4 * LONGEST);
    let Some(secrets) = SECRETS.as_ref() else { return String::new() };
    shortened(&secrets.replace_all(&line, "$a$b$c$d***$e"), LONGEST)
}

/// A short quotation, for a summary.
pub(super) fn briefly(words: &str) -> String {
    shortened(&said(words), 200)
}

/// How long ago something was, as in `3m ago`.
pub(super) fn ago(scene: &Scene<'_>, at: Timestamp) -> String {
    format!("{} ago", age(scene.case.seen.at.duration_since(at)))
}

/// Whether something happened no longer ago than so many minutes.
pub(super) fn within(scene: &Scene<'_>, at: Option<Timestamp>, minutes: i64) -> bool {
    at.is_some_and(|at| scene.case.seen.at.duration_since(at) <= jiff::SignedDuration::from_mins(minutes))
}

/// An event as evidence: `FailedScheduling 12s ago, 4 times: 0/1 nodes are available`.
pub(super) fn event_line(scene: &Scene<'_>, event: &Value) -> String {
    let mut line = one_line(text(event, "/reason"));
    if let Some(at) = event_time(event) {
        line.push_str(&format!(" {}", ago(scene, at)));
    }
    let count = number(event, "/series/count").or_else(|| number(event, "/count")).unwrap_or(1);
    if count > 1 {
        line.push_str(&format!(", {count} times"));
    }
    format!("{line}: {}", said(text(event, "/message")))
}

/// A condition as evidence: `Available=False for 3m: MinimumReplicasUnavailable: …`.
pub(super) fn condition_line(scene: &Scene<'_>, condition: &Value) -> String {
    let mut line = format!("{}={}", one_line(text(condition, "/type")), one_line(text(condition, "/status")));
    if let Some(at) = crate::diagnose::case::time(condition, "/lastTransitionTime") {
        line.push_str(&format!(" for {}", age(scene.case.seen.at.duration_since(at))));
    }
    for part in ["/reason", "/message"] {
        let words = said(text(condition, part));
        if !words.is_empty() {
            line.push_str(&format!(": {words}"));
        }
    }
    line
}

/// The last lines that a container wrote, if they were read.
pub(super) fn log_lines(scene: &Scene<'_>, pod: &Value, container: &str) -> Vec<String> {
    let part = |pointer: &str| text(pod, pointer).to_owned();
    let read = |previous: bool| {
        let (namespace, pod) = (part("/metadata/namespace"), part("/metadata/name"));
        let read = Read::Log { namespace, pod, container: container.to_owned(), previous };
        scene.case.seen.answer(&read)?.found()?.as_str()
    };
    let Some(log) = read(true).or_else(|| read(false)) else { return Vec::new() };
    let mut lines: Vec<String> = log
        .lines()
        .rev()
        .map(said)
        .filter(|line| !line.is_empty())
        .take(MOST_LOG_LINES)
        .map(|line| format!("log of {}: {line}", one_line(container)))
        .collect();
    lines.reverse();
    lines
}

/// Evidence: each line once, none empty, not too many.
pub(super) fn lines(all: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for line in all {
        if !line.is_empty() && !kept.contains(&line) && kept.len() < MOST_LINES {
            kept.push(line);
        }
    }
    kept
}

/// A name as a shell takes it: names from a bundle or a broken record may be anything.
pub(super) fn typed(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '/');
    let name = shortened(name, 253);
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(plain) {
        return name;
    }
    format!("'{}'", name.replace('\'', r"'\''"))
}

/// `kubectl describe KIND NAME -n NAMESPACE`, without the namespace for what lives in none.
pub(super) fn describe(kind: &str, namespace: &str, name: &str) -> String {
    let mut command = format!("kubectl describe {} {}", typed(kind), typed(name));
    if !namespace.is_empty() {
        command.push_str(&format!(" -n {}", typed(namespace)));
    }
    command
}
