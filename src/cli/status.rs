//! `reissue status [RUN]`: how runs stand and what a person has to do next. Read from the log
//! alone, without its lock: it works while `apply` is on in another process.

mod fold;
mod next;
mod view;

use super::error::Failure;
use super::standing::Standing;
use super::world::HomeArguments;
use super::{ExitCode, Session};
use crate::domain::id::TargetId;
use crate::domain::plan::Plan;
use crate::domain::time::Timestamp;
use crate::engine::recovery::Recovery;
use crate::trail::{Home, Objects, Reader};
use fold::{Overview, RunHead, Writer};

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
    plan: &'a Plan,
    /// Where the plan is kept.
    plan_file: String,
    recovery: Recovery<'a>,
    writer: Option<&'a Writer>,
}

impl Run<'_> {
    fn standings(&self, now: Timestamp) -> Vec<(TargetId, Standing)> {
        self.recovery.states.iter().map(|(id, state)| (*id, Standing::of(state, now))).collect()
    }
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let home = arguments.home.open(session)?;
    let all = fold::overview(session, &home)?;
    let wanted = arguments.run.as_deref();
    let shown = match wanted {
        Some(wanted) => Some(fold::wanted(session, &home, &all, wanted)?),
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

fn one(session: &mut Session, home: &Home, all: &Overview, head: &RunHead) -> Result<(), Failure> {
    let plan = fold::plan(session, home, head)?;
    let digest = head.state.started.plan;
    let mut recovery = Recovery::new(&plan, digest);
    let reader =
        Reader::open(session.env.disk.as_ref(), &home.log()).map_err(|e| fold::unreadable(home, &e))?;
    for read in reader {
        recovery.fold(&read.map_err(|e| fold::unreadable(home, &e))?.line);
    }
    if let Some((line, why)) = &recovery.illegal {
        let what = format!("line {} of the log does not fit the plan: {why}", line + 1);
        let next = "do not go on; run `reissue audit verify` and compare with a copy";
        return Err(Failure::new(super::codes::LOG, what, next).at(home.root()));
    }
    let plan_file = Objects::new(session.env.disk.clone(), &home.log()).path(&digest);
    let plan_file = plan_file.to_string_lossy().into_owned();
    let run = Run { head, plan: &plan, plan_file, recovery, writer: all.writer.as_ref() };
    view::run(session, home, &run);
    Ok(())
}
