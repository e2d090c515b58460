//! A service account that pods are to run as and that isn't there.

use std::sync::LazyLock;

use regex::Regex;

use super::refusal::{self, Refusal, Told, briefly_from};
use super::said::describe;
use super::workload::Workload;
use super::{Cause, Scene};
use crate::report::one_line;

const ACCOUNT: Refusal = Refusal { code: "service-account-missing", is, tell };

/// Gives each workload whose service account is missing.
pub fn rule(scene: &Scene<'_>) -> Vec<Cause> {
    refusal::rule(scene, &ACCOUNT)
}

/// The workload's cause, if it is this.
pub(super) fn of(scene: &Scene<'_>, workload: &Workload<'_>) -> Option<Cause> {
    refusal::of(scene, workload, &ACCOUNT)
}

/// The server's words (Kubernetes 1.35 `plugin/pkg/admission/serviceaccount/admission.go:Validate`).
static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"error looking up service account [^:]{1,520}: serviceaccounts? "(?P<name>[^"]{1,253})" not found"#)
        .ok()
});

fn is(message: &str) -> bool {
    WORDS.as_ref().is_some_and(|words| words.is_match(message))
}

fn tell(_: &Scene<'_>, namespace: &str, message: &str) -> Told {
    let found = WORDS.as_ref().and_then(|words| words.captures(message));
    let name = found.and_then(|found| found.name("name").map(|name| one_line(name.as_str())));
    let Some(name) = name else {
        return Told {
            says: briefly_from(message, "error looking up service account"),
            evidence: Vec::new(),
            command: format!("kubectl get serviceaccounts -n {}", super::said::typed(namespace)),
            remedy: "create the service account".to_owned(),
        };
    };
    Told {
        says: format!("service account {name} isn't there"),
        evidence: Vec::new(),
        command: describe("serviceaccount", namespace, &name),
        remedy: format!("create service account {name}, or name one that is there"),
    }
}
