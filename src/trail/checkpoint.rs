//! Checkpoints (C2SP tlog-checkpoint v1.0.0): the signed head of a log. Origin, size and root,
//! each on a line, in a signed note.

use super::Folder;
use super::key::{LogKey, VerifierKey};
use super::merkle::{Frontier, Hash};
use super::note::{self, NOTE_BYTES_MAX, NoteError};
use crate::env::{Disk, DiskError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::path::PathBuf;

/// The head of a log at one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

/// Why bytes are not a checkpoint of this log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    #[error(transparent)]
    Note(#[from] NoteError),
    #[error("it is not a checkpoint (origin, size and root, each on a line)")]
    Malformed,
    #[error("it is of another log, {0:?}")]
    OtherLog(String),
    #[error("it is of size {found}, and named by {named}: it was put in another's place")]
    Misnamed { found: u64, named: u64 },
    #[error(
        "it is of size {0}, and the checkpoint that is kept under this number is missing: it was removed"
    )]
    Dropped(u64),
}

/// Why the newest checkpoint of a log cannot be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NewestError {
    #[error("{0}")]
    Disk(#[from] DiskError),
    #[error("{}: {why}", path.display())]
    Checkpoint { path: PathBuf, why: CheckpointError },
}

impl Checkpoint {
    /// The head of `tree`, in the name of `origin`.
    pub fn of(origin: &str, tree: &Frontier) -> Self {
        Self { origin: origin.to_owned(), size: tree.size(), root: tree.root() }
    }

    /// The name of its file: the size, in twelve digits.
    pub fn file_name(size: u64) -> String {
        format!("{size:012}")
    }

    /// The size that a file name stands for, if it is the name of a checkpoint's file.
    pub fn size_of_name(name: &str) -> Option<u64> {
        let size = name.parse().ok()?;
        (Self::file_name(size) == name).then_some(size)
    }

    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(self.root))
    }

    pub fn sign(&self, key: &LogKey) -> String {
        note::sign(&self.text(), key)
    }

    /// The largest checkpoint that is kept; `checkpoint` itself may be one write behind, and is
    /// never ahead.
    pub fn newest(disk: &dyn Disk, folder: &Folder, key: &VerifierKey) -> Result<Option<Self>, NewestError> {
        // First: a writer beside us may keep and copy one more at any moment.
        let copy = read(disk, folder.checkpoint(), None, key)?;
        let names = disk.list(&folder.checkpoints())?;
        let kept = match names.iter().filter_map(|name| Self::size_of_name(name)).max() {
            Some(size) => read(disk, folder.checkpoints().join(Self::file_name(size)), Some(size), key)?,
            None => None,
        };
        match copy {
            Some(copy) if kept.as_ref().is_none_or(|kept| kept.size < copy.size) => {
                let why = CheckpointError::Dropped(copy.size);
                Err(NewestError::Checkpoint { path: folder.checkpoint(), why })
            }
            _ => Ok(kept),
        }
    }

    /// Reads a checkpoint that `key` signed. Extension lines are allowed and ignored, as the
    /// specification asks; ours have none.
    pub fn open(bytes: &[u8], key: &VerifierKey) -> Result<Self, CheckpointError> {
        let read = Self::from_text(note::open(bytes, key)?).ok_or(CheckpointError::Malformed)?;
        if read.origin == key.name() {
            Ok(read)
        } else {
            Err(CheckpointError::OtherLog(read.origin.chars().take(200).collect()))
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        if origin.is_empty() || lines.any(str::is_empty) {
            return None;
        }
        let number: u64 = size.parse().ok()?;
        let root = BASE64.decode(root).ok()?.try_into().ok()?;
        (number.to_string() == size).then(|| Self { origin: origin.to_owned(), size: number, root })
    }
}

/// A checkpoint's file, if it is there; where a size names it, it is of that size.
fn read(
    disk: &dyn Disk,
    path: PathBuf,
    named: Option<u64>,
    key: &VerifierKey,
) -> Result<Option<Checkpoint>, NewestError> {
    let bytes = match disk.read(&path, NOTE_BYTES_MAX) {
        Err(e) if e.is_missing() => return Ok(None),
        other => other?,
    };
    let read = Checkpoint::open(&bytes, key);
    let read = read.map_err(|why| NewestError::Checkpoint { path: path.clone(), why })?;
    match named.filter(|named| *named != read.size) {
        None => Ok(Some(read)),
        Some(named) => {
            let why = CheckpointError::Misnamed { found: read.size, named };
            Err(NewestError::Checkpoint { path, why })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{MemoryDisk, Random};
    use std::path::Path;

    #[test]
    fn a_checkpoint_reads_back_and_has_one_spelling() {
        let disk = MemoryDisk::default();
        let key = LogKey::create(&disk, Path::new("k"), &Random::from_seed(1), "a/b").unwrap();
        let head = Checkpoint { origin: "a/b".into(), size: 9, root: [7; 32] };
        assert_eq!(Checkpoint::open(head.sign(&key).as_bytes(), key.public()).unwrap(), head);
        for bad in ["a/b\n09\n", "a/b\n+9\n", "a/b\n-9\n", "\n9\n", "a/b\n9 \n", "a/c\n9\n"] {
            let text = format!("{bad}{}\n", BASE64.encode([7; 32]));
            assert!(Checkpoint::open(note::sign(&text, &key).as_bytes(), key.public()).is_err(), "{bad:?}");
        }
        let extended = format!("{}more\n", head.text());
        assert_eq!(Checkpoint::open(note::sign(&extended, &key).as_bytes(), key.public()).unwrap(), head);
        assert_eq!(Checkpoint::size_of_name("000000000009"), Some(9));
        assert_eq!(Checkpoint::size_of_name("checkpoint"), None);
        assert_eq!(Checkpoint::size_of_name("0000000000009"), None);
    }
}
