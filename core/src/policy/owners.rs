//! Controllers that drive a release: which must keep their hands off before a fix, and which may be ignored.

use super::Policy;
use crate::diagnose::Owner;

/// The kinds of [`Owner`] that are told apart.
pub const OWNERS: [&str; 7] = ["HelmRelease", "HelmChart", "Application", "Bundle", "Terraform", "OpenTofu", "Pulumi"];

/// What to do about a controller. The stricter is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OwnerRule {
    /// Fix all the same.
    Ignore,
    /// Fix only once it is known to keep its hands off.
    Suspend,
}

impl OwnerRule {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Ignore, Self::Suspend];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Suspend => "suspend",
        }
    }
}

/// Takes a policy and an owner; gives whether the owner stands in a fix's way. Without a word of policy one does that could be told to
/// keep its hands off, and wasn't.
pub fn stands_in_the_way(policy: &Policy, owner: &Owner) -> bool {
    match policy.owners.get(&owner.kind).map(|rule| rule.value) {
        Some(OwnerRule::Ignore) => false,
        Some(OwnerRule::Suspend) => !owner.suspended,
        None => !owner.suspended && !owner.suspend.is_empty(),
    }
}
