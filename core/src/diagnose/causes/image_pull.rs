//! An image that can't be pulled: by the container's own waiting reason, explained by what the kubelet last said.

use serde_json::Value;

use super::said::{briefly, event_line, lines, said};
use super::workload::{Container, Workload, again, containers, describe_pod, each, pod_events, pod_words};
use super::{Cause, Confidence, Scene};
use crate::diagnose::case::text;

/// Reasons for which a container waits for its image (Kubernetes 1.35 `pkg/kubelet/images/types.go`).
const REASONS: [&str; 8] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
    "PullImageError",
];

/// Gives each workload that waits for an image.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    each(scene, of)
}

/// The workload's cause, if it is this.
pub(super) fn of(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Cause> {
    let mut waiting = workload.unready().filter_map(|pod| {
        let container = containers(pod).into_iter().find(|container| REASONS.contains(&container.waits()))?;
        Some((pod, container))
    });
    let (pod, container) = waiting.next()?;
    let more = waiting.count();
    let events: Vec<&Value> = pod_events(scene, pod).iter().copied().filter(|event| is_about_pulling(event)).collect();
    let image = image(&container);
    let message = text(container.status, "/state/waiting/message");
    let all_said: String = std::iter::once(message)
        .chain(events.iter().map(|event| text(event, "/message")))
        .collect::<Vec<_>>()
        .join(" ");
    let (why, remedy) = why(container.waits(), &all_said);
    let pods = if more > 0 { format!(", in {} pods", more + 1) } else { String::new() };
    let mut cause =
        workload.cause("image-pull", Confidence::Certain, &format!("image {image} can't be pulled ({why}){pods}"));
    let own = format!("{} {}: {}: {}", pod_words(pod), container.words(), container.waits(), said(message));
    // What the registry answered tells more than that the kubelet waits before it asks again.
    let (told, backing): (Vec<&Value>, Vec<&Value>) =
        events.into_iter().partition(|event| text(event, "/reason") != "BackOff");
    let events = told.into_iter().take(2).chain(backing.into_iter().take(1)).map(|event| event_line(scene, event));
    cause.evidence.extend(lines(std::iter::once(own).chain(events)));
    cause.command = describe_pod(pod);
    cause.remedy = format!("{remedy}; then {}", again(scene));
    Some(cause)
}

fn image(container: &Container<'_>) -> String {
    let spec = container.spec.map_or("", |spec| text(spec, "/image"));
    let image = if spec.is_empty() { text(container.status, "/image") } else { spec };
    if image.is_empty() { format!("of {}", container.words()) } else { briefly(image) }
}

fn is_about_pulling(event: &Value) -> bool {
    let message = text(event, "/message").to_lowercase();
    match text(event, "/reason") {
        "Failed" | "BackOff" | "InspectFailed" | "ErrImageNeverPull" => message.contains("image"),
        "FailedToRetrieveImagePullSecret" => true,
        _ => false,
    }
}

/// Why it can't be pulled, and what to do, by what registries and container runtimes say.
fn why(reason: &str, said: &str) -> (&'static str, &'static str) {
    let said = said.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    match reason {
        "InvalidImageName" => return ("no valid image name", "correct the image's name"),
        "ErrImageNeverPull" => {
            return (
                "not on the node, and imagePullPolicy is Never",
                "load the image onto the node, or let it be pulled",
            );
        }
        "SignatureValidationFailed" => {
            return ("its signature is not accepted", "sign the image, or use one whose signature the nodes accept");
        }
        _ => {}
    }
    let reach = ["no such host", "i/o timeout", "connection refused", "network is unreachable", "no route to host"];
    let denied = ["unauthorized", "denied", "authentication required", "no basic auth", "forbidden", "401", "403"];
    if says(&["toomanyrequests", "429", "rate limit"]) {
        ("the registry's rate limit is reached", "wait, or give a pull secret with a higher limit")
    } else if says(&denied) {
        ("access denied", "give the pod a pull secret that may read the image, or correct its name")
    } else if says(&["no match for platform", "no matching manifest", "exec format"]) {
        ("not built for the node's platform", "use an image for the platform of the nodes")
    } else if says(&["x509", "certificate", "server gave http response"]) {
        ("the registry's certificate isn't accepted", "let the nodes trust the registry's certificate")
    } else if says(&["not found", "manifest unknown", "name unknown", "does not exist"]) {
        ("not found", "correct the image's name or tag, or push the image")
    } else if says(&reach) || says(&["deadline exceeded", "timeout", "dial tcp", "eof"]) {
        ("the registry can't be reached", "make the registry reachable from the nodes, or correct the image's name")
    } else {
        ("the registry's answer wasn't kept", "correct the image, or give the pull secret")
    }
}
