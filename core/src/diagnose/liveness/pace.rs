//! For how long a live Helm may go without a trace, when it isn't waiting for anything in the cluster.
//!
//! It is only ever held up by one API call after another. Each passes the webhooks that match; every one may take its
//! `timeoutSeconds`. Calls that change nothing leave no trace but take as long. Throttled calls are repeated by the client (up to ten times
//! where the server says when: client-go `rest/request.go`), and beyond a first hundred Helm sends five a second (client-go's
//! default rate, which Helm 4.3 `pkg/cli/environment.go` leaves as it is).

use jiff::SignedDuration;
use serde_json::Value;

use super::{DEFAULT_TIMEOUT, Sign, own_clock};
use crate::diagnose::case::{Case, Object, list, number, selects, text};

use crate::diagnose::operation::{Operation, Phase, base_superseded, begun};
use crate::observe::{Live, Read, known};
use crate::report::{age, counted};

/// The least that a silence must last: what throttling, repeated calls and a slow API server may add to one call and its
/// answer's way back.
pub const LEAST: SignedDuration = SignedDuration::from_secs(30);
/// The same where more calls may have been made, beside what each of them may take.
const MARGIN: SignedDuration = SignedDuration::from_secs(25);
/// What a call that leaves no trace may take when it is throttled: ten tries, a second apart.
const APPLY: SignedDuration = SignedDuration::from_secs(10);
/// The same for a deletion; Helm deletes the objects of a kind at the same time.
const DELETE: SignedDuration = SignedDuration::from_secs(5);
/// What is assumed of webhooks that may not be seen: several, each taking as long as it may.
const UNSEEN_WEBHOOKS: SignedDuration = SignedDuration::from_secs(90);
/// How long a live Helm may take to notice that what it waits for has come about, if the API server, or the way to it, failed for up
/// to 40 s meanwhile. Helm 3 bears 30 failures in a row, one every 2 s (Helm 3.22 `pkg/kube/wait.go:waitForResources`). A watch, Helm 4's
/// and that of both for hooks, is begun again ever later: after 25.6 s at that point, doubled by chance at most (client-go 0.37
/// `tools/cache/reflector.go:NewReflectorWithOptions`).
const NOTICE: SignedDuration = SignedDuration::from_secs(95);
/// Helm 4 looks at what belongs to a workload only when the workload changes, and doesn't ask again if that fails (cli-utils 1.2.2
/// `pkg/kstatus/polling/statusreaders/deployment.go:ReadStatusForObject`): one failed call at the last change makes it wait in vain.
const MISSED: &str =
    "as a call of Helm 4's that fails at the wrong moment makes it wait until its timeout (5m unless told otherwise)";
/// What clocks of other machines may be off.
const FOREIGN_CLOCK: SignedDuration = SignedDuration::from_mins(10);

/// For how long, and why.
pub struct Pace {
    /// For how long.
    pub bound: SignedDuration,
    /// How that adds up.
    pub words: String,
    /// What had to be assumed, as it couldn't be read.
    pub unknown: Vec<String>,
}

/// Takes a case, its operation and its last trace; gives the bound.
pub fn pace<'a>(case: &Case<'a>, operation: &Operation<'a>, last: &Sign) -> Pace {
    let mut unknown = Vec::new();
    let webhooks = webhooks(case);
    if webhooks.is_none() {
        unknown.push(format!("webhooks may not be read, so {} are assumed for them", age(UNSEEN_WEBHOOKS)));
    }
    let calls = silent_calls(case, operation);
    let per_call = |(group, kind): (&str, &str)| match &webhooks {
        Some(webhooks) => slowest(case, webhooks, group, kind),
        None => SignedDuration::ZERO,
    };
    let record = match (own_clock(case.seen.driver), case.seen.driver.kind()) {
        (true, kind) => per_call(("", kind)),
        (false, _) => SignedDuration::ZERO,
    };
    let mut slow = calls.iter().map(|call| per_call(*call)).fold(record, SignedDuration::saturating_add);
    if webhooks.is_none() {
        slow = slow.saturating_add(UNSEEN_WEBHOOKS);
    }
    let count = i32::try_from(calls.len()).unwrap_or(i32::MAX);
    let each = if matches!(operation.phase, Phase::Prune | Phase::Purge) { DELETE } else { APPLY };
    let calls_open = calls.len();
    let calls = each.checked_mul(count).unwrap_or(SignedDuration::MAX);
    let (least, why) = least(case, operation, last);
    let base = if count == 0 { least } else { least.max(MARGIN.saturating_add(calls)) };
    let mut bound = base.saturating_add(slow);
    let mut words = match (why, count) {
        (Some(why), _) => format!("{} {why}", age(base)),
        (None, 0) => format!("{} for throttling and repeated calls", age(base)),
        (None, _) => {
            format!("{} for throttling and {} that may have left no trace", age(base), counted(calls_open, "call"))
        }
    };
    if slow.is_positive() {
        words.push_str(&format!(", {} for webhooks", age(slow)));
    }
    if !own_clock(case.seen.driver) {
        bound = bound.saturating_add(FOREIGN_CLOCK);
        words.push_str(", 10m as the database's times are those of the machine that Helm ran on");
    }
    Pace { bound, words, unknown }
}

/// What a silence must last at least, and why, where Helm may still be waiting for what has come about already. It isn't once it wrote
/// something after its wait.
fn least(case: &Case<'_>, operation: &Operation<'_>, last: &Sign) -> (SignedDuration, Option<&'static str>) {
    if base_superseded(case) {
        return (LEAST, None);
    }
    let over = operation.after.iter().any(begun);
    let phases = [Phase::Wait, Phase::PostHooks, Phase::Supersede, Phase::FinalWrite, Phase::Purge];
    let waits = phases.contains(&operation.phase) && !over;
    let is_workload = |object: &Object<'_>| {
        object.new.is_some() && matches!(object.kind, "Deployment" | "ReplicaSet" | "StatefulSet")
    };
    let helm4 = case.newest.is_some_and(|newest| newest.release.apply_method.is_some());
    if waits && helm4 && operation.phase != Phase::Purge && case.objects.iter().any(is_workload) {
        return (DEFAULT_TIMEOUT, Some(MISSED));
    }
    if waits || last.awaited {
        return (
            NOTICE,
            Some("for noticing that there is nothing left to wait for, even if its calls failed for a while"),
        );
    }
    (LEAST, None)
}

/// The kinds of the objects that Helm may have gone through without a trace since its last one, and the one it would write
/// next. An upgrade goes on past objects that stay as they are; a delete leaves nothing behind.
fn silent_calls<'a>(case: &Case<'a>, operation: &Operation<'a>) -> Vec<(&'a str, &'a str)> {
    let of = |object: &Object<'a>| object.manifest().map(|manifest| (manifest.group(), manifest.kind.as_str()));
    match operation.phase {
        Phase::Apply => {
            // In their order: past the last one that it wrote, up to the first that it hasn't.
            let undone =
                |object: &&Object<'a>| object.new.is_some() && object.differs() && object.is_done() != Some(true);
            let new: Vec<&Object<'a>> = case.objects.iter().filter(|object| object.new.is_some()).collect();
            let next = new.iter().position(undone).unwrap_or(new.len());
            // What was written within the second in which the operation began was most likely written by it.
            let written = |object: &Object<'_>| {
                object.differs() && matches!((object.written, case.began), (Some(at), Some(began)) if at >= began)
            };
            let passed = |object: &&Object<'_>| object.touched || written(object);
            let last = new.iter().take(next).rposition(passed).map_or(0, |last| last + 1);
            new.iter().take(next + 1).skip(last).filter_map(|object| of(object)).collect()
        }
        Phase::PreHooks | Phase::PostHooks => {
            let hooks = operation.before.iter().chain(&operation.after);
            hooks.filter_map(|hook| hook.object).map(|object| (object.group(), object.kind.as_str())).collect()
        }
        Phase::Prune | Phase::Purge | Phase::Wait => {
            case.objects.iter().filter(|object| object.new.is_none()).filter_map(of).collect()
        }
        Phase::Supersede | Phase::FinalWrite | Phase::Done | Phase::Unknown => Vec::new(),
    }
}

/// All webhooks; `None` if they may not be read.
fn webhooks<'a>(case: &Case<'a>) -> Option<Vec<&'a Value>> {
    let lists = [known::mutating_webhooks(), known::validating_webhooks()];
    let mut found = Vec::new();
    for kind in lists {
        found.extend(case.list(&Read::list(&kind, "", ""))?);
    }
    Some(found.into_iter().flat_map(|item| list(item, "/webhooks")).collect())
}

/// How long the webhooks that match a kind may take together: a mutating one may be called twice, if it asks for it.
fn slowest(case: &Case<'_>, webhooks: &[&Value], group: &str, kind: &str) -> SignedDuration {
    let resource = case.seen.kinds().preferred().find(|served| served.group == group && served.kind == kind);
    let Some(resource) = resource else { return SignedDuration::ZERO };
    let matching = webhooks.iter().filter(|webhook| {
        list(webhook, "/rules").any(|rule| rule_matches(rule, group, &resource.resource)) && in_scope(case, webhook)
    });
    let seconds = matching.map(|webhook| {
        let times = if text(webhook, "/reinvocationPolicy") == "IfNeeded" { 2 } else { 1 };
        times * number(webhook, "/timeoutSeconds").unwrap_or(10).clamp(0, 30)
    });
    SignedDuration::from_secs(seconds.fold(0, i64::saturating_add))
}

/// Whether a webhook's rule covers a resource.
pub fn rule_matches(rule: &Value, group: &str, resource: &str) -> bool {
    let covers = |field: &str, wanted: &str| {
        list(rule, field).filter_map(Value::as_str).any(|entry| entry == "*" || entry == wanted || entry == "*/*")
    };
    covers("/apiGroups", group) && covers("/resources", resource)
}

/// Whether a webhook looks at the release's namespace. One that can't be judged is taken to.
pub fn in_scope(case: &Case<'_>, webhook: &Value) -> bool {
    let Some(selector) = webhook.get("namespaceSelector") else { return true };
    let Live::Found(namespace) = case.other(&known::namespaces(), "", &case.seen.id.namespace) else { return true };
    selects(Some(selector), namespace.pointer("/metadata/labels").unwrap_or(&Value::Null))
}
