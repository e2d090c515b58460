//! Diagnosis: what a release's state means. So far, what Helm will answer to the commands people try next.
//!
//! Takes a history and what the newest payload says; concludes, and says so when it can't.

mod answers;

pub use answers::*;
