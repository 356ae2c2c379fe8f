//! One step: permit → clearance → drift check → intent (durable) → one send → outcome.
//!
//! The permit comes first, so that nothing waits between intent and request. Reconcile, discard
//! and undo of our own effects need no clearance and no drift check.

use super::course::{Course, Went};
use super::shared::Shared;
use super::{Halt, drift, refusals};
use crate::bent::{self, Bend};
use crate::connector::{Call, Clearance, Effects, Errand, Trouble, Warrant};
use crate::domain::event::{DriftSeen, Event, Fault, FaultClass, Happened, StepDone, StepFailed, StepIntent};
use crate::domain::plan::{PlannedTarget, estimate};
use crate::domain::retry;
use crate::domain::run::RunState;
use crate::domain::step::{Effect, Step};
use crate::domain::target::{Act, Deed, TargetState};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::wire::budget::{Permit, with_permit};
use std::sync::Arc;
use std::time::Duration;

/// What is on the heap here is there only for those few who are past their waiting: two thousand wait.
pub(super) async fn carry_out(shared: &Shared, course: &mut Course, act: &Act) -> Result<Went, Halt> {
    let Some((state, step, effects)) = shared.stand(course.id, act.step)? else { return Ok(Went::On) };
    let writes = step.verb.writes() || act.deed != Deed::Do;
    if !writes {
        if let Some(went) = not_yet(shared, course, Stand { state: &state, step: &step, effects }).await {
            return Ok(went);
        }
        let stand = Stand { state: &state, step: &step, effects };
        return Box::pin(send(shared, course, act, stand, None)).await;
    }
    // Two thousand wait, and look again afterwards: until then the plan is enough.
    let plan = Arc::clone(&state.plan);
    drop(state);
    let by_step = bent::is(Bend::WrongLane).then(|| Text::lossy(&format!("{}.{}", course.id, step.no)));
    let waiting = Box::pin(async {
        let object = by_step.as_ref().unwrap_or(&step.object);
        let lane = shared.lanes.enter(object, shared.env.clock).await;
        let permit = effects.reserve(&plan, &step, errand(&act.deed), lead(&plan, &step, act)).await;
        (lane, permit, shared.place_to_write().await)
    });
    let Some((lane, permit, place)) = shared.unless_leaving(course.id, waiting).await else {
        return Ok(Went::On);
    };
    // While we waited, people may have spoken: decide again if the state has moved.
    let Some((state, _, _)) = shared.stand(course.id, act.step)? else { return Ok(Went::On) };
    if act.deed == Deed::Do {
        if clearance(shared, &state, &shared.board.run(), &step).is_none() {
            return Ok(Went::On);
        }
        if let Some(went) = Box::pin(drift::check(shared, course, &state, &step, effects)).await? {
            return Ok(went);
        }
    }
    let stand = Stand { state: &state, step: &step, effects };
    let sending = Box::pin(send(shared, course, act, stand, Some(&permit)));
    let went = with_permit(&permit, sending).await;
    drop((lane, place));
    went
}

/// Whether a step that only reads has to wait; none: it is begun.
async fn not_yet(shared: &Shared, course: &mut Course, stand: Stand<'_>) -> Option<Went> {
    let run = shared.board.run_id();
    let call = Call { run: &run, state: stand.state, step: stand.step, permit: None };
    let asking = stand.effects.not_before(&call, &mut course.hand);
    match shared.unless_leaving(course.id, asking).await {
        None => Some(Went::On),
        Some(Ok(when)) => when.map(Went::Later),
        Some(Err(fault)) => Some(Went::Unreadable(fault)),
    }
}

fn errand(deed: &Deed) -> Errand {
    match deed {
        Deed::Do | Deed::Look { .. } => Errand::Do,
        Deed::Undo => Errand::Undo,
        Deed::Discard(_) => Errand::Discard,
    }
}

/// How much earlier a write counts as having come to the budget: the longest chains go first, so that the last
/// target's waits run while others write. What goes back has no time to lose.
fn lead(plan: &PlannedTarget, step: &Step, act: &Act) -> Duration {
    match act.deed {
        Deed::Do | Deed::Look { .. } => Duration::from_secs(estimate::lead_s(plan, step)),
        Deed::Undo | Deed::Discard(_) => Duration::MAX,
    }
}

/// Whether the step may be done now, as of this moment.
fn clearance(shared: &Shared, state: &TargetState, run: &RunState, step: &Step) -> Option<Warrant> {
    let now = shared.env.clock.now();
    let is_open = |expires: &Timestamp| *expires > now || bent::is(Bend::QuorumOnce);
    let open = state.open_until(step.phase).as_ref().is_some_and(is_open);
    let stopped = run.aborted || (run.paused && !state.value_in_memory());
    if !open || stopped || !run.rejected_by.is_empty() {
        return None;
    }
    let cleared = Clearance::checked();
    match step.verb.retires() {
        true => state.licence(step).map(|licence| Warrant::Retire(cleared, licence)),
        false => Some(Warrant::Write(cleared)),
    }
}

/// What a step stands on.
#[derive(Clone, Copy)]
struct Stand<'a> {
    state: &'a TargetState,
    step: &'a Step,
    effects: &'a dyn Effects,
}

async fn send(
    shared: &Shared,
    course: &mut Course,
    act: &Act,
    stand: Stand<'_>,
    permit: Option<&Permit>,
) -> Result<Went, Halt> {
    let Stand { state, step, effects } = stand;
    let (attempt, no) = (act.attempt, act.step);
    let undo = act.deed != Deed::Do;
    let request = shared.env.new_guid("request-ids");
    let intent = StepIntent { attempt, request: Text::lossy(request.as_str()), step: no, undo };
    // The drift check has taken its time: cleared is what is cleared where the intent stands.
    let needs_clearance = !undo && step.verb.writes();
    let mut warrant = None;
    let wanted = |state: &TargetState, run: &RunState| {
        warrant = match needs_clearance {
            true if bent::is(Bend::EarlyClearance) && !step.verb.retires() => {
                Some(Warrant::Write(Clearance::checked()))
            }
            true => clearance(shared, state, run, step),
            false => Some(Warrant::Read),
        };
        warrant.is_some()
    };
    let intended = shared.board.record_if(course.id, intent.into(), wanted).await?;
    let (true, Some(warrant)) = (intended, warrant) else { return Ok(Went::On) };
    if bent::is(Bend::LatePermit) && permit.is_some() {
        effects.reserve(&state.plan, step, errand(&act.deed), Duration::ZERO).await;
    }
    let run = shared.board.run_id();
    let call = Call { run: &run, state, step, permit };
    let (id, hand) = (course.id, &mut course.hand);
    let work = async {
        match &act.deed {
            Deed::Discard(credential) => effects.discard(&call, credential).await,
            Deed::Undo => effects.undo(&call).await,
            // A look is the business of `reconcile`, which records no intent.
            Deed::Do | Deed::Look { .. } => effects.perform(&call, hand, warrant).await,
        }
    };
    let Some(result) = shared.until_sent(id, permit, work).await else {
        shared.board.record(id, cut_short(shared, act, undo)).await?;
        return Ok(Went::On);
    };
    let fault = match &result {
        Err(Trouble::Fault(fault)) => Some(fault.clone()),
        _ => None,
    };
    shared.board.record_all(id, outcome(shared, act, state, undo, result)).await?;
    refusals::note(shared, fault.as_ref(), permit.is_some()).await?;
    Ok(Went::On)
}

/// The run was asked to leave before anything was sent: a resumed run begins the step again.
fn cut_short(shared: &Shared, act: &Act, undo: bool) -> Event {
    let code = Text::lossy(retry::CUT_SHORT);
    let fault = Fault { class: FaultClass::Busy, code, happened: Happened::No };
    let retry_at = Some(shared.env.clock.now());
    StepFailed { attempt: act.attempt, fault, retry_at, step: act.step, undo }.into()
}

/// The events that say how an attempt ended.
fn outcome(
    shared: &Shared,
    act: &Act,
    state: &TargetState,
    undo: bool,
    result: Result<Effect, Trouble>,
) -> Vec<Event> {
    let (attempt, step) = (act.attempt, act.step);
    let now = shared.env.clock.now();
    match result {
        Ok(effect) => vec![StepDone { attempt, effect, step, undo }.into()],
        Err(Trouble::Fault(mut fault)) => {
            if bent::is(Bend::BlindRetry) {
                fault.happened = Happened::No;
            }
            let first = state.first_attempt_at(step, undo).unwrap_or(now);
            let retry_at = retry::after(&fault, attempt, shared.refusals.patience_from(first), now);
            vec![StepFailed { attempt, fault, retry_at, step, undo }.into()]
        }
        Err(Trouble::Drift { change, object }) => {
            let seen = DriftSeen { change, object, stops: true, subject: None };
            let fault =
                Fault { class: FaultClass::Refused, code: Text::lossy("drift"), happened: Happened::No };
            let failed = StepFailed { attempt, fault, retry_at: Some(now), step, undo };
            vec![seen.into(), failed.into()]
        }
    }
}
