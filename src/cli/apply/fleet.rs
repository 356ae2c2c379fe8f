//! `apply --fleet`: each tenant as it is applied alone. With `--resume`, whatever is left to do in each.

use super::{Arguments, carry_out};
use crate::cli::error::Failure;
use crate::cli::fleet::{Ended, Row, Rows};
use crate::cli::world::{ActingArguments, HomeArguments};
use crate::cli::{ExitCode, Session, run_view, show, status};
use crate::domain::event::RunFinished;
use crate::domain::fleet::Tenant;
use crate::domain::id::RunId;
use std::path::Path;
use tokio::sync::mpsc::UnboundedReceiver;

pub(super) fn run(arguments: &Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let Some(file) = &arguments.fleet else { return Ok(ExitCode::Usage) };
    let rows = Rows::read(file, &arguments.only, &arguments.home, session)?;
    let resume = arguments.resume.is_some();
    rows.side_by_side("apply", true, session, |tenant, row, mut session, interrupts| {
        let one = of_tenant(arguments, tenant);
        async move {
            let ended = match resume {
                true => go_on(one, &mut session, interrupts).await,
                false => carry_out(&one, &mut session, Some(interrupts)).await,
            };
            let ended = ended.map_err(|failure| unplanned(failure, &row, &session));
            Ended::of(ended, &mut session)
        }
    })
}

/// A plan that is not there was not made yet.
fn unplanned(failure: Failure, row: &Row, session: &Session) -> Failure {
    let is_about = |plan: &Path| failure.place.as_deref() == Some(&*plan.to_string_lossy());
    if !is_about(&row.plan) || session.env.disk.exists(&row.plan) {
        return failure;
    }
    Failure {
        what: "this tenant has no plan yet".into(),
        next: format!("`{}`", row.command("plan", " --author NAME")),
        ..failure
    }
}

/// The command line for one tenant: its plan is begun.
fn of_tenant(arguments: &Arguments, tenant: &Tenant) -> Arguments {
    Arguments {
        plan: Some(tenant.plan.clone()),
        resume: None,
        operator: arguments.operator.clone(),
        patience: arguments.patience.clone(),
        mirror: tenant.mirror.as_ref().map(ToString::to_string),
        countersign: tenant.countersign.as_ref().map(ToString::to_string),
        fleet: None,
        only: Vec::new(),
        home: HomeArguments::of_tenant(tenant),
        acting: ActingArguments::of_tenant(tenant),
    }
}

/// What is left to do: an open run goes on, a plan that was never begun is begun, and of a run that is over
/// it is told how it ended.
async fn go_on(
    arguments: Arguments,
    session: &mut Session,
    interrupts: UnboundedReceiver<()>,
) -> Result<Ended, Failure> {
    let home = arguments.home.open(session)?;
    match status::last_run(&home)? {
        None => carry_out(&arguments, session, Some(interrupts)).await,
        Some((run, _, None)) => {
            let resumed = Arguments { plan: None, resume: Some(run.to_string()), ..arguments };
            carry_out(&resumed, session, Some(interrupts)).await
        }
        Some((run, applied, Some(finished))) => match &arguments.plan {
            // The plan may be a newer one; if it is gone, the run that it had is what there is to tell of.
            Some(plan) if session.env.disk.exists(plan) && show::load(plan, session)?.2 != applied => {
                carry_out(&arguments, session, Some(interrupts)).await
            }
            _ => Ok(over(&run, &finished, session)),
        },
    }
}

fn over(run: &RunId, finished: &RunFinished, session: &mut Session) -> Ended {
    let said = format!(
        "{run} is over: {} done, {} undone, {} stuck, {} left alone",
        finished.done, finished.undone, finished.stuck, finished.excepted
    );
    session.out.line(&format!("Nothing is left to do. Run {said}."));
    Ended::new(run_view::exit_code_of(finished), said)
}
