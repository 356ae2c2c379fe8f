//! One target's loop: ask, do, record, until it is over.

use super::board::Idle;
use super::course::{Course, Went};
use super::shared::Shared;
use super::{Halt, pilots, reconcile, segment};
use crate::domain::event::{Cause, Fault, TargetStuck};
use crate::domain::id::TargetId;
use crate::domain::target::{Act, Deed, Next, Pause};
use std::time::Duration;

/// Reads that fail are tried again for this long before a person is asked.
const PATIENCE: Duration = Duration::from_secs(2 * 3_600);

/// Drives a target until it ends, is stuck, or `stop` says that the run leaves.
pub(super) async fn drive(shared: &Shared, id: TargetId) -> Result<(), Halt> {
    let mut course = Course::new(id);
    let mut spoken = shared.board.spoken();
    let mut progress = shared.board.progress();
    loop {
        spoken.borrow_and_update();
        progress.borrow_and_update();
        if shared.is_stopping() && shared.board.with(id, |s| s.value_in_memory()) != Some(true) {
            shared.board.wake(id);
            return Ok(());
        }
        let next = match pilots::may_go(shared, id) {
            true => shared.board.next(id, shared.env.clock.now()),
            false => {
                shared.board.rest(id, Idle::BehindPilots);
                until_changed(shared, &mut progress).await;
                continue;
            }
        };
        match next {
            Next::Record(event) => {
                shared.board.wake(id);
                shared.board.record(id, event).await?;
                pilots::pause_if_too_many_are_stuck(shared).await?;
            }
            Next::Act(act) => {
                shared.board.wake(id);
                act_on(shared, &mut course, act).await?;
            }
            // A value in memory is lost if nothing can be done with it now.
            Next::Wait(_) if shared.is_stopping() => {
                shared.board.wake(id);
                return Ok(());
            }
            Next::Wait(pause) => wait(shared, id, pause, &mut spoken).await,
            Next::Over if shared.board.with(id, |s| s.ending().is_some()) == Some(true) => {
                shared.board.wake(id);
                return Ok(());
            }
            Next::Over => {
                shared.board.rest(id, Idle::Stuck);
                until_changed(shared, &mut spoken).await;
            }
        }
    }
}

async fn act_on(shared: &Shared, course: &mut Course, act: Act) -> Result<(), Halt> {
    let step = act.step;
    let went = match act.deed {
        Deed::Look { undo } => reconcile::look(shared, course, &act, undo).await?,
        _ => segment::carry_out(shared, course, &act).await?,
    };
    match went {
        Went::On => course.trouble = None,
        Went::Unreadable(fault) => be_patient(shared, course, step, fault).await?,
    }
    Ok(())
}

/// Waits a little longer each time; asks for a person in the end.
async fn be_patient(shared: &Shared, course: &mut Course, step: u16, fault: Fault) -> Result<(), Halt> {
    let now = shared.env.clock.now();
    let (since, times) = course.trouble.unwrap_or((now, 0));
    if now.since(since) > PATIENCE {
        let cause = Cause::Fault { code: fault.code };
        return shared.board.record(course.id, TargetStuck { cause, step }.into()).await;
    }
    course.trouble = Some((since, times + 1));
    shared.env.clock.sleep(Duration::from_secs(2 << times.min(6))).await;
    Ok(())
}

async fn wait(shared: &Shared, id: TargetId, pause: Pause, heard: &mut tokio::sync::watch::Receiver<u64>) {
    let until = match &pause {
        Pause::Until { when, .. } => Some(*when),
        _ => None,
    };
    shared.board.rest(id, Idle::Pause(pause));
    match until {
        None => until_changed(shared, heard).await,
        Some(when) => {
            tokio::select! {
                biased;
                () = shared.env.clock.sleep_until(when) => {}
                () = until_changed(shared, heard) => {}
            }
        }
    }
}

/// Until the watched thing moves, or the run is asked to leave.
async fn until_changed(shared: &Shared, heard: &mut tokio::sync::watch::Receiver<u64>) {
    let mut stop = shared.stop.clone();
    stop.borrow_and_update();
    if shared.is_stopping() {
        return;
    }
    tokio::select! {
        biased;
        _ = heard.changed() => {}
        _ = stop.changed() => {}
    }
}
