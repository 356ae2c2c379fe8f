//! Randomness: one seed, and a stream of its own for each concern, so that one more draw in one
//! of them does not shift the others.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A source of randomness that is shared by all its copies.
#[derive(Clone)]
pub struct Random {
    seed: [u8; 32],
    streams: Arc<Mutex<BTreeMap<String, ChaCha20Rng>>>,
}

/// The random numbers of one concern. Copies continue one sequence.
#[derive(Clone)]
pub struct Stream {
    source: Random,
    name: String,
}

impl Random {
    /// Seeded by the operating system.
    pub fn from_system() -> Self {
        let mut seed = [0; 32];
        ChaCha20Rng::from_os_rng().fill_bytes(&mut seed);
        Self::new(seed)
    }
    /// Repeatable: the same seed gives the same streams.
    pub fn from_seed(seed: u64) -> Self {
        Self::new(Sha256::digest(seed.to_be_bytes()).into())
    }
    fn new(seed: [u8; 32]) -> Self {
        Self { seed, streams: Arc::default() }
    }
    /// The stream of one concern.
    pub fn stream(&self, name: &str) -> Stream {
        Stream { source: self.clone(), name: name.to_owned() }
    }
}

impl Stream {
    fn with<T>(&self, draw: impl FnOnce(&mut ChaCha20Rng) -> T) -> T {
        let mut streams = self.source.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let stream = streams.entry(self.name.clone()).or_insert_with(|| {
            let mut hash = Sha256::new();
            hash.update(self.source.seed);
            hash.update(self.name.as_bytes());
            ChaCha20Rng::from_seed(hash.finalize().into())
        });
        draw(stream)
    }
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        self.with(|rng| {
            let mut out = [0; N];
            rng.fill_bytes(&mut out);
            out
        })
    }
    /// A number below `limit` (0 if `limit` is 0), without bias.
    pub fn below(&self, limit: u64) -> u64 {
        if limit == 0 {
            return 0;
        }
        let fair = u64::MAX - u64::MAX % limit;
        self.with(|rng| {
            loop {
                let draw = rng.next_u64();
                if draw < fair {
                    return draw % limit;
                }
            }
        })
    }
    /// A number from `low` to `high`, both included.
    pub fn between(&self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }
    /// True in `per_mille` of 1,000 draws.
    pub fn chance(&self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_repeatable_and_apart() {
        let (a, b) = (Random::from_seed(7), Random::from_seed(7));
        let first: [u8; 16] = a.stream("x").bytes();
        b.stream("y").below(10);
        assert_eq!(first, b.stream("x").bytes::<16>());
        assert_ne!(first, a.stream("x").bytes::<16>(), "a stream goes on, it does not start again");
        assert!((0..1000).all(|_| a.stream("z").between(3, 5) <= 5));
    }
}
