//! Hooks that look like migrations: what they changed in a database stays when the release goes back to an older revision.

use serde_json::Value;

use crate::diagnose::{HookRun, HookView, Operation};

/// Parts of words that only migrations have.
const PARTS: [&str; 7] = ["migrat", "flyway", "liquibase", "alembic", "dbmate", "sqitch", "schema"];
/// Whole words.
const WORDS: [&str; 6] = ["db", "database", "ddl", "goose", "rails", "prisma"];

/// Takes an operation and the revision to go back to; gives a sentence for each of its hooks that looks like a migration and ran, or may
/// have.
pub fn migrations(operation: &Operation<'_>, good: Option<u64>) -> Vec<String> {
    let hooks = operation.before.iter().chain(&operation.after);
    hooks.filter_map(|hook| warning(hook, good)).collect()
}

fn warning(hook: &HookView<'_>, good: Option<u64>) -> Option<String> {
    let happened = match hook.run {
        HookRun::NeverRan => return None,
        HookRun::Succeeded | HookRun::Passed => "ran",
        HookRun::Running => "is running",
        HookRun::Failed => "ran and failed, maybe half done",
        HookRun::Gone | HookRun::Unknown => "may have run",
    };
    let by = by_what(hook)?;
    let older = good.map_or_else(|| "an older revision".to_owned(), |good| format!("revision {good}"));
    Some(format!(
        "{} hook {} looks like a migration by its {by}, and {happened}: what it changed stays, and {older} may not work with it",
        hook.event,
        hook.words()
    ))
}

/// By what a hook looks like one: never in its own words, as commands may hold secrets.
fn by_what(hook: &HookView<'_>) -> Option<&'static str> {
    if is_like(&hook.hook.name) {
        return Some("name");
    }
    let pods = ["/spec/template/spec", "/spec"].into_iter();
    let specs = pods.filter_map(|pointer| hook.object?.value.pointer(pointer));
    let fields = ["initContainers", "containers"].into_iter();
    let containers: Vec<&Value> =
        specs.flat_map(|spec| fields.clone().filter_map(move |field| spec.get(field)?.as_array())).flatten().collect();
    let text = |field: &'static str| {
        let words = containers.iter().filter_map(move |container| container.get(field));
        words.flat_map(|value| match value {
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
            other => other.as_str().into_iter().collect::<Vec<_>>(),
        })
    };
    if text("name").any(is_like) {
        return Some("container's name");
    }
    // A registry may be called anything.
    if text("image").filter_map(|image| image.rsplit('/').next()).any(is_like) {
        return Some("image");
    }
    text("command").chain(text("args")).any(is_like).then_some("command")
}

/// Whether a text has a word that migrations have.
fn is_like(text: &str) -> bool {
    let text = text.to_lowercase();
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| WORDS.contains(&word) || PARTS.iter().any(|part| word.contains(part)))
}
