//! Quiet: has nobody written this release's records for a while? A first, weak sign that no Helm is at work; it can refuse
//! a fix, it can't prove one safe.

use jiff::{SignedDuration, Timestamp};

use super::Refusal;
use crate::inventory::History;
use crate::record::RecordMeta;

/// How long the newest record must have been quiet before a fix touches it. Helm writes the record when a hook starts, and
/// nothing while it waits, so a longer silence says nothing more.
pub const QUIET: SignedDuration = SignedDuration::from_secs(10);

/// How long a watch lasts at least, so that a write just under way is seen.
pub const SHORTEST_WATCH: SignedDuration = SignedDuration::from_secs(3);

/// Takes when the record was last written and the server's time; gives how long to watch it.
pub fn watch_for(record: &RecordMeta, now: Timestamp) -> SignedDuration {
    let silent = record.written.map_or(SignedDuration::ZERO, |written| now.duration_since(written));
    (QUIET - silent).clamp(SHORTEST_WATCH, QUIET)
}

/// Takes the history before and during the watch; refuses if anything was written in between.
pub fn still_quiet(before: &History, during: &History) -> Result<(), Refusal> {
    let newest = |history: &History| history.newest().map(|record| (record.id.clone(), record.guard.clone()));
    match (newest(before), newest(during)) {
        (old, new) if old == new => Ok(()),
        (Some((old, _)), Some((new, _))) if old == new => Err(Refusal::Moved(format!("{new} was written"))),
        (_, Some((new, _))) => Err(Refusal::Moved(format!("{new} is now the newest"))),
        (_, None) => Err(Refusal::Moved("no record is left".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::inventory::tests::history;
    use super::*;
    use crate::inventory::Inventory;
    use crate::record::Status::{Deployed, PendingUpgrade};

    #[test]
    fn a_record_written_just_now_is_watched_longer() {
        let mut record = history(&[(1, Deployed)]).newest().unwrap().clone();
        let now = Timestamp::from_second(1000).unwrap();
        let table = [(999, 9), (995, 5), (992, 3), (0, 3), (1005, 10)];
        for (written, seconds) in table {
            record.written = Timestamp::from_second(written).ok();
            assert_eq!(watch_for(&record, now).as_secs(), seconds, "{written}");
        }
        record.written = None;
        assert_eq!(watch_for(&record, now), QUIET);
    }

    #[test]
    fn any_write_is_movement() {
        let before = history(&[(1, Deployed), (2, PendingUpgrade)]);
        assert_eq!(still_quiet(&before, &before), Ok(()));
        let mut records = before.records().to_vec();
        records[1].guard.version = "2".into();
        let written: Inventory = records.into_iter().collect();
        let written = written.releases.values().next().unwrap();
        assert!(matches!(still_quiet(&before, written), Err(Refusal::Moved(_))));
        let newer = history(&[(1, Deployed), (2, PendingUpgrade), (3, PendingUpgrade)]);
        assert!(matches!(still_quiet(&before, &newer), Err(Refusal::Moved(_))));
        assert!(matches!(still_quiet(&before, &History::default()), Err(Refusal::Moved(_))));
    }
}
