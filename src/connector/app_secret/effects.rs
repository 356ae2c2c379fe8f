//! The steps of a secret rotation, each with one write at most.

use crate::azure::Azure;
use crate::azure::fault::MessageClass;
use crate::azure::graph::credentials::{Holder, NewPassword};
use crate::azure::quota::Operation;
#[cfg(feature = "bent")]
use crate::bent::{self, Bend};
use crate::connector::app_reads::AppReads;
use crate::connector::app_rules::SECRET_RESTRICTIONS;
use crate::connector::entra::{Wish, fault, observe_app, reference};
use crate::connector::parts::{
    APP_TOKEN_LIFE, client, holder, holder_of, is_personal, look_for_version, minted, old, place, restore,
    store_changed, unexpected,
};
use crate::connector::plan_reads::PlanReads;
use crate::connector::reads::{AFTER_DOUBT, AS_PROOF, Agreement, agree, spreading, tried_for_long};
use crate::connector::registry::World;
use crate::connector::sign_in::Presented;
use crate::connector::store::{Label, VaultStores};
use crate::connector::{Call, Effects, Errand, Hand, Sight, Trouble, Warrant, sign_in, switch};
use crate::domain::credential::{CredentialRef, Form, Place};
use crate::domain::event::{Drift, Fault, FaultClass, Sighting};
use crate::domain::id::KeyId;
use crate::domain::observation::Observation;
use crate::domain::plan::PlannedTarget;
use crate::domain::secret::Secret;
use crate::domain::step::{Effect, Keeper, Proof, Step, Verb};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::wire::budget::Permit;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

const WISH: Wish = Wish { restrictions: &SECRET_RESTRICTIONS, certificates: false };

/// Meets Entra and Key Vault.
pub struct AppSecretEffects {
    apps: Arc<AppReads>,
    plans: Arc<PlanReads>,
    azure: Azure,
    stores: Arc<VaultStores>,
}

impl AppSecretEffects {
    pub(in crate::connector) fn new(world: &World) -> Self {
        Self {
            apps: Arc::clone(&world.apps),
            plans: Arc::clone(&world.plans),
            azure: world.azure.clone(),
            stores: Arc::clone(&world.stores),
        }
    }

    async fn secrets(&self, holder: &Holder) -> Result<Vec<CredentialRef>, Fault> {
        Ok(self.named_secrets(holder).await?.into_iter().map(|(c, _)| c).collect())
    }

    /// The secrets on an object, with their names, in a stable order.
    async fn named_secrets(&self, holder: &Holder) -> Result<Vec<(CredentialRef, String)>, Fault> {
        let passwords = self.azure.graph().passwords(holder).await.map_err(Fault::from)?;
        let passwords = passwords.ok_or_else(|| fault(FaultClass::NotYet, "Request_ResourceNotFound"))?;
        let mut named: Vec<_> = passwords
            .iter()
            .map(|p| {
                let name = p.display_name().map(|n| n.to_string()).unwrap_or_default();
                (reference(holder.object(), Form::Secret, p.key_id.as_str()), name)
            })
            .collect();
        named.sort();
        Ok(named)
    }

    async fn mint(&self, call: &Call<'_>, hand: &mut Hand) -> Result<Effect, Trouble> {
        let holder = holder(call)?;
        let end = self.azure.env().clock.now().after(Duration::from_secs(call.state.plan.lifetime_s));
        let new = NewPassword { display_name: Text::lossy(&call.run.mark()), end };
        let minted =
            self.azure.graph().add_password(&holder, &new, call.permit()?).await.map_err(Fault::from)?;
        hand.value = Some(minted.value);
        Ok(Effect::Minted {
            credential: reference(holder.object(), Form::Secret, minted.key_id.as_str()),
            keeper: Keeper::Memory,
            not_after: minted.end.unwrap_or(end),
        })
    }

    async fn verify(&self, call: &Call<'_>, hand: &Hand) -> Result<Effect, Trouble> {
        let value = hand.value.as_ref().ok_or_else(|| unexpected("no_value"))?;
        let series = sign_in::accepted(&self.azure, &client(call)?, &Presented::Secret(value)).await?;
        Ok(Effect::Verified {
            credential: minted(call)?,
            times: series.times,
            window_s: u32::try_from(series.window.as_secs()).unwrap_or(u32::MAX),
        })
    }

    async fn publish(&self, call: &Call<'_>, hand: &mut Hand) -> Result<Effect, Trouble> {
        let place = place(call)?;
        let value = hand.value.as_ref().ok_or_else(|| unexpected("no_value"))?;
        let previous = self.stores.seen(place).await?.newest;
        let credential = minted(call)?;
        let label = Label { run: call.run, credential: &credential.id, content_type: None };
        let version = self.stores.publish(place, value, label, call.permit()?).await?;
        // From here on the value is read from its store.
        hand.value = None;
        Ok(Effect::Published { place: place.clone(), previous, version })
    }

    async fn recheck(&self, call: &Call<'_>, hand: &mut Hand) -> Result<Effect, Trouble> {
        let place = place(call)?;
        let credential = minted(call)?;
        let Some(stored) = self.stores.newest_of(place, call.run, &credential.id).await? else {
            return Err(store_changed(place));
        };
        // Gone from the directory means gone: signing in would only be refused for a long time.
        if !self.is_listed_once(call, &credential).await?
            && !self.is_listed(&call.state.plan, &credential, AS_PROOF).await?
        {
            return Err(Trouble::Drift { change: Drift::CredentialGone, object: credential.object.clone() });
        }
        let client = client(call)?;
        let series = sign_in::accepted(&self.azure, &client, &Presented::Secret(&stored.value)).await?;
        self.adopt(call, stored.value).await?;
        hand.witness = self.witness(call, place).await;
        let old_accepted = match &hand.witness {
            Some(old) => {
                sign_in::is_accepted(&self.azure, &client, &Presented::Secret(old)).await == Some(true)
            }
            None => false,
        };
        let version = stored.version.version.clone();
        Ok(Effect::Rechecked { credential, old_accepted, times: series.times, version })
    }

    /// If the target is our own identity: from here on this run signs in with the new secret.
    async fn adopt(&self, call: &Call<'_>, value: Secret) -> Result<(), Fault> {
        match call.state.plan.last {
            true => self.azure.adopt(&client(call)?, value).await.map_err(Fault::from),
            false => Ok(()),
        }
    }

    /// Our own old secret goes only while we act with the new one, also in a process that was
    /// started with the old.
    async fn act_with_the_new(&self, call: &Call<'_>) -> Result<(), Trouble> {
        let (true, Some(published)) = (call.state.plan.last, call.state.published()) else { return Ok(()) };
        let minted = minted(call)?;
        let stored = self.stores.newest_of(&published.place, call.run, &minted.id).await?;
        let stored = stored.ok_or_else(|| store_changed(&published.place))?;
        Ok(self.adopt(call, stored.value).await?)
    }

    /// The leaked value, if the version before ours holds it: Entra's hint tells.
    async fn witness(&self, call: &Call<'_>, place: &Place) -> Option<Secret> {
        let previous = call.state.published()?.previous.clone()?;
        let old = self.stores.read(place, &previous).await.ok()?.value;
        let leaked = call.state.plan.observation.credentials.iter();
        let mut leaked = leaked.filter(|c| call.state.plan.retire.contains(&c.credential));
        let hint = old.hint();
        leaked.any(|c| c.hint.as_deref() == Some(hint.as_str())).then_some(old)
    }

    async fn remove(&self, call: &Call<'_>, credential: &CredentialRef) -> Result<(), Trouble> {
        let holder = holder_of(&call.state.plan, &credential.object)?;
        let key: KeyId = credential.id.parse().map_err(|_| fault(FaultClass::Refused, "not_a_key_id"))?;
        let Err(refused) = self.azure.graph().remove_password(&holder, &key, call.permit()?).await else {
            return Ok(());
        };
        // This replica does not know it yet; or, after a doubt that stale reads resolved wrongly, it
        // is gone already. Only time and agreeing reads tell the two apart.
        let undo = call.step.verb == Verb::Mint;
        let is_unknown = refused.message == MessageClass::NoSuchCredential;
        let is_late = tried_for_long(self.azure.env().clock, call, undo);
        match is_unknown && is_late && !self.is_listed(&call.state.plan, credential, AS_PROOF).await? {
            true => Ok(()),
            false => Err(Fault::from(refused).into()),
        }
    }

    /// Whether one read lists it, which is enough for a yes.
    async fn is_listed_once(&self, call: &Call<'_>, credential: &CredentialRef) -> Result<bool, Fault> {
        let holder = holder_of(&call.state.plan, &credential.object)?;
        Ok(self.secrets(&holder).await?.contains(credential))
    }

    /// Whether a secret is listed, agreed on by several reads.
    async fn is_listed(
        &self,
        plan: &PlannedTarget,
        credential: &CredentialRef,
        wanted: Agreement,
    ) -> Result<bool, Fault> {
        let holder = holder_of(plan, &credential.object)?;
        agree(self.azure.env().clock, wanted, || async {
            Ok(self.secrets(&holder).await?.contains(credential))
        })
        .await
    }

    /// The old value of this credential, if it can be had.
    async fn witness_of<'a>(
        &self,
        call: &Call<'_>,
        hand: &'a mut Hand,
        gone: &CredentialRef,
    ) -> Option<&'a Secret> {
        if hand.witness.is_none()
            && let Some(published) = call.state.published()
        {
            hand.witness = self.witness(call, &published.place).await;
        }
        hand.witness.as_ref().filter(|old| speaks_for(&call.state.plan, old, gone))
    }

    async fn prove(&self, call: &Call<'_>, hand: &mut Hand) -> Result<Effect, Trouble> {
        let credential = old(call)?;
        let witness = self.witness_of(call, hand, &credential).await;
        if witness.is_none() && spreading(self.azure.env().clock, call)?.is_some() {
            return Err(fault(FaultClass::NotYet, "still_spreading").into());
        }
        if self.is_listed(&call.state.plan, &credential, AS_PROOF).await? {
            return Err(fault(FaultClass::NotYet, "still_listed").into());
        }
        let (mut proof, mut times) = (Proof::Absent, AS_PROOF.times);
        if let Some(old) = witness {
            times = sign_in::refused(&self.azure, &client(call)?, &Presented::Secret(old)).await?;
            proof = match call.state.old_was_accepted() {
                true => Proof::Refused,
                false => Proof::RefusedNeverSeenAccepted,
            };
        }
        let horizon = self.azure.env().clock.now().after(APP_TOKEN_LIFE);
        Ok(Effect::Proved { credential: Some(credential), horizon, proof, times })
    }

    /// A mint in doubt: a secret with our mark that no event names is an orphan.
    async fn look_for_orphan(&self, call: &Call<'_>) -> Result<Sighting, Trouble> {
        let holder = holder(call)?;
        let known: Vec<CredentialRef> = call
            .state
            .to_discard()
            .cloned()
            .chain(call.state.minted().map(|m| m.credential.clone()))
            .collect();
        let mark = call.run.mark();
        let orphan = agree(self.azure.env().clock, AFTER_DOUBT, || async {
            let named = self.named_secrets(&holder).await?;
            Ok(named.into_iter().map(|(c, n)| (n == mark, c)).find(|(ours, c)| *ours && !known.contains(c)))
        })
        .await?;
        #[cfg(feature = "bent")]
        if let (Some((_, credential)), true) = (&orphan, bent::is(Bend::AdoptOrphan)) {
            let (credential, not_after) = (credential.clone(), self.azure.env().clock.now());
            let effect = Effect::Minted { credential, keeper: Keeper::Memory, not_after };
            return Ok(Sighting::Done { effect });
        }
        Ok(orphan.map_or(Sighting::Absent, |(_, credential)| Sighting::Orphan { credential }))
    }

    async fn look_for_removal(&self, call: &Call<'_>, undo: bool) -> Result<Sighting, Trouble> {
        let credential = match undo {
            true => call.state.discarding().cloned(),
            false => call.step.credential.clone(),
        };
        let credential = credential.ok_or_else(|| unexpected("no_credential"))?;
        let holder = holder_of(&call.state.plan, &credential.object)?;
        let listed = agree(self.azure.env().clock, AFTER_DOUBT, || async {
            Ok(self.secrets(&holder).await?.contains(&credential))
        })
        .await?;
        let effect = if undo { Effect::Discarded { credential } } else { Effect::Retired { credential } };
        // It is removed once more while a replica may not know that it was made.
        let is_there = listed || (undo && !tried_for_long(self.azure.env().clock, call, true));
        Ok(if is_there { Sighting::Absent } else { Sighting::Done { effect } })
    }
}

/// Whether an old value is this credential's: Entra's hint tells, if no other secret has the same.
/// The refusal of one value says nothing of another's.
fn speaks_for(plan: &PlannedTarget, old: &Secret, credential: &CredentialRef) -> bool {
    let hint = old.hint();
    let mut alike = plan.observation.credentials.iter().filter(|c| c.hint.as_deref() == Some(hint.as_str()));
    alike.next().is_some_and(|c| c.credential == *credential) && alike.next().is_none()
}

#[async_trait]
impl Effects for AppSecretEffects {
    async fn prepare(&self, subjects: &[&str]) {
        self.apps.prepare(subjects).await;
    }

    async fn observe(&self, sight: Sight<'_>) -> Result<Observation, Fault> {
        let mut seen = observe_app(&self.apps, &self.plans, sight, WISH).await?;
        if let Some(place) = sight.place {
            seen.store = Some(self.stores.seen_at(place, sight.depth).await?);
        }
        Ok(seen)
    }

    /// Without the old value, reads prove its death once its removal has spread.
    async fn not_before(&self, call: &Call<'_>, hand: &mut Hand) -> Result<Option<Timestamp>, Fault> {
        let Some((gone, spread)) = spreading(self.azure.env().clock, call)? else { return Ok(None) };
        Ok(self.witness_of(call, hand, &gone).await.is_none().then_some(spread))
    }

    async fn perform(&self, call: &Call<'_>, hand: &mut Hand, warrant: Warrant) -> Result<Effect, Trouble> {
        match (call.step.verb, warrant) {
            (Verb::Mint, Warrant::Write(_)) => self.mint(call, hand).await,
            (Verb::Verify, _) => self.verify(call, hand).await,
            (Verb::Publish, Warrant::Write(_)) => self.publish(call, hand).await,
            (Verb::Recheck, _) => self.recheck(call, hand).await,
            (Verb::Retire, Warrant::Retire(_, _licence)) => {
                let credential = old(call)?;
                self.act_with_the_new(call).await?;
                self.remove(call, &credential).await?;
                Ok(Effect::Retired { credential })
            }
            (Verb::Prove, _) => self.prove(call, hand).await,
            (Verb::Block, Warrant::Write(_)) => switch::block(&self.azure, call).await,
            (Verb::Unblock, Warrant::Write(_)) => switch::unblock(&self.azure, call).await,
            _ => Err(fault(FaultClass::Refused, "not_a_step_of_this_kind").into()),
        }
    }

    async fn undo(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        match call.step.verb {
            // We may be signed in with it: taking it away could saw off our own branch.
            Verb::Mint if call.state.plan.last && call.state.published().is_some() => {
                Err(fault(FaultClass::Refused, "own_sign_in").into())
            }
            Verb::Mint => {
                let credential = minted(call)?;
                self.discard(call, &credential).await
            }
            Verb::Publish => restore(&self.stores, call).await,
            Verb::Block => switch::unblock(&self.azure, call).await,
            Verb::Unblock => switch::block(&self.azure, call).await,
            _ => Err(fault(FaultClass::Refused, "no_undo").into()),
        }
    }

    async fn discard(&self, call: &Call<'_>, credential: &CredentialRef) -> Result<Effect, Trouble> {
        self.remove(call, credential).await?;
        Ok(Effect::Discarded { credential: credential.clone() })
    }

    async fn look(&self, call: &Call<'_>, _: &mut Hand, undo: bool) -> Result<Sighting, Trouble> {
        match (call.step.verb, undo) {
            (Verb::Mint, false) => self.look_for_orphan(call).await,
            (Verb::Mint, true) | (Verb::Retire, false) => self.look_for_removal(call, undo).await,
            (Verb::Publish, _) => look_for_version(&self.stores, call, undo).await,
            (Verb::Block | Verb::Unblock, _) => switch::look(&self.azure, call, undo).await,
            _ => Ok(Sighting::Absent),
        }
    }

    async fn reserve(&self, plan: &PlannedTarget, step: &Step, _: Errand, lead: Duration) -> Permit {
        let operation = match (step.verb, &step.place) {
            (Verb::Publish, Some(place)) => Operation::VaultSetSecret(self.stores.host(place)),
            _ if is_personal(plan) => Operation::WritePersonalApp,
            _ => Operation::WriteObject,
        };
        self.azure.permit_ahead(operation, lead).await
    }
}
