//! The lease of a plan: tagged versions of one secret in its first store say who runs it
//! ([`crate::domain::lease`]). Not a compare-and-set.

use crate::azure::Azure;
use crate::azure::key_vault::secrets::{NewSecret, SecretVersion};
use crate::azure::key_vault::{Name, Vault, VaultError};
use crate::azure::quota::Operation;
use crate::connector::reads::patiently;
use crate::domain::credential::Place;
use crate::domain::event::{Fault, FaultClass};
use crate::domain::lease::{Entry, Holder, Refused, Saying, judge, judge_handover};
use crate::domain::plan::PackedPlan;
use crate::domain::secret::Secret;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::wire::budget::with_permit;
use std::collections::BTreeMap;
use std::time::Duration;

/// A claim is good for this long …
pub const LASTS: Duration = Duration::from_secs(600);
/// Nobody waits longer for a claim to be given up.
const RELEASED_WITHIN: Duration = Duration::from_secs(20);
/// … and is renewed this often: two tries may fail.
const RENEWED_EVERY: Duration = Duration::from_secs(200);
const AGAIN: Duration = Duration::from_secs(30);
/// Each version is tried to be read or written this often, the pauses doubling from two seconds: a role
/// that was just given is refused for minutes (Microsoft Learn, "Troubleshoot Azure RBAC").
const TRIES: u32 = 6;
/// Between writing a claim and reading all back: longer than the second in which two are as old.
const SETTLES: Duration = Duration::from_secs(3);

const TAGS: [&str; 4] = ["reissue-lease", "reissue-log", "reissue-who", "reissue-until"];

/// Why there is no lease, or no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    #[error("{0}")]
    Refused(#[from] Refused),
    #[error("the lease in {place} cannot be read or written: {}", fault.code)]
    Fault { place: Place, fault: Fault },
    #[error("the lease in {0} ran out, because it could not be renewed")]
    Lapsed(Place),
}

/// One log's hold on one plan.
pub struct Lease {
    azure: Azure,
    host: String,
    me: Holder,
    name: Name,
    place: Place,
    vault: Vault,
}

impl Lease {
    /// The lease of a plan, in the first store that it writes to, else in the first that it names; none
    /// if it has no store.
    pub fn of(azure: &Azure, plan: &PackedPlan, me: Holder) -> Result<Option<Self>, LeaseError> {
        let store = plan.stores().first().or(plan.header.stores.keys().next());
        let Some((store, named)) = store.and_then(|s| plan.header.stores.get_key_value(s)) else {
            return Ok(None);
        };
        let name = format!("reissue-lease-{}", &plan.digest().hex()[..16]);
        let place = Place { name: Text::lossy(&name), store: store.clone() };
        let (azure, host) = (azure.clone(), named.key_vault.to_string());
        let failed = |e: VaultError| LeaseError::Fault { place: place.clone(), fault: e.into() };
        let (vault, name) = (azure.vault(&host).map_err(failed)?, Name::new(&name).map_err(failed)?);
        Ok(Some(Self { azure, host, me, name, place, vault }))
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    fn failed(&self, fault: Fault) -> LeaseError {
        LeaseError::Fault { place: self.place.clone(), fault }
    }

    /// Whether this process may run the plan. Reads only.
    pub async fn look(&self) -> Result<(), LeaseError> {
        Ok(judge(&self.entries().await?, &self.me, self.azure.env().clock.now())?)
    }

    /// Whether this process may take the run over, with a signed handover in hand. Reads only.
    pub async fn look_before_handover(&self) -> Result<(), LeaseError> {
        Ok(judge_handover(&self.entries().await?, &self.me, self.azure.env().clock.now())?)
    }

    async fn entries(&self) -> Result<Vec<Entry>, LeaseError> {
        let versions = self.patiently(|| self.versions()).await?;
        Ok(versions.iter().filter_map(entry).collect())
    }

    /// Claims the plan: until when, or who else has it.
    pub async fn claim(&self) -> Result<Timestamp, LeaseError> {
        self.look().await?;
        let until = self.say(Saying::Claimed).await?;
        self.azure.env().clock.pause_between_looks(SETTLES).await;
        if let Err(e) = self.look().await {
            self.release().await;
            return Err(e);
        }
        Ok(until)
    }

    /// Renews the claim for as long as that is possible; returns why it is no more.
    pub async fn keep(&self, mut until: Timestamp) -> LeaseError {
        let clock = self.azure.env().clock;
        let mut pause = RENEWED_EVERY;
        loop {
            clock.sleep(pause).await;
            match self.renew().await {
                Ok(later) => (until, pause) = (later, RENEWED_EVERY),
                Err(e @ LeaseError::Refused(_)) => return e,
                Err(_) if clock.now().after(AGAIN) >= until => return LeaseError::Lapsed(self.place.clone()),
                Err(_) => pause = AGAIN,
            }
        }
    }

    async fn renew(&self) -> Result<Timestamp, LeaseError> {
        self.look().await?;
        self.say(Saying::Renewed).await
    }

    /// Gives the claim up. If that fails, or the store takes nothing now, it runs out by itself.
    pub async fn release(&self) {
        tokio::select! {
            _ = self.say(Saying::Released) => {}
            () = self.azure.env().clock.sleep(RELEASED_WITHIN) => {}
        }
    }

    /// Takes the plan away from every other log, for good.
    pub async fn hand_over(&self) -> Result<(), LeaseError> {
        self.say(Saying::HandedOver).await.map(drop)
    }

    async fn versions(&self) -> Result<Vec<SecretVersion>, LeaseError> {
        self.vault.secret_versions(&self.name).await.map_err(|e| self.failed(e.into()))
    }

    /// Says it, again if the answer was lost: the same words twice mean the same.
    async fn say(&self, saying: Saying) -> Result<Timestamp, LeaseError> {
        self.patiently(|| self.say_once(saying)).await
    }

    async fn patiently<T, F>(&self, work: impl Fn() -> F) -> Result<T, LeaseError>
    where
        F: Future<Output = Result<T, LeaseError>>,
    {
        let may_pass = |e: &LeaseError| matches!(e, LeaseError::Fault { fault, .. } if fault.class != FaultClass::Refused);
        patiently(self.azure.env().clock, TRIES, may_pass, work).await
    }

    async fn say_once(&self, saying: Saying) -> Result<Timestamp, LeaseError> {
        let now = self.azure.env().clock.now();
        let until = if matches!(saying, Saying::Claimed | Saying::Renewed) { now.after(LASTS) } else { now };
        let Holder { log, who } = &self.me;
        let said = [saying.word(), log, who, &until.to_string()].map(str::to_owned);
        let tags: BTreeMap<String, String> = TAGS.map(str::to_owned).into_iter().zip(said).collect();
        let value = Secret::new("not a secret: the tags say who runs a plan of reissue".into());
        let new = NewSecret { value: &value, tags, content_type: None, expires: None };
        let permit = self.azure.permit(Operation::VaultSetSecret(&self.host)).await;
        let set = with_permit(&permit, self.vault.set_secret(&self.name, &new, &permit)).await;
        set.map_err(|e| self.failed(e.into()))?;
        Ok(until)
    }
}

/// What a version says; none if it is not one of ours.
fn entry(version: &SecretVersion) -> Option<Entry> {
    let [saying, log, who, until] = TAGS.map(|tag| version.tags.get(tag));
    Some(Entry {
        created: version.created?,
        holder: Holder { log: Text::lossy(log?), who: Text::lossy(who?) },
        saying: Saying::of(saying?)?,
        until: until?.parse().ok()?,
    })
}
