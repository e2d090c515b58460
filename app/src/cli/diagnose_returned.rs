//! `refloat diagnose` of a release that a fix took away and that is there again without a record.

use jiff::Timestamp;
use refloat_core::diagnose::Returned;
use refloat_core::inventory::Ailment;
use refloat_core::report::{age, counted, one_line};
use serde::Serialize;

use crate::error::Failure;
use crate::exit::Exit;
use crate::look::{Examined, GONE};
use crate::output::{BAD, Format, LITERAL, STRONG, Ui, hanging, paint};
use crate::returned::{CameBack, came_back};
use crate::source::Source;

/// The version of the JSON. It only grows within a version.
const RETURNED_VERSION: &str = "refloat.dev/returned/v1";

/// What is known of it, for programs: docs/returned.md.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    schema: &'static str,
    release: &'a str,
    namespace: &'a str,
    at: Timestamp,
    status: &'static str,
    code: &'static str,
    revision: u64,
    fix: &'a str,
    way: &'a str,
    by: &'a str,
    taken_away_at: Timestamp,
    since: Option<Timestamp>,
    summary: String,
    objects: &'a [Returned],
    unknown: &'a [String],
    next: String,
}

/// Shows it.
pub(super) fn show(found: &CameBack, output: Format, ui: &mut Ui) -> Result<Exit, Failure> {
    let CameBack { id, backup, objects, unknown, at } = found;
    let examined = Examined::came_back(found);
    let ailment = examined.ailments.first();
    let code = ailment.map(Ailment::code).unwrap_or_default();
    let summary = ailment.map(ToString::to_string).unwrap_or_default();
    let view = View {
        schema: RETURNED_VERSION,
        release: &id.name,
        namespace: &id.namespace,
        at: *at,
        status: GONE,
        code,
        revision: backup.revision,
        fix: &backup.id,
        way: &backup.action,
        by: &backup.by,
        taken_away_at: backup.taken_at,
        since: found.since(),
        summary: format!("{summary}; no record knows of them"),
        objects,
        unknown,
        next: command(found),
    };
    match output {
        Format::Json | Format::Yaml => ui.data(output, &view)?,
        Format::Name => ui.line(view.code)?,
        Format::Table | Format::Wide => page(&view, ui)?,
    }
    Ok(Exit::Found)
}

/// Takes why a release can't be found; adds where to look, if objects of it are there again after a fix took it away.
pub(super) async fn told(source: &Source, name: &str, missing: Failure) -> Failure {
    match missing.exit {
        Exit::Usage => match came_back(source, name).await {
            Ok(Some(found)) => {
                let ailments = Examined::came_back(&found).ailments;
                let look = format!("refloat diagnose {} -n {} names them", found.id.name, found.id.namespace);
                ailments.iter().fold(missing, |missing, why| missing.because(format!("it {why}"))).hint(look)
            }
            Ok(None) | Err(_) => missing,
        },
        _ => missing,
    }
}

/// What puts it right.
pub(super) fn command(found: &CameBack) -> String {
    format!("refloat fix {} -n {} --with uninstall", found.id.name, found.id.namespace)
}

/// What, why, what next; then the proof.
fn page(view: &View<'_>, ui: &mut Ui) -> Result<(), Failure> {
    let width = ui.width;
    let ago = |at: Timestamp| format!("{} ago", age(view.at.duration_since(at)));
    let mut folded = |text: &str, indent: usize| ui.line(hanging(text, indent, width));
    let head = paint(BAD, format!("{}/{}:", view.namespace, view.release));
    folded(&format!("{head} {}", one_line(&view.summary)), 6)?;
    let made = view.since.map(|since| format!("the first of them was made {}, after the fix ", ago(since)));
    folded(&format!("why:  {}({}, certain)", made.unwrap_or_default(), view.code), 6)?;
    folded("next: make sure that this Helm has ended now, and take away what it made; --dry-run shows it first", 6)?;
    folded(&format!("      {}", paint(LITERAL, &view.next)), 6)?;
    folded("", 0)?;
    let way = one_line(view.way);
    let words = format!("by fix {} ({way}) for {}, {}", view.fix, one_line(view.by), ago(view.taken_away_at));
    folded(&format!("{} {words}; it was at revision {}", paint(STRONG, "TAKEN AWAY"), view.revision), 11)?;
    let unseen = match view.unknown.len() {
        0 => String::new(),
        more => format!("; of {} more it can't be told", counted(more, "object")),
    };
    folded("", 0)?;
    folded(&format!("{}  {} there again{unseen}", paint(STRONG, "OBJECTS"), view.objects.len()), 9)?;
    for object in view.objects {
        let place = match object.namespace.as_str() {
            "" => " (in no namespace)".to_owned(),
            other if other == view.namespace => String::new(),
            other => format!(" (in {})", one_line(other)),
        };
        let made = object.created_at.map(|at| format!("  made {}", ago(at))).unwrap_or_default();
        folded(&format!("  {}{place}{made}", one_line(&object.words())), 4)?;
    }
    for unknown in view.unknown {
        folded(&format!("  {}", one_line(unknown)), 4)?;
    }
    Ok(())
}
