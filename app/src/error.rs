//! Errors at the edge: what happened in one sentence, why, and what to do about it.

use std::fmt;

use refloat_core::record::Status;
use refloat_core::rescue::{Contradiction, Refusal};

use crate::cluster::ClusterError;
use crate::exit::Exit;

/// An error as the user sees it.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What happened.
    pub message: String,
    /// Why, if something below knows.
    pub cause: Option<String>,
    /// What to do.
    pub hints: Vec<String>,
    /// Whether only the reader of the output went away, which is nobody's fault.
    pub broken_pipe: bool,
}

impl Failure {
    /// A failure with an exit code and one sentence.
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string(), cause: None, hints: Vec::new(), broken_pipe: false }
    }

    /// A wrong command line or file.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Adds why.
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Adds what to do.
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hints.push(hint.to_string());
        self
    }
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        let failure = Self::new(error.exit(), &error);
        error.hint().into_iter().fold(failure, Failure::hint)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let (exit, hint) = match &refusal {
            Refusal::Moved(_) => (Exit::Refused, "wait until it has ended"),
            Refusal::AsBefore => {
                (Exit::Changed, "refloat history shows the ids of other fixes; refloat undo ID takes one back")
            }
            Refusal::ChangedSince | Refusal::Gone | Refusal::Overtaken { .. } => {
                (Exit::Changed, "refloat history shows the release as it is now; the backup is kept")
            }
        };
        Self::new(exit, format!("{refusal}; nothing was written")).hint(hint)
    }
}

impl From<Contradiction> for Failure {
    fn from(contradiction: Contradiction) -> Self {
        let hint = match &contradiction {
            Contradiction::OtherRelease { found, .. } => {
                let typed = format!("refloat restore {} FILE -n {} takes it", found.name, found.namespace);
                return Self::usage(format!("{contradiction}; nothing was written")).hint(typed);
            }
            Contradiction::Overtaken { status: Status::Deployed, .. } => {
                "--overwrite puts it back as superseded, which is what Helm would have made of it"
            }
            Contradiction::Overtaken { .. } => "--overwrite puts it back as failed, so that nothing goes on with it",
            Contradiction::TwoDeployed { .. } => "--overwrite marks the older one superseded, as Helm would have",
            Contradiction::Unmarkable { .. } => "refloat history shows the records as they are",
        };
        Self::new(Exit::Refused, format!("{contradiction}; nothing was written")).hint(hint)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let broken_pipe = error.kind() == std::io::ErrorKind::BrokenPipe;
        Self { broken_pipe, ..Self::new(Exit::Bug, "writing the output failed").because(error) }
    }
}
