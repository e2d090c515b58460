//! To which revision a release's objects are nearer.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::standing::Standing;

/// One revision of two, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nearer {
    /// The new one.
    New,
    /// The old one.
    Old,
    /// As near to one as to the other, or it can't be told.
    Neither,
}

/// How many objects stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The revision that more objects are near to.
    pub nearer: Nearer,
    /// How many are as the new revision wants them; what it doesn't have is so once it is gone.
    pub new: usize,
    /// How many are as the old revision wants them.
    pub old: usize,
    /// How many the two revisions want otherwise; the rest tells nothing and isn't counted.
    pub of: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { new, old, of, .. } = self;
        match self.nearer {
            Nearer::New => write!(f, "nearer to the new revision: {new} of {of} objects"),
            Nearer::Old => write!(f, "nearer to the old revision: {old} of {of} objects"),
            Nearer::Neither if *of == 0 => f.write_str("no object differs between the revisions"),
            Nearer::Neither => write!(f, "nearer to neither revision: {new} new and {old} old of {of} objects"),
        }
    }
}

/// Takes where each object of a release stands; gives to which revision they are nearer.
pub fn summary<'a>(standings: impl IntoIterator<Item = &'a Standing>) -> Summary {
    let (mut new, mut old, mut of) = (0, 0, 0);
    for standing in standings.into_iter().filter(|standing| standing.differs) {
        of += 1;
        match standing.nearer {
            Nearer::New => new += 1,
            Nearer::Old => old += 1,
            Nearer::Neither => {}
        }
    }
    let nearer = match new.cmp(&old) {
        std::cmp::Ordering::Greater => Nearer::New,
        std::cmp::Ordering::Less => Nearer::Old,
        std::cmp::Ordering::Equal => Nearer::Neither,
    };
    Summary { nearer, new, old, of }
}
