//! Taking out of the way what holds an operation up and that nobody else will: finalizers whose controller may be gone, a hook's
//! object that Helm can't replace, the release's own webhook with nothing behind it. The operation itself stays open.

use super::work::{Freed, Removed, Work};
use super::{Refusal, Way};
use crate::diagnose::{Case, HookRun, HookView, Operation, held_by_finalizers, own_dead_webhooks};
use crate::observe::{Live, Read};

/// What is in the way, each with its own removal.
pub(super) fn unblock(case: &Case<'_>, operation: &Operation<'_>) -> Result<Work, Refusal> {
    let free: Vec<Freed> = held_by_finalizers(case, operation)
        .into_iter()
        .map(|held| Freed { read: held.read, words: held.words, finalizers: held.finalizers })
        .collect();
    let mut remove: Vec<Removed> = hooks(case, operation).collect();
    for (kind, name) in own_dead_webhooks(case) {
        let read = Read::object(&kind, "", &name);
        remove.push(Removed { words: format!("{}/{name}", kind.kind.to_lowercase()), read, marked: true });
    }
    if free.is_empty() && remove.is_empty() {
        return Err(Refusal::NotApplicable("nothing is in the way that could be taken out of it".to_owned()));
    }
    Ok(Work { free, remove, ..Work::none(Way::Unblock) })
}

/// Hooks' objects that stop the operation: one that failed, and one of an earlier operation whose policy keeps it.
fn hooks<'a>(case: &'a Case<'_>, operation: &'a Operation<'_>) -> impl Iterator<Item = Removed> {
    let first = |hooks: &'a [HookView<'a>]| hooks.iter().find(|hook| !hook.is_done());
    let stopped = first(&operation.before).or_else(|| first(&operation.after)).filter(|_| case.is_open());
    let in_the_way = stopped.filter(|hook| match (&hook.live, hook.run) {
        (Live::Found(_), HookRun::Failed) => true,
        (Live::Found(_), HookRun::NeverRan) => {
            let policies = &hook.hook.delete_policies;
            !policies.is_empty() && !policies.iter().any(|policy| policy == "before-hook-creation")
        }
        _ => false,
    });
    in_the_way.into_iter().filter_map(|hook| {
        let read = case.seen.read_of(hook.object?)?;
        Some(Removed { read, words: hook.words(), marked: false })
    })
}
