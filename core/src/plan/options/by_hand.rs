//! The same by hand, as far as helm and kubectl can do it.

use crate::diagnose::{Case, last_good};
use crate::plan::Way;
use crate::rescue::values_file;

/// Takes a case and a way; gives the lines to type.
pub(super) fn lines(case: &Case<'_>, way: Way) -> Vec<String> {
    let (name, namespace) = (&case.seen.id.name, &case.seen.id.namespace);
    let revision = case.newest.map(|newest| newest.opened.revision).unwrap_or_default();
    let chart = case.newest.and_then(|newest| newest.release.chart.as_ref()?.metadata.as_ref());
    let chart = chart.map(|chart| format!("{} --version {}", chart.name, chart.version));
    let file = format!("{name}.backup.json");
    let values = values_file(&file, revision);
    let backup = format!("refloat backup {name} -n {namespace} -o {file}   # and {values}, both for your eyes only");
    match way {
        Way::Wait | Way::Escalate => vec![format!("refloat diagnose {name} -n {namespace}")],
        Way::Resume | Way::Complete if case.status() == crate::record::Status::Uninstalling => {
            vec![backup, format!("helm uninstall {name} -n {namespace}")]
        }
        Way::Resume | Way::Complete | Way::Converge => vec![
            backup,
            format!(
                "helm rollback {name} {revision} -n {namespace}   # applies this very revision again; hooks of the {} don't run",
                case.kind.as_str()
            ),
        ],
        Way::Unlock => vec![
            backup,
            format!(
                "kubectl delete secret sh.helm.release.v1.{name}.v{revision} -n {namespace}   # forgets what it created"
            ),
            format!(
                "helm upgrade {name} {} -n {namespace} -f {values}   # {}",
                chart.unwrap_or_else(|| "CHART".to_owned()),
                flags(case, revision)
            ),
        ],
        Way::Forget => vec![
            backup,
            format!(
                "kubectl delete secret sh.helm.release.v1.{name}.v{revision} -n {namespace}   # objects stay as they are"
            ),
        ],
        Way::Unblock => Vec::new(),
        Way::Rollback => {
            let good = last_good(case).map_or_else(|| "REVISION".to_owned(), |good| good.revision.to_string());
            vec![
                backup,
                format!(
                    "helm rollback {name} {good} -n {namespace} --wait   # runs rollback hooks; leaves what it doesn't know"
                ),
            ]
        }
        Way::Repair => vec![backup],
        Way::Reinstall => vec![
            backup,
            values,
            format!(
                "helm uninstall {name} -n {namespace} --wait   # its records, too, and only the newest revision's objects"
            ),
            format!(
                "helm install {name} {} -n {namespace} -f values.yaml --wait",
                chart.unwrap_or_else(|| "CHART".to_owned())
            ),
        ],
        Way::Uninstall => vec![backup, format!("helm uninstall {name} -n {namespace} --no-hooks")],
    }
}

/// What the flags about values would do. Helm takes the values to be reused from the revision it goes on from (Helm 4.3
/// `pkg/action/upgrade.go:reuseValues`), which isn't the abandoned one if another is deployed.
fn flags(case: &Case<'_>, revision: u64) -> String {
    let deployed = case.seen.history.deployed().into_iter().filter(|other| *other != revision).max();
    let from = deployed.unwrap_or(revision);
    format!(
        "in place of -f: --reuse-values and --reset-then-reuse-values take revision {from}'s values, the latter over the chart's new \
         defaults; --reset-values takes the chart's alone; --force replaces objects, and loses what others set in them"
    )
}
