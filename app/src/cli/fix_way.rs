//! Which way out `refloat fix` takes, and its words.

use clap::ValueEnum;
use refloat_core::plan::Way;
use refloat_core::report::one_line;

use super::fix::FixArgs;
use crate::error::Failure;
use crate::exit::Exit;
use crate::fix::Judged;

/// Ways out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum WayName {
    /// Write the missing records of an operation whose work is done
    Complete,
    /// Finish the very operation from what its record holds
    Resume,
    /// Mark the abandoned revision failed, and have Helm go on from the deployed one with any chart
    Unlock,
    /// Go back to the last good revision
    Rollback,
    /// Finish an operation that failed and is mostly done: DESTRUCTIVE where objects have to be made anew
    Converge,
    /// Take finalizers, a hook's object or the release's own dead webhook out of the way: may be DESTRUCTIVE
    Unblock,
    /// Delete the abandoned revision's record: DESTRUCTIVE
    Forget,
    /// Mend records that contradict each other, and put back what a Helm did that had been given up
    Repair,
    /// Take a first install away again, or finish an uninstall without its hooks: DESTRUCTIVE
    Uninstall,
    /// Take a release's objects away and make them anew, where nothing else is left: DESTRUCTIVE
    Reinstall,
}

impl From<WayName> for Way {
    fn from(name: WayName) -> Self {
        match name {
            WayName::Complete => Self::Complete,
            WayName::Resume => Self::Resume,
            WayName::Unlock => Self::Unlock,
            WayName::Rollback => Self::Rollback,
            WayName::Converge => Self::Converge,
            WayName::Unblock => Self::Unblock,
            WayName::Forget => Self::Forget,
            WayName::Repair => Self::Repair,
            WayName::Uninstall => Self::Uninstall,
            WayName::Reinstall => Self::Reinstall,
        }
    }
}

/// The way that was named, that an interrupted fix took, or that is recommended.
pub(super) fn choose(args: &FixArgs, judged: &Judged<'_>, earlier: Option<Way>) -> Result<Way, Failure> {
    let asked = args.with.map(Way::from);
    let id = &judged.case.seen.id;
    let (fix, plan) = (
        format!("refloat fix {} -n {}", id.name, id.namespace),
        format!("refloat plan {} -n {}", id.name, id.namespace),
    );
    match (earlier, asked) {
        (Some(way), Some(asked)) if way != asked => Err(Failure::new(
            Exit::Refused,
            format!("a fix with {way} was interrupted and has to come to its end first"),
        )
        .hint(format!("{fix} goes on with it"))
        .hint(format!("refloat undo -n {} takes it back", id.namespace))),
        (Some(way), _) | (None, Some(way)) => Ok(way),
        (None, None) if args.auto => judged.automatic(args.helm_is_gone).map_err(|why| {
            Failure::new(Exit::Refused, why).hint(format!("{plan} shows the ways out; --with takes one"))
        }),
        (None, None) => {
            let mut options = refloat_core::plan::plan(&judged.situation()).options.into_iter();
            match options.find(|option| option.applicable && option.id != Way::Wait) {
                Some(first) if first.id == Way::Escalate => {
                    Err(Failure::new(Exit::Refused, format!("{}; nothing was written", one_line(&first.why)))
                        .hint(format!("{plan} names what each way does; --with takes one all the same")))
                }
                Some(first) if refloat_core::plan::loses_more(&judged.situation(), &first) => {
                    Err(Failure::new(Exit::Refused, format!("the recommended way ({}) is destructive", first.id))
                        .hint(format!("{plan} names what it loses"))
                        .hint(format!("{fix} --with {} takes it", first.id)))
                }
                Some(first) => Ok(first.id),
                None => Err(Failure::new(Exit::Refused, "there is nothing to be done")
                    .hint(format!("refloat diagnose {} -n {} shows how it stands", id.name, id.namespace))),
            }
        }
    }
}

/// What is about to be done.
pub(super) fn verb(way: Way) -> &'static str {
    match way {
        Way::Wait => "Wait for",
        Way::Complete => "Complete",
        Way::Resume => "Resume",
        Way::Unlock => "Unlock",
        Way::Rollback => "Roll back",
        Way::Repair => "Repair",
        Way::Uninstall => "Uninstall",
        Way::Reinstall => "Delete and make anew all objects of",
        Way::Converge => "Finish the failed operation on",
        Way::Unblock => "Unblock",
        Way::Forget => "Forget the newest revision of",
        Way::Escalate => "Have a person decide on",
    }
}

/// What was done.
pub(super) fn past(way: Way) -> &'static str {
    match way {
        Way::Wait => "Waited for",
        Way::Complete => "Completed",
        Way::Resume => "Resumed",
        Way::Unlock => "Unlocked",
        Way::Rollback => "Rolled back",
        Way::Repair => "Repaired",
        Way::Uninstall => "Uninstalled",
        Way::Reinstall => "Reinstalled",
        Way::Converge => "Finished",
        Way::Unblock => "Unblocked",
        Way::Forget => "Forgot the newest revision of",
        Way::Escalate => "Left to a person",
    }
}
