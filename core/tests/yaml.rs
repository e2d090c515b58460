//! YAML held to the answers of sigs.k8s.io/yaml 1.6, the reader that Helm uses: `yaml/cases.txt` are the snippets, and
//! `yaml/go-sigs-yaml-1.6.0.tsv` is what Go made of each.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use refloat_core::manifest::{YamlFault, objects, parse};
use serde_json::Value;

const CASES: &str = include_str!("yaml/cases.txt");
const GO: &str = include_str!("yaml/go-sigs-yaml-1.6.0.tsv");

/// Where this reader is known to differ, what it gives there, and why.
const DEVIATIONS: [(&str, &str, &str); 5] = [
    ("a: yEs", r#"{"a":true}"#, "booleans are read in any letter case, by Go only in three"),
    ("a: tRUE", r#"{"a":true}"#, "the same"),
    ("a: 1__000", r#"{"a":"1__000"}"#, "only single underscores are left out of numbers"),
    ("a: 1e999", "ERR", "a float too large is no text but a fault"),
    ("a: 1e400", "ERR", "the same"),
];

/// What a snippet gives, as compact JSON.
fn given(snippet: &str) -> String {
    parse(snippet).map_or_else(|_| "ERR".to_owned(), |value| value.to_string())
}

/// Numbers are compared as JSON readers see them: `1e+21` and `1000000000000000000000` are the same float.
fn plain(json: &str) -> String {
    serde_json::from_str::<Value>(json).map_or_else(|_| json.to_owned(), |value| value.to_string())
}

/// Each snippet with Go's answer.
fn probes() -> Vec<(String, String)> {
    let probe = |line: &str| {
        let (snippet, answer) = line.split_once('\t').unwrap();
        (serde_json::from_str(snippet).unwrap(), plain(answer))
    };
    GO.lines().map(probe).collect()
}

#[test]
fn go_answered_every_case() {
    let snippets: Vec<String> = probes().into_iter().map(|(snippet, _)| snippet).collect();
    let unescaped = |line: &str| line.replace("\\n", "\n");
    assert_eq!(snippets.len(), 101);
    assert_eq!(CASES.lines().map(unescaped).collect::<Vec<_>>(), snippets);
}

#[test]
fn only_the_known_deviations_from_go() {
    let differs: BTreeMap<String, String> = probes()
        .into_iter()
        .map(|(snippet, go)| (snippet.clone(), given(&snippet), go))
        .filter(|(_, given, go)| given != go)
        .map(|(snippet, given, _)| (snippet, given))
        .collect();
    let known: BTreeMap<String, String> =
        DEVIATIONS.iter().map(|(snippet, given, _)| ((*snippet).to_owned(), (*given).to_owned())).collect();
    assert_eq!(differs, known);
}

#[test]
fn keys_become_gos_strings() {
    let table = [
        ("0.1: x", r#"{"0.1":"x"}"#),
        ("1e3: x", r#"{"1000":"x"}"#),
        ("1e6: x", r#"{"1e+06":"x"}"#),
        ("0.00001: x", r#"{"1e-05":"x"}"#),
        ("12345678901: x", r#"{"12345678901":"x"}"#),
        ("\"1.0\": x", r#"{"1.0":"x"}"#),
    ];
    for (snippet, expected) in table {
        assert_eq!(given(snippet), expected, "{snippet}");
    }
}

#[test]
fn limits_are_named() {
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    assert!(parse(&deep(64)).is_ok());
    assert_eq!(parse(&deep(65)), Err(YamlFault::Depth));
    assert_eq!(parse(&deep(1000)), Err(YamlFault::Depth));
    assert_eq!(parse(&deep(100_000)), Err(YamlFault::Depth));
    let nested: String = (0..200).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert_eq!(parse(&nested), Err(YamlFault::Depth));
    let wide = "- a\n".repeat(1_000_001);
    assert_eq!(parse(&wide), Err(YamlFault::Size));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let inner = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", [inner.as_str(); 10].join(", "));
    }
    assert_eq!(parse(&bomb), Err(YamlFault::Size));
    // One anchor for many is how charts use them.
    let many = "a: &a {x: 1}\nb:\n".to_owned() + &"- *a\n".repeat(1000);
    assert!(parse(&many).is_ok());
}

/// Less than what a thread of Rust's has, and without the compiler's help.
#[test]
fn the_deepest_document_fits_a_threads_stack() {
    let flow = "{a: [".repeat(32) + &"]}".repeat(32);
    let block: String = (0..64).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    let deeper = "[".repeat(100_000);
    let work = move || (parse(&flow).is_ok(), parse(&block).is_ok(), parse(&deeper).is_err());
    let thread = std::thread::Builder::new().stack_size(1600 << 10).spawn(work).unwrap();
    assert_eq!(thread.join().unwrap(), (true, true, true));
}

#[test]
fn faults_never_quote() {
    for text in ["a: {{ canary }}", "a: \"canary", "canary: [", "a: !!int canary", "a: *canary", "a: .nan # canary"] {
        let fault = parse(text).unwrap_err();
        assert!(!format!("{fault} {fault:?}").contains("canary"), "{text}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(text in "(?s).{0,200}", yaml in r"([-?:,&*!|>'\x22%@`#\[\]{} \n\tab01~<.]|<<: |\*a|&a|---\n|!!int ){0,60}") {
        let _ = (parse(&text), parse(&yaml), objects(&text), objects(&yaml));
    }
}
