//! Helm as a command: which one, with which storage, and what it answered.
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::fmt;
use std::process::ExitStatus;

/// Which Helm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Major {
    /// Helm 3.
    V3,
    /// Helm 4.
    V4,
}

impl Major {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::V3, Self::V4];
}

impl fmt::Display for Major {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V3 => "helm 3",
            Self::V4 => "helm 4",
        })
    }
}

/// Where Helm keeps its records (`HELM_DRIVER`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Driver {
    /// In Secrets, Helm's default.
    #[default]
    Secret,
    /// In ConfigMaps.
    ConfigMap,
    /// In the bed's PostgreSQL.
    Sql,
}

impl Driver {
    /// The value of `HELM_DRIVER`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::ConfigMap => "configmap",
            Self::Sql => "sql",
        }
    }
}

/// What a command left behind.
#[derive(Clone, Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    pub(crate) command: String,
}

impl Output {
    /// Itself if the command succeeded, else an error with what the command said.
    pub fn ok(self) -> Result<Self> {
        if !self.status.success() {
            bail!("`{}` ended with {}: {}", self.command, self.status, self.stderr.trim());
        }
        Ok(self)
    }

    /// The standard error if the command failed, else an error: for failures a test asks for.
    pub fn failed(self) -> Result<String> {
        if self.status.success() {
            bail!("`{}` was to fail, and succeeded: {}", self.command, self.stdout.trim());
        }
        Ok(self.stderr)
    }

    /// The standard output of a command that succeeded, as JSON.
    pub fn json(self) -> Result<Value> {
        let output = self.ok()?;
        serde_json::from_str(&output.stdout).with_context(|| format!("`{}` wrote no JSON", output.command))
    }
}
