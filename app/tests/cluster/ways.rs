//! What the tests of the ways out share: stuck releases, and everything that a fix could touch as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::{Duration, Instant};

use bed::{Driver, Killed, Major, Namespace, chart};
use refloat_core::record::{DEFAULT_LIMIT, decode, encode};
use serde_json::{Value, json};

use crate::{Ran, refloat};

/// Long enough for anything on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(60);
/// No hooks: they take seconds each.
pub const NO_HOOKS: &str = "hooks.pre.enabled=false,hooks.post.enabled=false";

/// Every driver and both Helms, in few pairs.
pub const PAIRS: [(Driver, Major); 4] = [
    (Driver::Secret, Major::V3),
    (Driver::Secret, Major::V4),
    (Driver::ConfigMap, Major::V3),
    (Driver::Sql, Major::V4),
];

/// What a release's charts make.
const KINDS: [(&str, &str); 5] = [
    ("configmap", "configmaps"),
    ("service", "services"),
    ("serviceaccount", "serviceaccounts"),
    ("persistentvolumeclaim", "persistentvolumeclaims"),
    ("deployment", "apps/v1/deployments"),
];

/// Runs helm with the chart `app` on the release `web`.
pub fn helm(ns: &Namespace<'static>, major: Major, verb: &str, set: &str) {
    let args = [verb, "web", &chart("app"), "--set", NO_HOOKS, "--set", set].map(str::to_owned);
    ns.helm(major, args).unwrap().ok().unwrap();
}

/// Runs it once more, to be killed by a fault in killproxy's notation.
pub fn killed(ns: &Namespace<'static>, major: Major, verb: &str, set: &str, fault: &str) {
    let args = [verb, "web", &chart("app"), "--set", NO_HOOKS, "--set", set].map(str::to_owned);
    ns.helm_with_faults(major, &[fault], args).unwrap().sure().unwrap();
}

/// An upgrade from version 1 to 2 that was killed when the ConfigMaps were written and the Deployment wasn't: c is there, and b still.
pub fn killed_among_objects(ns: &Namespace<'static>, major: Major) {
    helm(ns, major, "install", "version=1");
    killed(ns, major, "upgrade", "version=2", "PATCH~/deployments/web:kill-before");
}

/// Sets the status of a revision's payload and label, in whatever holds it.
pub fn mark(ns: &Namespace<'static>, driver: Driver, revision: u64, status: &str) {
    let edit = |inner: &str| {
        let payload = decode(inner.as_bytes(), DEFAULT_LIMIT).unwrap();
        let mut json: Value = serde_json::from_slice(&payload).unwrap();
        json["info"]["status"] = status.into();
        encode(json.to_string().as_bytes())
    };
    let key = format!("sh.helm.release.v1.web.v{revision}");
    if driver != Driver::Sql {
        let record = crate::record::Record::new(ns, driver, "web", revision);
        record.store(&edit(&record.inner()));
        record.label("status", Some(status));
        return;
    }
    let mut client = postgres::Client::connect(ns.bed.postgres().unwrap(), postgres::NoTls).unwrap();
    let row = client.query_one("SELECT body FROM releases_v1 WHERE key = $1 AND namespace = $2", &[&key, &ns.name]);
    let body = edit(row.unwrap().get(0));
    let statement = "UPDATE releases_v1 SET body = $3, status = $4 WHERE key = $1 AND namespace = $2";
    assert_eq!(client.execute(statement, &[&key, &ns.name, &body, &status]).unwrap(), 1);
}

/// The statuses of the release's records by their labels or columns, oldest first.
pub fn statuses(ns: &Namespace<'static>, major: Major) -> Vec<String> {
    let history = ns.helm(major, ["history", "web", "-o", "json"]).unwrap().json().unwrap();
    history.as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap().to_owned()).collect()
}

/// Both Helms upgrade the release again, and each leaves exactly one revision deployed.
pub fn helms_go_on(ns: &Namespace<'static>) {
    for (version, major) in [("version=3", Major::V4), ("version=4", Major::V3)] {
        helm(ns, major, "upgrade", version);
        let statuses = statuses(ns, major);
        assert_eq!(statuses.iter().filter(|status| *status == "deployed").count(), 1, "{major}: {statuses:?}");
        assert_eq!(statuses.last().unwrap(), "deployed");
    }
    let scan = refloat(ns, ["-n", &ns.name]);
    assert_eq!(scan.code, Some(0), "{}", scan.stdout);
}

/// A namespace at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// Every object's version, records, backups and locks included.
    pub versions: BTreeMap<String, String>,
    /// The release's objects by kind and name, without what only the server or a controller sets.
    pub objects: BTreeMap<String, Value>,
    /// The release's records: payload and labels.
    pub records: BTreeMap<String, Value>,
}

impl Moment {
    /// Once nothing moves any more.
    pub fn settled(ns: &Namespace<'static>) -> Self {
        let deadline = Instant::now() + LIMIT;
        let mut last = Self::now(ns);
        loop {
            std::thread::sleep(Duration::from_millis(400));
            let next = Self::now(ns);
            if next == last {
                return next;
            }
            assert!(Instant::now() < deadline, "{} doesn't come to rest", ns.name);
            last = next;
        }
    }

    pub fn now(ns: &Namespace<'static>) -> Self {
        let mut moment = Self { versions: BTreeMap::new(), objects: BTreeMap::new(), records: rows(ns) };
        let others = [("secret", "secrets"), ("job", "batch/v1/jobs"), ("lease", "coordination.k8s.io/v1/leases")];
        for (kind, path) in KINDS.into_iter().chain(others) {
            for object in ns.get(path).unwrap()["items"].as_array().unwrap() {
                let text =
                    |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
                let name = text("/metadata/name");
                let key = format!("{kind}/{name}");
                moment.versions.insert(key.clone(), text("/metadata/resourceVersion"));
                if name.starts_with("sh.helm.release.v1.") {
                    let kept = json!([object["type"], object["data"], object["metadata"]["labels"]]);
                    moment.records.insert(key, kept);
                } else if KINDS.contains(&(kind, path)) && name.starts_with("web") {
                    moment.objects.insert(key, bare(object));
                }
            }
        }
        moment
    }

    /// The names of the release's objects.
    pub fn names(&self) -> BTreeSet<String> {
        self.objects.keys().cloned().collect()
    }
}

/// The release's objects and its hooks' Jobs by kind and name, with their uids: one that was made anew has another.
pub fn uids(ns: &Namespace<'static>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (kind, path) in KINDS.into_iter().chain([("job", "batch/v1/jobs")]) {
        for object in ns.get(path).unwrap()["items"].as_array().unwrap() {
            let text = |field: &str| object["metadata"][field].as_str().unwrap().to_owned();
            if text("name").starts_with("web") {
                found.insert(format!("{kind}/{}", text("name")), text("uid"));
            }
        }
    }
    found
}

/// Of a database, the rows.
fn rows(ns: &Namespace<'static>) -> BTreeMap<String, Value> {
    let Ok(place) = ns.bed.postgres() else { return BTreeMap::new() };
    let mut client = postgres::Client::connect(place, postgres::NoTls).unwrap();
    let all = "SELECT key, row_to_json(r)::text FROM releases_v1 r WHERE namespace = $1";
    // Without the table there are no rows.
    let Ok(rows) = client.query(all, &[&ns.name]) else { return BTreeMap::new() };
    rows.into_iter().map(|row| (row.get(0), serde_json::from_str(row.get(1)).unwrap())).collect()
}

/// An object without what the server or a controller sets.
fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    let members = object.as_object_mut().unwrap();
    members.remove("status");
    let metadata = members["metadata"].as_object_mut().unwrap();
    for field in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"] {
        metadata.remove(field);
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.retain(|key, _| !key.contains("deployment.kubernetes.io") && !key.contains("pv.kubernetes.io"));
        annotations
            .retain(|key, _| !key.contains("volume.kubernetes.io") && !key.contains("volume.beta.kubernetes.io"));
    }
    if let Some(spec) = members.get_mut("spec").and_then(Value::as_object_mut) {
        // Given anew to whatever is made anew.
        ["clusterIP", "clusterIPs", "volumeName"].iter().for_each(|field| drop(spec.remove(*field)));
    }
    object
}

/// Runs refloat below the proxy.
pub fn proxied(ns: &Namespace<'static>, args: &[&str], faults: &[&str]) -> Killed {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refloat"));
    command.args(args);
    command.env("XDG_STATE_HOME", ns.bed.address.dir.join("refloat").join(&ns.name));
    command.envs([("USER", "ada"), ("HOSTNAME", "laptop"), ("TZ", "UTC")]);
    ns.with_faults(&command, "refloat", faults).unwrap()
}

/// Runs a way of `fix`, the word given.
pub fn fix(ns: &Namespace<'static>, way: &str, more: &[&str]) -> Ran {
    let args = ["fix", "web", "--with", way, "--yes", "--helm-is-gone"];
    refloat(ns, args.iter().chain(more))
}

/// The same, which has to end well; gives its JSON.
pub fn fixed(ns: &Namespace<'static>, way: &str, more: &[&str]) -> Value {
    let more: Vec<&str> = more.iter().copied().chain(["-o", "json"]).collect();
    let ran = fix(ns, way, &more);
    assert_eq!(ran.code, Some(0), "{way}: {}{}", ran.stdout, ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// What a plan says will be deleted, or created, of the release's objects.
pub fn foretold(option: &Value, effect: &str) -> BTreeSet<String> {
    let effects = option["effects"].as_array().unwrap().iter().filter(|one| one["effect"] == effect);
    let names = effects.map(|one| one["object"].as_str().unwrap().to_owned());
    names.filter(|name| KINDS.iter().any(|(kind, _)| name.starts_with(&format!("{kind}/")))).collect()
}

/// That the release has no lock, so that nothing of a fix is left to be done.
pub fn unlocked(ns: &Namespace<'static>) {
    assert_eq!(lock(ns), None);
}

/// The release's lock.
pub fn lock(ns: &Namespace<'static>) -> Option<Value> {
    ns.find("coordination.k8s.io/v1/leases/refloat.web").unwrap()
}

/// Where the webhook of [`own_webhook`] is.
pub fn webhook_path(ns: &Namespace<'static>) -> String {
    format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{}-own", ns.name)
}

/// A webhook that refuses ConfigMaps in the namespace unless Service `web` answers.
pub fn own_webhook(ns: &Namespace<'static>) -> Value {
    let name = format!("{}-own", ns.name);
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": format!("{name}.example.com"), "clientConfig": {"service": {"name": "web", "namespace": ns.name}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["*"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ns.name}},
            "failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 2,
        }],
    })
}
