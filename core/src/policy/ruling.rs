//! What a policy means for one release: its annotations added, and whether a Helm that may be alive counts as gone.

use jiff::SignedDuration;

use super::{Policy, Ruled, StaleAfter, of_namespace, of_record};
use crate::diagnose::{Case, Liveness, LivenessVerdict};
use crate::record::Driver;
use crate::report::age;

/// The database's times are those of the machine that Helm ran on: so far may they be off.
const FOREIGN_CLOCK: SignedDuration = SignedDuration::from_mins(10);

/// A policy and what it comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruling {
    /// What holds.
    pub policy: Policy,
    /// Why a Helm that may be alive counts as gone, if it does by policy.
    pub stale: Option<String>,
    /// Why it isn't known what the Namespace says, if so. Then nothing is done without somebody's word.
    pub unknown: Option<String>,
    /// What there is to tell.
    pub notes: Vec<String>,
}

/// Takes what files and flags say, a case and whether Helm may be alive; gives what holds for this release, and the liveness by it.
pub fn ruling(given: &Policy, case: &Case<'_>, liveness: Liveness) -> (Ruling, Liveness) {
    let mut ruling = Ruling { policy: given.clone(), ..Ruling::default() };
    match of_namespace(case) {
        Ok(said) => {
            ruling.policy = ruling.policy.and(said.policy);
            ruling.notes.extend(said.faults);
        }
        Err(why) => {
            let namespace = &case.seen.id.namespace;
            ruling.unknown = Some(format!("namespace/{namespace} can't be read, so its policy isn't known: {why}"));
        }
    }
    let said = of_record(case);
    ruling.policy = ruling.policy.and(said.policy);
    ruling.notes.extend(said.faults);
    ruling.notes.extend(super::protected::unserved(&ruling.policy, case));
    ruling.stale = stale(&ruling, case, &liveness);
    let mut liveness = liveness;
    if let Some(why) = &ruling.stale {
        ruling.notes.push(why.clone());
        liveness.verdict = LivenessVerdict::Stale;
        liveness.reasons.insert(0, why.clone());
        liveness.until = None;
    }
    (ruling, liveness)
}

/// Why a Helm that may be alive counts as gone. One that shows signs of life never does.
fn stale(ruling: &Ruling, case: &Case<'_>, liveness: &Liveness) -> Option<String> {
    let Some(Ruled { value: StaleAfter::Silence(limit), by }) = &ruling.policy.stale_after else { return None };
    if liveness.verdict != LivenessVerdict::Possible || ruling.unknown.is_some() {
        return None;
    }
    let sign = liveness.last_sign.as_ref()?;
    let quiet = case.seen.at.duration_since(sign.at);
    let margin = if case.seen.driver == Driver::Sql { FOREIGN_CLOCK } else { SignedDuration::ZERO };
    (quiet >= limit.saturating_add(margin)).then(|| {
        let (limit, quiet) = (age(*limit), age(quiet));
        format!(
            "by policy ({by} says stale-after: {limit}) Helm counts as gone: its last sign ({}) was {quiet} ago",
            sign.what
        )
    })
}
