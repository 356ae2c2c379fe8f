//! A mirror: a second place, outside this machine, that an append waits for. When the machine dies,
//! another operator goes on from there (`docs/adr/0006`).
//!
//! A mirror holds the same files as the log's folder, without the inbox. `events.jsonl` grows, a
//! checkpoint may get another signature line, all others are written once. What is there already is left as it is, so that a piece may be sent again;
//! other bytes at its place mean that somebody else writes here.

mod folder;
mod tape;

pub use folder::FolderMirror;
pub use tape::{Reel, Tape};

use super::anchors::Kind;
use super::{Checkpoint, Objects};
use crate::domain::text::Text;
use async_trait::async_trait;
use std::collections::BTreeMap;

/// The file that grows.
pub(super) const EVENTS: &str = "events.jsonl";
/// The log's key when it was begun.
pub(super) const VKEY: &str = "log.vkey";

/// Files by their names in the log's folder.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Bytes of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub file: String,
    pub at: u64,
    pub bytes: Vec<u8>,
}

/// Why a mirror could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    #[error("the mirror {place} cannot be used: {why}")]
    Unusable { place: Text<256>, why: Text<256> },
    #[error(
        "the mirror {place} holds other bytes in {file}: another machine has taken this log over, or it is another log's"
    )]
    Taken { place: Text<256>, file: Text<128> },
}

impl MirrorError {
    pub fn unusable(place: &str, why: &dyn std::fmt::Display) -> Self {
        Self::Unusable { place: Text::lossy(place), why: Text::lossy(&why.to_string()) }
    }
    pub fn taken(place: &str, file: &str) -> Self {
        Self::Taken { place: Text::lossy(place), file: Text::lossy(file) }
    }
}

/// A place that holds a log besides this machine.
#[async_trait]
pub trait Mirror: Send + Sync {
    /// How an operator names it.
    fn place(&self) -> String;
    /// Everything it holds.
    async fn read(&self) -> Result<Files, MirrorError>;
    /// Adds pieces, in this order. They are there to stay when this returns.
    async fn append(&self, pieces: &[Piece]) -> Result<(), MirrorError>;
    /// A number that moves whenever something is added.
    async fn extent(&self) -> Result<u64, MirrorError>;
}

/// Whether a log has a file of this name. Nothing else is taken from a mirror.
pub(super) fn is_part(name: &str) -> bool {
    match name.split_once('/') {
        None => name == EVENTS || name == VKEY,
        Some(("checkpoints", rest)) => Checkpoint::size_of_name(rest).is_some(),
        Some(("objects", rest)) => Objects::digest_of(rest).is_some(),
        Some(("anchors", rest)) => Kind::of_name(rest).is_some(),
        Some(_) => false,
    }
}

/// What of a piece is still to be written, where the file holds `there` from the piece's place on. A
/// checkpoint that has got another signature line since is there already.
pub(super) fn missing<'a>(piece: &'a Piece, there: &[u8]) -> Option<&'a [u8]> {
    match piece.bytes.strip_prefix(there) {
        None if piece.file.starts_with("checkpoints/") && there.starts_with(&piece.bytes) => Some(&[]),
        rest => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parts_of_a_log_are_taken() {
        let object = format!("objects/sha256-{}", "0".repeat(64));
        let anchor = "anchors/000000000009.tsr";
        for good in ["events.jsonl", "log.vkey", "checkpoints/000000000009", anchor, &object] {
            assert!(is_part(good), "{good}");
        }
        for bad in [
            "log.key",
            "checkpoints/checkpoint",
            "anchors/9.tsr",
            "../events.jsonl",
            "objects/x",
            "inbox/a",
            "",
            "/",
        ] {
            assert!(!is_part(bad), "{bad}");
        }
    }
}
