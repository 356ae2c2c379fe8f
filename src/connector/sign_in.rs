//! Verifying and proving by signing in: each time with a fresh credential, several times, over a
//! window, because one token says little about the other nodes of the token service.

use super::entra::fault;
use crate::azure::Azure;
use crate::azure::assertion::CertificateKey;
use crate::azure::key_vault::{Name, Vault};
use crate::azure::sign_in::{Meaning, SignIn};
use crate::domain::event::{Fault, FaultClass, Happened};
use crate::domain::id::ClientId;
use crate::domain::secret::Secret;
use crate::domain::text::Text;
use std::time::Duration;

/// A new credential counts as live after so many successes in a row …
pub(super) const SUCCESSES: u16 = 4;
/// … this far apart: over 30 s in all (inference from reported figures; no figure is published).
const APART: Duration = Duration::from_secs(11);
/// An old one counts as dead after so many refusals in a row.
const REFUSALS: u16 = 4;

/// What an application signs in with.
pub(super) enum Presented<'a> {
    Secret(&'a Secret),
    /// A certificate with its key at hand.
    Key(&'a CertificateKey),
    /// A certificate whose key stays in its vault.
    InVault(&'a VaultKey),
}

/// A certificate in a vault: enough to have statements signed by its key.
pub(super) struct VaultKey {
    pub(super) vault: Vault,
    pub(super) name: Name,
    pub(super) key_version: Option<Text<64>>,
    /// DER.
    pub(super) certificate: Vec<u8>,
}

impl VaultKey {
    /// PS256 over a digest, made in the vault.
    pub(super) async fn sign(&self, digest: &[u8; 32]) -> Result<Vec<u8>, Fault> {
        Ok(self.vault.sign(&self.name, self.key_version.as_deref(), digest).await?)
    }
}

impl Presented<'_> {
    /// One attempt; of an assertion, a new one.
    async fn sign_in(&self, azure: &Azure, client: &ClientId) -> Result<SignIn, Fault> {
        let door = azure.sign_in();
        Ok(match self {
            Presented::Secret(value) => door.by_secret(client, value).await?,
            Presented::Key(key) => door.by_certificate(client, key).await?,
            Presented::InVault(key) => {
                let unsigned = door.unsigned(client, &key.certificate);
                let signature = key.sign(&unsigned.digest()).await?;
                door.by_assertion(client, &unsigned.with_signature(&signature)).await?
            }
        })
    }
}

/// How a series of sign-ins went.
pub(super) struct Series {
    pub(super) times: u16,
    pub(super) window: Duration,
}

/// Signs in until the credential was accepted several times in a row.
pub(super) async fn accepted(
    azure: &Azure,
    client: &ClientId,
    presented: &Presented<'_>,
) -> Result<Series, Fault> {
    let clock = azure.env().clock;
    let began = clock.now();
    for times in 1..=SUCCESSES {
        if let SignIn::Refused { aadsts, code } = presented.sign_in(azure, client).await? {
            let class = Meaning::of(aadsts).class_while_spreading();
            return Err(Fault { class, code, happened: Happened::No });
        }
        if times < SUCCESSES {
            clock.sleep(APART).await;
        }
    }
    Ok(Series { times: SUCCESSES, window: clock.now().since(began) })
}

/// Signs in once and says whether the credential is accepted. Trouble counts as neither.
pub(super) async fn is_accepted(azure: &Azure, client: &ClientId, presented: &Presented<'_>) -> Option<bool> {
    match presented.sign_in(azure, client).await.ok()? {
        SignIn::Accepted { .. } => Some(true),
        SignIn::Refused { aadsts, .. } => Meaning::of(aadsts).proves_dead().then_some(false),
    }
}

/// Signs in with an old credential until it was refused, as a wrong one, several times in a row.
pub(super) async fn refused(
    azure: &Azure,
    client: &ClientId,
    presented: &Presented<'_>,
) -> Result<u16, Fault> {
    let clock = azure.env().clock;
    for times in 1..=REFUSALS {
        match presented.sign_in(azure, client).await? {
            SignIn::Refused { aadsts, .. } if Meaning::of(aadsts).proves_dead() => {}
            SignIn::Refused { code, .. } => {
                return Err(Fault { class: FaultClass::NotYet, code, happened: Happened::No });
            }
            SignIn::Accepted { .. } => return Err(fault(FaultClass::NotYet, "still_accepted")),
        }
        if times < REFUSALS {
            clock.sleep(APART).await;
        }
    }
    Ok(REFUSALS)
}
