//! The log and every state, in one order.
//!
//! An event is durable before the state moves. Events of the whole run reach each target in the
//! same place of the log as in its state, so that recovery folds exactly what the live run saw.

use super::Halt;
use super::signal::{Listener, Signal};
use crate::bent::{self, Bend};
use crate::domain::event::{Event, Line};
use crate::domain::evidence::Held;
use crate::domain::id::{RunId, TargetId};
use crate::domain::plan::PackedPlan;
use crate::domain::run::RunState;
use crate::domain::states::{Brief, States};
use crate::domain::step::Phase;
use crate::domain::target::{Next, TargetState};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::env::Clock;
use crate::trail::JournalError;
use crate::trail::journal::{Entry, Journal};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedMutexGuard, RwLock};

/// Whom somebody has told something that they decide by.
#[derive(Default)]
pub(super) struct Calls {
    pub(super) all: bool,
    pub(super) ids: Vec<TargetId>,
}

/// The states of a run, which whoever shows it looks at too.
pub type SharedStates = Arc<Mutex<States>>;

/// Everything that a run knows, and the one way to add to it.
pub struct Board {
    journal: Journal,
    clock: Clock,
    run: Mutex<RunState>,
    states: SharedStates,
    /// Held while one event of a target is appended and applied.
    turns: Turns,
    calls: Mutex<Calls>,
    /// Read-held by events of one target, write-held by events of the whole run.
    order: RwLock<()>,
    /// Moves when somebody is called.
    spoken: Signal,
    /// Moves with every event.
    progress: Signal,
}

fn locked<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Board {
    /// A board over what was recovered, or over a run that was just begun.
    pub fn new(journal: Journal, clock: Clock, run: RunState, states: SharedStates) -> Self {
        Self {
            journal,
            clock,
            run: Mutex::new(run),
            states,
            turns: Turns::default(),
            calls: Mutex::default(),
            order: RwLock::new(()),
            spoken: Signal::default(),
            progress: Signal::default(),
        }
    }

    /// Records an event of one target: durable first, then applied.
    pub async fn record(&self, id: TargetId, event: Event) -> Result<(), Halt> {
        self.record_if(id, event, |_, _| true).await.map(drop)
    }

    /// Records the event if it is still wanted when its place in the log has come: a reject or an
    /// abort may have come before it. Says whether it was recorded.
    pub async fn record_if(
        &self,
        id: TargetId,
        event: Event,
        wanted: impl FnOnce(&TargetState, &RunState) -> bool + Send,
    ) -> Result<bool, Halt> {
        let _order = self.order.read().await;
        let _turn = self.turns.take(id).await;
        let entry = {
            let (run, mut states) = (locked(&self.run), locked(&self.states));
            let Some(state) = there(&mut states, id)? else { return Ok(false) };
            if !wanted(state, &run) {
                return Ok(false);
            }
            // What could not be folded must not be written.
            state.clone().apply(&event, self.clock.now())?;
            let before = allowed_until(state, &event);
            Entry::of_target(&run.id, id, event).before(before)
        };
        let Some(line) = self.append_in_time(entry).await? else { return Ok(false) };
        locked(&self.states).apply(id, &line.event, line.time).transpose()?;
        locked(&self.run).apply(&line.event, line.time);
        self.progress.raise();
        Ok(true)
    }

    /// Records several, one after the other.
    pub async fn record_all(&self, id: TargetId, events: Vec<Event>) -> Result<(), Halt> {
        for event in events {
            self.record(id, event).await?;
        }
        Ok(())
    }

    /// Records an event of the whole run; every target sees it at the same place. Returns the time
    /// that it was recorded at.
    pub async fn record_run(&self, event: Event) -> Result<Timestamp, Halt> {
        let at = self.record_run_before(None, event).await?;
        Ok(at.unwrap_or_else(|| self.clock.now()))
    }

    /// The same, unless that moment has come: then nothing is recorded.
    pub async fn record_run_before(
        &self,
        end: Option<Timestamp>,
        event: Event,
    ) -> Result<Option<Timestamp>, Halt> {
        let _order = self.order.write().await;
        let entry = Entry::of_run(&self.run_id(), event).before(end);
        let Some(line) = self.append_in_time(entry).await? else { return Ok(None) };
        locked(&self.run).apply(&line.event, line.time);
        locked(&self.states).apply_to_all(&line.event, line.time);
        self.announce();
        Ok(Some(line.time))
    }

    async fn append_in_time(&self, entry: Entry) -> Result<Option<Arc<Line>>, Halt> {
        match self.journal.append_one(entry).await {
            Ok(appended) => Ok(Some(appended.line)),
            Err(JournalError::TooLate(_)) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Records that a planned target takes no part: it has no state.
    pub async fn record_excepted(&self, id: TargetId, event: Event) -> Result<(), Halt> {
        let line = self.journal.append_one(Entry::of_target(&self.run_id(), id, event)).await?.line;
        locked(&self.run).apply(&line.event, line.time);
        Ok(())
    }

    pub fn journal(&self) -> &Journal {
        &self.journal
    }
    pub fn run(&self) -> RunState {
        locked(&self.run).clone()
    }
    pub fn run_id(&self) -> RunId {
        locked(&self.run).id.clone()
    }
    /// The plan of the run.
    pub fn plan(&self) -> Arc<PackedPlan> {
        Arc::clone(locked(&self.states).plan())
    }
    pub fn ids(&self) -> Vec<TargetId> {
        locked(&self.states).ids().collect()
    }
    /// A copy of one target's state.
    pub fn state(&self, id: TargetId) -> Result<Option<TargetState>, Halt> {
        self.with(id, TargetState::clone)
    }
    /// Copies of the other targets about the same subject.
    pub fn kin(&self, id: TargetId, subject: &Text<128>) -> Result<Vec<TargetState>, Halt> {
        let plan = self.plan();
        let others = plan.kin(subject).iter().filter(|k| **k != id);
        others.filter_map(|k| self.state(*k).transpose()).collect()
    }
    /// Looks at one target's state without copying it. None: there is no such target.
    pub fn with<T>(&self, id: TargetId, look: impl FnOnce(&TargetState) -> T) -> Result<Option<T>, Halt> {
        Ok(there(&mut locked(&self.states), id)?.map(look))
    }
    pub fn next(&self, id: TargetId, now: Timestamp) -> Result<Next, Halt> {
        Ok(self.with(id, |s| s.next(now))?.unwrap_or(Next::Over))
    }
    /// The evidence of the targets that wait for their release, and until when they have one.
    pub(super) fn awaiting_release(&self) -> Result<Vec<(Held, Option<Timestamp>)>, Halt> {
        let states = locked(&self.states);
        let awaiting: Vec<TargetId> =
            states.briefs().filter(|(_, b)| b.awaits_release).map(|(id, _)| id).collect();
        let look = |s: &TargetState| Some((s.awaits_release()?, s.open_until(Phase::Retire)));
        let held = awaiting.into_iter().filter_map(|id| look(&*states.state(id)?)).collect();
        nothing_lost(&states)?;
        Ok(held)
    }
    /// An error if anything that was put aside cannot be read again: what was counted or listed is not all.
    pub fn has_all(&self) -> Result<(), Halt> {
        nothing_lost(&locked(&self.states))
    }
    /// What is known of every target at once.
    pub fn briefs<T>(
        &self,
        look: impl FnOnce(&mut dyn Iterator<Item = (TargetId, Brief)>) -> T,
    ) -> Result<T, Halt> {
        let states = locked(&self.states);
        let seen = look(&mut states.briefs());
        nothing_lost(&states)?;
        Ok(seen)
    }
    /// When a credential was last made of which nobody knew whether it was.
    pub(super) fn doubted_mint_at(&self) -> Option<Timestamp> {
        locked(&self.states).doubted_mint_at()
    }
    /// How many targets fit a description.
    pub fn count(&self, fits: impl Fn(&Brief) -> bool) -> Result<u32, Halt> {
        self.briefs(|all| u32::try_from(all.filter(|(_, brief)| fits(brief)).count()).unwrap_or(u32::MAX))
    }

    /// Makes every waiting target decide again.
    pub fn announce(&self) {
        locked(&self.calls).all = true;
        self.spoken.raise();
        self.progress.raise();
    }
    /// Makes one target decide again, if it waits.
    pub(super) fn call(&self, id: TargetId) {
        locked(&self.calls).ids.push(id);
        self.spoken.raise();
    }
    /// Who was called since the last time.
    pub(super) fn take_calls(&self) -> Calls {
        std::mem::take(&mut locked(&self.calls))
    }
    /// Wakes when somebody is called.
    pub(super) fn spoken(&self) -> Listener {
        self.spoken.listen()
    }
    /// Wakes whenever anything is recorded.
    pub(super) fn progress(&self) -> Listener {
        self.progress.listen()
    }
}

/// One target's state. None: there is no such target.
fn there(states: &mut States, id: TargetId) -> Result<Option<&TargetState>, Halt> {
    if states.get(id).is_none() {
        nothing_lost(states)?;
    }
    Ok(states.get(id))
}

fn nothing_lost(states: &States) -> Result<(), Halt> {
    states.lost().map_or(Ok(()), |lost| Err(lost.into()))
}

/// An intent that needs an approved phase is not recorded when that has ended.
fn allowed_until(state: &TargetState, event: &Event) -> Option<Timestamp> {
    let Event::StepIntent(intent) = event else { return None };
    let step = state.plan.step(intent.step).filter(|s| s.verb.writes() && !intent.undo)?;
    if bent::is(Bend::QuorumOnce) {
        return None;
    }
    state.open_until(step.phase)
}

/// One event of a target at a time.
#[derive(Default)]
struct Turns(Mutex<BTreeMap<TargetId, Arc<tokio::sync::Mutex<()>>>>);

/// A target's turn; given back when dropped.
struct Turn<'a> {
    turns: &'a Turns,
    id: TargetId,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    async fn take(&self, id: TargetId) -> Turn<'_> {
        let turn = Arc::clone(locked(&self.0).entry(id).or_default());
        Turn { turns: self, id, held: Some(turn.lock_owned().await) }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut turns = locked(&self.turns.0);
        self.held = None;
        // Nobody waits for it: the table keeps only those in use.
        if turns.get(&self.id).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            turns.remove(&self.id);
        }
    }
}
