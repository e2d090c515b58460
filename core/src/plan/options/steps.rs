//! The steps of a way, in words.

use super::words;
use crate::plan::{Effect, EffectKind, HookStep, RecordStep, Way, Work};
use crate::report::counted;

/// The steps in words; takes what becomes of the objects, too.
pub(super) fn steps(work: &Work, effects: &[Effect]) -> Vec<String> {
    let record = |step: &RecordStep| match step {
        RecordStep::Edit { revision, edit, seal } => {
            let status = edit.status.map(|status| status.to_string()).unwrap_or_default();
            let sealed = if *seal { ", and seal it so that a Helm that wakes up can't write it" } else { "" };
            format!("mark revision {revision} {status}{sealed}")
        }
        RecordStep::Create { from, revision, .. } => format!("store revision {revision}, made of revision {from}"),
        RecordStep::Versions { revision, versions } => {
            let all = versions.iter().map(|new| format!("{} for {} of {}", new.to, new.from, new.kind));
            format!("write {} into the manifest of revision {revision}", all.collect::<Vec<_>>().join(", "))
        }
        RecordStep::Delete { revision } if work.way == Way::Repair => {
            format!("set the record of revision {revision} aside, which can't be read: the backup keeps it")
        }
        RecordStep::Delete { revision } => format!("delete the record of revision {revision}"),
    };
    let hook = |hook: &HookStep| format!("{} hook {}: {}", hook.event, hook.name, words::hook(hook.run));
    let mut found: Vec<String> = work.first.iter().map(record).collect();
    if !work.clear.is_empty() {
        found
            .push("delete every object that the release has but what is kept, and wait until they are gone".to_owned());
    }
    found.extend(work.before.iter().map(hook));
    let replaced = work.apply.iter().filter_map(|applied| Some((&applied.words, &applied.replaces.as_ref()?.field)));
    found.extend(
        replaced.map(|(words, field)| format!("delete {words} and make it anew, as {field} can't be changed in place")),
    );
    if !work.apply.is_empty() {
        found.push(format!("apply {} as Helm would", counted(work.apply.len(), "object")));
    }
    if work.way == Way::Unblock {
        found.extend(
            work.remove.iter().map(|removed| format!("delete {}, with what it made: pods, logs", removed.words)),
        );
    } else if !work.remove.is_empty() {
        let goes = |effect: &&Effect| matches!(effect.effect, EffectKind::Deleted | EffectKind::Unknown);
        let there = effects.iter().filter(goes).filter(|effect| work.removes(&effect.object)).count();
        found.push(match there {
            0 => "make sure that nothing is left of what is not to be there".to_owned(),
            1 => "delete 1 object that is not to be there".to_owned(),
            _ => format!("delete {there} objects that are not to be there"),
        });
    }
    for freed in &work.free {
        found.push(format!("take {} off {}", freed.finalizers.join(", "), freed.words));
    }
    if work.wait && !(work.apply.is_empty() && work.remove.is_empty()) {
        found.push("wait until they are ready or gone".to_owned());
    }
    found.extend(work.after.iter().map(hook));
    found.extend(work.last.iter().map(record));
    found
}
