//! The steps of a certificate rotation, each with one write at most.

use super::entry::Guard;
use super::list::{List, Odd};
use super::vault::{Made, Own, in_doubt, is_exportable, new_credential};
use crate::azure::Azure;
use crate::azure::assertion::CertificateKey;
use crate::azure::quota::Operation;
use crate::connector::app_reads::AppReads;
use crate::connector::app_rules::CERTIFICATE_RESTRICTIONS;
use crate::connector::entra::{Wish, fault, observe_app};
use crate::connector::parts::{
    APP_TOKEN_LIFE, client, holder, holder_of, is_personal, look_for_version, minted, old, place, restore,
    store_changed, unexpected,
};
use crate::connector::plan_reads::PlanReads;
use crate::connector::reads::{AFTER_DOUBT, AS_PROOF, ONCE, spreading, tried_for_long};
use crate::connector::registry::World;
use crate::connector::sign_in::Presented;
use crate::connector::store::{Label, VaultStores};
use crate::connector::{Call, Effects, Errand, Hand, Sight, Trouble, Warrant, sign_in, switch};
use crate::domain::credential::{CredentialRef, Place};
use crate::domain::event::{Drift, Fault, FaultClass, Sighting};
use crate::domain::observation::Observation;
use crate::domain::plan::PlannedTarget;
use crate::domain::secret::Secret;
use crate::domain::step::{Effect, Keeper, Proof, Step, Verb};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::wire::budget::Permit;
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;
use std::time::Duration;

const WISH: Wish = Wish { restrictions: &CERTIFICATE_RESTRICTIONS, certificates: true };

/// Meets Entra and Key Vault.
pub struct AppCertificateEffects {
    pub(super) apps: Arc<AppReads>,
    plans: Arc<PlanReads>,
    pub(super) azure: Azure,
    pub(super) stores: Arc<VaultStores>,
}

impl AppCertificateEffects {
    pub(in crate::connector) fn new(world: &World) -> Self {
        Self {
            apps: Arc::clone(&world.apps),
            plans: Arc::clone(&world.plans),
            azure: world.azure.clone(),
            stores: Arc::clone(&world.stores),
        }
    }

    pub(super) fn own(&self, call: &Call<'_>) -> Result<Own, Fault> {
        Own::of(&self.stores, call, self.azure.env().clock)
    }

    /// Makes key and certificate in the vault. One that is there already, of this run, is it: its
    /// key never left the vault, so nothing was lost.
    async fn mint(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        let (own, plan) = (self.own(call)?, &call.state.plan);
        let made = match own.finished(plan).await? {
            Some(made) => made,
            None => {
                own.vault
                    .create_certificate(&own.name, &own.wanted(plan), call.permit()?)
                    .await
                    .map_err(Fault::from)?;
                let made = own.finished(plan).await.map_err(in_doubt)?;
                made.ok_or_else(|| in_doubt(fault(FaultClass::NotYet, "certificate_not_seen")))?
            }
        };
        Ok(minted_effect(call, &made))
    }

    /// First the list: ours is there, and everybody else's still is. Then sign-ins.
    async fn verify(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        let (own, credential, holder) = (self.own(call)?, minted(call)?, holder(call)?);
        let mut list = List::read(&self.apps, &holder, ONCE).await?;
        // A list that shows ours is younger than our write: one read says that nobody is missing. That
        // somebody is, only reads that agree.
        let is_whole = list.find(&credential).is_some() && self.others_are_there(call, &list).is_ok();
        if !is_whole {
            list = List::read(&self.apps, &holder, AS_PROOF).await?;
        }
        self.others_are_there(call, &list)?;
        if list.find(&credential).is_none() {
            return Err(fault(FaultClass::NotYet, "not_listed_yet").into());
        }
        let key = own.key(&own.need(&call.state.plan).await?);
        let series = sign_in::accepted(&self.azure, &client(call)?, &Presented::InVault(&key)).await?;
        let window_s = u32::try_from(series.window.as_secs()).unwrap_or(u32::MAX);
        Ok(Effect::Verified { credential, times: series.times, window_s })
    }

    /// An entry that was there before us and is not any more: nobody's business but a person's.
    fn others_are_there(&self, call: &Call<'_>, list: &List) -> Result<(), Trouble> {
        match list.odd(call.state) {
            Some(Odd::Missing(_)) => {
                Err(Trouble::Drift { change: Drift::CredentialGone, object: call.step.object.clone() })
            }
            _ => Ok(()),
        }
    }

    /// What consumers read changes only now: key and certificate as they are in the vault, or, if
    /// the key may not leave it, where to have it sign.
    async fn publish(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        let (own, place, credential) = (self.own(call)?, place(call)?, minted(call)?);
        let previous = self.stores.seen(place).await?.newest;
        let (value, content_type) = if is_exportable(&call.state.plan) {
            let stored = own.vault.secret(&own.name, None).await.map_err(Fault::from)?;
            (stored.value, stored.version.content_type)
        } else {
            (self.pointer(&own, &own.need(&call.state.plan).await?), Some(Text::lossy("text/uri-list")))
        };
        let label = Label { run: call.run, credential: &credential.id, content_type };
        let version = self.stores.publish(place, &value, label, call.permit()?).await?;
        Ok(Effect::Published { place: place.clone(), previous, version })
    }

    fn pointer(&self, own: &Own, made: &Made) -> Secret {
        let (host, name) = (own.vault.host(), own.name.as_str());
        Secret::new(format!("https://{host}/certificates/{name}/{}", made.stored.version.version))
    }

    /// The published value itself must sign in; a pointer must still lead to the key that does.
    async fn recheck(&self, call: &Call<'_>, hand: &mut Hand) -> Result<Effect, Trouble> {
        let (own, place, credential) = (self.own(call)?, place(call)?, minted(call)?);
        let Some(stored) = self.stores.newest_of(place, call.run, &credential.id).await? else {
            return Err(store_changed(place));
        };
        let (client, made) = (client(call)?, own.need(&call.state.plan).await?);
        let series = if is_exportable(&call.state.plan) {
            let key = CertificateKey::from_pem(&stored.value).map_err(|_| store_changed(place))?;
            if key.certificate() != made.stored.der {
                return Err(store_changed(place));
            }
            sign_in::accepted(&self.azure, &client, &Presented::Key(&key)).await?
        } else {
            if !stored.value.same_as(&self.pointer(&own, &made)) {
                return Err(store_changed(place));
            }
            sign_in::accepted(&self.azure, &client, &Presented::InVault(&own.key(&made))).await?
        };
        let witness = self.witness(call, place).await;
        let old_accepted = match &witness {
            Some((_, key)) => {
                sign_in::is_accepted(&self.azure, &client, &Presented::Key(key)).await == Some(true)
            }
            None => false,
        };
        hand.witness = witness.map(|(value, _)| value);
        let version = stored.version.version.clone();
        Ok(Effect::Rechecked { credential, old_accepted, times: series.times, version })
    }

    /// The leaked key, if the version before ours holds it: its certificate is in the plan.
    async fn witness(&self, call: &Call<'_>, place: &Place) -> Option<(Secret, CertificateKey)> {
        let plan = &call.state.plan;
        let previous = call.state.published()?.previous.clone()?;
        let value = self.stores.read(place, &previous).await.ok()?.value;
        let key = CertificateKey::from_pem(&value).ok()?;
        let public = STANDARD.encode(key.certificate());
        let mut leaked = plan.observation.credentials.iter().filter(|c| plan.retire.contains(&c.credential));
        leaked.any(|c| c.public_key.as_deref() == Some(public.as_str())).then_some((value, key))
    }

    /// The old key of this credential, if it can be had.
    async fn witness_of(
        &self,
        call: &Call<'_>,
        hand: &mut Hand,
        gone: &CredentialRef,
    ) -> Option<CertificateKey> {
        if hand.witness.is_none()
            && let Some(published) = call.state.published()
        {
            hand.witness = self.witness(call, &published.place).await.map(|(value, _)| value);
        }
        let witness = CertificateKey::from_pem(hand.witness.as_ref()?).ok();
        witness.filter(|key| speaks_for(&call.state.plan, key, gone))
    }

    async fn prove(&self, call: &Call<'_>, hand: &mut Hand) -> Result<Effect, Trouble> {
        let credential = old(call)?;
        let holder = holder_of(&call.state.plan, &credential.object)?;
        let witness = self.witness_of(call, hand, &credential).await;
        if witness.is_none() && spreading(self.azure.env().clock, call)?.is_some() {
            return Err(fault(FaultClass::NotYet, "still_spreading").into());
        }
        let list = List::read_as_proof(&self.apps, &holder).await?;
        if list.find(&credential).is_some() {
            return Err(fault(FaultClass::NotYet, "still_listed").into());
        }
        self.others_are_there(call, &list)?;
        let (mut proof, mut times) = (Proof::Absent, AS_PROOF.times);
        if let Some(key) = witness {
            times = sign_in::refused(&self.azure, &client(call)?, &Presented::Key(&key)).await?;
            proof = match call.state.old_was_accepted() {
                true => Proof::Refused,
                false => Proof::RefusedNeverSeenAccepted,
            };
        }
        let horizon = self.azure.env().clock.now().after(APP_TOKEN_LIFE);
        Ok(Effect::Proved { credential: Some(credential), horizon, proof, times })
    }

    /// The certificate and its key leave the vault, recoverably. Nobody reads this name.
    async fn unmake(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        let (own, credential) = (self.own(call)?, minted(call)?);
        if own.made(&call.state.plan).await?.is_some() {
            own.vault.delete_certificate(&own.name, call.permit()?).await.map_err(Fault::from)?;
        }
        Ok(Effect::Discarded { credential })
    }

    async fn look_for_making(&self, call: &Call<'_>, undo: bool) -> Result<Sighting, Trouble> {
        let own = self.own(call)?;
        if undo {
            let credential = minted(call)?;
            let gone = own.made(&call.state.plan).await?.is_none();
            let done = Sighting::Done { effect: Effect::Discarded { credential } };
            return Ok(if gone { done } else { Sighting::Absent });
        }
        if !own.is_there().await? {
            return Ok(Sighting::Absent);
        }
        match own.finished(&call.state.plan).await {
            Ok(Some(made)) => Ok(Sighting::Done { effect: minted_effect(call, &made) }),
            // It failed: nothing came of it, and the next attempt will say why.
            Ok(None) => Ok(Sighting::Absent),
            Err(e) if e.class == FaultClass::Refused => Ok(Sighting::Absent),
            Err(e) => Err(e.into()),
        }
    }

    async fn look_for_entry(&self, call: &Call<'_>, undo: bool) -> Result<Sighting, Trouble> {
        let credential = match call.step.verb {
            Verb::Attach => minted(call)?,
            _ => old(call)?,
        };
        let holder = holder_of(&call.state.plan, &credential.object)?;
        let list = List::read(&self.apps, &holder, AFTER_DOUBT).await?;
        let attaches = call.step.verb == Verb::Attach && !undo;
        let effect = match (list.find(&credential), attaches) {
            (Some(key), true) => {
                let not_after = key.end().ok_or_else(|| unexpected("no_expiry"))?;
                Effect::Attached { credential, not_after }
            }
            // It is taken off once more while a replica may not know that it was put on.
            (None, false) if undo && !tried_for_long(self.azure.env().clock, call, true) => {
                return Ok(Sighting::Absent);
            }
            (None, false) => Effect::Detached { credential },
            _ => return Ok(Sighting::Absent),
        };
        Ok(Sighting::Done { effect })
    }
}

/// Whether an old key is this credential's: the refusal of one says nothing of another.
fn speaks_for(plan: &PlannedTarget, old: &CertificateKey, credential: &CredentialRef) -> bool {
    let public = STANDARD.encode(old.certificate());
    let seen = plan.observation.credentials.iter().find(|c| c.credential == *credential);
    seen.is_some_and(|c| c.public_key.as_deref() == Some(public.as_str()))
}

fn minted_effect(call: &Call<'_>, made: &Made) -> Effect {
    Effect::Minted {
        credential: new_credential(&call.state.plan, call.run, &call.step.object),
        keeper: Keeper::Store,
        not_after: made.end,
    }
}

#[async_trait]
impl Effects for AppCertificateEffects {
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

    /// Without the old key, reads prove its death once its removal has spread.
    async fn not_before(&self, call: &Call<'_>, hand: &mut Hand) -> Result<Option<Timestamp>, Fault> {
        let Some((gone, spread)) = spreading(self.azure.env().clock, call)? else { return Ok(None) };
        Ok(self.witness_of(call, hand, &gone).await.is_none().then_some(spread))
    }

    async fn perform(&self, call: &Call<'_>, hand: &mut Hand, warrant: Warrant) -> Result<Effect, Trouble> {
        match (call.step.verb, warrant) {
            (Verb::Mint, Warrant::Write(_)) => self.mint(call).await,
            (Verb::Attach, Warrant::Write(_)) => self.attach(call).await,
            (Verb::Verify, _) => self.verify(call).await,
            (Verb::Publish, Warrant::Write(_)) => self.publish(call).await,
            (Verb::Recheck, _) => self.recheck(call, hand).await,
            (Verb::Detach, Warrant::Retire(_, _licence)) => {
                let credential = old(call)?;
                self.remove(call, &credential, Guard::Exact).await?;
                Ok(Effect::Detached { credential })
            }
            (Verb::Prove, _) => self.prove(call, hand).await,
            (Verb::Block, Warrant::Write(_)) => switch::block(&self.azure, call).await,
            (Verb::Unblock, Warrant::Write(_)) => switch::unblock(&self.azure, call).await,
            _ => Err(fault(FaultClass::Refused, "not_a_step_of_this_kind").into()),
        }
    }

    async fn undo(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        match call.step.verb {
            Verb::Mint => self.unmake(call).await,
            Verb::Attach => {
                let credential = minted(call)?;
                self.remove(call, &credential, Guard::OnlyOurs).await?;
                Ok(Effect::Detached { credential })
            }
            Verb::Publish => restore(&self.stores, call).await,
            Verb::Block => switch::unblock(&self.azure, call).await,
            Verb::Unblock => switch::block(&self.azure, call).await,
            _ => Err(fault(FaultClass::Refused, "no_undo").into()),
        }
    }

    async fn discard(&self, call: &Call<'_>, credential: &CredentialRef) -> Result<Effect, Trouble> {
        self.remove(call, credential, Guard::OnlyOurs).await?;
        Ok(Effect::Discarded { credential: credential.clone() })
    }

    async fn look(&self, call: &Call<'_>, _: &mut Hand, undo: bool) -> Result<Sighting, Trouble> {
        match call.step.verb {
            Verb::Mint => self.look_for_making(call, undo).await,
            Verb::Attach | Verb::Detach => self.look_for_entry(call, undo).await,
            Verb::Publish => look_for_version(&self.stores, call, undo).await,
            Verb::Block | Verb::Unblock => switch::look(&self.azure, call, undo).await,
            _ => Ok(Sighting::Absent),
        }
    }

    async fn reserve(&self, plan: &PlannedTarget, step: &Step, errand: Errand, lead: Duration) -> Permit {
        let operation = match (step.verb, &step.place, errand) {
            (Verb::Mint, Some(place), Errand::Do) => {
                Operation::VaultCreateCertificate(self.stores.host(place))
            }
            (Verb::Mint, Some(place), Errand::Undo) => Operation::VaultUpdate(self.stores.host(place)),
            (Verb::Publish, Some(place), _) => Operation::VaultSetSecret(self.stores.host(place)),
            _ if is_personal(plan) => Operation::WritePersonalApp,
            _ => Operation::WriteObject,
        };
        self.azure.permit_ahead(operation, lead).await
    }
}
