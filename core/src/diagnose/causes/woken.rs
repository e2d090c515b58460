//! A Helm that was given up and went on all the same.

use super::words::{add, cause};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::strays::{Stray, Strayed, strays};
use crate::inventory::Ailment;
use crate::report::shortened;

/// How many objects are named in the evidence.
const MOST_NAMED: usize = 20;

/// Gives what such a Helm did to objects. What it did to records is told by the records themselves.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let found = strays(scene.case);
    let Some(ailment) = woken(&found) else { return Vec::new() };
    let id = &scene.case.seen.id;
    let confidence = if found.iter().any(|stray| stray.since) { Confidence::Certain } else { Confidence::Likely };
    let mut cause = cause(ailment.code(), confidence, depth::BLOCKER, ailment.to_string());
    for stray in found.iter().take(MOST_NAMED) {
        let since = if stray.since { ", by a Helm, after the newest revision was stored" } else { "" };
        add(&mut cause.evidence, format!("{} {}{since}", stray.words(), told(stray)));
    }
    cause.command = format!("refloat fix {} -n {} --with repair", id.name, id.namespace);
    cause.remedy = "make sure that it has ended, then put back what it did".to_owned();
    vec![cause]
}

/// What it did, for a scan; nothing if it did nothing.
pub fn woken(found: &[Stray<'_>]) -> Option<Ailment> {
    Some(Ailment::Woken { revision: found.first()?.by, did: shortened(&did(found), 200) })
}

fn did(found: &[Stray<'_>]) -> String {
    let part = |what: Strayed, verb: &str| {
        let names: Vec<String> = found.iter().filter(|stray| stray.what == what).map(Stray::words).collect();
        (!names.is_empty()).then(|| format!("{verb} {}", names.join(", ")))
    };
    let parts = [part(Strayed::Changed, "changed"), part(Strayed::Made, "made"), part(Strayed::Deleted, "deleted")];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn told(stray: &Stray<'_>) -> String {
    match stray.what {
        Strayed::Changed => format!("is as revision {} wants it", stray.by),
        Strayed::Made => format!("is there, which only revision {} has", stray.by),
        Strayed::Deleted => format!("is gone, which revision {} doesn't have", stray.by),
    }
}
