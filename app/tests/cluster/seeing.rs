//! What a diagnosis reads, and what it says where it may not: nothing twice, and unknown is never absent.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use async_trait::async_trait;
use bed::{Driver, Major, Namespace, Trouble};
use refloat::cluster::{ClusterError, ReadObjects};
use refloat::observe::observe_known;
use refloat::settings::Connection;
use refloat::source::Source;
use refloat_core::diagnose::diagnose;
use refloat_core::observe::{Answer, Read};
use serde_json::Value;

use crate::kubeconfig::{Right, account};
use crate::{namespace, refloat_with};

/// Counts what is asked for.
struct Counting<'a> {
    objects: &'a dyn ReadObjects,
    asked: Mutex<BTreeMap<String, usize>>,
}

#[async_trait]
impl ReadObjects for Counting<'_> {
    async fn answer(&self, read: &Read) -> Result<Answer, ClusterError> {
        *self.asked.lock().unwrap().entry(read.to_string()).or_default() += 1;
        self.objects.answer(read).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diagnosis_reads_nothing_twice_and_what_it_found_is_all_it_needs() {
    let ns = namespace("once", Driver::Secret);
    Trouble::KilledWaitingForImage.make(&ns, Major::V4, "web").unwrap();
    let connection = Connection {
        kubeconfig: Some(ns.bed.address.kubeconfig.clone()),
        namespace: Some(ns.name.clone()),
        ..Connection::default()
    };
    let source = Source::open(&connection).await.unwrap();
    let (id, history, gathered) = source.release("web").await.unwrap();
    let counting = Counting { objects: source.objects(), asked: Mutex::default() };
    let seen = observe_known(gathered.records.as_ref(), &counting, id, history).await.unwrap();
    let asked = counting.asked.into_inner().unwrap();
    let twice: Vec<_> = asked.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert!(asked.keys().any(|path| path.ends_with("/deployments/web")), "{asked:?}");
    // The same answers give the same words.
    assert_eq!(seen.answers().len(), asked.len());
    assert_eq!(diagnose(&seen), diagnose(&seen.clone()));
}

fn as_user(ns: &Namespace<'_>, kubeconfig: &Path, args: &[&str]) -> Value {
    let ran = refloat_with(ns, args, |command| {
        command.env("KUBECONFIG", kubeconfig);
    });
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn who_may_only_read_some_things_gets_an_answer_that_says_what_it_could_not_see() {
    let ns = namespace("half-blind", Driver::Secret);
    Trouble::KilledAmongObjects.make(&ns, Major::V3, "web").unwrap();
    let read = &["list", "get"][..];
    let right = |resource| Right { namespace: &ns.name, resource, verbs: read };
    let objects = [
        "secrets",
        "configmaps",
        "serviceaccounts",
        "services",
        "persistentvolumeclaims",
        "pods",
        "deployments.apps",
        "jobs.batch",
        "replicasets.apps",
    ];
    let seeing: Vec<_> = objects.into_iter().map(right).collect();

    // Everything in the namespace, and nothing outside of it.
    let user = account(&ns, "viewer", &[right("*"), right("*.apps"), right("*.batch"), right("*.coordination.k8s.io")]);
    let found = as_user(&ns, &user, &["diagnose", "web", "-o", "json"]);
    assert_eq!(
        (&found["operation"]["phase"], &found["status"]),
        (&"apply".into(), &"pending-upgrade".into()),
        "{found}"
    );
    let unknowns = found["unknowns"].to_string();
    assert!(unknowns.contains("which webhooks may refuse or delay Helm"), "{unknowns}");
    assert!(!unknowns.contains("events in") && !unknowns.contains("whether another fix"), "{unknowns}");

    // All but events and what lives in no namespace: the state of every object, and what that may hide.
    let user = account(&ns, "no-events", &seeing);
    let found = as_user(&ns, &user, &["diagnose", "web", "-o", "json"]);
    assert_eq!(
        (&found["operation"]["kind"], &found["operation"]["phase"]),
        (&"upgrade".into(), &"apply".into()),
        "{found}"
    );
    let unknowns = found["unknowns"].to_string();
    assert!(unknowns.contains("events in") && unknowns.contains("may stay unseen"), "{unknowns}");
    assert!(unknowns.contains("which webhooks may refuse or delay Helm"), "{unknowns}");
    assert!(found["objects"].as_array().unwrap().iter().any(|object| object["state"] == "old"), "{found}");

    // Secrets alone: the records, what Helm will answer, and no word on objects, least of all that they are absent.
    let user = account(&ns, "only-secrets", &[right("secrets")]);
    let found = as_user(&ns, &user, &["diagnose", "web", "-o", "json"]);
    assert_eq!(found["operation"]["kind"], "upgrade");
    assert_eq!(
        (&found["operation"]["phase"], &found["liveness"]["verdict"]),
        (&"unknown".into(), &"unknown".into()),
        "{found}"
    );
    let states: Vec<_> = found["objects"].as_array().unwrap().iter().map(|object| &object["state"]).collect();
    assert!(!states.is_empty() && states.iter().all(|state| *state == "unknown"), "{states:?}");
    assert_eq!(found["answers"]["upgrade"]["accepted"], false);
    assert!(found["nextStep"]["words"].as_str().unwrap().contains("too little could be seen"), "{found}");
    assert!(found["unknowns"].to_string().contains("you may not read that"), "{found}");
}
