//! Whether an object is ready as Helm 3 judges it with `--wait`, and Helm 4 with `--wait=legacy`
//! (Helm 3.22.0 `pkg/kube/ready.go`, which Helm 4.3.1 kept).

use serde_json::Value;

use super::bound::{daemon_slack, deployment_slack};
use super::fields::{Condition, Fault, at, conditions, flag, int, maybe_int, text};
use super::kind::Kind;
use super::selector::{label_selector, selected};
use super::template::newest_replica_set;
use super::{Children, Verdict};

/// Takes a live object, what was read of its children, and whether Jobs are waited for; gives Helm 3's verdict
/// (`ready.go:IsReady`). An error of Helm's rule, which ends its wait after some tries, is [`Verdict::Failed`].
pub(super) fn verdict(object: &Value, children: &Children<'_>, jobs: bool) -> Verdict {
    let judged = match Kind::typed(object) {
        Kind::Pod => pod(object),
        Kind::Job if jobs => job(object),
        Kind::Deployment => deployment(object, children),
        Kind::Claim => claim(object),
        Kind::Service => service(object),
        Kind::DaemonSet => daemon_set(object),
        Kind::Definition => definition(object),
        Kind::StatefulSet => stateful_set(object),
        Kind::ReplicationController | Kind::ReplicaSet => replicas(object, children),
        Kind::Job | Kind::AlwaysCurrent | Kind::Other => Ok(Verdict::Ready),
    };
    judged.unwrap_or_else(|Fault(why)| Verdict::Unknown(why))
}

type Judged = Result<Verdict, Fault>;

fn waiting(why: impl Into<String>) -> Judged {
    Ok(Verdict::Waiting(why.into()))
}

/// Whether a Pod's `Ready` is true (`ready.go:isPodReady`).
fn is_pod_ready(pod: &Value) -> Result<bool, Fault> {
    Ok(conditions(pod)?.iter().any(|condition| condition.is("Ready", "True")))
}

fn pod(pod: &Value) -> Judged {
    if is_pod_ready(pod)? {
        return Ok(Verdict::Ready);
    }
    let phase = text(pod, "status.phase")?;
    waiting(if phase.is_empty() { "not ready".to_owned() } else { format!("not ready, {}", phase.to_lowercase()) })
}

/// `ready.go:jobReady`. The API server sets `backoffLimit`; 6 is its default.
fn job(job: &Value) -> Judged {
    let (failed, limit) = (int(job, "status.failed")?, maybe_int(job, "spec.backoffLimit")?.unwrap_or(6));
    if failed > limit {
        return Ok(Verdict::Failed(format!("{failed} pods failed, at most {limit} may be tried again")));
    }
    let succeeded = int(job, "status.succeeded")?;
    match maybe_int(job, "spec.completions")? {
        Some(completions) if succeeded < completions => waiting(format!("{succeeded} of {completions} pods succeeded")),
        _ => Ok(Verdict::Ready),
    }
}

/// What is missing if the controller hasn't seen the newest change of the spec; absent numbers are 0 here.
pub(super) fn unobserved(object: &Value) -> Result<Option<String>, Fault> {
    let (observed, generation) = (int(object, "status.observedGeneration")?, int(object, "metadata.generation")?);
    Ok((observed != generation)
        .then(|| format!("generation {generation} not seen by its controller yet, {observed} was")))
}

/// `ready.go:IsReady,deploymentReady`. The ReplicaSet decides how many pods are ready, so that pods of the old template
/// don't count.
fn deployment(deployment: &Value, children: &Children<'_>) -> Judged {
    if flag(deployment, "spec.paused")? {
        return Ok(Verdict::Ready);
    }
    if let Err(Fault(why)) = label_selector(deployment) {
        return Ok(Verdict::Failed(why));
    }
    // Helm looks at the ReplicaSet first, but without this no ReplicaSet makes it ready.
    if let Some(why) = unobserved(deployment)? {
        return waiting(why);
    }
    let Some(sets) = children.replica_sets else {
        return Ok(Verdict::Unknown("its ReplicaSets were not read".to_owned()));
    };
    let Some(newest) = newest_replica_set(deployment, sets)? else {
        return waiting("no ReplicaSet of its present template yet");
    };
    if let Some(why) = unobserved(newest)? {
        return waiting(format!("its newest ReplicaSet: {why}"));
    }
    let want = maybe_int(deployment, "spec.replicas")?.unwrap_or(1);
    let enough = want.saturating_sub(deployment_slack(deployment)?);
    let ready = int(newest, "status.readyReplicas")?;
    if ready < enough {
        return waiting(format!("{ready} of {enough} pods needed are ready"));
    }
    Ok(Verdict::Ready)
}

/// `ready.go:volumeReady`.
fn claim(claim: &Value) -> Judged {
    match text(claim, "status.phase")? {
        "Bound" => Ok(Verdict::Ready),
        "" => waiting("not bound"),
        phase => waiting(format!("not bound, {}", phase.to_lowercase())),
    }
}

/// `ready.go:serviceReady`.
fn service(service: &Value) -> Judged {
    let kind = text(service, "spec.type")?;
    if kind == "ExternalName" {
        return Ok(Verdict::Ready);
    }
    if text(service, "spec.clusterIP")?.is_empty() {
        return waiting("no cluster IP");
    }
    let some = |path: &str| at(service, path).and_then(Value::as_array);
    let outside = some("spec.externalIPs").is_some_and(|ips| !ips.is_empty());
    if kind == "LoadBalancer" && !outside && some("status.loadBalancer.ingress").is_none() {
        return waiting("no load balancer address");
    }
    Ok(Verdict::Ready)
}

/// `ready.go:daemonSetReady`.
fn daemon_set(daemons: &Value) -> Judged {
    if let Some(why) = unobserved(daemons)? {
        return waiting(why);
    }
    if text(daemons, "spec.updateStrategy.type")? != "RollingUpdate" {
        return Ok(Verdict::Ready);
    }
    let (want, updated) =
        (int(daemons, "status.desiredNumberScheduled")?, int(daemons, "status.updatedNumberScheduled")?);
    if updated != want {
        return waiting(format!("{updated} of {want} pods updated"));
    }
    let (ready, enough) = (int(daemons, "status.numberReady")?, want.saturating_sub(daemon_slack(daemons, want)));
    if ready < enough {
        return waiting(format!("{ready} of {enough} pods needed are ready"));
    }
    Ok(Verdict::Ready)
}

/// `ready.go:crdReady,crdBetaReady`. A conflict of names counts as ready, as waiting longer wouldn't help.
fn definition(definition: &Value) -> Judged {
    let over = |c: &Condition<'_>| c.is("Established", "True") || c.is("NamesAccepted", "False");
    if conditions(definition)?.iter().any(over) { Ok(Verdict::Ready) } else { waiting("not established") }
}

/// `ready.go:statefulSetReady`.
fn stateful_set(set: &Value) -> Judged {
    if let Some(why) = unobserved(set)? {
        return waiting(why);
    }
    if text(set, "spec.updateStrategy.type")? != "RollingUpdate" {
        return Ok(Verdict::Ready);
    }
    let partition = int(set, "spec.updateStrategy.rollingUpdate.partition")?;
    let want = maybe_int(set, "spec.replicas")?.unwrap_or(1);
    let (updated, ready) = (int(set, "status.updatedReplicas")?, int(set, "status.readyReplicas")?);
    if updated < want.saturating_sub(partition) {
        return waiting(format!("{updated} of {} pods updated", want.saturating_sub(partition)));
    }
    if ready != want {
        return waiting(format!("{ready} of {want} pods ready"));
    }
    if partition == 0 && text(set, "status.currentRevision")? != text(set, "status.updateRevision")? {
        return waiting("not all pods are of the newest revision");
    }
    Ok(Verdict::Ready)
}

/// A ReplicaSet or ReplicationController: every selected Pod that exists must be ready, and none need exist
/// (`ready.go:replicaSetReady,replicationControllerReady,podsReadyForObject`).
fn replicas(set: &Value, children: &Children<'_>) -> Judged {
    if let Some(why) = unobserved(set)? {
        return waiting(why);
    }
    if let Err(Fault(why)) = label_selector(set) {
        return Ok(Verdict::Failed(why));
    }
    let Some(pods) = children.pods else { return Ok(Verdict::Unknown("its pods were not read".to_owned())) };
    let pods = selected(set, pods)?;
    let mut ready = 0;
    for pod in &pods {
        ready += usize::from(is_pod_ready(pod)?);
    }
    if ready < pods.len() {
        return waiting(format!("{ready} of {} pods ready", pods.len()));
    }
    Ok(Verdict::Ready)
}
