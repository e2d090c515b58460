//! Admission webhooks: which of them look at an object, and whether anything answers behind them.

use serde_json::Value;

use super::words::arg;
use crate::diagnose::case::{Case, Object, list, number, selects, text};
use crate::diagnose::liveness::rule_matches;
use crate::observe::{Kind, Live, Read, known};
use crate::report::one_line;

/// A webhook and the configuration that it stands in.
#[derive(Debug, Clone, Copy)]
pub struct Hook<'a> {
    /// The configuration.
    pub configuration: &'a Value,
    /// The webhook.
    pub webhook: &'a Value,
    /// Whether it may change objects.
    pub mutating: bool,
}

/// What is known of what answers behind a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// Something that says it is ready.
    Alive,
    /// Nothing; why.
    Dead(String),
    /// It is outside the cluster, or couldn't be read.
    Unknown,
}

/// Takes a case; gives every webhook that was read.
pub fn hooks<'a>(case: &Case<'a>) -> Vec<Hook<'a>> {
    let lists = [(known::mutating_webhooks(), true), (known::validating_webhooks(), false)];
    let mut found = Vec::new();
    for (kind, mutating) in lists {
        for configuration in case.list(&Read::list(&kind, "", "")).unwrap_or_default() {
            found.extend(list(configuration, "/webhooks").map(|webhook| Hook { configuration, webhook, mutating }));
        }
    }
    found
}

impl<'a> Hook<'a> {
    /// Its name, by which the server names it in its refusals.
    pub fn name(&self) -> &'a str {
        text(self.webhook, "/name")
    }

    /// The name of its configuration.
    pub fn configured_in(&self) -> &'a str {
        text(self.configuration, "/metadata/name")
    }

    fn kind(&self) -> &'static str {
        if self.mutating { "mutatingwebhookconfiguration" } else { "validatingwebhookconfiguration" }
    }

    /// Whether an object is refused when it doesn't answer, as is the default.
    pub fn fails(&self) -> bool {
        text(self.webhook, "/failurePolicy") != "Ignore"
    }

    /// How long the server waits for it, in seconds.
    pub fn seconds(&self) -> i64 {
        number(self.webhook, "/timeoutSeconds").unwrap_or(10).clamp(1, 30)
    }

    /// Whether it looks at an operation: `CREATE`, `UPDATE` or `DELETE`.
    pub fn on(&self, operation: &str) -> bool {
        let is_it = |entry: &Value| matches!(entry.as_str(), Some(word) if word == "*" || word == operation);
        list(self.webhook, "/rules").any(|rule| list(rule, "/operations").any(is_it))
    }

    /// Whether it looks at objects of a resource in a namespace (empty: of the whole cluster), with these labels if known.
    pub fn covers(
        &self,
        case: &Case<'_>,
        group: &str,
        resource: &str,
        namespace: &str,
        labels: Option<&Value>,
    ) -> bool {
        list(self.webhook, "/rules").any(|rule| rule_matches(rule, group, resource))
            && (namespace.is_empty() || self.in_namespace(case, namespace))
            && labels.is_none_or(|labels| selects(self.webhook.get("objectSelector"), labels))
    }

    /// A namespace that can't be read is taken to be in its scope.
    fn in_namespace(&self, case: &Case<'_>, namespace: &str) -> bool {
        match case.other(&known::namespaces(), "", namespace) {
            Live::Found(found) => match found.pointer("/metadata/labels") {
                Some(labels) => selects(self.webhook.get("namespaceSelector"), labels),
                None => selects(self.webhook.get("namespaceSelector"), &Value::Null),
            },
            _ => true,
        }
    }

    /// The Service behind it: namespace and name; `None` if it is outside the cluster.
    pub fn service(&self) -> Option<(&'a str, &'a str)> {
        let service = self.webhook.pointer("/clientConfig/service")?;
        Some((text(service, "/namespace"), text(service, "/name")))
    }

    /// Whether what answers is of the release itself: its Service, or its configuration.
    pub fn is_own(&self, case: &Case<'_>) -> bool {
        let behind =
            |object: &Object<'_>| self.service() == Some((object.namespace, object.name)) && object.kind == "Service";
        self.is_configured_by(case) || case.objects.iter().any(behind)
    }

    /// Whether its configuration is an object of the release.
    pub fn is_configured_by(&self, case: &Case<'_>) -> bool {
        let kind = self.configuration().kind;
        case.objects.iter().any(|object| object.kind == kind && object.name == self.configured_in())
    }

    /// The kind of its configuration.
    pub fn configuration(&self) -> Kind {
        if self.mutating { known::mutating_webhooks() } else { known::validating_webhooks() }
    }

    /// Where it stands and what it does, in a line.
    pub fn words(&self) -> String {
        let place = match (self.service(), text(self.webhook, "/clientConfig/url")) {
            (Some((namespace, name)), _) => format!("asks service {namespace}/{name}"),
            (None, url) => format!("asks {}", url.split('?').next().unwrap_or_default()),
        };
        let policy = if self.fails() { "refuses" } else { "lets pass" };
        one_line(&format!(
            "webhook {} of {} {} {place}, waits {}s, and {policy} what it gets no answer to",
            self.name(),
            self.kind(),
            self.configured_in(),
            self.seconds(),
        ))
    }

    /// What to type to see what should answer, or, outside the cluster, its configuration.
    pub fn command(&self) -> String {
        match self.service() {
            Some((namespace, name)) => format!("kubectl describe service {} -n {}", arg(name), arg(namespace)),
            None => self.see(),
        }
    }

    /// What to type to see its configuration.
    pub fn see(&self) -> String {
        format!("kubectl get {} {} -o yaml", self.kind(), arg(self.configured_in()))
    }

    /// Its configuration as kubectl takes it.
    pub fn typed(&self) -> String {
        one_line(&format!("{}/{}", self.kind(), self.configured_in()))
    }
}

/// Takes a webhook; tells whether anything answers behind it.
pub fn backend(case: &Case<'_>, hook: &Hook<'_>) -> Backend {
    let Some((namespace, name)) = hook.service() else { return Backend::Unknown };
    let service = match case.other(&known::services(), namespace, name) {
        Live::Found(service) => service,
        Live::Absent => return Backend::Dead(format!("its service {namespace}/{name} isn't there")),
        Live::Unknown(_) => return Backend::Unknown,
    };
    if text(service, "/spec/type") == "ExternalName" {
        return Backend::Unknown;
    }
    let labels = format!("kubernetes.io/service-name={name}");
    let Some(slices) = case.list(&Read::list(&known::endpoint_slices(), namespace, &labels)) else {
        return Backend::Unknown;
    };
    let ready = |endpoint: &Value| endpoint.pointer("/conditions/ready").and_then(Value::as_bool) != Some(false);
    if slices.iter().flat_map(|slice| list(slice, "/endpoints")).any(ready) {
        return Backend::Alive;
    }
    Backend::Dead(format!("its service {namespace}/{name} has no ready endpoint"))
}
