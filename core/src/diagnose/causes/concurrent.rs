//! More than one Helm at work on the release, or one that went on by itself.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::words::{cause, shown};
use super::{Cause, Confidence, Scene, depth};
use crate::compare::{Evidence, Side, Speaks};
use crate::diagnose::case::{Object, list, text, time};
use crate::diagnose::liveness::{DEFAULT_TIMEOUT, LEAST, LivenessVerdict};
use crate::diagnose::operation::other_pending;
use crate::observe::{OperationKind, children_lists};
use crate::record::{RecordMeta, Status};
use crate::report::{age, one_line};

/// Within which a person can't answer a failure with a rollback.
const AT_ONCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(2);

/// What may lie between the time that Helm notes down as its beginning and its record's creation, the clock of its machine and
/// of the server being right.
const NOT_AT_ONCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(3);

/// Gives signs of two Helms.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let mut found: Vec<Cause> = atomic(scene).into_iter().collect();
    found.extend(writers(scene));
    found.extend(written_after(scene));
    found.extend(foreign_content(scene));
    found.extend(collision(scene));
    // That an older operation was never ended says little by itself, and nothing once a Helm can't be at it any more.
    if found.is_empty() {
        found.extend(overtaken(scene));
    }
    found
}

fn concurrent(scene: &Scene<'_>, confidence: Confidence, place: u8, summary: String) -> Cause {
    let mut cause = cause("concurrent-operations", confidence, place, summary);
    let id = &scene.case.seen.id;
    cause.command = format!("refloat history {} -n {}", id.name, id.namespace);
    cause.remedy =
        "find every job, terminal and controller that runs Helm on this release, and leave only one".to_owned();
    cause
}

/// `--atomic`, or `--rollback-on-failure`: Helm rolls back at once when an upgrade fails (Helm 3.22 and 4.3
/// `pkg/action/upgrade.go:failRelease`).
fn atomic(scene: &Scene<'_>) -> Option<Cause> {
    let newest = scene.case.newest?;
    let said = newest.opened.description.contains("an error occurred while rolling back");
    if scene.operation.kind != OperationKind::Rollback && !said {
        return None;
    }
    let before = scene.case.seen.history.records().iter().rev().nth(1)?;
    let failed = before.revision().unwrap_or_default();
    let why = description(scene, failed);
    let gap = newest.meta.created?.duration_since(before.written.or(before.created)?);
    let at_once = before.status() == Some(Status::Failed) && !gap.is_negative() && gap <= AT_ONCE;
    // A rollback that fails writes the failed upgrade's record once more, so that its end can't be told any more.
    let is_failure = |why: &str| why.starts_with("Upgrade \"") && why.contains("\" failed: ");
    let maybe = gap.is_negative() && why.is_some_and(is_failure);
    let ended = matches!(scene.liveness.verdict, LivenessVerdict::Stale | LivenessVerdict::None);
    let (confidence, place) = match (at_once || said, ended) {
        (true, true) => (Confidence::Certain, depth::ROOT),
        (true, false) => (Confidence::Likely, depth::CONSEQUENCE),
        (false, _) if maybe => (Confidence::Possible, depth::CONSEQUENCE),
        (false, _) => return None,
    };
    let how = if ended { "did not succeed either" } else { "has not ended" };
    let began = if maybe { "may then have begun" } else { "then began" };
    let summary = format!("upgrade {failed} failed, and the rollback that Helm {began} by itself {how}");
    let mut cause = cause("atomic-rollback-failed", confidence, place, summary);
    if at_once {
        let words = "after the upgrade's failure was recorded, as --atomic does";
        cause.evidence.push(format!("the rollback began {} {words}", age(gap)));
    }
    cause.evidence.extend(why.map(|why| shown(why, false)));
    cause.evidence.push(scene.operation.because.clone());
    let id = &scene.case.seen.id;
    cause.command = format!("helm history {} -n {}", id.name, id.namespace);
    cause.remedy = "mend what stopped the rollback, then roll back by hand, naming a good revision".to_owned();
    Some(cause)
}

/// What a revision's record says of how it went.
fn description<'a>(scene: &Scene<'a>, revision: u64) -> Option<&'a str> {
    let seen = scene.case.seen;
    match seen.revisions.get(&revision) {
        Some(opened) => opened.as_ref().ok().map(|opened| opened.opened.description.as_str()),
        None => seen.heads.get(&revision)?.as_ref().ok()?.description.as_deref(),
    }
}

/// Managers with Helm in their name that wrote objects within the operation.
fn writers(scene: &Scene<'_>) -> Option<Cause> {
    let began = scene.operation.began?;
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for live in scene.case.objects.iter().filter_map(|object| object.live.found()) {
        names.extend(
            helm_entries(live)
                .filter(|entry| time(entry, "/time").is_some_and(|at| at >= began))
                .map(|entry| text(entry, "/manager")),
        );
    }
    if names.len() < 2 {
        return None;
    }
    let names: Vec<String> = names.into_iter().map(one_line).collect();
    let summary = format!("two different Helms wrote the objects within one operation: {}", names.join(" and "));
    Some(concurrent(scene, Confidence::Likely, depth::BLOCKER, summary))
}

fn helm_entries(live: &Value) -> impl Iterator<Item = &Value> {
    list(live, "/metadata/managedFields")
        .filter(|entry| entry.get("subresource").is_none() && text(entry, "/manager").to_lowercase().contains("helm"))
}

/// An older record that was marked deployed after a newer operation had begun: its Helm woke up again.
fn written_after(scene: &Scene<'_>) -> Option<Cause> {
    let newest = scene.case.seen.history.newest()?;
    let is_deployed = |record: &RecordMeta| record.status() == Some(Status::Deployed);
    // A failed upgrade writes the old record once more as it was.
    if !is_deployed(newest) {
        return None;
    }
    let after =
        |record: &&RecordMeta| is_deployed(record) && record.written > newest.created && newest.created.is_some();
    let older = scene.case.seen.history.records().iter().rev().skip(1).find(after)?;
    let (revision, by) = (older.revision().unwrap_or_default(), newest.revision().unwrap_or_default());
    let summary = format!(
        "revision {revision} was marked deployed after operation {by} had begun: two Helms ran at the same time"
    );
    let mut cause = concurrent(scene, Confidence::Likely, depth::BLOCKER, summary);
    if let (Some(written), Some(created)) = (older.written, newest.created) {
        cause.evidence.push(format!(
            "record {revision} was written {} after record {by} was created",
            age(written.duration_since(created))
        ));
    }
    Some(cause)
}

/// A record whose objects a Helm wrote otherwise than it says, and that tells of an older beginning than its own.
fn foreign_content(scene: &Scene<'_>) -> Option<Cause> {
    let newest = scene.case.newest.filter(|_| scene.case.status() == Status::Deployed)?;
    let created = newest.meta.created?;
    let began = newest.release.info.last_deployed.as_ref()?.at;
    if created.duration_since(began) < NOT_AT_ONCE {
        return None;
    }
    let otherwise = |object: &&Object<'_>| {
        let written = object.written.filter(|written| *written >= created);
        object.standing.side == Side::Drifted
            && written.is_some_and(|written| object.live.found().is_some_and(|live| !touched_since(live, written)))
            && object.standing.paths.iter().any(is_content)
    };
    let object = scene.case.objects.iter().find(otherwise)?;
    let revision = newest.opened.revision;
    let summary = format!("revision {revision} was written over by another Helm: {} is not as it says", object.words());
    let mut cause = concurrent(scene, Confidence::Likely, depth::BLOCKER, summary);
    cause.evidence.push(format!(
        "Helm wrote {} after the record was created, and otherwise than the record says",
        object.words()
    ));
    let ahead = age(created.duration_since(began));
    cause.evidence.push(format!("by its payload the operation began {ahead} before its record was created"));
    cause.remedy = "find out which values are meant, and upgrade with them; only one Helm at a time".to_owned();
    Some(cause)
}

/// Whether somebody other than Helm wrote an object at that time or later, its status aside.
fn touched_since(live: &Value, written: Timestamp) -> bool {
    list(live, "/metadata/managedFields").any(|entry| {
        text(entry, "/subresource") != "status"
            && !text(entry, "/manager").to_lowercase().contains("helm")
            && time(entry, "/time").is_some_and(|at| at >= written)
    })
}

/// Whether a path that is otherwise than the manifest tells of other content: what pods are made from, webhooks change under
/// the name of whoever writes.
fn is_content(evidence: &Evidence) -> bool {
    let pods = ["spec.template", "spec.jobTemplate", "spec.containers", "metadata."];
    evidence.sides == Speaks::Neither && !pods.iter().any(|start| evidence.path.starts_with(start))
}

/// Helm's words when another one was faster (Helm 3.22 and 4.3 `pkg/storage/driver/driver.go:ErrReleaseExists`).
fn collision(scene: &Scene<'_>) -> Option<Cause> {
    let newest = scene.case.newest?;
    if !newest.opened.description.contains("release: already exists") {
        return None;
    }
    let summary = "another Helm took the next revision's number at the same time".to_owned();
    let mut cause = concurrent(scene, Confidence::Likely, depth::BLOCKER, summary);
    cause.evidence.push(shown(&newest.opened.description, false));
    Some(cause)
}

/// Whether an operation between these times had already changed a Deployment: only one that waits leaves no further trace,
/// while one that applies would have gone on.
fn came_to_wait(scene: &Scene<'_>, from: Timestamp, to: Timestamp) -> bool {
    let lives = scene.case.objects.iter().filter_map(|object| Some((object.live.found()?, object.namespace)));
    let lists = lives.filter_map(|(live, namespace)| children_lists(live, namespace).0);
    let mut sets = lists.filter_map(|read| scene.case.list(&read)).flatten();
    sets.any(|set| time(set, "/metadata/creationTimestamp").is_some_and(|made| from <= made && made < to))
}

/// An older operation that was never ended, and may not have been over when the newest one began.
fn overtaken(scene: &Scene<'_>) -> Vec<Cause> {
    let newest = scene.case.seen.history.newest();
    let found = other_pending(scene.case).into_iter().filter_map(move |record| {
        let (newest, began) = (newest?, newest?.created?);
        let last = record.written.or(record.created)?;
        let gap = began.duration_since(last);
        // One that applies is never silent for long.
        let applied = || gap <= LEAST;
        if gap > DEFAULT_TIMEOUT || !(scene.case.is_open() || applied() || came_to_wait(scene, record.created?, began)) {
            return None;
        }
        let still = scene.case.seen.at.duration_since(last) <= DEFAULT_TIMEOUT;
        let (older, number) = (record.revision().unwrap_or_default(), newest.revision().unwrap_or_default());
        let summary = format!(
            "revision {older} is still {}, and operation {number} began {} after its last write: its Helm may not have been over",
            record.status.as_deref().unwrap_or("pending"),
            age(gap)
        );
        let place = if scene.case.is_open() { depth::CONSEQUENCE } else { depth::ASIDE };
        let mut cause = concurrent(scene, Confidence::Possible, place, one_line(&summary));
        if still {
            cause.evidence.push("that is so recent that it may still be waiting, and write over what is there when it ends".to_owned());
        }
        Some(cause)
    });
    found.collect()
}
