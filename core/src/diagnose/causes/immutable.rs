//! Fields that can't be changed once an object is there: refused already, or bound to be.

use serde_json::Value;

use super::words::{Refusal, after, arg, cause, look, refusals, see};
use super::{Cause, Confidence, Scene, depth};
use crate::compare::Side;
use crate::diagnose::case::{Case, Object, text, time};
use crate::observe::OperationKind;

/// The server's words (Kubernetes 1.35 `pkg/apis/*/validation`, apimachinery `pkg/api/validation/objectmeta.go`).
const WORDS: [&str; 9] = [
    "immutable",
    "may not change once set",
    "updates to statefulset spec for fields other than",
    "pod updates may not change fields other than",
    "cannot change roleRef",
    "field can not be less than",
    "updates to parameters are forbidden",
    "updates to provisioner are forbidden",
    "can not be unset",
];

/// Fields that can't change, by kind; a kind's own words in the manifest and in the cluster alike.
const FIXED: [(&str, &[&str]); 16] = [
    ("Deployment", &["/spec/selector"]),
    ("DaemonSet", &["/spec/selector"]),
    ("ReplicaSet", &["/spec/selector"]),
    (
        "StatefulSet",
        &["/spec/selector", "/spec/serviceName", "/spec/podManagementPolicy", "/spec/volumeClaimTemplates"],
    ),
    ("Job", &["/spec/template", "/spec/selector", "/spec/completionMode"]),
    ("Service", &["/spec/clusterIP"]),
    (
        "PersistentVolumeClaim",
        &["/spec/storageClassName", "/spec/accessModes", "/spec/volumeName", "/spec/volumeMode", "/spec/dataSource"],
    ),
    ("Secret", &["/type"]),
    ("RoleBinding", &["/roleRef"]),
    ("ClusterRoleBinding", &["/roleRef"]),
    ("StorageClass", &["/provisioner", "/parameters", "/reclaimPolicy", "/volumeBindingMode"]),
    ("PriorityClass", &["/value", "/preemptionPolicy"]),
    ("IngressClass", &["/spec/controller"]),
    ("CustomResourceDefinition", &["/spec/group", "/spec/scope", "/spec/names/kind", "/spec/names/plural"]),
    ("RuntimeClass", &["/handler"]),
    ("EndpointSlice", &["/addressType"]),
];

/// How deep manifests are compared.
const MOST_DEPTH: usize = 64;

/// Whether a refusal is about a field that can't change; a webhook may use the same words for reasons of its own.
pub fn is_immutable(refusal: &Refusal<'_>) -> bool {
    let server = refusal.text.contains(" is invalid:") && !refusal.text.contains("admission webhook");
    server && WORDS.iter().any(|word| refusal.text.contains(word))
}

/// Gives fields that can't be changed.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    let mut found = Vec::new();
    let refused: Vec<Refusal<'_>> =
        refusals(scene.case).into_iter().filter(|refusal| !refusal.hook && is_immutable(refusal)).collect();
    found.extend(refused.iter().map(|refusal| told(scene, refusal)));
    let is_told = |object: &Object<'_>| refused.iter().any(|refusal| refusal.name.as_deref() == Some(object.name));
    let others = scene.case.objects.iter().filter(|object| !is_told(object));
    found.extend(others.filter_map(|object| foretold(scene, object)));
    found
}

fn told(scene: &Scene<'_>, refusal: &Refusal<'_>) -> Cause {
    let summary = format!("{} can't be changed in place: {} is immutable", refusal.words(), field(refusal));
    let mut cause = cause("immutable-field", Confidence::Certain, depth::BLOCKER, summary);
    cause.evidence.push(refusal.text.clone());
    cause.command = look(scene, refusal);
    let kind = refusal.kind.as_deref().unwrap_or_default();
    cause.remedy = remedy(kind, refusal.name.as_deref().unwrap_or("it"));
    cause
}

/// What to do about it, as far as that loses nothing.
fn remedy(kind: &str, name: &str) -> String {
    let name = arg(name);
    match kind.to_lowercase().as_str() {
        "job" => format!(
            "delete job {name} (it has run; its pods and logs go with it) and upgrade again, or name it anew in each revision"
        ),
        "statefulset" => {
            format!("keep its pods and claims: kubectl delete statefulset {name} --cascade=orphan, then upgrade again")
        }
        "deployment" | "daemonset" | "replicaset" => format!(
            "change the chart back, or let it be made anew: kubectl delete {} {name} --cascade=orphan, then upgrade again \
             (pods that the new selector doesn't find stay, and must be deleted by hand)",
            kind.to_lowercase()
        ),
        "persistentvolumeclaim" => format!(
            "change the chart back to what claim {name} has: deleting it may delete its data; move the data to a new claim instead"
        ),
        "service" => {
            format!("change the chart back, or delete service {name} and upgrade again: it gets a new address then")
        }
        "configmap" | "secret" => format!("give {name} a new name with every change, or delete it and upgrade again"),
        "rolebinding" | "clusterrolebinding" => {
            format!("delete {} {name} and upgrade again: its rights lack until then", kind.to_lowercase())
        }
        _ => format!("change the chart back, or delete {name} and upgrade again, if nothing is lost with it"),
    }
}

/// A field of an object that isn't applied yet, in which the new manifest differs from what is there.
fn foretold(scene: &Scene<'_>, object: &Object<'_>) -> Option<Cause> {
    let applies =
        matches!(scene.operation.kind, OperationKind::Install | OperationKind::Upgrade | OperationKind::Rollback);
    let undone = !matches!(object.standing.side, Side::New | Side::Same | Side::Terminating | Side::NotOurs);
    let (live, new) = (object.live.found()?, object.new?);
    if !applies || !undone {
        return None;
    }
    let field = fixed_field(object.kind, live, &new.value, object.old.map(|old| &old.value))?;
    let summary =
        format!("{} will be refused: {field} can't be changed, and the new revision changes it", object.words());
    let place = if scene.case.is_open() { depth::CONSEQUENCE } else { depth::BLOCKER };
    let mut cause = cause("immutable-field", Confidence::Likely, place, summary);
    cause.evidence.push(format!(
        "{field} in the cluster is other than in the new manifest, and the server refuses such a change"
    ));
    cause.command = see(object.kind, object.namespace, object.name);
    cause.remedy = remedy(object.kind, object.name);
    Some(cause)
}

/// Takes a case of an operation that failed; gives the objects that can't be changed to what the newest revision wants, whether or not it is
/// nearly that, each with a field that stands against it: one that the server is known never to change, or that it refused to.
pub fn unchangeable<'c, 'a>(case: &'c Case<'a>) -> Vec<(&'c Object<'a>, String)> {
    let refused: Vec<Refusal<'_>> =
        refusals(case).into_iter().filter(|refusal| !refusal.hook && is_immutable(refusal)).collect();
    let found = case.objects.iter().filter_map(|object| {
        let (live, new) = (object.live.found()?, object.new?);
        if object.standing.side == Side::NotOurs {
            return None;
        }
        let is_meant = |refusal: &&Refusal<'_>| {
            let kind = refusal.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case(object.kind));
            kind && refusal.name.as_deref() == Some(object.name)
        };
        // What was refused was there before; what was made since is as it is wanted, however it reads now.
        let older = time(live, "/metadata/creationTimestamp") < case.began;
        let told = || refused.iter().find(is_meant).filter(|_| older).map(|refusal| field(refusal).to_owned());
        let known = fixed_field(object.kind, live, &new.value, object.old.map(|old| &old.value));
        Some((object, known.or_else(told)?))
    });
    found.collect()
}

/// The field that a refusal names.
fn field<'r>(refusal: &'r Refusal<'_>) -> &'r str {
    let field = after(&refusal.text, " is invalid: ").and_then(|rest| rest.split_once(": ")).map(|(field, _)| field);
    field.filter(|field| !field.contains(' ')).unwrap_or("a field")
}

/// Takes a live object, how it is wanted, and how it was wanted before; gives a field that would have to change and can't.
pub fn fixed_field(kind: &str, live: &Value, wanted: &Value, old: Option<&Value>) -> Option<String> {
    let fields = FIXED.iter().find(|(fixed, _)| *fixed == kind).map_or(&[][..], |(_, fields)| *fields);
    let field = fields.iter().find(|field| changes(kind, field, old, wanted, live)).copied();
    let field = field.or_else(|| sealed(live, wanted, old))?;
    Some(field.trim_start_matches('/').replace('/', "."))
}

/// Whether applying the new manifest changes a field that the live object has.
fn changes(kind: &str, field: &str, old: Option<&Value>, new: &Value, live: &Value) -> bool {
    let (Some(wanted), Some(there)) = (new.pointer(field), live.pointer(field)) else { return false };
    if matches!(wanted, Value::Null) || wanted == "" {
        return false;
    }
    if kind == "Service" {
        // What has no address of its own may be given one.
        return wanted.as_str() != there.as_str() && there.as_str().is_some_and(|there| !there.is_empty());
    }
    if old.and_then(|old| old.pointer(field)) == Some(wanted) {
        return false;
    }
    // A selector is fixed as a whole; elsewhere the server fills in what a manifest leaves out.
    match field {
        "/spec/selector" => differs(wanted, there, 0) || differs(there, wanted, 0),
        "/parameters" => wanted != there,
        _ => differs(wanted, there, 0),
    }
}

/// An object that was sealed by `immutable: true`: only its labels and annotations may change.
fn sealed(live: &Value, new: &Value, old: Option<&Value>) -> Option<&'static str> {
    let sealed = live.get("immutable").and_then(Value::as_bool) == Some(true);
    let kind = text(live, "/kind");
    if !sealed || !matches!(kind, "ConfigMap" | "Secret") {
        return None;
    }
    let changed = |field: &&str| {
        let (wanted, was) = (new.get(*field), old.and_then(|old| old.get(*field)));
        match (kind, old) {
            ("Secret", None) => false,
            ("Secret", Some(_)) => wanted != was,
            _ => wanted.is_some_and(|wanted| live.get(*field) != Some(wanted)),
        }
    };
    ["data", "stringData", "binaryData"].iter().find(|field| changed(field)).map(|_| "/data")
}

/// Whether something that `wanted` sets is otherwise in `there`. Quantities have many spellings, so they decide nothing.
fn differs(wanted: &Value, there: &Value, level: usize) -> bool {
    if level > MOST_DEPTH {
        return false;
    }
    match (wanted, there) {
        (Value::Object(wanted), Value::Object(there)) => wanted.iter().any(|(key, value)| {
            let quantity =
                matches!(key.as_str(), "requests" | "limits" | "resources" | "sizeLimit" | "creationTimestamp");
            match there.get(key) {
                Some(found) => !quantity && differs(value, found, level + 1),
                // An empty value is the same as none.
                None => !quantity && !is_empty(value),
            }
        }),
        (Value::Array(wanted), Value::Array(there)) => {
            wanted.len() != there.len() || wanted.iter().zip(there).any(|(a, b)| differs(a, b, level + 1))
        }
        (Value::Number(a), Value::Number(b)) => a.as_f64() != b.as_f64(),
        (Value::Null, _) => false,
        (a, b) => a != b,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Bool(true) => false,
    }
}
