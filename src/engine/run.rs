//! The run: begins or resumes, drives every target, listens to people, and knows when to leave.

use super::board::Board;
use super::schedule::Schedule;
use super::shared::Shared;
use super::watch::Watch;
use super::{Halt, inbox, probe, sweep};
use crate::connector::{Effects, SignInLog, Stores};
use crate::domain::approved::ApprovedPlan;
use crate::domain::event::{Ending, LaneTaken, RunFinished, TargetExcepted};
use crate::domain::id::TargetId;
use crate::domain::states::Brief;
use crate::domain::step::Phase;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::env::Env;
use crate::trail::inbox::Inbox;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What the executor needs besides the board.
pub struct Executor {
    pub env: Env,
    /// The connector of each kind, by name.
    pub effects: BTreeMap<String, Arc<dyn Effects>>,
    pub stores: Arc<dyn Stores>,
    pub sign_in_log: Arc<dyn SignInLog>,
    /// Where notes arrive.
    pub inbox: Inbox,
    /// Waits longer than this make the run leave, resumable; none: it stays.
    pub patience: Option<Duration>,
    /// Set to true to leave at the next safe place.
    pub stop: watch::Receiver<bool>,
}

/// Why a run left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    Finished,
    /// A hold lasts until then, or consumers have to confirm.
    Holding {
        until: Option<Timestamp>,
        confirm: Vec<(TargetId, Text<64>)>,
    },
    /// Approvals of this phase are missing, expired or rejected.
    Approval(Phase),
    Paused,
    Interrupted,
}

/// How a run went, as far as it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub left: Left,
    pub done: u32,
    pub not_evicted: u32,
    /// Done as far as the cloud lets us.
    pub partial: u32,
    pub undone: u32,
    /// Of those undone: because the world had moved since the plan.
    pub stale: u32,
    pub abandoned: u32,
    pub stuck: u32,
    pub excepted: u32,
}

impl Executor {
    /// Carries out an approved plan on a board that has been opened or recovered, until every
    /// target is over or the run leaves.
    pub async fn execute(self, approved: &ApprovedPlan, board: Board) -> Result<Outcome, Halt> {
        let Self { env, effects, stores, sign_in_log, inbox, patience, stop } = self;
        let watch = approved.facts().retire_separately.then(|| Watch::new(sign_in_log));
        let shared = Shared::new(env, board, stop, approved.pause_when_stuck(), effects, watch);
        let begun = shared.board.run();
        shared.board.record_run(LaneTaken { epoch: begun.epoch + 1 }.into()).await?;
        if begun.epoch == 0 {
            record_exceptions(&shared, approved).await?;
        }
        let work = async {
            let mut desk = inbox::Desk::new(inbox, approved);
            desk.look(&shared).await?;
            desk.open_phases(&shared).await?;
            if !probe::stores(&shared, stores.as_ref(), approved).await? {
                return Ok(Left::Interrupted);
            }
            match drive_all(&shared, &mut desk, patience).await? {
                Left::Finished if !finish(&shared, approved).await? => Ok(Left::Interrupted),
                left => Ok::<_, Halt>(left),
            }
        };
        let left = tokio::select! {
            biased;
            left = work => left?,
            never = shared.ring_when_asked_to_leave() => match never {},
        };
        shared.board.journal().checkpoint_now().await?;
        tally(&shared.board, approved, left)
    }
}

async fn record_exceptions(shared: &Shared, approved: &ApprovedPlan) -> Result<(), Halt> {
    for e in approved.plan().exceptions() {
        let event = TargetExcepted { code: Text::lossy(e.refusal.reason.code()), name: Text::lossy(&e.name) };
        shared.board.record_excepted(e.id, event.into()).await?;
    }
    shared.board.has_all()
}

async fn drive_all(
    shared: &Shared,
    desk: &mut inbox::Desk<'_>,
    patience: Option<Duration>,
) -> Result<Left, Halt> {
    let mut schedule = Schedule::new(shared)?;
    tokio::select! {
        biased;
        left = schedule.run(patience) => left,
        never = desk.serve(shared) => match never? {},
    }
}

/// The sweep, then the counts: after `run.finished` no event of this run is valid. False if the
/// sweep could not clean up.
async fn finish(shared: &Shared, approved: &ApprovedPlan) -> Result<bool, Halt> {
    if !sweep::sweep(shared).await? {
        return Ok(false);
    }
    let board = &shared.board;
    let n = tally(board, approved, Left::Finished)?;
    if n.stuck > 0 {
        // A person has to resolve them: the run stays open.
        return Ok(true);
    }
    let sum = |of: fn(&Brief) -> u16| board.briefs(|all| all.map(|(_, b)| u32::from(of(&b))).sum());
    let event = RunFinished {
        // The journal completes what only it can count.
        checkpoints: 0,
        done: n.done + n.not_evicted,
        events: 0,
        excepted: n.excepted,
        partial: n.partial,
        steps: sum(|b| b.steps_done)?,
        stuck: n.stuck,
        undone: n.undone + n.abandoned,
        unresolved: sum(|b| b.unresolved)?,
    };
    board.record_run(event.into()).await.map(|_| true)
}

fn tally(board: &Board, approved: &ApprovedPlan, left: Left) -> Result<Outcome, Halt> {
    let ended = |e: Ending| board.count(|b| b.ending == Some(e));
    Ok(Outcome {
        left,
        done: ended(Ending::Done)?,
        not_evicted: ended(Ending::DoneNotEvicted)?,
        partial: ended(Ending::Partial)?,
        undone: ended(Ending::Undone)?,
        stale: board.count(|b| b.ending == Some(Ending::Undone) && b.stale)?,
        abandoned: ended(Ending::Abandoned)?,
        stuck: board.count(|b| b.stuck)?,
        excepted: approved.plan().header.counts.excepted,
    })
}
