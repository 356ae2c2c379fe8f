//! What a target has to show when people are asked whether its old credential may go.

use super::apply::Applied;
use super::*;
use crate::domain::event::{ConsumerConfirmed, PhaseOpened, SignInsRead};
use crate::domain::evidence::{Confirmation, Held};
use crate::domain::sign_ins::Asked;
use crate::domain::step::Release;

impl TargetState {
    /// What the tenant's sign-in log is to be asked about it, once its hold is over: none where no
    /// application signs in.
    pub fn asks_sign_ins(&self) -> Option<Asked> {
        let Held { rechecked, .. } = Fold::awaits_release(self)?;
        let tried = self.course(self.find(Verb::Recheck)?)?.forward.last_at;
        Some(Asked {
            target: self.plan.id,
            client: self.plan.subject.parse().ok()?,
            old: self.plan.retire.iter().map(|c| c.id.clone()).collect(),
            since: self.done_at(self.find(Verb::Publish)?)?,
            tried: tried.map(|tried| (tried, rechecked)),
        })
    }
}

impl Fold {
    /// The evidence of its hold; none before the hold is over and the new credential was checked
    /// again.
    pub fn held(&self) -> Option<Held> {
        let hold = self.so_far.hold.as_ref()?;
        let ended = self.done_at(self.find(Verb::Hold)?)?;
        let rechecked = self.done_at(self.find(Verb::Recheck)?)?;
        Some(Held {
            confirmed: hold.confirmed.values().cloned().collect(),
            ended,
            how: if hold.until.is_some() { Release::Time } else { Release::Confirmed },
            old_accepted: self.so_far.old_accepted,
            opened: hold.opened_at,
            rechecked,
            sign_ins: self.so_far.sign_ins.clone(),
            target: self.id,
        })
    }

    /// The same, if the next step is one that people approve with this evidence.
    pub fn awaits_release(&self) -> Option<Held> {
        let runs = self.so_far.stage == Stage::Running && self.so_far.unwinding.is_none();
        let is_next = runs && self.at().is_some_and(|at| self.outline.steps[at].phase == Phase::Retire);
        self.held().filter(|_| is_next)
    }

    /// What the sign-in log said, if the run looked.
    pub fn sign_ins(&self) -> Option<&SignIns> {
        self.so_far.sign_ins.as_ref()
    }

    pub(super) fn sign_ins_read(&mut self, e: &SignInsRead) -> Applied {
        if self.held().is_none() {
            return Err("its hold is not over");
        }
        self.so_far.sign_ins = Some(e.sign_ins.clone());
        // Who released the target had not seen this.
        self.so_far.phases.remove(&Phase::Retire);
        Ok(())
    }

    pub(super) fn confirmed(&mut self, e: &ConsumerConfirmed, at: Timestamp) -> Applied {
        let hold = self.so_far.hold.as_mut().ok_or("no hold is open")?;
        hold.missing.remove(&e.consumer);
        let ConsumerConfirmed { by, consumer, how, unlisted } = e.clone();
        hold.confirmed.insert(consumer.clone(), Confirmation { at, by, consumer, how, unlisted });
        // Who released the target had not seen this.
        self.so_far.phases.remove(&Phase::Retire);
        Ok(())
    }

    /// The retire phase opens for the targets that are listed, whose evidence people have seen.
    pub(super) fn phase_opened(&mut self, e: &PhaseOpened) {
        if e.phase == Phase::Start || (self.held().is_some() && e.targets.contains(&self.id)) {
            self.so_far.phases.insert(e.phase, e.expires);
        }
    }

    /// Until when a phase is open for this target.
    pub fn open_until(&self, phase: Phase) -> Option<Timestamp> {
        self.so_far.phases.get(&phase).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::World;
    use super::*;
    use crate::domain::event::{StepIntent, TargetStarted};
    use crate::domain::id::TargetId;
    use std::time::Duration;

    /// Up to the moment at which people are asked.
    fn waiting() -> World {
        let mut world = World::new(false);
        while world.state.next(world.now) != Next::Wait(Pause::Approval(Phase::Retire)) {
            assert_eq!(world.state.awaits_release(), None);
            world.turn(7);
        }
        world
    }

    #[test]
    fn nothing_is_released_or_retired_without_hold_and_recheck() {
        let mut world = World::new(false);
        world.record(TargetStarted { kind: Text::lossy("k"), name: Text::lossy("n"), steps: 7 }.into());
        world.open(Phase::Retire);
        assert_eq!(world.state.open_until(Phase::Retire), None, "it has nothing to show");
        let retire = StepIntent { attempt: 1, request: Text::lossy("r"), step: 6, undo: false };
        assert!(world.state.apply(&retire.into(), world.now).is_err());
    }

    #[test]
    fn only_the_targets_that_are_listed_are_released() {
        let mut world = waiting();
        let held = world.state.awaits_release().unwrap();
        assert_eq!(held.ended.since(held.opened), Duration::from_secs(3_600));
        let expires = world.now.after(Duration::from_secs(9));
        let open = |targets| PhaseOpened { approvals: vec![], expires, phase: Phase::Retire, targets };
        for others in [vec![], vec![TargetId(2)]] {
            world.record(open(others).into());
            assert_eq!(world.state.next(world.now), Next::Wait(Pause::Approval(Phase::Retire)));
        }
        world.record(open(vec![TargetId(1)]).into());
        assert!(matches!(world.state.next(world.now), Next::Act(_)));
    }

    #[test]
    fn sign_ins_are_asked_for_since_publish_and_end_a_release() {
        let mut world = waiting();
        let asked = world.state.asks_sign_ins().unwrap();
        let held = world.state.held().unwrap();
        assert!(asked.since <= held.opened && asked.old.len() == world.state.plan.retire.len());
        assert!(asked.tried.unwrap().0 <= held.rechecked, "our own try is told apart");
        world.open(Phase::Retire);
        let why = crate::domain::sign_ins::Unread::Line;
        let sign_ins = SignIns::NotRead { at: world.now, why };
        world.record(SignInsRead { sign_ins: sign_ins.clone() }.into());
        assert_eq!(world.state.held().unwrap().sign_ins, Some(sign_ins));
        assert_eq!(world.state.next(world.now), Next::Wait(Pause::Approval(Phase::Retire)));
    }

    #[test]
    fn sign_ins_are_not_told_before_there_is_a_hold_to_tell_them_of() {
        let mut world = World::new(false);
        assert_eq!(world.state.asks_sign_ins(), None);
        let sign_ins = SignIns::NotRead { at: world.now, why: crate::domain::sign_ins::Unread::Line };
        assert!(world.state.apply(&SignInsRead { sign_ins }.into(), world.now).is_err());
    }

    #[test]
    fn what_was_not_in_the_evidence_ends_the_release() {
        let mut world = waiting();
        world.open(Phase::Retire);
        let before = world.state.held();
        let (by, how) = (Text::lossy("ann"), Text::lossy("seen"));
        world.record(ConsumerConfirmed { by, consumer: Text::lossy("late"), how, unlisted: true }.into());
        assert_ne!(world.state.held(), before);
        assert_eq!(world.state.next(world.now), Next::Wait(Pause::Approval(Phase::Retire)));
    }
}
