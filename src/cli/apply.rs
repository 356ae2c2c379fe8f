//! `reissue apply PLAN`: carries out exactly that plan, if enough people have approved it.

use super::codes;
use super::error::Failure;
use super::progress::Progress;
use super::world::{ActingArguments, HomeArguments, process, runtime};
use super::{ExitCode, Session, mirror, run_view};
use crate::azure::Azure;
use crate::connector::lease::LeaseError;
use crate::domain::approved::NotApproved;
use crate::domain::event::Line;
use crate::domain::plan::Plan;
use crate::domain::text::Text;
use crate::domain::time::parse_span;
use crate::engine::{Halt, Outcome};
use crate::pipeline::{self, ApplyFailure, ApplyOrder, Guard};
use crate::trail::{Home, JournalError, Objects};
use crate::wire::budget::Start;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The plan; with `--resume` it is taken from the log
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    plan: Option<PathBuf>,
    /// Go on with a run that was interrupted or is holding: its id, or `latest`
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "latest")]
    resume: Option<String>,
    /// Who runs this
    #[arg(long, value_name = "NAME")]
    operator: String,
    /// Leave when nothing but waiting longer than this is left
    #[arg(long, value_name = "SPAN", default_value = "15m")]
    patience: String,
    /// Copy every line elsewhere before anything is done: a folder on another machine,
    /// `vault:HOST/NAME` or `blob:URL`; a run that has a mirror goes on only with one
    #[arg(long, value_name = "PLACE")]
    mirror: Option<String>,
    #[command(flatten)]
    home: HomeArguments,
    #[command(flatten)]
    acting: ActingArguments,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let usage = |what: String| Failure::new(codes::ARGUMENT, what, "see `reissue apply --help`");
    let patience = parse_span(&arguments.patience).map_err(|e| usage(format!("--patience: {e}")))?;
    let operator = Text::new(arguments.operator.as_str()).map_err(|e| usage(format!("--operator: {e}")))?;
    let home = arguments.home.open(session)?;
    let plan = plan_bytes(&arguments, session, &home)?;
    let read = read_plan(&plan, &arguments)?;
    let resume = arguments.resume.is_some();
    let start = if resume { Start::Empty } else { Start::Full };
    let azure = arguments.acting.session(session, read.header.cloud, &home.install.tenant, start)?;
    let guard = guard(&arguments, session, &azure)?;
    #[cfg(feature = "leak")]
    super::leak::through(session, &home)?;
    #[cfg(feature = "leak")]
    let operator = super::leak::name(operator);
    let (stop_tx, stop) = watch::channel(false);
    let env = arguments.acting.in_time(&session.env)?;
    let progress = Progress::new(&env, &home, &read, &plan, &session.out);
    let order = ApplyOrder { plan, operator, process: process(), resume, patience: Some(patience), stop };
    let out = &mut session.out;
    let result = runtime()?.block_on(async {
        let (to_view, from_run) = tokio::sync::oneshot::channel();
        let apply = pipeline::apply_guarded(&env, &home, &azure, order, guard, |journal| {
            let _ = to_view.send(journal.subscribe());
        });
        let mut apply = std::pin::pin!(apply);
        let mut view = std::pin::pin!(view(out, progress, from_run, stop_tx));
        tokio::select! {
            biased;
            result = &mut apply => {
                // What was recorded last is still in the channel.
                view.await;
                Some(result)
            }
            seen = &mut view => match seen {
                Seen::Everything => Some(apply.await),
                Seen::Enough => None,
            },
        }
    });
    let Some(result) = result else {
        session
            .out
            .line("Stopped at once. What was under way is in doubt; `reissue apply --resume` looks for it.");
        return Ok(ExitCode::Interrupted);
    };
    let (run, outcome) = result.map_err(|e| failed(&arguments, &e))?;
    let outcome: &Outcome = &outcome;
    session.out.line(&format!("Run {run}."));
    run_view::outcome(&mut session.out, outcome);
    Ok(run_view::exit_code(outcome))
}

/// The lease always; the mirror if one is named.
fn guard(arguments: &Arguments, session: &Session, azure: &Azure) -> Result<Guard, Failure> {
    let Some(place) = &arguments.mirror else { return Ok(Guard { mirror: None, lease: true }) };
    mirror::outside(place, &arguments.home.home)?;
    Ok(Guard { mirror: Some(mirror::open(place, session, azure)?), lease: true })
}

/// Why the view ended.
enum Seen {
    /// The log was closed.
    Everything,
    /// The second interrupt: stop at once, as a crash would.
    Enough,
}

/// Shows what is recorded until the log is closed; the first interrupt asks the run to leave.
async fn view(
    out: &mut super::human::Output,
    mut progress: Progress<'_>,
    from_run: tokio::sync::oneshot::Receiver<UnboundedReceiver<Arc<Line>>>,
    stop: watch::Sender<bool>,
) -> Seen {
    let Ok(mut lines) = from_run.await else { return Seen::Everything };
    let mut asked = false;
    loop {
        tokio::select! {
            biased;
            line = lines.recv() => match line {
                Some(line) => progress.line(&line, || run_view::event(out, &line)),
                None => return Seen::Everything,
            },
            () = tokio::time::sleep(progress.patience()), if !out.is_json() => progress.silent(out),
            () = interrupted() => {
                if std::mem::replace(&mut asked, true) {
                    return Seen::Enough;
                }
                out.notice("Leaving at the next safe place … (again: stop at once)\n");
                let _ = stop.send(true);
            }
        }
    }
}

/// Ctrl-C, or a polite request to end (SIGTERM).
async fn interrupted() {
    let Ok(mut term) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}

fn plan_bytes(arguments: &Arguments, session: &Session, home: &Home) -> Result<Vec<u8>, Failure> {
    match (&arguments.plan, &arguments.resume) {
        (Some(path), _) => Ok(super::show::load(path, session)?.0),
        (None, wanted) => {
            let wanted = wanted.as_deref().unwrap_or("latest");
            let (_, started, _) = super::notes::find_run(session, home, wanted)?;
            let objects = Objects::new(session.env.disk.clone(), &home.log());
            objects.get(&started.plan, crate::domain::plan::file::MAX_BYTES).map_err(|e| {
                let next =
                    "restore the log's objects from a copy; `reissue audit verify` says which are missing";
                Failure::new(codes::LOG, e.to_string(), next).at(home.root())
            })
        }
    }
}

fn read_plan(bytes: &[u8], arguments: &Arguments) -> Result<Plan, Failure> {
    let read = crate::domain::plan::file::read(bytes);
    let (plan, _) = read.map_err(|e| match &arguments.plan {
        Some(path) => {
            Failure::new(codes::BAD_PLAN, e.to_string(), "make it again with `reissue plan`").at(path)
        }
        None => Failure::new(codes::BAD_PLAN, e.to_string(), "run `reissue audit verify`"),
    })?;
    Ok(plan)
}

fn failed(arguments: &Arguments, e: &ApplyFailure) -> Failure {
    let plan = arguments.plan.as_ref().map(|p| p.display().to_string()).unwrap_or_default();
    let failure = Failure::new(codes::NO_RUN, e.to_string(), "");
    let next = match e {
        ApplyFailure::Begun(run) => {
            format!("`reissue apply --resume {run}`; `reissue status {run}` shows it")
        }
        ApplyFailure::Other(run) => {
            format!("`reissue apply --resume {run}` or `reissue abort {run}`; `reissue status` shows it")
        }
        ApplyFailure::NotApproved(NotApproved::Quorum(_)) | ApplyFailure::NotCounted { .. } => {
            let next =
                format!("each of them runs `reissue approve {plan} --by NAME --key FILE`, then apply again");
            return Failure { code: codes::NOT_APPROVED, next, ..failure }.at(plan);
        }
        other => return failed_otherwise(arguments, other),
    };
    Failure { next, ..failure }.at(plan)
}

fn failed_otherwise(arguments: &Arguments, e: &ApplyFailure) -> Failure {
    let (code, next): (_, &str) = match e {
        ApplyFailure::NotApproved(NotApproved::Expired(_)) => {
            (codes::STALE, "make a new plan with `reissue plan`")
        }
        ApplyFailure::NotApproved(NotApproved::Guardrail(_)) => (codes::GUARDRAIL, "plan fewer targets"),
        ApplyFailure::NotApproved(_) | ApplyFailure::NotCounted { .. } => {
            (codes::NOT_APPROVED, "others have to run `reissue approve` on this very file")
        }
        ApplyFailure::Roster(_) | ApplyFailure::Home(_) => (codes::HOME, "`reissue audit verify` tells more"),
        ApplyFailure::SignIn(_) => (codes::IDENTITY, "check the identity with `reissue doctor`"),
        ApplyFailure::Identity { .. } => {
            (codes::IDENTITY, "apply with the identity that the plan was made with")
        }
        ApplyFailure::Begun(_) | ApplyFailure::NotBegun | ApplyFailure::Other(_) => {
            (codes::NO_RUN, "see `reissue status`")
        }
        ApplyFailure::Lease(LeaseError::Lapsed(_)) => {
            (codes::HALTED, "see who runs it now with `reissue status`, then `reissue apply --resume`")
        }
        ApplyFailure::Lease(LeaseError::Fault { .. }) => {
            (codes::STORE, "grant this identity the right to read and set secrets there")
        }
        ApplyFailure::Lease(_) => (
            codes::LEASE,
            "wait until then, or ask them; `reissue handover` takes a run over whose machine is lost",
        ),
        ApplyFailure::Mirror(_) => (codes::MIRROR, "repair the mirror, or name another with `--mirror`"),
        ApplyFailure::Mirrored(_) => {
            (codes::MIRROR, "add `--mirror` with that place; if it is lost, name another")
        }
        ApplyFailure::Used(_) => (codes::NO_RUN, "make a new plan with `reissue plan`"),
        ApplyFailure::Illegal { .. } => {
            (codes::LOG, "do not go on; run `reissue audit verify` and compare with a copy")
        }
        ApplyFailure::Halt(Halt::Store { .. }) => (
            codes::STORE,
            "grant this identity the right to set secrets there, then `reissue apply --resume`",
        ),
        ApplyFailure::Halt(Halt::Log(JournalError::Mirror(_))) => (
            codes::HALTED,
            "repair the mirror, then `reissue apply --resume`; if somebody has taken the run over, it goes on there",
        ),
        ApplyFailure::Halt(_) => {
            (codes::HALTED, "repair the disk (the log needs 4 MiB free), then `reissue apply --resume`")
        }
    };
    let failure = Failure::new(code, e.to_string(), next);
    let failure = match e {
        ApplyFailure::Halt(_) => {
            failure.state("whatever was under way is in the log, and will be looked for on resume")
        }
        _ => failure,
    };
    match &arguments.plan {
        Some(path) => failure.at(path),
        None => failure,
    }
}
