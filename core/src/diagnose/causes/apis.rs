//! Kinds and versions that the server doesn't serve, or can't tell of.

use std::collections::BTreeMap;

use super::words::{add, after, arg, cause, quoted, refusals};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::case::{condition, text};
use crate::diagnose::liveness::LivenessVerdict;
use crate::manifest::ManifestObject;
use crate::observe::{Kind, Live, Lookup, OperationKind, Read, known};
use crate::record::Status;
use crate::report::{age, one_line};

/// Gives kinds that are gone, versions that are gone, and servers of groups that don't answer.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let mut found = unserved(scene);
    found.extend(unavailable(scene));
    if found.is_empty() {
        found.extend(said(scene));
    }
    found
}

/// What Helm has to look up for its next command: both manifests' objects, as it deletes and compares by the older one.
fn objects<'a>(scene: &Scene<'a>) -> Vec<(&'a ManifestObject, bool)> {
    let all =
        scene.case.objects.iter().flat_map(|object| [object.old, object.new]).flatten().map(|object| (object, false));
    let hooks = scene.operation.before.iter().chain(&scene.operation.after);
    all.chain(hooks.filter_map(|hook| hook.object).map(|object| (object, true))).collect()
}

fn unserved(scene: &Scene<'_>) -> Vec<Cause> {
    // What was uninstalled needs no kinds, and a live uninstall may be taking them away.
    if scene.case.status() == Status::Uninstalled || scene.liveness.verdict == LivenessVerdict::Live {
        return Vec::new();
    }
    let mut missing: BTreeMap<(&str, &str), (Lookup<'_>, Vec<String>)> = BTreeMap::new();
    for (object, hook) in objects(scene) {
        let lookup = scene.case.seen.kinds().find(&object.api_version, &object.kind);
        if matches!(lookup, Lookup::Unserved | Lookup::OtherVersion(_)) {
            let names = &mut missing.entry((&object.api_version, &object.kind)).or_insert((lookup, Vec::new())).1;
            let what = if hook { " (a hook)" } else { "" };
            add(names, one_line(&format!("{}/{}{what}", object.kind.to_lowercase(), object.name)));
        }
    }
    let found = missing.into_iter().filter_map(|((version, kind), (lookup, names))| match lookup {
        Lookup::Unserved => Some(kind_missing(scene, version, kind, &names)),
        Lookup::OtherVersion(others) => Some(api_removed(scene, version, kind, &others, &names)),
        Lookup::Served(_) | Lookup::Unknown(_) => None,
    });
    found.collect()
}

/// The consequence: Helm looks up every kind before it does anything.
fn refused(scene: &Scene<'_>) -> &'static str {
    match scene.operation.kind {
        OperationKind::Uninstall => "every uninstall ends here, again and again",
        OperationKind::Rollback => "rollbacks end here",
        _ => "upgrades, rollbacks and uninstalls are refused",
    }
}

/// An uninstall gets no further, however far it came.
fn place(scene: &Scene<'_>) -> u8 {
    if scene.operation.kind == OperationKind::Uninstall { depth::ROOT } else { depth::BLOCKER }
}

fn several(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

fn kind_missing(scene: &Scene<'_>, version: &str, kind: &str, names: &[String]) -> Cause {
    let words = one_line(&format!("{kind} ({version})"));
    let summary = format!("the server serves no {words}, which {} is: {}", several(names), refused(scene));
    let mut cause = cause("kind-missing", Confidence::Certain, place(scene), summary);
    cause.evidence.extend(names.iter().take(5).cloned());
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let own = scene.case.objects.iter().find(|object| {
        object.kind == "CustomResourceDefinition"
            && object.live == Live::Absent
            && !group.is_empty()
            && object.name.ends_with(&format!(".{group}"))
    });
    if let Some(own) = own {
        cause.evidence.push(format!("{} of this release defines it, and isn't there", own.words()));
    }
    let (name, namespace) = (&scene.case.seen.id.name, &scene.case.seen.id.namespace);
    cause.command = match group {
        "" => "kubectl api-resources".to_owned(),
        group => format!("kubectl api-resources --api-group={}", arg(group)),
    };
    cause.remedy = if scene.operation.kind == OperationKind::Uninstall {
        format!(
            "its objects went with the definition: bring the definition back (empty will do) and uninstall {name} in {namespace} again"
        )
    } else {
        "install the definition (CRD) of that kind again: its objects went with it, and Helm creates them anew"
            .to_owned()
    };
    cause
}

fn api_removed(scene: &Scene<'_>, version: &str, kind: &str, others: &[&Kind], names: &[String]) -> Cause {
    let served: Vec<String> = others.iter().map(|kind| kind.api_version()).collect();
    let words = one_line(&format!("{version} of {kind}"));
    let summary =
        format!("the server no longer serves {words}, in which {} is recorded: {}", several(names), refused(scene));
    let mut cause = cause("api-removed", Confidence::Certain, place(scene), summary);
    cause.evidence.push(one_line(&format!("served are: {}", served.join(", "))));
    cause.evidence.extend(names.iter().take(5).cloned());
    cause.command = format!("helm get manifest {} -n {}", scene.case.seen.id.name, scene.case.seen.id.namespace);
    let id = &scene.case.seen.id;
    cause.remedy = one_line(&format!(
        "have the record say {} instead (refloat fix {} -n {} --with repair), then upgrade with a chart that does",
        served.first().map_or("a served version", |first| first),
        id.name,
        id.namespace
    ));
    cause
}

/// Servers of groups that don't answer: what needs their kinds stands still.
fn unavailable(scene: &Scene<'_>) -> Vec<Cause> {
    let stale = scene.case.seen.kinds().stale();
    let words: Vec<_> = refusals(scene.case).into_iter().filter(|refusal| speaks_of_discovery(refusal.raw)).collect();
    let mut found = Vec::new();
    for version in &stale {
        let used = objects(scene).into_iter().find(|(object, _)| {
            object.api_version == *version
                && matches!(scene.case.seen.kinds().find(&object.api_version, &object.kind), Lookup::Unknown(_))
        });
        let said = words.iter().find(|refusal| refusal.raw.contains(version.as_str()));
        let (confidence, place) = match (used, said) {
            (None, None) => (Confidence::Certain, depth::ASIDE),
            _ => (Confidence::Certain, depth::BLOCKER),
        };
        let needs = match used {
            Some((object, _)) => format!(", which {}/{} needs", object.kind.to_lowercase(), object.name),
            None => String::new(),
        };
        let summary = one_line(&format!("the server of {version} doesn't answer{needs}"));
        let mut cause = cause("apiservice-unavailable", confidence, place, summary);
        cause.evidence.extend(said.map(|refusal| refusal.text.clone()));
        cause.evidence.extend(api_service(scene, version));
        let name = service_name(version);
        cause.command = format!("kubectl get apiservice {} -o yaml", arg(&name));
        cause.remedy = format!(
            "bring up what serves it, or, if nothing does any more, delete apiservice {name}: its kinds are gone then"
        );
        found.push(cause);
    }
    found
}

/// Helm's words when part of discovery fails (client-go `discovery/discovery_client.go:ErrGroupDiscoveryFailed`).
fn speaks_of_discovery(raw: &str) -> bool {
    raw.contains("unable to retrieve the complete list of server APIs")
        || raw.contains("the server is currently unable to handle the request")
}

fn service_name(version: &str) -> String {
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    one_line(&format!("{version}.{group}"))
}

/// What the API server says of it.
fn api_service(scene: &Scene<'_>, version: &str) -> Option<String> {
    let name = service_name(version);
    let services = scene.case.list(&Read::list(&known::api_services(), "", ""))?;
    let service = services.into_iter().find(|service| text(service, "/metadata/name") == name)?;
    let available = condition(service, "Available").filter(|condition| text(condition, "/status") != "True")?;
    let since = crate::diagnose::case::time(available, "/lastTransitionTime");
    let since =
        since.map(|since| format!(" for {}", age(scene.case.seen.at.duration_since(since)))).unwrap_or_default();
    let (reason, message) = (text(available, "/reason"), text(available, "/message"));
    Some(one_line(&format!("apiservice {name} isn't available{since}: {reason}: {message}")))
}

/// What only Helm's words tell: the kind may have come back since.
fn said(scene: &Scene<'_>) -> Vec<Cause> {
    let mut found = Vec::new();
    for refusal in refusals(scene.case) {
        let code =
            if refusal.raw.contains("no matches for kind") || refusal.raw.contains("ensure CRDs are installed first") {
                "kind-missing"
            } else if refusal.raw.contains("contains removed kubernetes api(s)") {
                "api-removed"
            } else if speaks_of_discovery(refusal.raw) {
                "apiservice-unavailable"
            } else {
                continue;
            };
        let kind = quoted(refusal.raw, "no matches for kind ").map(|kind| {
            let version = quoted(after(refusal.raw, "no matches for kind ").unwrap_or_default(), "in version ");
            one_line(&format!("{kind} ({})", version.unwrap_or("of an unknown version")))
        });
        let summary = match (&kind, code) {
            (Some(kind), _) => format!("the server served no {kind} when Helm asked"),
            (None, "api-removed") => "the deployed manifest has an API version that is no longer served".to_owned(),
            (None, _) => "a server of an API group did not answer when Helm asked".to_owned(),
        };
        let mut cause = cause(code, Confidence::Likely, depth::BLOCKER, summary);
        cause.evidence.push(refusal.text.clone());
        cause.evidence.push("every kind that the release needs is served by now".to_owned());
        cause.command = "kubectl api-resources".to_owned();
        cause.remedy = "run Helm again".to_owned();
        found.push(cause);
    }
    found
}
