//! What annotations say: on the release's Namespace, and on the object that holds its newest record.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Policy, Protected, Rollback, Ruled, StaleAfter, said};
use crate::diagnose::Case;
use crate::observe::{Read, known};

/// `rollback`.
pub const ROLLBACK: &str = "refloat.dev/rollback";
/// `stale-after`.
pub const STALE_AFTER: &str = "refloat.dev/stale-after";
/// `auto`, with commas between the ways; `none` for none.
pub const AUTO: &str = "refloat.dev/auto";
/// `protected`, as [`Protected::line`] takes it.
pub const PROTECTED: &str = "refloat.dev/protected";

/// What is said by annotations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotated {
    /// The policy. A word that can't be read counts as the strictest.
    pub policy: Policy,
    /// Words that can't be read, in a sentence each.
    pub faults: Vec<String>,
}

/// Takes an object's annotations and its name for people; gives what they say.
pub fn annotated(annotation: impl Fn(&str) -> Option<String>, object: &str) -> Annotated {
    let mut said = Annotated::default();
    let mut faults = Vec::new();
    // At three in the morning a slip of the pen must not pass for consent.
    let mut or_strictest = |fault: String, key: &str, strictest: &str| {
        faults.push(format!("the annotation {key} on {object} can't be read: {fault}; taken for {strictest}"));
    };
    let by = |key: &str| format!("annotation {key} on {object}");
    said.policy.rollback = annotation(ROLLBACK).map(|word| {
        let value = said::rollback(&word).unwrap_or_else(|fault| {
            or_strictest(fault, ROLLBACK, "never");
            Rollback::Never
        });
        Ruled { value, by: by(ROLLBACK) }
    });
    said.policy.stale_after = annotation(STALE_AFTER).map(|word| {
        let value = said::stale_after(&word).unwrap_or_else(|fault| {
            or_strictest(fault, STALE_AFTER, "never");
            StaleAfter::Never
        });
        Ruled { value, by: by(STALE_AFTER) }
    });
    said.policy.auto = annotation(AUTO).map(|word| {
        let value = said::auto(&word).unwrap_or_else(|fault| {
            or_strictest(fault, AUTO, "none");
            BTreeSet::new()
        });
        Ruled { value, by: by(AUTO) }
    });
    let protected = annotation(PROTECTED).map(|word| {
        Protected::line(&word).unwrap_or_else(|fault| {
            or_strictest(fault, PROTECTED, "everything");
            vec![Protected::Everything]
        })
    });
    said.policy.protected = protected.into_iter().flatten().map(|value| Ruled { value, by: by(PROTECTED) }).collect();
    said.faults = faults;
    said
}

/// Takes a case; gives what its Namespace's annotations say, or why they aren't known.
pub fn of_namespace(case: &Case<'_>) -> Result<Annotated, String> {
    let name = &case.seen.id.namespace;
    let answer = case.seen.answer(&Read::object(&known::namespaces(), "", name));
    let found = answer.and_then(crate::observe::Answer::found);
    let unknown = answer.map_or(Some("it wasn't read"), crate::observe::Answer::unknown);
    if let Some(why) = unknown {
        return Err(why.to_owned());
    }
    let annotation = |key: &str| {
        let text = found?.pointer("/metadata/annotations")?.get(key)?;
        text.as_str().map(str::to_owned)
    };
    Ok(annotated(annotation, &format!("namespace/{name}")))
}

/// Takes a case; gives what the annotations on its newest record's object say. A row has none.
pub fn of_record(case: &Case<'_>) -> Annotated {
    let Some(newest) = case.newest else { return Annotated::default() };
    let annotation = |key: &str| newest.annotations.get(key).cloned();
    let id = &newest.meta.id;
    annotated(annotation, &format!("{}/{}", id.driver.kind().to_lowercase(), id.key))
}

/// Takes a stored object; gives its annotations that may be of a policy.
pub fn kept(object: &Value) -> std::collections::BTreeMap<String, String> {
    let all = object.pointer("/metadata/annotations").and_then(Value::as_object).into_iter().flatten();
    let ours = all.filter(|(key, _)| [ROLLBACK, STALE_AFTER, AUTO, PROTECTED].contains(&key.as_str()));
    ours.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
