//! `reissue apply PLAN`: carries out exactly that plan, if enough people have approved it. With `--fleet`, those of
//! many tenants.

mod failed;
mod fleet;
mod view;

use super::bulletin::Bulletin;
use super::codes;
use super::error::Failure;
use super::fleet::Ended;
use super::notes::{Found, find_run};
use super::progress::Progress;
use super::status::{self, Known};
use super::world::{ActingArguments, HomeArguments, process, runtime};
use super::{ExitCode, Session, mirror, run_view};
use crate::azure::{Azure, quota};
use crate::domain::approved::ReadPlan;
use crate::domain::plan::PackedPlan;
use crate::domain::quotas::{Named, SaidQuota};
use crate::domain::text::Text;
use crate::domain::time::parse_span;
use crate::engine::Left;
use crate::pipeline::{self, ApplyOrder, Guard, PlanInHand, VaultKey};
use crate::trail::countersign::Countersigner;
use crate::trail::{Home, Objects, scratch};
use crate::wire::budget::Start;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
pub(super) use view::interrupts;
use view::{Seen, View};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The plan; with `--resume` it is taken from the log
    #[arg(required_unless_present_any = ["resume", "fleet"], conflicts_with = "resume")]
    plan: Option<PathBuf>,
    /// Go on with a run that was interrupted or is holding: its id, or `latest`; with `--fleet`, do what is
    /// left to do in each tenant
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
    /// Have each checkpoint of the log signed by a key in a vault too (EC P-256): `vault:HOST/KEY`, or
    /// `vault:HOST/KEY/VERSION`; a vault that does not answer later holds nothing up
    #[arg(long, value_name = "KEY")]
    countersign: Option<String>,
    /// Apply the plans of many tenants, side by side: a fleet file, which says what the other options say here
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "plan", "mirror", "countersign", "how", "client_id", "secret_fd", "secret_file", "certificate", "lab", "pace", "quotas",
    ])]
    fleet: Option<PathBuf>,
    /// Of the fleet, this tenant only; again for more
    #[arg(long, value_name = "NAME", requires = "fleet")]
    only: Vec<String>,
    #[command(flatten)]
    home: HomeArguments,
    #[command(flatten)]
    acting: ActingArguments,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    if arguments.fleet.is_some() {
        return fleet::run(&arguments, session);
    }
    // What the journal writes is written to its end.
    Ok(runtime()?.block_on(carry_out(&arguments, session, None))?.exit)
}

/// How long is waited, and who waits.
fn given(arguments: &Arguments) -> Result<(Duration, Text<128>), Failure> {
    let usage = |what: String| Failure::new(codes::ARGUMENT, what, "see `reissue apply --help`");
    let patience = parse_span(&arguments.patience).map_err(|e| usage(format!("--patience: {e}")))?;
    let operator = Text::new(arguments.operator.as_str()).map_err(|e| usage(format!("--operator: {e}")))?;
    Ok((patience, operator))
}

/// Applies the plan of one tenant, or goes on with its run. Without `interrupts` it hears each Ctrl-C itself.
async fn carry_out(
    arguments: &Arguments,
    session: &mut Session,
    interrupts: Option<UnboundedReceiver<()>>,
) -> Result<Ended, Failure> {
    let (patience, operator) = given(arguments)?;
    let home = arguments.home.open(session)?;
    let found = arguments.resume.as_deref().map(|wanted| find_run(&home, wanted)).transpose()?;
    let plan = plan_in_hand(arguments.plan.as_deref(), found.as_ref(), session, &home)?;
    let read = Arc::clone(plan.plan());
    if found.is_none() && read.changing() == 0 {
        return nothing_to_do(session, &home, read);
    }
    let resume = found.is_some();
    let start = if resume { Start::Empty } else { Start::Full };
    let (acting, said) = going_on(&arguments.acting, session, found.as_ref())?;
    let tenant = (read.header.cloud, &home.install.tenant);
    let azure = acting.session_under(session, tenant, &said, start)?;
    let mut guard = guard(arguments, session, &azure)?;
    guard.countersigner = countersigner(arguments, session, &azure).await?;
    #[cfg(feature = "leak")]
    super::leak::through(session, &home)?;
    #[cfg(feature = "leak")]
    let operator = super::leak::name(operator);
    let (leave, stop) = watch::channel(false);
    let env = arguments.acting.in_time(&session.env)?;
    let progress = Progress::new(&env, &read, azure.budget(), &session.out);
    let order = ApplyOrder { plan, operator, process: process(), resume, patience: Some(patience), stop };
    let (to_view, from_run) = tokio::sync::oneshot::channel();
    let (opens, opened) = tokio::sync::oneshot::channel();
    let apply = pipeline::apply_guarded(&env, &home, &azure, order, guard, |journal, states| {
        let _ = to_view.send((journal.subscribe(), Arc::clone(states)));
        let _ = opens.send(());
    });
    let interrupts = interrupts.unwrap_or_else(view::interrupts);
    let view = View { out: &mut session.out, progress, interrupts, stop: leave };
    let watched = watched(apply, view.show(from_run));
    let posted = Bulletin::beside((&env, home.root()), azure.budget(), opened, watched);
    let result = match posted.await {
        Ok(result) => result,
        Err(seen) => return Ok(stopped(session, &seen)),
    };
    let failed = |e| session.line.explain(failed::failed(arguments, &home, &e));
    let (run, outcome) = result.map_err(failed)?;
    session.out.line(&format!("Run {run}."));
    run_view::outcome(&mut session.out, &outcome);
    let exit = run_view::exit_code(&outcome);
    let ended = Ended::new(exit, format!("{run}: {}", run_view::short(&outcome)));
    if outcome.left == Left::Finished && outcome.stuck == 0 {
        return Ok(ended);
    }
    let known = Known {
        operator: Some(arguments.operator.clone()),
        plan: arguments.plan.as_ref().map(|p| p.display().to_string()),
        acting: Some(acting.words()),
    };
    let next = status::next_of(session, &home, &run, &known)?;
    Ok(Ended { next, ..ended })
}

/// Who acts, and what is said of quotas: as the run had it unless somebody says otherwise. What goes on must not go
/// faster than somebody once allowed.
fn going_on(
    given: &ActingArguments,
    session: &mut Session,
    found: Option<&Found>,
) -> Result<(ActingArguments, Vec<Named>), Failure> {
    let acting = given.going_on_at(found.and_then(|found| found.pace));
    if acting.pace() != given.pace() {
        let pace = acting.pace();
        session.out.line(&format!("At pace {pace}, as the run went before; `--pace` names another."));
    }
    let said = match given.said_quotas(&session.env)? {
        Some(said) => said,
        None => quotas_of(found, session)?,
    };
    Ok((acting, said))
}

/// What was said of quotas when the run went before.
fn quotas_of(found: Option<&Found>, session: &mut Session) -> Result<Vec<Named>, Failure> {
    let recorded = found.map_or(&[][..], |found| &found.quotas);
    let unknown = |said: &SaidQuota| {
        let what = format!("the log says of the quota {:?} what this version does not know", said.name);
        let next = "say with `--quotas FILE` what holds now; `reissue audit verify` tells whether the log is as it was written";
        Failure::new(codes::LOG, what, next)
    };
    let read = recorded.iter().map(|said| said.named(&quota::documented()).ok_or_else(|| unknown(said)));
    let said = read.collect::<Result<Vec<Named>, _>>()?;
    if !said.is_empty() {
        let names: Vec<&str> = said.iter().map(|(name, _)| *name).collect();
        session.out.line(&format!(
            "With what was said of {}, as the run went before; `--quotas` names others (an empty list: as documented).",
            names.join(", ")
        ));
    }
    Ok(said)
}

/// The run and its view, until one of them is over.
async fn watched<T>(apply: impl Future<Output = T>, view: impl Future<Output = Seen>) -> Result<T, Seen> {
    let (mut apply, mut view) = (std::pin::pin!(apply), std::pin::pin!(view));
    tokio::select! {
        biased;
        result = &mut apply => {
            // What was recorded last is still in the channel.
            view.await;
            Ok(result)
        }
        seen = &mut view => match seen {
            Seen::Everything => Ok(apply.await),
            seen => Err(seen),
        },
    }
}

/// The lease always; the mirror if one is named.
fn guard(arguments: &Arguments, session: &Session, azure: &Azure) -> Result<Guard, Failure> {
    let Some(place) = &arguments.mirror else { return Ok(Guard { lease: true, ..Guard::default() }) };
    mirror::outside(place, &arguments.home.home)?;
    Ok(Guard { mirror: Some(mirror::open(place, session, azure)?), lease: true, countersigner: None })
}

/// The key in a vault that signs checkpoints too, if one is named. Its public half is printed: who verifies
/// gives it, and not the log's own word.
async fn countersigner(
    arguments: &Arguments,
    session: &mut Session,
    azure: &Azure,
) -> Result<Option<Arc<dyn Countersigner>>, Failure> {
    let Some(place) = &arguments.countersign else { return Ok(None) };
    let next = "write `vault:HOST/KEY` for an EC key on P-256 that is enabled, which the acting identity may read and sign \
                with (the role Key Vault Crypto User), or apply without `--countersign`";
    let wrong = |what: String| Failure::new(codes::ARGUMENT, format!("--countersign: {what}"), next);
    let parts: Vec<&str> = place.strip_prefix("vault:").unwrap_or_default().split('/').collect();
    let (host, name, version) = match parts[..] {
        [host, name] => (host, name, None),
        [host, name, version] => (host, name, Some(version)),
        _ => return Err(wrong(format!("{place:?} is not a key in a vault"))),
    };
    let found = VaultKey::find(azure, host, name, version).await;
    let key = found.map_err(|e| session.line.explain(wrong(e.to_string())))?;
    session.out.object("countersign_key", &serde_json::json!({ "vkey": key.key().to_string() }));
    session.out.line(&format!("Checkpoints are countersigned by {}", key.key()));
    session
        .out
        .line("  keep this key where the log is not: `reissue audit verify --countersign-key` asks for it");
    Ok(Some(Arc::new(key)))
}

/// Nobody has to approve what changes nothing, and no run is begun for it; but it has to be for this installation.
fn nothing_to_do(session: &mut Session, home: &Home, plan: Arc<PackedPlan>) -> Result<Ended, Failure> {
    let other = |why: String| {
        let next = "use the plan, roster and installation that belong together";
        Failure::new(codes::NOT_APPROVED, why, next).at(home.root())
    };
    let here = pipeline::here(home).map_err(|e| other(e.to_string()))?;
    let plan = ReadPlan::of(plan, here).map_err(|e| other(e.to_string()))?.plan;
    session.out.object("nothing_to_do", &serde_json::json!({ "plan": plan.digest() }));
    session.out.line("The plan changes nothing: each target says why (`reissue show`). No run was begun.");
    Ok(Ended::new(ExitCode::Done, "nothing to do: the plan changes nothing"))
}

/// After an interrupt that did not wait.
fn stopped(session: &mut Session, seen: &Seen) -> Ended {
    let said = match seen {
        Seen::NothingBegun => "Stopped before anything was begun. Nothing was changed.",
        _ => "Stopped at once. What was under way is in doubt; `reissue apply --resume` looks for it.",
    };
    session.out.hint(said);
    Ended::new(ExitCode::Interrupted, said)
}

fn plan_in_hand(
    plan: Option<&Path>,
    found: Option<&Found>,
    session: &Session,
    home: &Home,
) -> Result<PlanInHand, Failure> {
    let shelf = |plan: &Path| scratch::shelf(session.env.disk.as_ref(), home.root(), plan);
    let digest = match (plan, found) {
        (Some(path), _) => return super::show::in_hand(path, session, shelf(path)),
        (None, Some(found)) => found.started.plan,
        (None, None) => {
            let what = "neither a plan nor a run is named";
            return Err(Failure::new(codes::ARGUMENT, what, "see `reissue apply --help`"));
        }
    };
    let objects = Objects::new(session.env.disk.clone(), &home.log());
    PlanInHand::kept(&objects, &digest, shelf(&objects.path(&digest))).map_err(|e| {
        let next = "restore the log's objects from a copy; `reissue audit verify` says which are missing";
        Failure::new(codes::LOG, e.to_string(), next).at(home.root())
    })
}
