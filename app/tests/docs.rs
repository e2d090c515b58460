//! What the documents show is what the program does.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;

use refloat::cluster::MemoryCluster;
use refloat::exit::Exit;
use refloat::fix::judge_by;
use refloat::observe::observe;
use refloat::source::Source;
use refloat_core::bundle::Bundle;
use refloat_core::diagnose::{Attempt, Mark, Orphan, Owner, Run, diagnose_by};
use refloat_core::observe::Observation;
use refloat_core::plan::{SavedPlan, Way, plan};
use refloat_core::policy::{AUTO, OWNERS, PROTECTED, ROLLBACK, STALE_AFTER, parse_policy};
use serde_json::Value;

const README: &str = include_str!("../../README.md");

/// The blocks fenced as `text demo`.
fn excerpts() -> Vec<&'static str> {
    README.split("```text demo\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect()
}

#[test]
fn the_tour_is_what_the_demo_prints() {
    let output = Command::new(env!("CARGO_BIN_EXE_refloat")).arg("demo").output().unwrap();
    let story = String::from_utf8(output.stdout).unwrap();
    let excerpts = excerpts();
    assert!(excerpts.len() > 4, "the tour is gone");
    for excerpt in excerpts {
        assert!(story.contains(excerpt), "not in the demo:\n{excerpt}");
    }
}

/// `| code | meaning |` of each row.
fn rows(text: &str) -> Vec<(u8, String)> {
    let cells = |line: &str| -> Option<(u8, String)> {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        Some((cells.next()?.trim_matches('`').parse().ok()?, cells.next()?.to_owned()))
    };
    text.lines().filter_map(cells).collect()
}

#[test]
fn exit_codes_are_those_of_the_code() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/exit-codes.md");
    let documented = rows(&std::fs::read_to_string(file).unwrap());
    let coded: Vec<_> = Exit::ALL.into_iter().map(|(exit, meaning)| (exit as u8, meaning.to_owned())).collect();
    assert_eq!(documented, coded);
}

/// A code that the enum has and the list hasn't would be documented nowhere.
#[test]
fn every_exit_code_is_listed() {
    let listed = |exit: Exit| Exit::ALL.iter().any(|(listed, _)| *listed == exit);
    let next = |exit: Exit| match exit {
        Exit::Ok => Some(Exit::Bug),
        Exit::Bug => Some(Exit::Usage),
        Exit::Usage => Some(Exit::Found),
        Exit::Found => Some(Exit::Refused),
        Exit::Refused => Some(Exit::Access),
        Exit::Access => Some(Exit::Changed),
        Exit::Changed => Some(Exit::Unverified),
        Exit::Unverified => Some(Exit::Partial),
        Exit::Partial => Some(Exit::Interrupted),
        Exit::Interrupted => None,
    };
    let all: Vec<_> = std::iter::successors(Some(Exit::Ok), |exit| next(*exit)).collect();
    assert!(all.iter().all(|exit| listed(*exit)));
    assert_eq!(all.len(), Exit::ALL.len());
}

/// The paths of everything in a value, as the documents name them.
fn paths(at: &str, value: &Value, found: &mut BTreeSet<String>) {
    let step = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                // Its members are commands.
                let path = step(if at == "answers" { "*" } else { name });
                found.insert(path.clone());
                paths(&path, value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| paths(&format!("{at}[]"), item, found)),
        _ => {}
    }
}

fn documented(file: &str) -> BTreeSet<String> {
    let file = format!("{}/../docs/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(file).unwrap();
    let fields = text.split("| field |").skip(1).flat_map(|table| table.lines().take_while(|line| !line.is_empty()));
    fields.filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect()
}

/// The demo's releases, as they were seen.
async fn seen() -> Vec<Observation> {
    let bundle = Bundle::parse(include_str!("../demo/bundle.json")).unwrap();
    let names: BTreeSet<(String, String)> = bundle
        .records
        .iter()
        .map(|record| (record.meta.id.namespace.clone(), record.meta.release().unwrap().to_owned()))
        .collect();
    let cluster = MemoryCluster::new(bundle.driver, bundle.records, bundle.taken_at).with_answers(bundle.answers);
    let cluster = Arc::new(cluster);
    let mut found = Vec::new();
    for (namespace, name) in names {
        found.push(observe(&Source::memory(cluster.clone(), &namespace), &name).await.unwrap().seen);
    }
    found
}

#[tokio::test]
async fn every_field_of_a_diagnosis_is_documented() {
    let mut found = BTreeSet::new();
    let policy = parse_policy("rollback: ask", "refloat.yaml").unwrap();
    for seen in seen().await {
        let mut diagnosis = diagnose_by(&seen, &policy);
        // What none of the releases has.
        let text = String::new;
        let (kind, namespace, name, words, suspend) = (text(), text(), text(), text(), text());
        diagnosis.owner = Some(Owner { kind, namespace, name, busy: false, suspended: false, words, suspend });
        let (api_version, kind, namespace, name) = (text(), text(), text(), text());
        diagnosis.orphans.push(Orphan { mark: Mark::Annotations, api_version, kind, namespace, name });
        diagnosis.attempts = Some(vec![Attempt { object: text(), accepted: false, why: Some(text()) }]);
        diagnosis.liveness.until = Some(diagnosis.at);
        if let Some(hook) = diagnosis.hooks.first_mut() {
            (hook.why, hook.again) = (Some(text()), Some(text()));
            hook.runs.push(Run { at: diagnosis.at, earlier: false });
        }
        paths("", &serde_json::to_value(&diagnosis).unwrap(), &mut found);
    }
    assert_eq!(documented("diagnosis.md"), found);
}

#[tokio::test]
async fn every_field_of_a_plan_and_every_way_is_documented() {
    let mut found = BTreeSet::new();
    let policy = parse_policy("rollback: ask", "refloat.yaml").unwrap();
    for seen in seen().await {
        paths("", &serde_json::to_value(plan(&judge_by(&seen, &policy).situation())).unwrap(), &mut found);
    }
    assert_eq!(documented("plan.md"), found);
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/plan.md")).unwrap();
    for way in Way::ALL {
        assert!(text.contains(&format!("\n| `{way}` | ")), "{way}");
    }
}

#[tokio::test]
async fn every_field_of_a_saved_plan_is_documented() {
    let mut found = BTreeSet::new();
    let policy = parse_policy("rollback: ask", "refloat.yaml").unwrap();
    for seen in seen().await {
        let judged = judge_by(&seen, &policy);
        for option in plan(&judged.situation()).options.iter().filter(|option| option.applicable) {
            let work = judged.work(option.id, false, false).unwrap();
            // What wasn't captured with the release can't be guarded.
            let Ok(saved) = SavedPlan::new(&judged.situation(), option, &work, false) else { continue };
            paths("", &serde_json::to_value(saved).unwrap(), &mut found);
        }
    }
    assert_eq!(documented("saved-plans.md"), found);
}

#[test]
fn the_policy_that_is_shown_is_one_and_says_everything() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/policy.md")).unwrap();
    let example = text.split("```yaml\n").nth(1).unwrap().split_once("```").unwrap().0;
    let policy = parse_policy(example, "refloat.yaml").unwrap();
    let said: BTreeSet<String> = policy.rules().into_iter().map(|rule| rule.key).collect();
    let documented: BTreeSet<String> = text
        .split("| key |")
        .nth(1)
        .unwrap()
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()))
        .collect();
    assert_eq!(said, documented);
    let unknown = parse_policy("unknown: key", "refloat.yaml").unwrap_err().what;
    for key in &documented {
        assert!(unknown.contains(key.as_str()), "{unknown}");
    }
    for annotation in [ROLLBACK, STALE_AFTER, AUTO, PROTECTED] {
        assert!(text.contains(&format!("\n| `{annotation}` |")), "{annotation}");
    }
    for kind in OWNERS {
        assert!(text.contains(&format!("`{kind}`")), "{kind}");
    }
}

/// Every code that a rule gives, by the rules' own text.
#[test]
fn every_cause_is_documented() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/src/diagnose/causes");
    let text: String = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let given = regex::Regex::new(r#"(?:\bcause\(\s*|\bcode: |\bconcurrent_code\()"([a-z0-9-]+)""#).unwrap();
    let codes: BTreeSet<&str> = given.captures_iter(&text).map(|code| code.get(1).unwrap().as_str()).collect();
    assert!(codes.len() > 40, "{codes:?}");
    let documented = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/causes.md")).unwrap();
    let missing: Vec<&&str> = codes.iter().filter(|code| !documented.contains(&format!("| `{code}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
