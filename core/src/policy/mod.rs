//! Policy: what a fix may do here without asking, what it may never do, and who said so.
//!
//! Takes the text of a file and the annotations of objects that were read anyway; gives one [`Policy`] in which of two that speak
//! of the same thing the stricter holds, and [`ruling`], what it means for one release. Reads no file itself, and decides no way:
//! `plan` asks it.

mod annotations;
mod file;
mod flags;
mod going_back;
mod migrations;
mod owners;
mod protected;
mod ruling;
mod said;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::plan::Way;
use crate::report::age;

pub use annotations::*;
pub use file::*;
pub use flags::*;
pub use going_back::*;
pub use migrations::*;
pub use owners::*;
pub use protected::*;
pub use ruling::*;

/// Something that was said, and by whom: a file, a flag or an annotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruled<T> {
    /// What.
    pub value: T,
    /// Who, for people.
    pub by: String,
}

/// Whether a release may be brought back to an older revision. The stricter is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rollback {
    /// As any other way.
    Allow,
    /// Only on somebody's word that it is safe.
    Ask,
    /// Not at all.
    Never,
}

impl Rollback {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Ask, Self::Never];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Never => "never",
        }
    }
}

/// For how long a Helm that may be alive must have been silent to count as gone. The stricter is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StaleAfter {
    /// So long.
    Silence(SignedDuration),
    /// However long: only reasoning and people tell.
    Never,
}

impl fmt::Display for StaleAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence(silence) => f.pad(&age(*silence)),
            Self::Never => f.pad("never"),
        }
    }
}

/// What is said. What nobody speaks of is as if there were no policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whether a release may be brought back to an older revision.
    pub rollback: Option<Ruled<Rollback>>,
    /// When a Helm that may be alive counts as gone.
    pub stale_after: Option<Ruled<StaleAfter>>,
    /// The ways that may be taken without anybody's word.
    pub auto: Option<Ruled<BTreeSet<Way>>>,
    /// What a fix must neither delete nor change.
    pub protected: Vec<Ruled<Protected>>,
    /// What to do about controllers that drive a release, by their kind.
    pub owners: BTreeMap<String, Ruled<OwnerRule>>,
}

/// One thing that holds, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Such as `rollback`.
    pub key: String,
    /// Such as `never`.
    pub value: String,
    /// Who says so.
    pub by: String,
}

impl Policy {
    /// Takes another; gives what both say, the stricter where they differ.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.rollback = stricter(self.rollback, other.rollback);
        self.stale_after = stricter(self.stale_after, other.stale_after);
        self.auto = match (self.auto, other.auto) {
            (Some(one), Some(other)) => Some(shared(one, other)),
            (one, other) => one.or(other),
        };
        for protected in other.protected {
            if !self.protected.iter().any(|known| known.value == protected.value) {
                self.protected.push(protected);
            }
        }
        for (kind, rule) in other.owners {
            let known = self.owners.remove(&kind);
            self.owners.extend(stricter(known, Some(rule)).map(|rule| (kind, rule)));
        }
        self
    }

    /// What holds, one thing after the other.
    pub fn rules(&self) -> Vec<Rule> {
        let rule = |key: &str, value: String, by: &str| Rule { key: key.to_owned(), value, by: by.to_owned() };
        let mut rules = Vec::new();
        rules.extend(self.rollback.as_ref().map(|said| rule("rollback", said.value.as_str().to_owned(), &said.by)));
        rules.extend(self.stale_after.as_ref().map(|said| rule("stale-after", said.value.to_string(), &said.by)));
        rules.extend(self.auto.as_ref().map(|said| rule("auto", ways(&said.value), &said.by)));
        rules.extend(self.protected.iter().map(|said| rule("protected", said.value.to_string(), &said.by)));
        let owners = self.owners.iter();
        rules.extend(owners.map(|(kind, said)| rule("owners", format!("{kind}: {}", said.value.as_str()), &said.by)));
        rules
    }
}

/// The greater of two, which is the stricter; the first of equals.
fn stricter<T: Ord>(one: Option<Ruled<T>>, other: Option<Ruled<T>>) -> Option<Ruled<T>> {
    match (one, other) {
        (Some(one), Some(other)) if other.value > one.value => Some(other),
        (Some(one), _) => Some(one),
        (None, other) => other,
    }
}

/// What both allow.
fn shared(one: Ruled<BTreeSet<Way>>, other: Ruled<BTreeSet<Way>>) -> Ruled<BTreeSet<Way>> {
    if one.value.is_subset(&other.value) {
        return one;
    }
    if other.value.is_subset(&one.value) {
        return other;
    }
    let value = one.value.intersection(&other.value).copied().collect();
    Ruled { value, by: format!("{} and {}", one.by, other.by) }
}

/// Ways in words.
pub fn ways(ways: &BTreeSet<Way>) -> String {
    if ways.is_empty() {
        return "none".to_owned();
    }
    ways.iter().map(|way| way.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
