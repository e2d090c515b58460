//! What is being deleted and doesn't go: finalizers, and namespaces that end.

use serde_json::Value;

use super::words::{cause, refusals, see};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::case::{Case, list, text, time};
use crate::diagnose::operation::Operation;
use crate::diagnose::orphans::{Mark, mark};
use crate::observe::{Live, OperationKind, Read, known, orphan_lists};
use crate::record::Status;
use crate::report::{age, one_line};

/// For how long a deletion may take without anything being wrong.
const SOON: jiff::SignedDuration = jiff::SignedDuration::from_secs(10);

/// Whose a finalizer is and what it waits for, where Kubernetes itself sets it.
const KNOWN: [(&str, &str); 9] = [
    ("kubernetes.io/pvc-protection", "Kubernetes keeps the claim while a pod uses it"),
    ("kubernetes.io/pv-protection", "Kubernetes keeps the volume while a claim is bound to it"),
    ("external-provisioner.volume.kubernetes.io/finalizer", "the storage driver deletes the volume behind it first"),
    ("service.kubernetes.io/load-balancer-cleanup", "the cloud controller deletes the load balancer first"),
    ("foregroundDeletion", "it waits for the objects that it owns, which go first"),
    ("orphan", "the garbage collector lets go of what it owns first"),
    ("batch.kubernetes.io/job-tracking", "the Job controller counts the pod first"),
    ("customresourcecleanup.apiextensions.k8s.io", "every object of that kind has to go first"),
    ("kubernetes", "everything in the namespace has to go first"),
];

/// Gives what holds up deletions.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let mut found = namespaces(scene);
    found.extend(held(scene));
    found
}

/// Something that is being deleted.
struct Going<'a> {
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    live: &'a Value,
}

/// Objects of the release, its hooks, and what it forgot.
fn going<'a>(case: &'a Case<'a>, operation: &'a Operation<'a>) -> Vec<Going<'a>> {
    let mut found = Vec::new();
    for object in &case.objects {
        if let Some(live) = object.live.found() {
            found.push(Going { kind: object.kind, namespace: object.namespace, name: object.name, live });
        }
    }
    for hook in operation.before.iter().chain(&operation.after) {
        if let (Some(live), Some(object)) = (hook.live.found(), hook.object) {
            let namespace = object.namespace.as_deref().unwrap_or(&case.seen.id.namespace);
            found.push(Going { kind: &object.kind, namespace, name: &object.name, live });
        }
    }
    for read in orphan_lists(case.seen) {
        let Read::List { kind, .. } = &read else { continue };
        let Some(kind) = case.seen.kinds().any_version(&kind.api_version(), &kind.kind) else { continue };
        for live in case.seen.items(&read) {
            let (namespace, name) = (text(live, "/metadata/namespace"), text(live, "/metadata/name"));
            // Most go nowhere, and are looked at no further.
            if live.pointer("/metadata/deletionTimestamp").is_none() {
                continue;
            }
            let own = mark(case, live) == Some(Mark::Annotations);
            let known = found.iter().any(|going| going.kind == kind.kind && going.name == name);
            if own && !known {
                found.push(Going { kind: &kind.kind, namespace, name, live });
            }
        }
    }
    found.retain(|going| going.live.pointer("/metadata/deletionTimestamp").is_some());
    found
}

fn held(scene: &Scene<'_>) -> Vec<Cause> {
    going(scene.case, scene.operation)
        .iter()
        .filter(|going| going.kind != "Namespace")
        .filter_map(|going| finalizer(scene, going))
        .collect()
}

/// An object that is being deleted, and the finalizers that nobody takes off.
pub struct HeldByFinalizers {
    /// Where it is read.
    pub read: Read,
    /// For people: `configmap/web`.
    pub words: String,
    /// Those that Kubernetes itself doesn't take off in time.
    pub finalizers: Vec<String>,
}

/// Takes a case and its operation; gives what has been going for longer than a deletion takes and is held by finalizers of somebody else's
/// than Kubernetes: those are safe to take off only if whoever set them is gone for good, which a person has to know.
pub fn held_by_finalizers(case: &Case<'_>, operation: &Operation<'_>) -> Vec<HeldByFinalizers> {
    let long = |going: &&Going<'_>| {
        asked(going.live).is_some_and(|at| case.seen.at.duration_since(at) >= SOON) && going.kind != "Namespace"
    };
    let going = going(case, operation);
    let held = going.iter().filter(long).filter_map(|going| {
        let finalizers = list(going.live, "/metadata/finalizers").filter_map(Value::as_str);
        let foreign = finalizers.filter(|name| KNOWN.iter().all(|(known, _)| known != name));
        let finalizers: Vec<String> = foreign.map(str::to_owned).collect();
        let kind = case.seen.kinds().any_version(text(going.live, "/apiVersion"), going.kind)?;
        let read = Read::object(kind, going.namespace, going.name);
        // What was only listed isn't known whole.
        case.seen.answer(&read)?.found()?;
        let words = format!("{}/{}", going.kind.to_lowercase(), going.name);
        (!finalizers.is_empty()).then_some(HeldByFinalizers { read, words, finalizers })
    });
    held.collect()
}

fn finalizer(scene: &Scene<'_>, going: &Going<'_>) -> Option<Cause> {
    let finalizers: Vec<&str> = list(going.live, "/metadata/finalizers").filter_map(Value::as_str).collect();
    let first = finalizers.first()?;
    let since = asked(going.live).map(|at| scene.case.seen.at.duration_since(at));
    let confidence = match since {
        Some(since) if since < SOON => Confidence::Likely,
        _ => Confidence::Certain,
    };
    let words = one_line(&format!("{}/{}", going.kind.to_lowercase(), going.name));
    let ago = since.map(|since| format!(" for {}", age(since))).unwrap_or_default();
    let summary = match finalizers.len() {
        1 => one_line(&format!("{words} has been going{ago}: finalizer {first} holds it")),
        count => one_line(&format!("{words} has been going{ago}: finalizer {first} and {} more hold it", count - 1)),
    };
    let mut cause = cause("finalizer", confidence, depth::BLOCKER, summary);
    for name in finalizers.iter().take(5) {
        cause.evidence.push(one_line(&format!("{name}: {}", whose(name))));
    }
    cause.evidence.extend(users(scene, going));
    cause.evidence.extend(conditions(going.live));
    cause.evidence.extend(controller_gone(scene, first));
    cause.command = see(going.kind, going.namespace, going.name);
    cause.remedy = remedy(going, first);
    Some(cause)
}

/// When its deletion was asked for: the time in it is when the grace period ends.
fn asked(live: &Value) -> Option<jiff::Timestamp> {
    let at = time(live, "/metadata/deletionTimestamp")?;
    let grace = live.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
    at.checked_sub(jiff::SignedDuration::from_secs(grace)).ok()
}

fn whose(finalizer: &str) -> String {
    if let Some((_, words)) = KNOWN.iter().find(|(name, _)| *name == finalizer) {
        return (*words).to_owned();
    }
    match finalizer.split_once('/') {
        Some((domain, _)) => format!("its controller ({domain}) takes it off when it has cleaned up"),
        None => "whoever set it takes it off when it has cleaned up".to_owned(),
    }
}

/// Pods that still use a claim.
fn users(scene: &Scene<'_>, going: &Going<'_>) -> Option<String> {
    if going.kind != "PersistentVolumeClaim" {
        return None;
    }
    let pods = scene.case.list(&Read::list(&known::pods(), going.namespace, ""))?;
    let uses = |pod: &&&Value| {
        list(pod, "/spec/volumes").any(|volume| text(volume, "/persistentVolumeClaim/claimName") == going.name)
            && !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
    };
    let names: Vec<&str> = pods.iter().filter(uses).map(|pod| text(pod, "/metadata/name")).collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(one_line(&format!("pod {one} uses it"))),
        [first, rest @ ..] => Some(one_line(&format!("pod {first} and {} more use it", rest.len()))),
    }
}

/// What its own status says of its end.
fn conditions(live: &Value) -> Vec<String> {
    let says = |condition: &&Value| {
        text(condition, "/status") == "True"
            && ["Terminating", "NamespaceDeletion", "NamespaceContentRemaining", "NamespaceFinalizersRemaining"]
                .iter()
                .any(|word| text(condition, "/type").starts_with(word))
    };
    let line = |condition: &Value| one_line(&format!("{}: {}", text(condition, "/type"), text(condition, "/message")));
    list(live, "/status/conditions").filter(says).map(line).map(|line| crate::report::shortened(&line, 300)).collect()
}

/// A controller of the same release that an uninstall has taken away before it could clean up.
fn controller_gone(scene: &Scene<'_>, finalizer: &str) -> Option<String> {
    if scene.operation.kind != OperationKind::Uninstall || KNOWN.iter().any(|(name, _)| *name == finalizer) {
        return None;
    }
    let gone = |object: &&crate::diagnose::case::Object<'_>| {
        matches!(object.kind, "Deployment" | "StatefulSet" | "DaemonSet") && object.live == Live::Absent
    };
    let controller = scene.case.objects.iter().find(gone)?;
    Some(format!(
        "{} of this release is deleted already; if it was the controller, nobody is left to clean up",
        controller.words()
    ))
}

fn remedy(going: &Going<'_>, finalizer: &str) -> String {
    let name = one_line(going.name);
    match finalizer {
        "kubernetes.io/pvc-protection" => {
            format!("end the pods that use claim {name}; it goes with the last of them, and its data may, too")
        }
        "foregroundDeletion" => format!("see what {name} owns and what holds that"),
        "customresourcecleanup.apiextensions.k8s.io" => {
            "see which objects of that kind are left and what holds them".to_owned()
        }
        known if KNOWN.iter().any(|(name, _)| *name == known) => "see why that controller doesn't get to it".to_owned(),
        other => one_line(&format!(
            "bring the controller of {other} back and let it clean up; only if it is gone for good, take the finalizer \
             off: what it would have cleaned up outside the cluster stays behind"
        )),
    }
}

/// Namespaces that are being deleted: nothing can be created in them any more.
fn namespaces(scene: &Scene<'_>) -> Vec<Cause> {
    if scene.case.status() == Status::Uninstalled {
        return Vec::new();
    }
    let own = scene.case.seen.id.namespace.as_str();
    let mut names = vec![own];
    for object in &scene.case.objects {
        if !object.namespace.is_empty() && !names.contains(&object.namespace) {
            names.push(object.namespace);
        }
    }
    let mut found: Vec<Cause> = names.iter().filter_map(|name| namespace(scene, name, *name == own)).collect();
    // By now it may be gone altogether.
    for refusal in refusals(scene.case) {
        if found.is_empty() && refusal.raw.contains("because it is being terminated") {
            let summary = format!("{} was refused, as its namespace was being deleted", refusal.words());
            let mut cause = cause("namespace-terminating", Confidence::Certain, depth::ROOT, summary);
            cause.evidence.push(refusal.text.clone());
            cause.command = "kubectl get namespaces".to_owned();
            cause.remedy = "create the namespace again once it is gone, and upgrade again".to_owned();
            found.push(cause);
        }
    }
    found
}

fn namespace(scene: &Scene<'_>, name: &str, own: bool) -> Option<Cause> {
    let Live::Found(live) = scene.case.other(&known::namespaces(), "", name) else { return None };
    let at = asked(live);
    if at.is_none() && text(live, "/status/phase") != "Terminating" {
        return None;
    }
    let ago = at.map(|at| format!(" for {}", age(scene.case.seen.at.duration_since(at)))).unwrap_or_default();
    let what = if own { "the records and everything else in it go, too" } else { "nothing can be created in it" };
    let summary = format!("namespace {name} has been going{ago}: {what}");
    let mut cause = cause("namespace-terminating", Confidence::Certain, depth::ROOT, summary);
    let refused =
        refusals(scene.case).into_iter().find(|refusal| refusal.raw.contains("because it is being terminated"));
    cause.evidence.extend(refused.map(|refusal| refusal.text));
    cause.evidence.extend(conditions(live));
    cause.command = format!("kubectl get namespace {name} -o yaml");
    cause.remedy = if own {
        "a deletion can't be called off: save what is needed now (refloat backup), and install anew once it is gone"
            .to_owned()
    } else {
        format!("see what its conditions say it waits for; once {name} is gone, create it again and upgrade")
    };
    Some(cause)
}
