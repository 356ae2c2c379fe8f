//! One write for each object; then it is seen to stay on.

use crate::azure::Azure;
use crate::connector::app_reads::AppReads;
use crate::connector::entra::{Wish, fault, observe_app};
use crate::connector::plan_reads::PlanReads;
use crate::connector::reads::{AS_PROOF, agree};
use crate::connector::registry::World;
use crate::connector::switch::{self, Switchable, switchable, switchable_of};
use crate::connector::user_password::seen_of;
use crate::connector::{Call, Effects, Errand, Hand, Sight, Trouble, Warrant};
use crate::domain::credential::CredentialRef;
use crate::domain::event::{Fault, FaultClass, Sighting};
use crate::domain::observation::Observation;
use crate::domain::plan::PlannedTarget;
use crate::domain::step::{Effect, Step, Verb};
use crate::wire::budget::Permit;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// Meets Entra.
pub struct EnableEffects {
    apps: Arc<AppReads>,
    plans: Arc<PlanReads>,
    azure: Azure,
    users: bool,
}

impl EnableEffects {
    pub(in crate::connector) fn of_apps(world: &World) -> Self {
        Self {
            apps: Arc::clone(&world.apps),
            plans: Arc::clone(&world.plans),
            azure: world.azure.clone(),
            users: false,
        }
    }
    pub(in crate::connector) fn of_users(world: &World) -> Self {
        Self {
            apps: Arc::clone(&world.apps),
            plans: Arc::clone(&world.plans),
            azure: world.azure.clone(),
            users: true,
        }
    }

    async fn snapshot(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        let on = switchable(call)?;
        let was_enabled = agree(self.azure.env().clock, AS_PROOF, || switch::is_enabled(&self.azure, &on));
        Ok(Effect::Snapshotted { was_enabled: was_enabled.await? })
    }

    /// Every object of the plan, on in agreeing reads.
    async fn watch(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        let steps = call.state.plan.steps.iter().filter(|s| s.verb == Verb::Unblock);
        let objects: Vec<Switchable> =
            steps.map(|s| switchable_of(&call.state.plan, &s.object)).collect::<Result<_, _>>()?;
        let on = agree(self.azure.env().clock, AS_PROOF, || async {
            let states = objects.iter().map(|o| switch::is_enabled(&self.azure, o));
            Ok(futures::future::try_join_all(states).await?.iter().all(|enabled| *enabled))
        })
        .await?;
        match on {
            true => Ok(Effect::Watched { times: AS_PROOF.times }),
            false => Err(fault(FaultClass::NotYet, "still_off").into()),
        }
    }
}

#[async_trait]
impl Effects for EnableEffects {
    async fn observe(&self, sight: Sight<'_>) -> Result<Observation, Fault> {
        if self.users {
            let user = self.azure.graph().user_by_name(sight.subject).await?;
            let user = user.ok_or_else(|| fault(FaultClass::Refused, "Request_ResourceNotFound"))?;
            return Ok(seen_of(&user));
        }
        let mut seen = observe_app(&self.apps, &self.plans, sight, Wish::default()).await?;
        // Whoever could use it before can again: that is what enabling means, and the plan says so.
        seen.ways_in.clear();
        Ok(seen)
    }

    async fn perform(&self, call: &Call<'_>, _: &mut Hand, warrant: Warrant) -> Result<Effect, Trouble> {
        match (call.step.verb, warrant) {
            (Verb::Snapshot, _) => self.snapshot(call).await,
            (Verb::Unblock, Warrant::Write(_)) => switch::unblock(&self.azure, call).await,
            (Verb::Watch, _) => self.watch(call).await,
            _ => Err(fault(FaultClass::Refused, "not_a_step_of_this_kind").into()),
        }
    }

    async fn undo(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        match call.step.verb {
            Verb::Unblock => switch::block(&self.azure, call).await,
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
