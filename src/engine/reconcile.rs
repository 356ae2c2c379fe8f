//! A step in doubt is resolved by looking, never by guessing.

use super::Halt;
use super::course::{Course, Went};
use super::shared::Shared;
use crate::connector::{Call, Trouble};
use crate::domain::event::{DriftSeen, StepLooked};
use crate::domain::target::Act;

pub(super) async fn look(shared: &Shared, course: &mut Course, act: &Act, undo: bool) -> Result<Went, Halt> {
    let Some((state, step, effects)) = shared.stand(course.id, act.step)? else { return Ok(Went::On) };
    let run = shared.board.run_id();
    let call = Call { run: &run, state: &state, step: &step, permit: None };
    let (id, hand) = (course.id, &mut course.hand);
    let looking = async {
        let _lane = shared.lanes.enter(&step.object, shared.env.clock).await;
        effects.look(&call, hand, undo).await
    };
    let Some(looked) = shared.unless_leaving(id, looking).await else { return Ok(Went::On) };
    match looked {
        Ok(sighting) => {
            let event = StepLooked { attempt: act.attempt, sighting, step: act.step, undo };
            shared.board.record(course.id, event.into()).await?;
            Ok(Went::On)
        }
        Err(Trouble::Fault(fault)) => Ok(Went::Unreadable(fault)),
        Err(Trouble::Drift { change, object }) => {
            let seen = DriftSeen { change, object, stops: true, subject: None };
            shared.board.record(course.id, seen.into()).await?;
            Ok(Went::On)
        }
    }
}
