//! `refloat list`: as `helm list`, every driver, all statuses.

use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use refloat_core::inventory::{ListOptions, Row, Selector};
use refloat_core::record::Status;
use refloat_core::report::go_string;
use regex::Regex;
use serde::Serialize;

use super::open;
use crate::error::Failure;
use crate::exit::Exit;
use crate::look::{gather_for, rows};
use crate::output::{Format, Ui, table};
use crate::settings::Connection;

/// Flags of `list`, Helm's own and `--sort`.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
Examples:
  refloat list -A                         all releases you may see
  refloat list -A --pending               those an operation has begun on and not ended
  refloat list -n shop -o json            in Helm's fields
  refloat list -A -f '^cart' -l team=a    by name and label")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of Helm's")]
pub struct ListArgs {
    /// List releases in all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Show all statuses (the default; a flag of Helm 3)
    #[arg(short, long)]
    all: bool,
    /// Show deployed releases
    #[arg(long)]
    deployed: bool,
    /// Show failed releases
    #[arg(long)]
    failed: bool,
    /// Show pending releases
    #[arg(long)]
    pending: bool,
    /// Show superseded revisions
    #[arg(long)]
    superseded: bool,
    /// Show uninstalled releases whose history was kept
    #[arg(long)]
    uninstalled: bool,
    /// Show releases that are being uninstalled
    #[arg(long)]
    uninstalling: bool,
    /// Show releases whose name matches a regular expression
    #[arg(short, long, value_name = "REGEX")]
    filter: Option<Regex>,
    /// Show releases by labels of their records: a=b,c!=d,e in (f,g)
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,
    /// Sort by name, or by date of the last operation, oldest first
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "KEY")]
    sort: Sort,
    /// Sort by date: same as --sort date
    #[arg(short, long)]
    date: bool,
    /// Reverse the order
    #[arg(short, long)]
    reverse: bool,
    /// Show at most this many releases; 0 for all
    #[arg(short, long, default_value_t = 0, value_name = "N")]
    max: usize,
    /// Skip this many releases at the start
    #[arg(long, default_value_t = 0, value_name = "N")]
    offset: usize,
    /// Print no headings
    #[arg(long)]
    no_headers: bool,
    /// Print names only, without namespaces
    #[arg(short = 'q', long)]
    short: bool,
    /// Output format: table, wide, json, yaml or name
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true, value_name = "FORMAT")]
    output: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Sort {
    #[default]
    Name,
    Date,
}

/// Helm's fields, in Helm's order (Helm 3.22 `cmd/helm/list.go:releaseElement`); `damage` only where Helm would be silent.
#[derive(Serialize)]
struct Element {
    name: String,
    namespace: String,
    revision: String,
    updated: String,
    status: String,
    chart: String,
    app_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<&'static str>,
}

impl ListArgs {
    fn options(&self) -> Result<ListOptions, Failure> {
        let chosen: [(bool, &[Status]); 6] = [
            (self.deployed, &[Status::Deployed]),
            (self.failed, &[Status::Failed]),
            (self.pending, &[Status::PendingInstall, Status::PendingUpgrade, Status::PendingRollback]),
            (self.superseded, &[Status::Superseded]),
            (self.uninstalled, &[Status::Uninstalled]),
            (self.uninstalling, &[Status::Uninstalling]),
        ];
        let statuses = if self.all {
            Vec::new()
        } else {
            chosen.iter().filter(|(on, _)| *on).flat_map(|(_, s)| s.iter().copied()).collect()
        };
        let selector = Selector::parse(self.selector.as_deref().unwrap_or_default())
            .map_err(|error| Failure::usage(error).hint("one looks like a=b,c!=d,e in (f,g),!h"))?;
        Ok(ListOptions {
            statuses,
            filter: self.filter.clone(),
            selector,
            by_date: self.date || self.sort == Sort::Date,
            reverse: self.reverse,
            offset: self.offset,
            max: self.max,
        })
    }
}

/// Runs the list.
pub async fn run(args: &ListArgs, connection: &Connection, ui: &mut Ui) -> Result<Exit, Failure> {
    let options = args.options()?;
    let source = open(connection).await?;
    let namespace = (!args.all_namespaces).then(|| source.namespace.clone());
    let gathered = ui.during("listing Helm's records", gather_for(&source, namespace, &options)).await?;
    let opening = rows(gathered.records.as_ref(), &gathered.inventory, &options);
    let rows = ui.during("reading the heads of records", opening).await?;
    ui.notes(&gathered.notes)?;
    for row in rows.iter() {
        if let Some(damage) = &row.damage {
            ui.notes(&[format!("{} revision {} can't be read: {damage}", row.id, row.revision)])?;
        }
    }
    show(&rows, args, ui)?;
    Ok(Exit::Ok)
}

fn show(rows: &[Row], args: &ListArgs, ui: &mut Ui) -> Result<(), Failure> {
    let local = TimeZone::system();
    if args.short && !args.output.is_data() {
        return rows.iter().try_for_each(|row| ui.line(&row.id.name));
    }
    match args.output {
        Format::Json | Format::Yaml if args.short => {
            ui.data(args.output, &rows.iter().map(|row| &row.id.name).collect::<Vec<_>>())
        }
        Format::Json | Format::Yaml => {
            ui.data(args.output, &rows.iter().map(|row| element(row, &local)).collect::<Vec<_>>())
        }
        Format::Name => rows.iter().try_for_each(|row| ui.line(&row.id)),
        Format::Table => {
            let lines: Vec<[String; 7]> = rows.iter().map(|row| cells(row, &local)).collect();
            let headings = ["NAME", "NAMESPACE", "REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION"];
            ui.write(&table((!args.no_headers).then_some(headings), &lines))
        }
        Format::Wide => {
            let lines: Vec<[String; 9]> = rows.iter().map(|row| wide(row, &local)).collect();
            let headings =
                ["NAME", "NAMESPACE", "REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION", "DRIVER", "DESCRIPTION"];
            ui.write(&table((!args.no_headers).then_some(headings), &lines))
        }
    }
}

fn cells(row: &Row, local: &TimeZone) -> [String; 7] {
    let Element { name, namespace, revision, updated, status, chart, app_version, .. } = element(row, local);
    [name, namespace, revision, updated, status, chart, app_version]
}

fn wide(row: &Row, local: &TimeZone) -> [String; 9] {
    let [name, namespace, revision, updated, status, chart, app_version] = cells(row, local);
    [name, namespace, revision, updated, status, chart, app_version, row.driver.to_string(), row.description.clone()]
}

fn element(row: &Row, local: &TimeZone) -> Element {
    let unknown = || if row.damage.is_some() { "unknown".to_owned() } else { "MISSING".to_owned() };
    Element {
        name: row.id.name.clone(),
        namespace: row.id.namespace.clone(),
        revision: row.revision.to_string(),
        updated: row.updated.as_deref().map(|time| go_string(time, local)).unwrap_or_default(),
        status: row.status.clone(),
        chart: row.chart.clone().unwrap_or_else(unknown),
        app_version: row.app_version.clone(),
        damage: row.damage.as_ref().map(refloat_core::record::Damage::code),
    }
}
