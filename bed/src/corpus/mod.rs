//! The diagnosis corpus: real scenarios, each with what a right diagnosis of it says.
//!
//! Every scenario is made by real Helm on a real API server, in a namespace of its own, and its `make` asks the API
//! whether what it was to bring about has come about. The words of the labels are those of `refloat diagnose -o json`.

mod admission;
mod apis;
mod case;
mod concurrent;
mod deletion;
mod healthy;
mod hooks;
mod killed;
pub mod objects;
mod owners;
mod pods;
mod pods_refused;
mod records;
mod records_size;
mod slow;

use crate::{Driver, Live, Major, Namespace};
use anyhow::{Context as _, Result};
pub use case::{Case, SOON};

/// What a right diagnosis says.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// The operation's kind.
    pub operation: &'static str,
    /// The phase; several where no observer could tell them apart.
    pub phase: &'static [&'static str],
    /// The verdict; several where an honest answer may be more cautious.
    pub liveness: &'static [&'static str],
    /// The top cause; several only where they are equally right. None at all: nothing is wrong.
    pub causes: &'static [&'static str],
    /// What else is wrong: each must be among the first three.
    pub also: &'static [&'static str],
    /// The letter of the unexpected failure case it stands for, in the project's list of such cases.
    pub field_case: Option<char>,
}

/// Who asks for the diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// An administrator.
    Administrator,
    /// The user whose Helm made it, with that one's rights.
    Deployer,
}

/// A scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name.
    pub id: &'static str,
    /// In a few words.
    pub words: &'static str,
    /// The Helms that make it.
    pub majors: &'static [Major],
    /// What a right diagnosis says.
    pub label: Label,
    /// Who asks.
    pub asker: Asker,
    /// Where the records are.
    pub driver: Driver,
    /// Whether it does something to the whole cluster, and so needs one of its own.
    pub own_bed: bool,
    make: fn(&Case<'_>) -> Result<Option<Live>>,
}

/// The name of every scenario's release.
pub const RELEASE: &str = "web";

/// Helm 3 alone.
const V3: &[Major] = &[Major::V3];
/// Helm 4 alone.
const V4: &[Major] = &[Major::V4];

const fn label(
    operation: &'static str,
    phase: &'static [&'static str],
    liveness: &'static [&'static str],
    causes: &'static [&'static str],
) -> Label {
    Label { operation, phase, liveness, causes, also: &[], field_case: None }
}

/// The newest record says `failed`.
const fn failed(operation: &'static str, phase: &'static [&'static str], causes: &'static [&'static str]) -> Label {
    label(operation, phase, &["none"], causes)
}

/// Helm has ended, and what is there proves it.
const fn stale(operation: &'static str, phase: &'static [&'static str], causes: &'static [&'static str]) -> Label {
    label(operation, phase, &["stale"], causes)
}

/// Helm has ended, and what is there proves it once a live one must have noticed that its wait is over: for Helm 4 with workloads not
/// before its timeout.
const fn silent(operation: &'static str, phase: &'static [&'static str], causes: &'static [&'static str]) -> Label {
    label(operation, phase, &["stale", "possible"], causes)
}

/// Helm has ended, and nothing proves it: one that waits would leave the same.
const fn possible(operation: &'static str, phase: &'static [&'static str], causes: &'static [&'static str]) -> Label {
    label(operation, phase, &["possible"], causes)
}

/// Helm runs.
const fn live(operation: &'static str, phase: &'static [&'static str], causes: &'static [&'static str]) -> Label {
    label(operation, phase, &["live", "possible"], causes)
}

/// No operation is under way.
const fn calm(causes: &'static [&'static str]) -> Label {
    label("none", &["done"], &["none"], causes)
}

impl Label {
    const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    const fn field(self, case: char) -> Self {
        Self { field_case: Some(case), ..self }
    }
}

const fn scenario(
    id: &'static str,
    words: &'static str,
    label: Label,
    make: fn(&Case<'_>) -> Result<Option<Live>>,
) -> Scenario {
    let (asker, driver) = (Asker::Administrator, Driver::Secret);
    Scenario { id, words, majors: &Major::BOTH, label, asker, driver, own_bed: false, make }
}

/// A scenario that has been made. What Helm still runs and what lies outside the namespace ends with it.
#[derive(Debug)]
pub struct Made<'b> {
    /// Where it is.
    pub ns: Namespace<'b>,
    /// The Helms that still run.
    pub helms: Vec<Live>,
    leftovers: Vec<String>,
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        for path in &self.leftovers {
            // The bed may have ended, and what is left of it then harms nobody.
            let _ = self.ns.delete(path);
        }
    }
}

impl Scenario {
    /// All of them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let families: [&[Self]; 13] = [
            healthy::ALL,
            slow::ALL,
            killed::ALL,
            pods::ALL,
            pods_refused::ALL,
            hooks::ALL,
            admission::ALL,
            apis::ALL,
            records::ALL,
            records_size::ALL,
            concurrent::ALL,
            deletion::ALL,
            owners::ALL,
        ];
        families.concat()
    }

    /// Makes it, as the release [`RELEASE`] in a namespace that is its own, and makes sure that it has come about.
    pub fn make<'b>(&self, ns: &Namespace<'b>, major: Major) -> Result<Made<'b>> {
        let case = Case::new(ns, major);
        let made = (self.make)(&case);
        let mut this = case.done(ns.clone());
        this.helms.extend(made.with_context(|| format!("{major} was to make {} ({})", self.id, self.words))?);
        Ok(this)
    }

    const fn only(self, majors: &'static [Major]) -> Self {
        Self { majors, ..self }
    }

    const fn asked_by(self, asker: Asker) -> Self {
        Self { asker, ..self }
    }

    const fn driver(self, driver: Driver) -> Self {
        Self { driver, ..self }
    }

    const fn own_bed(self) -> Self {
        Self { own_bed: true, ..self }
    }
}
