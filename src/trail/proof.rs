//! Proofs about a Merkle tree: that a leaf is in it, and that one tree continues another
//! (RFC 6962, sections 2.1.1 and 2.1.2; verified as RFC 9162, sections 2.1.3.2 and 2.1.4.2 say).

use super::merkle::{Hash, node, root};

/// The largest power of two below `n`.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// The hashes that lead from leaf `index` to the root, nearest first; `None` if there is no such
/// leaf.
pub fn inclusion(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    let (mut tree, mut index, mut path) = (leaves, index, Vec::new());
    while tree.len() > 1 {
        let (left, right) = tree.split_at(split(tree.len()));
        if index < left.len() {
            path.push(root(right));
            tree = left;
        } else {
            path.push(root(left));
            index -= left.len();
            tree = right;
        }
    }
    path.reverse();
    Some(path)
}

/// The hashes that show that the tree of the first `old` leaves is the beginning of this one;
/// `None` if `old` is larger than the tree.
pub fn consistency(leaves: &[Hash], old: usize) -> Option<Vec<Hash>> {
    if old > leaves.len() {
        return None;
    }
    if old == 0 || old == leaves.len() {
        return Some(Vec::new());
    }
    let (mut tree, mut old, mut whole, mut path) = (leaves, old, true, Vec::new());
    while old != tree.len() {
        let (left, right) = tree.split_at(split(tree.len()));
        if old <= left.len() {
            path.push(root(right));
            tree = left;
        } else {
            path.push(root(left));
            old -= left.len();
            tree = right;
            whole = false;
        }
    }
    // The verifier knows the old root; only a part of it has to be told.
    if !whole {
        path.push(root(tree));
    }
    path.reverse();
    Some(path)
}

/// Whether `path` leads from `leaf`, at `index` of `size` leaves, to `want`.
pub fn includes(leaf: &Hash, index: u64, size: u64, path: &[Hash], want: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for step in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node(step, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, step);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *want
}

/// Whether `path` shows that the tree `(old, old_root)` is the beginning of `(new, new_root)`.
pub fn continues(old: u64, old_root: &Hash, new: u64, new_root: &Hash, path: &[Hash]) -> bool {
    if old > new {
        return false;
    }
    if old == new {
        return path.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return path.is_empty() && *old_root == super::merkle::empty_root();
    }
    let mut path = path.iter();
    let first = if old.is_power_of_two() { Some(old_root) } else { path.next() };
    let Some(first) = first else { return false };
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for step in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_hash = node(step, &old_hash);
            new_hash = node(step, &new_hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node(&new_hash, step);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trail::merkle::leaf;

    fn leaves(n: u16) -> Vec<Hash> {
        (0..n).map(|i| leaf(&i.to_be_bytes())).collect()
    }

    #[test]
    fn every_leaf_of_every_tree_is_included_once() {
        let all = leaves(66);
        for size in 1..=all.len() {
            let tree = &all[..size];
            let top = root(tree);
            for (index, leaf) in tree.iter().enumerate() {
                let path = inclusion(tree, index).unwrap();
                assert!(includes(leaf, index as u64, size as u64, &path, &top), "{index} of {size}");
                assert!(!includes(leaf, index as u64 + 1, size as u64, &path, &top));
                let mut long = path.clone();
                long.push(top);
                assert!(!includes(leaf, index as u64, size as u64, &long, &top));
            }
            assert_eq!(inclusion(tree, size), None);
        }
    }

    #[test]
    fn every_tree_continues_its_beginnings_and_no_other() {
        let all = leaves(40);
        let other: Vec<Hash> = all.iter().map(|l| leaf(l)).collect();
        for new in 0..=all.len() {
            for old in 0..=new {
                let path = consistency(&all[..new], old).unwrap();
                let (old_root, new_root) = (root(&all[..old]), root(&all[..new]));
                let (o, n) = (old as u64, new as u64);
                assert!(continues(o, &old_root, n, &new_root, &path), "{old} to {new}");
                if old > 0 {
                    let forked = root(&other[..old]);
                    assert!(!continues(o, &forked, n, &new_root, &path), "fork at {old} of {new}");
                }
                if new > old && old > 0 {
                    assert!(!continues(o, &old_root, n, &root(&other[..new]), &path));
                }
            }
            assert_eq!(consistency(&all[..new], new + 1), None);
        }
    }
}
