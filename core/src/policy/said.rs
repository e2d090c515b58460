//! Words of a policy, wherever they stand: what each may be, and the sentence for one that it isn't.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{OwnerRule, Rollback, StaleAfter};
use crate::plan::Way;
use crate::report::shortened;

/// What of a wrong word is shown.
const MOST: usize = 60;

fn wrong(key: &str, word: &str, right: &str) -> String {
    format!("{key} is \"{}\", and must be {right}", shortened(word, MOST))
}

/// `rollback`.
pub(super) fn rollback(word: &str) -> Result<Rollback, String> {
    let found = Rollback::ALL.into_iter().find(|rollback| rollback.as_str() == word.trim());
    found.ok_or_else(|| wrong("rollback", word, "allow, ask or never"))
}

/// `stale-after`: a duration as Helm takes it, or `never`; a bare number is seconds.
pub(super) fn stale_after(word: &str) -> Result<StaleAfter, String> {
    let bad = || wrong("stale-after", word, "a duration such as 15m or 1h30m, or never");
    let word = word.trim();
    if word == "never" {
        return Ok(StaleAfter::Never);
    }
    let seconds = word.parse::<u32>().ok().map(|seconds| SignedDuration::from_secs(seconds.into()));
    let silence = seconds.map_or_else(|| word.parse::<SignedDuration>().map_err(|_| bad()), Ok)?;
    if !silence.is_positive() {
        return Err(wrong("stale-after", word, "longer than nothing"));
    }
    Ok(StaleAfter::Silence(silence))
}

/// One of `auto`.
pub(super) fn way(word: &str) -> Result<Way, String> {
    // Nothing is done to wait or to have a person decide, so there is nothing to allow.
    let ways = || Way::ALL.into_iter().filter(|way| !matches!(way, Way::Wait | Way::Escalate));
    let right = || ways().map(Way::as_str).collect::<Vec<_>>().join(", ");
    ways().find(|way| way.as_str() == word.trim()).ok_or_else(|| wrong("auto", word, &format!("some of {}", right())))
}

/// `auto` in one line: ways with commas between them, or `none`.
pub(super) fn auto(line: &str) -> Result<BTreeSet<Way>, String> {
    match line.trim() {
        "none" => Ok(BTreeSet::new()),
        line => line.split(',').map(way).collect(),
    }
}

/// One of `owners`.
pub(super) fn owner(kind: &str, word: &str) -> Result<OwnerRule, String> {
    if !super::OWNERS.contains(&kind) {
        let known = super::OWNERS.join(", ");
        return Err(format!("owners names \"{}\", and may name {known}", shortened(kind, MOST)));
    }
    let found = OwnerRule::ALL.into_iter().find(|rule| rule.as_str() == word.trim());
    found.ok_or_else(|| wrong(&format!("owners.{kind}"), word, "ignore or suspend"))
}
