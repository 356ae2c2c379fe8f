//! Before `run.finished`: does any credential bear this run's mark that the log does not know?

use super::Halt;
use super::shared::Shared;
use crate::connector::{Call, Depth, Errand, Sight};
use crate::domain::event::RunSwept;
use crate::domain::step::Verb;

/// Looks at every target's objects. What it finds is recorded, then removed.
pub(super) async fn sweep(shared: &Shared) -> Result<(), Halt> {
    let run = shared.board.run();
    if run.finished {
        return Ok(());
    }
    let (mut looked_at, mut orphans) = (0, Vec::new());
    for id in shared.board.ids() {
        let Some(state) = shared.board.state(id) else { continue };
        let Some(mint) = state.plan.steps.iter().find(|s| s.verb == Verb::Mint) else { continue };
        let Some(effects) = shared.effects_of(&state.plan.kind) else { continue };
        if !state.is_started() {
            continue;
        }
        looked_at += 1;
        let sight = Sight { subject: &state.plan.subject, place: None, depth: Depth::Drift };
        let Ok(marked) = effects.marked(&run.id, sight).await else { continue };
        let ours = state.minted().map(|m| &m.credential);
        let unknown = marked.into_iter().filter(|c| Some(c) != ours && !state.to_discard().any(|d| d == c));
        orphans.extend(unknown.map(|c| (id, mint.no, c)));
    }
    let found = u32::try_from(orphans.len()).unwrap_or(u32::MAX);
    let removed = orphans.iter().take(64).map(|(_, _, c)| c.clone()).collect();
    shared.board.record_run(RunSwept { found, looked_at, removed }.into()).await?;
    for (id, no, credential) in orphans.into_iter().take(64) {
        let Some((state, step, effects)) = shared.stand(id, no) else { continue };
        let permit = effects.reserve(&state.plan, &step, Errand::Discard).await;
        let call = Call { run: &run.id, state: &state, step: &step, permit: Some(&permit) };
        // A failure leaves the orphan named in the log; the next sweep finds it again.
        let _ = crate::wire::budget::with_permit(&permit, effects.discard(&call, &credential)).await;
    }
    Ok(())
}
