//! One target's loop: ask, do, record, until it is over or has to wait.

use super::course::{Course, Rest, Went};
use super::shared::Shared;
use super::{Halt, pilots, reconcile, refusals, segment, watch};
use crate::domain::event::{Cause, Event, Fault, TargetStuck};
use crate::domain::id::TargetId;
use crate::domain::step::Phase;
use crate::domain::target::{Act, Deed, Next, Pause};
use crate::domain::time::Timestamp;
use std::time::Duration;

/// Reads that fail are tried again for this long before a person is asked.
const PATIENCE: Duration = Duration::from_secs(2 * 3_600);

/// Works on a target for as long as there is something to do, and says why it rests.
pub(super) async fn drive(shared: &Shared, course: &mut Course) -> Result<Rest, Halt> {
    let id = course.id;
    loop {
        if shared.is_leaving() && !must_stay(shared, id)? {
            return Ok(Rest::Left);
        }
        match shared.board.next(id, shared.env.clock.now())? {
            Next::Record(event) => Box::pin(record(shared, id, event)).await?,
            Next::Act(act) => {
                if let Some(when) = act_on(shared, course, act).await? {
                    return Ok(Rest::Pause(Pause::Until { holding: false, when }));
                }
            }
            Next::Wait(Pause::Approval(Phase::Retire)) if watch::is_due(shared, id)? => {
                Box::pin(watch::read(shared, id)).await?;
            }
            Next::Wait(pause) => return Ok(Rest::Pause(pause)),
            Next::Over if shared.board.with(id, |s| s.ending().is_some())? == Some(true) => {
                return Ok(Rest::Over);
            }
            Next::Over => return Ok(Rest::Stuck),
        }
    }
}

async fn record(shared: &Shared, id: TargetId, event: Event) -> Result<(), Halt> {
    let sticks = matches!(event, Event::TargetStuck(_));
    shared.board.record(id, event).await?;
    if sticks { pilots::pause_if_too_many_are_stuck(shared).await } else { Ok(()) }
}

/// Does it, unless there is nothing to do before a moment, which it says.
async fn act_on(shared: &Shared, course: &mut Course, act: Act) -> Result<Option<Timestamp>, Halt> {
    let step = act.step;
    let went = match act.deed {
        Deed::Look { undo } => Box::pin(reconcile::look(shared, course, &act, undo)).await?,
        _ => segment::carry_out(shared, course, &act).await?,
    };
    match went {
        Went::On => course.trouble = None,
        Went::Later(when) => {
            course.trouble = None;
            return Ok(Some(when));
        }
        Went::Unreadable(fault) => {
            Box::pin(refusals::note(shared, Some(&fault), false)).await?;
            Box::pin(be_patient(shared, course, step, fault)).await?;
        }
    }
    Ok(None)
}

/// Waits a little longer each time; asks for a person in the end.
async fn be_patient(shared: &Shared, course: &mut Course, step: u16, fault: Fault) -> Result<(), Halt> {
    let now = shared.env.clock.now();
    let (since, times) = course.trouble.unwrap_or((now, 0));
    if now.since(shared.refusals.patience_from(since)) > PATIENCE {
        let cause = Cause::Fault { code: fault.code };
        return record(shared, course.id, TargetStuck { cause, step }.into()).await;
    }
    course.trouble = Some((since, times + 1));
    let pause = shared.env.clock.sleep(Duration::from_secs(2 << times.min(6)));
    shared.unless_leaving(course.id, pause).await;
    Ok(())
}

/// While a value lives only in memory, a run that is asked to leave goes on until it is published,
/// unless that depends on people.
pub(super) fn must_stay(shared: &Shared, id: TargetId) -> Result<bool, Halt> {
    let now = shared.env.clock.now();
    let held = shared.board.with(id, |s| s.value_in_memory())? == Some(true);
    let waits = match shared.board.next(id, now)? {
        Next::Record(_) | Next::Act(_) => false,
        Next::Wait(pause) => !matches!(pause, Pause::Until { holding: false, .. }),
        Next::Over => true,
    };
    Ok(held && !waits)
}
