//! Taking out of the way what holds an operation up, and what a person has to decide.

use bed::corpus::objects::{claim, config_map, deployment, service};
use bed::corpus::{Case, SOON};
use bed::{Driver, Major, Namespace};
use serde_json::Value;

use crate::ways::{LIMIT, Moment, fix, fixed, helm, killed, own_webhook, statuses, unlocked, webhook_path};
use crate::{each, namespace, refloat, refloat_json};

/// The way as the plan has it.
fn planned(ns: &Namespace<'static>, way: &str) -> Value {
    let plan = refloat_json(ns, ["plan", "web", "-o", "json"]);
    plan["options"].as_array().unwrap().iter().find(|option| option["id"] == way).unwrap().clone()
}

/// A dry run of it, which writes nothing.
fn dry(ns: &Namespace<'static>, way: &str) -> Value {
    let before = Moment::now(ns);
    let dry = refloat_json(ns, ["fix", "web", "--with", way, "--dry-run", "-o", "json"]);
    assert_eq!(Moment::now(ns).versions, before.versions);
    dry["option"].clone()
}

#[test]
fn a_finalizer_is_taken_off_only_on_the_word_and_the_uninstall_then_ends() {
    each(Major::BOTH, |major| {
        let ns = namespace("finalizer", Driver::Secret);
        helm(&ns, major, "install", "version=1,finalizer=clean.example/up");
        let args = ["uninstall", "web"].map(str::to_owned);
        let record = "PUT~/secrets/sh.helm.release.v1.web.v1#2:kill-before";
        let first =
            ns.helm_with_faults(major, &[record, "DELETE~/secrets/sh.helm.release.v1.web.v1:kill-before"], args);
        first.unwrap().sure().unwrap();
        ns.wait("configmaps/web-a", SOON, |object| object["metadata"]["deletionTimestamp"].is_string()).unwrap();
        // For a moment it may only be on its way.
        let deadline = std::time::Instant::now() + LIMIT;
        while planned(&ns, "unblock")["applicable"] == false {
            assert!(std::time::Instant::now() < deadline, "{}", planned(&ns, "unblock"));
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        let option = dry(&ns, "unblock");
        assert_eq!(
            (&option["destructive"], &option["effects"][0]["effect"]),
            (&true.into(), &"freed".into()),
            "{option}"
        );
        assert!(option["losses"][0].as_str().unwrap().contains("clean.example/up"), "{option}");
        let auto = refloat(&ns, ["fix", "web", "--auto", "--yes"]);
        assert!(auto.code == Some(4) && ns.find("configmaps/web-a").unwrap().is_some(), "{}", auto.stderr);

        let done = fixed(&ns, "unblock", &[]);
        assert_eq!(done["next"], format!("refloat plan web -n {}", ns.name));
        ns.wait("configmaps/web-a", SOON, Value::is_null).unwrap();
        unlocked(&ns);
        let copy = std::fs::read_to_string(done["backup"].as_str().unwrap()).unwrap();
        assert!(copy.contains("clean.example/up"), "the backup has no copy of what went");
        let way = if planned(&ns, "complete")["applicable"] == true { "complete" } else { "resume" };
        fixed(&ns, way, &[]);
        assert!(ns.find("secrets/sh.helm.release.v1.web.v1").unwrap().is_none());
    });
}

#[test]
fn a_failed_hooks_object_is_taken_away_and_the_hook_run_again() {
    each(Major::BOTH, |major| {
        let ns = namespace("inway", Driver::Secret);
        helm(&ns, major, "install", "version=1");
        let set = "version=2,hooks.pre.enabled=true,hooks.pre.behaviour=fails";
        killed(&ns, major, "upgrade", set, "PUT~/secrets/sh.helm.release.v1.web.v2#2:kill-before");
        let job = ns.get("batch/v1/jobs/web-pre").unwrap();
        let option = dry(&ns, "unblock");
        assert_eq!(
            (&option["destructive"], &option["effects"][0]["object"]),
            (&false.into(), &"job/web-pre".into()),
            "{option}"
        );
        fixed(&ns, "unblock", &[]);
        ns.wait("batch/v1/jobs/web-pre", SOON, Value::is_null).unwrap();
        // It isn't taken for done: it is run again, and fails again.
        let again = fix(&ns, "resume", &[]);
        assert_eq!(again.code, Some(8), "{}", again.stderr);
        assert!(again.stderr.contains("pre-upgrade hook job/web-pre failed"), "{}", again.stderr);
        assert_ne!(ns.get("batch/v1/jobs/web-pre").unwrap()["metadata"]["uid"], job["metadata"]["uid"]);
        let back = refloat(&ns, ["undo", "--yes"]);
        assert_eq!(back.code, Some(0), "{}", back.stderr);
        assert_eq!(statuses(&ns, major), ["deployed", "pending-upgrade"]);
    });
}

#[test]
fn a_releases_own_dead_webhook_is_taken_away_and_comes_back() {
    each(Major::BOTH, |major| {
        let ns = namespace("ownhook", Driver::Secret);
        let case = Case::new(&ns, major);
        let path = webhook_path(&ns);
        let configuration = own_webhook(&ns);
        let own = |version| vec![service("web"), deployment("web", "crash-loop", version), configuration.clone()];
        case.install(1, &own(1), &[]).unwrap();
        case.waiting("web", "CrashLoopBackOff").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1500));
        let objects = [own(2), vec![config_map("web-settings", "2")]].concat();
        case.helm("upgrade", 2, &objects, &[]).unwrap().failed().unwrap();

        let option = dry(&ns, "unblock");
        let gone = format!("validatingwebhookconfiguration/{}-own", ns.name);
        assert_eq!(
            (&option["destructive"], &option["effects"][0]["object"]),
            (&false.into(), &gone.as_str().into()),
            "{option}"
        );
        let done = fixed(&ns, "unblock", &[]);
        assert!(ns.find(&path).unwrap().is_none());
        let back = refloat(&ns, ["undo", done["id"].as_str().unwrap(), "--yes"]);
        assert_eq!(back.code, Some(0), "{}", back.stderr);
        assert_eq!(ns.get(&path).unwrap()["webhooks"][0]["failurePolicy"], "Fail");
        fixed(&ns, "unblock", &[]);
        std::thread::sleep(std::time::Duration::from_millis(1500));
        case.upgrade(2, &objects, &[]).unwrap();
        assert!(ns.find(&path).unwrap().is_some(), "Helm's next upgrade puts it back");
        ns.delete(&path).unwrap();
    });
}

#[test]
fn where_data_is_gone_a_person_decides() {
    each(Major::BOTH, |major| {
        let ns = namespace("escalate", Driver::Secret);
        let case = Case::new(&ns, major);
        case.install(1, &[config_map("web-a", "1"), claim("web-data", "bed")], &[]).unwrap();
        // An upgrade without the claim takes it away, and fails afterwards.
        let next = [config_map("web-a", "2"), deployment("web", "image-pull", 2)];
        case.helm("upgrade", 2, &next, &["--wait", "--timeout", "3s"]).unwrap().failed().unwrap();
        ns.wait("persistentvolumeclaims/web-data", SOON, Value::is_null).unwrap();
        let option = planned(&ns, "escalate");
        let why = option["why"].as_str().unwrap();
        assert!(
            option["applicable"] == true && why.contains("persistentvolumeclaim/web-data of the good revision is gone"),
            "{option}"
        );
        let before = Moment::settled(&ns);
        for args in [&["fix", "web", "--yes"][..], &["fix", "web", "--auto", "--yes", "--helm-is-gone"]] {
            let refused = refloat(&ns, args);
            assert_eq!(refused.code, Some(4), "{}", refused.stderr);
            assert!(refused.stderr.contains("a person has to decide"), "{}", refused.stderr);
        }
        assert_eq!(Moment::now(&ns).versions, before.versions);
        let page = refloat(&ns, ["plan", "web"]).stdout;
        assert!(page.contains("1. escalate: a person has to decide"), "{page}");
    });
}
