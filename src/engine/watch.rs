//! Who still signs in with the old credential: read before people are asked whether it may go.
//!
//! A target that is about to rest for the approval of its retire phase asks here first. Those that
//! wait for their turn at the same time share a query. What is read is recorded if it tells more
//! than what people may have decided by (ADR 0017).

use super::Halt;
use super::shared::Shared;
use crate::connector::SignInLog;
use crate::domain::event::SignInsRead;
use crate::domain::id::TargetId;
use crate::domain::sign_ins::SignIns;
use crate::domain::step::Phase;
use crate::domain::target::TargetState;
use crate::domain::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// While a target waits, the log is read again this often: rows come minutes late.
pub(super) const EVERY: Duration = Duration::from_secs(3_600);
/// Applications in one query: as many comparisons as Graph takes in one filter of a directory
/// object ("Advanced query capabilities"; for this log no figure is published).
const TOGETHER: usize = 15;

pub(super) struct Watch {
    log: Arc<dyn SignInLog>,
    asking: Mutex<VecDeque<TargetId>>,
    read: Mutex<BTreeMap<TargetId, Timestamp>>,
    turn: tokio::sync::Mutex<()>,
}

fn locked<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    pub(super) fn new(log: Arc<dyn SignInLog>) -> Self {
        let (asking, read, turn) = (Mutex::default(), Mutex::default(), tokio::sync::Mutex::default());
        Self { log, asking, read, turn }
    }

    /// The target, if nobody has asked for it meanwhile, and others that wait.
    fn take(&self, id: TargetId) -> Vec<TargetId> {
        let mut asking = locked(&self.asking);
        let Some(at) = asking.iter().position(|other| *other == id) else { return Vec::new() };
        asking.remove(at);
        let others = asking.len().min(TOGETHER - 1);
        std::iter::once(id).chain(asking.drain(..others)).collect()
    }

    fn forget(&self, id: TargetId) {
        locked(&self.asking).retain(|other| *other != id);
    }

    fn is_due(&self, id: TargetId, now: Timestamp) -> bool {
        locked(&self.read).get(&id).is_none_or(|at| now >= at.after(EVERY))
    }
}

/// Whether the log is to be read before this target rests.
pub(super) fn is_due(shared: &Shared, id: TargetId) -> Result<bool, Halt> {
    let due = shared.watch.as_ref().is_some_and(|watch| watch.is_due(id, shared.env.clock.now()));
    Ok(due && shared.board.with(id, |s| s.asks_sign_ins().is_some())? == Some(true))
}

/// Reads for this target, and for others that wait to be read for.
pub(super) async fn read(shared: &Shared, id: TargetId) -> Result<(), Halt> {
    let Some(watch) = &shared.watch else { return Ok(()) };
    locked(&watch.asking).push_back(id);
    let Some(_turn) = shared.while_staying(watch.turn.lock()).await else {
        watch.forget(id);
        return Ok(());
    };
    let ids = watch.take(id);
    let asks = |id: &TargetId| Ok(shared.board.with(*id, TargetState::asks_sign_ins)?.flatten());
    let asked: Vec<_> = ids.iter().filter_map(|id| asks(id).transpose()).collect::<Result<_, Halt>>()?;
    if asked.is_empty() {
        return Ok(());
    }
    let Some(said) = shared.while_staying(watch.log.old_uses(&asked)).await else { return Ok(()) };
    let now = shared.env.clock.now();
    locked(&watch.read).extend(ids.iter().map(|id| (*id, now)));
    let mut is_news = false;
    for (asked, sign_ins) in asked.iter().zip(said) {
        is_news |= note(shared, asked.target, sign_ins).await?;
    }
    if is_news {
        // People sign for the evidence as of the newest checkpoint: this has to be in it.
        shared.board.journal().checkpoint_now().await?;
    }
    Ok(())
}

/// Records it, if the target still waits and people do not know it yet; whether it was.
async fn note(shared: &Shared, id: TargetId, sign_ins: SignIns) -> Result<bool, Halt> {
    let now = shared.env.clock.now();
    let event = SignInsRead { sign_ins: sign_ins.clone() };
    let is_news = |state: &TargetState| {
        let released = state.open_until(Phase::Retire).is_some_and(|until| until > now);
        let tells = state.sign_ins().is_none_or(|before| sign_ins.tells_more_than(before));
        tells && !released && state.asks_sign_ins().is_some()
    };
    shared.board.record_if(id, event.into(), |state, _| is_news(state)).await
}

/// Makes those who wait for their release look again.
pub(super) fn call_who_waits(shared: &Shared) -> Result<(), Halt> {
    if shared.watch.is_some() {
        shared.board.awaiting_release()?.iter().for_each(|(held, _)| shared.board.call(held.target));
    }
    Ok(())
}
