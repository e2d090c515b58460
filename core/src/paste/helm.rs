//! What Helm's commands answer, in tables, texts, JSON and YAML.

use serde_json::{Map, Value, json};

use super::file::{Origin, Sink};
use super::release::Scrap;
use super::table::{from_go, rows};
use super::{documents, status as text_status};

/// The columns of `helm history` (Helm 4.3 `pkg/cmd/history.go:WriteTable`).
pub const HISTORY: [&str; 6] = ["REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION", "DESCRIPTION"];
/// The columns of `helm list` (Helm 4.3 `pkg/cmd/list.go:WriteTable`).
pub const LIST: [&str; 7] = ["NAME", "NAMESPACE", "REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION"];

/// Reads the table of `helm history`. Its times name no zone, so they tell nothing.
pub fn history_table(origin: Origin<'_>, text: &str, sink: &mut Sink) {
    let table = rows(text, &HISTORY);
    for cells in &table.rows {
        let [revision, _, status, chart, app, description] = cells[..] else { continue };
        let told = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        match revision.parse() {
            Ok(revision) => sink.scraps.push(Scrap {
                revision: Some(revision),
                status: told(status),
                description: told(description),
                chart: told(chart),
                app_version: told(app),
                ..origin.scrap()
            }),
            Err(_) => sink.refuse(origin, "has a row without a revision"),
        }
    }
    odd(origin, &table.odd, sink);
}

/// Reads the table of `helm list`.
pub fn list_table(origin: Origin<'_>, text: &str, sink: &mut Sink) {
    let table = rows(text, &LIST);
    for cells in &table.rows {
        let [name, namespace, revision, updated, status, chart, app] = cells[..] else { continue };
        let told = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        sink.scraps.push(Scrap {
            release: told(name),
            namespace: told(namespace),
            revision: revision.parse().ok(),
            status: told(status),
            chart: told(chart),
            app_version: told(app),
            updated: from_go(updated),
            ..origin.scrap()
        });
    }
    odd(origin, &table.odd, sink);
}

fn odd(origin: Origin<'_>, lines: &[usize], sink: &mut Sink) {
    if let Some(first) = lines.first() {
        let why =
            format!("isn't a row of Helm's table ({} such lines): -o json can't be broken by a paste", lines.len());
        sink.refuse(origin.below(*first), why);
    }
}

/// Reads `helm status`, `helm get all` and `helm get metadata` as text.
pub fn status(origin: Origin<'_>, text: &str, sink: &mut Sink) {
    let read = text_status::read(text);
    let told = origin.scrap();
    let scrap = Scrap {
        place: told.place,
        release: read.scrap.release.clone().or(told.release),
        namespace: read.scrap.namespace.clone().or(told.namespace),
        revision: read.scrap.revision.or(told.revision),
        ..read.scrap
    };
    // The manifest in it is of the same revision.
    let before = sink.scraps.len();
    for (line, yaml) in read.yaml {
        documents::yaml(origin.below(line), yaml, sink);
    }
    for part in sink.scraps.iter_mut().skip(before) {
        (part.release, part.namespace, part.revision) =
            (scrap.release.clone(), scrap.namespace.clone(), scrap.revision);
    }
    sink.scraps.push(scrap);
}

/// Reads one object that is no object of Kubernetes'.
pub fn answer(origin: Origin<'_>, members: Map<String, Value>, sink: &mut Sink) {
    let is_release =
        members.get("info").is_some_and(Value::is_object) && members.get("name").is_some_and(Value::is_string);
    if is_release {
        let word = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let info = |key: &str| word(members.get("info").and_then(|info| info.get(key)));
        let scrap = Scrap {
            release: word(members.get("name")),
            namespace: word(members.get("namespace")),
            revision: members.get("version").and_then(Value::as_u64),
            status: info("status"),
            ..origin.scrap()
        };
        return sink.scraps.push(Scrap { payload: Some(members), ..scrap });
    }
    if !row(origin, &members, sink) {
        let why = match origin.words {
            ["helm", "get", "values", ..] => "holds values, which aren't needed",
            _ => "is nothing that a diagnosis needs of helm or kubectl",
        };
        sink.refuse(origin, why);
    }
}

/// Reads a row of `helm history` or `helm list`, or `helm get metadata`; whether it is one.
pub fn row(origin: Origin<'_>, members: &Map<String, Value>, sink: &mut Sink) -> bool {
    let word = |key: &str| members.get(key).and_then(Value::as_str).map(str::to_owned);
    let revision = members.get("revision").and_then(|number| number.as_u64().or_else(|| number.as_str()?.parse().ok()));
    let (Some(revision), Some(status)) = (revision, word("status")) else { return false };
    let told = origin.scrap();
    let updated = word("updated").or_else(|| word("deployedAt"));
    sink.scraps.push(Scrap {
        release: word("name").or_else(|| told.release.clone()),
        namespace: word("namespace").or_else(|| told.namespace.clone()),
        revision: Some(revision),
        status: Some(status),
        description: word("description"),
        chart: word("chart"),
        chart_version: word("version"),
        app_version: word("app_version").or_else(|| word("appVersion")),
        updated: updated.and_then(|text| if text.contains('T') { Some(text) } else { from_go(&text) }),
        server_side: word("applyMethod").map(|method| method.starts_with("server-side")),
        ..told
    });
    true
}

/// Takes an object that a chart rendered; gives it as a hook of a payload, if it is one (Helm 4.3
/// `pkg/release/v1/util/manifest_sorter.go:manifestFile.sort`).
pub fn hook(piece: &str, object: &Value) -> Option<Value> {
    let note = |key: &str| object.pointer("/metadata/annotations")?.get(key)?.as_str();
    let list = |key: &str| -> Vec<String> {
        note(key).unwrap_or_default().split(',').map(|word| word.trim().to_ascii_lowercase()).collect()
    };
    let events = note("helm.sh/hook").map(|_| list("helm.sh/hook"))?;
    let weight: i64 = note("helm.sh/hook-weight").and_then(|text| text.parse().ok()).unwrap_or(0);
    let policies = note("helm.sh/hook-delete-policy").map(|_| list("helm.sh/hook-delete-policy"));
    let path = piece.lines().find_map(|line| line.strip_prefix("# Source: ")).unwrap_or_default();
    Some(json!({
        "name": object.pointer("/metadata/name"), "kind": object.get("kind"), "path": path.trim(),
        "manifest": piece.trim(), "events": events, "last_run": {"phase": ""}, "weight": weight,
        "delete_policies": policies.unwrap_or_else(|| vec!["before-hook-creation".to_owned()]),
    }))
}

/// Takes a text's first line, the text and the command; gives why nothing can be made of it and what can, if it is one of
/// those that people often paste.
pub fn unusable(first: &str, text: &str, words: &[&str]) -> Option<String> {
    let again = |command: &str| match words.first() {
        Some(program) if *program != "helm" && words.get(1) == Some(&"get") => {
            let until =
                words.iter().position(|word| word.starts_with(['>', '|', '<', '&', ';'])).unwrap_or(words.len());
            format!("{} -o yaml", words.get(..until).unwrap_or_default().join(" "))
        }
        _ => command.to_owned(),
    };
    if first.starts_with("Error: ") || first.starts_with("Error from server") || first.starts_with("error: ") {
        return Some("is an error message, not an answer: run the command again, or by someone who may".to_owned());
    }
    if first.starts_with("No resources found") {
        return Some(format!(
            "says that nothing was found, but not of what: {}",
            again("kubectl get all -n NAMESPACE -o yaml")
        ));
    }
    if first.starts_with("LAST SEEN") || (first.starts_with("NAMESPACE ") && first.contains("LAST SEEN")) {
        return Some(format!(
            "is kubectl's table, which leaves most out: {}",
            again("kubectl get events -n NAMESPACE -o yaml")
        ));
    }
    let is_table = ["NAME", "NAMESPACE"].iter().any(|head| {
        first.strip_prefix(head).is_some_and(|rest| {
            rest.starts_with([' ', '\t'])
                && rest.chars().any(|c| c.is_ascii_uppercase())
                && !rest.chars().any(|c| c.is_ascii_lowercase())
        })
    });
    if is_table {
        return Some(format!(
            "is kubectl's table, which leaves most out: {}",
            again("kubectl get all,events -n NAMESPACE -o yaml")
        ));
    }
    let is_described = first.starts_with("Name:  ")
        && text.lines().take(40).any(|line| line.starts_with("Namespace:") || line.starts_with("Labels:"));
    if is_described {
        return Some(
            "is what kubectl describe prints, which can't be read back: kubectl get all,events -n NAMESPACE -o yaml"
                .to_owned(),
        );
    }
    matches!(words, ["helm", "get", "values" | "notes", ..])
        .then(|| "isn't needed".to_owned())
        .or_else(|| first.starts_with("USER-SUPPLIED VALUES:").then(|| "holds values, which aren't needed".to_owned()))
        .or_else(|| first.starts_with("NOTES:").then(|| "isn't needed".to_owned()))
}
