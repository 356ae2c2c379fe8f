//! Resetting a user: block, deliver the new password, set it, end sessions, and prove all of it
//! by the directory's own time stamps.

use super::password;
use super::plan::DISABLED;
use crate::azure::Azure;
use crate::azure::graph::users::User;
use crate::azure::quota::Operation;
use crate::connector::entra::fault;
use crate::connector::parts::{place, store_changed, unexpected};
use crate::connector::plan_reads::PlanReads;
use crate::connector::reads::{AFTER_DOUBT, AS_PROOF, Agreement, agree};
use crate::connector::registry::World;
use crate::connector::store::{Label, VaultStores};
use crate::connector::{Call, Depth, Effects, Errand, Hand, Sight, Trouble, Warrant, switch};
use crate::domain::credential::CredentialRef;
use crate::domain::event::{Fault, FaultClass, Sighting};
use crate::domain::id::ObjectId;
use crate::domain::observation::{Fact, ObjectRole, ObjectSeen, Observation};
use crate::domain::plan::PlannedTarget;
use crate::domain::secret::Secret;
use crate::domain::step::{Effect, Proof, Step, Verb};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::wire::budget::Permit;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// What a delivered version is labelled with, beside the run.
const LABEL: &str = "password";
/// Access tokens of people live 60 to 90 minutes (Microsoft Learn, "Configurable token
/// lifetimes"); longer ones exist only where continuous access evaluation ends them on revoke.
const TOKEN_LIFE: Duration = Duration::from_secs(90 * 60);
/// How long a password that was reset on premises may take to show in the directory's stamp: hash
/// synchronisation runs every two minutes (Microsoft Learn, "Password hash synchronization"). Where
/// hashes are not synchronised, the stamp never moves.
const HASH_SYNC: Duration = Duration::from_secs(15 * 60);
/// How far the directory's clock may be behind ours, its whole seconds included.
const SKEW: Duration = Duration::from_secs(60);

/// Meets Entra and the store of the person who hands the password over.
pub struct UserPasswordEffects {
    azure: Azure,
    plans: Arc<PlanReads>,
    stores: Arc<VaultStores>,
}

/// The directory's time stamps that this kind is about.
#[derive(Clone, PartialEq, Eq)]
struct Stamps {
    enabled: bool,
    password_changed: Option<Timestamp>,
    sessions_valid_from: Option<Timestamp>,
}

impl From<User> for Stamps {
    fn from(user: User) -> Self {
        Self {
            enabled: user.account_enabled.unwrap_or(true),
            password_changed: user.last_password_change,
            sessions_valid_from: user.sessions_valid_from,
        }
    }
}

/// Whether a stamp is later than the one that the plan saw.
fn later_than_planned(call: &Call<'_>, planned: Fact, stamp: Option<Timestamp>) -> bool {
    let before = call.state.plan.observation.fact(planned).and_then(|t| t.parse::<Timestamp>().ok());
    stamp.is_some_and(|stamp| before.is_none_or(|b| stamp > b))
}

/// Whether a stamp moved because of the step: it is later than the plan saw it, and not earlier
/// than the step's first attempt.
fn moved(call: &Call<'_>, verb: Verb, planned: Fact, stamp: Option<Timestamp>) -> bool {
    let step = call.state.plan.steps.iter().find(|s| s.verb == verb);
    let asked = step.and_then(|s| call.state.first_attempt_at(s.no, false));
    let in_time = |stamp: Timestamp| asked.is_some_and(|asked| stamp.after(SKEW) >= asked);
    stamp.is_some_and(in_time) && later_than_planned(call, planned, stamp)
}

impl UserPasswordEffects {
    pub(in crate::connector) fn new(world: &World) -> Self {
        Self {
            azure: world.azure.clone(),
            plans: Arc::clone(&world.plans),
            stores: Arc::clone(&world.stores),
        }
    }

    async fn stamps(&self, call: &Call<'_>, wanted: Agreement) -> Result<Stamps, Fault> {
        let id = user_id(call)?;
        agree(self.azure.env().clock, wanted, || async {
            let user = self.azure.graph().user(&id).await?;
            user.map(Stamps::from).ok_or_else(|| fault(FaultClass::NotYet, "Request_ResourceNotFound"))
        })
        .await
    }

    /// Makes the password, and puts it where the named person reads it, before it is anybody's.
    async fn deliver(&self, call: &Call<'_>, hand: &mut Hand) -> Result<Effect, Trouble> {
        let place = place(call)?;
        let length = call.state.plan.setting("length").and_then(|l| l.parse().ok());
        let value = password::generate(self.azure.env(), length.unwrap_or(password::USUAL_LENGTH));
        let label = Label { run: call.run, credential: LABEL, content_type: None };
        let version = self.stores.publish(place, &value, label, call.permit()?).await?;
        hand.value = Some(value);
        Ok(Effect::Delivered { place: place.clone(), version })
    }

    /// Sets what was delivered: what the store holds is what the user gets, or nothing is set.
    async fn reset(&self, call: &Call<'_>, hand: &mut Hand) -> Result<Effect, Trouble> {
        let place = place(call)?;
        // An attempt before this one may have been done after all.
        let now = self.stamps(call, Agreement { times: 1, apart: Duration::ZERO }).await?;
        if moved(call, Verb::Reset, Fact::PasswordChanged, now.password_changed) {
            return Ok(Effect::Reset { changed_at: now.password_changed.unwrap_or(self.now()) });
        }
        let value: Secret = match hand.value.take() {
            Some(value) => value,
            None => match self.stores.newest_of(place, call.run, LABEL).await? {
                Some(stored) => stored.value,
                None => return Err(store_changed(place)),
            },
        };
        let id = user_id(call)?;
        self.azure.graph().reset_password(&id, &value, true, call.permit()?).await.map_err(Fault::from)?;
        Ok(Effect::Reset { changed_at: self.now() })
    }

    async fn revoke(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        let id = user_id(call)?;
        self.azure.graph().revoke_sessions(&id, call.permit()?).await.map_err(Fault::from)?;
        Ok(Effect::Revoked { valid_from: self.now() })
    }

    async fn prove(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        let stamps = self.stamps(call, AS_PROOF).await?;
        let plan = &call.state.plan;
        let blocks = plan.steps.iter().any(|s| s.verb == Verb::Block)
            || plan.hold.confirmed_by.iter().any(|c| c.as_str() == DISABLED);
        let by_hand = plan.steps.iter().any(|s| s.verb == Verb::Gate);
        let changed = match by_hand {
            true => later_than_planned(call, Fact::PasswordChanged, stamps.password_changed),
            false => moved(call, Verb::Reset, Fact::PasswordChanged, stamps.password_changed),
        };
        let waited = call.state.first_attempt_at(call.step.no, false).map(|first| self.now().since(first));
        let synced = self.azure.env().clock.as_lag(HASH_SYNC);
        let attested = by_hand && !changed && waited.is_some_and(|w| w >= synced);
        let open = [
            (blocks && stamps.enabled, "still_enabled"),
            (!changed && !attested, "password_unchanged"),
            (!moved(call, Verb::Revoke, Fact::SessionsValidFrom, stamps.sessions_valid_from), "not_revoked"),
        ];
        if let Some((_, code)) = open.into_iter().find(|(open, _)| *open) {
            return Err(fault(FaultClass::NotYet, code).into());
        }
        let horizon = self.now().after(TOKEN_LIFE);
        let proof = if attested { Proof::Attested } else { Proof::Timestamps };
        Ok(Effect::Proved { credential: None, horizon, proof, times: AS_PROOF.times })
    }

    /// A delivery in doubt: a version with our label is ours, whichever attempt made it.
    async fn look_for_delivery(&self, call: &Call<'_>) -> Result<Sighting, Trouble> {
        let place = place(call)?;
        let found = self.stores.find(place, call.run, LABEL).await?;
        Ok(found.map_or(Sighting::Absent, |version| {
            let effect = Effect::Delivered { place: place.clone(), version };
            Sighting::Done { effect }
        }))
    }

    async fn look_for_stamp(&self, call: &Call<'_>) -> Result<Sighting, Trouble> {
        let stamps = self.stamps(call, AFTER_DOUBT).await?;
        let (fact, stamp) = match call.step.verb {
            Verb::Reset => (Fact::PasswordChanged, stamps.password_changed),
            _ => (Fact::SessionsValidFrom, stamps.sessions_valid_from),
        };
        let stamp = stamp.filter(|_| moved(call, call.step.verb, fact, stamp));
        Ok(stamp.map_or(Sighting::Absent, |at| {
            let effect = match call.step.verb {
                Verb::Reset => Effect::Reset { changed_at: at },
                _ => Effect::Revoked { valid_from: at },
            };
            Sighting::Done { effect }
        }))
    }

    /// A block is lifted only while the leaked password is still the user's own: after a reset,
    /// somebody who knows the user lifts it.
    async fn undo_block(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        let stamps = self.stamps(call, AS_PROOF).await?;
        if moved(call, Verb::Reset, Fact::PasswordChanged, stamps.password_changed) {
            return Err(fault(FaultClass::Refused, "password_was_reset").into());
        }
        switch::unblock(&self.azure, call).await
    }

    fn now(&self) -> Timestamp {
        self.azure.env().clock.now()
    }

    /// Every role that is held, could be activated, or comes by a group that roles can be given
    /// to (Microsoft Learn, "Privileged roles and permissions": all three protect a user).
    async fn roles(&self, id: &ObjectId) -> Result<String, Fault> {
        let graph = self.azure.graph();
        // No page lists the groups of many users without rights to groups: these are one read for each user.
        let (mut names, groups) =
            futures::try_join!(self.plans.roles_of_user(id), graph.role_groups_of_user(id))?;
        names.extend(groups.iter().map(|g| format!("role group {g}")));
        names.sort();
        names.dedup();
        Ok(names.join(", "))
    }
}

fn user_id(call: &Call<'_>) -> Result<ObjectId, Fault> {
    call.step.object.parse().map_err(|_| fault(FaultClass::Refused, "not_an_object_id"))
}

/// What is there of a user, apart from roles.
pub(in crate::connector) fn seen_of(user: &User) -> Observation {
    let mut seen = Observation::default();
    seen.objects.push(ObjectSeen {
        enabled: user.account_enabled.unwrap_or(true),
        id: Text::lossy(user.id.as_str()),
        name: Text::lossy(&user.user_principal_name()),
        role: ObjectRole::User,
    });
    if user.is_synced() {
        seen.facts.insert(Fact::Synced, Text::lossy("true"));
        seen.facts.extend(user.on_premises_name().map(|name| (Fact::OnPremisesAccount, Text::lossy(&name))));
    }
    let stamps = [
        (Fact::PasswordChanged, user.last_password_change),
        (Fact::SessionsValidFrom, user.sessions_valid_from),
    ];
    for (fact, stamp) in stamps.into_iter().filter_map(|(fact, stamp)| Some((fact, stamp?))) {
        seen.facts.insert(fact, Text::lossy(&stamp.to_string()));
    }
    seen
}

#[async_trait]
impl Effects for UserPasswordEffects {
    async fn observe(&self, sight: Sight<'_>) -> Result<Observation, Fault> {
        let user = match sight.depth {
            Depth::Plan => self.plans.user(sight.subject).await?,
            Depth::Drift | Depth::Aside | Depth::End => {
                self.azure.graph().user_by_name(sight.subject).await?
            }
        };
        let user = user.ok_or_else(|| fault(FaultClass::Refused, "Request_ResourceNotFound"))?;
        let mut seen = seen_of(&user);
        if sight.depth == Depth::Plan {
            let roles = self.roles(&user.id).await?;
            if !roles.is_empty() {
                seen.facts.insert(Fact::Roles, Text::lossy(&roles));
            }
        }
        if let Some(place) = sight.place {
            seen.store = Some(self.stores.seen_at(place, sight.depth).await?);
        }
        Ok(seen)
    }

    async fn perform(&self, call: &Call<'_>, hand: &mut Hand, warrant: Warrant) -> Result<Effect, Trouble> {
        match (call.step.verb, warrant) {
            (Verb::Block, Warrant::Write(_)) => switch::block(&self.azure, call).await,
            (Verb::Deliver, Warrant::Write(_)) => self.deliver(call, hand).await,
            (Verb::Reset, Warrant::Write(_)) => self.reset(call, hand).await,
            (Verb::Revoke, Warrant::Write(_)) => self.revoke(call).await,
            (Verb::Prove, _) => self.prove(call).await,
            _ => Err(fault(FaultClass::Refused, "not_a_step_of_this_kind").into()),
        }
    }

    async fn undo(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        match call.step.verb {
            Verb::Block => self.undo_block(call).await,
            _ => Err(fault(FaultClass::Refused, "no_undo").into()),
        }
    }

    async fn discard(&self, _: &Call<'_>, _: &CredentialRef) -> Result<Effect, Trouble> {
        Err(unexpected("nothing_is_made").into())
    }

    async fn look(&self, call: &Call<'_>, _: &mut Hand, undo: bool) -> Result<Sighting, Trouble> {
        match call.step.verb {
            Verb::Block => switch::look(&self.azure, call, undo).await,
            Verb::Deliver => self.look_for_delivery(call).await,
            Verb::Reset | Verb::Revoke => self.look_for_stamp(call).await,
            _ => Ok(Sighting::Absent),
        }
    }

    async fn reserve(&self, _: &PlannedTarget, step: &Step, _: Errand, lead: Duration) -> Permit {
        let operation = match (step.verb, &step.place) {
            (Verb::Deliver, Some(place)) => Operation::VaultSetSecret(self.stores.host(place)),
            _ => Operation::WriteObject,
        };
        self.azure.permit_ahead(operation, lead).await
    }
}
