//! Which kinds the server serves, by its aggregated discovery (Kubernetes 1.27 and later).
//!
//! Takes the answers of `/api` and `/apis`; tells a kind that isn't served from one of which nothing is known, because the
//! server couldn't reach what serves its group.

use std::collections::BTreeMap;

use serde_json::Value;

/// A kind, and where its objects are read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// The API group; empty for the core's.
    pub group: String,
    /// The version.
    pub version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// Such as `deployments`.
    pub resource: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether its objects can be listed.
    pub listable: bool,
}

impl Kind {
    /// One of Kubernetes' own that needs no discovery. Takes `v1` or `apps/v1`, the kind and its resource.
    pub fn known(api_version: &str, kind: &str, resource: &str, namespaced: bool) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            resource: resource.to_owned(),
            namespaced,
            listable: true,
        }
    }

    /// `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The kind as kubectl takes it without doubt: `deployments.apps`, `pods`.
    pub fn typed(&self) -> String {
        if self.group.is_empty() { self.resource.clone() } else { format!("{}.{}", self.resource, self.group) }
    }
}

/// What is known of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// It is served.
    Served(&'a Kind),
    /// It is served, but not in this version; the versions that are, as in `apps/v1`, preferred first.
    OtherVersion(Vec<&'a Kind>),
    /// The server serves no such kind.
    Unserved,
    /// The server can't tell: its group's own server doesn't answer, or discovery wasn't read; why.
    Unknown(String),
}

/// Everything the server said it serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kinds {
    /// By group and kind, preferred version first.
    served: BTreeMap<(String, String), Vec<Kind>>,
    /// Groups whose list is old, as their server doesn't answer, with their versions.
    stale: BTreeMap<String, Vec<String>>,
    /// Which of the two lists were read.
    core: bool,
    groups: bool,
}

impl Kinds {
    /// Adds an answer of `/api` (core) or `/apis`. One that isn't aggregated discovery adds nothing and is refused.
    pub fn add(&mut self, core: bool, answer: &Value) -> bool {
        if answer.get("kind").and_then(Value::as_str) != Some("APIGroupDiscoveryList") {
            return false;
        }
        for group in list(answer, "items") {
            let name = word(group, "/metadata/name");
            for version in list(group, "versions") {
                let number = word(version, "/version");
                if word(version, "/freshness") == "Stale" {
                    self.stale.entry(name.to_owned()).or_default().push(number.to_owned());
                }
                for resource in list(version, "resources") {
                    self.add_resource(name, number, resource);
                }
            }
        }
        *(if core { &mut self.core } else { &mut self.groups }) = true;
        true
    }

    fn add_resource(&mut self, group: &str, version: &str, resource: &Value) {
        let kind = Kind {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: word(resource, "/responseKind/kind").to_owned(),
            resource: word(resource, "/resource").to_owned(),
            namespaced: word(resource, "/scope") == "Namespaced",
            listable: list(resource, "verbs").any(|verb| verb == "list"),
        };
        if !kind.kind.is_empty() && !kind.resource.is_empty() {
            self.served.entry((kind.group.clone(), kind.kind.clone())).or_default().push(kind);
        }
    }

    /// Adds kinds that are known without asking, where a server can't be asked.
    pub fn extend(&mut self, kinds: impl IntoIterator<Item = Kind>) {
        for kind in kinds {
            self.served.entry((kind.group.clone(), kind.kind.clone())).or_default().push(kind);
        }
    }

    /// Looks for the kind of an object.
    pub fn find(&self, api_version: &str, kind: &str) -> Lookup<'_> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let served = self.served.get(&(group.to_owned(), kind.to_owned()));
        if let Some(exact) = served.and_then(|kinds| kinds.iter().find(|kind| kind.version == version)) {
            return Lookup::Served(exact);
        }
        if self.stale.get(group).is_some_and(|versions| versions.iter().any(|stale| stale == version)) {
            return Lookup::Unknown(format!("the server of {api_version} doesn't answer"));
        }
        if let Some(others) = served {
            return Lookup::OtherVersion(others.iter().collect());
        }
        if self.stale.contains_key(group) {
            return Lookup::Unknown(format!("the server of group {group} doesn't answer"));
        }
        if !(if group.is_empty() { self.core } else { self.groups }) {
            return Lookup::Unknown("which kinds the server serves wasn't read".to_owned());
        }
        Lookup::Unserved
    }

    /// The kind whose objects are meant, in whatever version it is served.
    pub fn any_version(&self, api_version: &str, kind: &str) -> Option<&Kind> {
        match self.find(api_version, kind) {
            Lookup::Served(kind) => Some(kind),
            Lookup::OtherVersion(kinds) => kinds.first().copied(),
            Lookup::Unserved | Lookup::Unknown(_) => None,
        }
    }

    /// Every kind, in its preferred version.
    pub fn preferred(&self) -> impl Iterator<Item = &Kind> {
        self.served.values().filter_map(|kinds| kinds.first())
    }

    /// Groups whose own server doesn't answer, as `group/version`.
    pub fn stale(&self) -> Vec<String> {
        let versions = |(group, versions): (&String, &Vec<String>)| {
            versions.iter().map(|version| format!("{group}/{version}")).collect::<Vec<_>>()
        };
        self.stale.iter().flat_map(versions).collect()
    }

    /// Whether both lists were read.
    pub fn is_complete(&self) -> bool {
        self.core && self.groups
    }
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn word<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resource(kind: &str, resource: &str) -> Value {
        json!({"resource": resource, "responseKind": {"group": "", "version": "", "kind": kind}, "scope": "Namespaced", "verbs": ["get", "list"]})
    }

    fn kinds() -> Kinds {
        let mut kinds = Kinds::default();
        let core = json!({"kind": "APIGroupDiscoveryList", "items": [{"metadata": {}, "versions": [
            {"version": "v1", "freshness": "Current", "resources": [resource("Pod", "pods")]}
        ]}]});
        let groups = json!({"kind": "APIGroupDiscoveryList", "items": [
            {"metadata": {"name": "autoscaling"}, "versions": [
                {"version": "v2", "resources": [resource("HorizontalPodAutoscaler", "horizontalpodautoscalers")]},
                {"version": "v1", "resources": [resource("HorizontalPodAutoscaler", "horizontalpodautoscalers")]}
            ]},
            {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "freshness": "Stale"}]}
        ]});
        assert!(kinds.add(true, &core) && kinds.add(false, &groups));
        kinds
    }

    #[test]
    fn a_kind_is_served_or_not_or_unknown() {
        let kinds = kinds();
        let found = |version: &str, kind: &str| match kinds.find(version, kind) {
            Lookup::Served(kind) => format!("{} {}", kind.api_version(), kind.typed()),
            Lookup::OtherVersion(others) => {
                format!("other {:?}", others.iter().map(|kind| kind.api_version()).collect::<Vec<_>>())
            }
            Lookup::Unserved => "unserved".to_owned(),
            Lookup::Unknown(why) => why,
        };
        assert_eq!(found("v1", "Pod"), "v1 pods");
        assert_eq!(
            found("autoscaling/v1", "HorizontalPodAutoscaler"),
            "autoscaling/v1 horizontalpodautoscalers.autoscaling"
        );
        assert_eq!(
            found("autoscaling/v2beta2", "HorizontalPodAutoscaler"),
            "other [\"autoscaling/v2\", \"autoscaling/v1\"]"
        );
        assert_eq!(found("example.com/v1", "Widget"), "unserved");
        assert_eq!(
            found("metrics.k8s.io/v1beta1", "NodeMetrics"),
            "the server of metrics.k8s.io/v1beta1 doesn't answer"
        );
        assert_eq!(found("metrics.k8s.io/v2", "NodeMetrics"), "the server of group metrics.k8s.io doesn't answer");
    }

    #[test]
    fn what_wasnt_read_is_unknown_and_an_old_server_is_refused() {
        let mut kinds = Kinds::default();
        assert!(!kinds.add(false, &json!({"kind": "APIGroupList", "groups": []})));
        assert!(matches!(kinds.find("apps/v1", "Deployment"), Lookup::Unknown(_)));
        assert!(!kinds.is_complete());
    }
}
