//! Diagnosis: what a release's state means.
//!
//! Takes an [`Observation`](crate::observe::Observation); [`diagnose`] concludes how far the operation came, whether Helm may
//! still run, on which side every object stands, what holds it up, and what Helm will answer; and says so where it can't.

mod answers;
mod case;
pub(crate) mod causes;
mod diagnosis;
mod hooks;
mod liveness;
mod next;
mod operation;
mod orphans;
mod outlook;
mod owner;
mod past;
mod rerun;
mod returned;
mod status;
mod strays;
mod unknowns;

#[cfg(test)]
pub(crate) use causes::api_tests;

pub use answers::*;
pub use case::*;
pub use causes::*;
pub use diagnosis::*;
pub use hooks::*;
pub use liveness::*;
pub use operation::*;
pub use orphans::*;
pub use outlook::*;
pub use owner::*;
pub use past::*;
pub use rerun::*;
pub use returned::*;
pub use strays::*;
