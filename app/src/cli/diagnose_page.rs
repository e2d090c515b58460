//! A diagnosis as text: what happened, why, what next; then the proof.

use refloat_core::compare::{Side, Speaks};
use refloat_core::diagnose::{Cause, Diagnosis, HookRun, LivenessVerdict, Mark, ObjectView, Outlook};
use refloat_core::report::{age, left, one_line};

use super::diagnose::is_well;
use crate::error::Failure;
use crate::output::{BAD, GOOD, LITERAL, STRONG, Ui, fits, hanging, paint, table};

/// How many causes are shown in full, unless all are asked for.
const FEW: usize = 3;
/// How many lines of evidence a cause gets.
const EVIDENCE: usize = 4;

/// A diagnosis on its way to a terminal.
pub(super) struct Page<'a> {
    /// The diagnosis.
    pub(super) found: &'a Diagnosis,
    /// Whether everything is to be shown.
    pub(super) all: bool,
    /// The terminal.
    pub(super) ui: &'a mut Ui,
}

impl Page<'_> {
    /// Shows it.
    pub(super) fn show(&mut self) -> Result<(), Failure> {
        self.answer()?;
        self.operation()?;
        self.causes()?;
        self.attempts()?;
        self.objects()?;
        self.hooks()?;
        self.orphans()?;
        self.history()?;
        self.again()?;
        self.answers()?;
        self.unknowns()
    }

    /// What, why, what next: what somebody who was woken up reads.
    fn answer(&mut self) -> Result<(), Failure> {
        let found = self.found;
        let style = if is_well(found) { GOOD } else { BAD };
        let head = format!("{}/{}:", found.namespace, found.release);
        self.folded(&format!("{} {}", paint(style, head), one_line(&found.summary)), 6)?;
        if let Some(cause) = found.causes.first().filter(|_| !is_well(found)) {
            // Without evidence the first line says it all.
            let shown = cause.evidence.first().map(|first| format!("{} ", one_line(first))).unwrap_or_default();
            self.folded(&format!("why:  {shown}({}, {})", cause.code, cause.confidence), 6)?;
        }
        let step = &found.next_step;
        self.folded(&format!("next: {}", one_line(&step.words)), 6)?;
        if !step.command.is_empty() {
            self.ui.line(format!("      {}", paint(LITERAL, one_line(&step.command))))?;
        }
        let plan = format!("refloat plan {} -n {}", found.release, found.namespace);
        if is_well(found) || step.command == plan {
            return Ok(());
        }
        self.ui.line(format!("ways: {}", paint(LITERAL, plan)))
    }

    fn operation(&mut self) -> Result<(), Failure> {
        let (operation, liveness) = (&self.found.operation, &self.found.liveness);
        self.ui.line("")?;
        self.field("STATUS", &format!("{}: {}", self.found.status, self.found.status_means))?;
        if liveness.verdict == LivenessVerdict::None && operation.kind.as_str() == "none" {
            return Ok(());
        }
        let mut words = match operation.from {
            Some(from) => format!("{} from revision {from} to {}", operation.kind.as_str(), self.found.revision),
            None => format!("{} of revision {}", operation.kind.as_str(), self.found.revision),
        };
        if let Some(began) = operation.began {
            words.push_str(&format!(", begun {} ago", age(self.found.at.duration_since(began))));
        }
        if let Some(by) = &operation.by {
            words.push_str(&format!(", written by {by}"));
        }
        self.field("OPERATION", &words)?;
        self.field("PHASE", &format!("{}: {}", operation.phase, operation.because))?;
        if liveness.verdict == LivenessVerdict::None {
            return Ok(());
        }
        let until = liveness.until.map(|until| format!(" for {} more", left(until.duration_since(self.found.at))));
        let verdict = match liveness.verdict {
            LivenessVerdict::Live => "Helm runs",
            LivenessVerdict::Possible => "Helm may still run",
            LivenessVerdict::Stale => "no Helm is at work any more",
            _ => "whether Helm still runs can't be told",
        };
        let verdict = format!("{}: {verdict}{}", liveness.verdict, until.unwrap_or_default());
        self.field("LIVENESS", &verdict)?;
        for reason in &liveness.reasons {
            self.field("", reason)?;
        }
        for change in &liveness.would_change {
            self.field("", &format!("would change it: {change}"))?;
        }
        Ok(())
    }

    fn causes(&mut self) -> Result<(), Failure> {
        if self.found.causes.is_empty() {
            return Ok(());
        }
        self.heading("CAUSES", "most telling first")?;
        let most = if self.all { usize::MAX } else { FEW };
        for (place, cause) in self.found.causes.iter().take(most).enumerate() {
            self.cause(place + 1, cause)?;
        }
        let more = self.found.causes.len().saturating_sub(most);
        if more > 0 { self.ui.line(format!("  {more} more with -o wide")) } else { Ok(()) }
    }

    fn cause(&mut self, place: usize, cause: &Cause) -> Result<(), Failure> {
        let code = paint(STRONG, cause.code);
        self.folded(&format!("  {place}. {code} ({}): {}", cause.confidence, one_line(&cause.summary)), 5)?;
        for line in cause.evidence.iter().take(if self.all { usize::MAX } else { EVIDENCE }) {
            self.folded(&format!("     - {}", one_line(line)), 7)?;
        }
        if !cause.remedy.is_empty() {
            self.folded(&format!("     do:  {}", one_line(&cause.remedy)), 10)?;
        }
        if !cause.command.is_empty() {
            self.ui.line(format!("     see: {}", paint(LITERAL, one_line(&cause.command))))?;
        }
        Ok(())
    }

    /// The refusals that the next attempt would meet.
    fn attempts(&mut self) -> Result<(), Failure> {
        let Some(attempts) = &self.found.attempts else { return Ok(()) };
        let refused: Vec<_> = attempts.iter().filter(|attempt| !attempt.accepted).collect();
        let words = match (attempts.len(), refused.len()) {
            (0, _) => "everything is applied, so there was nothing to ask the server".to_owned(),
            (all, 0) => format!("the server would take all of what isn't applied yet: {all}"),
            (all, refused) => format!("the server would refuse {refused} of {all} that aren't applied yet"),
        };
        self.heading("NEXT ATTEMPT", &words)?;
        for attempt in refused {
            let why = attempt.why.as_deref().unwrap_or_default();
            self.folded(&format!("  - {}: {}", one_line(&attempt.object), one_line(why)), 4)?;
        }
        Ok(())
    }

    /// Only what isn't as it is to be, unless all is asked for.
    fn objects(&mut self) -> Result<(), Failure> {
        let total = self.found.objects.len();
        let shown: Vec<&ObjectView> =
            self.found.objects.iter().filter(|object| self.all || stands_out(object)).collect();
        if total == 0 {
            return Ok(());
        }
        let nearer = self.found.nearer.as_ref().map(|nearer| match (nearer.to, self.found.operation.kind.as_str()) {
            (_, "uninstall") => format!("{} of {} removed", self.found.operation.done, self.found.operation.of),
            (_, "install") => format!("{} of {} created", self.found.operation.done, self.found.operation.of),
            ("neither", _) => format!("as near to the old revision as to the new one, of {} that differ", nearer.of),
            (side, _) => format!("nearer to the {side} revision: {} of {} that differ", nearer.count, nearer.of),
        });
        let rest = match (total - shown.len(), shown.len()) {
            (0, _) => None,
            (1, 0) => Some("the one there is is as it should be".to_owned()),
            (all, 0) => Some(format!("all {all} are as they should be (-o wide shows them)")),
            (1, _) => Some("1 other is as it should be (-o wide shows it)".to_owned()),
            (others, _) => Some(format!("{others} others are as they should be (-o wide shows them)")),
        };
        let notes: Vec<String> = nearer.into_iter().chain(rest).collect();
        self.heading("OBJECTS", &notes.join("; "))?;
        if shown.is_empty() {
            return Ok(());
        }
        let rows: Vec<[String; 4]> = shown.iter().map(|object| cells(object, &self.found.namespace)).collect();
        let drawn = moved_in(&table(Some(["OBJECT", "STATE", "READY", "WAITS FOR"]), &rows));
        if fits(&drawn, self.ui.width) {
            self.ui.write(&drawn)?;
        } else {
            for [object, state, ready, waits] in rows {
                self.ui.line(format!("  {}  {state}, ready: {ready}", one_line(&object)))?;
                if !waits.is_empty() {
                    self.folded(&format!("      {}", one_line(&waits)), 6)?;
                }
            }
        }
        if self.all {
            self.fields(&shown)?;
        }
        Ok(())
    }

    /// The fields by which it was decided.
    fn fields(&mut self, shown: &[&ObjectView]) -> Result<(), Failure> {
        for object in shown.iter().filter(|object| !object.fields.is_empty()) {
            self.ui.line(format!("  {}/{}:", object.kind.to_lowercase(), one_line(&object.name)))?;
            for field in &object.fields {
                let speaks = match field.sides {
                    Speaks::Old => "as in the old revision",
                    Speaks::New => "as in the new revision",
                    Speaks::Either => "reads the same in both",
                    Speaks::Neither => "as in neither",
                    Speaks::Unknown => "can't be compared",
                };
                self.ui.line(format!("    {}: {speaks}", one_line(&field.path)))?;
            }
        }
        Ok(())
    }

    fn hooks(&mut self) -> Result<(), Failure> {
        if self.found.hooks.is_empty() {
            return Ok(());
        }
        self.heading("HOOKS", "in the order in which Helm runs them")?;
        let rows: Vec<[String; 4]> = self
            .found
            .hooks
            .iter()
            .map(|hook| {
                let name = format!("{}/{}", hook.kind.to_lowercase(), hook.name);
                let notes: Vec<&str> = [&hook.why, &hook.again].into_iter().flatten().map(String::as_str).collect();
                [name, hook.event.clone(), hook_word(hook.state).to_owned(), notes.join("; ")]
            })
            .collect();
        let drawn = moved_in(&table(Some(["HOOK", "RUNS", "STATE", "NOTE"]), &rows));
        if fits(&drawn, self.ui.width) {
            return self.ui.write(&drawn);
        }
        for [hook, event, state, why] in rows {
            self.ui.line(format!("  {}  {event}, {state}", one_line(&hook)))?;
            if !why.is_empty() {
                self.folded(&format!("      {}", one_line(&why)), 6)?;
            }
        }
        Ok(())
    }

    fn orphans(&mut self) -> Result<(), Failure> {
        if self.found.orphans.is_empty() {
            return Ok(());
        }
        let unread = self.found.history.first().is_some_and(|newest| newest.readable == Some(false));
        let words = if unread {
            "marked as this release's, and in no revision that can be read"
        } else {
            "marked as this release's, and in no revision at hand: Helm won't remove them"
        };
        self.heading("ORPHANS", words)?;
        for orphan in &self.found.orphans {
            let by = match orphan.mark {
                Mark::Annotations => "",
                Mark::Label => "  (by its label app.kubernetes.io/instance alone)",
            };
            self.ui.line(format!("  {}/{}{by}", orphan.kind.to_lowercase(), one_line(&orphan.name)))?;
        }
        Ok(())
    }

    fn history(&mut self) -> Result<(), Failure> {
        let good = self.found.last_good.as_ref();
        let words = match good {
            Some(good) => format!("last good revision: {}, as {}", good.revision, good.why),
            None => "no revision is known to have been good".to_owned(),
        };
        self.heading("HISTORY", &words)?;
        let most = if self.all { usize::MAX } else { 5 };
        for past in self.found.history.iter().take(most) {
            let text = match past.readable {
                Some(false) => "can't be read".to_owned(),
                _ => one_line(&past.description),
            };
            self.folded(&format!("  {:<3} {:<16} {}  {text}", past.revision, past.status, past.chart), 6)?;
        }
        let more = self.found.history.len().saturating_sub(most);
        if more > 0 { self.ui.line(format!("  {more} older")) } else { Ok(()) }
    }

    /// What doing it again would mean, and what the next upgrade would change.
    fn again(&mut self) -> Result<(), Failure> {
        let Some(rerun) = &self.found.rerun else { return Ok(()) };
        let verdict = match rerun.safe {
            Some(true) => "safe",
            Some(false) => "mind",
            None => "not known",
        };
        self.heading("DOING IT AGAIN", verdict)?;
        for why in &rerun.why {
            self.folded(&format!("  - {}", one_line(why)), 4)?;
        }
        for outlook in &self.found.outlook {
            let count = |verb: &str, count: usize| (count > 0).then(|| format!("{verb} {count}"));
            let counts: Vec<String> = [
                count("creates", outlook.created.len()),
                count("changes", outlook.changed.len()),
                count("deletes", outlook.deleted.len()),
                count("can't be told of", outlook.unknown.len()),
                (outlook.unchanged == 1).then(|| "leaves 1 as it is".to_owned()),
                (outlook.unchanged > 1).then(|| format!("leaves {} as they are", outlook.unchanged)),
            ]
            .into_iter()
            .flatten()
            .collect();
            let words =
                format!("  - an upgrade with the objects of revision {} {}", outlook.revision, counts.join(", "));
            self.folded(&words, 4)?;
            if self.all {
                self.outlook(outlook)?;
            }
        }
        Ok(())
    }

    fn outlook(&mut self, outlook: &Outlook) -> Result<(), Failure> {
        let named = outlook.created.iter().map(|object| format!("creates {object}"));
        let deleted = outlook.deleted.iter().map(|object| format!("deletes {object}"));
        let changed =
            outlook.changed.iter().map(|change| format!("changes {}: {}", change.object, change.fields.join(", ")));
        for line in named.chain(changed).chain(deleted) {
            self.folded(&format!("      {}", one_line(&line)), 8)?;
        }
        Ok(())
    }

    fn answers(&mut self) -> Result<(), Failure> {
        if is_well(self.found) || self.found.answers.is_empty() {
            return Ok(());
        }
        self.heading("HELM WILL ANSWER NOW", "")?;
        for command in ["upgrade", "install", "rollback", "uninstall"] {
            if let Some(answer) = self.found.answers.get(command) {
                let verdict = if answer.accepted { "accepted, " } else { "refused: " };
                self.folded(&format!("  {command:<10} {verdict}{}", one_line(&answer.text)), 13)?;
            }
        }
        Ok(())
    }

    fn unknowns(&mut self) -> Result<(), Failure> {
        if self.found.unknowns.is_empty() {
            return Ok(());
        }
        self.heading("NOT SEEN", "")?;
        for unknown in &self.found.unknowns {
            self.folded(&format!("  - {}", one_line(unknown)), 4)?;
        }
        Ok(())
    }

    fn heading(&mut self, word: &str, words: &str) -> Result<(), Failure> {
        let gap = if words.is_empty() { "" } else { "  " };
        self.ui.line("")?;
        self.folded(&format!("{}{gap}{words}", paint(STRONG, word)), word.len() + 2)
    }

    fn field(&mut self, word: &str, text: &str) -> Result<(), Failure> {
        let text = one_line(text);
        match word {
            "" => self.folded(&format!("{:11}{text}", ""), 11),
            word => self.folded(&format!("{} {text}", paint(STRONG, format!("{word:<10}"))), 11),
        }
    }

    /// A line that begins at the left edge, with the rest further in.
    fn folded(&mut self, text: &str, indent: usize) -> Result<(), Failure> {
        let lines = hanging(text, indent, self.ui.width);
        self.ui.line(lines)
    }
}

/// A table's lines, each moved in.
fn moved_in(drawn: &str) -> String {
    drawn.lines().map(|line| format!("  {line}\n")).collect()
}

/// Whether an object isn't simply as it is to be.
fn stands_out(object: &ObjectView) -> bool {
    object.ready == Some(false)
        || object.done != Some(true)
        || !matches!(object.state, Side::New | Side::Same | Side::Absent)
        || object.waits_for.is_some()
}

fn cells(object: &ObjectView, namespace: &str) -> [String; 4] {
    let place = if object.namespace.is_empty() || object.namespace == namespace {
        String::new()
    } else {
        format!(" (in {})", object.namespace)
    };
    let ready = match object.ready {
        Some(true) => "yes",
        Some(false) => "no",
        None => "-",
    };
    let waits = match (&object.waits_for, &object.progress) {
        (Some(waits), Some(progress)) if !says_as_much(waits, progress) => format!("{waits} ({progress})"),
        (Some(waits), _) => waits.clone(),
        (None, _) => String::new(),
    };
    let name = format!("{}/{}{place}", object.kind.to_lowercase(), object.name);
    [name, object.state.to_string(), ready.to_owned(), waits]
}

/// Whether what is waited for names the same counts: `0 of 1 pods available` is no news beside `0 of 1 available`.
fn says_as_much(waits: &str, progress: &str) -> bool {
    waits.contains(progress) || waits.split(' ').take(3).eq(progress.split(' ').take(3))
}

fn hook_word(state: HookRun) -> &'static str {
    match state {
        HookRun::NeverRan => "never ran",
        HookRun::Running => "running",
        HookRun::Succeeded => "succeeded",
        HookRun::Failed => "failed",
        HookRun::Gone => "started, gone since",
        HookRun::Passed => "passed",
        HookRun::Unknown => "unknown",
    }
}
