//! What Helm's client-side apply makes of a live object: its three-way merge.
//!
//! Takes the object of the old manifest, the same object of the new one, and the live one; gives the whole object as it
//! stands after Helm has patched it. Fields of the new manifest are set, fields that only the old manifest had are removed,
//! what others set stays. Built-in kinds and CustomResourceDefinition v1 are merged by Kubernetes' strategic merge patch,
//! whose rules for each field are in `schema.txt`; every other kind by a JSON merge patch from the old manifest to the new,
//! for which the live object isn't looked at (Helm 4.3.1 and 3.22.0 `pkg/kube/client.go:createPatch`).
//!
//! `cargo xtask merge-parity` holds it to Kubernetes' own Go code on made-up objects, faults and quirks included: where Go
//! ends in an error or a panic, so there is a fault here. What Go leaves to the order of its maps is decided by name.

mod apply;
mod diff;
mod fault;
mod json;
mod lists;
mod order;
mod schema;
mod sort;
mod value;

use serde_json::{Map, Value};

use apply::Into;
use diff::Half;
pub use fault::MergeFault;
use schema::Schema;

/// How deep an object may nest: what the API server stores is shallower, and every level takes stack.
pub const MAX_DEPTH: usize = 128;

const SCHEMA: &str = include_str!("schema.txt");

// The directives of a strategic merge patch, and what they say.
const DIRECTIVE: &str = "$patch";
const DELETE: &str = "delete";
const REPLACE: &str = "replace";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList";
const ORDER: &str = "$setElementOrder";

/// A kind by its names, as the new manifest writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind<'a> {
    /// Such as `apps/v1`.
    pub api_version: &'a str,
    /// Such as `Deployment`.
    pub kind: &'a str,
}

impl Kind<'_> {
    /// Whether Kubernetes' rules for the kind's fields are known, so that its lists are merged item by item.
    #[must_use]
    pub fn is_strategic(&self) -> bool {
        Schema::of(self.api_version, self.kind).is_some()
    }
}

/// Takes a kind, the old manifest's object (`None` if it had none; Helm 4 then takes the live object for it, and Helm 3
/// refuses), the new manifest's with the ownership metadata set, and the live one; gives the merged object, which is to be
/// written whole under the live one's `resourceVersion`.
///
/// Equal to the live object if there is nothing to write, so comparing the two tells what would change. A manifest's numbers
/// come out as Helm writes them: `1e17` is an integer. If someone deleted an item from the live list that both manifests
/// have, and the new one takes something out of it, Kubernetes leaves nulls and directives (`$patch`, `$retainKeys`) in the
/// item that it adds; so does this, and the API server drops them, as it does for Helm. Fails where Helm would: on maps and
/// lists in fields that a kind doesn't have, lists that mix types, items without their merge key.
///
/// One difference: a new manifest that doesn't fit the kind's Go type (a text for a number) is patched by Helm as if its
/// kind weren't built in. The API server refuses it in either case.
pub fn merge(kind: Kind<'_>, original: Option<&Value>, modified: &Value, current: &Value) -> Result<Value, MergeFault> {
    let original = match original {
        None | Some(Value::Null) => Map::new(),
        Some(original) => members(original, "old")?,
    };
    let (modified, mut current) = (members(modified, "new")?, members(current, "live")?);
    let Some(schema) = Schema::of(kind.api_version, kind.kind) else {
        json::apply(&mut current, json::patch(&original, &modified));
        return Ok(Value::Object(current));
    };
    let changes = diff::diff(&current, &modified, schema, Half::Changes, false)?;
    let deletions = diff::diff(&original, &modified, schema, Half::Deletions, false)?;
    let patch = apply::merge_map(deletions, changes, schema, Into::Patch)?;
    apply::merge_map(current, patch, schema, Into::Object).map(Value::Object)
}

/// An object's members, with numbers as Go has them.
fn members(value: &Value, which: &'static str) -> Result<Map<String, Value>, MergeFault> {
    match value::normal(value)? {
        Value::Object(members) => Ok(members),
        _ => Err(MergeFault::NotAnObject(which)),
    }
}
