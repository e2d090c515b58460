//! Objects that are made anew, as they can't be changed to what they are to be, or as nothing else helps: deleted first, and waited for until
//! they are gone.

use refloat_core::inventory::ReleaseId;
use refloat_core::plan::{Applied, Removed, Replaced, Work, stays};

use super::Fixer;
use super::objects::{LOOK_EVERY, RACES, guard, is_going, live, ours, remove, stopped};
use crate::cluster::{ClusterError, WriteObjects};
use crate::error::Failure;
use crate::exit::Exit;

impl Fixer<'_> {
    /// Takes the object away that has to go before another is made in its place. What was made there since has another uid, so a fix that was
    /// killed in between goes on with the making.
    pub(super) async fn make_way(&mut self, applied: &Applied) -> Result<(), Failure> {
        let Some(old) = &applied.replaces else { return Ok(()) };
        if !is_there(self.objects, applied, old).await? {
            return Ok(());
        }
        self.note(&format!("deleting {}, to be made anew", applied.words)).await?;
        delete(self.objects, &self.id, applied, old).await?;
        self.until(&format!("{} is gone", applied.words), LOOK_EVERY, async |fixer: &Self| {
            Ok((!is_there(fixer.objects, applied, old).await?).then_some(()))
        })
        .await?;
        self.note(&format!("making {} anew", applied.words)).await
    }

    /// Deletes what has to be gone before anything is made, once: the journal tells that it is.
    pub(super) async fn clear(&mut self, work: &Work) -> Result<(), Failure> {
        if work.clear.is_empty() || self.lock.journal.cleared {
            return Ok(());
        }
        self.note(&format!("deleting {} objects", work.clear.len())).await?;
        for removed in &work.clear {
            (self.tell)(&format!("deleting {}", removed.words));
            remove(self.objects, &self.id, removed).await?;
            let now = self.now().await?;
            self.lock.renew(&self.id, now).await?;
        }
        self.until_gone(&work.clear).await?;
        self.lock.journal.cleared = true;
        self.note("all of it is gone").await
    }

    /// Waits until everything that was deleted is gone.
    pub(super) async fn until_gone(&mut self, removed: &[Removed]) -> Result<(), Failure> {
        let (words, id) = (format!("{} objects are gone", removed.len()), self.id.clone());
        self.until(&words, LOOK_EVERY, async |fixer: &Self| {
            for removed in removed {
                let found = live(fixer.objects, &removed.read).await?;
                if found.as_ref().is_some_and(|found| stays(&id, found, removed.marked).is_none()) {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await
    }
}

async fn is_there(objects: &dyn WriteObjects, applied: &Applied, old: &Replaced) -> Result<bool, Failure> {
    Ok(live(objects, &applied.read).await?.is_some_and(|found| old.is(&found)))
}

/// Deletes the very object that has to go.
async fn delete(objects: &dyn WriteObjects, id: &ReleaseId, applied: &Applied, old: &Replaced) -> Result<(), Failure> {
    for _ in 0..RACES {
        let found = live(objects, &applied.read).await?.filter(|found| old.is(found));
        let Some(found) = found.filter(|found| !is_going(found)) else { return Ok(()) };
        ours(id, &applied.words, &found)?;
        match objects.delete_object(&applied.read, &guard(&found)).await {
            Ok(()) | Err(ClusterError::Missing(_)) => return Ok(()),
            Err(ClusterError::Conflict(_)) => {}
            Err(error) => return Err(stopped(&applied.words, "deleted", error)),
        }
    }
    Err(Failure::new(Exit::Changed, format!("{} is changed by someone else all the time", applied.words)))
}
