//! Capturing: everything that the commands read of one release, as a bundle. Reads only.

use futures::{StreamExt, TryStreamExt, stream};
use refloat_core::bundle::Bundle;
use refloat_core::inventory::{History, ReleaseId};
use refloat_core::record::StoredRecord;
use refloat_core::redact::redact;

use crate::cluster::ReadRecords;
use crate::error::Failure;
use crate::exit::Exit;
use crate::observe::observe_known;
use crate::source::{CONCURRENCY, Source};

/// Bytes of the salt: what isn't known can't be tried.
const SALT: usize = 32;

/// Reads all records of a release, and what a diagnosis of it asks for.
pub async fn capture(
    source: &Source,
    records: &dyn ReadRecords,
    id: ReleaseId,
    history: History,
) -> Result<Bundle, Failure> {
    let stored = all(records, &history).await?;
    let seen = observe_known(records, source.objects(), id, history).await?;
    let mut bundle = Bundle::new(seen.driver, stored, seen.at, source.server().await);
    bundle.answers = seen.answers().clone();
    Ok(bundle)
}

/// Takes the secrets out of a bundle.
pub fn redacted(bundle: &Bundle) -> Result<Bundle, Failure> {
    let mut salt = [0; SALT];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut salt).map_err(|_| {
        Failure::new(Exit::Refused, "the system gives no random bytes, without which nothing can be redacted")
    })?;
    Ok(redact(bundle, &salt))
}

async fn all(records: &dyn ReadRecords, history: &History) -> Result<Vec<StoredRecord>, Failure> {
    let found: Vec<Option<StoredRecord>> = stream::iter(history.records())
        // A record that went away since it was listed is no longer there to be kept.
        .map(|meta| async move { Ok::<_, Failure>(records.get(&meta.id).await?) })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}
