//! Moments at which somebody asks whether Helm still runs: at some it does, held up in a known phase by something slow; at
//! others it has been killed. Whoever takes the first for dead takes a release away from a Helm at work.
mod dead;
mod live;

use crate::corpus::{Case, Made};
use crate::{Live, Major, Namespace};
use anyhow::{Context as _, Result};

/// A release at a moment to ask about.
pub struct Moment {
    /// Its name, with the Helm.
    pub name: String,
    /// The operation.
    pub operation: &'static str,
    /// The phase that Helm is in, or died in; `""` where it is not known beforehand.
    pub phase: &'static str,
    /// What holds Helm up, or at which write it was killed.
    pub words: String,
    /// Which Helm.
    pub major: Major,
    make: Make,
}

type Make = Box<dyn Fn(&Case<'_>) -> Result<Option<Live>> + Send + Sync>;

impl Moment {
    /// Those at which Helm runs.
    #[must_use]
    pub fn live() -> Vec<Self> {
        live::all()
    }

    /// Those at which it has been killed.
    #[must_use]
    pub fn dead() -> Vec<Self> {
        dead::all()
    }

    /// Brings it about, in a namespace that is its own.
    pub fn make<'b>(&self, ns: &Namespace<'b>) -> Result<Made<'b>> {
        let case = Case::new(ns, self.major);
        let made = (self.make)(&case).with_context(|| format!("{}: {}", self.name, self.words));
        let mut this = case.done(ns.clone());
        this.helms.extend(made?);
        Ok(this)
    }
}
