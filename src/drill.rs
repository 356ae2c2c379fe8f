//! A rehearsal: a playbook becomes a lab tenant, and the whole pipeline runs on it in virtual
//! time, with made-up people who sign, confirm, use the credential, and attack.
//!
//! What a drill reports comes from the lab's own ledger, not from our log: it is a judge that
//! does not believe us.

mod cast;
mod furnish;
mod result;
pub mod scene;

pub use result::{AttackerResult, ConsumerResult, DrillResult, Judge};

use crate::azure::Azure;
use crate::azure::credential::Identity;
use crate::connector::registry;
use crate::domain::event::{Environment, Line};
use crate::domain::id::Digest;
use crate::domain::plan::make::Known;
use crate::domain::plan::{Plan, file};
use crate::domain::playbook::{Diagnostics, ValidPlaybook, check};
use crate::domain::quotas::Named;
use crate::domain::secret::Secret;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::engine::Outcome;
use crate::env::{Clock, Env};
use crate::lab::{Lab, LabDisconnect, LabOptions};
use crate::pipeline::{self, ApplyFailure, ApplyOrder, PlanFailure, PlanInHand, PlanOrder};
use crate::trail::home::{Home, HomeError, Install};
use crate::wire::budget::{Budget, Start};
use crate::wire::in_process::InProcess;
use scene::Scene;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Every drill begins at this time, so that equal seeds print equal lines.
const BEGINS: &str = "2026-01-05T03:00:00Z";
/// How long consumers and attackers are watched after the run.
const AFTERMATH: Duration = Duration::from_secs(2 * 3_600);
/// A drill that is not over by then is left, as an interrupted run.
const AT_MOST: Duration = Duration::from_secs(60 * 86_400);
const HOME: &str = "drill";

/// Why a drill could not be held.
#[derive(Debug, thiserror::Error)]
pub enum DrillFailure {
    #[error("the playbook is not sound")]
    Playbook(Diagnostics),
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Plan(#[from] PlanFailure),
    #[error(transparent)]
    Apply(#[from] ApplyFailure),
    #[error("the drill's people cannot sign: {0}")]
    Cast(String),
}

impl From<file::PlanError> for DrillFailure {
    fn from(e: file::PlanError) -> Self {
        DrillFailure::Plan(e.into())
    }
}

/// What is shown while a drill goes on.
pub trait Audience {
    /// The tenant is there, and nothing was asked of it yet.
    fn furnished(&mut self, _lab: &Lab) {}
    fn planned(&mut self, plan: &Plan, digest: &Digest);
    fn event(&mut self, line: &Line);
}

/// The environment of a drill: virtual time, chance from `seed`, a disk in memory. Call it inside
/// a runtime whose clock is paused.
pub fn environment(seed: u64) -> Env {
    let start: Timestamp = BEGINS.parse().unwrap_or_else(|_| Timestamp::from_unix_s(0));
    Env::simulated(Clock::starting_at(start), seed)
}

/// What a drill is held under.
#[derive(Clone, Debug)]
pub struct Conditions {
    pub lab: LabOptions,
    /// The share of the quotas, in percent.
    pub pace: u8,
    /// What is said of some of them, as by a quota file.
    pub quotas: Vec<Named>,
    /// How long consumers and attackers are watched after the run.
    pub aftermath: Duration,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            lab: LabOptions::default(),
            pace: Budget::PACE_DEFAULT,
            quotas: Vec::new(),
            aftermath: AFTERMATH,
        }
    }
}

/// Holds the drill.
pub async fn hold(env: &Env, text: &str, audience: &mut dyn Audience) -> Result<DrillResult, DrillFailure> {
    hold_under(env, text, Conditions::default(), audience).await
}

/// The same, under other conditions than the usual ones.
pub async fn hold_under(
    env: &Env,
    text: &str,
    conditions: Conditions,
    audience: &mut dyn Audience,
) -> Result<DrillResult, DrillFailure> {
    let playbook = check(text, &registry::syntaxes()).map_err(DrillFailure::Playbook)?;
    let scene = scene::build_with(env, &playbook, conditions.lab);
    audience.furnished(&scene.lab);
    let budget = Azure::budget_with(env, &conditions.quotas, conditions.pace, Start::Full);
    let azure = session(env, &playbook, &scene, budget);
    let cast = cast::Cast::new(&playbook).map_err(DrillFailure::Cast)?;
    let home = found(env, &playbook, &cast).await?;
    let order = PlanOrder::new(
        Text::lossy(cast::AUTHOR),
        Environment::Lab,
        Known { switched_off: scene.switched_off(), ..Known::default() },
    );
    let began = env.clock.now();
    // Everybody lives on while the team works.
    let work = async {
        let plan = pipeline::make_plan(env, &azure, &playbook, order).await?;
        let bytes = file::write(&plan)?;
        audience.planned(&plan, &Digest::of(&bytes));
        cast.sign_start(env, &home, &bytes).map_err(DrillFailure::Cast)?;
        let outcome = run(env, &home, &azure, &cast, &scene, bytes, audience).await?;
        env.clock.sleep(conditions.aftermath).await;
        Ok::<_, DrillFailure>((plan, outcome))
    };
    let (plan, outcome) = tokio::select! {
        biased;
        done = work => done?,
        () = scene.lab.people() => return Err(DrillFailure::Cast("everybody left".into())),
    };
    Ok(DrillResult::new(&scene, &playbook, plan, outcome, (began, env.clock.now()), home))
}

fn session(env: &Env, playbook: &ValidPlaybook, scene: &Scene, budget: Budget) -> Azure {
    let wire = InProcess::new(scene.lab.service(), |e: &LabDisconnect| e.may_have_reached);
    let identity = Identity::Secret {
        client_id: scene.operator.clone(),
        secret: Secret::new(scene.operator_secret.clone()),
    };
    let tenant = playbook.tenant.id.clone();
    Azure::new(env, playbook.tenant.cloud, tenant, Arc::new(wire), budget, identity)
}

async fn found(env: &Env, playbook: &ValidPlaybook, cast: &cast::Cast) -> Result<Home, DrillFailure> {
    let roster = cast.roster().map_err(DrillFailure::Cast)?;
    let install = Install {
        agency: Text::lossy("drill"),
        cloud: playbook.tenant.cloud,
        environment: Environment::Lab,
        install: Text::lossy("drill"),
        roster: Digest::of(roster.as_bytes()),
        tenant: playbook.tenant.id.clone(),
        version: 1,
    };
    let process = Text::lossy("drill");
    Ok(Home::create(env, Path::new(HOME), install, roster.as_bytes(), process).await?.0)
}

async fn run(
    env: &Env,
    home: &Home,
    azure: &Azure,
    cast: &cast::Cast,
    scene: &Scene,
    plan: Vec<u8>,
    audience: &mut dyn Audience,
) -> Result<Outcome, DrillFailure> {
    let (leave, stop) = watch::channel(false);
    let order = ApplyOrder {
        plan: PlanInHand::held(plan.clone()).map_err(PlanFailure::File)?,
        operator: Text::lossy(cast::AUTHOR),
        process: Text::lossy("drill"),
        resume: false,
        patience: None,
        stop,
    };
    let (to_cast, begun) = oneshot::channel();
    let (to_audience, seen) = oneshot::channel();
    let apply = pipeline::apply(env, home, azure, order, |journal| {
        // Nobody listens only if the drill was given up.
        let _ = to_cast.send(journal.subscribe());
        let _ = to_audience.send(journal.subscribe());
    });
    let acting = async {
        match begun.await {
            Ok(events) => cast.act(env, home, scene, &plan, events).await,
            Err(_) => std::future::pending().await,
        }
    };
    let too_long = async {
        env.clock.sleep(AT_MOST).await;
        let _ = leave.send(true);
        std::future::pending::<()>().await;
    };
    let result = tokio::select! {
        biased;
        done = apply => done,
        () = too_long => return Err(DrillFailure::Cast("time stands still".into())),
        failed = acting => return Err(DrillFailure::Cast(failed.err().unwrap_or_default())),
    };
    if let Ok(mut lines) = seen.await {
        while let Ok(line) = lines.try_recv() {
            audience.event(&line);
        }
    }
    Ok(result?.1)
}
