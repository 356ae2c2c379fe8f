//! The tree hash of RFC 6962, section 2.1: over the lines of the log, and over a plan's targets.

use sha2::{Digest as _, Sha256};

pub type Hash = [u8; 32];

/// Hash of one leaf: SHA-256(0x00 ‖ bytes).
pub fn leaf(bytes: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

/// Hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
pub fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// A growing tree, kept as the roots of its complete subtrees: memory grows with log2 of the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// One root for each set bit of `size`, the largest subtree first.
    roots: Vec<Hash>,
}

impl Frontier {
    pub fn size(&self) -> u64 {
        self.size
    }
    pub fn push(&mut self, leaf: Hash) {
        let mut carry = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                carry = node(&left, &carry);
            }
        }
        self.roots.push(carry);
        self.size += 1;
    }
    /// The tree hash; that of no leaves is SHA-256 of the empty string.
    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev();
        match roots.next() {
            None => Sha256::digest([]).into(),
            Some(last) => roots.fold(*last, |right, left| node(left, &right)),
        }
    }
}

impl<'a> FromIterator<&'a [u8]> for Frontier {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(lines: I) -> Self {
        let mut tree = Self::default();
        lines.into_iter().for_each(|line| tree.push(leaf(line)));
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962, word for word.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            many => {
                let k = many.len().next_power_of_two() / 2;
                node(&by_definition(&many[..k]), &by_definition(&many[k..]))
            }
        }
    }

    #[test]
    fn the_frontier_agrees_with_the_definition() {
        let mut tree = Frontier::default();
        let mut leaves = Vec::new();
        assert_eq!(tree.root(), by_definition(&leaves));
        for i in 0..130u32 {
            leaves.push(leaf(&i.to_be_bytes()));
            tree.push(leaf(&i.to_be_bytes()));
            assert_eq!(tree.root(), by_definition(&leaves), "{} leaves", i + 1);
        }
    }
}
