//! The drift check before each effect: expected is the plan plus our own logged effects.

use super::Halt;
use super::course::{Course, Went};
use super::shared::Shared;
use crate::bent::{self, Bend};
use crate::connector::{Depth, Effects, Sight};
use crate::domain::drift::{Difference, compare, lasting};
use crate::domain::event::DriftSeen;
use crate::domain::target::TargetState;
use std::time::Duration;

/// A difference counts after this many agreeing reads …
const READS: usize = 4;
/// … this far apart: longer in all than the 10–18 s by which reads lag (reported).
const APART: Duration = Duration::from_secs(8);

/// Returns what to do instead of the step, if the world has moved or cannot be read.
pub(super) async fn check(
    shared: &Shared,
    course: &Course,
    state: &TargetState,
    effects: &dyn Effects,
) -> Result<Option<Went>, Halt> {
    if bent::is(Bend::NoDriftCheck) {
        return Ok(None);
    }
    let place = state.plan.steps.iter().find_map(|s| s.place.as_ref());
    let sight = Sight { subject: &state.plan.subject, place, depth: Depth::Drift };
    let mark = shared.board.run_id().mark();
    let mut reads: Vec<Vec<Difference>> = Vec::new();
    while reads.len() < READS {
        let seen = match shared.unless_leaving(course.id, effects.observe(sight)).await {
            None => return Ok(Some(Went::On)),
            Some(Ok(seen)) => seen,
            Some(Err(fault)) => return Ok(Some(Went::Unreadable(fault))),
        };
        // What the run does for another target of the subject meanwhile is ours as well.
        let kin = shared.board.kin(course.id, &state.plan.subject);
        let own = kin.iter().fold(state.own_effects(), |own, k| own.and(k.own_effects()));
        let differences = compare(&state.plan, &own, &mark, &seen);
        if differences.is_empty() {
            return Ok(None);
        }
        reads.push(differences);
        let still = lasting(&reads);
        if still.iter().all(|d| shared.is_known(course.id, d)) {
            return Ok(None);
        }
        if reads.len() < READS {
            let pause = shared.env.clock.pause_between_looks(APART);
            if shared.unless_leaving(course.id, pause).await.is_none() {
                return Ok(Some(Went::On));
            }
        }
    }
    let mut stopped = false;
    for difference in lasting(&reads) {
        if shared.note_known(course.id, &difference) {
            stopped |= difference.stops;
            let Difference { object, subject, change, stops } = difference;
            let seen = DriftSeen { change: change.drift(), object, stops, subject };
            shared.board.record(course.id, seen.into()).await?;
        }
    }
    Ok(stopped.then_some(Went::On))
}
