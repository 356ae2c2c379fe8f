//! What of a quota is used: the pace is a share of what a service allows.

use super::quotas::Allowance;
use std::fmt;

/// What a bucket holds at least, in seconds of its rate: timers are not exact.
const LEAST_BURST_S: f64 = 0.1;

/// What of a quota is used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    pub per_second: f64,
    /// All that is allowed.
    pub allowed_per_second: f64,
    /// What a full bucket holds.
    pub burst: f64,
}

impl Share {
    /// At a pace in percent, from a full bucket: it holds what the pace leaves over, so that burst and rate together
    /// stay within the quota of any window.
    pub fn of(allowed: Allowance, pace: u8) -> Self {
        let window_s = allowed.per.as_secs_f64().max(0.001);
        let amount = f64::from(allowed.amount.max(1));
        let share = amount * f64::from(pace.clamp(1, 100)) / 100.0;
        let burst = (amount - share).min(share).max((share / window_s * LEAST_BURST_S).max(1.0));
        // The first of a burst needs no room: one at the start of a window, and one whenever the next is due, are
        // as many as are due in it.
        let per_second = share.min(amount - (burst - 1.0)) / window_s;
        Self { per_second, allowed_per_second: amount / window_s, burst }
    }

    /// The same at another rate, with a bucket that is not full.
    pub fn flowing_at(self, per_second: f64) -> Self {
        Self { per_second: per_second.max(1e-5), burst: 0.0, ..self }
    }

    /// The same by a clock to which the service's windows are so many times shorter.
    pub fn in_haste(self, times: u32) -> Self {
        let times = f64::from(times.max(1));
        let (per_second, allowed_per_second) = (self.per_second * times, self.allowed_per_second * times);
        Self { per_second, allowed_per_second, burst: self.burst }
    }

    /// For so much of it.
    #[allow(clippy::cast_precision_loss)]
    pub fn seconds(self, amount: u64) -> f64 {
        (amount as f64 - self.burst).max(0.0) / self.per_second
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        rates(f, self.per_second, self.allowed_per_second)
    }
}

/// `14.0/s of 20.0/s`; where that is little, `7.0/min of 10.0/min`.
fn rates(f: &mut fmt::Formatter<'_>, used: f64, allowed: f64) -> fmt::Result {
    let (times, unit) = if allowed < 1.0 { (60.0, "min") } else { (1.0, "s") };
    let digits = |rate: f64| if rate * times < 0.095 { 2 } else { 1 };
    let (of_used, of_allowed) = (digits(used), digits(allowed));
    write!(f, "{:.of_used$}/{unit} of {:.of_allowed$}/{unit}", used * times, allowed * times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    proptest! {
        /// Burst and rate together never exceed the quota within its window.
        #[test]
        fn no_window_exceeds_the_quota(amount in 2u32..100_000, window in 1u64..600, pace in 1u8..=100) {
            let share = Share::of(Allowance { amount, per: Duration::from_secs(window) }, pace);
            #[allow(clippy::cast_precision_loss)]
            let most = share.burst + share.per_second * window as f64;
            prop_assert!(most <= f64::from(amount) + 1.0 + 1e-6, "{most} of {amount}");
            prop_assert!(share.per_second > 0.0 && share.burst >= 1.0);
        }
    }

    #[test]
    fn rates_are_told_in_the_unit_that_shows_them() {
        let share = |amount, seconds, pace| {
            Share::of(Allowance { amount, per: Duration::from_secs(seconds) }, pace).to_string()
        };
        assert_eq!(share(3_000, 150, 70), "14.0/s of 20.0/s");
        assert_eq!(share(60, 60, 70), "0.7/s of 1.0/s");
        assert_eq!(share(10, 60, 70), "7.0/min of 10.0/min");
        assert_eq!(share(1, 60, 70), "0.7/min of 1.0/min");
        assert_eq!(share(1, 60, 1), "0.01/min of 1.0/min");
    }
}
