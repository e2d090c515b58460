//! The flags that speak of policy.

use std::path::PathBuf;

use clap::Args;
use refloat_core::policy::{Policy, flagged};

use crate::error::Failure;
use crate::policy_file;

/// What `diagnose`, `plan`, `fix` and `restore` take.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Policy")]
pub struct PolicyArgs {
    /// Policy file [default: $REFLOAT_POLICY, else ./refloat.yaml, else refloat/refloat.yaml in the user's config folder]
    #[arg(long, env = "REFLOAT_POLICY", hide_env = true, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Take a Helm that may be alive for gone after so long a silence, if no policy asks for a longer one
    #[arg(long, value_name = "DURATION")]
    stale_after: Option<String>,
    /// Neither delete nor change objects of this kind, or with these labels (a=b); may be given more than once
    #[arg(long, value_name = "WHAT")]
    protect: Vec<String>,
}

impl PolicyArgs {
    /// What the file and the flags say, the stricter where they differ.
    pub fn policy(&self) -> Result<Policy, Failure> {
        let named = self.policy.as_deref().filter(|path| !path.as_os_str().is_empty());
        let flags = flagged(self.stale_after.as_deref(), &self.protect).map_err(Failure::usage)?;
        Ok(policy_file::load(named)?.and(flags))
    }
}
