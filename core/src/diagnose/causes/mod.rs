//! Why the release is as it is: one rule per file, each looking for one family of causes.
//!
//! A rule takes the case and how far its operation came, and gives the causes it can prove or suspect, with the lines that
//! show it. Rules never guess from what couldn't be read. [`causes`] ranks what they found: the certain before the likely,
//! and what started it before what followed.

use std::fmt;

use serde::Serialize;

use super::case::{Case, Object};
use super::liveness::Liveness;
use super::operation::Operation;

mod apis;
mod around;
mod concurrent;
mod config_missing;
mod crash_loop;
mod deletion;
pub mod fix;
mod hook_failed;
mod hook_refused;
mod hook_running;
mod image_pull;
mod immutable;
mod killed;
mod leftovers;
mod limit_range;
mod node_lost;
mod owners;
mod ownership;
mod pod_security;
mod probe_failing;
mod progress_deadline;
mod pvc_pending;
mod quota_exceeded;
mod records;
mod refusal;
mod refused;
mod said;
mod scope;
mod service_account_missing;
mod slow_rollout;
mod unknown;
mod unschedulable;
mod unwritten;
mod volume_mount;
mod wait_timeout;
mod webhooks;
mod woken;
pub(super) mod words;
mod workload;

pub use deletion::{HeldByFinalizers, held_by_finalizers};
pub use fix::{FixLeft, fix_left};
pub use immutable::{fixed_field, unchangeable};
pub use webhooks::own_dead_webhooks;
pub use woken::woken;

/// How sure a cause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// One explanation among several.
    Possible,
    /// The evidence fits and nothing speaks against it.
    Likely,
    /// The evidence says so itself.
    Certain,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        })
    }
}

/// A cause, with what shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// Its stable word, such as `image-pull`; docs/causes.md lists them all.
    pub code: &'static str,
    /// How sure it is.
    pub confidence: Confidence,
    /// One sentence that names the object and what is wrong with it.
    pub summary: String,
    /// What shows it, most telling first: the server's own words where there are any.
    pub evidence: Vec<String>,
    /// What to type to see it oneself; empty if nothing shows it.
    pub command: String,
    /// What to do about it, in a sentence; empty if that is plain.
    pub remedy: String,
    /// Its place in the chain: what stands in the way comes before what follows from it. Lower is nearer to the root.
    #[serde(skip)]
    pub depth: u8,
}

/// Places of causes in the chain, for [`Cause::depth`].
pub mod depth {
    /// What holds up everything: the namespace, the API, the records themselves.
    pub const ROOT: u8 = 0;
    /// What refused or blocked one call: a webhook, a quota, an immutable field, a finalizer.
    pub const BLOCKER: u8 = 1;
    /// What keeps one object from being ready: an image, a crash, a full node.
    pub const OBJECT: u8 = 2;
    /// What is only known by its consequence: a timeout, a process that went away.
    pub const CONSEQUENCE: u8 = 3;
    /// Worth knowing, and not why it is stuck.
    pub const ASIDE: u8 = 4;
}

/// What a rule looks at.
pub struct Scene<'a> {
    /// The release.
    pub case: &'a Case<'a>,
    /// How far its operation came.
    pub operation: &'a Operation<'a>,
    /// Whether Helm may still run.
    pub liveness: &'a Liveness,
}

/// A rule: gives the causes it finds.
type Rule = fn(&Scene<'_>) -> Vec<Cause>;

const RULES: &[Rule] = &[
    fix::rule,
    records::rule,
    killed::rule,
    unwritten::rule,
    webhooks::rule,
    apis::rule,
    immutable::rule,
    refused::rule,
    ownership::rule,
    deletion::rule,
    concurrent::rule,
    woken::rule,
    leftovers::rule,
    owners::rule,
    image_pull::rule,
    crash_loop::rule,
    probe_failing::rule,
    config_missing::rule,
    volume_mount::rule,
    unschedulable::rule,
    pvc_pending::rule,
    quota_exceeded::rule,
    limit_range::rule,
    pod_security::rule,
    service_account_missing::rule,
    progress_deadline::rule,
    node_lost::rule,
    slow_rollout::rule,
    hook_failed::rule,
    hook_running::rule,
    hook_refused::rule,
];

/// Takes a scene; gives every cause found, the most telling first, each code and summary once.
pub fn causes(scene: &Scene<'_>) -> Vec<Cause> {
    let mut found: Vec<Cause> = RULES.iter().flat_map(|rule| rule(scene)).collect();
    found.extend(wait_timeout::left_over(scene, &found));
    // Ahead of what will happen next, with which it shares its place.
    let killed = killed::left_over(scene, &found);
    found.splice(0..0, killed);
    found.extend(unknown::left_over(scene, &found));
    found.sort_by(|a, b| {
        let aside = |cause: &Cause| cause.depth == depth::ASIDE;
        (aside(a), b.confidence, a.depth).cmp(&(aside(b), a.confidence, b.depth))
    });
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|cause| seen.insert((cause.code, cause.summary.clone())));
    found
}

#[cfg(test)]
pub(crate) mod api_tests;
#[cfg(test)]
mod tests;
