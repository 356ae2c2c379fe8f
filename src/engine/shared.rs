//! What every part of the engine shares while a run is on.

use super::Halt;
use super::board::Board;
use super::lanes::Lanes;
use super::refusals::Refusals;
use super::signal::Signal;
use super::watch::Watch;
use crate::connector::Effects;
use crate::domain::drift::Difference;
use crate::domain::id::{StepNo, TargetId};
use crate::domain::step::Step;
use crate::domain::target::TargetState;
use crate::env::Env;
use crate::wire::budget::Permit;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// So many targets have a budget's permit and are about to write: what is sent holds a connection and, in
/// Microsoft's client for vaults, some 40 KiB. A write and its drift check may take five seconds
/// before this, and not the quota, is what binds.
const WRITES_AT_ONCE: usize = 256;

/// What an act stands on: the state, the planned step and the connector.
type Stand<'a> = (Box<TargetState>, Step, &'a dyn Effects);

/// What every target's task shares.
pub(super) struct Shared {
    pub(super) env: Env,
    pub(super) board: Board,
    pub(super) lanes: Lanes,
    pub(super) refusals: Refusals,
    writing: Semaphore,
    stop: watch::Receiver<bool>,
    leaving: Signal,
    pub(super) pause_when_stuck: Option<u32>,
    effects: BTreeMap<String, Arc<dyn Effects>>,
    known: Mutex<BTreeSet<(TargetId, Difference)>>,
    paused_at: Mutex<u32>,
    /// The tenant's sign-in log, where people are shown what it says.
    pub(super) watch: Option<Watch>,
}

impl Shared {
    pub(super) fn new(
        env: Env,
        board: Board,
        stop: watch::Receiver<bool>,
        pause_when_stuck: Option<u32>,
        effects: BTreeMap<String, Arc<dyn Effects>>,
        watch: Option<Watch>,
    ) -> Self {
        Self {
            refusals: Refusals::new(env.clock.now()),
            env,
            board,
            lanes: Lanes::default(),
            writing: Semaphore::new(WRITES_AT_ONCE),
            stop,
            leaving: Signal::default(),
            pause_when_stuck,
            effects,
            known: Mutex::default(),
            paused_at: Mutex::default(),
            watch,
        }
    }

    /// Waits until fewer than [`WRITES_AT_ONCE`] are about to write.
    pub(super) async fn place_to_write(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.writing.acquire().await.ok()
    }
    /// For an act; none if there is no such.
    pub(super) fn stand(&self, id: TargetId, no: StepNo) -> Result<Option<Stand<'_>>, Halt> {
        let of = |state: TargetState| {
            let step = state.step(no)?.clone();
            let effects = self.effects.get(state.plan.kind.as_str())?;
            Some((Box::new(state), step, effects.as_ref()))
        };
        Ok(self.board.state(id)?.and_then(of))
    }
    pub(super) fn effects_of(&self, kind: &str) -> Option<&dyn Effects> {
        self.effects.get(kind).map(AsRef::as_ref)
    }
    /// Whether somebody asked the run to leave at the next safe place.
    pub(super) fn is_leaving(&self) -> bool {
        *self.stop.borrow()
    }
    /// Makes everything that works or waits look up when the run is asked to leave. It wakes in the
    /// order of waiting, as for all other news: a `watch` wakes in an order drawn at random.
    pub(super) async fn ring_when_asked_to_leave(&self) -> Infallible {
        let mut stop = self.stop.clone();
        if stop.wait_for(|asked| *asked).await.is_ok() {
            self.leaving.raise();
            self.board.announce();
        }
        std::future::pending().await
    }
    async fn asked_to_leave(&self) {
        let mut leaving = self.leaving.listen();
        while !self.is_leaving() {
            leaving.heard().await;
        }
    }
    /// Work that may be cut off when the run is asked to leave: what only reads or waits begins
    /// again. None: it was cut off.
    pub(super) async fn while_staying<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.asked_to_leave() => None,
        }
    }
    /// The same for a target's work, which is never cut off while a value lives only in memory …
    pub(super) async fn unless_leaving<T>(&self, id: TargetId, work: impl Future<Output = T>) -> Option<T> {
        self.until_sent(id, None, work).await
    }
    /// … nor once its write is on the way.
    pub(super) async fn until_sent<T>(
        &self,
        id: TargetId,
        permit: Option<&Permit>,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = std::pin::pin!(work);
        // What cannot be known is not cut off: who asks next halts.
        if self.board.with(id, TargetState::value_in_memory).is_ok_and(|held| held != Some(true)) {
            if let Some(done) = self.while_staying(&mut work).await {
                return Some(done);
            }
            if !permit.is_some_and(Permit::is_spent) {
                return None;
            }
        }
        Some(work.await)
    }
    /// Whether a finding was recorded before.
    pub(super) fn is_known(&self, id: TargetId, d: &Difference) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(&(id, d.clone()))
    }
    /// Remembers a finding; true if it is new.
    pub(super) fn note_known(&self, id: TargetId, d: &Difference) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert((id, d.clone()))
    }
    /// True once for each number of stuck targets: after `continue` only a further one pauses.
    pub(super) fn note_pause(&self, stuck: u32) -> bool {
        let mut last = self.paused_at.lock().unwrap_or_else(PoisonError::into_inner);
        let more = stuck > *last;
        *last = stuck.max(*last);
        more
    }
}
