//! What a fix made in an object's place, and what can't be written back to what was: deleted, and waited for until it is gone.

use std::time::{Duration, Instant};

use refloat_core::inventory::ReleaseId;
use refloat_core::observe::Answer;
use refloat_core::plan::stays;
use refloat_core::rescue::ObjectBackup;

use super::guard;
use crate::cluster::{ClusterError, WriteObjects, WriteRecords};
use crate::error::Failure;
use crate::exit::Exit;
use crate::fix::Lock;

/// How long an undo waits for an object to be gone, and how long between two looks.
const MOST_WAIT: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Makes way for an object that is to be put back.
pub(super) async fn make_way(
    objects: &dyn WriteObjects,
    lock: &mut Lock<'_>,
    records: &dyn WriteRecords,
    id: &ReleaseId,
    backup: &ObjectBackup,
    tempo: u32,
) -> Result<(), Failure> {
    if !backup.replaced {
        return Ok(());
    }
    let (read, words, begun) = (backup.read(), backup.words(), Instant::now());
    while let Answer::Found(live) = objects.answer(&read).await? {
        if !backup.is_in_the_way(&live) || stays(id, &live, true).is_some() {
            return Ok(());
        }
        if live.pointer("/metadata/deletionTimestamp").is_none() {
            match objects.delete_object(&read, &guard(&live)).await {
                Ok(()) | Err(ClusterError::Missing(_) | ClusterError::Conflict(_)) => {}
                Err(error) => {
                    let message = format!("{words} can't be deleted, which it has to be before it is put back");
                    return Err(Failure::new(Exit::Partial, message).because(error));
                }
            }
        }
        if begun.elapsed() * tempo.max(1) >= MOST_WAIT {
            let message = format!("waited {}s in vain until {words} is gone, to be put back", MOST_WAIT.as_secs());
            return Err(Failure::new(Exit::Partial, message)
                .hint("put right what holds it and run the same undo again: it goes on where it stopped"));
        }
        tokio::time::sleep(LOOK_EVERY / tempo.max(1)).await;
        let now = records.now().await?;
        lock.renew(id, now).await?;
    }
    Ok(())
}
