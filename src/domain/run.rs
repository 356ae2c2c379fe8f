//! A run as a whole: who, which plan, and whether it is paused, aborted or finished.

use super::event::{Decision, Event, RunStarted};
use super::id::{Digest, RunId};
use super::quotas::SaidQuota;
use super::step::Phase;
use super::text::Text;
use super::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// The header of a run and what has been decided about it; targets fold for themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct RunState {
    pub id: RunId,
    pub started: RunStarted,
    pub started_at: Timestamp,
    pub epoch: u32,
    /// When the process began that wrote last.
    pub owned_since: Timestamp,
    /// Percent of the quotas that the process uses which wrote last.
    pub pace: Option<u8>,
    /// In a fast lab: how many times shorter than in a cloud waits and windows are.
    pub haste: u32,
    /// What was said of some of them, by a quota file.
    pub quotas: Vec<SaidQuota>,
    pub paused: bool,
    pub aborted: bool,
    pub finished: bool,
    /// Phases that are open, and until when.
    pub phases: BTreeMap<Phase, Timestamp>,
    /// Statements recorded so far: each counts once.
    pub statements: BTreeSet<Digest>,
    /// People whose reject stands.
    pub rejected_by: BTreeSet<Text<128>>,
    /// Stores that were probed.
    pub probed: BTreeSet<Text<64>>,
    /// Events of this run so far.
    pub events: u64,
}

impl RunState {
    pub fn new(id: RunId, started: RunStarted, at: Timestamp) -> Self {
        Self {
            id,
            pace: started.pace,
            haste: started.haste.unwrap_or(1),
            quotas: started.quotas.clone(),
            started,
            started_at: at,
            owned_since: at,
            epoch: 0,
            paused: false,
            aborted: false,
            finished: false,
            phases: BTreeMap::new(),
            statements: BTreeSet::new(),
            rejected_by: BTreeSet::new(),
            probed: BTreeSet::new(),
            events: 1,
        }
    }

    /// Another roster is in force: what was approved under the one before releases nothing any more.
    pub fn roster_changed(&mut self) {
        self.phases.clear();
    }

    /// Folds one event of this run.
    pub fn apply(&mut self, event: &Event, at: Timestamp) {
        self.events += 1;
        match event {
            Event::LaneTaken(e) => (self.epoch, self.owned_since) = (e.epoch, at),
            Event::RunResumed(e) => {
                (self.pace, self.quotas) = (e.pace, e.quotas.clone());
                self.haste = e.haste.unwrap_or(1);
            }
            Event::RunPaused(_) => self.paused = true,
            Event::RunContinued(_) => self.paused = false,
            Event::RunAborted(_) => self.aborted = true,
            Event::RunFinished(_) => self.finished = true,
            Event::StoreProbed(e) => {
                self.probed.insert(e.place.store.clone());
            }
            Event::PhaseOpened(e) => {
                self.phases.insert(e.phase, e.expires);
            }
            Event::ApprovalRecorded(e) => {
                self.statements.insert(e.statement);
                match e.decision {
                    Decision::Reject => {
                        self.rejected_by.insert(e.approver.clone());
                        self.phases.clear();
                    }
                    Decision::Withdraw => {
                        self.rejected_by.remove(&e.approver);
                    }
                    Decision::Approve => {}
                }
            }
            _ => {}
        }
    }
}
