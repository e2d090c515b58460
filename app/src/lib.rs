//! What Refloat touches: clusters, databases, files and the terminal. What it decides is `refloat-core`'s.
//!
//! Data flows one way: [`settings`] → [`source`] ([`cluster`], [`pasted`]) → [`look`] and [`rescue`] → [`cli`] ([`output`]).

mod attempt;
mod backup_file;
mod bundle_file;
mod capture;
pub mod cli;
pub mod cluster;
pub mod error;
pub mod exit;
pub mod fix;
pub mod keep;
pub mod look;
pub mod observe;
pub mod one;
pub mod output;
pub mod pasted;
mod plan_file;
mod policy_file;
mod private_file;
pub mod rescue;
pub mod returned;
pub mod settings;
pub mod source;
