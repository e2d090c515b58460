//! The core's verdicts on live objects against both Helms' own code, over thousands of generated objects.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod cases;
mod random;
mod templates;

use bed::Binary;
use jiff::Timestamp;
use random::Random;
use refloat_core::ready::{Children, HookState, Verdict, children_needed, hook_done, ready};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;

/// How many objects are judged; more by `REFLOAT_CASES`.
const CASES: usize = 6000;

/// An object and all else of its namespace, as both judges get it.
#[derive(Serialize)]
struct Case {
    object: Value,
    replica_sets: Vec<Value>,
    pods: Vec<Value>,
}

/// What the Helms say: the class of each verdict.
#[derive(Deserialize)]
struct Answer {
    helm3: String,
    helm4: String,
    helm3_for_jobs: String,
    helm4_for_jobs: String,
    hook: String,
    why: Vec<String>,
}

fn helms(cases: &[Case]) -> Vec<Answer> {
    let mut command = Command::new(Binary::Readiness.path().unwrap());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let lines: Vec<String> = cases.iter().map(|case| serde_json::to_string(case).unwrap()).collect();
    let writer = thread::spawn(move || stdin.write_all(lines.join("\n").as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the judge failed: {}", output.status);
    let answers = String::from_utf8(output.stdout).unwrap();
    answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn class(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Ready => "ready",
        Verdict::Waiting(_) => "waiting",
        Verdict::Failed(_) => "failed",
        Verdict::Unknown(_) => "unknown",
    }
}

fn hook_class(hook: &HookState) -> &'static str {
    match hook {
        HookState::Running => "waiting",
        HookState::Failed { .. } => "failed",
        HookState::Succeeded { .. } | HookState::Done => "ready",
    }
}

/// How often a kind got a class as the answer to a question.
type Tally = BTreeMap<(String, &'static str, String), usize>;

#[test]
fn verdicts_are_both_helms_own() {
    let now = Timestamp::now();
    let count = std::env::var("REFLOAT_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(CASES);
    let seed = std::env::var("REFLOAT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut random = Random::new(seed);
    let cases: Vec<Case> = (0..count).map(|_| cases::generate(&mut random, now)).collect();
    let answers = helms(&cases);
    assert_eq!(cases.len(), answers.len());
    let mut tally = Tally::new();
    let mut differences = Vec::new();
    for (case, answer) in cases.iter().zip(answers) {
        // A caller that reads no more than is asked for gets the same.
        let needs = children_needed(&case.object);
        let children = Children {
            replica_sets: needs.replica_sets.map(|_| case.replica_sets.as_slice()),
            pods: needs.pods.map(|_| case.pods.as_slice()),
        };
        let ours = ready(&case.object, &children, now);
        let hook = hook_done(&case.object);
        let verdicts = [
            ("helm3", class(&ours.helm3), answer.helm3),
            ("helm4", class(&ours.helm4), answer.helm4),
            ("helm3 for jobs", class(&ours.helm3_for_jobs), answer.helm3_for_jobs),
            ("helm4 for jobs", class(&ours.helm4_for_jobs), answer.helm4_for_jobs),
            ("hook", hook_class(&hook), answer.hook),
        ];
        for ((question, ours_is, theirs), why) in verdicts.into_iter().zip(&answer.why) {
            if ours_is != theirs {
                let case = serde_json::to_string(case).unwrap();
                differences.push(format!("{question}: {ours_is}, Helm says {theirs} ({why}): {ours:?}\n{case}"));
            }
            let kind = case.object["kind"].as_str().unwrap().to_owned();
            *tally.entry((kind, question, theirs)).or_default() += 1;
        }
    }
    let shown = differences.iter().take(5).cloned().collect::<Vec<_>>().join("\n\n");
    assert!(differences.is_empty(), "{} of {} answers differ, seed {seed}:\n{shown}", differences.len(), count * 5);
    every_rule_was_met(&tally);
}

/// The generator must come to every answer that a rule can give, or agreeing says little.
fn every_rule_was_met(tally: &Tally) {
    let both = ["helm3", "helm4"];
    let jobs = ["helm3 for jobs", "helm4 for jobs"];
    let mut wanted = Vec::new();
    for kind in ["Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "PersistentVolumeClaim", "Service"] {
        wanted.extend(both.iter().flat_map(|question| [(kind, *question, "ready"), (kind, *question, "waiting")]));
    }
    for kind in ["Pod", "Deployment", "StatefulSet", "ReplicaSet", "Job", "CustomResourceDefinition", "Widget"] {
        wanted.push((kind, "helm4", "failed"));
    }
    for kind in ["ReplicationController", "CustomResourceDefinition"] {
        wanted.extend([(kind, "helm3", "ready"), (kind, "helm3", "waiting")]);
    }
    for class in ["ready", "waiting", "failed"] {
        wanted.extend(jobs.iter().map(|question| ("Job", *question, class)));
        wanted.extend(["Job", "Pod"].iter().map(|kind| (*kind, "hook", class)));
        wanted.push(("Widget", "helm4", class));
    }
    wanted.push(("Deployment", "helm3", "failed"));
    for (kind, question, class) in wanted {
        let met = tally.get(&(kind.to_owned(), question, class.to_owned())).copied().unwrap_or(0);
        assert!(met >= 5, "{kind}, {question}: {class} only {met} times in {tally:#?}");
    }
}
