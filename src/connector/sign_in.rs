//! Verifying and proving by signing in: each time with a fresh credential, several times, over a
//! window, because one token says little about the other nodes of the token service.

use crate::azure::Azure;
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

/// How a series of sign-ins went.
pub(super) struct Series {
    pub(super) times: u16,
    pub(super) window: Duration,
}

/// Signs in until the credential was accepted several times in a row.
pub(super) async fn accepted(azure: &Azure, client: &ClientId, value: &Secret) -> Result<Series, Fault> {
    let clock = azure.env().clock;
    let began = clock.now();
    for times in 1..=SUCCESSES {
        match azure.sign_in().by_secret(client, value).await.map_err(Fault::from)? {
            SignIn::Accepted { .. } => {}
            SignIn::Refused { aadsts, code } => {
                return Err(Fault {
                    class: Meaning::of(aadsts).class_while_spreading(),
                    code,
                    happened: Happened::No,
                });
            }
        }
        if times < SUCCESSES {
            clock.sleep(APART).await;
        }
    }
    Ok(Series { times: SUCCESSES, window: clock.now().since(began) })
}

/// Signs in once and says whether the value is accepted. Trouble counts as neither.
pub(super) async fn is_accepted(azure: &Azure, client: &ClientId, value: &Secret) -> Option<bool> {
    match azure.sign_in().by_secret(client, value).await.ok()? {
        SignIn::Accepted { .. } => Some(true),
        SignIn::Refused { aadsts, .. } => Meaning::of(aadsts).proves_dead().then_some(false),
    }
}

/// Signs in with an old value until it was refused, as a wrong credential, several times in a row.
pub(super) async fn refused(azure: &Azure, client: &ClientId, value: &Secret) -> Result<u16, Fault> {
    let clock = azure.env().clock;
    for times in 1..=REFUSALS {
        match azure.sign_in().by_secret(client, value).await.map_err(Fault::from)? {
            SignIn::Refused { aadsts, .. } if Meaning::of(aadsts).proves_dead() => {}
            SignIn::Refused { code, .. } => {
                return Err(Fault { class: FaultClass::NotYet, code, happened: Happened::No });
            }
            SignIn::Accepted { .. } => {
                let code = Text::lossy("still_accepted");
                return Err(Fault { class: FaultClass::NotYet, code, happened: Happened::No });
            }
        }
        if times < REFUSALS {
            clock.sleep(APART).await;
        }
    }
    Ok(REFUSALS)
}
