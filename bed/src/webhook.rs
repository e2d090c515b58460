//! Admission webhooks for one namespace: those that allow, deny, dawdle, or aren't there.
use crate::{Binary, Namespace};
use anyhow::{Context as _, Result, anyhow};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// Where a webhook is, and so what it does.
#[derive(Clone, Copy, Debug)]
pub enum At<'a> {
    /// On the bed's server, which does what the path says: `delay/20`, `deny/no%20tags`, `deny-bytes/900`, `status/500`.
    Server(&'a str),
    /// At an address where nobody listens.
    Nowhere,
    /// At a Service of the namespace, which may not be there.
    Service(&'a str),
}

/// A webhook configuration that holds for one namespace only.
#[derive(Clone, Debug)]
pub struct Webhooks<'a> {
    /// Its name, to which the namespace's is added.
    pub name: &'a str,
    /// Mutating webhooks are called one after another, validating ones all at once.
    pub mutating: bool,
    /// The resources it is called for, as `apps/deployments`; those of the core group have no slash.
    pub resources: &'a [&'a str],
    /// The operations, `CREATE` and `UPDATE` as a rule.
    pub operations: &'a [&'a str],
    /// Only objects with this label, by key and value.
    pub label: Option<(&'a str, &'a str)>,
    /// One for each webhook.
    pub at: &'a [At<'a>],
    /// How long the API server waits for each, in seconds: at most 30.
    pub timeout: u32,
}

/// The server's line about itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    url: String,
    ca_bundle: String,
}

#[derive(Debug)]
struct Server {
    line: Line,
    // Its standard input is the server's lifeline.
    _child: Child,
}

impl Server {
    fn start() -> Result<Self> {
        let mut child = Command::new(Binary::Webhook.path()?).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no standard output")?).read_line(&mut line)?;
        Ok(Self { line: serde_json::from_str(&line).context("the webhook server's line")?, _child: child })
    }

    /// The one of this process.
    fn shared() -> Result<&'static Line> {
        static SHARED: OnceLock<Result<Server, String>> = OnceLock::new();
        match SHARED.get_or_init(|| Self::start().map_err(|error| format!("{error:#}"))) {
            Ok(server) => Ok(&server.line),
            Err(error) => Err(anyhow!("there is no webhook server: {error}")),
        }
    }
}

impl Webhooks<'_> {
    /// Creates the configuration, and gives its path: it isn't deleted with the namespace.
    pub fn create(&self, ns: &Namespace<'_>) -> Result<String> {
        let kind = if self.mutating { "MutatingWebhookConfiguration" } else { "ValidatingWebhookConfiguration" };
        let webhooks = self.at.iter().enumerate().map(|(index, at)| self.webhook(ns, index, *at));
        let name = format!("{}-{}", ns.name, self.name);
        let object = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name},
            "webhooks": webhooks.collect::<Result<Vec<_>>>()?,
        });
        ns.apply(&object)?;
        Ok(format!("/apis/admissionregistration.k8s.io/v1/{}s/{name}", kind.to_lowercase()))
    }

    fn webhook(&self, ns: &Namespace<'_>, index: usize, at: At<'_>) -> Result<Value> {
        let server = Server::shared()?;
        let client = match at {
            At::Server(path) => json!({"url": format!("{}/{path}", server.url), "caBundle": server.ca_bundle}),
            At::Nowhere => json!({"url": "https://127.0.0.1:1/", "caBundle": server.ca_bundle}),
            At::Service(name) => json!({"service": {"name": name, "namespace": ns.name}, "caBundle": server.ca_bundle}),
        };
        let rules = self.resources.iter().map(|resource| {
            let (group, resource) = resource.split_once('/').unwrap_or(("", resource));
            let operations = self.operations;
            json!({"apiGroups": [group], "apiVersions": ["*"], "resources": [resource], "operations": operations})
        });
        let label = self.label.map_or(json!({}), |(key, value)| json!({"matchLabels": {key: value}}));
        Ok(json!({
            "name": format!("{}-{index}.{}.example.com", self.name, ns.name),
            "clientConfig": client,
            "rules": rules.collect::<Vec<_>>(),
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ns.name}},
            "objectSelector": label, "failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "timeoutSeconds": self.timeout,
        }))
    }
}
