//! The workloads of a release with their pods: what most rules about readiness look at, gathered once for all of them.

use serde_json::Value;

use super::said::{describe, typed};
use super::{Cause, Confidence, Scene, depth};
use crate::compare::Side;
use crate::diagnose::case::{Object, condition, event_time, list, number, text};
use crate::diagnose::hooks::{HookRun, HookView};
use crate::observe::{OperationKind, Read, children_lists};
use crate::record::Status;

/// Kinds that have pods.
const KINDS: [&str; 6] = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod"];

/// A workload that isn't ready, or a hook's Job or Pod that didn't succeed, with what was read of it.
pub(super) struct Workload<'a> {
    /// Its name for people: `deployment/web`, or `pre-upgrade hook job/web-migrate`.
    pub words: String,
    /// Its kind.
    pub kind: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// As it is.
    pub live: &'a Value,
    /// The release's object, unless it is a hook.
    pub object: Option<&'a Object<'a>>,
    /// The hook, if it is one.
    pub hook: Option<&'a HookView<'a>>,
    /// Its pods, of the newest template where that can be told; those that are being deleted included.
    pub all_pods: Vec<&'a Value>,
    /// Those that aren't being deleted.
    pub pods: Vec<&'a Value>,
    /// The ReplicaSet that makes its pods, if it is a Deployment's.
    pub replica_set: Option<&'a Value>,
    /// Whether it says nothing on why the operation is stuck, as the operation hasn't got to it or means to remove it.
    pub aside: bool,
}

/// Takes a scene; gives the workloads and hooks that something is to be explained about.
pub(super) fn workloads<'a>(scene: &'a Scene<'a>) -> Vec<Workload<'a>> {
    all(scene).into_iter().filter(|workload| workload.hook.is_some() || !of_no_interest(scene)).collect()
}

/// Whether the objects' readiness matters to nobody: they are to go, or gone.
fn of_no_interest(scene: &Scene<'_>) -> bool {
    scene.case.kind == OperationKind::Uninstall || scene.case.status() == Status::Uninstalled
}

/// The same, with what is to be removed.
pub(super) fn all<'a>(scene: &'a Scene<'a>) -> Vec<Workload<'a>> {
    let objects = scene.case.objects.iter().filter(|object| is_unready(object));
    let hooks = scene.operation.before.iter().chain(&scene.operation.after);
    let hooks = hooks.filter(|hook| matches!(hook.run, HookRun::Running | HookRun::Failed));
    objects.filter_map(|object| of_object(scene, object)).chain(hooks.filter_map(|hook| of_hook(scene, hook))).collect()
}

fn is_unready(object: &Object<'_>) -> bool {
    KINDS.contains(&object.kind) && (object.is_ready() != Some(true) || object.waits_for_job())
        || object.standing.side == Side::Terminating
}

fn of_object<'a>(scene: &'a Scene<'a>, object: &'a Object<'a>) -> Option<Workload<'a>> {
    let live = object.live.found().filter(|_| KINDS.contains(&object.kind))?;
    let before = matches!(object.standing.side, Side::Old | Side::ToBePruned | Side::NotOurs);
    let mut workload = gather(scene, live, object.kind, object.namespace, object.name);
    workload.words = object.words();
    workload.object = Some(object);
    workload.aside = before && scene.case.kind != OperationKind::None;
    Some(workload)
}

fn of_hook<'a>(scene: &'a Scene<'a>, hook: &'a HookView<'a>) -> Option<Workload<'a>> {
    let live = hook.live.found().filter(|_| KINDS.contains(&hook.hook.kind.as_str()))?;
    let own = hook.object.and_then(|object| object.namespace.as_deref());
    let namespace = own.unwrap_or(&scene.case.seen.id.namespace);
    let mut workload = gather(scene, live, &hook.hook.kind, namespace, &hook.hook.name);
    workload.words = format!("{} hook {}", hook.event, hook.words());
    workload.hook = Some(hook);
    Some(workload)
}

fn gather<'a>(scene: &'a Scene<'a>, live: &'a Value, kind: &'a str, namespace: &'a str, name: &'a str) -> Workload<'a> {
    let case = scene.case;
    let sets: Option<Vec<&Value>> = match children_lists(live, namespace).0 {
        Some(read @ Read::List { .. }) if kind == "Deployment" => case.list(&read),
        _ => None,
    };
    let uid = text(live, "/metadata/uid");
    let replica_set = sets.and_then(|sets| newest_set(&sets, uid));
    let all_pods: Vec<&Value> = match kind {
        "Pod" => vec![live],
        _ => case.pods_of(live, namespace).unwrap_or_default(),
    };
    let owner = Owner { uid, kind, name, set: replica_set.map(|set| text(set, "/metadata/uid")) };
    let all_pods: Vec<&Value> = all_pods.into_iter().filter(|pod| owner.has(pod)).collect();
    let stays = |pod: &&&Value| pod.pointer("/metadata/deletionTimestamp").is_none();
    let pods = all_pods.iter().filter(stays).copied().collect();
    Workload {
        words: String::new(),
        kind,
        namespace,
        name,
        live,
        object: None,
        hook: None,
        all_pods,
        pods,
        replica_set,
        aside: false,
    }
}

/// The ReplicaSet of a Deployment's newest template: the one with the highest revision (Kubernetes 1.35
/// `pkg/controller/deployment/util/deployment_util.go:SetNewReplicaSetAnnotations`).
fn newest_set<'a>(sets: &[&'a Value], deployment: &str) -> Option<&'a Value> {
    let revision = |set: &Value| {
        let text = set.pointer("/metadata/annotations/deployment.kubernetes.io~1revision")?.as_str()?;
        text.parse::<u64>().ok()
    };
    let own = sets.iter().filter(|set| deployment.is_empty() || is_owned(set, deployment));
    own.filter_map(|set| Some((revision(set)?, *set))).max_by_key(|(revision, _)| *revision).map(|(_, set)| set)
}

fn is_owned(object: &Value, uid: &str) -> bool {
    list(object, "/metadata/ownerReferences").any(|owner| text(owner, "/uid") == uid)
}

/// Whose pods are asked for: other workloads' pods may carry the same labels.
struct Owner<'a> {
    uid: &'a str,
    kind: &'a str,
    name: &'a str,
    set: Option<&'a str>,
}

impl Owner<'_> {
    fn has(&self, pod: &Value) -> bool {
        match (self.kind, self.set) {
            ("Pod", _) => true,
            ("Deployment", Some(set)) if !set.is_empty() => is_owned(pod, set),
            ("Deployment", _) => list(pod, "/metadata/ownerReferences").any(|owner| {
                let set = text(owner, "/name").rsplit_once('-').map_or("", |(deployment, _)| deployment);
                text(owner, "/kind") == "ReplicaSet" && set == self.name
            }),
            _ => self.uid.is_empty() || is_owned(pod, self.uid),
        }
    }
}

impl<'a> Workload<'a> {
    /// Its pods that aren't ready and haven't succeeded.
    pub fn unready(&self) -> impl Iterator<Item = &'a Value> {
        self.pods.iter().copied().filter(|pod| !is_well(pod))
    }

    /// Events about the workload itself and the ReplicaSet that makes its pods, newest first.
    pub fn events(&self, scene: &'a Scene<'a>) -> Vec<&'a Value> {
        let own = scene.case.events_of(self.kind, self.namespace, self.name);
        let set = self.replica_set.map(|set| text(set, "/metadata/name"));
        let sets = set.map_or(&[][..], |set| scene.case.events_of("ReplicaSet", self.namespace, set));
        let mut all: Vec<&Value> = own.iter().chain(sets).copied().collect();
        all.sort_by_key(|event| std::cmp::Reverse(event_time(event)));
        all
    }

    /// The cause, put together for this workload.
    pub fn cause(&self, code: &'static str, confidence: Confidence, says: &str) -> Cause {
        let (mut confidence, mut depth) = (confidence, depth::OBJECT);
        let mut evidence = Vec::new();
        if self.aside {
            (confidence, depth) = (confidence.min(Confidence::Likely), depth::ASIDE);
            evidence.push(format!("{} isn't touched yet by this operation, and was so before", self.words));
        }
        Cause {
            code,
            confidence,
            summary: format!("{}: {says}", self.words),
            evidence,
            command: describe(&self.kind.to_lowercase(), self.namespace, self.name),
            remedy: String::new(),
            depth,
        }
    }
}

/// The events about a pod, newest first.
pub(super) fn pod_events<'a>(scene: &'a Scene<'a>, pod: &Value) -> &'a [&'a Value] {
    scene.case.events_of("Pod", text(pod, "/metadata/namespace"), text(pod, "/metadata/name"))
}

/// Whether a pod is ready or has done its work.
pub(super) fn is_well(pod: &Value) -> bool {
    text(pod, "/status/phase") == "Succeeded"
        || condition(pod, "Ready").is_some_and(|ready| text(ready, "/status") == "True")
}

/// `pod/web-7d9f-abcde`.
pub(super) fn pod_words(pod: &Value) -> String {
    format!("pod/{}", crate::report::one_line(text(pod, "/metadata/name")))
}

/// `kubectl describe pod NAME -n NAMESPACE`.
pub(super) fn describe_pod(pod: &Value) -> String {
    describe("pod", text(pod, "/metadata/namespace"), text(pod, "/metadata/name"))
}

/// `kubectl logs NAME -n NAMESPACE -c CONTAINER`, of the run before if it is over.
pub(super) fn logs_of(pod: &Value, container: &str, previous: bool) -> String {
    let [name, namespace] = ["/metadata/name", "/metadata/namespace"].map(|pointer| typed(text(pod, pointer)));
    let mut command = format!("kubectl logs {name} -n {namespace} -c {}", typed(container));
    if previous {
        command.push_str(" --previous");
    }
    command
}

/// A container of a pod with its status.
pub(super) struct Container<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it runs before the others.
    pub init: bool,
    /// Its status.
    pub status: &'a Value,
    /// What the pod says it is to be.
    pub spec: Option<&'a Value>,
}

impl Container<'_> {
    /// `container app`, `init container setup`.
    pub fn words(&self) -> String {
        let kind = if self.init { "init container" } else { "container" };
        format!("{kind} {}", crate::report::one_line(self.name))
    }

    /// The reason for which it waits; empty if it doesn't.
    pub fn waits(&self) -> &str {
        text(self.status, "/state/waiting/reason")
    }

    /// How often it was started anew.
    pub fn restarts(&self) -> i64 {
        number(self.status, "/restartCount").unwrap_or(0)
    }

    /// How it ended the last time.
    pub fn ended(&self) -> Option<&Value> {
        let state = |pointer: &str| self.status.pointer(pointer);
        state("/state/terminated").or_else(|| state("/lastState/terminated"))
    }
}

/// The containers of a pod that say how they are, in the order in which they start.
pub(super) fn containers(pod: &Value) -> Vec<Container<'_>> {
    let of = |statuses: &str, specs: &'static str, init: bool| {
        list(pod, statuses)
            .map(|status| {
                let name = text(status, "/name");
                let spec = list(pod, specs).find(|spec| text(spec, "/name") == name);
                Container { name, init, status, spec }
            })
            .collect::<Vec<_>>()
    };
    let mut all = of("/status/initContainerStatuses", "/spec/initContainers", true);
    all.extend(of("/status/containerStatuses", "/spec/containers", false));
    all
}

/// `2 pods`, or `the pod`.
pub(super) fn count_words(count: usize) -> String {
    if count == 1 { "the pod".to_owned() } else { format!("{count} pods") }
}

/// What to do once the cause is gone, as Helm will accept it.
pub(super) fn again(scene: &Scene<'_>) -> String {
    let id = &scene.case.seen.id;
    match (scene.case.kind, scene.case.status()) {
        (_, status) if status.is_pending() => {
            let fix = format!("refloat fix {} -n {}", typed(&id.name), typed(&id.namespace));
            format!("if Helm no longer runs, let it go on ({fix}) and upgrade again")
        }
        (OperationKind::Uninstall, _) => "run helm uninstall again".to_owned(),
        _ => "run helm upgrade again".to_owned(),
    }
}

/// What explains a workload by its pods, if anything does; the rules in the order in which they are to be believed.
pub(super) fn explained(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Cause> {
    EXPLAIN.iter().find_map(|explain| explain(scene, workload))
}

type Explain = fn(&Scene<'_>, &Workload<'_>) -> Option<Cause>;

const EXPLAIN: &[Explain] = &[
    super::image_pull::of,
    super::config_missing::of,
    super::volume_mount::of,
    super::unschedulable::of,
    super::node_lost::of,
    super::crash_loop::of,
    super::probe_failing::of,
    super::quota_exceeded::of,
    super::limit_range::of,
    super::pod_security::of,
    super::service_account_missing::of,
    super::pvc_pending::of,
];

/// Each workload's cause by one rule.
pub(super) fn each(scene: &Scene<'_>, explain: Explain) -> Vec<Cause> {
    workloads(scene).iter().filter_map(|workload| explain(scene, workload)).collect()
}
