//! The certificate in the vault, under a name of the run's own: the key is made there, and signs
//! there.

use crate::azure::key_vault::certificates::{Making, NewCertificate, StoredCertificate};
use crate::azure::key_vault::{Name, Vault};
use crate::connector::Call;
use crate::connector::entra::fault;
use crate::connector::parts::unexpected;
use crate::connector::reads::{AS_PROOF, agree};
use crate::connector::sign_in::VaultKey;
use crate::connector::store::VaultStores;
use crate::domain::credential::{CredentialRef, Form, Place};
use crate::domain::event::{Fault, FaultClass, Happened};
use crate::domain::id::{Digest, KeyId, RunId};
use crate::domain::plan::PlannedTarget;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::env::Clock;
use std::collections::BTreeMap;
use std::time::Duration;

const RUN_TAG: &str = "reissue-run";
/// A vault's own issuer takes seconds (Microsoft Learn, "Certificate creation methods").
const MAKING: Duration = Duration::from_secs(3);
const LOOKS_AT_MOST: u32 = 40;
/// Validity is given in months: as many as are surely not too few.
const SHORTEST_MONTH_S: u64 = 28 * 86_400;
const NAME_MAX: usize = 127;

/// The certificate's name in the vault: the published name, and the run's mark.
pub(super) fn own_name(place: &Place, run: &RunId) -> Result<Name, Fault> {
    let mark = run.mark();
    let tail = mark.strip_prefix("reissue-").unwrap_or(&mark);
    let room = NAME_MAX.saturating_sub(tail.len() + 1);
    let head: String = place.name.chars().take(room).collect();
    Ok(Name::new(&format!("{head}-{tail}"))?)
}

/// Where the target's values go.
pub(super) fn place_of(plan: &PlannedTarget) -> Result<&Place, Fault> {
    plan.steps.iter().find_map(|s| s.place.as_ref()).ok_or_else(|| unexpected("no_place"))
}

/// The vault that makes the key, and the certificate's name in it.
pub(super) struct Own {
    pub(super) vault: Vault,
    pub(super) name: Name,
    clock: Clock,
    run: RunId,
}

/// A certificate of ours, made and readable.
pub(super) struct Made {
    pub(super) stored: StoredCertificate,
    /// From when until when the application shall accept it: the same however often it is asked.
    pub(super) start: Option<Timestamp>,
    pub(super) end: Timestamp,
}

impl Own {
    pub(super) fn of(stores: &VaultStores, call: &Call<'_>, clock: Clock) -> Result<Self, Fault> {
        let place = place_of(&call.state.plan)?;
        let (vault, _) = stores.vault(place)?;
        Ok(Self { vault, name: own_name(place, call.run)?, clock, run: call.run.clone() })
    }

    /// What shall be made.
    pub(super) fn wanted(&self, plan: &PlannedTarget) -> NewCertificate {
        let months = plan.lifetime_s.div_ceil(SHORTEST_MONTH_S).max(1);
        NewCertificate {
            common_name: Text::lossy(&plan.name),
            validity_months: u32::try_from(months).unwrap_or(u32::MAX),
            key_bits: plan.setting("key_size").and_then(|s| s.parse().ok()).unwrap_or(2048),
            exportable: is_exportable(plan),
            tags: BTreeMap::from([(RUN_TAG.to_owned(), self.run.to_string())]),
        }
    }

    /// Waits until the making has ended. None: nothing was begun under this name.
    pub(super) async fn finished(&self, plan: &PlannedTarget) -> Result<Option<Made>, Fault> {
        for _ in 0..LOOKS_AT_MOST {
            match self.vault.making(&self.name).await? {
                Some(Making::InProgress) => self.clock.sleep(MAKING).await,
                Some(Making::Failed(code)) => return Err(fault(FaultClass::Refused, &code)),
                Some(Making::Cancelled) => return Err(fault(FaultClass::Refused, "cancelled")),
                Some(Making::Completed) | None => return self.made(plan).await,
            }
        }
        Err(fault(FaultClass::NotYet, "certificate_in_progress"))
    }

    /// The certificate under our name, if it is there and ours.
    pub(super) async fn made(&self, plan: &PlannedTarget) -> Result<Option<Made>, Fault> {
        let Some(stored) = self.vault.certificate(&self.name, None).await? else { return Ok(None) };
        if stored.version.tags.get(RUN_TAG).map(String::as_str) != Some(self.run.as_str()) {
            return Err(fault(FaultClass::Refused, "name_is_taken"));
        }
        let start = stored.version.created;
        let wanted = start.map(|s| s.after(Duration::from_secs(plan.lifetime_s)));
        let end = match (wanted, stored.version.expires) {
            (Some(wanted), Some(expires)) => wanted.min(expires),
            (one, other) => one.or(other).ok_or_else(|| unexpected("no_expiry"))?,
        };
        Ok(Some(Made { stored, start, end }))
    }

    /// The certificate, which must be there.
    pub(super) async fn need(&self, plan: &PlannedTarget) -> Result<Made, Fault> {
        self.made(plan).await?.ok_or_else(|| fault(FaultClass::Refused, "own_certificate_is_gone"))
    }

    /// Its key, which signs in the vault.
    pub(super) fn key(&self, made: &Made) -> VaultKey {
        VaultKey {
            vault: self.vault.clone(),
            name: self.name.clone(),
            key_version: made.stored.key_version.clone(),
            certificate: made.stored.der.clone(),
        }
    }

    /// After a doubt: is there something under our name? Several reads agree.
    pub(super) async fn is_there(&self) -> Result<bool, Fault> {
        agree(self.clock, AS_PROOF, || async {
            let made = self.vault.certificate(&self.name, None).await?;
            Ok(made.is_some() || self.vault.making(&self.name).await?.is_some())
        })
        .await
    }
}

pub(super) fn is_exportable(plan: &PlannedTarget) -> bool {
    plan.setting("exportable") != Some("false")
}

/// The new entry's key id is chosen here, the same for every attempt, so that an attach whose
/// answer was lost is found again. That PATCH takes a key id is reported, not documented.
pub(super) fn new_credential(plan: &PlannedTarget, run: &RunId, object: &str) -> CredentialRef {
    let digest = Digest::of(format!("reissue key {run} {}", plan.id).as_bytes()).0;
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    let id = KeyId::from_random(bytes);
    CredentialRef { form: Form::Certificate, id: Text::lossy(id.as_str()), object: Text::lossy(object) }
}

/// The making is under way or its answer was lost.
pub(super) fn in_doubt(fault: Fault) -> Fault {
    match fault.class {
        FaultClass::Refused => fault,
        _ => Fault { happened: Happened::Unknown, ..fault },
    }
}
