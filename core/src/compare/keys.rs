//! By which fields the items of a list are the same ones.

/// Lists by the end of their path, `*` for an item, with the fields that tell items apart: Kubernetes' list-map keys, or
/// where the API has none the fields that are unique all the same.
const KEYS: [(&[&str], &[&str]); 26] = [
    (&["containers"], &["name"]),
    (&["initContainers"], &["name"]),
    (&["ephemeralContainers"], &["name"]),
    (&["containers", "*", "env"], &["name"]),
    (&["initContainers", "*", "env"], &["name"]),
    (&["containers", "*", "ports"], &["containerPort", "protocol"]),
    (&["initContainers", "*", "ports"], &["containerPort", "protocol"]),
    (&["containers", "*", "volumeMounts"], &["mountPath"]),
    (&["initContainers", "*", "volumeMounts"], &["mountPath"]),
    (&["containers", "*", "volumeDevices"], &["devicePath"]),
    (&["initContainers", "*", "volumeDevices"], &["devicePath"]),
    (&["containers", "*", "resizePolicy"], &["resourceName"]),
    (&["spec", "volumes"], &["name"]),
    (&["spec", "imagePullSecrets"], &["name"]),
    (&["imagePullSecrets"], &["name"]),
    (&["secrets"], &["name"]),
    (&["spec", "hostAliases"], &["ip"]),
    (&["spec", "topologySpreadConstraints"], &["topologyKey", "whenUnsatisfiable"]),
    (&["spec", "resourceClaims"], &["name"]),
    (&["spec", "schedulingGates"], &["name"]),
    // Not a list of `spec.ingress.*.ports`, which has no key.
    (&["spec", "ports"], &["port", "protocol"]),
    (&["ownerReferences"], &["uid"]),
    (&["webhooks"], &["name"]),
    (&["validations"], &["expression"]),
    (&["matchConditions"], &["name"]),
    // Of resource definitions.
    (&["spec", "versions"], &["name"]),
];

/// Takes a list's path in a built-in kind; gives the fields by which its items are known.
pub(super) fn key_of(path: &[&str]) -> Option<&'static [&'static str]> {
    KEYS.iter().find(|(end, _)| path.ends_with(end)).map(|(_, keys)| *keys)
}

/// Whether a list of scalars is a set, to which others add.
pub(super) fn is_set(path: &[&str]) -> bool {
    path == ["metadata", "finalizers"]
}

/// Whether the order of items known by a key means something: one after another, or one made of those before it.
pub(super) fn is_ordered(path: &[&str]) -> bool {
    matches!(path, [.., "initContainers" | "env"])
}

/// What a key field is if the item leaves it out.
pub(super) fn key_default(field: &str) -> Option<&'static str> {
    (field == "protocol").then_some("TCP")
}
