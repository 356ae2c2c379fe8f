//! Exit codes: a public, documented type (`docs/exit-codes.md`). Scripts may rely on every number.

/// How a command ended. `audit verify` has numbers of its own: [`AuditCode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExitCode {
    /// Done, or there was nothing to do.
    Done,
    /// An error before any effect: nothing was changed.
    Error,
    /// The plan has changes (`--detailed-exitcode` only).
    ChangesPresent,
    /// A guardrail of the playbook refuses.
    Guardrail,
    /// An approval is missing, invalid or expired.
    Approval,
    /// The world moved since the plan was made.
    PlanStale,
    /// At least one target failed; whatever was begun for it was undone.
    FailedUndone,
    /// At least one target needs a person.
    Stuck,
    /// Waiting for consumers or time; run again later.
    Holding,
    /// Wrong usage: unknown command, flag or argument (EX_USAGE of sysexits.h).
    Usage,
    /// Interrupted; run again to go on.
    Interrupted,
    /// The judgement of `audit verify`.
    Audit(AuditCode),
}

/// How `audit verify` ended: what can be said of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum AuditCode {
    /// Intact, anchored and complete.
    Intact = 0,
    /// This is not the log that was written.
    Tampered = 1,
    /// There is no judgement: the log, the key or an anchor could not be read.
    NoVerdict = 2,
    /// Intact as far as its own files can tell; nothing kept elsewhere confirms it.
    NotAnchored = 3,
    /// Intact as far as it goes; a run is open, or the end is torn.
    Incomplete = 4,
}

impl ExitCode {
    /// For the table of error codes.
    pub const NO_VERDICT: Self = Self::Audit(AuditCode::NoVerdict);

    /// What the shell sees.
    pub fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::ChangesPresent => 2,
            Self::Guardrail => 3,
            Self::Approval => 4,
            Self::PlanStale => 5,
            Self::FailedUndone => 6,
            Self::Stuck => 7,
            Self::Holding => 9,
            Self::Usage => 64,
            Self::Interrupted => 130,
            Self::Audit(code) => code as u8,
        }
    }

    /// The graver of two, for what consists of several: first what needs a person in the tenant, then what was
    /// not done, then what waits, then what is well.
    pub fn graver(self, other: Self) -> Self {
        let rank = |code: Self| Self::GRAVEST_FIRST.iter().position(|c| *c == code).unwrap_or(2);
        if rank(other) < rank(self) { other } else { self }
    }
    const GRAVEST_FIRST: [Self; 11] = [
        Self::Stuck,
        Self::FailedUndone,
        Self::Error,
        Self::Usage,
        Self::Guardrail,
        Self::PlanStale,
        Self::Approval,
        Self::Interrupted,
        Self::Holding,
        Self::ChangesPresent,
        Self::Done,
    ];

    /// What a success becomes when its output did not arrive.
    pub fn without_output(self) -> Self {
        match self {
            Self::Done => Self::Error,
            Self::Audit(AuditCode::Intact) => Self::NO_VERDICT,
            other => other,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::ExitCode;

    #[test]
    fn the_gravest_counts_whatever_the_order() {
        let all = ExitCode::GRAVEST_FIRST;
        for (n, a) in all.into_iter().enumerate() {
            for b in &all[n..] {
                assert_eq!((a.graver(*b), b.graver(a)), (a, a));
            }
        }
        let numbers: Vec<u8> = all.iter().map(|c| c.number()).collect();
        assert_eq!(numbers, [7, 6, 1, 64, 3, 5, 4, 130, 9, 2, 0]);
    }
}
