//! What a target can be: one file per kind, one line in [`registry`].
//!
//! A kind has two halves. The pure one ([`crate::domain::kind::Kind`] and its playbook syntax)
//! is all that `check` and `plan` know. The other, [`Effects`], is all that the engine knows:
//! it reads, performs one step, or looks whether a step in doubt has happened.

pub mod app_certificate;
pub mod app_disable;
mod app_keys;
mod app_reads;
mod app_rules;
pub mod app_secret;
mod by_hand;
pub mod enable;
mod entra;
pub mod lease;
pub mod observe;
mod parts;
mod patient;
mod plan_reads;
mod powers;
pub mod reading;
mod reads;
pub mod recover;
pub mod reel;
pub mod registry;
mod sign_in;
mod sign_in_log;
mod store;
mod switch;
pub mod user_password;

pub(crate) use reads::{KNOWN_EVERYWHERE, patiently};
pub use registry::syntaxes;

use crate::domain::credential::{CredentialRef, Place};
use crate::domain::event::{Drift, Fault, FaultClass, Happened, Sighting};
use crate::domain::id::RunId;
use crate::domain::observation::Observation;
use crate::domain::plan::PlannedTarget;
use crate::domain::secret::Secret;
use crate::domain::sign_ins::{Asked, SignIns};
use crate::domain::step::{Effect, Step};
use crate::domain::target::{Licence, TargetState};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::wire::budget::Permit;
use async_trait::async_trait;
use std::time::Duration;

/// What to read: the subject, and the place in a store that goes with it.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// Client id or user principal name.
    pub subject: &'a str,
    pub place: Option<&'a Place>,
    pub depth: Depth,
}

/// How much to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Everything that people should see before they approve.
    Plan,
    /// What the drift check compares: it is read before every write.
    Drift,
    /// The same before a write to a store: without certificates, whose quota is narrow.
    Aside,
    /// Every credential, when everything is over.
    End,
}

/// One step to perform, undo or look for.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub run: &'a RunId,
    pub state: &'a TargetState,
    pub step: &'a Step,
    /// The right to send one write; reading steps have none.
    pub permit: Option<&'a Permit>,
}

impl Call<'_> {
    pub fn sight(&self) -> Sight<'_> {
        let place = self.state.plan.steps.iter().find_map(|s| s.place.as_ref());
        Sight { subject: &self.state.plan.subject, place, depth: Depth::Drift }
    }
    /// The permit, which the engine gives to every step that writes.
    pub fn permit(&self) -> Result<&Permit, Fault> {
        self.permit.ok_or_else(|| Fault {
            class: FaultClass::Unexpected,
            code: Text::lossy("no_permit"),
            happened: Happened::No,
        })
    }
}

/// What a target's task holds in its hand: never in state, never in an event.
#[derive(Default)]
pub struct Hand {
    /// The new value, between mint and publish.
    pub value: Option<Secret>,
    /// The old value, read from the store it was published in, as a witness of its death.
    pub witness: Option<Secret>,
    /// In so many reads, a minute apart, what was switched was seen as it was set.
    pub watched: u16,
}

/// Permission to write, checked a moment ago: the phase is open, nobody's reject stands.
/// Only the engine makes one.
#[derive(Clone, Copy, Debug)]
pub struct Clearance(());

impl Clearance {
    /// For `engine`, which has just checked.
    pub(crate) fn checked() -> Self {
        Self(())
    }
}

/// What allows a step to be performed.
#[derive(Clone, Copy, Debug)]
pub enum Warrant {
    /// The step only reads.
    Read,
    Write(Clearance),
    /// The step takes an old credential away.
    Retire(Clearance, Licence),
}

/// What a write is for: taking a step back may cost something else than doing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    Do,
    Undo,
    /// Removing a credential of ours from the target's objects.
    Discard,
}

/// Why a step was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    Fault(Fault),
    /// The world is not as the plan says; the step was not tried.
    Drift {
        change: Drift,
        object: Text<128>,
    },
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Trouble::Fault(fault)
    }
}

/// The half of a connector that meets the world. Each method that writes sends one write.
#[async_trait]
pub trait Effects: Send + Sync {
    /// Many are about to be observed in full: what can be read together is.
    async fn prepare(&self, _subjects: &[&str]) {}
    /// Everything about a target, read now.
    async fn observe(&self, sight: Sight<'_>) -> Result<Observation, Fault>;
    /// What has to pass before a step that only reads is begun. It is asked before the step's intent, and
    /// again when that moment has come; meanwhile the target rests, which costs its state and no task.
    async fn not_before(&self, _call: &Call<'_>, _hand: &mut Hand) -> Result<Option<Timestamp>, Fault> {
        Ok(None)
    }
    /// Performs the step.
    async fn perform(&self, call: &Call<'_>, hand: &mut Hand, warrant: Warrant) -> Result<Effect, Trouble>;
    /// Takes the step back.
    async fn undo(&self, call: &Call<'_>) -> Result<Effect, Trouble>;
    /// Removes a credential that this run made and whose value nobody has.
    async fn discard(&self, call: &Call<'_>, credential: &CredentialRef) -> Result<Effect, Trouble>;
    /// Finds out whether a step in doubt has happened (or, with `undo`, its undo).
    async fn look(&self, call: &Call<'_>, hand: &mut Hand, undo: bool) -> Result<Sighting, Trouble>;
    /// Waits for the budget of the step's write (promise 6), before its intent. Whoever has a long way to go
    /// counts as having come earlier, by `lead`.
    async fn reserve(&self, plan: &PlannedTarget, step: &Step, errand: Errand, lead: Duration) -> Permit;
}

/// Stores, as the engine knows them before a value goes there.
#[async_trait]
pub trait Stores: Send + Sync {
    /// Whether the store answers this identity with what it holds.
    async fn reach(&self, store: &Text<64>) -> Result<(), Fault>;
    /// Writes a harmless value and reads it back; returns its version.
    async fn probe(&self, place: &Place, run: &RunId) -> Result<Text<64>, Fault>;
}

/// The tenant's own record of who signed in, as the engine asks it.
#[async_trait]
pub trait SignInLog: Send + Sync {
    /// What it says of each, in their order; where it cannot be read, that and why.
    async fn old_uses(&self, asked: &[Asked]) -> Vec<SignIns>;
}
