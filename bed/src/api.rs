//! A small blocking client for the API server: JSON in, JSON out, nothing cached and nothing retried.
use crate::Address;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, fs, thread};
use ureq::Agent;
use ureq::http::{Method, Request};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// An answer of the API server that is not a success.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The request, for the message.
    pub request: String,
    /// The answer's body, a `Status` object as a rule.
    pub body: String,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.request, self.status, self.body.trim())
    }
}

impl std::error::Error for ApiError {}

/// The API server, with an administrator's rights. Paths are as in URLs: `/api/v1/nodes`.
#[derive(Clone, Debug)]
pub struct Api {
    agent: Agent,
    server: String,
    token: String,
}

impl Api {
    pub(crate) fn new(address: &Address) -> Result<Self> {
        let pem = fs::read(&address.ca_file).with_context(|| format!("cannot read {}", address.ca_file.display()))?;
        let roots = RootCerts::Specific(Arc::new(vec![Certificate::from_pem(&pem)?]));
        let agent = Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
        Ok(Self { agent, server: address.server.clone(), token: address.token.clone() })
    }

    /// Any request; `content` is the media type and the body.
    pub fn request(&self, method: &str, path: &str, content: Option<(&str, &[u8])>) -> Result<Value> {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes())?)
            .uri(format!("{}{path}", self.server))
            .header("authorization", format!("Bearer {}", self.token));
        let answer = match content {
            None => self.agent.run(request.body(())?),
            Some((kind, body)) => {
                request = request.header("content-type", kind);
                self.agent.run(request.body(body)?)
            }
        };
        let answer = answer.with_context(|| format!("{method} {path}"))?;
        let status = answer.status().as_u16();
        let body = answer.into_body().with_config().limit(1 << 30).read_to_string()?;
        if status >= 400 {
            return Err(ApiError { status, request: format!("{method} {path}"), body }.into());
        }
        // `/readyz` and its like answer in plain text.
        Ok(serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    /// Reads an object or a list.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.request("GET", path, None)
    }

    /// Reads an object that may not be there.
    pub fn find(&self, path: &str) -> Result<Option<Value>> {
        found(self.get(path))
    }

    /// Creates an object in the collection at `path`.
    pub fn post(&self, path: &str, object: &Value) -> Result<Value> {
        self.request("POST", path, Some(("application/json", &serde_json::to_vec(object)?)))
    }

    /// Replaces an object.
    pub fn put(&self, path: &str, object: &Value) -> Result<Value> {
        self.request("PUT", path, Some(("application/json", &serde_json::to_vec(object)?)))
    }

    /// Changes an object: an array is a JSON patch, anything else a merge patch.
    pub fn patch(&self, path: &str, patch: &Value) -> Result<Value> {
        let kind = if patch.is_array() { "application/json-patch+json" } else { "application/merge-patch+json" };
        self.request("PATCH", path, Some((kind, &serde_json::to_vec(patch)?)))
    }

    /// Deletes an object in the background; one that is not there is none to delete.
    pub fn delete(&self, path: &str) -> Result<()> {
        let policy = br#"{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background"}"#;
        found(self.request("DELETE", path, Some(("application/json", policy)))).map(drop)
    }

    /// Applies an object on the server's side, by force, as the field manager `bed`. `namespace` is for objects that
    /// name none and belong in one.
    pub fn apply(&self, object: &Value, namespace: &str) -> Result<Value> {
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
        let version = text("/apiVersion").context("an object without apiVersion")?;
        let kind = text("/kind").context("an object without kind")?;
        let name = text("/metadata/name").context("an object without a name")?;
        let root = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
        let resources = self.get(&root)?;
        let resource = resources["resources"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|resource| resource["kind"] == kind && !resource["name"].as_str().unwrap_or_default().contains('/'))
            .with_context(|| format!("{version} has no kind {kind}"))?;
        let plural = resource["name"].as_str().context("a resource without name")?;
        let path = if resource["namespaced"] == true {
            let namespace = text("/metadata/namespace").unwrap_or(namespace);
            format!("{root}/namespaces/{namespace}/{plural}/{name}")
        } else {
            format!("{root}/{plural}/{name}")
        };
        let body = serde_json::to_vec(object)?;
        let path = format!("{path}?fieldManager=bed&force=true");
        self.request("PATCH", &path, Some(("application/apply-patch+yaml", &body)))
    }

    /// Reads until the object is as wished, and gives it; an object that is not there is `Null`.
    pub fn wait(&self, path: &str, limit: Duration, wish: impl Fn(&Value) -> bool) -> Result<Value> {
        let deadline = Instant::now() + limit;
        loop {
            let object = self.find(path)?.unwrap_or(Value::Null);
            if wish(&object) {
                return Ok(object);
            }
            if Instant::now() > deadline {
                anyhow::bail!("{path} was not as wished within {limit:?}; it is {object}");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn found(answer: Result<Value>) -> Result<Option<Value>> {
    match answer {
        Err(error) if error.downcast_ref::<ApiError>().is_some_and(|error| error.status == 404) => Ok(None),
        other => other.map(Some),
    }
}
