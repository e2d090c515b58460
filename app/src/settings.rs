//! Flags and environment, merged once. Nothing below the command line looks at either again.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use refloat_core::record::Driver;
use refloat_core::report::shortened;

use crate::cluster::ConnectOptions;
use crate::error::Failure;

/// Flags every command takes: kubectl's and Helm's own names.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// Namespace of the release [default: the context's]
    #[arg(short, long, global = true, env = "HELM_NAMESPACE", hide_env = true, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Read this bundle, which refloat bundle saved, in place of a cluster; - for stdin
    #[arg(long, global = true, value_name = "FILE")]
    pub bundle: Option<PathBuf>,
    /// Kubeconfig file [default: $KUBECONFIG, else ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Kubeconfig context
    #[arg(
        long,
        visible_alias = "kube-context",
        global = true,
        env = "HELM_KUBECONTEXT",
        hide_env = true,
        value_name = "NAME"
    )]
    pub context: Option<String>,
    /// User to impersonate
    #[arg(
        long = "as",
        visible_alias = "kube-as-user",
        global = true,
        env = "HELM_KUBEASUSER",
        hide_env = true,
        value_name = "USER"
    )]
    pub as_user: Option<String>,
    /// Group to impersonate; may be given more than once
    #[arg(long = "as-group", visible_alias = "kube-as-group", global = true, value_name = "GROUP")]
    pub as_groups: Vec<String>,
    /// Where Helm keeps its records: secret, configmap or sql [default: $HELM_DRIVER, else whichever holds records]
    #[arg(long, global = true, env = "HELM_DRIVER", hide_env = true, value_name = "DRIVER")]
    pub driver: Option<String>,
    /// PostgreSQL address for the sql driver
    #[arg(
        long,
        global = true,
        env = "HELM_DRIVER_SQL_CONNECTION_STRING",
        hide_env_values = true,
        hide = true,
        value_name = "DSN"
    )]
    pub sql_connection: Option<String>,
    /// How long to wait for one answer, as in 30 or 30s [default: 30s]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds)]
    pub request_timeout: Option<Duration>,
}

const DRIVERS: &str = "those that can be read are secret, configmap and sql";

/// A duration as helm and kubectl take it: `90s`, `5m`, `1h30m`; a bare number is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let parsed: Result<jiff::SignedDuration, _> = text.parse();
    let parsed = parsed.map_err(|_| "write it like 90s, 5m or 1h30m".to_owned())?;
    Duration::try_from(parsed).map_err(|_| "it can't be negative".to_owned())
}

/// Takes `30` or `30s`.
fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text);
    match number.parse() {
        Ok(0) | Err(_) => Err("give a number of seconds, such as 30 or 30s".to_owned()),
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
    }
}

impl Connection {
    /// The driver asked for; `None` to find out. Helm's words, and Helm's error for others.
    pub fn driver(&self) -> Result<Option<Driver>, Failure> {
        match self.driver.as_deref() {
            None | Some("") => Ok(None),
            Some("memory") => Err(Failure::usage(
                "the memory driver's records live only inside one Helm process; nothing else can read them",
            )
            .hint(DRIVERS)),
            Some(word) => Driver::parse(word)
                .map(Some)
                .ok_or_else(|| Failure::usage(format!("unknown driver \"{word}\"")).hint(DRIVERS)),
        }
    }

    /// How to connect.
    pub fn options(&self) -> ConnectOptions {
        ConnectOptions {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone().filter(|context| !context.is_empty()),
            as_user: self.as_user.clone().filter(|user| !user.is_empty()),
            as_groups: self.as_groups.clone(),
            timeout: self.request_timeout,
        }
    }
}

/// `user@host`, to sign what is changed.
pub fn whoami() -> String {
    let of = |names: &[&str]| names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let user = of(&["USER", "LOGNAME", "USERNAME"]).unwrap_or_else(|| "someone".to_owned());
    let host = of(&["HOSTNAME", "HOST"])
        .or_else(|| std::fs::read_to_string("/etc/hostname").ok().map(|name| name.trim().to_owned()));
    shortened(&host.map_or_else(|| user.clone(), |host| format!("{user}@{host}")), 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_are_helms_words() {
        let driver = |word: &str| Connection { driver: Some(word.into()), ..Connection::default() }.driver();
        assert_eq!(driver("configmaps").unwrap(), Some(Driver::ConfigMap));
        assert_eq!(driver("").unwrap(), None);
        assert_eq!(driver("SQL").unwrap_err().message, "unknown driver \"SQL\"");
        assert!(driver("memory").is_err());
    }
}
