//! The end of a fix: one more look, a check and the lock given back; or what a failure leaves behind.

use refloat_core::observe::Observation;
use refloat_core::plan::Way;
use refloat_core::record::{RecordMeta, Status};

use super::{Deed, Fixed, Fixer, list, objects, post};
use crate::backup_file::Saved;
use crate::error::Failure;
use crate::exit::Exit;
use crate::observe::observe_known;
use crate::source::Source;

impl Fixer<'_> {
    /// What a failure comes to: before the first write nothing is left behind; after it the journal stays, for whoever runs the fix again.
    pub(super) async fn stop(self, failure: Failure, wrote: bool) -> Failure {
        let now = self.now().await;
        if !wrote && !self.lock.inherited {
            // A lock that can't be given back ends by itself.
            let _ended = self.lock.release().await.is_ok();
            let exit = if failure.exit == Exit::Partial { Exit::Refused } else { failure.exit };
            let said = failure.message.contains("nothing was");
            let message = if said { failure.message } else { format!("{}; nothing was changed", failure.message) };
            return Failure { exit, message, ..failure };
        }
        let (fix, id) = (self.lock.journal.fix.clone(), self.id.clone());
        if let Ok(now) = now {
            let _let_go = self.lock.let_go(&id, now).await.is_ok();
        }
        let exit = if matches!(failure.exit, Exit::Access | Exit::Changed) { Exit::Partial } else { failure.exit };
        Failure { exit, ..failure }
            .hint(format!("refloat fix {} -n {} goes on where it stopped", id.name, id.namespace))
            .hint(format!("refloat undo {fix} -n {} takes back what was done so far", id.namespace))
    }

    /// One more look for a Helm that woke up, a check of what came out, and the lock is given back: nothing is left to go on with.
    pub(super) async fn finish(mut self, source: &Source, way: Way, saved: Option<Saved>) -> Result<Fixed, Failure> {
        let (at, (after, checked)) = match (self.now().await, self.look_again(source, way).await) {
            (Ok(at), Ok(looked)) => (at, looked),
            (Err(failure), _) | (_, Err(failure)) => return Err(self.stop(failure, true).await),
        };
        let (fix, id, objects) = (self.lock.journal.fix.clone(), self.id.clone(), self.objects);
        let by = self.lock.journal.by.clone();
        self.lock.release().await.map_err(|failure| {
            let message = "the fix was carried out, but its lock can't be given back";
            Failure::new(Exit::Partial, message)
                .because(failure.cause.unwrap_or(failure.message))
                .hint(format!("refloat fix {} -n {} clears it away, and changes nothing else", id.name, id.namespace))
        })?;
        checked.map_err(|what| {
            Failure::new(Exit::Unverified, format!("the fix was carried out, but {what}"))
                .hint(format!("refloat diagnose {} -n {} shows what it is now", id.name, id.namespace))
                .hint(format!("refloat undo {fix} -n {} takes it back", id.namespace))
        })?;
        let newest = after.as_ref().and_then(Observation::newest);
        let now = newest.map_or_else(
            || "the release is gone".to_owned(),
            |newest| format!("revision {} is {}", newest.opened.revision, newest.opened.status),
        );
        let message = format!("refloat {way} for {by}: {now}; refloat undo {fix} -n {} takes it back", id.namespace);
        let untold = post(objects, Deed { id: &id, fix: &fix, reason: "Fixed", message, at }).await;
        Ok(Fixed { fix, way, saved, after, untold })
    }

    /// How the release stands now, if it is still there, and whether that is what the way was to make of it.
    async fn look_again(
        &mut self,
        source: &Source,
        way: Way,
    ) -> Result<(Option<Observation>, Result<(), String>), Failure> {
        (self.tell)("looking once more for a Helm that woke up");
        tokio::time::sleep(objects::LOOK_EVERY * 2 / self.tempo.max(1)).await;
        let history = list(self.records, &self.id).await?;
        let ours = self.known.keys().max().copied();
        // A newer revision is Helm's, which goes on from what was repaired.
        let overtaken = ours.is_some() && history.newest().and_then(RecordMeta::revision) > ours;
        let strange = self.strange(&history);
        let after = match history.records().is_empty() {
            true => None,
            false => Some(observe_known(self.records, source.objects(), self.id.clone(), history).await?),
        };
        let checked = match strange {
            _ if overtaken => Ok(()),
            Some(record) => Err(format!("{record} was written by someone else right after: a Helm may have woken up")),
            None => verify(way, after.as_ref()),
        };
        Ok((after, checked))
    }
}

/// Whether the release is what the way was to make of it.
fn verify(way: Way, after: Option<&Observation>) -> Result<(), String> {
    let Some(after) = after else {
        return match way {
            Way::Uninstall | Way::Resume | Way::Complete | Way::Repair | Way::Forget | Way::Unblock => Ok(()),
            _ => Err("no record is left".to_owned()),
        };
    };
    let status = after.newest().map_or(Status::Unknown, refloat_core::observe::Revision::status);
    let deployed = after.history.deployed().len();
    match (way, status) {
        (Way::Complete | Way::Resume | Way::Rollback | Way::Converge | Way::Reinstall, Status::Deployed)
            if deployed == 1 =>
        {
            Ok(())
        }
        (Way::Complete | Way::Resume | Way::Rollback | Way::Converge | Way::Reinstall, status) => {
            Err(format!("the newest revision is {status} and {deployed} are deployed"))
        }
        (Way::Unlock, Status::Failed) => Ok(()),
        (Way::Unlock, Status::Deployed) if deployed == 1 => Ok(()),
        (Way::Unlock, status) => Err(format!("the newest revision is {status} and {deployed} are deployed")),
        (Way::Uninstall, status) => Err(format!("a record is left, which is {status}")),
        (Way::Forget, status) if status.is_pending() => Err(format!("the newest revision is {status}")),
        (Way::Repair | Way::Wait | Way::Forget | Way::Unblock | Way::Escalate, _) => Ok(()),
    }
}
