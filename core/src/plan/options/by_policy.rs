//! What policy makes of a way: forbidden, asked for, or warned of.

use serde::Serialize;

use super::{Precondition, Situation, WayOut, effects};
use crate::diagnose::last_good;
use crate::plan::{Refusal, Work};
use crate::policy::{Rule, Ruling, Word, goes_back, migrations, protection, word};
use crate::report::one_line;

/// What policy says, as a plan shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyView {
    /// What holds, the strictest of all that was said.
    pub rules: Vec<Rule>,
    /// What there is to tell.
    pub notes: Vec<String>,
}

impl PolicyView {
    /// Takes what holds.
    pub fn new(ruling: &Ruling) -> Self {
        let notes = ruling.notes.iter().chain(&ruling.unknown).map(|note| one_line(note)).collect();
        Self { rules: ruling.policy.rules(), notes }
    }
}

/// Takes a situation and a way's work; refuses what policy forbids.
pub(super) fn permitted(situation: &Situation<'_>, work: &Work) -> Result<(), Refusal> {
    let (case, policy) = (situation.case, &situation.ruling.policy);
    if policy.rollback.is_none() && policy.protected.is_empty() {
        return Ok(());
    }
    let effects = effects(case, work);
    let back = goes_back(case, work, &effects);
    if let Word::Forbidden(why) = word(policy, work.way, back.as_deref()) {
        return Err(Refusal::Forbidden(why));
    }
    protection(policy, case, work, &effects).map_or(Ok(()), |why| Err(Refusal::Forbidden(why)))
}

/// Takes a situation, a way's work and the way; adds what is asked and warned of.
pub(super) fn by_policy(situation: &Situation<'_>, work: &Work, option: &mut WayOut) {
    let back = goes_back(situation.case, work, &option.effects);
    if back.is_some() {
        let good = last_good(situation.case).map(|good| good.revision);
        option.warnings = migrations(situation.operation, good);
    }
    if let Word::Asked(why) = word(&situation.ruling.policy, work.way, back.as_deref()) {
        option.policy = Some("ask");
        option
            .preconditions
            .push(Precondition { what: format!("somebody knows that going back is safe: {why}"), met: None });
    }
}

#[cfg(test)]
mod tests;
