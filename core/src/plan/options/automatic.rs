//! The way that may be taken without anybody's word.

use super::{Situation, WayOut, loses_more, plan};
use crate::diagnose::LivenessVerdict;
use crate::plan::Way;
use crate::policy::{Rollback, ways};

/// Takes a situation, and whether somebody knows that Helm is gone; gives the way that may be taken without asking anyone, or why there is
/// none. It is the recommended one, or the first of those that a policy lists, if it loses nothing, nothing warns of it, and Helm is known
/// to be gone.
pub fn automatic(situation: &Situation<'_>, helm_is_gone: bool) -> Result<Way, String> {
    let options: Vec<WayOut> =
        plan(situation).options.into_iter().filter(|option| option.applicable && option.id != Way::Wait).collect();
    let first = options.first().ok_or("there is nothing to be done")?;
    if let Some(why) = &situation.ruling.unknown {
        return Err(why.clone());
    }
    if first.id == Way::Escalate {
        return Err(format!("{}; nothing was written", first.why));
    }
    let (option, which) = match &situation.ruling.policy.auto {
        None => (first, "the recommended way"),
        Some(listed) => {
            let option = options.iter().find(|option| listed.value.contains(&option.id)).ok_or_else(|| {
                format!(
                    "policy ({}) says auto: {}, and the recommended way is {}",
                    listed.by,
                    ways(&listed.value),
                    first.id
                )
            })?;
            (option, "the first way that policy lists")
        }
    };
    if loses_more(situation, option) {
        return Err(format!("{which} ({}) is destructive", option.id));
    }
    if option.id == Way::Unblock && situation.ruling.policy.auto.is_none() {
        // What is in the way may be all that shows why it failed: a person looks first.
        return Err(format!("{which} is unblock, and what it takes away may be all that shows why"));
    }
    if let (Some(_), Some(said)) = (option.policy, &situation.ruling.policy.rollback) {
        return Err(format!("{which} is {}, and policy ({}) says rollback: ask", option.id, said.by));
    }
    let allowed = situation.ruling.policy.rollback.as_ref().is_some_and(|said| said.value == Rollback::Allow);
    if let Some(warning) = option.warnings.first().filter(|_| !allowed) {
        return Err(format!("{which} is {}, and {warning}", option.id));
    }
    let settled = !situation.case.is_open() || situation.liveness.verdict == LivenessVerdict::Stale;
    if !settled && !helm_is_gone {
        return Err(format!("whether Helm is gone isn't known: its liveness is {}", situation.liveness.verdict));
    }
    Ok(option.id)
}
