//! Publishing to Key Vault: each version bears the run and the credential it belongs to, so that
//! a lost answer is resolved by looking.

use super::entra::fault;
use super::reads::{AS_PROOF, agree};
use super::recover::Tagged;
use super::{Depth, Stores};
use crate::azure::Azure;
use crate::azure::key_vault::secrets::{NewSecret, SecretVersion, StoredSecret};
use crate::azure::key_vault::{Name, Vault};
use crate::azure::quota::Operation;
use crate::domain::credential::Place;
use crate::domain::event::{Fault, FaultClass};
use crate::domain::id::RunId;
use crate::domain::observation::StoreSeen;
use crate::domain::playbook::model::Store;
use crate::domain::secret::Secret;
use crate::domain::text::Text;
use crate::wire::budget::{Permit, with_permit};
use async_trait::async_trait;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

const RUN_TAG: &str = "reissue-run";
const CREDENTIAL_TAG: &str = "reissue-credential";

/// The vaults of a playbook, by their names there.
pub struct VaultStores {
    azure: Azure,
    stores: BTreeMap<Text<64>, Store>,
    /// What was read for a plan and nobody has asked for yet.
    ahead: Mutex<BTreeMap<Place, StoreSeen>>,
}

/// Places that are read at the same time; the budget decides how fast.
const AT_ONCE: usize = 64;

/// What a version is published as.
pub(super) struct Label<'a> {
    pub(super) run: &'a RunId,
    /// The credential that the value is, or a word for what is none (`restored`, `password`).
    pub(super) credential: &'a str,
    pub(super) content_type: Option<Text<255>>,
}

impl VaultStores {
    pub(super) fn new(azure: Azure, stores: BTreeMap<Text<64>, Store>) -> Self {
        Self { azure, stores, ahead: Mutex::default() }
    }

    pub(super) fn vault(&self, place: &Place) -> Result<(Vault, Name), Fault> {
        let store =
            self.stores.get(&place.store).ok_or_else(|| fault(FaultClass::Refused, "no_such_store"))?;
        let vault = self.azure.vault(&store.key_vault).map_err(Fault::from)?;
        Ok((vault, Name::new(&place.name).map_err(Fault::from)?))
    }

    /// The host of a place's vault: what its quota is counted by.
    pub(super) fn host(&self, place: &Place) -> &str {
        self.stores.get(&place.store).map_or("", |s| &s.key_vault)
    }

    async fn versions(&self, place: &Place) -> Result<Vec<SecretVersion>, Fault> {
        let (vault, name) = self.vault(place)?;
        match vault.secret_versions(&name).await {
            Ok(mut versions) => {
                versions.sort_by_key(|v| v.created);
                Ok(versions)
            }
            Err(e) if e.is_not_found() => Ok(Vec::new()),
            Err(e) => Err(e.into()),
        }
    }

    fn ahead(&self) -> MutexGuard<'_, BTreeMap<Place, StoreSeen>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These are going to be planned: read while the directory's narrow quota is waited for. What goes wrong
    /// here is met again, and told, by whoever reads one.
    pub(super) async fn prepare(&self, places: &[Place]) {
        let reads = places.iter().map(|place| async move { (place, self.seen(place).await) });
        let mut reads = futures::stream::iter(reads.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
        while let Some((place, seen)) = reads.next().await {
            if let Ok(seen) = seen {
                self.ahead().insert(place.clone(), seen);
            }
        }
    }

    /// What stands under a name; for a plan, as it was read a moment ago.
    pub(super) async fn seen_at(&self, place: &Place, depth: Depth) -> Result<StoreSeen, Fault> {
        let known = if depth == Depth::Plan { self.ahead().remove(place) } else { None };
        match known {
            Some(seen) => Ok(seen),
            None => self.seen(place).await,
        }
    }

    /// What stands under a name now.
    pub(super) async fn seen(&self, place: &Place) -> Result<StoreSeen, Fault> {
        let versions = self.versions(place).await?;
        let newest = versions.last();
        let soft_deleted = match newest {
            Some(_) => false,
            None => {
                let (vault, name) = self.vault(place)?;
                vault.is_secret_deleted(&name).await.map_err(Fault::from)?
            }
        };
        Ok(StoreSeen {
            managed: newest.is_some_and(|v| v.managed),
            newest: newest.map(|v| v.version.clone()),
            newest_enabled: newest.is_none_or(|v| v.enabled),
            soft_deleted,
        })
    }

    /// Makes a new version. One write.
    pub(super) async fn publish(
        &self,
        place: &Place,
        value: &Secret,
        label: Label<'_>,
        permit: &Permit,
    ) -> Result<Text<64>, Fault> {
        let (vault, name) = self.vault(place)?;
        let tags = BTreeMap::from([
            (RUN_TAG.to_owned(), label.run.to_string()),
            (CREDENTIAL_TAG.to_owned(), label.credential.to_owned()),
        ]);
        let new = NewSecret { value, tags, content_type: label.content_type, expires: None };
        let set = with_permit(permit, vault.set_secret(&name, &new, permit)).await;
        Ok(set.map_err(Fault::from)?.version)
    }

    /// The version that bears this run and credential; agreed on by several reads.
    pub(super) async fn find(
        &self,
        place: &Place,
        run: &RunId,
        credential: &str,
    ) -> Result<Option<Text<64>>, Fault> {
        agree(self.azure.env().clock, AS_PROOF, || async {
            let versions = self.versions(place).await?;
            let ours = versions
                .iter()
                .rev()
                .find(|v| v.has_tag(RUN_TAG, run.as_str()) && v.has_tag(CREDENTIAL_TAG, credential));
            Ok(ours.map(|v| v.version.clone()))
        })
        .await
    }

    /// The versions that any run has tagged.
    pub(super) async fn tagged(&self, place: &Place) -> Result<Vec<Tagged>, Fault> {
        let versions = self.versions(place).await?;
        let tagged = versions.into_iter().filter_map(|v| {
            let (run, credential) = (v.tags.get(RUN_TAG)?, v.tags.get(CREDENTIAL_TAG)?);
            let (run, credential) = (Text::lossy(run), Text::lossy(credential));
            Some(Tagged { place: place.clone(), version: v.version, run, credential })
        });
        Ok(tagged.collect())
    }

    /// The newest version, if it bears this run and credential.
    pub(super) async fn newest_of(
        &self,
        place: &Place,
        run: &RunId,
        credential: &str,
    ) -> Result<Option<StoredSecret>, Fault> {
        let (vault, name) = self.vault(place)?;
        let stored = vault.secret(&name, None).await.map_err(Fault::from)?;
        let tags = &stored.version;
        let ours = tags.has_tag(RUN_TAG, run.as_str()) && tags.has_tag(CREDENTIAL_TAG, credential);
        Ok(ours.then_some(stored))
    }

    /// Switches a version off: what an undo must never do.
    #[cfg(feature = "bent")]
    pub(super) async fn disable(
        &self,
        place: &Place,
        version: &Text<64>,
    ) -> Result<crate::domain::step::Effect, super::Trouble> {
        let (vault, name) = self.vault(place)?;
        let permit = self.azure.permit(Operation::VaultUpdate(self.host(place))).await;
        vault.set_secret_enabled(&name, version, false, &permit).await.map_err(Fault::from)?;
        Ok(crate::domain::step::Effect::Restored { place: place.clone(), version: version.clone() })
    }

    /// One version.
    pub(super) async fn read(&self, place: &Place, version: &str) -> Result<StoredSecret, Fault> {
        let (vault, name) = self.vault(place)?;
        vault.secret(&name, Some(version)).await.map_err(Fault::from)
    }
}

#[async_trait]
impl Stores for VaultStores {
    async fn reach(&self, store: &Text<64>) -> Result<(), Fault> {
        let place = Place { name: Text::lossy("reissue-probe"), store: store.clone() };
        self.versions(&place).await.map(drop)
    }

    async fn probe(&self, place: &Place, run: &RunId) -> Result<Text<64>, Fault> {
        let host = self.host(place).to_owned();
        let permit = self.azure.permit(Operation::VaultSetSecret(&host)).await;
        let value = Secret::new("probe: this store can be written and read".into());
        let label = Label { run, credential: "probe", content_type: None };
        let version = self.publish(place, &value, label, &permit).await?;
        let read = self.read(place, &version).await?;
        match read.value.same_as(&value) {
            true => Ok(version),
            false => Err(fault(FaultClass::Unexpected, "read_back_differs")),
        }
    }
}
