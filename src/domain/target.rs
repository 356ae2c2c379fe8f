//! The heart of the engine: one target's state, folded from events, and what to do next.
//!
//! [`Fold::apply`] is total: it accepts an event or says why it cannot follow. Everything
//! that runs, recovers, judges, shows or simulates a target goes through it and through
//! [`TargetState::next`], so that a recovered run cannot decide otherwise than the live one did.
//!
//! What may follow depends on little of the plan: which steps there are, and in which phase ([`Outline`]). So whoever
//! only judges a log keeps [`Fold`]s, and does without the plan lines that decisions and people need.

mod apply;
mod fold;
mod held;
mod licence;
mod next;
mod own;
mod settled;
#[cfg(test)]
mod tests;
mod waits;

pub use licence::{Earned, Licence, Released, Verified};
pub use next::{Act, Deed, Next, Pause};
pub use own::OwnEffects;

use super::credential::{CredentialRef, Place};
use super::event::{Cause, Ending, Event, Resolution};
use super::evidence::Confirmation;
use super::id::{StepNo, TargetId};
use super::plan::PlannedTarget;
use super::sign_ins::SignIns;
use super::step::{Effect, Keeper, Phase, Step, Verb};
use super::text::Text;
use super::time::Timestamp;
use crate::bent::{self, Bend};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Everything that the log says of one target, with its plan.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetState {
    pub plan: Arc<PlannedTarget>,
    fold: Fold,
}

/// Everything that the log says of one target.
#[derive(Clone, Debug, PartialEq)]
pub struct Fold {
    id: TargetId,
    outline: Arc<Outline>,
    so_far: SoFar,
}

/// What decides which events may follow one another: the same for most targets of a kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outline {
    contain: bool,
    steps: Vec<StepOutline>,
}

/// The part of a planned step that events are held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepOutline {
    pub no: StepNo,
    pub phase: Phase,
    pub verb: Verb,
}

/// What its events have come to: with the plan, all that a target's future depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SoFar {
    stage: Stage,
    steps: Vec<StepState>,
    /// Phases that are open, and until when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    phases: BTreeMap<Phase, Timestamp>,
    epoch: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    paused: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    aborted: bool,
    /// Why the target goes backwards, if it does.
    #[serde(default, skip_serializing_if = "is_default")]
    unwinding: Option<Cause>,
    #[serde(default, skip_serializing_if = "is_default")]
    minted: Option<Minted>,
    /// Minted, but nobody has the value any more: to be discarded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lost: Vec<Lost>,
    #[serde(default, skip_serializing_if = "is_default")]
    published: Option<Published>,
    #[serde(default, skip_serializing_if = "is_default")]
    hold: Option<HoldState>,
    /// The old value was seen accepted in this run: its refusal will count as proof.
    #[serde(default, skip_serializing_if = "is_default")]
    old_accepted: bool,
    /// What the sign-in log said of the old credentials, if the run looked.
    #[serde(default, skip_serializing_if = "is_default")]
    sign_ins: Option<SignIns>,
    /// Drift that stops this target.
    #[serde(default, skip_serializing_if = "is_default")]
    drift: Option<Cause>,
    /// Switches that the cloud refuses, and what it said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    rejected: BTreeMap<StepNo, Text<64>>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Stage {
    Waiting,
    Running,
    Stuck { cause: Cause, step: StepNo },
    Resolved(Resolution),
    Ended(Ending),
}

/// One step's forward and backward course.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct StepState {
    #[serde(default, skip_serializing_if = "is_default")]
    forward: Course,
    #[serde(default, skip_serializing_if = "is_default")]
    undo: Course,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Course {
    attempts: u16,
    #[serde(default, skip_serializing_if = "is_default")]
    first_at: Option<Timestamp>,
    /// When the newest attempt began.
    #[serde(default, skip_serializing_if = "is_default")]
    last_at: Option<Timestamp>,
    status: Status,
    /// When the newest attempt began of which nobody knew once whether it had happened. A later look
    /// that does not see it may be of a replica that lags.
    #[serde(default, skip_serializing_if = "is_default")]
    doubted_at: Option<Timestamp>,
    /// Since when all that its owner heard of it is "too much" or "busy".
    #[serde(default, skip_serializing_if = "is_default")]
    refused_since: Option<Timestamp>,
}

impl Course {
    fn doubt(&mut self) {
        self.doubted_at = self.last_at;
    }

    fn end(&mut self, status: Status) {
        (self.status, self.refused_since) = (status, None);
    }

    /// Whatever kept it from being tried again was told to somebody else, or is over.
    fn begin_anew(&mut self) {
        self.refused_since = None;
        if matches!(self.status, Status::RetryAt(_)) {
            self.status = Status::Idle;
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Status {
    #[default]
    Idle,
    /// The intent is durable; the outcome is not known yet.
    Intended,
    /// The effect may or may not have happened: look before anything else.
    InDoubt,
    RetryAt(Timestamp),
    Failed(Text<64>),
    Done(Timestamp),
}

/// The new credential of this run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Minted {
    pub credential: CredentialRef,
    pub keeper: Keeper,
    pub step: StepNo,
    epoch: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Lost {
    credential: CredentialRef,
    step: StepNo,
    /// Its value may have reached the store: publish a replacement before it is discarded.
    after_publish: bool,
}

/// What consumers read now because of this run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    pub place: Place,
    pub previous: Option<Text<64>>,
    pub version: Text<64>,
    /// When an undo made the previous value the newest again.
    pub restored_at: Option<Timestamp>,
}

/// A hold that was opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoldState {
    pub opened_at: Timestamp,
    pub until: Option<Timestamp>,
    /// Who has not confirmed yet.
    pub missing: BTreeSet<Text<64>>,
    pub confirmed: BTreeMap<Text<64>, Confirmation>,
}

/// An event that cannot follow what the log says so far.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot follow: {why}")]
pub struct Illegal {
    pub event: &'static str,
    pub why: &'static str,
}

impl std::ops::Deref for TargetState {
    type Target = Fold;
    fn deref(&self) -> &Fold {
        &self.fold
    }
}

impl TargetState {
    pub fn new(plan: Arc<PlannedTarget>) -> Self {
        let fold = Fold::new(plan.id, Arc::new(Outline::of_target(&plan)));
        Self { plan, fold }
    }

    /// [`Fold::unpack`], with the plan.
    pub(in crate::domain) fn unpack(plan: Arc<PlannedTarget>, bytes: &[u8]) -> Option<Self> {
        let fold = Fold::unpack(plan.id, Arc::new(Outline::of_target(&plan)), bytes)?;
        Some(Self { plan, fold })
    }

    /// Folds one event into the state: [`Fold::apply`].
    pub fn apply(&mut self, event: &Event, at: Timestamp) -> Result<(), Illegal> {
        self.fold.apply(event, at)
    }

    /// The planned step with this number.
    pub fn step(&self, no: StepNo) -> Option<&Step> {
        self.plan.steps.get(usize::from(no).checked_sub(1)?)
    }
    /// When an old credential was taken away.
    pub fn retired_at(&self, credential: &CredentialRef) -> Option<Timestamp> {
        let gone = |s: &&Step| s.verb.retires() && s.credential.as_ref() == Some(credential);
        self.done_at(self.plan.steps.iter().find(gone)?.no)
    }
    /// The step that is being worked on, for people to see.
    pub fn current(&self) -> Option<&Step> {
        self.plan.steps.get(self.fold.at()?)
    }
    /// [`Fold::value_in_memory`].
    pub fn value_in_memory(&self) -> bool {
        self.fold.value_in_memory()
    }
}
