//! `refloat plan`: the ways out, the recommended first.

use clap::Args;
use refloat_core::plan::{EffectKind, Plan, Way, WayOut, option, plan as rank};
use refloat_core::policy::Policy;
use refloat_core::record::Status;
use refloat_core::report::one_line;

use super::diagnose_returned::told;
use super::fix_way::WayName;
use super::open;
use super::policy::PolicyArgs;
use super::saved::{Saving, Target, save, target};
use crate::error::Failure;
use crate::exit::Exit;
use crate::fix::{judge_by, look};
use crate::output::{BAD, Format, LITERAL, STRONG, Ui, hanging, paint, wrapped};
use crate::settings::Connection;
use crate::source::Source;

/// Flags of `plan`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refloat plan cart -n shop             the ways out, the recommended first
  refloat plan cart -n shop -o wide     with the ways that aren't open, and the same by hand
  refloat plan cart -n shop -o json     for scripts
  refloat plan cart -n shop --with resume -o cart.plan.json   save one, for refloat fix --plan")]
pub struct PlanArgs {
    /// Name of the release
    release: String,
    /// Only this way out
    #[arg(long, value_enum, hide_possible_values = true, value_name = "OPTION")]
    with: Option<WayName>,
    /// Only what changes records, and leaves every object as it is
    #[arg(long)]
    records_only: bool,
    /// Output format: table, wide, json, yaml or name; or a file, which has a dot or a slash, to save the recommended way to, or that of
    /// --with
    #[arg(short, long, default_value = "table", value_parser = target, value_name = "FORMAT|FILE")]
    output: Target,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// Runs the command.
pub async fn run(args: &PlanArgs, connection: &Connection, ui: &mut Ui) -> Result<Exit, Failure> {
    let policy = args.policy.policy()?;
    let source = open(connection).await?;
    plan(&source, args, &policy, ui).await
}

/// Ranks the ways out of a source's release.
pub(super) async fn plan(source: &Source, args: &PlanArgs, policy: &Policy, ui: &mut Ui) -> Result<Exit, Failure> {
    let looked = match ui.during("reading the release and its objects", look(source, &args.release)).await {
        Err(missing) => return Err(told(source, &args.release, missing).await),
        Ok(looked) => looked,
    };
    ui.notes(&looked.gathered.notes)?;
    let judged = judge_by(&looked.seen, policy);
    let mut plan = rank(&judged.situation());
    ui.notes(&plan.policy.notes)?;
    if args.records_only {
        for one in plan.options.iter_mut().filter(|one| one.id != Way::Escalate) {
            *one = option(&judged.situation(), one.id, true, false);
        }
        plan.options.sort_by_key(|option| !option.applicable);
    }
    let with = args.with.map(Way::from);
    let format = match &args.output {
        Target::Shown(format) => *format,
        Target::Saved(path) => {
            return save(
                source,
                &judged,
                &plan,
                &Saving { path, with, records_only: args.records_only, force: args.force },
                ui,
            );
        }
    };
    plan.options.retain(|option| with.is_none_or(|way| option.id == way));
    match format {
        Format::Json | Format::Yaml => ui.data(format, &plan)?,
        Format::Name => {
            plan.options.iter().filter(|option| option.applicable).try_for_each(|option| ui.line(option.id))?;
        }
        Format::Table | Format::Wide => {
            let healthy = judged.case.status() == Status::Deployed;
            table(&plan, format == Format::Wide || with.is_some(), healthy, ui)?;
        }
    }
    Ok(Exit::Ok)
}

fn table(plan: &Plan, all: bool, healthy: bool, ui: &mut Ui) -> Result<(), Failure> {
    let open = plan.options.iter().filter(|option| option.applicable);
    let head = paint(STRONG, format!("{}/{}:", plan.namespace, plan.release));
    ui.line(hanging(&format!("{head} {}", one_line(&plan.summary)), 6, ui.width))?;
    for rule in &plan.policy.rules {
        let words = format!("policy: {}: {} ({})", rule.key, one_line(&rule.value), one_line(&rule.by));
        ui.line(hanging(&words, 8, ui.width))?;
    }
    ui.line(match open.clone().count() {
        0 if healthy => "No way out is needed: its records are sound.".to_owned(),
        0 => "No way out is open.".to_owned(),
        1 => "There is one way out:".to_owned(),
        ways => format!("There are {ways} ways out, the recommended first:"),
    })?;
    for (place, option) in open.enumerate() {
        way(place + 1, option, &plan.release, &plan.namespace, all, ui)?;
    }
    let forbidden = |option: &&WayOut| !option.applicable && option.policy.is_some();
    let none_open = plan.options.iter().all(|option| !option.applicable) && !healthy;
    let shut = |option: &&WayOut| if all || none_open { !option.applicable } else { forbidden(option) };
    if plan.options.iter().any(|option| shut(&option)) || all {
        ui.line("")?;
    }
    for option in plan.options.iter().filter(shut) {
        ui.line(hanging(&format!("not open: {}: {}", option.id, one_line(&option.why)), 10, ui.width))?;
    }
    Ok(())
}

fn way(place: usize, option: &WayOut, release: &str, namespace: &str, all: bool, ui: &mut Ui) -> Result<(), Failure> {
    let destructive = if option.destructive { format!(", {}", paint(BAD, "DESTRUCTIVE")) } else { String::new() };
    ui.line("")?;
    let head = format!("{place}. {}{destructive}: {}", paint(STRONG, option.id), one_line(&option.why));
    ui.line(hanging(&head, 3, ui.width))?;
    let width = ui.width;
    let mut item = |name: &str, text: &str| ui.line(format!("   {name:<9}{}", wrapped(&one_line(text), 12, width)));
    for loss in &option.losses {
        item("LOSES", loss)?;
    }
    for warning in &option.warnings {
        item("mind", warning)?;
    }
    for condition in &option.preconditions {
        let met = match condition.met {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "not known",
        };
        item("needs", &format!("{}: {met}", condition.what))?;
    }
    for step in &option.steps {
        item("does", step)?;
    }
    let shown = option
        .effects
        .iter()
        .filter(|effect| all || !matches!(effect.effect, EffectKind::Unchanged | EffectKind::Gone));
    for effect in shown {
        let note = if effect.note.is_empty() { String::new() } else { format!(" ({})", effect.note) };
        item(effect_word(effect.effect), &format!("{}{note}", effect.object))?;
    }
    item("risk", option.risk)?;
    if !option.takes.is_empty() {
        item("takes", &option.takes)?;
    }
    item("then", &option.then)?;
    if !option.undo.is_empty() {
        item("undo", &option.undo)?;
    }
    if all {
        for line in &option.by_hand {
            item("by hand", line)?;
        }
    }
    let typed = match option.id {
        Way::Wait => format!("refloat diagnose {release} -n {namespace}"),
        Way::Escalate => format!("refloat bundle {release} -n {namespace} -o {release}.bundle"),
        way => format!("refloat fix {release} -n {namespace} --with {way}"),
    };
    ui.line(format!("   type     {}", paint(LITERAL, typed)))
}

/// What happens to an object, in a word.
pub(super) fn effect_word(effect: EffectKind) -> &'static str {
    match effect {
        EffectKind::Created => "creates",
        EffectKind::Changed => "changes",
        EffectKind::Replaced => "replaces",
        EffectKind::Unchanged => "keeps",
        EffectKind::Deleted => "deletes",
        EffectKind::Freed => "frees",
        EffectKind::Gone => "is gone",
        EffectKind::Run => "runs",
        EffectKind::Unknown => "unknown",
    }
}
