//! Records: what Helm stored, one record per revision, label and payload together.
//!
//! Takes what a storage driver holds and gives typed views of it; a broken record becomes a named [`Damage`], never a
//! panic and never silence. Editing changes `info.*` and the status label in one go and leaves every other byte alone.

mod damage;
mod document;
mod head;
mod inflate;
pub(crate) mod json;
mod key;
mod meta;
mod payload;
mod release;
mod scan;
mod status;
mod stored;
mod values;

pub use damage::*;
pub use document::*;
pub use head::*;
pub use key::*;
pub use meta::*;
pub use payload::*;
pub use release::*;
pub use status::*;
pub use stored::*;
pub use values::*;
