//! Time: the real clock, or one that follows tokio's timer from a stated start.

use crate::domain::time::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// Tells the time. Cheap to copy; all copies agree.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    Real {
        opened: Instant,
        /// How many times shorter the cloud's lags and windows are: 1, unless a fast lab says so.
        haste: u32,
    },
    /// `start` plus what tokio's clock has advanced: on a paused runtime, virtual time.
    Virtual { start: Timestamp, opened: Instant },
}

impl Clock {
    pub fn real() -> Self {
        Self::Real { opened: Instant::now(), haste: 1 }
    }
    /// The same clock for a lab whose lags are so many times shorter than a cloud's.
    pub fn hasty(self, haste: u32) -> Self {
        match self {
            Self::Real { opened, .. } => Self::Real { opened, haste: haste.max(1) },
            other => other,
        }
    }
    /// Starts a clock at `start`. Call it inside the runtime whose time it shall follow.
    pub fn starting_at(start: Timestamp) -> Self {
        Self::Virtual { start, opened: Instant::now() }
    }
    /// The time of day, in UTC.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Real { .. } => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                Timestamp::from_unix_ms(since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
            }
            Self::Virtual { start, opened } => start.after(opened.elapsed()),
        }
    }
    /// Time that never goes back, since this clock was made.
    pub fn elapsed(&self) -> Duration {
        match self {
            Self::Real { opened, .. } | Self::Virtual { opened, .. } => opened.elapsed(),
        }
    }
    pub async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
    /// How many times shorter the cloud's lags and windows are here.
    pub fn haste(&self) -> u32 {
        match self {
            Self::Real { haste, .. } => *haste,
            Self::Virtual { .. } => 1,
        }
    }
    /// How long something lasts that lasts `span` in a cloud: a lag, the window of a quota.
    pub fn as_lag(&self, span: Duration) -> Duration {
        match self {
            Self::Real { haste, .. } => span / *haste,
            Self::Virtual { .. } => span,
        }
    }
    /// The other way round: how long `span` of this clock is to the cloud.
    pub fn in_cloud(&self, span: Duration) -> Duration {
        match self {
            Self::Real { haste, .. } => span * *haste,
            Self::Virtual { .. } => span,
        }
    }
    /// The pause between two looks at the same thing: as long as what is looked at may lag.
    pub async fn pause_between_looks(&self, span: Duration) {
        self.sleep(self.as_lag(span)).await;
    }
    /// Sleeps until the clock shows `when`; returns at once if it already does.
    pub async fn sleep_until(&self, when: Timestamp) {
        self.sleep(when.since(self.now())).await;
    }
}
