//! Exit codes: a public, documented type. Scripts may rely on every number.

/// How a command ended. `audit verify` has codes of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ExitCode {
    /// Done, or there was nothing to do.
    Done = 0,
    /// An error before any effect: nothing was changed.
    Error = 1,
    /// The plan has changes (`--detailed-exitcode` only).
    ChangesPresent = 2,
    /// A guardrail of the playbook refuses.
    Guardrail = 3,
    /// An approval is missing, invalid or expired.
    Approval = 4,
    /// The world moved since the plan was made.
    PlanStale = 5,
    /// Failed; every effect was undone.
    FailedUndone = 6,
    /// At least one target needs a person.
    Stuck = 7,
    /// Waiting for consumers or time; run again later.
    Holding = 9,
    /// Wrong usage: unknown command, flag or argument (EX_USAGE of sysexits.h).
    Usage = 64,
    /// Interrupted; run again to go on.
    Interrupted = 130,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
