//! Whether a way brings a release back to an older revision: a rollback does, and so does an unlock that puts objects back.

use super::{Policy, Rollback};
use crate::diagnose::Case;
use crate::observe::OperationKind;
use crate::plan::{Effect, EffectKind, Way, Work, sent};

/// What a policy says to a way that goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Nothing against it.
    Free,
    /// Somebody's word is needed; why.
    Asked(String),
    /// It may not be taken; why.
    Forbidden(String),
}

/// Takes a case and a way's work with what it does to each object; names the first object that it would bring back, `None` if it goes
/// back with nothing. Of a rollback it is the release itself.
pub fn goes_back(case: &Case<'_>, work: &Work, effects: &[Effect]) -> Option<String> {
    match (work.way, case.kind) {
        (Way::Rollback, _) | (Way::Resume | Way::Converge | Way::Reinstall, OperationKind::Rollback) => {
            return Some("the release".to_owned());
        }
        // What they do is what the newest revision is for, or nothing.
        (Way::Wait | Way::Complete | Way::Repair | Way::Resume | Way::Converge | Way::Reinstall, _) => return None,
        (Way::Unblock | Way::Uninstall | Way::Escalate, _) => return None,
        // Away from a rollback is no way back.
        (Way::Unlock | Way::Forget, OperationKind::Rollback) => return None,
        (Way::Unlock | Way::Forget, _) => {}
    }
    let id = &case.seen.id;
    let wanted = |words: &str| case.objects.iter().find(|object| object.words() == words).and_then(|object| object.new);
    let idle = |kind: EffectKind| matches!(kind, EffectKind::Unchanged | EffectKind::Gone | EffectKind::Run);
    let touched = |words: &str| effects.iter().any(|effect| effect.object == words && !idle(effect.effect));
    let applied = work.apply.iter().filter(|applied| touched(&applied.words)).find(|applied| {
        let namespaced = applied.object.pointer("/metadata/namespace").is_some();
        wanted(&applied.words).is_none_or(|new| sent(id, new, namespaced, true) != applied.object)
    });
    let removed =
        work.remove.iter().filter(|removed| touched(&removed.words)).find(|removed| wanted(&removed.words).is_some());
    applied.map(|applied| applied.words.clone()).or_else(|| removed.map(|removed| removed.words.clone()))
}

/// Takes a policy and what a way brings back; gives what the policy says to it.
pub fn word(policy: &Policy, way: Way, back: Option<&str>) -> Word {
    let (Some(said), Some(back)) = (&policy.rollback, back) else { return Word::Free };
    let words = format!("policy ({}) says rollback: {}", said.by, said.value.as_str());
    let words = if way == Way::Rollback {
        words
    } else {
        format!("{words}, and {way} would bring {back} back to an older revision")
    };
    match said.value {
        Rollback::Allow => Word::Free,
        Rollback::Ask => Word::Asked(words),
        Rollback::Never if matches!(way, Way::Unlock | Way::Forget) => {
            Word::Forbidden(format!("{words} (--records-only leaves objects as they are)"))
        }
        Rollback::Never => Word::Forbidden(words),
    }
}
