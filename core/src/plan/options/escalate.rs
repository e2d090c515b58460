//! Having a person decide: where every way out is a choice about data or about other people's objects, which no tool may make.

use super::{Situation, WayOut};
use crate::compare::Side;
use crate::diagnose::{Case, Mark, last_good, orphans};
use crate::observe::Live;
use crate::plan::Way;

/// What holds data, or what data hangs on.
const HOLDS_DATA: [&str; 3] = ["PersistentVolumeClaim", "PersistentVolume", "CustomResourceDefinition"];

/// Takes the other ways out in their order; gives this one and its place among them: before the way it speaks against.
pub(super) fn option(situation: &Situation<'_>, ranked: &[WayOut]) -> (usize, WayOut) {
    let case = situation.case;
    let best = ranked.iter().position(|option| option.applicable && acts_on_objects(option.id));
    let first = ranked.iter().position(|option| option.applicable);
    let evidence = match best.filter(|best| Some(*best) == first) {
        Some(best) => evidence(case, &ranked[best]),
        None => Vec::new(),
    };
    let (namespace, name) = (&case.seen.id.namespace, &case.seen.id.name);
    let place = if evidence.is_empty() { ranked.len() } else { best.unwrap_or(ranked.len()) };
    let show = format!(
        "show them refloat bundle {name} -n {namespace} -o {name}.bundle and refloat plan {name} -n {namespace}"
    );
    let why = match evidence.as_slice() {
        [] => "nothing here needs another person's decision".to_owned(),
        all => format!("a person has to decide: {}", all.join("; ")),
    };
    let option = WayOut {
        id: Way::Escalate,
        applicable: !evidence.is_empty(),
        why,
        destructive: false,
        losses: Vec::new(),
        policy: None,
        warnings: Vec::new(),
        risk: "none",
        preconditions: Vec::new(),
        effects: Vec::new(),
        steps: if evidence.is_empty() { Vec::new() } else { vec![show] },
        takes: String::new(),
        then: "nothing changes".to_owned(),
        undo: String::new(),
        by_hand: Vec::new(),
    };
    (place, option)
}

fn acts_on_objects(way: Way) -> bool {
    !matches!(way, Way::Wait | Way::Complete | Way::Repair | Way::Escalate)
}

/// What speaks against taking the best way without asking, each with whom to ask.
fn evidence(case: &Case<'_>, best: &WayOut) -> Vec<String> {
    let mut found = foreign(case, best.id);
    if best.id == Way::Rollback {
        found.extend(gone(case));
    }
    if matches!(best.id, Way::Rollback | Way::Uninstall) {
        found.extend(forgotten_claims(case));
    }
    found
}

/// Objects of the new revision that are somebody else's: two owners want them.
fn foreign(case: &Case<'_>, best: Way) -> Vec<String> {
    if !matches!(best, Way::Resume | Way::Converge) {
        return Vec::new();
    }
    let theirs = case.objects.iter().filter(|object| object.new.is_some() && object.standing.side == Side::NotOurs);
    theirs.map(|object| format!("{} belongs to something else; ask whoever owns that", object.words())).collect()
}

/// Objects with data that the good revision has and the cluster hasn't any more: going back makes empty ones.
fn gone(case: &Case<'_>) -> Vec<String> {
    let good = last_good(case).and_then(|good| case.seen.revisions.get(&good.revision)?.as_ref().ok());
    let objects = good.into_iter().flat_map(|good| &good.objects);
    let lost =
        objects.filter(|object| HOLDS_DATA.contains(&object.kind.as_str()) && case.seen.live(object) == Live::Absent);
    lost.map(|object| {
        let words = format!("{}/{}", object.kind.to_lowercase(), object.name);
        format!(
            "{words} of the good revision is gone, and going back makes an empty one; ask whoever answers for its data"
        )
    })
    .collect()
}

/// Claims that no revision has, as of a StatefulSet that was cleaned up after a failure: their data is nobody's now.
fn forgotten_claims(case: &Case<'_>) -> Vec<String> {
    let claims = orphans(case).into_iter().filter(|orphan| orphan.kind == "PersistentVolumeClaim");
    claims
        .map(|claim| {
            let by = if claim.mark == Mark::Label { ", by its label" } else { "" };
            format!(
                "persistentvolumeclaim/{} is this release's{by} and in no revision; ask whoever answers for its data",
                claim.name
            )
        })
        .collect()
}
