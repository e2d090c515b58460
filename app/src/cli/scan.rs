//! `refloat`, `refloat scan`: what isn't healthy.

use clap::Args;
use jiff::Timestamp;
use refloat_core::inventory::Ailment;
use refloat_core::record::{Driver, RecordId};
use refloat_core::report::{age, shortened};
use serde::Serialize;

use super::{open, typed};
use crate::cluster::RecordQuery;
use crate::error::Failure;
use crate::exit::Exit;
use crate::look::{Examined, examine_all};
use crate::output::{BAD, Format, GOOD, LITERAL, Ui, fits, paint, table, wrapped};
use crate::returned::search;
use crate::settings::Connection;
use crate::source::Source;

/// Flags of `scan`. Examples are with the commands: without one, these are flags of `refloat` itself.
#[derive(Debug, Clone, Default, Args)]
pub struct ScanArgs {
    /// Scan all namespaces (the default, unless -n is given)
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Show healthy releases, too, if there is something to know about them
    #[arg(long)]
    all: bool,
    /// Output format: table, wide, json, yaml or name
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true, value_name = "FORMAT")]
    output: Format,
}

/// One unhealthy release in JSON and YAML.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    namespace: &'a str,
    name: &'a str,
    revision: u64,
    status: &'a str,
    since: Option<Timestamp>,
    age_seconds: Option<i64>,
    reason: String,
    findings: Vec<Finding>,
    next: String,
}

/// One thing that is wrong.
#[derive(Serialize)]
pub(super) struct Finding {
    code: &'static str,
    message: String,
}

impl From<&Ailment> for Finding {
    fn from(ailment: &Ailment) -> Self {
        Self { code: ailment.code(), message: ailment.to_string() }
    }
}

/// Runs the scan.
pub async fn run(args: &ScanArgs, connection: &Connection, ui: &mut Ui) -> Result<Exit, Failure> {
    let source = open(connection).await?;
    let namespace = connection.namespace.as_ref().filter(|_| !args.all_namespaces).map(|_| source.namespace.clone());
    scan(&source, namespace, args, ui).await
}

/// Scans a source and shows what it found.
pub(super) async fn scan(
    source: &Source,
    namespace: Option<String>,
    args: &ScanArgs,
    ui: &mut Ui,
) -> Result<Exit, Failure> {
    let query = RecordQuery { namespace: namespace.clone(), ..RecordQuery::default() };
    let gathered = ui.during("listing Helm's records", source.gather(&query)).await?;
    let opening = examine_all(gathered.records.as_ref(), source.objects(), &gathered.inventory);
    let examined = ui.during("opening the newest record of every release", opening).await?;
    let looking = search(source, namespace.as_deref(), &gathered);
    let back = ui.during("looking for what came back after a fix", looking).await;
    let now = gathered.records.now().await?;
    ui.notes(&gathered.notes)?;
    ui.notes(unseen(&examined).as_slice())?;
    ui.notes(&back.notes)?;
    let mut examined: Vec<Examined> = examined;
    examined.extend(back.found.iter().map(Examined::came_back));
    examined.sort_by(|a, b| a.id.cmp(&b.id));
    let total = examined.len();
    let noted = examined.iter().filter(|release| !release.is_unhealthy() && !release.ailments.is_empty()).count();
    let shown = |release: &Examined| release.is_unhealthy() || (args.all && !release.ailments.is_empty());
    let mut found: Vec<Examined> = examined.into_iter().filter(shown).collect();
    let unhealthy = found.iter().filter(|release| release.is_unhealthy()).count();
    if args.output != Format::Name {
        found.extend(gathered.inventory.strays.iter().map(Examined::stray));
    }
    let place = match namespace {
        Some(namespace) => format!("in namespace {namespace}"),
        None if source.is_bundle() => "in the bundle".to_owned(),
        None if !gathered.some_of_all.is_empty() => "in the namespaces you may read".to_owned(),
        None => "in all namespaces".to_owned(),
    };
    show(&found, now, args.output, ui, (unhealthy, total, &place))?;
    if !args.output.is_data() && noted > 0 && !args.all {
        let ones = if noted == 1 { "one has" } else { "ones have" };
        ui.say(format!("{noted} healthy {ones} something worth knowing: refloat scan --all"))?;
    }
    Ok(if unhealthy > 0 || !gathered.inventory.strays.is_empty() { Exit::Found } else { Exit::Ok })
}

/// Releases of which it can't be told whether a Helm that was given up went on.
fn unseen(examined: &[Examined]) -> Option<String> {
    let names: Vec<_> =
        examined.iter().filter(|release| release.is_partial).map(|release| release.id.to_string()).collect();
    (!names.is_empty()).then(|| {
        let names = shortened(&names.join(", "), 200);
        format!("{names}: not every object may be read, so what a Helm did that was given up may be hidden")
    })
}

fn show(
    found: &[Examined],
    now: Timestamp,
    format: Format,
    ui: &mut Ui,
    (unhealthy, total, place): (usize, usize, &str),
) -> Result<(), Failure> {
    match format {
        Format::Json | Format::Yaml => {
            let entries: Vec<_> = found.iter().map(|release| entry(release, now)).collect();
            return ui.data(format, &entries);
        }
        Format::Name => return found.iter().try_for_each(|release| ui.line(&release.id)),
        Format::Table | Format::Wide => {}
    }
    ui.line(match (unhealthy, total) {
        (0, _) if found.iter().any(Examined::is_unhealthy) => paint(BAD, "Needs attention:"),
        (0, 0) => format!("No Helm release {place}."),
        (0, 1) => format!("{} The one Helm release {place}.", paint(GOOD, "Healthy:")),
        (0, _) => format!("{} All {total} Helm releases {place}.", paint(GOOD, "Healthy:")),
        (1, _) => format!("{} 1 of {total} Helm releases {place}.", paint(BAD, "Needs attention:")),
        _ => format!("{} {unhealthy} of {total} Helm releases {place}.", paint(BAD, "Need attention:")),
    })?;
    if found.is_empty() {
        return Ok(());
    }
    ui.line("")?;
    let rows: Vec<[String; 8]> = found.iter().map(|release| row(release, now)).collect();
    let drawn = table(Some(["NAMESPACE", "NAME", "REVISION", "STATUS", "SINCE", "AGE", "REASON", "NEXT"]), &rows);
    if fits(&drawn, ui.width) {
        return ui.write(&drawn);
    }
    rows.iter().try_for_each(|row| block(row, ui))
}

/// The same for a narrow terminal: three lines each.
fn block(
    [namespace, name, revision, status, since, age, reason, next]: &[String; 8],
    ui: &mut Ui,
) -> Result<(), Failure> {
    let head = paint(crate::output::STRONG, format!("{namespace}/{name}"));
    ui.line(format!("{head}  revision {revision}  {}  for {age}, since {since}", paint(BAD, status)))?;
    ui.line(format!("    {}", wrapped(reason, 4, ui.width)))?;
    ui.line(format!("    next: {}", paint(LITERAL, next)))
}

fn row(release: &Examined, now: Timestamp) -> [String; 8] {
    [
        release.id.namespace.clone(),
        release.id.name.clone(),
        release.revision.to_string(),
        release.status.clone(),
        release.since.map_or_else(|| "unknown".to_owned(), |since| since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        release.since.map_or_else(|| "unknown".to_owned(), |since| age(now.duration_since(since))),
        shortened(&reason(release), 200),
        next(release),
    ]
}

fn entry(release: &Examined, now: Timestamp) -> Entry<'_> {
    Entry {
        namespace: &release.id.namespace,
        name: &release.id.name,
        revision: release.revision,
        status: &release.status,
        since: release.since,
        age_seconds: release.since.map(|since| now.duration_since(since).as_secs()),
        reason: reason(release),
        findings: release.ailments.iter().map(Finding::from).collect(),
        next: next(release),
    }
}

fn reason(release: &Examined) -> String {
    release.ailments.first().map(ToString::to_string).unwrap_or_default()
}

/// The command that leads on from the worst ailment.
pub(super) fn next(release: &Examined) -> String {
    let pending = release.ailments.iter().any(|ailment| matches!(ailment, Ailment::Interrupted { .. }));
    let words = match release.ailments.first() {
        Some(
            Ailment::Interrupted { .. }
            | Ailment::Uninstalling { .. }
            | Ailment::Failed { .. }
            | Ailment::SeveralDeployed { .. }
            | Ailment::NoneDeployed { .. }
            | Ailment::NewestNotDeployed { .. }
            | Ailment::Woken { .. }
            | Ailment::CameBack { .. },
        ) => "refloat diagnose NAME",
        // Whatever ends the operation writes label and payload.
        Some(Ailment::StatusMismatch { .. }) if pending => "refloat diagnose NAME",
        Some(Ailment::StatusMismatch { record, payload, .. }) if record.driver != Driver::Sql => {
            return labelled(record, &[("status", Some(payload.clone()))]);
        }
        Some(Ailment::MissingLabels { record, missing, .. }) if missing.iter().all(|(_, was)| was.is_some()) => {
            return labelled(record, missing);
        }
        Some(Ailment::Stray { record }) => {
            // Shows labels and sizes, no content.
            return format!("kubectl describe {} {} -n {}", record.driver, record.key, record.namespace);
        }
        Some(Ailment::IdentityMismatch { .. }) => "refloat get metadata NAME",
        Some(Ailment::TooBig { .. } | Ailment::NearlyTooBig { .. }) | None => "refloat status NAME",
        Some(_) => "refloat history NAME",
    };
    typed(words, &release.id)
}

/// Puts labels where they belong: that changes nothing but them, and Helm writes them itself at its next change.
fn labelled(record: &RecordId, labels: &[(&'static str, Option<String>)]) -> String {
    let labels: Vec<_> =
        labels.iter().map(|(key, value)| format!("{key}={}", value.as_deref().unwrap_or_default())).collect();
    let kind = record.driver.as_str();
    format!("kubectl label {kind} {} -n {} --overwrite {}", record.key, record.namespace, labels.join(" "))
}
