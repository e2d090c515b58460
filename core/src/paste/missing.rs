//! What wasn't pasted of what a diagnosis asked for: what that hides, and the command that gets it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::kinds::{ALL, meant};
use super::{NOT_GIVEN, Paste};
use crate::observe::{Answer, Lookup, Observation, Revision};

/// Something that nobody pasted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// What, in a few words.
    pub what: String,
    /// What stays unknown without it.
    pub hides: String,
    /// What to type to get it, into a file beside the others.
    pub command: String,
}

/// Takes what was pasted and what was observed of it; gives what is missing, what hides most first.
pub fn missing(paste: &Paste, seen: &Observation) -> Vec<Missing> {
    let mut found = records(paste, seen);
    let asked = Asked::of(seen);
    found.extend(asked.objects(seen));
    found.extend(asked.events());
    found.extend(asked.secrets());
    found.extend(asked.cluster());
    found.extend(asked.logs());
    if !paste.has_managed_fields() && paste.objects.iter().next().is_some() {
        found.push(Missing {
            what: "who wrote the objects, and when".to_owned(),
            hides: "whether a Helm still writes, and whether someone else changed an object".to_owned(),
            command: "the same kubectl commands with --show-managed-fields".to_owned(),
        });
    }
    found
}

/// Records, manifest and hooks.
fn records(paste: &Paste, seen: &Observation) -> Vec<Missing> {
    let (name, namespace) = (&seen.id.name, &seen.id.namespace);
    let mut found = Vec::new();
    let newest = seen.history.newest();
    let stands_in = newest.is_some_and(|meta| paste.stand_ins.contains(&meta.id));
    if stands_in {
        found.push(Missing {
            what: "the release's records".to_owned(),
            hides:
                "whether they are whole, whether labels and payloads agree, when they were written, and how hooks went"
                    .to_owned(),
            command: format!("kubectl get secrets -n {namespace} -l owner=helm,name={name} -o json > records.json"),
        });
    }
    if stands_in && seen.newest().is_none_or(|newest| newest.release.manifest.is_empty()) {
        let command = format!("helm get manifest {name} -n {namespace} > manifest.yaml");
        found.push(Missing {
            what: "the manifest of the newest revision".to_owned(),
            hides: "which objects belong to the release, hence how far the operation came and what holds it up"
                .to_owned(),
            command,
        });
    }
    let base = seen.base().filter(|base| paste.stand_ins.contains(&base.meta.id));
    if let Some(base) = base.filter(|base| base.release.manifest.is_empty()) {
        let revision = base.opened.revision;
        found.push(Missing {
            what: format!("the manifest of revision {revision}, which was there before"),
            hides: "which objects are still old, and which were to be removed".to_owned(),
            command: format!(
                "helm get manifest {name} -n {namespace} --revision {revision} > manifest.revision-{revision}.yaml"
            ),
        });
    }
    if stands_in && seen.newest().is_some_and(|newest| newest.release.info.last_deployed.is_none()) {
        found.push(Missing {
            what: "when the revisions were made: Helm's tables name no time zone".to_owned(),
            hides: "since when the release is as it is".to_owned(),
            command: format!("helm history {name} -n {namespace} -o json > history.json"),
        });
    }
    let without_hooks = |newest: &&Revision| stands_in && newest.release.hooks.is_empty();
    if seen.newest().filter(without_hooks).is_some() {
        found.push(Missing {
            what: "the hooks, if there are any".to_owned(),
            hides: "whether one of them failed or still runs".to_owned(),
            command: format!("helm get hooks {name} -n {namespace} > hooks.yaml"),
        });
    }
    found
}

/// What was asked for and isn't there.
#[derive(Default)]
struct Asked<'a> {
    /// Words for kubectl, and how many objects of them, by namespace.
    objects: BTreeMap<&'a str, BTreeMap<String, usize>>,
    /// Words of what lives in no namespace.
    cluster: BTreeSet<String>,
    /// Namespaces of events.
    events: BTreeSet<&'a str>,
    /// Namespaces of Secrets.
    secrets: BTreeSet<&'a str>,
    /// Namespace, pod, container, whether of the run before.
    logs: Vec<(&'a str, &'a str, &'a str, bool)>,
}

impl<'a> Asked<'a> {
    fn of(seen: &'a Observation) -> Self {
        let mut asked = Self::default();
        for (path, answer) in seen.answers() {
            if matches!(answer, Answer::Failed(why) if why == NOT_GIVEN) && !path.ends_with("#metadata") {
                asked.add(path);
            }
        }
        let opened = seen.revisions.values().filter_map(|revision| revision.as_ref().ok());
        for object in opened.flat_map(|revision| revision.objects.iter().chain(revision.hook_objects.iter().flatten()))
        {
            if matches!(seen.kinds().find(&object.api_version, &object.kind), Lookup::Unknown(_)) {
                let word = match object.group() {
                    "" => object.kind.clone(),
                    group => format!("{}.{group}", object.kind),
                };
                let namespace = object.namespace.as_deref().unwrap_or(&seen.id.namespace);
                *asked.objects.entry(namespace).or_default().entry(word).or_default() += 1;
            }
        }
        asked
    }

    /// Takes a read's path, see [`crate::observe::Read`].
    fn add(&mut self, path: &'a str) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let (group, rest) = match &parts[..] {
            ["api", "v1", rest @ ..] => ("", rest),
            ["apis", group, _, rest @ ..] => (*group, rest),
            _ => return,
        };
        let word = |resource: &str| if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
        match rest {
            ["namespaces", namespace, "pods", pod, "log"] => {
                let container = query.split('&').find_map(|pair| pair.strip_prefix("container="));
                self.logs.push((namespace, pod, container.unwrap_or_default(), query.contains("previous=true")));
            }
            ["namespaces", namespace, "events"] => drop(self.events.insert(namespace)),
            ["namespaces", namespace, "secrets", _] => drop(self.secrets.insert(namespace)),
            ["namespaces", namespace, resource, ..] => {
                *self.objects.entry(namespace).or_default().entry(word(resource)).or_default() += 1;
            }
            [resource, ..] => drop(self.cluster.insert(word(resource))),
            [] => {}
        }
    }

    fn objects(&self, seen: &Observation) -> Vec<Missing> {
        let told = |(namespace, words): (&&str, &BTreeMap<String, usize>)| {
            let is_common = |word: &String| meant(word).iter().any(|(_, kind)| ALL.contains(&kind.as_str()));
            let (common, others): (Vec<&String>, Vec<&String>) = words.keys().partition(|word| is_common(word));
            let mut asked: Vec<&str> = others.iter().map(|word| bare(word)).collect();
            if !common.is_empty() {
                asked.insert(0, "all");
            }
            let asked = asked.join(",");
            let file = if **namespace == seen.id.namespace { asked.clone() } else { format!("{asked}.{namespace}") };
            let names: Vec<&str> = words.keys().map(|word| bare(word)).collect();
            Missing {
                what: format!("in {namespace}: {}", names.join(", ")),
                hides: "whether these objects are there, new or old, and ready".to_owned(),
                command: format!("kubectl get {asked} -n {namespace} -o yaml --show-managed-fields > {file}.yaml"),
            }
        };
        self.objects.iter().map(told).collect()
    }

    fn events(&self) -> Vec<Missing> {
        let told = |namespace: &&str| Missing {
            what: format!("the events in {namespace}"),
            hides: "why pods don't start, and what quotas, webhooks and admission refuse".to_owned(),
            command: format!("kubectl get events -n {namespace} -o yaml > events.yaml"),
        };
        self.events.iter().map(told).collect()
    }

    fn secrets(&self) -> Vec<Missing> {
        let told = |namespace: &&str| Missing {
            what: format!("the Secrets in {namespace}"),
            hides: "whether these Secrets are there, and as the manifest has them".to_owned(),
            command: format!(
                "kubectl get secrets -n {namespace} -o yaml > secrets.yaml (holds secret values: keep it to yourself)"
            ),
        };
        self.secrets.iter().map(told).collect()
    }

    fn cluster(&self) -> Option<Missing> {
        let words: Vec<&str> = self.cluster.iter().map(|word| bare(word)).collect();
        (!words.is_empty()).then(|| Missing {
            what: format!("of the whole cluster: {}", words.join(", ")),
            hides: "whether nodes, webhooks, API servers or storage hold the release up".to_owned(),
            command: format!("kubectl get {} -o yaml > {}.yaml", words.join(","), words.join(",")),
        })
    }

    fn logs(&self) -> Vec<Missing> {
        let told = |(namespace, pod, container, previous): &(&str, &str, &str, bool)| {
            let (flag, part) = if *previous { (" --previous", ".previous") } else { ("", "") };
            Missing {
                what: format!("the log of {pod}, container {container}"),
                hides: "what it said before it ended".to_owned(),
                command: format!(
                    "kubectl logs {pod} -n {namespace} -c {container} --tail 10{flag} > {pod}.{container}{part}.log"
                ),
            }
        };
        self.logs.iter().map(told).collect()
    }
}

/// Kubernetes' own resources need no group.
fn bare(word: &str) -> &str {
    match word.split_once('.') {
        Some((resource, _)) if !meant(word).is_empty() => resource,
        _ => word,
    }
}
