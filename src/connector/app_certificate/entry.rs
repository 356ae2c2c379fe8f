//! Putting our certificate on the application's list, and taking one off.

use super::effects::AppCertificateEffects;
use super::list::{BEFORE_WRITE, List};
use crate::azure::assertion::{PROOF_AUDIENCE, Unsigned};
use crate::azure::fault::{ApiError, MessageClass};
use crate::azure::graph::credentials::{Holder, NewKey};
use crate::connector::entra::fault;
use crate::connector::parts::{holder, holder_of, minted};
use crate::connector::reads::{AS_PROOF, tried_for_long};
use crate::connector::{Call, Trouble};
use crate::domain::credential::CredentialRef;
use crate::domain::event::{Fault, FaultClass};
use crate::domain::id::KeyId;
use crate::domain::secret::Secret;
use crate::domain::step::Effect;
use crate::domain::text::Text;

/// How strictly a list is judged before it is replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// Exactly what the plan and our effects lead to expect.
    Exact,
    /// Going back: only ours is left out, and everything else stays, whoever put it there.
    OnlyOurs,
}

impl AppCertificateEffects {
    /// The whole list again, and ours.
    pub(super) async fn attach(&self, call: &Call<'_>) -> Result<Effect, Trouble> {
        let (own, holder, credential) = (self.own(call)?, holder(call)?, minted(call)?);
        let made = own.need(&call.state.plan).await?;
        let effect = Effect::Attached { credential: credential.clone(), not_after: made.end };
        let list = List::read(&self.apps, &holder, BEFORE_WRITE).await?;
        if list.find(&credential).is_some() {
            return Ok(effect);
        }
        if list.odd(call.state).is_some() {
            return Err(fault(FaultClass::NotYet, "list_not_as_planned").into());
        }
        let new = NewKey {
            key_id: Some(key_id(&credential)?),
            display_name: Text::lossy(&call.run.mark()),
            certificate: made.stored.der,
            start: made.start,
            end: Some(made.end),
        };
        let keep = list.keep(call.state, None);
        self.azure
            .graph()
            .replace_keys(&holder, &keep, Some(&new), call.permit()?)
            .await
            .map_err(Fault::from)?;
        Ok(effect)
    }

    /// A statement, signed by our new key, that we hold a key of the object: Graph then removes
    /// one entry and touches no other. None before the new key is attached.
    async fn proof(&self, call: &Call<'_>, holder: &Holder) -> Result<Option<Secret>, Fault> {
        let Some(ours) = call.state.minted() else { return Ok(None) };
        if ours.credential.object.as_str() != holder.object().as_str() {
            return Ok(None);
        }
        let own = self.own(call)?;
        let Some(made) = own.made(&call.state.plan).await? else { return Ok(None) };
        let key = own.key(&made);
        let unsigned = Unsigned::proof(self.azure.env(), PROOF_AUDIENCE, holder.object(), &made.stored.der);
        let signature = key.sign(&unsigned.digest()).await?;
        Ok(Some(unsigned.with_signature(&signature)))
    }

    /// Takes one entry off: with a proof if there is one, else by replacing the list.
    pub(super) async fn remove(
        &self,
        call: &Call<'_>,
        credential: &CredentialRef,
        guard: Guard,
    ) -> Result<(), Trouble> {
        let holder = holder_of(&call.state.plan, &credential.object)?;
        // What was there before the run, every replica knows; not so what we have just put on.
        let may_be_absent = guard == Guard::Exact || tried_for_long(self.azure.env().clock, call, true);
        if let Some(proof) = self.proof(call, &holder).await? {
            let key = key_id(credential)?;
            match self.azure.graph().remove_key(&holder, &key, &proof, call.permit()?).await {
                Ok(()) => return Ok(()),
                Err(e) if is_proof_refused(&e) => {}
                Err(e) if e.message == MessageClass::NoSuchCredential => {
                    let list = List::read(&self.apps, &holder, AS_PROOF).await?;
                    return match list.find(credential) {
                        None if may_be_absent => Ok(()),
                        _ => Err(Fault::from(e).into()),
                    };
                }
                Err(e) => return Err(Fault::from(e).into()),
            }
        }
        let list = List::read(&self.apps, &holder, BEFORE_WRITE).await?;
        if list.find(credential).is_none() {
            return match may_be_absent {
                true => Ok(()),
                false => Err(fault(FaultClass::NotYet, "not_listed_yet").into()),
            };
        }
        if guard == Guard::Exact && list.odd(call.state).is_some() {
            return Err(fault(FaultClass::NotYet, "list_not_as_planned").into());
        }
        let keep = list.keep(call.state, Some(credential));
        self.azure.graph().replace_keys(&holder, &keep, None, call.permit()?).await.map_err(Fault::from)?;
        Ok(())
    }
}

fn key_id(credential: &CredentialRef) -> Result<KeyId, Fault> {
    credential.id.parse().map_err(|_| fault(FaultClass::Refused, "not_a_key_id"))
}

/// Graph's answer to a proof that it does not like is that of a missing token (reported).
fn is_proof_refused(e: &ApiError) -> bool {
    matches!(e.message, MessageClass::Unauthenticated | MessageClass::Forbidden)
}
