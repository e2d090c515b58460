//! What wasn't pasted of what a diagnosis asked for: what that hides, and the command that gets it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::kinds::{ALL, meant, short};
use super::{NOT_GIVEN, Paste};
use crate::observe::{Answer, Lookup, Observation, Read, Revision, wanted_all};

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
    let without_hooks = |newest: &&Revision| stands_in && !paste.no_hooks && newest.release.hooks.is_empty();
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
struct Asked {
    /// Words for kubectl, by namespace.
    objects: BTreeMap<String, BTreeSet<String>>,
    /// Words of what lives in no namespace.
    cluster: BTreeSet<String>,
    /// Namespaces of events.
    events: BTreeSet<String>,
    /// Namespaces of Secrets.
    secrets: BTreeSet<String>,
    /// Namespace, pod, container, whether of the run before.
    logs: Vec<(String, String, String, bool)>,
}

impl Asked {
    fn of(seen: &Observation) -> Self {
        let mut asked = Self::default();
        for read in wanted_all(seen) {
            if matches!(seen.answer(&read), Some(Answer::Failed(why)) if why == NOT_GIVEN) {
                asked.add(read);
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
                asked.objects.entry(namespace.to_owned()).or_default().insert(word);
            }
        }
        asked
    }

    fn add(&mut self, read: Read) {
        match read {
            Read::Log { namespace, pod, container, previous } => self.logs.push((namespace, pod, container, previous)),
            // What only shows leftovers isn't worth a command of its own.
            Read::List { metadata_only: true, .. } | Read::CoreKinds | Read::GroupKinds | Read::Rules { .. } => {}
            Read::Object { kind, namespace, .. } | Read::List { kind, namespace, .. } => match kind.kind.as_str() {
                _ if namespace.is_empty() => drop(self.cluster.insert(kind.typed())),
                "Event" => drop(self.events.insert(namespace)),
                "Secret" => drop(self.secrets.insert(namespace)),
                _ => drop(self.objects.entry(namespace).or_default().insert(kind.typed())),
            },
        }
    }

    fn objects(&self, seen: &Observation) -> Vec<Missing> {
        let told = |(namespace, words): (&String, &BTreeSet<String>)| {
            let of = |kinds: &[&str]| -> BTreeSet<&str> {
                let is = |word: &&String| meant(word).iter().any(|(_, kind)| kinds.contains(&kind.as_str()));
                words.iter().filter(is).map(String::as_str).collect()
            };
            let (common, limits) = (of(&ALL), of(&["ResourceQuota", "LimitRange"]));
            let others = words.iter().map(String::as_str).filter(|word| !common.contains(word));
            let asked: Vec<&str> = (!common.is_empty()).then_some("all").into_iter().chain(others.map(short)).collect();
            let asked = asked.join(",");
            let file = if *namespace == seen.id.namespace { asked.clone() } else { format!("{asked}.{namespace}") };
            let objects = "whether these objects are there, new or old, and ready";
            let hidden = [
                (limits.len() < words.len()).then_some(objects),
                (!limits.is_empty()).then_some("whether a quota or a limit stands in the way"),
            ];
            let names: Vec<&str> = words.iter().map(|word| bare(word)).collect();
            Missing {
                what: format!("in {namespace}: {}", names.join(", ")),
                hides: hidden.into_iter().flatten().collect::<Vec<_>>().join("; "),
                command: format!("kubectl get {asked} -n {namespace} -o yaml --show-managed-fields > {file}.yaml"),
            }
        };
        self.objects.iter().map(told).collect()
    }

    fn events(&self) -> Vec<Missing> {
        let told = |namespace: &String| Missing {
            what: format!("the events in {namespace}"),
            hides: "why pods don't start, and what quotas, webhooks and admission refuse".to_owned(),
            command: format!("kubectl get events -n {namespace} -o yaml > events.yaml"),
        };
        self.events.iter().map(told).collect()
    }

    fn secrets(&self) -> Vec<Missing> {
        let told = |namespace: &String| Missing {
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
        let asked: Vec<&str> = self.cluster.iter().map(|word| short(word)).collect();
        let file: BTreeSet<&str> =
            asked.iter().map(|word| if word.ends_with("webhookconfigurations") { "webhooks" } else { word }).collect();
        let file = file.into_iter().collect::<Vec<_>>().join(",");
        (!words.is_empty()).then(|| Missing {
            what: format!("of the whole cluster: {}", words.join(", ")),
            hides: "whether the namespace, nodes, webhooks, API servers or storage hold the release up".to_owned(),
            command: format!("kubectl get {} -o yaml > {file}.yaml", asked.join(",")),
        })
    }

    fn logs(&self) -> Vec<Missing> {
        let told = |(namespace, pod, container, previous): &(String, String, String, bool)| {
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
