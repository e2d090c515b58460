//! What a Helm that was given up did to objects after somebody else had taken the release over: a fix seals the abandoned revision's
//! record, which fences no object.

use crate::compare::{self, Owner, Side, Speaks, standing};
use crate::inventory::History;
use crate::manifest::ManifestObject;
use crate::observe::{ABANDONED, Live, Observation, Revision};
use crate::plan::stays;
use crate::record::{Head, RecordMeta, Status};

use super::case::{Case, written_by_helm};

/// An object that isn't as the deployed revision wants it, but as an abandoned one does.
#[derive(Debug, Clone, PartialEq)]
pub struct Stray<'a> {
    /// The abandoned revision.
    pub by: u64,
    /// The object, as the manifest that has it wants it: the deployed revision's, or else the abandoned one's.
    pub object: &'a ManifestObject,
    /// What became of it.
    pub what: Strayed,
    /// Whether a Helm is known to have written it since the newest revision was stored.
    pub since: bool,
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strayed {
    /// It is, wholly or in part, as the abandoned revision wants it.
    Changed,
    /// Only the abandoned revision has it, and it is there.
    Made,
    /// The abandoned revision doesn't have it, and it is gone.
    Deleted,
}

impl Stray<'_> {
    /// Its name for people.
    pub fn words(&self) -> String {
        format!("{}/{}", self.object.kind.to_lowercase(), self.object.name)
    }
}

/// Whether a revision was abandoned and sealed by a fix.
pub fn is_abandoned(revision: &Revision) -> bool {
    revision.status() == Status::Failed && revision.opened.description.starts_with(ABANDONED)
}

/// Whether a head is one of such a revision.
pub fn says_abandoned(head: &Head) -> bool {
    head.description.as_ref().is_some_and(|said| said.starts_with(ABANDONED))
}

/// Takes what was read so far; gives the revisions to be opened next for what their Helms did: the abandoned ones that come right before
/// the newest one, as far as heads tell. Whatever Helm deployed since began with what it found.
pub fn abandoned_to_open(seen: &Observation) -> Vec<u64> {
    let is_one = |revision: &u64| matches!(seen.heads.get(revision), Some(Ok(head)) if says_abandoned(head));
    match seen.newest().map(Revision::status) {
        Some(Status::Deployed | Status::Superseded) => {}
        _ => return Vec::new(),
    }
    let failed = failed_before_newest(&seen.history).filter_map(RecordMeta::revision);
    failed.filter(|revision| !seen.revisions.contains_key(revision)).filter(is_one).collect()
}

/// The records between the newest and the one before it that isn't labelled failed, newest first.
pub fn failed_before_newest(history: &History) -> impl Iterator<Item = &RecordMeta> {
    let older = history.records().iter().rev().skip(1);
    older.take_while(|record| record.status() == Some(Status::Failed))
}

/// Takes a case; gives the objects that are as an abandoned revision wants them and not as the newest one does, which is deployed, or was
/// until the Helm that woke up marked it superseded. What others changed speaks for no revision, and is left out.
pub fn strays<'a>(case: &Case<'a>) -> Vec<Stray<'a>> {
    let Some(newest) = case.newest.filter(|_| matches!(case.status(), Status::Deployed | Status::Superseded)) else {
        return Vec::new();
    };
    let mut found: Vec<Stray<'a>> = Vec::new();
    for abandoned in given_up(case, newest) {
        let of_it: Vec<_> = of(case, newest, abandoned).collect();
        // A record that says deployed may only have missed its end: then a Helm must be known to have written something since.
        if !is_abandoned(abandoned) && !of_it.iter().any(|stray| stray.since) {
            continue;
        }
        for stray in of_it {
            if !found.iter().any(|known| case.same(known.object, stray.object)) {
                found.push(stray);
            }
        }
    }
    found
}

/// The revisions before the newest whose Helms may have woken up: those that were abandoned, and older ones that say deployed, which a Helm
/// writes into a record that can't be sealed, such as a database's.
fn given_up<'a>(case: &Case<'a>, newest: &Revision) -> impl Iterator<Item = &'a Revision> {
    let seen = case.seen;
    let abandoned = failed_before_newest(&seen.history).filter_map(RecordMeta::revision);
    let deployed = seen.history.deployed().into_iter().filter({
        let newest = newest.opened.revision;
        move |older| *older < newest
    });
    let opened = abandoned.chain(deployed).filter_map(|revision| seen.revisions.get(&revision)?.as_ref().ok());
    opened.filter(|revision| is_abandoned(revision) || revision.status() == Status::Deployed)
}

fn of<'a: 'c, 'c>(
    case: &'c Case<'a>,
    newest: &'a Revision,
    abandoned: &'a Revision,
) -> impl Iterator<Item = Stray<'a>> + use<'a, 'c> {
    let both = newest.objects.iter().filter_map(move |object| {
        let other = abandoned.objects.iter().find(|other| case.same(other, object));
        let what = held_against(case, newest, object, other)?;
        Some((object, what))
    });
    let alone =
        abandoned.objects.iter().filter(move |object| !newest.objects.iter().any(|other| case.same(other, object)));
    let made = alone.filter(move |object| is_there(case, object)).map(|object| (object, Strayed::Made));
    both.chain(made).map(move |(object, what)| {
        let since = since(case, newest, object) == Some(true);
        Stray { by: abandoned.opened.revision, object, what, since }
    })
}

/// An object of the newest revision against the abandoned one's side of it.
fn held_against(
    case: &Case<'_>,
    newest: &Revision,
    object: &ManifestObject,
    abandoned: Option<&ManifestObject>,
) -> Option<Strayed> {
    let live = case.seen.live(object);
    let Some(other) = abandoned else {
        // Of what no server serves it is no Helm's doing that it isn't there.
        let could_be = case.seen.read_of(object).is_some();
        return (could_be && matches!(live, Live::Absent)).then_some(Strayed::Deleted);
    };
    let owner = Owner::Release { name: &case.seen.id.name, namespace: &case.seen.id.namespace };
    let there = compare::Live::Found(live.found()?);
    let found = standing(Some(&other.value), Some(&object.value), there, &owner);
    if !matches!(found.side, Side::Old | Side::Mixed) {
        return None;
    }
    // Others scale, too, perhaps to the very number that the abandoned revision wants. Of other fields that can't be told by when a Helm
    // wrote: that time stays as it was where one is only taken away.
    let mut old = found.paths.iter().filter(|path| path.sides == Speaks::Old);
    let is_scaled = found.left_out == 0 && old.all(|path| path.path == "spec.replicas");
    (!is_scaled || since(case, newest, object) != Some(false)).then_some(Strayed::Changed)
}

/// Whether it is there and the release's, and nothing keeps it.
fn is_there(case: &Case<'_>, object: &ManifestObject) -> bool {
    let live = case.seen.live(object);
    let kept = object.value.pointer("/metadata/annotations/helm.sh~1resource-policy").is_some();
    live.found().is_some_and(|live| {
        !kept && live.pointer("/metadata/deletionTimestamp").is_none() && stays(&case.seen.id, live, true).is_none()
    })
}

/// Whether a Helm wrote an object since the newest revision was stored; nothing if the object doesn't tell.
fn since(case: &Case<'_>, newest: &Revision, object: &ManifestObject) -> Option<bool> {
    let written = case.seen.live(object).found().and_then(written_by_helm)?;
    // Times are whole seconds: what was written in the record's own second may be a Helm's, too.
    Some(written >= newest.meta.created?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::diagnose::api_tests::{Stage, ago, config_map, live};

    /// Revision 2 was abandoned, and 3 is made of 1; ConfigMap `a` is in both, `b` only in 1, `c` only in 2.
    pub(crate) fn handed_over(newest: Status) -> Stage {
        let (old, new) = ([config_map("a", "1"), config_map("b", "1")], [config_map("a", "2"), config_map("c", "2")]);
        Stage::new()
            .revision(1, Status::Superseded, "Install complete", 90_000, &old)
            .revision(2, Status::Failed, &format!("{ABANDONED}upgrade was interrupted"), 9000, &new)
            .revision(3, newest, "Rollback to 1 after revision 2 was abandoned", 7200, &old)
    }

    fn written(object: Value, seconds: i64) -> Value {
        let mut object = live(object);
        object["metadata"]["managedFields"] =
            json!([{"manager": "Helm", "operation": "Update", "time": ago(seconds).to_string()}]);
        object
    }

    fn found(stage: &Stage) -> Vec<(String, Strayed, bool)> {
        let seen = stage.seen();
        strays(&Case::new(&seen)).iter().map(|stray| (stray.words(), stray.what, stray.since)).collect()
    }

    fn one(name: &str, what: Strayed, since: bool) -> (String, Strayed, bool) {
        (format!("configmap/{name}"), what, since)
    }

    #[test]
    fn what_a_woken_helm_did_is_told_by_both_manifests() {
        let as_left = handed_over(Status::Deployed).there(written(config_map("a", "1"), 7300));
        let whole = as_left.there(written(config_map("b", "1"), 7300));
        assert_eq!(found(&whole), []);
        let woken = |status| {
            handed_over(status).there(written(config_map("a", "2"), 60)).there(written(config_map("c", "2"), 60))
        };
        let all = [one("a", Strayed::Changed, true), one("b", Strayed::Deleted, false), one("c", Strayed::Made, true)];
        assert_eq!(found(&woken(Status::Deployed)), all);
        // A rollback that wakes up supersedes what is deployed.
        assert_eq!(found(&woken(Status::Superseded)), all);
        // What can't be sealed ends deployed; that alone doesn't tell of a Helm that went on.
        let unsealed = |stage: Stage| {
            let stage = stage.record(2, |record| record.status = Some("deployed".to_owned()));
            stage.revised(2, |revision| revision.opened.status = "deployed".to_owned())
        };
        assert_eq!(found(&unsealed(woken(Status::Deployed))), all);
        let before = handed_over(Status::Deployed).there(written(config_map("a", "1"), 9000));
        assert_eq!(found(&unsealed(before.there(written(config_map("c", "2"), 9000)))), []);
        // Whatever comes next began with what it found.
        assert_eq!(found(&woken(Status::Failed)), []);
        let next = woken(Status::Superseded).revision(4, Status::Deployed, "Upgrade complete", 30, &[]);
        assert_eq!(found(&next), []);
    }

    #[test]
    fn what_others_did_is_no_stray() {
        let there = |a: Value| handed_over(Status::Deployed).there(written(config_map("b", "1"), 7300)).there(a);
        // Nobody serves its kind any more.
        let unserved = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}});
        let stage = Stage::new()
            .revision(2, Status::Failed, &format!("{ABANDONED}upgrade was interrupted"), 9000, &[])
            .revision(3, Status::Deployed, "Rollback to 1 after revision 2 was abandoned", 7200, &[unserved]);
        assert_eq!(found(&stage), []);
        // Others scale.
        let scaled = |by: i64| {
            let of = |replicas: i64| json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"replicas": replicas}});
            let stage = Stage::new()
                .revision(2, Status::Failed, &format!("{ABANDONED}upgrade was interrupted"), 9000, &[of(5)])
                .revision(3, Status::Deployed, "Rollback to 1 after revision 2 was abandoned", 7200, &[of(2)]);
            found(&stage.there(written(of(5), by)))
        };
        assert_eq!(scaled(9000), []);
        assert_eq!(scaled(60), [("deployment/d".to_owned(), Strayed::Changed, true)]);
        // Where a field is only taken away, the time at which a Helm wrote stays as it was.
        assert_eq!(found(&there(written(config_map("a", "2"), 9000))), [one("a", Strayed::Changed, false)]);
        // It speaks for neither revision.
        assert_eq!(found(&there(written(config_map("a", "by hand"), 60))), []);
        let mut others = live(config_map("c", "2"));
        others["metadata"]["annotations"]["meta.helm.sh/release-name"] = "shop".into();
        assert_eq!(found(&there(written(config_map("a", "1"), 7300)).there(others)), []);
        let mut kept = live(config_map("c", "2"));
        kept["metadata"]["annotations"]["helm.sh/resource-policy"] = "keep".into();
        assert_eq!(found(&there(written(config_map("a", "1"), 7300)).there(kept)), []);
        // A revision that just failed has nothing to do with it.
        let failed = there(written(config_map("a", "2"), 60));
        let failed = failed.revised(2, |revision| revision.opened.description = "Upgrade \"web\" failed: x".into());
        assert_eq!(found(&failed), []);
    }

    #[test]
    fn only_what_was_abandoned_right_before_is_opened() {
        let mut seen = handed_over(Status::Deployed).seen();
        let abandoned = seen.revisions.remove(&2).unwrap().unwrap();
        let head = |description: &str| Head { description: Some(description.to_owned()), ..Head::default() };
        assert_eq!(abandoned_to_open(&seen), Vec::<u64>::new());
        seen.heads.insert(2, Ok(head("Upgrade \"web\" failed: x")));
        assert_eq!(abandoned_to_open(&seen), Vec::<u64>::new());
        seen.heads.insert(2, Ok(head(&abandoned.opened.description)));
        assert_eq!(abandoned_to_open(&seen), [2]);
    }
}
