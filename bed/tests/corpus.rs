//! The corpus's labels, without a cluster: `cargo xtask corpus --check-scenarios` makes the scenarios themselves.
use bed::Major;
use bed::corpus::Scenario;
use bed::moments::Moment;
use std::collections::BTreeSet;

const CAUSES: &str = "client-killed final-write-missing record-write-refused wait-timeout slow-rollout image-pull crash-loop \
    unschedulable pvc-pending quota-exceeded limit-range pod-security probe-failing config-missing volume-mount \
    service-account-missing progress-deadline hook-failed hook-running hook-exists hook-forbidden webhook-unavailable \
    webhook-slow webhook-denied apiservice-unavailable kind-missing api-removed immutable-field invalid-object \
    ownership-conflict apply-conflict forbidden finalizer namespace-terminating node-lost concurrent-operations \
    atomic-rollback-failed kept-objects over-1-mib nearly-1-mib label-payload-mismatch none-deployed several-deployed \
    undecodable target-pruned owner-reconciling canceled";

#[test]
fn every_unexpected_failure_case_of_the_field_has_a_scenario() {
    let found: BTreeSet<char> = Scenario::all().iter().filter_map(|scenario| scenario.label.field_case).collect();
    assert_eq!(found, ('a'..='v').collect());
}

#[test]
fn every_cause_is_the_top_one_of_some_scenario() {
    let all = Scenario::all();
    let found: BTreeSet<&str> = all.iter().filter_map(|scenario| scenario.label.causes.first().copied()).collect();
    let without: Vec<_> = CAUSES.split_whitespace().filter(|cause| !found.contains(cause)).collect();
    // Where the target of a rollback is pruned, it is first of all the kill that left the release pending.
    assert_eq!(without, ["target-pruned"]);
}

#[test]
fn labels_use_the_stable_words() {
    const PHASES: &str = "crds pre-hooks apply prune wait post-hooks supersede final-write purge done";
    let is = |words: &str, word: &str| words.split_whitespace().any(|known| known == word);
    let mut names = BTreeSet::new();
    for scenario in Scenario::all() {
        let (id, label) = (scenario.id, scenario.label);
        assert!(names.insert(id) && !scenario.majors.is_empty(), "{id}");
        // With the Helm it is a namespace's name, and with a suffix a label's value.
        assert!(id.len() <= 50, "{id}");
        assert!(is("install upgrade rollback uninstall none", label.operation), "{id}");
        assert!(label.phase.iter().all(|phase| is(PHASES, phase)), "{id}");
        assert!(label.liveness.iter().all(|verdict| is("live possible stale none", verdict)), "{id}");
        assert!(label.causes.iter().chain(label.also).all(|cause| is(CAUSES, cause)), "{id}");
    }
}

#[test]
fn there_are_moments_enough_to_measure_by() {
    for moments in [Moment::live(), Moment::dead()] {
        assert!(moments.len() >= 60);
        for major in Major::BOTH {
            assert!(moments.iter().filter(|moment| moment.major == major).count() >= 30);
        }
        let names: BTreeSet<_> = moments.iter().map(|moment| &moment.name).collect();
        assert_eq!(names.len(), moments.len());
    }
}
