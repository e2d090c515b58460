//! `refloat history`: as `helm history`, with broken revisions shown instead of skipped.

use clap::Args;
use refloat_core::inventory::Row;
use refloat_core::record::RecordMeta;
use refloat_core::report::{ansic, one_line};
use serde::Serialize;

use super::history_fixes::fixes;
use super::open;
use crate::error::Failure;
use crate::exit::Exit;
use crate::look::heads;
use crate::output::{Format, STRONG, Ui, fits, paint, table, wrapped};
use crate::settings::Connection;
use crate::source::Source;

/// Flags of `history`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refloat history cart -n shop            every revision, broken ones too
  refloat history cart -n shop --max 3    the newest three
  refloat history cart -n shop --fixes    what refloat did to it: when, by whom, and the ids for refloat undo
  refloat history -n shop --fixes         the same of every release in the namespace, those that are gone too")]
pub struct HistoryArgs {
    /// Name of the release; --fixes can do without
    #[arg(required_unless_present = "fixes")]
    release: Option<String>,
    /// Show at most this many of the newest revisions
    #[arg(long, default_value_t = 256, value_name = "N")]
    max: usize,
    /// Show what was fixed instead, newest first: in this release, or in the whole namespace
    #[arg(long)]
    fixes: bool,
    /// Output format: table, wide, json, yaml or name
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true, value_name = "FORMAT")]
    output: Format,
}

/// Helm's fields, in Helm's order (Helm 3.22 `cmd/helm/history.go:releaseInfo`); `damage` only where Helm would be silent.
#[derive(Serialize)]
struct Entry {
    revision: u64,
    updated: String,
    status: String,
    chart: String,
    app_version: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<&'static str>,
}

impl From<Row> for Entry {
    fn from(row: Row) -> Self {
        let missing = || if row.damage.is_some() { "unknown" } else { "MISSING" }.to_owned();
        Self {
            revision: row.revision,
            updated: row.updated.unwrap_or_default(),
            status: row.status,
            app_version: if row.chart.is_none() { missing() } else { row.app_version },
            chart: row.chart.unwrap_or_else(missing),
            description: row.damage.as_ref().map_or(row.description, |damage| format!("(can't be read: {damage})")),
            damage: row.damage.map(|damage| damage.code()),
        }
    }
}

/// Runs the command.
pub async fn run(args: &HistoryArgs, connection: &Connection, ui: &mut Ui) -> Result<Exit, Failure> {
    let source = open(connection).await?;
    history(&source, args, ui).await
}

/// Shows the revisions of a source's release.
pub(super) async fn history(source: &Source, args: &HistoryArgs, ui: &mut Ui) -> Result<Exit, Failure> {
    let Some(release) = args.release.as_deref().filter(|_| !args.fixes) else {
        return fixes(source, args.release.as_deref(), args.max, args.output, ui).await;
    };
    let (_, history, gathered) = source.release(release).await?;
    let records = gathered.records.as_ref();
    let first = history.records().len().saturating_sub(args.max);
    let newest: &[RecordMeta] = history.records().get(first..).unwrap_or_default();
    let entries: Vec<Entry> = heads(records, newest).await?.into_iter().map(Entry::from).collect();
    ui.notes(&gathered.notes)?;
    match args.output {
        Format::Json | Format::Yaml => ui.data(args.output, &entries)?,
        Format::Name => entries.iter().try_for_each(|entry| ui.line(entry.revision))?,
        Format::Table | Format::Wide => {
            let rows: Vec<[String; 6]> = entries.into_iter().map(cells).collect();
            let drawn = table(Some(["REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION", "DESCRIPTION"]), &rows);
            if fits(&drawn, ui.width) {
                ui.write(&drawn)?;
            } else {
                rows.iter().try_for_each(|row| block(row, ui))?;
            }
        }
    }
    Ok(Exit::Ok)
}

/// The same for a narrow terminal: a head, and the description below.
fn block([revision, updated, status, chart, app, description]: &[String; 6], ui: &mut Ui) -> Result<(), Failure> {
    let [updated, status, chart, app, description] =
        [updated, status, chart, app, description].map(|text| one_line(text));
    let head = paint(STRONG, format!("revision {revision}"));
    ui.line(format!("{head}  {status}  {updated}  {chart}  {app}"))?;
    ui.line(format!("    {}", wrapped(&description, 4, ui.width)))
}

fn cells(entry: Entry) -> [String; 6] {
    [entry.revision.to_string(), ansic(&entry.updated), entry.status, entry.chart, entry.app_version, entry.description]
}
