//! `cargo xtask cluster`: a bed that stays, to try things on by hand.
use crate::say;
use anyhow::{Context as _, Result};
use bed::{Address, Postgres, state};
use clap::{Args, Subcommand};

/// A cluster that outlives the command.
#[derive(Subcommand)]
pub enum Cluster {
    /// Start it.
    Up {
        #[command(flatten)]
        name: Name,
        /// With PostgreSQL, for Helm's SQL storage.
        #[arg(long)]
        postgres: bool,
    },
    /// Stop it, and remove everything it wrote.
    Down(Name),
    /// Print what a shell has to set to use it: `eval "$(cargo xtask cluster env)"`.
    Env(Name),
    /// List the clusters that run, those of tests too.
    List,
}

#[derive(Args)]
pub struct Name {
    /// Its name; several can run side by side.
    #[arg(long, default_value = "main")]
    pub name: String,
}

impl Cluster {
    /// Does it.
    pub fn run(self) -> Result<()> {
        match self {
            Self::Up { name: Name { name }, postgres } => {
                let bed = state::up(&name, if postgres { Postgres::Yes } else { Postgres::No })?;
                say(&exports(&bed.address))
            }
            Self::Down(Name { name }) => {
                let stopped = state::down(&name)?;
                say(if stopped { "stopped" } else { "no such cluster is running" })
            }
            Self::Env(Name { name }) => {
                let bed = state::find(&name)?.with_context(|| {
                    format!("the cluster {name} is not running: `cargo xtask cluster up --name {name}` starts it")
                })?;
                say(&exports(&bed.address))
            }
            Self::List => {
                for (name, address) in state::list()? {
                    say(&format!("{name}\t{}\t{}", address.server, address.kubeconfig.display()))?;
                }
                Ok(())
            }
        }
    }
}

/// Shell commands that point clients at a bed.
pub fn exports(address: &Address) -> String {
    let mut lines = vec![format!("export KUBECONFIG={}", address.kubeconfig.display())];
    if let Some(postgres) = &address.postgres {
        lines.push(format!("export HELM_DRIVER_SQL_CONNECTION_STRING='{postgres}'"));
    }
    lines.join("\n")
}
