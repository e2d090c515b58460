//! The tables, on the screen and in docs/.
use super::case::{Case, Intent, helm};
use super::means::Means;
use super::rescuer::Cut;
use super::run::Verdict;
use super::stage::Operation;
use super::zombie::Woken;
use crate::workspace;
use anyhow::{Context as _, Result};
use bed::Major;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

/// Everything that was measured.
#[derive(Default)]
pub struct Report {
    /// How many writes an uninterrupted operation has.
    pub writes: Vec<((Major, Operation), u32)>,
    /// Helm killed, recovered by Refloat.
    pub kill: Vec<Verdict<Case>>,
    /// The same by what people do today.
    pub today: Vec<(Means, Vec<Verdict<Case>>)>,
    /// Refloat killed, or left alone to count its writes.
    pub rescuer: Vec<Verdict<Cut>>,
    /// At how many moments it could be killed.
    pub moments: usize,
    /// Helm held.
    pub zombie: Vec<Woken>,
}

fn share<'v, C: std::fmt::Display + 'v>(verdicts: impl Iterator<Item = &'v Verdict<C>>) -> String {
    let all: Vec<bool> = verdicts.map(Verdict::is_good).collect();
    if all.is_empty() {
        "–".to_owned()
    } else {
        format!("{}/{}", all.iter().filter(|&&good| good).count(), all.len())
    }
}

const COLUMNS: &str = "| helm 3 install | helm 3 upgrade | helm 3 rollback | helm 3 uninstall | helm 4 install | helm 4 upgrade | helm 4 rollback | helm 4 uninstall | all |\n";

fn header(first: &str) -> String {
    format!("| {first} {COLUMNS}|---{}|\n", "|---".repeat(9))
}

/// A row: the share of good cases of each Helm and operation.
fn row(name: &str, verdicts: &[&Verdict<Case>]) -> String {
    let mut row = format!("| {name} |");
    for major in Major::BOTH {
        for operation in Operation::ALL {
            let of =
                verdicts.iter().filter(|verdict| verdict.case.major == major && verdict.case.operation == operation);
            let _ = write!(row, " {} |", share(of.copied()));
        }
    }
    let _ = writeln!(row, " {} |", share(verdicts.iter().copied()));
    row
}

impl Report {
    /// What failed, by name.
    pub fn failed(&self) -> Vec<String> {
        fn bad<'v, C: std::fmt::Display + 'v>(all: impl Iterator<Item = &'v Verdict<C>>) -> Vec<String> {
            all.filter(|verdict| !verdict.is_good()).map(|verdict| verdict.case.to_string()).collect()
        }
        let woken = self.zombie.iter().map(|woken| &woken.verdict);
        [bad(self.kill.iter()), bad(self.rescuer.iter()), bad(woken)].concat()
    }

    /// All tables.
    pub fn text(&self) -> String {
        let parts = [self.kills(), self.rescuers(), self.zombies()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
    }

    fn kills(&self) -> String {
        if self.kill.is_empty() {
            return String::new();
        }
        let mut text = "### Helm killed\n\n".to_owned();
        for (title, only_stuck) in [("every moment", false), ("only where the release is stuck", true)] {
            let _ = write!(text, "{title}:\n\n{}", header("recovery"));
            for intent in Intent::ALL {
                let of = |all: &'_ [Verdict<Case>]| -> Vec<Verdict<Case>> {
                    let of = all.iter().filter(|it| it.case.intent == intent && (it.stuck || !only_stuck));
                    of.cloned().collect()
                };
                for (means, all) in
                    [(Means::Refloat, &self.kill)].into_iter().chain(self.today.iter().map(|(m, all)| (*m, all)))
                {
                    let chosen = of(all);
                    let chosen: Vec<_> = chosen.iter().collect();
                    text.push_str(&row(&format!("{intent}: {means}"), &chosen));
                }
            }
            text.push('\n');
        }
        text
    }

    fn rescuers(&self) -> String {
        if self.rescuer.is_empty() {
            return String::new();
        }
        let mut rows: BTreeMap<(&str, String), Vec<&Verdict<Cut>>> = BTreeMap::new();
        for verdict in &self.rescuer {
            rows.entry((verdict.case.way(), verdict.case.what())).or_default().push(verdict);
        }
        let mut text = "### Refloat killed\n\n| way | after | good |\n|---|---|---|\n".to_owned();
        for ((way, what), all) in rows {
            let _ = writeln!(text, "| {way} | {what} | {} |", share(all.into_iter()));
        }
        let _ = writeln!(text, "| all | | {} |", share(self.rescuer.iter()));
        let killed = self.rescuer.iter().filter(|verdict| verdict.case.is_cut()).count();
        let _ = writeln!(text, "\nKilled at {killed} of {} moments; besides, each way once not at all.", self.moments);
        text
    }

    fn zombies(&self) -> String {
        if self.zombie.is_empty() {
            return String::new();
        }
        let mut rows: BTreeMap<(String, &str), Vec<&Woken>> = BTreeMap::new();
        for woken in &self.zombie {
            let case = woken.verdict.case.0;
            let name = format!("{} {}", if case.major == Major::V3 { "helm 3" } else { "helm 4" }, case.operation);
            rows.entry((name, super::means::way(&case))).or_default().push(woken);
        }
        let mut text = "### Helm held, and let go after the fix\n\n\
            | operation | way | good | something was wrong then | of these found | put right by one fix |\n|---|---|---|---|---|---|\n"
            .to_owned();
        for ((name, way), all) in rows {
            let count = |which: fn(&&&Woken) -> bool| all.iter().filter(which).count();
            let good = share(all.iter().map(|woken| &woken.verdict));
            let _ = writeln!(
                text,
                "| {name} | {way} | {good} | {} | {} | {} |",
                count(|woken| woken.is_wrong()),
                count(|woken| woken.is_wrong() && woken.found),
                count(|woken| woken.is_wrong() && woken.repaired)
            );
        }
        let superseded = |woken: &&Woken| {
            let given_up = woken.verdict.case.0.intent != Intent::Finish;
            given_up && woken.changed.iter().any(|changed| changed.starts_with("records: "))
        };
        let superseded = self.zombie.iter().filter(superseded).count();
        let _ = writeln!(text, "\nIn {superseded} cases a woken rollback marked the deployed revision superseded.");
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for changed in self.zombie.iter().flat_map(|woken| &woken.changed) {
            let kind = changed.split([':', '/']).next().unwrap_or_default();
            *kinds.entry(kind).or_default() += 1;
        }
        let kinds: Vec<_> = kinds.into_iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        let _ = writeln!(text, "What the woken Helms changed: {}.", kinds.join(", "));
        text
    }

    /// Writes `docs/kill-matrix.md`.
    pub fn write(&self) -> Result<()> {
        let writes: Vec<_> =
            self.writes.iter().map(|((major, it), writes)| format!("{} {it} {writes}", helm(*major))).collect();
        let text = format!("{INTRODUCTION}\nWrites of each operation: {}.\n\n{}", writes.join(", "), self.text());
        let path = "docs/kill-matrix.md";
        fs::write(workspace().join(path), text).with_context(|| format!("cannot write {path}"))
    }
}

const INTRODUCTION: &str = "# What becomes of a release when Helm is killed, and when Refloat is

A real API server with its controllers, real Helm 3 and 4. Helm reaches the API server through a proxy that numbers its
writes and, at one of them, kills it with SIGKILL: before the API server has seen the write, or after it has answered and
before Helm sees the answer. Operations: install of version 1, upgrade to version 2, rollback to 1, uninstall of 2; the chart
has objects and fields that only one version has, two claims (one is to be kept), and hook Jobs for every event. Each moment of
each operation is a case in a namespace of its own.

Then Refloat alone recovers, with neither chart nor values at hand, for each of three intents: finish (`fix --auto`), give up
(`fix --with rollback`; after a first install `--with uninstall`), go on (`fix --with unlock`, then `helm upgrade` to a
version 3 that lacks objects and fields of both). A case is good if every object is, field by field, as an uninterrupted run
of that intent leaves it, nothing is left over, the newest record is `deployed` and the only one (label and payload), records
hold what they held, every hook of the operation has run exactly once, claims are the same ones, no lock is left, and a
`helm upgrade` by both Helms one after another succeeds with the same outcome as after the uninterrupted run.

Where a case isn't stuck (killed before the first record write, or after the last), Refloat must leave everything as it is.
The techniques beside it are what people do today: each on the same kills, judged by the same judge; where their rows count
fewer, only each so many-th kill was tried. A pending record that stays in the history, a record that is gone and a hook that
ran again count against them as against Refloat, so that a technique can bring the objects back and be no success here.

Refloat itself is killed in the same way at each of its own writes, and run again: it must end, object by object, record by
record and hook by hook, as the fix that nobody killed. That one is judged as above, by where an uninterrupted Helm ends and by
what both Helms make of it. And Helm is held
(SIGSTOP) before each of its writes, Refloat is told that it is gone, and then Helm goes on: a *zombie*. What was given up must stay
sealed and the deployed revision alone; whatever isn't as the fix left it must be found by `refloat scan` and by `refloat diagnose`,
and one more fix (`fix --auto`; after a first install that was taken away `fix --with uninstall`) must put it right. A woken
`helm rollback` marks superseded whatever is deployed by then, so there alone the deployed record may be written, found and put right.

Repeat it with `cargo xtask matrix` (`--techniques` for the rest, `--quick` for a sample, `--log FILE` to go on another time).
";
