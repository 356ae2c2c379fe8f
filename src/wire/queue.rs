//! Who waits for permits.
//!
//! Those who want the same stand in one line, for what stops its first stops the rest: serving costs
//! by the number of lines, of which there are as many as sorts of requests, and not by the number of
//! those who wait. Between lines the order of coming decides ([`Place`]): who is first in a line has their amounts
//! reserved in every bucket, against all who came later. Only the first: what nine thousand have reserved
//! that wait for a scarce bucket is more than a plentiful one ever holds, and then nobody is served.

use super::budget::{Bucket, Draw};
use super::pace::{CRUMB, Pace};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::sync::oneshot;

#[derive(Default)]
pub(super) struct Queue {
    lines: Vec<Line>,
    /// How many have come so far.
    came: u64,
}

/// Those who want the same, in the order of coming. Never empty.
struct Line {
    draws: Vec<Draw>,
    waiting: VecDeque<Waiter>,
}

/// A place in the order of coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// When they came, or count as having come.
    since: Duration,
    number: u64,
}

struct Waiter {
    place: Place,
    granted: oneshot::Sender<()>,
}

impl Line {
    fn amount(&self, bucket: &Bucket) -> Option<u32> {
        self.draws.iter().find(|d| d.bucket == *bucket).map(|d| d.amount)
    }
    fn index_of(&self, place: Place) -> Result<usize, usize> {
        self.waiting.binary_search_by_key(&place, |w| w.place)
    }
    fn first(&self) -> Option<Place> {
        self.waiting.front().map(|w| w.place)
    }
}

impl Queue {
    /// Joins; the answer is the waiter's place.
    pub(super) fn join(&mut self, draws: &[Draw], since: Duration, granted: oneshot::Sender<()>) -> Place {
        self.came += 1;
        let place = Place { since, number: self.came };
        let waiter = Waiter { place, granted };
        match self.lines.iter_mut().find(|l| l.draws == draws) {
            Some(line) => {
                let index = line.index_of(place).unwrap_or_else(|index| index);
                line.waiting.insert(index, waiter);
            }
            None => self.lines.push(Line { draws: draws.to_vec(), waiting: VecDeque::from([waiter]) }),
        }
        place
    }

    /// Leaves, served or not.
    pub(super) fn leave(&mut self, draws: &[Draw], place: Place) {
        let Some(i) = self.lines.iter().position(|l| l.draws == draws) else { return };
        if let Ok(index) = self.lines[i].index_of(place) {
            self.remove(i, index);
        }
    }

    fn remove(&mut self, line: usize, index: usize) -> Option<Waiter> {
        let waiter = self.lines[line].waiting.remove(index);
        if self.lines[line].waiting.is_empty() {
            self.lines.swap_remove(line);
        }
        waiter
    }

    /// What is waited for.
    pub(super) fn buckets(&self) -> impl Iterator<Item = &Bucket> {
        self.lines.iter().flat_map(|l| l.draws.iter().map(|d| &d.bucket))
    }

    /// Serves whoever can be served, in the order of coming.
    pub(super) fn serve(&mut self, buckets: &mut BTreeMap<Bucket, Pace>, now: Duration) {
        // Lines whose first has to wait: all up to that place were looked at.
        let mut after = None;
        loop {
            let firsts = self.lines.iter().enumerate().filter_map(|(i, line)| Some((line.first()?, i)));
            let Some((place, i)) = firsts.filter(|(place, _)| Some(*place) > after).min() else { return };
            if !self.wait_of(i, place, buckets, now).is_zero() {
                after = Some(place);
                continue;
            }
            for draw in &self.lines[i].draws {
                if let Some(pace) = buckets.get_mut(&draw.bucket) {
                    pace.level -= f64::from(draw.amount);
                }
            }
            // A waiter that has gone away meanwhile has still taken its share: never too fast.
            if let Some(waiter) = self.remove(i, 0) {
                let _ = waiter.granted.send(());
            }
        }
    }

    /// How long a waiter has to wait yet; none if it is not in the queue.
    pub(super) fn wait(
        &self,
        draws: &[Draw],
        place: Place,
        buckets: &BTreeMap<Bucket, Pace>,
        now: Duration,
    ) -> Option<Duration> {
        let i = self.lines.iter().position(|l| l.draws == draws)?;
        self.lines[i].index_of(place).ok()?;
        Some(self.wait_of(i, place, buckets, now))
    }

    /// Of the buckets that the first of all draws on, the one that takes longest to serve all who wait for it; and how
    /// many wait for anything.
    pub(super) fn held_back(
        &self,
        buckets: &BTreeMap<Bucket, Pace>,
        now: Duration,
    ) -> Option<(Bucket, usize)> {
        let first = self.lines.iter().min_by_key(|l| l.first())?;
        let waits = first.draws.iter().filter_map(|draw| {
            let pace = buckets.get(&draw.bucket)?;
            Some((time_until(pace, self.wanted(&draw.bucket), 0, now), &draw.bucket))
        });
        // Where nobody has to wait, nothing holds anybody back.
        let (_, bucket) = waits.filter(|(wait, _)| !wait.is_zero()).max()?;
        Some((bucket.clone(), self.lines.iter().map(|l| l.waiting.len()).sum()))
    }

    fn wait_of(
        &self,
        line: usize,
        place: Place,
        buckets: &BTreeMap<Bucket, Pace>,
        now: Duration,
    ) -> Duration {
        let needs = self.lines[line].draws.iter().filter_map(|draw| {
            let pace = buckets.get(&draw.bucket)?;
            Some(time_until(pace, self.reserved(&draw.bucket, place), draw.amount, now))
        });
        needs.max().unwrap_or_default()
    }

    /// What all who wait will take from a bucket.
    fn wanted(&self, bucket: &Bucket) -> f64 {
        let of_line = |line: &Line| {
            #[allow(clippy::cast_precision_loss)]
            line.amount(bucket).map_or(0.0, |amount| f64::from(amount) * line.waiting.len() as f64)
        };
        self.lines.iter().map(of_line).sum()
    }

    /// What those who came earlier will take from a bucket: all of the own line, the first of others.
    fn reserved(&self, bucket: &Bucket, place: Place) -> f64 {
        let of_line = |line: &Line| {
            let earlier = line.index_of(place).unwrap_or_else(|index| index.min(1));
            #[allow(clippy::cast_precision_loss)]
            line.amount(bucket).map_or(0.0, |amount| f64::from(amount) * earlier as f64)
        };
        self.lines.iter().map(of_line).sum()
    }
}

/// How long until `amount` can be served behind what is reserved; zero if now.
fn time_until(pace: &Pace, reserved: f64, amount: u32, now: Duration) -> Duration {
    // More than the bucket holds is served from a full bucket and owed afterwards.
    let amount = f64::from(amount).min(pace.capacity);
    let short = reserved + amount - pace.level;
    let filling = if short > CRUMB { Duration::from_secs_f64(short / pace.rate()) } else { Duration::ZERO };
    filling.max(pace.pause_left(now))
}
