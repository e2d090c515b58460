//! Requests to the API server: reads are repeated on passing faults, writes only if they were turned away at the door; every refusal becomes a
//! [`ClusterError`]; the server's clock is read off its answers.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use http_body_util::BodyExt;
use hyper::body::{self as http_body, Bytes};
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use serde_json::Value;

use super::ClusterError;
use super::connect::plain;
use super::kubeconfig::{cause, login_words};
use super::wire;

/// A connection to one API server.
#[derive(Clone)]
pub struct Http {
    client: Client,
    server: String,
    namespace: String,
    /// How long to wait for an answer, and then for each piece of it.
    timeout: Duration,
    clock: Arc<Mutex<Option<(Timestamp, Instant)>>>,
    /// Whether writes are only tried: checked and answered as if they were done, and stored nowhere.
    rehearsing: bool,
}

/// How long the server asks to be left alone when it has too many requests (Kubernetes 1.35
/// `apiserver/pkg/server/filters/maxinflight.go:retryAfter`).
const TOO_MANY: Duration = Duration::from_secs(1);

/// A request without its body.
type Request = http::Request<Vec<u8>>;
/// An answer whose body hasn't been read.
pub(super) type Response = http::Response<Body>;

/// The parts of Kubernetes' `Status` that an error needs.
#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    message: String,
    #[serde(default)]
    reason: String,
}

impl Http {
    pub(super) fn new(client: Client, server: String, namespace: String, timeout: Duration) -> Self {
        Self { client, server, namespace, timeout, clock: Arc::default(), rehearsing: false }
    }

    /// The same connection, but for writes that are only tried (Kubernetes 1.35 `apiserver/pkg/endpoints/handlers`: `dryRun=All`).
    /// They need the rights of real ones, and stand in the audit log.
    pub fn rehearsing(&self) -> Self {
        Self { rehearsing: true, ..self.clone() }
    }

    /// The namespace of the context.
    pub fn default_namespace(&self) -> &str {
        &self.namespace
    }

    /// The API server's address.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The API server's time, as of its latest answer and carried on by a monotonic clock. Asks for one if there is none.
    pub async fn now(&self) -> Result<Timestamp, ClusterError> {
        if let Some(now) = self.clock_now() {
            return Ok(now);
        }
        let request =
            http::Request::get("/version").body(Vec::new()).map_err(|_| ClusterError::Decode("/version".into()))?;
        self.send(request, "the server's version").await?;
        self.clock_now().ok_or_else(|| ClusterError::Decode("the server's version: it carries no Date".into()))
    }

    fn clock_now(&self) -> Option<Timestamp> {
        let (date, seen) = (*self.clock.lock().ok()?)?;
        date.checked_add(SignedDuration::try_from(seen.elapsed()).ok()?).ok()
    }

    /// Sends a read; repeats it a few times if the server is overloaded or the connection breaks.
    pub(super) async fn read(&self, request: Request, what: &str) -> Result<Response, ClusterError> {
        let policy =
            ExponentialBuilder::default().with_min_delay(Duration::from_millis(200)).with_max_times(3).with_jitter();
        (|| async { self.send(request.clone(), what).await }).retry(policy).when(is_passing).await
    }

    /// Sends one request, once.
    pub(super) async fn send(&self, request: Request, what: &str) -> Result<Response, ClusterError> {
        let sent = tokio::time::timeout(self.timeout, self.client.send(request.map(Body::from))).await;
        let response = sent.map_err(|_| self.no_answer())?.map_err(|error| self.transport(&error))?;
        self.note_date(&response);
        if response.status().is_success() {
            return Ok(response);
        }
        let code = response.status().as_u16();
        let protobuf = wire::is_protobuf(&response);
        // A refusal whose words can't be read is still one, told by its number.
        let body = self.bytes(response).await.unwrap_or_else(|_| Vec::new());
        if protobuf {
            let (message, reason) = wire::status(body).unwrap_or_default();
            return Err(self.refused(code, &Status { message, reason }, what));
        }
        // A proxy's page is no reason; a sentence is.
        let text = || String::from_utf8_lossy(&body).into_owned();
        let plain = |_| Status {
            message: Some(text()).filter(|text| !text.contains('<')).unwrap_or_default(),
            ..Status::default()
        };
        Err(self.refused(code, &serde_json::from_slice(&body).unwrap_or_else(plain), what))
    }

    /// Sends a read and gives its body as JSON; `None` if the object isn't there.
    pub(super) async fn object(&self, request: Request, what: &str) -> Result<Option<Value>, ClusterError> {
        let response = match self.read(request, what).await {
            Err(ClusterError::Missing(_)) => return Ok(None),
            other => other?,
        };
        let body = self.bytes(response).await?;
        serde_json::from_slice(&body).map(Some).map_err(|_| ClusterError::Decode(what.to_owned()))
    }

    /// Sends a write and gives the object it left. It is repeated only if the server says that it takes no more requests for now, as
    /// it hasn't looked at this one then (Kubernetes 1.35 `apiserver/pkg/server/filters/priority-and-fairness.go:tooManyRequests`).
    pub(super) async fn write(&self, request: Request, what: &str) -> Result<Value, ClusterError> {
        let request = if self.rehearsing { rehearsed(request, what)? } else { request };
        let policy = ExponentialBuilder::default().with_min_delay(TOO_MANY).with_max_times(4).with_jitter();
        let turned_away = |error: &ClusterError| matches!(error, ClusterError::Rejected { code: 429, .. });
        let response = (|| async { self.send(request.clone(), what).await }).retry(policy).when(turned_away).await?;
        serde_json::from_slice(&self.bytes(response).await?).map_err(|_| ClusterError::Decode(what.to_owned()))
    }

    /// The whole body.
    pub(super) async fn bytes(&self, response: Response) -> Result<Vec<u8>, ClusterError> {
        let mut body = response.into_body();
        let mut whole = Vec::new();
        while let Some(piece) = self.piece(&mut body).await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    /// The next piece of a body; `None` at its end.
    pub(super) async fn piece(&self, body: &mut Body) -> Result<Option<Bytes>, ClusterError> {
        loop {
            let frame = tokio::time::timeout(self.timeout, body.frame()).await.map_err(|_| self.no_answer())?;
            match frame.transpose().map_err(|error| self.transport(&error))?.map(http_body::Frame::into_data) {
                None => return Ok(None),
                Some(Ok(piece)) => return Ok(Some(piece)),
                Some(Err(_trailers)) => {}
            }
        }
    }

    fn no_answer(&self) -> ClusterError {
        ClusterError::Timeout { server: self.server.clone() }
    }

    fn note_date(&self, response: &Response) {
        let date = response.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        if let (Some(date), Ok(mut clock)) = (date, self.clock.lock()) {
            *clock = Some((date.timestamp(), Instant::now()));
        }
    }

    fn refused(&self, code: u16, status: &Status, what: &str) -> ClusterError {
        let message = refloat_core::report::shortened(status.message.trim_end().trim_end_matches('.'), 400);
        match code {
            401 => ClusterError::Unauthorized { server: self.server.clone(), detail: message.to_lowercase() },
            403 if status.reason == "Forbidden" => ClusterError::Forbidden(message),
            404 => ClusterError::Missing(what.to_owned()),
            409 => ClusterError::Conflict(what.to_owned()),
            504 => ClusterError::Timeout { server: self.server.clone() },
            _ => ClusterError::Rejected { what: what.to_owned(), code, message },
        }
    }

    pub(super) fn transport(&self, error: &(dyn std::error::Error + 'static)) -> ClusterError {
        let causes = std::iter::successors(Some(error), |error| error.source());
        if let Some(error) = causes.into_iter().find_map(|cause| cause.downcast_ref::<kube::client::AuthError>()) {
            return ClusterError::Login(login_words(error, None));
        }
        let lower = plain(error).to_lowercase();
        let server = self.server.clone();
        if lower.contains("timed out") || lower.contains("deadline has elapsed") {
            ClusterError::Timeout { server }
        } else if lower.contains("peer certificate") {
            let detail = short_cause(error).replace("unknownissuer", "its issuer is unknown");
            ClusterError::Untrusted { server, detail }
        } else {
            ClusterError::Unreachable { server, detail: short_cause(error) }
        }
    }
}

/// The same request, as one that changes nothing.
fn rehearsed(request: Request, what: &str) -> Result<Request, ClusterError> {
    let (mut head, body) = request.into_parts();
    let joint = if head.uri.query().is_some() { '&' } else { '?' };
    head.uri = format!("{}{joint}dryRun=All", head.uri).parse().map_err(|_| ClusterError::Decode(what.to_owned()))?;
    Ok(Request::from_parts(head, body))
}

/// Whether asking again may help. A refused connection isn't passing: the user is told at once.
fn is_passing(error: &ClusterError) -> bool {
    match error {
        ClusterError::Rejected { code, .. } => matches!(code, 429 | 500 | 502 | 503),
        ClusterError::Unreachable { detail, .. } => !detail.contains("refused") && !detail.contains("dns"),
        _ => false,
    }
}

/// The innermost cause, which is the one that says something (`Connection refused`, `certificate has expired`).
fn short_cause(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    cause(last)
}
