//! What can go wrong between here and the cluster, told apart by what the user can do about it.

use thiserror::Error;

use crate::exit::Exit;

/// One sentence each; never a payload, never a debug dump of the client's own error.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ClusterError {
    /// There is no kubeconfig, or it can't be read.
    #[error("no usable kubeconfig: {0}")]
    Kubeconfig(String),
    /// The context asked for isn't in the kubeconfig.
    #[error("context \"{name}\" doesn't exist in the kubeconfig")]
    UnknownContext {
        /// The one asked for.
        name: String,
        /// The ones there are.
        known: Vec<String>,
    },
    /// No context is asked for, and the kubeconfig chooses none.
    #[error("no usable kubeconfig: no current context is set")]
    NoContext {
        /// The ones there are.
        known: Vec<String>,
    },
    /// The kubeconfig's way to get credentials gave none.
    #[error("can't log in: {0}")]
    Login(String),
    /// The server's certificate doesn't prove who it is.
    #[error("{server} isn't trusted: {detail}")]
    Untrusted {
        /// The API server.
        server: String,
        /// Why.
        detail: String,
    },
    /// No connection.
    #[error("can't reach {server}: {detail}")]
    Unreachable {
        /// The API server or database.
        server: String,
        /// Why.
        detail: String,
    },
    /// No answer in time.
    #[error("{server} gave no answer in time")]
    Timeout {
        /// The API server or database.
        server: String,
    },
    /// Credentials missing, wrong or expired.
    #[error("{server} doesn't accept the credentials: {detail}")]
    Unauthorized {
        /// The API server or database.
        server: String,
        /// What it said.
        detail: String,
    },
    /// Not allowed.
    #[error("access denied: {0}")]
    Forbidden(String),
    /// Somebody else wrote first.
    #[error("{0} was changed by someone else meanwhile; nothing was written")]
    Conflict(String),
    /// The thing to write isn't there.
    #[error("{0} doesn't exist")]
    Missing(String),
    /// The server said no.
    #[error("the server refused {what} ({code}): {message}")]
    Rejected {
        /// What was asked.
        what: String,
        /// HTTP status.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// The answer can't be understood.
    #[error("the answer to {0} can't be understood")]
    Decode(String),
    /// A setting for the cluster or database is missing or wrong.
    #[error("{0}")]
    Setting(String),
}

impl ClusterError {
    /// The exit code it ends with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Kubeconfig(_) | Self::NoContext { .. } | Self::UnknownContext { .. } | Self::Setting(_) => {
                Exit::Usage
            }
            Self::Conflict(_) | Self::Missing(_) => Exit::Changed,
            Self::Decode(_) => Exit::Bug,
            Self::Login(_)
            | Self::Untrusted { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden(_)
            | Self::Rejected { .. } => Exit::Access,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Kubeconfig(_) => "set KUBECONFIG or give --kubeconfig".to_owned(),
            Self::NoContext { known } if !known.is_empty() => format!("--context names one of: {}", known.join(", ")),
            Self::NoContext { .. } => {
                "the kubeconfig has no context at all; --context and --kubeconfig name others".to_owned()
            }
            Self::Login(_) => "log in again; `kubectl auth whoami` logs in the same way".to_owned(),
            Self::Untrusted { .. } => {
                "the kubeconfig's certificate-authority must be the one that signed the server's certificate".to_owned()
            }
            Self::UnknownContext { known, .. } if known.is_empty() => "the kubeconfig has no context at all".to_owned(),
            Self::UnknownContext { known, .. } => format!("there are: {}", known.join(", ")),
            Self::Unreachable { server, .. } if !server.starts_with("http") => {
                "is the database up, and its address right?".to_owned()
            }
            Self::Unauthorized { server, .. } if !server.starts_with("http") => {
                "HELM_DRIVER_SQL_CONNECTION_STRING holds user and password".to_owned()
            }
            Self::Unreachable { .. } => {
                "is the cluster up, and the network or VPN? `kubectl cluster-info` asks the same server".to_owned()
            }
            Self::Timeout { .. } => "the server may be overloaded; --request-timeout waits longer".to_owned(),
            Self::Unauthorized { .. } => {
                "log in again, as the token may have expired; `kubectl auth whoami` shows who you are".to_owned()
            }
            Self::Forbidden(_) => {
                "`kubectl auth can-i --list -n NAMESPACE` shows what you may do; -n narrows to one namespace".to_owned()
            }
            Self::Conflict(_) => "run the command again to see the new state".to_owned(),
            Self::Missing(_) | Self::Rejected { .. } | Self::Decode(_) | Self::Setting(_) => return None,
        })
    }
}
