//! One read of the cluster, and its answer.
//!
//! A read is data, so that the same list of reads serves a cluster, a bundle and files that somebody pasted; its path is the
//! key under which the answer is kept, so nothing is read twice.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Kind;

/// How many objects a list asks for. What is beyond is unknown, and said so.
pub const LIST_LIMIT: usize = 1000;

/// Something to read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Read {
    /// Which kinds the core serves (`/api`).
    CoreKinds,
    /// Which kinds the other groups serve (`/apis`).
    GroupKinds,
    /// One object.
    Object {
        /// Its kind.
        kind: Kind,
        /// Its namespace; empty for what lives in none.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The objects of a kind.
    List {
        /// The kind.
        kind: Kind,
        /// The namespace; empty for all, or for what lives in none.
        namespace: String,
        /// A label selector; empty for all.
        labels: String,
        /// Whether only `metadata` is wanted.
        metadata_only: bool,
    },
    /// The last lines that a container wrote before it ended.
    Log {
        /// The pod's namespace.
        namespace: String,
        /// The pod.
        pod: String,
        /// The container.
        container: String,
        /// Whether the run before the present one is meant.
        previous: bool,
    },
    /// What the caller may do in a namespace.
    Rules {
        /// The namespace.
        namespace: String,
    },
}

/// What came of a read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// What was asked for: an object, a list, or a text.
    Found(Value),
    /// The server has no such object.
    Absent,
    /// It may not be read; the server's words.
    Forbidden(String),
    /// It couldn't be read; why.
    Failed(String),
}

impl Answer {
    /// The value, if there is one.
    pub fn found(&self) -> Option<&Value> {
        match self {
            Self::Found(value) => Some(value),
            _ => None,
        }
    }

    /// Why nothing is known, if so.
    pub fn unknown(&self) -> Option<&str> {
        match self {
            Self::Forbidden(why) | Self::Failed(why) => Some(why),
            Self::Found(_) | Self::Absent => None,
        }
    }
}

impl Read {
    /// Reads one object.
    pub fn object(kind: &Kind, namespace: &str, name: &str) -> Self {
        let namespace = if kind.namespaced { namespace.to_owned() } else { String::new() };
        Self::Object { kind: kind.clone(), namespace, name: name.to_owned() }
    }

    /// Lists the objects of a kind, whole.
    pub fn list(kind: &Kind, namespace: &str, labels: &str) -> Self {
        Self::List {
            kind: kind.clone(),
            namespace: namespace.to_owned(),
            labels: labels.to_owned(),
            metadata_only: false,
        }
    }

    /// Lists the metadata of the objects of a kind.
    pub fn metadata(kind: &Kind, namespace: &str, labels: &str) -> Self {
        Self::List {
            kind: kind.clone(),
            namespace: namespace.to_owned(),
            labels: labels.to_owned(),
            metadata_only: true,
        }
    }

    /// What is read, for people: `deployments.apps shop/web`.
    pub fn words(&self) -> String {
        match self {
            Self::CoreKinds | Self::GroupKinds => "the kinds that the server serves".to_owned(),
            Self::Object { kind, namespace, name } if namespace.is_empty() => format!("{} {name}", kind.typed()),
            Self::Object { kind, namespace, name } => format!("{} {namespace}/{name}", kind.typed()),
            Self::List { kind, namespace, .. } if namespace.is_empty() => kind.typed(),
            Self::List { kind, namespace, .. } => format!("{} in {namespace}", kind.typed()),
            Self::Log { namespace, pod, container, .. } => format!("the log of {namespace}/{pod} {container}"),
            Self::Rules { namespace } => format!("what you may do in {namespace}"),
        }
    }
}

/// The path and query on an API server; for what isn't a plain read, a word of our own in front.
impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CoreKinds => f.write_str("/api"),
            Self::GroupKinds => f.write_str("/apis"),
            Self::Object { kind, namespace, name } => write!(f, "{}/{}", base(kind, namespace), escaped(name)),
            Self::List { kind, namespace, labels, metadata_only } => {
                write!(f, "{}?limit={LIST_LIMIT}", base(kind, namespace))?;
                if !labels.is_empty() {
                    write!(f, "&labelSelector={}", escaped(labels))?;
                }
                f.write_str(if *metadata_only { "#metadata" } else { "" })
            }
            Self::Log { namespace, pod, container, previous } => {
                let (namespace, pod, container) = (escaped(namespace), escaped(pod), escaped(container));
                write!(
                    f,
                    "/api/v1/namespaces/{namespace}/pods/{pod}/log?container={container}&tailLines=10&limitBytes=4096"
                )?;
                f.write_str(if *previous { "&previous=true" } else { "" })
            }
            Self::Rules { namespace } => write!(f, "rules:{namespace}"),
        }
    }
}

fn base(kind: &Kind, namespace: &str) -> String {
    let root = if kind.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", kind.group) };
    let (version, resource) = (&kind.version, &kind.resource);
    match namespace {
        "" => format!("{root}/{version}/{resource}"),
        namespace => format!("{root}/{version}/namespaces/{}/{resource}", escaped(namespace)),
    }
}

/// Names come out of manifests, so they may be anything.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    // A path would be walked along it.
    if matches!(out.as_str(), "." | "..") { out.replace('.', "%2E") } else { out }
}

/// Takes what the server gave; leaves out what nothing looks at: in managedFields everything but who wrote and when.
pub fn trimmed(mut value: Value) -> Value {
    if let Some(items) = value.get_mut("items").and_then(Value::as_array_mut) {
        for item in items {
            trim_fields(item);
        }
    }
    trim_fields(&mut value);
    value
}

fn trim_fields(object: &mut Value) {
    let Some(entries) = object.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut) else { return };
    for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
        entry.remove("fieldsV1");
        entry.remove("fieldsType");
        entry.remove("apiVersion");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_are_the_servers() {
        let pods = Kind::known("v1", "Pod", "pods", true);
        let roles = Kind::known("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false);
        let table = [
            (Read::CoreKinds, "/api"),
            (Read::object(&pods, "shop", "web-0"), "/api/v1/namespaces/shop/pods/web-0"),
            (Read::object(&pods, "shop", "../../x"), "/api/v1/namespaces/shop/pods/..%2F..%2Fx"),
            (Read::object(&pods, "shop", ".."), "/api/v1/namespaces/shop/pods/%2E%2E"),
            (Read::object(&roles, "shop", "system:a"), "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:a"),
            (Read::list(&pods, "shop", "a=b,c"), "/api/v1/namespaces/shop/pods?limit=1000&labelSelector=a%3Db%2Cc"),
            (Read::metadata(&pods, "", ""), "/api/v1/pods?limit=1000#metadata"),
        ];
        for (read, expected) in table {
            assert_eq!(read.to_string(), expected);
        }
    }

    #[test]
    fn trimming_keeps_who_wrote_and_when() {
        let fields = json!([{"manager": "helm", "operation": "Apply", "time": "t", "fieldsV1": {"f:a": {}}, "fieldsType": "FieldsV1"}]);
        let object =
            trimmed(json!({"metadata": {"managedFields": fields}, "items": [{"metadata": {"managedFields": fields}}]}));
        let kept = json!([{"manager": "helm", "operation": "Apply", "time": "t"}]);
        assert_eq!(object["metadata"]["managedFields"], kept);
        assert_eq!(object["items"][0]["metadata"]["managedFields"], kept);
    }
}
