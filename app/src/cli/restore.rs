//! `refloat restore`: put back what was lost of a release.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use refloat_core::inventory::{History, ReleaseId};
use refloat_core::observe::Observation;
use refloat_core::plan::PolicyView;
use refloat_core::policy::{Policy, overwrites};
use refloat_core::record::RecordMeta;
use refloat_core::report::{one_line, shortened};
use refloat_core::rescue::{Fate, How, ObjectFate, RecordFate, Restore};
use serde::Serialize;

use super::fix_checks::allowed;
use super::open;
use super::policy::PolicyArgs;
use crate::error::Failure;
use crate::exit::Exit;
use crate::fix::{Held, Judged, Task, held, judge_by};
use crate::keep::{Found, Restoration, Restored, find, go_on, plan, put_all_back};
use crate::observe::{observe_known, observe_namespace};
use crate::output::{Format, GOOD, LITERAL, STRONG, Ui, hanging, paint, wrapped};
use crate::rescue::{Rescuer, errand};
use crate::settings::{Connection, whoami};
use crate::source::Source;

/// Flags of `restore`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  refloat restore cart cart.backup.json -n shop --dry-run    what was lost since, and write nothing
  refloat restore cart cart.backup.json -n shop              put it back; asks first
  refloat restore cart -n shop --from-fix newest             from the copy that the last fix left
  refloat undo -n shop                                       take that back

What is there is left alone, unless --overwrite is given, and newer revisions stay in any case.")]
pub struct RestoreArgs {
    /// Name of the release
    release: String,
    /// Backup, of refloat backup or of a fix; - for stdin [default: the copy that the release's only fix left in the cluster]
    file: Option<PathBuf>,
    /// The fix whose copy in the cluster to take: its id, or newest
    #[arg(long, value_name = "ID", conflicts_with = "file")]
    from_fix: Option<String>,
    /// Write over what is there and differs, too
    #[arg(long)]
    overwrite: bool,
    /// Don't ask for confirmation
    #[arg(short, long)]
    yes: bool,
    /// Show what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// You know that the Helm which began the newest operation has ended
    #[arg(long, alias = "force-live")]
    helm_is_gone: bool,
    /// Put records back only, and leave every object as it is
    #[arg(long)]
    records_only: bool,
    /// Folder for the backup on this machine [default: refloat/backups in the user's state folder]
    #[arg(long, value_name = "DIR")]
    backup_dir: Option<PathBuf>,
    /// Output format of what was done: table, wide, json, yaml or name
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// What was done, or would be, for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    /// The restore's id; `null` if nothing was written.
    id: Option<&'a str>,
    namespace: &'a str,
    release: &'a str,
    /// The backup's id.
    from: &'a str,
    records: &'a [RecordFate],
    objects: &'a [ObjectFate],
    dry_run: bool,
    backup: Option<String>,
    next: String,
    undo: Option<String>,
}

/// Runs the command.
pub async fn run(args: &RestoreArgs, connection: &Connection, ui: &mut Ui) -> Result<Exit, Failure> {
    let policy = args.policy.policy()?;
    let source = open(connection).await?;
    restore(&source, args, &policy, &Rescuer { name: whoami(), tempo: 1 }, ui).await
}

/// Compares, shows, asks, and does it.
async fn restore(
    source: &Source,
    args: &RestoreArgs,
    policy: &Policy,
    rescuer: &Rescuer,
    ui: &mut Ui,
) -> Result<Exit, Failure> {
    let restoration = prepared(source, args, rescuer, ui).await?;
    ui.notes(&restoration.gathered.notes)?;
    if let Some(plan) = &restoration.plan {
        show(plan, args, ui)?;
        if restoration.backup.is_none() {
            return nothing(&restoration, plan, args, ui);
        }
    }
    let seen = seen(source, &restoration).await?;
    let judged = judge_by(&seen, policy);
    ui.notes(&PolicyView::new(&judged.ruling).notes)?;
    permitted(&judged, &restoration)?;
    if args.dry_run {
        ui.say("Dry run: nothing was written.")?;
        return report(&Done::of(&restoration), None, args, ui);
    }
    quiet(&judged, &restoration, args, ui)?;
    let question = format!("Put back what was lost of {}?", restoration.id);
    if !args.yes && !ui.confirm(&question)? {
        let failure = Failure::new(Exit::Refused, "not confirmed; nothing was written");
        return Err(if ui.interactive { failure } else { failure.hint("--yes confirms where nobody can be asked") });
    }
    ui.flush()?;
    let bar = ui.spinner();
    bar.enable_steady_tick(Duration::from_millis(100));
    let mut tell = |doing: &str| bar.set_message(doing.to_owned());
    let shown = Done::of(&restoration);
    let done = put_all_back(source, restoration, rescuer, args.backup_dir.as_ref(), &mut tell).await;
    bar.finish_and_clear();
    report(&shown, done?.as_ref(), args, ui)
}

/// What is to be done: what an earlier run that was killed had begun, or what comparing a backup with the release gives.
async fn prepared(source: &Source, args: &RestoreArgs, rescuer: &Rescuer, ui: &mut Ui) -> Result<Restoration, Failure> {
    let named = args.file.is_some() || args.from_fix.is_some();
    let held = match interrupted(source, args, ui).await? {
        None => None,
        Some(held) => {
            let (fix, doing) = (held.journal.fix.clone(), one_line(&held.journal.doing));
            match go_on(source, &args.release, held).await? {
                Ok(begun) => {
                    ui.say(format!("Going on with restore {fix}, which was interrupted: {doing}"))?;
                    ui.say(format!("  writes {}", both(Done::of(&begun).count)))?;
                    if named {
                        same(source, args, &begun, &fix).await?;
                    }
                    return Ok(begun);
                }
                Err(held) => Some(held),
            }
        }
    };
    let found = found(source, args).await?;
    let head = format!("{} {}/{} from {}", paint(STRONG, "Restore"), source.namespace, args.release, found.words);
    ui.say(hanging(&head, 2, ui.width))?;
    let how = How { overwrite: args.overwrite, records_only: args.records_only };
    let planning = plan(source, &args.release, &found, how, rescuer, held);
    ui.during("comparing the backup with the release", planning).await
}

async fn found(source: &Source, args: &RestoreArgs) -> Result<Found, Failure> {
    find(source, &args.release, args.file.as_deref(), args.from_fix.as_deref()).await
}

/// A restore that was begun comes to its end before another one.
async fn same(source: &Source, args: &RestoreArgs, begun: &Restoration, fix: &str) -> Result<(), Failure> {
    let asked = found(source, args).await?.backup.id;
    let restoring = begun.backup.as_ref().and_then(|backup| backup.restoring.as_ref());
    if restoring.is_some_and(|restoring| restoring.from == asked) {
        return Ok(());
    }
    let (name, namespace) = (&begun.id.name, &begun.id.namespace);
    Err(Failure::new(Exit::Refused, format!("restore {fix}, from another backup, was interrupted, and comes first"))
        .hint(format!("refloat restore {name} -n {namespace} goes on with it"))
        .hint(format!("refloat undo {fix} -n {namespace} takes it back")))
}

/// The lock of an earlier restore that was killed on its way.
async fn interrupted(source: &Source, args: &RestoreArgs, ui: &mut Ui) -> Result<Option<Held>, Failure> {
    let id = ReleaseId { namespace: source.namespace.clone(), name: args.release.clone() };
    let held = match held(source.writable(), &id, source.now().await?).await {
        Err(failure) if args.dry_run => {
            let why = failure.cause.unwrap_or(failure.message);
            ui.say(format!("Whether a fix is under way can't be told: {why}"))?;
            return Ok(None);
        }
        other => other?,
    };
    let Some(held) = held else { return Ok(None) };
    let journal = &held.journal;
    let (task, verb) = errand(journal.way);
    if held.alive {
        return Err(Failure::new(Exit::Refused, format!("{} is at work on {id} right now", held.holder))
            .because(format!("{task} {}: {}", journal.fix, journal.doing))
            .hint("wait for it, and look again"));
    }
    let fix = &journal.fix;
    let undo = format!("refloat undo {fix} -n {}", id.namespace);
    if journal.undoing {
        let message = format!("taking back {task} {fix} was interrupted, and comes first");
        return Err(Failure::new(Exit::Refused, message).hint(format!("{undo} goes on with it")));
    }
    if journal.way != Task::Restore {
        return Err(Failure::new(Exit::Refused, format!("{task} {fix} was interrupted, and comes first"))
            .hint(format!("refloat {verb} {} -n {} goes on with it", id.name, id.namespace))
            .hint(format!("{undo} takes it back")));
    }
    Ok(Some(held))
}

/// Refuses where Helm is, or may be, at work on what is left of the release.
fn quiet(judged: &Judged<'_>, restoration: &Restoration, args: &RestoreArgs, ui: &mut Ui) -> Result<(), Failure> {
    let newest = restoration.history.newest().map(|newest| &newest.id);
    let begun = restoration.backup.as_ref().filter(|_| restoration.plan.is_none());
    let begun = begun.and_then(|backup| backup.restoring.as_ref());
    // What an earlier run of this restore wrote is no sign of Helm.
    let ours = begun.is_some_and(|begun| begun.records().iter().any(|record| Some(&record.meta.id) == newest));
    if newest.is_none() || ours {
        return Ok(());
    }
    allowed(judged, args.helm_is_gone, args.yes, ui)
}

/// What is left of the release, and what its namespace says.
async fn seen(source: &Source, restoration: &Restoration) -> Result<Observation, Failure> {
    let (records, id) = (restoration.gathered.records.as_ref(), restoration.id.clone());
    if restoration.history.newest().is_none() {
        return observe_namespace(records, source.objects(), id).await;
    }
    observe_known(records, source.objects(), id, restoration.history.clone()).await
}

/// Refuses what policy forbids.
fn permitted(judged: &Judged<'_>, restoration: &Restoration) -> Result<(), Failure> {
    let forbidden = restoration.backup.as_ref().and_then(|backup| overwrites(&judged.ruling.policy, backup));
    forbidden.map_or(Ok(()), |why| {
        Err(Failure::new(Exit::Refused, format!("{}; nothing was written", one_line(&why)))
            .hint("without --overwrite only what is gone is put back; --records-only leaves objects alone"))
    })
}

fn show(plan: &Restore, args: &RestoreArgs, ui: &mut Ui) -> Result<(), Failure> {
    let width = ui.width;
    let mut item = |name: &str, text: &str| ui.say(format!("  {name:<11}{}", wrapped(&one_line(text), 13, width)));
    for record in plan.records.iter().filter(|record| record.fate != Fate::Same) {
        let why = record.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        item(word(record.fate), &format!("revision {} ({}){why}", record.revision, record.status))?;
    }
    for object in plan.objects.iter().filter(|object| object.fate != Fate::Same) {
        let why = object.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        item(word(object.fate), &format!("{}{why}", object.object))?;
    }
    item("there", &format!("as in the backup: {}", both(plan.count(Fate::Same))))?;
    if args.records_only {
        item("mind", "no object is touched, and none was looked at")?;
    }
    let written = |record: &&RecordFate| matches!(record.fate, Fate::Restore | Fate::Overwrite);
    let newest = plan.records.iter().rfind(written);
    if let Some(newest) = newest.filter(|newest| newest.status.is_pending()) {
        let words =
            format!("revision {} is {} again: helm is locked out until it is fixed", newest.revision, newest.status);
        item("mind", &words)?;
    }
    if plan.count(Fate::Leave) != (0, 0) && !args.overwrite && !plan.restoring.is_empty() {
        item("mind", "--overwrite writes over what differs, too")?;
    }
    Ok(())
}

fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Restore => "puts back",
        Fate::Overwrite => "overwrites",
        Fate::Same => "there",
        Fate::Leave => "leaves",
    }
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// How many records and objects; only those there are.
fn both((records, objects): (usize, usize)) -> String {
    match (records, objects) {
        (0, 1..) => plural(objects, "object"),
        (_, 0) => plural(records, "revision"),
        _ => format!("{} and {}", plural(records, "revision"), plural(objects, "object")),
    }
}

/// Nothing is written: well, if all is there as it was; else a refusal, as what was asked for isn't what is there.
fn nothing(restoration: &Restoration, plan: &Restore, args: &RestoreArgs, ui: &mut Ui) -> Result<Exit, Failure> {
    let (records, objects) = plan.count(Fate::Leave);
    if (records, objects) == (0, 0) {
        return report(&Done::of(restoration), None, args, ui);
    }
    let left = both((records, objects));
    let message = format!("nothing of {} is put back, and left as it is: {left}; nothing was written", restoration.id);
    let failure = Failure::new(Exit::Refused, message);
    Err(match args.overwrite {
        true => failure,
        false => failure.hint("--overwrite writes over what differs, after backing it up"),
    })
}

/// What is left to be told once the restore is on its way.
struct Done {
    id: ReleaseId,
    from: String,
    records: Vec<RecordFate>,
    objects: Vec<ObjectFate>,
    /// How many records and objects are written.
    count: (usize, usize),
}

impl Done {
    fn of(restoration: &Restoration) -> Self {
        let begun = restoration.backup.as_ref().and_then(|backup| backup.restoring.clone());
        let planned = restoration.plan.clone();
        let restoring = begun.or(planned.as_ref().map(|plan| plan.restoring.clone())).unwrap_or_default();
        let (records, objects) = planned.map_or_else(|| restoring.fates(), |plan| (plan.records, plan.objects));
        let count = (restoring.records().len(), restoring.objects.len());
        Self { id: restoration.id.clone(), from: restoring.from, records, objects, count }
    }
}

fn report(shown: &Done, done: Option<&Restored>, args: &RestoreArgs, ui: &mut Ui) -> Result<Exit, Failure> {
    let id = &shown.id;
    let next = format!("refloat diagnose {} -n {}", id.name, id.namespace);
    if args.output.is_data() {
        let outcome = Outcome {
            id: done.map(|done| done.id.as_str()),
            namespace: &id.namespace,
            release: &id.name,
            from: &shown.from,
            records: &shown.records,
            objects: &shown.objects,
            dry_run: args.dry_run,
            backup: done.and_then(|done| done.file.as_ref()).map(|file| file.display().to_string()),
            next,
            undo: done.map(|done| format!("refloat undo {} -n {}", done.id, id.namespace)),
        };
        ui.data(args.output, &outcome)?;
        return Ok(Exit::Ok);
    }
    match done {
        Some(done) => tell(shown, done, &next, ui)?,
        None if args.dry_run => {}
        None => {
            let nothing = paint(GOOD, "Nothing");
            let words = format!("{nothing} of {id} is lost: all that the backup holds is there as it was.");
            ui.line(hanging(&words, 2, ui.width))?;
            ui.line(format!("  next     {}", paint(LITERAL, next)))?;
        }
    }
    Ok(Exit::Ok)
}

/// What was done, for people.
fn tell(shown: &Done, done: &Restored, next: &str, ui: &mut Ui) -> Result<(), Failure> {
    let id = &shown.id;
    if let Some(why) = &done.untold {
        ui.say(format!("The namespace's events don't tell of it: {}", one_line(why)))?;
    }
    let put = format!("{} put back, read back; {}", both(shown.count), newest(&done.history));
    ui.line(hanging(&format!("{} {id}: {put}.", paint(GOOD, "Restored")), 2, ui.width))?;
    if let Some(file) = &done.file {
        ui.line(format!("  backup   {}", shortened(&file.display().to_string(), 300)))?;
    }
    ui.line(format!("           and in the cluster: secret/refloat-backup-{}", done.id))?;
    ui.line(format!("  next     {}", paint(LITERAL, next)))?;
    ui.line(format!("  undo     {}", paint(LITERAL, format!("refloat undo {} -n {}", done.id, id.namespace))))
}

/// How the release stands now.
fn newest(history: &History) -> String {
    let newest = history.newest();
    let revision = newest.and_then(RecordMeta::revision).unwrap_or_default();
    let status = newest.and_then(|newest| newest.status.clone()).unwrap_or_else(|| "unknown".to_owned());
    format!("revision {revision} is {}", one_line(&status))
}
