//! Quiet: has nobody written this release's records for a while? A first, weak sign that no Helm is at work; it can refuse
//! a fix, it can't prove one safe.

use super::Refusal;
use crate::inventory::History;

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
