//! The test bed: a real control plane, real Helm 3 and 4, PostgreSQL, and a proxy that kills a client at a given write.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let shop = bed::Bed::shared().namespace("shop")?;
//! shop.helm3(["install", "web", &bed::chart("app"), "--wait", "--timeout", "60s"])?.ok()?;
//! let killed = shop.kill_at(bed::Major::V3, 5, bed::Mode::KillBefore, ["upgrade", "web", &bed::chart("app")])?;
//! assert_eq!(killed.writes()?, 5);
//! # Ok(())
//! # }
//! ```
//!
//! It is for tests and chores only, and promises nothing to the outside. It needs Go for the first start, which builds
//! the binaries below `testbed/`; PostgreSQL only where a test asks for it.

mod api;
mod binaries;
mod cluster;
pub mod corpus;
mod helm;
mod live;
pub mod merge;
pub mod moments;
mod namespace;
mod proxied;
mod second;
pub mod state;
mod trouble;
mod webhook;

pub use api::{Api, ApiError};
pub use binaries::Binary;
pub use cluster::{Address, Bed, Options, Postgres};
pub use helm::{Driver, Major, Output};
pub use live::Live;
pub use namespace::Namespace;
pub use proxied::{Killed, Mode, Proxied};
pub use second::SecondServer;
pub use trouble::Trouble;
pub use webhook::{At, Webhooks};

use std::path::PathBuf;

/// The folder `testbed/` of this checkout.
#[must_use]
pub fn testbed() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../testbed"))
}

/// The path of a chart in `testbed/charts`, as an argument for Helm.
#[must_use]
pub fn chart(name: &str) -> String {
    testbed().join("charts").join(name).to_string_lossy().into_owned()
}
