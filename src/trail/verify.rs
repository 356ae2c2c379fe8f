//! `audit verify`: judges a log from its files alone. No network, no clock, no writing, and memory
//! that does not grow with the number of lines: one line is held at a time, besides what is known
//! of open runs, the sizes of the checkpoints, and the heads that approvals and anchors name.
//!
//! The log is read twice: first for the approvals, whose signers saw heads of the log that must
//! still be there; then as a whole. What the engine refuses to write, the judge refuses to accept:
//! both use [`TargetState::apply`](crate::domain::target::TargetState::apply), the quorum and the
//! approvals of `domain`.
//!
//! What files alone cannot show is said: a tail that was removed together with its checkpoints, or
//! a log rewritten by the holder of its key, is found only with a head that is kept elsewhere. So
//! without such an anchor the verdict is "consistent, NOT anchored", never "OK". What lies in the log's
//! folder `anchors` is judged too, by the keys of those whose word counts ([`Keepers`]). Of an excerpt, what is shown is judged
//! in the same way, and what is not shown is counted.

mod anchors;
mod approvals;
mod countersigned;
mod files;
mod heads;
mod keys;
mod records;
mod report;
mod runs;
mod scan;

pub use anchors::Keepers;
pub use countersigned::Countersigned;
pub use heads::Anchor;
pub(super) use records::objects_of;
pub use report::{
    AnchorRow, AnchorState, Check, CheckResult, Finding, Outcome, Part, Report, Severity, Verdict,
};

use super::{Folder, VerifierKey};
use crate::domain::id::Digest;
use crate::env::{Disk, DiskError};
use std::sync::Arc;

/// What the log is held against: known to the verifier from elsewhere, not read from the log.
pub struct Trust {
    /// The log's public key, as it was printed when the log was begun.
    pub key: VerifierKey,
    /// The roster that was pinned then; without it, the log's own word is taken.
    pub roster: Option<Digest>,
    /// Heads of the log that are kept elsewhere.
    pub anchors: Vec<Anchor>,
    /// Whose word counts of what lies in the log's folder.
    pub keepers: Keepers,
}

/// Why there is no verdict (exit code 2).
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("{0}; nothing was judged")]
    Disk(#[from] DiskError),
    #[error("there is no log in {}; give the folder that holds events.jsonl", .0.display())]
    Missing(std::path::PathBuf),
}

/// The exit code of `audit verify` when there is no verdict.
pub const EXIT_NO_VERDICT: u8 = 2;

/// The keys of the log in `folder`, the trusted one among them: a checkpoint that is kept elsewhere may
/// be signed by any.
pub fn keys_of(
    disk: &dyn Disk,
    folder: &Folder,
    trusted: &VerifierKey,
) -> Result<Vec<VerifierKey>, DiskError> {
    let keys = keys(disk, folder, trusted, &mut report::Findings::default())?;
    Ok(keys.all().cloned().collect())
}

/// A link or pipe in the log's place is not read.
fn keys(
    disk: &dyn Disk,
    folder: &Folder,
    trusted: &VerifierKey,
    found: &mut report::Findings,
) -> Result<keys::Keys, DiskError> {
    match files::regular(disk, &folder.events(), found)? {
        true => keys::Keys::of(disk, folder, trusted),
        false => Ok(keys::Keys::only(trusted)),
    }
}

/// Judges the log in `folder`.
pub fn verify(disk: &Arc<dyn Disk>, folder: &Folder, trust: &Trust) -> Result<Report, VerifyError> {
    if !disk.exists(&folder.events()) {
        return Err(VerifyError::Missing(folder.root().to_owned()));
    }
    let mut found = report::Findings::default();
    let keys = keys(disk.as_ref(), folder, &trust.key, &mut found)?;
    let files = files::look(disk.as_ref(), folder, &keys, &mut found)?;
    let mut heads = heads::collect(disk, folder, trust, &mut found)?;
    let rows = anchors::collect(disk.as_ref(), folder, (trust, &keys), &mut heads, &mut found)?;
    let read = (keys, files, heads, rows);
    let mut scan = scan::Scan::new(disk.clone(), folder.clone(), trust, read, found);
    scan.run()?;
    Ok(scan.conclude())
}
