//! What a target waits for and since when, for estimates and for people who watch.

use super::*;

impl TargetState {
    /// Since when what the current step waits for is on its way: for a verification the mint or what attaches it, for
    /// a proof the last removal. What is looked at several times in a row begins with what was done before, and anew with each owner:
    /// since `owned`.
    pub fn waits_since(&self, owned: Timestamp) -> Option<Timestamp> {
        let step = self.current()?;
        let is_cause = |s: &&Step| match step.verb {
            Verb::Verify => matches!(s.verb, Verb::Mint | Verb::Attach),
            Verb::Prove => s.verb.retires(),
            _ => false,
        };
        let cause = self.plan.steps.iter().filter(is_cause).filter_map(|s| self.done_at(s.no)).max();
        let before = || {
            let earlier = self.plan.steps.iter().filter(|s| s.no < step.no);
            earlier.filter_map(|s| self.done_at(s.no)).max()
        };
        let attempt = self.first_attempt_at(step.no, false);
        // The attempt at a watch is the end of it.
        let begun = if step.verb == Verb::Watch { before().or(attempt) } else { attempt.or_else(before) };
        cause.or_else(|| begun.map(|since| since.max(owned)))
    }
    /// Everything up to its hold is done, or all that it writes; or it waits for people: the trial is over, if it is
    /// one of those that go alone.
    pub fn is_through(&self) -> bool {
        let holds = self.current().is_some_and(|current| {
            let hold = self.plan.steps.iter().find(|s| s.verb == Verb::Hold);
            hold.is_some_and(|hold| current.no >= hold.no)
        });
        let writes = self.plan.steps.iter().any(|s| s.verb.writes() && !self.is_done(s.no));
        let at_gate = self.current().is_some_and(|s| s.verb == Verb::Gate) && self.hold().is_some();
        self.ending().is_some() || self.stuck().is_some() || holds || !writes || at_gate
    }
}

impl Fold {
    /// Since when the service refuses a step as too much, or busy.
    pub fn refused_since(&self) -> Option<Timestamp> {
        let waits = |c: &&Course| matches!(c.status, Status::RetryAt(_) | Status::Intended);
        let courses = self.so_far.steps.iter().flat_map(|s| [&s.forward, &s.undo]);
        courses.filter(waits).find_map(|c| c.refused_since)
    }
    /// When a failed step, or its undo, may be tried again.
    pub fn retry_at(&self, no: StepNo, undo: bool) -> Option<Timestamp> {
        let state = self.course(no)?;
        match if undo { &state.undo } else { &state.forward }.status {
            Status::RetryAt(at) => Some(at),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::World;
    use super::*;
    use crate::domain::event::{Fault, FaultClass, Happened, StepFailed, StepIntent};
    use std::time::Duration;

    fn is_at(world: &World, verb: Verb) -> bool {
        world.state.current().is_some_and(|s| s.verb == verb)
    }

    #[test]
    fn what_is_looked_at_counts_from_what_was_done_before_and_anew_with_each_owner() {
        let mut world = World::new(false);
        assert_eq!(world.state.waits_since(world.now), None, "nothing was done");
        while !is_at(&world, Verb::Recheck) {
            world.turn(7);
        }
        let held = world.now;
        let (long_ago, later) = (Timestamp::from_unix_s(1), held.after(Duration::from_secs(60)));
        assert_eq!(world.state.waits_since(long_ago), Some(held));
        assert_eq!(world.state.waits_since(later), Some(later), "the new owner looks from its beginning on");
        while !is_at(&world, Verb::Prove) {
            world.turn(7);
        }
        world.now = world.now.after(Duration::from_secs(300));
        world.take_lane();
        assert!(world.state.waits_since(world.now) < Some(world.now), "a removal spreads whoever looks");
    }

    #[test]
    fn a_step_that_is_refused_is_known_until_it_is_answered_or_another_process_tries() {
        let mut world = World::new(false);
        while !is_at(&world, Verb::Publish) {
            world.turn(7);
        }
        let step = world.state.current().unwrap().no;
        let fails = |world: &mut World, attempt, class| {
            world.record(StepIntent { attempt, request: Text::lossy("r"), step, undo: false }.into());
            let fault = Fault { class, code: Text::lossy("429"), happened: Happened::No };
            world.now = world.now.after(Duration::from_secs(10));
            let retry_at = Some(world.now.after(Duration::from_secs(120)));
            world.record(StepFailed { attempt, fault, retry_at, step, undo: false }.into());
            (world.state.refused_since(), retry_at)
        };
        let (first, _) = fails(&mut world, 1, FaultClass::Busy);
        assert_eq!(first, Some(world.now));
        assert_eq!(fails(&mut world, 2, FaultClass::Busy).0, first);
        assert_eq!(fails(&mut world, 3, FaultClass::NotYet).0, None);
        let (_, again) = fails(&mut world, 4, FaultClass::Busy);
        assert_eq!(world.state.retry_at(step, false), again);
        world.take_lane();
        assert_eq!((world.state.refused_since(), world.state.retry_at(step, false)), (None, None));
        assert!(!matches!(world.state.next(world.now), Next::Wait(_)), "another's pause is not its own");
    }

    /// What was refused and then done, and what was cut short, is not refused and waits for no other try.
    #[test]
    fn what_is_done_or_was_cut_short_is_not_refused() {
        let mut world = World::new(false);
        world.turn(7);
        let step = world.state.current().unwrap().no;
        let ends = |world: &mut World, attempt, code: &str, later: u64| {
            world.record(StepIntent { attempt, request: Text::lossy("r"), step, undo: false }.into());
            let fault = Fault { class: FaultClass::Busy, code: Text::lossy(code), happened: Happened::No };
            let retry_at = Some(world.now.after(Duration::from_secs(later)));
            world.record(StepFailed { attempt, fault, retry_at, step, undo: false }.into());
        };
        ends(&mut world, 1, crate::domain::retry::CUT_SHORT, 0);
        assert_eq!((world.state.refused_since(), world.state.retry_at(step, false)), (None, None));
        ends(&mut world, 2, "429", 5);
        assert_eq!(world.state.refused_since(), Some(world.now));
        world.turn(7);
        world.turn(7);
        assert!(world.state.minted().is_some(), "it was done");
        assert_eq!(world.state.refused_since(), None);
        world.take_lane();
        world.turn(7);
        assert!(world.state.minted().is_none(), "its value is lost");
        assert_eq!(world.state.refused_since(), None);
    }
}
