//! On which side a live object stands between two manifests of a release.
//!
//! Takes what the old and the new manifest want of an object, and the object itself; gives where it stands, with the paths
//! that say so and never a value. Only the fields in which the manifests differ decide. What the server spells otherwise or
//! fills in by itself is no difference, and a path that would read the same on both sides speaks for neither of them.

mod defaults;
mod fit;
mod keys;
mod lists;
mod owner;
mod scalar;
mod shape;
mod standing;
mod summary;
mod units;
mod walk;

pub use owner::Owner;
pub use standing::{Evidence, Live, MAX_EVIDENCE, Side, Speaks, Standing, standing};
pub use summary::{Nearer, Summary, summary};
