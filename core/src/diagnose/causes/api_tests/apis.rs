//! Kinds and versions that aren't served.

use super::*;

fn widget() -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}})
}

#[test]
fn a_kind_that_nobody_serves_is_missing_whatever_the_status() {
    let objects = [widget(), config_map("a", "1")];
    let deployed = Stage::new().revision(1, Status::Deployed, "Install complete", 100, &objects);
    let cause = deployed.there(live(config_map("a", "1"))).says("kind-missing");
    assert!(cause.summary.contains("serves no Widget (example.com/v1), which widget/w is"), "{}", cause.summary);
    assert_eq!(cause.confidence, crate::diagnose::Confidence::Certain);
    let uninstall =
        |status| Stage::new().revision(1, status, "Deletion in progress (or silently failed)", 7200, &objects);
    let cause = uninstall(Status::Uninstalling).says("kind-missing");
    assert!(cause.summary.contains("every uninstall ends here"), "{}", cause.summary);
    assert_eq!(uninstall(Status::Uninstalled).codes(), Vec::<String>::new());
    // What only the old manifest has is looked up, too.
    let description = "Upgrade \"web\" failed: x";
    let dropped = Stage::upgrade(Status::Failed, description, &objects, &[config_map("a", "2")]);
    assert_eq!(dropped.first().code, "kind-missing");
}

#[test]
fn a_served_kind_and_an_unknown_one_are_not_missing() {
    let objects = [widget()];
    let stage = Stage::new().revision(1, Status::Deployed, "Install complete", 100, &objects);
    assert!(stage.serves("example.com", "Widget", "widgets").codes().is_empty());
    let unread = Stage::new().revision(1, Status::Deployed, "Install complete", 100, &objects);
    let unread = unread.answered(Read::GroupKinds, Answer::Forbidden("no".into()));
    assert!(unread.codes().is_empty());
}

#[test]
fn a_version_that_is_gone_is_told_with_those_that_are_there() {
    let budget = json!({"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": {"name": "p"}});
    let cause = Stage::new().revision(1, Status::Deployed, "Install complete", 100, &[budget]).says("api-removed");
    assert!(cause.summary.contains("no longer serves policy/v1beta1 of PodDisruptionBudget"), "{}", cause.summary);
    assert_eq!(cause.evidence[0], "served are: policy/v1");
}

#[test]
fn helms_words_do_where_the_kind_is_back() {
    let three = "resource mapping not found for name: \"w\" namespace: \"\" from \"\": no matches for kind \"Widget\" in version \"example.com/v1\"\nensure CRDs are installed first";
    let cause = Stage::failed(three).says("kind-missing");
    assert_eq!(cause.summary, "the server served no Widget (example.com/v1) when Helm asked");
    let removed = "current release manifest contains removed kubernetes api(s) for this kubernetes version and it is therefore unable to build the kubernetes objects";
    assert_eq!(Stage::failed(removed).first().code, "api-removed");
}

#[test]
fn a_server_of_a_group_that_is_down_matters_if_an_object_needs_it() {
    let needed = Stage::new().revision(1, Status::Uninstalling, "", 7200, &[widget()]).stale("example.com", "v1");
    let condition = json!({
        "type": "Available", "status": "False", "reason": "MissingEndpoints", "lastTransitionTime": ago(300).to_string(),
        "message": "endpoints for service/widgets in \"infra\" have no addresses",
    });
    let service = json!({"metadata": {"name": "v1.example.com"}, "status": {"conditions": [condition]}});
    let cause = needed.listed(Read::list(&known::api_services(), "", ""), &[service]).says("apiservice-unavailable");
    assert_eq!(cause.summary, "the server of example.com/v1 doesn't answer, which widget/w needs");
    assert!(cause.evidence[0].contains("isn't available for 5m: MissingEndpoints"), "{:?}", cause.evidence);
    assert_eq!(cause.command, "kubectl get apiservice v1.example.com -o yaml");
    let other = Stage::open().at(Phase::Apply, LivenessVerdict::Stale).stale("metrics.k8s.io", "v1beta1");
    assert_eq!(other.codes(), ["client-killed", "(apiservice-unavailable)"]);
    let words = "unable to build kubernetes objects: unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: the server is currently unable to handle the request";
    assert_eq!(Stage::failed(words).stale("metrics.k8s.io", "v1beta1").codes(), ["apiservice-unavailable"]);
    assert_eq!(Stage::failed(words).codes(), ["apiservice-unavailable"]);
}
