//! Switching an application off: recorded first, then each object in one write, then watched.

use crate::azure::Azure;
use crate::connector::app_reads::AppReads;
use crate::connector::entra::{Wish, fault, observe_app};
use crate::connector::parts::APP_TOKEN_LIFE;
use crate::connector::plan_reads::PlanReads;
use crate::connector::reads::{AS_PROOF, Agreement, ONCE, agree};
use crate::connector::registry::World;
use crate::connector::switch::{self, Switchable, switchable, switchable_of};
use crate::connector::{Call, Effects, Errand, Hand, Sight, Trouble, Warrant};
use crate::domain::credential::CredentialRef;
use crate::domain::event::{Drift, Fault, FaultClass, Happened, Sighting};
use crate::domain::observation::{ObjectRole, Observation};
use crate::domain::plan::PlannedTarget;
use crate::domain::step::{Effect, Proof, Step, Verb};
use crate::domain::time::Timestamp;
use crate::wire::budget::Permit;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// An owner, or whoever runs the application, may switch it on again as soon as it is missed: it
/// is watched for ten minutes (our choice; replicas lag by less).
const WATCH: Agreement = Agreement { times: 11, apart: Duration::from_secs(60) };

/// Meets Entra.
pub struct AppDisableEffects {
    apps: Arc<AppReads>,
    plans: Arc<PlanReads>,
    azure: Azure,
}

impl AppDisableEffects {
    pub(in crate::connector) fn new(world: &World) -> Self {
        Self { apps: Arc::clone(&world.apps), plans: Arc::clone(&world.plans), azure: world.azure.clone() }
    }

    async fn snapshot(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        let on = switchable(call)?;
        let was_enabled = agree(self.azure.env().clock, AS_PROOF, || switch::is_enabled(&self.azure, &on));
        Ok(Effect::Snapshotted { was_enabled: was_enabled.await? })
    }

    async fn switch(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        let on = switchable(call)?;
        match switch::set(&self.azure, call, &on, false).await {
            Ok(()) => Ok(Effect::Switched { was_enabled: on.was_enabled }),
            // The service principal is off: going back because its application cannot be switched off
            // too would open the door again. Whether every national cloud knows `isDisabled` is
            // unconfirmed.
            Err(Trouble::Fault(f)) if on.role == ObjectRole::Application && is_refused(&f) => {
                Ok(Effect::Rejected { code: f.code })
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Every object that the plan switches, off in agreeing reads; how many reads those were.
    async fn all_off(&self, call: &Call<'_>, wanted: Agreement) -> Result<u16, Fault> {
        let known = |s: &&Step| s.verb == Verb::Switch && !call.state.is_rejected(s.no);
        let steps = call.state.plan.steps.iter().filter(known);
        let objects: Vec<Switchable> =
            steps.map(|s| switchable_of(&call.state.plan, &s.object)).collect::<Result<_, _>>()?;
        let off = agree(self.azure.env().clock, wanted, || async {
            let states = objects.iter().map(|o| switch::is_enabled(&self.azure, o));
            Ok(futures::future::try_join_all(states).await?.iter().all(|enabled| !enabled))
        })
        .await?;
        if off { Ok(wanted.times) } else { Err(fault(FaultClass::NotYet, "still_on")) }
    }

    /// Looks once a minute whether it is still off, for as long as that is worth watching. Nothing is
    /// decided here: if it is on, [`Self::watch`] finds out.
    async fn watched_until(&self, call: &Call<'_>, hand: &mut Hand) -> Result<Option<Timestamp>, Fault> {
        let is_off = |seen: Result<u16, Fault>| match seen {
            Ok(_) => Ok(true),
            Err(fault) if fault.class == FaultClass::NotYet => Ok(false),
            Err(fault) => Err(fault),
        };
        // One read that shows it on may be of a replica that lags.
        let at_a_glance = hand.watched > 0 && is_off(self.all_off(call, ONCE).await)?;
        if !at_a_glance && !is_off(self.all_off(call, AS_PROOF).await)? {
            return Ok(None);
        }
        hand.watched += 1;
        let clock = self.azure.env().clock;
        Ok((hand.watched < WATCH.times).then(|| clock.now().after(clock.as_lag(WATCH.apart))))
    }

    /// First it has to be seen off at all; on again after that is somebody's decision.
    async fn watch(&self, call: &Call<'_>, hand: &mut Hand) -> Result<Effect, Trouble> {
        let seen_off = std::mem::take(&mut hand.watched);
        match self.all_off(call, AS_PROOF).await {
            Ok(times) => Ok(Effect::Watched { times: seen_off + times }),
            Err(fault) if fault.class == FaultClass::NotYet && seen_off > 0 => {
                Err(Trouble::Drift { change: Drift::StateChanged, object: call.step.object.clone() })
            }
            Err(fault) => Err(fault.into()),
        }
    }

    async fn prove(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        let times = self.all_off(call, AS_PROOF).await?;
        let horizon = self.azure.env().clock.now().after(APP_TOKEN_LIFE);
        Ok(Effect::Proved { credential: None, horizon, proof: Proof::SwitchedOff, times })
    }
}

/// Refused for good, and nothing happened.
fn is_refused(fault: &Fault) -> bool {
    fault.class == FaultClass::Refused && fault.happened == Happened::No
}

#[async_trait]
impl Effects for AppDisableEffects {
    async fn observe(&self, sight: Sight<'_>) -> Result<Observation, Fault> {
        observe_app(&self.apps, &self.plans, sight, Wish::default()).await
    }

    async fn not_before(&self, call: &Call<'_>, hand: &mut Hand) -> Result<Option<Timestamp>, Fault> {
        match call.step.verb {
            Verb::Watch => self.watched_until(call, hand).await,
            _ => Ok(None),
        }
    }

    async fn perform(&self, call: &Call<'_>, hand: &mut Hand, warrant: Warrant) -> Result<Effect, Trouble> {
        match (call.step.verb, warrant) {
            (Verb::Snapshot, _) => self.snapshot(call).await,
            (Verb::Switch, Warrant::Write(_)) => self.switch(call).await,
            (Verb::Watch, _) => self.watch(call, hand).await,
            (Verb::Prove, _) => self.prove(call).await,
            _ => Err(fault(FaultClass::Refused, "not_a_step_of_this_kind").into()),
        }
    }

    async fn undo(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        match call.step.verb {
            // Only what was on has a step: back on is as it was found.
            Verb::Switch => switch::unblock(&self.azure, call).await,
            _ => Err(fault(FaultClass::Refused, "no_undo").into()),
        }
    }

    async fn discard(&self, _: &Call<'_>, _: &CredentialRef) -> Result<Effect, Trouble> {
        Err(fault(FaultClass::Refused, "nothing_is_made").into())
    }

    async fn look(&self, call: &Call<'_>, _: &mut Hand, undo: bool) -> Result<Sighting, Trouble> {
        switch::look(&self.azure, call, undo).await
    }

    async fn reserve(&self, plan: &PlannedTarget, _: &Step, _: Errand, lead: Duration) -> Permit {
        switch::reserve(&self.azure, plan, lead).await
    }
}
