//! What the kinds share when they carry a step out: the pieces of a call, and publishing.

use super::entra::fault;
use super::store::{Label, VaultStores};
use super::{Call, Trouble};
use crate::azure::graph::credentials::Holder;
use crate::bent::{self, Bend};
use crate::domain::credential::{CredentialRef, Place};
use crate::domain::event::{Drift, Fault, FaultClass, Sighting};
use crate::domain::id::{ClientId, ObjectId};
use crate::domain::observation::{Fact, ObjectRole};
use crate::domain::plan::PlannedTarget;
use crate::domain::step::Effect;
use crate::domain::text::Text;
use std::time::Duration;

/// How long a token that was issued with the old credential of an application may live: one hour
/// is usual, up to 24 h with continuous access evaluation (Microsoft Learn, "Configurable token
/// lifetimes"; the upper figure for applications is unconfirmed).
pub(super) const APP_TOKEN_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// What the version that an undo publishes is labelled with.
const RESTORED: &str = "restored";

pub(super) fn unexpected(code: &str) -> Fault {
    fault(FaultClass::Unexpected, code)
}

/// The object that a step writes to.
pub(super) fn holder(call: &Call<'_>) -> Result<Holder, Fault> {
    holder_of(&call.state.plan, &call.step.object)
}

/// One of the plan's two objects of an application.
pub(super) fn holder_of(plan: &PlannedTarget, object: &str) -> Result<Holder, Fault> {
    let id: ObjectId = object.parse().map_err(|_| fault(FaultClass::Refused, "not_an_object_id"))?;
    let seen = plan.observation.objects.iter().find(|o| o.id.as_str() == object);
    match seen.map(|o| o.role) {
        Some(ObjectRole::Application) => Ok(Holder::Application(id)),
        Some(ObjectRole::ServicePrincipal) => Ok(Holder::ServicePrincipal(id)),
        _ => Err(fault(FaultClass::Refused, "not_in_the_plan")),
    }
}

pub(super) fn client(call: &Call<'_>) -> Result<ClientId, Fault> {
    call.state.plan.subject.parse().map_err(|_| fault(FaultClass::Refused, "not_a_client_id"))
}

pub(super) fn place<'a>(call: &'a Call<'_>) -> Result<&'a Place, Fault> {
    call.step.place.as_ref().ok_or_else(|| unexpected("no_place"))
}

/// The credential that this run made.
pub(super) fn minted(call: &Call<'_>) -> Result<CredentialRef, Fault> {
    let minted = call.state.minted().map(|m| m.credential.clone());
    minted.ok_or_else(|| unexpected("nothing_minted"))
}

/// The credential that the step takes away or proves dead.
pub(super) fn old(call: &Call<'_>) -> Result<CredentialRef, Fault> {
    call.step.credential.clone().ok_or_else(|| unexpected("no_credential"))
}

/// Whether the application is open to personal accounts: its writes have a narrow quota.
pub(super) fn is_personal(plan: &PlannedTarget) -> bool {
    plan.observation.fact(Fact::Audience).is_some_and(|a| a.contains("Personal"))
}

/// What stands in the store is not what this run put there.
pub(super) fn store_changed(place: &Place) -> Trouble {
    Trouble::Drift { change: Drift::StoreChanged, object: Text::lossy(&place.to_string()) }
}

/// Undo of publish: the value that consumers read before becomes the newest version again.
pub(super) async fn restore(stores: &VaultStores, call: &Call<'_>) -> Result<Effect, Trouble> {
    let published = call.state.published().ok_or_else(|| unexpected("nothing_published"))?;
    let place = &published.place;
    let previous = published.previous.as_deref();
    let previous = previous.ok_or_else(|| fault(FaultClass::Refused, "no_previous_value"))?;
    #[cfg(feature = "bent")]
    if bent::is(Bend::UndoDisables) {
        return stores.disable(place, &published.version).await;
    }
    let old = stores.read(place, previous).await?;
    let content_type = old.version.content_type.clone();
    let label = Label { run: call.run, credential: RESTORED, content_type };
    let version = stores.publish(place, &old.value, label, call.permit()?).await?;
    Ok(Effect::Restored { place: place.clone(), version })
}

/// A publish in doubt, or its undo: is there a version with our label?
pub(super) async fn look_for_version(
    stores: &VaultStores,
    call: &Call<'_>,
    undo: bool,
) -> Result<Sighting, Trouble> {
    let place = place(call)?;
    let credential = if undo { Text::lossy(RESTORED) } else { minted(call)?.id };
    let found = stores.find(place, call.run, &credential).await?;
    let Some(version) = found.filter(|_| !bent::is(Bend::DiscardPublished)) else {
        return Ok(Sighting::Absent);
    };
    let place = place.clone();
    let effect = match undo {
        true => Effect::Restored { place, version },
        false => {
            let previous = call.state.plan.observation.store.as_ref().and_then(|s| s.newest.clone());
            Effect::Published { place, previous, version }
        }
    };
    Ok(Sighting::Done { effect })
}
