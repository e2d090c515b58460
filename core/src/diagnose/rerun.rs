//! Whether doing it again is safe: what a second run of the same operation would trip over or do twice.

use serde::Serialize;
use serde_json::Value;

use super::case::{Case, Object};
use super::hooks::{HookRun, HookView};
use super::operation::Operation;
use crate::compare::Side;
use crate::observe::OperationKind;
use crate::record::Status;

/// What speaks against doing it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rerun {
    /// Whether it is safe; `null` if that can't be told.
    pub safe: Option<bool>,
    /// Why not, or what to know.
    pub why: Vec<String>,
}

/// Takes a case and its operation; `None` where nothing is to be done again.
pub fn rerun(case: &Case<'_>, operation: &Operation<'_>) -> Option<Rerun> {
    let open = case.is_open() || case.status() == Status::Failed;
    if !open || case.kind == OperationKind::Uninstall {
        return None;
    }
    let objects = case.objects.iter().filter(|object| object.new.is_some());
    let mut against: Vec<String> = objects.filter_map(trips).collect();
    let hooks = operation.before.iter().chain(&operation.after);
    against.extend(hooks.filter_map(|hook| again(hook)));
    let unseen = case.objects.iter().any(|object| object.standing.side == Side::Unknown);
    let safe = match (against.is_empty(), unseen) {
        (false, _) => Some(false),
        (true, true) => None,
        (true, false) => Some(true),
    };
    let mut why = against;
    if why.is_empty() {
        why.push(match safe {
            Some(_) => "every object can be applied again, and no hook that ran would run twice".to_owned(),
            None => "not every object could be seen".to_owned(),
        });
    }
    Some(Rerun { safe, why })
}

/// What applying an object again would trip over.
fn trips(object: &Object<'_>) -> Option<String> {
    let manifest = object.new?;
    if manifest.value.pointer("/metadata/generateName").is_some() && manifest.value.pointer("/metadata/name").is_none()
    {
        return Some(format!("{}: its name is generated, so one more is made every time", object.words()));
    }
    let live = object.live.found()?;
    if object.standing.side == Side::NotOurs {
        return Some(format!("{} belongs to something else, so Helm refuses to touch it", object.words()));
    }
    let template = |value: &Value| value.pointer("/spec/template/spec").cloned();
    if object.kind == "Job" && object.old.is_some_and(|old| template(&old.value) != template(&manifest.value)) {
        return Some(format!("{}: a Job's pod template can't be changed once it is there", object.words()));
    }
    if live.get("immutable").and_then(Value::as_bool) == Some(true) && object.standing.side == Side::Old {
        return Some(format!("{} is immutable, and the new revision wants it otherwise", object.words()));
    }
    None
}

/// A hook that ran runs again with every new revision, and one that nothing deletes is in its own way.
fn again(hook: &HookView<'_>) -> Option<String> {
    let policies = &hook.hook.delete_policies;
    let replaced = policies.is_empty() || policies.iter().any(|policy| policy == "before-hook-creation");
    match hook.run {
        HookRun::Succeeded | HookRun::Gone | HookRun::Passed => {
            Some(format!("{} hook {} ran already and would run again", hook.event, hook.words()))
        }
        HookRun::Running => {
            Some(format!("{} hook {} still runs, and would be started once more", hook.event, hook.words()))
        }
        HookRun::Failed if !replaced => {
            Some(format!("{} hook {} is still there, and its policy doesn't replace it", hook.event, hook.words()))
        }
        HookRun::Failed | HookRun::NeverRan | HookRun::Unknown => None,
    }
}
