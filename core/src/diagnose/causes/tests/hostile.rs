//! Objects that are nothing like what they are to be: no rule may fall over them, and none may be believed too much.

use super::*;
use proptest::prelude::*;

/// Any JSON, with the words that rules look for.
fn anything() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "ImagePullBackOff",
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "secret \"\" not found",
        "exceeded quota: ",
        "exceeded quota: q, requested: =, used: , limited: ",
        "violates PodSecurity",
        "FailedCreate",
        "Failed",
        "Unknown",
        "",
        "\u{1b}[31m\u{202e}",
        "0/0 nodes",
        "2026-08-01T11:59:00Z",
        "-9999-01-01T00:00:00Z",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let keys = prop::sample::select(vec![
            "state",
            "waiting",
            "reason",
            "message",
            "terminated",
            "exitCode",
            "name",
            "conditions",
            "type",
            "status",
            "lastState",
            "running",
            "startedAt",
            "replicas",
            "containers",
            "volumes",
            "phase",
            "ownerReferences",
            "uid",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(keys.prop_map(str::to_owned), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn nothing_makes_a_rule_fall_over(container in anything(), status in anything(), told in anything(), spec in anything()) {
        let mut broken = pod(&json!({}));
        broken["status"]["containerStatuses"] = json!([container]);
        broken["spec"]["containers"] = spec;
        let mut objects = rollout();
        objects[2]["status"] = status.clone();
        objects[0]["status"] = with(json!({"observedGeneration": 2}), &status);
        let mut about = event(&broken, "Failed", "x", 1);
        about["message"] = told;
        let (old, new) = (deployment("registry.example/web:1"), deployment("registry.example/web:2"));
        let world = World::failed("context deadline exceeded").object(old, new).with(objects).with([broken, about]);
        let world = world.hook("pre-upgrade", "", "Running").with([job(4, &status)]);
        for cause in world.causes() {
            for line in cause.evidence.iter().chain([&cause.summary, &cause.command, &cause.remedy]) {
                prop_assert!(!line.contains(char::is_control) && !line.contains('\u{202e}'), "{line:?}");
                prop_assert!(line.chars().count() < 1200, "{line:?}");
            }
        }
    }
}

#[test]
fn what_is_quoted_is_short_on_one_line_and_without_secrets() {
    let long = "x".repeat(100_000);
    let table = [
        ("pull https://ada:hunter2@registry.example/v2: denied", "https://***@registry.example"),
        ("DB_PASSWORD=hunter2 refused", "DB_PASSWORD=***"),
        ("{\"token\": \"hunter2\"}", "\"token\": ***"),
        ("Authorization: Bearer hunter2hunter2", "Bearer ***"),
        ("cookie eyJhbGciOiJIUzI1NiJ9.eyJodW50ZXIyIjoxfQ.c2ln", "cookie ***"),
    ];
    for (words, kept) in table {
        let said = super::super::said::said(words);
        assert!(said.contains(kept) && !said.contains("hunter2") && !said.contains("eyJ"), "{said}");
    }
    assert!(super::super::said::said(&long).chars().count() <= 360);
}

#[test]
fn names_are_typed_so_that_a_shell_takes_them_for_names() {
    let table =
        [("web-0", "web-0"), ("a b", "'a b'"), ("$(rm -r)", "'$(rm -r)'"), ("a'b", r"'a'\''b'"), ("--all", "'--all'")];
    for (name, typed) in table {
        assert_eq!(super::super::said::typed(name), typed);
    }
}
