//! When a run will be over: arithmetic on what is left to do, the documented quotas and the pace.
//!
//! Targets begin in their order, and what was begun goes before what was not. So the writes of the first
//! *n* targets are done when the quotas have served that many, and target *n* is over
//!
//! ```text
//! pilots + head + max(quota(all writes up to n), quota(writes before holds up to n) + middle + hold) + tail
//! ```
//!
//! where `head`, `middle` and `tail` are its own waits before its first write, up to its last, and after it. The
//! run is over when the last target is. What nobody can reckon is left out: people who have to confirm or
//! approve ([`Estimate::people`]), faults, throttling below the documented quotas.
//!
//! `tests/plans/estimate.rs` holds the estimate against runs in the lab.

use super::draws::draws;
use super::waits::{end_of_trial, wait_s};
use super::{Planned, PlannedTarget};
use crate::domain::id::StepNo;
use crate::domain::share::Share;
use crate::domain::step::{Step, Verb};
use crate::domain::text::Text;
use std::collections::BTreeMap;

pub use super::limit::{Limit, Quota};
pub use super::waits::{chain_s, lead_s};

/// Targets that go alone at first, up to their holds.
pub const PILOTS: usize = 3;
/// The share of the quotas that is used unless the operator says otherwise, in percent.
pub const PACE_DEFAULT: u8 = 70;

/// When a run will be over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Until the last target is at its hold; none if nothing holds.
    pub held_s: Option<u64>,
    /// The longest hold that is left.
    pub hold_s: u64,
    pub limit: Limit,
    pub pace: u8,
    /// Somebody has to confirm: it takes longer than any arithmetic says.
    pub people: bool,
    /// Until everything is over, holds by time included.
    pub seconds: u64,
}

/// What has to be waited for in one target besides quotas, in seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Waits {
    head: f64,
    middle: f64,
    hold: u64,
    tail: f64,
    /// What of all this comes before its hold, if it has one.
    to_hold: Option<f64>,
}

/// What is left to do of a run, added up in the order of its targets.
pub struct Work {
    pace: u8,
    /// What of each quota is used.
    shares: BTreeMap<Quota, Share>,
    /// The same of buckets that give less: of a vault, or nameless.
    slower: BTreeMap<(Quota, Text<64>), Share>,
    /// How many times shorter than in a cloud waits and windows are: a fast lab's.
    haste: f64,
    drawn: BTreeMap<(Quota, Text<64>), Drawn>,
    /// The quotas' time for all that was added, for what of it comes up to last writes, before holds, and for
    /// whatever is not behind a hold.
    all: Slowest,
    written: Slowest,
    before: Slowest,
    to_holds: Slowest,
    /// Until the pilots are through, and whether anybody waits for that.
    pilots_s: f64,
    waits_for_pilots: bool,
    is_under_way: bool,
    targets: usize,
    wait_for_people: usize,
    held_s: Option<f64>,
    hold_s: u64,
    people: bool,
    over_s: f64,
    /// The longest that one target waits: whole, and up to its hold.
    waits_most_s: f64,
    to_hold_most_s: f64,
}

/// The quota that takes longest, and for how long.
#[derive(Clone, Copy, Default)]
struct Slowest {
    seconds: f64,
    quota: Option<(Quota, Share)>,
}

impl Slowest {
    fn or(&mut self, quota: Quota, share: Share, seconds: f64) {
        if seconds > self.seconds {
            *self = Self { seconds, quota: Some((quota, share)) };
        }
    }

    /// Which quota holds back what has to wait for so long anyway: none, if it is done in less than half of that, or
    /// at once.
    fn beside(self, waits_s: f64) -> Option<Limit> {
        let quota = self.quota.filter(|_| self.seconds >= 1.0 && self.seconds * 2.0 > waits_s);
        quota.map(|(quota, share)| Limit::Quota { quota, share })
    }
}

/// What of a target that has begun is not to be seen in its plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct Left {
    /// Of a hold that is open.
    pub hold_s: Option<u64>,
    /// It waits for people, or will.
    pub people: bool,
    /// It does so now, and nothing of it goes on before.
    pub is_with_people: bool,
    /// Whether it is one of those that go alone at first, or has not begun because of them.
    pub trial: Option<Trial>,
    /// How long what its current step waits for has been on its way.
    pub spent_s: u64,
}

/// What the first few, which go alone, are to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// It is one of them, and not through yet.
    Pilot,
    /// It begins after them.
    After,
}

#[derive(Clone, Copy, Default)]
struct Drawn {
    all: u64,
    written: u64,
    before: u64,
    to_holds: u64,
}

/// Which sums a draw belongs to.
#[derive(Clone, Copy)]
struct Part {
    is_written: bool,
    is_before: bool,
    is_to_holds: bool,
}

impl Work {
    /// Of what has not begun, under the documented quotas: their buckets are full.
    pub fn new(pace: u8) -> Self {
        Self {
            pace,
            shares: Quota::ALL.map(|quota| (quota, Share::of(quota.documented(), pace))).into(),
            slower: BTreeMap::new(),
            haste: 1.0,
            drawn: BTreeMap::new(),
            all: Slowest::default(),
            written: Slowest::default(),
            before: Slowest::default(),
            to_holds: Slowest::default(),
            pilots_s: 0.0,
            waits_for_pilots: false,
            is_under_way: false,
            targets: 0,
            wait_for_people: 0,
            held_s: None,
            hold_s: 0,
            people: false,
            over_s: 0.0,
            waits_most_s: 0.0,
            to_hold_most_s: 0.0,
        }
    }

    /// What of a quota is used, by the clock of the run, where that is not the pace's share of what is documented.
    pub fn set_share(&mut self, quota: Quota, share: Share) {
        self.shares.insert(quota, share);
    }

    /// The same of one bucket that may be slower than others of its quota: `of` a vault, else nameless.
    pub fn set_slower_share(&mut self, quota: Quota, of: Text<64>, share: Share) {
        if share.per_second < self.share(quota, &of).per_second {
            self.slower.insert((quota, of), share);
        }
    }

    /// A run that is on: no bucket is full.
    #[must_use]
    pub fn under_way(mut self) -> Self {
        self.shares.values_mut().for_each(|share| *share = share.flowing_at(share.per_second));
        self.is_under_way = true;
        self
    }

    /// In a lab where waits and windows are so many times shorter. Holds are as long as the plan says.
    #[must_use]
    pub fn in_haste(mut self, times: u32) -> Self {
        self.shares.values_mut().for_each(|share| *share = share.in_haste(times));
        Self { haste: f64::from(times.max(1)), ..self }
    }

    fn share(&self, quota: Quota, of: &Text<64>) -> Share {
        let slower = self.slower.iter().find(|((q, bucket), _)| *q == quota && bucket == of);
        let known = slower.map(|(_, share)| share).or_else(|| self.shares.get(&quota));
        known.copied().unwrap_or_else(|| Share::of(quota.documented(), self.pace))
    }

    #[allow(clippy::cast_precision_loss)]
    fn hasty(&self, seconds: u64) -> f64 {
        seconds as f64 / self.haste
    }

    /// Adds the next target that begins: all of it.
    pub fn add(&mut self, target: &PlannedTarget) {
        let trial = if self.targets < PILOTS { Trial::Pilot } else { Trial::After };
        let people = !target.hold.confirmed_by.is_empty();
        let left = Left { people, trial: Some(trial), ..Left::default() };
        self.add_rest(target, |_| false, left);
    }

    /// Adds what is left of one of which some steps are done.
    pub fn add_rest(&mut self, target: &PlannedTarget, is_done: impl Fn(StepNo) -> bool, rest: Left) {
        self.targets += 1;
        self.wait_for_people += usize::from(rest.is_with_people);
        self.waits_for_pilots |= rest.trial == Some(Trial::After);
        let (end_of_trial, mut trial_s) = (end_of_trial(target), 0.0);
        #[allow(clippy::cast_precision_loss)]
        let mut spent_s = rest.spent_s as f64;
        let left = || target.steps.iter().filter(|s| !is_done(s.no));
        let hold = left().find(|s| s.verb.waits());
        let mut waits = Waits::default();
        if let Some(step) = hold {
            let timed = if step.verb == Verb::Hold { target.hold.time_s } else { None };
            waits.hold = rest.hold_s.or(timed).unwrap_or(0);
            waits.to_hold = Some(0.0);
        }
        self.people |= rest.people;
        let (first, last) = (left().find(|s| s.verb.writes()), left().rfind(|s| s.verb.writes()));
        for step in left() {
            let whole = self.hasty(wait_s(target, step));
            let s = (whole - spent_s).max(0.0);
            // Proofs are waited for together; any other step's time is its own.
            spent_s = if step.verb == Verb::Prove { (spent_s - whole).max(0.0) } else { 0.0 };
            if step.no < end_of_trial {
                trial_s += s;
            }
            match () {
                () if last.is_none_or(|l| step.no > l.no) => waits.tail += s,
                () if first.is_some_and(|f| step.no < f.no) => waits.head += s,
                () => waits.middle += s,
            }
            let before = hold.is_some_and(|h| step.no < h.no);
            if before {
                waits.to_hold = waits.to_hold.map(|to_hold| to_hold + s);
            }
            let part = Part {
                is_written: last.is_some_and(|l| step.no <= l.no),
                is_before: before,
                is_to_holds: before || hold.is_none(),
            };
            self.draw(target, step, part);
        }
        if rest.trial == Some(Trial::Pilot) {
            self.pilots_s = self.pilots_s.max(trial_s);
        }
        self.reckon(waits);
    }

    fn draw(&mut self, target: &PlannedTarget, step: &Step, part: Part) {
        let Part { is_written, is_before, is_to_holds } = part;
        for (quota, amount) in draws(target, step) {
            let place = target.steps.iter().find_map(|s| s.place.as_ref()).filter(|_| quota.is_of_a_vault());
            let store = place.map_or_else(|| Text::lossy(""), |place| place.store.clone());
            let share = self.share(quota, &store);
            let drawn = self.drawn.entry((quota, store)).or_default();
            let amount_if = |counts| if counts { u64::from(amount) } else { 0 };
            drawn.all += amount_if(true);
            drawn.written += amount_if(is_written);
            drawn.before += amount_if(is_before);
            drawn.to_holds += amount_if(is_to_holds);
            let Drawn { all, written, before, to_holds } = *drawn;
            let seconds = |amount| share.seconds(amount);
            self.all.or(quota, share, seconds(all));
            self.written.or(quota, share, seconds(written));
            self.before.or(quota, share, seconds(before));
            self.to_holds.or(quota, share, seconds(to_holds));
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn reckon(&mut self, waits: Waits) {
        let Waits { head, middle, hold, tail, to_hold } = waits;
        let hold_s = hold as f64;
        self.waits_most_s = self.waits_most_s.max(head + middle + hold_s + tail);
        if let Some(to_hold) = to_hold {
            let held_s = self.to_holds.seconds + to_hold;
            self.held_s = Some(self.held_s.unwrap_or(0.0).max(held_s));
            self.hold_s = self.hold_s.max(hold);
            self.to_hold_most_s = self.to_hold_most_s.max(to_hold);
        }
        let written_s = self.written.seconds.max(self.before.seconds + middle + hold_s);
        self.over_s = self.over_s.max((written_s + tail).max(self.all.seconds) + head);
    }

    /// When all of it will be over.
    pub fn estimate(&self) -> Estimate {
        let pilots_s = if self.waits_for_pilots { self.pilots_s } else { 0.0 };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let whole = |s: f64| s.ceil() as u64;
        // What comes before a hold is not in the hold's shadow.
        let before = self.held_s.and_then(|_| self.to_holds.beside(self.to_hold_most_s));
        let quota = before.or_else(|| self.all.beside(self.waits_most_s));
        #[allow(clippy::cast_precision_loss)]
        let is_held = self.hold_s as f64 * 2.0 > self.over_s;
        let limit = match quota {
            _ if self.targets > 0 && self.wait_for_people == self.targets => Limit::People,
            _ if self.is_under_way && pilots_s > 0.0 => Limit::Pilots,
            Some(quota) => quota,
            None if is_held => Limit::Hold,
            None => Limit::Waiting,
        };
        Estimate {
            held_s: self.held_s.map(|s| whole(pilots_s + s)),
            hold_s: self.hold_s,
            limit,
            pace: self.pace,
            people: self.people,
            seconds: whole(pilots_s + self.over_s),
        }
    }
}

/// A whole plan, from its beginning.
pub fn of_plan(targets: &[Planned], pace: u8) -> Estimate {
    with(Work::new(pace), targets)
}

/// The same, where other shares than those of the documented quotas are known ([`Work::set_share`]).
pub fn with(mut work: Work, targets: &[Planned]) -> Estimate {
    let mut order: Vec<&PlannedTarget> = targets
        .iter()
        .filter_map(|t| match t {
            Planned::Change(t) => Some(t.as_ref()),
            Planned::Excepted(_) => None,
        })
        .collect();
    order.sort_by_key(|t| (t.start.place, t.id));
    order.into_iter().for_each(|t| work.add(t));
    work.estimate()
}
