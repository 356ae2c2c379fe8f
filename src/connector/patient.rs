//! Patience with a service that is busy, while a plan is read.

use super::reads::patiently;
use crate::domain::event::{Fault, FaultClass};
use crate::env::Clock;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// An answer that cannot be read was cut on its way: it is asked for so often.
const TRIES: u32 = 4;

/// So long nothing but refusals as too much or busy: then nothing is planned. While anything is read, a throttled
/// tenant is waited for: a target that was not read for that reason alone must not be left alone.
const REFUSED_MOST: Duration = Duration::from_secs(600);
/// Pauses after a refusal; the wire has been patient before.
const PAUSE_FIRST: Duration = Duration::from_secs(15);
const PAUSE_MOST: Duration = Duration::from_secs(60);

/// Reads again what was cut, and what was refused as too much or busy.
pub(super) struct Patient {
    clock: Clock,
    /// When anything was last read, or refused for what it is.
    read_at: Mutex<Duration>,
}

impl Patient {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, read_at: Mutex::new(clock.elapsed()) }
    }

    pub(super) async fn read<T, F>(&self, read: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut pause = PAUSE_FIRST;
        loop {
            let cut = |fault: &Fault| fault.class == FaultClass::Unexpected;
            let result = patiently(self.clock, TRIES, cut, &read).await;
            let now = self.clock.elapsed();
            match &result {
                Err(Fault { class: FaultClass::Busy, .. }) => {}
                Err(Fault { class: FaultClass::Line, .. }) => return result,
                _ => {
                    *self.read_at() = now;
                    return result;
                }
            }
            let refused_for = now.saturating_sub(*self.read_at());
            if refused_for >= self.clock.as_lag(REFUSED_MOST) {
                return result;
            }
            self.clock.sleep(self.clock.as_lag(pause)).await;
            pause = (pause * 2).min(PAUSE_MOST);
        }
    }

    fn read_at(&self) -> MutexGuard<'_, Duration> {
        self.read_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
