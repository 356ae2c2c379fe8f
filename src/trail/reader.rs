//! Reads the log beside its writer: no lock, one line in memory, and a stop at the last complete
//! line, because what follows it is still being written, or never will be. With the log's key it
//! also holds the lines against the newest checkpoint.

use super::Folder;
use super::chain::{Chain, ChainError};
use super::checkpoint::{Checkpoint, NewestError};
use super::excerpt::Item;
use super::key::VerifierKey;
use super::lines::{Lines, Piece, Place};
use super::merkle::Hash;
use crate::domain::event::{Line, LineError};
use crate::env::{Disk, DiskError};
use std::io::BufRead;
use std::path::PathBuf;

/// Why the log cannot be read on from here.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{0}")]
    Disk(#[from] DiskError),
    #[error("{}: {place} is not an event of this log: {why}; run `reissue audit verify`", path.display())]
    Line { path: PathBuf, place: Place, why: LineError },
    #[error("{}: {place} breaks the chain: {why}; run `reissue audit verify`", path.display())]
    Chain { path: PathBuf, place: Place, why: ChainError },
    #[error("{}: {place} is longer than any event; run `reissue audit verify`", path.display())]
    TooLong { path: PathBuf, place: Place },
    #[error("{}: {place} hides lines that cannot be hidden together there; run `reissue audit verify`", path.display())]
    Hidden { path: PathBuf, place: Place },
    #[error("{0}; run `reissue audit verify`")]
    Checkpoint(#[from] NewestError),
    #[error("{} holds lines that no checkpoint signs; run `reissue audit verify`", .0.display())]
    Unsigned(PathBuf),
    #[error(
        "{} holds {found} lines, but {signed} were signed: lines were removed from its end; run `reissue audit verify`",
        path.display()
    )]
    Truncated { path: PathBuf, found: u64, signed: u64 },
    #[error(
        "the first {size} lines of {} are not those that were signed: the log was rewritten; run `reissue audit verify`",
        path.display()
    )]
    Rewritten { path: PathBuf, size: u64 },
}

/// A line with its hash and its place in the file.
#[derive(Clone, Debug)]
pub struct Read {
    pub leaf: Hash,
    pub line: Line,
    pub place: Place,
}

/// An iterator over the complete lines of a log. It ends at the first error.
pub struct Reader {
    chain: Chain,
    ended: bool,
    excerpt: bool,
    lines: Lines<Box<dyn BufRead + Send>>,
    path: PathBuf,
    signed: Signed,
}

/// What the lines are held against.
enum Signed {
    /// Nothing: the chain alone.
    Unasked,
    /// The newest checkpoint, or that there is none.
    By(Option<Checkpoint>),
}

impl Reader {
    /// Reads lines that follow one another; nothing is said about who wrote them.
    pub fn open(disk: &dyn Disk, folder: &Folder) -> Result<Self, ReadError> {
        Self::held_against(disk, folder, Signed::Unasked)
    }

    /// Reads lines that are also those which `key` signed last.
    pub fn signed(disk: &dyn Disk, folder: &Folder, key: &VerifierKey) -> Result<Self, ReadError> {
        // Before the lines: a writer beside us may sign more of them meanwhile.
        let newest = Checkpoint::newest(disk, folder, key)?;
        Self::held_against(disk, folder, Signed::By(newest))
    }

    fn held_against(disk: &dyn Disk, folder: &Folder, signed: Signed) -> Result<Self, ReadError> {
        let path = folder.events();
        let lines = Lines::new(disk.open_read(&path)?);
        let excerpt = folder.is_excerpt();
        Ok(Self { chain: Chain::default(), ended: false, excerpt, lines, path, signed })
    }

    /// The chain over what was read so far: size, root, time of the last line.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    fn step(&mut self) -> Result<Option<Read>, ReadError> {
        let path = &self.path;
        let (place, bytes) = loop {
            let next = self.lines.next_piece().map_err(|e| DiskError::new("cannot read", path, &e))?;
            let (place, bytes) = match next {
                Some((place, Piece::Line(bytes))) => (place, bytes),
                Some((place, Piece::TooLong)) => {
                    return Err(ReadError::TooLong { path: path.clone(), place });
                }
                Some((_, Piece::Tail(_))) | None => return self.end().map(|()| None),
            };
            match self.excerpt.then(|| Item::from_bytes(bytes)).flatten() {
                Some(Item::Begins(_)) => {}
                Some(Item::Hidden { hash, lines }) if self.chain.skip(hash, lines) => {}
                Some(Item::Hidden { .. }) => {
                    return Err(ReadError::Hidden { path: path.clone(), place });
                }
                // The bytes are borrowed from the reader: copied, so that it can go on.
                None => break (place, bytes.to_vec()),
            }
        };
        let bytes = bytes.as_slice();
        let line =
            Line::from_bytes(bytes).map_err(|why| ReadError::Line { path: path.clone(), place, why })?;
        self.chain.check(&line).map_err(|why| ReadError::Chain { path: path.clone(), place, why })?;
        let leaf = self.chain.push(bytes, line.time);
        let size = self.chain.size();
        match &self.signed {
            Signed::By(Some(s)) if s.size == size && s.root != self.chain.tree().root() => {
                Err(ReadError::Rewritten { path: path.clone(), size })
            }
            _ => Ok(Some(Read { leaf, line, place })),
        }
    }

    fn end(&self) -> Result<(), ReadError> {
        let (path, found) = (self.path.clone(), self.chain.size());
        match &self.signed {
            Signed::By(Some(s)) if s.size > found => {
                Err(ReadError::Truncated { path, found, signed: s.size })
            }
            // One line without a checkpoint: begun by a process that died before it could sign.
            Signed::By(None) if found > 1 => Err(ReadError::Unsigned(path)),
            _ => Ok(()),
        }
    }
}

impl Iterator for Reader {
    type Item = Result<Read, ReadError>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step().transpose();
        self.ended = !matches!(step, Some(Ok(_)));
        step
    }
}
