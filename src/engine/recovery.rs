//! Recovery: the log is read line by line and folded; nothing else is kept.

use crate::domain::event::{ApprovalRecorded, Decision, Event, Line};
use crate::domain::id::RunId;
use crate::domain::plan::PackedPlan;
use crate::domain::run::RunState;
use crate::domain::states::States;
use crate::domain::target::Illegal;
use crate::domain::time::Timestamp;
use std::sync::Arc;

/// What the log says of the runs of one plan, and of this installation's other runs.
pub struct Recovery {
    plan: Arc<PackedPlan>,
    /// The run of this plan, if it was begun.
    pub run: Option<RunState>,
    pub states: States,
    /// Decisions that were recorded in the run, with their times.
    pub approvals: Vec<(ApprovalRecorded, Timestamp)>,
    /// Another run that is not finished.
    pub other: Option<RunId>,
    /// The first line that does not fit; nothing after it is folded.
    pub illegal: Option<(u64, Illegal)>,
}

impl Recovery {
    pub fn new(plan: &Arc<PackedPlan>) -> Self {
        Self {
            plan: Arc::clone(plan),
            run: None,
            states: States::none(Arc::clone(plan)),
            approvals: Vec::new(),
            other: None,
            illegal: None,
        }
    }

    /// The states, for whoever goes on with them.
    pub fn take_states(&mut self) -> States {
        std::mem::replace(&mut self.states, States::none(Arc::clone(&self.plan)))
    }

    /// Folds one line.
    pub fn fold(&mut self, line: &Line) {
        if self.illegal.is_some() {
            return;
        }
        if let (Event::RosterChanged(_), Some(run)) = (&line.event, &mut self.run) {
            run.roster_changed();
            self.approvals.retain(|(said, _)| said.decision != Decision::Approve);
            if let Err(illegal) = self.fold_targets(line) {
                self.illegal = Some((line.seq, illegal));
            }
        }
        let Some(run) = &line.run else { return };
        if let Event::RunStarted(started) = &line.event {
            if started.plan == self.plan.digest() {
                self.run = Some(RunState::new(run.clone(), started.clone(), line.time));
                self.states = States::fresh(Arc::clone(&self.plan));
            } else {
                self.other = Some(run.clone());
            }
            return;
        }
        if self.other.as_ref() == Some(run) && matches!(line.event, Event::RunFinished(_)) {
            self.other = None;
        }
        match &mut self.run {
            Some(state) if state.id == *run => state.apply(&line.event, line.time),
            _ => return,
        }
        if let Event::ApprovalRecorded(recorded) = &line.event {
            self.approvals.push((recorded.clone(), line.time));
        }
        if let Err(illegal) = self.fold_targets(line) {
            self.illegal = Some((line.seq, illegal));
        }
    }

    fn fold_targets(&mut self, line: &Line) -> Result<(), Illegal> {
        let Some(id) = line.target else {
            self.states.apply_to_all(&line.event, line.time);
            return Ok(());
        };
        // An excepted target has no state.
        self.states.apply(id, &line.event, line.time).unwrap_or(Ok(()))
    }
}
