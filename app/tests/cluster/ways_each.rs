//! Each way out from a dry run to both Helms' next upgrades, on releases that real Helms left stuck, with every driver.

use std::collections::BTreeSet;

use bed::{Driver, Major, Namespace, chart};
use serde_json::Value;

use crate::ways::{
    LIMIT, Moment, NO_HOOKS, PAIRS, fixed, foretold, helm, helms_go_on, killed, killed_among_objects, mark, statuses,
    unlocked,
};
use crate::{each, namespace, refloat, refloat_json};

/// A way, a release that it is for, and what it makes of that.
struct Story {
    way: &'static str,
    make: fn(&Namespace<'static>, Driver, Major),
    /// The statuses of the records, before and after.
    before: &'static [&'static str],
    after: &'static [&'static str],
    /// The version of the chart that the objects are of afterwards.
    version: u8,
    /// Whether something is lost.
    destructive: bool,
}

const COMPLETE: Story = Story {
    way: "complete",
    make: |ns, driver, major| {
        helm(ns, major, "install", "version=1");
        let record = match driver {
            Driver::Secret => "PUT~/secrets/sh.helm.release.v1.web.v1:kill-after",
            Driver::ConfigMap => "PUT~/configmaps/sh.helm.release.v1.web.v1:kill-after",
            // Rows don't pass the proxy.
            Driver::Sql => {
                helm(ns, major, "upgrade", "version=2");
                return mark(ns, driver, 2, "pending-upgrade");
            }
        };
        killed(ns, major, "upgrade", "version=2", record);
    },
    before: &["superseded", "pending-upgrade"],
    after: &["superseded", "deployed"],
    version: 2,
    destructive: false,
};

const RESUME: Story = Story {
    way: "resume",
    make: |ns, _, major| killed_among_objects(ns, major),
    before: &["deployed", "pending-upgrade"],
    after: &["superseded", "deployed"],
    version: 2,
    destructive: false,
};

const UNLOCK: Story = Story { way: "unlock", after: &["superseded", "failed", "deployed"], version: 1, ..RESUME };

const ROLLBACK: Story = Story { way: "rollback", after: &["superseded", "failed", "deployed"], version: 1, ..RESUME };

const FORGET: Story = Story { way: "forget", after: &["deployed"], version: 1, destructive: true, ..RESUME };

const CONVERGE: Story = Story {
    way: "converge",
    make: |ns, _, major| {
        helm(ns, major, "install", "version=1");
        let set = format!("{NO_HOOKS},version=2,pod.behaviour=ready-after,pod.seconds=6");
        let args = ["upgrade", "web", &chart("app"), "--set", &set, "--wait", "--timeout", "3s"].map(str::to_owned);
        ns.helm(major, args).unwrap().failed().unwrap();
        ns.wait("apps/v1/deployments/web", LIMIT, |object| {
            object["status"]["readyReplicas"] == 1 && object["status"]["replicas"] == 1
        })
        .unwrap();
    },
    before: &["deployed", "failed"],
    after: &["superseded", "deployed"],
    version: 2,
    destructive: false,
};

const REPAIR: Story = Story {
    way: "repair",
    make: |ns, driver, major| {
        helm(ns, major, "install", "version=1");
        helm(ns, major, "upgrade", "version=2");
        mark(ns, driver, 1, "deployed");
    },
    before: &["deployed", "deployed"],
    after: &["superseded", "deployed"],
    version: 2,
    destructive: false,
};

#[test]
fn complete() {
    told(&COMPLETE);
}

#[test]
fn resume() {
    told(&RESUME);
}

#[test]
fn unlock() {
    told(&UNLOCK);
}

#[test]
fn rollback() {
    told(&ROLLBACK);
}

#[test]
fn forget() {
    told(&FORGET);
}

#[test]
fn converge() {
    told(&CONVERGE);
}

#[test]
fn repair() {
    told(&REPAIR);
}

fn told(story: &Story) {
    each(PAIRS, |(driver, major)| {
        let ns = namespace(story.way, driver);
        (story.make)(&ns, driver, major);
        assert_eq!(statuses(&ns, major), story.before, "{driver:?} {major}");
        let before = Moment::settled(&ns);
        let plan = dry(&ns, story);
        assert_eq!(Moment::now(&ns).versions, before.versions, "{driver:?} {major}: a dry run wrote");

        done(&ns, major, story, &plan, &before);
        let undone = refloat(&ns, ["undo", "--yes"]);
        assert_eq!(undone.code, Some(0), "{driver:?} {major}: {}", undone.stderr);
        let after = Moment::settled(&ns);
        assert_eq!(after.records, before.records, "{driver:?} {major}: {}", undone.stderr);
        assert_eq!(after.objects, before.objects, "{driver:?} {major}");
        unlocked(&ns);

        done(&ns, major, story, &plan, &before);
        remembered(&ns, story);
        helms_go_on(&ns);
    });
}

/// Both fixes, the newer first, and that the older was taken back.
fn remembered(ns: &Namespace<'static>, story: &Story) {
    let fixes = refloat_json(ns, ["history", "web", "--fixes", "-o", "json"]);
    let fixes = fixes.as_array().unwrap();
    let told: Vec<_> = fixes.iter().map(|fix| (fix["way"].as_str().unwrap(), fix["undoneAt"].is_null())).collect();
    assert_eq!(told, [(story.way, true), (story.way, false)], "{fixes:?}");
    assert!(
        fixes.iter().all(|fix| fix["by"].as_str().unwrap().starts_with("ada") && fix["revision"].is_u64()),
        "{fixes:?}"
    );
    let events = ns.get("events").unwrap();
    let events = events["items"].as_array().unwrap().iter().filter(|event| event["source"]["component"] == "refloat");
    let reasons: Vec<_> = events.map(|event| event["reason"].as_str().unwrap()).collect();
    assert_eq!((count(&reasons, "Fixed"), count(&reasons, "TakenBack")), (2, 1), "{reasons:?}");
    let table = refloat(ns, ["history", "web", "--fixes"]).stdout;
    assert!(table.starts_with("FIX ") && table.contains("taken back ") && table.lines().count() == 3, "{table}");
}

fn count(words: &[&str], word: &str) -> usize {
    words.iter().filter(|found| **found == word).count()
}

/// A dry run, and its fields; gives the way as it is planned.
fn dry(ns: &Namespace<'static>, story: &Story) -> Value {
    let dry = refloat_json(ns, ["fix", "web", "--with", story.way, "--dry-run", "-o", "json"]);
    assert_eq!(
        (&dry["dryRun"], &dry["id"], &dry["to"], &dry["backup"]),
        (&true.into(), &Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(dry["from"], *story.before.last().unwrap());
    let option = &dry["option"];
    assert_eq!(
        (&option["id"], &option["applicable"], &option["destructive"]),
        (&story.way.into(), &true.into(), &story.destructive.into())
    );
    assert_eq!(option["losses"].as_array().unwrap().is_empty(), !story.destructive, "{option}");
    let plan = refloat_json(ns, ["plan", "web", "-o", "json"]);
    let planned = plan["options"].as_array().unwrap().iter().find(|option| option["id"] == story.way).unwrap();
    assert_eq!(planned["effects"], option["effects"]);
    assert!(
        !planned["byHand"].as_array().unwrap().is_empty() && planned["undo"].as_str().unwrap().contains("refloat undo")
    );
    option.clone()
}

/// Does it, and looks at all that came of it.
fn done(ns: &Namespace<'static>, major: Major, story: &Story, plan: &Value, before: &Moment) {
    let fixed = fixed(ns, story.way, &[]);
    let id = fixed["id"].as_str().unwrap();
    assert!(id.len() == 8 && fixed["dryRun"] == false && fixed["release"] == "web" && fixed["namespace"] == *ns.name);
    assert_eq!(
        (&fixed["from"], &fixed["to"]),
        (&(*story.before.last().unwrap()).into(), &(*story.after.last().unwrap()).into())
    );
    assert_eq!(fixed["revision"], story.before.len());
    assert_eq!(fixed["undo"], format!("refloat undo {id} -n {}", ns.name));
    assert!(std::path::Path::new(fixed["backup"].as_str().unwrap()).is_file());
    assert!(ns.find(&format!("secrets/refloat-backup-{id}")).unwrap().is_some());
    assert_eq!(statuses(ns, major), story.after);
    unlocked(ns);

    let after = Moment::settled(ns);
    let (old, new) = (before.names(), after.names());
    assert_eq!(foretold(plan, "deleted"), old.difference(&new).cloned().collect::<BTreeSet<_>>());
    assert_eq!(foretold(plan, "created"), new.difference(&old).cloned().collect::<BTreeSet<_>>());
    let kept = foretold(plan, "unchanged");
    assert!(kept.iter().all(|name| before.objects[name] == after.objects[name]), "{kept:?}");
    let only = if story.version == 1 {
        ["configmap/web-a", "configmap/web-b"]
    } else {
        ["configmap/web-a", "configmap/web-c"]
    };
    let configmaps: Vec<_> = new.iter().filter(|name| name.starts_with("configmap/")).collect();
    assert_eq!(configmaps, only.iter().collect::<Vec<_>>());
    assert_eq!(after.objects["configmap/web-a"]["data"]["version"], story.version.to_string());
    let image = &after.objects["deployment/web"]["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image, &format!("registry.example/app:{}", story.version));
}

#[test]
fn a_rollback_looks_further_back_than_what_is_broken() {
    each([(Driver::Secret, Major::V3), (Driver::ConfigMap, Major::V4)], |(driver, major)| {
        let ns = namespace("further", driver);
        helm(&ns, major, "install", "version=1");
        helm(&ns, major, "upgrade", "version=2");
        helm(&ns, major, "upgrade", "version=2");
        killed(&ns, major, "upgrade", "version=2,pod.behaviour=never-ready", "PATCH~/deployments/web:kill-before");
        mark(&ns, driver, 3, "superseded");
        for revision in [2, 3] {
            // Its head can be read, and its end is gone.
            let record = crate::record::Record::new(&ns, driver, "web", revision);
            let inner = record.inner();
            record.store(&inner[..inner.len() * 15 / 16 / 4 * 4]);
        }
        let plan = refloat_json(&ns, ["plan", "web", "-o", "json"]);
        let option = plan["options"].as_array().unwrap().iter().find(|option| option["id"] == "rollback").unwrap();
        assert_eq!(option["applicable"], true, "{option}");
        assert!(option["why"].as_str().unwrap().starts_with("revision 1 is known to have been good"), "{option}");
        let done = fixed(&ns, "rollback", &[]);
        assert_eq!((&done["to"], &done["revision"]), (&"deployed".into(), &4.into()));
        let after = Moment::settled(&ns);
        let image = &after.objects["deployment/web"]["spec"]["template"]["spec"]["containers"][0]["image"];
        assert_eq!(image, "registry.example/app:1");
        assert!(after.names().contains("configmap/web-b") && !after.names().contains("configmap/web-c"));
        unlocked(&ns);
        for (version, major) in [("version=3", Major::V4), ("version=4", Major::V3)] {
            helm(&ns, major, "upgrade", version);
            assert_eq!(statuses(&ns, major).last().unwrap(), "deployed");
        }
    });
}
