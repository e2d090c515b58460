//! The bed against the real thing: every promise that other tests build on.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]
use bed::{Bed, Driver, Major, Mode, Namespace, Options, Postgres, chart};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(20);

/// A pod with a behaviour, and its status once it is as wished.
fn pod(ns: &Namespace<'_>, behaviour: &str, seconds: Option<&str>, wish: impl Fn(&Value) -> bool) -> Value {
    let mut annotations = json!({"bed.refloat.dev/pod": behaviour});
    if let Some(seconds) = seconds {
        annotations["bed.refloat.dev/seconds"] = json!(seconds);
    }
    ns.apply(&json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": behaviour, "annotations": annotations},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "app", "image": "registry.example/app:1"}]},
    }))
    .unwrap();
    ns.wait(&format!("pods/{behaviour}"), SOON, |pod| wish(&pod["status"])).unwrap()["status"].clone()
}

fn is_ready(status: &Value) -> Option<bool> {
    let conditions = status["conditions"].as_array()?;
    Some(conditions.iter().find(|condition| condition["type"] == "Ready")?["status"] == "True")
}

/// The name and the status of each record of a namespace, oldest first.
fn records(ns: &Namespace<'_>) -> Vec<(String, String)> {
    let list = ns.get("secrets?labelSelector=owner=helm").unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|secret| (text(&secret["metadata"]["name"]), text(&secret["metadata"]["labels"]["status"])))
        .collect()
}

fn record(name: &str, status: &str) -> (String, String) {
    (format!("sh.helm.release.v1.{name}"), status.to_owned())
}

#[test]
fn both_helms_have_their_pinned_versions() {
    let ns = Bed::shared().namespace("version").unwrap();
    assert!(ns.helm3(["version", "--short"]).unwrap().ok().unwrap().stdout.starts_with("v3.22.0"));
    assert!(ns.helm4(["version", "--short"]).unwrap().ok().unwrap().stdout.starts_with("v4.3.1"));
}

#[test]
fn both_helms_install_and_upgrade_the_chart_and_wait_until_it_is_ready() {
    for major in Major::BOTH {
        let ns = Bed::shared().namespace("ready").unwrap();
        let chart = chart("app");
        ns.helm(major, ["install", "web", &chart, "--wait", "--timeout", "60s"]).unwrap().ok().unwrap();
        let claim = ns.get("persistentvolumeclaims/web").unwrap();
        assert_eq!(claim["status"]["phase"], "Bound");
        let deployment = ns.get("apps/v1/deployments/web").unwrap();
        assert_eq!(deployment["status"]["readyReplicas"], 1);
        let upgrade = ["upgrade", "web", &chart, "--set", "version=2", "--wait", "--timeout", "60s"];
        ns.helm(major, upgrade).unwrap().ok().unwrap();
        assert_eq!(ns.get("configmaps/web-a").unwrap()["data"]["version"], "2");
        assert!(ns.find("configmaps/web-b").unwrap().is_none());
        assert!(ns.find("configmaps/web-c").unwrap().is_some());
        for hook in ["web-pre", "web-post"] {
            assert_eq!(ns.get(&format!("batch/v1/jobs/{hook}")).unwrap()["status"]["succeeded"], 1, "{hook}");
        }
        assert_eq!(records(&ns), [record("web.v1", "superseded"), record("web.v2", "deployed")]);
    }
}

#[test]
fn a_pod_that_is_never_ready_makes_a_waiting_upgrade_fail() {
    for major in Major::BOTH {
        let ns = Bed::shared().namespace("never").unwrap();
        let chart = chart("app");
        ns.helm(major, ["install", "web", &chart]).unwrap().ok().unwrap();
        // Without hooks, which have the same limit and would need it on a busy machine.
        let upgrade = ["upgrade", "web", &chart, "--set", "version=2,pod.behaviour=never-ready", "--wait"];
        let upgrade = upgrade.into_iter().chain(["--timeout", "3s", "--no-hooks"]);
        let error = ns.helm(major, upgrade).unwrap().failed().unwrap();
        assert!(error.contains("context deadline exceeded"), "{error}");
        assert_eq!(records(&ns), [record("web.v1", "deployed"), record("web.v2", "failed")]);
    }
}

#[test]
fn pods_behave_as_they_are_told() {
    let ns = Bed::shared().namespace("pods").unwrap();
    let ready = |status: &Value| is_ready(status) == Some(true);
    let status = pod(&ns, "ready", None, ready);
    assert_eq!(status["phase"], "Running");
    assert!(status["podIP"].is_string() && status["startTime"].is_string());
    let running = |status: &Value| status["phase"] == "Running";
    assert_eq!(is_ready(&pod(&ns, "never-ready", None, running)), Some(false));
    assert_eq!(is_ready(&pod(&ns, "hangs", None, running)), Some(true));

    let start = Instant::now();
    assert_eq!(is_ready(&pod(&ns, "ready-after", Some("2"), running)), Some(false));
    ns.wait("pods/ready-after", SOON, |pod| is_ready(&pod["status"]) == Some(true)).unwrap();
    // The start of a pod has no fractions of a second.
    assert!(start.elapsed() > Duration::from_millis(900), "{:?}", start.elapsed());

    let waiting = |reason| move |status: &Value| status["containerStatuses"][0]["state"]["waiting"]["reason"] == reason;
    let status = pod(&ns, "crash-loop", None, waiting("CrashLoopBackOff"));
    assert_eq!(status["phase"], "Running");
    assert!(status["containerStatuses"][0]["restartCount"].as_u64() >= Some(1));
    assert_eq!(status["containerStatuses"][0]["lastState"]["terminated"]["exitCode"], 1);
    let status = pod(&ns, "image-pull", None, waiting("ImagePullBackOff"));
    assert_eq!(status["phase"], "Pending");
    let about = "events?fieldSelector=reason=BackOff,involvedObject.name=image-pull";
    ns.wait(about, SOON, |events| events["items"][0]["type"] == "Warning").unwrap();

    pod(&ns, "completes", None, |status| status["phase"] == "Succeeded");
    let start = Instant::now();
    pod(&ns, "completes-after", Some("2"), |status| status["phase"] == "Succeeded");
    assert!(start.elapsed() > Duration::from_millis(900), "{:?}", start.elapsed());
    let status = pod(&ns, "fails", None, |status| status["phase"] == "Failed");
    assert_eq!(status["containerStatuses"][0]["state"]["terminated"]["exitCode"], 1);

    for behaviour in ["hangs", "image-pull"] {
        ns.delete(&format!("pods/{behaviour}")).unwrap();
        ns.wait(&format!("pods/{behaviour}"), SOON, Value::is_null).unwrap();
    }
}

#[test]
fn a_pod_of_a_job_completes_unless_told_otherwise() {
    let ns = Bed::shared().namespace("jobs").unwrap();
    for (name, behaviour, field) in [("plain", None, "succeeded"), ("bad", Some("fails"), "failed")] {
        let annotations = behaviour.map_or(json!({}), |behaviour| json!({"bed.refloat.dev/pod": behaviour}));
        let containers = json!([{"name": "app", "image": "registry.example/app:1"}]);
        ns.apply(&json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
            "spec": {"backoffLimit": 0, "template": {
                "metadata": {"annotations": annotations},
                "spec": {"restartPolicy": "Never", "containers": containers},
            }},
        }))
        .unwrap();
        ns.wait(&format!("batch/v1/jobs/{name}"), SOON, |job| job["status"][field] == 1).unwrap();
    }
}

#[test]
fn a_claim_is_bound_only_in_the_beds_own_class() {
    let ns = Bed::shared().namespace("claims").unwrap();
    for class in ["bed", "other"] {
        let spec = json!({
            "accessModes": ["ReadWriteOnce"], "storageClassName": class,
            "resources": {"requests": {"storage": "1Gi"}},
        });
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": class}, "spec": spec,
        });
        ns.apply(&claim).unwrap();
    }
    let bound = ns.wait("persistentvolumeclaims/bed", SOON, |claim| claim["status"]["phase"] == "Bound").unwrap();
    assert_eq!(ns.get("persistentvolumeclaims/other").unwrap()["status"]["phase"], "Pending");
    ns.delete("persistentvolumeclaims/bed").unwrap();
    let volume = format!("/api/v1/persistentvolumes/{}", bound["spec"]["volumeName"].as_str().unwrap());
    ns.wait(&volume, SOON, Value::is_null).unwrap();
}

#[test]
fn every_storage_driver_keeps_the_records_in_its_own_place() {
    let ns = Bed::shared().namespace("drivers").unwrap();
    for driver in [Driver::Secret, Driver::ConfigMap, Driver::Sql] {
        let ns = ns.driver(driver);
        for major in Major::BOTH {
            let name = format!("{}-{}", driver.name(), if major == Major::V3 { 3 } else { 4 });
            ns.helm(major, ["install", &name, &chart("tiny")]).unwrap().ok().unwrap();
        }
        let list = ns.helm3(["list", "--output", "json"]).unwrap().json().unwrap();
        assert_eq!(list.as_array().unwrap().len(), 2, "{driver:?}");
    }
    let count = |kind: &str| {
        let list = ns.get(&format!("{kind}?labelSelector=owner=helm")).unwrap();
        list["items"].as_array().unwrap().len()
    };
    assert_eq!((count("secrets"), count("configmaps")), (2, 2));
}

#[test]
fn helm_dies_at_exactly_the_write_it_is_told_to() {
    for major in Major::BOTH {
        let ns = Bed::shared().namespace("kill").unwrap();
        let chart = chart("tiny");
        ns.helm(major, ["install", "web", &chart]).unwrap().ok().unwrap();
        // The first write is the record of the new revision, the second the ConfigMap.
        let upgrade = ["upgrade", "web", &chart, "--set", "data.version=2"];
        let killed = ns.kill_at(major, 2, Mode::KillBefore, upgrade).unwrap().sure().unwrap();
        assert_eq!(killed.writes().unwrap(), 2);
        assert_eq!(records(&ns), [record("web.v1", "deployed"), record("web.v2", "pending-upgrade")]);
        assert_eq!(ns.get("configmaps/web").unwrap()["data"]["version"], "1");
        let again = ns.helm(major, upgrade).unwrap().failed().unwrap();
        assert!(again.contains("another operation"), "{again}");
    }
}

#[test]
fn a_helm_in_the_background_can_be_frozen_and_killed() {
    let ns = Bed::shared().namespace("live").unwrap();
    let install = ["install", "web", &chart("app"), "--set", "pod.behaviour=never-ready", "--wait"];
    let mut helm = ns.spawn_helm(Major::V3, install).unwrap();
    ns.wait("apps/v1/deployments/web", SOON, |deployment| !deployment.is_null()).unwrap();
    helm.freeze().unwrap();
    assert!(helm.is_running().unwrap());
    let state = fs::read_to_string(format!("/proc/{}/stat", helm.pid())).unwrap();
    assert!(state.contains(") T "), "{state}");
    helm.thaw().unwrap();
    assert!(!helm.kill().unwrap().status.success());
    assert_eq!(records(&ns), [record("web.v1", "pending-install")]);
}

/// The processes that have this path among their arguments or in their environment.
fn processes_with(path: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let pid = entry.unwrap().file_name().to_string_lossy().into_owned();
        for file in ["cmdline", "environ"] {
            // A process can end between the two steps.
            let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            if pid.parse::<u32>().is_ok() && String::from_utf8_lossy(&text).contains(path) {
                found.insert(pid.clone());
            }
        }
    }
    found
}

fn assert_nothing_is_left(path: &str) {
    let deadline = Instant::now() + SOON;
    while !processes_with(path).is_empty() {
        assert!(Instant::now() < deadline, "still running: {:?}", processes_with(path));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn two_beds_run_side_by_side_and_leave_nothing() {
    let no = Options { postgres: Postgres::No, dir: None };
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| Bed::start(&no).unwrap());
        let two = scope.spawn(|| Bed::start(&no).unwrap());
        (one.join().unwrap(), two.join().unwrap())
    });
    assert_ne!(one.address.server, two.address.server);
    assert!(one.postgres().is_err());
    let ns = one.namespace_named("only-here").unwrap();
    assert!(two.api.find("/api/v1/namespaces/only-here").unwrap().is_none());
    // A Helm nobody waits for goes with its bed.
    let install = ["install", "web", &chart("app"), "--set", "pod.behaviour=never-ready", "--wait"];
    std::mem::forget(ns.spawn_helm(Major::V4, install).unwrap());
    for bed in [one, two] {
        let dir = bed.address.dir.clone();
        assert!(processes_with(dir.to_str().unwrap()).len() >= 5);
        drop(bed);
        assert_nothing_is_left(dir.to_str().unwrap());
        assert!(!dir.exists());
    }
}

#[test]
fn a_killed_supervisor_takes_everything_with_it() {
    let bed = Bed::start(&Options { postgres: Postgres::Yes, dir: None }).unwrap();
    let dir = bed.address.dir.to_str().unwrap().to_owned();
    assert_eq!(bed.address.pids.len(), 6);
    for pid in bed.address.pids.values() {
        assert!(fs::exists(format!("/proc/{pid}")).unwrap());
    }
    let kill = Command::new("kill").args(["-KILL", &bed.address.pid.to_string()]).status().unwrap();
    assert!(kill.success());
    assert_nothing_is_left(&dir);
    // The folder stays, and the next bed sweeps it.
    drop(bed);
    assert!(fs::exists(&dir).unwrap());
    drop(Bed::start(&Options { postgres: Postgres::No, dir: None }).unwrap());
    assert!(!fs::exists(&dir).unwrap());
}
