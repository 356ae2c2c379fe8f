//! Before `run.finished`: does any credential bear this run's mark that the log does not know?

use super::Halt;
use super::shared::Shared;
use crate::connector::{Call, Depth, Errand, Sight};
use crate::domain::event::{FaultClass, RunSwept};
use crate::domain::step::Verb;
use std::time::Duration;

/// What a sweep has found is removed and looked for again, so often …
const SWEEPS_MOST: u32 = 20;
/// … and this far apart: longer than reads usually lag.
const APART: Duration = Duration::from_secs(20);

/// Sweeps until nothing is left; false if something is, or cannot be looked at. Then the run stays
/// open: whoever resumes it sweeps again.
pub(super) async fn sweep(shared: &Shared) -> Result<bool, Halt> {
    for round in 1..=SWEEPS_MOST {
        if sweep_once(shared).await? {
            return Ok(true);
        }
        if round < SWEEPS_MOST && !*shared.stop.borrow() {
            shared.env.clock.sleep(APART).await;
        }
    }
    Ok(false)
}

/// Looks at every target's objects. What it finds is recorded, then removed; true if it found
/// nothing and saw everything.
async fn sweep_once(shared: &Shared) -> Result<bool, Halt> {
    let run = shared.board.run();
    let (mut looked_at, mut orphans, mut clean) = (0, Vec::new(), true);
    for id in shared.board.ids() {
        let Some(state) = shared.board.state(id) else { continue };
        let Some(mint) = state.plan.steps.iter().find(|s| s.verb == Verb::Mint) else { continue };
        let Some(effects) = shared.effects_of(&state.plan.kind) else { continue };
        if !state.is_started() {
            continue;
        }
        let sight = Sight { subject: &state.plan.subject, place: None, depth: Depth::Drift };
        let marked = match effects.marked(&run.id, sight).await {
            Ok(marked) => marked,
            Err(fault) => {
                // What is refused (the object is gone) will be refused again; the record shows
                // that it was not looked at.
                clean &= fault.class == FaultClass::Refused;
                continue;
            }
        };
        looked_at += 1;
        let ours = state.minted().map(|m| &m.credential);
        let unknown = marked.into_iter().filter(|c| Some(c) != ours && !state.to_discard().any(|d| d == c));
        orphans.extend(unknown.map(|c| (id, mint.no, c)));
    }
    let found = u32::try_from(orphans.len()).unwrap_or(u32::MAX);
    let removed = orphans.iter().take(64).map(|(_, _, c)| c.clone()).collect();
    shared.board.record_run(RunSwept { found, looked_at, removed }.into()).await?;
    for (id, no, credential) in orphans.into_iter().take(64) {
        clean = false;
        let Some((state, step, effects)) = shared.stand(id, no) else { continue };
        let _lane = shared.lanes.enter(&credential.object, shared.env.clock).await;
        let permit = effects.reserve(&state.plan, &step, Errand::Discard).await;
        let call = Call { run: &run.id, state: &state, step: &step, permit: Some(&permit) };
        // If it fails, the next round finds it again.
        let _ = crate::wire::budget::with_permit(&permit, effects.discard(&call, &credential)).await;
    }
    Ok(clean)
}
