//! The arithmetic of one bucket: a documented quota, the share of it we may use, and what the
//! service's own signals do to that share. Amounts are whatever the quota counts; time is the
//! clock's, so a paused clock works.
//!
//! At pace *p* the long-run rate is *p* % of the quota (`domain/share.rs`). A full bucket holds only what *p* leaves
//! over, so that burst and rate together stay within the quota in **any** window: services
//! document token buckets, but not how large a burst they really allow (unconfirmed). At 100 % nothing is
//! left over; then it holds what a tenth of a second brings, one at least, and the rate makes room for the rest.
//!
//! After "too many" the rate is halved, comes back within a minute or two to a little below where it was
//! refused, and feels its way on from there: so a quota that is lower than documented is kept to, and a
//! dip is forgotten.

use super::budget::Quota;
use crate::domain::share::Share;
use std::time::Duration;

/// The longest pause a service can talk us into.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// The first pause without a stated length; it doubles up to `GROWN_MAX`.
const GROWN_FIRST: Duration = Duration::from_secs(1);
const GROWN_MAX: Duration = Duration::from_secs(64);
/// From this share of its limit on (1.0 = at the limit), the service drops requests.
const AT_LIMIT: f64 = 1.0;
/// Never slower than this part of the share.
const SLOWEST: f64 = 0.1;
/// Seconds in which a fully slowed bucket is back at its share …
const RECOVERY_S: f64 = 120.0;
/// … and in which it would be if every step of the way had been refused before.
const FEELING_S: f64 = 1_200.0;
/// What is believed to be bearable of a rate that was refused.
const BEARABLE: f64 = 0.9;
/// What floating point may be off by.
pub(super) const CRUMB: f64 = 1e-6;

#[derive(Debug)]
pub(super) struct Pace {
    pub(super) level: f64,
    pub(super) capacity: f64,
    /// Per second, at full share.
    share: f64,
    /// What the service's signals leave of it, up to 1.
    slowed: f64,
    /// The part of the share from which on refusals are to be expected.
    ceiling: f64,
    strikes: u32,
    /// The first and the last "too many" since an answer was another one.
    refused: Option<(Duration, Duration)>,
    paused_until: Duration,
    at: Duration,
}

impl Pace {
    /// `pace` in percent, `now` on the budget's clock.
    pub(super) fn new(quota: Quota, pace: u8, full: bool, now: Duration) -> Self {
        let Share { per_second: share, allowed_per_second: _, burst: capacity } = quota.share(pace);
        let level = if full { capacity } else { 0.0 };
        Self {
            level,
            capacity,
            share,
            slowed: 1.0,
            ceiling: 1.0,
            strikes: 0,
            refused: None,
            paused_until: Duration::ZERO,
            at: now,
        }
    }

    pub(super) fn refill(&mut self, now: Duration) {
        let seconds = now.saturating_sub(self.at).as_secs_f64();
        self.level = (self.level + seconds * self.rate()).min(self.capacity);
        let to_ceiling = ((self.ceiling - self.slowed).max(0.0) * RECOVERY_S).min(seconds);
        let beyond = (seconds - to_ceiling) / FEELING_S;
        self.slowed = (self.slowed + to_ceiling / RECOVERY_S + beyond).min(1.0);
        if self.slowed >= 1.0 {
            self.ceiling = 1.0;
        }
        self.at = now;
    }

    pub(super) fn rate(&self) -> f64 {
        self.share * self.slowed
    }

    pub(super) fn pause_left(&self, now: Duration) -> Duration {
        self.paused_until.saturating_sub(now)
    }

    /// When the service began to say "too many" and nothing else, and when it last did.
    pub(super) fn refused(&self) -> Option<(Duration, Duration)> {
        self.refused
    }

    /// The service said "too many". `jitter` is from 0 to 1.
    pub(super) fn strike(&mut self, now: Duration, retry_after: Option<Duration>, jitter: f64) {
        self.refused = Some((self.refused.map_or(now, |(since, _)| since), now));
        // What was under way when the pause began was sent too soon, but not again.
        if now < self.paused_until {
            let stated = retry_after.unwrap_or_default().min(PAUSE_MAX);
            self.paused_until = self.paused_until.max(now + stated);
            return;
        }
        self.strikes = self.strikes.saturating_add(1);
        let doublings = self.strikes.saturating_sub(1).min(6);
        let grown = (GROWN_FIRST * 2u32.pow(doublings)).min(GROWN_MAX).mul_f64(0.75 + jitter / 2.0);
        let pause = match retry_after {
            // A first stated length is believed; if it was too short, ours grows beside it.
            Some(stated) if self.strikes == 1 => stated.min(PAUSE_MAX),
            Some(stated) => stated.min(PAUSE_MAX).max(grown),
            None => grown,
        };
        self.paused_until = self.paused_until.max(now + pause);
        self.ceiling = (self.slowed * BEARABLE).max(SLOWEST);
        self.slowed = (self.slowed / 2.0).max(SLOWEST);
        self.level = self.level.min(0.0);
    }

    /// An answer that was not "too many", with the service's own measure of our load if it gave
    /// one (1.0 = at the limit).
    pub(super) fn note(&mut self, now: Duration, load: Option<f64>) {
        self.refused = None;
        if now >= self.paused_until {
            self.strikes = 0;
        }
        if let Some(load) = load.filter(|l| *l >= AT_LIMIT) {
            self.slowed = self.slowed.min(0.8 / load).max(SLOWEST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_believes_little_and_grows() {
        let quota = Quota::per_seconds(100, 10);
        let mut p = Pace::new(quota, 70, true, Duration::ZERO);
        p.strike(Duration::ZERO, Some(Duration::from_secs(31_536_000)), 0.5);
        assert_eq!(p.pause_left(Duration::ZERO), PAUSE_MAX);
        let mut p = Pace::new(quota, 70, true, Duration::ZERO);
        let mut pauses = Vec::new();
        let mut now = Duration::ZERO;
        for _ in 0..8 {
            p.strike(now, Some(Duration::from_millis(1)), 0.5);
            pauses.push(p.pause_left(now).as_millis());
            now += p.pause_left(now);
        }
        assert_eq!(pauses, [1, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 64_000]);
    }

    /// Forty requests at a time were refused together, and each refusal doubled the pause.
    #[test]
    fn refusals_of_one_moment_are_one_strike() {
        let mut p = Pace::new(Quota::per_seconds(100, 10), 70, true, Duration::ZERO);
        (0..40).for_each(|ms| p.strike(Duration::from_millis(ms), None, 0.5));
        assert_eq!(p.pause_left(Duration::ZERO), GROWN_FIRST);
        assert!((p.rate() - p.share / 2.0).abs() < CRUMB);
        p.strike(Duration::ZERO, Some(Duration::from_secs(9)), 0.5);
        assert_eq!(p.pause_left(Duration::ZERO), Duration::from_secs(9), "what is asked for is given");
    }

    /// A second at a time, with a service that refuses what is faster than `bearable`.
    fn rates_after(p: &mut Pace, seconds: std::ops::Range<u64>, bearable: f64) -> (Vec<f64>, u32) {
        let (mut rates, mut refused) = (Vec::new(), 0);
        for now in seconds.map(Duration::from_secs) {
            p.refill(now);
            if p.rate() > bearable && p.pause_left(now).is_zero() {
                p.strike(now, Some(Duration::from_secs(1)), 0.5);
                refused += 1;
            } else {
                p.note(now, None);
            }
            rates.push(p.rate());
        }
        (rates, refused)
    }

    #[test]
    fn one_refusal_is_forgotten_within_minutes_and_a_lower_quota_is_kept_to() {
        let mut p = Pace::new(Quota::per_seconds(3_000, 150), 100, true, Duration::ZERO);
        let full = p.rate();
        p.strike(Duration::ZERO, None, 0.5);
        assert!((p.rate() - full / 2.0).abs() < CRUMB);
        p.refill(Duration::from_secs(60));
        assert!(p.rate() > full * 0.9 - CRUMB && p.rate() < full, "{}", p.rate());
        p.refill(Duration::from_secs(180));
        assert!((p.rate() - full).abs() < CRUMB, "{}", p.rate());

        let (rates, refused) = rates_after(&mut p, 181..1_381, full / 2.0);
        let mean = rates.iter().sum::<f64>() / 1_200.0;
        assert!(mean > full * 0.4 && mean < full * 0.51, "{mean} of {full}");
        assert!(refused < 30, "{refused}");
        let (rates, refused) = rates_after(&mut p, 1_381..2_581, full);
        assert_eq!(refused, 0);
        assert!((rates.last().unwrap() - full).abs() < CRUMB, "the quota is back: {:?}", rates.last());
    }

    #[test]
    fn a_loaded_service_slows_us_and_we_recover() {
        let quota = Quota::per_seconds(3_000, 150);
        let mut p = Pace::new(quota, 70, true, Duration::ZERO);
        assert!((p.rate() - 14.0).abs() < CRUMB);
        p.note(Duration::ZERO, Some(0.9));
        assert!((p.rate() - 14.0).abs() < CRUMB);
        p.note(Duration::ZERO, Some(1.6));
        assert!((p.rate() - 7.0).abs() < CRUMB);
        p.refill(Duration::from_secs(60));
        assert!((p.rate() - 14.0).abs() < CRUMB);
    }
}
