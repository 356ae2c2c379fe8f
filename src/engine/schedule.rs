//! Who works and who rests.
//!
//! A target has a task only while there is something to do for it. Whoever waits, for a time, for
//! people or for the pilots, is kept as a line in a table: a hold of 26 hours over thousands of
//! targets costs their states and nothing else. At most [`AT_WORK`] work at once; who comes back from
//! a rest goes before who has not begun, so that what was begun ends first.

use super::course::{Course, Rest};
use super::pilots::Pilots;
use super::run::Left;
use super::shared::Shared;
use super::{Halt, driver};
use crate::domain::id::TargetId;
use crate::domain::states::Brief;
use crate::domain::target::Pause;
use crate::domain::time::Timestamp;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// So many targets work at once. The scarcest quota allows ten rotations a second, and what takes minutes
/// (a hold, a removal that spreads, a watch) is rest: a rotation works for about two minutes.
const AT_WORK: usize = 2_048;

type Working<'a> = BoxFuture<'a, (Course, Result<Rest, Halt>)>;

pub(super) struct Schedule<'a> {
    shared: &'a Shared,
    pilots: Pilots,
    /// Not begun, in the order of beginning.
    fresh: VecDeque<TargetId>,
    /// Those of them that begin when everything else is over.
    last: VecDeque<TargetId>,
    /// To be asked again.
    ready: VecDeque<Course>,
    working: FuturesUnordered<Working<'a>>,
    resting: BTreeMap<TargetId, (Course, Why)>,
    due: BTreeSet<(Timestamp, TargetId)>,
    /// How many of those who rest are stuck.
    stuck: usize,
}

/// Why a target rests.
enum Why {
    Pause(Pause),
    /// Until a person resolves it.
    Stuck,
}

impl<'a> Schedule<'a> {
    pub(super) fn new(shared: &'a Shared) -> Result<Self, Halt> {
        let (begins, last) = shared.board.plan().in_order();
        let begun: BTreeSet<TargetId> =
            shared.board.briefs(|all| all.filter(|(_, b)| b.started).map(|(id, _)| id).collect())?;
        let ready = begins.iter().chain(&last).filter(|id| begun.contains(id));
        let ready = ready.map(|id| Course::new(*id)).collect();
        let fresh = |all: Vec<TargetId>| all.into_iter().filter(|id| !begun.contains(id)).collect();
        Ok(Self {
            shared,
            pilots: Pilots::of(begins.iter().copied()),
            fresh: fresh(begins),
            last: fresh(last),
            ready,
            working: FuturesUnordered::new(),
            resting: BTreeMap::new(),
            due: BTreeSet::new(),
            stuck: 0,
        })
    }

    /// Drives every target until all are over or the run leaves.
    pub(super) async fn run(&mut self, patience: Option<Duration>) -> Result<Left, Halt> {
        let (board, clock) = (&self.shared.board, self.shared.env.clock);
        let (mut spoken, mut progress) = (board.spoken(), board.progress());
        loop {
            spoken.catch_up();
            progress.catch_up();
            self.wake();
            self.set_to_work()?;
            if let Some(left) = self.left(patience)? {
                return Ok(left);
            }
            let next = self.due.first().map(|(when, _)| *when);
            tokio::select! {
                biased;
                Some((course, rest)) = self.working.next(), if !self.working.is_empty() => {
                    self.put_to_rest(course, rest?);
                }
                () = spoken.heard() => {}
                () = progress.heard(), if !self.fresh.is_empty() => {}
                () = clock.sleep_until(next.unwrap_or_else(|| clock.now())), if next.is_some() => {}
            }
        }
    }

    /// Who was called or is due has to be asked again.
    fn wake(&mut self) {
        let called = self.shared.board.take_calls();
        let now = self.shared.env.clock.now();
        let mut up: Vec<TargetId> = match called.all {
            true => self.resting.keys().copied().collect(),
            false => called.ids,
        };
        up.extend(self.due.iter().take_while(|(when, _)| *when <= now).map(|(_, id)| *id));
        for id in up {
            let Some((course, why)) = self.resting.remove(&id) else { continue };
            match why {
                Why::Pause(Pause::Until { when, .. }) => drop(self.due.remove(&(when, id))),
                Why::Stuck => self.stuck -= 1,
                Why::Pause(_) => {}
            }
            self.ready.push_back(course);
        }
    }

    fn set_to_work(&mut self) -> Result<(), Halt> {
        let shared = self.shared;
        if shared.is_leaving() {
            // What may be left is left where it is.
            for course in std::mem::take(&mut self.ready) {
                if driver::must_stay(shared, course.id)? {
                    self.ready.push_back(course);
                }
            }
            self.fresh.clear();
            self.last.clear();
        }
        while self.working.len() < AT_WORK {
            let next = match self.ready.pop_front() {
                None => self.next_to_begin()?.map(Course::new),
                ready => ready,
            };
            let Some(mut course) = next else { break };
            self.working.push(Box::pin(async move {
                let rest = driver::drive(shared, &mut course).await;
                (course, rest)
            }));
        }
        Ok(())
    }

    fn next_to_begin(&mut self) -> Result<Option<TargetId>, Halt> {
        if self.fresh.is_empty() && self.working.is_empty() && self.resting.len() == self.stuck {
            // Everything else is over: those that come last begin together.
            self.pilots = Pilots::of([].into_iter());
            self.fresh.append(&mut self.last);
        }
        let Some(first) = self.fresh.front() else { return Ok(None) };
        let may_begin = self.pilots.may_begin(self.shared, *first)?;
        Ok(if may_begin { self.fresh.pop_front() } else { None })
    }

    fn put_to_rest(&mut self, course: Course, rest: Rest) {
        let why = match rest {
            Rest::Over | Rest::Left => return,
            Rest::Stuck => {
                self.stuck += 1;
                Why::Stuck
            }
            Rest::Pause(pause) => {
                if let Pause::Until { when, .. } = pause {
                    self.due.insert((when, course.id));
                }
                Why::Pause(pause)
            }
        };
        self.resting.insert(course.id, (course, why));
    }

    /// Leaves when nobody works, and every target that is not over waits for people or for a long
    /// time.
    fn left(&self, patience: Option<Duration>) -> Result<Option<Left>, Halt> {
        if !self.working.is_empty() {
            return Ok(None);
        }
        if self.shared.is_leaving() {
            return self.left_when_asked();
        }
        if self.resting.len() == self.stuck && self.fresh.is_empty() && self.last.is_empty() {
            return Ok(Some(Left::Finished));
        }
        let soon = patience.map(|patience| self.shared.env.clock.now().after(patience));
        let is_soon = |soon| self.due.first().is_some_and(|(when, _)| *when <= soon);
        Ok(if soon.is_none_or(is_soon) { None } else { self.waits() })
    }

    fn left_when_asked(&self) -> Result<Option<Left>, Halt> {
        for id in self.resting.keys() {
            if driver::must_stay(self.shared, *id)? {
                return Ok(None);
            }
        }
        Ok(Some(match self.shared.board.count(Brief::is_live)? {
            0 => Left::Finished,
            _ => Left::Interrupted,
        }))
    }

    /// What those who rest wait for; none if it is only for another try.
    fn waits(&self) -> Option<Left> {
        let (mut confirm, mut until, mut approval, mut paused) = (Vec::new(), None::<Timestamp>, None, false);
        for (id, (_, why)) in &self.resting {
            let Why::Pause(pause) = why else { continue };
            match pause {
                Pause::Paused => paused = true,
                Pause::Approval(phase) => approval = Some(*phase),
                Pause::Confirmation { missing } => confirm.extend(missing.iter().map(|c| (*id, c.clone()))),
                Pause::Until { holding: true, when } => {
                    until = Some(until.map_or(*when, |u| u.min(*when)));
                }
                Pause::Until { .. } => return None,
            }
        }
        Some(match approval {
            _ if paused => Left::Paused,
            Some(phase) => Left::Approval(phase),
            None => Left::Holding { until, confirm },
        })
    }
}
