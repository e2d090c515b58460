//! Every kind of trouble, made with both Helms; `make` itself checks what the records say.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]
use bed::{Bed, Major, Namespace, Trouble};
use std::sync::Mutex;

/// Makes each kind in one namespace, two at a time.
fn make_all(ns: &Namespace<'_>, major: Major) {
    let rest = Mutex::new(Trouble::ALL.to_vec());
    let work = || loop {
        let Some(trouble) = rest.lock().unwrap().pop() else { break };
        let name = format!("{trouble:?}").to_lowercase();
        trouble.make(ns, major, &name).unwrap();
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
}

#[test]
fn helm_3_gets_into_every_trouble() {
    let ns = Bed::shared().namespace("trouble").unwrap();
    make_all(&ns, Major::V3);
    // What the label hides and what it does not: the payload decides.
    let status = |name: &str| ns.helm3(["status", name, "--output", "json"]).unwrap();
    assert_eq!(status("labeledited").json().unwrap()["info"]["status"], "pending-upgrade");
    assert_eq!(status("none").json().unwrap()["info"]["status"], "deployed");
    // Helm passes over a record it cannot read, without a word.
    assert_eq!(status("payloadtruncated").json().unwrap()["version"], 1);
    let again = ns.helm3(["upgrade", "lastwritemissing", &bed::chart("app")]).unwrap().failed().unwrap();
    assert!(again.contains("another operation"), "{again}");
    let listed = ns.helm3(["list", "--output", "json"]).unwrap().json().unwrap();
    let listed: Vec<_> = listed.as_array().unwrap().iter().map(|release| release["name"].as_str().unwrap()).collect();
    assert!(listed.contains(&"none") && !listed.contains(&"nonedeployed"), "{listed:?}");
}

#[test]
fn helm_4_gets_into_every_trouble() {
    let ns = Bed::shared().namespace("trouble").unwrap();
    make_all(&ns, Major::V4);
    let deployment = ns.get("apps/v1/deployments/killedamongobjects").unwrap();
    assert_eq!(deployment["spec"]["template"]["spec"]["containers"][0]["image"], "registry.example/app:1");
    assert_eq!(ns.get("configmaps/killedamongobjects-a").unwrap()["data"]["version"], "2");
    assert!(ns.find("configmaps/killedamongobjects-b").unwrap().is_some());
}
