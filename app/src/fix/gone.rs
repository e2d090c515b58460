//! A fix that took a release's last record away and was killed before it gave its lock back: nothing but the lock is left.

use refloat_core::inventory::ReleaseId;

use super::{Deed, Held, Lock, held, post};
use crate::error::Failure;
use crate::exit::Exit;
use crate::source::Source;

/// Takes a release of which no record is there; gives back the lock of the fix that was to end so, and the fix's id. A fix that was to
/// leave a record is left alone, as somebody else took that away.
pub async fn give_back(source: &Source, id: &ReleaseId, who: &str) -> Result<String, Failure> {
    let (now, objects) = (source.now().await?, source.writable());
    let gone = || Failure::new(Exit::Changed, "the fix that was interrupted is gone by now");
    let held: Held = held(objects, id, now).await?.ok_or_else(gone)?;
    let journal = held.journal.clone();
    let fix = journal.fix.clone();
    let backup = source.backups.load(&id.namespace, &fix).await?;
    // What it wrote last is nothing: the record was to go.
    if backup.is_none_or(|backup| !backup.wrote.is_empty()) {
        return Err(Failure::new(Exit::Refused, format!("fix {fix} was interrupted, and no record of {id} is left"))
            .hint(format!("refloat undo {fix} -n {} puts back what the fix found", id.namespace)));
    }
    Lock::take(objects, id, who, now, journal.clone(), Some(held)).await?.release().await?;
    let message = format!(
        "refloat {} for {}: the release is gone; refloat undo {fix} -n {} takes it back",
        journal.way, journal.by, id.namespace
    );
    // Events are for people: one that can't be written takes nothing back.
    let _untold = post(objects, Deed { id, fix: &fix, reason: "Fixed", message, at: now }).await;
    Ok(fix)
}
