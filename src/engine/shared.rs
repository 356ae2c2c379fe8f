//! What every part of the engine shares while a run is on.

use super::board::Board;
use super::lanes::Lanes;
use crate::connector::Effects;
use crate::domain::drift::Difference;
use crate::domain::id::{StepNo, TargetId};
use crate::domain::step::Step;
use crate::domain::target::TargetState;
use crate::env::Env;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// What every target's task shares.
pub(super) struct Shared {
    pub(super) env: Env,
    pub(super) board: Board,
    pub(super) lanes: Lanes,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) pause_when_stuck: Option<u32>,
    effects: BTreeMap<String, Arc<dyn Effects>>,
    known: Mutex<BTreeSet<(TargetId, Difference)>>,
    paused_at: Mutex<u32>,
}

impl Shared {
    pub(super) fn new(
        env: Env,
        board: Board,
        stop: watch::Receiver<bool>,
        pause_when_stuck: Option<u32>,
        effects: BTreeMap<String, Arc<dyn Effects>>,
    ) -> Self {
        Self {
            env,
            board,
            lanes: Lanes::default(),
            stop,
            pause_when_stuck,
            effects,
            known: Mutex::default(),
            paused_at: Mutex::default(),
        }
    }

    /// The state, the planned step and the connector for an act; none if there is no such.
    pub(super) fn stand(&self, id: TargetId, no: StepNo) -> Option<(TargetState, Step, &dyn Effects)> {
        let state = self.board.state(id)?;
        let step = state.step(no)?.clone();
        let effects = self.effects.get(state.plan.kind.as_str())?;
        Some((state, step, effects.as_ref()))
    }
    pub(super) fn effects_of(&self, kind: &str) -> Option<&dyn Effects> {
        self.effects.get(kind).map(AsRef::as_ref)
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
