//! The Merkle tree of RFC 6962 (section 2.1), grown one leaf at a time: over the lines of the log,
//! and over the targets of a plan.
//!
//! A leaf is the hash of one line of the log without its line feed. The prefixes 0x00 and 0x01
//! keep a leaf from ever passing for a node.

use sha2::{Digest, Sha256};

pub type Hash = [u8; 32];

/// What stands for "the line before" in the first line.
pub const ZERO: Hash = [0; 32];

/// Hash of one leaf.
pub fn leaf(bytes: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

/// Hash of two subtrees.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// Root of the tree without leaves: the hash of nothing.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// A growing tree that keeps only the roots of its complete subtrees: at most 64 hashes, however
/// many leaves it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Largest subtree first; their sizes are the binary digits of `size`.
    peaks: Vec<Hash>,
}

impl Frontier {
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds the next leaf's hash.
    pub fn push(&mut self, leaf: Hash) {
        self.grow(leaf, 1);
    }

    /// Adds the next `leaves` leaves, of which only the root of their subtree is known. It is complete
    /// (a power of two) and begins at a multiple of its size; `false`, and nothing is added, if not.
    pub fn push_subtree(&mut self, root: Hash, leaves: u64) -> bool {
        let fits = leaves.is_power_of_two() && self.size.is_multiple_of(leaves);
        let fits = fits && self.size.checked_add(leaves).is_some();
        if fits {
            self.grow(root, leaves);
        }
        fits
    }

    fn grow(&mut self, root: Hash, leaves: u64) {
        let mut grown = root;
        // Each trailing one of the old size is a complete subtree as large as the grown one.
        for _ in 0..(self.size / leaves).trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                grown = node(&left, &grown);
            }
        }
        self.peaks.push(grown);
        self.size += leaves;
    }

    /// Root of all leaves so far.
    pub fn root(&self) -> Hash {
        let mut smallest_first = self.peaks.iter().rev();
        match smallest_first.next() {
            None => empty_root(),
            Some(last) => smallest_first.fold(*last, |right, left| node(left, &right)),
        }
    }
}

/// Root of these leaf hashes.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut tree = Frontier::default();
    leaves.iter().for_each(|l| tree.push(*l));
    tree.root()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::hex;

    /// MTH as RFC 6962 section 2.1 defines it, by recursion.
    fn defined(leaves: &[Hash]) -> Hash {
        match leaves.len() {
            0 => empty_root(),
            1 => leaves[0],
            n => {
                let k = n.next_power_of_two() / 2;
                node(&defined(&leaves[..k]), &defined(&leaves[k..]))
            }
        }
    }

    #[test]
    fn roots_are_those_of_the_definition() {
        let leaves: Vec<Hash> = (0..130u16).map(|i| leaf(&i.to_be_bytes())).collect();
        for n in 0..=leaves.len() {
            assert_eq!(root(&leaves[..n]), defined(&leaves[..n]), "{n}");
        }
    }

    #[test]
    fn a_tree_grows_by_whole_subtrees_too() {
        let leaves: Vec<Hash> = (0..64u16).map(|i| leaf(&i.to_be_bytes())).collect();
        for at in 0..64usize {
            for size in [1usize, 2, 4, 8, 16, 32].into_iter().filter(|s| at + s <= 64) {
                let mut tree = Frontier::default();
                leaves[..at].iter().for_each(|l| tree.push(*l));
                let before = tree.clone();
                let fits = tree.push_subtree(root(&leaves[at..at + size]), size as u64);
                assert_eq!(fits, at % size == 0, "{size} at {at}");
                let want = if fits { root(&leaves[..at + size]) } else { before.root() };
                assert_eq!(tree.root(), want, "{size} at {at}");
            }
        }
        let mut tree = Frontier::default();
        assert!(!tree.push_subtree([1; 32], 0) && !tree.push_subtree([1; 32], 3));
        assert!(tree.push_subtree([1; 32], 1 << 63) && !tree.push_subtree([2; 32], 1 << 63), "no overflow");
    }

    #[test]
    fn known_answers() {
        // The eight leaves of the Certificate Transparency reference tests (merkletree test data).
        let inputs: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let leaves: Vec<Hash> = inputs.iter().map(|i| leaf(i)).collect();
        for (n, want) in roots.iter().enumerate() {
            assert_eq!(hex(&root(&leaves[..n])), *want, "{n} leaves");
        }
    }
}
