//! `reissue status [RUN]`: how runs stand and what a person has to do next. Read from the log
//! alone, without its lock: it works while `apply` is on in another process. With `--fleet`, of many tenants.

mod fold;
mod next;
mod not_begun;
mod view;
mod waiting;

use super::error::Failure;
use super::fleet::{Ended, Rows};
use super::standing::Standing;
use super::world::{ActingArguments, HomeArguments};
use super::{ExitCode, Session};
use crate::domain::event::RunFinished;
use crate::domain::id::{Digest, RunId, TargetId, few};
use crate::domain::plan::PackedPlan;
use crate::domain::target::TargetState;
use crate::domain::time::Timestamp;
use crate::engine::recovery::Recovery;
use crate::trail::{Home, Objects};
use fold::{Overview, RunHead, Writer};
pub(super) use next::{Known, at_home, quote, somebody, withdraw};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run, or `latest`; without it, all runs are listed, and the open one (else the last) is shown
    run: Option<String>,
    /// How many tenants stand: a fleet file
    #[arg(long, value_name = "FILE", conflicts_with = "run")]
    fleet: Option<PathBuf>,
    /// Of the fleet, this tenant only; again for more
    #[arg(long, value_name = "NAME", requires = "fleet")]
    only: Vec<String>,
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
    if let Some(fleet) = &arguments.fleet {
        let rows = Rows::read(fleet, &arguments.only, &arguments.home, session)?;
        return rows.side_by_side("status", false, session, |tenant, row, mut session, _| {
            let home = HomeArguments::of_tenant(tenant);
            let acting = Some(ActingArguments::of_tenant(tenant).words());
            async move {
                let known = Known { acting, ..Known::default() };
                let ended = tell(&home, None, &known, &mut session).and_then(|ended| match ended {
                    Some(ended) => Ok(ended),
                    None => not_begun::tell(&row, &home.open(&session)?, &session),
                });
                Ended::of(ended, &mut session)
            }
        });
    }
    let ended = tell(&arguments.home, arguments.run.as_deref(), &Known::default(), session)?;
    Ok(ended.map_or(ExitCode::Done, |ended| ended.exit))
}

/// How the runs of one installation stand; none for one without a run.
fn tell(
    home: &HomeArguments,
    wanted: Option<&str>,
    known: &Known,
    session: &mut Session,
) -> Result<Option<Ended>, Failure> {
    let of_a_row = home.of_a_row;
    let home = home.open(session)?;
    let all = fold::overview(&home)?;
    let shown = match wanted {
        Some(wanted) => Some(fold::wanted(&home, &all, wanted)?),
        None => {
            view::list(session, &home, &all, of_a_row)?;
            all.runs.iter().rev().find(|r| r.finished.is_none()).or(all.runs.last())
        }
    };
    let Some(head) = shown else { return Ok(None) };
    with_targets(session, &home, &all, head, |session, run| view::run(session, &home, run, known)).map(Some)
}

/// The last run of an installation, and how it ended if it did.
pub(super) fn last_run(home: &Home) -> Result<Option<(RunId, Digest, Option<RunFinished>)>, Failure> {
    let all = fold::overview(home)?;
    Ok(all.runs.into_iter().last().map(|head| {
        let finished = head.finished.map(|(finished, _)| finished);
        (head.state.id, head.state.started.plan, finished)
    }))
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
pub(super) fn next_of(
    session: &mut Session,
    home: &Home,
    run: &RunId,
    known: &Known,
) -> Result<Vec<String>, Failure> {
    let all = fold::overview(home)?;
    let head = fold::wanted(home, &all, run.as_str())?;
    with_targets(session, home, &all, head, |session, run| view::next(session, home, run, known))
}

fn with_targets<T>(
    session: &mut Session,
    home: &Home,
    all: &Overview,
    head: &RunHead,
    tell: impl FnOnce(&mut Session, &Run<'_>) -> T,
) -> Result<T, Failure> {
    let plan = fold::plan(session, home, head)?;
    let recovery = fold::recovery(home, &plan)?;
    let digest = head.state.started.plan;
    let plan_file = Objects::new(session.env.disk.clone(), &home.log()).path(&digest);
    let plan_file = plan_file.to_string_lossy().into_owned();
    let run = Run { head, plan, plan_file, recovery, writer: all.writer.as_ref() };
    Ok(tell(session, &run))
}
