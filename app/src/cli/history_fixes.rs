//! `refloat history --fixes`: what refloat did, by the backups that it left in the cluster.

use refloat_core::report::{ansic, one_line};
use serde::Serialize;

use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{Format, Ui, table};
use crate::source::Source;

/// A fix, as its backup tells of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fix {
    id: String,
    release: String,
    taken_at: String,
    /// The way out that it took.
    way: String,
    /// The newest revision before it.
    revision: Option<u64>,
    by: String,
    undone_at: Option<String>,
}

/// Shows what was done to a release, or to all of the namespace; they may be gone by now.
pub(super) async fn fixes(
    source: &Source,
    release: Option<&str>,
    max: usize,
    output: Format,
    ui: &mut Ui,
) -> Result<Exit, Failure> {
    if source.is_bundle() {
        return Err(Failure::usage("a bundle doesn't hold the fixes of its release")
            .hint("leave --bundle out to ask the cluster"));
    }
    let all = source.backups.list(Some(&source.namespace)).await?;
    let mine = all.into_iter().filter(|entry| release.is_none_or(|release| entry.release == release)).take(max);
    let fixes: Vec<Fix> = mine
        .map(|entry| Fix {
            id: entry.id,
            release: entry.release,
            taken_at: entry.taken_at.to_string(),
            way: entry.way,
            revision: entry.revision,
            by: entry.by,
            undone_at: entry.undone_at.map(|at| at.to_string()),
        })
        .collect();
    match output {
        Format::Json | Format::Yaml => ui.data(output, &fixes)?,
        Format::Name => fixes.iter().try_for_each(|fix| ui.line(&fix.id))?,
        Format::Table | Format::Wide => {
            let shown = |fix: &Fix| {
                let state =
                    fix.undone_at.as_ref().map_or_else(|| "done".to_owned(), |at| format!("taken back {}", ansic(at)));
                let revision = fix.revision.map(|revision| revision.to_string()).unwrap_or_default();
                let taken = ansic(&fix.taken_at);
                [fix.id.clone(), fix.release.clone(), taken, fix.way.clone(), revision, one_line(&fix.by), state]
            };
            let rows: Vec<[String; 7]> = fixes.iter().map(shown).collect();
            ui.write(&table(Some(["FIX", "RELEASE", "TAKEN", "WAY", "REVISION", "BY", "STATE"]), &rows))?;
        }
    }
    Ok(Exit::Ok)
}
