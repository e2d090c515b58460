//! Objects: created, changed and deleted one by one, each write guarded by what was read just before.

use std::time::Duration;

use refloat_core::inventory::ReleaseId;
use refloat_core::observe::{Answer, Read};
use refloat_core::plan::{Applied, Freed, Removed, stays};
use refloat_core::record::Guard;
use serde_json::Value;

use crate::cluster::{ClusterError, WriteObjects};
use crate::error::Failure;
use crate::exit::Exit;

/// How often a lost race is run again, after reading anew.
pub const RACES: u32 = 5;
/// How long between two looks at an object that is to go.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Reads one object; `None` if it isn't there. What can't be read stops everything.
pub(super) async fn live(objects: &dyn WriteObjects, read: &Read) -> Result<Option<Value>, Failure> {
    match objects.answer(read).await? {
        Answer::Found(value) => Ok(Some(value)),
        Answer::Absent => Ok(None),
        Answer::Forbidden(why) => Err(ClusterError::Forbidden(why).into()),
        Answer::Failed(why) => Err(Failure::new(Exit::Partial, format!("{} can't be read", read.words())).because(why)),
    }
}

pub(super) fn guard(object: &Value) -> Guard {
    let text = |field: &str| object.pointer(&format!("/metadata/{field}")).and_then(Value::as_str).unwrap_or_default();
    Guard { uid: text("uid").to_owned(), version: text("resourceVersion").to_owned() }
}

pub(super) fn is_going(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some()
}

/// Makes an object what its manifest wants; gives whether anything was written.
pub async fn apply(objects: &dyn WriteObjects, id: &ReleaseId, applied: &Applied) -> Result<bool, Failure> {
    for _ in 0..RACES {
        let Some(found) = live(objects, &applied.read).await? else {
            // Helm creates on the server's side what it will change there: what it owns otherwise it could never take away.
            let made = match applied.server_side {
                true => objects.apply(&applied.read, &applied.object).await,
                false => objects.create(&applied.read, &applied.object).await,
            };
            match made {
                Ok(_) => return Ok(true),
                Err(ClusterError::Conflict(_)) => continue,
                Err(error) => return Err(stopped(&applied.words, "created", error)),
            }
        };
        if is_going(&found) {
            let why = "it is being deleted, and has to be gone before it can be made again";
            return Err(Failure::new(Exit::Partial, format!("{}: {why}", applied.words)));
        }
        ours(id, &applied.words, &found)?;
        let written = if applied.server_side {
            serverside(objects, applied, &found).await
        } else {
            clientside(objects, applied, &found).await?
        };
        match written {
            Ok(written) => return Ok(written),
            Err(ClusterError::Conflict(_)) => {
                // Somebody wrote in between, or, on the server's side, somebody else owns a field.
                let now = live(objects, &applied.read).await?;
                if now.is_some_and(|now| guard(&now) == guard(&found)) {
                    let why = "another field manager owns a field that the release sets";
                    return Err(Failure::new(Exit::Partial, format!("{}: {why}", applied.words))
                        .hint("kubectl get … --show-managed-fields shows whose it is"));
                }
            }
            Err(error) => return Err(stopped(&applied.words, "changed", error)),
        }
    }
    Err(Failure::new(Exit::Changed, format!("{} is changed by someone else all the time", applied.words)))
}

async fn serverside(objects: &dyn WriteObjects, applied: &Applied, found: &Value) -> Result<bool, ClusterError> {
    let mut sent = applied.object.clone();
    let held = guard(found);
    if let Some(metadata) = sent.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("uid".to_owned(), held.uid.clone().into());
    }
    let stored = objects.apply(&applied.read, &sent).await?;
    Ok(guard(&stored) != held)
}

async fn clientside(
    objects: &dyn WriteObjects,
    applied: &Applied,
    found: &Value,
) -> Result<Result<bool, ClusterError>, Failure> {
    let merged = applied.merged(found).map_err(|fault| {
        Failure::new(Exit::Partial, format!("{} can't be merged as Helm would", applied.words)).because(fault)
    })?;
    if merged == *found {
        return Ok(Ok(false));
    }
    let mut sent = merged;
    if let Some(metadata) = sent.get_mut("metadata").and_then(Value::as_object_mut) {
        // The server keeps what it has where nothing is said.
        metadata.remove("managedFields");
    }
    Ok(objects.replace_object(&applied.read, &sent).await.map(|_| true))
}

/// An object of another release, or of none, is never written.
pub(super) fn ours(id: &ReleaseId, words: &str, found: &Value) -> Result<(), Failure> {
    let annotation =
        |key: &str| found.pointer(&format!("/metadata/annotations/meta.helm.sh~1{key}")).and_then(Value::as_str);
    let (name, namespace) = (annotation("release-name"), annotation("release-namespace"));
    if name == Some(&id.name) && namespace == Some(&id.namespace) {
        return Ok(());
    }
    let whose = name.map_or_else(|| "no release".to_owned(), |name| format!("release {name}"));
    Err(Failure::new(Exit::Partial, format!("{words} carries the marks of {whose}, so it isn't touched")))
}

/// Deletes an object that is to go; gives whether it was there.
pub(super) async fn remove(objects: &dyn WriteObjects, id: &ReleaseId, removed: &Removed) -> Result<bool, Failure> {
    for _ in 0..RACES {
        let Some(found) = live(objects, &removed.read).await? else { return Ok(false) };
        if is_going(&found) {
            return Ok(true);
        }
        if stays(id, &found, removed.marked).is_some() {
            return Ok(false);
        }
        match objects.delete_object(&removed.read, &guard(&found)).await {
            Ok(()) => return Ok(true),
            Err(ClusterError::Missing(_)) => return Ok(false),
            Err(ClusterError::Conflict(_)) => {}
            Err(error) => return Err(stopped(&removed.words, "deleted", error)),
        }
    }
    Err(Failure::new(Exit::Changed, format!("{} is changed by someone else all the time", removed.words)))
}

/// Takes finalizers off an object that is being deleted; gives whether it had them.
pub(super) async fn free(objects: &dyn WriteObjects, freed: &Freed) -> Result<bool, Failure> {
    for _ in 0..RACES {
        let Some(found) = live(objects, &freed.read).await? else { return Ok(false) };
        let Some(sent) = freed.freed(&found) else { return Ok(false) };
        match objects.replace_object(&freed.read, &sent).await {
            Ok(_) => return Ok(true),
            Err(ClusterError::Missing(_)) => return Ok(false),
            Err(ClusterError::Conflict(_)) => {}
            Err(error) => return Err(stopped(&freed.words, "freed of its finalizers", error)),
        }
    }
    Err(Failure::new(Exit::Changed, format!("{} is changed by someone else all the time", freed.words)))
}

/// The server's refusal of a write in the middle of a fix.
pub(super) fn stopped(words: &str, what: &str, error: ClusterError) -> Failure {
    let (exit, hint) = (error.exit(), error.hint());
    hint.into_iter().fold(Failure::new(exit, format!("{words} can't be {what}")).because(error), Failure::hint)
}
