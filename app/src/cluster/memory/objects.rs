//! Objects in memory: what was captured, and what was written since. Lists follow the writes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use refloat_core::merge::{Kind, merge};
use refloat_core::observe::{Answer, Read};
use refloat_core::record::Guard;
use serde_json::{Map, Value, json};

use super::rollout::roll_out;
use crate::cluster::ClusterError;

/// What only the server sets.
const SERVERS: [&str; 4] = ["uid", "creationTimestamp", "generation", "managedFields"];

/// How an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    Create,
    Replace,
    /// On the server's side. Fields that nobody sets any more stay: who set them wasn't captured.
    Apply,
}

#[derive(Default)]
pub(super) struct Objects {
    answers: BTreeMap<String, Answer>,
    captured: BTreeMap<String, Answer>,
    writes: u64,
}

impl Objects {
    pub(super) fn new(answers: BTreeMap<String, Answer>) -> Self {
        Self { captured: answers.clone(), answers, writes: 0 }
    }

    pub(super) fn answers(&self) -> &BTreeMap<String, Answer> {
        &self.answers
    }

    pub(super) fn answer(&self, read: &Read) -> Answer {
        let missing = || match read {
            // What was made here since is all there is of its kind.
            Read::Object { kind, .. } if kind.group == "coordination.k8s.io" => Answer::Absent,
            _ => Answer::Failed("it isn't in the bundle".to_owned()),
        };
        self.answers.get(&read.to_string()).cloned().unwrap_or_else(missing)
    }

    /// Writes an object as the API server would; gives what is stored.
    pub(super) fn write(
        &mut self,
        read: &Read,
        object: &Value,
        write: Write,
        now: Timestamp,
    ) -> Result<Value, ClusterError> {
        let path = read.to_string();
        let before = self.answers.get(&path).and_then(Answer::found).cloned();
        let mut stored = match (write, &before) {
            (Write::Create, Some(_)) => return Err(ClusterError::Conflict(read.words())),
            (Write::Replace, None) => return Err(ClusterError::Missing(read.words())),
            (Write::Replace, Some(before)) if conflicts(before, object) => {
                return Err(ClusterError::Conflict(read.words()));
            }
            (Write::Apply, Some(before)) => applied(before, object).ok_or_else(|| rejected(read))?,
            _ => object.clone(),
        };
        self.writes += 1;
        let fresh = json!({"metadata": {"uid": format!("u{}", self.writes), "creationTimestamp": now.to_string()}});
        served(&mut stored, before.as_ref().unwrap_or(&fresh)).ok_or_else(|| rejected(read))?;
        if before.as_ref() == Some(&stored) {
            return Ok(stored);
        }
        stamped(&mut stored, before.as_ref(), self.writes, now).ok_or_else(|| rejected(read))?;
        roll_out(&mut stored, &path, &self.captured, &mut self.answers);
        self.answers.insert(path.clone(), Answer::Found(stored.clone()));
        self.list(&path, Some(&stored));
        Ok(stored)
    }

    pub(super) fn delete(&mut self, read: &Read, guard: &Guard) -> Result<(), ClusterError> {
        let path = read.to_string();
        match self.answers.get(&path) {
            Some(Answer::Found(stored)) if text(stored, "/metadata/resourceVersion") == guard.version => {
                self.answers.insert(path.clone(), Answer::Absent);
                self.list(&path, None);
                Ok(())
            }
            Some(Answer::Found(_)) => Err(ClusterError::Conflict(read.words())),
            _ => Err(ClusterError::Missing(read.words())),
        }
    }

    /// Brings the lists of an object's collection up to date.
    fn list(&mut self, path: &str, object: Option<&Value>) {
        let Some((collection, name)) = path.rsplit_once('/') else { return };
        let lists = self
            .answers
            .iter_mut()
            .filter(|(list, _)| list.strip_prefix(collection).is_some_and(|rest| rest.starts_with('?')));
        for (list, answer) in lists {
            let Answer::Found(answer) = answer else { continue };
            let Some(items) = answer.get_mut("items").and_then(Value::as_array_mut) else { continue };
            items.retain(|item| text(item, "/metadata/name") != name);
            if let Some(object) = object.filter(|object| selects(list, object)) {
                items.push(match list.ends_with("#metadata") {
                    true => json!({"metadata": object.get("metadata")}),
                    false => object.clone(),
                });
            }
        }
    }
}

pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn rejected(read: &Read) -> ClusterError {
    ClusterError::Decode(read.words())
}

/// Whether a write names another version than the one stored.
fn conflicts(stored: &Value, object: &Value) -> bool {
    let version = text(object, "/metadata/resourceVersion");
    !version.is_empty() && version != text(stored, "/metadata/resourceVersion")
}

/// An object with another's fields set, list items told apart by Kubernetes' merge keys.
fn applied(before: &Value, object: &Value) -> Option<Value> {
    let kind = Kind { api_version: text(object, "/apiVersion"), kind: text(object, "/kind") };
    merge(kind, Some(object), object, before).ok()
}

/// Sets what a client can't: the server's metadata and the status are as before.
fn served(stored: &mut Value, before: &Value) -> Option<()> {
    let members = stored.as_object_mut()?;
    put(members, "status", before.get("status"));
    let metadata = members.get_mut("metadata")?.as_object_mut()?;
    for field in SERVERS.into_iter().chain(["resourceVersion"]) {
        put(metadata, field, before.pointer(&format!("/metadata/{field}")));
    }
    Some(())
}

/// A new version, and who made it when.
fn stamped(stored: &mut Value, before: Option<&Value>, writes: u64, now: Timestamp) -> Option<()> {
    let changed = before.is_some_and(|before| before.get("spec") != stored.get("spec"));
    let metadata = stored.get_mut("metadata")?.as_object_mut()?;
    metadata.insert("resourceVersion".to_owned(), format!("w{writes}").into());
    if let Some(generation) = metadata.get("generation").and_then(Value::as_u64).filter(|_| changed) {
        metadata.insert("generation".to_owned(), (generation + 1).into());
    }
    let fields = metadata.entry("managedFields").or_insert_with(|| json!([])).as_array_mut()?;
    fields.retain(|field| text(field, "/manager") != "helm");
    fields.push(json!({"manager": "helm", "operation": "Update", "time": now.to_string()}));
    Some(())
}

fn put(members: &mut Map<String, Value>, field: &str, value: Option<&Value>) {
    match value {
        Some(value) => drop(members.insert(field.to_owned(), value.clone())),
        None => drop(members.remove(field)),
    }
}

/// Whether a list, by its path, asks for an object with such labels.
fn selects(list: &str, object: &Value) -> bool {
    let query = list.trim_end_matches("#metadata").split(['?', '&']);
    let Some(labels) = query.filter_map(|part| part.strip_prefix("labelSelector=")).next() else { return true };
    let labels = labels.replace("%3D", "=").replace("%2C", ",").replace("%2F", "/");
    labels.split(',').all(|term| {
        let (key, wanted) = term.split_once('=').unwrap_or((term, ""));
        let found = object.pointer("/metadata/labels").and_then(|all| all.get(key)).and_then(Value::as_str);
        found == Some(wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use refloat_core::observe::Kind as Served;

    const LIST: &str =
        "/api/v1/namespaces/shop/configmaps?limit=1000&labelSelector=app.kubernetes.io%2Fmanaged-by%3DHelm#metadata";

    fn map(name: &str) -> (Read, Value) {
        let read = Read::object(&Served::known("v1", "ConfigMap", "configmaps", true), "shop", name);
        let labels = json!({"app.kubernetes.io/managed-by": "Helm"});
        let metadata = json!({"name": name, "namespace": "shop", "labels": labels});
        (read, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}}))
    }

    fn listed(objects: &Objects) -> usize {
        objects.answers[LIST].found().unwrap()["items"].as_array().unwrap().len()
    }

    #[test]
    fn objects_are_made_changed_and_deleted_under_guard_and_lists_follow() {
        let now = Timestamp::from_second(1000).unwrap();
        let mut objects = Objects::new([(LIST.to_owned(), Answer::Found(json!({"items": []})))].into());
        let (read, mut object) = map("web");
        assert!(matches!(objects.write(&read, &object, Write::Replace, now), Err(ClusterError::Missing(_))));
        let made = objects.write(&read, &object, Write::Create, now).unwrap();
        assert!(matches!(objects.write(&read, &object, Write::Create, now), Err(ClusterError::Conflict(_))));
        assert_eq!(listed(&objects), 1);

        assert_eq!(objects.write(&read, &object, Write::Apply, now).unwrap(), made, "nothing changes");
        object["data"] = json!({"b": "2"});
        let applied = objects.write(&read, &object, Write::Apply, now).unwrap();
        assert_eq!(applied["data"], json!({"a": "1", "b": "2"}));
        assert_ne!(applied["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"]);
        assert_eq!(applied["metadata"]["uid"], made["metadata"]["uid"]);
        assert!(matches!(objects.write(&read, &made, Write::Replace, now), Err(ClusterError::Conflict(_))));

        let guard =
            |object: &Value| Guard { uid: String::new(), version: text(object, "/metadata/resourceVersion").into() };
        assert!(matches!(objects.delete(&read, &guard(&made)), Err(ClusterError::Conflict(_))));
        objects.delete(&read, &guard(&applied)).unwrap();
        assert_eq!((objects.answer(&read), listed(&objects)), (Answer::Absent, 0));
    }
}
