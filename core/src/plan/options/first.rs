//! A fix that has the release's lock: it comes to its end, or is taken back, before another way is taken.

use super::{Precondition, WayOut};
use crate::diagnose::{Case, FixLeft, fix_left};
use crate::plan::{Refusal, Way};

/// Whether a way was begun, and left half done.
pub(super) fn is_begun(case: &Case<'_>, way: Way) -> bool {
    fix_left(case).is_some_and(|left| begun(&left, way))
}

fn begun(left: &FixLeft, way: Way) -> bool {
    left.way == way.as_str() && !left.undoing && !left.at_work
}

/// What a fix that has the lock asks of another way.
pub(super) fn comes_first(case: &Case<'_>, way: Way) -> Option<Precondition> {
    let left = fix_left(case).filter(|left| !begun(left, way))?;
    let (task, by) = (left.task(), &left.by);
    let what = match (left.at_work, left.undoing) {
        (true, _) => format!("the {task} by {by} that is under way ends first"),
        (false, true) => {
            format!("the {task} by {by} that was interrupted comes to its end ({})", left.undo(&case.seen.id))
        }
        (false, false) => {
            let undo = left.undo(&case.seen.id);
            format!("the {task} by {by} that was interrupted comes to its end, or is taken back ({undo})")
        }
    };
    Some(Precondition { what, met: Some(false) })
}

/// Says of a way that was begun that it is gone on with, unless it can't be. Where nothing is left of it to do, its lock is still to be given
/// back.
pub(super) fn goes_on(case: &Case<'_>, refusal: Option<&Refusal>, option: &mut WayOut) {
    let Some(left) = fix_left(case).filter(|left| begun(left, option.id)) else { return };
    let done = match refusal {
        None => "",
        Some(Refusal::Forbidden(_)) => return,
        Some(unknown) if unknown.is_unknown() => return,
        Some(_) => ", and only its lock is still to be given back",
    };
    option.applicable = true;
    let at = if left.doing.is_empty() { String::new() } else { format!(": it was at {}", left.doing) };
    option.why = format!("{} began it, and it goes on where it stopped{at}{done}", left.by);
}
