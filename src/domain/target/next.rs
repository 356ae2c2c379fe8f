//! The decision function: what one target needs now, from its state and the time alone.

use super::*;
use crate::domain::event::{
    Drift, Ending, Event, HoldOpened, StepDone, TargetEnded, TargetStarted, TargetStuck, TargetUnwinding,
    ValueLost,
};
use crate::domain::step::{Protocol, Release};
use std::time::Duration;

/// What to do next with a target.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Nothing outside changes: record this and ask again.
    Record(Event),
    /// Do something outside.
    Act(Act),
    /// Nothing can be done before this.
    Wait(Pause),
    /// The target has ended, or waits for a person to resolve it.
    Over,
}

/// One thing to do outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    pub attempt: u16,
    pub deed: Deed,
    pub step: StepNo,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    Do,
    Undo,
    /// Remove a credential of this run whose value nobody has.
    Discard(CredentialRef),
    /// A step is in doubt: find out.
    Look {
        undo: bool,
    },
}

/// Why a target waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Until a time: a retry, or the end of a timed hold.
    Until { holding: bool, when: Timestamp },
    /// For these consumers to confirm.
    Confirmation { missing: Vec<Text<64>> },
    /// For the approvals of a phase.
    Approval(Phase),
    /// For `continue` after a pause.
    Paused,
}

impl TargetState {
    /// Decides. Pure and total; depends on nothing but the recorded events and `now`.
    pub fn next(&self, now: Timestamp) -> Next {
        match &self.so_far.stage {
            Stage::Ended(_) | Stage::Stuck { .. } => return Next::Over,
            Stage::Resolved(Resolution::Done) => return self.ended(self.done_ending()),
            Stage::Resolved(Resolution::Abandoned) => return self.ended(Ending::Abandoned),
            Stage::Waiting | Stage::Running => {}
        }
        if let Some(next) = self.in_doubt() {
            return next;
        }
        if let Some(next) = self.turn_back() {
            return next;
        }
        if self.so_far.unwinding.is_some() {
            return self.backward(now);
        }
        if let Some(next) = self.lost_value() {
            return next;
        }
        if let Some(next) = self.discard(now, self.so_far.published.is_some()) {
            return next;
        }
        self.forward(now)
    }

    fn ended(&self, ending: Ending) -> Next {
        Next::Record(TargetEnded { ending }.into())
    }

    fn done_ending(&self) -> Ending {
        if self.so_far.stage == Stage::Running && !self.so_far.rejected.is_empty() {
            return Ending::Partial;
        }
        if self.plan.other_ways_in().next().is_some() { Ending::DoneNotEvicted } else { Ending::Done }
    }

    fn in_doubt(&self) -> Option<Next> {
        let steps = self.plan.steps.iter().zip(&self.so_far.steps);
        for (step, state) in steps {
            for (course, undo) in [(&state.forward, false), (&state.undo, true)] {
                // An intent without outcome is in doubt too: whoever asks does not know it.
                if matches!(course.status, Status::InDoubt | Status::Intended) {
                    let deed = Deed::Look { undo };
                    return Some(Next::Act(Act { attempt: course.attempts, deed, step: step.no }));
                }
            }
        }
        None
    }

    /// Abort, stopping drift and failures turn the target back, or stop it past the point of
    /// no return.
    fn turn_back(&self) -> Option<Next> {
        let current = self.current().map_or(1, |s| s.no);
        if self.so_far.unwinding.is_none() {
            let failed =
                self.so_far.steps.iter().zip(&self.plan.steps).find_map(|(s, p)| match &s.forward.status {
                    Status::Failed(code) => Some((p, code)),
                    _ => None,
                });
            let cause = match failed {
                Some((step, _)) if step.verb == Verb::Prove => Cause::StillAlive,
                Some((_, code)) => Cause::Fault { code: code.clone() },
                None => match (&self.so_far.drift, self.every_switch_is_refused(), self.so_far.aborted) {
                    (Some(drift), ..) => drift.clone(),
                    (None, Some(refused), _) => refused,
                    (None, None, true) if self.has_writes_left() || !self.past_no_return() => Cause::Aborted,
                    _ => return None,
                },
            };
            let to_stuck = self.past_no_return()
                || (self.so_far.published.is_some() && self.so_far.drift.is_some())
                || self.list_is_damaged();
            return Some(Next::Record(match to_stuck {
                true => TargetStuck { cause, step: current }.into(),
                false => TargetUnwinding { cause }.into(),
            }));
        }
        let undo_failed = self.so_far.steps.iter().position(|s| matches!(s.undo.status, Status::Failed(_)));
        undo_failed.map(|i| self.no_way_back(self.plan.steps[i].no))
    }

    /// We have replaced a list, and an entry that is not ours is gone from it: going backwards
    /// would not bring it back. A person compares, and puts it back by hand.
    fn list_is_damaged(&self) -> bool {
        let gone = Cause::Drift { change: Drift::CredentialGone };
        let replaced = self.course_of(Verb::Attach) || self.course_of(Verb::Detach);
        self.plan.protocol == Protocol::ReplaceList && replaced && self.so_far.drift.as_ref() == Some(&gone)
    }

    /// The cloud refuses everything that was to be switched.
    fn every_switch_is_refused(&self) -> Option<Cause> {
        let code = self.so_far.rejected.values().next()?.clone();
        let mut switches = self.plan.steps.iter().filter(|s| s.verb == Verb::Switch);
        switches.all(|s| self.is_rejected(s.no)).then_some(Cause::Fault { code })
    }

    fn no_way_back(&self, step: StepNo) -> Next {
        Next::Record(TargetStuck { cause: Cause::NoWayBack, step }.into())
    }

    fn has_writes_left(&self) -> bool {
        self.plan.steps.iter().any(|s| s.verb.writes() && !self.is_done(s.no))
    }

    /// A value that an older owner held in memory is gone.
    fn lost_value(&self) -> Option<Next> {
        let minted = self.so_far.minted.as_ref()?;
        let lost = minted.keeper == Keeper::Memory
            && minted.epoch < self.so_far.epoch
            && self.so_far.published.is_none();
        lost.then(|| {
            let event = ValueLost { credential: minted.credential.clone(), step: minted.step };
            Next::Record(event.into())
        })
    }

    /// The next credential of ours to remove because nobody has its value.
    fn discard(&self, now: Timestamp, published: bool) -> Option<Next> {
        let lost = self.so_far.lost.iter().find(|l| published || !l.after_publish)?;
        let course = &self.course(lost.step)?.undo;
        Some(match course.status {
            Status::RetryAt(when) if when > now => Next::Wait(Pause::Until { holding: false, when }),
            Status::Failed(_) => self.no_way_back(lost.step),
            _ => Next::Act(Act {
                attempt: course.attempts + 1,
                deed: Deed::Discard(lost.credential.clone()),
                step: lost.step,
            }),
        })
    }

    fn forward(&self, now: Timestamp) -> Next {
        let Some(step) = self.current() else { return self.ended(self.done_ending()) };
        if self.so_far.paused && !self.value_in_memory() {
            return Next::Wait(Pause::Paused);
        }
        let is_open = |expires: &Timestamp| *expires > now || bent::is(Bend::QuorumOnce);
        if step.verb.writes() && !self.so_far.phases.get(&step.phase).is_some_and(is_open) {
            return Next::Wait(Pause::Approval(step.phase));
        }
        if self.so_far.stage == Stage::Waiting {
            return Next::Record(self.started());
        }
        if step.verb.waits() {
            return self.holding(step, now);
        }
        let Some(state) = self.course(step.no) else { return Next::Over };
        match state.forward.status {
            Status::RetryAt(when) if when > now => Next::Wait(Pause::Until { holding: false, when }),
            _ => Next::Act(Act { attempt: state.forward.attempts + 1, deed: Deed::Do, step: step.no }),
        }
    }

    fn started(&self) -> Event {
        TargetStarted {
            kind: self.plan.kind.clone(),
            name: Text::lossy(&self.plan.name),
            steps: u16::try_from(self.plan.steps.len()).unwrap_or(u16::MAX),
        }
        .into()
    }

    fn holding(&self, step: &Step, now: Timestamp) -> Next {
        let planned = &self.plan.hold;
        let Some(hold) = &self.so_far.hold else {
            let until = planned.time_s.map(|s| now.after(Duration::from_secs(s)));
            let event = HoldOpened { confirm: planned.confirmed_by.clone(), step: step.no, until };
            return Next::Record(event.into());
        };
        if !hold.missing.is_empty() {
            return Next::Wait(Pause::Confirmation { missing: hold.missing.iter().cloned().collect() });
        }
        match hold.until {
            Some(when) if when > now => Next::Wait(Pause::Until { holding: true, when }),
            until => {
                let how = if until.is_some() { Release::Time } else { Release::Confirmed };
                let done = StepDone { attempt: 1, effect: Effect::Held { how }, step: step.no, undo: false };
                Next::Record(done.into())
            }
        }
    }

    /// Unwinding: the last thing first.
    fn backward(&self, now: Timestamp) -> Next {
        if let Some(next) = self.discard(now, true) {
            return next;
        }
        let undoable = |s: &&Step| {
            matches!(
                s.verb,
                Verb::Mint | Verb::Attach | Verb::Publish | Verb::Block | Verb::Switch | Verb::Unblock
            )
        };
        let Some(step) = self
            .plan
            .steps
            .iter()
            .rev()
            .filter(undoable)
            .find(|s| self.is_done(s.no) && !self.is_rejected(s.no))
        else {
            return self.ended(Ending::Undone);
        };
        if step.verb == Verb::Publish && self.so_far.published.as_ref().is_some_and(|p| p.previous.is_none())
        {
            return self.no_way_back(step.no);
        }
        if let Some(when) = self.restored_hold().filter(|when| *when > now) {
            return Next::Wait(Pause::Until { holding: true, when });
        }
        let Some(state) = self.course(step.no) else { return Next::Over };
        match state.undo.status {
            Status::RetryAt(when) if when > now => Next::Wait(Pause::Until { holding: false, when }),
            _ => Next::Act(Act { attempt: state.undo.attempts + 1, deed: Deed::Undo, step: step.no }),
        }
    }

    /// After the previous value was restored, consumers get as long to return to it as they had
    /// to leave it, and at least the default.
    fn restored_hold(&self) -> Option<Timestamp> {
        let restored = self.so_far.published.as_ref()?.restored_at?;
        let seconds = self.plan.hold.time_s.unwrap_or(crate::domain::plan::DEFAULT_HOLD_S);
        Some(restored.after(Duration::from_secs(seconds)))
    }
}
