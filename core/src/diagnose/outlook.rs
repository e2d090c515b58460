//! What the next `helm upgrade` would change: with the newest revision's manifest, and with that of the revision before it.

use serde::Serialize;

use super::case::Case;
use crate::compare::{self, Owner, Side, Speaks, standing};
use crate::manifest::ManifestObject;
use crate::observe::{Live, Revision};

/// How many fields of an object are named.
const FEW: usize = 5;

/// What an upgrade with one revision's manifest would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outlook {
    /// The revision whose manifest it is.
    pub revision: u64,
    /// Objects that it would create.
    pub created: Vec<String>,
    /// Objects that it would change, and where.
    pub changed: Vec<Change>,
    /// Objects that it would delete, as Helm would find them.
    pub deleted: Vec<String>,
    /// How many it would leave as they are.
    pub unchanged: usize,
    /// Objects of which it can't be told.
    pub unknown: Vec<String>,
}

/// An object that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The object, as in `deployment/web`.
    pub object: String,
    /// The first of the fields that aren't as the manifest has them.
    pub fields: Vec<String>,
}

/// Takes a case; gives the outlook for the newest revision and for the one before, as far as they can be read.
pub fn outlook(case: &Case<'_>) -> Vec<Outlook> {
    [case.newest, case.base].into_iter().flatten().map(|revision| of(case, revision)).collect()
}

fn of(case: &Case<'_>, revision: &Revision) -> Outlook {
    let mut outlook = Outlook {
        revision: revision.opened.revision,
        created: Vec::new(),
        changed: Vec::new(),
        deleted: Vec::new(),
        unchanged: 0,
        unknown: Vec::new(),
    };
    for object in &revision.objects {
        add(case, object, &mut outlook);
    }
    // Helm deletes what the revision it goes on from has, and the new manifest hasn't.
    let deployed = case.seen.history.deployed().into_iter().max();
    let from = deployed.and_then(|deployed| case.seen.revisions.get(&deployed)?.as_ref().ok()).or(case.newest);
    let same = |a: &ManifestObject, b: &ManifestObject| {
        a.kind == b.kind && a.group() == b.group() && a.name == b.name && a.namespace == b.namespace
    };
    for object in from.into_iter().flat_map(|from| &from.objects) {
        let stays = revision.objects.iter().any(|kept| same(kept, object));
        if !stays && case.seen.live(object).found().is_some() {
            outlook.deleted.push(words(object));
        }
    }
    outlook
}

fn words(object: &ManifestObject) -> String {
    format!("{}/{}", object.kind.to_lowercase(), object.name)
}

fn add(case: &Case<'_>, object: &ManifestObject, outlook: &mut Outlook) {
    let live = match case.seen.live(object) {
        Live::Found(live) => live,
        Live::Absent => return outlook.created.push(words(object)),
        Live::Unknown(_) => return outlook.unknown.push(words(object)),
    };
    let owner = Owner::Release { name: &case.seen.id.name, namespace: &case.seen.id.namespace };
    let standing = standing(None, Some(&object.value), compare::Live::Found(live), &owner);
    match standing.side {
        Side::New | Side::Same => outlook.unchanged += 1,
        Side::Unknown | Side::Terminating => outlook.unknown.push(words(object)),
        _ => {
            let other = standing.paths.iter().filter(|path| !matches!(path.sides, Speaks::New | Speaks::Either));
            let fields = other.take(FEW).map(|path| path.path.clone()).collect();
            outlook.changed.push(Change { object: words(object), fields });
        }
    }
}
