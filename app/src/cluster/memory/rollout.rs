//! Rollouts in memory, where no controller runs and no pod starts: a Deployment that is written is brought at once to where its
//! pods were seen to come. If a ReplicaSet of its new template was captured, that one has all the pods, in the state in which
//! they were captured, and the others have none. If none was, nothing is known of such pods, and the rollout doesn't begin.

use std::collections::BTreeMap;

use refloat_core::observe::Answer;
use refloat_core::ready::replica_set_of;
use serde_json::{Map, Value, json};

use super::objects::text;

type Answers = BTreeMap<String, Answer>;

/// Takes an object as it is about to be stored, its path, what was captured and what is there; sets the object's status, and its
/// ReplicaSets and pods. Objects of other kinds stay as they are.
pub(super) fn roll_out(object: &mut Value, path: &str, captured: &Answers, answers: &mut Answers) {
    let Some((place, _)) = path.rsplit_once("/deployments/") else { return };
    let (sets, pods) = (format!("{place}/replicasets"), format!("{}/pods", place.replace("/apis/apps/", "/api/")));
    let all: Vec<Value> = lists(captured, &sets).flat_map(|(_, items)| items.clone()).collect();
    let Some(chosen) = replica_set_of(object, &all) else { return };
    let before = captured.get(path).and_then(Answer::found);
    let same = |field: &str| before.is_some_and(|before| before.pointer(field) == object.pointer(field));
    let as_captured = same("/spec/template") && same("/spec/replicas");
    let wanted = object.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    let status = match before.and_then(|before| before.get("status")) {
        // It may have been in the middle of a rollout.
        Some(status) if as_captured => status.clone(),
        status => rolled_out(chosen, wanted, status),
    };
    let uid = text(object, "/metadata/uid");
    let mine: Vec<&Value> = all.iter().filter(|set| is_owned(set, uid)).collect();
    let is_chosen = |set: &Value| text(set, "/metadata/uid") == text(chosen, "/metadata/uid");
    refill(captured, answers, &sets, |set| {
        is_owned(set, uid).then(|| match as_captured {
            true => Some(set.clone()),
            false => Some(scaled(set, if is_chosen(set) { wanted } else { 0 })),
        })
    });
    refill(captured, answers, &pods, |pod| {
        let owner = mine.iter().find(|set| is_owned(pod, text(set, "/metadata/uid")))?;
        Some((as_captured || is_chosen(owner)).then(|| pod.clone()))
    });
    let generation = object.pointer("/metadata/generation").cloned();
    if let Some(members) = object.as_object_mut() {
        members.insert("status".to_owned(), status);
        put(members, "observedGeneration", generation);
    }
}

/// The lists of a collection.
fn lists<'a>(answers: &'a Answers, collection: &str) -> impl Iterator<Item = (&'a String, &'a Vec<Value>)> {
    answers.iter().filter_map(move |(path, answer)| {
        path.strip_prefix(collection).filter(|rest| rest.starts_with('?'))?;
        Some((path, answer.found()?.get("items")?.as_array()?))
    })
}

/// Replaces items of a collection's lists. `made` gives nothing for what isn't concerned, else the item as it is to be, or none.
fn refill(captured: &Answers, answers: &mut Answers, collection: &str, made: impl Fn(&Value) -> Option<Option<Value>>) {
    for (path, items) in lists(captured, collection) {
        let Some(Answer::Found(answer)) = answers.get_mut(path) else { continue };
        let Some(there) = answer.get_mut("items").and_then(Value::as_array_mut) else { continue };
        there.retain(|item| made(item).is_none());
        there.extend(items.iter().filter_map(&made).flatten());
    }
}

fn is_owned(object: &Value, uid: &str) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.into_iter().flatten().any(|owner| text(owner, "/uid") == uid)
}

/// A ReplicaSet with so many pods wanted. One that had as many keeps its state; one that has none is done.
fn scaled(set: &Value, wanted: u64) -> Value {
    let mut set = set.clone();
    let generation = set.pointer("/metadata/generation").cloned();
    let Some(members) = set.as_object_mut() else { return set };
    if let Some(spec) = members.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("replicas".to_owned(), wanted.into());
    }
    if wanted == 0 {
        members.insert("status".to_owned(), json!({"replicas": 0}));
        put(members, "observedGeneration", generation);
    }
    set
}

/// The status of a Deployment all of whose pods are those of one ReplicaSet.
fn rolled_out(set: &Value, wanted: u64, before: Option<&Value>) -> Value {
    let count = |field: &str| set.pointer(&format!("/status/{field}")).and_then(Value::as_u64).unwrap_or_default();
    let [replicas, ready, available] = ["replicas", "readyReplicas", "availableReplicas"].map(count);
    let conditions = before.and_then(|before| before.get("conditions")).and_then(Value::as_array);
    let mut conditions = conditions.cloned().unwrap_or_default();
    for condition in conditions.iter_mut().filter_map(Value::as_object_mut).filter(|_| available >= wanted) {
        let reason = match condition.get("type").and_then(Value::as_str) {
            Some("Available") => "MinimumReplicasAvailable",
            Some("Progressing") => "NewReplicaSetAvailable",
            _ => continue,
        };
        condition.extend([("status".to_owned(), "True".into()), ("reason".to_owned(), reason.into())]);
        condition.remove("message");
    }
    json!({
        "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": ready, "availableReplicas": available,
        "conditions": conditions,
    })
}

/// Sets a field of an object's status.
fn put(members: &mut Map<String, Value>, field: &str, value: Option<Value>) {
    if let (Some(status), Some(value)) = (members.get_mut("status").and_then(Value::as_object_mut), value) {
        status.insert(field.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/apis/apps/v1/namespaces/shop/deployments/web";
    const SETS: &str = "/apis/apps/v1/namespaces/shop/replicasets?limit=1000&labelSelector=app%3Dweb";
    const PODS: &str = "/api/v1/namespaces/shop/pods?limit=1000&labelSelector=app%3Dweb";

    fn template(image: &str) -> Value {
        json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": image}]}})
    }

    fn owned(name: &str, uid: &str, owner: &str) -> Value {
        let owners = json!([{"uid": owner, "controller": true, "kind": "Deployment", "name": "web"}]);
        json!({"name": name, "namespace": "shop", "uid": uid, "generation": 1, "labels": {"app": "web"}, "ownerReferences": owners})
    }

    fn set(name: &str, image: &str, ready: u64) -> Value {
        let status =
            json!({"observedGeneration": 1, "replicas": 1, "readyReplicas": ready, "availableReplicas": ready});
        let selector = json!({"matchLabels": {"app": "web"}});
        let spec = json!({"replicas": 1, "selector": selector, "template": template(image)});
        json!({"metadata": owned(name, name, "d"), "spec": spec, "status": status})
    }

    fn deployment(image: &str) -> Value {
        let spec = json!({"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template(image)});
        let metadata = json!({"name": "web", "namespace": "shop", "uid": "d", "generation": 2});
        json!({"kind": "Deployment", "metadata": metadata, "spec": spec, "status": {"observedGeneration": 2, "replicas": 2}})
    }

    /// In the middle of a rollout from a good image to a bad one.
    fn captured() -> Answers {
        let pods = json!([{"metadata": owned("p1", "p1", "good")}, {"metadata": owned("p2", "p2", "bad")}]);
        [
            (PATH, deployment("web:2")),
            (SETS, json!({"items": [set("good", "web:1", 1), set("bad", "web:2", 0)]})),
            (PODS, json!({"items": pods})),
        ]
        .map(|(path, answer)| (path.to_owned(), Answer::Found(answer)))
        .into()
    }

    fn names(answers: &Answers, path: &str) -> Vec<String> {
        let items = answers[path].found().unwrap()["items"].as_array().unwrap();
        items.iter().map(|item| text(item, "/metadata/name").to_owned()).collect()
    }

    #[test]
    fn a_deployment_takes_up_the_pods_of_its_template_and_comes_back_to_what_was_captured() {
        let captured = captured();
        let mut answers = captured.clone();
        let mut back = deployment("web:1");
        back["metadata"]["generation"] = 3.into();
        roll_out(&mut back, PATH, &captured, &mut answers);
        let status = json!({
            "observedGeneration": 3, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1, "conditions": []
        });
        assert_eq!(back["status"], status);
        assert_eq!(names(&answers, PODS), ["p1"]);
        let sets = answers[SETS].found().unwrap();
        assert_eq!(
            (&sets["items"][0]["spec"]["replicas"], &sets["items"][1]["spec"]["replicas"]),
            (&json!(1), &json!(0))
        );

        let mut forth = deployment("web:2");
        forth["metadata"]["generation"] = 4.into();
        roll_out(&mut forth, PATH, &captured, &mut answers);
        assert_eq!(forth["status"], json!({"observedGeneration": 4, "replicas": 2}));
        assert_eq!(names(&answers, PODS), ["p1", "p2"]);
        assert_eq!(answers, captured);
    }

    #[test]
    fn pods_that_nobody_saw_dont_start() {
        let captured = captured();
        let mut answers = captured.clone();
        let mut other = deployment("web:3");
        other["metadata"]["generation"] = 3.into();
        let before = other.clone();
        roll_out(&mut other, PATH, &captured, &mut answers);
        assert_eq!((other, answers), (before, captured));
    }
}
