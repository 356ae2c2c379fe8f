//! Reads the log beside its writer: no lock, one line in memory, and a stop at the last complete
//! line, because what follows it is still being written, or never will be.

use super::Folder;
use super::chain::{Chain, ChainError};
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
    lines: Lines<Box<dyn BufRead + Send>>,
    path: PathBuf,
}

impl Reader {
    pub fn open(disk: &dyn Disk, folder: &Folder) -> Result<Self, ReadError> {
        let path = folder.events();
        let lines = Lines::new(disk.open_read(&path)?);
        Ok(Self { chain: Chain::default(), ended: false, lines, path })
    }

    /// The chain over what was read so far: size, root, time of the last line.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    fn step(&mut self) -> Result<Option<Read>, ReadError> {
        let path = &self.path;
        let next = self.lines.next_piece().map_err(|e| DiskError::new("cannot read", path, &e))?;
        let (place, bytes) = match next {
            Some((place, Piece::Line(bytes))) => (place, bytes),
            Some((place, Piece::TooLong)) => return Err(ReadError::TooLong { path: path.clone(), place }),
            Some((_, Piece::Tail(_))) | None => return Ok(None),
        };
        let line =
            Line::from_bytes(bytes).map_err(|why| ReadError::Line { path: path.clone(), place, why })?;
        self.chain.check(&line).map_err(|why| ReadError::Chain { path: path.clone(), place, why })?;
        let leaf = self.chain.push(bytes, line.time);
        Ok(Some(Read { leaf, line, place }))
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
