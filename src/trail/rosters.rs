//! The rosters of a log, read in the order of its lines: whoever asks who may approve judges every
//! change again, with the statements that are kept as objects.

use super::Objects;
use crate::domain::approval::roster_change::ROSTER_NAMESPACE;
use crate::domain::approval::signed::SIGNATURE_BYTES_MAX;
use crate::domain::approval::statement::STATEMENT_BYTES_MAX;
use crate::domain::approval::{Ground, Roster, Rosters, SignedApproval};
use crate::domain::event::{Line, LogOpened, RosterChanged};
use crate::domain::id::Digest;
use crate::domain::text::Text;

/// No roster is larger.
pub const ROSTER_BYTES_MAX: u64 = 256 << 10;
/// More people than a roster names sign nothing.
const SIGNATURES_MAX: usize = 500;

/// The roster that was pinned when the log was begun.
pub fn pinned(objects: &Objects, digest: &Digest) -> Result<Rosters, String> {
    read(objects, digest).map(Rosters::pinned)
}

fn read(objects: &Objects, digest: &Digest) -> Result<Roster, String> {
    let bytes = objects.get(digest, ROSTER_BYTES_MAX).map_err(|e| e.to_string())?;
    Roster::from_yaml(&bytes).map_err(|e| e.to_string())
}

/// Where changes of a log's rosters count.
pub fn ground(opened: &LogOpened, origin: &str) -> Ground {
    Ground { environment: opened.environment, log_origin: Text::lossy(origin), tenant: opened.tenant.clone() }
}

/// Puts in force what a line says was changed, if those who had to have signed it.
pub fn follow(
    rosters: &mut Rosters,
    ground: &Ground,
    objects: &Objects,
    line: &Line,
    event: &RosterChanged,
) -> Result<(), String> {
    let pairs = event.statements.len();
    if pairs != event.signatures.len() || pairs > SIGNATURES_MAX {
        return Err(format!("it does not name one {ROSTER_NAMESPACE} signature for each statement"));
    }
    let signed = |(statement, signature): (&Digest, &Digest)| {
        let statement_bytes = objects.get(statement, STATEMENT_BYTES_MAX as u64)?;
        let armored = objects.get(signature, SIGNATURE_BYTES_MAX as u64)?;
        Ok(SignedApproval { statement_bytes, armored: String::from_utf8_lossy(&armored).into() })
    };
    let signed: Result<Vec<SignedApproval>, super::objects::ObjectError> =
        event.statements.iter().zip(&event.signatures).map(signed).collect();
    let signed = signed.map_err(|e| e.to_string())?;
    let next = read(objects, &event.roster)?;
    rosters.change(ground, event, next, &signed, (line.time, line.seq)).map_err(|e| e.to_string())
}
