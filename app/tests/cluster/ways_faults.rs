//! Faults at each write of a fix: refused, throttled, or cut off before or after the server did it. Run again, it ends in the same state; and
//! `undo` leads back to where it began, from where it is made to fail at the next write.

use bed::corpus::Case;
use bed::corpus::objects::{config_map, service, with};
use bed::{Driver, Killed, Major, Namespace};

use crate::ways::{Moment, helm, killed, lock, own_webhook, proxied, unlocked, webhook_path};
use crate::{each, namespace, refloat};

/// What leaves a release stuck.
type Make = fn(&Namespace<'static>, Major);

/// An upgrade that was killed between its ConfigMaps: no workload, so nothing is waited for.
fn stuck(ns: &Namespace<'static>, major: Major) {
    let parts = "parts.deployment=false,parts.pvc=false,parts.service=false";
    helm(ns, major, "install", &format!("version=1,{parts}"));
    killed(ns, major, "upgrade", &format!("version=2,{parts}"), "PATCH~/configmaps/web-a:kill-after");
}

/// An install that was killed between its ConfigMaps.
fn begun(ns: &Namespace<'static>, major: Major) {
    let parts = "parts.deployment=false,parts.pvc=false,parts.service=false";
    let method = if major == Major::V3 { "POST" } else { "PATCH" };
    killed(ns, major, "install", &format!("version=1,{parts}"), &format!("{method}~/configmaps/web-b:kill-before"));
}

/// An upgrade that the release's own webhook refused, which nothing answers.
fn refused(ns: &Namespace<'static>, major: Major) {
    let case = Case::new(ns, major);
    let own = [service("web"), own_webhook(ns)];
    case.install(1, &own, &[]).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let next = [&own[..], &[config_map("web-settings", "2")]].concat();
    case.helm("upgrade", 2, &next, &[]).unwrap().failed().unwrap();
}

/// An upgrade that the server refused, as it changes what was sealed: that is deleted and made anew.
fn sealed(ns: &Namespace<'static>, major: Major) {
    let case = Case::new(ns, major);
    let chart = |version: &str| {
        let sealed = with(config_map("web-sealed", version), &serde_json::json!({"immutable": true}));
        [config_map("web-a", version), config_map("web-b", version), sealed]
    };
    case.install(1, &chart("1"), &[]).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    case.helm("upgrade", 2, &chart("2"), &[]).unwrap().failed().unwrap();
}

/// What counts of a moment in the end: the objects, and the records by status.
fn end(ns: &Namespace<'static>) -> (Moment, Vec<(String, String)>) {
    let records = ns.get("secrets?labelSelector=owner=helm,name=web").unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let statuses = records["items"].as_array().unwrap().iter();
    let statuses = statuses.map(|one| (text(&one["metadata"]["name"]), text(&one["metadata"]["labels"]["status"])));
    let mut statuses: Vec<(String, String)> = statuses.collect();
    // Whether the webhook is there counts, too.
    let webhook = ns.find(&webhook_path(ns)).unwrap();
    statuses.push(("webhook".to_owned(), webhook.is_some().to_string()));
    (Moment { versions: Default::default(), records: Default::default(), ..Moment::now(ns) }, statuses)
}

#[test]
fn at_each_write_of_a_fix() {
    // A refusal for now is 503 or 429: in turn.
    let faults = [["status=503", "status=429"], ["cut-before"; 2], ["cut-after"; 2]];
    let ways: [(&str, Major, Make); 7] = [
        ("resume", Major::V3, stuck),
        ("rollback", Major::V4, stuck),
        ("unblock", Major::V4, refused),
        ("converge", Major::V3, sealed),
        ("converge", Major::V4, sealed),
        ("reinstall", Major::V3, begun),
        ("reinstall", Major::V4, begun),
    ];
    each(ways.into_iter().flat_map(|way| faults.map(|fault| (way, fault))), |((way, major, make), faults)| {
        let ns = namespace("faults", Driver::Secret);
        make(&ns, major);
        let before = Moment::settled(&ns);
        let args = ["fix", "web", "--with", way, "--yes", "--helm-is-gone"];
        let clean = proxied(&ns, &args, &[]);
        assert!(clean.output.status.success(), "{}", clean.output.stderr);
        let (expected, writes) = (end(&ns), clean.writes().unwrap());
        assert!(writes >= 7, "{:?}", clean.log);
        for (write, fault) in (1..=writes).zip(faults.iter().cycle()) {
            back(&ns, &before);
            let broken = proxied(&ns, &args, &[&format!("{write}:{fault}")]).sure().unwrap();
            let what = format!("{way} {fault} at {:?}", broken.log.iter().find(|line| line["k"] == write));
            ended(&broken, &what);
            // The last write gives the lock back: all was done before it.
            if !broken.output.status.success() && (end(&ns) != expected || lock(&ns).is_some()) {
                let again = refloat(&ns, args);
                assert_eq!(again.code, Some(0), "{what}: {}\nagain: {}", broken.output.stderr, again.stderr);
            }
            assert_eq!(end(&ns), expected, "{what}");
            unlocked(&ns);
        }
        if way == "unblock" {
            back(&ns, &before);
            ns.delete(&webhook_path(&ns)).unwrap();
        }
    });
}

/// Either it came through, or it says clearly how far it came.
fn ended(broken: &Killed, what: &str) {
    let said = &broken.output.stderr;
    match broken.output.status.code() {
        Some(0) => {}
        Some(5) => assert!(!said.contains("Some(") && said.contains("error: "), "{what}: {said}"),
        Some(8) => assert!(said.contains("goes on where it stopped") || said.contains("safe"), "{what}: {said}"),
        other => panic!("{what}: {other:?}: {said}"),
    }
}

/// Takes the fix back.
fn back(ns: &Namespace<'static>, before: &Moment) {
    let undone = refloat(ns, ["undo", "--yes"]);
    assert_eq!(undone.code, Some(0), "{}", undone.stderr);
    let now = Moment::now(ns);
    assert_eq!((&now.records, &now.objects), (&before.records, &before.objects));
}

#[test]
fn killed_at_each_write_of_an_undo() {
    // With objects and without: a repair touches records only.
    let ways = [("resume", Major::V4), ("resume", Major::V3), ("repair", Major::V3)];
    each(ways, |(way, major)| {
        let ns = namespace("undo-faults", Driver::Secret);
        if way == "repair" {
            helm(&ns, major, "install", "version=1,parts.deployment=false,parts.pvc=false,parts.service=false");
            crate::record::Record::new(&ns, Driver::Secret, "web", 1).label("status", Some("superseded"));
        } else {
            stuck(&ns, major);
        }
        let before = Moment::settled(&ns);
        let id = || crate::ways::fixed(&ns, way, &[])["id"].as_str().unwrap().to_owned();
        let fixed = id();
        let clean = proxied(&ns, &["undo", &fixed, "--yes"], &[]);
        assert!(clean.output.status.success(), "{}", clean.output.stderr);
        for (write, fault) in
            (1..=clean.writes().unwrap()).flat_map(|write| [(write, "kill-before"), (write, "kill-after")])
        {
            let fixed = id();
            let args = ["undo", &fixed, "--yes"];
            let broken = proxied(&ns, &args, &[&format!("{write}:{fault}")]).sure().unwrap();
            let what = format!("{way} {fault} at {:?}", broken.log.iter().find(|line| line["k"] == write));
            let held = lock(&ns).is_some();
            let again = refloat(&ns, args);
            let over = !held && again.stderr.contains("was taken back already");
            assert!(again.code == Some(0) || over, "{what}: {}", again.stderr);
            let now = Moment::now(&ns);
            assert!((&now.records, &now.objects) == (&before.records, &before.objects), "{what}");
            unlocked(&ns);
        }
        crate::ways::fixed(&ns, way, &[]);
        crate::ways::helms_go_on(&ns);
    });
}
