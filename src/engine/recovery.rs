//! Recovery: the log is read line by line and folded; nothing else is kept.

use crate::domain::event::{ApprovalRecorded, Decision, Event, Line};
use crate::domain::id::{Digest, RunId, TargetId};
use crate::domain::plan::Plan;
use crate::domain::run::RunState;
use crate::domain::target::{Illegal, TargetState};
use crate::domain::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the log says of the runs of one plan, and of this installation's other runs.
pub struct Recovery<'a> {
    plan: &'a Plan,
    digest: Digest,
    /// The run of this plan, if it was begun.
    pub run: Option<RunState>,
    pub states: BTreeMap<TargetId, TargetState>,
    /// Decisions that were recorded in the run, with their times.
    pub approvals: Vec<(ApprovalRecorded, Timestamp)>,
    /// Another run that is not finished.
    pub other: Option<RunId>,
    /// The first line that does not fit; nothing after it is folded.
    pub illegal: Option<(u64, Illegal)>,
}

impl<'a> Recovery<'a> {
    pub fn new(plan: &'a Plan, digest: Digest) -> Self {
        Self {
            plan,
            digest,
            run: None,
            states: BTreeMap::new(),
            approvals: Vec::new(),
            other: None,
            illegal: None,
        }
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
            if started.plan == self.digest {
                self.run = Some(RunState::new(run.clone(), started.clone(), line.time));
                let fresh = |t: &crate::domain::plan::PlannedTarget| TargetState::new(Arc::new(t.clone()));
                self.states = self.plan.changes().map(|t| (t.id, fresh(t))).collect();
            } else {
                self.other = Some(run.clone());
            }
            return;
        }
        if self.other.as_ref() == Some(run) && matches!(line.event, Event::RunFinished(_)) {
            self.other = None;
        }
        match &mut self.run {
            Some(state) if state.id == *run => state.apply(&line.event),
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
        match line.target {
            None => self.states.values_mut().try_for_each(|s| s.apply(&line.event, line.time)),
            Some(id) => match self.states.get_mut(&id) {
                Some(state) => state.apply(&line.event, line.time),
                // An excepted target: it has no state.
                None => Ok(()),
            },
        }
    }
}
