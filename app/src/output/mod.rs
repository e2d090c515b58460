//! The terminal: data on stdout, talk on stderr, complete without colour.

mod format;
mod progress;
mod table;
mod wrap;

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};

use crate::error::Failure;
use crate::exit::Exit;

pub use format::*;
pub use table::*;
pub use wrap::*;

/// Names and commands to type.
pub const LITERAL: Style = AnsiColor::Cyan.on_default();
/// What is wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What is well.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What to know.
pub const NOTE: Style = AnsiColor::Yellow.on_default();
/// Headings.
pub const STRONG: Style = Style::new().bold();

/// Where a command's words go. Colours are taken out by the streams where they don't belong (`NO_COLOR`, pipes).
pub struct Ui {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    /// Columns of the terminal that stdout is; `None` if it is none.
    pub width: Option<usize>,
    /// Whether someone can be asked.
    pub interactive: bool,
    /// No talk, only data and errors.
    pub quiet: bool,
    /// Talk goes where data goes, so that a reader gets both in the order in which they were said.
    pub one_stream: bool,
}

/// Takes a style and text; gives the text so styled.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

impl Ui {
    /// The process's own streams.
    pub fn stdio(quiet: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        Self {
            out: Box::new(io::BufWriter::new(anstream::stdout())),
            err: Box::new(anstream::stderr()),
            width: terminal.then(|| terminal_width().unwrap_or(80)),
            interactive: io::stdin().is_terminal() && io::stderr().is_terminal(),
            quiet,
            one_stream: false,
        }
    }

    /// Streams of the caller's, without colours, nobody to ask.
    pub fn to(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>) -> Self {
        let (out, err) = (anstream::StripStream::new(out), anstream::StripStream::new(err));
        Self {
            out: Box::new(out),
            err: Box::new(err),
            width: None,
            interactive: false,
            quiet: false,
            one_stream: false,
        }
    }

    /// A line of data.
    pub fn line(&mut self, text: impl std::fmt::Display) -> Result<(), Failure> {
        Ok(writeln!(self.out, "{text}")?)
    }

    /// Data as it is.
    pub fn write(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.out.write_all(text.as_bytes())?)
    }

    /// Bytes for the process's stdout, which aren't text and mustn't be taken for it.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.flush()?;
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        Ok(stdout.flush()?)
    }

    /// A line of talk.
    pub fn say(&mut self, text: impl std::fmt::Display) -> Result<(), Failure> {
        if self.quiet {
            return Ok(());
        }
        if self.one_stream { self.line(text) } else { Ok(writeln!(self.err, "{text}")?) }
    }

    /// Things worth knowing, on stderr.
    pub fn notes(&mut self, notes: &[String]) -> Result<(), Failure> {
        notes.iter().try_for_each(|note| self.say(format!("{} {note}", paint(NOTE, "note:"))))
    }

    /// Asks for a yes. Where nobody can be asked the answer is no.
    pub fn confirm(&mut self, question: &str) -> Result<bool, Failure> {
        self.flush()?;
        if !self.interactive {
            return Ok(false);
        }
        match inquire::Confirm::new(question).with_default(false).prompt() {
            Ok(answer) => Ok(answer),
            Err(inquire::InquireError::OperationCanceled | inquire::InquireError::OperationInterrupted) => Ok(false),
            Err(error) => Err(Failure::new(Exit::Bug, "the question can't be asked").because(error)),
        }
    }

    /// Shows an error.
    pub fn failure(&mut self, failure: &Failure) {
        let mut text = format!("{} {}\n", paint(BAD, "error:"), refloat_core::report::one_line(&failure.message));
        if let Some(cause) = &failure.cause {
            text.push_str(&format!("  because: {}\n", refloat_core::report::one_line(cause)));
        }
        for hint in &failure.hints {
            text.push_str(&format!("{} {hint}\n", paint(LITERAL, "hint:")));
        }
        // Nothing is left to be told if stderr itself is gone.
        let _ = self.flush().and_then(|()| Ok(self.err.write_all(text.as_bytes())?));
    }

    /// Empties the buffers.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush()?;
        Ok(self.err.flush()?)
    }
}

/// What the shell exports, else what the terminal reports.
fn terminal_width() -> Option<usize> {
    let exported = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    exported.or_else(|| console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns)))
}
