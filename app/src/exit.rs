//! Exit codes: part of the interface, documented in docs/exit-codes.md, which a test compares with this list.

/// How a command ended, as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing wrong.
    Ok = 0,
    /// A fault of Refloat's own.
    Bug = 1,
    /// The command line or a file given to it is wrong.
    Usage = 2,
    /// Something unhealthy was found.
    Found = 3,
    /// Refused by a safety rule, or not confirmed. Nothing was written.
    Refused = 4,
    /// The cluster or database can't be reached, or denies access.
    Access = 5,
    /// The release changed under us. Nothing was written.
    Changed = 6,
    /// Written, but the check afterwards failed.
    Unverified = 7,
    /// Stopped part-way.
    Partial = 8,
    /// Interrupted from the keyboard.
    Interrupted = 130,
}

impl Exit {
    /// Every code with its meaning, in order.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::Ok, "done, or nothing wrong"),
        (Self::Bug, "a fault of refloat's own"),
        (Self::Usage, "the command line or a file given to it is wrong"),
        (Self::Found, "something unhealthy was found"),
        (Self::Refused, "refused by a safety rule, or not confirmed; nothing was written"),
        (Self::Access, "the cluster or database can't be reached, or denies access"),
        (Self::Changed, "the release changed under refloat; nothing was written"),
        (Self::Unverified, "written, but the check afterwards failed"),
        (Self::Partial, "stopped part-way"),
        (Self::Interrupted, "interrupted from the keyboard"),
    ];
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
