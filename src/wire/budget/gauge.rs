//! What the buckets look like, for those who watch: how full, how fast, what is waited for, what is refused.

use super::{Bucket, Budget};
use crate::domain::share::Share;
use crate::domain::time::Timestamp;
use crate::wire::pace::Pace;
use std::time::Duration;

/// What a bucket looks like now, for progress displays and `doctor`.
#[derive(Clone, Debug, PartialEq)]
pub struct Gauge {
    pub bucket: Bucket,
    pub level: f64,
    pub capacity: f64,
    /// What is used now.
    pub share: Share,
    pub paused_for: Duration,
}

/// What stops the first of those who wait.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldBack {
    pub bucket: Bucket,
    /// What is used now: the share of the quota, less what the service's signals take off it.
    pub share: Share,
    pub paused_for: Duration,
    /// How many wait for anything.
    pub waiting: usize,
}

/// A quota of which the service grants nothing at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub bucket: Bucket,
    pub since: Timestamp,
    /// Until it is asked again.
    pub paused_for: Duration,
}

/// So long nothing but refusals, to the cloud: a quota that is lower than documented answers now and then.
const REFUSED_LEAST: Duration = Duration::from_secs(20);
/// Longer than a step waits between two tries, in a fast lab too: who has not asked for so long does not know.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(150);

impl Budget {
    /// Every bucket that was used.
    pub fn gauges(&self) -> Vec<Gauge> {
        let now = self.now();
        let mut state = self.state();
        let show = |(bucket, pace): (&Bucket, &mut Pace)| {
            pace.refill(now);
            Gauge {
                bucket: bucket.clone(),
                level: pace.level,
                capacity: pace.capacity,
                share: self.share_now(bucket, pace),
                paused_for: self.0.clock.as_lag(pace.pause_left(now)),
            }
        };
        state.buckets.iter_mut().map(show).collect()
    }

    /// What holds the front of the queue back; none if nobody waits.
    pub fn held_back(&self) -> Option<HeldBack> {
        let now = self.now();
        let state = self.state();
        let (bucket, waiting) = state.queue.held_back(&state.buckets, now)?;
        let pace = state.buckets.get(&bucket)?;
        Some(HeldBack {
            share: self.share_now(&bucket, pace),
            paused_for: self.0.clock.as_lag(pace.pause_left(now)),
            bucket,
            waiting,
        })
    }

    /// The share of the bucket's quota, less what the service's signals take off it.
    fn share_now(&self, bucket: &Bucket, pace: &Pace) -> Share {
        self.quota(bucket.sort()).share(self.0.pace).flowing_at(pace.rate()).in_haste(self.haste())
    }

    /// The quotas of which nothing was granted lately, although it was asked for: the longest first, and of those
    /// that were refused together the narrowest.
    pub fn refusals(&self) -> Vec<Refused> {
        let now = self.now();
        let state = self.state();
        let refused = state.buckets.iter().filter_map(|(bucket, pace)| {
            let (since, until) = pace.refused()?;
            // A pause that it asked for is a part of it.
            let left = pace.pause_left(now);
            let ends = if left.is_zero() { until } else { now + left };
            let lasts = ends.saturating_sub(since) >= REFUSED_LEAST;
            let is_recent =
                !left.is_zero() || self.0.clock.as_lag(now.saturating_sub(until)) < FORGOTTEN_AFTER;
            (lasts && is_recent).then_some((since, bucket, pace))
        });
        let mut refused: Vec<_> = refused.collect();
        refused.sort_by(|(since, _, pace), (other_since, _, other)| {
            since.cmp(other_since).then(pace.rate().total_cmp(&other.rate()))
        });
        let show = |(since, bucket, pace): (Duration, &Bucket, &Pace)| Refused {
            bucket: bucket.clone(),
            since: self.0.clock.now().before(self.0.clock.as_lag(now.saturating_sub(since))),
            paused_for: self.0.clock.as_lag(pace.pause_left(now)),
        };
        refused.into_iter().map(show).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Draw, Quota, Start};
    use super::*;
    use crate::env::Env;

    /// A quota that is lower than documented refuses, and grants: that is no refusal.
    #[tokio::test(start_paused = true)]
    async fn a_quota_of_which_nothing_is_granted_is_told_since_when() {
        let env = Env::simulated(crate::env::Clock::starting_at(Timestamp::from_unix_s(1_000_000)), 1);
        let quotas = [("reads", Quota::per_seconds(8_000, 10)), ("writes", Quota::per_seconds(3_000, 150))];
        let budget = Budget::new(&env, &quotas, 70, Start::Full);
        let draws = ["reads", "writes"].map(|name| Draw { bucket: Bucket::named(name), amount: 1 });
        let answered = async |draws: &[Draw], status: u16| {
            tokio::time::sleep(Duration::from_secs(12)).await;
            budget.note_response(draws, http::StatusCode::from_u16(status).unwrap(), &http::HeaderMap::new());
            budget.refusals().first().map(|refused| (refused.bucket.sort().to_owned(), refused.since))
        };
        assert_eq!(answered(&draws, 429).await, None, "once");
        let since = env.clock.now();
        assert_eq!(answered(&draws, 429).await, None, "for 12 s");
        assert_eq!(answered(&draws, 429).await, Some(("writes".to_owned(), since)));
        assert_eq!(answered(&draws[..1], 200).await, Some(("writes".to_owned(), since)), "only read");
        assert_eq!(answered(&draws, 201).await, None);
        for _ in 0..3 {
            answered(&draws, 429).await;
        }
        assert!(!budget.refusals().is_empty());
        tokio::time::sleep(FORGOTTEN_AFTER).await;
        assert_eq!(budget.refusals(), [], "nobody has asked since");
    }
}
