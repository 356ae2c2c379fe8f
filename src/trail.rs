//! The one log: write-ahead journal, audit trail and `--json` stream are the same lines.
//!
//! ```text
//! <folder>/
//!   log.vkey                    the log's public key (a copy: trust the one given out of band)
//!   events.jsonl                one canonical line per event, each naming the line before by hash
//!   checkpoints/000000000009    signed heads, by size; `checkpoint` is the newest
//!   anchors/000000000009.cosig  what others say of a checkpoint: also .tsr, .git.json, .blob.json
//!   objects/sha256-<hex>        plans, playbooks, rosters, approvals: whatever a line refers to
//!   inbox/                      what people hand to the writer
//! ```
//!
//! The chain of `prev` hashes makes the log checkable while it streams; the Merkle tree over the
//! same hashes (RFC 6962) makes a head small enough to sign and to keep elsewhere. Read in this
//! order: [`merkle`], [`note`], [`checkpoint`] and [`countersign`] (the formats), [`lines`] and [`chain`] (reading),
//! [`journal`] (the one writer), [`mirror`] (the second place it writes to), [`reader`] (everybody else),
//! [`anchors`] (what others say), [`verify`] (the judge), [`export`] (what an auditor receives) and [`excerpt`]
//! (when other runs must stay private).

pub mod anchors;
pub mod chain;
pub mod checkpoint;
pub mod countersign;
pub mod excerpt;
pub mod export;
pub mod head;
pub mod home;
pub mod inbox;
pub mod journal;
pub mod key;
pub mod known;
pub mod lines;
pub mod mirror;
pub mod note;
pub mod objects;
pub mod proof;
pub mod reader;
pub mod rosters;
pub mod scratch;
pub mod verify;

pub use crate::domain::merkle;
pub use checkpoint::Checkpoint;
pub use home::{Home, HomeError, Install};
pub use journal::{Appended, Entry, Journal, JournalError, Opening, Recovered, Settings};
pub use key::{LogKey, VerifierKey};
pub use mirror::{FolderMirror, Mirror, MirrorError};
pub use objects::Objects;
pub use reader::Reader;

use crate::env::Disk;
use std::path::{Path, PathBuf};

/// Where the parts of a log are.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    excerpt: bool,
}

impl Folder {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), excerpt: false }
    }
    /// A folder with one run of a log ([`excerpt`]), to be judged and reported, not to be written.
    pub fn of_excerpt(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), excerpt: true }
    }
    /// A folder that holds a log or an excerpt of one: where there are lines, there is a log.
    pub fn found(disk: &dyn Disk, root: impl Into<PathBuf>) -> Self {
        let log = Self::new(root);
        let excerpt = Self::of_excerpt(log.root());
        if !disk.exists(&log.events()) && disk.exists(&excerpt.events()) { excerpt } else { log }
    }
    pub fn root(&self) -> &Path {
        &self.root
    }
    pub fn is_excerpt(&self) -> bool {
        self.excerpt
    }
    pub fn events(&self) -> PathBuf {
        self.root.join(if self.excerpt { excerpt::FILE } else { "events.jsonl" })
    }
    /// The public key of the log, as written when it was begun.
    pub fn vkey(&self) -> PathBuf {
        self.root.join("log.vkey")
    }
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }
    /// The newest checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        self.checkpoints().join("checkpoint")
    }
    /// What witnesses, time stamping authorities and others gave for checkpoints.
    pub fn anchors(&self) -> PathBuf {
        self.root.join("anchors")
    }
    pub fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }
    pub fn inbox(&self) -> PathBuf {
        self.root.join("inbox")
    }
    /// Torn tails that were cut off and are not yet in the log; missing when there are none.
    pub fn torn(&self) -> PathBuf {
        self.root.join("torn")
    }
}
