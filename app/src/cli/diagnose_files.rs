//! `refloat diagnose --from`: the same without a cluster, and what the files lack.

use std::path::Path;

use refloat_core::diagnose::{Diagnosis, diagnose_by as conclude};
use refloat_core::paste::{Missing, NOT_GIVEN, Unread, missing};
use refloat_core::policy::Policy;
use refloat_core::report::one_line;
use serde::Serialize;

use super::diagnose::{DiagnoseArgs, exit, shown};
use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{Format, LITERAL, STRONG, Ui, hanging, paint};
use crate::pasted::Pasted;

/// Diagnoses from files, and says what they lack.
pub async fn run(
    from: &Path,
    args: &DiagnoseArgs,
    policy: &Policy,
    namespace: Option<&str>,
    ui: &mut Ui,
) -> Result<Exit, Failure> {
    let pasted = Pasted::open(from, args.release.as_deref(), namespace)?;
    ui.notes(&pasted.notes)?;
    let seen = pasted.observe().await?;
    let mut found = conclude(&seen, policy);
    let missing = missing(&pasted.paste, &seen);
    if args.output.is_data() {
        ui.data(args.output, &FromFiles { found: &found, missing: &missing, unread: &pasted.paste.unread })?;
        return Ok(exit(&found));
    }
    // What wasn't pasted is told below, with the commands that get it.
    found.unknowns.retain(|unknown| !unknown.contains(NOT_GIVEN));
    shown(&found, args.output, ui)?;
    if args.output != Format::Name {
        show_missing(&missing, ui)?;
    }
    Ok(exit(&found))
}

/// A diagnosis from files, as data.
#[derive(Serialize)]
struct FromFiles<'a> {
    #[serde(flatten)]
    found: &'a Diagnosis,
    /// What wasn't pasted.
    missing: &'a [Missing],
    /// What was pasted and not understood.
    unread: &'a [Unread],
}

fn show_missing(missing: &[Missing], ui: &mut Ui) -> Result<(), Failure> {
    if missing.is_empty() {
        return Ok(());
    }
    ui.line(format!(
        "\n{}  put what these commands print beside the other files",
        paint(STRONG, "NOT AMONG THE FILES")
    ))?;
    for one in missing {
        ui.line(hanging(&format!("  - {}: hides {}", one_line(&one.what), one_line(&one.hides)), 4, ui.width))?;
        ui.line(format!("      {}", paint(LITERAL, one_line(&one.command))))?;
    }
    Ok(())
}
