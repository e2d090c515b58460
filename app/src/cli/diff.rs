//! `refloat diff`: what one stored revision changed against another.

use clap::Args;
use refloat_core::diff::{Change, Comparison, ObjectChange, Sides, ValueChange, compare, value_changes};
use refloat_core::inventory::{History, ReleaseId};
use refloat_core::manifest::{ManifestObject, Problem, objects};
use refloat_core::record::{RecordMeta, Release};
use refloat_core::report::{many_lines, one_line, shortened};
use serde::Serialize;
use serde_json::{Map, Value};

use super::open;
use crate::error::Failure;
use crate::exit::Exit;
use crate::one;
use crate::output::{BAD, Format, GOOD, NOTE, STRONG, Ui, paint, wrapped};
use crate::settings::Connection;
use crate::source::Source;

/// How much of a value is told on a line.
const VALUE_WIDTH: usize = 60;

/// Flags of `diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refloat diff cart -n shop            what the newest revision changed against the one deployed
  refloat diff cart -n shop -p         with the texts, line by line
  refloat diff cart 2 4 -n shop        what revision 4 changed against revision 2
  refloat diff cart -n shop -o json    for scripts")]
pub struct DiffArgs {
    /// Name of the release
    release: String,
    /// Revision to compare with (default: the last deployed one before B, else the one before it)
    #[arg(value_name = "A")]
    old: Option<u64>,
    /// Revision to look at (default: the newest)
    #[arg(value_name = "B")]
    new: Option<u64>,
    /// Print the texts that differ, too; what Secrets hold is never shown
    #[arg(short, long)]
    patch: bool,
    /// Print values whose keys look secret, such as passwords
    #[arg(long)]
    show_secrets: bool,
    /// Exit with 3 if anything differs or can't be read
    #[arg(long)]
    exit_code: bool,
    /// Output format: table, wide, json, yaml or name
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true, value_name = "FORMAT")]
    output: Format,
}

/// One side.
#[derive(Serialize)]
struct Side {
    revision: u64,
    status: String,
    chart: String,
}

impl Side {
    fn of(release: &Release) -> Self {
        let metadata = release.chart.as_ref().and_then(|chart| chart.metadata.as_ref());
        Self {
            revision: release.version,
            status: release.info.status.clone(),
            chart: metadata.map(|it| format!("{}-{}", it.name, it.version)).unwrap_or_default(),
        }
    }
}

/// A document that can't be compared.
#[derive(Serialize)]
struct Unread {
    revision: u64,
    problem: String,
}

/// The answer.
#[derive(Serialize)]
struct Answer {
    release: String,
    namespace: String,
    old: Side,
    new: Side,
    objects: Comparison,
    hooks: Comparison,
    values: Vec<ValueChange>,
    problems: Vec<Unread>,
}

impl Answer {
    fn differs(&self) -> bool {
        let objects = self.objects.changes.is_empty() && self.hooks.changes.is_empty();
        !objects || !self.values.is_empty() || !self.problems.is_empty() || self.old.chart != self.new.chart
    }
}

/// Runs the command.
pub async fn run(args: &DiffArgs, connection: &Connection, ui: &mut Ui) -> Result<Exit, Failure> {
    let source = open(connection).await?;
    diff(&source, args, ui).await
}

/// Compares two revisions of a source's release.
async fn diff(source: &Source, args: &DiffArgs, ui: &mut Ui) -> Result<Exit, Failure> {
    let (id, history, gathered) = source.release(&args.release).await?;
    ui.notes(&gathered.notes)?;
    let (old, new) = chosen(&id, &history, args)?;
    let (old, new) = futures::try_join!(one::also(&gathered, &id, old), one::also(&gathered, &id, new))?;
    let answer = answer(&id, [&old, &new], args)?;
    match args.output {
        Format::Json | Format::Yaml => ui.data(args.output, &answer)?,
        Format::Name => {
            let changes = answer.objects.changes.iter().chain(&answer.hooks.changes);
            changes
                .into_iter()
                .try_for_each(|object| ui.line(one_line(&format!("{}/{}", object.kind, object.name))))?;
        }
        Format::Table | Format::Wide => told(&answer, args.patch, ui)?,
    }
    Ok(if args.exit_code && answer.differs() { Exit::Found } else { Exit::Ok })
}

/// The two records. Which one was deployed is told by the labels, as Helm selects it.
fn chosen<'h>(
    id: &ReleaseId,
    history: &'h History,
    args: &DiffArgs,
) -> Result<(&'h RecordMeta, &'h RecordMeta), Failure> {
    let shows = format!("refloat history {} -n {} shows those there are", id.name, id.namespace);
    let named = |revision: u64| {
        let missing = || Failure::usage(format!("release {id} has no revision {revision}")).hint(&shows);
        history.revision(revision).ok_or_else(missing)
    };
    let new = match args.new {
        Some(revision) => named(revision)?,
        None => history.newest().ok_or_else(|| Failure::usage(format!("release {id} has no revision")))?,
    };
    if let Some(revision) = args.old {
        return Ok((named(revision)?, new));
    }
    let before = |revision: &u64| Some(*revision) < new.revision();
    let deployed = history.deployed().into_iter().rfind(before);
    let old = deployed.or_else(|| history.records().iter().filter_map(RecordMeta::revision).rfind(before));
    let alone = || {
        let revision = new.revision().unwrap_or_default();
        Failure::usage(format!("release {id} has no revision before {revision} to compare with"))
            .hint(format!("refloat get manifest {} -n {} shows what it holds", id.name, id.namespace))
    };
    Ok((named(old.ok_or_else(alone)?)?, new))
}

fn answer(id: &ReleaseId, [old, new]: [&Release; 2], args: &DiffArgs) -> Result<Answer, Failure> {
    let names = [old, new].map(|side| format!("revision {}", side.version));
    let [old_name, new_name] = &names;
    let sides = Sides { old: old_name, new: new_name, namespace: &id.namespace };
    let mut problems = Vec::new();
    let mut kept = |side: &Release, (objects, broken): (Vec<ManifestObject>, Vec<Problem>)| {
        let unread = |problem: Problem| Unread { revision: side.version, problem: problem.to_string() };
        problems.extend(broken.into_iter().map(unread));
        objects
    };
    let manifests = [old, new].map(|side| kept(side, objects(&side.manifest)));
    let hooks = [old, new].map(|side| kept(side, hook_objects(side)));
    let [old_values, new_values] = [values(old)?, values(new)?];
    Ok(Answer {
        release: id.name.clone(),
        namespace: id.namespace.clone(),
        old: Side::of(old),
        new: Side::of(new),
        objects: compare(&manifests[0], &manifests[1], sides),
        hooks: compare(&hooks[0], &hooks[1], sides),
        values: value_changes(&old_values, &new_values, args.show_secrets),
        problems,
    })
}

/// The objects of all hooks; their templates stand beside their manifests.
fn hook_objects(release: &Release) -> (Vec<ManifestObject>, Vec<Problem>) {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for hook in &release.hooks {
        let (objects, broken) = objects(&hook.manifest);
        found.extend(objects.into_iter().map(|object| ManifestObject { source: hook.path.clone(), ..object }));
        problems.extend(broken.into_iter().map(|problem| Problem { template: hook.path.clone(), ..problem }));
    }
    (found, problems)
}

fn values(release: &Release) -> Result<Value, Failure> {
    let Some(text) = &release.config else { return Ok(Value::Object(Map::new())) };
    serde_json::from_str(text)
        .map_err(|_| Failure::new(Exit::Found, format!("the values of revision {} can't be compared", release.version)))
}

fn told(answer: &Answer, patch: bool, ui: &mut Ui) -> Result<(), Failure> {
    let Answer { old, new, .. } = answer;
    let against = format!("revision {} against revision {} ({})", new.revision, old.revision, one_line(&old.status));
    ui.line(format!("{}: {}", paint(STRONG, against), summary(&answer.objects, "object")))?;
    answer.objects.changes.iter().try_for_each(|object| line(object, answer, ui))?;
    if old.chart != new.chart {
        ui.line(format!("chart: {} → {}", one_line(&old.chart), one_line(&new.chart)))?;
    }
    if !answer.hooks.changes.is_empty() {
        ui.line(format!("hooks: {}", summary(&answer.hooks, "hook")))?;
        answer.hooks.changes.iter().try_for_each(|object| line(object, answer, ui))?;
    }
    if !answer.values.is_empty() {
        ui.line(format!("values: {} of the user's differ", answer.values.len()))?;
        answer.values.iter().try_for_each(|value| value_line(value, ui))?;
    }
    for Unread { revision, problem } in &answer.problems {
        let text = format!("revision {revision}: {}; it isn't compared", one_line(problem));
        ui.line(format!("{} {}", paint(BAD, "unread"), wrapped(&text, 7, ui.width)))?;
    }
    if patch {
        let changes = answer.objects.changes.iter().chain(&answer.hooks.changes);
        changes.into_iter().try_for_each(|object| patched(object, answer, ui))?;
    }
    Ok(())
}

/// `1 object added, 2 changed, 1 removed; 12 the same`.
fn summary(comparison: &Comparison, noun: &str) -> String {
    let counts = [(Change::Added, "added"), (Change::Changed, "changed"), (Change::Removed, "removed")];
    let counts = counts.map(|(change, word)| (comparison.count(change), word));
    let mut parts: Vec<String> = Vec::new();
    for (count, word) in counts.into_iter().filter(|(count, _)| *count > 0) {
        let noun = match (parts.is_empty(), count) {
            (false, _) => String::new(),
            (true, 1) => format!("{noun} "),
            (true, _) => format!("{noun}s "),
        };
        parts.push(format!("{count} {noun}{word}"));
    }
    let differ = if parts.is_empty() { format!("no {noun} differs") } else { parts.join(", ") };
    format!("{differ}; {} the same", comparison.same)
}

/// The word for a change, as wide as the widest.
fn word(change: Change) -> String {
    match change {
        Change::Added => paint(GOOD, "added  "),
        Change::Changed => paint(NOTE, "changed"),
        Change::Removed => paint(BAD, "removed"),
    }
}

fn called(object: &ObjectChange, answer: &Answer) -> String {
    let elsewhere = object.namespace.as_ref().filter(|namespace| **namespace != answer.namespace);
    let namespace = elsewhere.map(|namespace| format!("{namespace}/")).unwrap_or_default();
    one_line(&format!("{} {namespace}{}", object.kind, object.name))
}

fn line(object: &ObjectChange, answer: &Answer, ui: &mut Ui) -> Result<(), Failure> {
    let paths: Vec<String> = object.paths.iter().map(|path| one_line(&path.path)).collect();
    let paths = if paths.is_empty() { String::new() } else { format!(": {}", paths.join(", ")) };
    let text = format!("{}{paths}", called(object, answer));
    ui.line(format!("  {}  {}", word(object.change), wrapped(&text, 11, ui.width)))
}

fn value_line(value: &ValueChange, ui: &mut Ui) -> Result<(), Failure> {
    let sides: Vec<String> =
        [&value.old, &value.new].into_iter().flatten().map(|side| shortened(&side.to_string(), VALUE_WIDTH)).collect();
    let text = format!("{}: {}", one_line(&value.path), sides.join(" → "));
    ui.line(format!("  {}  {}", word(value.change), wrapped(&text, 11, ui.width)))
}

fn patched(object: &ObjectChange, answer: &Answer, ui: &mut Ui) -> Result<(), Failure> {
    let from = if object.source.is_empty() { String::new() } else { format!("  ({})", one_line(&object.source)) };
    ui.line(format!("\n{}{from}", paint(STRONG, called(object, answer))))?;
    for line in many_lines(&object.patch).lines() {
        match line.chars().next() {
            Some('+') => ui.line(paint(GOOD, line))?,
            Some('-') => ui.line(paint(BAD, line))?,
            _ => ui.line(line)?,
        }
    }
    Ok(())
}
