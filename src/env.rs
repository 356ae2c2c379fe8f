//! The only door to clock, randomness, disk and child processes.
//!
//! Everything else receives an [`Env`], so that a simulation owns time, chance and disk, and the
//! same code runs in production and under it. `tests/tidy.rs` keeps the doors shut elsewhere.

pub mod child;
pub mod clock;
pub mod disk;
pub mod harden;
pub mod random;

pub use clock::Clock;
pub use disk::{Disk, DiskError, MemoryDisk, RealDisk};
pub use random::Random;

use crate::domain::id::{ObjectId, RunId};
use std::sync::Arc;

/// Clock, randomness and disk of one process, or of one simulated machine.
#[derive(Clone)]
pub struct Env {
    pub clock: Clock,
    pub random: Random,
    pub disk: Arc<dyn Disk>,
}

impl Env {
    /// The real machine.
    pub fn real() -> Self {
        Self { clock: Clock::real(), random: Random::from_system(), disk: Arc::new(RealDisk) }
    }
    /// A machine whose clock is tokio's (paused, in tests and drills), whose chance comes from
    /// `seed` and whose disk is memory.
    pub fn simulated(clock: Clock, seed: u64) -> Self {
        Self { clock, random: Random::from_seed(seed), disk: Arc::new(MemoryDisk::default()) }
    }
    /// A new run id, from the time now and the `ids` stream.
    pub fn new_run_id(&self) -> RunId {
        let ms = u64::try_from(self.clock.now().unix_ms()).unwrap_or(0);
        RunId::new(ms, self.random.stream("run-ids").bytes())
    }
    /// A new random identifier for an object.
    pub fn new_guid(&self, purpose: &str) -> ObjectId {
        ObjectId::from_random(self.random.stream(purpose).bytes())
    }
}
