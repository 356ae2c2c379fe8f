//! The pipeline, told once: each arrow is one function and one change of type.
//!
//! 1. `check`: bytes → [`ValidPlaybook`] ([`crate::domain::playbook`]).
//! 2. [`make_plan`]: observe, then plan: → [`Plan`]. Nothing is written anywhere.
//! 3. People sign (`reissue approve`, [`crate::domain::approval`]).
//! 4. [`apply`]: → [`ApprovedPlan`](crate::domain::approved::ApprovedPlan) → the engine → [`Outcome`].

mod countersigner;
mod evidence;
pub mod fleet;
mod guard;
pub mod handover;
pub mod mirror;
mod open;
mod plan_in_hand;

pub use countersigner::{VaultKey, VaultKeyError};
pub use evidence::{EvidenceFailure, evidence_at, keep_evidence};
pub use guard::Guard;
pub use plan_in_hand::PlanInHand;

use crate::azure::Azure;
use crate::azure::fault::ApiError;
use crate::connector::lease::LeaseError;
use crate::connector::observe::{ObserveError, observe};
use crate::connector::patiently;
use crate::connector::reading::Reading;
use crate::connector::registry::{self, Registry};
use crate::domain::approved::{Here, NotApproved, ReadPlan};
use crate::domain::event::{Environment, Fault, FaultClass};
use crate::domain::id::RunId;
use crate::domain::kind::PlanContext;
use crate::domain::plan::make::{Known, count, plan};
use crate::domain::plan::{Identity, PLAN_VERSION, Plan, PlanHeader, cost, file};
use crate::domain::playbook::ValidPlaybook;
use crate::domain::text::Text;
use crate::domain::time::show_span;
use crate::engine::board::SharedStates;
use crate::engine::recovery::Recovery;
use crate::engine::{Executor, Halt, Outcome};
use crate::env::Env;
use crate::trail::inbox::Inbox;
use crate::trail::{Home, HomeError, Journal, JournalError, MirrorError};
use guard::Mirrored;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// A plan may be applied for this long after it was made.
const PLAN_LIVES: Duration = Duration::from_secs(7 * 86_400);

/// So often the own identity is looked up, if the answers are cut.
const TRIES: u32 = 5;

/// Why it is not known who acts.
#[derive(Debug, thiserror::Error)]
pub enum SignInFailure {
    #[error("the identity cannot sign in: {0}")]
    Refused(Text<128>),
    #[error("for {} the service refused everything as too much or busy, even the question who acts: {why}", show_span(*tried))]
    Busy { why: Text<128>, tried: Duration },
    #[error("for {} nobody could be asked who acts: {why}", show_span(*tried))]
    Line { why: Text<128>, tried: Duration },
}

impl SignInFailure {
    fn after(tried: Duration, e: &ApiError) -> Self {
        let why = Text::lossy(&e.to_string());
        match e.class {
            FaultClass::Busy => Self::Busy { why, tried },
            FaultClass::Line => Self::Line { why, tried },
            _ => Self::Refused(why),
        }
    }
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanFailure {
    #[error(transparent)]
    SignIn(#[from] SignInFailure),
    #[error(transparent)]
    Observe(#[from] ObserveError),
    #[error(transparent)]
    File(#[from] file::PlanError),
}

/// Who acts, as its own token says.
pub struct Acting {
    pub identity: Identity,
    /// Graph permissions; empty if the token does not tell.
    pub permissions: Vec<String>,
}

impl Acting {
    /// Signs in and looks. A token of another tenant than the session's is refused.
    pub async fn of(azure: &Azure) -> Result<Self, SignInFailure> {
        let (clock, refused) = (azure.env().clock, |why| SignInFailure::Refused(Text::lossy(why)));
        let begun = clock.elapsed();
        let told = |e: ApiError| SignInFailure::after(clock.elapsed().saturating_sub(begun), &e);
        let claims = azure.who_am_i().await.map_err(told)?;
        let claims = claims.ok_or_else(|| refused("the token does not say who it is for"))?;
        let object = claims.oid.ok_or_else(|| refused("the token names no object"))?;
        let name = match &claims.upn {
            Some(upn) => Text::lossy(upn),
            None => {
                // One cut answer is no reason to give up, nor is a busy service.
                let passes = |e: &ApiError| {
                    matches!(Fault::from(e.clone()).class, FaultClass::Unexpected | FaultClass::Busy)
                };
                let graph = azure.graph();
                let look = || graph.service_principal(&object);
                let principal = patiently(clock, TRIES, passes, look).await.map_err(told)?;
                Text::lossy(&principal.map(|p| p.display_name().to_string()).unwrap_or_default())
            }
        };
        let client_id = Text::lossy(claims.appid.as_ref().map_or("", |a| a.as_str()));
        let permissions = claims.roles.iter().map(ToString::to_string).collect();
        Ok(Self { identity: Identity { client_id, name, object: Text::lossy(object.as_str()) }, permissions })
    }
}

/// Who makes a plan, where.
pub struct PlanOrder {
    pub author: Text<128>,
    pub environment: Environment,
    pub known: Known,
    /// How far it is, for whoever waits.
    pub reading: Reading,
}

impl PlanOrder {
    /// Nobody watches.
    pub fn new(author: Text<128>, environment: Environment, known: Known) -> Self {
        Self { author, environment, known, reading: Reading::default() }
    }
}

/// Reads the tenant and makes the plan. Writes nothing.
pub async fn make_plan(
    env: &Env,
    azure: &Azure,
    playbook: &ValidPlaybook,
    order: PlanOrder,
) -> Result<Plan, PlanFailure> {
    let acting = Acting::of(azure).await?;
    let identity = acting.identity;
    let registry = Registry::new(azure.clone(), &playbook.stores);
    let switched_off = order.known.switched_off.clone();
    let observed = observe(playbook, &registry, identity.clone(), order.known, &order.reading).await?;
    let created = env.clock.now();
    let context = PlanContext {
        now: created,
        tenant: playbook.tenant.id.clone(),
        permissions: acting.permissions,
        retire_separately: playbook.approval.retire_separately,
        switched_off,
        can_adopt: azure.can_adopt(),
    };
    let draft = plan(playbook, observed, &registry::kind, &context);
    let header = PlanHeader {
        approval: playbook.approval.clone(),
        author: order.author,
        cloud: playbook.tenant.cloud,
        cost: cost::of(&draft.targets),
        counts: count(&draft.targets),
        created,
        environment: order.environment,
        expires: created.after(PLAN_LIVES),
        guardrails: draft.guardrails,
        identity,
        incident: playbook.incident.clone(),
        pause_when_stuck: playbook.guardrails.pause_when_stuck,
        playbook: playbook.digest,
        root: file::root(&draft.targets)?,
        stores: playbook.stores.clone(),
        tenant: playbook.tenant.id.clone(),
        version: PLAN_VERSION,
    };
    Ok(Plan { header, targets: draft.targets })
}

/// What to apply, and how.
pub struct ApplyOrder {
    pub plan: PlanInHand,
    pub operator: Text<128>,
    pub process: Text<96>,
    /// True: go on with the run of this plan. False: begin one.
    pub resume: bool,
    /// Leave when every wait is longer than this; none: stay.
    pub patience: Option<Duration>,
    pub stop: watch::Receiver<bool>,
}

/// Why nothing was applied, or no more.
#[derive(Debug, thiserror::Error)]
pub enum ApplyFailure {
    #[error(transparent)]
    NotApproved(#[from] NotApproved),
    #[error("{why}. Not counted: {passed}")]
    NotCounted { why: NotApproved, passed: String },
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Noticed before anything was begun.
    #[error("{0}")]
    Unwritable(JournalError),
    #[error(transparent)]
    Halt(#[from] Halt),
    #[error(transparent)]
    SignIn(#[from] SignInFailure),
    #[error("the plan is for identity {want}, this is {found}")]
    Identity { found: Text<128>, want: Text<128> },
    #[error("run {0} of this plan was begun and is not finished: go on with `reissue apply --resume`")]
    Begun(RunId),
    #[error("this plan was carried out in run {0}; a plan is used once")]
    Used(RunId),
    #[error("no run of this plan was begun: apply it without `--resume`")]
    NotBegun,
    #[error("run {0} of another plan is not finished; resume or abort it first")]
    Other(RunId),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error("{0}")]
    Mirror(MirrorError),
    #[error("this run is mirrored to {0}, and goes on only with a mirror")]
    Mirrored(Text<256>),
    #[error("line {line} of the log does not fit the plan: {why}")]
    Illegal { line: u64, why: String },
}

impl From<JournalError> for ApplyFailure {
    fn from(e: JournalError) -> Self {
        ApplyFailure::Halt(Halt::Log(e))
    }
}

/// Carries out a plan, or goes on with it. `watch` sees the log before the first event.
pub async fn apply(
    env: &Env,
    home: &Home,
    azure: &Azure,
    order: ApplyOrder,
    watch: impl FnOnce(&Journal),
) -> Result<(RunId, Outcome), ApplyFailure> {
    apply_guarded(env, home, azure, order, Guard::default(), |journal, _| watch(journal)).await
}

/// The same, with a mirror or under a lease. `watch` sees the states, too, as far as they are recovered; they move
/// with the run.
pub async fn apply_guarded(
    env: &Env,
    home: &Home,
    azure: &Azure,
    order: ApplyOrder,
    guard: Guard,
    watch: impl FnOnce(&Journal, &SharedStates),
) -> Result<(RunId, Outcome), ApplyFailure> {
    let here = here(home)?;
    let plan = Arc::clone(order.plan.plan());
    let read = ReadPlan::of(Arc::clone(&plan), here)?;
    acts_as(azure, &read.plan.header.identity.object).await?;
    let lease = guard.lease(home, azure, &read, &order).await?;
    let (mut recovery, mut mirrored) = (Recovery::new(&plan), Mirrored::default());
    let opened = home.open_log("apply", order.process.clone(), &mut |line| {
        recovery.fold(line);
        mirrored.fold(line, recovery.run.as_ref().map(|run| &run.id));
    });
    let (journal, _) = opened.map_err(not_opened)?;
    journal.make_room().await.map_err(ApplyFailure::Unwritable)?;
    let states = Arc::new(Mutex::new(recovery.take_states()));
    watch(&journal, &states);
    let inbox = Inbox::new(env.disk.clone(), &home.log());
    let opened = async {
        guard.attach(&journal, &order, mirrored).await?;
        let countersigning = guard.countersign(&journal).await?;
        let (approved, board) =
            open::open_run(env, read, (recovery, states), &journal, &inbox, &order, azure.budget()).await?;
        let held = guard::claim(lease.as_ref(), &board).await?;
        Ok((approved, board, held, countersigning))
    };
    let (approved, board, held, mut countersigning) = match opened.await {
        Ok(opened) => opened,
        Err(e) => {
            // What it could not begin with matters more than how it ends.
            let _ = journal.close().await;
            return Err(e);
        }
    };
    let registry = Registry::new(azure.clone(), &plan.header.stores);
    let (stop, heard) = watch::channel(*order.stop.borrow());
    let executor = executor(env, &registry, inbox, order.patience, heard);
    let run = board.run_id();
    // On the heap: the run of a plan is large, and is held by whatever goes on beside it.
    let running = Box::pin(guard::run(held, order.stop, stop, executor.execute(&approved, board)));
    let outcome = guard::beside(&mut countersigning, running).await;
    if let Some(lease) = &lease {
        lease.release().await;
    }
    let outcome = outcome?;
    journal.close().await?;
    guard::finish(countersigning).await;
    Ok((run, outcome))
}

fn executor(
    env: &Env,
    registry: &Registry,
    inbox: Inbox,
    patience: Option<std::time::Duration>,
    stop: watch::Receiver<bool>,
) -> Executor {
    Executor {
        env: env.clone(),
        effects: registry.effects(),
        stores: registry.stores(),
        sign_in_log: registry.sign_in_log(),
        inbox,
        patience,
        stop,
    }
}

/// Whether this is the identity that the plan was made for.
async fn acts_as(azure: &Azure, want: &Text<128>) -> Result<(), ApplyFailure> {
    let found = Acting::of(azure).await?.identity.object;
    if found == *want { Ok(()) } else { Err(ApplyFailure::Identity { found, want: want.clone() }) }
}

/// A disk that does not take the log is a trouble of its own; the rest is about the installation.
fn not_opened(e: HomeError) -> ApplyFailure {
    use JournalError as J;
    match e {
        HomeError::Journal(e @ (J::Disk(_) | J::Object(_) | J::Full(_) | J::Broken(_))) => {
            ApplyFailure::Unwritable(e)
        }
        e => ApplyFailure::Home(e),
    }
}

/// What this installation is, for approvals.
pub fn here(home: &Home) -> Result<Here, ApplyFailure> {
    Ok(Here {
        environment: home.install.environment,
        log_origin: Text::lossy(home.vkey()?.name()),
        rosters: home.rosters()?,
        tenant: home.install.tenant.clone(),
    })
}
