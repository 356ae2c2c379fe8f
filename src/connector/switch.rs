//! Switching an object off and on: `isDisabled` of an application, `accountEnabled` of a service
//! principal or user (Microsoft Learn, "Deactivate an app registration", "Update user").

use super::entra::fault;
use super::parts::is_personal;
use super::reads::{AFTER_DOUBT, agree};
use super::{Call, Trouble};
use crate::azure::Azure;
use crate::azure::quota::Operation;
use crate::domain::event::{Fault, FaultClass, Sighting};
use crate::domain::id::ObjectId;
use crate::domain::observation::ObjectRole;
use crate::domain::plan::PlannedTarget;
use crate::domain::step::{Effect, Verb};
use crate::wire::budget::Permit;
use std::time::Duration;

/// The object that the step switches: its id, its part, and whether the plan saw it on.
pub(super) struct Switchable {
    pub(super) id: ObjectId,
    pub(super) role: ObjectRole,
    pub(super) was_enabled: bool,
}

/// What the step switches.
pub(super) fn switchable(call: &Call<'_>) -> Result<Switchable, Fault> {
    switchable_of(&call.state.plan, &call.step.object)
}

pub(super) fn switchable_of(plan: &PlannedTarget, object: &str) -> Result<Switchable, Fault> {
    let seen = plan.observation.objects.iter().find(|o| o.id.as_str() == object);
    let seen = seen.ok_or_else(|| fault(FaultClass::Refused, "not_in_the_plan"))?;
    let id = seen.id.parse().map_err(|_| fault(FaultClass::Refused, "not_an_object_id"))?;
    Ok(Switchable { id, role: seen.role, was_enabled: seen.enabled })
}

/// One write: the object's switch.
pub(super) async fn set(
    azure: &Azure,
    call: &Call<'_>,
    on: &Switchable,
    enabled: bool,
) -> Result<(), Trouble> {
    let (graph, permit) = (azure.graph(), call.permit()?);
    let written = match on.role {
        ObjectRole::Application => graph.set_application_disabled(&on.id, !enabled, permit).await,
        ObjectRole::ServicePrincipal => graph.set_service_principal_enabled(&on.id, enabled, permit).await,
        ObjectRole::User => graph.set_user_enabled(&on.id, enabled, permit).await,
    };
    written.map_err(|e| Trouble::Fault(e.into()))
}

/// Reads the switch once.
pub(super) async fn is_enabled(azure: &Azure, on: &Switchable) -> Result<bool, Fault> {
    let graph = azure.graph();
    let gone = || fault(FaultClass::NotYet, "Request_ResourceNotFound");
    let found = match on.role {
        ObjectRole::Application => graph.application_state(&on.id).await.map(|a| a.map(|a| !a.is_disabled)),
        ObjectRole::ServicePrincipal => {
            graph.service_principal_state(&on.id).await.map(|p| p.map(|p| p.is_enabled()))
        }
        ObjectRole::User => graph.user(&on.id).await.map(|u| u.map(|u| u.account_enabled.unwrap_or(true))),
    };
    found.map_err(Fault::from)?.ok_or_else(gone)
}

pub(super) async fn block(azure: &Azure, call: &Call<'_>) -> Result<Effect, Trouble> {
    let on = switchable(call)?;
    set(azure, call, &on, false).await?;
    Ok(Effect::Blocked { was_enabled: on.was_enabled })
}

pub(super) async fn unblock(azure: &Azure, call: &Call<'_>) -> Result<Effect, Trouble> {
    let on = switchable(call)?;
    set(azure, call, &on, true).await?;
    Ok(Effect::Unblocked)
}

/// A switch in doubt: what do several reads say?
pub(super) async fn look(azure: &Azure, call: &Call<'_>, undo: bool) -> Result<Sighting, Trouble> {
    let on = switchable(call)?;
    let enabled = agree(azure.env().clock, AFTER_DOUBT, || is_enabled(azure, &on)).await?;
    let wanted = (call.step.verb == Verb::Unblock) != undo;
    if enabled != wanted {
        return Ok(Sighting::Absent);
    }
    let effect = match (wanted, call.step.verb) {
        (true, _) => Effect::Unblocked,
        (false, Verb::Switch) => Effect::Switched { was_enabled: on.was_enabled },
        (false, _) => Effect::Blocked { was_enabled: on.was_enabled },
    };
    Ok(Sighting::Done { effect })
}

/// A permit for a write to one of the plan's objects.
pub(super) async fn reserve(azure: &Azure, plan: &PlannedTarget, lead: Duration) -> Permit {
    let operation = if is_personal(plan) { Operation::WritePersonalApp } else { Operation::WriteObject };
    azure.permit_ahead(operation, lead).await
}
