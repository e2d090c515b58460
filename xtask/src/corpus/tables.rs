//! The tables, on the screen and in docs/.
use super::judge::{Answer, Marks};
use super::liveness::Seen;
use super::make::Makes as _;
use crate::workspace;
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

fn share(right: usize, of: usize) -> String {
    if of == 0 {
        return "–".to_owned();
    }
    format!("{right} of {of} ({:.1} %)", right as f64 * 100.0 / of as f64)
}

fn accuracy(answers: &[Answer]) -> String {
    let marks: Vec<Marks> = answers.iter().map(Answer::marks).collect();
    let count = |which: fn(&Marks) -> bool| share(marks.iter().filter(|marks| which(marks)).count(), marks.len());
    let rows = [
        ("operation", count(|marks| marks.operation)),
        ("phase", count(|marks| marks.phase)),
        ("liveness", count(|marks| marks.liveness)),
        ("top cause", count(|marks| marks.top_1)),
        ("among the first three causes", count(|marks| marks.top_3)),
        ("all of it", count(|marks| marks.all())),
    ];
    let mut text = "| what | right |\n|---|---|\n".to_owned();
    for (what, right) in rows {
        let _ = writeln!(text, "| {what} | {right} |");
    }
    text
}

/// The table of accuracy.
pub fn scenarios(answers: &[Answer]) -> String {
    format!("\n{}", accuracy(answers))
}

/// Writes `docs/corpus.md`.
pub fn write_scenarios(answers: &[Answer]) -> Result<()> {
    let mut text = "# How often a diagnosis is right\n\n".to_owned();
    let ids: BTreeMap<_, _> = answers.iter().map(|answer| (answer.run.scenario.id, ())).collect();
    let _ = writeln!(
        text,
        "{} scenarios, {} releases with both Helms, each made for real: a real API server with its controllers, real Helm 3\n\
         and 4, killed, failed or held up. Each checks by the API that what it stands for has come about, and bears a label:\n\
         operation, phase, liveness, top cause. What a kubelet would report is simulated, nothing else.\n\n\
         Repeat it with `cargo xtask corpus`; `--only TEXT` takes some, `--bundles DIR` saves a bundle of each. Bundles of all\n\
         of them are in `app/tests/corpus`, and `cargo test -p refloat --test corpus` diagnoses them without a cluster.\n\n\
         ## Accuracy\n\n{}",
        ids.len(),
        answers.len(),
        accuracy(answers)
    );
    text.push_str("\nA label with several words separated by `/` takes each of them: no observer could tell them apart. `+` marks\n");
    text.push_str(
        "what must be among the first three causes too. A letter names an unexpected failure case of the field.\n",
    );
    text.push_str("\n## Scenarios\n\n| scenario | what happened | expected | got | right |\n|---|---|---|---|---|\n");
    for answer in answers {
        let scenario = answer.run.scenario;
        let case = scenario.label.field_case.map(|case| format!(" ({case})")).unwrap_or_default();
        let right = if answer.marks().all() { "yes".to_owned() } else { format!("**no: {}**", answer.wrong()) };
        let found = answer.found().replace('|', "\\|").replace('\n', " ");
        let (name, expected) = (answer.run.name(), answer.expected());
        let _ = writeln!(text, "| {name}{case} | {} | {expected} | {found} | {right} |", scenario.words);
    }
    write("docs/corpus.md", &text)
}

/// The tables about liveness.
pub fn liveness(live: &[Seen], dead: &[Seen]) -> String {
    let looks: usize = live.iter().map(|seen| seen.looks.len()).sum();
    let wrong: usize =
        live.iter().map(|seen| seen.looks.iter().filter(|look| look.got.liveness == "stale").count()).sum();
    let mut text = format!(
        "{} live operations, looked at {looks} times while Helm was at work: {wrong} looks called one stale.\n",
        live.iter().filter(|seen| !seen.looks.is_empty()).count()
    );
    let looked: Vec<&Seen> = dead.iter().filter(|seen| !seen.looks.is_empty()).collect();
    let (waiting, calling): (Vec<&Seen>, Vec<&Seen>) = looked.iter().partition(|seen| seen.waits());
    let _ = writeln!(
        text,
        "\n{} killed operations:\n\n- where a live Helm would make one call after another, {} were called stale within 60 s{};\n\
         - where it waits, or may not have noticed yet that its wait is over, {} were{}. A live Helm leaves no trace there, so that\n  \
         less can't be concluded: it bears a failing API server, and what it waits for may never come.",
        looked.len(),
        share(
            calling.iter().filter(|seen| seen.stale().is_some_and(|look| look.age.as_secs() <= 60)).count(),
            calling.len()
        ),
        ages(&calling),
        share(waiting.iter().filter(|seen| seen.stale().is_some()).count(), waiting.len()),
        ages(&waiting),
    );
    text.push_str("\n### At work\n\n| operation | phase | held up by | looks | verdicts |\n|---|---|---|---|---|\n");
    for seen in live {
        let verdicts = verdicts(seen);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {verdicts} |",
            seen.operation,
            seen.phase,
            seen.name,
            seen.looks.len()
        );
    }
    text.push_str("\n### Killed\n\n| what | phase found | stale after |\n|---|---|---|\n");
    for seen in dead {
        let phase = seen.looks.last().map_or("", |look| look.got.phase.as_str());
        let after = seen.stale().map_or_else(
            || format!("not within 115 s: {}", verdicts(seen)),
            |look| format!("{} s", look.age.as_secs()),
        );
        let _ = writeln!(text, "| {} ({}) | {phase} | {after} |", seen.words, seen.name);
    }
    text
}

/// After how many seconds they were called stale.
fn ages(dead: &[&Seen]) -> String {
    let mut ages: Vec<u64> = dead.iter().filter_map(|seen| Some(seen.stale()?.age.as_secs())).collect();
    ages.sort_unstable();
    match (ages.get(ages.len() / 2), ages.last()) {
        (Some(median), Some(last)) => format!(", half of them after {median} s, all after {last} s"),
        _ => String::new(),
    }
}

fn verdicts(seen: &Seen) -> String {
    let mut counts = BTreeMap::new();
    for look in &seen.looks {
        *counts.entry(look.got.liveness.as_str()).or_insert(0) += 1;
    }
    let words: Vec<_> = counts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
    if words.is_empty() { seen.fault.clone().unwrap_or_default() } else { words.join(", ") }
}

/// Writes `docs/liveness.md`.
pub fn write_liveness(tables: &str) -> Result<()> {
    let text = format!(
        "# How often the verdict on liveness is right\n\n\
         Real Helm 3 and 4 at work, held up in each phase by slow pods, slow hooks, webhooks of up to 30 s each one after\n\
         another, a throttling API server or an object that doesn't go, and looked at several times; and killed by SIGKILL\n\
         after each of their writes and in their waits, and looked at every 5 s for 115 s.\n\n\
         Repeat it with `cargo xtask corpus --liveness`.\n\n{tables}"
    );
    write("docs/liveness.md", &text)
}

fn write(path: &str, text: &str) -> Result<()> {
    fs::write(workspace().join(path), text).with_context(|| format!("cannot write {path}"))
}
