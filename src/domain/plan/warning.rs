//! What approvers should know about a target that is planned all the same.

use crate::domain::text::{Text, count};
use crate::domain::time::show_span;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Warning {
    /// The consumer reads its store less often than the hold lasts.
    RefreshOutlastsHold { consumer: Text<64>, hold_s: u64, refresh_s: u64 },
    /// The hold has no time and ends when others confirm: nobody waits for this consumer.
    NotWaitedFor { consumer: Text<64>, refresh_s: u64 },
    /// The consumer follows only when somebody restarts it.
    NeedsRestart { consumer: Text<64> },
    /// The consumer names one version: its setting has to be edited.
    Pinned { consumer: Text<64> },
    /// The plan declares an outage: old credentials go before new ones exist.
    Outage,
    /// Nobody is declared to use the credential: nobody will be waited for by name.
    NoConsumers,
    /// No read shows that the store can be written; a probe will, before anything is minted.
    StoreUnproved { store: Text<64> },
    /// There is no previous version: an undo after publish is not possible.
    NoPreviousValue,
    /// The key may not leave the store that made it: what is published says where it is.
    PointerOnly,
    /// The password is replaced in the on-premises directory, by people.
    ByHand { who: Text<64> },
    /// Owners can switch a disabled application back on.
    OwnersCanReenable { owners: u32 },
    /// What is on the application can be used again.
    WorksAgain { credentials: u32 },
    /// The run's own sign-in changes at its end.
    OwnSignIn,
    /// The old value is not known to this run: death is proved by absence only.
    ProvedByAbsence,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::RefreshOutlastsHold { consumer, hold_s, refresh_s } => write!(
                f,
                "{consumer} reads the store every {}, the hold ends after {}: it will fail until it reads again",
                show_span(Duration::from_secs(*refresh_s)),
                show_span(Duration::from_secs(*hold_s)),
            ),
            Warning::NotWaitedFor { consumer, refresh_s } => write!(
                f,
                "{consumer} reads the store every {}, and the hold ends when others confirm: let it confirm too, or add a time",
                show_span(Duration::from_secs(*refresh_s)),
            ),
            Warning::NeedsRestart { consumer } => {
                write!(f, "{consumer} reads the store only when it starts: restart it during the hold")
            }
            Warning::Pinned { consumer } => write!(
                f,
                "{consumer} names one version and will not follow: edit its setting during the hold, and name it in \
                 `confirmed_by` to wait for that"
            ),
            Warning::Outage => write!(f, "declared outage: the old credential goes before a new one exists"),
            Warning::NoConsumers => write!(f, "no consumer is declared: the hold is by time alone"),
            Warning::StoreUnproved { store } => {
                write!(f, "store {store}: readable; that it can be written is unproved until the probe")
            }
            Warning::NoPreviousValue => {
                write!(f, "the store holds no previous value: publishing cannot be undone")
            }
            Warning::PointerOnly => write!(
                f,
                "the key may not leave the vault: the certificate's address is published instead of it, and \
                 consumers must be able to have the vault sign"
            ),
            Warning::ByHand { who } => write!(
                f,
                "mastered on premises: {who} resets the password there twice, by hand; this run waits for their word, \
                 then ends the sessions"
            ),
            Warning::OwnersCanReenable { owners } => {
                write!(f, "{} can switch it on again: review each", count(*owners, "owner", "owners"))
            }
            Warning::WorksAgain { credentials } => write!(
                f,
                "{credentials} credential(s) on it can be used again: be sure that none of them leaked"
            ),
            Warning::OwnSignIn => write!(
                f,
                "this is what the run signs in with: it is replaced when everything else is over, and adopted before the \
                 old one goes; sign in with what the store holds from then on"
            ),
            Warning::ProvedByAbsence => {
                write!(
                    f,
                    "the old value is not known here: its death will be proved by absence in agreeing reads"
                )
            }
        }
    }
}
