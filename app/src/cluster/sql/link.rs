//! One connection to PostgreSQL, made when first needed and again when it was dropped. Reads are repeated once then, writes
//! never. Every refusal becomes a [`ClusterError`].

use std::error::Error as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Error, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::ClusterError;
use super::super::connect::plain;
use super::settings::SqlSettings;

/// How long to wait for the answer to one statement.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// How often to ask the server to stop a statement, and how long to wait each time. More than once, as what is stopped is
/// whatever runs just then, which may be a statement sent before.
const CANCELS: u32 = 3;
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// A statement's parameters, with their types, which spares asking the server for them.
pub(super) type Values<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

/// Why a statement gave nothing.
pub(super) enum Fault {
    /// A table it names doesn't exist.
    NoTable,
    /// The connection broke before the answer came.
    Dropped(ClusterError),
    /// Anything else.
    Refused(ClusterError),
}

impl Fault {
    /// For statements that name no table, or one that is known to exist.
    pub fn into_error(self, what: &str) -> ClusterError {
        match self {
            Self::NoTable => ClusterError::Missing(format!("{what}'s table")),
            Self::Dropped(error) | Self::Refused(error) => error,
        }
    }
}

/// The connection.
pub(super) struct Link {
    config: Config,
    tls: MakeRustlsConnect,
    server: String,
    patience: Duration,
    client: Mutex<Option<Arc<Client>>>,
}

impl Link {
    pub fn new(settings: SqlSettings) -> Result<Self, ClusterError> {
        let tls = settings.tls.connector()?;
        let SqlSettings { config, server, .. } = settings;
        Ok(Self { config, tls, server, patience: STATEMENT_TIMEOUT, client: Mutex::new(None) })
    }

    /// Waits that long for one answer.
    pub fn wait(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// What to call the database.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Asks; asks again if the connection turns out to have been dropped.
    pub async fn read(&self, statement: &str, values: Values<'_>, what: &str) -> Result<Vec<Row>, Fault> {
        match self.once(statement, values, what).await {
            Err(Fault::Dropped(_)) => self.once(statement, values, what).await,
            other => other,
        }
    }

    /// Asks once. If there is no answer in time, the server is asked to stop, so that a write that comes to nothing here comes to
    /// nothing there. Only if that isn't answered either, or the connection broke, is it unknown what became of a write.
    pub async fn once(&self, statement: &str, values: Values<'_>, what: &str) -> Result<Vec<Row>, Fault> {
        let client = self.client().await.map_err(Fault::Refused)?;
        let mut pending = pin!(client.query_typed(statement, values));
        let mut answer = timeout(self.patience, &mut pending).await;
        if answer.is_err() {
            // A late request to cancel would hit whatever runs next on this connection.
            self.forget(&client).await;
        }
        for _ in 0..CANCELS {
            if answer.is_err() {
                self.cancel(&client).await;
                answer = timeout(CANCEL_TIMEOUT, &mut pending).await;
            }
        }
        let answer = answer.map_err(|_| Fault::Refused(ClusterError::Timeout { server: self.server.clone() }))?;
        match answer.map_err(|error| self.fault(&client, &error, what)) {
            Err(Fault::Dropped(error)) => {
                self.forget(&client).await;
                Err(Fault::Dropped(error))
            }
            other => other,
        }
    }

    async fn client(&self) -> Result<Arc<Client>, ClusterError> {
        let mut held = self.client.lock().await;
        if let Some(client) = held.as_ref().filter(|client| !client.is_closed()) {
            return Ok(client.clone());
        }
        let each = self.config.get_connect_timeout().copied().unwrap_or(self.patience);
        let servers = u32::try_from(self.config.get_hosts().len()).unwrap_or(1);
        let connected = timeout(each.saturating_mul(servers.max(1)), self.config.connect(self.tls.clone())).await;
        let connected = connected.map_err(|_| ClusterError::Timeout { server: self.server.clone() })?;
        let (client, connection) = connected.map_err(|error| self.unconnected(&error))?;
        // Ends with the client, or with the connection; either shows in the next statement.
        tokio::spawn(connection);
        let client = Arc::new(client);
        *held = Some(client.clone());
        Ok(client)
    }

    /// Gives up a connection; statements still under way on it go on.
    async fn forget(&self, client: &Arc<Client>) {
        let mut held = self.client.lock().await;
        if held.as_ref().is_some_and(|held| Arc::ptr_eq(held, client)) {
            *held = None;
        }
    }

    /// Asks the server to stop what it is doing on a connection.
    async fn cancel(&self, client: &Client) {
        let cancel = client.cancel_token();
        // If it takes no such request, the statement's own verdict still comes, or doesn't.
        let _ = timeout(CANCEL_TIMEOUT, cancel.cancel_query(self.tls.clone())).await;
    }

    /// Why there is no connection.
    fn unconnected(&self, error: &Error) -> ClusterError {
        let server = self.server.clone();
        let source = error.source();
        let io = source.and_then(|source| source.downcast_ref::<std::io::Error>());
        if let Some(said) = error.as_db_error() {
            return self.refused(said, "the connection");
        }
        if io.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut) {
            return ClusterError::Timeout { server };
        }
        if source.is_some_and(|source| source.to_string() == "password missing") {
            return ClusterError::Unauthorized { server, detail: "it wants a password, and there is none".to_owned() };
        }
        // The client's errors have no kinds to match on.
        if error.to_string() == "authentication error" {
            return ClusterError::Unauthorized { server, detail: plain(error) };
        }
        let mut detail = plain(error);
        if detail.ends_with("server does not support TLS") {
            detail.push_str(", which sslmode asks for (require, if it isn't given)");
        }
        ClusterError::Unreachable { server, detail }
    }

    fn fault(&self, client: &Client, error: &Error, what: &str) -> Fault {
        match error.as_db_error() {
            Some(said) if *said.code() == SqlState::UNDEFINED_TABLE => Fault::NoTable,
            // 57P01 and its like: the server is going down, or an administrator ended the session.
            Some(said) if said.code().code().starts_with("57P") => Fault::Dropped(self.refused(said, what)),
            Some(said) => Fault::Refused(self.refused(said, what)),
            None if error.is_closed() || client.is_closed() || error.to_string().contains("communicating") => {
                Fault::Dropped(ClusterError::Unreachable {
                    server: self.server.clone(),
                    detail: "the connection broke".to_owned(),
                })
            }
            None => Fault::Refused(ClusterError::Decode(what.to_owned())),
        }
    }

    /// The server's refusal. Its message is told, its detail isn't: that may quote the row.
    fn refused(&self, said: &DbError, what: &str) -> ClusterError {
        let server = self.server.clone();
        let detail = refloat_core::report::shortened(said.message(), 300);
        let code = said.code();
        match code.code() {
            "42501" => ClusterError::Forbidden(format!("{server}: {detail}")),
            "25006" => ClusterError::Forbidden(format!("{server} is read-only: {detail}")),
            "57014" | "55P03" => ClusterError::Timeout { server },
            "40001" | "40P01" => ClusterError::Conflict(what.to_owned()),
            // No such database; a parameter the server doesn't have, or not with that value.
            "3D000" | "42704" | "22023" => ClusterError::Setting(format!("{server}: {detail}")),
            other => match other.get(..2) {
                Some("28") => ClusterError::Unauthorized { server, detail },
                Some("08" | "53" | "57") => ClusterError::Unreachable { server, detail },
                class => ClusterError::Rejected {
                    what: what.to_owned(),
                    // The nearest that HTTP has: the request's fault, or the server's.
                    code: if matches!(class, Some("22" | "23" | "42")) { 400 } else { 500 },
                    message: format!("{detail} (SQLSTATE {other})"),
                },
            },
        }
    }
}
