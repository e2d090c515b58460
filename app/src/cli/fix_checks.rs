//! What must hold before a fix or a restore writes: nobody else at work, and somebody's word where it is needed.

use refloat_core::diagnose::{LivenessVerdict, Owner, owner};
use refloat_core::plan::WayOut;
use refloat_core::policy::stands_in_the_way;
use refloat_core::report::{left, one_line};

use super::fix::FixArgs;
use crate::error::Failure;
use crate::exit::Exit;
use crate::fix::Judged;
use crate::output::Ui;

/// Never over a Helm at work; over one that may be, only on somebody's word.
pub(super) fn allowed(judged: &Judged<'_>, helm_is_gone: bool, yes: bool, ui: &mut Ui) -> Result<(), Failure> {
    if let Some(owner) = owner(&judged.case).filter(|owner| stands_in_the_way(&judged.ruling.policy, owner)) {
        return Err(owned(&owner, judged));
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
            let wait = match judged.liveness.until.map(|until| until.duration_since(judged.case.seen.at)) {
                Some(time) => format!("look again in {}: refloat plan {} -n {}", left(time), id.name, id.namespace),
                None => format!("refloat diagnose {} -n {} tells what would show it", id.name, id.namespace),
            };
            Err(Failure::new(Exit::Refused, "whether Helm is still at work isn't known; nothing was written")
                .because(first())
                .hint(wait)
                .hint("--helm-is-gone says that you know it has ended"))
        }
    }
}

fn owned(owner: &Owner, judged: &Judged<'_>) -> Failure {
    let why = format!("{} {} drives this release, and may act on it at any time", owner.kind, one_line(&owner.name));
    let mut failure =
        Failure::new(Exit::Refused, format!("{why}; nothing was written")).because(one_line(&owner.words));
    if !owner.suspend.is_empty() {
        failure = failure.hint(one_line(&owner.suspend));
    }
    match judged.ruling.policy.owners.get(&owner.kind) {
        Some(said) if owner.suspend.is_empty() => {
            failure.hint(format!("policy ({}) wants it suspended, which can't be seen of this one", one_line(&said.by)))
        }
        _ => failure.hint("then run this again; or mend the release through its owner"),
    }
}

/// Where policy asks before a release goes back: somebody's word, of which `--yes` is none.
pub(super) fn safe_to_go_back(
    args: &FixArgs,
    judged: &Judged<'_>,
    option: &WayOut,
    ui: &mut Ui,
) -> Result<(), Failure> {
    let (Some("ask"), Some(said)) = (option.policy, &judged.ruling.policy.rollback) else { return Ok(()) };
    if args.rollback_is_safe {
        return Ok(());
    }
    let says = format!("policy ({}) says rollback: ask", one_line(&said.by));
    ui.say(format!("{says}: {} brings the release back to an older revision.", option.id))?;
    let question = "Do you know that the older revision works with what is there now, such as a migrated database?";
    if !args.yes && ui.confirm(question)? {
        return Ok(());
    }
    let failure = Failure::new(Exit::Refused, format!("{says}; nothing was written"));
    let failure = option.warnings.iter().take(1).fold(failure, |failure, warning| failure.because(one_line(warning)));
    Err(failure.hint("--rollback-is-safe says that you know the older revision works with what is there now"))
}
