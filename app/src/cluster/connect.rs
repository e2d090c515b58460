//! From flags and kubeconfig to a connection.

use std::path::PathBuf;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::{ClusterError, Http};

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
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(options.timeout.unwrap_or(READ_TIMEOUT));
    config.reset_reader_on_write = true;
    if options.as_user.is_some() {
        config.auth_info.impersonate.clone_from(&options.as_user);
    }
    if !options.as_groups.is_empty() {
        config.auth_info.impersonate_groups = Some(options.as_groups.clone());
    }
    let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config).map_err(|error| ClusterError::Kubeconfig(plain(&error)))?;
    Ok(Http::new(client, server, namespace))
}

async fn load(options: &ConnectOptions) -> Result<Config, ClusterError> {
    let read = match &options.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let kubeconfig = match read {
        Ok(kubeconfig) => kubeconfig,
        Err(error) if options.kubeconfig.is_none() && options.context.is_none() => {
            return Config::incluster().map_err(|_| ClusterError::Kubeconfig(plain(&error)));
        }
        Err(error) => return Err(ClusterError::Kubeconfig(plain(&error))),
    };
    if let Some(name) = &options.context
        && !kubeconfig.contexts.iter().any(|context| context.name == *name)
    {
        let known = kubeconfig.contexts.into_iter().map(|context| context.name).collect();
        return Err(ClusterError::UnknownContext { name: name.clone(), known });
    }
    let wanted = KubeConfigOptions { context: options.context.clone(), ..KubeConfigOptions::default() };
    Config::from_custom_kubeconfig(kubeconfig, &wanted).await.map_err(|error| ClusterError::Kubeconfig(plain(&error)))
}

/// An error's own words and those of what caused it, once each, on one line. Credentials don't occur in them.
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
