//! Hooks and waiting: what was done isn't done twice, what failed stops, and a fix that stopped goes on or is taken back.

use std::time::Instant;

use bed::{Driver, Major, Namespace};
use serde_json::{Value, json};

use crate::ways::{LIMIT, Moment, fix, fixed, helm, helms_go_on, killed, lock, statuses, unlocked};
use crate::{each, namespace, refloat};

/// An upgrade with hooks that was killed in front of its Deployment, so that the hook before it is done and the one after it isn't.
fn killed_after_its_first_hook(ns: &Namespace<'static>, major: Major, set: &str) {
    killed_with_hooks(ns, major, set, "PATCH~/deployments/web:kill-before");
}

fn killed_with_hooks(ns: &Namespace<'static>, major: Major, set: &str, at: &str) {
    helm(ns, major, "install", "version=1");
    let both = format!("version=2,hooks.pre.enabled=true,hooks.post.enabled=true{set}");
    killed(ns, major, "upgrade", &both, at);
}

fn job(ns: &Namespace<'static>, name: &str) -> Option<Value> {
    ns.find(&format!("batch/v1/jobs/{name}")).unwrap()
}

fn is_complete(job: &Value) -> bool {
    job["status"]["succeeded"] == 1
}

#[test]
fn a_hook_that_is_done_isnt_run_again_and_the_rest_are_run() {
    each(Major::BOTH, |major| {
        let ns = namespace("hooks", Driver::Secret);
        killed_after_its_first_hook(&ns, major, "");
        let before = job(&ns, "web-pre").unwrap();
        assert!(is_complete(&before) && job(&ns, "web-post").is_none());
        let done = fixed(&ns, "resume", &[]);
        let steps = done["option"]["steps"].to_string();
        assert!(steps.contains("pre-upgrade hook job/web-pre: succeeded already, isn't run again"), "{steps}");
        assert!(steps.contains("post-upgrade hook job/web-post: run it"), "{steps}");
        assert_eq!(job(&ns, "web-pre").unwrap()["metadata"]["uid"], before["metadata"]["uid"]);
        assert!(is_complete(&job(&ns, "web-post").unwrap()));
        assert_eq!(statuses(&ns, major), ["superseded", "deployed"]);
        helms_go_on(&ns);
    });
}

#[test]
fn of_a_hook_whose_object_is_gone_the_user_says_what_to_do() {
    each([("run", Major::V3), ("skip", Major::V4)], |(word, major)| {
        let ns = namespace("doubtful", Driver::Secret);
        // It is deleted if it fails, so one that isn't there may have failed, or was deleted by somebody; and nothing that comes after
        // it was done, which would prove that it did its work.
        killed_with_hooks(&ns, major, ",hooks.pre.deletePolicy=hook-failed", "PATCH~/configmaps/web-a:kill-before");
        ns.delete("batch/v1/jobs/web-pre").unwrap();
        ns.wait("batch/v1/jobs/web-pre", LIMIT, Value::is_null).unwrap();
        let before = Moment::settled(&ns);
        let stopped = fix(&ns, "resume", &[]);
        assert_eq!(stopped.code, Some(4), "{}", stopped.stderr);
        assert!(
            stopped.stderr.contains("whether it did its work can't be told; nothing was changed"),
            "{}",
            stopped.stderr
        );
        assert!(stopped.stderr.contains("--doubtful-hooks=run or --doubtful-hooks=skip"), "{}", stopped.stderr);
        unlocked(&ns);
        let after = Moment::now(&ns);
        assert_eq!((after.objects, after.records), (before.objects, before.records));

        fixed(&ns, "resume", &["--doubtful-hooks", word]);
        assert_eq!(job(&ns, "web-pre").is_some_and(|job| is_complete(&job)), word == "run");
        assert!(is_complete(&job(&ns, "web-post").unwrap()));
        assert_eq!(statuses(&ns, major), ["superseded", "deployed"]);
    });
}

#[test]
fn a_hook_that_fails_stops_the_fix_which_can_be_taken_back() {
    each(Major::BOTH, |major| {
        let ns = namespace("failing", Driver::Secret);
        killed_after_its_first_hook(&ns, major, ",hooks.post.behaviour=fails");
        let before = Moment::settled(&ns);
        let stopped = fix(&ns, "resume", &[]);
        assert_eq!(stopped.code, Some(8), "{}", stopped.stderr);
        assert!(stopped.stderr.contains("post-upgrade hook job/web-post failed"), "{}", stopped.stderr);
        assert!(stopped.stderr.contains("hint: refloat undo"), "{}", stopped.stderr);
        assert_eq!(statuses(&ns, major), ["deployed", "pending-upgrade"]);
        // As long as it stands half done, nothing else is begun.
        for way in ["unlock", "rollback"] {
            let refused = fix(&ns, way, &[]);
            assert_eq!(refused.code, Some(4), "{way}: {}", refused.stderr);
            assert!(refused.stderr.contains("a fix with resume was interrupted"), "{way}: {}", refused.stderr);
        }
        let again = fix(&ns, "resume", &[]);
        assert_eq!(again.code, Some(8), "{}", again.stderr);

        let undone = refloat(&ns, ["undo", "--yes"]);
        assert_eq!(undone.code, Some(0), "{}", undone.stderr);
        let after = Moment::settled(&ns);
        assert_eq!((&after.records, &after.objects), (&before.records, &before.objects));
        unlocked(&ns);
        fixed(&ns, "rollback", &[]);
        assert_eq!(statuses(&ns, major), ["superseded", "failed", "deployed"]);
        helms_go_on(&ns);
    });
}

/// What the kubelet does once the image can be pulled.
fn image_is_there(ns: &Namespace<'static>) {
    let pods = ns.get("pods").unwrap();
    for pod in pods["items"].as_array().unwrap() {
        if pod["status"]["containerStatuses"][0]["state"]["waiting"].is_null() {
            continue;
        }
        let path = format!("pods/{}", pod["metadata"]["name"].as_str().unwrap());
        ns.patch(&path, &json!({"metadata": {"annotations": {"bed.refloat.dev/pod": "ready"}}})).unwrap();
        let mut container = pod["status"]["containerStatuses"][0].clone();
        container["ready"] = true.into();
        container["started"] = true.into();
        container["state"] = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
        let is = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"});
        let conditions = json!([is("PodScheduled"), is("Initialized"), is("ContainersReady"), is("Ready")]);
        let status =
            json!({"status": {"phase": "Running", "conditions": conditions, "containerStatuses": [container]}});
        ns.patch(&format!("{path}/status"), &status).unwrap();
    }
}

#[test]
fn a_resume_waits_only_as_long_as_told_and_goes_on_later() {
    each(Major::BOTH, |major| {
        let ns = namespace("image", Driver::Secret);
        helm(&ns, major, "install", "version=1");
        killed(&ns, major, "upgrade", "version=2,pod.behaviour=image-pull", "PATCH~/deployments/web:kill-after");
        let begun = Instant::now();
        let stopped = fix(&ns, "resume", &["--timeout", "5s"]);
        assert_eq!(stopped.code, Some(8), "{}", stopped.stderr);
        assert!(begun.elapsed().as_secs() >= 5);
        assert!(stopped.stderr.contains("waited 5s in vain until"), "{}", stopped.stderr);
        assert_eq!(statuses(&ns, major), ["deployed", "pending-upgrade"]);

        // Its journal stays, and holds the release for this way, from any machine at once.
        let journal = lock(&ns).unwrap()["metadata"]["annotations"]["refloat.dev/journal"].as_str().unwrap().to_owned();
        let journal: Value = serde_json::from_str(&journal).unwrap();
        assert_eq!((&journal["way"], &journal["backedUp"]), (&"resume".into(), &true.into()), "{journal}");
        let refused = fix(&ns, "unlock", &[]);
        assert_eq!(refused.code, Some(4), "{}", refused.stderr);
        let refused = refloat(&ns, ["undo", "deadbeef", "--yes"]);
        assert_ne!(refused.code, Some(0), "{}", refused.stderr);

        ns.wait("pods", LIMIT, |pods| pods.to_string().contains("ImagePullBackOff")).unwrap();
        image_is_there(&ns);
        let again = crate::refloat_with(&ns, ["fix", "web", "--yes", "--helm-is-gone"], |command| {
            command.env("HOSTNAME", "another-laptop");
        });
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        let id = journal["fix"].as_str().unwrap();
        assert!(again.stderr.contains(&format!("Going on with fix {id} (resume)")), "{}", again.stderr);
        assert!(again.stdout.contains(&format!("refloat undo {id}")), "{}", again.stdout);
        assert_eq!(statuses(&ns, major), ["superseded", "deployed"]);
        unlocked(&ns);
        helms_go_on(&ns);
    });
}

#[test]
fn a_resume_that_is_told_not_to_wait_doesnt() {
    let ns = namespace("hurry", Driver::Secret);
    helm(&ns, Major::V3, "install", "version=1");
    killed(&ns, Major::V3, "upgrade", "version=2,pod.behaviour=never-ready", "PATCH~/deployments/web:kill-before");
    fixed(&ns, "resume", &["--no-wait"]);
    assert_eq!(statuses(&ns, Major::V3), ["superseded", "deployed"]);
}
