//! Why a merge gives no object.

use thiserror::Error;

/// Why Helm's merge would end in an error (or, where it says so, in a panic). Names fields, never what they hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MergeFault {
    /// A document isn't a JSON object.
    #[error("the {0} object isn't an object")]
    NotAnObject(&'static str),
    /// A document nests too deep.
    #[error("an object nests deeper than {} levels", super::MAX_DEPTH)]
    Depth,
    /// Both sides hold a map or list in a field that the kind doesn't have.
    #[error("the kind has no field {0:?} there")]
    UnknownField(String),
    /// Both sides hold a list in a field that is none.
    #[error("the field {0:?} isn't a list")]
    NotAList(String),
    /// A list that is merged mixes types, or holds nulls or lists.
    #[error("a list that is merged has items of different types, or null or lists among them")]
    MixedList,
    /// An item of a list that is merged by a key isn't a map.
    #[error("an item of a list that is merged by {0:?} isn't a map")]
    ItemNotAMap(String),
    /// An item of a list that is merged by a key doesn't have it.
    #[error("an item of a list that is merged by {0:?} has no such field")]
    NoMergeKey(String),
    /// Items are told apart by maps or lists, which Go can't compare: it panics.
    #[error("items are told apart by a field that is a map or a list")]
    Incomparable,
    /// A directive (`$patch` and the like) that isn't understood, or contradicts what stands beside it.
    #[error("a {0} directive that can't be followed")]
    Directive(&'static str),
}
