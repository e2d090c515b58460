//! `refloat demo`: the story on an embedded incident.

use clap::Args;

use crate::error::Failure;
use crate::exit::Exit;
use crate::output::Ui;

/// Flags of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {}

/// Tells the story.
pub async fn run(_args: &DemoArgs, ui: &mut Ui) -> Result<Exit, Failure> {
    ui.line("")?;
    Ok(Exit::Ok)
}
