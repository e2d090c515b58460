//! Ways that leave no Helm anything to write over, and those that put right what one did all the same.

use serde_json::{Value, json};

use super::{abandoned, handed_over, of, pair, pending, planned, upgrade};
use crate::diagnose::api_tests::ago;
use crate::plan::{EffectKind, Way};
use crate::record::Status;

const SUPERSEDED: &str = "mark revision 1 superseded, and seal it so that a Helm that wakes up can't write it";

#[test]
fn an_unlock_stores_the_deployed_revision_anew() {
    let stage = pending("2", "1");
    let option = of(&stage, Way::Unlock);
    assert_eq!(
        option.steps[1..],
        [
            "mark revision 2 failed, and seal it so that a Helm that wakes up can't write it",
            "store revision 3, made of revision 1",
            SUPERSEDED,
        ]
    );
    assert!(option.then.starts_with("revision 3, a copy of revision 1, is deployed"), "{}", option.then);
    // Killed after it had stored it, it only supersedes the older one; killed before, it goes on as if nothing had been sealed.
    let stored = abandoned("1", "1").revision(
        3,
        Status::Deployed,
        "Rollback to 1 after revision 2 was abandoned",
        7195,
        &pair("1"),
    );
    assert_eq!(of(&stored, Way::Unlock).steps, [SUPERSEDED]);
    let sealed = of(&abandoned("2", "1"), Way::Unlock);
    assert_eq!(sealed.steps[1..], ["store revision 3, made of revision 1", SUPERSEDED]);
    let done = of(&handed_over(Status::Deployed, "1"), Way::Unlock);
    assert!(!done.applicable, "{}", done.why);
}

#[test]
fn what_a_woken_helm_did_is_put_back_with_the_record_that_it_superseded() {
    let stage = handed_over(Status::Superseded, "2");
    let option = of(&stage, Way::Repair);
    let changed: Vec<_> = option.effects.iter().map(|effect| (effect.object.as_str(), effect.effect)).collect();
    assert_eq!(changed, [("configmap/a", EffectKind::Changed)]);
    assert_eq!(
        option.steps,
        ["apply 1 object as Helm would", "wait until they are ready or gone", "mark revision 3 deployed"]
    );
    assert_eq!(planned(&stage).1, Some(Way::Repair));
}

/// A Helm that wakes up when a fix has finished its upgrade finds the hook's object and fails on it; all is done, so nothing is in the way.
#[test]
fn what_failed_on_what_a_fix_had_done_is_finished() {
    let job = |failed: bool| {
        let (word, code) = if failed { ("Failed", "True") } else { ("Complete", "True") };
        json!({
            "apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {}},
            "metadata": {"name": "migrate", "namespace": "ns", "uid": "j", "creationTimestamp": ago(7100).to_string()},
            "status": {"conditions": [{"type": word, "status": code, "lastTransitionTime": ago(7000).to_string()}]},
        })
    };
    let hook = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"}});
    let said = "Upgrade \"web\" failed: pre-upgrade hooks failed: warning: Hook pre-upgrade shop/templates/hook.yaml failed: 1 error occurred: jobs.batch \"migrate\" already exists";
    let stage = |job: Value| {
        let stage = upgrade(Status::Failed, said, "2", "2").hook("pre-upgrade", &hook);
        stage.record(1, |record| record.status = Some("superseded".to_owned())).there(job)
    };
    assert_eq!(planned(&stage(job(false))).1, Some(Way::Converge));
    assert_eq!(of(&stage(job(false)), Way::Converge).preconditions, []);
    assert_ne!(planned(&stage(job(true))).1, Some(Way::Converge));
}
