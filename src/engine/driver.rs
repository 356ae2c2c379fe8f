//! One target's loop: ask, do, record, until it is over.

use super::board::Idle;
use super::course::{Course, Went};
use super::shared::Shared;
use super::{Halt, pilots, reconcile, segment};
use crate::domain::event::{Cause, Fault, TargetStuck};
use crate::domain::id::TargetId;
use crate::domain::target::{Act, Deed, Next, Pause};
use crate::domain::time::Timestamp;
use std::time::Duration;

/// Reads that fail are tried again for this long before a person is asked.
const PATIENCE: Duration = Duration::from_secs(2 * 3_600);

/// Drives a target until it ends, is stuck, or the run leaves.
pub(super) async fn drive(shared: &Shared, id: TargetId) -> Result<(), Halt> {
    let mut course = Course::new(id);
    let mut spoken = shared.board.spoken();
    let mut progress = shared.board.progress();
    loop {
        spoken.catch_up();
        progress.catch_up();
        if shared.is_leaving() && !must_stay(shared, id) {
            shared.board.wake(id);
            return Ok(());
        }
        let next = match pilots::may_go(shared, id) {
            true => shared.board.next(id, shared.env.clock.now()),
            false => {
                shared.board.rest(id, Idle::BehindPilots);
                progress.heard().await;
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
            Next::Wait(pause) => {
                let until = until(&pause);
                shared.board.rest(id, Idle::Pause(pause));
                match until {
                    None => spoken.heard().await,
                    Some(when) => tokio::select! {
                        biased;
                        () = shared.env.clock.sleep_until(when) => {}
                        () = spoken.heard() => {}
                    },
                }
            }
            Next::Over if shared.board.with(id, |s| s.ending().is_some()) == Some(true) => {
                shared.board.wake(id);
                return Ok(());
            }
            Next::Over => {
                shared.board.rest(id, Idle::Stuck);
                spoken.heard().await;
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
    let pause = shared.env.clock.sleep(Duration::from_secs(2 << times.min(6)));
    shared.unless_leaving(course.id, pause).await;
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

fn until(pause: &Pause) -> Option<Timestamp> {
    match pause {
        Pause::Until { when, .. } => Some(*when),
        _ => None,
    }
}
