//! A statement that was signed elsewhere, with `ssh-keygen` or `openssl` alone: it is shown before it is handed
//! in, and held against what the command line says of it.

use super::super::codes;
use super::super::error::Failure;
use super::super::world::unreadable;
use super::{Arguments, Session};
use crate::domain::approval::signed::SIGNATURE_BYTES_MAX;
use crate::domain::approval::statement::STATEMENT_BYTES_MAX;
use crate::domain::approval::{SignedApproval, Statement, card};
use crate::domain::event::Decision;
use std::path::Path;

/// Reads the two files, and a list of revoked certificates if there is one.
pub(super) fn read(
    session: &Session,
    statement: &Path,
    signature: &Path,
    crl: Option<&Path>,
) -> Result<SignedApproval, Failure> {
    let read = |path: &Path, limit: usize| {
        let bytes = session.env.disk.read(path, limit as u64);
        bytes.map_err(|e| unreadable(path, &e, "the file"))
    };
    let armored = read(signature, SIGNATURE_BYTES_MAX)?;
    let armored = match crl {
        None => String::from_utf8_lossy(&armored).into_owned(),
        Some(crl) => card::enclose(&armored, &read(crl, SIGNATURE_BYTES_MAX)?).map_err(|e| {
            let next = "`--crl` goes with a signature in CMS, as PEM";
            Failure::new(codes::NOT_APPROVED, e.to_string(), next).at(signature)
        })?,
    };
    Ok(SignedApproval { statement_bytes: read(statement, STATEMENT_BYTES_MAX)?, armored })
}

/// Whoever names a phase or a decision means it; what is not named is as the statement says.
pub(super) fn agrees(arguments: &Arguments, said: &Statement) -> Result<(), Failure> {
    let Arguments { phase, reject, withdraw, break_glass, .. } = arguments;
    let named = [
        (phase.is_some_and(|phase| phase.in_words() != said.phase), "--phase"),
        (*reject && said.decision != Decision::Reject, "--reject"),
        (*withdraw && said.decision != Decision::Withdraw, "--withdraw"),
        (*break_glass && !said.break_glass, "--break-glass"),
    ];
    let Some((_, flag)) = named.into_iter().find(|(differs, _)| *differs) else { return Ok(()) };
    let what = format!("the statement is {}, which is not what `{flag}` says", decision(said));
    let next = "read what it says again; leave the option out, or have the right statement signed: nothing was handed in";
    Err(Failure::new(codes::NOT_APPROVED, what, next))
}

/// What a statement is, in a sentence.
pub(super) fn decision(said: &Statement) -> String {
    match (said.decision, said.break_glass) {
        (Decision::Approve, true) => "an approval of one person alone (break glass)".into(),
        (Decision::Approve, false) => format!("an approval of the {} phase", said.phase),
        (Decision::Reject, _) => "a reject".into(),
        (Decision::Withdraw, _) => "a withdrawal".into(),
    }
}
