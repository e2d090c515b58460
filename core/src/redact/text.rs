//! Credentials in running text: notes, logs, messages, arguments, files in ConfigMaps.
//!
//! Takes a text; gives the places of what looks like a credential by itself (private keys, signed tokens, addresses with
//! passwords, the tokens of well-known services) or by the word in front of it (`--password …`, `token=…`).

use std::ops::Range;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::{Captures, Regex};

use super::keys::{Class, class, is_random};
use super::token::leading;

/// Patterns whose last group, or whole match, is secret.
const CREDENTIALS: [&str; 8] = [
    // Private keys, also cut off.
    r"-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY|PGP MESSAGE|OPENSSH)[A-Z0-9 ]*-----(?s:.*?)(?:-----END [A-Z0-9 ]+-----|\z)",
    // JSON web tokens.
    r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?",
    // Passwords in addresses, and in those of Go's database drivers.
    r#"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#:@"'<>]*:([^\s/?#"'<>]+)@"#,
    r#"[^\s:/@"']+:([^\s@/"']+)@(?:tcp|unix)\("#,
    // AWS.
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    // GitHub, GitLab, Slack, Stripe and others of that form, Google, npm, Hugging Face, SendGrid, DigitalOcean, Vault, age.
    r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|[rs]k_(?:live|test)_|sk-|ya29\.|npm_|hf_|SG\.|dop_v1_|hvs\.|AIza|AGE-SECRET-KEY-1)[A-Za-z0-9_.-]{16,}",
    // Addresses that are secret as a whole.
    r#"https://(?:hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/webhooks/|[a-z0-9.-]+\.webhook\.office\.com/)([^\s"'<>]+)"#,
    // The password part of what curl and the like are given.
    r#"(?:^|\s)(?:-u|--user)[ =]["']?[^\s:"']+:([^\s"']+)"#,
];

/// `scheme credentials`, as in an Authorization header.
const SCHEMES: &str = r"(?i)\b(bearer|basic)\s+([A-Za-z0-9._~+/=-]{8,})";

/// `key=value` anywhere, and `"key": "value"`.
const ASSIGNED: &str = r#"([A-Za-z0-9_.-]+)["']?\s?=\s?(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"'&;,]+))"#;
const QUOTED: &str = r#""([A-Za-z0-9_.-]+)"\s*:\s*"((?:[^"\\]|\\.)*)""#;
/// `key: value` as a line of its own: in running text a colon means other things.
const LINE: &str =
    r#"(?m)^[ \t#-]*["']?([A-Za-z0-9_.-]+)["']?[ \t]*:[ \t]+(?:"([^"\n]*)"|'([^'\n]*)'|(\S+))[ \t]*\r?$"#;
/// `--key value`.
const FLAG: &str = r#"(?:^|\s)--?([A-Za-z][A-Za-z0-9_.-]*)\s+(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"']+))"#;

static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| compiled(&CREDENTIALS));
static NAMED: LazyLock<Vec<Regex>> = LazyLock::new(|| compiled(&[ASSIGNED, QUOTED, LINE, FLAG]));
static SCHEMED: LazyLock<Vec<Regex>> = LazyLock::new(|| compiled(&[SCHEMES]));

fn compiled(patterns: &[&str]) -> Vec<Regex> {
    patterns.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect()
}

/// Takes a text; gives the places of credentials in it, in order, none overlapping another.
pub(super) fn credentials(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for pattern in PATTERNS.iter() {
        found.extend(pattern.captures_iter(text).filter_map(|captures| last_group(&captures)));
    }
    for captures in SCHEMED.iter().flat_map(|pattern| pattern.captures_iter(text)) {
        let (Some(scheme), Some(rest)) = (captures.get(1), captures.get(2)) else { continue };
        if is_offered(scheme.as_str(), rest.as_str()) {
            found.push(rest.range());
        }
    }
    for captures in NAMED.iter().flat_map(|pattern| pattern.captures_iter(text)) {
        let (Some(key), Some(value)) = (captures.get(1), last_group(&captures)) else { continue };
        let held = text.get(value.clone()).unwrap_or_default();
        let secret = match class(key.as_str()) {
            Class::Secret { .. } => !is_no_secret(held),
            Class::Key => is_random(held),
            Class::Plain | Class::Reference => false,
        };
        if secret && !(held.is_empty() || held.starts_with('-')) {
            found.push(value);
        }
    }
    if let Some(whole) = encoded_key(text) {
        found.push(whole);
    }
    merged(found, text)
}

/// Whether a value where a secret is expected is none: a switch, or a reference to what stands elsewhere.
pub(super) fn is_no_secret(text: &str) -> bool {
    let plain = text.trim().trim_matches(['"', '\'']);
    let switch = matches!(
        plain.to_ascii_lowercase().as_str(),
        "" | "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "none" | "nil" | "~"
    );
    let elsewhere = plain.starts_with("$(") || plain.starts_with("${") || plain.starts_with("{{") || {
        let variable = plain.strip_prefix('$').unwrap_or_default();
        !variable.is_empty() && variable.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    switch || elsewhere
}

/// The last group that took part, which may be the whole match.
fn last_group(captures: &Captures<'_>) -> Option<Range<usize>> {
    captures.iter().flatten().last().map(|group| group.range())
}

/// Whether what follows the word is a credential and not the sentence going on.
fn is_offered(scheme: &str, rest: &str) -> bool {
    if scheme.eq_ignore_ascii_case("basic") {
        return STANDARD.decode(rest).is_ok_and(|bytes| bytes.contains(&b':'));
    }
    rest.len() >= 16 || rest.bytes().any(|byte| byte.is_ascii_digit())
}

/// A private key in base64, as values for Secrets are often given.
fn encoded_key(text: &str) -> Option<Range<usize>> {
    let trimmed = text.trim();
    if !trimmed.starts_with("LS0tLS1CRUdJTi") {
        return None;
    }
    let dense: String = trimmed.split_whitespace().collect();
    let bytes = STANDARD.decode(&dense).ok()?;
    String::from_utf8_lossy(&bytes).contains("PRIVATE KEY").then_some(0..text.len())
}

/// Puts overlapping places together; what is a token already is left out.
fn merged(mut found: Vec<Range<usize>>, text: &str) -> Vec<Range<usize>> {
    found.retain(|place| {
        let held = text.as_bytes().get(place.clone()).unwrap_or_default();
        !held.is_empty() && leading(text.as_bytes().get(place.start..).unwrap_or_default()).is_none()
    });
    found.sort_by_key(|place| (place.start, place.end));
    let mut merged: Vec<Range<usize>> = Vec::new();
    for place in found {
        match merged.last_mut() {
            Some(last) if place.start < last.end => last.end = last.end.max(place.end),
            _ => merged.push(place),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        credentials(text).into_iter().map(|place| &text[place]).collect()
    }

    #[test]
    fn credentials_are_found() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl";
        let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----";
        let table: Vec<(String, Vec<&str>)> = vec![
            (format!("token {jwt} refused"), vec![jwt]),
            (format!("a\n{pem}\nb"), vec![pem]),
            ("x -----BEGIN PRIVATE KEY-----\nMIIab".into(), vec!["-----BEGIN PRIVATE KEY-----\nMIIab"]),
            ("dial postgres://shop:hunter2@db:5432/x failed".into(), vec!["hunter2"]),
            ("redis://:hunter2@cache".into(), vec!["hunter2"]),
            ("postgres://u:p@ss@db/x".into(), vec!["p@ss"]),
            ("shop:hunter2@tcp(db:3306)/x".into(), vec!["hunter2"]),
            ("key AKIAIOSFODNN7EXAMPLE is".into(), vec!["AKIAIOSFODNN7EXAMPLE"]),
            ("ghp_0123456789abcdefghijABCDEFGHIJ012345".into(), vec!["ghp_0123456789abcdefghijABCDEFGHIJ012345"]),
            ("https://hooks.slack.com/services/T0/B0/xyz".into(), vec!["T0/B0/xyz"]),
            ("Authorization: Bearer abc123def456".into(), vec!["abc123def456"]),
            ("Basic dXNlcjpodW50ZXIy".into(), vec!["dXNlcjpodW50ZXIy"]),
            ("mysql --password hunter2 -h db".into(), vec!["hunter2"]),
            ("mysql --password=hunter2".into(), vec!["hunter2"]),
            ("level=error token=\"a b\" msg=x".into(), vec!["a b"]),
            ("GET /x?api_key=hunter2&y=1".into(), vec!["hunter2"]),
            ("url: x\n  password: hunter2\nuser: u".into(), vec!["hunter2"]),
            ("{\"password\":\"hun\\\"ter2\"}".into(), vec!["hun\\\"ter2"]),
            ("curl -u admin:hunter2 http://x".into(), vec!["hunter2"]),
        ];
        for (text, expected) in table {
            assert_eq!(found(&text), expected, "{text}");
        }
    }

    #[test]
    fn messages_stay_readable() {
        for text in [
            "secret \"web-tls\" not found",
            "couldn't find key password in Secret shop/db",
            "failed to fetch token: rpc error: code = Unknown desc = x",
            "Failed to pull image \"registry/app@sha256:0123\": unauthorized: authentication required",
            "export PASSWORD=$(kubectl get secret web -o jsonpath=\"{.data.password}\" | base64 -d)",
            "basic authentication is on",
            "bearer authentication",
            "MountVolume.SetUp failed for volume \"x\" : secret \"web-tls\" not found",
            "http://a:8080/x",
            "password: true",
            "-----BEGIN CERTIFICATE-----\nMIIabc\n-----END CERTIFICATE-----",
            "password=(redacted 0123456789ab)",
        ] {
            assert_eq!(found(text), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn every_pattern_compiles() {
        assert_eq!((PATTERNS.len(), NAMED.len(), SCHEMED.len()), (CREDENTIALS.len(), 4, 1));
    }
}
