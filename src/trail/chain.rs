//! The chain of lines: each has the next number, names the line before by its hash, and is not
//! earlier than it.

use super::merkle::{self, Frontier, Hash};
use crate::domain::event::Line;
use crate::domain::time::Timestamp;

/// The state of the chain after some lines.
#[derive(Clone, Debug)]
pub struct Chain {
    tree: Frontier,
    prev: Hash,
    time: Timestamp,
}

/// How a line breaks the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    #[error("it has number {found} where {want} is due: lines are missing, doubled or out of order")]
    Number { found: u64, want: u64 },
    #[error("it does not follow the line before it: that line was changed, or this one put in its place")]
    Prev,
    #[error("its time, {found}, is before that of the line before it, {last}")]
    Time { found: Timestamp, last: Timestamp },
}

impl Default for Chain {
    fn default() -> Self {
        Self { tree: Frontier::default(), prev: merkle::ZERO, time: Timestamp::from_unix_ms(0) }
    }
}

impl Chain {
    /// Lines so far; also the number of the next one.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }
    pub fn tree(&self) -> &Frontier {
        &self.tree
    }
    /// The hash that the next line must name.
    pub fn prev(&self) -> Hash {
        self.prev
    }
    /// The time of the last line.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// Whether `line` may come next.
    pub fn check(&self, line: &Line) -> Result<(), ChainError> {
        if line.seq != self.size() {
            return Err(ChainError::Number { found: line.seq, want: self.size() });
        }
        if line.prev != self.prev {
            return Err(ChainError::Prev);
        }
        if line.time < self.time {
            return Err(ChainError::Time { found: line.time, last: self.time });
        }
        Ok(())
    }

    /// Adds the bytes of a line and returns its hash.
    pub fn push(&mut self, bytes: &[u8], time: Timestamp) -> Hash {
        let leaf = merkle::leaf(bytes);
        self.tree.push(leaf);
        self.prev = leaf;
        self.time = self.time.max(time);
        leaf
    }

    /// Passes over lines that are not shown, of which only the hash of their subtree is known;
    /// `false`, and nothing is passed over, if no such subtree can come next. A line may follow one
    /// that is passed over alone: only then its `prev` is known.
    pub fn skip(&mut self, root: Hash, lines: u64) -> bool {
        let fits = self.tree.push_subtree(root, lines);
        if fits {
            self.prev = root;
        }
        fits
    }
}
