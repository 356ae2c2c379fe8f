//! What can go wrong with the log, the state it leaves, and what to do.

use super::super::chain::ChainError;
use super::super::checkpoint::{CheckpointError, NewestError};
use super::super::lines::Place;
use super::super::mirror::MirrorError;
use super::super::objects::ObjectError;
use crate::domain::id::RunId;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::env::DiskError;
use std::path::PathBuf;

/// Why the log could not be opened or written. In every case nothing was done that it does not
/// hold.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    #[error("{0}; the log was left as it is, nothing was done")]
    Disk(#[from] DiskError),
    #[error("{0}; the log was left as it is, nothing was done")]
    Object(#[from] ObjectError),
    #[error("what allows this line ended at {}; it was not recorded", .0.short())]
    TooLate(Timestamp),
    #[error("another process is writing the log {}: {}", path.display(), who(holder.as_ref()))]
    Locked { path: PathBuf, holder: Option<Holder> },
    #[error("there is a log in {} already; it was left as it is", .0.display())]
    Exists(PathBuf),
    #[error("there is no log in {}; begin one with `reissue init`", .0.display())]
    Missing(PathBuf),
    #[error(
        "{}: {place} is not an event of this log: {why}. Nothing was cut or changed. If the machine lost power \
         while writing, compare with a copy; otherwise treat the log as tampered with. `reissue audit verify` tells more",
        path.display()
    )]
    Line { path: PathBuf, place: Place, why: String },
    #[error(
        "{}: {place} breaks the chain: {why}. Nothing was cut or changed; treat the log as tampered with and compare \
         it with a copy. `reissue audit verify` tells more",
        path.display()
    )]
    Chain { path: PathBuf, place: Place, why: ChainError },
    #[error(
        "{}: {why}. The log was not opened; restore the file from a copy, or treat the log as tampered with",
        path.display()
    )]
    Checkpoint { path: PathBuf, why: CheckpointError },
    #[error("{} is missing although the log has been written; restore the checkpoints from a copy", .0.display())]
    NoCheckpoint(PathBuf),
    #[error(
        "{} holds {found} lines, but {signed} were signed: lines were removed from its end. Restore the log from a copy",
        path.display()
    )]
    Truncated { path: PathBuf, found: u64, signed: u64 },
    #[error(
        "the first {size} lines of {} are not those that were signed: the log was rewritten. Compare it with a copy",
        path.display()
    )]
    Rewritten { path: PathBuf, size: u64 },
    #[error(
        "{} is the log of another {what}: it says {found}, here it is {want}. It was left as it is",
        path.display()
    )]
    Other { path: PathBuf, what: &'static str, found: Text<256>, want: Text<256> },
    #[error(
        "{} holds the key {found}, but the log is signed with {want}: the copy was replaced. Restore it; nothing was changed",
        path.display()
    )]
    OtherCopy { path: PathBuf, found: Text<256>, want: Text<256> },
    #[error("the event cannot be recorded: {0}; nothing was written")]
    Entry(Text<256>),
    #[error("the run {0} is finished; nothing can be added to it. Nothing was written")]
    Finished(RunId),
    #[error(
        "{0}. What this process had recorded is on this machine, and nothing was done that the mirror does not hold"
    )]
    Mirror(#[from] MirrorError),
    #[error("the log is closed; nothing was written")]
    Closed,
    #[error(
        "no space is left for the outcome of another step ({0}), so none is begun; steps under way are still recorded. \
         Free space, then run the command again: it continues from the log"
    )]
    Full(Text<256>),
    #[error(
        "the log could not be written ({0}), so nothing more is done in this process. Free space or repair the disk, \
         then run the command again: it continues from the log"
    )]
    Broken(Text<256>),
}

/// The process that opened a log and has not closed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// `pid 4711 at ops-laptop-7`.
    pub process: Text<96>,
    /// `apply`, …
    pub command: Text<32>,
    pub since: Timestamp,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { process, command, since } = self;
        write!(f, "{process} (`reissue {command}`) opened it at {}", since.short())
    }
}

/// Who holds the lock. It is taken before `log.opened` is written.
fn who(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "it has only just begun".into(), ToString::to_string)
}

impl From<NewestError> for JournalError {
    fn from(e: NewestError) -> Self {
        match e {
            NewestError::Disk(e) => Self::Disk(e),
            NewestError::Checkpoint { path, why } => Self::Checkpoint { path, why },
        }
    }
}

impl JournalError {
    pub(super) fn entry(e: &dyn std::fmt::Display) -> Self {
        Self::Entry(Text::lossy(&e.to_string()))
    }
    pub(super) fn interrupted() -> Self {
        Self::Broken(Text::lossy("the process is ending"))
    }
}
