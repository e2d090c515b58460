//! What Helm wrote of a failure, taken apart into single refusals.
//!
//! The record's description holds the text of Helm's error. An install joins several as a list (`2 errors occurred:\n\t* …`,
//! Helm 3) or by lines (Helm 4), an upgrade by ` && ` (both); a refusal may itself have lines. Measured with Helm 3.22 and
//! 4.3. The server quotes what it refuses, whole objects even, so quoted values are left out of what is shown.

use super::{Cause, Confidence, Scene};
use crate::diagnose::case::Case;
use crate::record::Status;
use crate::report::{one_line, shortened};

/// How much of a description is looked at; Helm sets no limit.
const MOST_TEXT: usize = 64 << 10;
/// How many refusals are told apart.
const MOST_REFUSALS: usize = 50;
/// How long a refusal is shown.
const WIDTH: usize = 300;
/// How long a quoted value is shown, unless it may be secret.
const SHORT_VALUE: usize = 40;

/// How a refusal begins, where several are joined: only there a text is cut, as the server's own words may hold anything.
const OPENERS: [&str; 20] = [
    "cannot patch \"",
    "server-side apply failed for object ",
    "conflict occurred while applying object ",
    "failed to create resource",
    "failed to replace object",
    "failed to delete",
    "failed to upgrade",
    "failed to record the release",
    "could not get information about the resource",
    "unable to ",
    "Unable to ",
    "resource mapping not found",
    "resource ",
    "no matches for kind",
    "admission webhook \"",
    "Internal error occurred",
    "warning: Hook ",
    "context deadline exceeded",
    "context canceled",
    "Timeout: ",
];

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// As Helm wrote it, every quoted value with it: for reading only.
    pub raw: &'a str,
    /// The same for showing: on one line, not too long, without quoted values.
    pub text: String,
    /// The kind of the object, if it is named.
    pub kind: Option<String>,
    /// Its name, if it is told.
    pub name: Option<String>,
    /// Whether a hook was refused.
    pub hook: bool,
}

impl Refusal<'_> {
    /// The object for people: `deployment/web`; `an object` if Helm doesn't name it.
    pub fn words(&self) -> String {
        match (&self.kind, &self.name) {
            (Some(kind), Some(name)) => one_line(&format!("{}/{name}", kind.to_lowercase())),
            (Some(kind), None) => format!("a {}", one_line(&kind.to_lowercase())),
            _ => "an object".to_owned(),
        }
    }
}

/// Takes a case; gives what Helm was refused, as far as its record tells: nothing unless the operation failed.
pub fn refusals<'a>(case: &Case<'a>) -> Vec<Refusal<'a>> {
    match case.newest {
        Some(newest) if case.status() == Status::Failed => taken_apart(&newest.opened.description),
        _ => Vec::new(),
    }
}

/// Takes a description; gives the refusals in it, in their order.
pub fn taken_apart(description: &str) -> Vec<Refusal<'_>> {
    let text = head(description, MOST_TEXT);
    let begins = |word: &str| text.starts_with(word);
    let text = match text.split_once("\" failed: ") {
        Some((_, rest)) if begins("Upgrade \"") || begins("Release \"") || begins("Rollback \"") => rest,
        _ => text,
    };
    let hook = is_hooks(text);
    let pieces = pieces(text);
    pieces.into_iter().take(MOST_REFUSALS).map(|raw| refusal(raw, hook)).collect()
}

/// Whether a hook failed (Helm 3.22 and 4.3 `pkg/action/{install,upgrade,hooks}.go`).
fn is_hooks(text: &str) -> bool {
    ["pre-", "post-"].iter().any(|word| text.starts_with(word) || text.starts_with(&format!("failed {word}")))
        || text.starts_with("warning: Hook ")
}

/// The start of a text, cut between characters.
fn head(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or(text)
}

fn pieces(text: &str) -> Vec<&str> {
    if let Some((before, list)) = text.split_once(" occurred:\n\t* ")
        && (before.ends_with(" error") || before.ends_with(" errors"))
    {
        return list.split("\n\t* ").map(str::trim).filter(|piece| !piece.is_empty()).collect();
    }
    let mut found = Vec::new();
    let mut rest = text;
    while found.len() < MOST_REFUSALS
        && let Some((piece, next)) = next_piece(rest)
    {
        found.push(piece.trim());
        rest = next;
    }
    found.push(rest.trim());
    found.retain(|piece| !piece.is_empty());
    found
}

/// Cuts at the first joint behind which another refusal begins.
fn next_piece(text: &str) -> Option<(&str, &str)> {
    let joints = text.match_indices(" && ").chain(text.match_indices('\n'));
    let cuts = joints.filter_map(|(at, joint)| {
        let rest = text.get(at + joint.len()..)?;
        OPENERS.iter().any(|opener| rest.starts_with(opener)).then_some((at, rest))
    });
    let (at, rest) = cuts.min_by_key(|(at, _)| *at)?;
    Some((text.get(..at)?, rest))
}

fn refusal(raw: &str, hook: bool) -> Refusal<'_> {
    let (kind, name) = object(raw);
    let text = shown(raw, kind.as_deref() == Some("Secret"));
    Refusal { raw, text, kind, name, hook: hook || raw.starts_with("warning: Hook ") }
}

/// The object that a refusal names: by Helm's words before it, else by the server's.
fn object(raw: &str) -> (Option<String>, Option<String>) {
    let owned = |(kind, name): (&str, &str)| (Some(kind.to_owned()), Some(name.to_owned()));
    patched(raw).or_else(|| applied(raw)).or_else(|| imported(raw)).or_else(|| told(raw)).map_or((None, None), owned)
}

/// `cannot patch "web" with kind Deployment: …` (both Helms, client-side).
fn patched(raw: &str) -> Option<(&str, &str)> {
    let (name, rest) = after(raw, "cannot patch \"")?.split_once("\" with kind ")?;
    Some((rest.split_once(':')?.0, name))
}

/// `… object shop/web apps/v1, Kind=Deployment: …` (Helm 4, server-side).
fn applied(raw: &str) -> Option<(&str, &str)> {
    let rest = after(raw, "server-side apply failed for object ")
        .or_else(|| after(raw, "conflict occurred while applying object "))?;
    let (place, rest) = rest.split_once(' ')?;
    let (_, name) = place.rsplit_once('/')?;
    Some((rest.split_once("Kind=")?.1.split_once(':')?.0, name))
}

/// `… ConfigMap "web" in namespace "shop" exists and cannot be imported …`, and `no matches for kind "Widget"`.
fn imported(raw: &str) -> Option<(&str, &str)> {
    if let Some(rest) = after(raw, "resource mapping not found for name: \"") {
        let (name, rest) = rest.split_once('"')?;
        return Some((after(rest, "no matches for kind \"")?.split_once('"')?.0, name));
    }
    let (before, _) = raw.split_once("\" in namespace \"").filter(|_| raw.contains("cannot be imported"))?;
    let (before, name) = before.rsplit_once(" \"")?;
    Some((before.rsplit(' ').next()?, name))
}

/// `Deployment.apps "web" is invalid: …`, `deployments.apps "web" is forbidden: …`: a resource, where the kind isn't told.
fn told(raw: &str) -> Option<(&str, &str)> {
    let at = [" is invalid:", " is forbidden:", " already exists"].iter().find_map(|word| raw.find(word))?;
    let before = raw.get(..at)?;
    let (before, name) = before.strip_suffix('"')?.rsplit_once(" \"")?;
    let kind = before.rsplit([' ', '\t', '\n']).next()?;
    Some((kind.split('.').next()?, name)).filter(|(kind, _)| !kind.is_empty())
}

/// What stands behind a word; nothing if it isn't there.
pub fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.split_once(word).map(|(_, rest)| rest)
}

/// What stands in double quotes right behind a word.
pub fn quoted<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    after(text, word)?.strip_prefix('"')?.split_once('"').map(|(inner, _)| inner)
}

/// Takes a server's words; gives them for showing: on one line, not too long, without the values that they quote.
pub fn shown(raw: &str, secret: bool) -> String {
    // A claim's refusal goes on with a diff of its fields; a patch's with the text around what can't be read.
    let raw = raw.split("\n@@").next().unwrap_or(raw);
    let raw = raw.split(", error found in #").next().unwrap_or(raw);
    let mut out = String::new();
    let mut rest = raw;
    while let Some((before, word, behind)) = first_of(rest, &VALUES) {
        out.push_str(before);
        out.push_str(word);
        let end = value_end(behind);
        let value = behind.get(..end).unwrap_or(behind);
        out.push_str(if may_show(value, before, secret) { value } else { "…" });
        rest = behind.get(end..).unwrap_or_default();
    }
    out.push_str(rest);
    shortened(&out, WIDTH)
}

/// Before a quoted value (Kubernetes 1.35 apimachinery `pkg/util/validation/field/errors.go`).
const VALUES: [&str; 4] = ["Invalid value: ", "Unsupported value: ", "Duplicate value: ", "Not found: "];

fn first_of<'a>(text: &'a str, words: &[&'static str]) -> Option<(&'a str, &'static str, &'a str)> {
    let (at, word) = words.iter().filter_map(|word| Some((text.find(word)?, *word))).min()?;
    Some((text.get(..at)?, word, text.get(at + word.len()..)?))
}

/// Where a quoted value ends: at the colon, comma or bracket that isn't in quotes or brackets of its own.
fn value_end(text: &str) -> usize {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some('"'), '\\') => escaped = !escaped,
            (Some(open), _) => {
                if c == open && !escaped {
                    quote = None;
                }
                escaped = false;
            }
            (None, '"' | '`') => quote = Some(c),
            (None, '{' | '[' | '(') => depth += 1,
            (None, '}' | ']' | ')') if depth > 0 => depth -= 1,
            (None, ':' | ',' | ']') if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

/// Whether a quoted value tells more than it may give away.
fn may_show(value: &str, before: &str, secret: bool) -> bool {
    let field = before.rsplit([' ', '[']).find(|word| !word.is_empty()).unwrap_or_default().to_lowercase();
    let private = ["env", "data", "value", "args", "command", "password", "token", "secret", "annotations", "patch"];
    let bare = value.trim_matches('"');
    !secret
        && value.len() <= SHORT_VALUE
        && !private.iter().any(|word| field.contains(word))
        && bare.chars().all(|c| c.is_alphanumeric() || "-_./".contains(c))
}

/// A cause without evidence, command and remedy.
pub fn cause(code: &'static str, confidence: Confidence, depth: u8, summary: String) -> Cause {
    let (command, remedy) = (String::new(), String::new());
    Cause { code, confidence, summary, evidence: Vec::new(), command, remedy, depth }
}

/// Pushes a line that isn't there yet.
pub fn add(evidence: &mut Vec<String>, line: String) {
    if !evidence.contains(&line) {
        evidence.push(line);
    }
}

/// Takes a refusal's object; gives what to type to see it.
pub fn look(scene: &Scene<'_>, refusal: &Refusal<'_>) -> String {
    let id = &scene.case.seen.id;
    let is_it = |object: &&crate::diagnose::case::Object<'_>| {
        refusal.kind.as_deref().is_some_and(|kind| is_kind(scene, object.kind, kind))
            && refusal.name.as_deref() == Some(object.name)
    };
    match scene.case.objects.iter().find(is_it) {
        Some(object) => see(object.kind, object.namespace, object.name),
        None => format!("helm history {} -n {}", id.name, id.namespace),
    }
}

/// `kubectl get` of one object.
pub fn see(kind: &str, namespace: &str, name: &str) -> String {
    let place = if namespace.is_empty() { String::new() } else { format!(" -n {}", arg(namespace)) };
    format!("kubectl get {} {}{place} -o yaml", arg(&kind.to_lowercase()), arg(name))
}

/// Takes a name; gives it as one word for a shell, as manifests may name anything.
pub fn arg(name: &str) -> String {
    let name = one_line(name);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+".contains(c);
    if !name.is_empty() && name.chars().all(plain) { name } else { format!("'{}'", name.replace('\'', "'\\''")) }
}

/// Whether a word of a refusal, a kind or a resource, means this kind.
pub fn is_kind(scene: &Scene<'_>, kind: &str, word: &str) -> bool {
    let resource = || scene.case.seen.kinds().preferred().any(|served| served.kind == kind && served.resource == word);
    kind.eq_ignore_ascii_case(word) || resource()
}
