//! Objects that can't be changed to what they are to be: deleted, waited for until they are gone, and made anew.

use refloat_core::inventory::ReleaseId;
use refloat_core::plan::{Applied, Replaced};

use super::Fixer;
use super::objects::{LOOK_EVERY, RACES, guard, is_going, live, ours, stopped};
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
