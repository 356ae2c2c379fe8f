//! The transition function: one event, one change of state, or a reason why not.

use super::fold::fits;
use super::*;
use crate::domain::event::{
    Decision, Event, FaultClass, Happened, Sighting, StepDone, StepFailed, StepIntent, StepLooked,
};
use crate::domain::retry;

pub(super) type Applied = Result<(), &'static str>;

impl Fold {
    /// Folds one event, recorded at `at`, into the state. Events of other targets must not be
    /// given; events of the whole run must be.
    pub fn apply(&mut self, event: &Event, at: Timestamp) -> Result<(), Illegal> {
        self.take(event, at).map_err(|why| Illegal { event: event.name(), why })
    }

    fn take(&mut self, event: &Event, at: Timestamp) -> Applied {
        if let Stage::Ended(_) = self.so_far.stage {
            return if is_of_target(event) { Err("the target has ended") } else { Ok(()) };
        }
        match event {
            Event::TargetStarted(_) => self.start(),
            Event::StepIntent(e) => self.intent(e, at),
            Event::StepDone(e) => self.done(e, at),
            Event::StepFailed(e) => self.failed(e, at),
            Event::StepLooked(e) => self.looked(e, at),
            Event::ValueLost(e) => self.value_lost(&e.credential),
            Event::HoldOpened(e) => self.hold_opened(e, at),
            Event::ConsumerConfirmed(e) => self.confirmed(e, at),
            Event::SignInsRead(e) => self.sign_ins_read(e),
            Event::DriftSeen(e) => {
                if e.stops {
                    self.so_far.drift = Some(Cause::Drift { change: e.change });
                }
                Ok(())
            }
            Event::TargetUnwinding(e) => self.unwind(&e.cause),
            Event::TargetStuck(e) => self.stick(&e.cause, e.step),
            Event::TargetResolved(e) => self.resolve(e.how),
            Event::TargetEnded(e) => self.end(e.ending),
            Event::TargetExcepted(_) => Err("an excepted target takes no part in the run"),
            whole_run => {
                self.take_of_run(whole_run);
                Ok(())
            }
        }
    }

    /// Events of the whole run that matter to a target.
    fn take_of_run(&mut self, event: &Event) {
        match event {
            Event::PhaseOpened(e) => self.phase_opened(e),
            Event::ApprovalRecorded(e) if e.decision == Decision::Reject => {
                self.so_far.phases.clear();
            }
            Event::RosterChanged(_) => self.so_far.phases.clear(),
            Event::LaneTaken(e) => self.lane_taken(e.epoch),
            Event::RunPaused(_) => self.so_far.paused = true,
            Event::RunContinued(_) => self.so_far.paused = false,
            Event::RunAborted(_) => self.so_far.aborted = true,
            _ => {}
        }
    }

    fn start(&mut self) -> Applied {
        if self.so_far.stage != Stage::Waiting {
            return Err("the target has started before");
        }
        self.so_far.stage = Stage::Running;
        Ok(())
    }

    /// A new owner: what an older one had begun is in doubt, if it writes, or begins again.
    fn lane_taken(&mut self, epoch: u32) {
        self.so_far.epoch = epoch;
        for (step, state) in self.outline.steps.iter().zip(&mut self.so_far.steps) {
            if state.forward.status == Status::Intended {
                if step.verb.writes() {
                    state.forward.doubt();
                }
                state.forward.status = if step.verb.writes() { Status::InDoubt } else { Status::Idle };
            }
            // The next try was another process's to wait for.
            [&mut state.forward, &mut state.undo].into_iter().for_each(Course::begin_anew);
            // Reading begins again, and so does the patience with it: the time between was not ours.
            if !step.verb.writes() && state.forward.status == Status::Idle {
                state.forward.first_at = None;
            }
            if state.undo.status == Status::Intended {
                state.undo.status = Status::InDoubt;
            }
        }
    }

    fn intent(&mut self, e: &StepIntent, at: Timestamp) -> Applied {
        if self.so_far.stage != Stage::Running {
            return Err("the target is not running");
        }
        let step = *self.step_outline(e.step).ok_or("the plan has no such step")?;
        if self.unresolved() > 0 {
            return Err("another step's outcome is not known yet");
        }
        if e.undo {
            self.may_undo(&step)?
        } else {
            self.may_do(&step)?
        }
        let state = &mut self.so_far.steps[usize::from(e.step) - 1];
        let course = if e.undo { &mut state.undo } else { &mut state.forward };
        if e.attempt != course.attempts + 1 {
            return Err("attempts are counted one by one");
        }
        course.attempts = e.attempt;
        course.first_at.get_or_insert(at);
        course.last_at = Some(at);
        course.status = Status::Intended;
        Ok(())
    }

    /// The rules of promise 1, independent of the plan's own order.
    fn may_do(&self, step: &StepOutline) -> Applied {
        if self.so_far.unwinding.is_some() {
            return Err("the target is unwinding");
        }
        if self.outline.steps.iter().any(|s| s.no < step.no && !self.is_done(s.no))
            && !bent::is(Bend::RetireFirst)
        {
            return Err("an earlier step is not done");
        }
        if self.is_done(step.no) {
            return Err("the step is done");
        }
        if step.verb.writes() && !self.so_far.phases.contains_key(&step.phase) {
            return Err("its phase is not open");
        }
        if step.verb.retires() && self.licence_of(step.no).is_none() {
            return Err("nothing may be retired before recheck and hold");
        }
        if step.verb == Verb::Publish && self.so_far.minted.is_none() {
            return Err("nothing was minted");
        }
        Ok(())
    }

    fn may_undo(&self, step: &StepOutline) -> Applied {
        let discards_lost = step.verb == Verb::Mint && !self.so_far.lost.is_empty();
        if self.so_far.unwinding.is_none() && !discards_lost {
            return Err("the target is not unwinding");
        }
        if !step.verb.can_be_undone() { Err("the step has no undo") } else { Ok(()) }
    }

    fn course_mut(&mut self, no: StepNo, undo: bool) -> Result<&mut Course, &'static str> {
        let index = usize::from(no).checked_sub(1).ok_or("steps are counted from 1")?;
        let state = self.so_far.steps.get_mut(index).ok_or("the plan has no such step")?;
        Ok(if undo { &mut state.undo } else { &mut state.forward })
    }

    fn done(&mut self, e: &StepDone, at: Timestamp) -> Applied {
        let verb = self.step_outline(e.step).ok_or("the plan has no such step")?.verb;
        let is_hold = verb.waits() && !e.undo;
        let course = self.course_mut(e.step, e.undo)?;
        if !is_hold && (course.status != Status::Intended || course.attempts != e.attempt) {
            return Err("there is no such attempt under way");
        }
        if is_hold && self.so_far.hold.is_none() {
            return Err("the hold was not opened");
        }
        self.finish(e.step, e.undo, &e.effect, at)
    }

    /// Takes an effect in, however it became known.
    fn finish(&mut self, no: StepNo, undo: bool, effect: &Effect, at: Timestamp) -> Applied {
        let verb = self.step_outline(no).ok_or("the plan has no such step")?.verb;
        if !fits(verb, undo, effect) {
            return Err("the effect is not one of this step");
        }
        self.course_mut(no, undo)?.end(Status::Done(at));
        if undo {
            return self.undone(no, effect, at);
        }
        match effect {
            Effect::Minted { credential, keeper, .. } => {
                let minted = Minted {
                    credential: credential.clone(),
                    keeper: *keeper,
                    step: no,
                    epoch: self.so_far.epoch,
                };
                self.so_far.minted = Some(minted);
            }
            Effect::Attached { credential, .. } => {
                if let Some(minted) = &mut self.so_far.minted {
                    minted.credential = credential.clone();
                }
            }
            Effect::Rechecked { old_accepted, .. } => self.so_far.old_accepted = *old_accepted,
            Effect::Rejected { code } => {
                self.so_far.rejected.insert(no, code.clone());
            }
            Effect::Published { place, previous, version } => {
                self.so_far.published = Some(Published {
                    place: place.clone(),
                    previous: previous.clone(),
                    version: version.clone(),
                    restored_at: None,
                });
                self.so_far.lost.iter_mut().for_each(|l| l.after_publish = false);
            }
            _ => {}
        }
        Ok(())
    }

    /// An undo is done: the step is as if it had not been.
    fn undone(&mut self, no: StepNo, effect: &Effect, at: Timestamp) -> Applied {
        let discarded_lost = match effect {
            Effect::Discarded { credential } => {
                let before = self.so_far.lost.len();
                self.so_far.lost.retain(|l| l.credential != *credential);
                before != self.so_far.lost.len()
            }
            _ => false,
        };
        if let (Effect::Restored { .. }, Some(published)) = (effect, &mut self.so_far.published) {
            published.restored_at = Some(at);
        }
        let index = usize::from(no) - 1;
        self.so_far.steps[index].undo.status = Status::Idle;
        // The next one to be undone here is another credential, whose patience begins anew.
        self.so_far.steps[index].undo.first_at = None;
        if !discarded_lost {
            self.so_far.steps[index].forward.status = Status::Idle;
            if matches!(effect, Effect::Discarded { .. }) {
                self.so_far.minted = None;
            }
        }
        Ok(())
    }

    fn failed(&mut self, e: &StepFailed, at: Timestamp) -> Applied {
        let course = self.course_mut(e.step, e.undo)?;
        if course.status != Status::Intended || course.attempts != e.attempt {
            return Err("there is no such attempt under way");
        }
        if e.fault.happened == Happened::Unknown {
            course.doubt();
        }
        let is_busy = e.fault.class == FaultClass::Busy && e.fault.code.as_str() != retry::CUT_SHORT;
        course.refused_since = is_busy.then(|| course.refused_since.unwrap_or(at));
        course.status = match (e.fault.happened, e.retry_at) {
            (Happened::Unknown, _) => Status::InDoubt,
            (Happened::No, Some(again)) if again > at => Status::RetryAt(again),
            (Happened::No, Some(_)) => Status::Idle, // cut short, or drift: nothing to wait for
            (Happened::No, None) => Status::Failed(e.fault.code.clone()),
        };
        Ok(())
    }

    fn looked(&mut self, e: &StepLooked, at: Timestamp) -> Applied {
        let course = self.course_mut(e.step, e.undo)?;
        if course.status != Status::InDoubt || course.attempts != e.attempt {
            return Err("the step is not in doubt");
        }
        match &e.sighting {
            Sighting::Done { effect } => self.finish(e.step, e.undo, effect, at),
            Sighting::Absent => {
                course.status = Status::Idle;
                let verb = self.step_outline(e.step).map(|s| s.verb);
                // What the store keeps under the run's own name is still there to be published.
                let was_in_memory = self.so_far.minted.as_ref().is_some_and(|m| m.keeper == Keeper::Memory);
                let lost = was_in_memory && (!self.value_in_memory() || bent::is(Bend::DiscardPublished));
                if verb == Some(Verb::Publish) && !e.undo && lost {
                    self.lose_minted(!bent::is(Bend::DiscardPublished));
                }
                Ok(())
            }
            Sighting::Orphan { credential } => {
                if e.undo || self.step_outline(e.step).map(|s| s.verb) != Some(Verb::Mint) {
                    return Err("only a mint leaves an orphan");
                }
                self.course_mut(e.step, false)?.status = Status::Idle;
                self.so_far.lost.push(Lost {
                    credential: credential.clone(),
                    step: e.step,
                    after_publish: false,
                });
                Ok(())
            }
        }
    }

    fn value_lost(&mut self, credential: &CredentialRef) -> Applied {
        match &self.so_far.minted {
            Some(m) if m.credential == *credential && m.keeper == Keeper::Memory => {}
            _ => return Err("that value is not held in memory"),
        }
        if self.so_far.published.is_some() {
            return Err("the value was published");
        }
        self.lose_minted(false);
        Ok(())
    }

    /// The minted value is gone: mint, verify and publish begin again.
    fn lose_minted(&mut self, after_publish: bool) {
        let Some(minted) = self.so_far.minted.take() else { return };
        for verb in [Verb::Mint, Verb::Attach, Verb::Verify, Verb::Publish] {
            for (step, state) in self.outline.steps.iter().zip(&mut self.so_far.steps) {
                if step.verb == verb && step.no >= minted.step {
                    state.forward.end(Status::Idle);
                    state.forward.first_at = None;
                }
            }
        }
        self.so_far.lost.push(Lost { credential: minted.credential, step: minted.step, after_publish });
    }

    fn hold_opened(&mut self, e: &crate::domain::event::HoldOpened, at: Timestamp) -> Applied {
        if !self.step_outline(e.step).is_some_and(|s| s.verb.waits()) || self.so_far.hold.is_some() {
            return Err("there is no hold to open");
        }
        self.so_far.hold = Some(HoldState {
            opened_at: at,
            until: e.until,
            missing: e.confirm.iter().cloned().collect(),
            confirmed: BTreeMap::new(),
        });
        Ok(())
    }

    fn unwind(&mut self, cause: &Cause) -> Applied {
        if self.past_no_return() {
            return Err("something was done that no undo takes back");
        }
        if !matches!(self.so_far.stage, Stage::Running | Stage::Waiting) {
            return Err("the target is not running");
        }
        self.so_far.unwinding = Some(cause.clone());
        self.so_far.steps.iter_mut().for_each(|s| s.forward.begin_anew());
        Ok(())
    }

    fn stick(&mut self, cause: &Cause, step: StepNo) -> Applied {
        if self.so_far.stage != Stage::Running {
            return Err("the target is not running");
        }
        self.so_far.stage = Stage::Stuck { cause: cause.clone(), step };
        Ok(())
    }

    fn resolve(&mut self, how: Resolution) -> Applied {
        if !matches!(self.so_far.stage, Stage::Stuck { .. }) {
            return Err("the target is not stuck");
        }
        self.so_far.stage = Stage::Resolved(how);
        Ok(())
    }

    fn all_done(&self) -> bool {
        self.so_far.lost.is_empty() && self.outline.steps.iter().all(|s| self.is_done(s.no))
    }

    fn end(&mut self, ending: Ending) -> Applied {
        let fits = match ending {
            Ending::Abandoned => self.so_far.stage == Stage::Resolved(Resolution::Abandoned),
            Ending::Undone => self.so_far.unwinding.is_some() && self.unresolved() == 0,
            Ending::Done | Ending::DoneNotEvicted => {
                self.so_far.stage == Stage::Resolved(Resolution::Done)
                    || (self.all_done() && self.so_far.rejected.is_empty())
            }
            Ending::Partial => self.all_done() && !self.so_far.rejected.is_empty(),
        };
        if !fits {
            return Err("the steps do not lead to that ending");
        }
        self.so_far.stage = Stage::Ended(ending);
        Ok(())
    }
}

fn is_of_target(event: &Event) -> bool {
    matches!(
        event,
        Event::TargetStarted(_)
            | Event::StepIntent(_)
            | Event::StepDone(_)
            | Event::StepFailed(_)
            | Event::StepLooked(_)
            | Event::ValueLost(_)
            | Event::HoldOpened(_)
            | Event::SignInsRead(_)
            | Event::TargetUnwinding(_)
            | Event::TargetStuck(_)
            | Event::TargetResolved(_)
            | Event::TargetEnded(_)
    )
}
