//! How many pods a rollout may leave unavailable: numbers and percentages.

use serde_json::Value;

use super::fields::{Fault, at, maybe_int, text};

/// Takes a live Deployment; gives how many of its pods may be unavailable during a rolling update
/// (Helm 3.22.0 `internal/third_party/k8s.io/kubernetes/deployment/util/deploymentutil.go:MaxUnavailable,ResolveFenceposts`).
pub(super) fn deployment_slack(deployment: &Value) -> Result<i64, Fault> {
    let replicas = maybe_int(deployment, "spec.replicas")?.unwrap_or(1);
    if text(deployment, "spec.strategy.type")? != "RollingUpdate" || replicas == 0 {
        return Ok(0);
    }
    let part = |name: &str, up| match at(deployment, &format!("spec.strategy.rollingUpdate.{name}")) {
        None => Some(0),
        Some(value) => scaled(value, replicas, up, false),
    };
    Ok(match (part("maxSurge", true), part("maxUnavailable", false)) {
        // Neither more nor fewer pods than wanted: the controller goes on with one fewer.
        (Some(0), Some(0)) => 1.min(replicas),
        (Some(_), Some(unavailable)) => unavailable.min(replicas),
        _ => 0,
    })
}

/// Takes a live DaemonSet and how many pods it wants; gives how many of them may be unavailable. What can't be read as a
/// number lets all of them be (Helm 3.22.0 `pkg/kube/ready.go:daemonSetReady`).
pub(super) fn daemon_slack(daemons: &Value, want: i64) -> i64 {
    at(daemons, "spec.updateStrategy.rollingUpdate.maxUnavailable")
        .and_then(|value| scaled(value, want, true, true))
        .unwrap_or(want)
}

/// A number as it is, a percentage of the total; nothing if it is neither. A text without a percent sign is a percentage
/// too unless `strict` (apimachinery 0.37 `util/intstr/intstr.go:GetScaledValueFromIntOrPercent,GetValueFromIntOrPercent`).
fn scaled(value: &Value, total: i64, up: bool, strict: bool) -> Option<i64> {
    let Value::String(written) = value else { return value.as_i64() };
    let digits = if strict { written.strip_suffix('%')?.to_owned() } else { written.replace('%', "") };
    let percent: i64 = digits.parse().ok()?;
    let share = percent.checked_mul(total)?;
    let floor = share.div_euclid(100);
    Some(if up && share.rem_euclid(100) != 0 { floor + 1 } else { floor })
}
