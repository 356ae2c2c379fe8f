//! The drift check before each effect, and the last look: expected is the plan plus our own logged
//! effects.

use super::Halt;
use super::course::{Course, Went};
use super::shared::Shared;
use crate::bent::{self, Bend};
use crate::connector::{Depth, Effects, Sight};
use crate::domain::drift::{Difference, compare, lasting};
use crate::domain::event::{Drift, DriftSeen};
use crate::domain::id::TargetId;
use crate::domain::observation::Observation;
use crate::domain::step::Step;
use crate::domain::target::TargetState;
use std::time::Duration;

/// A difference counts after this many agreeing reads …
const READS: usize = 4;
/// … this far apart: longer in all than the 10–18 s by which reads lag (reported).
const APART: Duration = Duration::from_secs(8);

/// What has to be read before a step: one that writes to a store can lose no entry of a list.
fn depth(step: &Step) -> Depth {
    if step.place.is_some() { Depth::Aside } else { Depth::Drift }
}

/// Returns what to do instead of the step, if the world has moved or cannot be read.
pub(super) async fn check(
    shared: &Shared,
    course: &Course,
    state: &TargetState,
    step: &Step,
    effects: &dyn Effects,
) -> Result<Option<Went>, Halt> {
    if bent::is(Bend::NoDriftCheck) {
        return Ok(None);
    }
    let place = state.plan.steps.iter().find_map(|s| s.place.as_ref());
    let sight = Sight { subject: &state.plan.subject, place, depth: depth(step) };
    let mut reads: Vec<Vec<Difference>> = Vec::new();
    while reads.len() < READS {
        let seen = match shared.unless_leaving(course.id, effects.observe(sight)).await {
            None => return Ok(Some(Went::On)),
            Some(Ok(seen)) => seen,
            Some(Err(fault)) => return Ok(Some(Went::Unreadable(fault))),
        };
        let differences = differences(shared, state, &seen)?;
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
            record(shared, course.id, difference).await?;
        }
    }
    Ok(stopped.then_some(Went::On))
}

/// The last look: what somebody else has added since the plan and no check has met, since the check of a
/// secret reads no certificates and nothing is checked after the last write. Whoever reads the report
/// shall know of it.
pub(super) async fn record_added(
    shared: &Shared,
    state: &TargetState,
    seen: &Observation,
) -> Result<(), Halt> {
    let mark = shared.board.run_id().mark();
    let ours = |c: &str| seen.credentials.iter().any(|s| *s.credential.id == *c && s.mark() == Some(&mark));
    for difference in differences(shared, state, seen)? {
        let is_added = difference.change.drift() == Drift::CredentialAdded;
        let is_ours = difference.subject.as_deref().is_some_and(ours);
        if is_added && !is_ours && shared.note_known(state.plan.id, &difference) {
            record(shared, state.plan.id, Difference { stops: false, ..difference }).await?;
        }
    }
    Ok(())
}

/// What differs from the plan and from what the run has done. What it does for another target of the
/// subject is ours as well.
fn differences(shared: &Shared, state: &TargetState, seen: &Observation) -> Result<Vec<Difference>, Halt> {
    let kin = shared.board.kin(state.plan.id, &state.plan.subject)?;
    let own = kin.iter().fold(state.own_effects(), |own, k| own.and(k.own_effects()));
    Ok(compare(&state.plan, &own, &shared.board.run_id().mark(), seen))
}

async fn record(shared: &Shared, id: TargetId, difference: Difference) -> Result<(), Halt> {
    let Difference { object, subject, change, stops } = difference;
    let seen = DriftSeen { change: change.drift(), object, stops, subject };
    shared.board.record(id, seen.into()).await
}
