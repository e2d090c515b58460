//! Who else drives the release: the marks that controllers leave on its objects and records.

use serde::Serialize;
use serde_json::Value;

use super::case::{Case, condition, number, text};
use crate::observe::{Live, known};

/// A controller's object that drives the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// What drives it: `HelmRelease`, `HelmChart`, `Application`, `Bundle`, `Terraform`, `Pulumi`.
    pub kind: String,
    /// Its namespace; empty if unknown.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether it is at work right now.
    pub busy: bool,
    /// Whether it was told to keep its hands off.
    pub suspended: bool,
    /// One sentence.
    pub words: String,
    /// What to type so that it keeps its hands off; empty if unknown.
    pub suspend: String,
}

/// Takes a case; gives the owner, if there is one.
pub fn owner(case: &Case<'_>) -> Option<Owner> {
    flux(case).or_else(|| klipper(case)).or_else(|| marked(case)).or_else(|| carrier(case))
}

fn mark(case: &Case<'_>, pointer: &str) -> Option<String> {
    let lives = case.objects.iter().filter_map(|object| object.live.found());
    let mut texts = lives.filter_map(|live| live.pointer(pointer)?.as_str());
    texts.next().map(str::to_owned)
}

/// Flux labels what it applies (helm-controller v1.6 `internal/postrender/labels.go`).
fn flux(case: &Case<'_>) -> Option<Owner> {
    let name = mark(case, "/metadata/labels/helm.toolkit.fluxcd.io~1name")?;
    let namespace = mark(case, "/metadata/labels/helm.toolkit.fluxcd.io~1namespace")?;
    let kind = case.seen.kinds().any_version("helm.toolkit.fluxcd.io/v2", "HelmRelease");
    let object = kind.map(|kind| case.other(kind, &namespace, &name));
    let found = object.as_ref().and_then(Live::found);
    let suspended = found.and_then(|object| object.pointer("/spec/suspend")).and_then(Value::as_bool) == Some(true);
    let reconciling =
        found.and_then(|object| condition(object, "Reconciling")).is_some_and(|it| text(it, "/status") == "True");
    let busy = reconciling && !suspended;
    let does = match (found, busy, suspended) {
        (Some(_), true, _) => "is reconciling right now",
        (Some(_), _, true) => "is suspended",
        (Some(_), ..) => "drives this release and will act on it again",
        (None, ..) => "is named on its objects, but can't be seen",
    };
    Some(Owner {
        words: format!("Flux HelmRelease {namespace}/{name} {does}"),
        suspend: format!("flux suspend helmrelease {name} -n {namespace}"),
        kind: "HelmRelease".to_owned(),
        namespace,
        name,
        busy,
        suspended,
    })
}

/// k3s' and RKE2's helm-controller runs Helm in a Job named after its HelmChart.
fn klipper(case: &Case<'_>) -> Option<Owner> {
    let kind = case.seen.kinds().any_version("helm.cattle.io/v1", "HelmChart")?;
    let name = &case.seen.id.name;
    let places = [case.seen.id.namespace.as_str(), "kube-system"];
    let (namespace, chart) =
        places.into_iter().find_map(|place| Some((place, case.other(kind, place, name).found()?)))?;
    let target = Some(text(chart, "/spec/targetNamespace")).filter(|target| !target.is_empty()).unwrap_or(namespace);
    if target != case.seen.id.namespace {
        return None;
    }
    let unmanaged = text(chart, "/metadata/annotations/helmcharts.cattle.io~1unmanaged") == "true";
    let job = case.other(&known::jobs(), namespace, &format!("helm-install-{name}"));
    let busy = job.found().is_some_and(|job| number(job, "/status/active").unwrap_or(0) > 0);
    Some(Owner {
        kind: "HelmChart".to_owned(),
        namespace: namespace.to_owned(),
        name: name.clone(),
        busy,
        suspended: unmanaged,
        words: if busy {
            format!("the Job of HelmChart {namespace}/{name} is running Helm right now")
        } else if unmanaged {
            format!("HelmChart {namespace}/{name} is marked unmanaged")
        } else {
            format!("HelmChart {namespace}/{name} drives this release and will act on it again")
        },
        suspend: format!("kubectl annotate helmchart {name} -n {namespace} helmcharts.cattle.io/unmanaged=true"),
    })
}

/// Tools that carry Helm with them: the newest record was written by their program, which the API server names by its first word
/// (client-go `rest/config.go:DefaultKubernetesUserAgent`), where Helm's own is `Helm`.
fn carrier(case: &Case<'_>) -> Option<Owner> {
    let writer = case.newest?.writer.as_deref()?;
    let programs = [("terraform-provider-helm", "Terraform"), ("opentofu", "OpenTofu"), ("pulumi", "Pulumi")];
    let (_, product) = programs.into_iter().find(|(program, _)| writer.to_lowercase().contains(program))?;
    Some(Owner {
        words: format!(
            "{product} ran Helm here ({writer}): its state knows nothing of what is done by hand, and its next run acts again"
        ),
        kind: product.to_owned(),
        namespace: String::new(),
        name: writer.to_owned(),
        busy: false,
        suspended: false,
        suspend: String::new(),
    })
}

/// Controllers of which only a mark on the objects tells.
fn marked(case: &Case<'_>) -> Option<Owner> {
    let marks = [
        ("/metadata/annotations/argocd.argoproj.io~1tracking-id", "Application", "Argo CD"),
        ("/metadata/annotations/objectset.rio.cattle.io~1owner-name", "Bundle", "Fleet"),
    ];
    let (text, kind, product) =
        marks.into_iter().find_map(|(pointer, kind, product)| Some((mark(case, pointer)?, kind, product)))?;
    let name = text.split(':').next().unwrap_or_default().to_owned();
    Some(Owner {
        words: format!("{product} ({kind} {name}) marks these objects as its own and may act on them"),
        kind: kind.to_owned(),
        namespace: String::new(),
        name,
        busy: false,
        suspended: false,
        suspend: String::new(),
    })
}
