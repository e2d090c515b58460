//! `refloat fix`: carry one way out out.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use refloat_core::inventory::ReleaseId;
use refloat_core::plan::{Effect, EffectKind, PolicyView, Refusal, SavedPlan, Way, WayOut, option};
use refloat_core::policy::Policy;
use refloat_core::report::{one_line, shortened};
use serde::Serialize;

use super::fix_checks::{allowed, safe_to_go_back};
use super::fix_gone::{gone, interrupted};
use super::fix_returned::finish_putting_back;
use super::fix_way::{WayName, choose, past, verb};
use super::open;
use super::policy::PolicyArgs;
use super::saved::{aimed, holds, same};
use crate::backup_file::ValuesFile;
use crate::error::Failure;
use crate::exit::Exit;
use crate::fix::{Doubt, FixOptions, Fixed, Judged, carry_out, judge_by, look};
use crate::output::{BAD, Format, GOOD, LITERAL, STRONG, Ui, hanging, paint, wrapped};
use crate::plan_file;
use crate::rescue::Rescuer;
use crate::settings::{Connection, whoami};
use crate::source::Source;

/// Flags of `fix`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  refloat fix cart -n shop --dry-run          show the recommended way out, and write nothing
  refloat fix cart -n shop --with resume      finish what was interrupted; asks first
  refloat fix cart -n shop --auto --yes       take the recommended way if it loses nothing and Helm is gone
  refloat fix --plan cart.plan.json           carry out a plan that was saved, if nothing changed since
  refloat undo -n shop                        take it back")]
pub struct FixArgs {
    /// Name of the release [default: the plan's]
    #[arg(required_unless_present = "plan")]
    pub(super) release: Option<String>,
    /// The way out to take; refloat plan ranks them [default: the recommended one]
    #[arg(long, value_enum, value_name = "OPTION")]
    pub(super) with: Option<WayName>,
    /// Take the recommended way, or the first that the policy lists, only if it loses nothing and Helm is known to be gone
    #[arg(long, conflicts_with = "with")]
    pub(super) auto: bool,
    /// Carry out this plan, which refloat plan -o FILE saved, if all that it rests on is as it was
    #[arg(long, conflicts_with_all = ["with", "auto"], value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Don't ask for confirmation
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Show what would be done, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// You know that the Helm which began the operation has ended
    #[arg(long, alias = "force-live")]
    pub(super) helm_is_gone: bool,
    /// You know that the older revision works with what is there now, as a policy of rollback: ask wants somebody to
    #[arg(long)]
    pub(super) rollback_is_safe: bool,
    /// Change records only, and leave every object as it is
    #[arg(long)]
    pub(super) records_only: bool,
    /// How long to wait for each hook, and for all objects together
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = crate::settings::duration)]
    timeout: Duration,
    /// Don't wait for objects to become ready
    #[arg(long)]
    no_wait: bool,
    /// What to do with a hook of which it can't be told whether it ran
    #[arg(long, value_enum, default_value_t = Doubt::Stop, value_name = "WHAT")]
    doubtful_hooks: Doubt,
    /// Folder for the backup on this machine [default: refloat/backups in the user's state folder]
    #[arg(long, value_name = "DIR")]
    pub(super) backup_dir: Option<PathBuf>,
    /// Output format of what was done: table, wide, json, yaml or name
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true, value_name = "FORMAT")]
    pub(super) output: Format,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// What was done, or would be, for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    /// The fix's id; `null` on a dry run.
    id: Option<&'a str>,
    namespace: &'a str,
    release: &'a str,
    revision: u64,
    /// The status before.
    from: &'a str,
    /// The status after; `null` on a dry run, or if the release is gone.
    to: Option<String>,
    option: &'a WayOut,
    policy: PolicyView,
    dry_run: bool,
    backup: Option<String>,
    /// What was given to Helm for the newest and for the deployed revision, as files beside the backup.
    values: &'a [ValuesFile],
    next: String,
    undo: Option<String>,
}

/// What a fix goes by beside its flags.
pub(super) struct Given {
    /// Who carries it out.
    pub rescuer: Rescuer,
    /// What files and flags say.
    pub policy: Policy,
    /// The plan to carry out.
    pub saved: Option<SavedPlan>,
}

/// Runs the fix.
pub async fn run(args: &FixArgs, connection: &Connection, ui: &mut Ui) -> Result<Exit, Failure> {
    let policy = args.policy.policy()?;
    let saved = args.plan.as_deref().map(plan_file::read).transpose()?;
    let (args, connection) = match &saved {
        Some(saved) => aimed(args, connection, saved)?,
        None => (args.clone(), connection.clone()),
    };
    let source = open(&connection).await?;
    let given = Given { rescuer: Rescuer { name: whoami(), tempo: 1 }, policy, saved };
    fix(&source, &args, &given, ui).await
}

/// Looks, chooses, shows, asks, and does it.
pub(super) async fn fix(source: &Source, args: &FixArgs, given: &Given, ui: &mut Ui) -> Result<Exit, Failure> {
    let name = args.release.as_deref().unwrap_or_default();
    let looked = match ui.during("reading the release and its objects", look(source, name)).await {
        Err(missing) if missing.exit == Exit::Usage => return gone(source, args, given, missing, ui).await,
        looked => looked?,
    };
    let looked = match finish_putting_back(source, args, &looked.seen, &given.rescuer, ui).await? {
        true => look(source, name).await?,
        false => looked,
    };
    ui.notes(&looked.gathered.notes)?;
    let judged = judge_by(&looked.seen, &given.policy);
    ui.notes(&PolicyView::new(&judged.ruling).notes)?;
    let earlier = interrupted(source, &looked.seen.id, looked.seen.at, args.dry_run, ui).await?;
    let way = match &given.saved {
        Some(saved) => holds(saved, &judged, earlier).map(|()| saved.way)?,
        None => choose(args, &judged, earlier)?,
    };
    let shown = option(&judged.situation(), way, args.records_only, earlier.is_some());
    // An interrupted fix is gone on with whatever it has come to.
    let work = judged.work(way, args.records_only, earlier.is_some());
    let stops = |refusal: &Refusal| refusal.is_unknown() || matches!(refusal, Refusal::Forbidden(_));
    if let Some(refusal) = work.as_ref().err().filter(|refusal| earlier.is_none() || stops(refusal)) {
        let namespace = &looked.seen.id.namespace;
        let refused =
            Failure::new(Exit::Refused, refusal).hint(format!("refloat plan {name} -n {namespace} shows what is open"));
        return Err(match earlier {
            Some(_) => refused.hint(format!("refloat undo -n {namespace} takes back what the fix did so far")),
            None => refused,
        });
    }
    given.saved.as_ref().map_or(Ok(()), |saved| same(saved, &shown))?;
    show(&shown, &judged, args, ui)?;
    if args.dry_run {
        ui.say("Dry run: nothing was written.")?;
        return report(&judged, &shown, None, args, ui);
    }
    allowed(&judged, args.helm_is_gone, args.yes, ui)?;
    if earlier.is_none() {
        safe_to_go_back(args, &judged, &shown, ui)?;
    }
    confirmed(args, way, &looked.seen.id, ui)?;
    ui.flush()?;
    let bar = bar(ui);
    let mut tell = |doing: &str| bar.set_message(doing.to_owned());
    let done = carry_out(source, &looked, way, &given.rescuer, &options(args, given), &mut tell).await;
    bar.finish_and_clear();
    report(&judged, &shown, Some(&done?), args, ui)
}

/// Asks, unless that was answered beforehand.
pub(super) fn confirmed(args: &FixArgs, way: Way, id: &ReleaseId, ui: &mut Ui) -> Result<(), Failure> {
    let question = format!("{} {id}?", verb(way));
    if args.yes || ui.confirm(&question)? {
        return Ok(());
    }
    let failure = Failure::new(Exit::Refused, "not confirmed; nothing was written");
    Err(if ui.interactive { failure } else { failure.hint("--yes confirms where nobody can be asked") })
}

/// How it is to be done.
pub(super) fn options(args: &FixArgs, given: &Given) -> FixOptions {
    FixOptions {
        timeout: args.timeout,
        doubt: args.doubtful_hooks,
        wait: !args.no_wait,
        records_only: args.records_only,
        backup_dir: args.backup_dir.clone(),
        policy: given.policy.clone(),
    }
}

/// What tells how it goes.
pub(super) fn bar(ui: &Ui) -> ProgressBar {
    let bar = ui.spinner();
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

pub(super) fn show(option: &WayOut, judged: &Judged<'_>, args: &FixArgs, ui: &mut Ui) -> Result<(), Failure> {
    let seen = judged.case.seen;
    let destructive = if option.destructive { format!(", {}", paint(BAD, "DESTRUCTIVE")) } else { String::new() };
    let width = ui.width;
    let head = format!("{} {}{destructive}: {}", paint(STRONG, verb(option.id)), seen.id, one_line(&option.why));
    ui.say(hanging(&head, 2, width))?;
    let mut item = |name: &str, text: &str| ui.say(format!("  {name:<9}{}", wrapped(&one_line(text), 11, width)));
    for loss in &option.losses {
        item("loses", loss)?;
    }
    for warning in &option.warnings {
        item("mind", warning)?;
    }
    for step in &option.steps {
        item("does", step)?;
    }
    if args.records_only {
        item("mind", "no object is touched: what only the abandoned revision made stays until you remove it")?;
    }
    let said = |effect: &&Effect| !matches!(effect.effect, EffectKind::Unchanged | EffectKind::Gone);
    for effect in option.effects.iter().filter(said) {
        let note = if effect.note.is_empty() { String::new() } else { format!(" ({})", effect.note) };
        item(super::plan::effect_word(effect.effect), &format!("{}{note}", effect.object))?;
    }
    for condition in option.preconditions.iter().filter(|condition| condition.met != Some(true)) {
        item("needs", &condition.what)?;
    }
    item("then", &option.then)?;
    item("undo", &option.undo)
}

pub(super) fn report(
    judged: &Judged<'_>,
    option: &WayOut,
    done: Option<&Fixed>,
    args: &FixArgs,
    ui: &mut Ui,
) -> Result<Exit, Failure> {
    let seen = judged.case.seen;
    let id = &seen.id;
    let newest = done.and_then(|done| done.after.as_ref()).and_then(|after| after.newest());
    let status = newest.map(|newest| newest.opened.status.clone());
    let next = match option.id {
        Way::Unlock => format!("helm upgrade --install {} CHART -n {}", id.name, id.namespace),
        Way::Unblock => format!("refloat plan {} -n {}", id.name, id.namespace),
        _ if done.is_some_and(|done| done.after.is_none()) => format!("helm list -n {}", id.namespace),
        _ => format!("refloat diagnose {} -n {}", id.name, id.namespace),
    };
    let undo = done.map(|done| format!("refloat undo {} -n {}", done.fix, id.namespace));
    let saved = done.and_then(|done| done.saved.as_ref());
    if args.output.is_data() {
        let from = judged.case.status().as_str();
        let outcome = Outcome {
            id: done.map(|done| done.fix.as_str()),
            namespace: &id.namespace,
            release: &id.name,
            revision: seen.history.newest().and_then(refloat_core::record::RecordMeta::revision).unwrap_or_default(),
            from,
            to: status,
            option,
            policy: PolicyView::new(&judged.ruling),
            dry_run: done.is_none(),
            backup: saved.map(|saved| saved.file.display().to_string()),
            values: saved.map_or(&[], |saved| &saved.values),
            next,
            undo,
        };
        ui.data(args.output, &outcome)?;
        return Ok(Exit::Ok);
    }
    let Some(done) = done else { return Ok(Exit::Ok) };
    if let Some(why) = &done.untold {
        ui.say(format!("The namespace's events don't tell of it: {}", one_line(why)))?;
    }
    let now = match newest {
        Some(newest) => {
            format!("revision {} is {}, label and payload, read back", newest.opened.revision, newest.opened.status)
        }
        None => "nothing of it is left".to_owned(),
    };
    ui.line(hanging(&format!("{} {id}: {now}.", paint(GOOD, past(option.id))), 2, ui.width))?;
    if let Some(saved) = saved {
        ui.line(format!("  backup   {}", shortened(&saved.file.display().to_string(), 300)))?;
    }
    ui.line(format!("           and in the cluster: secret/refloat-backup-{}", done.fix))?;
    for values in saved.iter().flat_map(|saved| &saved.values) {
        let (revision, file) = (values.revision, shortened(&values.file.display().to_string(), 300));
        ui.line(format!("  values   {file}, as given for revision {revision}, for helm upgrade -f"))?;
    }
    ui.line(format!("  next     {}", paint(LITERAL, next)))?;
    if let Some(undo) = undo {
        ui.line(format!("  undo     {}", paint(LITERAL, undo)))?;
    }
    Ok(Exit::Ok)
}
