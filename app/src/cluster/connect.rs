//! From flags and kubeconfig to a connection.

use std::path::PathBuf;
use std::time::Duration;

use super::kubeconfig::{load, unusable};
use super::{ClusterError, Http, stack};

/// How to reach the cluster, as flags and environment say.
#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    /// `--kubeconfig`; else `KUBECONFIG`, else `~/.kube/config`, else the Pod's service account.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--as`.
    pub as_user: Option<String>,
    /// `--as-group`.
    pub as_groups: Vec<String>,
    /// `--request-timeout`.
    pub timeout: Option<Duration>,
}

/// How long to wait for a connection, and by default for an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Takes options; gives a client that has not yet asked the server anything.
pub async fn connect(options: &ConnectOptions) -> Result<Http, ClusterError> {
    let mut config = load(options).await?;
    // Kube's own retry repeats writes on 429/503/504, even ones the server has carried out. Reads are retried in `http`.
    config.default_retry = false;
    let timeout = options.timeout.unwrap_or(READ_TIMEOUT);
    config.connect_timeout = Some(timeout.min(CONNECT_TIMEOUT));
    config.read_timeout = Some(timeout);
    config.reset_reader_on_write = true;
    if options.as_user.is_some() {
        config.auth_info.impersonate.clone_from(&options.as_user);
    }
    if !options.as_groups.is_empty() {
        config.auth_info.impersonate_groups = Some(options.as_groups.clone());
    }
    let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    let namespace = config.default_namespace.clone();
    let login = config.auth_info.exec.as_ref().and_then(|exec| exec.command.clone());
    let client = stack::client(config).map_err(|error| unusable(&error, login.as_deref()))?;
    Ok(Http::new(client, server, namespace, timeout))
}

/// An error's own words and those of what caused it, once each, on one line. Not for errors about credentials.
pub(super) fn plain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = error.source();
    }
    refloat_core::report::shortened(&text, 300)
}
