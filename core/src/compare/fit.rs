//! What one field says, from how each side fits the live value.

use serde_json::Value;

use super::standing::Speaks;

/// How what one manifest wants fits what is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is so.
    Yes,
    /// It is otherwise, or nothing.
    No,
    /// The manifest doesn't set it.
    Unset,
    /// The manifest's version may call it something else.
    Unknown,
}

/// A field in which the manifests differ.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'v> {
    /// How the old and the new side fit.
    pub(super) fits: [Fit; 2],
    /// What is.
    pub(super) live: Option<&'v Value>,
    /// Whether the server may have filled in just this value.
    pub(super) filled: bool,
    /// Whether the server, or something else, fills in some value where a manifest sets none.
    pub(super) fillable: bool,
    /// Whether the value stays when a manifest sets it no more, so that it may also be left from an earlier revision.
    pub(super) sticky: bool,
}

/// Takes a field; gives what it says.
///
/// A manifest that doesn't set a field agrees with what the server fills in, so a value that either may have caused speaks for
/// neither of them, and one that the other manifest didn't cause speaks for this one.
pub(super) fn speaks(field: Field<'_>) -> Speaks {
    use Fit::{No, Unknown, Unset, Yes};
    match field.fits {
        [Unknown, _] | [_, Unknown] => Speaks::Unknown,
        [Yes, Yes] | [Unset, Unset] => Speaks::Either,
        [No, No] => Speaks::Neither,
        [Yes, Unset] if field.filled || field.sticky => Speaks::Either,
        [Unset, Yes] if field.filled || field.sticky => Speaks::Either,
        [Yes, No | Unset] => Speaks::Old,
        [No | Unset, Yes] => Speaks::New,
        [No, Unset] if field.live.is_none() || field.fillable => Speaks::New,
        [Unset, No] if field.live.is_none() || field.fillable => Speaks::Old,
        [No, Unset] | [Unset, No] => Speaks::Neither,
    }
}
