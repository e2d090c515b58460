//! Keeping: a release saved to a backup, a backup found again, and what was lost of the release put back. What is put back is decided by
//! `refloat_core::rescue`.

mod find;
mod put_back;
mod take;

pub use find::*;
pub use put_back::*;
pub use take::*;

use futures::{StreamExt, TryStreamExt, stream};
use refloat_core::inventory::History;
use refloat_core::record::StoredRecord;

use crate::cluster::ReadRecords;
use crate::error::Failure;
use crate::exit::Exit;
use crate::source::CONCURRENCY;

/// Reads every record of a release whole. One that goes away meanwhile shows that somebody is at work.
async fn whole(records: &dyn ReadRecords, history: &History) -> Result<Vec<StoredRecord>, Failure> {
    stream::iter(history.records())
        .map(|meta| async move {
            let gone = || Failure::new(Exit::Changed, format!("{} went away while being read", meta.id));
            records.get(&meta.id).await?.ok_or_else(gone)
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await
}
