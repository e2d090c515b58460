//! One payload as typed fields, for reading.
//!
//! Takes a [`Document`] and gives what Helm would have in memory after loading the record: field names in any letter case,
//! null for absent, zero times as `""` (Helm 3), as year 1 or absent (Helm 4). Leaves out what Refloat never looks at (chart
//! templates and files), keeps values as JSON text, and never writes: edits go through [`Document::edit`].

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use super::json::{Object, unquote};
use super::{Damage, Document};

/// One revision of a release (Helm 3.21 `pkg/release/release.go`, Helm 4.2 `pkg/release/v1/release.go`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The release's name.
    pub name: String,
    /// What happened to it.
    pub info: Info,
    /// The chart it was made from, if the record holds one.
    pub chart: Option<Chart>,
    /// The user's values as the JSON text of an object; `None` if there are none.
    pub config: Option<String>,
    /// The rendered objects, as one YAML stream, hooks excluded.
    pub manifest: String,
    /// Its hooks, in stored order.
    pub hooks: Vec<Hook>,
    /// The revision.
    pub version: u64,
    /// The namespace it says it belongs to.
    pub namespace: String,
    /// `ssa` or `csa`; absent before Helm 4, which means `csa`.
    pub apply_method: Option<String>,
}

/// What happened to a revision (Helm 3.21 `pkg/release/info.go`, Helm 4.2 `pkg/release/v1/info.go`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// When the release's first revision was deployed.
    pub first_deployed: Option<Moment>,
    /// When this revision's operation began.
    pub last_deployed: Option<Moment>,
    /// When it was uninstalled.
    pub deleted: Option<Moment>,
    /// A sentence on how the operation went.
    pub description: String,
    /// The status as written; see [`super::Status::parse`].
    pub status: String,
    /// The rendered NOTES.txt.
    pub notes: String,
    /// The revision a rollback went back to (Helm 4 after 4.2).
    pub rollback_revision: Option<u64>,
}

/// A point in time, with the text it was read from, which also tells the writer's offset from UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The instant.
    pub at: Timestamp,
    /// As stored.
    pub text: String,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// A chart, templates and files left out (Helm 3.21 `pkg/chart/chart.go`, Helm 4.2 `pkg/chart/v2/chart.go`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// What Chart.yaml says, if the record holds it.
    pub metadata: Option<Metadata>,
    /// The chart's default values as the JSON text of an object; `None` if there are none.
    pub values: Option<String>,
}

/// What Chart.yaml says (Helm 3.21 `pkg/chart/metadata.go`, Helm 4.2 `pkg/chart/v2/metadata.go`); absent strings are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The chart's name.
    pub name: String,
    /// The chart's version.
    pub version: String,
    /// The version of what the chart installs.
    pub app_version: String,
    /// `v1` or `v2`.
    pub api_version: String,
    /// The range of Kubernetes versions it asks for.
    pub kube_version: String,
    /// `application` or `library`.
    pub chart_type: String,
    /// Whether its authors gave it up.
    pub deprecated: bool,
    /// Free notes.
    pub annotations: BTreeMap<String, String>,
    /// Names of the subcharts that were enabled, as Helm rewrote them before storing.
    pub dependencies: Vec<String>,
}

/// A hook (Helm 3.21 `pkg/release/hook.go`, Helm 4.2 `pkg/release/v1/hook.go`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The object's name.
    pub name: String,
    /// The object's kind.
    pub kind: String,
    /// The template it comes from.
    pub path: String,
    /// The object, as YAML.
    pub manifest: String,
    /// When it runs, such as `pre-upgrade`.
    pub events: Vec<String>,
    /// How it went the last time.
    pub last_run: LastRun,
    /// Its place in the order; lower runs first.
    pub weight: i64,
    /// When Helm deletes the object, such as `hook-succeeded`.
    pub delete_policies: Vec<String>,
    /// When Helm prints its log (Helm 3.18 and later).
    pub output_log_policies: Vec<String>,
}

/// How a hook went (`HookExecution` in the same files).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastRun {
    /// When it began; `None` if it never ran.
    pub started_at: Option<Moment>,
    /// When it ended; `None` if it hasn't.
    pub completed_at: Option<Moment>,
    /// Empty, `Unknown`, `Running`, `Succeeded` or `Failed`.
    pub phase: String,
}

impl Release {
    /// Reads the fields. A field of the wrong type is a named fault: Helm couldn't load such a record either.
    pub fn from_document(document: &Document) -> Result<Self, Damage> {
        let release = Object::parse(document.text())?;
        let info = release.object_if_set("info", "info")?.ok_or(Damage::NoInfo)?;
        let chart = release.object_if_set("chart", "chart")?;
        Ok(Self {
            name: release.string("name", "name")?,
            info: Info::read(&info)?,
            chart: chart.as_ref().map(Chart::read).transpose()?,
            config: object_text(&release, "config", "config")?,
            manifest: release.string("manifest", "manifest")?,
            hooks: hooks(&release)?,
            version: number(&release, "version", "version")?.unwrap_or_default(),
            namespace: release.string("namespace", "namespace")?,
            apply_method: release.string_if_set("apply_method", "apply_method")?,
        })
    }
}

impl Info {
    fn read(info: &Object<'_>) -> Result<Self, Damage> {
        Ok(Self {
            first_deployed: moment(info, "first_deployed", "info.first_deployed")?,
            last_deployed: moment(info, "last_deployed", "info.last_deployed")?,
            deleted: moment(info, "deleted", "info.deleted")?,
            description: info.string("description", "info.description")?,
            status: info.string("status", "info.status")?,
            notes: info.string("notes", "info.notes")?,
            rollback_revision: number(info, "rollback_revision", "info.rollback_revision")?,
        })
    }
}

impl Chart {
    fn read(chart: &Object<'_>) -> Result<Self, Damage> {
        let metadata = chart.object_if_set("metadata", "chart.metadata")?;
        Ok(Self {
            metadata: metadata.as_ref().map(Metadata::read).transpose()?,
            values: object_text(chart, "values", "chart.values")?,
        })
    }
}

impl Metadata {
    fn read(metadata: &Object<'_>) -> Result<Self, Damage> {
        let dependencies = objects(metadata, "dependencies", "chart.metadata.dependencies")?;
        let name = |dependency: &Object<'_>| dependency.string("name", "chart.metadata.dependencies.name");
        Ok(Self {
            name: metadata.string("name", "chart.metadata.name")?,
            version: metadata.string("version", "chart.metadata.version")?,
            app_version: metadata.string("appVersion", "chart.metadata.appVersion")?,
            api_version: metadata.string("apiVersion", "chart.metadata.apiVersion")?,
            kube_version: metadata.string("kubeVersion", "chart.metadata.kubeVersion")?,
            chart_type: metadata.string("type", "chart.metadata.type")?,
            deprecated: flag(metadata, "deprecated", "chart.metadata.deprecated")?,
            annotations: annotations(metadata)?,
            dependencies: dependencies.iter().map(name).collect::<Result<_, _>>()?,
        })
    }
}

impl Hook {
    fn read(hook: &Object<'_>) -> Result<Self, Damage> {
        let last_run = hook.object_if_set("last_run", "hooks.last_run")?;
        Ok(Self {
            name: hook.string("name", "hooks.name")?,
            kind: hook.string("kind", "hooks.kind")?,
            path: hook.string("path", "hooks.path")?,
            manifest: hook.string("manifest", "hooks.manifest")?,
            events: hook.strings("events", "hooks.events")?,
            last_run: last_run.as_ref().map(LastRun::read).transpose()?.unwrap_or_default(),
            weight: number(hook, "weight", "hooks.weight")?.unwrap_or_default(),
            delete_policies: hook.strings("delete_policies", "hooks.delete_policies")?,
            output_log_policies: hook.strings("output_log_policies", "hooks.output_log_policies")?,
        })
    }
}

impl LastRun {
    fn read(run: &Object<'_>) -> Result<Self, Damage> {
        Ok(Self {
            started_at: moment(run, "started_at", "hooks.last_run.started_at")?,
            completed_at: moment(run, "completed_at", "hooks.last_run.completed_at")?,
            phase: run.string("phase", "hooks.last_run.phase")?,
        })
    }
}

fn hooks(release: &Object<'_>) -> Result<Vec<Hook>, Damage> {
    objects(release, "hooks", "hooks")?.iter().map(Hook::read).collect()
}

/// An array of objects; nulls among them are nil pointers in Go and mean nothing.
fn objects<'a>(object: &Object<'a>, field: &str, path: &'static str) -> Result<Vec<Object<'a>>, Damage> {
    let items = object.items(field, path)?.into_iter().filter(|item| *item != "null");
    items.map(|item| Object::parse(item).map_err(|_| Damage::BadField { path })).collect()
}

/// A field of free form, whose text is kept.
fn object_text(object: &Object<'_>, field: &str, path: &'static str) -> Result<Option<String>, Damage> {
    match object.get(field) {
        None => Ok(None),
        Some(text) if text.starts_with('{') => Ok(Some(text.to_owned())),
        Some(_) => Err(Damage::BadField { path }),
    }
}

/// An integer. Go refuses fractions and exponents for one, and so does Rust's parser.
fn number<N: std::str::FromStr>(object: &Object<'_>, field: &str, path: &'static str) -> Result<Option<N>, Damage> {
    object.get(field).map(|text| text.parse().map_err(|_| Damage::BadField { path })).transpose()
}

fn flag(object: &Object<'_>, field: &str, path: &'static str) -> Result<bool, Damage> {
    match object.get(field) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Damage::BadField { path }),
    }
}

fn annotations(metadata: &Object<'_>) -> Result<BTreeMap<String, String>, Damage> {
    let path = "chart.metadata.annotations";
    let Some(object) = metadata.object_if_set("annotations", path)? else { return Ok(BTreeMap::new()) };
    let pair = |member: &super::json::Member<'_>| {
        let value = if member.is_null() { Some("".into()) } else { unquote(member.value) };
        Some((unquote(member.key)?.into_owned(), value?.into_owned()))
    };
    object.members.iter().map(|member| pair(member).ok_or(Damage::BadField { path })).collect()
}

/// A time. Helm 3 writes the zero time as `""`, Helm 4 leaves it out, Go itself writes year 1
/// (Helm 3.21 `pkg/time/time.go:UnmarshalJSON`).
fn moment(object: &Object<'_>, field: &str, path: &'static str) -> Result<Option<Moment>, Damage> {
    let text = object.string(field, path)?;
    if text.is_empty() {
        return Ok(None);
    }
    let at: Timestamp = text.parse().map_err(|_| Damage::BadField { path })?;
    // Go's zero time.
    let zero = at.as_second() == -62_135_596_800 && at.subsec_nanosecond() == 0;
    Ok((!zero).then_some(Moment { at, text }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Release, Damage> {
        Release::from_document(&Document::parse(text.as_bytes().to_vec())?)
    }

    const HELM3: &str = r#"{"name":"web","info":{"first_deployed":"2026-08-01T10:00:00.123456789+02:00","last_deployed":"2026-08-02T10:00:00Z","deleted":"","description":"Preparing upgrade","status":"pending-upgrade","notes":"a\nb"},"chart":{"metadata":{"name":"web","version":"1.0.0","apiVersion":"v2","appVersion":"2","deprecated":true,"annotations":{"a":"b"},"dependencies":[{"name":"db","repository":""}],"type":"application"},"lock":null,"templates":[{"name":"templates/a.yaml","data":"YQ=="}],"values":{"n":12345678901234567890},"schema":null,"files":null},"config":{"x":"a\u003cb"},"manifest":"---\n# Source: web/templates/a.yaml\n...\n","hooks":[{"name":"j","kind":"Job","path":"web/templates/j.yaml","manifest":"...","events":["pre-upgrade"],"last_run":{"started_at":"2026-08-01T10:00:00Z","completed_at":"","phase":"Running"},"weight":-5,"delete_policies":["hook-succeeded"]}],"version":2,"namespace":"ns"}"#;
    const HELM4: &str = r#"{"name":"web","info":{"first_deployed":"2026-08-01T10:00:00Z","last_deployed":"2026-08-02T10:00:00Z","description":"d","status":"deployed","rollback_revision":1},"chart":{"metadata":{"name":"web"},"lock":null,"templates":[],"values":{},"schema":null,"schemamodtime":"0001-01-01T00:00:00Z","files":null},"hooks":[{"last_run":{"phase":""}}],"version":2,"namespace":"ns","apply_method":"ssa"}"#;

    #[test]
    fn helm_3_is_read() {
        let release = read(HELM3).unwrap();
        assert_eq!((release.name.as_str(), release.version, release.namespace.as_str()), ("web", 2, "ns"));
        assert_eq!(release.apply_method, None);
        let first = release.info.first_deployed.unwrap();
        assert_eq!(first.to_string(), "2026-08-01T10:00:00.123456789+02:00");
        assert_eq!(first.at.to_string(), "2026-08-01T08:00:00.123456789Z");
        assert_eq!(release.info.deleted, None);
        assert_eq!((release.info.status.as_str(), release.info.notes.as_str()), ("pending-upgrade", "a\nb"));
        let chart = release.chart.unwrap();
        assert_eq!(chart.values.as_deref(), Some(r#"{"n":12345678901234567890}"#));
        let metadata = chart.metadata.unwrap();
        assert_eq!((metadata.app_version.as_str(), metadata.deprecated), ("2", true));
        assert_eq!(metadata.annotations.into_iter().collect::<Vec<_>>(), [("a".to_owned(), "b".to_owned())]);
        assert_eq!(metadata.dependencies, ["db"]);
        assert_eq!(release.config.as_deref(), Some(r#"{"x":"a\u003cb"}"#));
        assert!(release.manifest.starts_with("---\n# Source: web/"));
        let hook = &release.hooks[0];
        assert_eq!((hook.weight, hook.events.as_slice()), (-5, ["pre-upgrade".to_owned()].as_slice()));
        assert_eq!(hook.last_run.phase, "Running");
        assert!(hook.last_run.started_at.is_some() && hook.last_run.completed_at.is_none());
    }

    #[test]
    fn helm_4_is_read() {
        let release = read(HELM4).unwrap();
        assert_eq!(release.apply_method.as_deref(), Some("ssa"));
        assert_eq!((release.info.rollback_revision, release.info.deleted), (Some(1), None));
        assert_eq!(release.hooks[0].last_run, LastRun::default());
        assert_eq!(release.chart.unwrap().values.as_deref(), Some("{}"));
    }

    #[test]
    fn absent_and_null_are_the_same() {
        let bare = read(r#"{"info":{}}"#).unwrap();
        let nulls = r#"{"name":null,"info":{"status":null,"deleted":null,"first_deployed":"0001-01-01T00:00:00Z"},"chart":null,
            "config":null,"manifest":null,"hooks":null,"version":null,"namespace":null,"apply_method":null,"more":1}"#;
        assert_eq!(read(nulls).unwrap(), bare);
        assert_eq!((bare.version, bare.chart), (0, None));
        let hooks = read(r#"{"info":{},"hooks":[null,{"events":null}]}"#).unwrap().hooks;
        assert_eq!(hooks.len(), 1);
    }

    #[test]
    fn the_last_duplicate_wins() {
        let release =
            read(r#"{"name":"a","NAME":"b","info":{"status":"x","notes":"n"},"info":{"status":"y"}}"#).unwrap();
        assert_eq!(release.name, "b");
        assert_eq!((release.info.status.as_str(), release.info.notes.as_str()), ("y", "n"), "objects are merged");
    }

    #[test]
    fn fields_of_the_wrong_type_are_named() {
        let table = [
            (r#"{"name":5,"info":{}}"#, "name"),
            (r#"{"info":{"last_deployed":"yesterday"}}"#, "info.last_deployed"),
            (r#"{"info":{"notes":[]}}"#, "info.notes"),
            (r#"{"info":{},"chart":[]}"#, "chart"),
            (r#"{"info":{},"chart":{"metadata":5}}"#, "chart.metadata"),
            (r#"{"info":{},"chart":{"metadata":{"deprecated":"yes"}}}"#, "chart.metadata.deprecated"),
            (r#"{"info":{},"chart":{"metadata":{"annotations":{"a":1}}}}"#, "chart.metadata.annotations"),
            (r#"{"info":{},"config":"x"}"#, "config"),
            (r#"{"info":{},"hooks":{}}"#, "hooks"),
            (r#"{"info":{},"hooks":[{"weight":"5"}]}"#, "hooks.weight"),
            (r#"{"info":{},"hooks":[{"events":[1]}]}"#, "hooks.events"),
            (r#"{"info":{},"version":1.5}"#, "version"),
            (r#"{"info":{},"version":-1}"#, "version"),
            (r#"{"info":{},"version":1e2}"#, "version"),
        ];
        for (text, path) in table {
            assert_eq!(read(text), Err(Damage::BadField { path }), "{text}");
        }
    }
}
