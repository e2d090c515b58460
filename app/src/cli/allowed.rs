//! Whether a release may be written at all: who else may be at work on it.

use refloat_core::diagnose::{LivenessVerdict, Owner, owner};
use refloat_core::report::one_line;

use crate::error::Failure;
use crate::exit::Exit;
use crate::fix::Judged;
use crate::output::Ui;

/// Never over a Helm at work; over one that may be, only on somebody's word.
pub(super) fn allowed(judged: &Judged<'_>, helm_is_gone: bool, yes: bool, ui: &mut Ui) -> Result<(), Failure> {
    let acts = |owner: &Owner| !owner.suspended && !owner.suspend.is_empty();
    if let Some(owner) = owner(&judged.case).filter(acts) {
        let why = format!("{} {} drives this release, and may act on it at any time", owner.kind, owner.name);
        return Err(Failure::new(Exit::Refused, format!("{why}; nothing was written"))
            .because(one_line(&owner.words))
            .hint(one_line(&owner.suspend))
            .hint("then run this again; or mend the release through its owner"));
    }
    let first = || judged.liveness.reasons.first().map(|reason| one_line(reason)).unwrap_or_default();
    match judged.liveness.verdict {
        LivenessVerdict::None | LivenessVerdict::Stale => Ok(()),
        LivenessVerdict::Live => {
            Err(Failure::new(Exit::Refused, "Helm is at work on this release; nothing was written")
                .because(first())
                .hint("wait until it has ended"))
        }
        LivenessVerdict::Possible | LivenessVerdict::Unknown if helm_is_gone => Ok(()),
        LivenessVerdict::Possible | LivenessVerdict::Unknown => {
            ui.say(format!("Helm may still be at work: {}", first()))?;
            let question = "Do you know that the job or terminal that ran Helm has ended?";
            if !yes && ui.confirm(question)? {
                return Ok(());
            }
            let id = &judged.case.seen.id;
            Err(Failure::new(Exit::Refused, "whether Helm is still at work isn't known; nothing was written")
                .because(first())
                .hint(format!("refloat diagnose {} -n {} tells until when it may be", id.name, id.namespace))
                .hint("--helm-is-gone says that you know it has ended"))
        }
    }
}
