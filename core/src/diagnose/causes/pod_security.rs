//! Pods that Pod Security Admission refuses, or that the kubelet won't start because of their security context.

use std::sync::LazyLock;

use regex::Regex;

use super::refusal::{self, Refusal, Told, from};
use super::said::{briefly, lines, said, typed};
use super::workload::{Workload, again, containers, describe_pod, pod_words, workloads};
use super::{Cause, Confidence, Scene};
use crate::diagnose::case::text;
use crate::report::one_line;

const SECURITY: Refusal = Refusal { code: "pod-security", is, tell };

/// Gives what the namespace's security level refuses.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let mut found = refusal::rule(scene, &SECURITY);
    found.extend(workloads(scene).iter().filter_map(|workload| by_kubelet(scene, workload)));
    found
}

/// The workload's cause, if it is this.
pub(super) fn of(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Cause> {
    refusal::of(scene, workload, &SECURITY).or_else(|| by_kubelet(scene, workload))
}

/// A refusal says `violates`; a mere warning `would violate`.
fn is(message: &str) -> bool {
    message.contains("violates PodSecurity")
}

/// The server's words (Kubernetes 1.35 `pod-security-admission/admission/admission.go:EvaluatePod`).
static WORDS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"violates PodSecurity "(?P<level>[^"]{1,100})": (?P<why>.+)"#).ok());

fn tell(_: &Scene<'_>, namespace: &str, message: &str) -> Told {
    let message = one_line(message);
    let found = WORDS.as_ref().and_then(|words| words.captures(&message));
    let part = |name: &str| found.as_ref().and_then(|found| found.name(name)).map(|part| part.as_str());
    let says = match (part("level"), part("why")) {
        (Some(level), Some(why)) => {
            format!("the namespace's security level {} forbids it: {}", one_line(level), briefly(why))
        }
        _ => briefly(from(&message, "violates PodSecurity")),
    };
    Told {
        says,
        evidence: Vec::new(),
        command: format!("kubectl get namespace {} --show-labels", typed(namespace)),
        remedy: "set the security context that the level asks for, or have the namespace's level changed".to_owned(),
    }
}

/// The kubelet checks what the image says of its user (Kubernetes 1.35
/// `pkg/kubelet/kuberuntime/security_context_others.go:verifyRunAsNonRoot`).
fn by_kubelet(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Cause> {
    let (pod, name, message) = workload.unready().find_map(|pod| {
        let waiting = containers(pod).into_iter().find(|container| {
            container.waits() == "CreateContainerConfigError"
                && text(container.status, "/state/waiting/message").contains("runAsNonRoot")
        })?;
        Some((pod, waiting.words(), text(waiting.status, "/state/waiting/message")))
    })?;
    let says = format!("{name} may not run as root, and its image would: {}", briefly(message));
    let mut cause = workload.cause("pod-security", Confidence::Certain, &says);
    cause.evidence.extend(lines([format!("{} {name}: {}", pod_words(pod), said(message))]));
    cause.command = describe_pod(pod);
    cause.remedy = format!("set runAsUser to the image's user, or use an image that names one; then {}", again(scene));
    Some(cause)
}
