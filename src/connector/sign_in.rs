//! Verifying and proving by signing in: each time with a fresh credential, several times, over a
//! window, because one token says little about the other nodes of the token service.

use crate::azure::Azure;
use crate::azure::assertion::CertificateKey;
use crate::azure::key_vault::{Name, Vault};
use crate::azure::sign_in::{Meaning, SignIn};
use crate::bent::{self, Bend};
use crate::domain::event::{Fault, FaultClass, Happened};
use crate::domain::id::ClientId;
use crate::domain::secret::Secret;
use crate::domain::text::Text;
use std::future::Future;
use std::time::Duration;

/// A new credential counts as live after so many successes in a row …
pub(super) const SUCCESSES: u16 = 4;
/// … this far apart: over 30 s in all (inference from reported figures; no figure is published).
const APART: Duration = Duration::from_secs(11);
/// An old one counts as dead after so many refusals in a row.
const REFUSALS: u16 = 4;

/// One attempt of a step waits this long for the nodes of the token service to agree; no figure
/// is published, 4 to 18 s are reported and minutes happen.
const PATIENCE: Duration = Duration::from_secs(240);
/// Between two tries while the nodes do not agree yet.
const AGAIN: Duration = Duration::from_secs(5);

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

/// What one sign-in says about the answer that is wanted.
enum Answer {
    Wanted,
    /// Not yet: the count begins again.
    Other(Fault),
}

/// Signs in until the credential was accepted several times in a row.
pub(super) async fn accepted(
    azure: &Azure,
    client: &ClientId,
    presented: &Presented<'_>,
) -> Result<Series, Fault> {
    in_a_row(azure, SUCCESSES, || async {
        Ok(match presented.sign_in(azure, client).await? {
            SignIn::Accepted { .. } => Answer::Wanted,
            SignIn::Refused { aadsts, code } => {
                let class = Meaning::of(aadsts).class_while_spreading();
                Answer::Other(Fault { class, code, happened: Happened::No })
            }
        })
    })
    .await
}

/// Signs in once and says whether the credential is accepted. Trouble counts as neither.
pub(super) async fn is_accepted(azure: &Azure, client: &ClientId, presented: &Presented<'_>) -> Option<bool> {
    match presented.sign_in(azure, client).await.ok()? {
        SignIn::Accepted { .. } => Some(true),
        SignIn::Refused { aadsts, .. } => Meaning::of(aadsts).proves_dead().then_some(false),
    }
}

/// Signs in with an old value until it was refused, as a wrong credential, several times in a row.
pub(super) async fn refused(
    azure: &Azure,
    client: &ClientId,
    presented: &Presented<'_>,
) -> Result<u16, Fault> {
    let series = in_a_row(azure, REFUSALS, || async {
        let not_yet = |code| Answer::Other(Fault { class: FaultClass::NotYet, code, happened: Happened::No });
        Ok(match presented.sign_in(azure, client).await? {
            SignIn::Refused { aadsts, .. } if Meaning::of(aadsts).proves_dead() => Answer::Wanted,
            SignIn::Refused { code, .. } => not_yet(code),
            SignIn::Accepted { .. } => not_yet(Text::lossy("still_accepted")),
        })
    });
    Ok(series.await?.times)
}

/// Asks until the wanted answer came `times` in a row, or patience ends.
async fn in_a_row<F>(azure: &Azure, times: u16, ask: impl Fn() -> F) -> Result<Series, Fault>
where
    F: Future<Output = Result<Answer, Fault>>,
{
    let clock = azure.env().clock;
    let ends = clock.now().after(PATIENCE);
    let (mut row, mut began) = (0, clock.now());
    loop {
        let cached = row > 0 && bent::is(Bend::CachedToken);
        match if cached { Answer::Wanted } else { ask().await? } {
            Answer::Wanted if row + 1 == times || bent::is(Bend::VerifyOnce) => {
                return Ok(Series { times, window: clock.now().since(began) });
            }
            Answer::Wanted => {
                if row == 0 {
                    began = clock.now();
                }
                row += 1;
                clock.pause_between_looks(APART).await;
            }
            Answer::Other(fault) => {
                if fault.class != FaultClass::NotYet || clock.now() >= ends {
                    return Err(fault);
                }
                row = 0;
                clock.pause_between_looks(AGAIN).await;
            }
        }
    }
}
