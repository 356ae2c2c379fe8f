//! Steps: the smallest journaled effects, the orders they come in, and what each leaves behind.
//!
//! A target kind follows one of four [`Protocol`]s; the engine knows verbs and protocols, never
//! kinds. The order within each protocol is the product's first promise: nothing old is removed
//! before something new was seen to work, published, and waited for.

use super::credential::{CredentialRef, Place};
use super::id::StepNo;
use super::text::Text;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who chooses the new value, and how it replaces the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// The service makes the value and tells it once (an app secret).
    TheyChoose,
    /// We make the value and set it (a user's password, a database role's).
    WeChoose,
    /// The public part joins and leaves a list that is replaced as a whole (an app certificate).
    ReplaceList,
    /// Nothing is made: something is switched off (an application, a user).
    Toggle,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Puts the public part of the new credential on the object.
    Attach,
    /// Stops sign-in before anything else, so that nobody uses the leaked value meanwhile.
    Block,
    /// Puts the value we chose into its store, for the person named to read.
    Deliver,
    /// Takes the public part of an old credential off the object.
    Detach,
    /// Waits until named people have done by hand what no interface of ours can do.
    Gate,
    /// Waits until consumers have moved: confirmed, or a stated time.
    Hold,
    /// Has the new credential made.
    Mint,
    /// Gathers the evidence that the old credential is dead.
    Prove,
    /// Puts the new value into its store, for consumers to read.
    Publish,
    /// Verifies again after the hold, with the value read back from the store.
    Recheck,
    /// Removes an old credential.
    Retire,
    /// Sets the value we chose.
    Reset,
    /// Ends sessions that began with the old value.
    Revoke,
    /// Records the state that an undo restores.
    Snapshot,
    /// Switches the object off.
    Switch,
    /// Lets sign-in happen again after a block.
    Unblock,
    /// Signs in with the new credential until it works everywhere.
    Verify,
    /// Watches that the switch stays as it was set.
    Watch,
}

impl Verb {
    /// The name used in the playbook's documentation, the plan and the log.
    pub fn name(self) -> &'static str {
        match self {
            Verb::Attach => "attach",
            Verb::Block => "block",
            Verb::Deliver => "deliver",
            Verb::Detach => "detach",
            Verb::Gate => "gate",
            Verb::Hold => "hold",
            Verb::Mint => "mint",
            Verb::Prove => "prove",
            Verb::Publish => "publish",
            Verb::Recheck => "recheck",
            Verb::Retire => "retire",
            Verb::Reset => "reset",
            Verb::Revoke => "revoke",
            Verb::Snapshot => "snapshot",
            Verb::Switch => "switch",
            Verb::Unblock => "unblock",
            Verb::Verify => "verify",
            Verb::Watch => "watch",
        }
    }

    /// Whether the step changes something outside: such a step has a clearance, a drift check and
    /// a durable intent before its one send.
    pub fn writes(self) -> bool {
        !matches!(
            self,
            Verb::Gate
                | Verb::Hold
                | Verb::Prove
                | Verb::Recheck
                | Verb::Snapshot
                | Verb::Verify
                | Verb::Watch
        )
    }

    /// Whether the step does nothing but wait for people or for a time.
    pub fn waits(self) -> bool {
        matches!(self, Verb::Gate | Verb::Hold)
    }

    /// Whether the step takes an old credential away: only after verify, hold and recheck, unless
    /// the plan says contain.
    pub fn retires(self) -> bool {
        matches!(self, Verb::Retire | Verb::Detach)
    }

    /// Whether an undo can take the step back to what was before it.
    pub fn can_be_undone(self) -> bool {
        !matches!(self, Verb::Gate | Verb::Retire | Verb::Detach | Verb::Reset | Verb::Revoke)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The part of an approval that a step needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Everything up to the hold, and all that can be undone.
    Start,
    /// Taking the old credential away; with `retire: separately` it has its own approval.
    Retire,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Phase::Start => "start",
            Phase::Retire => "retire",
        })
    }
}

/// One planned step of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What is retired or proved dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialRef>,
    /// No undo after this step.
    pub irreversible: bool,
    pub no: StepNo,
    /// The object written to: one writer per object at a time.
    pub object: Text<128>,
    pub phase: Phase,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    pub verb: Verb,
}

/// Where a minted value is until it is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keeper {
    /// In the memory of the task that minted it: a crash loses it.
    Memory,
    /// In the store itself, under a name of this run: a crash loses nothing.
    Store,
}

/// How a hold ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// Every consumer that had to confirm did.
    Confirmed,
    /// The planned time has passed.
    Time,
}

/// What kind of evidence says that the old credential is dead (promise 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The directory no longer lists it, in several agreeing reads. The value was never tried.
    Absent,
    /// Sign-in with it was refused several times, and it was accepted earlier in this run.
    Refused,
    /// Sign-in with it was refused, but it was never seen accepted.
    RefusedNeverSeenAccepted,
    /// The directory's own time stamps moved past the change (passwords).
    Timestamps,
    /// The switch reads as off, in several agreeing reads.
    SwitchedOff,
    /// Named people's recorded word that they replaced it, and the directory's stamp that sessions
    /// ended after that.
    Attested,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Proof::Absent => "absent in agreeing reads",
            Proof::Refused => "refused after having been accepted",
            Proof::RefusedNeverSeenAccepted => "refused, never seen accepted",
            Proof::Timestamps => "directory time stamps",
            Proof::SwitchedOff => "switched off in agreeing reads",
            Proof::Attested => "replaced by hand, as people attest; sessions ended",
        })
    }
}

/// What a finished step left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    Attached {
        credential: CredentialRef,
        not_after: Timestamp,
    },
    Blocked {
        was_enabled: bool,
    },
    Delivered {
        place: Place,
        version: Text<64>,
    },
    Detached {
        credential: CredentialRef,
    },
    /// Undo of mint or attach: the new credential is gone again.
    Discarded {
        credential: CredentialRef,
    },
    Held {
        how: Release,
    },
    Minted {
        credential: CredentialRef,
        keeper: Keeper,
        not_after: Timestamp,
    },
    Proved {
        credential: Option<CredentialRef>,
        horizon: Timestamp,
        proof: Proof,
        times: u16,
    },
    /// `previous` is the version that consumers read before.
    Published {
        place: Place,
        previous: Option<Text<64>>,
        version: Text<64>,
    },
    /// `old_accepted`: the old value was tried too, and still accepted then.
    Rechecked {
        credential: CredentialRef,
        old_accepted: bool,
        times: u16,
        version: Text<64>,
    },
    /// The cloud refuses this switch for good: nothing was changed by it.
    Rejected {
        code: Text<64>,
    },
    Reset {
        changed_at: Timestamp,
    },
    /// Undo of publish: the previous value is the newest version again.
    Restored {
        place: Place,
        version: Text<64>,
    },
    Retired {
        credential: CredentialRef,
    },
    Revoked {
        valid_from: Timestamp,
    },
    Snapshotted {
        was_enabled: bool,
    },
    Switched {
        was_enabled: bool,
    },
    Unblocked,
    Verified {
        credential: CredentialRef,
        times: u16,
        window_s: u32,
    },
    Watched {
        times: u16,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_is_canonical_as_it_is_written() {
        let effect = Effect::Published {
            place: Place { name: Text::lossy("payroll"), store: Text::lossy("ir") },
            previous: None,
            version: Text::lossy("1"),
        };
        let plain = serde_json::to_vec(&effect).unwrap();
        assert_eq!(plain, serde_json_canonicalizer::to_vec(&effect).unwrap());
    }
}
