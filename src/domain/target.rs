//! The heart of the engine: one target's state, folded from events, and what to do next.
//!
//! [`TargetState::apply`] is total: it accepts an event or says why it cannot follow. Everything
//! that runs, recovers, shows or simulates a target goes through it and through
//! [`TargetState::next`], so that a recovered run cannot decide otherwise than the live one did.

mod apply;
mod held;
mod licence;
mod next;
mod own;
mod settled;
#[cfg(test)]
mod tests;

pub use licence::{Earned, Licence, Released, Verified};
pub use next::{Act, Deed, Next, Pause};
pub use own::OwnEffects;

use super::credential::{CredentialRef, Place};
use super::event::{Cause, Ending, Resolution};
use super::evidence::Confirmation;
use super::id::StepNo;
use super::plan::PlannedTarget;
use super::sign_ins::SignIns;
use super::step::{Effect, Keeper, Phase, Step, Verb};
use super::text::Text;
use super::time::Timestamp;
use crate::bent::{self, Bend};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Everything that the log says of one target.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetState {
    pub plan: Arc<PlannedTarget>,
    so_far: SoFar,
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
}

impl Course {
    fn doubt(&mut self) {
        self.doubted_at = self.last_at;
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

impl TargetState {
    pub fn new(plan: Arc<PlannedTarget>) -> Self {
        let steps = vec![StepState::default(); plan.steps.len()];
        let so_far = SoFar {
            stage: Stage::Waiting,
            steps,
            phases: BTreeMap::new(),
            epoch: 0,
            paused: false,
            aborted: false,
            unwinding: None,
            minted: None,
            lost: Vec::new(),
            published: None,
            hold: None,
            old_accepted: false,
            sign_ins: None,
            drift: None,
            rejected: BTreeMap::new(),
        };
        Self { plan, so_far }
    }

    /// What its events have come to, as bytes; [`TargetState::unpack`] reads them.
    pub(in crate::domain) fn pack(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(&self.so_far).ok()
    }
    pub(in crate::domain) fn unpack(plan: Arc<PlannedTarget>, bytes: &[u8]) -> Option<Self> {
        let so_far: SoFar = serde_json::from_slice(bytes).ok()?;
        (so_far.steps.len() == plan.steps.len()).then_some(Self { plan, so_far })
    }

    /// The planned step with this number.
    pub fn step(&self, no: StepNo) -> Option<&Step> {
        self.plan.steps.get(usize::from(no).checked_sub(1)?)
    }
    fn course(&self, no: StepNo) -> Option<&StepState> {
        self.so_far.steps.get(usize::from(no).checked_sub(1)?)
    }
    /// Whether the step is done and not undone.
    pub fn is_done(&self, no: StepNo) -> bool {
        self.done_at(no).is_some()
    }
    fn done_at(&self, no: StepNo) -> Option<Timestamp> {
        let is_old = bent::is(Bend::OldRecheck) && self.step(no).is_some_and(|s| s.verb == Verb::Recheck);
        let no = if is_old { self.find(Verb::Verify)? } else { no };
        match self.course(no)?.forward.status {
            Status::Done(at) => Some(at),
            _ => None,
        }
    }
    fn find(&self, verb: Verb) -> Option<StepNo> {
        self.plan.steps.iter().find(|s| s.verb == verb).map(|s| s.no)
    }

    pub fn minted(&self) -> Option<&Minted> {
        self.so_far.minted.as_ref()
    }
    pub fn published(&self) -> Option<&Published> {
        self.so_far.published.as_ref()
    }
    /// When an old credential was taken away.
    pub fn retired_at(&self, credential: &CredentialRef) -> Option<Timestamp> {
        let gone = |s: &&Step| s.verb.retires() && s.credential.as_ref() == Some(credential);
        self.done_at(self.plan.steps.iter().find(gone)?.no)
    }
    /// Whether the cloud refuses what this step switches: nothing was changed by it.
    pub fn is_rejected(&self, no: StepNo) -> bool {
        self.so_far.rejected.contains_key(&no)
    }
    pub fn hold_is_over(&self) -> bool {
        self.find(Verb::Hold).is_some_and(|hold| self.is_done(hold))
    }
    pub fn hold(&self) -> Option<&HoldState> {
        self.so_far.hold.as_ref()
    }
    pub fn old_was_accepted(&self) -> bool {
        self.so_far.old_accepted
    }
    /// The credential of ours that an undo or a discard takes away next.
    pub fn discarding(&self) -> Option<&CredentialRef> {
        let lost = self.so_far.lost.iter().find(|l| self.so_far.published.is_some() || !l.after_publish);
        lost.or(self.so_far.lost.first()).map(|l| &l.credential).or(self
            .so_far
            .minted
            .as_ref()
            .map(|m| &m.credential))
    }
    pub fn ending(&self) -> Option<Ending> {
        match self.so_far.stage {
            Stage::Ended(ending) => Some(ending),
            _ => None,
        }
    }
    pub fn stuck(&self) -> Option<(&Cause, StepNo)> {
        match &self.so_far.stage {
            Stage::Stuck { cause, step } => Some((cause, *step)),
            _ => None,
        }
    }
    pub fn is_started(&self) -> bool {
        self.so_far.stage != Stage::Waiting
    }
    /// Whether the target went back because the world had moved since the plan.
    pub fn is_stale(&self) -> bool {
        matches!(self.so_far.unwinding, Some(Cause::Drift { .. }))
    }
    pub fn is_unwinding(&self) -> bool {
        self.so_far.unwinding.is_some()
    }
    /// Steps done so far and not undone.
    pub fn steps_done(&self) -> usize {
        self.so_far.steps.iter().filter(|s| matches!(s.forward.status, Status::Done(_))).count()
    }
    /// When the first attempt at a step (or its undo) began: the measure of patience.
    pub fn first_attempt_at(&self, no: StepNo, undo: bool) -> Option<Timestamp> {
        let c = self.course(no)?;
        if undo { c.undo.first_at } else { c.forward.first_at }
    }
    /// Credentials of this run that were minted and shall still be discarded.
    pub fn to_discard(&self) -> impl Iterator<Item = &CredentialRef> {
        self.so_far.lost.iter().map(|l| &l.credential)
    }
    /// True once something was done, or may have been, that no undo takes back: restoring what
    /// consumers used before would give them a credential that is perhaps dead.
    pub fn past_no_return(&self) -> bool {
        let may_be_done =
            |no| self.is_done(no) || self.course(no).is_some_and(|c| c.forward.doubted_at.is_some());
        self.plan.steps.iter().any(|s| !s.verb.can_be_undone() && may_be_done(s.no))
    }
    /// When a credential was last made of which nobody knew whether it was: it may show itself later.
    pub fn doubted_mint_at(&self) -> Option<Timestamp> {
        let makes = self.plan.steps.iter().filter(|s| matches!(s.verb, Verb::Mint | Verb::Attach));
        makes.filter_map(|s| self.course(s.no)?.forward.doubted_at).max()
    }
    /// True while a value lives only in memory: stopping now would lose it.
    pub fn value_in_memory(&self) -> bool {
        self.so_far.published.is_none()
            && self
                .so_far
                .minted
                .as_ref()
                .is_some_and(|m| m.keeper == Keeper::Memory && m.epoch == self.so_far.epoch)
    }
    /// Intents whose outcome is not known.
    pub fn unresolved(&self) -> u32 {
        let open = |c: &Course| matches!(c.status, Status::Intended | Status::InDoubt);
        self.so_far.steps.iter().map(|s| u32::from(open(&s.forward)) + u32::from(open(&s.undo))).sum()
    }
    /// The step that is being worked on, for people to see.
    pub fn current(&self) -> Option<&Step> {
        let hasty =
            |s: &&Step| s.verb.retires() && self.so_far.minted.is_some() && bent::is(Bend::RetireFirst);
        let left = || self.plan.steps.iter().filter(|s| !self.is_done(s.no));
        left().find(hasty).or_else(|| left().next())
    }
}

/// True if `effect` is one that `verb` leaves behind (or its undo, with `undo`).
fn fits(verb: Verb, undo: bool, effect: &Effect) -> bool {
    use Effect as E;
    if undo {
        return match verb {
            Verb::Mint => matches!(effect, E::Discarded { .. }),
            Verb::Attach => matches!(effect, E::Detached { .. }),
            Verb::Publish => matches!(effect, E::Restored { .. }),
            Verb::Block | Verb::Switch => matches!(effect, E::Unblocked),
            Verb::Unblock => matches!(effect, E::Blocked { .. }),
            _ => false,
        };
    }
    match verb {
        Verb::Attach => matches!(effect, E::Attached { .. }),
        Verb::Block => matches!(effect, E::Blocked { .. }),
        Verb::Deliver => matches!(effect, E::Delivered { .. }),
        Verb::Detach => matches!(effect, E::Detached { .. }),
        Verb::Gate | Verb::Hold => matches!(effect, E::Held { .. }),
        Verb::Mint => matches!(effect, E::Minted { .. }),
        Verb::Prove => matches!(effect, E::Proved { .. }),
        Verb::Publish => matches!(effect, E::Published { .. }),
        Verb::Recheck => matches!(effect, E::Rechecked { .. }),
        Verb::Retire => matches!(effect, E::Retired { .. }),
        Verb::Reset => matches!(effect, E::Reset { .. }),
        Verb::Revoke => matches!(effect, E::Revoked { .. }),
        Verb::Snapshot => matches!(effect, E::Snapshotted { .. }),
        Verb::Switch => matches!(effect, E::Switched { .. } | E::Rejected { .. }),
        Verb::Unblock => matches!(effect, E::Unblocked),
        Verb::Verify => matches!(effect, E::Verified { .. }),
        Verb::Watch => matches!(effect, E::Watched { .. }),
    }
}
