//! What the server fills in where a manifest sets nothing, and what it keeps although nobody sets it any more.

use serde_json::Value;

use super::scalar::text;

/// Fields by kind (any if empty) and the end of their path, `*` for an item, with what the server may fill in; `*` for what
/// can't be told beforehand (Kubernetes 1.35 `pkg/apis/*/*/defaults.go`, `pkg/registry`, admission plugins). Values are as text.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Whatever it is.
const ANY: &[&str] = &["*"];

const PODS: [Row; 29] = [
    ("", &["spec", "restartPolicy"], &["Always"]),
    ("", &["terminationGracePeriodSeconds"], &["30"]),
    ("", &["dnsPolicy"], &["ClusterFirst"]),
    ("", &["schedulerName"], &["default-scheduler"]),
    ("Pod", &["enableServiceLinks"], &["true"]),
    ("Pod", &["spec", "priority"], ANY),
    ("Pod", &["spec", "priorityClassName"], ANY),
    ("Pod", &["spec", "preemptionPolicy"], ANY),
    ("Pod", &["spec", "nodeName"], ANY),
    ("Pod", &["spec", "tolerations"], ANY),
    ("Pod", &["spec", "serviceAccountName"], &["default"]),
    ("Pod", &["requests", "*"], ANY),
    ("Pod", &["limits", "*"], ANY),
    ("", &["terminationMessagePath"], &["/dev/termination-log"]),
    ("", &["terminationMessagePolicy"], &["File"]),
    ("", &["ports", "*", "protocol"], &["TCP"]),
    ("", &["ports", "*", "hostPort"], ANY),
    ("", &["timeoutSeconds"], &["1", "10"]),
    ("", &["periodSeconds"], &["10"]),
    ("", &["successThreshold"], &["1"]),
    ("", &["failureThreshold"], &["3"]),
    ("", &["httpGet", "scheme"], &["HTTP"]),
    ("", &["httpGet", "path"], &["/"]),
    ("", &["fieldRef", "apiVersion"], &["v1"]),
    ("", &["defaultMode"], &["420"]),
    ("", &["hostPath", "type"], &[""]),
    ("", &["emptyDir"], ANY),
    ("", &["expirationSeconds"], &["3600"]),
    ("", &["whenUnsatisfiable"], &["DoNotSchedule"]),
];

const WORKLOADS: [Row; 34] = [
    ("", &["spec", "replicas"], &["1"]),
    ("", &["spec", "revisionHistoryLimit"], &["10"]),
    ("Deployment", &["spec", "progressDeadlineSeconds"], &["600"]),
    ("", &["strategy", "type"], &["RollingUpdate"]),
    ("", &["updateStrategy", "type"], &["RollingUpdate"]),
    ("Deployment", &["rollingUpdate", "maxSurge"], &["25%"]),
    ("Deployment", &["rollingUpdate", "maxUnavailable"], &["25%"]),
    ("DaemonSet", &["rollingUpdate", "maxSurge"], &["0"]),
    ("DaemonSet", &["rollingUpdate", "maxUnavailable"], &["1"]),
    ("StatefulSet", &["rollingUpdate", "partition"], &["0"]),
    ("StatefulSet", &["rollingUpdate", "maxUnavailable"], &["1"]),
    ("StatefulSet", &["spec", "podManagementPolicy"], &["OrderedReady"]),
    ("StatefulSet", &["whenDeleted"], &["Retain"]),
    ("StatefulSet", &["whenScaled"], &["Retain"]),
    ("StatefulSet", &["volumeClaimTemplates", "*", "apiVersion"], &["v1"]),
    ("StatefulSet", &["volumeClaimTemplates", "*", "kind"], &["PersistentVolumeClaim"]),
    ("", &["volumeMode"], &["Filesystem"]),
    ("", &["completions"], &["1"]),
    ("", &["parallelism"], &["1"]),
    ("", &["backoffLimit"], &["6"]),
    ("", &["completionMode"], &["NonIndexed"]),
    ("", &["podReplacementPolicy"], &["TerminatingOrFailed", "Failed"]),
    ("", &["suspend"], &["false"]),
    ("StatefulSet", &["volumeClaimTemplates", "*", "status", "phase"], &["Pending"]),
    // The controller's marks, by which it knows its pods.
    ("Job", &["spec", "selector", "matchLabels", "*"], ANY),
    ("Job", &["template", "metadata", "labels", "controller-uid"], ANY),
    ("Job", &["template", "metadata", "labels", "job-name"], ANY),
    ("Job", &["template", "metadata", "labels", "batch.kubernetes.io/controller-uid"], ANY),
    ("Job", &["template", "metadata", "labels", "batch.kubernetes.io/job-name"], ANY),
    ("CronJob", &["spec", "concurrencyPolicy"], &["Allow"]),
    ("CronJob", &["spec", "successfulJobsHistoryLimit"], &["3"]),
    ("CronJob", &["spec", "failedJobsHistoryLimit"], &["1"]),
    ("HorizontalPodAutoscaler", &["spec", "minReplicas"], &["1"]),
    ("HorizontalPodAutoscaler", &["spec", "metrics"], ANY),
];

const SERVICES: [Row; 14] = [
    ("Service", &["spec", "type"], &["ClusterIP"]),
    ("Service", &["spec", "sessionAffinity"], &["None"]),
    ("Service", &["clientIP", "timeoutSeconds"], &["10800"]),
    ("Service", &["spec", "internalTrafficPolicy"], &["Cluster"]),
    ("Service", &["spec", "externalTrafficPolicy"], &["Cluster"]),
    ("Service", &["spec", "allocateLoadBalancerNodePorts"], &["true"]),
    ("Service", &["spec", "clusterIP"], ANY),
    ("Service", &["spec", "clusterIPs"], ANY),
    ("Service", &["spec", "ipFamilies"], ANY),
    ("Service", &["spec", "ipFamilyPolicy"], ANY),
    ("Service", &["spec", "healthCheckNodePort"], ANY),
    ("Service", &["ports", "*", "nodePort"], ANY),
    ("NetworkPolicy", &["spec", "policyTypes"], &[r#"["Ingress"]"#, r#"["Ingress","Egress"]"#]),
    ("IngressClass", &["parameters", "scope"], &["Cluster"]),
];

const OTHERS: [Row; 36] = [
    ("HorizontalPodAutoscaler", &["selectPolicy"], &["Max"]),
    ("HorizontalPodAutoscaler", &["scaleUp", "stabilizationWindowSeconds"], &["0"]),
    ("HorizontalPodAutoscaler", &["scaleUp", "policies"], ANY),
    ("HorizontalPodAutoscaler", &["scaleDown", "policies"], ANY),
    ("Ingress", &["spec", "ingressClassName"], ANY),
    ("PersistentVolumeClaim", &["spec", "storageClassName"], ANY),
    ("PersistentVolumeClaim", &["spec", "volumeName"], ANY),
    ("PersistentVolume", &["persistentVolumeReclaimPolicy"], &["Retain"]),
    ("PersistentVolume", &["spec", "claimRef"], ANY),
    ("StorageClass", &["reclaimPolicy"], &["Delete"]),
    ("StorageClass", &["volumeBindingMode"], &["Immediate"]),
    ("Secret", &["type"], &["Opaque"]),
    ("ServiceAccount", &["secrets"], ANY),
    ("Namespace", &["spec", "finalizers"], ANY),
    ("LimitRange", &["default", "*"], ANY),
    ("LimitRange", &["defaultRequest", "*"], ANY),
    ("PriorityClass", &["preemptionPolicy"], &["PreemptLowerPriority"]),
    ("", &["subjects", "*", "apiGroup"], &["", "rbac.authorization.k8s.io"]),
    ("", &["roleRef", "apiGroup"], &["rbac.authorization.k8s.io"]),
    ("ClusterRole", &["rules"], ANY),
    ("", &["failurePolicy"], &["Fail"]),
    ("", &["matchPolicy"], &["Equivalent"]),
    ("", &["reinvocationPolicy"], &["Never"]),
    ("", &["rules", "*", "scope"], &["*"]),
    ("", &["resourceRules", "*", "scope"], &["*"]),
    ("", &["clientConfig", "service", "port"], &["443"]),
    ("APIService", &["spec", "service", "port"], &["443"]),
    ("", &["caBundle"], ANY),
    ("CustomResourceDefinition", &["conversion", "strategy"], &["None"]),
    ("CustomResourceDefinition", &["names", "singular"], ANY),
    ("CustomResourceDefinition", &["names", "listKind"], ANY),
    ("", &["metadata", "finalizers"], ANY),
    ("CSIDriver", &["attachRequired"], &["true"]),
    ("CSIDriver", &["podInfoOnMount"], &["false"]),
    ("CSIDriver", &["fsGroupPolicy"], &["ReadWriteOnceWithFSType"]),
    ("CSIDriver", &["requiresRepublish"], &["false"]),
];

/// What the server keeps when the manifest doesn't set it any more: it copies allocations over from the stored object
/// (Kubernetes 1.35 `pkg/registry/core/service/storage/alloc.go`), and takes a pod's service account from the field's old name.
const STICKY: [&[&str]; 8] = [
    &["nodePort"],
    &["clusterIP"],
    &["clusterIPs"],
    &["ipFamilies"],
    &["ipFamilyPolicy"],
    &["healthCheckNodePort"],
    &["serviceAccountName"],
    &["volumeName"],
];

/// Fields that ask the server or a controller to choose if they are empty or 0.
const ALLOCATED: [&str; 6] = ["clusterIP", "nodePort", "healthCheckNodePort", "volumeName", "hostPort", "caBundle"];

/// Whether the server fills something in for this field of a built-in kind; `value` asks for that very value.
pub(super) fn fills_in(kind: &str, path: &[&str], value: Option<&Value>) -> bool {
    let value = value.map(written);
    let rows = PODS.iter().chain(&WORKLOADS).chain(&SERVICES).chain(&OTHERS);
    rows.filter(|(row_kind, end, _)| (row_kind.is_empty() || *row_kind == kind) && ends_with(path, end)).any(
        |(_, _, filled)| match &value {
            None => true,
            Some(value) => *filled == ANY || filled.contains(&value.as_str()),
        },
    )
}

/// Whether this may be what the server fills in because of what stands beside it.
pub(super) fn follows(key: &str, value: &Value, beside: Option<&Value>) -> bool {
    let beside = |field: &str| beside.and_then(|beside| beside.get(field)).and_then(text);
    match (key, value.as_str()) {
        ("targetPort", _) => text(value).is_some_and(|target| Some(target) == beside("port")),
        // Kubernetes 1.35 `pkg/apis/core/v1/defaults.go:SetDefaults_Container`.
        ("imagePullPolicy", Some(policy)) => beside("image").is_some_and(|image| {
            let name = image.rsplit('/').next().unwrap_or("");
            let latest = !name.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest");
            policy == if latest { "Always" } else { "IfNotPresent" }
        }),
        _ => false,
    }
}

/// Whether the server keeps this field's value though the manifest sets it no more.
pub(super) fn is_sticky(path: &[&str]) -> bool {
    STICKY.iter().any(|end| ends_with(path, end))
}

/// Whether empty or 0 means that something else chooses.
pub(super) fn is_allocated(key: &str) -> bool {
    ALLOCATED.contains(&key)
}

/// Whether members are named freely here, and so are never filled in: labels, a ConfigMap's data.
pub(super) fn is_free(path: &[&str]) -> bool {
    const FREE: [&str; 9] = [
        "labels",
        "annotations",
        "data",
        "binaryData",
        "stringData",
        "matchLabels",
        "nodeSelector",
        "parameters",
        "hard",
    ];
    let parent = path.len().checked_sub(2).and_then(|at| path.get(at)).copied().unwrap_or("");
    FREE.contains(&parent) || (path.len() == 3 && path.starts_with(&["spec", "selector"]))
}

/// Fields of built-in kinds that stay when they are false, 0 or empty: the types hold pointers. Others vanish.
pub(super) fn keeps_zero(key: &str) -> bool {
    const POINTERS: [&str; 47] = [
        "activeDeadlineSeconds",
        "allocateLoadBalancerNodePorts",
        "allowPrivilegeEscalation",
        "allowVolumeExpansion",
        "attachRequired",
        "automountServiceAccountToken",
        "averageUtilization",
        "backoffLimit",
        "completions",
        "defaultMode",
        "enableServiceLinks",
        "expirationSeconds",
        "failedJobsHistoryLimit",
        "fsGroup",
        "hostUsers",
        "immutable",
        "ingressClassName",
        "maxSurge",
        "maxUnavailable",
        "minAvailable",
        "minReplicas",
        "mode",
        "optional",
        "parallelism",
        "partition",
        "podInfoOnMount",
        "privileged",
        "progressDeadlineSeconds",
        "readOnlyRootFilesystem",
        "replicas",
        "requiresRepublish",
        "revisionHistoryLimit",
        "runAsGroup",
        "runAsNonRoot",
        "runAsUser",
        "setHostnameAsFQDN",
        "shareProcessNamespace",
        "stabilizationWindowSeconds",
        "startingDeadlineSeconds",
        "storageClassName",
        "successfulJobsHistoryLimit",
        "suspend",
        "terminationGracePeriodSeconds",
        "tolerationSeconds",
        "ttlSecondsAfterFinished",
        "served",
        "storage",
    ];
    POINTERS.contains(&key)
}

/// Empty maps that mean something, where others are as good as none.
pub(super) fn keeps_empty(path: &[&str]) -> bool {
    match path {
        [.., "emptyDir"] => true,
        ["spec", "podSelector"] => false,
        [.., "*", "podSelector" | "namespaceSelector"] => !path.contains(&"webhooks"),
        _ => false,
    }
}

fn written(value: &Value) -> String {
    text(value).unwrap_or_else(|| value.to_string())
}

fn ends_with(path: &[&str], end: &[&str]) -> bool {
    let from = path.len().checked_sub(end.len());
    from.and_then(|from| path.get(from..))
        .is_some_and(|tail| tail.iter().zip(end).all(|(step, wanted)| step == wanted || *wanted == "*"))
}
