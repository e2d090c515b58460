//! What a way does to each object.

use crate::diagnose::{Case, HookRun};
use crate::observe::Live;
use crate::plan::{Effect, EffectKind, HookStep, Work};

/// What becomes of every object and hook.
pub fn effects(case: &Case<'_>, work: &Work) -> Vec<Effect> {
    let live = |read| match case.seen.answer(read) {
        Some(answer) => match (answer.found(), answer.unknown()) {
            (Some(value), _) => Live::Found(value),
            (None, Some(why)) => Live::Unknown(why.to_owned()),
            (None, None) => Live::Absent,
        },
        None => Live::Unknown("it wasn't read".to_owned()),
    };
    let hooks = |hooks: &[HookStep]| {
        let open = hooks.iter().filter(|hook| !matches!(hook.run, HookRun::Succeeded | HookRun::Passed));
        let run =
            |hook: &HookStep| Effect { object: hook.name.clone(), effect: EffectKind::Run, note: hook.event.clone() };
        open.map(run).collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    let mut anew = Vec::new();
    for removed in &work.clear {
        let mut effect = removed.effect(&case.seen.id, &live(&removed.read));
        match (effect.effect, work.apply.iter().any(|applied| applied.read == removed.read)) {
            (EffectKind::Deleted, true) => {
                effect.effect = EffectKind::Replaced;
                anew.push(&removed.read);
            }
            // What becomes of it then is told with what is applied.
            (_, true) => continue,
            (_, false) => {}
        }
        found.push(effect);
    }
    found.extend(hooks(&work.before));
    let applied = work.apply.iter().filter(|applied| !anew.contains(&&applied.read));
    found.extend(applied.map(|applied| applied.effect(&live(&applied.read))));
    found.extend(work.remove.iter().map(|removed| removed.effect(&case.seen.id, &live(&removed.read))));
    found.extend(work.free.iter().map(|freed| freed.effect(&live(&freed.read))));
    found.extend(hooks(&work.after));
    found
}
