//! What a plan says while a fix has the release's lock.

use serde_json::json;

use super::{of, open, pending};
use crate::diagnose::causes::api_tests::{Stage, ago, config_map};
use crate::plan::Way;
use crate::record::Status;

/// An upgrade that isn't done, with the lock of a fix.
fn locked(way: &str, holder: &str, undoing: bool) -> Stage {
    left_by(pending("2", "1"), way, holder, undoing)
}

fn left_by(stage: Stage, way: &str, holder: &str, undoing: bool) -> Stage {
    let journal =
        json!({"fix": "a1b2", "way": way, "by": "ada@laptop", "doing": "applying 3 objects", "undoing": undoing});
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "refloat.web", "namespace": "ns", "annotations": {"refloat.dev/journal": journal.to_string()}},
        "spec": {"holderIdentity": holder, "renewTime": ago(5).to_string()}});
    stage.serves("coordination.k8s.io", "Lease", "leases").there(lease)
}

fn asks(stage: &Stage, way: Way) -> Vec<(String, Option<bool>)> {
    of(stage, way).preconditions.into_iter().map(|asked| (asked.what, asked.met)).collect()
}

#[test]
fn what_was_begun_comes_first_and_the_rest_waits_for_it() {
    use Way::{Forget, Resume, Rollback, Unlock};
    assert_eq!(open(&pending("2", "1")), [Resume, Unlock, Rollback, Forget]);
    let stage = locked("rollback", "", false);
    assert_eq!(open(&stage), [Rollback, Resume, Unlock, Forget]);
    let begun = of(&stage, Rollback);
    assert_eq!(begun.why, "ada@laptop began it, and it goes on where it stopped: it was at applying 3 objects");
    assert_eq!(asks(&stage, Rollback), [("no Helm is at work on this release".to_owned(), Some(true))]);
    let first = "the fix with rollback by ada@laptop that was interrupted comes to its end, or is taken back (refloat undo a1b2 -n ns)";
    assert_eq!(asks(&stage, Unlock)[0], (first.to_owned(), Some(false)));
}

#[test]
fn what_was_begun_is_open_even_if_all_of_it_is_done() {
    let stage = locked("repair", "", false);
    assert_eq!(open(&stage)[0], Way::Repair);
    assert!(of(&stage, Way::Repair).why.ends_with(", and only its lock is still to be given back"));
}

#[test]
fn nothing_is_gone_on_with_while_somebody_is_at_it_or_it_is_taken_back() {
    let running = locked("rollback", "ada#1", false);
    assert_eq!(open(&running)[0], Way::Resume);
    let first = "the fix with rollback by ada@laptop that is under way ends first";
    assert_eq!(asks(&running, Way::Rollback)[0], (first.to_owned(), Some(false)));
    let undoing = locked("rollback", "", true);
    let first =
        "the undo of a fix with rollback by ada@laptop that was interrupted comes to its end (refloat undo a1b2 -n ns)";
    assert_eq!(asks(&undoing, Way::Rollback)[0], (first.to_owned(), Some(false)));
}

#[test]
fn what_cant_be_told_is_not_taken_for_done() {
    let widget = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}});
    let objects = [config_map("a", "1"), widget];
    let stage = Stage::upgrade(Status::PendingUpgrade, "Preparing upgrade", &objects, &objects);
    let option = of(&left_by(stage, "resume", "", false), Way::Resume);
    assert!(!option.applicable && option.why.contains("doesn't serve example.com/v1"), "{}", option.why);
}
