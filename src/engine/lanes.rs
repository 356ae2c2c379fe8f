//! One writer per directory object, with a pause between two writes.
//!
//! Parallel or back-to-back writes on one object are answered with
//! `Directory_ConcurrencyViolation` (409; reported also as 503).

use crate::domain::text::Text;
use crate::env::Clock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;

/// What a write needs to settle before the next one on the same object; no figure is published.
const SETTLE: Duration = Duration::from_secs(3);

/// From so many on, lanes that nobody needs any more are forgotten now and then.
const MANY: usize = 1_024;

type Lane = Arc<tokio::sync::Mutex<Option<Duration>>>;

#[derive(Default)]
pub(super) struct Lanes {
    lanes: Mutex<BTreeMap<Text<128>, Lane>>,
}

/// The right to write to one object; given back when dropped.
pub(super) struct Turn {
    last: OwnedMutexGuard<Option<Duration>>,
    clock: Clock,
}

impl Lanes {
    /// Waits for the object's lane, and until its last write has settled.
    pub(super) async fn enter(&self, object: &Text<128>, clock: Clock) -> Turn {
        let lane = {
            let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            if lanes.len() >= MANY && lanes.len().is_power_of_two() {
                lanes.retain(|_, lane| is_of_use(lane, clock));
            }
            Arc::clone(lanes.entry(object.clone()).or_default())
        };
        let last = lane.lock_owned().await;
        if let Some(wrote_at) = *last {
            clock.sleep((wrote_at + clock.as_lag(SETTLE)).saturating_sub(clock.elapsed())).await;
        }
        Turn { last, clock }
    }
}

/// Whether somebody has it or waits for it, or its last write has not settled.
fn is_of_use(lane: &Lane, clock: Clock) -> bool {
    let settles =
        |last: &Option<Duration>| last.is_some_and(|at| at + clock.as_lag(SETTLE) > clock.elapsed());
    Arc::strong_count(lane) > 1 || lane.try_lock().is_ok_and(|last| settles(&last))
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.last = Some(self.clock.elapsed());
    }
}
