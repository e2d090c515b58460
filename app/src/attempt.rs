//! What the server says to the next attempt: dry runs of all that isn't applied yet. Nothing is stored, but the server counts them as
//! writes: they need the rights for them, and stand in the audit log.

use futures::{StreamExt, TryStreamExt, stream};
use refloat_core::diagnose::{Attempt, Case, operation};
use refloat_core::inventory::ReleaseId;
use refloat_core::observe::Observation;
use refloat_core::plan::{Applied, Refusal, outstanding};

use crate::cluster::WriteObjects;
use crate::error::Failure;
use crate::exit::Exit;
use crate::fix::apply;
use crate::source::{CONCURRENCY, Source};

/// Tries every object with which the operation isn't done, in its order.
pub async fn attempts(source: &Source, seen: &Observation) -> Result<Vec<Attempt>, Failure> {
    let server = source.rehearsal().ok_or_else(|| {
        Failure::usage("--dry-apply asks the API server, and there is none here").hint("leave --bundle or --from out")
    })?;
    let case = Case::new(seen);
    let outstanding = outstanding(&case, &operation(&case));
    let tried = outstanding.into_iter().map(|(object, sent)| attempt(&server, &seen.id, object, sent));
    stream::iter(tried).buffered(CONCURRENCY).try_collect().await
}

async fn attempt(
    server: &dyn WriteObjects,
    id: &ReleaseId,
    object: String,
    sent: Result<Applied, Refusal>,
) -> Result<Attempt, Failure> {
    let sent = match sent {
        Ok(sent) => sent,
        Err(refusal) => return Ok(Attempt { object, accepted: false, why: Some(refusal.to_string()) }),
    };
    match apply(server, id, &sent).await {
        Ok(_) => Ok(Attempt { object, accepted: true, why: None }),
        // An answer that makes no sense is no refusal.
        Err(failure) if failure.exit == Exit::Bug => Err(failure),
        Err(failure) => Ok(Attempt { object, accepted: false, why: Some(failure.cause.unwrap_or(failure.message)) }),
    }
}
