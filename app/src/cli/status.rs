//! `refloat status`: as `helm status`, preceded by what is wrong, if anything is.

use std::collections::BTreeMap;

use clap::Args;
use refloat_core::diagnose::{Answer, Answers, answers};
use refloat_core::inventory::{Ailment, History, Opened, ReleaseId, examine};
use refloat_core::record::{Release, StoredRecord};
use refloat_core::report::{ansic, one_line};
use serde::Serialize;
use serde_json::value::RawValue;

use super::diagnose_returned::told;
use super::open;
use super::scan::{Finding, next};
use crate::error::Failure;
use crate::exit::Exit;
use crate::look::Examined;
use crate::one;
use crate::output::{BAD, Format, LITERAL, STRONG, Ui, hanging, paint};
use crate::settings::Connection;
use crate::source::Source;

/// Flags of `status`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refloat status cart -n shop                         what it is like, and what is wrong with it
  refloat status cart -n shop --revision 2 -o json    an earlier revision, in Helm's fields")]
pub struct StatusArgs {
    /// Name of the release
    release: String,
    /// Show this revision instead of the newest
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
    /// Output format: table, wide, json, yaml or name
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true, value_name = "FORMAT")]
    output: Format,
}

/// Runs the command.
pub async fn run(args: &StatusArgs, connection: &Connection, ui: &mut Ui) -> Result<Exit, Failure> {
    let source = open(connection).await?;
    status(&source, args, ui).await
}

/// Shows one release of a source.
pub(super) async fn status(source: &Source, args: &StatusArgs, ui: &mut Ui) -> Result<Exit, Failure> {
    let (id, history, gathered, record) = match one::find(source, &args.release, args.revision).await {
        Err(missing) => return Err(told(source, &args.release, missing).await),
        Ok(found) => found,
    };
    ui.notes(&gathered.notes)?;
    let newest = args.revision.is_none() || history.newest().map(|newest| &newest.id) == Some(&record.meta.id);
    let found = if newest { Found::of(&id, &history, &record) } else { Found::default() };
    if args.output.is_data() {
        return data(args, source, &found, ui).await;
    }
    if args.output == Format::Name {
        ui.line(&id)?;
        return Ok(Exit::Ok);
    }
    let opened = record.document().and_then(|document| Release::from_document(&document));
    problems(&id, &history, &record, &found, ui)?;
    match opened {
        Ok(release) => header(&release, ui)?,
        Err(damage) => {
            ui.line(format!("NAME: {}\nNAMESPACE: {}", one_line(&id.name), id.namespace))?;
            ui.line(format!("REVISION: {}", record.meta.revision().unwrap_or_default()))?;
            ui.line(format!(
                "STATUS: {} (by its label; the payload can't be read: {damage})",
                record.meta.status.as_deref().unwrap_or("unknown")
            ))?;
            return Ok(Exit::Found);
        }
    }
    Ok(Exit::Ok)
}

/// What is wrong with a release, and what Helm will answer while it is.
#[derive(Default)]
struct Found {
    ailments: Vec<Ailment>,
    answers: Option<Answers>,
}

impl Found {
    fn of(id: &ReleaseId, history: &History, newest: &StoredRecord) -> Self {
        let opened = Opened::read(newest);
        let ailments = examine(history, &opened);
        let answers = ailments.iter().any(Ailment::is_trouble).then(|| answers(&id.name, history, &opened)).flatten();
        Self { ailments, answers }
    }
}

/// Helm's commands and its answers to them.
fn commands(answers: &Answers) -> [(&'static str, &Answer); 4] {
    let Answers { upgrade, install, rollback, uninstall } = answers;
    [("upgrade", upgrade), ("install", install), ("rollback", rollback), ("uninstall", uninstall)]
}

/// One answer in JSON and YAML.
#[derive(Serialize)]
struct Foretold<'a> {
    accepted: bool,
    text: &'a str,
}

/// Helm's JSON: the release without its chart. What refloat adds, if anything, comes under keys of its own.
async fn data(args: &StatusArgs, source: &Source, found: &Found, ui: &mut Ui) -> Result<Exit, Failure> {
    let revision = one::open(source, &args.release, args.revision).await?;
    let mut members = revision.members()?;
    members.remove("chart");
    if !found.ailments.is_empty() {
        members.insert("findings".to_owned(), raw(&found.ailments.iter().map(Finding::from).collect::<Vec<_>>())?);
    }
    if let Some(answers) = &found.answers {
        let list: BTreeMap<_, _> = commands(answers)
            .map(|(command, answer)| (command, Foretold { accepted: answer.is_accepted(), text: answer.text() }))
            .into();
        members.insert("answers".to_owned(), raw(&list)?);
    }
    if args.output == Format::Yaml {
        let whole = serde_json::to_value(&members).map_err(|_| {
            Failure::new(Exit::Found, format!("the payload of {} nests too deep for YAML", revision.id))
        })?;
        ui.data(args.output, &whole)?;
    } else {
        ui.data(args.output, &members)?;
    }
    Ok(Exit::Ok)
}

fn raw<T: Serialize>(value: &T) -> Result<Box<RawValue>, Failure> {
    serde_json::value::to_raw_value(value)
        .map_err(|error| Failure::new(Exit::Bug, "the findings can't be written").because(error))
}

/// What is wrong, first, and what to do about it.
fn problems(
    id: &ReleaseId,
    history: &History,
    record: &StoredRecord,
    found: &Found,
    ui: &mut Ui,
) -> Result<(), Failure> {
    for finding in &found.ailments {
        let style = if finding.is_trouble() { BAD } else { crate::output::NOTE };
        let line = format!("{} {}", paint(style, format!("{}:", finding.code())), one_line(&finding.to_string()));
        ui.line(hanging(&line, 2, ui.width))?;
    }
    if found.ailments.iter().any(Ailment::is_trouble) {
        let newest = history.newest();
        let examined = Examined {
            id: id.clone(),
            revision: record.meta.revision().unwrap_or_default(),
            status: record.meta.status.clone().unwrap_or_default(),
            since: newest.and_then(|newest| newest.written.or(newest.created)),
            ailments: found.ailments.clone(),
            is_partial: false,
        };
        let next = next(&examined);
        if !next.starts_with("refloat status") {
            ui.line(format!("next: {}", paint(LITERAL, next)))?;
        }
        ui.line("")?;
        if let Some(answers) = &found.answers {
            ui.line(paint(STRONG, "Helm will answer now:"))?;
            for (command, answer) in commands(answers) {
                ui.line(hanging(&format!("  {command:<10} {answer}"), 13, ui.width))?;
            }
            ui.line("")?;
        }
    }
    Ok(())
}

/// Helm's lines, in Helm's order (Helm 4.3 `pkg/cmd/status.go:statusPrinter.WriteTable`), live resources left out.
pub(super) fn header(release: &Release, ui: &mut Ui) -> Result<(), Failure> {
    ui.line(format!("NAME: {}", one_line(&release.name)))?;
    if let Some(time) = &release.info.last_deployed {
        ui.line(format!("LAST DEPLOYED: {}", ansic(&time.text)))?;
    }
    ui.line(format!(
        "NAMESPACE: {}\nSTATUS: {}\nREVISION: {}",
        one_line(&release.namespace),
        one_line(&release.info.status),
        release.version
    ))?;
    ui.line(format!("DESCRIPTION: {}", one_line(&release.info.description)))?;
    let tests: Vec<_> = release.hooks.iter().filter(|hook| hook.events.iter().any(|event| event == "test")).collect();
    if tests.is_empty() {
        ui.line("TEST SUITE: None")?;
    }
    for test in tests {
        let Some(started) = &test.last_run.started_at else { continue };
        let ended =
            test.last_run.completed_at.as_ref().map(|ended| ansic(&ended.text)).unwrap_or_else(|| "not yet".to_owned());
        ui.line(format!("TEST SUITE:     {}\nLast Started:   {}", one_line(&test.name), ansic(&started.text)))?;
        ui.line(format!("Last Completed: {ended}\nPhase:          {}", one_line(&test.last_run.phase)))?;
    }
    if !release.info.notes.is_empty() {
        ui.line(format!("NOTES:\n{}", release.info.notes.trim()))?;
    }
    Ok(())
}
