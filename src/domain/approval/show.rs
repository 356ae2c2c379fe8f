//! What the signer reads, made from the bytes that are signed and from nothing else.
//!
//! Every struct is taken apart in full, so that a new field that nobody shows does not compile.
//! All text in a statement is [`Text`](super::super::text::Text) and safe for a terminal.

use super::super::event::{Decision, Environment};
use super::super::step::Phase;
use super::super::time::show_span;
use super::statement::{LogHead, Statement, StatementError, Summary};
use std::fmt::{self, Display, Write};

/// Reads a statement's bytes and tells what they say.
pub fn show(bytes: &[u8]) -> Result<String, StatementError> {
    Ok(Statement::from_bytes(bytes)?.to_string())
}

fn decision(decision: Decision, phase: Phase, break_glass: bool) -> &'static str {
    match (decision, phase, break_glass) {
        (Decision::Approve, _, true) => "APPROVE ALONE (break glass): contain now, without a quorum",
        (Decision::Approve, Phase::Start, false) => "APPROVE the start of this plan",
        (Decision::Approve, Phase::Retire, false) => "APPROVE taking the old credentials away",
        (Decision::Reject, ..) => "REJECT this plan: nothing more of it is done until you withdraw",
        (Decision::Withdraw, ..) => "WITHDRAW your reject; it is not an approval",
    }
}

impl Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            approver,
            break_glass,
            decision: decided,
            environment,
            evidence,
            expires,
            log_head,
            nonce,
            not_before,
            phase,
            plan,
            playbook,
            role,
            roster,
            signed_at,
            summary,
            tenant,
            ticket,
        } = self;
        let environment = match environment {
            Environment::Production => "production",
            Environment::Lab => "lab (a rehearsal; it opens nothing in production)",
        };
        let mut out = String::new();
        writeln!(out, "You {}", decision(*decided, *phase, *break_glass))?;
        writeln!(out)?;
        let mut row = |name: &str, value: &dyn Display| writeln!(out, "  {name:<12} {value}");
        row("as", &format_args!("{approver} ({role})"))?;
        row("incident", ticket)?;
        row("tenant", tenant)?;
        row("environment", &environment)?;
        row("phase", phase)?;
        match evidence {
            Some(_) => {
                row("effect", &"only on the targets that its evidence lists")?;
                row("whole plan", summary)?;
            }
            None => row("effect", summary)?,
        }
        row("valid", &format_args!("{} to {}", not_before.short(), expires.short()))?;
        row("", &format_args!("({})", show_span(expires.since(*not_before))))?;
        row("signed at", &signed_at.short())?;
        row("plan", plan)?;
        row("playbook", playbook)?;
        row("roster", roster)?;
        match evidence {
            Some(evidence) => row("evidence", evidence)?,
            None => row("evidence", &"none is named")?,
        }
        row("log", log_head)?;
        row("nonce", nonce)?;
        f.write_str(&out)
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { disable, enable, excepted, irreversible, mint, reset, retire, revoke, targets } = self;
        write!(
            f,
            "{targets} targets: {mint} to mint, {retire} to retire, {reset} to reset, {disable} to disable, \
             {enable} to enable, {revoke} to sign out; {irreversible} steps cannot be undone; {excepted} targets are left out"
        )
    }
}

impl Display for LogHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, root, size } = self;
        write!(f, "{origin}, {size} events, root {}", root.hex())
    }
}
