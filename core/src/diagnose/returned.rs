//! Objects of a release that was taken away, there again. A Helm that was thought gone went on: it makes what it has still to make, its last
//! record write fails, as there is no record any more, and then nothing knows of what it made.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::case::{text, time};
use crate::manifest::ManifestObject;
use crate::observe::{Live, Observation, Read, Revision};
use crate::plan::stays;

/// Such an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Returned {
    /// Its API version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for what lives in none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// When it was made, by the server's clock.
    pub created_at: Option<Timestamp>,
}

impl Returned {
    /// `configmap/web`, for people.
    pub fn words(&self) -> String {
        format!("{}/{}", self.kind.to_lowercase(), self.name)
    }
}

/// What is there again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Return {
    /// The objects, in the order of the newest manifest.
    pub objects: Vec<Returned>,
    /// Those of which it can't be told, for people, each with why.
    pub unknown: Vec<String>,
}

/// The reads that it takes: every object that an uninstall of these revisions would delete. Which kinds are served has to be known.
pub fn returning_reads(seen: &Observation) -> Vec<Read> {
    let mut met = BTreeSet::new();
    taken(seen).into_iter().filter_map(|object| seen.read_of(object)).filter(|read| met.insert(read.clone())).collect()
}

/// Takes a release of which no record is left, its revisions opened from a backup; gives what of them is there with its marks. What is kept
/// or is being deleted doesn't count, nor does what is somebody else's by now.
pub fn returned(seen: &Observation) -> Return {
    let mut found = Return::default();
    let mut met = BTreeSet::new();
    for object in taken(seen) {
        if seen.read_of(object).is_some_and(|read| !met.insert(read)) {
            continue;
        }
        match seen.live(object) {
            Live::Absent => {}
            Live::Unknown(why) => {
                found.unknown.push(format!("{}/{}: {why}", object.kind.to_lowercase(), object.name));
            }
            Live::Found(live) if live.pointer("/metadata/deletionTimestamp").is_some() => {}
            Live::Found(live) if stays(&seen.id, live, true).is_some() => {}
            Live::Found(live) => found.objects.push(Returned {
                api_version: object.api_version.clone(),
                kind: object.kind.clone(),
                namespace: text(live, "/metadata/namespace").to_owned(),
                name: object.name.clone(),
                created_at: time(live, "/metadata/creationTimestamp"),
            }),
        }
    }
    found
}

/// What an uninstall deletes: the newest revision's word on an object counts, also on whether it is kept.
fn taken(seen: &Observation) -> Vec<&ManifestObject> {
    let mut said: BTreeSet<(&str, &str, &str, &str)> = BTreeSet::new();
    let mut found = Vec::new();
    let revisions = seen.revisions.values().rev().flatten();
    for object in revisions.flat_map(|revision: &Revision| &revision.objects) {
        let namespace = object.namespace.as_deref().unwrap_or(&seen.id.namespace);
        let kept = object.value.pointer("/metadata/annotations/helm.sh~1resource-policy").is_some();
        if said.insert((object.group(), &object.kind, namespace, &object.name)) && !kept {
            found.push(object);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::diagnose::api_tests::{Stage, config_map, live};
    use crate::observe::{Answer, Kind};
    use crate::record::Status;

    fn names(objects: &[Returned]) -> Vec<String> {
        objects.iter().map(Returned::words).collect()
    }

    /// A first install of these, which was taken away.
    fn install(manifest: &[Value]) -> Stage {
        Stage::new().revision(1, Status::PendingInstall, "Initial install underway", 7200, manifest)
    }

    fn with(mut object: Value, pointer: &str, value: &str) -> Value {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let members = object.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        members.insert(key.replace("~1", "/"), value.into());
        object
    }

    fn kept(name: &str) -> Value {
        let mut object = config_map(name, "1");
        object["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
        object
    }

    #[test]
    fn what_is_there_with_the_releases_marks_came_back() {
        let there = with(live(config_map("a", "1")), "/metadata/creationTimestamp", "2026-11-21T11:59:00Z");
        let seen = install(&[config_map("a", "1"), config_map("b", "1")]).there(there).seen();
        let found = returned(&seen);
        assert_eq!((names(&found.objects), found.unknown), (vec!["configmap/a".to_owned()], Vec::new()));
        assert_eq!(found.objects[0].created_at, "2026-11-21T11:59:00Z".parse().ok());
        assert_eq!(returning_reads(&seen).len(), 2);
        assert_eq!(returned(&install(&[config_map("a", "1")]).seen()), Return::default());
    }

    #[test]
    fn what_stays_on_purpose_goes_already_or_is_somebody_elses_doesnt_count() {
        let going = with(live(config_map("going", "1")), "/metadata/deletionTimestamp", "2026-11-21T11:59:00Z");
        let other =
            with(live(config_map("other", "1")), "/metadata/annotations/meta.helm.sh~1release-name", "somebody-elses");
        let mut unmarked = live(config_map("unmarked", "1"));
        unmarked["metadata"]["annotations"] = json!({});
        let by_hand = with(live(config_map("by-hand", "1")), "/metadata/annotations/helm.sh~1resource-policy", "keep");
        let mut by_chart = live(kept("by-chart"));
        by_chart["metadata"]["annotations"] =
            json!({"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "ns"});
        let manifest = ["going", "other", "unmarked", "by-hand"].map(|name| config_map(name, "1"));
        let stage = install(&[&manifest[..], &[kept("by-chart")]].concat());
        let there = [going, other, unmarked, by_hand, by_chart];
        let seen = there.into_iter().fold(stage, Stage::there).seen();
        assert_eq!(returned(&seen), Return::default());
    }

    #[test]
    fn every_revision_counts_and_the_newest_says_what_is_kept() {
        let older = [config_map("a", "1"), config_map("kept", "1"), config_map("freed", "1")];
        let newer = [config_map("a", "2"), kept("kept"), config_map("freed", "2")];
        let stage = Stage::new()
            .revision(
                1,
                Status::Deployed,
                "Install complete",
                90_000,
                &[&older[..], &[config_map("old", "1")]].concat(),
            )
            .revision(2, Status::Uninstalling, "Deletion in progress (or silently failed)", 7200, &newer);
        let there = ["a", "kept", "freed", "old"].map(|name| live(config_map(name, "1")));
        let seen = there.into_iter().fold(stage, Stage::there).seen();
        assert_eq!(names(&returned(&seen).objects), ["configmap/a", "configmap/freed", "configmap/old"]);
    }

    #[test]
    fn what_may_not_be_read_is_unknown() {
        let map = Kind::known("v1", "ConfigMap", "configmaps", true);
        let denied = Answer::Forbidden("configmaps is forbidden".to_owned());
        let stage = install(&[config_map("a", "1")]).answered(Read::object(&map, "ns", "a"), denied);
        let found = returned(&stage.seen());
        assert_eq!(
            (found.objects, found.unknown),
            (Vec::new(), vec!["configmap/a: configmaps is forbidden".to_owned()])
        );
    }
}
