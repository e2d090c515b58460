//! Where objects stand is told rightly at every write of an upgrade and a rollback, by both Helms, of every kind in
//! `testbed/charts/kinds`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of tests are tests")]
use bed::{Bed, Major, Mode, Namespace, Proxied, chart};
use refloat_core::compare::{Live, Nearer, Owner, Side, Standing, standing, summary};
use refloat_core::manifest::{ManifestObject, objects};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(120);

/// A namespace in which the chart can be installed: its custom resource needs a definition.
fn namespace(prefix: &str) -> Namespace<'static> {
    static WIDGETS: OnceLock<()> = OnceLock::new();
    let bed = Bed::shared();
    WIDGETS.get_or_init(|| {
        let schema = serde_json::json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let version =
            serde_json::json!({"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}});
        let definition = serde_json::json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced", "versions": [version],
                "names": {"plural": "widgets", "kind": "Widget"},
            },
        });
        bed.api.apply(&definition, "default").unwrap();
        bed.api.wait("/apis/example.com/v1", SOON, |list| !list.is_null()).unwrap();
    });
    bed.namespace(prefix).unwrap()
}

fn args(command: [&str; 2], version: u32) -> Vec<String> {
    let [command, more] = command;
    let set = format!("version={version}{more}");
    [command, "web", &chart("kinds"), "--set", &set].map(str::to_owned).to_vec()
}

/// What two revisions want of one object, and where it is.
struct Pair {
    old: Option<Value>,
    new: Option<Value>,
    path: String,
    name: String,
}

fn pairs(ns: &Namespace<'_>, old: u32, new: u32) -> Vec<Pair> {
    let read = |revision: u32| {
        let manifest = ns.helm3(["get", "manifest", "web", "--revision", &revision.to_string()]).unwrap().ok().unwrap();
        let (found, problems) = objects(&manifest.stdout);
        assert_eq!(problems, []);
        found
    };
    let mut pairs: BTreeMap<String, Pair> = BTreeMap::new();
    let mut resources = BTreeMap::new();
    for (side, found) in [read(old), read(new)].into_iter().enumerate() {
        for object in found {
            let path = path(ns, &object, &mut resources);
            let name = format!("{}/{}", object.kind, object.name);
            let empty = Pair { old: None, new: None, path: path.clone(), name };
            let pair = pairs.entry(path).or_insert(empty);
            *(if side == 0 { &mut pair.old } else { &mut pair.new }) = Some(object.value);
        }
    }
    pairs.into_values().collect()
}

/// An object's path in the API; `resources` remembers what a version of a group serves.
fn path(ns: &Namespace<'_>, object: &ManifestObject, resources: &mut BTreeMap<String, Value>) -> String {
    let version = &object.api_version;
    let root = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    let list = resources.entry(root.clone()).or_insert_with(|| ns.bed.api.get(&root).unwrap());
    let mut resources = list["resources"].as_array().unwrap().iter();
    let fits = |it: &&Value| it["kind"] == *object.kind && !it["name"].as_str().unwrap().contains('/');
    let resource = resources.find(fits).unwrap_or_else(|| panic!("{version} has no {}", object.kind));
    let (plural, name) = (resource["name"].as_str().unwrap(), &object.name);
    if resource["namespaced"] == true {
        format!("{root}/namespaces/{}/{plural}/{name}", object.namespace.as_deref().unwrap_or(&ns.name))
    } else {
        format!("{root}/{plural}/{name}")
    }
}

fn judge(ns: &Namespace<'_>, pair: &Pair) -> Standing {
    let live = ns.bed.api.find(&pair.path).unwrap();
    let live = live.as_ref().map_or(Live::Absent, Live::Found);
    let owner = Owner::Release { name: "web", namespace: &ns.name };
    standing(pair.old.as_ref(), pair.new.as_ref(), live, &owner)
}

/// Where an object must stand once these paths were written. `kept` is what the upgrade left although it was only in the old
/// manifest.
fn expected(pair: &Pair, written: &BTreeSet<String>) -> Side {
    let done = written.contains(&pair.path);
    let kept = pair.name.ends_with("-kept");
    match (&pair.old, &pair.new) {
        (Some(_), Some(_)) if pair.name.ends_with("-same") => Side::Same,
        (Some(_), Some(_)) if done => Side::New,
        (Some(_), Some(_)) => Side::Old,
        (None, Some(_)) if done || kept => Side::New,
        (None, Some(_)) => Side::Absent,
        (Some(_), None) if kept => Side::Same,
        (Some(_), None) if done => Side::Absent,
        (Some(_), None) => Side::ToBePruned,
        (None, None) => panic!("{} is in no manifest", pair.name),
    }
}

/// Judges every object; gives what is wrong, and how many verdicts there were.
fn wrong(ns: &Namespace<'_>, pairs: &[Pair], written: &BTreeSet<String>, at: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for pair in pairs {
        let (found, expected) = (judge(ns, pair), expected(pair, written));
        let shown = serde_json::to_string(&found.paths).unwrap();
        if found.side != expected {
            wrong.push(format!("{at}: {} is {}, not {expected}: {shown}", pair.name, found.side));
        }
        if shown.contains("canary") {
            wrong.push(format!("{at}: {} shows a secret", pair.name));
        }
    }
    wrong
}

/// The objects that were written, by the proxy's log.
fn written(log: &[Value]) -> BTreeSet<String> {
    let done = |line: &&Value| line["event"] == "write" && line["status"].as_u64().is_some_and(|status| status < 300);
    let path = |line: &Value| {
        let path = line["path"].as_str().unwrap().split('?').next().unwrap().to_owned();
        if line["method"] == "POST" { format!("{path}/{}", line["name"].as_str().unwrap()) } else { path }
    };
    log.iter().filter(done).map(path).collect()
}

/// Holds Helm at each of its writes, calls back with the number of the write and what was written before, and lets it go on.
fn at_each_write(mut helm: Proxied, mut look: impl FnMut(usize, &BTreeSet<String>)) {
    let mut seen = 0;
    let deadline = Instant::now() + Duration::from_secs(900);
    while helm.live.is_running().unwrap() {
        assert!(Instant::now() < deadline, "Helm doesn't end");
        let log = helm.log().unwrap_or_default();
        let frozen = log.iter().filter(|line| line["event"] == "frozen").count();
        if frozen == seen {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        }
        seen = frozen;
        look(seen, &written(&log));
        let group = i32::try_from(helm.group().unwrap().unwrap()).unwrap();
        kill_process_group(Pid::from_raw(group).unwrap(), Signal::CONT).unwrap();
    }
    let ended = helm.wait(SOON).unwrap();
    ended.output.ok().unwrap();
    assert!(seen > 40, "{seen} writes");
}

/// Judges at each write of a command that makes revision `new` from `old`, and after the last.
fn judged_all_along(ns: &Namespace<'_>, major: Major, args: &[String], [old, new]: [u32; 2]) -> Vec<String> {
    let helm = ns.spawn_helm_with_faults(major, &["*:freeze-before"], args).unwrap();
    let (mut found, mut all) = (Vec::new(), Vec::new());
    at_each_write(helm, |k, written| {
        // Before the first write there is no new revision.
        if k == 2 {
            all = pairs(ns, old, new);
        }
        if k >= 2 {
            found.extend(wrong(ns, &all, written, &format!("{} at write {k}", args[0])));
        }
    });
    let everything: BTreeSet<_> = all.iter().map(|pair| pair.path.clone()).collect();
    found.extend(wrong(ns, &all, &everything, &format!("{} done", args[0])));
    assert_eq!(all.len(), 44, "the chart's objects");
    found
}

fn no_wrong_verdict(major: Major) {
    let ns = namespace("kinds");
    ns.helm(major, args(["install", ""], 1)).unwrap().ok().unwrap();
    let mut found = judged_all_along(&ns, major, &args(["upgrade", ""], 2), [1, 2]);
    let rollback = ["rollback", "web", "1"].map(str::to_owned);
    found.extend(judged_all_along(&ns, major, &rollback, [2, 3]));
    // Back again: between the first two revisions everything is old, and what only the second had is gone.
    for pair in pairs(&ns, 1, 2) {
        let side = judge(&ns, &pair).side;
        let as_expected = match (&pair.old, &pair.new) {
            (Some(_), Some(_)) => matches!(side, Side::Old | Side::Same),
            (None, _) => side == Side::Absent,
            (_, None) => matches!(side, Side::ToBePruned | Side::Same),
        };
        if !as_expected {
            found.push(format!("rolled back: {} is {side}", pair.name));
        }
    }
    assert!(found.is_empty(), "{} wrong:\n{}", found.len(), found.join("\n"));
}

#[test]
fn no_wrong_verdict_at_any_write_of_helm_3() {
    no_wrong_verdict(Major::V3);
}

#[test]
fn no_wrong_verdict_at_any_write_of_helm_4() {
    no_wrong_verdict(Major::V4);
}

#[test]
fn a_killed_upgrade_is_read_off_the_objects() {
    let table = [
        (Major::V3, 5, Mode::KillAfter, Nearer::Old),
        (Major::V3, 38, Mode::KillBefore, Nearer::New),
        (Major::V4, 8, Mode::KillBefore, Nearer::Old),
        (Major::V4, 38, Mode::KillAfter, Nearer::New),
    ];
    for (major, k, mode, nearer) in table {
        let ns = namespace("killed");
        ns.helm(major, args(["install", ""], 1)).unwrap().ok().unwrap();
        let killed = ns.kill_at(major, k, mode, args(["upgrade", ""], 2)).unwrap().sure().unwrap();
        let all = pairs(&ns, 1, 2);
        let found = wrong(&ns, &all, &written(&killed.log), &format!("{major}, {mode} at {k}"));
        assert!(found.is_empty(), "{}", found.join("\n"));
        let told: Vec<_> = all.iter().map(|pair| judge(&ns, pair)).collect();
        let sum = summary(&told);
        assert_eq!(sum.nearer, nearer, "{sum}");
        assert!(sum.new > 0 && sum.old > 0 && sum.new + sum.old == sum.of && sum.of > 30, "{sum:?}");
    }
}

#[test]
fn what_an_autoscaler_moves_makes_nothing_unclear() {
    let ns = namespace("scaled");
    let scaled = ",replicas=1";
    ns.helm3(args(["install", scaled], 1)).unwrap().ok().unwrap();
    let deployment = "apps/v1/deployments/web-scaled";
    ns.wait(deployment, SOON, |deployment| deployment["spec"]["replicas"] == 2).unwrap();
    let told = |old, new| {
        let pair = pairs(&ns, old, new).into_iter().find(|pair| pair.name == "Deployment/web-scaled").unwrap();
        let found = judge(&ns, &pair);
        (found.side, found.paths.into_iter().map(|path| path.path).collect::<Vec<_>>())
    };
    assert_eq!(told(1, 1), (Side::Same, vec!["spec.replicas".to_owned()]));
    // The upgrade ends at the Deployment, which it doesn't reach.
    let fault = ["PATCH~deployments/web-scaled:kill-before"];
    ns.helm_with_faults(Major::V3, &fault, args(["upgrade", scaled], 2)).unwrap().sure().unwrap();
    assert_eq!(told(1, 2), (Side::Old, vec!["metadata.labels.version".to_owned(), "spec.replicas".to_owned()]));
    // By hand it is drift, and not seen where something speaks for a side.
    ns.patch(deployment, &serde_json::json!({"spec": {"replicas": 3}})).unwrap();
    assert_eq!(told(1, 1).0, Side::Drifted);
    assert_eq!(told(1, 2).0, Side::Old);
    ns.delete(deployment).unwrap();
    ns.wait(deployment, SOON, Value::is_null).unwrap();
    assert_eq!(told(1, 2), (Side::Absent, vec![]));
}

#[test]
fn an_object_read_at_another_version_is_never_put_on_the_wrong_side() {
    let ns = namespace("version");
    ns.helm4(args(["install", ""], 1)).unwrap().ok().unwrap();
    let all = pairs(&ns, 1, 1);
    let manifest = |name: &str| all.iter().find(|pair| pair.name == name).unwrap().new.clone().unwrap();
    let one = manifest("HorizontalPodAutoscaler/web-v1");
    let mut two = one.clone();
    two["spec"]["targetCPUUtilizationPercentage"] = 99.into();
    let mut three = one.clone();
    three["spec"]["maxReplicas"] = 99.into();
    let owner = Owner::Release { name: "web", namespace: &ns.name };
    let read = |version: &str| ns.get(&format!("autoscaling/{version}/horizontalpodautoscalers/web-v1")).unwrap();
    let side = |new: &Value, version: &str| standing(Some(&one), Some(new), Live::Found(&read(version)), &owner).side;
    assert_eq!(["v1", "v2"].map(|version| side(&one, version)), [Side::Same, Side::Same]);
    assert_eq!(["v1", "v2"].map(|version| side(&two, version)), [Side::Old, Side::Unknown]);
    assert_eq!(["v1", "v2"].map(|version| side(&three, version)), [Side::Old, Side::Old]);
    // Someone else's, whatever it holds.
    let other = Owner::Release { name: "other", namespace: &ns.name };
    assert_eq!(standing(Some(&one), Some(&two), Live::Found(&read("v1")), &other).side, Side::NotOurs);
}

/// Calls back with the manifest and one more field, for each scalar and each list that only the live object has.
fn filled_in(manifest: &Value, live: &Value, path: &str, look: &mut dyn FnMut(&str, Value)) {
    match (manifest, live) {
        (Value::Object(wanted), Value::Object(live)) => {
            for (key, value) in live {
                let known = ["status", "apiVersion", "kind", "metadata"].contains(&key.as_str()) && path.is_empty();
                // A pod's token, under a name made up for it.
                let token = value.to_string().contains("kube-api-access-");
                if known || token || (key == "creationTimestamp" && value.is_null()) {
                    continue;
                }
                let with = |value: Value| {
                    let mut more = wanted.clone();
                    more.insert(key.clone(), value);
                    Value::Object(more)
                };
                let path = format!("{path}.{key}");
                match wanted.get(key).filter(|value| !value.is_null()) {
                    Some(inner) => filled_in(inner, value, &path, &mut |path, inner| look(path, with(inner))),
                    None if value.is_object() => {
                        filled_in(&serde_json::json!({}), value, &path, &mut |path, inner| look(path, with(inner)));
                    }
                    None => look(&path, with(value.clone())),
                }
            }
        }
        (Value::Array(wanted), Value::Array(live)) if wanted.len() == live.len() => {
            for (index, (item, live)) in wanted.iter().zip(live).enumerate() {
                filled_in(item, live, &format!("{path}[{index}]"), &mut |path, item| {
                    let mut more = wanted.clone();
                    more[index] = item;
                    look(path, Value::Array(more));
                });
            }
        }
        _ => {}
    }
}

#[test]
fn what_the_server_fills_in_speaks_for_nobody() {
    let (mut wrong, mut fields) = (Vec::new(), 0);
    for version in [1, 2] {
        let ns = namespace("filled");
        ns.helm3(args(["install", ""], version)).unwrap().ok().unwrap();
        for pair in pairs(&ns, 1, 1) {
            let (manifest, live) = (pair.new.unwrap(), ns.bed.api.get(&pair.path).unwrap());
            filled_in(&manifest, &live, "", &mut |path, more| {
                fields += 1;
                // A chart that begins to set it, or ceases to, changes nothing that can be read off.
                for (old, new) in [(&manifest, &more), (&more, &manifest)] {
                    let side = standing(Some(old), Some(new), Live::Found(&live), &Owner::Unchecked).side;
                    if side != Side::Same {
                        wrong.push(format!("{} {path}: {side}", pair.name));
                    }
                }
            });
        }
    }
    assert!(fields > 200 && wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
