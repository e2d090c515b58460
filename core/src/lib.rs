//! What Refloat decides, as pure functions over plain data.
//!
//! The folder order is the data flow:
//! [`record`] (what Helm stored) → [`inventory`] (which releases there are, and what ails them) →
//! [`observe`] (what is to be read of a release, and was) →
//! [`diagnose`] (what that means) → [`rescue`] (what would be written, and how it is taken back) → [`report`] (what is shown).
//! Of live objects, [`ready`] says whether Helm would still wait for them, [`compare`] on which side of two manifests they
//! stand, and [`merge`] what applying one makes of them. A [`bundle`] is such records in a file, and [`redact`] takes the
//! secrets out of one; a [`paste`] is what people have
//! of them in theirs; a [`policy`] says what of a [`plan`] may be done; a [`manifest`] is what it tells of objects, and a [`diff`] compares two.
//!
//! Nothing in here performs IO, reads a clock, the environment or a random source, or knows Kubernetes clients: the same
//! input gives byte-identical output. `clippy.toml` beside this crate's manifest forbids the ways out.

pub mod bundle;
pub mod compare;
pub mod diagnose;
pub mod diff;
pub mod inventory;
pub mod manifest;
pub mod merge;
pub mod observe;
pub mod paste;
pub mod plan;
pub mod policy;
pub mod ready;
pub mod record;
pub mod redact;
pub mod report;
pub mod rescue;
