//! Before `run.finished`, a last look at everything: does any credential bear this run's mark that the
//! log does not know? Then it is removed. Did somebody else add one? Then it is told.

use super::shared::Shared;
use super::{Halt, drift};
use crate::bent::{self, Bend};
use crate::connector::{Call, Depth, Effects, Errand, KNOWN_EVERYWHERE, Sight};
use crate::domain::credential::{CredentialRef, Form};
use crate::domain::event::{Fault, FaultClass, RunSwept};
use crate::domain::id::{RunId, StepNo, TargetId};
use crate::domain::observation::Observation;
use crate::domain::step::{Protocol, Verb};
use crate::domain::target::TargetState;
use crate::domain::text::Text;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::time::Duration;

/// A credential that bears the run's mark, and the mint that it must have come from.
type Orphan = (TargetId, StepNo, CredentialRef);

/// Targets that are looked at together.
const AT_ONCE: usize = 64;
/// So many are announced together: then their lists are read, if that takes fewer requests.
const PREPARED: usize = 10_000;
/// What was seen of so many is in memory at once.
const IN_MEMORY: usize = 256;
/// What a sweep has found is removed and looked for again, so often …
const SWEEPS_MOST: u32 = 20;
/// … and this far apart: longer than reads usually lag.
const APART: Duration = Duration::from_secs(20);
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

/// Waits until every replica shows what was made in doubt, if it was made.
async fn until_shown(shared: &Shared) {
    if let Some(at) = shared.board.doubted_mint_at() {
        let clock = shared.env.clock;
        clock.sleep_until(at.after(clock.as_lag(KNOWN_EVERYWHERE))).await;
    }
}

/// Looks at every target's objects: what it found, and whether it saw everything. What a round
/// before had found too is removed; one sighting alone may be a stale read of what is gone, and
/// removing a certificate may mean replacing a list.
async fn sweep_once(shared: &Shared, before: &[Orphan]) -> Result<(Vec<Orphan>, bool), Halt> {
    let run = shared.board.run();
    let begun: Vec<TargetId> =
        shared.board.briefs(|all| all.filter(|(_, brief)| brief.started).map(|(id, _)| id).collect())?;
    let mut found = Found { clean: true, ..Found::default() };
    for some in begun.chunks(PREPARED) {
        for (kind, subjects) in makers(shared, some)? {
            let Some(effects) = shared.effects_of(&kind) else { continue };
            let all: Vec<&str> = subjects.iter().map(|(_, subject)| subject.as_str()).collect();
            let prepared = shared.while_staying(effects.prepare(&all)).await;
            for few in subjects.chunks(IN_MEMORY) {
                let seen = shared.while_staying(look_at(effects, few)).await;
                let Some((seen, ())) = seen.zip(prepared) else { return Ok((Vec::new(), false)) };
                found.take(shared, &run.id, seen).await?;
            }
        }
    }
    let Found { looked_at, orphans, clean } = found;
    let found = u32::try_from(orphans.len()).unwrap_or(u32::MAX);
    let twice: Vec<&Orphan> = orphans.iter().filter(|o| before.contains(o)).take(64).collect();
    let removed = twice.iter().map(|(_, _, c)| c.clone()).collect();
    shared.board.record_run(RunSwept { found, looked_at, removed }.into()).await?;
    for (id, no, credential) in twice {
        if shared.is_leaving() {
            break;
        }
        let Some((state, step, effects)) = shared.stand(*id, *no)? else { continue };
        let _lane = shared.lanes.enter(&credential.object, shared.env.clock).await;
        let permit = effects.reserve(&state.plan, &step, Errand::Discard, Duration::ZERO).await;
        let call = Call { run: &run.id, state: &state, step: &step, permit: Some(&permit) };
        // If it fails, the next round finds it again.
        let _ = crate::wire::budget::with_permit(&permit, effects.discard(&call, credential)).await;
    }
    Ok((orphans, clean))
}

/// What a round has seen so far.
#[derive(Default)]
struct Found {
    looked_at: u32,
    orphans: Vec<Orphan>,
    clean: bool,
}

type Seen = (TargetId, Result<Observation, Fault>);

impl Found {
    async fn take(&mut self, shared: &Shared, run: &RunId, seen: Vec<Seen>) -> Result<(), Halt> {
        for (id, seen) in seen {
            let Some(state) = shared.board.state(id)? else { continue };
            match seen {
                Ok(seen) => {
                    self.looked_at += 1;
                    self.orphans.extend(orphans_of(&state, run, &seen).map(|(no, c)| (id, no, c)));
                    drift::record_added(shared, &state, &seen).await?;
                }
                // What is refused (the object is gone) will be refused again; the record shows
                // that it was not looked at.
                Err(fault) => self.clean &= fault.class == FaultClass::Refused,
            }
        }
        Ok(())
    }
}

/// The subjects, by kind, of those targets that may have made something.
fn makers(shared: &Shared, ids: &[TargetId]) -> Result<BTreeMap<Text<32>, Vec<(TargetId, Text<128>)>>, Halt> {
    let mut by_kind = BTreeMap::<Text<32>, Vec<_>>::new();
    for id in ids {
        let maker = shared.board.with(*id, |s| {
            let makes = s.plan.steps.iter().any(|s| s.verb == Verb::Mint);
            makes.then(|| (s.plan.kind.clone(), s.plan.subject.clone()))
        })?;
        if let Some((kind, subject)) = maker.flatten() {
            by_kind.entry(kind).or_default().push((*id, subject));
        }
    }
    Ok(by_kind)
}

/// The objects of these subjects, as they are now.
async fn look_at(effects: &dyn Effects, subjects: &[(TargetId, Text<128>)]) -> Vec<Seen> {
    let looks = subjects.iter().map(|(id, subject)| async move {
        let sight = Sight { subject, place: None, depth: Depth::End };
        (*id, effects.observe(sight).await)
    });
    // Collected first: a stream that borrows from a closure is not `Send`.
    let looks: Vec<_> = looks.collect();
    futures::stream::iter(looks).buffered(AT_ONCE).collect().await
}

/// What bears the run's mark, and the log does not know.
fn orphans_of<'a>(
    state: &'a TargetState,
    run: &RunId,
    seen: &'a Observation,
) -> impl Iterator<Item = (StepNo, CredentialRef)> + 'a {
    let mark = if bent::is(Bend::SweepWrongName) { "nobody".to_owned() } else { run.mark() };
    // Another target of the run may be at work on the other list of the same object.
    let form = match state.plan.protocol {
        Protocol::ReplaceList => Form::Certificate,
        _ => Form::Secret,
    };
    let mint = state.plan.steps.iter().find(|s| s.verb == Verb::Mint).map_or(1, |s| s.no);
    let marked = seen.credentials.iter().filter(move |c| c.name.as_deref() == Some(mark.as_str()));
    let marked = marked.map(|c| &c.credential).filter(move |c| c.form == form);
    let known = |c: &CredentialRef| {
        state.minted().is_some_and(|m| m.credential == *c) || state.to_discard().any(|d| d == c)
    };
    marked.filter(move |c| !known(c)).map(move |c| (mint, c.clone()))
}
