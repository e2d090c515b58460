//! Hooks: run as Helm runs them, one after another, and never one that already did its work.

use jiff::Timestamp;
use refloat_core::diagnose::HookRun;
use refloat_core::plan::HookStep;
use refloat_core::ready::{HookState, hook_done};

use super::Fixer;
use super::objects::{LOOK_EVERY, guard, is_going, live, stopped};
use crate::cluster::ClusterError;
use crate::error::Failure;
use crate::exit::Exit;

/// What to do with a hook of which it can't be told whether it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Doubt {
    /// Stop and say so
    Stop,
    /// Run it, perhaps again
    Run,
    /// Go on without it
    Skip,
}

impl Fixer<'_> {
    /// Runs an event's hooks, those that haven't run.
    pub(super) async fn hooks(&mut self, hooks: &[HookStep]) -> Result<(), Failure> {
        for hook in hooks {
            if !self.lock.journal.hooks_done.contains(&done_as(hook)) {
                self.hook(hook).await?;
            }
        }
        // Only once all of an event's hooks are through (Helm 4.3 `pkg/action/hooks.go:execHook`).
        for hook in hooks.iter().rev() {
            if hook.policies.iter().any(|policy| policy == "hook-succeeded") {
                self.delete_hook(hook).await?;
            }
        }
        Ok(())
    }

    async fn hook(&mut self, hook: &HookStep) -> Result<(), Failure> {
        let run = match (hook.run, hook.doubtful, self.options.doubt) {
            (HookRun::Succeeded | HookRun::Passed, ..) | (HookRun::Gone, _, Doubt::Skip) => {
                return self.hook_is_done(hook).await;
            }
            (HookRun::Gone, _, Doubt::Stop) => {
                let why = "it was started and its object is gone, so whether it did its work can't be told";
                return Err(Failure::new(Exit::Partial, format!("{} hook {}: {why}", hook.event, hook.name))
                    .hint("find out, and say --doubtful-hooks=run or --doubtful-hooks=skip"));
            }
            (HookRun::Gone, _, Doubt::Run) => true,
            (HookRun::NeverRan, ..) => !self.is_begun(hook).await?,
            (HookRun::Running, ..) => false,
            // It is looked at again, as what it failed on may have been put right; without an object it is to be run again.
            (HookRun::Failed, ..) => live(self.objects, &hook.read).await?.is_none(),
            (HookRun::Unknown, ..) => {
                return Err(Failure::new(Exit::Partial, format!("{} hook {} can't be seen", hook.event, hook.name)));
            }
        };
        if run {
            self.start(hook).await?;
        }
        self.await_hook(hook).await?;
        self.hook_is_done(hook).await
    }

    /// Whether an earlier run of this fix began it. Only where that took all away first: elsewhere the plan knows what became of each hook.
    async fn is_begun(&self, hook: &HookStep) -> Result<bool, Failure> {
        if !self.lock.journal.cleared {
            return Ok(false);
        }
        let found = live(self.objects, &hook.read).await?;
        let made =
            found.as_ref().and_then(|found| found.pointer("/metadata/creationTimestamp")?.as_str()?.parse().ok());
        Ok(made.is_some_and(|made: Timestamp| made.as_second() >= self.lock.journal.began.as_second()))
    }

    async fn hook_is_done(&mut self, hook: &HookStep) -> Result<(), Failure> {
        self.lock.journal.hooks_done.push(done_as(hook));
        self.note(&format!("{} hook {} is done", hook.event, hook.name)).await
    }

    /// Creates a hook's object, after the one of an earlier run is gone.
    async fn start(&mut self, hook: &HookStep) -> Result<(), Failure> {
        self.note(&format!("running {} hook {}", hook.event, hook.name)).await?;
        if hook.policies.iter().any(|policy| policy == "before-hook-creation") {
            self.delete_hook(hook).await?;
            self.until("the hook's object of an earlier run is gone", LOOK_EVERY, async |fixer: &Self| {
                Ok(live(fixer.objects, &hook.read).await?.is_none().then_some(()))
            })
            .await?;
        }
        match self.objects.create(&hook.read, &hook.object).await {
            Ok(_) => Ok(()),
            Err(ClusterError::Conflict(_)) => Err(Failure::new(
                Exit::Partial,
                format!("{} hook {} exists already, and its policy keeps it", hook.event, hook.name),
            )),
            Err(error) => Err(stopped(&hook.name, "created", error)),
        }
    }

    async fn await_hook(&mut self, hook: &HookStep) -> Result<(), Failure> {
        let words = format!("{} hook {} ends", hook.event, hook.name);
        let state = self
            .until(&words, LOOK_EVERY, async |fixer: &Self| {
                Ok(match live(fixer.objects, &hook.read).await? {
                    // Helm takes a hook that goes away while it is watched for done.
                    None => Some(HookState::Done),
                    Some(object) => Some(hook_done(&object)).filter(|state| *state != HookState::Running),
                })
            })
            .await?;
        let HookState::Failed { why, .. } = state else { return Ok(()) };
        Err(Failure::new(Exit::Partial, format!("{} hook {} failed", hook.event, hook.name)).because(why).hint(
            "put right what it failed on and delete its object before the fix goes on; or take it back, and then another way out",
        ))
    }

    async fn delete_hook(&mut self, hook: &HookStep) -> Result<(), Failure> {
        let Some(found) = live(self.objects, &hook.read).await? else { return Ok(()) };
        if is_going(&found) {
            return Ok(());
        }
        match self.objects.delete_object(&hook.read, &guard(&found)).await {
            Ok(()) | Err(ClusterError::Missing(_)) => Ok(()),
            // A Job's status moves while it ends: look once more.
            Err(ClusterError::Conflict(_)) => match live(self.objects, &hook.read).await? {
                None => Ok(()),
                Some(found) => {
                    let again = self.objects.delete_object(&hook.read, &guard(&found)).await;
                    again.map_err(|error| stopped(&hook.name, "deleted", error))
                }
            },
            Err(error) => Err(stopped(&hook.name, "deleted", error)),
        }
    }
}

/// By what a hook is known in the journal: one object may serve several events.
fn done_as(hook: &HookStep) -> String {
    format!("{} {}", hook.event, hook.name)
}
