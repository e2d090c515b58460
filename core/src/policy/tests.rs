//! What is read, and which of two holds.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::diagnose::api_tests::Stage;
use crate::diagnose::{Case, Liveness, LivenessVerdict, liveness, operation};
use crate::observe::{Answer, Kind, Read, known};

fn parsed(text: &str) -> Policy {
    parse_policy(text, "p.yaml").unwrap()
}

/// What holds, a line each: `key: value (by)`.
fn rules(policy: &Policy) -> Vec<String> {
    policy.rules().into_iter().map(|Rule { key, value, by }| format!("{key}: {value} ({by})")).collect()
}

#[test]
fn a_file_says_what_it_may_say() {
    let all = "rollback: never\nstale-after: 1h30m\nauto: [unlock, complete]\nprotected:\n  kinds: [StatefulSet.apps]\n  \
        labels: ['tier in (data, keep)']\nowners:\n  Application: ignore\n  Terraform: suspend\n";
    assert_eq!(
        rules(&parsed(all)),
        [
            "rollback: never (p.yaml)",
            "stale-after: 90m (p.yaml)",
            "auto: complete, unlock (p.yaml)",
            "protected: kind StatefulSet.apps (p.yaml)",
            "protected: labels tier in (data, keep) (p.yaml)",
            "owners: Application: ignore (p.yaml)",
            "owners: Terraform: suspend (p.yaml)",
        ]
    );
    for nothing in ["", "# nothing\n", "{}", "---\n"] {
        assert_eq!(parsed(nothing), Policy::default(), "{nothing:?}");
    }
    assert_eq!(rules(&parsed("auto: []")), ["auto: none (p.yaml)"]);
    assert_eq!(rules(&parsed("stale-after: 90")), ["stale-after: 90s (p.yaml)"]);
    assert_eq!(rules(&parsed("stale-after: never")), ["stale-after: never (p.yaml)"]);
}

#[test]
fn a_slip_of_the_pen_is_named_with_its_line() {
    let table = [
        ("rollback: nevre", "line 1: rollback is \"nevre\", and must be allow, ask or never"),
        ("rollback: no", "line 1: rollback is \"no\", and must be allow, ask or never"),
        (
            "\nrolback: never",
            "line 2: unknown key \"rolback\"; there are rollback, stale-after, auto, protected, owners",
        ),
        ("rollback: ask\nprotected:\n  kind: [A]", "line 3: unknown key \"kind\"; there are kinds, labels"),
        ("stale-after: soon", "line 1: stale-after is \"soon\", and must be a duration such as 15m or 1h30m, or never"),
        ("stale-after: 0s", "line 1: stale-after is \"0s\", and must be longer than nothing"),
        ("stale-after: -5m", "line 1: stale-after is \"-5m\", and must be longer than nothing"),
        (
            "protected: {kinds: ['Stateful Set']}",
            "line 1: protected names the kind \"Stateful Set\", and no kind is called so",
        ),
        ("protected: {labels: ['a in b']}", "line 1: protected has the labels \"a in b\", which are no selector"),
        ("protected: {labels: ['']}", "line 1: protected has the labels \"\", which are no selector"),
        ("owners: {Application: pause}", "line 1: owners.Application is \"pause\", and must be ignore or suspend"),
        ("rollback: never\nrollback: allow", "line 2: a key stands there twice"),
    ];
    for (text, fault) in table {
        assert_eq!(parse_policy(text, "p").unwrap_err().to_string(), fault, "{text}");
    }
    let auto = parse_policy("auto: [resume, magic]", "p").unwrap_err().what;
    assert!(auto.starts_with("auto is \"magic\", and must be some of complete, repair, "), "{auto}");
    let owner = parse_policy("owners: {Argo: ignore}", "p").unwrap_err().what;
    assert!(owner.starts_with("owners names \"Argo\", and may name HelmRelease, "), "{owner}");
    for text in
        ["- rollback", "rollback: [never]", "auto: resume", "rollback: {a: b}", "a: b: c", "rollback: never\n---\n{}"]
    {
        assert!(parse_policy(text, "p").is_err(), "{text}");
    }
}

#[test]
fn of_two_the_stricter_holds() {
    let both = |one: &str, other: &str| {
        let (one, other) = (parse_policy(one, "one").unwrap(), parse_policy(other, "other").unwrap());
        let (there, back) = (one.clone().and(other.clone()), other.and(one));
        let values = |policy: &Policy| policy.rules().into_iter().map(|rule| rule.value).collect::<BTreeSet<_>>();
        assert_eq!(values(&there), values(&back));
        rules(&there)
    };
    assert_eq!(both("rollback: allow", "rollback: ask"), ["rollback: ask (other)"]);
    assert_eq!(both("rollback: never", "rollback: ask"), ["rollback: never (one)"]);
    assert_eq!(both("rollback: never", ""), ["rollback: never (one)"]);
    assert_eq!(both("stale-after: 15m", "stale-after: 1h"), ["stale-after: 60m (other)"]);
    assert_eq!(both("stale-after: 15m", "stale-after: never"), ["stale-after: never (other)"]);
    assert_eq!(both("auto: [resume, unlock]", "auto: [unlock]"), ["auto: unlock (other)"]);
    assert_eq!(both("auto: [resume]", "auto: [unlock]"), ["auto: none (one and other)"]);
    assert_eq!(both("auto: [resume]", ""), ["auto: resume (one)"]);
    let owners = both("owners: {Bundle: ignore}", "owners: {Bundle: suspend}");
    assert_eq!(owners, ["owners: Bundle: suspend (other)"]);
    let kinds = both("protected: {kinds: [Job]}", "protected: {kinds: [Job]}");
    assert_eq!(kinds, ["protected: kind Job (one)"]);
    assert_eq!(both("protected: {kinds: [Job]}", "protected: {labels: [a=b]}").len(), 2);
}

fn said(annotations: &[(&str, &str)]) -> Annotated {
    let annotations: BTreeMap<_, _> = annotations.iter().copied().collect();
    annotated(|key| annotations.get(key).map(|word| (*word).to_owned()), "namespace/shop")
}

#[test]
fn an_annotation_that_cant_be_read_is_taken_for_the_strictest() {
    let good = said(&[
        (ROLLBACK, "ask"),
        (STALE_AFTER, "20m"),
        (AUTO, "resume, unlock"),
        (PROTECTED, "Job, PersistentVolumeClaim; a=b"),
    ]);
    assert_eq!(
        rules(&good.policy),
        [
            "rollback: ask (annotation refloat.dev/rollback on namespace/shop)",
            "stale-after: 20m (annotation refloat.dev/stale-after on namespace/shop)",
            "auto: resume, unlock (annotation refloat.dev/auto on namespace/shop)",
            "protected: kind Job (annotation refloat.dev/protected on namespace/shop)",
            "protected: kind PersistentVolumeClaim (annotation refloat.dev/protected on namespace/shop)",
            "protected: labels a=b (annotation refloat.dev/protected on namespace/shop)",
        ]
    );
    assert_eq!(good.faults, [""; 0]);
    let bad = said(&[(ROLLBACK, "Allow!"), (STALE_AFTER, "soon"), (AUTO, "everything"), (PROTECTED, "a==b==c")]);
    let values: Vec<_> = bad.policy.rules().into_iter().map(|rule| rule.value).collect();
    assert_eq!(values, ["never", "never", "none", "everything"]);
    assert_eq!(bad.faults.len(), 4);
    let first = "the annotation refloat.dev/rollback on namespace/shop can't be read: rollback is \"Allow!\", and must be allow, ask or \
        never; taken for never";
    assert_eq!(bad.faults[0], first);
    assert_eq!(said(&[("refloat.dev/redact", "x")]), Annotated::default());
}

#[test]
fn kinds_are_meant_as_people_write_them() {
    let kind = Kind::known("apps/v1", "StatefulSet", "statefulsets", true);
    let meant = |word: &str| Protected::kind(word).unwrap().matches(&kind, &json!({}));
    for word in ["StatefulSet", "statefulset", "statefulsets", "StatefulSet.apps", "statefulsets.apps"] {
        assert!(meant(word), "{word}");
    }
    for word in ["Stateful", "StatefulSet.batch", "Deployment", "apps"] {
        assert!(!meant(word), "{word}");
    }
}

fn judged(stage: &Stage, given: &Policy) -> (Ruling, Liveness) {
    let seen = stage.seen();
    let case = Case::new(&seen);
    let operation = operation(&case);
    ruling(given, &case, liveness(&case, &operation))
}

/// An upgrade whose hook has been running for two hours: Helm may be alive, as its timeout isn't known.
fn hooked() -> Stage {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "web-pre"}, "spec": {}});
    let mut running = crate::diagnose::api_tests::live(job.clone());
    running["metadata"]["creationTimestamp"] = json!(crate::diagnose::api_tests::ago(7195).to_string());
    running["status"] = json!({"active": 1});
    Stage::open().hook("pre-upgrade", &job).there(running)
}

fn namespace(annotations: &serde_json::Value) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns", "annotations": annotations}})
}

#[test]
fn a_long_silence_counts_as_gone_by_policy_only() {
    let (none, before) = judged(&hooked(), &Policy::default());
    assert_eq!((none.stale, before.verdict), (None, LivenessVerdict::Possible));
    let (short, after) = judged(&hooked(), &parsed("stale-after: 15m"));
    assert_eq!(after.verdict, LivenessVerdict::Stale);
    let why = short.stale.unwrap();
    assert!(why.starts_with("by policy (p.yaml says stale-after: 15m) Helm counts as gone: its last sign ("), "{why}");
    assert_eq!((&after.reasons[0], &short.notes[0]), (&why, &why));
    let (_, long) = judged(&hooked(), &parsed("stale-after: 3h"));
    assert_eq!(long.verdict, LivenessVerdict::Possible);
    // The Namespace asks for longer, or can't be asked.
    let strict = hooked().there(namespace(&json!({STALE_AFTER: "3h"})));
    assert_eq!(judged(&strict, &parsed("stale-after: 15m")).1.verdict, LivenessVerdict::Possible);
    let read = Read::object(&known::namespaces(), "", "ns");
    let unseen = hooked().answered(read, Answer::Forbidden("no".to_owned()));
    let (unknown, liveness) = judged(&unseen, &parsed("stale-after: 15m"));
    assert_eq!(liveness.verdict, LivenessVerdict::Possible);
    assert_eq!(unknown.unknown.as_deref(), Some("namespace/ns can't be read, so its policy isn't known: no"));
}

#[test]
fn a_helm_that_shows_life_never_counts_as_gone() {
    let seen = hooked().seen();
    let case = Case::new(&seen);
    let operation = operation(&case);
    for verdict in [LivenessVerdict::Live, LivenessVerdict::Unknown, LivenessVerdict::None] {
        let mut alive = liveness(&case, &operation);
        alive.verdict = verdict;
        assert_eq!(ruling(&parsed("stale-after: 1s"), &case, alive).1.verdict, verdict);
    }
}

#[test]
fn what_annotations_say_holds_for_the_release() {
    let stage = Stage::open().there(namespace(&json!({ROLLBACK: "ask"})));
    let stage = stage.newest(|newest| drop(newest.annotations.insert(ROLLBACK.to_owned(), "never".to_owned())));
    let (ruling, _) = judged(&stage, &parsed("rollback: allow"));
    let by = "annotation refloat.dev/rollback on secret/sh.helm.release.v1.web.v2";
    assert_eq!(rules(&ruling.policy), [format!("rollback: never ({by})")]);
    let (ruling, _) = judged(&Stage::open(), &parsed("protected: {kinds: [PersistentVolumeClaims, StatefulSett]}"));
    assert_eq!(ruling.notes, ["policy (p.yaml) protects kind StatefulSett, and the server serves none"]);
}

#[test]
fn owners_stand_in_the_way_as_policy_says() {
    let owner = |suspended: bool, suspend: &str| crate::diagnose::Owner {
        kind: "Bundle".into(),
        namespace: String::new(),
        name: "web".into(),
        busy: false,
        suspended,
        words: String::new(),
        suspend: suspend.into(),
    };
    let table = [
        ("", owner(false, "do"), true),
        ("", owner(false, ""), false),
        ("", owner(true, "do"), false),
        ("owners: {Bundle: ignore}", owner(false, "do"), false),
        ("owners: {Bundle: suspend}", owner(false, ""), true),
        ("owners: {Bundle: suspend}", owner(true, ""), false),
        ("owners: {Pulumi: suspend}", owner(false, ""), false),
    ];
    for (policy, owner, stands) in table {
        assert_eq!(stands_in_the_way(&parsed(policy), &owner), stands, "{policy} {owner:?}");
    }
}

#[test]
fn flags_are_a_voice_among_the_others() {
    let flags = flagged(Some("10m"), &["Job,Secret".to_owned(), "a=b".to_owned()]).unwrap();
    assert_eq!(rules(&flags).len(), 4);
    assert_eq!(rules(&parsed("stale-after: 15m").and(flags))[0], "stale-after: 15m (p.yaml)");
    assert!(flagged(Some("soon"), &[]).is_err() && flagged(None, &["a b".to_owned()]).is_err());
    assert_eq!(flagged(None, &[]).unwrap(), Policy::default());
}
