//! The first targets go alone, and too many stuck ones pause the run.

use super::Halt;
use super::shared::Shared;
use crate::domain::event::RunPaused;
use crate::domain::id::TargetId;
use crate::domain::target::TargetState;
use crate::domain::text::{Text, count};

/// So many targets go up to their holds before the others begin.
const PILOTS: usize = crate::domain::plan::estimate::PILOTS;
/// So many stuck targets pause a run whose playbook does not say.
const STUCK_AT_MOST: u32 = 3;

/// The targets that go alone at first.
pub(super) struct Pilots(Vec<TargetId>);

impl Pilots {
    /// The first of those that do not have to be last.
    pub(super) fn of(begins: impl Iterator<Item = TargetId>) -> Self {
        Self(begins.take(PILOTS).collect())
    }
    /// Whether a target that has not begun may: it is a pilot, or every pilot is through.
    pub(super) fn may_begin(&self, shared: &Shared, id: TargetId) -> Result<bool, Halt> {
        if self.0.contains(&id) {
            return Ok(true);
        }
        for pilot in &self.0 {
            if shared.board.with(*pilot, TargetState::is_through)? == Some(false) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Pauses the run when more targets are stuck than it may have.
pub(super) async fn pause_if_too_many_are_stuck(shared: &Shared) -> Result<(), Halt> {
    let stuck = shared.board.count(|b| b.stuck)?;
    let limit = shared.pause_when_stuck.unwrap_or(STUCK_AT_MOST);
    if stuck <= limit || !shared.note_pause(stuck) {
        return Ok(());
    }
    let reason = Text::lossy(&format!("{} stuck, {limit} may be", count(stuck, "target is", "targets are")));
    shared.board.record_run(RunPaused { by: Text::lossy("reissue"), reason }.into()).await.map(drop)
}
