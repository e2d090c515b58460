//! The ways out of one release, ranked: which are open, what each does to every object, what is lost, how it is taken back.

mod automatic;
mod by_hand;
mod by_policy;
mod effects;
mod escalate;
mod first;
mod losses;
mod steps;
mod words;

pub use automatic::*;
pub use by_policy::*;
pub use effects::*;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Effect, EffectKind, Refusal, Way, Work, work};
use crate::diagnose::{
    Case, Cause, Liveness, LivenessVerdict, Operation, Owner, Phase, depth, fixed_field, is_abandoned, last_good, owner,
};
use crate::observe::OperationKind;
use crate::policy::{OwnerRule, Ruling};
use crate::record::Status;

/// The version of the JSON. It only grows within a version.
pub const PLAN_VERSION: &str = "refloat.dev/plan/v1";

/// How long an uninstall's hooks have before it is finished without them.
const HOOKS_HAVE: SignedDuration = SignedDuration::from_mins(30);

/// The ways out of one release.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// [`PLAN_VERSION`].
    pub schema: &'static str,
    /// The release's name.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// When it was looked at, by the server's clock.
    pub at: Timestamp,
    /// The newest revision.
    pub revision: u64,
    /// What happened, in a sentence.
    pub summary: String,
    /// What policy says.
    pub policy: PolicyView,
    /// The ways, the recommended first; those that aren't open last.
    pub options: Vec<WayOut>,
}

/// One way out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WayOut {
    /// Which.
    pub id: Way,
    /// Whether it is open.
    pub applicable: bool,
    /// Why it fits, or why it isn't open.
    pub why: String,
    /// Whether something is lost that can't be had back.
    pub destructive: bool,
    /// What is lost.
    pub losses: Vec<String>,
    /// What a policy says to it: `ask` if it needs somebody's word, `never` if it is forbidden.
    pub policy: Option<&'static str>,
    /// What to bear in mind: hooks of the abandoned revision that look like migrations.
    pub warnings: Vec<String>,
    /// `none`, `low`, `medium` or `high`.
    pub risk: &'static str,
    /// What must hold, and whether it does; `null` if that can't be told.
    pub preconditions: Vec<Precondition>,
    /// What becomes of each object.
    pub effects: Vec<Effect>,
    /// What is done, in order.
    pub steps: Vec<String>,
    /// For how long it may take; empty if it isn't open.
    pub takes: String,
    /// What Helm will make of it afterwards.
    pub then: String,
    /// How it is taken back.
    pub undo: String,
    /// The same by hand.
    pub by_hand: Vec<String>,
}

/// Something that must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Precondition {
    /// What.
    pub what: String,
    /// Whether it does.
    pub met: Option<bool>,
}

/// What a plan is made of.
pub struct Situation<'a> {
    /// The release.
    pub case: &'a Case<'a>,
    /// How far its operation came.
    pub operation: &'a Operation<'a>,
    /// Whether Helm may still run.
    pub liveness: &'a Liveness,
    /// Why it is as it is.
    pub causes: &'a [Cause],
    /// What happened, in a sentence.
    pub summary: &'a str,
    /// What policy says.
    pub ruling: &'a Ruling,
}

/// Takes a situation; gives the ways out, the recommended first.
pub fn plan(situation: &Situation<'_>) -> Plan {
    let case = situation.case;
    let mut options: Vec<WayOut> = Way::ALL.into_iter().map(|way| option(situation, way, false, false)).collect();
    options.retain(|option| option.id != Way::Escalate);
    options.sort_by_key(|option| (!option.applicable, rank(situation, option)));
    let (place, escalate) = escalate::option(situation, &options);
    options.insert(place, escalate);
    Plan {
        schema: PLAN_VERSION,
        release: case.seen.id.name.clone(),
        namespace: case.seen.id.namespace.clone(),
        at: case.seen.at,
        revision: case.seen.history.newest().and_then(crate::record::RecordMeta::revision).unwrap_or_default(),
        summary: situation.summary.to_owned(),
        policy: PolicyView::new(situation.ruling),
        options,
    }
}

/// Whether a way loses more than whoever began the operation asked for: an uninstall that is finished deletes what it was to delete.
pub fn loses_more(situation: &Situation<'_>, option: &WayOut) -> bool {
    let asked_for = situation.case.kind == OperationKind::Uninstall && option.id == Way::Resume;
    option.destructive && !asked_for
}

/// The decision tree: where a way stands among those that are open.
fn rank(situation: &Situation<'_>, option: &WayOut) -> u8 {
    let blocked = stands_in_the_way(situation) && !is_overcome(situation);
    match option.id {
        Way::Wait => 0,
        begun if first::is_begun(situation.case, begun) => 0,
        Way::Repair => 1,
        Way::Complete => 2,
        // What keeps it from being ready keeps it from being finished, too.
        Way::Resume | Way::Converge if blocked => 7,
        Way::Resume | Way::Converge => 3,
        // What can't be changed back stops it half way.
        Way::Rollback if !unchangeable(situation.case).is_empty() => 7,
        Way::Rollback if blocked => 4,
        Way::Unlock | Way::Rollback => 5,
        Way::Unblock => 6,
        Way::Forget => 8,
        Way::Uninstall => 9,
        Way::Reinstall => 10,
        Way::Escalate => 11,
    }
}

/// Whether an uninstall has waited long enough for its hooks; nothing if it isn't known since when, or if it isn't one.
fn hooks_had_their_time(situation: &Situation<'_>) -> Option<bool> {
    let began = situation.operation.began.filter(|_| situation.operation.kind == OperationKind::Uninstall)?;
    Some(situation.case.seen.at.duration_since(began) >= HOOKS_HAVE)
}

fn stands_in_the_way(situation: &Situation<'_>) -> bool {
    // Neither time nor a missing record write keeps anything from being done.
    let harmless = ["slow-rollout", "final-write-missing"];
    let stands =
        |cause: &Cause| matches!(cause.depth, depth::BLOCKER | depth::OBJECT) && !harmless.contains(&cause.code);
    situation.causes.iter().any(stands)
}

/// Whether whatever an operation failed on is done by now, by a fix or by hand: only its record says otherwise. A Helm that wakes up when a
/// fix has finished its operation fails on what it finds there.
fn is_overcome(situation: &Situation<'_>) -> bool {
    let (case, operation) = (situation.case, situation.operation);
    let ready = |object: &crate::diagnose::Object<'_>| object.new.is_none() || object.is_ready() == Some(true);
    case.status() == Status::Failed
        && operation.done == operation.of
        && words::hooks_left(operation).is_empty()
        && case.objects.iter().all(ready)
}

/// Whether something stands in the way that finishing won't overcome.
pub fn is_blocked(situation: &Situation<'_>) -> bool {
    situation.case.is_open() && stands_in_the_way(situation)
}

/// Takes a situation and a way; gives the work, or why the way isn't open. One that was interrupted is gone on with, whatever it has come to.
pub fn open_work(situation: &Situation<'_>, way: Way, records_only: bool, going_on: bool) -> Result<Work, Refusal> {
    if !going_on {
        open(situation, way)?;
    }
    let work = work(situation.case, situation.operation, way, records_only)?;
    permitted(situation, &work)?;
    Ok(work)
}

/// Takes a situation and a way, whether only records are to be written, and whether the way is gone on with; describes it.
pub fn option(situation: &Situation<'_>, way: Way, records_only: bool, going_on: bool) -> WayOut {
    let case = situation.case;
    let going_on = going_on || first::is_begun(case, way);
    let found = open_work(situation, way, records_only, going_on);
    let mut option = WayOut {
        id: way,
        applicable: false,
        why: String::new(),
        destructive: false,
        losses: Vec::new(),
        policy: None,
        warnings: Vec::new(),
        risk: words::risk(way),
        preconditions: Vec::new(),
        effects: Vec::new(),
        steps: Vec::new(),
        takes: String::new(),
        then: words::then(case, way, found.as_ref().ok()),
        undo: words::undo(case, way, None),
        by_hand: by_hand::lines(case, way),
    };
    match &found {
        Ok(work) => {
            option.applicable = true;
            option.why = words::why(situation, way);
            option.effects = effects(case, work);
            option.losses = losses::losses(situation, work);
            option.destructive = matches!(way, Way::Uninstall | Way::Reinstall) || !option.losses.is_empty();
            option.preconditions = preconditions(situation, way, Some(work));
            option.steps = steps::steps(work, &option.effects);
            option.undo = words::undo(case, way, Some(work));
            if option.effects.iter().any(|effect| effect.effect == EffectKind::Replaced) {
                option.risk = "high";
                option.undo.push_str(words::undo_of_replaced());
            }
            option.takes = words::takes(way, work);
            by_policy(situation, work, &mut option);
        }
        Err(refusal) => {
            option.policy = matches!(refusal, Refusal::Forbidden(_)).then_some("never");
            option.why = refusal.to_string();
        }
    }
    if going_on {
        first::goes_on(case, found.as_ref().err(), &mut option);
    }
    option
}

/// Whether the state calls for a way at all.
fn open(situation: &Situation<'_>, way: Way) -> Result<(), Refusal> {
    let case = situation.case;
    let no = |why: &str| Err(Refusal::NotApplicable(why.to_owned()));
    match way {
        Way::Wait => match situation.liveness.verdict {
            LivenessVerdict::Live | LivenessVerdict::Possible => Ok(()),
            LivenessVerdict::Stale => no("Helm isn't at work any more, so waiting changes nothing"),
            LivenessVerdict::Unknown => no("whether Helm is at work can't be told"),
            LivenessVerdict::None => no("no operation is open"),
        },
        Way::Complete => match situation.operation.phase {
            Phase::Supersede | Phase::FinalWrite | Phase::Purge => Ok(()),
            _ if !case.is_open() => Err(Refusal::NotOpen),
            _ => Err(Refusal::NotDone(situation.operation.because.clone())),
        },
        Way::Rollback if case.status() == Status::Deployed => no("a revision is deployed"),
        Way::Rollback if last_good(case).is_none() => Err(Refusal::NoGood),
        Way::Rollback if case.kind == OperationKind::None => no("nothing failed and nothing is under way"),
        Way::Uninstall
            if case.kind == OperationKind::Upgrade && case.status() == Status::Failed && last_good(case).is_none() =>
        {
            Ok(())
        }
        Way::Uninstall if case.kind == OperationKind::Uninstall => {
            match words::hooks_left(situation.operation).is_empty() {
                true => no("no hook keeps the uninstall from its end; resume finishes it"),
                false => Ok(()),
            }
        }
        Way::Uninstall if case.kind != OperationKind::Install => {
            no("there is something to go back to or to go on with; helm uninstall takes a release away")
        }
        Way::Reinstall if case.kind != OperationKind::None && can_go_back(case) => {
            no("there is something to go back to, which loses less")
        }
        _ => Ok(()),
    }
}

/// Whether a revision is known to have been good that the objects can be changed back to, and to go back to it wasn't tried in vain.
fn can_go_back(case: &Case<'_>) -> bool {
    let tried = case.kind == OperationKind::Rollback
        && case.status() == Status::Failed
        && !case.newest.is_some_and(is_abandoned);
    last_good(case).is_some() && unchangeable(case).is_empty() && !tried
}

fn preconditions(situation: &Situation<'_>, way: Way, work: Option<&Work>) -> Vec<Precondition> {
    let case = situation.case;
    let mut found: Vec<Precondition> = first::comes_first(case, way).filter(|_| way != Way::Wait).into_iter().collect();
    if case.is_open() && way != Way::Wait {
        let met = match situation.liveness.verdict {
            LivenessVerdict::Stale | LivenessVerdict::None => Some(true),
            LivenessVerdict::Live => Some(false),
            LivenessVerdict::Possible | LivenessVerdict::Unknown => None,
        };
        let by = if situation.ruling.stale.is_some() { " (by policy)" } else { "" };
        found.push(Precondition { what: format!("no Helm is at work on this release{by}"), met });
    }
    let ignored = |owner: &Owner| {
        situation.ruling.policy.owners.get(&owner.kind).is_some_and(|rule| rule.value == OwnerRule::Ignore)
    };
    if let Some(owner) = owner(case).filter(|owner| !ignored(owner)) {
        let how = if owner.suspend.is_empty() { String::new() } else { format!(" ({})", owner.suspend) };
        let what = format!("{} {} keeps its hands off meanwhile{how}", owner.kind, owner.name);
        found.push(Precondition { what, met: Some(owner.suspended) });
    }
    if way == Way::Unblock && work.is_some_and(|work| !work.free.is_empty()) {
        let what = "whoever set the finalizers is gone for good and won't clean up any more".to_owned();
        found.push(Precondition { what, met: None });
    }
    if let Some(met) = hooks_had_their_time(situation).filter(|_| way == Way::Uninstall) {
        let what = "its hooks can't be brought to succeed: 30 minutes have passed since the uninstall began".to_owned();
        found.push(Precondition { what, met: Some(met) });
    }
    if way == Way::Rollback {
        found.extend(unchangeable(case));
    }
    if matches!(way, Way::Resume | Way::Rollback | Way::Converge) && !is_overcome(situation) {
        let blockers = situation.causes.iter().filter(|cause| cause.depth == depth::BLOCKER);
        for problem in blockers.filter(|cause| !is_replaced(cause, work)) {
            found.push(Precondition { what: format!("out of the way: {}", problem.summary), met: Some(false) });
        }
    }
    found
}

/// Whether a cause is about an object that is deleted and made anew, which takes it out of the way.
fn is_replaced(cause: &Cause, work: Option<&Work>) -> bool {
    let mut replaced = work.iter().flat_map(|work| &work.apply).filter(|applied| applied.replaces.is_some());
    cause.code == "immutable-field" && replaced.any(|applied| cause.summary.starts_with(&format!("{} ", applied.words)))
}

/// Objects of the good revision that the server won't let be as it wants them.
fn unchangeable(case: &Case<'_>) -> Vec<Precondition> {
    let good = last_good(case).and_then(|good| case.seen.revisions.get(&good.revision)?.as_ref().ok());
    let found = good.into_iter().flat_map(|good| &good.objects).filter_map(|object| {
        let field = fixed_field(&object.kind, case.seen.live(object).found()?, &object.value, None)?;
        let what = format!("the server lets {}/{}'s {field} be changed back", object.kind.to_lowercase(), object.name);
        Some(Precondition { what, met: Some(false) })
    });
    found.collect()
}
