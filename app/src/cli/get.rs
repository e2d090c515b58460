//! `refloat get`: parts of a stored revision, as `helm get` shows them.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use refloat_core::record::{Moment, Release, coalesce};
use serde::Serialize;
use serde_json::{Map, Value};

use super::open;
use crate::error::Failure;
use crate::exit::Exit;
use crate::one::{self, Revision};
use crate::output::{Format, Ui};
use crate::settings::Connection;

/// What to get.
#[derive(Debug, Subcommand)]
pub enum GetCommand {
    /// Print the values the user gave, or all of them
    #[command(
        after_help = "Examples:\n  refloat get values cart -n shop\n  refloat get values cart -n shop --all --revision 2 -o yaml"
    )]
    Values(ValuesArgs),
    /// Print the manifest: the rendered objects, hooks excluded
    #[command(after_help = "Example:\n  refloat get manifest cart -n shop --revision 2 | kubectl diff -f -")]
    Manifest(PlainArgs),
    /// Print the hooks
    #[command(after_help = "Example:\n  refloat get hooks cart -n shop")]
    Hooks(PlainArgs),
    /// Print the notes the chart rendered
    #[command(after_help = "Example:\n  refloat get notes cart -n shop")]
    Notes(PlainArgs),
    /// Print chart, versions, labels and status
    #[command(after_help = "Example:\n  refloat get metadata cart -n shop -o json")]
    Metadata(PartArgs),
    /// Print everything the record holds
    #[command(after_help = "Example:\n  refloat get all cart -n shop --revision 2")]
    All(PartArgs),
}

/// Flags of every part.
#[derive(Debug, Args)]
pub struct PlainArgs {
    /// Name of the release
    release: String,
    /// Get it from this revision instead of the newest
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
}

/// Flags of the parts that have formats.
#[derive(Debug, Args)]
pub struct PartArgs {
    #[command(flatten)]
    which: PlainArgs,
    /// Output format: table, wide, json, yaml or name
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true, value_name = "FORMAT")]
    output: Format,
}

/// Flags of `get values`.
#[derive(Debug, Args)]
pub struct ValuesArgs {
    #[command(flatten)]
    part: PartArgs,
    /// Print all values as computed: the user's over the chart's defaults
    #[arg(short, long)]
    all: bool,
}

/// Helm's fields (Helm 4.3 `pkg/action/get_metadata.go:Metadata`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    chart: String,
    version: String,
    app_version: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dependencies: Vec<Value>,
    namespace: String,
    revision: u64,
    status: String,
    deployed_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    apply_method: Option<String>,
}

/// Runs the command.
pub async fn run(command: &GetCommand, connection: &Connection, ui: &mut Ui) -> Result<Exit, Failure> {
    let which = match command {
        GetCommand::Values(args) => &args.part.which,
        GetCommand::Metadata(args) | GetCommand::All(args) => &args.which,
        GetCommand::Manifest(args) | GetCommand::Hooks(args) | GetCommand::Notes(args) => args,
    };
    let source = open(connection).await?;
    let revision = one::open(&source, &which.release, which.revision).await?;
    ui.notes(&revision.notes)?;
    match command {
        GetCommand::Values(args) => values(&revision.release, args, ui)?,
        GetCommand::Manifest(_) => ui.line(&revision.release.manifest)?,
        GetCommand::Hooks(_) => hooks(&revision.release, ui)?,
        GetCommand::Notes(_) => notes(&revision.release, ui)?,
        GetCommand::Metadata(args) => metadata(&revision, args.output, ui)?,
        GetCommand::All(args) => all(&revision, args.output, ui)?,
    }
    Ok(Exit::Ok)
}

fn object(text: Option<&str>, what: &str) -> Result<Option<Map<String, Value>>, Failure> {
    let Some(text) = text else { return Ok(None) };
    serde_json::from_str(text)
        .map(Some)
        .map_err(|_| Failure::new(Exit::Found, format!("the record's {what} aren't an object")))
}

/// The user's values, or those computed with the chart's. Helm shows no values as null (`{}` when computed).
fn chosen(release: &Release, all: bool) -> Result<Value, Failure> {
    let user = object(release.config.as_deref(), "values")?;
    if !all {
        return Ok(user.filter(|values| !values.is_empty()).map_or(Value::Null, Value::Object));
    }
    let defaults = object(release.chart.as_ref().and_then(|chart| chart.values.as_deref()), "chart values")?;
    Ok(Value::Object(coalesce(&defaults.unwrap_or_default(), &user.unwrap_or_default())))
}

fn values(release: &Release, args: &ValuesArgs, ui: &mut Ui) -> Result<(), Failure> {
    let values = chosen(release, args.all)?;
    if args.part.output.is_data() {
        return ui.data(args.part.output, &values);
    }
    ui.line(if args.all { "COMPUTED VALUES:" } else { "USER-SUPPLIED VALUES:" })?;
    ui.data(Format::Yaml, &values)
}

fn hooks(release: &Release, ui: &mut Ui) -> Result<(), Failure> {
    release.hooks.iter().try_for_each(|hook| ui.line(format!("---\n# Source: {}\n{}", hook.path, hook.manifest)))
}

fn notes(release: &Release, ui: &mut Ui) -> Result<(), Failure> {
    if release.info.notes.is_empty() { Ok(()) } else { ui.line(format!("NOTES:\n{}", release.info.notes)) }
}

fn gather_metadata(revision: &Revision) -> Result<Metadata, Failure> {
    let release = &revision.release;
    let chart = release.chart.as_ref().and_then(|chart| chart.metadata.as_ref());
    let raw = revision.tree()?;
    let dependencies =
        raw.pointer("/chart/metadata/dependencies").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(Metadata {
        name: release.name.clone(),
        chart: chart.map(|chart| chart.name.clone()).unwrap_or_default(),
        version: chart.map(|chart| chart.version.clone()).unwrap_or_default(),
        app_version: chart.map(|chart| chart.app_version.clone()).unwrap_or_default(),
        annotations: chart.map(|chart| chart.annotations.clone()).unwrap_or_default(),
        labels: revision.record.labels(),
        dependencies,
        namespace: release.namespace.clone(),
        revision: release.version,
        status: release.info.status.clone(),
        deployed_at: release.info.last_deployed.as_ref().map(seconds).unwrap_or_default(),
        apply_method: release.apply_method.clone(),
    })
}

/// RFC 3339 without a fraction, in the offset it was stored with.
fn seconds(moment: &Moment) -> String {
    let Some((whole, rest)) = moment.text.split_once('.') else { return moment.text.clone() };
    format!("{whole}{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()))
}

fn metadata(revision: &Revision, format: Format, ui: &mut Ui) -> Result<(), Failure> {
    let metadata = gather_metadata(revision)?;
    if format.is_data() {
        return ui.data(format, &metadata);
    }
    let pairs =
        |map: &BTreeMap<String, String>| map.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",");
    let mut names: Vec<_> = metadata.dependencies.iter().filter_map(|one| one.get("name")?.as_str()).collect();
    names.sort_unstable();
    ui.line(format!("NAME: {}\nCHART: {}\nVERSION: {}", metadata.name, metadata.chart, metadata.version))?;
    ui.line(format!("APP_VERSION: {}\nANNOTATIONS: {}", metadata.app_version, pairs(&metadata.annotations)))?;
    ui.line(format!("LABELS: {}\nDEPENDENCIES: {}", pairs(&metadata.labels), names.join(",")))?;
    ui.line(format!(
        "NAMESPACE: {}\nREVISION: {}\nSTATUS: {}",
        metadata.namespace, metadata.revision, metadata.status
    ))?;
    ui.line(format!(
        "DEPLOYED_AT: {}\nAPPLY_METHOD: {}",
        metadata.deployed_at,
        metadata.apply_method.as_deref().unwrap_or("client-side apply (unset)")
    ))
}

fn all(revision: &Revision, format: Format, ui: &mut Ui) -> Result<(), Failure> {
    if format.is_data() {
        let members = revision.members()?;
        if format == Format::Json {
            return ui.data(format, &members);
        }
        return ui.data(format, &revision.tree()?);
    }
    let release = &revision.release;
    super::status::header(
        &Release {
            info: refloat_core::record::Info { notes: String::new(), ..release.info.clone() },
            ..release.clone()
        },
        ui,
    )?;
    ui.line("USER-SUPPLIED VALUES:")?;
    ui.data(Format::Yaml, &chosen(release, false)?)?;
    ui.line("\nCOMPUTED VALUES:")?;
    ui.data(Format::Yaml, &chosen(release, true)?)?;
    ui.line("\nHOOKS:")?;
    hooks(release, ui)?;
    ui.line(format!("MANIFEST:\n{}", release.manifest))?;
    notes(release, ui)
}
