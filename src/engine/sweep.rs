//! Before `run.finished`: does any credential bear this run's mark that the log does not know?

use super::Halt;
use super::shared::Shared;
use crate::connector::{Call, Depth, Errand, Sight};
use crate::domain::credential::CredentialRef;
use crate::domain::event::{FaultClass, RunSwept};
use crate::domain::id::{StepNo, TargetId};
use crate::domain::step::Verb;
use crate::domain::target::TargetState;
use std::time::Duration;

/// A credential that bears the run's mark, and the mint that it must have come from.
type Orphan = (TargetId, StepNo, CredentialRef);

/// What a sweep has found is removed and looked for again, so often …
const SWEEPS_MOST: u32 = 20;
/// … and this far apart: longer than reads usually lag.
const APART: Duration = Duration::from_secs(20);
/// A credential whose making was in doubt has shown itself by then, if there is one: lags of minutes are
/// reported, and Terraform's provider waits for twelve; no figure is published (unconfirmed).
const SHOWS_WITHIN: Duration = Duration::from_secs(900);
/// What was seen once is gone when so many rounds in a row do not see it: replicas disagree.
const EMPTY_ROUNDS: u32 = 3;

/// Sweeps until nothing is left; false if something is, or cannot be looked at. Then the run stays
/// open: whoever resumes it sweeps again.
pub(super) async fn sweep(shared: &Shared) -> Result<bool, Halt> {
    if shared.while_staying(until_shown(shared)).await.is_none() {
        return Ok(false);
    }
    let (mut before, mut empty) = (Vec::new(), 0);
    for round in 1..=SWEEPS_MOST {
        let (orphans, clean) = sweep_once(shared, &before).await?;
        empty = if clean && orphans.is_empty() { empty + 1 } else { 0 };
        if empty == EMPTY_ROUNDS || (empty > 0 && before.is_empty()) {
            return Ok(true);
        }
        before.extend(orphans);
        let pause = shared.env.clock.pause_between_looks(APART);
        if round == SWEEPS_MOST || shared.while_staying(pause).await.is_none() {
            break;
        }
    }
    Ok(false)
}

/// Waits until what was made in doubt has shown itself.
async fn until_shown(shared: &Shared) {
    let board = &shared.board;
    let newest = board.ids().filter_map(|id| board.with(id, TargetState::doubted_mint_at)?).max();
    if let Some(at) = newest {
        let clock = shared.env.clock;
        clock.sleep_until(at.after(clock.as_lag(SHOWS_WITHIN))).await;
    }
}

/// Looks at every target's objects: what it found, and whether it saw everything. What a round
/// before had found too is removed; one sighting alone may be a stale read of what is gone, and
/// removing a certificate may mean replacing a list.
async fn sweep_once(shared: &Shared, before: &[Orphan]) -> Result<(Vec<Orphan>, bool), Halt> {
    let run = shared.board.run();
    let (mut looked_at, mut orphans, mut clean) = (0, Vec::<Orphan>::new(), true);
    for id in shared.board.ids() {
        let Some(state) = shared.board.state(id) else { continue };
        let Some(mint) = state.plan.steps.iter().find(|s| s.verb == Verb::Mint) else { continue };
        let Some(effects) = shared.effects_of(&state.plan.kind) else { continue };
        if !state.is_started() {
            continue;
        }
        let sight = Sight { subject: &state.plan.subject, place: None, depth: Depth::Drift };
        let Some(marked) = shared.while_staying(effects.marked(&run.id, sight)).await else {
            return Ok((orphans, false));
        };
        let marked = match marked {
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
    let twice: Vec<&Orphan> = orphans.iter().filter(|o| before.contains(o)).take(64).collect();
    let removed = twice.iter().map(|(_, _, c)| c.clone()).collect();
    shared.board.record_run(RunSwept { found, looked_at, removed }.into()).await?;
    for (id, no, credential) in twice {
        if shared.is_leaving() {
            break;
        }
        let Some((state, step, effects)) = shared.stand(*id, *no) else { continue };
        let _lane = shared.lanes.enter(&credential.object, shared.env.clock).await;
        let permit = effects.reserve(&state.plan, &step, Errand::Discard).await;
        let call = Call { run: &run.id, state: &state, step: &step, permit: Some(&permit) };
        // If it fails, the next round finds it again.
        let _ = crate::wire::budget::with_permit(&permit, effects.discard(&call, credential)).await;
    }
    Ok((orphans, clean))
}
