//! How a command ended for one tenant, in a row of a table.

use super::error::{self, Failure};
use super::{ExitCode, Session};

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Ended {
    pub(in crate::cli) exit: ExitCode,
    /// What was reached, or why not.
    pub(in crate::cli) said: String,
    /// What to do next: command lines, or a sentence after a failure.
    pub(in crate::cli) next: Vec<String>,
}

impl Ended {
    pub(in crate::cli) fn new(exit: ExitCode, said: impl Into<String>) -> Self {
        Self { exit, said: said.into(), next: Vec::new() }
    }

    /// The end of a tenant's session, whose failure is told there.
    pub(in crate::cli) fn of(result: Result<Self, Failure>, session: &mut Session) -> Self {
        let ended = result.unwrap_or_else(|failure| {
            error::show(&failure, &mut session.out);
            let said = format!("{} {}", failure.code, failure.what);
            Self { next: vec![session.out.complete(&failure.next)], ..Self::new(failure.code.exit(), said) }
        });
        Self { exit: session.out.finish(ended.exit), ..ended }
    }

    /// A fault in reissue, whose place was told on stderr.
    pub(super) fn panicked() -> Self {
        let said = "a fault in reissue itself; what was under way is in the log";
        let next = "report the place that was printed, then run the same command again with `--resume`";
        Self { next: vec![next.into()], ..Self::new(ExitCode::Stuck, said) }
    }
}
