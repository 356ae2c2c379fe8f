//! Files that are made before they are written: packed, and read again a piece at a time.
//!
//! A bundle of ten thousand targets is half a gigabyte, most of it pages that are much alike; a small part of that is
//! enough to keep it (LZ4). The tar file is never in memory as a whole.

use crate::domain::id::Digest;
use sha2::{Digest as _, Sha256};
use std::io::{Error, ErrorKind, Read, Result, Write};

const PIECE_BYTES: usize = 256 << 10;

/// A file that was packed.
#[derive(Clone, Debug)]
pub struct Packed {
    pub(super) bytes: u64,
    pub(super) digest: Digest,
    pieces: Vec<Box<[u8]>>,
}

impl Packed {
    pub fn of(bytes: &[u8]) -> Self {
        let mut packer = Packer::default();
        packer.take(bytes);
        packer.end()
    }

    /// The file, to be read.
    pub fn read(&self) -> Pieces<impl Iterator<Item = Result<Vec<u8>>>> {
        Pieces::new(self.pieces())
    }

    /// The file, a piece at a time.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Result<Vec<u8>>> {
        self.pieces.iter().map(|piece| {
            let unpacked = lz4_flex::block::decompress_size_prepended(piece);
            unpacked.map_err(|e| Error::new(ErrorKind::InvalidData, e))
        })
    }
}

/// Packs what is written to it.
#[derive(Default)]
pub(super) struct Packer {
    bytes: u64,
    hash: Sha256,
    pieces: Vec<Box<[u8]>>,
    /// The piece that has begun.
    piece: Vec<u8>,
}

impl Packer {
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE_BYTES - self.piece.len()));
            self.piece.extend_from_slice(now);
            if self.piece.len() == PIECE_BYTES {
                self.put_away();
            }
            bytes = later;
        }
    }

    fn put_away(&mut self) {
        self.pieces.push(lz4_flex::block::compress_prepend_size(&self.piece).into_boxed_slice());
        self.piece.clear();
    }

    pub(super) fn end(mut self) -> Packed {
        if !self.piece.is_empty() {
            self.put_away();
        }
        Packed { bytes: self.bytes, digest: Digest(self.hash.finalize().into()), pieces: self.pieces }
    }
}

/// Reads pieces that come one after the other, and counts and hashes what was read.
pub struct Pieces<I> {
    left: I,
    piece: Vec<u8>,
    at: usize,
    bytes: u64,
    hash: Sha256,
}

impl<I: Iterator<Item = Result<Vec<u8>>>> Pieces<I> {
    pub(super) fn new(left: I) -> Self {
        Self { left, piece: Vec::new(), at: 0, bytes: 0, hash: Sha256::new() }
    }

    /// How many bytes were read, and their digest.
    pub fn read_so_far(self) -> (u64, Digest) {
        (self.bytes, Digest(self.hash.finalize().into()))
    }
}

impl<I: Iterator<Item = Result<Vec<u8>>>> Read for Pieces<I> {
    fn read(&mut self, mut to: &mut [u8]) -> Result<usize> {
        while self.at == self.piece.len() {
            let Some(next) = self.left.next() else { return Ok(0) };
            (self.piece, self.at) = (next?, 0);
        }
        let taken = to.write(&self.piece[self.at..])?;
        let read = &self.piece[self.at..self.at + taken];
        self.hash.update(read);
        self.bytes += taken as u64;
        self.at += taken;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_read_again() {
        for length in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, 3 * PIECE_BYTES + 7] {
            let file: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let mut packer = Packer::default();
            file.chunks(1000).for_each(|part| packer.take(part));
            let packed = packer.end();
            assert_eq!((packed.bytes, packed.digest), (length as u64, Digest::of(&file)));
            let (mut pieces, mut again) = (packed.read(), Vec::new());
            pieces.read_to_end(&mut again).unwrap();
            assert!(again == file, "{length}");
            assert_eq!(pieces.read_so_far(), (length as u64, Digest::of(&file)));
        }
    }
}
