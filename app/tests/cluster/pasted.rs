//! `refloat diagnose --from` on what real Helm and kubectl's own lists print of real scenarios: it names the right cause, in
//! every form in which people paste, and says what is missing where too little was pasted.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use bed::corpus::{RELEASE, Scenario};
use bed::{Bed, Major, Namespace};
use refloat_core::observe::Kind;
use refloat_core::paste::{built_in, meant};
use serde_json::{Value, json};

use crate::{Ran, each, refloat_with};

/// A folder that is filled as people fill one.
struct Folder<'a> {
    ns: &'a Namespace<'a>,
    major: Major,
    path: PathBuf,
}

impl<'a> Folder<'a> {
    fn new(ns: &'a Namespace<'a>, major: Major) -> Self {
        let path = ns.bed.address.dir.join("refloat").join(&ns.name).join("pasted");
        fs::create_dir_all(&path).unwrap();
        Self { ns, major, path }
    }

    fn put(&self, file: &str, text: &str) {
        fs::write(self.path.join(file), text).unwrap();
    }

    fn helm(&self, words: &str) -> String {
        self.ns.helm(self.major, words.split(' ')).unwrap().ok().unwrap().stdout
    }

    /// What `kubectl get WORDS -n NAMESPACE -o json` prints: the lists one after another, without managedFields.
    fn kubectl(&self, words: &str, managed: bool) -> String {
        let mut items = Vec::new();
        for kind in words.split(',').flat_map(meant) {
            let kind = built_in().find(|known| (known.group.clone(), known.kind.clone()) == kind).unwrap();
            items.extend(self.items(&kind, managed));
        }
        let list = json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}});
        serde_json::to_string_pretty(&list).unwrap()
    }

    fn items(&self, kind: &Kind, managed: bool) -> Vec<Value> {
        let version = kind.api_version();
        let root = if kind.group.is_empty() { format!("/api/{version}") } else { format!("/apis/{version}") };
        let namespace = if kind.namespaced { format!("namespaces/{}/", self.ns.name) } else { String::new() };
        let list = self.ns.get(&format!("{root}/{namespace}{}", kind.resource)).unwrap();
        let mut items = list["items"].as_array().unwrap().clone();
        for item in &mut items {
            item["apiVersion"] = version.clone().into();
            item["kind"] = kind.kind.clone().into();
            if !managed {
                item["metadata"].as_object_mut().unwrap().remove("managedFields");
            }
        }
        items
    }

    /// The same as YAML.
    fn yaml(&self, words: &str, managed: bool) -> String {
        serde_saphyr::to_string(&serde_json::from_str::<Value>(&self.kubectl(words, managed)).unwrap()).unwrap()
    }

    /// Runs refloat on it, with no cluster to ask.
    fn diagnose(&self, more: &[&str]) -> Ran {
        let from = self.path.to_string_lossy().into_owned();
        let args = ["diagnose", "--from", from.as_str()].into_iter().chain(more.iter().copied());
        refloat_with(self.ns, args, |command| {
            command.env("KUBECONFIG", "/nowhere");
        })
    }

    fn diagnosis(&self) -> Value {
        let ran = self.diagnose(&["-o", "json"]);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", ran.stdout, ran.stderr))
    }
}

/// What `kubectl get` takes for the objects of the corpus' releases.
const OBJECTS: &str = "all,cm,sa,pvc";
const CLUSTER: &str = "ns,no,apiservices";

/// Ways to paste.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Records and objects as YAML, with who wrote them.
    Yaml,
    /// Records and objects as JSON, without.
    Json,
    /// `helm history`, `helm get manifest` and `helm get hooks` in place of the records.
    HelmsWords,
    /// One file of all that a terminal showed, `helm status` as data among it.
    Transcript,
}

fn paste(folder: &Folder<'_>, way: Way) {
    let (namespace, quotas) = (&folder.ns.name, "quota,limits");
    match way {
        Way::Yaml => {
            folder.put("records.yaml", &folder.yaml("secrets", true));
            folder.put(&format!("{OBJECTS}.yaml"), &folder.yaml(OBJECTS, true));
            folder.put("events.yaml", &folder.yaml("events", true));
            folder.put("quota,limits.yaml", &folder.yaml(quotas, true));
            folder.put("cluster.yaml", &folder.yaml(CLUSTER, true));
        }
        Way::Json => {
            folder.put("records.json", &folder.kubectl("secrets", false));
            folder.put("all,events,cm,sa,pvc.json", &folder.kubectl(&format!("{OBJECTS},events"), false));
            folder.put("quota,limits.json", &folder.kubectl(quotas, false));
        }
        Way::HelmsWords => {
            folder.put("history.json", &folder.helm("history web -o json"));
            folder.put("status.txt", &folder.helm("status web"));
            folder.put("manifest.yaml", &folder.helm("get manifest web"));
            folder.put("hooks.yaml", &folder.helm("get hooks web"));
            folder.put(&format!("{OBJECTS}.json"), &folder.kubectl(OBJECTS, false));
            folder.put("events.json", &folder.kubectl("events", false));
        }
        Way::Transcript => {
            let mut text = String::new();
            for words in ["history web -o json", "status web -o json"] {
                write!(text, "ada@laptop:~$ helm {words} -n {namespace}\n{}", folder.helm(words)).unwrap();
            }
            for words in [OBJECTS, "events", quotas] {
                let list = folder.kubectl(words, false);
                write!(text, "ada@laptop:~$ kubectl get {words} -n {namespace} -o json\n{list}\n").unwrap();
            }
            folder.put("terminal.txt", &(text + "ada@laptop:~$ "));
        }
    }
}

/// Scenarios of the corpus, who makes them, and how they are pasted.
const SCENARIOS: [(&str, Major, Way); 12] = [
    ("image-pull-failed", Major::V3, Way::Yaml),
    ("crash-loop-killed", Major::V4, Way::Transcript),
    ("pre-install-hook-failed", Major::V4, Way::HelmsWords),
    ("upgrade-final-write", Major::V3, Way::Json),
    ("unschedulable-failed", Major::V4, Way::Json),
    ("quota-object-failed", Major::V3, Way::Transcript),
    ("pvc-pending-failed", Major::V3, Way::HelmsWords),
    ("upgrade-killed-applying", Major::V4, Way::Yaml),
    ("webhook-denied-failed", Major::V4, Way::HelmsWords),
    ("immutable-field-failed", Major::V3, Way::Transcript),
    ("finalizer-uninstall-killed", Major::V4, Way::Transcript),
    ("forbidden-failed", Major::V3, Way::HelmsWords),
];

#[test]
fn the_right_cause_is_named_from_files() {
    each(SCENARIOS, |(id, major, way)| {
        let ns = Bed::shared().namespace("pasted").unwrap();
        let scenario = Scenario::all().into_iter().find(|scenario| scenario.id == id).unwrap();
        let made = scenario.make(&ns, major).unwrap();
        let folder = Folder::new(&ns, major);
        paste(&folder, way);
        let found = folder.diagnosis();
        let (label, told) = (scenario.label, |pointer: &str| found.pointer(pointer).and_then(Value::as_str));
        let cause = told("/causes/0/code").unwrap_or_default();
        assert!(label.causes.contains(&cause), "{id} by {way:?}: {cause}, not {:?}: {found:#}", label.causes);
        assert_eq!(told("/operation/kind"), Some(label.operation), "{id} by {way:?}: {found:#}");
        assert!(label.phase.contains(&told("/operation/phase").unwrap_or_default()), "{id} by {way:?}: {found:#}");
        assert_eq!(found["unread"], json!([]), "{id} by {way:?}");
        drop(made);
    });
}

#[test]
fn helms_words_alone_name_the_state_and_what_is_missing() {
    each(Major::BOTH, |major| {
        let ns = Bed::shared().namespace("bare").unwrap();
        let scenario = Scenario::all().into_iter().find(|scenario| scenario.id == "image-pull-failed").unwrap();
        let made = scenario.make(&ns, major).unwrap();
        let folder = Folder::new(&ns, major);
        folder.put("history.txt", &folder.helm("history web"));
        folder.put("status.txt", &folder.helm("status web"));
        let shown = folder.diagnose(&[]).stdout;
        let name = &ns.name;
        for command in [
            format!("kubectl get secrets -n {name} -l owner=helm,name={RELEASE} -o json > records.json"),
            format!("helm get manifest {RELEASE} -n {name} > manifest.yaml"),
            format!("helm get hooks {RELEASE} -n {name} > hooks.yaml"),
            format!("helm history {RELEASE} -n {name} -o json > history.json"),
            format!("kubectl get events -n {name} -o yaml > events.yaml"),
        ] {
            assert!(shown.contains(&command), "{command}: {shown}");
        }
        let found = folder.diagnosis();
        assert_eq!(found["status"], "failed", "{found:#}");
        assert_eq!(found["operation"]["kind"], "upgrade", "{found:#}");
        assert_eq!(found["history"].as_array().unwrap().len(), 2, "{found:#}");
        assert_eq!(found["objects"], json!([]), "nobody knows which there are: {found:#}");
        assert!(found["missing"].as_array().unwrap().len() >= 5, "{found:#}");
        drop(made);
    });
}

/// The list of Kubernetes' own kinds is the server's.
#[test]
fn kinds_known_without_a_server_are_the_servers() {
    let api = &Bed::shared().api;
    for kind in built_in() {
        let version = kind.api_version();
        let root = if kind.group.is_empty() { format!("/api/{version}") } else { format!("/apis/{version}") };
        let list = api.get(&root).unwrap();
        let served = list["resources"].as_array().unwrap().iter();
        let resource = served.clone().find(|resource| resource["name"] == kind.resource.as_str()).unwrap();
        assert_eq!(resource["kind"], kind.kind.as_str());
        assert_eq!(resource["namespaced"], kind.namespaced, "{}", kind.kind);
        let pair = (kind.group.clone(), kind.kind.clone());
        let named = |list: &Value, word: &str| list.as_array().into_iter().flatten().any(|one| one == word);
        assert_eq!(named(&resource["categories"], "all"), meant("all").contains(&pair), "{}", kind.kind);
        for short in resource["shortNames"].as_array().into_iter().flatten() {
            assert!(meant(short.as_str().unwrap()).contains(&pair), "{short} means {}", kind.kind);
        }
    }
}
