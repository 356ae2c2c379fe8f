//! One target's loop: ask, do, record, until it is over.

use super::board::Idle;
use super::course::{Course, Went};
use super::shared::Shared;
use super::{Halt, pilots, reconcile, segment};
use crate::domain::event::{Cause, Fault, TargetStuck};
use crate::domain::id::TargetId;
use crate::domain::target::{Act, Deed, Next, Pause};
use std::time::Duration;
use tokio::sync::watch;

/// Reads that fail are tried again for this long before a person is asked.
const PATIENCE: Duration = Duration::from_secs(2 * 3_600);

/// Drives a target until it ends, is stuck, or `stop` says that the run leaves.
pub(super) async fn drive(shared: &Shared, id: TargetId) -> Result<(), Halt> {
    let mut course = Course::new(id);
    let mut spoken = shared.board.spoken();
    let mut progress = shared.board.progress();
    let mut stop = shared.stop.clone();
    loop {
        spoken.borrow_and_update();
        progress.borrow_and_update();
        if *stop.borrow_and_update() && !must_stay(shared, id) {
            shared.board.wake(id);
            return Ok(());
        }
        let next = match pilots::may_go(shared, id) {
            true => shared.board.next(id, shared.env.clock.now()),
            false => {
                shared.board.rest(id, Idle::BehindPilots);
                until_changed(&mut stop, &mut progress).await;
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
            Next::Wait(pause) => wait(shared, id, pause, (&mut stop, &mut spoken)).await,
            Next::Over if shared.board.with(id, |s| s.ending().is_some()) == Some(true) => {
                shared.board.wake(id);
                return Ok(());
            }
            Next::Over => {
                shared.board.rest(id, Idle::Stuck);
                until_changed(&mut stop, &mut spoken).await;
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

/// While a value lives only in memory, a run that is asked to leave goes on until it is published,
/// unless that depends on people.
fn must_stay(shared: &Shared, id: TargetId) -> bool {
    let now = shared.env.clock.now();
    let held = shared.board.with(id, |s| s.value_in_memory()) == Some(true);
    let waits = match shared.board.next(id, now) {
        Next::Record(_) | Next::Act(_) => false,
        Next::Wait(pause) => !matches!(pause, Pause::Until { holding: false, .. }),
        Next::Over => true,
    };
    held && !waits
}

type Watched<'a> = (&'a mut watch::Receiver<bool>, &'a mut watch::Receiver<u64>);

async fn wait(shared: &Shared, id: TargetId, pause: Pause, (stop, heard): Watched<'_>) {
    let until = match &pause {
        Pause::Until { when, .. } => Some(*when),
        _ => None,
    };
    shared.board.rest(id, Idle::Pause(pause));
    match until {
        None => until_changed(stop, heard).await,
        Some(when) => {
            tokio::select! {
                biased;
                () = shared.env.clock.sleep_until(when) => {}
                () = until_changed(stop, heard) => {}
            }
        }
    }
}

/// Until the watched thing moves, or the run is asked to leave after it was last looked at.
async fn until_changed(stop: &mut watch::Receiver<bool>, heard: &mut watch::Receiver<u64>) {
    tokio::select! {
        biased;
        Ok(()) = heard.changed() => {}
        Ok(()) = stop.changed() => {}
        else => std::future::pending().await,
    }
}
