//! A first install that was held, taken away and let go on: what it made then is found, and taken away once more.

use std::collections::BTreeSet;

use bed::corpus::objects::{claim, config_map, service, with};
use bed::corpus::{Case, SOON};
use bed::{Driver, Major, Namespace};
use serde_json::{Value, json};

use crate::kubeconfig::account;
use crate::rights::{as_user, right};
use crate::ways::{Moment, PAIRS, fixed, lock, proxied, unlocked};
use crate::{each, namespace, refloat, refloat_json};

/// Two ConfigMaps, one of which is kept, a claim and a Service, made in this order.
fn objects() -> Vec<Value> {
    let keep = json!({"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}});
    vec![config_map("web-a", "1"), with(config_map("web-kept", "1"), &keep), claim("web-data", "bed"), service("web")]
}

/// What is made after Helm was held.
const LATER: [&str; 2] = ["persistentvolumeclaim/web-data", "service/web"];

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Helm is held in front of the claim, and the release taken away; then Helm goes on. Gives the fix's id.
fn woken(ns: &Namespace<'static>, major: Major) -> String {
    let case = Case::new(ns, major);
    let fault = format!("{}~/persistentvolumeclaims/web-data:freeze-before", case.creating());
    let mut helm = case.held(&[&fault], "install", 1, &objects(), &[]).unwrap();
    helm.until_frozen(SOON).unwrap();
    let fix = fixed(ns, "uninstall", &[])["id"].as_str().unwrap().to_owned();
    let gone = Moment::now(ns);
    assert_eq!((gone.names(), gone.records.len()), (set(&["configmap/web-kept"]), 0));
    // What was left on purpose didn't come back.
    well(ns);
    helm.thaw().unwrap();
    helm.wait(SOON).unwrap().sure().unwrap();
    ns.wait("persistentvolumeclaims/web-data", SOON, |claim| claim["status"]["phase"] == "Bound").unwrap();
    let back = Moment::now(ns);
    assert!(back.records.is_empty() && back.names().is_superset(&set(&LATER)), "{:?}", back.names());
    fix
}

/// That nothing is found.
fn well(ns: &Namespace<'static>) {
    let scan = refloat(ns, ["-n", &ns.name]);
    assert_eq!((scan.code, scan.stderr.as_str()), (Some(0), ""), "{}", scan.stdout);
    let diagnosis = refloat(ns, ["diagnose", "web"]);
    assert_eq!(diagnosis.code, Some(2), "{}", diagnosis.stdout);
    assert!(diagnosis.stderr.contains("release \"web\" not found"), "{}", diagnosis.stderr);
    let fix = refloat(ns, ["fix", "web", "--with", "uninstall", "--yes"]);
    assert!(fix.code == Some(2) && fix.stderr.contains("not found"), "{}", fix.stderr);
}

/// That it is found, by its name and with the next command.
fn found(ns: &Namespace<'static>, fix: &str) {
    for place in [&["-n", &ns.name][..], &["scan", "-A"]] {
        let scan = refloat(ns, place);
        assert_eq!(scan.code, Some(3), "{}{}", scan.stdout, scan.stderr);
    }
    let scan = refloat_json(ns, ["scan", "-n", &ns.name, "-o", "json"]);
    let one = &scan.as_array().unwrap()[0];
    let (status, code) = (&one["status"], &one["findings"][0]["code"]);
    assert_eq!((&one["name"], status, code), (&"web".into(), &"gone".into(), &"objects-came-back".into()), "{one}");
    assert_eq!((&one["revision"], one["since"].is_string()), (&1.into(), true), "{one}");
    assert_eq!(one["next"], format!("refloat diagnose web -n {}", ns.name));
    let said = format!("was taken away by fix {fix}, and 2 objects of it are there again");
    assert!(one["reason"].as_str().unwrap().contains(&said), "{one}");

    let next = format!("refloat fix web -n {} --with uninstall", ns.name);
    let page = refloat(ns, ["diagnose", "web"]);
    assert_eq!(page.code, Some(3), "{}", page.stderr);
    for part in LATER.into_iter().chain([&next[..], &said]) {
        assert!(page.stdout.contains(part), "{part}: {}", page.stdout);
    }
    assert!(!page.stdout.contains("web-kept"), "{}", page.stdout);
    let diagnosis = refloat_json(ns, ["diagnose", "web", "-o", "json"]);
    let names = diagnosis["objects"].as_array().unwrap().iter();
    let names = names.map(|one| format!("{}/{}", one["kind"], one["name"]).replace('"', "").to_lowercase());
    assert_eq!(names.collect::<BTreeSet<_>>(), set(&LATER));
    documented(&diagnosis);
    assert_eq!((&diagnosis["schema"], &diagnosis["next"]), (&"refloat.dev/returned/v1".into(), &next.into()));
}

/// That what knows of no release says where to look.
fn pointed(ns: &Namespace<'static>, fix: &str) {
    for command in ["plan", "status"] {
        let ran = refloat(ns, [command, "web"]);
        let said = format!("was taken away by fix {fix}, and 2 objects of it are there again");
        let look = format!("hint: refloat diagnose web -n {} names them", ns.name);
        assert!(ran.code == Some(2) && ran.stderr.contains(&said) && ran.stderr.contains(&look), "{}", ran.stderr);
    }
}

/// That docs/returned.md names exactly these fields.
fn documented(diagnosis: &Value) {
    let text = include_str!("../../../docs/returned.md");
    let named: BTreeSet<&str> =
        text.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0)).collect();
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let inner = members(&diagnosis["objects"][0]).into_iter().map(|name| format!("objects[].{name}"));
    let given: Vec<String> = members(diagnosis).into_iter().chain(inner).collect();
    assert_eq!(named, given.iter().map(String::as_str).collect());
}

#[test]
fn what_came_back_is_found_and_taken_away_again() {
    each(PAIRS, |(driver, major)| {
        let ns = namespace("returned", driver);
        let fix = woken(&ns, major);
        found(&ns, &fix);
        pointed(&ns, &fix);
        let back = Moment::settled(&ns);
        let dry = refloat(&ns, ["fix", "web", "--with", "uninstall", "--dry-run"]);
        assert_eq!(dry.code, Some(0), "{}", dry.stderr);
        for part in ["DESTRUCTIVE", "loses    persistentvolumeclaim/web-data (1Gi", "put the record of revision 1 back"]
        {
            assert!(dry.stderr.contains(part), "{part}: {}", dry.stderr);
        }
        let option = refloat_json(&ns, ["fix", "web", "--with", "uninstall", "--dry-run", "-o", "json"]);
        assert_eq!((&option["id"], &option["dryRun"]), (&Value::Null, &true.into()), "{option}");
        let named = format!("refloat fix web -n {} --with uninstall", ns.name);
        for more in [&["--yes"][..], &["--auto", "--yes", "--helm-is-gone"], &["--with", "rollback", "--yes"]] {
            let ran = refloat(&ns, ["fix", "web"].iter().chain(more));
            assert!(ran.code == Some(4) && ran.stderr.contains(&named), "{more:?}: {}", ran.stderr);
        }
        // Nobody can be asked.
        assert_eq!(refloat(&ns, ["fix", "web", "--with", "uninstall"]).code, Some(4));
        assert_eq!(Moment::now(&ns).versions, back.versions);

        let ran = refloat_json(&ns, ["fix", "web", "--with", "uninstall", "--yes", "-o", "json"]);
        assert_eq!((&ran["to"], &ran["from"]), (&Value::Null, &"pending-install".into()), "{ran}");
        let after = Moment::settled(&ns);
        assert_eq!((after.names(), after.records.len()), (set(&["configmap/web-kept"]), 0));
        unlocked(&ns);
        well(&ns);

        let undone = refloat(&ns, ["undo", ran["id"].as_str().unwrap(), "--yes"]);
        assert_eq!(undone.code, Some(0), "{}", undone.stderr);
        let undone = Moment::settled(&ns);
        assert_eq!((undone.objects, undone.records.len()), (back.objects, 1));
    });
}

#[test]
fn after_an_uninstall_that_was_finished_it_is_finished_once_more() {
    each(Major::BOTH, |major| {
        let ns = namespace("returned-uninstall", Driver::Secret);
        let case = Case::new(&ns, major);
        let fault = format!("{}~/persistentvolumeclaims/web-data:freeze-before", case.creating());
        let mut helm = case.held(&[&fault], "install", 1, &objects(), &[]).unwrap();
        helm.until_frozen(SOON).unwrap();
        case.plain_faulty("DELETE~/secrets/sh.helm.release.v1.web.v1:kill-before", "uninstall", &[]).unwrap();
        case.expect("1:uninstalling").unwrap();
        let done = refloat(&ns, ["fix", "web", "--yes", "--helm-is-gone"]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        helm.thaw().unwrap();
        helm.wait(SOON).unwrap().sure().unwrap();
        let diagnosis = refloat_json(&ns, ["diagnose", "web", "-o", "json"]);
        assert!(matches!(diagnosis["way"].as_str(), Some("complete" | "resume")), "{diagnosis}");
        let ran = refloat_json(&ns, ["fix", "web", "--with", "uninstall", "--yes", "-o", "json"]);
        assert_eq!((&ran["option"]["id"], &ran["from"]), (&"resume".into(), &"uninstalling".into()), "{ran}");
        assert_eq!(Moment::settled(&ns).names(), set(&["configmap/web-kept"]));
        unlocked(&ns);
        well(&ns);
    });
}

#[test]
fn a_fix_that_was_killed_after_the_last_record_went_doesnt_say_that_nothing_is_left() {
    let ns = namespace("returned-lock", Driver::Secret);
    let case = Case::new(&ns, Major::V4);
    let mut helm = case.held(&["PATCH~/services/web:freeze-before"], "install", 1, &objects(), &[]).unwrap();
    helm.until_frozen(SOON).unwrap();
    let args = ["fix", "web", "--with", "uninstall", "--yes"];
    let first = args.into_iter().chain(["--helm-is-gone"]).collect::<Vec<_>>();
    proxied(&ns, &first, &["DELETE~/leases/:kill-before"]).sure().unwrap();
    helm.thaw().unwrap();
    helm.wait(SOON).unwrap().sure().unwrap();
    let ended = refloat(&ns, args);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let next = format!("refloat diagnose web -n {}", ns.name);
    assert!(ended.stdout.contains(&next) && !ended.stdout.contains("nothing of it is left"), "{}", ended.stdout);
    unlocked(&ns);
    assert_eq!(refloat(&ns, ["diagnose", "web"]).code, Some(3));
    assert_eq!(refloat(&ns, args).code, Some(0));
    well(&ns);
}

#[test]
fn a_restore_that_was_interrupted_still_comes_first() {
    let ns = namespace("returned-restore", Driver::Secret);
    let case = Case::new(&ns, Major::V4);
    case.install(1, &objects(), &[]).unwrap();
    crate::ways::mark(&ns, Driver::Secret, 1, "pending-install");
    fixed(&ns, "uninstall", &[]);
    // Its objects are there by then, as no Helm made them.
    let kill = "POST~/secrets/sh.helm.release.v1.web.v1:kill-before";
    proxied(&ns, &["restore", "web", "--from-fix", "newest", "--yes"], &[kill]).sure().unwrap();
    let scan = refloat(&ns, ["-n", &ns.name]);
    assert!(scan.code == Some(0) && scan.stderr.contains("goes on with it"), "{}{}", scan.stdout, scan.stderr);
    let fix = refloat(&ns, ["fix", "web", "--with", "uninstall", "--yes", "--helm-is-gone"]);
    assert!(fix.code == Some(4) && fix.stderr.contains("interrupted, and comes first"), "{}", fix.stderr);
    let restored = refloat(&ns, ["restore", "web", "--yes"]);
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
}

#[test]
fn what_was_installed_again_or_whose_fix_was_undone_isnt_reported() {
    each(Major::BOTH, |major| {
        let ns = namespace("returned-since", Driver::Secret);
        woken(&ns, major);
        // Helm takes what bears its marks for its own.
        Case::new(&ns, major).install(1, &objects(), &[]).unwrap();
        let scan = refloat(&ns, ["-n", &ns.name]);
        assert_eq!(scan.code, Some(0), "{}", scan.stdout);

        let ns = namespace("returned-undone", Driver::Secret);
        let fix = woken(&ns, major);
        let undone = refloat(&ns, ["undo", &fix, "--yes"]);
        assert_eq!(undone.code, Some(0), "{}", undone.stderr);
        ns.delete("secrets/sh.helm.release.v1.web.v1").unwrap();
        well(&ns);
        assert!(Moment::now(&ns).names().contains("configmap/web-a"));
    });
}

#[test]
fn killed_at_any_write_it_goes_on() {
    // Each odd write, or each even one.
    let kills = [(Major::V3, "kill-before", 1), (Major::V4, "kill-after", 1), (Major::V3, "kill-before", 2)];
    each(kills, |(major, fault, first)| {
        let ns = namespace("returned-killed", Driver::Secret);
        woken(&ns, major);
        let service = ns.get("services/web").unwrap();
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "annotations": service["metadata"]["annotations"]},
            "spec": {"ports": service["spec"]["ports"]},
        });
        let args = ["fix", "web", "--with", "uninstall", "--yes"];
        let mut through = None;
        for write in (first..).step_by(2) {
            let broken = proxied(&ns, &args, &[&format!("{write}:{fault}")]);
            let what = format!("{fault} at {:?}", broken.log.iter().find(|line| line["k"] == write));
            // The last writes change nothing of the release.
            let left = |now: &Moment| now.names() != set(&["configmap/web-kept"]) || !now.records.is_empty();
            let broke = Moment::now(&ns);
            if left(&broke) {
                // Nobody can be asked, so that nothing is gone on with.
                let unasked = refloat(&ns, ["fix", "web", "--with", "uninstall", "--helm-is-gone"]);
                let now = Moment::now(&ns);
                assert_eq!(
                    (&now.records, &now.names()),
                    (&broke.records, &broke.names()),
                    "{what}: {}",
                    unasked.stderr
                );
                assert_eq!((unasked.code, &now.versions), (Some(4), &broke.versions), "{what}: {}", unasked.stderr);
            }
            if left(&broke) || lock(&ns).is_some() {
                let again = refloat(&ns, args.into_iter().chain(["--helm-is-gone"]));
                assert_eq!(again.code, Some(0), "{what}: {}\nagain: {}", broken.output.stderr, again.stderr);
            }
            let now = Moment::now(&ns);
            assert!(!left(&now), "{what}: {:?}", now.names());
            unlocked(&ns);
            if !broken.fired() {
                assert!(broken.output.status.success(), "{}", broken.output.stderr);
                through = Some(write);
                break;
            }
            ns.post("services", &service).unwrap();
        }
        assert!(through.is_some_and(|writes| writes >= 15), "{through:?}");
        well(&ns);
    });
}

#[test]
fn what_may_not_be_seen_is_said_and_fails_nothing() {
    let ns = namespace("returned-blind", Driver::Secret);
    woken(&ns, Major::V4);
    let records = right(&ns.name, "secrets", &["list", "get"]);
    let blind = account(&ns, "blind", &[records]);
    let scan = as_user(&ns, &blind, &["-n", &ns.name]);
    assert_eq!(scan.code, Some(0), "{}", scan.stderr);
    let said = format!("note: whether {}/web, which a fix took away, came back isn't known: ", ns.name);
    assert!(scan.stderr.starts_with(&said), "{}", scan.stderr);
    let diagnosis = as_user(&ns, &blind, &["diagnose", "web"]);
    assert!(diagnosis.code == Some(2) && diagnosis.stderr.contains("isn't known"), "{}", diagnosis.stderr);

    let ns = namespace("returned-maps", Driver::ConfigMap);
    let maps = account(&ns, "maps", &[right(&ns.name, "configmaps", &["list", "get"])]);
    let scan = as_user(&ns, &maps, &["-n", &ns.name]);
    let said = "note: what came back after a fix isn't known: you may not list Secrets, in which backups are\n";
    assert_eq!((scan.code, scan.stderr.as_str()), (Some(0), said), "{}", scan.stdout);
}
