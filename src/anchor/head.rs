//! The newest checkpoint of a log, with the lines that it signs.

use crate::domain::time::Timestamp;
use crate::env::{Disk, DiskError};
use crate::trail::checkpoint::NewestError;
use crate::trail::merkle::{self, Hash};
use crate::trail::note::NOTE_BYTES_MAX;
use crate::trail::reader::ReadError;
use crate::trail::verify::keys_of;
use crate::trail::{Checkpoint, Folder, Reader, VerifierKey};
use std::sync::Arc;
use std::time::Duration;

/// Our clock and that of whoever gives an anchor may differ so much; the judge allows the same.
pub const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// What is anchored.
pub struct Head {
    pub checkpoint: Checkpoint,
    /// The checkpoint's file, as it stands.
    pub note: String,
    /// The time of the last line that it signs.
    pub time: Timestamp,
    /// The key in force.
    pub key: VerifierKey,
    /// All keys of the log: a handover brings another one.
    pub keys: Vec<VerifierKey>,
    pub disk: Arc<dyn Disk>,
    pub folder: Folder,
    leaves: Vec<Hash>,
}

/// Why there is nothing to anchor.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    #[error("{0}")]
    Disk(#[from] DiskError),
    #[error("{0}")]
    Newest(#[from] NewestError),
    #[error("{0}")]
    Read(#[from] ReadError),
    #[error("the log has no checkpoint yet")]
    None,
    #[error("the lines of the log are not those that its newest checkpoint signs")]
    Other,
}

impl Head {
    /// Reads the log up to its newest checkpoint: what does not fit is not anchored.
    pub fn newest(disk: &Arc<dyn Disk>, folder: &Folder, key: &VerifierKey) -> Result<Self, HeadError> {
        let checkpoint = Checkpoint::newest(disk.as_ref(), folder, key)?.ok_or(HeadError::None)?;
        let path = folder.checkpoints().join(Checkpoint::file_name(checkpoint.size));
        let note = disk.read(&path, NOTE_BYTES_MAX)?;
        let note = String::from_utf8(note).map_err(|_| HeadError::Other)?;
        let mut reader = Reader::signed(disk.as_ref(), folder, key)?;
        let (mut leaves, mut time) = (Vec::new(), Timestamp::from_unix_ms(0));
        while (leaves.len() as u64) < checkpoint.size {
            let read = reader.next().ok_or(HeadError::Other)??;
            leaves.push(read.leaf);
            time = time.max(read.line.time);
        }
        if merkle::root(&leaves) != checkpoint.root {
            return Err(HeadError::Other);
        }
        let keys = keys_of(disk.as_ref(), folder, key)?;
        let (disk, folder, key) = (disk.clone(), folder.clone(), key.clone());
        Ok(Self { checkpoint, note, time, key, keys, disk, folder, leaves })
    }

    pub fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// The root over the first lines; none if there are not so many.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        let size = usize::try_from(size).ok()?;
        self.leaves.get(..size).map(merkle::root)
    }

    /// The proof that this head continues that of `size` lines.
    pub fn continues(&self, size: u64) -> Option<Vec<Hash>> {
        crate::trail::proof::consistency(&self.leaves, usize::try_from(size).ok()?)
    }

    /// Whether a keeper's clock says a time before the last line that it is about: such an anchor
    /// would later be taken for a forgery, of itself or of the log.
    pub fn is_after(&self, time: Timestamp) -> bool {
        self.time > time.after(CLOCK_SKEW)
    }
}
