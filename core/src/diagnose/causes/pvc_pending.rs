//! Claims that get no volume: no class, no provisioner, no consumer, no volume in the zone.

use serde_json::Value;

use super::said::{briefly, describe, event_line, lines, said};
use super::unschedulable::{refused, waits_for_claim};
use super::workload::{Workload, again, each, pod_words, workloads};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::case::{list, text};
use crate::observe::{Live, known};
use crate::report::one_line;

/// Gives each claim that keeps pods from being placed, and each of the release's that nothing uses.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let mut found = each(scene, of);
    let used: Vec<String> = workloads(scene)
        .iter()
        .flat_map(|workload| workload.pods.iter().flat_map(|pod| claims_of(pod)).collect::<Vec<_>>())
        .collect();
    let own = scene.case.objects.iter().filter(|object| object.kind == "PersistentVolumeClaim" && object.new.is_some());
    let own = own.filter(|object| object.is_ready() == Some(false) && !used.iter().any(|name| name == object.name));
    for object in own {
        let Some(claim) = object.live.found() else { continue };
        found.extend(Claim { scene, claim, namespace: object.namespace, name: object.name }.alone());
    }
    found
}

/// The workload's cause, if its pods wait for a claim.
pub(super) fn of(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Cause> {
    let waiting = workload.unready().filter_map(|pod| Some((pod, refused(scene, pod)?)));
    let (pod, message) = waiting.into_iter().find(|(_, message)| waits_for_claim(message))?;
    let namespace = text(pod, "/metadata/namespace");
    let names = claims_of(pod);
    let claims: Vec<(String, Live<'_>)> =
        names.into_iter().map(|name| (name.clone(), scene.case.other(&known::claims(), namespace, &name))).collect();
    let told = format!("{}: {}", pod_words(pod), said(message));
    let build = |says: &str| {
        let mut cause = workload.cause("pvc-pending", Confidence::Certain, says);
        cause.depth = cause.depth.max(depth::OBJECT);
        cause
    };
    if let Some((name, _)) = claims.iter().find(|(_, live)| matches!(live, Live::Absent)) {
        let mut cause = build(&format!("claim {} isn't there, and its pods need it", one_line(name)));
        cause.evidence.extend(lines([told]));
        cause.command = describe("pvc", namespace, name);
        cause.remedy = format!("create the claim; then {}", again(scene));
        return Some(cause);
    }
    let unbound = claims.iter().find_map(|(name, live)| {
        let claim = live.found().filter(|claim| text(claim, "/status/phase") != "Bound")?;
        Some(Claim { scene, claim, namespace, name })
    });
    let Some(claim) = unbound else {
        // All are bound, and to volumes that no suitable node reaches; or they couldn't be read.
        let mut cause = build(&briefly(message));
        cause.evidence.extend(lines([told]));
        cause.command = format!("kubectl get pvc -n {}", super::said::typed(namespace));
        cause.remedy = format!(
            "give the pod a node in its volume's zone, or a volume in a zone with nodes; then {}",
            again(scene)
        );
        return Some(cause);
    };
    let (why, remedy) = claim.why(Some(message));
    let mut cause = build(&format!("claim {} gets no volume ({why})", one_line(claim.name)));
    cause.evidence.extend(lines(claim.evidence().into_iter().chain([told])));
    cause.command = describe("pvc", namespace, claim.name);
    cause.remedy = format!("{remedy}; then {}", again(scene));
    Some(cause)
}

/// The claims that a pod names, those made for it included.
fn claims_of(pod: &Value) -> Vec<String> {
    let name = text(pod, "/metadata/name");
    let of = |volume: &Value| {
        let named = text(volume, "/persistentVolumeClaim/claimName");
        if !named.is_empty() {
            return Some(named.to_owned());
        }
        volume.get("ephemeral").map(|_| format!("{name}-{}", text(volume, "/name")))
    };
    list(pod, "/spec/volumes").filter_map(of).collect()
}

/// A claim that isn't bound.
struct Claim<'a> {
    scene: &'a Scene<'a>,
    claim: &'a Value,
    namespace: &'a str,
    name: &'a str,
}

impl Claim<'_> {
    /// As a cause of its own: no pod that was read names it.
    fn alone(&self) -> Option<Cause> {
        if text(self.claim, "/status/phase") == "Bound" {
            return None;
        }
        let (why, remedy) = self.why(None);
        Some(Cause {
            code: "pvc-pending",
            confidence: Confidence::Certain,
            summary: format!("persistentvolumeclaim/{}: gets no volume ({why})", one_line(self.name)),
            evidence: lines(self.evidence()),
            command: describe("pvc", self.namespace, self.name),
            remedy: format!("{remedy}; then {}", again(self.scene)),
            depth: depth::OBJECT,
        })
    }

    fn event(&self, reasons: &[&str]) -> Option<&Value> {
        let events = self.scene.case.events_of("PersistentVolumeClaim", self.namespace, self.name);
        events.iter().copied().find(|event| reasons.contains(&text(event, "/reason")))
    }

    fn evidence(&self) -> Vec<String> {
        let events = self.scene.case.events_of("PersistentVolumeClaim", self.namespace, self.name);
        let phase = format!(
            "claim {}: {}, class {}",
            one_line(self.name),
            one_line(text(self.claim, "/status/phase")),
            self.class_words()
        );
        events.iter().take(2).map(|event| event_line(self.scene, event)).chain([phase]).collect()
    }

    fn class(&self) -> Option<&str> {
        self.claim.pointer("/spec/storageClassName").and_then(Value::as_str)
    }

    fn class_words(&self) -> String {
        match self.class() {
            Some("") => "none by choice".to_owned(),
            Some(class) => one_line(class),
            None => "none".to_owned(),
        }
    }

    /// Why it gets none, and what to do; with what the scheduler said of a pod that needs it.
    fn why(&self, scheduler: Option<&str>) -> (String, String) {
        if text(self.claim, "/status/phase") == "Lost" {
            let remedy = "restore the volume or the claim from a backup: its data is where the lost volume was";
            return ("the volume it was bound to is gone".to_owned(), remedy.to_owned());
        }
        let class = self.class().filter(|class| !class.is_empty());
        let found = class.map(|class| self.scene.case.other(&known::storage_classes(), "", class));
        if let (Some(class), Some(Live::Absent)) = (class, &found) {
            let class = one_line(class);
            return (
                format!("storage class {class} doesn't exist"),
                format!("name a storage class that exists, or create {class}"),
            );
        }
        if class.is_none() {
            let why = "it names no storage class, and none is the default";
            return (
                why.to_owned(),
                "name a storage class, make one the default, or create a volume for it".to_owned(),
            );
        }
        if let Some(event) = self.event(&["ProvisioningFailed"]) {
            let why = format!("provisioning failed: {}", briefly(text(event, "/message")));
            return (why, "put right what the provisioner complains of".to_owned());
        }
        let class_found = found.as_ref().and_then(Live::found);
        let provisioner = class_found.map_or("", |class| text(class, "/provisioner"));
        let waits = class_found.is_some_and(|class| text(class, "/volumeBindingMode") == "WaitForFirstConsumer");
        match scheduler {
            None if waits => {
                return (
                    "its class makes volumes only once a pod uses the claim, and none was seen".to_owned(),
                    "deploy what uses the claim with it, or don't let Helm wait for it".to_owned(),
                );
            }
            Some(message) if waits && message.contains("persistent volumes to bind") => {
                return (
                    format!("no volume where the pod could run: {}", briefly(message)),
                    "provide a volume in a zone in which the pod may run".to_owned(),
                );
            }
            _ => {}
        }
        if provisioner == "kubernetes.io/no-provisioner" {
            let why = "its class provisions nothing, and no volume fits";
            return (why.to_owned(), "create a volume that fits the claim".to_owned());
        }
        if provisioner.is_empty() {
            return ("its storage class couldn't be read".to_owned(), "see the claim's events".to_owned());
        }
        let provisioner = one_line(provisioner);
        (
            format!("provisioner {provisioner} has made none"),
            format!("see whether {provisioner} runs, or name another storage class"),
        )
    }
}
