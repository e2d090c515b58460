//! Plans that are saved and carried out later: `plan -o FILE`, `fix --plan FILE`.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use refloat_core::plan::{Plan, SavedPlan, Way, WayOut, loses_more};
use refloat_core::report::{counted, one_line};

use super::fix::FixArgs;
use crate::error::Failure;
use crate::exit::Exit;
use crate::fix::Judged;
use crate::output::{Format, LITERAL, Ui, paint};
use crate::plan_file;
use crate::settings::Connection;
use crate::source::Source;

/// Where a plan goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To stdout.
    Shown(Format),
    /// To a file, to be carried out later.
    Saved(PathBuf),
}

/// Takes what `-o` says. What is no format is a file, if it looks like one: a slip of the pen must not make a file.
pub fn target(text: &str) -> Result<Target, String> {
    match Format::from_str(text, false) {
        Ok(format) => Ok(Target::Shown(format)),
        Err(_) if text.contains(['.', '/']) => Ok(Target::Saved(PathBuf::from(text))),
        Err(_) => {
            Err("formats are table, wide, json, yaml and name; a file to save to has a dot or a slash".to_owned())
        }
    }
}

/// Saves a way to a file.
pub(super) struct Saving<'a> {
    /// The file.
    pub path: &'a Path,
    /// The way, if one is named.
    pub with: Option<Way>,
    /// Whether only records are to be changed.
    pub records_only: bool,
    /// Whether another file may be replaced.
    pub force: bool,
}

/// Saves the way that is named, or the recommended one.
pub(super) fn save(
    source: &Source,
    judged: &Judged<'_>,
    plan: &Plan,
    saving: &Saving<'_>,
    ui: &mut Ui,
) -> Result<Exit, Failure> {
    if source.is_bundle() {
        return Err(Failure::usage("a plan can't be saved from a bundle, in which not all is as it was read")
            .hint("leave --bundle out to save one from the cluster itself"));
    }
    let option = chosen(judged, plan, saving.with)?;
    let situation = judged.situation();
    let work =
        judged.work(option.id, saving.records_only, false).map_err(|refusal| Failure::new(Exit::Refused, refusal))?;
    let saved = SavedPlan::new(&situation, option, &work, saving.records_only).map_err(|error| {
        Failure::new(Exit::Access, "the plan can't be saved")
            .because(error)
            .hint("docs/rbac.md tells which rights a plan needs")
    })?;
    plan_file::save(saving.path, &saved, saving.force)?;
    let shown = one_line(&saving.path.display().to_string());
    ui.line(format!("{}/{}: the way out {} is saved to {shown}.", plan.namespace, plan.release, option.id))?;
    let records = saved.guards.iter().filter(|guarded| guarded.record).count();
    let (records, objects) = (counted(records, "record"), counted(saved.guards.len() - records, "object"));
    ui.line(format!("It holds as long as {records} and {objects} stand as they do now."))?;
    ui.line(format!("next: {}", paint(LITERAL, format!("refloat fix --plan {shown}"))))?;
    Ok(Exit::Ok)
}

fn chosen<'p>(judged: &Judged<'_>, plan: &'p Plan, with: Option<Way>) -> Result<&'p WayOut, Failure> {
    let refused = |why: String| {
        Failure::new(Exit::Refused, format!("{why}; nothing was saved"))
            .hint(format!("refloat plan {} -n {} -o wide shows all ways", plan.release, plan.namespace))
    };
    if let Some(way) = with {
        let found = plan.options.iter().find(|option| option.id == way);
        let option = found.ok_or_else(|| refused(format!("{way} is no way out")))?;
        return if option.applicable { Ok(option) } else { Err(refused(option.why.clone())) };
    }
    let first = plan.options.iter().find(|option| option.applicable && option.id != Way::Wait);
    let first = first.ok_or_else(|| refused("there is nothing to be done".to_owned()))?;
    if first.id == Way::Escalate {
        return Err(refused(first.why.clone()).hint("--with takes a way all the same"));
    }
    if loses_more(&judged.situation(), first) {
        return Err(refused(format!("the recommended way ({}) is destructive", first.id)).hint("--with takes it"));
    }
    Ok(first)
}

/// Takes the flags and a saved plan; gives both as if the plan's release had been typed.
pub(super) fn aimed(
    args: &FixArgs,
    connection: &Connection,
    saved: &SavedPlan,
) -> Result<(FixArgs, Connection), Failure> {
    let (mut args, mut connection) = (args.clone(), connection.clone());
    let other = |what: &str, theirs: &str, ours: &str| {
        Failure::usage(format!("the plan is for {what} {}, not {}", one_line(theirs), one_line(ours)))
    };
    if let Some(release) = args.release.as_deref().filter(|release| *release != saved.release) {
        return Err(other("release", &saved.release, release).hint("leave the release out to take the plan's"));
    }
    let namespace = connection.namespace.as_deref().filter(|namespace| !namespace.is_empty());
    if let Some(namespace) = namespace.filter(|namespace| *namespace != saved.namespace) {
        return Err(other("namespace", &saved.namespace, namespace).hint("leave -n out to take the plan's"));
    }
    let driver = connection.driver()?;
    if let Some(driver) = driver.filter(|driver| *driver != saved.driver) {
        return Err(other("the driver", saved.driver.as_str(), driver.as_str()));
    }
    if args.records_only && !saved.records_only {
        return Err(Failure::usage("the plan isn't one of records only")
            .hint("refloat plan RELEASE --records-only -o FILE saves one that leaves objects as they are"));
    }
    args.records_only = saved.records_only;
    args.release = Some(saved.release.clone());
    connection.namespace = Some(saved.namespace.clone());
    connection.driver = Some(saved.driver.as_str().to_owned());
    Ok((args, connection))
}

/// Whether everything that a saved plan rests on is as it was.
pub(super) fn holds(saved: &SavedPlan, judged: &Judged<'_>, earlier: Option<Way>) -> Result<(), Failure> {
    let id = &judged.case.seen.id;
    if let Some(way) = earlier {
        let why = format!("a fix of {id} with {way} was interrupted, and comes first; nothing was written");
        return Err(Failure::new(Exit::Refused, why)
            .hint(format!("refloat fix {} -n {} goes on with it", id.name, id.namespace))
            .hint("refloat undo takes it back"));
    }
    let changed = saved.changed(judged.case.seen);
    if changed.is_empty() {
        return Ok(());
    }
    Err(moved(saved, "what the plan rests on changed since it was saved").because(changed.join("; ")))
}

/// Whether a saved plan's way still does what it did.
pub(super) fn same(saved: &SavedPlan, option: &WayOut) -> Result<(), Failure> {
    match saved.differs(option) {
        None => Ok(()),
        Some(what) => Err(moved(saved, "what the plan does changed since it was saved").because(what)),
    }
}

fn moved(saved: &SavedPlan, what: &str) -> Failure {
    Failure::new(Exit::Changed, format!("{what}; nothing was written"))
        .hint(format!("refloat plan {} -n {} shows the ways out as they are now", saved.release, saved.namespace))
}
