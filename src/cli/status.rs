//! `reissue status [RUN]`: how runs stand and what a person has to do next. Read from the log
//! alone, without its lock: it works while `apply` is on in another process.

mod fold;
mod next;
mod view;

use super::error::Failure;
use super::standing::Standing;
use super::world::HomeArguments;
use super::{ExitCode, Session};
use crate::domain::id::{RunId, TargetId, few};
use crate::domain::plan::PackedPlan;
use crate::domain::target::TargetState;
use crate::domain::time::Timestamp;
use crate::engine::recovery::Recovery;
use crate::trail::{Home, Objects};
use fold::{Overview, RunHead, Writer};
pub(super) use next::Known;
use std::borrow::Cow;
use std::sync::Arc;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run, or `latest`; without it, all runs are listed, and the open one (else the last) is shown
    run: Option<String>,
    #[command(flatten)]
    home: HomeArguments,
}

/// One run with its targets.
struct Run<'a> {
    head: &'a RunHead,
    plan: Arc<PackedPlan>,
    /// Where the plan is kept.
    plan_file: String,
    recovery: Recovery,
    writer: Option<&'a Writer>,
}

impl Run<'_> {
    fn standings(&self, now: Timestamp) -> Vec<(TargetId, Standing)> {
        self.recovery.states.all().map(|(id, state)| (id, Standing::of(&state, now))).collect()
    }
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let home = arguments.home.open(session)?;
    let all = fold::overview(&home)?;
    let wanted = arguments.run.as_deref();
    let shown = match wanted {
        Some(wanted) => Some(fold::wanted(&home, &all, wanted)?),
        None => {
            view::list(session, &home, &all)?;
            all.runs.iter().rev().find(|r| r.finished.is_none()).or(all.runs.last())
        }
    };
    if let Some(head) = shown {
        one(session, &home, &all, head)?;
    }
    Ok(ExitCode::Done)
}

/// One target of a run as the log has it now, for commands that speak about it.
pub(super) fn target_of(
    session: &Session,
    home: &Home,
    run: &RunId,
    id: TargetId,
) -> Result<TargetState, Failure> {
    let all = fold::overview(home)?;
    let head = fold::wanted(home, &all, run.as_str())?;
    let plan = fold::plan(session, home, head)?;
    let states = fold::recovery(home, &plan)?.states;
    let state = states.state(id).map(Cow::into_owned);
    state.ok_or_else(|| {
        let known: Vec<TargetId> = states.ids().collect();
        let next = format!("its targets are {}; `reissue status` shows how they stand", few(&known));
        Failure::new(super::codes::NO_RUN, format!("run {run} has no target {id} to change"), next)
    })
}

/// What a person has to do next about a run that `apply` has just left.
pub(super) fn next_of(session: &mut Session, home: &Home, run: &RunId, known: &Known) -> Result<(), Failure> {
    let all = fold::overview(home)?;
    let head = fold::wanted(home, &all, run.as_str())?;
    with_targets(session, home, &all, head, |session, run| view::next(session, home, run, known))
}

fn one(session: &mut Session, home: &Home, all: &Overview, head: &RunHead) -> Result<(), Failure> {
    with_targets(session, home, all, head, |session, run| view::run(session, home, run))
}

fn with_targets(
    session: &mut Session,
    home: &Home,
    all: &Overview,
    head: &RunHead,
    tell: impl FnOnce(&mut Session, &Run<'_>),
) -> Result<(), Failure> {
    let plan = fold::plan(session, home, head)?;
    let recovery = fold::recovery(home, &plan)?;
    let digest = head.state.started.plan;
    let plan_file = Objects::new(session.env.disk.clone(), &home.log()).path(&digest);
    let plan_file = plan_file.to_string_lossy().into_owned();
    let run = Run { head, plan, plan_file, recovery, writer: all.writer.as_ref() };
    tell(session, &run);
    Ok(())
}
