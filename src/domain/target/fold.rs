//! One target as its events have made it, and what can be asked of that.

use super::*;
use crate::domain::plan::Planned;

impl Outline {
    /// What is left alone has no steps.
    pub fn of(planned: &Planned) -> Self {
        match planned {
            Planned::Change(plan) => Self::of_target(plan),
            Planned::Excepted(_) => Self { contain: false, steps: Vec::new() },
        }
    }
    pub(super) fn of_target(plan: &PlannedTarget) -> Self {
        let step = |step: &Step| StepOutline { no: step.no, phase: step.phase, verb: step.verb };
        Self { contain: plan.contain, steps: plan.steps.iter().map(step).collect() }
    }
}

impl Fold {
    pub fn new(id: TargetId, outline: Arc<Outline>) -> Self {
        let steps = vec![StepState::default(); outline.steps.len()];
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
        Self { id, outline, so_far }
    }

    /// What its events have come to, as bytes; [`Fold::unpack`] reads them.
    pub(in crate::domain) fn pack(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(&self.so_far).ok()
    }
    pub(in crate::domain) fn unpack(id: TargetId, outline: Arc<Outline>, bytes: &[u8]) -> Option<Self> {
        let so_far: SoFar = serde_json::from_slice(bytes).ok()?;
        (so_far.steps.len() == outline.steps.len()).then_some(Self { id, outline, so_far })
    }

    /// What is planned as the step with this number.
    pub fn step_outline(&self, no: StepNo) -> Option<&StepOutline> {
        self.outline.steps.get(usize::from(no).checked_sub(1)?)
    }
    /// Where in the plan the step is that is being worked on.
    pub(super) fn at(&self) -> Option<usize> {
        let is_left = |s: &StepOutline| !self.is_done(s.no);
        let is_hasty =
            |s: &StepOutline| s.verb.retires() && self.so_far.minted.is_some() && bent::is(Bend::RetireFirst);
        let steps = &self.outline.steps;
        let hasty = steps.iter().position(|s| is_left(s) && is_hasty(s));
        hasty.or_else(|| steps.iter().position(is_left))
    }
    pub(super) fn course(&self, no: StepNo) -> Option<&StepState> {
        self.so_far.steps.get(usize::from(no).checked_sub(1)?)
    }
    /// Whether the step is done and not undone.
    pub fn is_done(&self, no: StepNo) -> bool {
        self.done_at(no).is_some()
    }
    pub(super) fn done_at(&self, no: StepNo) -> Option<Timestamp> {
        let is_old =
            bent::is(Bend::OldRecheck) && self.step_outline(no).is_some_and(|s| s.verb == Verb::Recheck);
        let no = if is_old { self.find(Verb::Verify)? } else { no };
        match self.course(no)?.forward.status {
            Status::Done(at) => Some(at),
            _ => None,
        }
    }
    pub(super) fn find(&self, verb: Verb) -> Option<StepNo> {
        self.outline.steps.iter().find(|s| s.verb == verb).map(|s| s.no)
    }

    pub fn minted(&self) -> Option<&Minted> {
        self.so_far.minted.as_ref()
    }
    pub fn published(&self) -> Option<&Published> {
        self.so_far.published.as_ref()
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
        self.outline.steps.iter().any(|s| !s.verb.can_be_undone() && may_be_done(s.no))
    }
    /// When a credential was last made of which nobody knew whether it was: it may show itself later.
    pub fn doubted_mint_at(&self) -> Option<Timestamp> {
        let makes = self.outline.steps.iter().filter(|s| matches!(s.verb, Verb::Mint | Verb::Attach));
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
}

/// True if `effect` is one that `verb` leaves behind (or its undo, with `undo`).
pub(super) fn fits(verb: Verb, undo: bool, effect: &Effect) -> bool {
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
