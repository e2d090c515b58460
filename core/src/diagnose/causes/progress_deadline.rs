//! A Deployment whose controller has called its rollout stuck.

use super::refusal::{description, helm_line};
use super::said::{condition_line, lines};
use super::workload::{Workload, again, explained, workloads};
use super::{Cause, Confidence, Scene, depth};
use crate::diagnose::case::{condition, text};

/// Gives each Deployment that exceeded its progress deadline. What keeps its pods from being ready comes before it.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    workloads(scene).iter().filter_map(|workload| of(scene, workload)).collect()
}

fn of(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Cause> {
    let progressing = condition(workload.live, "Progressing");
    let exceeded = progressing.filter(|one| text(one, "/reason") == "ProgressDeadlineExceeded")?;
    let progress = workload.object.and_then(super::Object::progress_words).unwrap_or_default();
    let says = format!("it made no progress for longer than progressDeadlineSeconds; {progress}");
    let root = explained(scene, workload);
    let confidence = if root.is_some() { Confidence::Likely } else { Confidence::Certain };
    let mut cause = workload.cause("progress-deadline", confidence, says.trim_end_matches("; "));
    if root.is_some() {
        cause.depth = cause.depth.max(depth::CONSEQUENCE);
    }
    let helm = description(scene).filter(|text| text.to_lowercase().contains("progress deadline"));
    let helm = helm.and_then(|_| helm_line(scene));
    cause.evidence.extend(lines(std::iter::once(condition_line(scene, exceeded)).chain(helm)));
    let pods = format!("find out what keeps its pods from being ready; then {}", again(scene));
    cause.remedy = root.map_or(pods, |root| root.remedy);
    Some(cause)
}
