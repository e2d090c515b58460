//! What couldn't be seen, and what that hides. Said in as few sentences as there are kinds of things.

use std::collections::BTreeMap;

use super::case::Case;
use crate::observe::{LIST_LIMIT, Read, wanted_all};

/// Takes a case; gives a sentence for each kind of thing that couldn't be read.
pub fn unknowns(case: &Case<'_>) -> Vec<String> {
    let mut groups: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let mut cut = Vec::new();
    for read in wanted_all(case.seen) {
        let Some(answer) = case.seen.answer(&read) else { continue };
        if let Some(why) = answer.unknown() {
            groups.entry((what(&read), reason(why))).or_default().push(read.words());
        }
        if answer.found().and_then(|list| list.pointer("/metadata/continue")).is_some_and(|more| more != "") {
            cut.push(format!("only the first {LIST_LIMIT} of {} were read", read.words()));
        }
    }
    let mut found: Vec<String> = groups
        .into_iter()
        .map(|((what, why), reads)| match reads.as_slice() {
            [one] => format!("{one}: {why}; {what}"),
            [first, ..] => format!("{first} and {} more like it: {why}; {what}", reads.len() - 1),
            [] => format!("{why}; {what}"),
        })
        .collect();
    for (revision, opened) in &case.seen.revisions {
        for problem in opened.iter().flat_map(|revision| &revision.problems) {
            found.push(format!("revision {revision}: {problem}; whether it stands for an object isn't known"));
        }
    }
    found.extend(cut);
    found
}

/// What the lack of it hides.
fn what(read: &Read) -> String {
    let hidden = match read {
        Read::CoreKinds | Read::GroupKinds => "which objects are there isn't known",
        Read::Rules { .. } => "what you may do isn't known",
        Read::Log { .. } => "what the container said isn't known",
        Read::Object { kind, .. } => match kind.kind.as_str() {
            "Namespace" => "whether the namespace is being deleted isn't known",
            "Lease" => "whether another fix is under way isn't known",
            "Node" => "whether the node is well isn't known",
            _ => "its state isn't known",
        },
        Read::List { metadata_only: true, .. } => "orphans of this kind aren't found",
        Read::List { kind, .. } => match kind.kind.as_str() {
            "Event" => "refusals and scheduling faults may stay unseen",
            "Pod" => "why pods aren't ready isn't known",
            "ResourceQuota" | "LimitRange" => "whether a quota or limit stands in the way isn't known",
            "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
                "which webhooks may refuse or delay Helm isn't known"
            }
            "APIService" => "which API server is down isn't known",
            _ => "what they would show isn't known",
        },
    };
    hidden.to_owned()
}

/// The server names every object in its refusals; the reason alone is wanted.
fn reason(why: &str) -> String {
    if why.contains("forbidden") || why.contains("cannot ") {
        "you may not read that".to_owned()
    } else {
        why.to_owned()
    }
}
