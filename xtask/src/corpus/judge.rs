//! Label against answer.
use super::make::{Makes as _, Run};
use super::refloat::Got;
use bed::corpus::Label;
use std::fmt::Write as _;
use std::time::Duration;

/// What became of a run.
pub struct Answer {
    /// Which.
    pub run: Run,
    /// What Refloat said, if it said anything.
    pub got: Option<Got>,
    /// How long after the scenario was made it said `stale`.
    pub stale_after: Option<Duration>,
    /// Why there is no answer, or no bundle.
    pub fault: Option<String>,
    /// The bundle's file name.
    pub bundle: Option<String>,
}

/// What was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The operation.
    pub operation: bool,
    /// The phase.
    pub phase: bool,
    /// Liveness.
    pub liveness: bool,
    /// The top cause.
    pub top_1: bool,
    /// The top cause among the first three, and all else that is wrong too.
    pub top_3: bool,
}

impl Marks {
    /// Compares an answer with its label.
    pub fn of(label: &Label, got: &Got) -> Self {
        let is = |words: &[&str], word: &str| words.contains(&word);
        let first: Vec<_> = got.causes.iter().take(3).map(String::as_str).collect();
        let well = label.causes.is_empty();
        let top_1 = first.first().map_or(well, |top| is(label.causes, top));
        let among = if well { first.is_empty() } else { label.causes.iter().any(|cause| is(&first, cause)) };
        Self {
            operation: got.operation == label.operation,
            phase: is(label.phase, &got.phase),
            liveness: is(label.liveness, &got.liveness),
            top_1,
            top_3: among && label.also.iter().all(|cause| is(&first, cause)),
        }
    }

    /// Whether all is right.
    pub fn all(self) -> bool {
        self.operation && self.phase && self.liveness && self.top_1 && self.top_3
    }
}

impl Answer {
    /// What was right; nothing of an answer that isn't there.
    pub fn marks(&self) -> Marks {
        let none = Marks { operation: false, phase: false, liveness: false, top_1: false, top_3: false };
        self.got.as_ref().map_or(none, |got| Marks::of(&self.run.scenario.label, got))
    }

    /// What the label asks for, in a few words.
    pub fn expected(&self) -> String {
        let label = self.run.scenario.label;
        let causes = if label.causes.is_empty() { "nothing".to_owned() } else { label.causes.join("/") };
        let also = label.also.iter().map(|also| format!(" +{also}")).collect::<String>();
        let (phase, liveness) = (label.phase.join("/"), label.liveness.join("/"));
        format!("{} {phase} {liveness}: {causes}{also}", label.operation)
    }

    /// What Refloat said, in a few words.
    pub fn found(&self) -> String {
        match &self.got {
            Some(got) => {
                let first: Vec<_> = got.causes.iter().take(3).map(String::as_str).collect();
                let causes = if first.is_empty() { "nothing".to_owned() } else { first.join(", ") };
                format!("{} {} {}: {causes}", got.operation, got.phase, got.liveness)
            }
            None => self.fault.clone().unwrap_or_default(),
        }
    }

    /// Which parts are wrong.
    pub fn wrong(&self) -> String {
        let marks = self.marks();
        let parts = [
            (marks.operation, "operation"),
            (marks.phase, "phase"),
            (marks.liveness, "liveness"),
            (marks.top_1, "top cause"),
            (marks.top_3, "first three causes"),
        ];
        parts.iter().filter(|(right, _)| !right).map(|(_, part)| *part).collect::<Vec<_>>().join(", ")
    }

    /// A line about it.
    pub fn line(&self) -> String {
        let name = self.run.name();
        if self.marks().all() {
            return format!("ok    {name:<40} {}", self.found());
        }
        format!("WRONG {name:<40} {}\n      expected {}  [{}]", self.found(), self.expected(), self.wrong())
    }
}

/// What whoever writes the rules wants to know of each wrong answer.
pub fn faults(answers: &[Answer]) -> String {
    let mut text = String::new();
    for answer in answers.iter().filter(|answer| !answer.marks().all() || answer.fault.is_some()) {
        let scenario = answer.run.scenario;
        let _ = writeln!(text, "\n## {}: {}\n{}", answer.run.name(), answer.wrong(), scenario.words);
        let _ = writeln!(text, "expected: {}\ngot:      {}", answer.expected(), answer.found());
        if let Some(fault) = &answer.fault {
            let _ = writeln!(text, "fault:    {fault}");
        }
        let Some(got) = &answer.got else { continue };
        let _ = writeln!(text, "phase, because: {}", got.because);
        for reason in &got.reasons {
            let _ = writeln!(text, "liveness, because: {reason}");
        }
        for state in &got.states {
            let _ = writeln!(text, "  {state}");
        }
        for evidence in got.evidence.iter().take(4) {
            let _ = writeln!(text, "top cause, because: {evidence}");
        }
    }
    text
}
