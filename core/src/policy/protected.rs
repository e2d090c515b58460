//! What a fix must neither delete nor change: objects of a kind, or with certain labels.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::Policy;
use crate::diagnose::{Case, HookRun};
use crate::inventory::Selector;
use crate::observe::{Kind, Read};
use crate::plan::{Effect, EffectKind, HookStep, Work};
use crate::report::{counted, shortened};
use crate::rescue::Backup;

/// Which objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protected {
    /// All of a kind: `StatefulSet`, `statefulsets`, or with its group, `StatefulSet.apps`; in any letter case.
    Kind(String),
    /// All whose labels a selector selects, with the selector as it was written.
    Labels(Selector, String),
    /// All, as what was meant can't be read.
    Everything,
}

impl fmt::Display for Protected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "kind {kind}"),
            Self::Labels(_, text) => write!(f, "labels {text}"),
            Self::Everything => f.write_str("everything"),
        }
    }
}

impl Protected {
    /// Takes a kind as people write it.
    pub fn kind(word: &str) -> Result<Self, String> {
        let word = word.trim();
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        if word.is_empty() || !word.chars().all(legal) {
            return Err(format!("protected names the kind \"{}\", and no kind is called so", shortened(word, 60)));
        }
        Ok(Self::Kind(word.to_owned()))
    }

    /// Takes a selector as kubectl does. One that selects everything is no selector.
    pub fn labels(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let bad = || format!("protected has the labels \"{}\", which are no selector", shortened(text, 60));
        if text.is_empty() {
            return Err(bad());
        }
        Ok(Self::Labels(Selector::parse(text).map_err(|_| bad())?, text.to_owned()))
    }

    /// Takes kinds and selectors on one line: `StatefulSet, PersistentVolumeClaim; tier=data`. Parts between semicolons are selectors if
    /// they have a sign of one, else kinds with commas between them.
    pub fn line(text: &str) -> Result<Vec<Self>, String> {
        let mut found = Vec::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            if part.contains(['=', '!', '(']) {
                found.push(Self::labels(part)?);
            } else {
                found.extend(part.split(',').map(Self::kind).collect::<Result<Vec<_>, _>>()?);
            }
        }
        Ok(found)
    }

    /// Whether it means objects of a kind that a server serves.
    fn means(&self, kind: &Kind) -> bool {
        let Self::Kind(word) = self else { return false };
        let (word, group) = word.split_once('.').map_or((word.as_str(), None), |(word, group)| (word, Some(group)));
        let named = word.eq_ignore_ascii_case(&kind.kind) || word.eq_ignore_ascii_case(&kind.resource);
        named && group.is_none_or(|group| group.eq_ignore_ascii_case(&kind.group))
    }

    /// Whether an object is meant.
    pub fn matches(&self, kind: &Kind, object: &Value) -> bool {
        match self {
            Self::Everything => true,
            Self::Kind(_) => self.means(kind),
            Self::Labels(selector, _) => {
                let labels = object.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
                let labels: BTreeMap<&str, &str> =
                    labels.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect();
                selector.matches(&labels)
            }
        }
    }
}

/// Takes a policy, a case and a way's work with what it does to each object; gives why the work may not be done, if so.
pub fn protection(policy: &Policy, case: &Case<'_>, work: &Work, effects: &[Effect]) -> Option<String> {
    if policy.protected.is_empty() {
        return None;
    }
    let named = |read: &Read, words: &str| -> Option<String> {
        let Read::Object { kind, .. } = read else { return None };
        let live = case.seen.answer(read).and_then(crate::observe::Answer::found);
        let said = policy.protected.iter().find(|said| match live {
            Some(live) => said.value.matches(kind, live),
            // What can't be seen may carry any label.
            None => !matches!(said.value, Protected::Kind(_)) || said.value.means(kind),
        })?;
        // Objects of one name may stand in several namespaces: what becomes of one is taken for what becomes of all.
        let mut effects = effects.iter().filter(|effect| effect.object == words);
        let what = effects.find_map(|effect| match effect.effect {
            EffectKind::Changed => Some("changed"),
            EffectKind::Replaced => Some("deleted and made anew"),
            EffectKind::Deleted => Some("deleted"),
            EffectKind::Freed => Some("freed of its finalizers, and so deleted"),
            EffectKind::Run if live.is_some() => Some("deleted to be run again"),
            EffectKind::Unknown => Some("changed or deleted, as far as can be seen"),
            _ => None,
        })?;
        Some(format!("{words} would be {what}, and policy ({}) protects {}", said.by, said.value))
    };
    let applied = work.apply.iter().map(|applied| (&applied.read, &applied.words));
    let removed = work.clear.iter().chain(&work.remove).map(|removed| (&removed.read, &removed.words));
    let freed = work.free.iter().map(|freed| (&freed.read, &freed.words));
    let done = |hook: &&HookStep| !matches!(hook.run, HookRun::Succeeded | HookRun::Passed | HookRun::Running);
    let hooks = work.before.iter().chain(&work.after).filter(done).map(|hook| (&hook.read, &hook.name));
    let all = removed.chain(freed).chain(applied).chain(hooks).filter_map(|(read, words)| named(read, words));
    let mut all = all.collect::<Vec<_>>().into_iter();
    let first = all.next()?;
    Some(match all.len() {
        0 => first,
        more => format!("{first}; so it is with {} more", counted(more, "object")),
    })
}

/// Takes a policy and the backup of a restore, in which every object is as it was; gives why the restore may not be done, if so. To put
/// back what is gone changes nothing.
pub fn overwrites(policy: &Policy, backup: &Backup) -> Option<String> {
    let written = backup.restoring.iter().flat_map(|restoring| &restoring.objects);
    written.map(|object| (object, object.read())).find_map(|(object, read)| {
        let Read::Object { kind, .. } = &read else { return None };
        let live = backup.objects.iter().find(|before| before.read() == read)?.before.as_ref()?;
        let said = policy.protected.iter().find(|said| said.value.matches(kind, live))?;
        let words = object.words();
        Some(format!("{words} would be overwritten, and policy ({}) protects {}", said.by, said.value))
    })
}

/// Kinds that a policy names and the server doesn't serve: a slip of the pen protects nothing.
pub(super) fn unserved(policy: &Policy, case: &Case<'_>) -> Vec<String> {
    let kinds = case.seen.kinds();
    if !kinds.is_complete() || !kinds.stale().is_empty() {
        return Vec::new();
    }
    let unserved = policy.protected.iter().filter(|said| {
        matches!(said.value, Protected::Kind(_)) && !kinds.preferred().any(|kind| said.value.means(kind))
    });
    unserved.map(|said| format!("policy ({}) protects {}, and the server serves none", said.by, said.value)).collect()
}
